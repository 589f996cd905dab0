"""The few vector operations that the echo kernels share. Written as loops: these compile fast, allocate
nothing and vectorise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.simd import lane, larger, load4, smaller, splat4

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)

_SIXTEENTH = np.float32(np.log(2.0) / 16.0)
_B2, _B3, _B4, _B5, _B6, _B7, _B8, _B9 = (np.float32(1.0 / math.factorial(n)) for n in range(2, 10))
_THIRD, _FIFTH, _SEVENTH, _OCTAVE = (
    np.float32(1 / 3),
    np.float32(1 / 5),
    np.float32(1 / 7),
    np.float32(16.0 / np.log(2.0)),
)


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
def clear_rows(target: Floats) -> None:
    """target[p, k] = 0"""
    for p in range(target.shape[0]):
        clear(target[p])


@realtime
def shift_rows(rows: Floats, by: int) -> None:
    """Move rows by whole blocks in place: what was in row p is in row p + *by*, and what comes in is zero. Positive: the
    path seems to begin *by* blocks later, as when the far end reaches the filter earlier."""
    count = rows.shape[0]
    for i in range(count):
        to = (count - 1 - i) if by > 0 else i
        source = to - by
        if 0 <= source < count:
            copy(rows[source & INDEX], rows[to & INDEX])
        else:
            clear(rows[to & INDEX])


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
    last = a.shape[0] & ~3
    four = splat4(_ZERO)
    for i in range(0, last, 4):
        x = load4(a, i)
        four = larger(four, larger(x, splat4(_ZERO) - x))
    largest = lane(four, 0)
    for i in range(1, 4):
        largest = max(largest, lane(four, i))
    for i in range(last, a.shape[0]):
        largest = max(largest, abs(a[i & INDEX]))
    return np.float32(largest)


@realtime
def slide(frame: Floats, block: Floats) -> None:
    """The last half of *frame* moves to its first half, *block* takes its place."""
    size = block.shape[0]
    for i in range(size):
        frame[i] = frame[size + i]
        frame[size + i] = block[i]


@realtime
def largest_at(a: Floats) -> int:
    """Where the largest sample is, the first of equals."""
    at = 0
    for i in range(a.shape[0]):
        if a[i] > a[at]:
            at = i
    return at


@realtime
def smoothed(old: np.float32, new: np.float32, keep: np.float32) -> np.float32:
    """One step of a first-order low pass."""
    return keep * old + (_ONE - keep) * new


@realtime
def limited(x: np.float32, least: np.float32, most: np.float32) -> np.float32:
    """x, held between two limits."""
    return np.float32(larger(least, smaller(most, x)))  # in this order what is no number stays none


@realtime
def power_of_two(x: np.float32) -> np.float32:
    """2^x for -20 < x < 20 within 2e-5 of it, without a call: exp(y) by its series, y = x ln 2 / 16, four times squared."""
    y = x * _SIXTEENTH
    e = _ONE + y * (_ONE + y * (_B2 + y * (_B3 + y * (_B4 + y * (_B5 + y * (_B6 + y * (_B7 + y * (_B8 + y * _B9))))))))
    e *= e
    e *= e
    e *= e
    return np.float32(e * e)


@realtime
def octaves(ratio: np.float32) -> np.float32:
    """log2 of what lies between 1 and 64 within 3e-4, without a call: u its eighth root, log u = 2 atanh((u - 1) / (u + 1))."""
    u = np.sqrt(np.sqrt(np.sqrt(ratio)))
    z = (u - _ONE) / (u + _ONE)
    square = z * z
    return np.float32(_OCTAVE * z * (_ONE + square * (_THIRD + square * (_FIFTH + square * _SEVENTH))))
