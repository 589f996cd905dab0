"""The sound card: a period in, a period out. A contract; the back ends stand behind it.

The PCM is the only clock of the engine: a simulated PCM is simulated time.
Frames are int32[period_frames, 2], interleaved, full scale 2**31. Results are frames moved, or minus errno:
-EPIPE is an xrun, -EIO is a card without a frame clock, -ENODEV is a card that has gone.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.int32]


class Pcm(Protocol):
    """Capture and playback of one card, started together, on one clock."""

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        """Configure and start both directions, *preroll_frames* of silence queued for playback. PcmError if refused."""

    def read_into(self, buffer: Frames) -> int:
        """Wait for one captured period and copy it."""

    def write_from(self, buffer: Frames) -> int:
        """Queue one period for playback."""

    def recover(self) -> int:
        """After an xrun: start again, with one period less than *preroll_frames* of silence queued.

        The period that the caller writes next makes up for it: playback is as far behind capture as before.
        """

    def close(self) -> None: ...
