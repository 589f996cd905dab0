"""The front panel on a kernel's GPIO lines, through gpiozero and lgpio as they are."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass

import pytest

from firmware_py.board import AddressableLeds, Button, PlainLed
from firmware_py.errors import PinError
from firmware_py.leds import DARK, Colour, PanelState
from firmware_py.panel import Panel
from firmware_py.pins import Edge, GpioPins

pytest.importorskip("lgpio", reason="pip has no lgpio for this Python, and Debian no python3-lgpio")

RED: Colour = (255, 0, 0)
GREEN: Colour = (0, 255, 0)
BUTTON = Button("main", gpio=17)
LAMPS = (PlainLed("green", gpio=23, colour="green"), PlainLed("red", gpio=24, colour="red", active="low"))
BOUNCE_S = 0.015
TICK_S = 0.001


@dataclass(frozen=True)
class Front:
    buttons: tuple[Button, ...] = (BUTTON,)
    leds: AddressableLeds | tuple[PlainLed, ...] = ()


def bounce(header, gpio: int, high: bool, chance: random.Random) -> None:
    """Move a contact to its new level through 0...6 bounces that are over within `BOUNCE_S`.

    The simulated line interrupts at the tick; what is closer together it would report as one edge.
    """
    times_s = sorted(chance.uniform(0.0, BOUNCE_S - 12 * 1.1 * TICK_S) for _ in range(2 * chance.randint(0, 6)))
    begun_s = time.monotonic()
    header.put(gpio, high)
    for number, time_s in enumerate(times_s):
        time.sleep(max(0.0, begun_s + time_s + (number + 1) * 1.1 * TICK_S - time.monotonic()))
        header.put(gpio, high == bool(number % 2))


@pytest.mark.parametrize(
    ("active", "pull", "seed"),
    [
        ("low",  "up",   1),    # a button to ground
        ("high", "down", 2),    # a button to 3.3 V
    ],
)  # fmt: skip
def test_each_of_a_hundred_presses_counts_once_however_its_contacts_bounce(header, active, pull, seed):
    chance = random.Random(seed)
    button = Button("main", gpio=17, active=active, pull=pull)
    pressed_level = active == "high"
    header.put(17, not pressed_level)
    presses = 0

    def on_press() -> None:
        nonlocal presses
        presses += 1

    pins = GpioPins(Front((button,)))
    panel = Panel(pins, on_press=on_press, state=lambda: PanelState.ACTIVE if presses % 2 else PanelState.INACTIVE)
    stop = threading.Event()
    control = threading.Thread(target=panel.run, args=(stop,))
    control.start()
    counted = []
    try:
        for _ in range(100):
            bounce(header, 17, pressed_level, chance)
            time.sleep(chance.uniform(0.06, 0.15))
            bounce(header, 17, not pressed_level, chance)
            time.sleep(chance.uniform(0.06, 0.15))
            counted.append(presses)
    finally:
        stop.set()
        control.join()
        pins.close()
    assert counted == list(range(1, 101))


def test_edges_are_dated_by_the_kernel_whatever_the_callback_does(header):
    pins = GpioPins(Front())
    edges: list[Edge] = []

    def slow(edge: Edge) -> None:
        edges.append(edge)
        time.sleep(0.2)

    pins.watch(BUTTON, slow)
    moved_s = []
    for high in (False, True, False, True):
        moved_s.append(pins.now())
        header.put(17, high)
        time.sleep(0.05)
    time.sleep(1.0)
    pins.close()
    assert [edge.pressed for edge in edges] == [True, False, True, False]
    assert [edge.time_s for edge in edges] == pytest.approx(moved_s, abs=2 * TICK_S)


@pytest.mark.parametrize(
    ("colour", "green_high", "red_high"),
    [
        (GREEN,  True,       True),     # the red one is active low
        (RED,    False,      False),
        (DARK,   False,      True),
    ],
)  # fmt: skip
def test_leds_are_at_their_levels_on_the_lines(header, colour, green_high, red_high):
    pins = GpioPins(Front(leds=LAMPS))
    pins.show([colour])
    assert (header.level(23), header.level(24)) == (green_high, red_high)
    pins.close()


def test_closing_frees_every_line_for_the_next(header):
    for _ in range(2):
        pins = GpioPins(Front(leds=LAMPS))
        pins.watch(BUTTON, lambda edge: None)
        pins.show([RED])
        pins.close()


@pytest.mark.parametrize(
    ("front", "line"),
    [
        (Front((Button("main", gpio=5),)),                                          "button 'main' on GPIO5"),
        (Front(leds=(PlainLed("green", gpio=6, colour="green"),)),                  "LED 'green' on GPIO6"),
        (Front(leds=AddressableLeds("apa102", count=1, data_gpio=19, clock_gpio=13)), "LED chain on GPIO19 (data) and GPIO13"),
    ],
    ids=["button", "LED", "chain"],
)  # fmt: skip
def test_a_line_that_a_driver_holds_is_named_in_one_sentence(header, front, line):
    # A line each: gpiozero keeps a refused one as "in use" for as long as the refusal is remembered, as pytest does.
    with pytest.raises(PinError) as caught, closing(GpioPins(front)) as pins:
        pins.watch(front.buttons[0], lambda edge: None)
    said = str(caught.value)
    assert said.startswith(line)
    assert "busy" in said
    assert "ask `gpioinfo` who" in said
    assert "\n" not in said


def test_a_line_that_another_program_holds_is_free_when_it_has_gone(header, tmp_path):
    holds = "import lgpio; chip = lgpio.gpiochip_open(0); lgpio.gpio_claim_input(chip, 17); print(flush=True); input()"
    pins = GpioPins(Front())
    with subprocess.Popen(
        [sys.executable, "-c", holds], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(PinError, match=r"button 'main' on GPIO17: .*busy"):
            pins.watch(BUTTON, lambda edge: None)
        other.communicate(b"\n")
    pins.watch(BUTTON, lambda edge: None)
    pins.close()


def test_without_a_header_the_error_says_so():
    with pytest.raises(PinError, match=r"the header's GPIO chip: .*is /dev/gpiochip0 there"):
        GpioPins(Front())
