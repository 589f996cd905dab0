"""The slow slide between two clocks, followed inside the echo canceller by turning the phase of its filter.
No resampler.

Playback and capture on one codec share a clock. A USB microphone or a Bluetooth speaker does not, and an
echo path that slides by a sample a second is out of a filter's reach within seconds. A slide by d frames
per block turns bin k of every partition by -2 pi k d / N; turning W by it each block makes "the path slides
steadily" part of the model, and the filter does the rest. (In the frequency domain as Abe & Nishiguchi do;
the tracking of the offset after Pawig, Enzner, Vary, IEEE TSP 58(1), 2010.)

How late the estimate Y is shows in the error, E ~ -j w tau Y. A least-squares tau, weighted by the error's
power so that a talker counts for little, drives d in a slow loop:

    num = keep num - sum w Im(E Y*) / PE        den = keep den + sum w^2 |Y|^2 / PE
    tau = num / (den + K)                       d  += gain clip(tau)

It runs only while the filter cancels. It does not find the delay, and does not move partitions (alignment
does, when the path has crept out of the first ones).
"""

from __future__ import annotations

import math

import numpy as np

from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.vectors import Floats

# the loop's state: numerator, denominator, drift in frames per block
NUMERATOR, DENOMINATOR, DRIFT = range(3)

_FIRST_BIN = 4  # below, phase says little about delay
_FLOOR = np.float32(1e-9)
_ONE = np.float32(1.0)
_C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(1.0 / math.factorial(n)) for n in range(2, 8))
_DELAY_LIMIT, _DRIFT_LIMIT = np.float32(0.5), np.float32(0.1)


@realtime
def measure_delay(
    loop: Floats,
    e_re: Floats,
    e_im: Floats,
    y_re: Floats,
    y_im: Floats,
    error_power: Floats,
    block: int,
    keep: np.float32,
) -> None:
    """Add one block's evidence that the estimate y is early or late."""
    late, weight, radians = np.float32(0.0), np.float32(0.0), np.float32(np.pi) / np.float32(block)
    for i in range(block + 1 - _FIRST_BIN):
        k = (i + _FIRST_BIN) & INDEX
        turn = np.float32(k) * radians
        late -= turn * (e_im[k] * y_re[k] - e_re[k] * y_im[k]) / (error_power[k] + _FLOOR)
        weight += turn * turn * (y_re[k] * y_re[k] + y_im[k] * y_im[k]) / (error_power[k] + _FLOOR)
    loop[NUMERATOR] = keep * loop[NUMERATOR] + late
    loop[DENOMINATOR] = keep * loop[DENOMINATOR] + weight


@realtime
def follow_delay(loop: Floats, block: int, gain: np.float32) -> None:
    """Let the drift follow the delay that was measured."""
    delay = loop[NUMERATOR] / (loop[DENOMINATOR] + np.float32(block + 1))
    drift = loop[DRIFT] + gain * min(max(delay, -_DELAY_LIMIT), _DELAY_LIMIT)
    loop[DRIFT] = min(max(drift, -_DRIFT_LIMIT), _DRIFT_LIMIT)


@realtime
def fill_turn(cos: Floats, sin: Floats, drift: np.float32, block: int) -> None:
    """exp(-j pi k drift / block) for all bins: the series suffice for the third of a radian that the limit allows."""
    angle = np.float32(-np.pi) * drift / np.float32(block)
    for k in range(cos.shape[0]):
        x = angle * np.float32(k)
        square = x * x
        cos[k] = _ONE - square * (_C2 - square * (_C4 - square * _C6))
        sin[k] = x * (_ONE - square * (_C3 - square * (_C5 - square * _C7)))
