"""Gains that move: fade, limiter, automatic gain. None adds latency, and none belongs in an echo path.

Put them behind the canceller or before its reference tap: a gain that moves between is a changing echo path.
A kernel's settings and state are one float64 array of "words", so that the period loop can call it directly.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from firmware_py.dsp.frames import FloatArray, require_float32
from firmware_py.dsp.jit import realtime
from firmware_py.units import amplitude_to_db, db_to_amplitude

Words = npt.NDArray[np.float64]

NEAR_PROBABILITY = 0.7
"""From here on the near end is taken to be speaking."""

NOISE_GUARD_DBFS = -60.0
"""A quieter block is background: its level says nothing about the speaker."""

LEVEL_S = 0.05
"""Averaging time of the speech level: longer than a pitch period, shorter than a syllable."""

_CEILING, _RECOVERY, _GAIN = range(3)
_FRAME_S, _TARGET_DB, _MIN_DB, _MAX_DB, _ATTACK_S, _RELEASE_DB_PER_S, _POWER, _GAIN_DB = range(8)
_GUARD_POWER = 10.0 ** (NOISE_GUARD_DBFS / 10.0)
_ABSURD_POWER = 1e6  # +60 dBFS comes from no converter


@realtime
def gain_ramp(x: FloatArray, from_gain: float, to_gain: float) -> None:
    """Fade float32 *x*, [n] or [n, channels], in place and linearly; the last frame has *to_gain* exactly.

    *from_gain* is that of the frame before the block, so that blocks follow each other without a step.
    """
    frames = x.shape[0]
    step = (to_gain - from_gain) / frames
    for i in range(frames):
        gain = np.float32(to_gain - step * (frames - 1 - i))  # counted from the end, which has to be exact
        if x.ndim == 1:  # decided by the compiler
            x[i] *= gain
        else:
            for channel in range(x.shape[1]):
                x[i, channel] *= gain


@realtime
def limit(words: Words, x: FloatArray) -> float:
    """Hold float32 *x* [n, channels] at the ceiling, in place. *words*: those of a `Limiter`.

    The channels of a frame share one gain. NaN and infinity become silence. Returns the block's lowest gain.
    """
    ceiling = words[_CEILING]
    recovery = words[_RECOVERY]
    gain = words[_GAIN]
    lowest = 1.0
    for i in range(x.shape[0]):
        peak = 0.0
        for channel in range(x.shape[1]):
            size = abs(np.float64(x[i, channel]))
            if size > peak:  # NaN is not
                peak = size
        gain += (1.0 - gain) * recovery
        if peak * gain > ceiling:
            gain = ceiling / peak
        lowest = min(lowest, gain)
        for channel in range(x.shape[1]):
            held = np.float32(x[i, channel] * gain)
            x[i, channel] = held if abs(held) <= ceiling else np.float32(0.0)
    words[_GAIN] = gain
    return lowest


@realtime
def auto_gain(words: Words, x: FloatArray, near_probability: float) -> float:
    """Bring float32 mono *x* [n] towards the target, in place. *words*: those of an `AutomaticGain`.

    *near_probability*: how surely the near end speaks in this block, 0 to 1; 1 when unknown. Without near
    speech, or with NaN in the block, the gain stays where it is. Returns the gain in dB at the block's end.
    """
    if x.size == 0:
        return float(words[_GAIN_DB])
    power = 0.0
    for i in range(x.size):
        sample = np.float64(x[i])
        power += sample * sample
    power /= x.size
    before_db = words[_GAIN_DB]
    gain_db = before_db
    if near_probability >= NEAR_PROBABILITY and _GUARD_POWER < power < _ABSURD_POWER:
        block_s = x.size * words[_FRAME_S]
        words[_POWER] += (power - words[_POWER]) * (1.0 - math.exp(-block_s / LEVEL_S))
        wanted_db = words[_TARGET_DB] - 10.0 * math.log10(words[_POWER])
        wanted_db = min(max(wanted_db, words[_MIN_DB]), words[_MAX_DB])
        if wanted_db < gain_db:
            gain_db += (wanted_db - gain_db) * (1.0 - math.exp(-block_s / words[_ATTACK_S]))
        else:
            gain_db = min(wanted_db, gain_db + words[_RELEASE_DB_PER_S] * block_s)
    gain_ramp(x, 10.0 ** (before_db / 20.0), 10.0 ** (gain_db / 20.0))
    words[_GAIN_DB] = gain_db
    return float(gain_db)


class Limiter:
    """A ceiling that no sample passes. It attacks within the frame and looks ahead at nothing: no latency.

    The price is distortion while it attacks: it is there for the rare peak, not to make things loud.
    """

    def __init__(self, rate_hz: float, ceiling_dbfs: float = -1.0, release_s: float = 0.08) -> None:
        """*release_s*: time constant of the way back to unity gain. ValueError for a ceiling above 0 dBFS."""
        _require_positive("rate_hz", rate_hz)
        _require_positive("release_s", release_s)
        if not ceiling_dbfs <= 0.0:
            raise ValueError(f"ceiling_dbfs: {ceiling_dbfs}, need 0 or less: at 0 dBFS the converter clips")
        asked = db_to_amplitude(ceiling_dbfs)
        ceiling = np.float32(asked)  # a value that samples can have, or rounding would pass it
        if float(ceiling) > asked:  # in float64: NumPy would compare the two as float32
            ceiling = np.nextafter(ceiling, np.float32(0.0))
        self.words = np.zeros(3)
        self.words[_CEILING] = ceiling
        self.words[_RECOVERY] = -math.expm1(-1.0 / (release_s * rate_hz))
        self.reset()

    def process(self, x: FloatArray) -> float:
        """Limit float32 *x* [n, channels] in place; returns the deepest gain reduction in dB, 0 for none."""
        require_float32(x, ("n", "channels"))
        return abs(amplitude_to_db(limit(self.words, x)))

    def reset(self) -> None:
        """Back to unity gain."""
        self.words[_GAIN] = 1.0


class AutomaticGain:
    """A slow gain that brings near-end speech to a target level and stands still in its pauses.

    The level is that of speech alone, averaged over `LEVEL_S`. A loud speaker is turned down with the time
    constant *attack_s* in decibels, a quiet one up by *release_db_per_s*. Peaks are left to the limiter.
    """

    def __init__(
        self,
        rate_hz: float,
        target_dbfs: float = -20.0,
        *,
        max_gain_db: float = 12.0,
        min_gain_db: float = -12.0,
        attack_s: float = 0.3,
        release_db_per_s: float = 3.0,
    ) -> None:
        """*target_dbfs*: mean square, a full-scale sine is -3.01.

        ValueError unless min_gain_db <= 0 <= max_gain_db, and rate, attack and release are positive.
        """
        _require_positive("rate_hz", rate_hz)
        _require_positive("attack_s", attack_s)
        _require_positive("release_db_per_s", release_db_per_s)
        if not min_gain_db <= 0.0 <= max_gain_db:
            raise ValueError(f"min_gain_db {min_gain_db}, max_gain_db {max_gain_db}: 0 dB, the start, must lie between")
        self.words = np.zeros(8)
        self.words[_FRAME_S] = 1.0 / rate_hz
        self.words[_TARGET_DB] = target_dbfs
        self.words[_MIN_DB] = min_gain_db
        self.words[_MAX_DB] = max_gain_db
        self.words[_ATTACK_S] = attack_s
        self.words[_RELEASE_DB_PER_S] = release_db_per_s
        self.reset()

    @property
    def gain_db(self) -> float:
        """The gain at the end of the last block."""
        return float(self.words[_GAIN_DB])

    def process(self, x: FloatArray, near_probability: float = 1.0) -> float:
        """Apply the gain to float32 mono *x* [n] in place; returns the gain in dB at its end."""
        require_float32(x, ("n",))
        return float(auto_gain(self.words, x, float(near_probability)))

    def reset(self) -> None:
        """Back to 0 dB, as if the speaker were at the target."""
        self.words[_GAIN_DB] = 0.0
        self.words[_POWER] = 10.0 ** (self.words[_TARGET_DB] / 10.0)


def _require_positive(name: str, value: float) -> None:
    if not value > 0.0:
        raise ValueError(f"{name}: {value}, need more than 0")
