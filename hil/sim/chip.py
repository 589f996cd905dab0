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
    def mic_bias_v(self) -> float:
        """Volts on the microphone bias pin."""

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
        """What each block does now, in decibels, hertz, milliseconds and volts."""
