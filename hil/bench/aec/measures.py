"""What is measured of a canceller, as closed formulas on arrays; *out* has been aligned to *mic* before.

    ERLE            10 lg sum mic^2 / sum out^2            over the samples of a mask (`hil.analysis.erle_db`)
    time to L dB    the first t from which the ERLE of the next 0.2 s and of the next 1 s is at least L
    image of x in y h * x, with the 16 ms FIR h (2 ms of it before) that leaves the least of y - h * x; normal equations
                    with the autocorrelation of x, 60 dB of diagonal loading
    SDR             10 lg sum (h * near)^2 / sum (out - h * near)^2
    near level      10 lg sum (h * near)^2 / sum near^2    0 dB: the talker is as loud as he was
    echo reduction  10 lg sum echo^2 / sum r^2, r = out - h * (mic - echo)      of a linear canceller, in double talk
    largest gain    the largest ratio sum out^2 / sum mic^2 over windows of 100 ms whose microphone is above -50 dB

The FIR forgives gain, equalisation and the phase of a high-pass; it does not forgive ducking, echo or artefacts. NaN: not to be
answered (nothing in the mask, silence). PESQ and STOI are other people's: packages pesq and pystoi, if they are installed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.signal import fftconvolve, resample_poly

from hil.analysis import Mask, Signal, as_signal, lags

FIR_S: Final = 0.016
FIR_BEFORE_S: Final = 0.002
GAIN_WINDOW_S: Final = 0.1
_GAIN_FLOOR = 1e-5  # -50 dB re full scale
_LOADING = 1e-6
_SOON_S, _LONG_S, _HOP_S = 0.2, 1.0, 0.05
_HEARD = 0.25  # at least this share of a window has echo in it, or the window says nothing


def decibels(power: float, by: float) -> float:
    """A ratio of powers; NaN when either is nothing."""
    return 10.0 * math.log10(power / by) if power > 0.0 and by > 0.0 else math.nan


def time_to_s(
    mic: ArrayLike, out: ArrayLike, rate_hz: int, mask: Mask, level_db: float, start_s: float, stop_s: float
) -> float:
    """Seconds from *start_s* until the echo is, and for a second stays, *level_db* down; NaN when that never is."""
    before, after = (
        np.concatenate(([0.0], np.cumsum(np.where(mask, np.square(as_signal(x)), 0.0)))) for x in (mic, out)
    )
    heard = np.concatenate(([0], np.cumsum(mask)))
    stop = min(round(stop_s * rate_hz), mask.size)
    down = 10.0 ** (-level_db / 10.0)

    def is_down(start: int, window_s: float) -> bool:
        end = min(start + round(window_s * rate_hz), stop)
        if heard[end] - heard[start] < _HEARD * window_s * rate_hz:
            return False
        return bool(after[end] - after[start] <= down * (before[end] - before[start]))

    for start in range(round(start_s * rate_hz), stop - round(_LONG_S * rate_hz) + 1, round(_HOP_S * rate_hz)):
        if is_down(start, _SOON_S) and is_down(start, _LONG_S):
            return start / rate_hz - start_s
    return math.nan


def image(x: ArrayLike, y: ArrayLike, rate_hz: int) -> Signal:
    """What of *y* is a filtered *x*, as long as both; all NaN when *x* is silent."""
    source, mixed = as_signal(x), as_signal(y)
    taps, before = round(FIR_S * rate_hz), round(FIR_BEFORE_S * rate_hz)
    early = np.concatenate((source, np.zeros(before)))
    late = np.concatenate((np.zeros(before), mixed))
    auto, cross = lags(early, early, taps), lags(late, early, taps)
    auto[0] *= 1.0 + _LOADING
    try:
        response = solve_toeplitz(auto, cross)
    except LinAlgError:
        return np.full(mixed.size, np.nan)
    found: Signal = fftconvolve(early, response)[before : before + mixed.size]
    return found


def sdr_db(near: ArrayLike, out: ArrayLike, rate_hz: int) -> float:
    """Talker over everything that is not a filtered talker."""
    found = image(near, out, rate_hz)
    return decibels(_energy(found), _energy(as_signal(out) - found))


def near_level_db(near: ArrayLike, out: ArrayLike, rate_hz: int) -> float:
    """How loud the talker is in *out*, by how loud he was."""
    return decibels(_energy(image(near, out, rate_hz)), _energy(as_signal(near)))


def echo_reduction_db(echo: ArrayLike, mic: ArrayLike, out: ArrayLike, rate_hz: int) -> float:
    """By how much the echo is less in the output of a linear canceller, whoever else talks."""
    wanted = as_signal(mic) - as_signal(echo)
    return decibels(_energy(as_signal(echo)), _energy(as_signal(out) - image(wanted, out, rate_hz)))


def largest_gain_db(mic: ArrayLike, out: ArrayLike, rate_hz: int) -> float:
    """How loud the output ever is, by the microphone: above 0 the canceller has added something."""
    window = round(GAIN_WINDOW_S * rate_hz)
    frames = as_signal(mic).size // window * window
    before, after = (np.square(as_signal(x)[:frames]).reshape(-1, window).mean(axis=1) for x in (mic, out))
    heard = before > _GAIN_FLOOR
    return decibels(float(np.max(after[heard] / before[heard])), 1.0) if heard.any() else math.nan


def pesq_of(near: ArrayLike, out: ArrayLike, rate_hz: int) -> float:
    """ITU-T P.862.2, 1 to 4.6, of package pesq; ImportError without it, NaN where it finds no speech."""
    pesq: Callable[..., float] = import_module("pesq").pesq
    pair = [as_signal(x) for x in (near, out)]
    if rate_hz != 16_000:
        common = math.gcd(16_000, rate_hz)
        pair = [resample_poly(x, 16_000 // common, rate_hz // common) for x in pair]
    try:
        return float(pesq(16_000, *(x.astype(np.float32) for x in pair), "wb"))
    except Exception:  # its errors are a class of its own module, and all mean the same
        return math.nan


def stoi_of(near: ArrayLike, out: ArrayLike, rate_hz: int) -> float:
    """Short-time objective intelligibility, 0 to 1, of package pystoi; ImportError without it."""
    stoi: Callable[..., float] = import_module("pystoi").stoi
    return float(stoi(as_signal(near), as_signal(out), rate_hz))


def perceived(near: ArrayLike, out: ArrayLike, rate_hz: int) -> tuple[dict[str, float], dict[str, str]]:
    """PESQ and STOI by their names in a result, and why one of them was not tested."""
    values: dict[str, float] = {}
    untested: dict[str, str] = {}
    measures: tuple[tuple[str, str, Callable[..., float]], ...] = (
        ("pesq", "pesq", pesq_of),
        ("stoi", "pystoi", stoi_of),
    )
    for name, package, measure in measures:
        try:
            values[name] = measure(near, out, rate_hz)
        except ImportError:
            untested[name] = f"package {package} is not installed: pip install {package}"
    return values, untested


def _energy(x: Signal) -> float:
    return float(x @ x)
