"""What a recording says about a canceller, a gain control or a delay: pure functions on arrays.

Not a bench: nothing here plays, records or judges. A function that cannot answer returns NaN (silence, NaN in
the input, nothing in common with the reference), so that a broken recording can never look like a good
product; arguments that make no sense (two-dimensional, different lengths) are a ValueError.

Signals are one-dimensional, full scale 1.0. Levels follow two conventions, 3.01 dB apart, and say which: dBFS
as in AES17, where a full-scale sine is 0 dBFS, and dBov as in ITU-T G.100.1, where the rms of a full-scale
square wave is 0 dBov. Android's compatibility definition writes "dBFS" and means dBov (rms 520 of 32768 =
-36).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.linalg import solve_toeplitz
from scipy.signal import correlate, fftconvolve, lfilter, resample
from scipy.signal.windows import tukey

Signal = NDArray[np.float64]
Mask = NDArray[np.bool_]

SINE_CREST_DB = 10.0 * math.log10(2.0)
"""Peak over rms of a sine, and so dBFS (AES17) over dBov."""

_P56_TIME_CONSTANT_S = 0.03
_P56_HANGOVER_S = 0.2
_P56_MARGIN_DB = 15.9


class Track(NamedTuple):
    """A quantity in decibels over time; `time_s` is the middle of each window, NaN where it is undefined."""

    time_s: Signal
    value_db: Signal


class Latency(NamedTuple):
    """Delay in frames (fractional), and how far its peak stands out: 0 = not at all, 1 = it is the only
    one."""

    delay_frames: float
    confidence: float


class ActiveLevel(NamedTuple):
    """Speech level while the talker talks, and the share of time in which he does (0..1)."""

    dbfs: float
    activity: float


def as_signal(x: ArrayLike) -> Signal:
    """*x* as one-dimensional float64; ValueError when it has another shape or no samples."""
    signal = np.asarray(x, dtype=np.float64)
    if signal.ndim != 1 or signal.size == 0:
        raise ValueError(f"a signal has one dimension and at least one sample, not shape {signal.shape}")
    return signal


def level_dbov(x: ArrayLike) -> float:
    """Rms re a full-scale square wave (ITU-T G.100.1): a full-scale sine is -3.01 dBov, silence -inf."""
    power = float(np.mean(np.square(as_signal(x))))
    return _power_db(power)


def level_dbfs(x: ArrayLike) -> float:
    """Rms level re a full-scale sine (AES17): a full-scale sine is 0 dBFS. Silence is -inf, NaN is NaN."""
    return level_dbov(x) + SINE_CREST_DB


def level_over_time(x: ArrayLike, rate_hz: float, window_s: float = 0.035, hop_s: float | None = None) -> Track:
    """`level_dbfs` of consecutive windows (35 ms as in ITU-T P.1110, half overlapping by default)."""
    signal = as_signal(x)
    window = max(1, round(window_s * rate_hz))
    hop = max(1, round((hop_s or window_s / 2) * rate_hz))
    if signal.size < window:
        raise ValueError(f"{signal.size / rate_hz:.3f} s is shorter than one window of {window_s} s")
    windows = np.lib.stride_tricks.sliding_window_view(signal, window)[::hop]
    with np.errstate(divide="ignore"):
        level: Signal = 10.0 * np.log10(np.mean(np.square(windows), axis=1)) + SINE_CREST_DB
    middle_s: Signal = (np.arange(level.size, dtype=np.float64) * hop + window / 2.0) / rate_hz
    return Track(middle_s, level)


def active_level(x: ArrayLike, rate_hz: float) -> ActiveLevel:
    """Active speech level in the manner of ITU-T P.56 method B.

    Twice-smoothed envelope (30 ms), activity with 200 ms hangover, and that threshold which lies 15.9 dB
    below the level it leads to. The thresholds here hang below the signal's own peak instead of a 16-bit
    grid, so that the result scales exactly with the signal.
    """
    signal = as_signal(x)
    power = float(np.mean(np.square(signal)))
    if not math.isfinite(power) or power == 0.0:
        return ActiveLevel(math.nan, math.nan)
    envelope = _p56_envelope(signal, rate_hz)
    peak = float(envelope.max())
    softer_level_db, softer_excess_db = math.nan, math.nan
    for below_db in range(80, -2, -2):
        threshold = peak * 10.0 ** (-below_db / 20.0)
        activity = float(np.mean(_p56_active(envelope, threshold, rate_hz)))
        level_db = _power_db(power / activity)
        excess_db = level_db - 20.0 * math.log10(threshold) - _P56_MARGIN_DB
        if excess_db <= 0.0:
            break
        softer_level_db, softer_excess_db = level_db, excess_db
    # Without a break it is a lone click in silence: P.56 has no answer, the loudest threshold is near one.
    share = softer_excess_db / (softer_excess_db - min(excess_db, 0.0))
    level_db = softer_level_db + share * (level_db - softer_level_db)
    return ActiveLevel(level_db + SINE_CREST_DB, power / 10.0 ** (level_db / 10.0))


def active_mask(x: ArrayLike, rate_hz: float) -> Mask:
    """Samples in which the talker talks, by P.56 at the active level's own threshold; all False for
    silence."""
    signal = as_signal(x)
    level = active_level(signal, rate_hz).dbfs
    if math.isnan(level):
        return np.zeros(signal.size, dtype=np.bool_)
    threshold = 10.0 ** ((level - SINE_CREST_DB - _P56_MARGIN_DB) / 20.0)
    block = _p56_block(rate_hz)
    active = _p56_active(_p56_envelope(signal, rate_hz), threshold, rate_hz)
    return np.repeat(active, block)[: signal.size]


def latency_frames(reference: ArrayLike, recorded: ArrayLike, max_delay_frames: int | None = None) -> Latency:
    """How many frames *recorded* lags *reference*, by generalised cross-correlation.

    The spectrum is whitened to the power 0.8 (Knapp & Carter 1976 at 1 is the phase transform; a little less
    survives bands that hold only noise); polarity does not matter. The peak is refined on a 16-fold resampled
    neighbourhood with a parabola through its top. Confidence is one minus the ratio of the next peak, 64 or
    more frames away, to this one: above 0.5 for the same signal through a room, below 0.2 for another signal.
    """
    x, y = as_signal(reference), as_signal(recorded)
    size = fft.next_fast_len(x.size + y.size, real=True)
    cross = fft.rfft(y, size) * np.conj(fft.rfft(x, size))
    magnitude = np.abs(cross)
    strongest = float(magnitude.max())
    if not math.isfinite(strongest) or strongest == 0.0:
        return Latency(math.nan, 0.0)
    cross /= np.maximum(magnitude, 1e-9 * strongest) ** 0.8
    correlation = fft.irfft(cross, size)
    search = np.abs(correlation[: y.size if max_delay_frames is None else min(y.size, max_delay_frames + 1)])
    top = int(np.argmax(search))

    reach, factor = 32, 16
    neighbours = np.take(correlation, np.arange(top - reach, top + reach), mode="wrap")
    fine = np.abs(resample(neighbours * tukey(2 * reach, sym=False), 2 * reach * factor))
    centre = reach * factor
    best = centre - factor + int(np.argmax(fine[centre - factor : centre + factor + 1]))
    before, here, after = fine[best - 1 : best + 2]
    bend = before - 2.0 * here + after
    offset = 0.5 * (before - after) / bend if bend < 0.0 else 0.0

    elsewhere = np.concatenate((search[: max(0, top - 63)], search[top + 64 :]))
    runner_up = float(elsewhere.max()) if elsewhere.size else 0.0
    delay = float(top + (best - centre + offset) / factor)
    return Latency(delay, max(0.0, 1.0 - runner_up / float(search[top])))


def gain_change_db(
    reference: ArrayLike, recorded: ArrayLike, rate_hz: float, step_s: float, window_s: float = 1.0
) -> float:
    """By how much the gain of a path fell from the end of a soft part to the end of the loud part after it.

    *reference* steps at *step_s*; the gain (recorded over reference) is taken in the last *window_s* before
    the step and the last *window_s* of the recording, each after the gain control has come to rest. Positive
    when the loud part is amplified less. Both are to start at the same instant; a delay far below *window_s*
    does not matter.
    """
    x, y = _pair(reference, recorded)
    window, step = round(window_s * rate_hz), round(step_s * rate_hz)
    if not window <= step <= x.size - window:
        raise ValueError(f"the step at {step_s} s needs {window_s} s of signal before and after it")
    soft, loud = slice(step - window, step), slice(x.size - window, x.size)
    soft_gain_db = _difference(level_dbov(y[soft]), level_dbov(x[soft]))
    loud_gain_db = _difference(level_dbov(y[loud]), level_dbov(x[loud]))
    return _difference(soft_gain_db, loud_gain_db)


def erle_db(mic: ArrayLike, out: ArrayLike, rate_hz: float, mask: Mask | None = None) -> float:
    """Echo return loss enhancement: level of *mic* less level of *out*, over *mask* (all samples by default).

    NaN when the microphone or the output is digital silence (a muted output would otherwise be the perfect
    canceller), and when *mask* leaves less than 10 ms.
    """
    near, rest = _pair(mic, out)
    if mask is not None:
        _same_length(near, mask)
        if np.count_nonzero(mask) < round(0.01 * rate_hz):
            return math.nan
        near, rest = near[mask], rest[mask]
    return _difference(level_dbov(near), level_dbov(rest))


def erle_over_time(mic: ArrayLike, out: ArrayLike, rate_hz: float, window_s: float = 0.035) -> Track:
    """`erle_db` of half-overlapping windows; NaN where the microphone is 40 dB below its loudest window.

    With the far-end signal in the place of *mic* it is the echo loss over time.
    """
    near, rest = _pair(mic, out)
    before, after = level_over_time(near, rate_hz, window_s), level_over_time(rest, rate_hz, window_s)
    loudest = np.max(before.value_db)
    defined = np.isfinite(before.value_db) & np.isfinite(after.value_db) & (before.value_db > loudest - 40.0)
    with np.errstate(invalid="ignore"):
        return Track(before.time_s, np.where(defined, before.value_db - after.value_db, np.nan))


def convergence_s(track: Track, target_db: float, dip_db: float = 0.0) -> float:
    """When *track* reaches *target_db* and holds it to the end, at worst *dip_db* below; NaN when never."""
    defined = np.isfinite(track.value_db)
    time_s, value_db = track.time_s[defined], track.value_db[defined]
    dips = np.flatnonzero(value_db < target_db - dip_db)
    start = int(dips[-1]) + 1 if dips.size else 0
    reached = np.flatnonzero(value_db[start:] >= target_db)
    return float(time_s[start + reached[0]]) if reached.size else math.nan


def echo_loss_db(far_level_db: float, out_level_db: float) -> float:
    """Terminal coupling loss: far-end level less what of it is sent back. NaN for silence on either side."""
    return _difference(far_level_db, out_level_db)


def double_talk_loss_db(
    near: ArrayLike, out: ArrayLike, rate_hz: float, mask: Mask | None = None, max_delay_s: float = 0.5
) -> float:
    """How much quieter the near talker is in *out* than in *near*, whatever else *out* holds.

    *near* is what the microphone would hear without echo. *out* is projected on *near*: the best 16 ms FIR
    filter in the least-squares sense, placed round the delay between the two, from the samples in *mask* (the
    talker's active ones by default); the loss is the level of *near* less the level of its filtered image.
    Echo, noise and artefacts are not correlated with the talker and drop out; an output without the talker
    loses 20 dB or more, limited by the length of the signal.
    """
    talker, mixed = _pair(near, out)
    heard = active_mask(talker, rate_hz) if mask is None else mask
    _same_length(talker, heard)
    delay = latency_frames(talker, mixed, round(max_delay_s * rate_hz)).delay_frames
    taps = round(0.016 * rate_hz)
    if math.isnan(delay) or np.count_nonzero(heard) < 4 * taps:
        return math.nan
    mixed = _advance(mixed, round(delay) - taps // 4)
    auto = lags(talker * heard, talker, taps)
    auto[0] *= 1.0 + 1e-6  # speech leaves bands empty; without this the filter is undefined there
    image = fftconvolve(talker, solve_toeplitz(auto, lags(mixed * heard, talker, taps)))[: talker.size]
    return _difference(level_dbov(talker[heard]), level_dbov(image[heard]))


def lags(x: Signal, y: Signal, count: int) -> Signal:
    """sum over n of x[n] y[n - k], for k = 0 .. count - 1."""
    full: Signal = correlate(x, y, mode="full", method="fft")
    return full[y.size - 1 : y.size - 1 + count].copy()


def click_dbfs(x: ArrayLike) -> float:
    """Largest sample magnitude re full scale, of a recording through a mode change without signal.

    NaN for digital silence: a converter that runs has noise, so nothing was recorded.
    """
    peak = float(np.max(np.abs(as_signal(x))))
    return 20.0 * math.log10(peak) if peak > 0.0 else math.nan


def _p56_block(rate_hz: float) -> int:
    """Samples between two looks at the envelope: 1 ms is little to a 30 ms envelope and saves most work."""
    return max(1, int(rate_hz // 1000))


def _p56_envelope(signal: Signal, rate_hz: float) -> Signal:
    pole = math.exp(-1.0 / (rate_hz * _P56_TIME_CONSTANT_S))
    once = lfilter([1.0 - pole], [1.0, -pole], np.abs(signal))
    twice: Signal = lfilter([1.0 - pole], [1.0, -pole], once)
    return twice[:: _p56_block(rate_hz)]


def _p56_active(envelope: Signal, threshold: float, rate_hz: float) -> Mask:
    index = np.arange(envelope.size)
    last = np.maximum.accumulate(np.where(envelope >= threshold, index, -envelope.size))
    active: Mask = index - last <= _P56_HANGOVER_S * rate_hz / _p56_block(rate_hz)
    return active & (last >= 0)  # before the first activity there is nothing to hang over


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[Signal, Signal]:
    first, second = as_signal(x), as_signal(y)
    _same_length(first, second)
    return first, second


def _same_length(x: NDArray[np.generic], y: NDArray[np.generic]) -> None:
    if x.shape != y.shape:
        raise ValueError(f"two signals of one recording have one length, not {x.shape} and {y.shape}")


def _power_db(power: float) -> float:
    return 10.0 * math.log10(power) if power > 0.0 else (-math.inf if power == 0.0 else math.nan)


def _difference(first_db: float, second_db: float) -> float:
    both = math.isfinite(first_db) and math.isfinite(second_db)
    return first_db - second_db if both else math.nan


def _advance(x: Signal, frames: int) -> Signal:
    """*x* that many frames earlier, zeros where it has run out."""
    moved = np.zeros_like(x)
    if frames >= 0:
        moved[: x.size - frames] = x[frames:]
    else:
        moved[-frames:] = x[:frames]
    return moved
