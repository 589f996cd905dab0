"""Buses that can be told to refuse."""

import errno
from collections.abc import Callable

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

    def read(self, address: int, count: int) -> bytes:
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

    def read(self, address: int, count: int) -> bytes:
        return self._chip.read(address, count)
