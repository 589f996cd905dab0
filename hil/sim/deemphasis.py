"""The shelf of CD pre-emphasis, undone: 50 and 15 microseconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TIMES_S = (50e-6, 15e-6)


def deemphasis(rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients b and a: bilinear at the rate that the filter was designed for."""
    pole, zero = (2.0 * rate_hz * tau for tau in TIMES_S)
    return np.array([1 + zero, 1 - zero]) / (1 + pole), np.array([1.0, (1 - pole) / (1 + pole)])
