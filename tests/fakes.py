"""A bus that can be told to refuse."""

import errno
from collections.abc import Callable


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
