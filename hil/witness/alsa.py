"""A card's controls and streams by the kernel's own interface, /dev/snd: every control with its range, names and decibels.

No library, no numpy: it runs in a guest where imports are what costs time. It moves no sound.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_TYPES = {1: "switch", 2: "integer", 3: "items", 4: "bytes"}
_LETTERS = {"switch": "q", "integer": "q", "items": "I", "bytes": "B"}
_HAS_TLV = 1 << 4
# Sizes on 64-bit machines (sound/asound.h), and where in them what we want lies.
_LIST, _INFO, _VALUE, _ID, _VALUES_AT = 80, 272, 1224, 64, 72
_MOST_CONTROLS, _TLV_BYTES = 1024, 4096

FORMATS = {"S16": 2, "S24": 6, "S32": 10, "S20_3": 36}
_HW_PARAMS, _INTERVALS_AT, _RW_INTERLEAVED = 608, 260, 3
_CHANNELS, _RATE = 10, 11  # intervals; they are counted from 8
_INTEGER = 1 << 2


def _request(letter: str, number: int, size: int) -> int:
    return 3 << 30 | size << 16 | ord(letter) << 8 | number


@dataclass(frozen=True)
class Control:
    """One of a card's, as it describes itself."""

    number: int
    name: str
    index: int
    kind: str
    channels: int
    minimum: int = 0
    maximum: int = 0
    items: tuple[str, ...] = ()
    tlv: tuple[int, ...] = ()


class Mixer:
    """The controls of card *number*."""

    def __init__(self, number: int) -> None:
        self._file = os.open(f"/dev/snd/controlC{number}", os.O_RDWR)

    def close(self) -> None:
        """Give the card back."""
        os.close(self._file)

    def controls(self) -> list[Control]:
        """All of them, in the card's order."""
        ids = ctypes.create_string_buffer(_ID * _MOST_CONTROLS)
        query = bytearray(_LIST)
        struct.pack_into("IIIIQ", query, 0, 0, _MOST_CONTROLS, 0, 0, ctypes.addressof(ids))
        fcntl.ioctl(self._file, _request("U", 0x10, _LIST), query)
        (used,) = struct.unpack_from("I", query, 8)
        return [self._described(struct.unpack_from("I", ids, _ID * place)[0]) for place in range(used)]

    def _info(self, number: int, item: int = 0) -> bytearray:
        info = bytearray(_INFO)
        struct.pack_into("I", info, 0, number)
        struct.pack_into("I", info, 84, item)
        fcntl.ioctl(self._file, _request("U", 0x11, _INFO), info)
        return info

    def _described(self, number: int) -> Control:
        info = self._info(number)
        kind, access, channels = struct.unpack_from("iII", info, 64)
        name, (index,) = _text(info[16:60]), struct.unpack_from("I", info, 60)
        items: tuple[str, ...] = ()
        minimum, maximum = 0, 0
        if _TYPES[kind] == "items":
            (count,) = struct.unpack_from("I", info, 80)
            items = tuple(_text(self._info(number, item)[88:152]) for item in range(count))
            maximum = count - 1
        elif _TYPES[kind] == "bytes":
            maximum = 255
        else:
            minimum, maximum = struct.unpack_from("qq", info, 80)
        tlv = self._tlv(number) if access & _HAS_TLV else ()
        return Control(number, name, index, _TYPES[kind], channels, minimum, maximum, items, tlv)

    def _tlv(self, number: int) -> tuple[int, ...]:
        reply = bytearray(8 + _TLV_BYTES)
        struct.pack_into("II", reply, 0, number, _TLV_BYTES)
        try:
            fcntl.ioctl(self._file, _request("U", 0x1A, 8), reply, True)
        except OSError:  # it has promised a scale, and has none
            return ()
        (length,) = struct.unpack_from("I", reply, 12)
        return struct.unpack_from(f"{2 + length // 4}I", reply, 8)

    def get(self, control: Control) -> list[int]:
        """What it stands at, a number per channel."""
        value = bytearray(_VALUE)
        struct.pack_into("I", value, 0, control.number)
        fcntl.ioctl(self._file, _request("U", 0x12, _VALUE), value)
        return list(struct.unpack_from(f"{control.channels}{_LETTERS[control.kind]}", value, _VALUES_AT))

    def put(self, control: Control, values: Sequence[int]) -> int:
        """Move it. Returns 0 or the errno of a refusal."""
        value = bytearray(_VALUE)
        struct.pack_into("I", value, 0, control.number)
        struct.pack_into(f"{control.channels}{_LETTERS[control.kind]}", value, _VALUES_AT, *values)
        return _refusal(self._file, _request("U", 0x13, _VALUE), value)


class Stream:
    """A PCM of card *number*, as far as `prepare`: what a driver writes before the first sample."""

    def __init__(self, number: int, capture: bool) -> None:
        self._file = os.open(f"/dev/snd/pcmC{number}D0{'c' if capture else 'p'}", os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        """End it."""
        os.close(self._file)

    def set_up(self, rate_hz: int, sample_format: str, channels: int) -> int:
        """hw_params. Returns 0 or the errno of a refusal."""
        asked = bytearray(_HW_PARAMS)
        for place, bit in enumerate((_RW_INTERLEAVED, FORMATS[sample_format], 0)):  # access, format, subformat
            struct.pack_into("Q", asked, 4 + 32 * place, 1 << bit)
        for place in range(12):
            struct.pack_into("III", asked, _INTERVALS_AT + 12 * place, 0, 0xFFFFFFFF, 0)
        for interval, only in ((_CHANNELS, channels), (_RATE, rate_hz)):
            struct.pack_into("III", asked, _INTERVALS_AT + 12 * (interval - 8), only, only, _INTEGER)
        struct.pack_into("I", asked, 512, 0xFFFFFFFF)  # rmask: all of it is asked
        return _refusal(self._file, _request("A", 0x11, _HW_PARAMS), asked)

    def prepare(self) -> int:
        """Returns 0 or the errno of a refusal."""
        return _refusal(self._file, ord("A") << 8 | 0x40, 0)


def _refusal(file: int, request: int, argument: bytearray | int) -> int:
    try:
        fcntl.ioctl(file, request, argument)
    except OSError as refused:
        return refused.errno or -1
    return 0


def _text(raw: bytes | bytearray) -> str:
    return raw.partition(b"\0")[0].decode()
