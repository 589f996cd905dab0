"""The Linux pins on gpiozero's own simulated lines, watched at the wire."""

from __future__ import annotations

import gc
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from gpiozero import Device, OutputDevice
from gpiozero.pins.mock import MockFactory, MockSPIClockPin

from firmware_py.board import AddressableLeds, Button, PlainLed
from firmware_py.errors import FirmwareError, PinError
from firmware_py.leds import DARK, Colour, apa102_frames
from firmware_py.pins import Edge, GpioPins

RED: Colour = (255, 0, 0)
GREEN: Colour = (0, 255, 0)
BUTTON = Button("main", gpio=17)
SPI0_CHAIN = AddressableLeds("apa102", count=3, data_gpio=10, clock_gpio=11)
FREE_CHAIN = AddressableLeds("apa102", count=3, data_gpio=5, clock_gpio=6)
TWO_LAMPS = (PlainLed("green", gpio=23, colour="green"), PlainLed("red", gpio=24, colour="red", active="low"))


@dataclass(frozen=True)
class Front:
    buttons: tuple[Button, ...] = (BUTTON,)
    leds: AddressableLeds | tuple[PlainLed, ...] = ()


class Wire:
    """What a chip on the far end of clock and data would shift in."""

    def __init__(self, factory: MockFactory, chain: AddressableLeds) -> None:
        self._clock = factory.pin(chain.clock_gpio, pin_class=MockSPIClockPin)
        self._data = factory.pin(chain.data_gpio)
        self._clock.spi_devices.append(self)
        self._was_high = False
        self._bits: list[str] = []

    def on_clock(self) -> None:
        if self._clock.state and not self._was_high:
            self._bits.append("1" if self._data.state else "0")
        self._was_high = bool(self._clock.state)

    def received(self) -> bytes:
        bits, self._bits = "".join(self._bits), []
        assert len(bits) % 8 == 0
        return bytes(int(bits[n : n + 8], 2) for n in range(0, len(bits), 8))


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)  # gpiozero's software SPI ignores the one it is given
    yield factory
    factory.reset()


@pytest.mark.parametrize(
    ("active", "pull", "rest", "line_pull"),
    [
        ("low", "up", True, "up"),  # button to ground, pull-up inside the processor
        ("high", "down", False, "down"),  # button to 3.3 V
        ("low", "none", True, "floating"),  # the HAT has its own pull-up
        ("high", "none", False, "floating"),
        ("high", "up", False, "up"),  # a driven line: the pull says nothing about which level is "pressed"
    ],
)
def test_pressed_is_the_active_level_whatever_pulls_the_line(factory, active, pull, rest, line_pull):
    button = Button("b", gpio=22, active=active, pull=pull)
    pins = GpioPins(Front((button,)), factory)
    line = factory.pin(22)
    (line.drive_high if rest else line.drive_low)()
    edges: list[Edge] = []
    pins.watch(button, edges.append)
    (line.drive_high if rest else line.drive_low)()  # where it should already be, but for the last row
    edges.clear()
    (line.drive_low if rest else line.drive_high)()
    (line.drive_high if rest else line.drive_low)()
    assert [edge.pressed for edge in edges] == [True, False]
    assert line.pull == line_pull
    assert line.bounce is None
    pins.close()


def test_edges_still_arrive_after_the_garbage_collector_has_been(factory):
    pins = GpioPins(Front(), factory)
    edges: list[Edge] = []
    pins.watch(BUTTON, edges.append)
    gc.collect()
    factory.pin(17).drive_low()
    assert len(edges) == 1
    pins.close()


@pytest.mark.parametrize("chain", [SPI0_CHAIN, FREE_CHAIN], ids=["spi0", "any two lines"])
def test_the_chain_shifts_in_the_frames_of_the_colours_shown(factory, chain):
    wire = Wire(factory, chain)
    pins = GpioPins(Front(leds=chain), factory)
    colours = (RED, GREEN, (1, 2, 3))
    pins.show(colours)
    received = wire.received()
    assert received == apa102_frames(colours, brightness=received[4] & 0x1F)
    pins.close()


def test_a_chain_on_free_lines_leaves_every_other_line_alone(factory):
    pins = GpioPins(Front(leds=FREE_CHAIN), factory)
    pins.show([RED] * 3)
    assert {pin.info.name for pin in factory.pins.values()} == {"GPIO5", "GPIO6"}
    pins.close()


def test_a_colour_that_stays_is_written_once(factory):
    wire = Wire(factory, FREE_CHAIN)
    pins = GpioPins(Front(leds=FREE_CHAIN), factory)
    pins.show([DARK] * 3)
    assert wire.received() != b""  # what the LEDs showed before is not known
    pins.show([DARK] * 3)
    assert wire.received() == b""
    pins.close()


@pytest.mark.parametrize("chain", [SPI0_CHAIN, FREE_CHAIN], ids=["spi0", "any two lines"])
def test_closing_leaves_the_chain_dark_and_its_lines_free(factory, chain):
    wire = Wire(factory, chain)
    pins = GpioPins(Front(leds=chain), factory)
    pins.show([RED] * 3)
    wire.received()
    pins.close()
    last = wire.received()
    assert last == apa102_frames([DARK] * 3, brightness=last[4] & 0x1F)
    GpioPins(Front(leds=chain), factory).close()


@pytest.mark.parametrize(
    ("colour", "green_high", "red_high"),
    [
        (GREEN, True, True),  # the red one is active low
        (RED, False, False),
        (DARK, False, True),
    ],
)
def test_plain_leds_are_one_light_at_their_active_levels(factory, colour, green_high, red_high):
    pins = GpioPins(Front(leds=TWO_LAMPS), factory)
    assert pins.led_count == 1
    pins.show([colour])
    assert (bool(factory.pin(23).state), bool(factory.pin(24).state)) == (green_high, red_high)
    pins.close()


def test_a_board_without_leds_shows_nothing_without_complaint(factory):
    pins = GpioPins(Front(), factory)
    assert pins.led_count == 0
    pins.show(())
    pins.close()
    assert not factory.pins


def test_a_line_that_is_taken_is_named_with_what_to_do(factory):
    with OutputDevice(17, pin_factory=factory):
        pins = GpioPins(Front(), factory)
        with pytest.raises(PinError, match=r"button 'main' on GPIO17: .*already in use.*gpioinfo") as caught:
            pins.watch(BUTTON, lambda edge: None)
        pins.close()
    assert isinstance(caught.value, FirmwareError)
    assert isinstance(caught.value, OSError)


def test_an_led_that_is_taken_gives_back_the_ones_already_opened(factory):
    with OutputDevice(24, pin_factory=factory), pytest.raises(PinError, match="LED 'red' on GPIO24"):
        GpioPins(Front(leds=TWO_LAMPS), factory)
    GpioPins(Front(leds=TWO_LAMPS), factory).close()


def test_a_pull_that_the_board_contradicts_is_refused(factory):
    with pytest.raises(PinError, match="GPIO3"):  # 1.8 kilohm to 3.3 V on every Raspberry Pi
        GpioPins(Front(), factory).watch(Button("scl", gpio=3, active="high", pull="down"), lambda edge: None)


@pytest.mark.skipif(importlib.util.find_spec("lgpio") is None, reason="lgpio is not installed")
def test_opening_the_real_chip_neither_moves_the_process_nor_leaves_files(tmp_path):
    script = (
        "import os\n"
        "from types import SimpleNamespace\n"
        "from firmware_py.errors import PinError\n"
        "from firmware_py.pins import GpioPins\n"
        "try:\n"
        "    GpioPins(SimpleNamespace(buttons=(), leds=())).close()\n"
        "except PinError as problem:\n"
        "    assert 'GPIO chip' in str(problem), problem\n"  # not on a Raspberry Pi
        "print(os.getcwd(), os.listdir(), os.environ.get('LG_WD'))\n"
    )
    here, pipes = tmp_path / "here", tmp_path / "pipes"
    here.mkdir()
    pipes.mkdir()
    env = {"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(pipes)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{here} [] None\n"), done.stderr
    assert list(pipes.iterdir()) == []
