"""The lines of a front panel: button edges in, LED colours out. The only module that touches GPIO.

What is not here: debouncing (panel), what the colours mean (leds), the codec's bus (bus).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from firmware_py.board import AddressableLeds, Button, PlainLed
from firmware_py.errors import PinError
from firmware_py.leds import DARK, Colour, apa102_frames, plain_lamps

if TYPE_CHECKING:
    from gpiozero import Factory

__all__ = ["Colour", "Edge", "GpioPins", "PanelFacts", "Pins"]

_SPI0_CLOCK_GPIO, _SPI0_DATA_GPIO = 11, 10
_BRIGHTNESS = 6  # of 31: an APA102 at full brightness is painful at arm's length
_PULL_UP = {"up": True, "down": False, "none": None}


@dataclass(frozen=True)
class Edge:
    """A button's line has moved. `time_s` is on the clock of `Pins.now`."""

    pressed: bool
    time_s: float


class PanelFacts(Protocol):
    """What pins need to know of a board; `firmware_py.board.Board` knows it."""

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The main button first."""

    @property
    def leds(self) -> AddressableLeds | tuple[PlainLed, ...]:
        """One chain, or some LEDs with a line each, or none."""


class Pins(Protocol):
    """A front panel as seen from the processor: real lines, or simulated ones."""

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The board's buttons, the main one first; empty if it has none."""

    @property
    def led_count(self) -> int:
        """How many colours can be shown side by side. Plain LEDs are one light together; 0 without LEDs."""

    def watch(self, button: Button, on_edge: Callable[[Edge], None]) -> None:
        """Report every edge of a button, bounces included, in order of time.

        `on_edge` may run in a thread of the back end's, and must only hand the edge over.
        Raises PinError if the line cannot be had.
        """

    def show(self, colours: Sequence[Colour]) -> None:
        """Set the LEDs, `led_count` of them, to a colour each.

        Raises PinError if the LEDs cannot be reached, ValueError if the number of colours is another.
        """

    def now(self) -> float:
        """Seconds on the clock that dates the edges: monotonic, of arbitrary origin."""

    def close(self) -> None:
        """Turn the LEDs off and let go of every line. A second close does nothing."""


class GpioPins:
    """The pins of a Raspberry Pi, through gpiozero and lgpio.

    Edges carry the kernel's time (CLOCK_MONOTONIC, from the interrupt), not that of the callback: a callback
    waits for the interpreter lock, and a press and its release could arrive at the same instant.

    `factory` is a gpiozero pin factory. Without one, an lgpio factory is opened on the header's GPIO chip,
    and closed with the pins. GPIOZERO_PIN_FACTORY is not consulted: the others do not work on a Pi 5.

    Raises PinError if the GPIO chip or a line of the LEDs cannot be had.
    """

    def __init__(self, board: PanelFacts, factory: Factory | None = None) -> None:
        self._board = board
        self._handlers: list[Callable[[float, bool], None]] = []  # gpiozero itself keeps weak references only
        self._shown: tuple[Colour, ...] = ()
        self._write: Callable[[Sequence[Colour]], None] = lambda colours: None
        with ExitStack() as opened:
            self._factory = factory if factory is not None else opened.enter_context(_lgpio_factory())
            self._led_count = self._open_leds(opened)
            self._opened = opened.pop_all()

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The board's."""
        return self._board.buttons

    @property
    def led_count(self) -> int:
        """The length of the chain; 1 for any number of plain LEDs."""
        return self._led_count

    def watch(self, button: Button, on_edge: Callable[[Edge], None]) -> None:
        """Claim the button's line and report its edges, from lgpio's thread, without any filter."""
        from gpiozero import InputDevice

        pressed_level = button.active == "high"

        def moved(ticks: float, level: bool) -> None:
            on_edge(Edge(bool(level) == pressed_level, ticks))

        with _asking_for(f"button {button.name!r} on GPIO{button.gpio}"):
            pull_up = _PULL_UP[button.pull]
            line = self._opened.enter_context(
                InputDevice(
                    button.gpio,
                    pull_up=pull_up,
                    active_state=pressed_level if pull_up is None else None,
                    pin_factory=self._factory,
                )
            )
            self._handlers.append(moved)
            line.pin.edges = "both"
            line.pin.when_changed = moved  # the pin, not the device: only the pin passes the edge's time
            self._opened.callback(setattr, line.pin, "when_changed", None)  # an lgpio pin's close leaves it on

    def show(self, colours: Sequence[Colour]) -> None:
        """Write the LEDs if the colours are new. Bit-banged, a chain of three takes some milliseconds."""
        if len(colours) != self._led_count:
            raise ValueError(f"{len(colours)} colours for {self._led_count} LEDs; give one each")
        if tuple(colours) != self._shown:
            with _asking_for("the LEDs"):
                self._write(colours)
            self._shown = tuple(colours)

    def now(self) -> float:
        """The factory's ticks: CLOCK_MONOTONIC in seconds."""
        return float(self._factory.ticks())

    def close(self) -> None:
        """Darken the LEDs, which would keep their last colour, and release lines and chip."""
        self._opened.close()
        self._handlers.clear()
        self._led_count, self._shown = 0, ()

    def _open_leds(self, opened: ExitStack) -> int:
        leds = self._board.leds
        if isinstance(leds, AddressableLeds):
            with _asking_for(f"LED chain on GPIO{leds.data_gpio} (data) and GPIO{leds.clock_gpio} (clock)"):
                self._open_chain(opened, leds)
            count = leds.count
        else:
            self._open_lamps(opened, leds)
            count = min(len(leds), 1)
        opened.callback(self.show, (DARK,) * count)
        return count

    def _open_chain(self, opened: ExitStack, leds: AddressableLeds) -> None:
        from gpiozero import OutputDevice

        if (leds.clock_gpio, leds.data_gpio) == (_SPI0_CLOCK_GPIO, _SPI0_DATA_GPIO):
            # Where SPI is not enabled gpiozero warns, and bit-bangs the same lines.
            spi = self._factory.spi(clock_pin=leds.clock_gpio, mosi_pin=leds.data_gpio, miso_pin=None)
            transfer = opened.enter_context(spi).transfer
        else:
            # gpiozero's bit-banged SPI always drives a select line as well. An APA102 has none, and GPIO8,
            # the default, selects the display on some HATs.
            clock = opened.enter_context(OutputDevice(leds.clock_gpio, pin_factory=self._factory))
            data = opened.enter_context(OutputDevice(leds.data_gpio, pin_factory=self._factory))
            transfer = partial(_bit_bang, clock.pin, data.pin)
        self._write = lambda colours: transfer(list(apa102_frames(colours, _BRIGHTNESS)))

    def _open_lamps(self, opened: ExitStack, leds: tuple[PlainLed, ...]) -> None:
        from gpiozero import OutputDevice

        lines: list[Any] = []
        for led in leds:
            with _asking_for(f"LED {led.name!r} on GPIO{led.gpio}"):
                line = OutputDevice(led.gpio, active_high=led.active == "high", pin_factory=self._factory)
                lines.append(opened.enter_context(line))
        names = [led.colour for led in leds]

        def write(colours: Sequence[Colour]) -> None:
            for colour in colours:  # one, or none on a board without LEDs
                for line, lit in zip(lines, plain_lamps(colour, names), strict=True):
                    line.value = lit

        self._write = write


def _bit_bang(clock: Any, data: Any, words: Sequence[int]) -> None:
    """Send bytes, most significant bit first, data valid at the clock's rising edge (SPI mode 0)."""
    for word in words:
        for bit in range(7, -1, -1):
            data.state = word >> bit & 1
            clock.state = 1
            clock.state = 0


@contextmanager
def _lgpio_factory() -> Iterator[Factory]:
    """gpiozero's lgpio factory for this machine's header.

    Importing lgpio makes a named pipe in LG_WD, else in the working directory, and *moves the process* to
    LG_WD. The pipe's name is not needed once the pipe is open at both ends. So it gets a directory that goes
    away at once, and the process goes back to where it was.
    """
    with _asking_for("the header's GPIO chip"):
        here = os.getcwd()
        with tempfile.TemporaryDirectory(prefix="audiohat-") as pipes:
            given = os.environ.setdefault("LG_WD", pipes)
            try:
                from gpiozero.pins.lgpio import LGPIOFactory
            finally:
                os.chdir(here)
                if given == pipes:
                    del os.environ["LG_WD"]
        factory = LGPIOFactory()
    try:
        yield factory
    finally:
        factory.close()


@contextmanager
def _asking_for(what: str) -> Iterator[None]:
    """Turn whatever goes wrong into a PinError that says what was asked for, and what to do."""
    try:
        yield
    except Exception as problem:  # lgpio.error, gpiozero's errors and OSError have no nearer base
        raise PinError(f"{what}: {problem}; {_advice(problem)}") from problem


def _advice(problem: Exception) -> str:
    text = str(problem).lower()
    if "busy" in text or "in use" in text:
        return "a program or an overlay (gpio-keys, gpio-leds) holds it: ask `gpioinfo` who, and end that one"
    if isinstance(problem, ImportError):
        return "install python3-lgpio, or pip's lgpio where there is a wheel"
    if "unable to locate pi revision" in text:
        return "this is no Raspberry Pi: run with a simulated board"
    return "is /dev/gpiochip0 there, and is this user in the groups gpio and spi?"
