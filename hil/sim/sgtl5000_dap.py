"""The SGTL5000's audio processor (DAP): mixer, surround, bass enhancement, equaliser, automatic volume control.

The volume control (AVC) measures the mean magnitude of the louder channel, as its threshold formula tells: 0.636 is
what a full-scale sine averages. Below the threshold gain rises at the decay rate up to MAX_GAIN, above it falls at
the attack rate without a floor; there is no hold and no noise gate. Rates count samples, so they follow the true
sample rate. As a hard limiter it only cuts off what exceeds the threshold. It measures its input: the data sheet does
not say, and where it settles is the same.

Only right in sign and size, not in shape: surround, bass enhancement (no harmonics), the equaliser's bandwidths.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import sosfilt

from hil.sim.sgtl5000_registers import (
    DAP_AUDIO_EQ,
    DAP_AVC_ATTACK,
    DAP_AVC_CTRL,
    DAP_AVC_DECAY,
    DAP_AVC_THRESHOLD,
    DAP_BASS_ENHANCE,
    DAP_BASS_ENHANCE_CTRL,
    DAP_COEF_ACCESS,
    DAP_COEFFICIENTS,
    DAP_EQ_BAND0,
    DAP_MAIN_CHAN,
    DAP_MIX_CHAN,
    DAP_PEQ,
    DAP_SURROUND,
    Registers,
)
from hil.sim.volume import linear

Array = NDArray[np.float64]

MEAN_OF_SINE = 0.636
UNITY = 0x8000
AVC_MAX_GAIN_DB = (0.0, 6.0, 12.0, 12.0)  # the last code is reserved
AVC_INTEGRATOR_S = (0.0, 0.025, 0.050, 0.100)
AVC_FLOOR = 1e-5  # a threshold of 0 would have no end
EQ_OFF, EQ_PARAMETRIC, EQ_TONE, EQ_GRAPHIC = range(4)
EQ_HZ = (115.0, 330.0, 990.0, 3000.0, 9900.0)
EQ_Q = 0.9
PEQ_BANDS = 7
BASS_HZ = (80.0, 100.0, 125.0, 150.0, 175.0, 200.0, 225.0, 225.0)
BASS_LEVEL_STEP_DB, LR_LEVEL_STEP_DB = 0.5, 1.2  # no public scale; the reset code of LR_LEVEL is then 0 dB


class AvcLaw(NamedTuple):
    """AVC settings in the loop's own units: fractions of full scale, and ratios per frame."""

    threshold: float
    max_gain: float
    follow: float
    attack: float
    decay: float
    cut_at: float  # 0: compressor and expander; else a hard limiter's level


@njit(cache=True)
def control_volume(words, law, levels, gain):  # type: ignore[no-untyped-def]  # numba types it
    """float64[2, n] through the AVC, in place. levels[2] and gain[1] persist between calls."""
    for i in range(words.shape[1]):
        loudest = 0.0
        for c in range(2):
            levels[c] += law.follow * (abs(words[c, i]) - levels[c])
            loudest = max(loudest, levels[c])
        if law.cut_at > 0.0:
            for c in range(2):
                words[c, i] = min(max(words[c, i], -law.cut_at), law.cut_at)
            continue
        wanted = law.max_gain
        if loudest * law.max_gain > law.threshold:
            wanted = max(law.threshold / loudest, AVC_FLOOR)
        if gain[0] > wanted:
            gain[0] = max(gain[0] * law.attack, wanted)
        else:
            gain[0] = min(gain[0] / law.decay, wanted)
        for c in range(2):
            words[c, i] *= gain[0]


class Avc:
    """The volume control as set, and where it stands."""

    def __init__(self) -> None:
        self._levels = np.zeros(2)
        self._gain = np.ones(1)

    def configure(self, registers: Registers, rate_hz: float) -> None:
        """Take over the registers; switching off forgets the gain."""
        self.on = registers.on(DAP_AVC_CTRL, 0)
        self.limiter = registers.on(DAP_AVC_CTRL, 5)
        self.max_gain_db = AVC_MAX_GAIN_DB[registers.bits(DAP_AVC_CTRL, 13, 12)]
        threshold = registers.bits(DAP_AVC_THRESHOLD, 15, 0) / 2**15
        self.target_dbfs = max(20.0 * math.log10(threshold / MEAN_OF_SINE), -96.0) if threshold else -96.0
        attack = 1.0 - registers.bits(DAP_AVC_ATTACK, 11, 0) / 2**19
        decay = 1.0 - registers.bits(DAP_AVC_DECAY, 11, 0) / 2**23
        self.attack_db_s = -20.0 * rate_hz * math.log10(attack)
        self.decay_db_s = -20.0 * rate_hz * math.log10(decay)
        integrator_s = AVC_INTEGRATOR_S[registers.bits(DAP_AVC_CTRL, 9, 8)]
        follow = 1.0 - math.exp(-1.0 / (integrator_s * rate_hz)) if integrator_s else 1.0
        cut_at = max(threshold / MEAN_OF_SINE, AVC_FLOOR) if self.limiter else 0.0
        self._law = AvcLaw(threshold, linear(self.max_gain_db), follow, attack, decay, cut_at)
        if not self.on or self.limiter:
            self._gain[:] = 1.0
        if not self.on:
            self._levels[:] = 0.0

    def process(self, words: Array) -> None:
        """In place."""
        if self.on:
            control_volume(words, self._law, self._levels, self._gain)

    @property
    def gain_db(self) -> float:
        """What it applies now."""
        return 20.0 * math.log10(float(self._gain[0]))


class Dap:
    """Words of the switch in and out, float64[2, n]."""

    def __init__(self) -> None:
        self.avc = Avc()
        self._peq = np.tile(np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]), (PEQ_BANDS, 1))
        self._sections: Array = np.zeros((0, 6))
        self._memory: Array = np.zeros((0, 2, 2))
        self._bass_memory = np.zeros((1, 2, 2))

    def load_filter(self, registers: Registers) -> None:
        """FILTER_COEF_ACCESS was written: with WR set the coefficient registers go to the band of INDEX."""
        band = registers.bits(DAP_COEF_ACCESS, 7, 0)
        if registers.on(DAP_COEF_ACCESS, 8) and band < PEQ_BANDS:
            words = [registers.bits(high, 15, 0) << 4 | registers.bits(low, 3, 0) for high, low in DAP_COEFFICIENTS]
            b0, b1, b2, a1, a2 = ((word - (word >> 19 << 20)) / 2**18 for word in words)
            self._peq[band] = (b0, b1, b2, 1.0, -a1, -a2)  # the chip adds what it feeds back

    def configure(self, registers: Registers, rate_hz: float) -> None:
        """Take over everything the registers say."""
        self.avc.configure(registers, rate_hz)
        self.main_db = _share_db(registers.bits(DAP_MAIN_CHAN, 15, 0))
        self.mix_db = _share_db(registers.bits(DAP_MIX_CHAN, 15, 0))
        selected = registers.bits(DAP_SURROUND, 1, 0)
        self._width = (registers.bits(DAP_SURROUND, 6, 4) + 1) / 8.0 if selected >= 2 else 0.0
        self._mono_surround = selected == 2
        self._bass = registers.on(DAP_BASS_ENHANCE, 0)
        self._bass_gain = linear(-BASS_LEVEL_STEP_DB * registers.bits(DAP_BASS_ENHANCE_CTRL, 6, 0))
        self._lr_gain = linear(6.0 - LR_LEVEL_STEP_DB * registers.bits(DAP_BASS_ENHANCE_CTRL, 13, 8))
        self._bass_pass = _low_pass(BASS_HZ[registers.bits(DAP_BASS_ENHANCE, 6, 4)], rate_hz)
        sections = self._equaliser(registers, rate_hz)
        if sections.shape != self._sections.shape:
            self._memory = np.zeros((len(sections), 2, 2))
        self._sections = sections

    def process(self, main: Array, mix: Array | None) -> Array:
        """One period through every module in the order of the data sheet."""
        words = main * linear(self.main_db)
        if mix is not None:
            words = words + mix * linear(self.mix_db)
        words = np.clip(words, -1.0, 1.0)
        if self._width:
            spread = self._width * (words.mean(axis=0) if self._mono_surround else (words[0] - words[1]) / 2.0)
            words = np.stack((words[0] + spread, words[1] - spread))
        if self._bass:
            low, self._bass_memory = sosfilt(self._bass_pass, words, axis=1, zi=self._bass_memory)
            words = words * self._lr_gain + low * self._bass_gain
        if len(self._sections):
            words, self._memory = sosfilt(self._sections, words, axis=1, zi=self._memory)
        words = np.ascontiguousarray(words)
        self.avc.process(words)
        out: Array = np.clip(words, -1.0, 1.0)
        return out

    @property
    def colours(self) -> bool:
        """Surround, bass enhancement or an equaliser that is not flat changes the sound."""
        return bool(self._width or self._bass or len(self._sections))

    def _equaliser(self, registers: Registers, rate_hz: float) -> Array:
        mode = registers.bits(DAP_AUDIO_EQ, 1, 0)
        gains_db = [min(registers.bits(DAP_EQ_BAND0 + 2 * band, 6, 0), 0x5F) * 0.25 - 11.75 for band in range(5)]
        sections: list[Array] = []
        if mode == EQ_PARAMETRIC:
            sections = list(self._peq[: registers.bits(DAP_PEQ, 2, 0)])
        elif mode == EQ_TONE:
            shelves = ((EQ_HZ[0], gains_db[0], 1.0), (EQ_HZ[4], gains_db[4], -1.0))
            sections = [_shelf(hz, gain, side, rate_hz) for hz, gain, side in shelves if gain and hz < 0.45 * rate_hz]
        elif mode == EQ_GRAPHIC:
            bands = zip(EQ_HZ, gains_db, strict=True)
            sections = [_peak(hz, gain, rate_hz) for hz, gain in bands if gain and hz < 0.45 * rate_hz]
        return np.array(sections).reshape(-1, 6)


def _share_db(code: int) -> float | None:
    return 20.0 * math.log10(code / UNITY) if code else None


def _peak(hz: float, gain_db: float, rate_hz: float) -> Array:
    w, a = 2.0 * math.pi * hz / rate_hz, linear(gain_db / 2.0)
    alpha = math.sin(w) / (2.0 * EQ_Q)
    section = np.array([1 + alpha * a, -2 * math.cos(w), 1 - alpha * a, 1 + alpha / a, -2 * math.cos(w), 1 - alpha / a])
    normal: Array = section / section[3]
    return normal


def _shelf(hz: float, gain_db: float, side: float, rate_hz: float) -> Array:
    """First order: side +1 lifts what is below `hz`, -1 what is above."""
    k, root = math.tan(math.pi * hz / rate_hz), linear(gain_db / 2.0)
    if side > 0:
        section = np.array([1 + k * root, k * root - 1, 0.0, 1 + k / root, k / root - 1, 0.0])
    else:
        section = np.array([k + root, k - root, 0.0, k + 1 / root, k - 1 / root, 0.0])
    normal: Array = section / section[3]
    return normal


def _low_pass(hz: float, rate_hz: float) -> Array:
    k = math.tan(math.pi * hz / rate_hz)
    section: Array = np.array([[k, k, 0.0, 1 + k, k - 1, 0.0]]) / (1 + k)
    return section
