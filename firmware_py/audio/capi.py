"""Audio Session Services, function by function as in C: codes are returned, nothing is raised, values are bytes.

The run loop and its mode have no counterpart: listeners run in the thread that caused what they are told.
Numbers are bytes in host order, as long as the header says. Core Foundation's objects have no bytes: `get_property` checks
their size, that of a pointer, and gives eight zeros; the object itself (dict, list, str or int) comes from
`get_property_object`, goes in through `set_property_object`, and reaches listeners in place of the bytes.
Recent versions of iOS forget every listener when the audio service dies; so does this: initialise again after `died`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware_py.audio.conductor import Conductor
from firmware_py.audio.constants import (
    CATEGORIES,
    MODES,
    PROPERTIES,
    ActivationFlag,
    AudioSessionError,
    CategoryCode,
    ErrorCode,
    InterruptionState,
    Key,
    ModeCode,
    OverrideRoute,
    PropertyID,
)
from firmware_py.audio.routes import RouteChange, port_by_id, port_id
from firmware_py.audio.session import Session
from firmware_py.board import Port

InterruptionProc = Callable[[Any, int], None]
"""Gets the client data and the state: 1 is Begin, 0 is End."""

PropertyProc = Callable[[Any, int, int, Any], None]
"""Gets the client data, the property, the size in bytes, and the bytes or the object."""

_NULL = bytes(8)
_MODE_CODES = {mode: code for code, mode in MODES.items()}
_CATEGORY_CODES = {category: CategoryCode[category.name] for category in CATEGORIES.values()}
_NO_ERROR = int(ErrorCode.NO_ERROR)


class AudioSessionServices:
    """The audio session of one application. `name` and `priority` are what the operating system would know of it."""

    def __init__(self, conductor: Conductor, name: str, *, priority: int = 0) -> None:
        self._conductor, self._name, self._priority = conductor, name, priority
        self._session: Session | None = None
        self._category = CategoryCode.SOLO_AMBIENT_SOUND

    def initialize(self, listener: InterruptionProc | None = None, data: Any = None) -> int:
        """AudioSessionInitialize. A second time `init`, and the first listener stays."""
        session = self._session
        if session and not session.expired:
            return int(ErrorCode.ALREADY_INITIALIZED)
        try:
            if session:
                session.reinitialize()
            else:
                session = self._conductor.session(self._name, priority=self._priority)
        except AudioSessionError:
            return int(ErrorCode.INITIALIZATION)
        self._category = CategoryCode.SOLO_AMBIENT_SOUND
        if listener:

            def forward(state: InterruptionState) -> None:
                listener(data, int(state))

            session.set_interruption_listener(forward)
        self._session = session
        return _NO_ERROR

    def set_active(self, active: bool) -> int:
        """AudioSessionSetActive."""
        return self.set_active_with_flags(active, 0)

    def set_active_with_flags(self, active: bool, flags: int) -> int:
        """AudioSessionSetActiveWithFlags. Flags are ignored on activation."""

        def act(session: Session) -> None:
            if active:
                session.activate()
            else:
                session.deactivate(notify_others=bool(flags & ActivationFlag.NOTIFY_OTHERS_ON_DEACTIVATION))

        return self._status(act)

    def get_property_size(self, property: int) -> tuple[int, int]:
        """AudioSessionGetPropertySize: status, bytes."""
        return self._answer(lambda session: PROPERTIES[_property(property)].type.size, 0)

    def get_property(self, property: int, size: int) -> tuple[int, bytes]:
        """AudioSessionGetProperty: status, bytes. *size* is that of the caller's buffer and must be exact."""

        def get(session: Session) -> bytes:
            known = _property(property, "g")
            _sized(known, size)
            return _bytes(known, self._value(session, known))

        return self._answer(get, b"")

    def get_property_object(self, property: int) -> tuple[int, Any]:
        """The same, as the object that the bytes or the pointer stand for."""
        return self._answer(lambda session: self._value(session, _property(property, "g")), None)

    def set_property(self, property: int, data: bytes) -> int:
        """AudioSessionSetProperty. Objects do not come as bytes (`pty?`): see `set_property_object`."""

        def put(session: Session) -> None:
            known = _property(property, "s")
            _sized(known, len(data))
            packing = PROPERTIES[known].type.packing
            if packing is None:
                raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, "a pointer means nothing here; give the object")
            self._put(session, known, struct.unpack(packing, data)[0])

        return self._status(put)

    def set_property_object(self, property: int, value: Any) -> int:
        """Set InputSource or OutputDestination to an ID of InputSources or OutputDestinations."""

        def put(session: Session) -> None:
            known = _property(property, "s")
            if PROPERTIES[known].type.packing is not None:
                raise AudioSessionError(ErrorCode.BAD_PROPERTY_SIZE, f"{known.name} is a number; give its bytes")
            self._put(session, known, value)

        return self._status(put)

    def add_property_listener(self, property: int, proc: PropertyProc, data: Any = None) -> int:
        """AudioSessionAddPropertyListener. The same three again are one registration."""

        def add(session: Session) -> None:
            session.add_listener(_property(property, "L"), _Forwarder(proc, self._conductor), data)

        return self._status(add)

    def remove_property_listener_with_user_data(self, property: int, proc: PropertyProc, data: Any = None) -> int:
        """AudioSessionRemovePropertyListenerWithUserData. Others of the same property or proc stay."""

        def remove(session: Session) -> None:
            session.remove_listener(_property(property, "L"), _Forwarder(proc, self._conductor), data)

        return self._status(remove)

    def _value(self, session: Session, property: PropertyID) -> Any:
        if property is PropertyID.AUDIO_CATEGORY:
            # A deprecated category reads as it was set, though it behaves as its successor.
            return (
                self._category if CATEGORIES[self._category] is session.category else _CATEGORY_CODES[session.category]
            )
        return _GET[property](session, self._conductor)

    def _put(self, session: Session, property: PropertyID, value: Any) -> None:
        if property is PropertyID.AUDIO_CATEGORY:
            code = _member(CategoryCode, value)
            session.set_category(CATEGORIES[code])
            self._category = code
        else:
            _SET[property](session, self._conductor, value)

    def _status(self, act: Callable[[Session], None]) -> int:
        return self._answer(act, None)[0]

    def _answer(self, act: Callable[[Session], Any], nothing: Any) -> tuple[int, Any]:
        session = self._session
        if session is None or session.expired:
            return int(ErrorCode.NOT_INITIALIZED), nothing
        try:
            return _NO_ERROR, act(session)
        except AudioSessionError as error:
            return int(error.code), nothing


@dataclass(frozen=True)
class _Forwarder:
    """A C listener behind a Python one. Two of the same proc are equal, so that one removes what the other added."""

    proc: PropertyProc
    conductor: Conductor

    def __call__(self, data: Any, property: PropertyID, value: Any) -> None:
        if isinstance(value, RouteChange):
            value = _route_change(value)
        elif property in (PropertyID.INPUT_SOURCES, PropertyID.OUTPUT_DESTINATIONS):
            value = _ports(value, self.conductor)
        kind = PROPERTIES[property].type
        self.proc(data, int(property), kind.size, value if kind.packing is None else _bytes(property, value))


def _property(number: int, access: str = "") -> PropertyID:
    """The property of that number, if it can be had that way; `pty?` for every other reason."""
    try:
        property = PropertyID(number)
    except ValueError:
        raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"no property has the number {number}") from None
    if access not in PROPERTIES[property].access:
        ways = {"g": "be read", "s": "be set", "L": "be listened to"}
        raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"{property.name} cannot {ways[access]}")
    return property


def _sized(property: PropertyID, size: int) -> None:
    right = PROPERTIES[property].type.size
    if size != right:
        raise AudioSessionError(ErrorCode.BAD_PROPERTY_SIZE, f"{property.name} has {right} bytes, not {size}")


def _bytes(property: PropertyID, value: Any) -> bytes:
    packing = PROPERTIES[property].type.packing
    return _NULL if packing is None else struct.pack(packing, value)


def _member(codes: Any, value: int) -> Any:
    try:
        return codes(value)
    except ValueError:
        raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"{value} is no {codes.__name__}") from None


def _ports(ports: list[Port], conductor: Conductor) -> list[dict[str, Any]]:
    """The array of kAudioSessionProperty_InputSources or OutputDestinations."""
    return [
        {str(_ID[port.kind]): port_id(conductor.board, port), str(_DESCRIPTION[port.kind]): port.name} for port in ports
    ]


_ID = {"input": Key.INPUT_SOURCE_ID, "output": Key.OUTPUT_DESTINATION_ID}
_DESCRIPTION = {"input": Key.INPUT_SOURCE_DESCRIPTION, "output": Key.OUTPUT_DESTINATION_DESCRIPTION}


def _route_change(change: RouteChange) -> dict[str, Any]:
    """The dictionary of kAudioSessionProperty_AudioRouteChange."""
    return {
        str(Key.ROUTE_CHANGE_REASON): int(change.reason),
        str(Key.ROUTE_CHANGE_OLD_ROUTE): change.previous.text,
        str(Key.ROUTE_CHANGE_PREVIOUS_DESCRIPTION): change.previous.description,
        str(Key.ROUTE_CHANGE_CURRENT_DESCRIPTION): change.current.description,
    }


def _port_in_use(session: Session, conductor: Conductor, kind: str) -> int:
    route = session.route
    port = route.source if kind == "input" else route.destination
    if port is None:
        raise AudioSessionError(ErrorCode.INCOMPATIBLE_CATEGORY, f"no {kind} is in use")
    return port_id(conductor.board, port)


def _port(conductor: Conductor, kind: str, number: int) -> str:
    return port_by_id(conductor.board, kind, number).name


_GET: Mapping[PropertyID, Callable[[Session, Conductor], Any]] = {
    PropertyID.PREFERRED_HARDWARE_SAMPLE_RATE:           lambda s, c: s.preferred_rate_hz or 0.0,
    PropertyID.PREFERRED_HARDWARE_IO_BUFFER_DURATION:    lambda s, c: s.preferred_buffer_s or 0.0,
    PropertyID.CURRENT_HARDWARE_SAMPLE_RATE:             lambda s, c: s.rate_hz,
    PropertyID.CURRENT_HARDWARE_INPUT_NUMBER_CHANNELS:   lambda s, c: s.input_channels,
    PropertyID.CURRENT_HARDWARE_OUTPUT_NUMBER_CHANNELS:  lambda s, c: s.output_channels,
    PropertyID.CURRENT_HARDWARE_OUTPUT_VOLUME:           lambda s, c: s.output_volume,
    PropertyID.CURRENT_HARDWARE_INPUT_LATENCY:           lambda s, c: s.input_latency_s,
    PropertyID.CURRENT_HARDWARE_OUTPUT_LATENCY:          lambda s, c: s.output_latency_s,
    PropertyID.CURRENT_HARDWARE_IO_BUFFER_DURATION:      lambda s, c: s.buffer_s,
    PropertyID.OTHER_AUDIO_IS_PLAYING:                   lambda s, c: s.other_audio_playing,
    PropertyID.AUDIO_INPUT_AVAILABLE:                    lambda s, c: s.input_available,
    PropertyID.OTHER_MIXABLE_AUDIO_SHOULD_DUCK:          lambda s, c: s.duck_others,
    PropertyID.OVERRIDE_CATEGORY_MIX_WITH_OTHERS:        lambda s, c: s.mix_with_others,
    PropertyID.OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER:     lambda s, c: s.default_to_speaker,
    PropertyID.OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT: lambda s, c: s.bluetooth_input,
    PropertyID.INTERRUPTION_TYPE:                        lambda s, c: s.interruption_type,
    PropertyID.MODE:                                     lambda s, c: _MODE_CODES[s.mode],
    PropertyID.INPUT_SOURCES:                            lambda s, c: _ports(s.input_sources, c),
    PropertyID.OUTPUT_DESTINATIONS:                      lambda s, c: _ports(s.output_destinations, c),
    PropertyID.INPUT_SOURCE:                             lambda s, c: _port_in_use(s, c, "input"),
    PropertyID.OUTPUT_DESTINATION:                       lambda s, c: _port_in_use(s, c, "output"),
    PropertyID.INPUT_GAIN_AVAILABLE:                     lambda s, c: s.input_gain_available,
    PropertyID.INPUT_GAIN_SCALAR:                        lambda s, c: s.input_gain,
    PropertyID.AUDIO_ROUTE_DESCRIPTION:                  lambda s, c: s.route.description,
    PropertyID.AUDIO_ROUTE:                              lambda s, c: s.route.text,
}  # fmt: skip

_SET: Mapping[PropertyID, Callable[[Session, Conductor, Any], None]] = {
    PropertyID.PREFERRED_HARDWARE_SAMPLE_RATE:           lambda s, c, v: setattr(s, "preferred_rate_hz", v),
    PropertyID.PREFERRED_HARDWARE_IO_BUFFER_DURATION:    lambda s, c, v: setattr(s, "preferred_buffer_s", v),
    PropertyID.OVERRIDE_AUDIO_ROUTE:                     lambda s, c, v: s.override_route(_member(OverrideRoute, v)),
    PropertyID.OTHER_MIXABLE_AUDIO_SHOULD_DUCK:          lambda s, c, v: setattr(s, "duck_others", bool(v)),
    PropertyID.OVERRIDE_CATEGORY_MIX_WITH_OTHERS:        lambda s, c, v: setattr(s, "mix_with_others", bool(v)),
    PropertyID.OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER:     lambda s, c, v: setattr(s, "default_to_speaker", bool(v)),
    PropertyID.OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT: lambda s, c, v: setattr(s, "bluetooth_input", bool(v)),
    PropertyID.MODE:                                     lambda s, c, v: s.set_mode(MODES[_member(ModeCode, v)]),
    PropertyID.INPUT_SOURCE:                             lambda s, c, v: s.select_input(_port(c, "input", v)),
    PropertyID.OUTPUT_DESTINATION:                       lambda s, c, v: s.select_output(_port(c, "output", v)),
    PropertyID.INPUT_GAIN_SCALAR:                        lambda s, c, v: setattr(s, "input_gain", v),
}  # fmt: skip
