"""How much faster one card plays than another captures, and the ratio that keeps the queue between them level. It only tells:
`resample` does.

The period loop is paced by capture. Frames are counted since both streams started; a count and its time stamp belong together, so
lateness of the loop does not matter. With captured' = captured + rate (played_ns - captured_ns), both counts at one time:

    y = played - captured'                                      its slope d over captured frames: playback's drift
    f = written + (captured' - processed) ratio - played        what the loop is ahead, without the sawtooth of the period

A Kalman filter of offset and drift follows y: least squares from the start on (gain 2 / k at the k-th stamp), then as narrow as a
drift that wanders allows. The noise is measured, by the differences of successive y. A position that moves in grains of G frames,
found as their common divisor, makes a sawtooth of y with as many independent values as jumps: where half the mean square of
the differences is N, each y has the weight of a noise of G^4 / 24 N. f is worked out from the smoothed y and counts from the start,
to which the fitted line reaches back: a bad first stamp does no harm.

    ratio = 1 + d - f / (rate T),        T from 4 s to 120 s as the streams grow old

The filter is the integral part of this control, so f comes back to 0. A drift or a gain that could be noise (4 sigma) does not
count: two cards on one clock keep a ratio of 1. What an echo canceller sees slide is (ratio - 1 - drift) rate frames a second.

Reached, with stamps that tremble by 1 ms on both cards: 2 ppm after 30 to 45 s, 0.3 ppm after 5 minutes, a slide below 0.025 frame
a second from then on; the queue loses 1.7 ms before 500 ppm are known. Exact stamps: 0.1 ppm, 0.006 frame a second. Positions that
move a whole period at a time hide the drift until they jump, and no filter can see it: the queue strays by up to two periods.
Stamp such a position when it moves, not when it is asked for.

(Two-state filter: B. Friedland, "Optimum Steady-State Position and Velocity Estimation", IEEE TAES 9(6), 1973.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.resample import LARGEST_DRIFT
from firmware_py.dsp.state import State

Words = NDArray[np.float64]
Counts = NDArray[np.int64]

RATIO, PPM, FILL, DOUBT_PPM = range(4)
"""Words to read: the ratio to resample at, the drift found, what the queue has gained in frames, the drift's standard deviation."""

_RATE, _AGE, _START, _BEFORE, _NOISE = range(4, 9)
_OFFSET, _DRIFT, _OFFSET_VARIANCE, _COVARIANCE, _DRIFT_VARIANCE, _WORDS = range(9, 15)
_STAMPS, _PLAYED, _PROCESSED, _GRAIN, _WILD, _COUNTS = range(6)

_FAR_APART_NS = 10**9
_CRYSTALS = 200e-6  # standard deviation of a drift that nothing is known of
_WANDER = 0.02e-6  # standard deviation of what a drift wanders in a second
_FIRST_OFFSET_S, _FIRST_NOISE_S = 5e-3, 0.5e-3
_FIRST_NOISE_STAMPS, _NOISE_S, _LEAST_NOISE = 8, 600.0, 1.0  # weight of the first guess, memory, frames^2
_CLIP = 4.0  # standard deviations: what one wild stamp may say
_WILD_STAMPS = 4  # so many in a row are right, and the line is wrong
_SURE, _SETTLED_PPM = 4.0, 0.2
_START_S = 30.0  # from then on the start is not reckoned anew
_FIRST_TRIM_S, _TRIM_S = 4.0, 120.0
_FIRST_LAG_S, _LAG_S = 0.5, 20.0
_SLEW_PPM_PER_S = 1.0


class ClockState(State):
    """What is known of two clocks."""

    words: Words  # [_WORDS] frames and frames^2, drift in frames per frame
    counts: Counts  # [_COUNTS] of the last stamp


@realtime
def follow_clocks(
    clocks: ClockState, captured: int, captured_ns: int, played: int, played_ns: int, processed: int, written: float
) -> None:
    """Learn from one period's counts, in frames since the streams started, and set the words.

    captured, captured_ns : what the capture hardware has captured, and when (CLOCK_MONOTONIC)
    played, played_ns     : what the playback hardware has consumed, and when
    processed, written    : what the loop has taken of the one and made for the other, without the preroll

    *written* is best given less `due[0]` of the resampler: whole frames tremble, and at 16 kHz the ratio by 0.5 ppm with them.
    A stamp of 0, or stamps more than a second apart, say nothing and change nothing.
    """
    words, counts = clocks.words, clocks.counts
    if captured_ns == 0 or played_ns == 0 or abs(played_ns - captured_ns) > _FAR_APART_NS:
        return
    captured_then = captured + words[_RATE] * 1e-9 * (played_ns - captured_ns)
    offset = played - captured_then
    counts[_STAMPS] += 1
    if counts[_STAMPS] == 1:
        words[_OFFSET], words[_START], words[_BEFORE] = offset, offset, offset
        words[_OFFSET_VARIANCE], words[_COVARIANCE] = (_FIRST_OFFSET_S * words[_RATE]) ** 2, 0.0
        words[_AGE] = 0.0
        counts[_PLAYED], counts[_PROCESSED] = played, processed
        return
    frames = min(max(float(processed - counts[_PROCESSED]), 0.0), words[_RATE])
    noise = _measure_noise(words, counts, offset, played, frames)
    counts[_PROCESSED] = processed
    words[_AGE] += frames
    _learn(words, counts, offset, frames, noise)
    _steer(words, frames, written - float(processed), captured_then - processed)


@realtime
def restart(clocks: ClockState) -> None:
    """The streams start anew and so do all counts; ratio, drift and noise are kept."""
    for count in range(_COUNTS):
        clocks.counts[count] = 0
    clocks.words[FILL] = 0.0


@realtime
def _measure_noise(words: Words, counts: Counts, offset: float, played: int, frames: float) -> float:
    """Variance of *offset* as far as the filter is concerned."""
    grain, rest = abs(played - counts[_PLAYED]), counts[_GRAIN]
    while rest != 0:
        grain, rest = rest, grain % rest
    counts[_GRAIN], counts[_PLAYED] = grain, played
    square = float(grain) * float(grain)
    jump = offset - words[_BEFORE] - words[_DRIFT] * frames
    words[_BEFORE] = offset
    weight = 1.0 / min(counts[_STAMPS] + _FIRST_NOISE_STAMPS, _NOISE_S * words[_RATE] / max(frames, 1.0))
    seen = min(0.5 * jump * jump, _CLIP * _CLIP * words[_NOISE] + 0.5 * square)
    words[_NOISE] = max(words[_NOISE] + weight * (seen - words[_NOISE]), _LEAST_NOISE)
    return float(max(words[_NOISE], square * square / (24.0 * words[_NOISE])))


@realtime
def _learn(words: Words, counts: Counts, offset: float, frames: float, noise: float) -> None:
    """One step of the Kalman filter, with the innovation clipped."""
    wander = _WANDER * _WANDER * frames / words[_RATE]
    words[_OFFSET] += words[_DRIFT] * frames
    words[_OFFSET_VARIANCE] += frames * (2.0 * words[_COVARIANCE] + frames * (words[_DRIFT_VARIANCE] + wander / 3.0))
    words[_COVARIANCE] += frames * (words[_DRIFT_VARIANCE] + wander / 2.0)
    words[_DRIFT_VARIANCE] += wander
    total = words[_OFFSET_VARIANCE] + noise
    limit = _CLIP * math.sqrt(total)
    innovation = offset - words[_OFFSET]
    counts[_WILD] = counts[_WILD] + 1 if abs(innovation) > limit else 0
    if counts[_WILD] == _WILD_STAMPS:
        counts[_WILD] = 0
        words[_OFFSET_VARIANCE] += innovation * innovation
        total = words[_OFFSET_VARIANCE] + noise
        limit = abs(innovation)
    innovation = min(max(innovation, -limit), limit)
    gain, drift_gain = words[_OFFSET_VARIANCE] / total, words[_COVARIANCE] / total
    words[_OFFSET] += gain * innovation
    words[_DRIFT] += drift_gain * innovation
    words[_DRIFT_VARIANCE] = max(words[_DRIFT_VARIANCE] - drift_gain * words[_COVARIANCE], 0.0)
    words[_COVARIANCE] *= 1.0 - gain
    words[_OFFSET_VARIANCE] *= 1.0 - gain


@realtime
def _steer(words: Words, frames: float, ahead: float, waiting: float) -> None:
    """Set ratio and fill. *ahead*: frames written above those processed; *waiting*: frames captured, but not processed."""
    largest = 1e6 * LARGEST_DRIFT
    rate, age_s = words[_RATE], words[_AGE] / words[_RATE]
    words[PPM] = min(max(1e6 * words[_DRIFT], -largest), largest)
    words[DOUBT_PPM] = 1e6 * math.sqrt(words[_DRIFT_VARIANCE])
    drift = _beyond_doubt(words[PPM], max(words[DOUBT_PPM] - _SETTLED_PPM, 0.0))
    if age_s < _START_S:
        words[_START] = words[_OFFSET] - 1e-6 * drift * words[_AGE]
    words[FILL] = ahead + waiting * (words[RATIO] - 1.0) - (words[_OFFSET] - words[_START])
    gained = _beyond_doubt(words[FILL], math.sqrt(words[_OFFSET_VARIANCE]))
    trim_s = min(max(0.5 * age_s, _FIRST_TRIM_S), _TRIM_S)
    wanted = min(max(drift - 1e6 * gained / (rate * trim_s), -largest), largest)
    now = 1e6 * (words[RATIO] - 1.0)
    lag_s = min(max(0.5 * age_s, _FIRST_LAG_S), _LAG_S)
    slew = max(_SLEW_PPM_PER_S, abs(wanted - now) / lag_s) * frames / rate
    words[RATIO] = 1.0 + 1e-6 * (now + min(max(wanted - now, -slew), slew))


@realtime
def _beyond_doubt(value: float, deviation: float) -> float:
    """*value*, or 0 if it could be noise of that standard deviation, and no step between."""
    doubt = _SURE * deviation
    return value * (1.0 - (doubt / value) ** 2) if abs(value) > doubt else 0.0


class ClockFollower:
    """Two cards' clocks, followed. The period loop calls `follow_clocks` on `state`."""

    def __init__(self, rate_hz: float) -> None:
        """*rate_hz*: what both cards are set to. ValueError unless 1 kHz to 1 MHz."""
        if not 1e3 <= rate_hz <= 1e6:
            raise ValueError(f"rate_hz: {rate_hz}, need what both cards are set to, 1000 to 1000000")
        words = np.zeros(_WORDS)
        words[_RATE], words[RATIO], words[DOUBT_PPM] = rate_hz, 1.0, 1e6 * _CRYSTALS
        words[_DRIFT_VARIANCE], words[_NOISE] = _CRYSTALS**2, (_FIRST_NOISE_S * rate_hz) ** 2
        self.state = ClockState(words=words, counts=np.zeros(_COUNTS, np.int64))

    @property
    def ratio(self) -> float:
        """Output frames per input frame for the resampler before playback."""
        return float(self.state.words[RATIO])

    @property
    def drift_ppm(self) -> float:
        """How much faster playback runs than capture."""
        return float(self.state.words[PPM])

    @property
    def doubt_ppm(self) -> float:
        """Standard deviation of `drift_ppm`."""
        return float(self.state.words[DOUBT_PPM])

    @property
    def fill_frames(self) -> float:
        """What the queue before playback has gained since the streams started."""
        return float(self.state.words[FILL])
