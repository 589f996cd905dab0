"""A straight wire where the codec would be: 1 V is full scale, in either direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray


class WireChip:
    def __init__(self, frame_rate_hz: float | None = 16_000.0, mic_bias_v: float = 2.1) -> None:
        self.frame_rate_hz = frame_rate_hz
        self.mic_bias_v = mic_bias_v
        self.waited_s = 0.0

    def write(self, address: int, data: bytes) -> None: ...

    def read(self, address: int, count: int) -> bytes:
        return bytes(count)

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds

    def play(self, frames: NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
        left, right = (frames / 2.0**31).astype(np.float32).T
        return {"HP_L": left, "HP_R": right, "SPK_L": left, "SPK_R": right}

    def capture(self, volts: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int32]:
        stereo = np.stack([volts["LINPUT1"], volts["RINPUT1"]], axis=1).astype(np.float64)
        return np.clip(np.round(stereo * 2.0**31), -(2.0**31), 2.0**31 - 1).astype(np.int32)

    def state(self) -> dict[str, object]:
        return {}


@pytest.fixture
def wire() -> Callable[..., WireChip]:
    return WireChip
