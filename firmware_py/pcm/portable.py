"""A card through pyalsaaudio alone, every call through the interpreter: the back end for where `alsa` cannot be used.

It keeps the whole contract, but a busy Python thread makes it late. What pyalsaaudio lacks shapes it:

    no start()      capture starts with its first read, playback with its first write, so all silence goes in one write
    no link         the two start one after the other; how far apart is measured
    no delay()      what a driver holds beyond its queue stays unknown
    no prepare()    a read or write after drop() prepares; a write of nothing only prepares
    no read-into    read() asks for one of the card's periods and makes bytes; what does not fit a buffer waits here
    no errno        an error is a text
"""

from __future__ import annotations

import errno
import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import alsaaudio
import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import PcmError
from firmware_py.pcm import CAPTURED, CAPTURED_NS, OFFSET, PLAYED, PLAYED_NS, TIMING, TWO_CLOCKS, Frames, Words
from firmware_py.pcm.cards import listed_rates, number_of, refusal

PATIENCE_S = 0.5
"""A card that moves no frame for so long, and for four periods more, has no frame clock."""

MARGIN_S = 0.001
"""The measured start of playback is told so much too early: the echo may come after its reference, never before."""

SERVER_MARGIN_S = 0.01
"""The same for a plug-in: behind it a server moves in blocks, and starts either direction up to a block sooner or later."""

LEAST_PERIODS = 4
"""Periods that either buffer holds at least. What is queued for playback is less; a late reader loses nothing so long."""

_S = 1_000_000_000
_PLAUSIBLE_NS = 10 * _S


class PyAlsaPcm:
    """Capture and playback of one card, or of two. Devices are ALSA's names, cards by id: "hw:CARD=audiohat,DEV=0"."""

    def __init__(self, playback: str, capture: str | None = None, *, library: Any = alsaaudio) -> None:
        self.playback, self.capture = playback, capture or playback
        self.timing: Words = np.zeros(TIMING, np.int64)
        self._library = library
        self._streams: tuple[_Stream, _Stream] | None = None  # capture, playback
        self._silence: Frames = np.zeros((0, 2), np.int32)
        self._rate_hz = self._channels = 0
        self._patience_s = PATIENCE_S
        self._sounding = False
        self._margin_s = MARGIN_S
        self._began_ns = 0  # capture started
        self._heard_ns = 0  # the last frame read was captured

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        """See `Pcm`. An open card is closed first."""
        if period_frames < 1 or preroll_frames < period_frames:
            raise ValueError(f"{preroll_frames} frames of preroll do not hold a period of {period_frames} frames")
        self.close()
        asked = _Asked(rate_hz, period_frames, channels, buffer_frames=preroll_frames + period_frames)
        capture = _Stream(self._library, self.capture, "capture", asked)
        try:
            playback = _Stream(self._library, self.playback, "playback", asked)
        except BaseException:
            capture.close()
            raise
        self._streams = capture, playback
        self._rate_hz, self._channels = rate_hz, channels
        self._patience_s = PATIENCE_S + 4 * period_frames / rate_hz
        self._silence = np.zeros((playback.buffer_frames, channels), np.int32)
        self.timing[TWO_CLOCKS] = capture.card != playback.card
        self._margin_s = MARGIN_S if capture.card >= 0 and playback.card >= 0 else SERVER_MARGIN_S
        problem = self._start(preroll_frames)
        if problem < 0:
            self.close()
            raise PcmError(-problem, f"{self.playback}: does not start: {os.strerror(-problem)}")

    def read_into(self, buffer: Frames) -> int:
        if self._streams is None:
            return -errno.EBADFD
        self._check(buffer)
        capture, _ = self._streams
        done, deadline_s = 0, time.monotonic() + self._patience_s
        while True:
            done += capture.take(buffer[done:])
            if done == len(buffer):
                break
            if not capture.wait(deadline_s):  # before reading: the card is to have a whole period
                return -errno.EIO
            got = capture.fetch()
            if got < 0:
                return got
        self._stamp()
        return done

    def write_from(self, buffer: Frames) -> int:
        if self._streams is None:
            return -errno.EBADFD
        self._check(buffer)
        return self._write(buffer)

    def recover(self, queued_frames: int) -> int:
        if self._streams is None:
            return -errno.EBADFD
        if not 0 <= queued_frames <= len(self._silence):
            return -errno.EINVAL
        heard_ns = self._heard_ns
        for stream in self._streams:
            problem = stream.stop()
            if problem < 0:
                return problem
        problem = self._start(queued_frames)
        if problem < 0:
            return problem
        return max(0, round((self._began_ns - heard_ns) * self._rate_hz / _S))

    def close(self) -> None:
        streams, self._streams = self._streams, None
        for stream in streams or ():
            stream.close()
        self.timing[:] = 0

    def _start(self, queued_frames: int) -> int:
        """Let both directions run. Returns 0 or -errno.

        Playback is prepared before capture starts (a codec may take milliseconds for it), and started after: if this
        thread is held up in between, playback comes later, which is measured, and does not run dry, which would be heard.
        """
        assert self._streams is not None
        capture, playback = self._streams
        self.timing[:OFFSET] = 0
        self._sounding = False
        problem = playback.write(self._silence[:0])
        if problem < 0:
            return problem
        got = capture.fetch()
        self._began_ns = self._heard_ns = time.monotonic_ns()
        return got if got < 0 else min(0, self._write(self._silence[:queued_frames]))

    def _write(self, frames: Frames) -> int:
        """Queue all of *frames*: returns how many those are, or -errno."""
        assert self._streams is not None
        _, playback = self._streams
        done, deadline_s = 0, time.monotonic() + self._patience_s
        while True:
            asked_ns = time.monotonic_ns()
            put = playback.write(frames[done:])
            if put < 0:
                return put
            if put > 0 and not self._sounding:
                self._sounding = True
                # Coarse, and rather too little: a driver starts its transfer somewhere within the call.
                late_s = (asked_ns - self._began_ns) / _S
                self.timing[OFFSET] = round((late_s - self._margin_s) * self._rate_hz)
            done += put
            if done == len(frames):
                return done
            if not playback.wait(deadline_s):
                return -errno.EIO

    def _stamp(self) -> None:
        """A period has been read: where both converters are, and when the last frame of the period was captured."""
        assert self._streams is not None
        capture, playback = self._streams
        captured, captured_ns = capture.position()
        self.timing[CAPTURED], self.timing[CAPTURED_NS] = captured, captured_ns
        self.timing[PLAYED], self.timing[PLAYED_NS] = playback.position()
        if captured_ns:
            self._heard_ns = captured_ns - (captured - capture.handed) * _S // self._rate_hz
        else:
            self._heard_ns = time.monotonic_ns()

    def _check(self, buffer: Frames) -> None:
        if buffer.dtype != np.int32 or buffer.ndim != 2 or buffer.shape[1] != self._channels:
            raise ValueError(f"frames are int32[n, {self._channels}], not {buffer.dtype}{list(buffer.shape)}")
        if not buffer.flags.c_contiguous:
            raise ValueError("frames are C-contiguous; this buffer has gaps")


@dataclass(frozen=True)
class _Asked:
    rate_hz: int
    period_frames: int
    channels: int
    buffer_frames: int  # at least


class _Stream:
    """One direction, open and granted exactly as asked: int32 frames, answers instead of exceptions."""

    def __init__(self, library: Any, device: str, direction: str, asked: _Asked) -> None:
        self._library, self._device, self._direction, self._asked = library, device, direction, asked
        self._pcm, self._is_narrow = self._granted()
        granted = self._pcm.info()
        self.card: int = granted["card_no"]
        self.buffer_frames: int = granted["buffer_size"]
        self._spare: Frames = np.zeros((granted["period_size"], asked.channels), np.int32)
        self._narrow = np.zeros((self.buffer_frames if self._is_narrow else 0, asked.channels), np.int16)
        self._wide: Frames = np.zeros(self._narrow.shape, np.int32)
        self._moved = 0  # through the driver since the last start
        self._first = self._last = 0  # of what waits in _spare
        self._poll = select.poll()
        for descriptor, events in self._pcm.polldescriptors():
            self._poll.register(descriptor, events)
        self._is_stamped = True
        try:
            self._pcm.set_tstamp_mode(library.PCM_TSTAMP_ENABLE)
            self._pcm.set_tstamp_type(library.PCM_TSTAMP_TYPE_MONOTONIC)
        except RuntimeError:
            self._is_stamped = False

    @property
    def handed(self) -> int:
        """Frames captured and taken since the last start."""
        return self._moved - (self._last - self._first)

    def take(self, buffer: Frames) -> int:
        """Move captured frames that wait here to *buffer*; returns how many."""
        count = min(len(buffer), self._last - self._first)
        buffer[:count] = self._spare[self._first : self._first + count]
        self._first += count
        return count

    def fetch(self) -> int:
        """Read what the card has, up to one of its periods, into the empty spare; returns frames, or -errno."""
        try:
            got, data = self._pcm.read()
        except self._library.ALSAAudioError as error:
            return self._code(error)
        if got > 0:
            frames = np.frombuffer(data, np.int16 if self._is_narrow else np.int32).reshape(got, -1)
            np.left_shift(frames, 16 if self._is_narrow else 0, out=self._spare[:got], dtype=np.int32)
            self._first, self._last = 0, got
            self._moved += got
        return int(got)

    def write(self, frames: Frames) -> int:
        """Queue as many frames as the card takes at once; returns how many, or -errno. The first ones start it."""
        data: NDArray[Any] = frames[: self.buffer_frames]
        if self._is_narrow:
            wide, narrow = self._wide[: len(data)], self._narrow[: len(data)]
            np.minimum(data, 0x7FFF_7FFF, out=wide)
            wide += 0x8000  # to the nearest
            np.right_shift(wide, 16, out=narrow, casting="same_kind")
            data = narrow
        try:
            put = int(self._pcm.write(data))
        except self._library.ALSAAudioError as error:
            return self._code(error)
        self._moved += max(0, put)
        return put

    def wait(self, deadline_s: float) -> bool:
        """Until the card has a period or room for one, or something to report; False when *deadline_s* comes first."""
        while (left_s := deadline_s - time.monotonic()) > 0:
            # The descriptors' own events mean something else: a plug-in may say POLLERR or POLLIN for anything.
            events = self._poll.poll(left_s * 1e3)
            try:
                if events and self._pcm.polldescriptors_revents(events):
                    return True
            except self._library.ALSAAudioError:
                return True  # the transfer that follows says what it is
        return False

    def position(self) -> tuple[int, int]:
        """Frames past the converter since the last start, and when (CLOCK_MONOTONIC, ns); (0, 0) where it is not told."""
        if not self._is_stamped:
            return 0, 0
        seconds, nanoseconds, available = self._pcm.htimestamp()
        when_ns = seconds * _S + nanoseconds
        # pyalsaaudio does not look whether libasound answered: then these are whatever was there before.
        if abs(when_ns - time.monotonic_ns()) > _PLAUSIBLE_NS or not 0 <= available <= self.buffer_frames:
            return 0, 0
        waiting = available if self._direction == "capture" else available - self.buffer_frames
        return self._moved + waiting, when_ns

    def stop(self) -> int:
        """Forget what is queued and what waits; the next read or write starts anew. Returns 0 or -errno."""
        self._moved = self._first = self._last = 0
        try:
            self._pcm.drop()
        except self._library.ALSAAudioError as error:
            return self._code(error)
        return 0

    def close(self) -> None:
        """Drop first: close() alone would play what is queued, for ever where no frame clock comes."""
        self.stop()
        with suppress(self._library.ALSAAudioError):
            self._pcm.close()

    def _code(self, error: Exception) -> int:
        """What an ALSAAudioError means to whoever moves frames; 0 is to try again."""
        state = self._pcm.state()
        if state == self._library.PCM_STATE_DISCONNECTED:
            return -errno.ENODEV
        if state == self._library.PCM_STATE_SUSPENDED:
            return -errno.ESTRPIPE
        number = number_of(error)
        return 0 if number == errno.EINTR else -number

    def _granted(self) -> tuple[Any, bool]:
        """A PCM that is exactly what was asked for, and whether its samples are of 16 bits."""
        library, asked = self._library, self._asked
        formats = [library.PCM_FORMAT_S16_LE, library.PCM_FORMAT_S32_LE]
        sample_format = formats.pop()
        periods = max(LEAST_PERIODS, -(-asked.buffer_frames // asked.period_frames))
        while True:
            pcm = self._configured(sample_format, periods)
            granted = pcm.info()
            if granted["format"] != sample_format and formats:
                sample_format = formats.pop()
            elif self._enough_periods(granted) > periods:
                periods = self._enough_periods(granted)
            else:
                break
            pcm.close()  # nothing is queued: this does not wait
        problem = self._difference(pcm, granted, sample_format)
        if problem:
            pcm.close()
            self._refuse(problem)
        return pcm, sample_format == library.PCM_FORMAT_S16_LE

    def _configured(self, sample_format: int, periods: int) -> Any:
        library, asked = self._library, self._asked
        try:
            return library.PCM(
                type=library.PCM_CAPTURE if self._direction == "capture" else library.PCM_PLAYBACK,
                mode=library.PCM_NONBLOCK, device=self._device,
                rate=asked.rate_hz, channels=asked.channels, format=sample_format,
                periodsize=asked.period_frames, periods=periods,
            )  # fmt: skip
        except library.ALSAAudioError as error:
            raise refusal(self._device, self._direction, number_of(error)) from error

    def _enough_periods(self, granted: dict[str, Any]) -> int:
        """Periods to ask for when the card's are shorter than asked."""
        period = granted["period_size"]
        is_fraction = 0 < period < self._asked.period_frames and self._asked.period_frames % period == 0
        return -(-self._asked.buffer_frames // period) if is_fraction else 0

    def _difference(self, pcm: Any, granted: dict[str, Any], sample_format: int) -> str:
        """How what was granted differs from what was asked, and what to do; "" if it does not."""
        asked = self._asked
        converted = (
            f"plug{self._device} converts" if self._device.startswith("hw:") else f"plug:'{self._device}' converts"
        )
        if granted["rate"] != asked.rate_hz:
            rates = ", ".join(map(str, listed_rates(pcm.getrates())))
            return f"{asked.rate_hz} Hz asked, {granted['rate']} Hz granted; it has {rates} Hz"
        if granted["channels"] != asked.channels:
            return f"{asked.channels} channels asked, {granted['channels']} granted; {converted}"
        if granted["format"] != sample_format:
            return f"samples S32_LE or S16_LE asked, {granted['format_name']} granted; {converted}"
        period = granted["period_size"]
        if not 0 < period <= asked.period_frames or asked.period_frames % period:
            return f"{asked.period_frames} frames a period asked, {period} granted; ask for a multiple of that"
        if granted["buffer_size"] < asked.buffer_frames:
            return f"a buffer of {asked.buffer_frames} frames asked, {granted['buffer_size']} granted; ask for a shorter period"
        return ""

    def _refuse(self, problem: str) -> NoReturn:
        raise PcmError(errno.ENOTSUP, f"{self._device} ({self._direction}): {problem}")
