"""What a path does to tones and sweeps: frequency response, corner, flatness, distortion, noise, true
frequency.

Not about speech or echo (that is `hil.analysis`), and no judgement. Functions return NaN when the recording
holds no answer: silence, NaN, or nothing of the stimulus.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.signal import fftconvolve
from scipy.signal.windows import hann

from hil.analysis import Signal, as_signal, latency_frames, level_dbov
from hil.stimulus import BurstPlan, Sweep

_POINTS_PER_OCTAVE = 24
_SMOOTHING_OCTAVES = 1.0 / 12.0


class Response(NamedTuple):
    """Magnitude of a path on a logarithmic grid, 24 points an octave. 0 dB is a gain of one."""

    frequency_hz: Signal
    magnitude_db: Signal


def transfer_function(sweep: Sweep, recorded: ArrayLike) -> Response:
    """Frequency response of what lies between *sweep* and *recorded*, smoothed over 1/12 octave.

    The recording is folded with the sweep's inverse filter (Farina 2000). Harmonics of a distorting path come
    before the linear impulse response and are cut off with the noise after it (0.5 s); the sweep's own
    spectrum, treated alike, is divided out. All NaN when no impulse response stands out of the noise by 20
    dB.
    """
    y = as_signal(recorded)
    grid = _octave_grid(sweep.low_hz, min(sweep.high_hz, 0.49 * sweep.rate_hz))
    unanswered = Response(grid, np.full(grid.size, np.nan))
    if not np.all(np.isfinite(y)) or not np.any(y):
        return unanswered
    lead = min(0.1, 0.4 * sweep.harmonic_lead_s(2))
    size = fft.next_fast_len(round(4.0 * sweep.rate_hz), real=True)
    heard, is_clear = _linear_response(fftconvolve(y, sweep.inverse), sweep.rate_hz, lead)
    played, _ = _linear_response(fftconvolve(sweep.signal, sweep.inverse), sweep.rate_hz, lead)
    if not is_clear:
        return unanswered
    power = np.square(np.abs(fft.rfft(heard, size)) / np.abs(fft.rfft(played, size)))
    band = (sweep.low_hz, grid[-1])
    return Response(grid, 10.0 * np.log10(_octave_mean(power, sweep.rate_hz / size, grid, band)))


def flatness_db(frequency_hz: ArrayLike, magnitude_db: ArrayLike, low_hz: float, high_hz: float) -> float:
    """The smallest t such that the curve stays within +-t dB of one level between *low_hz* and *high_hz*."""
    frequency, magnitude = as_signal(frequency_hz), as_signal(magnitude_db)
    _within(low_hz, frequency)
    _within(high_hz, frequency)
    edges = np.interp(np.log([low_hz, high_hz]), np.log(frequency), magnitude)
    inside = magnitude[(frequency > low_hz) & (frequency < high_hz)]
    band = np.concatenate((edges, inside))
    return float(np.ptp(band)) / 2.0 if np.all(np.isfinite(band)) else math.nan


def gain_at_db(frequency_hz: ArrayLike, magnitude_db: ArrayLike, at_hz: float, reference_hz: float) -> float:
    """Gain at *at_hz* less the gain at *reference_hz*, both interpolated on a logarithmic axis."""
    frequency, magnitude = as_signal(frequency_hz), as_signal(magnitude_db)
    _within(at_hz, frequency)
    _within(reference_hz, frequency)
    here, there = np.interp(np.log([at_hz, reference_hz]), np.log(frequency), magnitude)
    return float(here - there) if math.isfinite(here) and math.isfinite(there) else math.nan


def corner_hz(frequency_hz: ArrayLike, magnitude_db: ArrayLike, reference_hz: float, drop_db: float = 3.0) -> float:
    """The low corner: going down from *reference_hz*, where the curve is first *drop_db* below that point.

    When it never falls that far the corner lies below what was measured, and the lowest frequency is
    returned: an upper bound.
    """
    frequency, magnitude = as_signal(frequency_hz), as_signal(magnitude_db)
    _within(reference_hz, frequency)
    if not np.all(np.isfinite(magnitude)):
        return math.nan
    wanted = float(np.interp(math.log(reference_hz), np.log(frequency), magnitude)) - drop_db
    below = np.flatnonzero((frequency < reference_hz) & (magnitude <= wanted))
    if below.size == 0:
        return float(frequency[0])
    lower = int(below[-1])
    share = (wanted - magnitude[lower]) / (magnitude[lower + 1] - magnitude[lower])
    return float(frequency[lower] * (frequency[lower + 1] / frequency[lower]) ** share)


def burst_response(recorded: ArrayLike, plan: BurstPlan) -> Signal:
    """Gain at each frequency of *plan* in dB, relative to the reference bursts on either side of it.

    Neighbouring references cancel what a gain control did meanwhile, so the response of a path shows through
    its automatic gain. NaN where a reference burst is less than 10 dB above the gap after it.
    """
    y = as_signal(recorded)
    unanswered = np.full(len(plan.frequencies_hz), np.nan)
    delay = latency_frames(plan.signal, y).delay_frames
    if math.isnan(delay):
        return unanswered
    y = _from_frame(y, round(delay), plan.signal.size)

    def amplitude(part: tuple[int, int], frequency_hz: float) -> float:
        return _tone_amplitude(y[part[0] : part[1]], plan.rate_hz, frequency_hz)

    references = range(0, 2 * len(plan.frequencies_hz) + 1, 2)
    heard = np.array([amplitude(plan.slot(i), plan.reference_hz) for i in references])
    between = np.array([amplitude(plan.gap(i), plan.reference_hz) for i in references])
    if not np.all(heard > between * 10.0**0.5):
        return unanswered
    tones = np.array([amplitude(plan.slot(2 * i + 1), f) for i, f in enumerate(plan.frequencies_hz)])
    around = np.sqrt(heard[:-1] * heard[1:])
    with np.errstate(divide="ignore"):
        gains: Signal = 20.0 * np.log10(tones / around)
    return gains


def frequency_hz(x: ArrayLike, rate_hz: float) -> float:
    """Frequency of the one tone in *x*, to some millihertz for a second of clean tone.

    Coarse by the peak of a windowed spectrum, then twice by how far the phase turns from the first to the
    second half. NaN when the tone is not at least half of the power: noise has no frequency.
    """
    signal = as_signal(x)
    signal = signal - signal.mean()
    power = float(np.mean(np.square(signal)))
    if not math.isfinite(power) or power == 0.0 or signal.size < 16:
        return math.nan
    spectrum = np.abs(fft.rfft(signal * hann(signal.size, sym=False)))
    estimate = max(1, int(np.argmax(spectrum))) * rate_hz / signal.size
    half = signal.size // 2
    time_s = np.arange(2 * half) / rate_hz
    window = hann(half, sym=False)
    for _ in range(3):
        turned = signal[: 2 * half] * np.exp(-2j * np.pi * estimate * time_s)
        first, second = np.sum(turned[:half] * window), np.sum(turned[half:] * window)
        estimate += float(np.angle(second * np.conj(first))) / (2.0 * np.pi * half / rate_hz)
    amplitude = (abs(first) + abs(second)) / float(np.sum(window))
    return estimate if amplitude**2 / 2.0 >= 0.5 * power else math.nan


def thd_percent(x: ArrayLike, rate_hz: float, f0_hz: float, harmonics: int = 9) -> float:
    """Rms of the first overtones (below Nyquist) of the tone near *f0_hz*, over the rms of the tone.

    Fitted by least squares at the tone's true frequency, so that no window and no whole number of periods is
    needed.
    """
    signal = as_signal(x)
    true_hz = frequency_hz(signal, rate_hz)
    if math.isnan(true_hz) or abs(true_hz - f0_hz) > 0.02 * f0_hz or 2.0 * true_hz >= 0.5 * rate_hz:
        return math.nan
    orders = [n for n in range(1, harmonics + 2) if n * true_hz < 0.5 * rate_hz]
    angle = 2.0 * np.pi * true_hz * np.arange(signal.size)[:, None] / rate_hz * np.array(orders)
    basis = np.hstack((np.cos(angle), np.sin(angle), np.ones((signal.size, 1))))
    weights, *_ = np.linalg.lstsq(basis, signal, rcond=None)
    amplitude = np.hypot(weights[: len(orders)], weights[len(orders) : -1])
    return float(100.0 * np.linalg.norm(amplitude[1:]) / amplitude[0])


def a_weighted(x: ArrayLike, rate_hz: float) -> Signal:
    """*x* through the A curve of IEC 61672-1 (0 dB at 1 kHz), applied in the frequency domain."""
    signal = as_signal(x)
    f2 = np.square(fft.rfftfreq(signal.size, 1.0 / rate_hz))
    poles = (f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12194.0**2)
    curve = 12194.0**2 * f2**2 / poles
    weighted: Signal = fft.irfft(fft.rfft(signal) * curve * 10.0 ** (2.0 / 20.0), signal.size)
    return weighted


def snr_db(tone: ArrayLike, noise: ArrayLike, rate_hz: float) -> float:
    """A-weighted level of a recorded tone over that of a recording without it. NaN when either is silent.

    A recording of digital silence has no noise because nothing was recorded.
    """
    loud, quiet = (level_dbov(a_weighted(x, rate_hz)) for x in (tone, noise))
    return loud - quiet if math.isfinite(loud) and math.isfinite(quiet) else math.nan


def _linear_response(impulse: Signal, rate_hz: float, lead_s: float) -> tuple[Signal, bool]:
    """The impulse response round its peak with soft edges, and whether it stands out of the rest by 20 dB."""
    top = int(np.argmax(np.abs(impulse)))
    lead, tail = round(lead_s * rate_hz), round(0.5 * rate_hz)
    padded = np.pad(impulse, (lead, tail))
    part = padded[top : top + lead + tail].copy()
    part[: lead // 2] *= np.square(np.sin(np.linspace(0.0, np.pi / 2, lead // 2, endpoint=False)))
    part[-tail // 2 :] *= np.square(np.cos(np.linspace(0.0, np.pi / 2, part[-tail // 2 :].size)))
    outside = np.concatenate((impulse[: max(0, top - lead)], impulse[top + tail :]))
    noise = math.sqrt(float(np.mean(np.square(outside)))) if outside.size else 0.0
    return part, abs(impulse[top]) > 10.0 * noise


def _octave_grid(low_hz: float, high_hz: float) -> Signal:
    steps = math.floor(_POINTS_PER_OCTAVE * math.log2(high_hz / low_hz))
    return low_hz * 2.0 ** (np.arange(steps + 1) / _POINTS_PER_OCTAVE)


def _octave_mean(power: Signal, spacing_hz: float, grid: Signal, band: tuple[float, float]) -> Signal:
    """Mean of *power* (bins *spacing_hz* apart) within half the smoothing width either side of each point."""
    running = np.concatenate(([0.0], np.cumsum(power)))
    edges = np.arange(running.size) - 0.5
    side = 2.0 ** (_SMOOTHING_OCTAVES / 2.0)
    # Outside of what was swept there is nothing but rounding to average.
    low = np.maximum(grid / side, band[0]) / spacing_hz
    high = np.minimum(grid * side, band[1]) / spacing_hz
    mean: Signal = (np.interp(high, edges, running) - np.interp(low, edges, running)) / (high - low)
    return mean


def _from_frame(x: Signal, start: int, frames: int) -> Signal:
    """*frames* of *x* from frame *start* on, zeros where it has none."""
    part = x[max(0, start) : max(0, start + frames)]
    before = max(0, -start)
    return np.pad(part, (before, max(0, frames - before - part.size)))[:frames]


def _tone_amplitude(x: Signal, rate_hz: float, frequency_hz: float) -> float:
    if x.size == 0:
        return math.nan
    window = hann(x.size, sym=False)
    turn = np.exp(-2j * np.pi * frequency_hz * np.arange(x.size) / rate_hz)
    return float(2.0 * abs(np.sum(x * window * turn)) / np.sum(window))


def _within(at_hz: float, frequency: NDArray[np.float64]) -> None:
    if not frequency[0] <= at_hz <= frequency[-1]:
        raise ValueError(f"{at_hz:g} Hz was not measured, only {frequency[0]:g} to {frequency[-1]:g} Hz")
