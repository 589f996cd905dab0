"""A talker: a recording that is heard in true time, whatever the clock of the codec makes of it.

Pressures in, pressures at the codec's true frame rate out. Where it stands, and what the room makes of it, is
the world's business.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_PHASES = 512  # with linear interpolation between phases: errors below -100 dB
_HALF_WIDTH = 24  # zero crossings of the sinc on either side
_SAME_RATE = 1e-7  # closer than any crystal: not worth a resampler


class Talker:
    """A recording of float32[m] pascals at `rate_hz`, of which `next` gives one period after another.

    `position` is in samples of the recording and negative until it begins.
    """

    def __init__(self, pressure_pa: Float, rate_hz: float, position: float) -> None:
        self._pressure_pa = np.ascontiguousarray(pressure_pa, dtype=np.float32)
        self._rate_hz = rate_hz
        self._position = position

    @property
    def finished(self) -> bool:
        """Nothing is left to be heard."""
        return self._position >= len(self._pressure_pa) + _HALF_WIDTH

    def wait(self, seconds: float) -> None:
        """Talk on while nobody listens."""
        self._position += seconds * self._rate_hz

    def next(self, frames: int, true_rate_hz: float) -> Float:
        """float32[frames] pascals of the next period at the codec's true rate."""
        step = self._rate_hz / true_rate_hz
        if abs(step - 1.0) < _SAME_RATE:
            start = round(self._position)
            self._position = start + frames
            return self._piece(start, frames)
        positions = self._position + step * np.arange(frames)
        self._position += step * frames
        return self._resampled(positions, step)

    def _piece(self, start: int, frames: int) -> Float:
        """Samples start .. start + frames, zeros before and after the recording."""
        stop = start + frames
        if start >= 0 and stop <= len(self._pressure_pa):
            return self._pressure_pa[start:stop]
        piece = np.zeros(frames, dtype=np.float32)
        inside = self._pressure_pa[max(start, 0) : max(stop, 0)]
        offset = max(-start, 0)
        piece[offset : offset + len(inside)] = inside
        return piece

    def _resampled(self, positions: NDArray[np.floating], step: float) -> Float:
        """Band-limited interpolation (Smith, "Digital audio resampling home page") at those positions."""
        table = _interpolation(max(1.0, step))
        taps = table.shape[1]
        first = floor(positions[0]) - taps // 2 + 1
        piece = self._piece(first, floor(positions[-1]) - floor(positions[0]) + taps)
        if not piece.any():
            return np.zeros(len(positions), dtype=np.float32)
        whole = np.floor(positions)
        phase = (positions - whole) * _PHASES
        nearest = phase.astype(np.int64)
        between = (phase - nearest).astype(np.float32)[:, None]
        weights = table[nearest] * (1.0 - between) + table[nearest + 1] * between
        windows = np.lib.stride_tricks.sliding_window_view(piece, taps)
        here = windows[whole.astype(np.int64) - floor(positions[0])]
        return np.asarray(np.einsum("nt,nt->n", here, weights))


@lru_cache(maxsize=8)
def _interpolation(reduction: float) -> Float:
    """float32[_PHASES + 1, taps]: Kaiser-windowed sincs, band-limited for a `reduction` times lower rate."""
    half = ceil(_HALF_WIDTH * reduction)
    at = np.arange(_PHASES + 1)[:, None] / _PHASES - np.arange(1 - half, half + 1)
    inside = np.sqrt(np.maximum(0.0, 1.0 - np.square(at / half)))
    window = np.i0(3.0 * pi * inside) / np.i0(3.0 * pi)
    cutoff = 0.95 / reduction
    return np.asarray(cutoff * np.sinc(cutoff * at) * window, dtype=np.float32)
