"""The few vector operations that the echo kernels share. Written as loops: these compile fast, allocate
nothing and vectorise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import realtime

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_ZERO = np.float32(0.0)


@realtime
def copy(source: Floats, target: Floats) -> None:
    """target[n] = source[n] for as many as the target holds."""
    for i in range(target.shape[0]):
        target[i] = source[i]


@realtime
def copy_rows(source: Floats, target: Floats) -> None:
    """The rows that both have, from *source* to *target*."""
    for p in range(min(source.shape[0], target.shape[0])):
        copy(source[p], target[p])


@realtime
def clear(target: Floats) -> None:
    """target = 0"""
    for i in range(target.shape[0]):
        target[i] = _ZERO


@realtime
def dot(a: Floats, b: Floats) -> np.float32:
    """Scalar product; of a block with itself, its energy."""
    total = _ZERO
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@realtime
def peak(a: Floats) -> np.float32:
    """Largest magnitude."""
    largest = _ZERO
    for i in range(a.shape[0]):
        largest = max(largest, abs(a[i]))
    return largest


@realtime
def slide(frame: Floats, block: Floats) -> None:
    """The last half of *frame* moves to its first half, *block* takes its place."""
    size = block.shape[0]
    for i in range(size):
        frame[i] = frame[size + i]
        frame[size + i] = block[i]


@realtime
def smoothed(old: np.float32, new: np.float32, keep: np.float32) -> np.float32:
    """One step of a first-order low pass."""
    return keep * old + (np.float32(1.0) - keep) * new
