"""The WM8960's playback path: DAC, digital filters, output mixers, headphone and class-D speaker amplifiers.

A 0 dBFS sine leaves the headphone pins at 1.0 Vrms when every gain is 0 dB and AVDD is 3.3 V. The speaker
outputs are bridged: both pins move, so the differential voltage is twice that. Their DC level is AVDD / 2 times the DC
boost and wants to be half the speaker's supply: what lies off the middle is headroom lost. Not modelled:
companding, the DAC's sloping filter, OUT3 and the mono output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hil.sim.deemphasis import deemphasis
from hil.sim.frames import fitted
from hil.sim.volume import Volume, linear
from hil.sim.wm8960_clocks import Clocks
from hil.sim.wm8960_registers import Registers

Array = NDArray[np.float64]

DEEMPHASIS_HZ = (None, 32_000.0, 44_100.0, 48_000.0)
SPEAKER_BOOST_DB = (0.0, 2.1, 2.9, 3.6, 4.5, 5.1, 5.1, 5.1)
SOFT_MUTE_FRAMES = (512, 8192)  # 10.7 and 171 ms at 48 kHz
SPEAKER_SUPPLY_V = 5.0
CLASS_D_HZ = (600e3, 900e3)  # inside: as specified
CLASS_D_LIMIT_HZ = (300e3, 1.8e6)  # outside: the output stage does not switch


@dataclass(frozen=True)
class Side:
    """One channel of mixers and amplifiers; ratios are amplitudes, 0 is an open switch."""

    dac_on: bool
    mixer_on: bool
    dac: float
    line3: float
    sidetone: float
    headphone_on: bool
    speaker_on: bool


def side(registers: Registers, index: int) -> Side:
    """Index 0 is left, 1 is right."""
    direct, bypass = (0x22, 0x25)[index], 0x2D + index
    return Side(
        dac_on=registers.on(0x1A, 8 - index),
        mixer_on=registers.on(0x2F, 3 - index),
        dac=float(registers.on(direct, 8)),
        line3=linear(-3.0 * registers.bits(direct, 6, 4)) if registers.on(direct, 7) else 0.0,
        sidetone=linear(-3.0 * registers.bits(bypass, 6, 4)) if registers.on(bypass, 7) else 0.0,
        headphone_on=registers.on(0x1A, 6 - index) and not registers.on(0x1C, 0),  # HPSTBY
        speaker_on=registers.on(0x1A, 4 - index) and registers.on(0x31, 6 + index),
    )


def amplifier_gain_db(code: int) -> float | None:
    """-73 to +6 dB for a headphone or speaker volume code; None below that, which is mute."""
    code &= 0x7F
    return None if code < 0x30 else code - 121.0


class PlaybackPath:
    """Words in, volts out; keeps amplifier gains, the soft mute's ramp and the de-emphasis filter."""

    def __init__(self, avdd_v: float) -> None:
        self._full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self._headroom_v = avdd_v / 2.0
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self._volumes = {
            (start, index): Volume(amplifier_gain_db(registers.latched(start + index)))
            for start in (0x02, 0x28)
            for index in (0, 1)
        }
        self._mute_gain = 0.0
        self._filter = np.zeros((2, 1))
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over everything the registers say except amplifier gains, which come by `set_amplifiers`."""
        self.sides = (side(registers, 0), side(registers, 1))
        self.muted = registers.on(0x05, 3)
        if not self.muted and not registers.on(0x06, 3):
            self._mute_gain = 1.0
        self._mute_step = 1.0 / SOFT_MUTE_FRAMES[registers.on(0x06, 2)]
        six_db = -6.0 if registers.on(0x05, 7) else 0.0
        codes = (registers.latched(0x0A), registers.latched(0x0B))
        self._volume_db = [-127.5 + 0.5 * code + six_db if code else None for code in codes]
        signs = [-1.0 if registers.on(0x06, 5 + index) else 1.0 for index in (0, 1)]
        self._dac_gain = np.array(
            [
                [sign * linear(gain) * path.dac_on * self._full_scale_v]
                for sign, gain, path in zip(signs, self._volume_db, self.sides, strict=True)
            ]
        )
        self._mono = registers.on(0x17, 4)
        self.loopback = registers.on(0x09, 0)
        emphasis_hz = DEEMPHASIS_HZ[registers.bits(0x05, 2, 1)]
        self._deemphasis = deemphasis(emphasis_hz) if emphasis_hz else None
        self._depth = registers.bits(0x10, 4, 1) / 15.0 if registers.on(0x10, 0) else 0.0
        self.stereo_enhancement = registers.on(0x10, 0)
        self._speaker_gain = 2.0 * linear(SPEAKER_BOOST_DB[registers.bits(0x33, 2, 0)])
        self._speaker_dc_db = SPEAKER_BOOST_DB[registers.bits(0x33, 5, 3)]
        centre_v = min(self._headroom_v * linear(self._speaker_dc_db), SPEAKER_SUPPLY_V)
        self._speaker_swing_v = _speaker_swing(clocks.class_d_hz if clocks else None, centre_v)
        self._sloping = registers.on(0x06, 1)

    def set_amplifiers(self, registers: Registers, first: int) -> None:
        """An update bit arrived in a headphone (0x02) or speaker (0x28) volume register."""
        for index in (0, 1):
            gain_db = amplifier_gain_db(registers.latched(first + index))
            self._volumes[first, index].set(gain_db, at_zero_crossing=registers.on(first + index, 7))

    def wait(self, seconds: float, timeout_s: float | None) -> None:
        """Time passes for gains that wait for a zero crossing."""
        for volume in self._volumes.values():
            volume.wait(seconds, timeout_s)

    def play(self, words: Array, boosted_v: Array, line3_v: Array, converting: bool) -> dict[str, Array]:
        """float64[2, n] of full scale 1.0 after the wire, and the bypass signals -> volts per output pin."""
        n = words.shape[1]
        dac_v = self._convert(words) if converting else np.zeros((2, n))
        out: dict[str, Array] = {}
        for index, path in enumerate(self.sides):
            mixed = dac_v[index] * path.dac
            if path.line3:
                mixed = mixed + path.line3 * fitted(line3_v[index], n)
            if path.sidetone:
                mixed = mixed + path.sidetone * fitted(boosted_v[index], n)
            if path.mixer_on:
                np.clip(mixed, -self._headroom_v, self._headroom_v, out=mixed)
            else:
                mixed = np.zeros(n)
            swing = 0.95 * self._headroom_v
            headphone = self._volumes[0x02, index].apply(mixed)
            out["HP_" + "LR"[index]] = np.clip(headphone, -swing, swing) if path.headphone_on else np.zeros(n)
            speaker = self._volumes[0x28, index].apply(mixed) * self._speaker_gain
            swing = self._speaker_swing_v if path.speaker_on else 0.0
            out["SPK_" + "LR"[index]] = np.clip(speaker, -swing, swing)
        return out

    def _convert(self, words: Array) -> Array:
        if self._mono:
            words = np.broadcast_to(words.mean(axis=0), words.shape)
        if self._depth:
            wider = self._depth / 2.0 * (words[0] - words[1])
            words = np.stack((words[0] + wider, words[1] - wider))
        if self._deemphasis:
            words, self._filter = lfilter(*self._deemphasis, words, axis=1, zi=self._filter)
        volts: Array = np.clip(words, -1.0, 1.0) * self._dac_gain
        target = 0.0 if self.muted else 1.0
        if self._mute_gain == target:
            return volts if target else np.zeros_like(volts)
        step = self._mute_step if target else -self._mute_step
        ramp = np.clip(self._mute_gain + step * np.arange(1, words.shape[1] + 1), 0.0, 1.0)
        self._mute_gain = float(ramp[-1])
        return volts * ramp

    def _outputs(self) -> dict[str, float | None]:
        """Gain of each pin's amplifier where the DAC reaches it: the class-D boost included, its bridge not."""
        boost_db = 20.0 * math.log10(self._speaker_gain / 2.0)
        found: dict[str, float | None] = {}
        for index, path in enumerate(self.sides):
            fed = bool(path.dac and path.mixer_on)
            headphone, speaker = (self._volumes[first, index].gain_db for first in (0x02, 0x28))
            found["HP_" + "LR"[index]] = headphone if fed and path.headphone_on else None
            loud = fed and path.speaker_on and self._speaker_swing_v and speaker is not None
            found["SPK_" + "LR"[index]] = speaker + boost_db if loud and speaker is not None else None
        return found

    def state(self) -> dict[str, object]:
        """Playback side of `Wm8960.state`."""
        return {
            "dac_gain_db": [
                gain if path.dac_on and not self.muted else None
                for gain, path in zip(self._volume_db, self.sides, strict=True)
            ],
            "headphone_db": [
                self._volumes[0x02, index].gain_db if path.headphone_on else None
                for index, path in enumerate(self.sides)
            ],
            "speaker_db": [
                self._volumes[0x28, index].gain_db if path.speaker_on and self._speaker_swing_v else None
                for index, path in enumerate(self.sides)
            ],
            "outputs": self._outputs(),
            "speaker_dc_boost_db": self._speaker_dc_db,
            "speaker_swing_v": self._speaker_swing_v,
            "dac_filter": "sloping" if self._sloping else "normal",
            "deemphasis": self._deemphasis is not None,
            "equaliser": self.stereo_enhancement,
            "stereo_enhancement": self.stereo_enhancement,
            "loopback": self.loopback,
            "sidetone": any(path.sidetone > 0.0 and path.mixer_on for path in self.sides),
        }


def _speaker_swing(class_d_hz: float | None, centre_v: float) -> float:
    """Differential volts before clipping: a wrong switching clock first distorts, then stops the bridge."""
    if class_d_hz is None or not CLASS_D_LIMIT_HZ[0] <= class_d_hz <= CLASS_D_LIMIT_HZ[1]:
        return 0.0
    swing_v = 0.95 * 2.0 * min(centre_v, SPEAKER_SUPPLY_V - centre_v)
    return swing_v if CLASS_D_HZ[0] <= class_d_hz <= CLASS_D_HZ[1] else swing_v / 4.0
