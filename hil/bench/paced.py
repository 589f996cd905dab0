"""Cards that move no sound but keep time: a read returns when its period is due, a write notes how late it came.

Two of them, alike but for who calls: `CompiledCard` is called by the compiled loop without the interpreter, as libasound is;
`InterpretedCard` is called through it, and passes each period through pyalsaaudio, on ALSA's `null` device: its cost is real.
Deadlines stand fast: what is late once has less time for the next period, as with a real card, and never more.
"""

from __future__ import annotations

import ctypes
import time
from functools import cache
from typing import Any

import alsaaudio
import numpy as np
from numba import cfunc
from numpy.typing import NDArray

from firmware_py.dsp.jit import OPTIONS
from firmware_py.pcm import TIMING, Frames
from firmware_py.pcm.entry import MONOTONIC, address_of, call, words_at

CLOCK, SLEEP, DUE_NS, PERIOD_NS, PERIODS, ROOM, INSTANT, LATE = 0, 1, 2, 3, 4, 5, 6, 8
"""Words of a compiled card: addresses of clock_gettime and clock_nanosleep, when the next period is due, its length, how many
were written, room for how many, a timespec, and from LATE on by how much each was late (ns)."""

_SECOND = 1_000_000_000
_ABSOLUTE = 1


class PacedCard:
    """What both have in common: they are opened, and give lateness in microseconds."""

    def __init__(self, most_periods: int) -> None:
        self.timing = np.zeros(TIMING, np.int64)
        self._words = np.zeros(LATE + most_periods, np.int64)
        self._words[ROOM] = most_periods

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        """The first period is due one period from now."""
        self._words[PERIOD_NS] = period_frames * _SECOND // rate_hz
        self._words[PERIODS] = 0
        self._words[DUE_NS] = time.monotonic_ns() + self._words[PERIOD_NS]

    def read_into(self, buffer: Frames) -> int:
        raise NotImplementedError("called by compiled code only")

    write_from = read_into

    def recover(self, queued_frames: int) -> int:
        self._words[DUE_NS] = time.monotonic_ns() + self._words[PERIOD_NS]
        return 0

    def close(self) -> None: ...

    @property
    def lateness_us(self) -> NDArray[np.float64]:
        """By how much each period was late: written, counted from when it was due."""
        return np.asarray(self._words[LATE : LATE + int(self._words[PERIODS])] * 1e-3, np.float64)


class CompiledCard(PacedCard):
    """Called as libasound is."""

    def __init__(self, most_periods: int) -> None:
        super().__init__(most_periods)
        _compiled()  # before the first period is due

    def functions(self) -> tuple[int, int, int, int]:
        """For the entry table of the loop."""
        libc = ctypes.CDLL(None)
        self._words[CLOCK], self._words[SLEEP] = address_of(libc.clock_gettime), address_of(libc.clock_nanosleep)
        read, write, recover = _compiled()
        return read.address, write.address, recover.address, self._words.ctypes.data


class InterpretedCard(PacedCard):
    """Called as pyalsaaudio is."""

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        options = {
            "device": "null", "rate": rate_hz, "channels": channels,
            "format": alsaaudio.PCM_FORMAT_S32_LE, "periodsize": period_frames, "periods": 8,
        }  # fmt: skip
        self._capture = alsaaudio.PCM(alsaaudio.PCM_CAPTURE, alsaaudio.PCM_NORMAL, **options)
        self._playback = alsaaudio.PCM(alsaaudio.PCM_PLAYBACK, alsaaudio.PCM_NORMAL, **options)
        super().open(rate_hz, period_frames, channels, preroll_frames=preroll_frames)

    def read_into(self, buffer: Frames) -> int:
        self.wait()
        _, data = self._capture.read()
        captured = np.frombuffer(data, np.int32).reshape(-1, buffer.shape[1])
        buffer[:] = captured[: len(buffer)]
        return len(buffer)

    def write_from(self, buffer: Frames) -> int:
        self._playback.write(buffer)
        self.note()
        return len(buffer)

    def wait(self) -> None:
        """Until the next period is due."""
        early_s = (int(self._words[DUE_NS]) - time.monotonic_ns()) * 1e-9
        if early_s > 0.0:
            time.sleep(early_s)

    def note(self) -> None:
        """A period was written."""
        words = self._words
        words[LATE + words[PERIODS]] = time.monotonic_ns() - words[DUE_NS]
        words[PERIODS] = min(words[PERIODS] + 1, words[ROOM] - 1)
        words[DUE_NS] += words[PERIOD_NS]


@cache
def _compiled() -> tuple[Any, Any, Any]:
    options = {**OPTIONS}
    del options["nogil"]  # a C function has no interpreter lock to release

    @cfunc("int64(int64, int64, int64)", **options)
    def read(card, buffer, frames):  # type: ignore[no-untyped-def]  # numba has its types
        words = words_at(card, LATE)
        words[INSTANT] = words[DUE_NS] // _SECOND
        words[INSTANT + 1] = words[DUE_NS] % _SECOND
        # clock_nanosleep's fourth argument, where the rest of an interrupted sleep goes, is not looked at for absolute times
        call(words[SLEEP], MONOTONIC, _ABSOLUTE, words.ctypes.data + 8 * INSTANT)
        return frames

    @cfunc("int64(int64, int64, int64)", **options)
    def write(card, buffer, frames):  # type: ignore[no-untyped-def]  # numba has its types
        words = words_at(card, LATE)
        call(words[CLOCK], MONOTONIC, words.ctypes.data + 8 * INSTANT, 0)
        lateness = words_at(card + 8 * LATE, words[ROOM])
        lateness[words[PERIODS]] = words[INSTANT] * _SECOND + words[INSTANT + 1] - words[DUE_NS]
        words[PERIODS] = min(words[PERIODS] + 1, words[ROOM] - 1)
        words[DUE_NS] += words[PERIOD_NS]
        return frames

    @cfunc("int64(int64, int64, int64)", **options)
    def recover(card, buffer, frames):  # type: ignore[no-untyped-def]  # numba has its types
        words = words_at(card, LATE)
        call(words[CLOCK], MONOTONIC, words.ctypes.data + 8 * INSTANT, 0)
        words[DUE_NS] = words[INSTANT] * _SECOND + words[INSTANT + 1] + words[PERIOD_NS]
        return 0

    return read, write, recover
