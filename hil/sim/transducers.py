"""Transducers: a loudspeaker, a pair of microphone capsules, and the noise nobody ordered.

Volts in and pascals out, or the other way round; float32 blocks of one period, state carried between them.
Not here: distance, walls and wiring. The figures are those of a small intercom (a 40 mm driver in a box,
analogue MEMS capsules), not of one part number.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atanh, exp, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfftfreq
from scipy.signal import butter, lfilter

Float = NDArray[np.float32]
Power = Callable[[NDArray[np.float64]], NDArray[np.float64]]

PASCAL_AT_0_DB_SPL: Final = 20e-6
DEFAULT_DISTORTION: Final = 0.01

LOUDSPEAKER_SPL_DB: Final = 84.0  # at 1 m for LOUDSPEAKER_TEST_V, above its resonance
LOUDSPEAKER_TEST_V: Final = 2.83  # 1 W into 8 ohm
LOUDSPEAKER_RESONANCE_HZ: Final = 180.0

CAPSULE_DBV_PER_PA: Final = -38.0
CAPSULE_OVERLOAD_SPL_DB: Final = 120.0  # where the total harmonic distortion of a sine reaches 10 %
CAPSULE_SELF_NOISE_SPL_DBA: Final = 30.0
CAPSULE_MINIMUM_BIAS_V: Final = 1.5
CAPSULE_SETTLING_S: Final = 0.020  # power-up, to within 2 %

_NOISE_FRAMES = 2**18
_AUDIBLE_HZ = (20.0, 20_000.0)


def pascal(spl_db: float) -> float:
    """Effective (rms) pressure in Pa of a sound pressure level."""
    return float(PASCAL_AT_0_DB_SPL * 10.0 ** (spl_db / 20.0))


class Loudspeaker:
    """A small closed box: soft asymmetric suspension, then a second-order (Butterworth) high-pass.

    `distortion` is the total harmonic distortion of a 1 Vrms sine above the resonance, even and odd in equal
    parts; 0 is a straight wire into the high-pass. Useful up to about 0.1.
    """

    PASCAL_PER_VOLT: Final = pascal(LOUDSPEAKER_SPL_DB) / LOUDSPEAKER_TEST_V

    def __init__(self, rate_hz: float, distortion: float = DEFAULT_DISTORTION) -> None:
        self._softness_per_v, self._lean = _suspension(distortion)
        self._b, self._a = butter(2, LOUDSPEAKER_RESONANCE_HZ, "highpass", fs=rate_hz)
        self._b = self._b * self.PASCAL_PER_VOLT
        self._history = np.zeros(2)

    def pressure_pa(self, volts: Float) -> Float:
        """float32[n]: free-field pressure at 1 m for float32[n] volts across the terminals."""
        if self._softness_per_v:
            # tanh, leaning by an offset (that makes even harmonics), with unity gain for small signals.
            rest = np.tanh(self._lean)
            bent = np.tanh(volts * np.float32(self._softness_per_v) + np.float32(self._lean))
            volts = (bent - np.float32(rest)) * np.float32(1.0 / (self._softness_per_v * (1.0 - rest**2)))
        pressure, self._history = lfilter(self._b, self._a, volts, zi=self._history)
        return np.asarray(pressure, dtype=np.float32)


def _suspension(distortion: float) -> tuple[float, float]:
    """Softness (1/V) and lean of the tanh for that distortion of a 1 Vrms sine.

    From the series of tanh about the lean t, for an amplitude A: HD3 = (softness A)^2 / 12 and
    HD2 = softness A tanh(t) / 2, each distortion / sqrt 2.
    """
    if distortion == 0.0:
        return 0.0, 0.0
    each = distortion / sqrt(2.0)
    reach = sqrt(12.0 * each)
    return reach / sqrt(2.0), atanh(2.0 * each / reach)


class Capsules:
    """The two microphones. They give nothing until their supply is up, and settle when it comes."""

    VOLT_PER_PASCAL: Final = 10.0 ** (CAPSULE_DBV_PER_PA / 20.0)

    # p / (1 + (p/limit)^4)^(1/4): clean to -90 dB below 100 dB SPL, 10 % distortion at the overload level.
    _LIMIT_PA = pascal(CAPSULE_OVERLOAD_SPL_DB) * sqrt(2.0) / 1.285

    def __init__(self) -> None:
        self._awake = 0.0  # 0 no supply, 1 settled

    def wait(self, seconds: float, bias_v: float) -> None:
        """Time passes at that supply voltage."""
        target = 1.0 if bias_v >= CAPSULE_MINIMUM_BIAS_V else 0.0
        self._awake = target + (self._awake - target) * exp(-4.0 * seconds / CAPSULE_SETTLING_S)
        if abs(self._awake - target) < 1e-5:
            self._awake = target

    def volts(self, pressure_pa: Float, bias_v: float, seconds: float) -> Float:
        """float32[2, n] volts for float32[2, n] pressures over a block of that duration."""
        before = self._awake
        self.wait(seconds, bias_v)
        if before == self._awake == 0.0:
            return np.zeros_like(pressure_pa)
        fourth = np.square(np.square(pressure_pa * np.float32(1.0 / self._LIMIT_PA)))
        bent = pressure_pa / np.sqrt(np.sqrt(fourth + np.float32(1.0)))
        if before == self._awake == 1.0:
            return np.asarray(bent * np.float32(self.VOLT_PER_PASCAL))
        ramp = np.linspace(before, self._awake, pressure_pa.shape[1], dtype=np.float32)
        return np.asarray(bent * ramp * np.float32(self.VOLT_PER_PASCAL), dtype=np.float32)


class Noise:
    """Pressure noise at the two microphones: what the room hums and what the capsules hiss.

    A seamless loop of 2**18 frames, made once: drawing new numbers in every period would cost more than the
    room itself.
    """

    def __init__(self, rate_hz: float, period_frames: int, room_spl_db: float, spacing_m: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        f = rfftfreq(_NOISE_FRAMES, 1.0 / rate_hz)
        hum = _spectrum(f, hoth_power, pascal(room_spl_db), rate_hz)
        # A hiss of 30 dB(A): white, as loud as its A-weighted power says.
        grid = np.arange(*_AUDIBLE_HZ)
        a_weighted = np.mean(a_weight(grid) ** 2)
        hiss = _spectrum(f, np.ones_like, pascal(CAPSULE_SELF_NOISE_SPL_DBA) / sqrt(a_weighted), rate_hz)
        # A diffuse field is the same at both microphones for low notes only: coherence sin(kd)/kd.
        coherence = np.sinc(2.0 * f * spacing_m / 343.0)
        here, there, left, right = (_unit_spectrum(rng, f.size) for _ in range(4))
        there = coherence * here + np.sqrt(1.0 - coherence**2) * there
        loops = irfft(np.stack([[hum * here, hum * there], [hiss * left, hiss * right]]), _NOISE_FRAMES)
        self._hum, self._hiss = np.concatenate([loops, loops[..., :period_frames]], axis=2).astype(np.float32)
        self._period_frames = period_frames
        self._at = 0

    def next(self, ambient: float = 1.0) -> Float:
        """float32[2, period_frames]: the noise of the next period, the room's part of it scaled by *ambient*."""
        period = slice(self._at, self._at + self._period_frames)
        self._at = (self._at + self._period_frames) % _NOISE_FRAMES
        return np.asarray(self._hum[:, period] * np.float32(ambient) + self._hiss[:, period])


def _spectrum(f: NDArray[np.float64], power: Power, rms_pa: float, rate_hz: float) -> NDArray[np.float64]:
    """Amplitude per FFT bin of a noise of that shape, `rms_pa` strong over the audible band."""
    total = np.sum(power(np.arange(*_AUDIBLE_HZ)))  # in steps of 1 Hz
    audible = (f >= _AUDIBLE_HZ[0]) & (f <= _AUDIBLE_HZ[1])
    per_bin = power(np.maximum(f, _AUDIBLE_HZ[0])) * audible * (rate_hz / _NOISE_FRAMES)
    return np.asarray(_NOISE_FRAMES * rms_pa * np.sqrt(per_bin / (2.0 * total)))


def _unit_spectrum(rng: np.random.Generator, bins: int) -> NDArray[np.complex128]:
    """White noise of unit power per bin."""
    real, imaginary = rng.standard_normal((2, bins)) * sqrt(0.5)
    return np.asarray(real + 1j * imaginary)


def hoth_power(f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power density of room noise: -5 dB per octave (after Hoth, JASA 12(4), 1941), flat below 50 Hz."""
    return np.asarray(np.maximum(f, 50.0) ** (-5.0 / 3.0))


def a_weight(f: NDArray[np.float64]) -> NDArray[np.float64]:
    """A-weighting as an amplitude factor (IEC 61672-1, Annex E)."""
    f2 = np.square(f)
    response = (12_194.0**2 * f2**2) / (
        (f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12_194.0**2)
    )
    return np.asarray(response * 10.0 ** (2.0 / 20.0))
