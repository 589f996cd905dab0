"""A card through libasound, called from inside the compiled loop: the production back end.

Both directions are linked, so that one command starts them on the same tick; where a driver cannot link (two cards, plug-ins),
how far they started apart is read from the drivers' own time stamps.
"""

from __future__ import annotations

import ctypes
import errno
from contextlib import suppress

import numpy as np

from firmware_py.errors import PcmError
from firmware_py.pcm import TIMING, TWO_CLOCKS, Frames, Words, native
from firmware_py.pcm.entry import address_of
from firmware_py.pcm.libasound import CAPTURE, PLAYBACK, Granted, library, open_pcm

BUFFER_PERIODS = 8
"""Periods that either buffer holds at least. What is queued for playback is less; a late reader loses nothing so long."""

PATIENCE_S = 0.5
MARGIN_S = 0.005
"""Directions that were not started on one tick: the echo is to come after its reference, never before."""


class AlsaPcm:
    """Capture and playback of one card, or of two. Devices are ALSA's names, cards by id: "hw:CARD=audiohat,DEV=0"."""

    def __init__(self, playback: str, capture: str | None = None) -> None:
        self.playback, self.capture = playback, capture or playback
        self._words: Words = np.zeros(native.WORDS, np.int64)
        self.timing = self._words[:TIMING]
        self._open: list[Granted] = []
        self._channels = self._period_frames = 0
        self._silence: Frames = np.zeros((0, 2), np.int32)
        self._status = ctypes.c_void_p()

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        """See `Pcm`. An open card is closed first."""
        self.close()
        native.compiled()  # before the card runs, for it does not wait
        lib = library()
        buffer_frames = BUFFER_PERIODS * period_frames + preroll_frames
        try:
            for device, direction in ((self.capture, CAPTURE), (self.playback, PLAYBACK)):
                self._open.append(open_pcm(device, direction, rate_hz, channels, period_frames, buffer_frames))
            capture, playback = self._open
            needs = (
                (self.capture, capture, 2 * period_frames),
                (self.playback, playback, preroll_frames + period_frames),
            )
            for device, granted, needed in needs:
                if granted.buffer_frames < needed:
                    raise PcmError(
                        errno.ENOTSUP,
                        f"{device}: its buffer holds {granted.buffer_frames} frames, {needed} are needed; prefer a shorter period",
                    )
            self._channels, self._period_frames = channels, period_frames
            self._silence = np.zeros((max(period_frames, preroll_frames), channels), np.int32)
            lib.snd_pcm_status_malloc(ctypes.byref(self._status))
            self._fill_words(rate_hz, capture, playback)
            problem = native.start_card(self._words, preroll_frames)
            if problem < 0:
                raise PcmError(-problem, f"{self.playback}: does not start: {_strerror(problem)}")
        except BaseException:
            self.close()
            raise

    def read_into(self, buffer: Frames) -> int:
        self._check(buffer)
        if not self._open:
            return -errno.EBADFD
        return int(native.read_card(self._words, buffer.ctypes.data, len(buffer)))

    def write_from(self, buffer: Frames) -> int:
        self._check(buffer)
        if not self._open:
            return -errno.EBADFD
        return int(native.write_card(self._words, buffer.ctypes.data, len(buffer)))

    def recover(self, queued_frames: int) -> int:
        return int(native.recover_card(self._words, queued_frames)) if self._open else -errno.EBADFD

    def functions(self) -> tuple[int, int, int, int]:
        """For the entry table of the loop."""
        read, write, recover = native.compiled()
        return read.address, write.address, recover.address, self._words.ctypes.data

    def close(self) -> None:
        lib = library() if self._open else None
        while lib and self._open:
            handle = ctypes.c_void_p(self._open.pop().handle)
            lib.snd_pcm_drop(handle)
            lib.snd_pcm_close(handle)
        if lib and self._status:
            free = lib.snd_pcm_status_free
            free.argtypes, free.restype = (ctypes.c_void_p,), None
            free(self._status)
            self._status = ctypes.c_void_p()
        self._words[:] = 0

    def __del__(self) -> None:
        self.close()  # a card that nobody has any more is to be had by others

    @property
    def linked(self) -> bool:
        """Whether one command starts both directions."""
        return bool(self._words[native.LINKED])

    def _fill_words(self, rate_hz: int, capture: Granted, playback: Granted) -> None:
        lib, words = library(), self._words
        for place, name in enumerate(native.FUNCTIONS, native.READI):
            words[place] = address_of(lib[f"snd_pcm_{name}"])
        libc = ctypes.CDLL(None)
        words[native.CLOCK], words[native.SLEEP] = address_of(libc.clock_gettime), address_of(libc.usleep)
        words[native.CAPTURE_PCM], words[native.PLAYBACK_PCM] = capture.handle, playback.handle
        words[native.STATUS_PLACE] = self._status.value or 0
        words[native.SILENCE], words[native.SILENT_FRAMES] = self._silence.ctypes.data, len(self._silence)
        words[native.RATE_HZ], words[native.FRAME_BYTES] = rate_hz, 4 * self._channels
        words[native.CAPTURE_BUFFER], words[native.PLAYBACK_BUFFER] = capture.buffer_frames, playback.buffer_frames
        words[native.LINKED] = lib.snd_pcm_link(capture.handle, playback.handle) == 0
        words[native.PATIENCE_MS] = round(1e3 * (PATIENCE_S + 4 * self._period_frames / rate_hz))
        words[native.MARGIN_FRAMES] = round(MARGIN_S * rate_hz)
        words[TWO_CLOCKS] = capture.card != playback.card

    def _check(self, buffer: Frames) -> None:
        if buffer.dtype != np.int32 or buffer.ndim != 2 or not buffer.flags.c_contiguous:
            raise ValueError(
                f"frames are C-contiguous int32[n, {self._channels or 2}], not {buffer.dtype}{list(buffer.shape)}"
            )
        if self._channels and buffer.shape[1] != self._channels:
            raise ValueError(f"frames are int32[n, {self._channels}], not int32{list(buffer.shape)}")


def _strerror(result: int) -> str:
    with suppress(PcmError):
        return str(library().snd_strerror(result).decode())
    return f"error {-result}"
