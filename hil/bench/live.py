"""A virtual board that goes by the clock on the wall, for whoever needs a device that is there: the server, an application.

World time follows time.monotonic(): a period is captured when it is due and not before, a codec's pause is slept through.
What does not keep up by more than `LATE_S` is not made good: the world then stood still for a while, like a suspended machine.
It measures nothing; that is `virtual`, whose time is its own. One thread at a time moves the world: the stage writes to the
codec only while no period runs.
"""

from __future__ import annotations

import time

from firmware_py.board import Board
from firmware_py.descriptions import load_board
from firmware_py.device import Device
from firmware_py.pcm import Frames
from hil.bench.virtual import PRESS_S, ChipBus, WiredPins, model_of
from hil.sim.pcm import VirtualPcm
from hil.sim.pins import VirtualPins
from hil.sim.world import World

LATE_S = 0.1


class LivePcm:
    """The card of a virtual board, in real time: `read_into` waits for its period, as a blocking read of ALSA does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._card = VirtualPcm(world)
        self.timing = self._card.timing  # in world time, which is the wall's but for an offset
        self._began_s = time.monotonic() - world.time_s  # when world time was zero

    def sleep(self, seconds: float) -> None:
        """Let time pass on the wall and in the world, where no frame moves."""
        time.sleep(seconds)
        self._catch_up()

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        self._catch_up()
        self._card.open(rate_hz, period_frames, channels, preroll_frames=preroll_frames)

    def read_into(self, buffer: Frames) -> int:
        if self._card.period_frames:
            early_s = self._card.period_frames / self._card.rate_hz - self.behind_s
            if early_s > 0.0:
                time.sleep(early_s)
            elif early_s < -LATE_S:
                self._began_s -= early_s
        return self._card.read_into(buffer)

    def write_from(self, buffer: Frames) -> int:
        return self._card.write_from(buffer)

    def delay_frames(self) -> int:
        return self._card.delay_frames()

    def recover(self, queued_frames: int) -> int:
        return self._card.recover(queued_frames)

    def close(self) -> None:
        self._card.close()

    @property
    def behind_s(self) -> float:
        """By how much the world is behind the wall."""
        return time.monotonic() - self._began_s - self._world.time_s

    def _catch_up(self) -> None:
        self._world.wait(max(0.0, self.behind_s))


class LiveDevice(Device):
    """A virtual board with its button within reach, and the world round it."""

    def __init__(self, board: Board, world: World) -> None:
        self.world, self.pcm = world, LivePcm(world)
        self._pins = VirtualPins(time.monotonic, world.wiring.led_count)  # a finger moves while no period runs, too
        pins = WiredPins(self._pins, board, world.wiring)
        super().__init__(board, bus=ChipBus(world.chip), pcm=self.pcm, pins=pins, sleep=self.pcm.sleep)

    def press_button(self) -> None:
        """Press and release, and keep the finger away long enough for another press to be one."""
        for move in (self._pins.press, self._pins.release):
            move()
            time.sleep(PRESS_S)


def device(name: str) -> LiveDevice:
    """The virtual board of that name, in an office. FirmwareError where there is no model of it."""
    board = load_board(name)
    return LiveDevice(board, World(*model_of(board)))
