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

It runs only while the filter cancels, and where a filter follows quickly tau is so small that noise hides it. But a filter
that follows turns as fast as the path slides, however late it is. So the strongest partition W is compared with what it was
T = 128 ms ago, A, less what it was turned since:

    R = W conj(A) exp(j w turned)        slide = -sum w Im(R) / sum w^2 |R|        d += 0.4 sure slide / T

from 4 bins to 4 kHz. It is none unless all of R slides: what is left of its phase afterwards has to lie near 0. Noise slides as
well, but to and fro: sure, from 0 to 1, is how much of the slides' mean square is the square of their mean, less what chance
makes of a few. This needs no cancelling, only a path that is heard; tau makes it exact.

It does not find the delay, and does not move partitions (alignment does, when the path has crept out of the first ones).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.vectors import Floats, Ints, copy, largest_at, limited, smoothed

SPAN_S, SLIDE_STOP_HZ = 0.128, 4000.0  # T, and the last bin of R

# the loop's state: numerator, denominator, drift in frames per block; frames by which the filter was turned since A; means of the
# slides and of their squares, kept through jumps, for clocks do not jump
NUMERATOR, DENOMINATOR, DRIFT, TURNED, SLIDE, SLIDE_POWER = range(6)
# where A comes from: its partition, -1 when there is none, and the filter's offset; its age, T in blocks, and the bin before
# which R ends
ROW, PLACE, AGE, SPAN, STOP = range(5)

_FIRST_BIN = 4  # below, phase says little about delay
_FLOOR, _TINY = np.float32(1e-9), np.float32(1e-20)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9 = (np.float32(1.0 / math.factorial(n)) for n in range(2, 10))
_DELAY_LIMIT, _DRIFT_LIMIT = np.float32(0.5), np.float32(500e-6)  # frames; frames in a frame
_SLIDE_GAIN, _SLIDE_ALONG, _SLIDE_KEEP, _CHANCE = np.float32(0.4), np.float32(0.8), np.float32(0.85), np.float32(0.5)


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
    change_drift(loop, block, gain * limited(delay, -_DELAY_LIMIT, _DELAY_LIMIT))


@realtime
def change_drift(loop: Floats, block: int, by: np.float32) -> None:
    """At most half a frame in a thousand: more than any two crystals differ by."""
    limit = _DRIFT_LIMIT * np.float32(block)
    loop[DRIFT] = limited(loop[DRIFT] + by, -limit, limit)


@realtime
def watch_slide(
    loop: Floats, anchor: Ints, anchor_re: Floats, anchor_im: Floats,
    w_re: Floats, w_im: Floats, tap_energy: Floats, offset: int, block: int,
) -> None:  # fmt: skip
    """After T, compare the strongest partition of w with what it was, if it has stayed the strongest and in its place. The filter
    has just turned by the drift."""
    loop[TURNED] += loop[DRIFT]
    anchor[AGE] += 1
    if anchor[AGE] < anchor[SPAN]:
        return
    row = largest_at(tap_energy)
    if anchor[ROW] == row and anchor[PLACE] == offset:
        follow_slide(loop, anchor, anchor_re, anchor_im, w_re[row], w_im[row], block)
    copy(w_re[row], anchor_re)
    copy(w_im[row], anchor_im)
    anchor[ROW], anchor[PLACE], anchor[AGE] = row, offset, 0
    loop[TURNED] = _ZERO


@realtime
def follow_slide(
    loop: Floats, anchor: Ints, anchor_re: Floats, anchor_im: Floats, w_re: Floats, w_im: Floats, block: int
) -> None:
    """Let the drift follow what the partition w has slid by, since it was A, more than it was turned."""
    radians = np.float32(np.pi) / np.float32(block)
    late, weight = _ZERO, _ZERO
    for k in range(_FIRST_BIN, anchor[STOP]):
        turn = np.float32(k) * radians
        re, im = _slid(w_re[k], w_im[k], anchor_re[k], anchor_im[k], turn * loop[TURNED])
        late -= turn * im
        weight += turn * turn * np.sqrt(re * re + im * im)
    slide = late / (weight + _TINY)
    along, size = _ZERO, _TINY
    for k in range(_FIRST_BIN, anchor[STOP]):
        turn = np.float32(k) * radians
        re, im = _slid(w_re[k], w_im[k], anchor_re[k], anchor_im[k], turn * (loop[TURNED] + slide))
        along += re
        size += np.sqrt(re * re + im * im)
    slide = slide if along > _SLIDE_ALONG * size else _ZERO
    loop[SLIDE] = smoothed(loop[SLIDE], slide, _SLIDE_KEEP)
    loop[SLIDE_POWER] = smoothed(loop[SLIDE_POWER], slide * slide, _SLIDE_KEEP)
    sure = loop[SLIDE] * loop[SLIDE] / (loop[SLIDE_POWER] + _TINY)
    gain = _SLIDE_GAIN * limited((sure - _CHANCE) / (_ONE - _CHANCE), _ZERO, _ONE)
    change_drift(loop, block, gain * slide / np.float32(anchor[AGE]))


@realtime
def _slid(w_re: np.float32, w_im: np.float32, a_re: np.float32, a_im: np.float32, angle: np.float32) -> Any:
    """w conj(a) exp(j angle)"""
    cos, sin = np.cos(angle), np.sin(angle)
    re, im = w_re * a_re + w_im * a_im, w_im * a_re - w_re * a_im
    return re * cos - im * sin, re * sin + im * cos


@realtime
def fill_turn(cos: Floats, sin: Floats, drift: np.float32, block: int) -> None:
    """exp(-j pi k drift / block) for all bins: the series suffice for the radian that the limit allows."""
    angle = np.float32(-np.pi) * drift / np.float32(block)
    for k in range(cos.shape[0]):
        x = angle * np.float32(k)
        square = x * x
        cos[k] = _ONE - square * (_C2 - square * (_C4 - square * (_C6 - square * _C8)))
        sin[k] = x * (_ONE - square * (_C3 - square * (_C5 - square * (_C7 - square * _C9))))
