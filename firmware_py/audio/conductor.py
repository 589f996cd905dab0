"""One board shared by several sessions: acts out what they decide together, and tells them what happened to them.

Every change is a step from one scene to the next. The step is decided first (`scene`, pure), then done on the stage, and
only what the stage took becomes true. Two things cannot be refused: a jack is pulled, and a client dies. If the stage
cannot follow those, it is stopped, everybody is interrupted, and nobody is promised an End.

A stage may also end by itself, when its card is unplugged. Everybody is interrupted then; when the card is back (`tend` asks),
who was cut off is active again, and told the End.

There is one lock and no thread. The stage is called under the lock, listeners never (see `listeners`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from firmware_py.audio.constants import (
    AudioSessionError,
    ErrorCode,
    InterruptionState,
    PropertyID,
    RouteChangeReason,
)
from firmware_py.audio.listeners import Notice, Post, log_error
from firmware_py.audio.routes import RouteChange, destinations, fixed_ports, sources
from firmware_py.audio.scene import Scene, SessionState, Standing
from firmware_py.audio.session import Session
from firmware_py.audio.stage import Setup, Stage
from firmware_py.board import Board
from firmware_py.errors import FirmwareError

Step = Callable[[Scene], Scene]

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Between two tries to start a stage that has failed."""


class Conductor:
    """The sessions of one board.

    conductor = Conductor(stage)
    with conductor.session("intercom", priority=10) as session: ...
    """

    def __init__(
        self,
        stage: Stage,
        *,
        on_listener_error: Callable[[Exception], None] = log_error,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stage = stage
        self.lock = threading.Lock()
        self._post = Post(self.lock, on_listener_error)
        self._scene = Scene(stage.board, fixed_ports(stage.board))
        self._clients: dict[str, Session] = {}
        self._mixed: Mapping[str, float | None] = {}
        self._told: dict[str, dict[PropertyID, Any]] = {}
        self._fault: FirmwareError | None = None
        self._cut_off: tuple[str, ...] = ()
        self._clock, self._failed_s, self._resumed_s, self._pause_s = clock, -math.inf, -math.inf, 0.0

    @property
    def board(self) -> Board:
        return self._scene.board

    @property
    def scene(self) -> Scene:
        """The present one: a value, it does not change in your hands."""
        return self._scene

    @property
    def deciding(self) -> str | None:
        """Name of the session whose category, mode and route the board has now; None while it is silent."""
        deciding = self._scene.deciding
        return deciding.name if deciding else None

    @property
    def setup(self) -> Setup | None:
        """What the stage does now; None while it is silent."""
        return self._scene.setup()

    @property
    def fault(self) -> FirmwareError | None:
        """What the stage last failed at, until it next succeeds."""
        return self._fault

    def session(self, name: str, *, priority: int = 0, profile: Literal["c-api", "avfoundation"] = "c-api") -> Session:
        """A new session of that name, inactive. The profile says whose rules it follows where Apple's two APIs differ.

        AudioSessionError `init`: there is a session of that name.
        """
        if profile not in ("c-api", "avfoundation"):
            raise ValueError(f"a profile is 'c-api' or 'avfoundation', not {profile!r}")
        session = Session(self, name)
        with self.lock:
            self._scene = self._scene.joined(Standing(name, priority, lenient=profile == "avfoundation"))
            self._clients[name] = session
            self._told[name] = self._observe(self._scene, name)
        return session

    def plugged(self, port: str, present: bool) -> None:
        """A jack says that something was plugged into a port, or pulled. Not an interruption: sessions stay active."""
        reason = RouteChangeReason.NEW_DEVICE_AVAILABLE if present else RouteChangeReason.OLD_DEVICE_UNAVAILABLE
        self._become(lambda scene: scene.plugged(port, present), reason, unavoidable=True)

    def refresh(self) -> None:
        """The stage knows something new (somebody turned the volume): tell those who listen."""
        self._become(lambda scene: scene, RouteChangeReason.UNKNOWN)

    def server_died(self) -> None:
        """What made the sound is gone, with everything in it. Sessions are inactive until they are initialised again."""
        try:
            with self.lock:
                self._mixed = {}
                self._commit(self._scene.expired(), RouteChangeReason.UNKNOWN)
                for name in self._clients:
                    self._tell(name, PropertyID.SERVER_DIED, 1)
        finally:
            self._post.deliver()

    def tend(self) -> None:
        """Look after the stage; whoever has time calls this a few times a second.

        A stage that ended by itself is tried again once nobody is active, with a pause that doubles, up to LONGEST_PAUSE_S,
        while it fails soon after each start.
        """
        try:
            with self.lock:
                failure = self.stage.failure
                if failure is not None:
                    self._cut_short(failure)
                elif self._cut_off and not self._scene.active:
                    self._cut_off = tuple(name for name in self._cut_off if self._scene.cut_off(name))
                    if self._cut_off and self._clock() - self._failed_s >= self._pause_s and self.stage.answers():
                        self._resume()
        finally:
            self._post.deliver()

    def _cut_short(self, failure: FirmwareError) -> None:
        self._failed_s = self._clock()
        soon = self._failed_s - self._resumed_s < LONGEST_PAUSE_S
        self._pause_s = min(max(2.0 * self._pause_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S) if soon else 0.0
        self._cut_off = tuple(s.name for s in sorted(self._scene.active, key=lambda s: s.turn))
        self._stopped()
        self._fault = failure
        self._commit(self._scene.silenced(), RouteChangeReason.UNKNOWN)

    def _resume(self) -> None:
        waiting, self._cut_off, self._resumed_s = self._cut_off, (), self._clock()
        try:
            self._enact(self._scene.resumed(waiting), RouteChangeReason.UNKNOWN, unavoidable=False)
        except AudioSessionError:  # the fault is kept, and so is who waits
            self._cut_off, self._failed_s = waiting, self._clock()
            self._pause_s = min(max(2.0 * self._pause_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)

    # For sessions.

    def become(
        self, client: Session, step: Step, reason: RouteChangeReason = RouteChangeReason.CATEGORY_CHANGE
    ) -> None:
        """Take a step in the name of a session. AudioSessionError, and nothing has changed."""

        def own(scene: Scene) -> Scene:
            self.standing(client)
            return step(scene)

        self._become(own, reason)

    def standing(self, client: Session) -> Standing:
        """Its place in the scene. AudioSessionError `!ini` if it has gone, though another may have its name."""
        if not self._lives(client):
            raise AudioSessionError(ErrorCode.NOT_INITIALIZED, f"session {client.name!r} has gone; make a new one")
        return self._scene.of(client.name)

    def forget(self, client: Session) -> None:
        """The client died: whatever it held is free, whoever waited for it should resume. Twice is once."""

        try:
            with self.lock:
                if self._lives(client):
                    self._enact(self._scene.left(client.name), RouteChangeReason.CATEGORY_CHANGE, unavoidable=True)
                    del self._clients[client.name], self._told[client.name]
        finally:
            self._post.deliver()

    # Acting.

    def _become(self, step: Step, reason: RouteChangeReason, *, unavoidable: bool = False) -> None:
        try:
            with self.lock:
                self._enact(step(self._scene), reason, unavoidable=unavoidable)
        finally:
            self._post.deliver()

    def _enact(self, new: Scene, reason: RouteChangeReason, *, unavoidable: bool) -> None:
        old = self._scene
        before, after = old.setup(), new.setup()
        failed: FirmwareError | None = None
        # Those that must stop do so in their own setup: nobody is to be heard through somebody else's mode.
        self._mix({name: gain for name, gain in self._mixed.items() if name in new.gains_db()})
        try:
            if after is not None and after != before:
                (self.stage.start if before is None else self.stage.change)(after)
                self._fault = None
        except FirmwareError as error:
            self._fault = failed = error
            if not unavoidable:
                self._mix(old.gains_db())
                raise AudioSessionError(ErrorCode.UNSPECIFIED, f"the stage refused: {error}") from error
            new = new.silenced()
        except BaseException:
            self._mix(old.gains_db())
            raise
        if before is not None and new.setup() is None:
            failed = self._stopped() or failed
        self._mix(new.gains_db())
        self._commit(new, reason)
        if failed and not unavoidable:
            raise AudioSessionError(
                ErrorCode.UNSPECIFIED, f"inactive, but the stage did not stop cleanly: {failed}"
            ) from failed

    def _stopped(self) -> FirmwareError | None:
        self._mix({})
        try:
            self.stage.stop()
        except FirmwareError as error:
            self._fault = error
            return error
        return None

    def _mix(self, gains_db: Mapping[str, float | None]) -> None:
        if gains_db != self._mixed:
            self.stage.mix(gains_db)
            self._mixed = gains_db

    # Telling.

    def _commit(self, new: Scene, reason: RouteChangeReason) -> None:
        """From here on the new scene is true. First what happened to whom, then what changed, last who may resume."""
        old, self._scene = self._scene, new
        ranked = sorted(new.sessions, key=lambda name: new.of(name).precedence, reverse=True)
        for name in ranked:
            was = old.sessions.get(name)
            if was and was.active and new.of(name).state is SessionState.INTERRUPTED:
                self._tell_begin(name)
        for name in ranked:
            if name in old.sessions and old.of(name).state is not new.of(name).state:
                self._tell_state(name, new.of(name).state)
            self._tell_changes(name, reason)
        for name in ranked:
            was = old.sessions.get(name)
            if was and was.state is SessionState.INTERRUPTED and new.of(name).ended is not None:
                self._tell_end(name)

    def _tell_begin(self, name: str) -> None:
        client = self._clients[name]
        self._post.put(Notice(lambda: client.interrupted(InterruptionState.BEGIN), lambda: self._lives(client)))

    def _tell_end(self, name: str) -> None:
        """To one that has not moved on by itself meanwhile."""
        client, told = self._clients[name], self._scene.of(name)
        kind = told.ended

        def waits() -> bool:
            return self._lives(client) and (self._scene.of(name).turn, self._scene.of(name).ended) == (told.turn, kind)

        self._post.put(Notice(lambda: client.interrupted(InterruptionState.END, kind), waits))

    def _tell_state(self, name: str, state: SessionState) -> None:
        client = self._clients[name]
        for listener in client.state_listeners:

            def tell(listener: Callable[[SessionState], None] = listener) -> None:
                listener(state)

            self._post.put(Notice(tell, lambda: self._lives(client)))

    def _tell_changes(self, name: str, reason: RouteChangeReason) -> None:
        seen, told = self._observe(self._scene, name), self._told[name]
        self._told[name] = seen
        for property, value in seen.items():
            if property not in told or told[property] == value:
                continue
            if property is PropertyID.AUDIO_ROUTE_CHANGE:
                user = self._scene.deciding or self._scene.of(name)
                if not value.serves(user.wishes.category):
                    reason = RouteChangeReason.NO_SUITABLE_ROUTE_FOR_CATEGORY
                value = RouteChange(reason, told[property], value)
            self._tell(name, property, value)

    def _tell(self, name: str, property: PropertyID, value: Any) -> None:
        client = self._clients[name]
        for listener in client.listeners:
            if listener.property is property:

                def tell(callback: Callable[..., None] = listener.callback, data: Any = listener.data) -> None:
                    callback(data, property, value)

                def wanted(listener: object = listener) -> bool:
                    return self._lives(client) and listener in client.listeners

                self._post.put(Notice(tell, wanted))

    def _lives(self, client: Session) -> bool:
        return self._clients.get(client.name) is client

    def _observe(self, scene: Scene, name: str) -> dict[PropertyID, Any]:
        """What a session can listen to, as it is now."""
        wishes, stage = scene.of(name).wishes, self.stage
        seen: dict[PropertyID, Any] = {
            PropertyID.AUDIO_ROUTE_CHANGE: scene.route(name),
            PropertyID.AUDIO_INPUT_AVAILABLE: scene.input_available,
            PropertyID.INPUT_SOURCES: sources(scene.board, scene.connected, wishes),
            PropertyID.OUTPUT_DESTINATIONS: destinations(scene.board, scene.connected, wishes),
        }
        if wishes.category.plays:
            seen[PropertyID.CURRENT_HARDWARE_OUTPUT_NUMBER_CHANNELS] = stage.output_channels
            seen[PropertyID.CURRENT_HARDWARE_OUTPUT_VOLUME] = stage.output_volume
        if wishes.category.records:
            seen[PropertyID.CURRENT_HARDWARE_INPUT_NUMBER_CHANNELS] = stage.input_channels
            seen[PropertyID.INPUT_GAIN_AVAILABLE] = stage.input_gain_available
            if stage.input_gain_available:
                seen[PropertyID.INPUT_GAIN_SCALAR] = stage.input_gain
        return seen
