"""Between a card's rate and a chain's, a whole factor apart: 48 kHz hardware round a 16 kHz chain. Linear phase, nothing adaptive.

One low-pass of N = M T taps at the high rate does both ways (M the factor, T = `TAPS` for each phase), in its polyphase form: no
product with a zero that was stuffed in, none for a sample that is thrown away (R. Crochiere, L. Rabiner, "Multirate Digital Signal
Processing", 1983, §3.3):

    down:  y[i] = sum_j h[j] x[M i + M - 1 - j]            up:  y[M i + m] = M sum_t h[M t + m] x[i - t]

Frequencies as fractions of the low rate: flat within 0.015 dB up to 7/16 (7 kHz at 16 kHz), 81 dB down from 9/16 on. So what folds
back falls above 7/16; 7/16 to 9/16 itself is the price of a short filter, 9 dB down at 1/2. Both ways together delay by T - 1 = 31
low frames whatever the factor, 1.94 ms at 16 kHz; neither alone is whole, their sum is. A Kaiser window needs 40 taps for the same,
2.44 ms. Fewer equiripple taps: 28 give 74 dB and 0.03 dB (1.69 ms), 24 give 67 dB and 0.07 dB (1.44 ms).

The design is the weighted least squares whose weights follow the error until it ripples evenly (C. Lawson, 1961). It holds the
response to 1 at DC and 0 at every multiple of the low rate: a constant comes out as a constant, in every phase.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.frames import FloatArray, require_float32
from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, clear

TAPS = 32
"""Taps for each phase, which is the filter's length in low frames."""

ROUND_TRIP_FRAMES = TAPS - 1
"""Delay of a decimator and an interpolator together, in low frames."""

LARGEST_FACTOR = 12

_PASS, _STOP = 7 / 16, 9 / 16
_PASS_RIPPLE, _STOP_RIPPLE, _EXACT = 2e-3, 1e-4, 1e-6
_ROUNDS = 40  # 20 would be within 1 dB of the even ripple, 200 gain 0.01 dB more
_CHUNK = 128  # low frames filtered at once; a longer block is several


class RateState(State):
    """Taps and memory of one direction. M is the factor, c the channels."""

    taps: Floats  # [M, TAPS] for each phase, the oldest sample's first
    line: Floats  # [M c, TAPS - 1 + chunk] of a decimator, [c, ...] of an interpolator: past and present low frames
    row: Floats  # [chunk] one phase of one channel


@realtime
def decimate(state: RateState, x: FloatArray, out: FloatArray) -> None:
    """Every M-th frame of the low-passed *x* float32[n M, c], into *out* float32[n, c]; any n."""
    taps, line, row = state.taps, state.line, state.row
    factor, past = taps.shape[0], TAPS - 1
    for start in range(0, out.shape[0], _CHUNK):
        frames = min(_CHUNK, out.shape[0] - start)
        for channel in range(out.shape[1]):
            clear(row)
            for phase in range(factor):
                lane = channel * factor + phase
                for i in range(frames):
                    line[lane, past + i] = x[(start + i) * factor + phase, channel]
                _add_filtered(row, taps, phase, line, lane, frames)
                _remember(line, lane, frames)
            for i in range(frames):
                out[start + i, channel] = row[i]


@realtime
def interpolate(state: RateState, x: FloatArray, out: FloatArray) -> None:
    """*x* float32[n, c] with M - 1 new frames behind each, into *out* float32[n M, c]; any n."""
    taps, line, row = state.taps, state.line, state.row
    factor, past = taps.shape[0], TAPS - 1
    for start in range(0, x.shape[0], _CHUNK):
        frames = min(_CHUNK, x.shape[0] - start)
        for channel in range(x.shape[1]):
            for i in range(frames):
                line[channel, past + i] = x[start + i, channel]
            for phase in range(factor):
                clear(row)
                _add_filtered(row, taps, phase, line, channel, frames)
                for i in range(frames):
                    out[(start + i) * factor + phase, channel] = row[i]
            _remember(line, channel, frames)


@realtime
def _add_filtered(row: Floats, taps: Floats, phase: int, line: Floats, lane: int, frames: int) -> None:
    """row[i] += sum_k taps[phase, k] line[lane, i + k], four taps at a time and all frames side by side."""
    p, s = phase & INDEX, lane & INDEX
    for k in range(0, TAPS, 4):
        a, b, c, d = taps[p, k], taps[p, k + 1], taps[p, k + 2], taps[p, k + 3]
        for i in range(frames):
            row[i] += a * line[s, i + k] + b * line[s, i + k + 1] + c * line[s, i + k + 2] + d * line[s, i + k + 3]


@realtime
def _remember(line: Floats, lane: int, frames: int) -> None:
    """The newest samples become the past of the next chunk."""
    for i in range(TAPS - 1):
        line[lane, i] = line[lane, frames + i]


class Decimator:
    """From the card's rate down to the chain's."""

    def __init__(self, factor: int, channels: int = 1) -> None:
        """*factor*: high rate over low rate. ValueError unless 2 <= factor <= 12 and channels >= 1."""
        phases = low_pass_taps(factor).reshape(TAPS, factor).T  # h is its own mirror image: oldest first is h itself
        self.state = _state(phases, channels, lanes=factor * channels)
        self.latency_frames = TAPS / 2 - 1 + 0.5 / factor
        """Delay in low frames, counted from the first of the M high frames that become one."""

    def process(self, x: FloatArray, out: FloatArray) -> FloatArray:
        """*x* float32[n M, c] into *out* float32[n, c], which is returned. ValueError for other shapes."""
        factor, channels = len(self.state.taps), len(self.state.line) // len(self.state.taps)
        require_float32(out, ("n", channels), "out")
        require_float32(x, (len(out) * factor, channels))
        decimate(self.state, x, out)
        return out

    def reset(self) -> None:
        """Forget the past: the next block starts from silence."""
        self.state.line[:] = 0.0


class Interpolator:
    """From the chain's rate up to the card's."""

    def __init__(self, factor: int, channels: int = 2) -> None:
        """*factor*: high rate over low rate. ValueError unless 2 <= factor <= 12 and channels >= 1."""
        phases = factor * low_pass_taps(factor).reshape(TAPS, factor).T[:, ::-1]
        self.state = _state(phases, channels, lanes=channels)
        self.latency_frames = TAPS / 2 - 0.5 / factor
        """Delay in low frames, counted to the first of the M high frames that one becomes."""

    def process(self, x: FloatArray, out: FloatArray) -> FloatArray:
        """*x* float32[n, c] into *out* float32[n M, c], which is returned. ValueError for other shapes."""
        channels = len(self.state.line)
        require_float32(x, ("n", channels))
        require_float32(out, (len(x) * len(self.state.taps), channels), "out")
        interpolate(self.state, x, out)
        return out

    def reset(self) -> None:
        """Forget the past: the next block starts from silence."""
        self.state.line[:] = 0.0


@cache
def low_pass_taps(factor: int) -> NDArray[np.float64]:
    """The low-pass for *factor*, float64[factor TAPS], symmetric, of sum 1. ValueError unless 2 <= factor <= 12."""
    if not 2 <= factor <= LARGEST_FACTOR:
        raise ValueError(f"factor: {factor}, need a whole number from 2 to {LARGEST_FACTOR}: high rate over low rate")
    length, nyquist = factor * TAPS, factor / 2
    zeros = np.arange(0.0, nyquist + 0.5)
    low = np.linspace(0.0, _PASS, int(8 * TAPS * _PASS) + 1)
    high = np.linspace(_STOP, nyquist, int(8 * TAPS * (nyquist - _STOP)) + 1)
    f = np.concatenate([low, high, zeros])
    allowed = np.repeat([_PASS_RIPPLE, _STOP_RIPPLE, _EXACT], [len(low), len(high), len(zeros)])
    wanted = (f <= _PASS) / allowed
    lags = np.arange(length // 2) - (length - 1) / 2
    basis = 2.0 * np.cos(2.0 * np.pi * f[:, None] / factor * lags) / allowed[:, None]
    weight = np.ones(len(f))
    half = np.zeros(len(lags))
    for _ in range(_ROUNDS):
        weighted = basis.T * weight
        half = np.linalg.solve(weighted @ basis, weighted @ wanted)
        weight *= np.abs(basis @ half - wanted)
        weight /= weight.max()
    taps: NDArray[np.float64] = np.concatenate([half, half[::-1]]) / (2.0 * half.sum())
    taps.setflags(write=False)  # everybody gets the same one
    return taps


def _state(phases: NDArray[np.float64], channels: int, lanes: int) -> RateState:
    if channels < 1:
        raise ValueError(f"channels: {channels}, need 1 or more")
    return RateState(
        taps=np.ascontiguousarray(phases, np.float32),
        line=np.zeros((lanes, TAPS - 1 + _CHUNK), np.float32),
        row=np.zeros(_CHUNK, np.float32),
    )
