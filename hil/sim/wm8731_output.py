"""The WM8731's playback path: DAC filters, output mixer, line outputs, headphone amplifier.

One mixer a side adds DAC, line input (bypass) and microphone (sidetone). Its output is LOUT and ROUT as it is, and
LHPOUT and RHPOUT through the headphone volume; one power bit switches all four. A 0 dBFS sine is 1.0 Vrms at the line
outputs when AVDD is 3.3 V. The soft mute lets the last sample decay with a time constant of 64 frames and releases
at once, as in the other converters of the family. A headphone volume that waits for a zero crossing waits as long as
there is none: a time-out is not documented. Not modelled: the four types of interpolation filter, output noise.
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
from hil.sim.wm8731_clocks import Clocks
from hil.sim.wm8731_registers import Registers

Array = NDArray[np.float64]

OUTPUT_PINS = ("LHPOUT", "RHPOUT", "LOUT", "ROUT")
DEEMPHASIS_HZ = (None, 32_000.0, 44_100.0, 48_000.0)
MUTE_DECAY_FRAMES = 64.0
MUTED_AFTER_FRAMES = 1024


@dataclass(frozen=True)
class Mixer:
    """The output mixers, both alike; ratios are amplitudes, 0 is an open switch."""

    dac: float
    bypass: float
    sidetone: float
    powered: bool


def mixer(registers: Registers) -> Mixer:
    """Register 04, and OUTPD."""
    return Mixer(
        dac=float(registers.on(0x04, 4)),
        bypass=float(registers.on(0x04, 3)),
        sidetone=linear(-6.0 - 3.0 * registers.bits(0x04, 7, 6)) if registers.on(0x04, 5) else 0.0,
        powered=registers.powered(4),
    )


def headphone_gain_db(registers: Registers, side: int) -> float | None:
    """-73 to +6 dB; None for the codes below, which are mute."""
    code = registers.bits(0x02 + side, 6, 0)
    return None if code < 0x30 else code - 121.0


class PlaybackPath:
    """Words in, volts out; keeps headphone gains, the decaying mute and the de-emphasis filter."""

    def __init__(self, avdd_v: float) -> None:
        self._full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self._headroom_v = avdd_v / 2.0
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self._volumes = [Volume(headphone_gain_db(registers, side)) for side in (0, 1)]
        self._filter = np.zeros((2, 1))
        self._last = np.zeros((2, 1))
        self._muted_frames = MUTED_AFTER_FRAMES
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over what the registers say except headphone gains, which come by `set_headphone`."""
        self.mixer = mixer(registers)
        self.dac_on = registers.powered(3)
        self.converting = self.dac_on and clocks is not None and clocks.dac_rate_hz is not None
        self.muted = registers.on(0x05, 3)
        if not self.muted:
            self._muted_frames = 0
        emphasis_hz = DEEMPHASIS_HZ[registers.bits(0x05, 2, 1)]
        self._deemphasis = deemphasis(emphasis_hz) if emphasis_hz else None

    def set_headphone(self, registers: Registers, side: int) -> None:
        """A headphone volume was written: it moves now, or at a zero crossing."""
        self._volumes[side].set(headphone_gain_db(registers, side), at_zero_crossing=registers.on(0x02 + side, 7))

    def play(self, words: Array, line_v: Array, microphone_v: Array, offset_v: Array) -> dict[str, Array]:
        """float64[2, n] of full scale 1.0 after the wire, bypass signals and the reference's error -> volts."""
        n = words.shape[1]
        dac_v = self._convert(words) * self._full_scale_v
        mixed = self.mixer.dac * dac_v
        if self.mixer.bypass:
            mixed = mixed + self.mixer.bypass * fitted(line_v, n)
        if self.mixer.sidetone:
            mixed = mixed + self.mixer.sidetone * fitted(microphone_v, n)
        if not self.mixer.powered:
            mixed = np.zeros((2, n))
        mixed = np.clip(mixed, -self._headroom_v, self._headroom_v)
        swing = 0.95 * self._headroom_v
        headphone = [np.clip(self._volumes[side].apply(mixed[side]), -swing, swing) for side in (0, 1)]
        thump = offset_v if self.mixer.powered else 0.0
        return {pin: signal + thump for pin, signal in zip(OUTPUT_PINS, (*headphone, *mixed), strict=True)}

    def _convert(self, words: Array) -> Array:
        if not self.converting:
            self._last = np.zeros((2, 1))
            return np.zeros_like(words)
        if self._deemphasis:
            words, self._filter = lfilter(*self._deemphasis, words, axis=1, zi=self._filter)
        else:
            self._filter = np.zeros((2, 1))
        if self.muted:
            frame = self._muted_frames + np.arange(1, words.shape[1] + 1)
            self._muted_frames = min(int(frame[-1]), MUTED_AFTER_FRAMES)
            return self._last * np.where(frame < MUTED_AFTER_FRAMES, np.exp(-frame / MUTE_DECAY_FRAMES), 0.0)
        self._last = words[:, -1:].copy()
        return np.clip(words, -1.0, 1.0)

    def state(self) -> dict[str, object]:
        """Playback side of `Wm8731.state`, but for the paths that begin at an input."""
        on, powered = self.mixer.dac > 0.0 and self.mixer.powered, self.mixer.powered
        headphone = [volume.gain_db if powered else None for volume in self._volumes]
        gains = [*(gain if on else None for gain in headphone), *([0.0 if on else None] * 2)]
        return {
            "dac_gain_db": [0.0 if self.dac_on and not self.muted else None] * 2,
            "outputs": dict(zip(OUTPUT_PINS, gains, strict=True)),
            "headphone_db": headphone,
            "loopback": False,
            "deemphasis": self._deemphasis is not None,
            "equaliser": False,
        }
