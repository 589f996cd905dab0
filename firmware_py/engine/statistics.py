"""What the loop counted, read without a lock: each number is one word that the loop writes and anybody may read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_py.engine import loop


@dataclass(frozen=True)
class Statistics:
    """A copy of the counters since the engine was made.

    lost_frames         of the card: time that passed in interruptions
    period_frames       of the card, now: longer than the mode's where the card could not keep up
    period_us           how long a period lasts
    worst_us, p99_us    time from having read a period to having written it; the 99 % to a sixteenth of an octave
    down_fill_frames, up_fill_frames   of the fullest ring to the card, and from it
    erle_db             what the canceller takes off the echo, over about the last second of far end alone
    drift_ppm           by how much the clock of playback is ahead of that of capture
    """

    periods: int
    capture_xruns: int
    playback_xruns: int
    suspends: int
    lost_frames: int
    clipped_samples: int
    period_frames: int
    period_us: float
    worst_us: float
    p99_us: float
    down_fill_frames: int
    up_fill_frames: int
    erle_db: float
    drift_ppm: float


def quantile_us(words: NDArray[np.int64], share: float) -> float:
    """Time within which that share of the periods was processed; 0 before the first one."""
    counts = np.cumsum(words[loop.HISTOGRAM : loop.STATISTICS])
    if not counts[-1]:
        return 0.0
    place = int(np.searchsorted(counts, share * counts[-1]))
    return float(min(2.0 ** ((place + 1) / loop.BINS_AN_OCTAVE), words[loop.WORST_NS] * 1e-3))
