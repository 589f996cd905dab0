"""One of the DA7212's volumes: it jumps, waits for a zero crossing, or ramps in decibels.

The nominal ramp of 0.88 ms per dB, and the 100 ms after which a change no longer waits for a crossing, are in no
source at hand: they are what the vendor's younger codecs are remembered to do. 0x92 scales the ramp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.sim.volume import Volume, linear

Array = NDArray[np.float64]

NOMINAL_RAMP_DB_S = 1.0 / 0.88e-3
RAMP_RATES_DB_S = tuple(NOMINAL_RAMP_DB_S * factor for factor in (8.0, 16.0, 1.0 / 16.0, 1.0 / 32.0))
ZERO_CROSS_TIMEOUT_S = 0.1


class Gain:
    """Gain in dB, None for mute. Ramping to or from mute passes through `floor_db`."""

    def __init__(self, floor_db: float) -> None:
        self._floor_db = floor_db
        self._target_db: float | None = None
        self._level_db = floor_db
        self._ramping = False
        self._volume = Volume(None)

    def set(self, gain_db: float | None, ramp: bool = False, zero_cross: bool = False) -> None:
        """Where the gain shall go. Unchanged is no change: a ramp under way goes on."""
        if gain_db == self._target_db:
            return
        now_db = self.gain_db
        self._target_db = gain_db
        self._ramping = ramp
        if ramp:
            self._level_db = self._floor_db if now_db is None else now_db
            self._volume.drop()
        else:
            self._volume.gain_db = now_db
            self._volume.set(gain_db, at_zero_crossing=zero_cross)

    def curve(self, signal: Array, ramp_db: float) -> Array | float:
        """Amplitude ratio, one for all or for each frame of `signal`; `ramp_db` is the ramp's step in one frame."""
        n = signal.size
        if self._ramping:
            levels = self._levels(ramp_db * np.arange(1, n + 1, dtype=np.float64))
            ratios: Array = 10.0 ** (levels / 20.0)
            ratios[levels <= self._floor_db] = 0.0
            return ratios
        if not self._volume.waiting:
            return linear(self._volume.gain_db)
        at, next_db = self._volume.crossing(signal)
        ratios = np.full(n, linear(self._volume.gain_db))
        ratios[at:] = linear(next_db)
        self._volume.gain_db = next_db
        return ratios

    def wait(self, seconds: float, ramp_db_s: float) -> None:
        """Time passes: the ramp moves, the time-out runs."""
        if self._volume.waiting:
            self._volume.wait(seconds, ZERO_CROSS_TIMEOUT_S)
        if not self._ramping:
            return
        self._level_db = float(self._levels(np.array([seconds * ramp_db_s]))[0])
        if self._level_db == (self._floor_db if self._target_db is None else self._target_db):
            self._ramping = False
            self._volume.gain_db = self._target_db

    def _levels(self, moves_db: Array) -> Array:
        goal = self._floor_db if self._target_db is None else self._target_db
        if goal >= self._level_db:
            return np.minimum(self._level_db + moves_db, goal)
        return np.maximum(self._level_db - moves_db, goal)

    @property
    def gain_db(self) -> float | None:
        """The gain at this moment."""
        if self._ramping:
            return self._level_db if self._level_db > self._floor_db else None
        return self._volume.gain_db


def curves(gains: list[Gain], signals: Array, ramp_db: float) -> Array:
    """float64[len(gains), n]: one row of ratios for each signal."""
    rows = np.empty(signals.shape)
    for row, gain, signal in zip(rows, gains, signals, strict=True):
        row[:] = gain.curve(signal, ramp_db)
    return rows
