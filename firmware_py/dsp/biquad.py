"""Second-order filter sections: their design, their response and the kernel that runs them. Nothing adaptive.

A design is a float64[sections, 5] array of (b0, b1, b2, a1, a2) with a0 = 1. `np.vstack` joins designs; an
array of no sections changes nothing. Formulas: R. Bristow-Johnson, "Audio EQ Cookbook" (W3C Note, 2021).
The bilinear transform is pre-warped at the corner, so a Butterworth corner is at -3.01 dB whatever the rate.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from firmware_py.dsp.frames import FloatArray, require_float32
from firmware_py.dsp.jit import realtime

DoubleArray = npt.NDArray[np.float64]
Sections = DoubleArray

_SMALLEST_STATE = 1e-30  # -600 dBFS: below this comes nothing but slow denormal arithmetic
_LARGEST_STATE = 1e30


@realtime
def biquad_cascade(coefficients: Sections, state: DoubleArray, x: FloatArray, out: FloatArray) -> None:
    """Filter float32 *x* [n, channels] into *out*, which may be *x* itself. Transposed direct form II.

    *coefficients* float64[sections, 5]; *state* float64[sections, channels, 2] is carried to the next block.
    """
    for i in range(x.size):
        out.flat[i] = x.flat[i]
    for section in range(coefficients.shape[0]):
        b0 = coefficients[section, 0]
        b1 = coefficients[section, 1]
        b2 = coefficients[section, 2]
        a1 = coefficients[section, 3]
        a2 = coefficients[section, 4]
        for channel in range(x.shape[1]):
            z1 = state[section, channel, 0]
            z2 = state[section, channel, 1]
            for i in range(x.shape[0]):
                sample = np.float64(out[i, channel])
                filtered = b0 * sample + z1
                z1 = b1 * sample - a1 * filtered + z2
                z2 = b2 * sample - a2 * filtered
                out[i, channel] = filtered
            state[section, channel, 0] = _healthy(z1)
            state[section, channel, 1] = _healthy(z2)


@realtime
def _healthy(z: float) -> float:
    """*z*, or 0 for what would slow the filter down (denormal) or silence it for good (NaN, infinity)."""
    return z if _SMALLEST_STATE < abs(z) < _LARGEST_STATE else 0.0


def high_pass(corner_hz: float, rate_hz: float, order: int = 2) -> Sections:
    """Butterworth high-pass: -3.01 dB at *corner_hz*, then 6 dB per octave and order.

    ValueError unless 0 < corner_hz < rate_hz / 2 and order >= 1.
    """
    return _butterworth(corner_hz, rate_hz, order, high=True)


def low_pass(corner_hz: float, rate_hz: float, order: int = 2) -> Sections:
    """Butterworth low-pass: -3.01 dB at *corner_hz*, then 6 dB per octave and order.

    ValueError unless 0 < corner_hz < rate_hz / 2 and order >= 1.
    """
    return _butterworth(corner_hz, rate_hz, order, high=False)


def peaking(centre_hz: float, rate_hz: float, gain_db: float, q: float = 1.0) -> Sections:
    """A bell of *gain_db* at *centre_hz*, 0 dB far from it; *q* is centre over bandwidth.

    ValueError unless 0 < centre_hz < rate_hz / 2 and q > 0.
    """
    _check_frequency("centre_hz", centre_hz, rate_hz)
    if not q > 0.0:
        raise ValueError(f"q: {q} is not positive; about 0.7 is a gentle bell, 5 a narrow one")
    w = 2.0 * math.pi * centre_hz / rate_hz
    alpha = math.sin(w) / (2.0 * q)
    a = 10.0 ** (gain_db / 40.0)
    middle = -2.0 * math.cos(w)
    return _normalised(1.0 + alpha * a, middle, 1.0 - alpha * a, 1.0 + alpha / a, middle, 1.0 - alpha / a)


def voice_eq(rate_hz: float) -> Sections:
    """The voice modes' playback equaliser: 150 Hz high-pass, +3 dB of presence at 3 kHz, 7 kHz low-pass.

    What lies above 0.45 of the rate is left out: there the converter's own filter cuts.
    """
    parts = [high_pass(150.0, rate_hz)]
    if rate_hz * 0.45 > 3000.0:
        parts.append(peaking(3000.0, rate_hz, gain_db=3.0, q=0.8))
    if rate_hz * 0.45 > 7000.0:
        parts.append(low_pass(7000.0, rate_hz))
    return np.vstack(parts)


class BiquadCascade:
    """Sections in a row with their memory, for blocks of any length.

    The period loop may call `biquad_cascade` on `coefficients` and `state` itself.
    """

    def __init__(self, sections: npt.ArrayLike, channels: int) -> None:
        """*sections*: [sections, 5], possibly none. ValueError for another shape or an unstable section."""
        coefficients = np.array(sections, dtype=np.float64, order="C")
        if coefficients.size == 0:
            coefficients = coefficients.reshape(0, 5)
        if coefficients.ndim != 2 or coefficients.shape[1] != 5:
            raise ValueError(f"sections: shape {coefficients.shape}, need [sections, 5]: b0, b1, b2, a1, a2")
        if channels < 1:
            raise ValueError(f"channels: {channels}, need 1 or more")
        for n, (*_, a1, a2) in enumerate(coefficients):
            if not (abs(a2) < 1.0 and abs(a1) < 1.0 + a2):
                raise ValueError(
                    f"sections[{n}]: a1 = {a1:g}, a2 = {a2:g} is unstable; need |a2| < 1 and |a1| < 1 + a2"
                )
        self.coefficients: Sections = coefficients
        self.state = np.zeros((len(coefficients), channels, 2))

    @property
    def channels(self) -> int:
        """Channels per frame, filtered alike."""
        return self.state.shape[1]

    def process(self, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Filter float32 *x* [n, channels] into *out*, or in place without it; returns what was written.

        ValueError for another shape, type or layout.
        """
        out = x if out is None else out
        require_float32(x, ("n", self.channels))
        require_float32(out, (len(x), self.channels), "out")
        biquad_cascade(self.coefficients, self.state, x, out)
        return out

    def reset(self) -> None:
        """Forget the past: the next block starts from silence."""
        self.state[:] = 0.0

    def response_db(self, frequencies_hz: npt.ArrayLike, rate_hz: float) -> DoubleArray:
        """Steady-state gain in dB at *frequencies_hz*, in their shape; -inf where nothing passes."""
        z = np.exp(-2j * np.pi * np.asarray(frequencies_hz, dtype=np.float64) / rate_hz)
        gain = np.ones(z.shape)
        for b0, b1, b2, a1, a2 in self.coefficients:
            gain = gain * np.abs((b0 + z * (b1 + z * b2)) / (1.0 + z * (a1 + z * a2)))
        with np.errstate(divide="ignore"):
            return np.asarray(20.0 * np.log10(gain))


def _butterworth(corner_hz: float, rate_hz: float, order: int, *, high: bool) -> Sections:
    _check_frequency("corner_hz", corner_hz, rate_hz)
    if order < 1:
        raise ValueError(f"order: {order}, need 1 or more; each one adds 6 dB per octave")
    w = 2.0 * math.pi * corner_hz / rate_hz
    cosine = math.cos(w)
    rows = []
    for pair in range(order // 2):
        half_inverse_q = math.sin(math.pi * (2 * pair + 1) / (2 * order))
        alpha = math.sin(w) * half_inverse_q
        b = (1.0 + cosine) / 2.0 if high else (1.0 - cosine) / 2.0
        rows.append(_normalised(b, -2.0 * b if high else 2.0 * b, b, 1.0 + alpha, -2.0 * cosine, 1.0 - alpha))
    if order % 2:
        k = math.tan(w / 2.0)
        b = 1.0 if high else k
        rows.append(_normalised(b, -b if high else b, 0.0, 1.0 + k, k - 1.0, 0.0))
    return np.vstack(rows)


def _normalised(b0: float, b1: float, b2: float, a0: float, a1: float, a2: float) -> Sections:
    return np.array([[b0, b1, b2, a1, a2]]) / a0


def _check_frequency(name: str, frequency_hz: float, rate_hz: float) -> None:
    if not 0.0 < frequency_hz < rate_hz / 2.0:
        raise ValueError(
            f"{name}: {frequency_hz:g} Hz, need more than 0 and less than {rate_hz / 2.0:g} Hz, "
            f"half the rate of {rate_hz:g} Hz"
        )
