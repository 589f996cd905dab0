"""Buses that can be told to refuse, and a wire where the codec would be."""

import errno
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hil.sim.chip import Chip


class RecordingBus:
    """A bus on which every chip acknowledges; remembers each write, and refuses when told to."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, bytes]] = []
        self.refuse: Callable[[int, bytes], bool] = lambda address, data: False

    def write(self, address: int, data: bytes) -> None:
        if self.refuse(address, data):
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        self.writes.append((address, data))

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        raise OSError(errno.EREMOTEIO, "no acknowledge")


class LossyBus:
    """A bus to a simulated chip that refuses the n-th write from now, or loses the acknowledge of one that arrived."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self.refuse: int | None = None
        self.lose_acknowledge_of: int | None = None

    def write(self, address: int, data: bytes) -> None:
        refused, lost = self.refuse == 0, self.lose_acknowledge_of == 0
        self.refuse = None if self.refuse is None or refused else self.refuse - 1
        self.lose_acknowledge_of = None if self.lose_acknowledge_of is None or lost else self.lose_acknowledge_of - 1
        if refused:
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        self._chip.write(address, data)
        if lost:
            raise OSError(errno.ETIMEDOUT, "timed out")

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        if after:
            self._chip.write(address, after)
        return self._chip.read(address, count)


class WireChip:
    """A straight wire where the codec would be: 1 V is full scale, in either direction."""

    def __init__(self, frame_rate_hz: float | None = 16_000.0, mic_bias_v: float = 2.1) -> None:
        self.frame_rate_hz = frame_rate_hz
        self.mic_bias_v = {"MICBIAS": mic_bias_v}
        self.waited_s = 0.0

    def write(self, address: int, data: bytes) -> None: ...

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
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
