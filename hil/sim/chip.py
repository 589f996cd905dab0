"""What a simulated codec chip looks like from outside: control bus, digital audio port and analogue pins.

It is not a register map: through this protocol one sees bytes, frames and volts, as on a bench.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Volts = NDArray[np.float32]
Frames = NDArray[np.int32]


class Chip(Protocol):
    """A codec on a bench. The host link is I2S: 32-bit slots, frames of 64 BCLK, left then right."""

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK rate the chip makes as clock provider; None when it makes none."""

    @property
    def mic_bias_v(self) -> Mapping[str, float]:
        """Volts on each microphone bias pin, by its name."""

    def write(self, address: int, data: bytes) -> None:
        """One I2C write. OSError(EREMOTEIO) when the chip does not acknowledge."""

    def read(self, address: int, count: int) -> bytes:
        """One I2C read of `count` bytes. OSError(EREMOTEIO) when the chip does not acknowledge."""

    def wait(self, seconds: float) -> None:
        """Time passes without frames: references charge or discharge, PLLs lock, time-outs expire."""

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] from the host, full scale 2**31 -> volts[n] at each output pin."""

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """volts[n] at input pins (a missing pin is 0 V) -> int32[n, 2] as the host receives them."""

    def state(self) -> dict[str, object]:
        """What each block does now, in decibels, hertz, milliseconds and volts. None where a chip has no such block.

        analogue_up        references are charged
        mic_bias_v         as above
        capture_rate_hz, playback_rate_hz
        interface          {"format", "word_bits", "provider"}
        high_pass, high_pass_hz
        inputs             [[pins routed to the left ADC], [right]]
        input_gain_db      [left, right] from the routed pin to the ADC; None: muted, unpowered, or nothing routed
        input_gain_step_db how finely that can be set, where it is coarser than 0.75 dB
        adc_gain_db, dac_gain_db   [left, right], digital; None: muted or off
        outputs            {pin: gain in dB from the DAC, the digital one apart}; None: off, muted, or not fed by it
        alc                "off", "left", "right" or "stereo"; alc_mode, alc_target_dbfs, alc_max_gain_db, alc_min_gain_db,
                           alc_reach_db ([left, right], of the whole input), alc_hold_ms, alc_decay_ms, alc_attack_ms
        noise_gate, noise_gate_dbfs, deemphasis, equaliser, loopback, sidetone
        reserved           sentences on reserved bits that are not as they must be
        faults             sentences on what the datasheet forbids and was done since the last reset
        """
