"""A bench: a device under test with a rig around it. Here the virtual one: chip, room, card and finger are simulated.

What is simulated is a second witness: it was written from the datasheet and knows nothing of the descriptions it judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from firmware_py.audio import Session
from firmware_py.board import AddressableLeds, Board, Button
from firmware_py.descriptions import load_board
from firmware_py.device import Device
from firmware_py.engine import kernel_parts
from firmware_py.errors import FirmwareError, UnknownNameError
from firmware_py.modes import Category, Mode, Profile
from firmware_py.pins import Edge
from firmware_py.stage import BoardStage
from hil.bench.promise import Asked, mismatches
from hil.contracts import CONTRACTS, Contract
from hil.sim.chip import Chip
from hil.sim.da7212 import Da7212
from hil.sim.es8388 import Es8388
from hil.sim.hats import HATS, Wiring
from hil.sim.pcm import VirtualPcm
from hil.sim.pins import Colour, VirtualPins
from hil.sim.room import ROOMS
from hil.sim.sgtl5000 import Sgtl5000
from hil.sim.tlv320aic3104 import Tlv320aic3104
from hil.sim.wm8731 import Wm8731
from hil.sim.wm8960 import Wm8960
from hil.sim.world import World

CHIPS: Mapping[str, Callable[..., Chip]] = {
    "wm8960": Wm8960,
    "da7212": Da7212,
    "tlv320aic3104": Tlv320aic3104,
    "wm8731": Wm8731,
    "sgtl5000": Sgtl5000,
    "es8388": Es8388,
}

Samples = NDArray[np.float32]

MIC_BIAS_OFF_V = 1.0
"""Below this no capsule works: a pin discharges through one, and that takes its time."""

PRESS_S = 0.08
"""A finger stays this long on a button, and this long away from it."""


def model_of(board: Board) -> tuple[Chip, Wiring]:
    """A new chip of the board's codec, and how its HAT is wired. FirmwareError where there is no model of the two."""
    chip, hat = CHIPS.get(board.codec.name), HATS.get(board.name)
    if chip is None or hat is None:
        raise FirmwareError(f"{board.name}: there is no model of this board, but of " + ", ".join(sorted(HATS)))
    return chip(mclk_hz=hat.mclk_hz), hat


class ChipBus:
    """The two wires to a simulated chip, as the product knows a bus."""

    def __init__(self, chip: Chip) -> None:
        self._chip, self.write = chip, chip.write

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        if after:
            self._chip.write(address, after)
        return self._chip.read(address, count)


@dataclass(frozen=True)
class Take:
    """What one stretch of conversation left on tape, all at the same rate and sample for sample.

    down, up   float32[frames]  first channel of what the application played and captured
    up_right   float32[frames]  second channel of what it captured; the first again where a mode has one only
    speaker_v  float32[frames]  volts at the loudspeaker
    mic_pa     float32[frames]  pressure at the first microphone: its echo, its near end, and the room's noise
    mic_bias_v float32[periods] volts on the codec's bias pin
    """

    rate_hz: int
    down: Samples
    up: Samples
    up_right: Samples
    speaker_v: Samples
    mic_pa: Samples
    echo_pa: Samples
    near_pa: Samples
    mic_bias_v: Samples
    true_seconds: float

    @property
    def seconds(self) -> float:
        return len(self.up) / self.rate_hz


class VirtualBench:
    """A board with its codec, in a room, with somebody to press the button and talk."""

    name = "virtual"

    def __init__(self, board: Board, *, room: str = "office", seed: int = 0) -> None:
        if room not in ROOMS:
            raise UnknownNameError("room", room, ROOMS)
        self.board, self.room = board, room
        self.chip, hat = model_of(board)
        self.world = World(self.chip, hat, room, seed=seed)
        self.pcm = VirtualPcm(self.world)
        self.pins = VirtualPins(lambda: self.world.time_s, led_count=hat.led_count)
        self.device = Device(
            board,
            bus=ChipBus(self.chip),
            pcm=self.pcm,
            pins=WiredPins(self.pins, board, hat),
            sleep=self._sleep,
            threaded=False,
        )
        self._asked: str | None = None

    @classmethod
    def of(cls, board: str, *, room: str = "office", seed: int = 0) -> Self:
        """The bench of the board of that name, or of that description file."""
        return cls(load_board(board), room=room, seed=seed)

    @property
    def session(self) -> Session:
        """The session of the button."""
        return self.device.session

    @property
    def stage(self) -> BoardStage:
        return self.device.stage

    @property
    def profile(self) -> Profile:
        """What the mode in force promises, at the rate and period it has."""
        return self.stage.profile

    @property
    def mode(self) -> str:
        """Name of the mode in force."""
        return self.stage.setup.mode.value

    @property
    def writes(self) -> tuple[str, ...]:
        """The plan by which the codec came to where it stands, a line a step."""
        plan = self.stage.codec.applied
        return tuple(str(plan).splitlines()) if plan else ()

    @property
    def words(self) -> dict[str, int | None]:
        """Register name -> word, as the product believes them."""
        return dict(self.stage.codec.words or {})

    @property
    def contract(self) -> Contract:
        """The rig's own reading of the mode that was asked for by `active`, or else of the one in force."""
        return CONTRACTS[self._asked or self.mode]

    def mismatches(self, mode: str | None = None) -> list[str]:
        """What the chip does now otherwise than *mode* has to; None is the mode of `active`, or else the one in force."""
        return mismatches(self.chip.state(), Asked.of(self.stage, self.world.wiring), mode or self._asked or self.mode)

    def set_mic_bias(self, on: bool) -> None:
        """Take the microphones' bias away, or give it back, while everything else runs on."""
        codec, settings = self.stage.codec, self.stage.plan().settings
        codec.apply(codec.plan({**settings, "mic_bias": on}))

    @property
    def mic_bias_is_on(self) -> bool:
        """Whether the pin that feeds the microphones has a voltage."""
        pin = self.world.wiring.bias_pin
        return pin is None or self.chip.mic_bias_v[pin] > MIC_BIAS_OFF_V

    def press_button(self) -> None:
        """Press and release; the device handles it as its control thread would."""
        self.pins.press()
        self.device.panel.step()
        self.world.wait(PRESS_S)
        self.pins.release()
        self.device.panel.step()
        self.world.wait(PRESS_S)

    @contextmanager
    def active(self, mode: str) -> Iterator[Session]:
        """The session in *mode*, switched on by its button where there is one, and off again at the end."""
        self.session.set_category(Category.PLAY_AND_RECORD, mode=Mode(mode))
        if self.board.buttons:
            self.press_button()
        else:
            self.session.activate()
        if not self.session.active:
            raise self.device.conductor.fault or FirmwareError("the button did not activate the session")
        self._asked = mode
        try:
            yield self.session
        finally:
            self._asked = None
            if self.session.active and self.board.buttons:
                self.press_button()
            elif self.session.active:
                self.session.deactivate()

    def converse(
        self, down: Samples | float, *, near_pa: Samples | None = None, at: str = "capsule", coupling: float = 1.0
    ) -> Take:
        """Play *down* (mono, full scale 1.0; a number is that many seconds of silence) while *near_pa* sounds.

        near_pa   pascals at the microphones (at="capsule") or one metre before the talker's mouth (at="mouth")
        coupling  of loudspeaker to microphone through the air: 0 takes it away
        """
        profile = self.profile
        rate, period = profile.rate_hz, profile.period_frames
        given = np.zeros(round(down * rate), np.float32) if isinstance(down, float | int) else down
        played = np.zeros(-(-len(given) // period) * period, np.float32)
        played[: len(given)] = given
        self.world.acoustic_coupling = coupling
        if near_pa is not None:
            self.world.talk(near_pa, rate, at=at)
        began_s = self.world.time_s
        with self.world.recording() as tape:
            up = self.stage.engine.converse(self.session.name, np.repeat(played[:, None], profile.channels, axis=1))
        self.world.hush()
        self.device.panel.step()
        return Take(
            rate_hz=rate,
            down=played,
            up=up[:, 0],
            up_right=up[:, -1],
            speaker_v=_at_rate(tape.speaker_v, len(up)),
            mic_pa=_at_rate(_first(tape.mic_pa), len(up)),
            echo_pa=_at_rate(_first(tape.echo_pa), len(up)),
            near_pa=_at_rate(_first(tape.near_pa), len(up)),
            mic_bias_v=tape.mic_bias_v,
            true_seconds=self.world.time_s - began_s,
        )

    def kernel_parts(self) -> dict[str, Callable[[], object]]:
        """What is compiled before the first period, part by part; calling a part compiles it."""
        silence = {self.world.wiring.microphones[0]: np.zeros(1, np.float32)}
        return {**kernel_parts(), "codec model": lambda: self.chip.capture(silence)}

    def close(self) -> None:
        self.device.close()

    def _sleep(self, seconds: float) -> None:
        """Let time pass; the panel goes on showing what happens, as it would beside a waiting thread."""
        self.device.panel.refresh()
        self.world.wait(seconds)


class WiredPins:
    """The pins that a board's file names, on a HAT that is wired as it is: what the file has elsewhere hangs on no wire."""

    def __init__(self, pins: VirtualPins, board: Board, hat: Wiring) -> None:
        self._pins, self._hat = pins, hat
        self.buttons = board.buttons
        self.led_count = board.leds.count if isinstance(board.leds, AddressableLeds) else len(board.leds)
        self.now, self.close = pins.now, pins.close

    def watch(self, button: Button, on_edge: Callable[[Edge], None]) -> None:
        if (button.gpio, button.active == "low") == (self._hat.button_gpio, self._hat.button_active_low):
            self._pins.watch(button, lambda edge: on_edge(Edge(edge.pressed, edge.time_s)))

    def show(self, colours: Sequence[Colour]) -> None:
        if self.led_count == self._hat.led_count:
            self._pins.show(colours)


def _at_rate(tape: Samples, frames: int) -> Samples:
    """A tape at the mode's rate: where the codec cannot run at that, the world's is a whole multiple of it."""
    factor = round(len(tape) / frames) if frames else 1
    return tape if factor <= 1 else np.asarray(resample_poly(tape, 1, factor), np.float32)[:frames]


def _first(channels: Samples) -> Samples:
    return channels if channels.ndim == 1 else np.ascontiguousarray(channels[:, 0])
