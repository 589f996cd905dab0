"""The SGTL5000's playback path: DAC with ramped digital volume, headphone and line amplifiers.

A 0 dBFS sine leaves the headphone pins at 1.0 Vrms when every gain is 0 dB and VAG is 1.575 V. Line outputs have no
0 dB code of their own: code 15 passes the DAC's volts unchanged, and the data sheet's formula moves it so that the
swing suits the line outputs' own ground. Not modelled: DAC noise, short-circuit detection, capless wiring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.sim.frames import fitted
from hil.sim.sgtl5000_input import FULL_SCALE_PER_VAG, SWING
from hil.sim.sgtl5000_power import Supplies, line_out_v
from hil.sim.sgtl5000_registers import (
    ADCDAC_CTRL,
    ANA_CTRL,
    ANA_HP_CTRL,
    ANA_POWER,
    DAC_VOL,
    DIG_POWER,
    LINE_OUT_VOL,
    Registers,
)
from hil.sim.volume import Volume, linear

Array = NDArray[np.float64]

PINS = ("HP_L", "HP_R", "LINEOUT_L", "LINEOUT_R")
DAC_STEP_DB = 0.5017
LINE_UNITY_CODE = 15
RAMP_FLOOR_DB = -96.33  # 192 steps
LINEAR_RAMP_FRAMES = 512  # neither ramp's speed is in a public text
EXPONENTIAL_STEP_DB = DAC_STEP_DB / 8.0  # a frame


def dac_volume_db(code: int) -> float | None:
    """0 dB at 0x3C, 0.5017 dB a step; None for mute (0xFC and above) and for the reserved codes below 0x3C."""
    return DAC_STEP_DB * (0x3C - code) if 0x3C <= code < 0xFC else None


def headphone_db(registers: Registers, side: int) -> float:
    """+12 to -51.5 dB."""
    return 12.0 - 0.5 * registers.bits(ANA_HP_CTRL, 8 * side + 6, 8 * side)


class Ramp:
    """One DAC channel's digital volume on its way to where the registers want it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._target = 0.0
        self._enabled = True
        self._exponential = False

    def set(self, target: float, enabled: bool, exponential: bool) -> None:
        """Without the ramp the volume is there at once."""
        self._target, self._enabled, self._exponential = target, enabled, exponential
        if not enabled:
            self._now = target

    @property
    def busy(self) -> bool:
        """VOL_BUSY: not yet there."""
        return self._now != self._target

    def advance(self, frames: int) -> Array | float:
        """The amplitude of each of the next frames."""
        if not self.busy or frames <= 0:
            return self._now
        steps = np.arange(1, frames + 1)
        if self._exponential:
            start_db, end_db = _ramp_db(self._now), _ramp_db(self._target)
            sign = 1.0 if end_db > start_db else -1.0
            path_db = start_db + sign * EXPONENTIAL_STEP_DB * steps
            path: Array = np.power(10.0, np.clip(path_db, min(start_db, end_db), max(start_db, end_db)) / 20.0)
            path[sign * path_db >= sign * end_db] = self._target
        else:
            sign = 1.0 if self._target > self._now else -1.0
            reach = self._now + sign * steps / LINEAR_RAMP_FRAMES
            path = np.clip(reach, min(self._now, self._target), max(self._now, self._target))
        self._now = float(path[-1])
        return path


def _ramp_db(amplitude: float) -> float:
    return max(20.0 * float(np.log10(amplitude)), RAMP_FLOOR_DB) if amplitude > 0.0 else RAMP_FLOOR_DB


class PlaybackPath:
    """Words in, volts out; keeps the volume ramps and the headphone volumes."""

    def __init__(self, supplies: Supplies, registers: Registers) -> None:
        self._supplies = supplies
        self._ramps = (Ramp(), Ramp())
        self._volumes = [Volume(headphone_db(registers, side)) for side in (0, 1)]

    def configure(self, registers: Registers) -> None:
        """Take over everything the registers say except headphone volumes, which come by `set_headphone`."""
        powered = registers.on(DIG_POWER, 5) and registers.on(ANA_POWER, 3)
        self.dac_on = (powered, powered and registers.on(ANA_POWER, 14))
        self._volume_db = [
            None
            if registers.on(ADCDAC_CTRL, 2 + side)
            else dac_volume_db(registers.bits(DAC_VOL, 8 * side + 7, 8 * side))
            for side in (0, 1)
        ]
        for ramp, gain_db in zip(self._ramps, self._volume_db, strict=True):
            ramp.set(linear(gain_db), registers.on(ADCDAC_CTRL, 9), registers.on(ADCDAC_CTRL, 8))
        self.line_selected = registers.on(ANA_CTRL, 6)
        self.headphone_on = registers.on(ANA_POWER, 4) and not registers.on(ANA_CTRL, 4)
        self._line_on = registers.on(ANA_POWER, 0) and not registers.on(ANA_CTRL, 8)
        codes = [registers.bits(LINE_OUT_VOL, 8 * side + 4, 8 * side) for side in (0, 1)]
        self._line_db = [0.5 * (LINE_UNITY_CODE - code) for code in codes]
        ground_v = line_out_v(registers)
        self._line_swing_v = max(min(ground_v, self._supplies.vddio_v - ground_v), 0.0)

    def set_headphone(self, registers: Registers) -> None:
        """ANA_HP_CTRL was written: volumes move now or at a zero crossing."""
        for side, volume in enumerate(self._volumes):
            volume.set(headphone_db(registers, side), at_zero_crossing=registers.on(ANA_CTRL, 5))

    def idle(self, seconds: float, frames: int) -> None:
        """Time without frames: ramps run on, and an amplifier's own noise crosses zero soon enough."""
        for volume in self._volumes:
            volume.wait(seconds, 0.0)
        for ramp in self._ramps:
            ramp.advance(frames)

    @property
    def busy_bits(self) -> int:
        """VOL_BUSY of both channels, as ADCDAC_CTRL shows them."""
        return self._ramps[0].busy << 12 | self._ramps[1].busy << 13

    def play(self, words: Array, line_v: Array, vag_v: float, converting: bool, ticking: bool) -> dict[str, Array]:
        """float64[2, n] of full scale 1.0, and what the line inputs carry -> volts per output pin, before pops.

        ticking: the zero-cross detector has a clock, from the tree or the internal oscillator.
        """
        n = words.shape[1]
        headphone_swing_v = SWING * max(min(vag_v, self._supplies.vdda_v - vag_v), 0.0)
        out: dict[str, Array] = {}
        for side, name in enumerate("LR"):
            ramp = self._ramps[side].advance(n) if converting else 0.0
            dac_v = words[side] * ramp * (FULL_SCALE_PER_VAG * vag_v * (converting and self.dac_on[side]))
            source = fitted(line_v[side], n) if self.line_selected else dac_v
            volume = self._volumes[side]
            if volume.waiting and ticking and not source.any():
                volume.wait(0.0, 0.0)
            amplified = volume.apply(source) if ticking else source * linear(volume.gain_db)
            headphone = np.clip(amplified, -headphone_swing_v, headphone_swing_v)
            out[f"HP_{name}"] = headphone if self.headphone_on else np.zeros(n)
            line = np.clip(dac_v * linear(self._line_db[side]), -self._line_swing_v, self._line_swing_v)
            out[f"LINEOUT_{name}"] = line if self._line_on else np.zeros(n)
        return out

    def state(self, analogue: bool) -> dict[str, object]:
        """Playback side of `Sgtl5000.state`."""
        outputs: dict[str, float | None] = dict.fromkeys(PINS)
        for side, name in enumerate("LR"):
            if analogue and self.dac_on[side]:
                if self.headphone_on and not self.line_selected:
                    outputs[f"HP_{name}"] = self._volumes[side].gain_db
                if self._line_on:
                    outputs[f"LINEOUT_{name}"] = self._line_db[side]
        return {
            "dac_gain_db": [gain if on else None for gain, on in zip(self._volume_db, self.dac_on, strict=True)],
            "outputs": outputs,
            "deemphasis": False,
        }
