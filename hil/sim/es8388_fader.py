"""A digital volume of the ES8388: it jumps, or walks in half decibels while LRCK runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST, SILENT = 192, 193  # half decibels below 0 dB, and one step beyond the last of them
LEVELS = np.append(10.0 ** (-0.5 * np.arange(SILENT) / 20.0), 0.0)


class Fader:
    """Position in half decibels below 0 dB; full scale in, full scale or less out."""

    def __init__(self) -> None:
        self._position = LOWEST
        self._target = LOWEST
        self._frames_a_step = 0
        self._waited = 0

    def set(self, code: int, muted: bool, frames_a_step: int) -> None:
        """A volume code or mute to go to, half a decibel in `frames_a_step` frames; 0 jumps."""
        self._target = SILENT if muted else min(code, LOWEST)
        self._frames_a_step = frames_a_step
        if not frames_a_step:
            self._position = self._target

    @property
    def target_db(self) -> float | None:
        """Where it stands or goes to; None is mute."""
        return None if self._target == SILENT else 0.0 - 0.5 * self._target

    def gains(self, frames: int) -> NDArray[np.float64]:
        """Amplitudes of the next frames, float64[frames] or float64[1] when nothing moves."""
        if self._position == self._target:
            self._waited = 0
            return LEVELS[[self._position]]
        clock = self._waited + np.arange(1, frames + 1)
        steps = clock // self._frames_a_step
        if self._target > self._position:
            positions = np.minimum(self._position + steps, self._target)
        else:
            positions = np.maximum(self._position - steps, self._target)
        if frames:
            self._position = int(positions[-1])
            self._waited = int(clock[-1] % self._frames_a_step)
        return LEVELS[positions]
