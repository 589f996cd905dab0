"""What each request does with the device, and which events come of it. Blocking, called by any thread; no socket, no JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, TypeVar

from firmware_py.audio import (
    AudioSessionError,
    InterruptionState,
    InterruptionType,
    OverrideRoute,
    PropertyID,
    Route,
    RouteChange,
    Session,
)
from firmware_py.audio.constants import PROPERTIES, spell
from firmware_py.audio.scene import Scene
from firmware_py.audio.wishes import Wishes
from firmware_py.board import Port
from firmware_py.descriptions import board_names
from firmware_py.device import Device
from firmware_py.engine import Engine
from firmware_py.errors import FirmwareError, UnknownNameError
from firmware_py.hardware import HasFinger
from firmware_py.modes import Category, Mode
from firmware_py.serve import protocol as p

SESSIONS = 64
"""More than any board needs; a client that makes one after the other is stopped here."""

Facts = dict[str, Any]
_Value = TypeVar("_Value")


class Answers:
    """One device's answers. `tell` gets every event, from whichever thread caused it, before the answer is there."""

    def __init__(self, device: Device, board: str, tell: Callable[[p.Event], None]) -> None:
        self.device, self.board = device, board
        self._conductor, self._stage = device.conductor, device.stage
        self._tell = tell
        self._sessions: dict[str, Session] = {}
        self._listen(device.session)

    def answer(self, request: p.Request, own: set[str]) -> Facts:
        """Do what is asked. *own*: names of the sessions of whoever asks, kept up to date here.

        Raises
        ------
        FirmwareError
            The answer is no; `refusal_of` says how.
        """
        match request:
            case p.Hello():
                return self._hello(request)
            case p.Boards():
                return {"boards": board_names()}
            case p.Status():
                return self._status()
            case p.Watch():
                return {}
            case p.Plug():
                self._with_finger("plugs")
                self._conductor.plugged(request.port, request.present)
                return {}
            case p.Press():
                self._with_finger("its button").press_button()
                return {}
            case p.SessionList():
                return {"sessions": self._list()}
            case p.SessionCreate():
                return self._create(request, own)
            case p.SessionAbandon():
                return self._abandon(request.name, own)
            case p.SessionRequest():
                session = self._session(request.name)
                self._act(request, session)
                return self._facts(session)
        raise TypeError(f"no answer to {request!r}")

    def abandon(self, own: set[str]) -> None:
        """Whoever held these sessions is gone."""
        for name in sorted(own):
            self._sessions[name].abandon()
            self._sessions.pop(name, None)
        own.clear()

    def close(self) -> None:
        """Nobody holds a session any more, and the codec has no power."""
        self.abandon(set(self._sessions) - {self.device.session.name})
        self.device.close()

    def mode(self) -> p.ModeEvent:
        """The mode in force."""
        return _mode(self._conductor.scene)

    def fault(self) -> p.FaultEvent:
        """What the board failed at last, or what ended its periods; message None when all is well."""
        engine = self._engine()
        problem = self._conductor.fault or (engine.failure if engine else None)
        return p.FaultEvent(session=self._conductor.deciding, message=str(problem) if problem else None)

    def _hello(self, request: p.Hello) -> Facts:
        if request.protocol != p.VERSION:
            raise p.Refusal(p.Code.IMPOSSIBLE, f"protocol {p.VERSION} is spoken here, not {request.protocol}")
        return {
            "protocol": p.VERSION,
            "version": version("audiohat"),
            "board": self.board,
            "virtual": isinstance(self.device, HasFinger),
            "pid": os.getpid(),
        }

    def _status(self) -> Facts:
        stage, scene, engine = self._stage, self._conductor.scene, self._engine()
        mode, applied = _mode(scene), stage.codec.applied
        return {
            "board": self.board,
            "title": stage.board.title,
            "sounding": engine is not None,
            "deciding": mode.session,
            "category": mode.category,
            "requested": mode.requested,
            "effective": mode.effective,
            "route": _route(scene.route(mode.session or self.device.session.name)),
            "rate_hz": stage.rate_hz,
            "buffer_s": stage.buffer_s,
            "owner": stage.codec.owner,
            "missing": list(applied.missing) if applied else [],
            "plan": str(applied) if applied else None,
            "statistics": asdict(engine.statistics) if engine else None,
            "fault": self.fault().message,
        }

    def _engine(self) -> Engine | None:
        """The running engine; None while the board is silent, which another thread may decide at any moment."""
        try:
            return self._stage.engine
        except FirmwareError:
            return None

    def _list(self) -> list[Facts]:
        listed = []
        for session in list(self._sessions.values()):
            with suppress(AudioSessionError):  # its client goes just now
                listed.append(self._facts(session))
        return listed

    def _create(self, request: p.SessionCreate, own: set[str]) -> Facts:
        if len(self._sessions) >= SESSIONS:
            raise p.Refusal(p.Code.IMPOSSIBLE, f"there are {SESSIONS} sessions; abandon one first")
        session = self._conductor.session(request.name, priority=request.priority, profile=request.profile)
        try:
            self._wish(request, session)
        except BaseException:
            session.abandon()
            raise
        self._listen(session)
        own.add(session.name)
        return self._facts(session)

    def _abandon(self, name: str, own: set[str]) -> Facts:
        self._session(name)
        if name not in own:
            raise p.Refusal(p.Code.NOT_YOURS, f"session {name!r} is not of this connection; deactivate it instead")
        self.abandon({name})
        own.discard(name)
        return {}

    def _act(self, request: p.SessionRequest, session: Session) -> None:
        match request:
            case p.SessionSet():
                self._set(request, session)
            case p.SessionActivate():
                session.activate()
            case p.SessionDeactivate():
                session.deactivate(notify_others=request.notify_others)

    def _set(self, request: p.SessionSet, session: Session) -> None:
        """One step of the conductor, so that a refusal leaves everything as it was and a mode change is one fade."""
        given = {field for field in request.__struct_fields__ if getattr(request, field) is not None} - {"id", "name"}
        alone = given & {"input_gain", "override"}
        if alone and len(given) > 1:
            raise p.Refusal(p.Code.MALFORMED, f"session.set: set {min(alone)} by itself")
        if request.input_gain is not None:
            session.input_gain = request.input_gain
        elif request.override is not None:
            session.override_route(OverrideRoute[request.override.upper()])
        else:
            self._wish(request, session)

    def _wish(self, request: p.SessionWishes, session: Session) -> None:
        category = p.named(Category, request.category) if request.category is not None else None
        mode = p.named(Mode, request.mode) if request.mode is not None else None

        def wish(wishes: Wishes) -> Wishes:
            for field, change in _OPTIONS.items():
                if (value := getattr(request, field)) is not None:
                    wishes = change(wishes, value)
            return wishes

        def step(scene: Scene) -> Scene:
            if category is not None:
                scene = scene.wishing(session.name, lambda wishes: wishes.for_category(category))
            if mode is not None:
                scene.mode_may_change(session.name)
                scene = scene.wishing(session.name, lambda wishes: wishes.in_mode(mode))
            return scene.wishing(session.name, wish)

        self._conductor.become(session, step)

    def _facts(self, session: Session) -> Facts:
        """What a session asks for, and what it got; None where its category has no such thing."""
        standing = self._conductor.standing(session)
        wishes = standing.wishes
        return {
            "name": session.name,
            "priority": standing.priority,
            "profile": "avfoundation" if standing.lenient else "c-api",
            "state": standing.state,
            "decides": session.decides,
            "category": wishes.category,
            "mode": wishes.mode,
            "effective_mode": wishes.effective_mode,
            "mix_with_others": wishes.mix_with_others,
            "default_to_speaker": wishes.default_to_speaker,
            "duck_others": wishes.duck_others,
            "preferred_rate_hz": wishes.preferred_rate_hz,
            "preferred_buffer_s": wishes.preferred_buffer_s,
            "route": _route(session.route),
            "rate_hz": session.rate_hz,
            "buffer_s": session.buffer_s,
            "input_latency_s": _had(lambda: session.input_latency_s),
            "output_latency_s": _had(lambda: session.output_latency_s),
            "input_channels": _had(lambda: session.input_channels),
            "output_channels": _had(lambda: session.output_channels),
            "output_volume": _had(lambda: session.output_volume),
            "input_gain": _had(lambda: session.input_gain),
            "other_audio_playing": session.other_audio_playing,
        }

    def _session(self, name: str) -> Session:
        try:
            return self._sessions[name]
        except KeyError:
            raise UnknownNameError("session", name, self._sessions) from None

    def _with_finger(self, what: str) -> HasFinger:
        if not isinstance(self.device, HasFinger):
            raise p.Refusal(p.Code.IMPOSSIBLE, f"{self.board} is a real board: {what} can only be moved by hand")
        return self.device

    def _listen(self, session: Session) -> None:
        """Turn everything that a session is told into events."""
        name = session.name

        def interrupted(state: InterruptionState) -> None:
            ended = state is InterruptionState.END
            resume = session.interruption_type is InterruptionType.SHOULD_RESUME if ended else None
            self._tell(p.InterruptionEvent(session=name, state="end" if ended else "begin", should_resume=resume))

        def changed(_: object, property: PropertyID, value: Any) -> None:
            self._tell(_changed(name, property, value))

        session.set_interruption_listener(interrupted)
        session.on_change(lambda state: self._tell(p.StateEvent(session=name, state=state)))
        for property, known in PROPERTIES.items():
            if "L" in known.access:
                session.add_listener(property, changed)
        self._sessions[name] = session


_OPTIONS: Mapping[str, Callable[[Wishes, Any], Wishes]] = {
    "mix_with_others": Wishes.mixing_with_others,
    "default_to_speaker": Wishes.defaulting_to_speaker,
    "duck_others": Wishes.ducking_others,
    "preferred_rate_hz": Wishes.preferring_rate,
    "preferred_buffer_s": Wishes.preferring_buffer,
}
"""Field of a request -> what it does to the wishes, after category and mode."""


def refusal_of(error: Exception) -> p.Refusal:
    """An error in the words of the protocol; INTERNAL for one that is nobody's fault but ours."""
    match error:
        case p.Refusal():
            return error
        case AudioSessionError():
            code = spell(error.code)
            return p.Refusal(code, str(error).removesuffix(f" [{code}]"))
        case UnknownNameError():
            return p.Refusal(p.Code.UNKNOWN_NAME, str(error))
        case FirmwareError():
            return p.Refusal(p.Code.FAULT, str(error))
    return p.Refusal(p.Code.INTERNAL, f"{type(error).__name__}: {error}")


def _mode(scene: Scene) -> p.ModeEvent:
    if (deciding := scene.deciding) is None:
        return p.ModeEvent(category=None, requested=None, effective=None)
    wishes = deciding.wishes
    return p.ModeEvent(
        session=deciding.name, category=wishes.category, requested=wishes.mode, effective=wishes.effective_mode
    )


def _changed(name: str, property: PropertyID, value: Any) -> p.Event:
    if isinstance(value, RouteChange):
        return p.RouteEvent(
            session=name,
            reason=value.reason.name.lower(),
            previous=_route(value.previous),
            current=_route(value.current),
        )
    if isinstance(value, list):
        value = [port.name for port in value]
    return p.PropertyEvent(session=name, property=property.name.lower(), value=value)


def _route(route: Route) -> dict[str, str | None]:
    return {"input": _name(route.source), "output": _name(route.destination)}


def _name(port: Port | None) -> str | None:
    return port.name if port else None


def _had(read: Callable[[], _Value]) -> _Value | None:
    try:
        return read()
    except AudioSessionError:
        return None
