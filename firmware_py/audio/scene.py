"""All sessions of one board at one moment, as a value: who is active, who waits for whom, what that asks of the hardware.

Frozen; every method returns the next scene or refuses. It decides and touches nothing: the conductor acts it out.

The rules of living together
    Two sessions conflict when neither of them mixes. Whoever activates interrupts those it conflicts with, unless one
    of them has a higher priority: then it is refused. So at most one session that does not mix is ever active.
Who decides
    Several active sessions share one mode, one category and one route: those of the session with the highest priority;
    among equals of one that records before one that only plays, lest a cue in passing takes the microphone from a call;
    then of one that does not mix; then of the latest. The others are heard and fed through its setup.
Interruptions
    An interruption lasts until the session that caused it deactivates or goes away, even if that one has been
    interrupted itself meanwhile: it may come back first. If somebody else in conflict is active then, the waiting one
    waits for that one instead. No interruption is certain to end: it may be confirmed, or the stage may have failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from firmware_py.audio.constants import AudioSessionError, AVErrorCode, ErrorCode, InterruptionType, OverrideRoute
from firmware_py.audio.routes import Route, choose
from firmware_py.audio.stage import Setup
from firmware_py.audio.wishes import Wishes
from firmware_py.board import Board
from firmware_py.errors import UnknownNameError
from firmware_py.modes import Category

DUCKED_DB = -20.0
"""Playback gain beside a session that ducks: a tenth in amplitude, still there and clearly behind. Ours; Apple gives none."""


MOST_ACTIVE = 8
"""Sessions that may be active at once: each has its rings at the card, and they are made in advance."""


class SessionState(StrEnum):
    """Where a session stands. Interrupted is inactive, with an End that may come."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Standing:
    """One session in the scene.

    lenient         follows AVAudioSession where that differs from the C API
    turn            counts activations on this board; the latest is the highest
    interrupted_by  name of the session it waits for; None while interrupted: nobody, so no End will come
    ended           how its last interruption ended, until it activates or deactivates by itself
    running         its client moves audio just now
    expired         the audio service died; it must be initialised again
    """

    name: str
    priority: int = 0
    lenient: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    state: SessionState = SessionState.INACTIVE
    turn: int = 0
    interrupted_by: str | None = None
    ended: InterruptionType | None = None
    running: bool = False
    expired: bool = False

    @property
    def active(self) -> bool:
        return self.state is SessionState.ACTIVE

    @property
    def precedence(self) -> tuple[int, bool, bool, int]:
        """Who decides: the greatest."""
        return self.priority, self.wishes.category.records, not self.wishes.mixable, self.turn

    def conflicts_with(self, other: Standing) -> bool:
        return self.name != other.name and not self.wishes.mixable and not other.wishes.mixable

    def resting(self, state: SessionState, *, by: str | None = None, ended: InterruptionType | None = None) -> Self:
        """No longer active, so without audio, and without the override, which ends with its route."""
        wishes = replace(self.wishes, override=OverrideRoute.NONE)
        return replace(self, state=state, wishes=wishes, interrupted_by=by, ended=ended, running=False)


@dataclass(frozen=True)
class Scene:
    """A board and its sessions.

    connected    names of the ports that are there
    input_gains  what was set, by the name of the source; forgotten when nobody is active
    turns        activations so far
    """

    board: Board
    connected: frozenset[str]
    sessions: Mapping[str, Standing] = field(default_factory=dict)
    input_gains: Mapping[str, float] = field(default_factory=dict)
    turns: int = 0

    # What it is.

    def of(self, name: str) -> Standing:
        """The session of that name. AudioSessionError `!ini` if it has gone."""
        if name not in self.sessions:
            raise AudioSessionError(ErrorCode.NOT_INITIALIZED, f"session {name!r} has gone; make a new one")
        return self.sessions[name]

    @property
    def active(self) -> list[Standing]:
        """Those that are active, the deciding one first."""
        return sorted((s for s in self.sessions.values() if s.active), key=lambda s: s.precedence, reverse=True)

    @property
    def deciding(self) -> Standing | None:
        return max((s for s in self.sessions.values() if s.active), key=lambda s: s.precedence, default=None)

    @property
    def input_available(self) -> bool:
        return any(port.kind == "input" and name in self.connected for name, port in self.board.ports.items())

    def route(self, name: str) -> Route:
        """The route in use; while nobody is active, the one this session would get."""
        return choose(self.board, self.connected, (self.deciding or self.of(name)).wishes)

    def setup(self) -> Setup | None:
        """What the stage is to do; None is silence."""
        deciding = self.deciding
        if deciding is None:
            return None
        wishes, route = deciding.wishes, self.route(deciding.name)
        return Setup(
            mode=wishes.effective_mode,
            category=wishes.category,
            source=route.source,
            destination=route.destination,
            preferred_rate_hz=wishes.preferred_rate_hz,
            preferred_buffer_s=wishes.preferred_buffer_s,
            input_gain=self.input_gains.get(route.source.name) if route.source else None,
        )

    def gains_db(self) -> dict[str, float | None]:
        """How each active session is heard: those that duck the others are not ducked themselves."""
        ducking = any(s.wishes.duck_others for s in self.active)
        return {
            s.name: None if s.wishes.category is Category.AUDIO_PROCESSING
            else DUCKED_DB if ducking and not s.wishes.duck_others
            else 0.0
            for s in self.active
        }  # fmt: skip

    def others_play(self, name: str) -> bool:
        return any(s.name != name and s.wishes.category.plays for s in self.active)

    # What comes next.

    def joined(self, newcomer: Standing) -> Self:
        if newcomer.name in self.sessions:
            raise AudioSessionError(ErrorCode.ALREADY_INITIALIZED, f"a session is named {newcomer.name!r} already")
        return self._with(newcomer)

    def left(self, name: str) -> Self:
        """Without this session; who waited for it should resume."""
        scene = self.deactivated(name, InterruptionType.SHOULD_RESUME)
        return replace(scene, sessions={n: s for n, s in scene.sessions.items() if n != name})

    def activated(self, name: str) -> Self:
        session = self.of(name)
        if session.active:
            return self
        if session.expired:
            raise AudioSessionError(ErrorCode.NOT_INITIALIZED, "the audio service died; initialise the session again")
        if len(self.active) >= MOST_ACTIVE:
            raise AudioSessionError(ErrorCode.NO_HARDWARE, f"{MOST_ACTIVE} sessions are active already; end one first")
        category = session.wishes.category
        if category is not Category.AUDIO_PROCESSING and choose(self.board, self.connected, session.wishes).dead:
            raise AudioSessionError(ErrorCode.NO_HARDWARE, f"nothing is plugged in that {category} could use")
        session = replace(session, state=SessionState.ACTIVE, turn=self.turns + 1, interrupted_by=None, ended=None)
        return replace(self, turns=self.turns + 1)._asserted(session)

    def deactivated(self, name: str, hint: InterruptionType) -> Self:
        """Inactive; those that waited for it are told the hint, or wait for somebody else from here."""
        scene = self._with(self.of(name).resting(SessionState.INACTIVE))
        for waiting in [s for s in scene.sessions.values() if s.interrupted_by == name]:
            rival = next((s for s in scene.active if s.conflicts_with(waiting)), None)
            if rival:
                scene = scene._with(replace(waiting, interrupted_by=rival.name))
            else:
                scene = scene._with(waiting.resting(SessionState.INACTIVE, ended=hint))
        return scene._tidied(self)

    def confirmed(self, name: str) -> Self:
        """What this session interrupted stays so: those that waited for it are inactive, and no End comes."""
        scene = self
        for waiting in [s for s in self.sessions.values() if s.interrupted_by == self.of(name).name]:
            scene = scene._with(waiting.resting(SessionState.INACTIVE))
        return scene

    def wishing(self, name: str, change: Callable[[Wishes], Wishes]) -> Self:
        """With other wishes of a session; an active one asserts itself anew, for it may no longer mix."""
        session = replace(self.of(name), wishes=change(self.of(name).wishes))
        return self._asserted(session) if session.active else self._with(session)

    def mode_may_change(self, name: str) -> None:
        """The C API's rule: while inactive, and while not set to mix. AVAudioSession knows neither."""
        session = self.of(name)
        if session.lenient:
            return
        if session.active:
            raise AudioSessionError(
                ErrorCode.UNSUPPORTED_PROPERTY, "a mode changes only while the session is inactive; deactivate it first"
            )
        if session.wishes.mix_with_others:
            raise AudioSessionError(
                ErrorCode.INCOMPATIBLE_CATEGORY,
                "a mode changes only while the category does not mix; stop mixing first",
            )

    def running(self, name: str, on: bool) -> Self:
        """Whether the client of a session moves audio."""
        session = self.of(name)
        if on and not session.active:
            raise AudioSessionError(ErrorCode.NOT_ACTIVE, f"session {name!r} is {session.state}; activate it first")
        if on and session.wishes.category is Category.AUDIO_PROCESSING:
            raise AudioSessionError(ErrorCode.INCOMPATIBLE_CATEGORY, "audioProcessing neither plays nor records")
        return self._with(replace(session, running=on))

    def with_input_gain(self, gain: float) -> Self:
        """Another gain of the source in use, for everybody."""
        setup = self.setup()
        if setup is None or setup.source is None:
            raise AudioSessionError(ErrorCode.NO_HARDWARE, "no input is in use")
        return replace(self, input_gains={**self.input_gains, setup.source.name: min(max(gain, 0.0), 1.0)})

    def plugged(self, port: str, present: bool) -> Self:
        """A port is there, or is not. Every override lapses: none survives a change of what is plugged in."""
        if port not in self.board.ports:
            raise UnknownNameError("port", port, self.board.ports)
        connected = self.connected | {port} if present else self.connected - {port}
        if connected == self.connected:
            return self
        scene = replace(self, connected=connected)
        for session in self.sessions.values():
            scene = scene._with(_without_override(session))
        return scene

    def silenced(self) -> Self:
        """The stage failed where nobody could be refused: everybody is interrupted, and by nobody."""
        scene = self
        for session in self.active:
            scene = scene._with(session.resting(SessionState.INTERRUPTED))
        return scene._tidied(self)

    def resumed(self, names: Iterable[str]) -> Self:
        """The stage works again: of those it cut off, who still waits for nobody is active again, and told that it ended.

        Who may not be active any more, for its port is gone or others do not mix any more, goes on waiting.
        """
        scene = self
        for name in names:
            if scene.cut_off(name):
                with suppress(AudioSessionError):
                    scene = scene.activated(name)
                    scene = scene._with(replace(scene.of(name), ended=InterruptionType.SHOULD_RESUME))
        return scene

    def cut_off(self, name: str) -> bool:
        """Whether a session is interrupted, and by no other."""
        waiting = self.sessions.get(name)
        return waiting is not None and waiting.state is SessionState.INTERRUPTED and waiting.interrupted_by is None

    def expired(self) -> Self:
        """The audio service died: everybody is inactive until initialised again."""
        scene = self
        for session in self.sessions.values():
            scene = scene._with(replace(session.resting(SessionState.INACTIVE), expired=True))
        return scene._tidied(self)

    def renewed(self, name: str) -> Self:
        """This session as on its first day."""
        old = self.of(name)
        return self._with(Standing(name, old.priority, old.lenient))

    def _asserted(self, session: Standing) -> Self:
        """With this active session, and without those that conflict with it."""
        rivals = [s for s in self.active if s.conflicts_with(session)]
        for rival in rivals:
            if rival.priority > session.priority:
                code = AVErrorCode.INSUFFICIENT_PRIORITY if session.lenient else ErrorCode.INCOMPATIBLE_CATEGORY
                raise AudioSessionError(code, f"session {rival.name!r} has a higher priority, and neither of you mixes")
        scene = self._with(session)
        for rival in rivals:
            scene = scene._with(rival.resting(SessionState.INTERRUPTED, by=session.name))
        return scene._tidied(self)

    def _tidied(self, before: Scene) -> Self:
        """An override ends when its session no longer decides the route; gains end when nobody uses them."""
        scene, old = self, before.deciding
        if not scene.active:
            return replace(scene, input_gains={})
        if old and scene.deciding and scene.deciding.name != old.name:
            scene = scene._with(_without_override(scene.of(old.name)))
        return scene

    def _with(self, session: Standing) -> Self:
        return replace(self, sessions={**self.sessions, session.name: session})


def _without_override(session: Standing) -> Standing:
    return replace(session, wishes=replace(session.wishes, override=OverrideRoute.NONE))
