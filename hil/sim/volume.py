"""An analogue volume control that may wait for the signal to cross zero before it changes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def linear(gain_db: float | None) -> float:
    """Amplitude ratio of a gain in dB; None is mute."""
    return 0.0 if gain_db is None else math.pow(10.0, gain_db / 20.0)


class Volume:
    """One channel's gain in dB (None = mute) and the change that waits for a zero crossing."""

    def __init__(self, gain_db: float | None) -> None:
        self.gain_db = gain_db
        self._next_db: float | None = None
        self.waiting = False
        self._waited_s = 0.0
        self._was_negative: bool | None = None

    def set(self, gain_db: float | None, at_zero_crossing: bool) -> None:
        """Change the gain now, or at the next crossing. A newer change replaces one still waiting."""
        self.waiting = at_zero_crossing
        self._next_db = gain_db
        self._waited_s = 0.0
        if not at_zero_crossing:
            self.gain_db = gain_db

    def drop(self) -> None:
        """Forget a waiting change: something else drives this gain."""
        self.waiting = False

    def wait(self, seconds: float, timeout_s: float | None) -> None:
        """Time passes; with a time-out the change happens at its end without any crossing."""
        if self.waiting:
            self._waited_s += seconds
            if timeout_s is not None and self._waited_s >= timeout_s:
                self.gain_db, self.waiting = self._next_db, False

    def crossing(self, signal: NDArray[np.float64]) -> tuple[int, float | None]:
        """Frame at which the waiting gain takes over, and that gain; (n, gain_db) when nothing changes here.

        Exact silence never crosses: that is why codecs have a time-out.
        """
        if not self.waiting:
            self._was_negative = None
            return signal.size, self.gain_db
        live = np.flatnonzero(signal)
        negative = signal[live] < 0.0
        if live.size and self._was_negative is not None and negative[0] != self._was_negative:
            at = int(live[0])
        else:
            changes = np.flatnonzero(negative[1:] != negative[:-1])
            if not changes.size:
                self._was_negative = bool(negative[-1]) if live.size else self._was_negative
                return signal.size, self.gain_db
            at = int(live[changes[0] + 1])
        self.waiting = False
        self._was_negative = None
        return at, self._next_db

    def apply(self, signal: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n] through the gain."""
        if not self.waiting:
            return signal * linear(self.gain_db)
        at, next_db = self.crossing(signal)
        out = signal * linear(self.gain_db)
        out[at:] = signal[at:] * linear(next_db)
        self.gain_db = next_db
        return out
