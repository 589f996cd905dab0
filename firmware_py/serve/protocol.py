"""What is said on a board's socket: lines of JSON, one object a line, requests of at most 64 KiB. Types and spelling; no socket.

A client asks; every request has an "id" (its own choice: a number or a short text) and an "op". The answer has the same id:

    {"id": 1, "op": "hello"}
    {"id": 1, "ok": true, "protocol": 1, "version": "0.1.0", "board": "virtual:respeaker-2mic-v1", "virtual": true, "pid": 4711}

    {"id": 2, "op": "session.create", "name": "intercom", "priority": 10, "category": "playAndRecord", "mode": "voiceChat"}
    {"id": 2, "ok": true, "name": "intercom", "state": "inactive", "mode": "voiceChat", "effective_mode": "voiceChat", ...}

    {"id": 3, "op": "session.activate", "name": "intercom"}
    {"id": 3, "ok": false, "error": {"code": "!cat", "message": "session 'call' has a higher priority, and neither of you mixes"}}

A code is one of Apple's, four characters, or one of `Code`. A request that cannot be read is answered with id null, and the
connection goes on; a line that is too long ends it. Requests of one connection are answered in order.

Between answers come events: those of the sessions that this connection made, and after "watch" those of everybody:

    {"event": "interruption", "session": "music", "state": "begin"}
    {"event": "interruption", "session": "music", "state": "end", "should_resume": true}
    {"event": "state", "session": "music", "state": "interrupted"}
    {"event": "route", "session": "music", "reason": "new_device_available", "previous": {"input": null, "output": "speaker"}, ...}
    {"event": "property", "session": "music", "property": "input_gain_available", "value": false}
    {"event": "mode", "session": "intercom", "category": "playAndRecord", "requested": "voiceChat", "effective": "voiceChat"}
    {"event": "fault", "session": "intercom", "message": "..."}
    {"event": "dropped", "count": 12}

"mode" names the session that decides now, or null for silence; "fault" without a message: it is over. "dropped": this
connection read too slowly, and so many events were not kept for it.

A session lives as long as the connection that made it: when that ends, in whatever way, the session is abandoned, and those it
interrupted should resume. Everybody may activate, deactivate and set any session by its name; the session "device" is the
button's and is always there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from firmware_py.errors import FirmwareError, nearest
from firmware_py.modes import named as named

VERSION = 1
LINE_BYTES = 64 * 1024
"""The longest request, its end not counted."""

MESSAGE_CHARACTERS = 1000
"""What is left of a message that repeats what a client sent."""

Id = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=64)]
Name = Annotated[str, Meta(pattern=r"\A\w[\w .:-]{0,63}\Z")]
"""Of a session: what can be printed on one line."""

Word = Annotated[str, Meta(max_length=64)]
"""A name of ours, as somebody spelled it."""


class Code(StrEnum):
    """Errors that are not Apple's."""

    MALFORMED = "malformed"
    TOO_LONG = "too-long"
    UNKNOWN_NAME = "unknown-name"
    NOT_YOURS = "not-yours"
    IMPOSSIBLE = "impossible"
    FAULT = "fault"
    INTERNAL = "internal"


class Refusal(FirmwareError):
    """An answer that says no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


# Requests.


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    """What a client asks."""

    id: Id


class Hello(Request, frozen=True, kw_only=True, tag="hello"):
    """Who is there, and what is spoken. Not needed, but polite; a client of another version is refused."""

    protocol: int = VERSION


class Boards(Request, frozen=True, kw_only=True, tag="boards"):
    """Names of the boards that this machine has descriptions of."""


class Status(Request, frozen=True, kw_only=True, tag="status"):
    """What sounds, by whom, how well, and the plan by which the codec came there."""


class Watch(Request, frozen=True, kw_only=True, tag="watch"):
    """Everybody's events from here, and those of the board."""


class Plug(Request, frozen=True, kw_only=True, tag="plug"):
    """Plug something into a port of a virtual board, or pull it."""

    port: Word
    present: bool


class Press(Request, frozen=True, kw_only=True, tag="press"):
    """Press the button of a virtual board."""


class SessionList(Request, frozen=True, kw_only=True, tag="session.list"):
    """All sessions, as `session.get` tells them."""


class SessionRequest(Request, frozen=True, kw_only=True):
    """About one session."""

    name: Name


class SessionWishes(SessionRequest, frozen=True, kw_only=True):
    """What a session may ask for, all at once or nothing. A preference of 0 leaves it to the mode."""

    category: Word | None = None
    mode: Word | None = None
    mix_with_others: bool | None = None
    default_to_speaker: bool | None = None
    duck_others: bool | None = None
    preferred_rate_hz: float | None = None
    preferred_buffer_s: float | None = None


class SessionCreate(SessionWishes, frozen=True, kw_only=True, tag="session.create"):
    """A new session, held by this connection."""

    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    profile: Literal["c-api", "avfoundation"] = "c-api"


class SessionSet(SessionWishes, frozen=True, kw_only=True, tag="session.set"):
    """Wishes; or, each by itself, the gain of the input in use (0 to 1) or the override of the route."""

    input_gain: float | None = None
    override: Literal["none", "speaker"] | None = None


class SessionGet(SessionRequest, frozen=True, kw_only=True, tag="session.get"):
    """What a session asks for, and what it got."""


class SessionActivate(SessionRequest, frozen=True, kw_only=True, tag="session.activate"):
    """Take the board."""


class SessionDeactivate(SessionRequest, frozen=True, kw_only=True, tag="session.deactivate"):
    """Give it back; those that were interrupted should resume if `notify_others`."""

    notify_others: bool = False


class SessionAbandon(SessionRequest, frozen=True, kw_only=True, tag="session.abandon"):
    """Forget a session of this connection."""


_REQUESTS: tuple[type[Request], ...] = (
    Hello, Boards, Status, Watch, Plug, Press, SessionList,
    SessionCreate, SessionSet, SessionGet, SessionActivate, SessionDeactivate, SessionAbandon,
)  # fmt: skip
OPS: dict[str, type[Request]] = {str(kind.__struct_config__.tag): kind for kind in _REQUESTS}


# Events.


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """What a client is told unasked."""

    session: str | None = None


class InterruptionEvent(Event, frozen=True, kw_only=True, tag="interruption"):
    """Begin: the audio of the session has stopped. End: it has not started again; `should_resume` says whether to."""

    state: Literal["begin", "end"]
    should_resume: bool | None = None


class StateEvent(Event, frozen=True, kw_only=True, tag="state"):
    """The session is inactive, active or interrupted from here."""

    state: str


class PropertyEvent(Event, frozen=True, kw_only=True, tag="property"):
    """A property that can be listened to has another value."""

    property: str
    value: Any


class RouteEvent(Event, frozen=True, kw_only=True, tag="route"):
    """Sound enters or leaves elsewhere: names of ports under "input" and "output"."""

    reason: str
    previous: dict[str, str | None]
    current: dict[str, str | None]


class ModeEvent(Event, frozen=True, kw_only=True, tag="mode"):
    """Another mode is in force, or another session decides."""

    category: str | None
    requested: str | None
    effective: str | None


class FaultEvent(Event, frozen=True, kw_only=True, tag="fault"):
    """What the board failed at."""

    message: str | None


class DroppedEvent(Event, frozen=True, kw_only=True, tag="dropped"):
    """So many events were not sent."""

    count: int


AnyEvent = InterruptionEvent | StateEvent | PropertyEvent | RouteEvent | ModeEvent | FaultEvent | DroppedEvent
_event: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_encode = msgspec.json.Encoder().encode


# Lines.


@dataclass(frozen=True)
class Spoken:
    """A line as far as it could be read: a request, or why it is none. `id` is there whenever it could be made out."""

    id: int | str | None
    request: Request | None
    refusal: Refusal | None = None


def read_request(line: bytes) -> Spoken:
    """A request from a line, without its end. Never raises, whatever the line is."""
    try:
        given = msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Spoken(None, None, Refusal(Code.MALFORMED, f"this line is not JSON: {error}"))
    if not isinstance(given, dict):
        return Spoken(None, None, Refusal(Code.MALFORMED, 'a request is an object: {"id": 1, "op": "hello"}'))
    identity = _identity(given)
    try:
        return Spoken(identity, _request(given))
    except Refusal as refusal:
        return Spoken(identity, None, refusal)


def answer_line(identity: int | str | None, facts: dict[str, Any]) -> bytes:
    """The line that says yes."""
    return _line({"id": identity, "ok": True, **facts})


def refusal_line(identity: int | str | None, refusal: Refusal) -> bytes:
    """The line that says no."""
    error = {"code": str(refusal.code), "message": refusal.message[:MESSAGE_CHARACTERS]}
    return _line({"id": identity, "ok": False, "error": error})


def event_line(event: Event) -> bytes:
    """An event as a line."""
    return _line(event)


def read_event(line: bytes) -> AnyEvent:
    """An event from a line. msgspec.ValidationError for one that this version does not know."""
    return _event.decode(line)


def _line(what: object) -> bytes:
    return _encode(what) + b"\n"


def _identity(given: dict[str, Any]) -> int | str | None:
    try:
        return msgspec.convert(given.get("id"), Id)  # type: ignore[no-any-return]  # Id is a union
    except msgspec.ValidationError:
        return None


def _request(given: dict[str, Any]) -> Request:
    if "id" not in given:
        raise Refusal(Code.MALFORMED, 'a request has an "id", a number or a short text, which its answer repeats')
    op = given.get("op")
    if not isinstance(op, str):
        raise Refusal(Code.MALFORMED, 'a request has an "op": ' + ", ".join(OPS))
    if op not in OPS:
        raise Refusal(Code.UNKNOWN_NAME, f"no op is named {op[:64]!r}; {nearest(op[:64], OPS)}")
    kind = OPS[op]
    known = ["id", "op", *(f for f in kind.__struct_fields__ if f != "id")]
    for field in given:
        if field not in known:
            raise Refusal(Code.MALFORMED, f"{op} has no field {field[:64]!r}; {nearest(field[:64], known)}")
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise Refusal(Code.MALFORMED, f"{op}: {error}") from None
