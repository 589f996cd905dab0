"""The SGTL5000's record path: microphone amplifier or line inputs, analogue volume, ADC, offset-removing high-pass.

One microphone pin feeds both channels. A 1 Vrms sine at the ADC is 0 dBFS when VAG is 1.575 V (3.3 V supply), in
proportion at other values of VAG. The high-pass is an offset register that follows the signal slowly and is
subtracted: freezing it keeps the last offset, bypassing it shows the converter's own. Its corner is in no public text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hil.sim.sgtl5000_clocks import Clocks
from hil.sim.sgtl5000_power import Supplies
from hil.sim.sgtl5000_registers import ADCDAC_CTRL, ANA_ADC_CTRL, ANA_CTRL, ANA_POWER, DIG_POWER, MIC_CTRL, Registers
from hil.sim.sgtl5000_registers import REF_CTRL as REFERENCE
from hil.sim.volume import Volume, linear

Array = NDArray[np.float64]

PINS = ("MIC", "LINEIN_L", "LINEIN_R")
LINE_PINS = ("LINEIN_L", "LINEIN_R")
MIC_GAIN_DB = (0.0, 20.0, 30.0, 40.0)
FULL_SCALE_PER_VAG = math.sqrt(2.0) / 1.575  # peak volts at 0 dBFS, of converters in both directions
SWING = 0.95  # of what is left between VAG and the nearer rail
OFFSETS = ((0.001,), (-0.0008,))
OFFSET_STEP = 2.0**-12  # 1.9 Hz at 48 kHz: an assumption
PIN_NOISE_V = 10 ** (-115 / 20)
NOISE_DB = {1.8: -85.0, 3.3: -93.0}  # SNR of the ADC as the product page gives it
BIAS_NOISE_DB = (0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0)  # less bias current costs 3 to 4 dB


def adc_volume_db(registers: Registers, side: int) -> float:
    """Analogue volume of one side: 1.5 dB a step, both 6 dB lower with ADC_VOL_M6DB."""
    low = 4 * side
    return 1.5 * registers.bits(ANA_ADC_CTRL, low + 3, low) - (6.0 if registers.on(ANA_ADC_CTRL, 8) else 0.0)


class RecordPath:
    """Volts at pins in, ADC words out; keeps analogue volumes and the high-pass's offset registers."""

    def __init__(self, supplies: Supplies, seed: int, registers: Registers) -> None:
        self._noise = np.random.default_rng(seed)
        self._supplies = supplies
        self._volumes = [Volume(adc_volume_db(registers, side)) for side in (0, 1)]
        self._offset = np.zeros((2, 1))
        self.line_v: Array = np.zeros((2, 0))

    def configure(self, registers: Registers, clocks: Clocks) -> None:
        """Take over everything the registers say except volume changes, which come by `set_volume`."""
        self._line = registers.on(ANA_CTRL, 2)
        self._muted = registers.on(ANA_CTRL, 0)
        self.powered = registers.on(DIG_POWER, 6) and registers.on(ANA_POWER, 1)
        self._stereo = registers.on(ANA_POWER, 6)
        self._mic_gain_db = MIC_GAIN_DB[registers.bits(MIC_CTRL, 1, 0)]
        self._bypassed = registers.on(ADCDAC_CTRL, 0)
        self._frozen = registers.on(ADCDAC_CTRL, 1)
        corner = OFFSET_STEP * (clocks.rate_hz or 48_000.0) / (2.0 * math.pi)
        self.high_pass_hz = None if self._bypassed or self._frozen else corner
        low_v, high_v = NOISE_DB
        per_v = (NOISE_DB[high_v] - NOISE_DB[low_v]) / (high_v - low_v)
        floor_db = NOISE_DB[high_v] + per_v * (min(self._supplies.vdda_v, high_v) - high_v)
        floor_db += BIAS_NOISE_DB[registers.bits(REFERENCE, 3, 1)]
        self._adc_noise = linear(floor_db) / math.sqrt(2.0)

    def set_volume(self, registers: Registers) -> None:
        """ANA_ADC_CTRL was written: volumes move now or at a zero crossing."""
        for side, volume in enumerate(self._volumes):
            volume.set(adc_volume_db(registers, side), at_zero_crossing=registers.on(ANA_CTRL, 1))

    def idle(self, seconds: float) -> None:
        """Time with a clock but without frames: the input's own noise crosses zero soon enough."""
        for volume in self._volumes:
            volume.wait(seconds, 0.0)

    def listen(self, volts: Mapping[str, NDArray[np.float32]], frames: int) -> None:
        """What the line inputs carry, for the bypass to the headphone; it needs no converter."""
        silent = np.zeros(frames)
        self.line_v = np.stack([np.asarray(volts.get(pin, silent), np.float64) for pin in LINE_PINS])

    def capture(self, volts: Mapping[str, NDArray[np.float32]], frames: int, vag_v: float, missing_v: float) -> Array:
        """One period with references and clocks: float64[2, n] of full scale. missing_v: what VAG still lacks."""
        if not self.powered:
            return np.zeros((2, frames))
        noise = self._noise.standard_normal((2, 2, frames), dtype=np.float32)
        swing = SWING * min(vag_v, self._supplies.vdda_v - vag_v)
        if self._line:
            signal = self.line_v + PIN_NOISE_V * noise[0] + missing_v
        else:
            mono = np.asarray(volts.get("MIC", np.zeros(frames)), np.float64) + PIN_NOISE_V * noise[0, 0] + missing_v
            mono = np.clip(mono * linear(self._mic_gain_db), -swing, swing)
            signal = np.stack((mono, mono))
        full_scale_v = FULL_SCALE_PER_VAG * max(vag_v, 0.05)
        samples = np.empty((2, frames))
        for side, volume in enumerate(self._volumes):
            amplified = volume.apply(signal[side])
            samples[side] = 0.0 if self._muted else np.clip(amplified, -swing / SWING, swing / SWING) / full_scale_v
        samples += noise[1] * self._adc_noise + OFFSETS
        words = self._high_pass(np.clip(samples, -1.0, 1.0))
        if not self._stereo:
            words[1] = 0.0
        return words

    def _high_pass(self, samples: Array) -> Array:
        if self._bypassed:
            return samples
        if self._frozen:
            return np.clip(samples - self._offset, -1.0, 1.0)
        numerator, denominator = (0.0, OFFSET_STEP), (1.0, OFFSET_STEP - 1.0)
        offset, self._offset = lfilter(numerator, denominator, samples, axis=1, zi=self._offset)
        filtered: Array = np.clip(samples - offset, -1.0, 1.0)
        return filtered

    @property
    def heard(self) -> tuple[bool, bool]:
        """Sides on which a pin reaches a running converter."""
        live = self.powered and not self._muted
        return live, live and self._stereo

    def state(self, analogue: bool) -> dict[str, Any]:
        """Record side of `Sgtl5000.state`, but for what happens behind the ADC."""
        gain_db = 0.0 if self._line else self._mic_gain_db
        pins = [["LINEIN_L"], ["LINEIN_R"]] if self._line else [["MIC"], ["MIC"]]
        gains = [
            None if not (analogue and live) or volume.gain_db is None else gain_db + volume.gain_db
            for live, volume in zip(self.heard, self._volumes, strict=True)
        ]
        return {
            "high_pass": self.high_pass_hz is not None,
            "high_pass_hz": self.high_pass_hz,
            "high_pass_frozen": self._frozen and not self._bypassed,
            "input_gain_db": gains,
            "inputs": pins,
            "mic_gain_db": self._mic_gain_db,
        }
