"""An engine: a card, a chain and the rings to the application, round the compiled loop."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.chain import CLIPPED, Chain
from firmware_py.engine import loop
from firmware_py.engine.foreign import Entry
from firmware_py.engine.ring import Ring
from firmware_py.errors import PcmError
from firmware_py.modes import Profile
from firmware_py.pcm import Pcm

RING_S = 2.0
"""Sound that the application may be ahead or behind."""


@dataclass(frozen=True)
class Statistics:
    """What the loop counted since it was opened."""

    periods: int
    capture_xruns: int
    playback_xruns: int
    starved_frames: int
    lost_frames: int
    clipped_samples: int


class Engine:
    """Runs one mode's chain on one PCM. Open, run as often and as long as wanted, close."""

    def __init__(self, pcm: Pcm, profile: Profile) -> None:
        self.profile, self.chain = profile, Chain(profile)
        self._pcm = pcm
        self._captured = np.zeros((profile.period_frames, 2), np.int32)
        self._played = np.zeros_like(self._captured)
        self._entry = Entry(pcm, self._captured, self._played)
        self._control = np.zeros(loop.CONTROLS, np.int64)
        self._statistics = np.zeros(loop.STATISTICS, np.int64)
        capacity = int(RING_S * profile.rate_hz)
        self.down, self.up = Ring(capacity, profile.channels), Ring(capacity, profile.channels)

    def open(self) -> None:
        """Open and start the card. PcmError if it refuses."""
        self._pcm.open(self.profile.rate_hz, self.profile.period_frames, 2, preroll_frames=self.profile.preroll_frames)

    def run(self, periods: int = -1) -> None:
        """Process *periods* periods in this thread, or go on until `stop`.

        Raises
        ------
        PcmError
            The card stopped or has gone.
        """
        self._control[loop.STOP] = 0
        result = loop.run(
            periods, self._entry.table, self._control, self._statistics, self.chain.state, self._captured, self._played,
            self.down.data, self.down.index, self.up.data, self.up.index,
        )  # fmt: skip
        if self._entry.error is not None:
            error, self._entry.error = self._entry.error, None
            raise error
        if result < 0:
            raise PcmError(-result, f"the sound card stopped: {_WHY.get(-result) or os.strerror(-result)}")

    def stop(self) -> None:
        """Ask the loop to end after the period it is in. May be called from any thread."""
        self._control[loop.STOP] = 1

    def close(self) -> None:
        """Close the card."""
        self._pcm.close()

    def converse(self, down: NDArray[np.float32]) -> NDArray[np.float32]:
        """Play *down* (float32[frames, channels]) and return what was captured meanwhile, frame for frame.

        Runs whole periods: *down* is cut to a multiple of the period. For offline use; needs a card whose time is its frames.
        """
        period = self.profile.period_frames
        frames = len(down) // period * period
        chunk = max(period, int(RING_S * 0.5 * self.profile.rate_hz) // period * period)
        up = np.empty((frames, self.profile.channels), np.float32)
        for start in range(0, frames, chunk):
            part = down[start : min(start + chunk, frames)]
            self.down.write(part)
            self.run(len(part) // period)
            up[start : start + len(part)] = self.up.read(len(part))
        return up

    @property
    def statistics(self) -> Statistics:
        """A copy of the counters."""
        s = self._statistics
        return Statistics(
            periods=int(s[loop.PERIODS]),
            capture_xruns=int(s[loop.CAPTURE_XRUNS]),
            playback_xruns=int(s[loop.PLAYBACK_XRUNS]),
            starved_frames=int(s[loop.DOWN_STARVED]),
            lost_frames=int(s[loop.UP_LOST]),
            clipped_samples=int(self.chain.state.words[CLIPPED]),
        )


_WHY = {
    errno.EIO: "no frame clock comes from the codec; are its clock settings and the overlay's clock role right?",
    errno.ENODEV: "the card has gone",
}
