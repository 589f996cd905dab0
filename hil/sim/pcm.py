"""A sound card whose time is its frames: the capture and playback PCMs of a world.

Calls and error codes are those of ALSA's non-blocking read and write of linked streams: frames, or -errno.
Time passes in `read_into` alone, one period per call, so nothing here sleeps. It knows the rate the program
asked for, never the chip's true one; a program that takes the one for the other is wrong, as on a Pi.
"""

from __future__ import annotations

from errno import EAGAIN, EBADFD, EINVAL, EIO, EPIPE
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hil.sim.world import World

Frames = NDArray[np.int32]

# what `VirtualPcm.timing` holds; its other two words stay 0: both streams start on one tick and have one clock
CAPTURED, CAPTURED_NS, PLAYED, PLAYED_NS = range(4)

_TIMING_WORDS = 6
_SPARE_PERIODS = 4  # what the playback buffer holds beyond the preroll


class VirtualPcm:
    """The card's two streams, opened, prepared and started together.

    The counters (`frames_read`, `frames_written`, `underruns`, `overruns`) start at zero with every `open`.

    timing : int64[6]
        Frames captured since the last start and world time in ns, frames taken of what was queued and world time; 0, 0.
        Time does not pass between a transfer and its stamp, so the two times are one.
    """

    def __init__(self, world: World) -> None:
        self.rate_hz = 0
        self.period_frames = 0
        self.frames_read = 0
        self.frames_written = 0
        self.underruns = 0
        self.overruns = 0
        self.timing: NDArray[np.int64] = np.zeros(_TIMING_WORDS, dtype=np.int64)
        self._world = world
        self._opened_s = world.time_s
        self._lost = 0
        self._queue: Frames = np.zeros((0, 2), dtype=np.int32)
        self._queued = 0
        self._dry = False
        self._to_starve = 0
        self._overrun = False

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        """Open both streams and queue that much silence for playback.

        OSError for channels other than 2 or a rate that is none; ValueError for an empty period, or less than one
        period of preroll.
        """
        if channels != 2:
            raise OSError(EINVAL, f"the codec has 2 channels in either direction, not {channels}")
        if rate_hz < 1:
            raise OSError(EINVAL, f"{rate_hz} Hz is not a rate")
        if period_frames < 1 or preroll_frames < period_frames:
            raise ValueError(f"{preroll_frames} frames of preroll do not hold a period of {period_frames} frames")
        self.rate_hz, self.period_frames = rate_hz, period_frames
        self.frames_read = self.frames_written = self.underruns = self.overruns = 0
        self._to_starve, self._overrun = 0, False
        self._opened_s = self._world.time_s
        self._queue = np.zeros((preroll_frames + _SPARE_PERIODS * period_frames, 2), dtype=np.int32)
        self._start(preroll_frames)

    @property
    def true_seconds(self) -> float:
        """Seconds since `open` by the clock on the wall."""
        return self._world.time_s - self._opened_s

    def delay_frames(self) -> int:
        """Frames queued for playback: what is written next is heard after them."""
        return self._queued

    def read_into(self, frames: Frames) -> int:
        """Let one period pass and put what was captured into int32[period_frames, 2].

        Returns the frames read, -EIO when the codec makes no frame clock, -EPIPE after an overrun, -EBADFD
        when closed.
        """
        if not self.period_frames:
            return -EBADFD
        self._check(frames, self.period_frames)
        captured = self._world.step(self._next_period())
        if captured is None:
            return -EIO
        self._consume()
        self.timing[CAPTURED] += self.period_frames
        self.timing[CAPTURED_NS] = self.timing[PLAYED_NS] = round(self._world.time_s * 1e9)
        if self._overrun:
            self._overrun = False
            self.overruns += 1
            self._lost += self.period_frames
            return -EPIPE
        frames[:] = captured
        self.frames_read += self.period_frames
        self._lost = 0
        return self.period_frames

    def write_from(self, frames: Frames) -> int:
        """Queue int32[n, 2] for playback.

        Returns n, -EPIPE after an underrun until `recover`, -EAGAIN when the buffer cannot hold them,
        -EBADFD when closed.
        """
        if not self.period_frames:
            return -EBADFD
        count = len(frames)
        self._check(frames, count)
        if self._to_starve:
            self._to_starve -= 1
            self._run_dry()
        if self._dry:
            return -EPIPE
        if self._queued + count > len(self._queue):
            return -EAGAIN
        self._queue[self._queued : self._queued + count] = frames
        self._queued += count
        self.frames_written += count
        return count

    def recover(self, queued_frames: int) -> int:
        """Prepare and start both streams again, that much silence queued.

        Returns the frames that were captured and lost since the last read (a period for an overrun, none for an underrun,
        as time passes in reads alone), -EINVAL when the buffer cannot hold the silence, -EBADFD when closed.
        """
        if not self.period_frames:
            return -EBADFD
        if not 0 <= queued_frames <= len(self._queue):
            return -EINVAL
        lost = self._lost
        self._start(queued_frames)
        return lost

    def close(self) -> None:
        """Stop both streams; every call but `open` then answers -EBADFD."""
        self.period_frames = 0
        self._queued = 0

    def starve(self, periods: int) -> None:
        """The program will be late: its next writes, that many, come when the card has run dry."""
        self._to_starve = periods

    def overrun(self) -> None:
        """The program will be late: the next period captured is lost, and the read says so."""
        self._overrun = True

    def _start(self, queued_frames: int) -> None:
        self._queue[:queued_frames] = 0
        self._queued = queued_frames
        self._dry = False
        self._lost = 0
        self.timing[:] = 0

    def _next_period(self) -> Frames:
        period = self._queue[: self.period_frames].copy()
        period[self._queued :] = 0
        return period

    def _consume(self) -> None:
        self.timing[PLAYED] += min(self._queued, self.period_frames)
        if self._queued < self.period_frames:
            self._run_dry()
            return
        left = self._queued - self.period_frames
        self._queue[:left] = self._queue[self.period_frames : self._queued]
        self._queued = left

    def _run_dry(self) -> None:
        self.underruns += not self._dry
        self._dry = True
        self._queued = 0

    @staticmethod
    def _check(frames: Frames, count: int) -> None:
        if frames.shape != (count, 2) or frames.dtype != np.int32:
            raise ValueError(f"frames are int32[{count}, 2], not {frames.dtype}{list(frames.shape)}")
