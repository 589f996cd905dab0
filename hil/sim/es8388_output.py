"""The ES8388's playback path: DAC, digital filters, output mixers, LOUT/ROUT amplifiers and the analogue bypass.

A 0 dBFS sine leaves a pin at 1.0 Vrms when every gain is 0 dB, the DAC's swing is the normal 3.5 Vpp and AVDD is
3.3 V. Output volumes are those of the ES8388's guide, -45 dB and 1.5 dB a step up to code 0x21, not the 1 dB steps of
the ES8328 that the kernel's driver believes in; both call 0x1E 0 dB.

Not modelled: click-free power-up, DAC zero crossing (0x19 bit 4), DC offset (0x2C), low-power bits, what the shelving
filter's coefficients do to the sound, and the mixers' cross paths 0x28/0x29, which this chip does not have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hil.sim.deemphasis import deemphasis
from hil.sim.es8388_clocks import Clocks
from hil.sim.es8388_fader import Fader
from hil.sim.es8388_input import slipped
from hil.sim.es8388_registers import OUTPUT_LAST, RESET, Registers
from hil.sim.frames import fitted
from hil.sim.volume import linear

Array = NDArray[np.float64]

PINS = ("LOUT1", "ROUT1", "LOUT2", "ROUT2")
RAMP_FRAMES = (4, 32, 64, 128)
SWING_VPP = (3.5, 4.0, 3.0, 2.5)
DEEMPHASIS_HZ = (None, 32_000.0, 44_100.0, 48_000.0)
SHELVING = range(0x1E, 0x26)
OUTPUT_FLOOR_DB, OUTPUT_STEP_DB = -45.0, 1.5
BYPASS_PIN_1, BYPASS_PIN_2, BYPASS_PGA, BYPASS_PGA_INVERTED = 0, 1, 3, 4


@dataclass(frozen=True)
class Mixer:
    """One output mixer; `bypass` is an amplitude, 0 an open switch."""

    dac_on: bool
    dac_routed: bool
    bypass: float
    bypass_source: int
    input_powered: bool


def mixer(registers: Registers, side: int) -> Mixer:
    """Side 0 is left, 1 is right."""
    register = (0x27, 0x2A)[side]
    return Mixer(
        dac_on=registers.off(0x04, 7 - side) and registers.off(0x02, 0),
        dac_routed=registers.on(register, 7),
        bypass=linear(6.0 - 3.0 * registers.bits(register, 5, 3)) if registers.on(register, 6) else 0.0,
        bypass_source=registers.bits(0x26, 5 - 3 * side, 3 - 3 * side),
        input_powered=registers.off(0x03, 7 - side),
    )


def output_gain_db(code: int) -> float:
    """-45 to +4.5 dB; there is no mute code, and those beyond 0x21 are taken for the last."""
    return OUTPUT_FLOOR_DB + OUTPUT_STEP_DB * min(code, OUTPUT_LAST)


class PlaybackPath:
    """Words in, volts out; keeps the digital volumes' faders and the de-emphasis filter."""

    def __init__(self, avdd_v: float) -> None:
        self._avdd_v = avdd_v
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self._faders = (Fader(), Fader())
        self._filter = np.zeros((2, 1))
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over everything the registers say."""
        self.rate_hz = clocks.dac_rate_hz if clocks else None
        self._distorted = bool(clocks and clocks.dac_distorted)
        self.mixers = (mixer(registers, 0), mixer(registers, 1))
        self._pin_on = {pin: registers.on(0x04, 5 - index) for index, pin in enumerate(PINS)}
        self._pin_db = {pin: output_gain_db(registers.bits(0x2E + index, 5, 0)) for index, pin in enumerate(PINS)}
        frames_a_step = RAMP_FRAMES[registers.bits(0x19, 7, 6)] if registers.on(0x19, 5) else 0
        for side, fader in enumerate(self._faders):
            code = registers.bits(0x1A if registers.on(0x19, 3) else 0x1A + side, 7, 0)
            fader.set(code, registers.on(0x19, 2), frames_a_step)
        emphasis_hz = None if registers.on(0x18, 5) else DEEMPHASIS_HZ[registers.bits(0x1C, 7, 6)]
        self._deemphasis = deemphasis(emphasis_hz) if emphasis_hz else None
        swing = SWING_VPP[registers.bits(0x1D, 1, 0)] / SWING_VPP[0]
        self._swing_db = 20.0 * math.log10(swing)
        signs = [-1.0 if registers.on(0x1C, 5 - side) else 1.0 for side in (0, 1)]
        self._zeroed = tuple(registers.on(0x1D, 7 - side) for side in (0, 1))
        full_scale_v = math.sqrt(2.0) * self._avdd_v / 3.3 * swing
        self._dac_v = np.array(
            [
                [sign * full_scale_v * (path.dac_on and not zeroed)]
                for sign, path, zeroed in zip(signs, self.mixers, self._zeroed, strict=True)
            ]
        )
        self._mono = registers.on(0x1D, 5)
        self._depth = registers.bits(0x1D, 4, 2) / 7.0
        self.equaliser = self._depth > 0.0 or any(registers.read(index) != RESET[index] for index in SHELVING)

    def fade(self, seconds: float) -> None:
        """Time without frames passes for the digital volumes, at the rate of LRCK."""
        if self.rate_hz:
            for fader in self._faders:
                fader.gains(round(seconds * self.rate_hz))

    def play(self, words: Array, pga_v: Array, pins_v: Mapping[str, Array], offset_v: Array) -> dict[str, Array]:
        """float64[2, n] of full scale 1.0 after the wire, and what was recorded meanwhile -> volts per output pin."""
        n = words.shape[1]
        dac_v = self._convert(words) if self.rate_hz else np.zeros((2, n))
        headroom_v = self._avdd_v / 2.0
        mixed = []
        for side, path in enumerate(self.mixers):
            total = dac_v[side] if path.dac_routed else np.zeros(n)
            if path.bypass and path.input_powered:
                total = total + path.bypass * fitted(_bypassed(path.bypass_source, side, pga_v, pins_v), n)
            mixed.append(np.clip(total, -headroom_v, headroom_v))
        swing = 0.95 * headroom_v
        return {
            pin: np.clip(mixed[index % 2] * linear(self._pin_db[pin]) + offset_v, -swing, swing)
            if self._pin_on[pin]
            else np.zeros(n)
            for index, pin in enumerate(PINS)
        }

    def _convert(self, words: Array) -> Array:
        if self._mono:
            words = np.broadcast_to(words.mean(axis=0), words.shape)
        if self._depth:
            wider = self._depth / 2.0 * (words[0] - words[1])
            words = np.stack((words[0] + wider, words[1] - wider))
        if self._deemphasis:
            words, self._filter = lfilter(*self._deemphasis, words, axis=1, zi=self._filter)
        n = words.shape[1]
        gains = np.stack([np.broadcast_to(fader.gains(n), n) for fader in self._faders])
        words = np.clip(words * gains, -1.0, 1.0)
        volts: Array = (slipped(words) if self._distorted else words) * self._dac_v
        return volts

    def state(self, powered: bool) -> dict[str, object]:
        """Playback side of `Es8388.state`."""
        return {
            "dac_gain_db": [
                fader.target_db if powered and path.dac_on and self.rate_hz and not zeroed else None
                for fader, path, zeroed in zip(self._faders, self.mixers, self._zeroed, strict=True)
            ],
            "outputs": {
                pin: self._pin_db[pin] + self._swing_db
                if powered and self._pin_on[pin] and self.mixers[index % 2].dac_routed and self.mixers[index % 2].dac_on
                else None
                for index, pin in enumerate(PINS)
            },
            "loopback": False,
            "sidetone": powered and any(self._heard(side) for side in (0, 1)),
            "deemphasis": self._deemphasis is not None,
            "equaliser": self.equaliser,
            "dac_mono": self._mono,
        }

    def _heard(self, side: int) -> bool:
        path = self.mixers[side]
        audible = path.bypass_source in (BYPASS_PIN_1, BYPASS_PIN_2, BYPASS_PGA, BYPASS_PGA_INVERTED)
        return bool(path.bypass) and path.input_powered and audible and any(self._pin_on[pin] for pin in PINS[side::2])


def _bypassed(source: int, side: int, pga_v: Array, pins_v: Mapping[str, Array]) -> Array:
    """Volts the bypass of one side takes from an input pin or the PGA; nothing for codes that name nothing."""
    if source in (BYPASS_PIN_1, BYPASS_PIN_2):
        return pins_v.get(f"{'LR'[side]}IN{source + 1}", np.zeros(0))
    sign = {BYPASS_PGA: 1.0, BYPASS_PGA_INVERTED: -1.0}.get(source, 0.0)
    volts: Array = sign * pga_v[side]
    return volts
