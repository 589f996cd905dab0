"""A ring of frames between the period loop and the application: one writer, one reader, no lock.

`index` holds how many frames were ever written and read; data are stored before the index that publishes them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import realtime

WRITTEN, READ = 0, 1


@realtime
def put(data, index, frames):
    """Append *frames* (float32[n, channels]) if all fit; returns how many were stored: n or 0."""
    count, mask = frames.shape[0], data.shape[0] - 1
    if data.shape[0] - (index[0] - index[1]) < count:
        return 0
    start = index[0]
    for i in range(count):
        slot = (start + i) & mask
        for channel in range(data.shape[1]):
            data[slot, channel] = frames[i, channel]
    index[0] = start + count
    return count


@realtime
def take(data, index, frames):
    """Fill *frames* from the ring, zeros where it has no more; returns how many came from the ring."""
    count, mask = frames.shape[0], data.shape[0] - 1
    start = index[1]
    there = min(count, index[0] - start)
    for i in range(there):
        slot = (start + i) & mask
        for channel in range(data.shape[1]):
            frames[i, channel] = data[slot, channel]
    for i in range(there, count):
        for channel in range(data.shape[1]):
            frames[i, channel] = 0.0
    index[1] = start + there
    return there


class Ring:
    """At least *capacity_frames* of float32[*, channels], rounded up to a power of two."""

    def __init__(self, capacity_frames: int, channels: int) -> None:
        self.data: NDArray[np.float32] = np.zeros((1 << (capacity_frames - 1).bit_length(), channels), np.float32)
        self.index: NDArray[np.int64] = np.zeros(2, np.int64)

    def __len__(self) -> int:
        return int(self.index[WRITTEN] - self.index[READ])

    @property
    def room(self) -> int:
        """Frames that can be written now."""
        return self.data.shape[0] - len(self)

    def write(self, frames: NDArray[np.float32]) -> int:
        """Append as many of *frames* as fit; returns how many."""
        part = frames[: self.room]
        slots = (self.index[WRITTEN] + np.arange(len(part))) & (self.data.shape[0] - 1)
        self.data[slots] = part
        self.index[WRITTEN] += len(part)
        return len(part)

    def read(self, count: int) -> NDArray[np.float32]:
        """Take up to *count* frames out."""
        count = min(count, len(self))
        slots = (self.index[READ] + np.arange(count)) & (self.data.shape[0] - 1)
        frames = self.data[slots]
        self.index[READ] += count
        return frames
