"""Where several sessions meet the one stream of the card: their playback is summed, each with its gain; capture is handed to all.

Every session has a slot: a ring to the card and a ring from it. Gains move over one period, so that ducking does not click.
A slot that is not heard is not fed either: its rings stand still from the next period on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.state import State

SLOTS = 8
WRITTEN, READ = 0, 1  # of an index: frames ever written and read; data are stored before the index that publishes them
NOW, WANTED = 0, 1  # of a gain
STARVED, LOST, OWED = (
    0,
    1,
    2,
)  # of the counts: frames not delivered, not fetched in time, and to be left out when there are more

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]


class MixerState(State):
    """c is the channels of a session: 1 in the chat modes, else 2. Rings are a power of two long."""

    open: Int64  # [SLOTS] 1 where a session is heard and fed
    gain: Float32  # [SLOTS, 2] NOW, WANTED
    down: Float32  # [SLOTS, ring, c] to the card
    down_index: Int64  # [SLOTS, 2]
    up: Float32  # [SLOTS, ring, c] from the card
    up_index: Int64  # [SLOTS, 2]
    counts: Int64  # [SLOTS, 3]


@realtime
def mix_down(mixer, out):
    """Sum one period of every open slot into *out* (float32[n, c])."""
    frames, mask = out.shape[0], mixer.down.shape[1] - 1
    for i in range(frames):
        for channel in range(out.shape[1]):
            out[i, channel] = 0.0
    for slot in range(mixer.open.shape[0]):
        if mixer.open[slot] == 0:
            mixer.gain[slot, NOW] = 0.0  # opened again, it comes in by a ramp
            continue
        start = mixer.down_index[slot, READ]
        skipped = min(mixer.counts[slot, OWED], max(mixer.down_index[slot, WRITTEN] - start - frames, 0))
        mixer.counts[slot, OWED] -= skipped
        start += skipped
        there = min(frames, mixer.down_index[slot, WRITTEN] - start)
        now, wanted = mixer.gain[slot, NOW], mixer.gain[slot, WANTED]
        step = (wanted - now) / np.float32(frames)
        for i in range(there):
            place = (start + i) & mask
            gain = now + step * np.float32(i + 1)
            for channel in range(out.shape[1]):
                out[i, channel] += gain * mixer.down[slot, place, channel]
        mixer.gain[slot, NOW] = wanted
        mixer.down_index[slot, READ] = start + there
        mixer.counts[slot, STARVED] += frames - there
        mixer.counts[slot, OWED] -= min(mixer.counts[slot, OWED], frames - there)  # silence was left out, too


@realtime
def hand_up(mixer, frames):
    """Give *frames* (float32[n, c]) to every open slot that has room for all of them."""
    count, mask = frames.shape[0], mixer.up.shape[1] - 1
    for slot in range(mixer.open.shape[0]):
        if mixer.open[slot] == 0:
            continue
        start = mixer.up_index[slot, WRITTEN]
        if mixer.up.shape[1] - (start - mixer.up_index[slot, READ]) < count:
            mixer.counts[slot, LOST] += count
            continue
        for i in range(count):
            place = (start + i) & mask
            for channel in range(frames.shape[1]):
                mixer.up[slot, place, channel] = frames[i, channel]
        mixer.up_index[slot, WRITTEN] = start + count


@realtime
def pass_over(mixer, count):
    """Time passed that was neither heard nor captured: *count* frames of it become silence on the way up, and are left out
    of what the sessions play. Both directions stay as far apart as they were."""
    mask = mixer.up.shape[1] - 1
    for slot in range(mixer.open.shape[0]):
        if mixer.open[slot] == 0:
            continue
        mixer.counts[slot, OWED] += count
        start = mixer.up_index[slot, WRITTEN]
        room = min(count, mixer.up.shape[1] - (start - mixer.up_index[slot, READ]))
        mixer.counts[slot, LOST] += count - room
        for i in range(room):
            for channel in range(mixer.up.shape[2]):
                mixer.up[slot, (start + i) & mask, channel] = 0.0
        mixer.up_index[slot, WRITTEN] = start + room


class Mixer:
    """Slots for sessions by name; rings of *ring_frames* at least."""

    def __init__(self, ring_frames: int, channels: int) -> None:
        ring = 1 << (ring_frames - 1).bit_length()
        self.channels = channels
        self.state = MixerState(
            open=np.zeros(SLOTS, np.int64),
            gain=np.zeros((SLOTS, 2), np.float32),
            down=np.zeros((SLOTS, ring, channels), np.float32),
            down_index=np.zeros((SLOTS, 2), np.int64),
            up=np.zeros((SLOTS, ring, channels), np.float32),
            up_index=np.zeros((SLOTS, 2), np.int64),
            counts=np.zeros((SLOTS, 3), np.int64),
        )
        self._slots: dict[str, int] = {}

    def line(self, name: str) -> Line:
        """The rings of the session of that name. LookupError when all slots are taken."""
        if name not in self._slots:
            free = set(range(SLOTS)) - set(self._slots.values())
            if not free:
                raise LookupError(f"{SLOTS} sessions are open already; close one first")
            self._slots[name] = min(free)
            Line(self.state, self._slots[name]).drain()  # what the last session left, before this one opens
        return Line(self.state, self._slots[name])

    def lines(self) -> list[Line]:
        """Those of every session that has a slot."""
        return [Line(self.state, slot) for slot in list(self._slots.values())]

    def set_gains(self, gains: dict[str, float]) -> None:
        """Gain by name, as a factor; a session that is not named is neither heard nor fed, and gives its slot back."""
        for name in [name for name in self._slots if name not in gains]:
            self.state.open[self._slots.pop(name)] = 0
        for name, gain in gains.items():
            self.line(name)
            slot = self._slots[name]
            self.state.gain[slot, WANTED] = gain
            self.state.open[slot] = 1


class Line:
    """One session's way to the card and from it. One thread may write, one may read."""

    def __init__(self, state: MixerState, slot: int) -> None:
        self._state, self._slot = state, slot

    def write(self, frames: Float32) -> int:
        """Append as many of *frames* (float32[n, c]) as fit; returns how many."""
        ring, index = self._state.down[self._slot], self._state.down_index[self._slot]
        part = frames[: len(ring) - int(index[WRITTEN] - index[READ])]
        ring[(index[WRITTEN] + np.arange(len(part))) & (len(ring) - 1)] = part
        index[WRITTEN] += len(part)
        return len(part)

    def read(self, count: int) -> Float32:
        """Take up to *count* captured frames out."""
        ring, index = self._state.up[self._slot], self._state.up_index[self._slot]
        count = min(count, int(index[WRITTEN] - index[READ]))
        frames: Float32 = ring[(index[READ] + np.arange(count)) & (len(ring) - 1)]
        index[READ] += count
        return frames

    def drain(self) -> None:
        """Forget what waits in either direction."""
        self._state.counts[self._slot, OWED] = 0
        for index in (self._state.down_index[self._slot], self._state.up_index[self._slot]):
            index[READ] = index[WRITTEN]

    @property
    def waiting_frames(self) -> tuple[int, int]:
        """Frames in the two rings: written and not yet played, captured and not yet read."""
        down, up = self._state.down_index[self._slot], self._state.up_index[self._slot]
        return int(down[WRITTEN] - down[READ]), int(up[WRITTEN] - up[READ])

    @property
    def starved_frames(self) -> int:
        """Frames the card wanted and the session had not delivered."""
        return int(self._state.counts[self._slot, STARVED])

    @property
    def lost_frames(self) -> int:
        """Frames the card had and the session did not fetch in time."""
        return int(self._state.counts[self._slot, LOST])
