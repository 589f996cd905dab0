"""What a procedure found: values by the names of `hil.limits`, remarks on them, and curves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfilt

from hil.measurement import Trace

LOWEST_HZ = 20.0


@dataclass
class Findings:
    """Values, notes by the same names, traces, recordings worth listening to, and reasons for what is not tested."""

    values: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    traces: list[Trace] = field(default_factory=list)
    recordings: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)

    def add(self, other: Findings) -> None:
        """Take in what another procedure found."""
        self.values |= other.values
        self.notes |= other.notes
        self.untested |= other.untested
        self.traces += other.traces
        self.recordings |= other.recordings


def at_spl(signal: ArrayLike, spl_db: float) -> NDArray[np.float32]:
    """*signal* (level read as dBov: 1.0 RMS is 0) as pascals, so that RMS 1.0 becomes *spl_db*."""
    return np.asarray(np.asarray(signal) * 10.0 ** ((spl_db - 94.0) / 20.0), np.float32)


def audible(x: ArrayLike, rate_hz: float) -> NDArray[np.float64]:
    """*x* without what lies below 20 Hz: a converter's offset is no sound (AES17 measures from 20 Hz)."""
    sections = butter(2, LOWEST_HZ, "highpass", fs=rate_hz, output="sos")
    heard: NDArray[np.float64] = sosfilt(sections, np.asarray(x, np.float64))
    return heard
