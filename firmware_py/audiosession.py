"""Audio Session Services as in C: one session for the process, functions that return codes.

    audiosession.attach(conductor, "my application")     # what the operating system does unasked
    audiosession.initialize(listener, data)
    audiosession.set_property(fourcc("mode"), struct.pack("=I", fourcc("vcct")))
    audiosession.set_active(True)

The functions are those of `AudioSessionServices`, where they are described; constants are in `firmware_py.audio.constants`.
"""

from __future__ import annotations

from typing import Any

from firmware_py.audio.capi import AudioSessionServices, InterruptionProc, PropertyProc
from firmware_py.audio.conductor import Conductor
from firmware_py.audio.constants import ErrorCode

_attached: AudioSessionServices | None = None


def attach(conductor: Conductor, name: str, *, priority: int = 0) -> None:
    """Say which board this process plays on, and under what name. A second call starts anew, uninitialised."""
    global _attached
    _attached = AudioSessionServices(conductor, name, priority=priority)


def initialize(listener: InterruptionProc | None = None, data: Any = None) -> int:
    """AudioSessionInitialize. `ini?` before `attach`."""
    return _attached.initialize(listener, data) if _attached else int(ErrorCode.INITIALIZATION)


def set_active(active: bool) -> int:
    """AudioSessionSetActive."""
    return _attached.set_active(active) if _attached else _UNINITIALIZED


def set_active_with_flags(active: bool, flags: int) -> int:
    """AudioSessionSetActiveWithFlags."""
    return _attached.set_active_with_flags(active, flags) if _attached else _UNINITIALIZED


def get_property_size(property: int) -> tuple[int, int]:
    """AudioSessionGetPropertySize: status, bytes."""
    return _attached.get_property_size(property) if _attached else (_UNINITIALIZED, 0)


def get_property(property: int, size: int) -> tuple[int, bytes]:
    """AudioSessionGetProperty: status, bytes."""
    return _attached.get_property(property, size) if _attached else (_UNINITIALIZED, b"")


def set_property(property: int, data: bytes) -> int:
    """AudioSessionSetProperty."""
    return _attached.set_property(property, data) if _attached else _UNINITIALIZED


def add_property_listener(property: int, proc: PropertyProc, data: Any = None) -> int:
    """AudioSessionAddPropertyListener."""
    return _attached.add_property_listener(property, proc, data) if _attached else _UNINITIALIZED


def remove_property_listener_with_user_data(property: int, proc: PropertyProc, data: Any = None) -> int:
    """AudioSessionRemovePropertyListenerWithUserData."""
    return _attached.remove_property_listener_with_user_data(property, proc, data) if _attached else _UNINITIALIZED


_UNINITIALIZED = int(ErrorCode.NOT_INITIALIZED)
