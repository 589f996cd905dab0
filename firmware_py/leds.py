"""What the LEDs say: a pattern for each panel state, and the bytes for an APA102 chain. Pure, no I/O.

    state       one lamp, seen alone                     several LEDs
    INACTIVE    dark                                     dark
    ACTIVATING  flickers, 5 a second                     a light runs along the chain
    ACTIVE      steady                                   all together
    RECORDING   blinks, 2 a second                       all together
    FAULT       three short flashes, a long pause        all together

The states differ in time, never by colour alone: the table must be readable on one green LED, by anybody.
What is not here: which state it is (the panel knows) and which pin shows it (the pins do).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

Colour = tuple[int, int, int]
"""Red, green, blue, each 0...255."""

DARK: Colour = (0, 0, 0)
LIT = 64  # an LED that can only be on or off is on from this level of its colour's strongest part

_ACTIVATING: Colour = (0, 110, 255)
_ACTIVE: Colour = (0, 255, 110)
_RED: Colour = (255, 0, 0)

_RUN_STEP_S = 0.1
_BLINK_S = 0.5
_FLASH_S = 0.3
_FLASHES = 3
_FAULT_S = 1.8


class PanelState(enum.Enum):
    """What a person in front of the device should know about it."""

    INACTIVE = "inactive"
    ACTIVATING = "activating"
    ACTIVE = "active"
    RECORDING = "recording"
    FAULT = "fault"


def frame(state: PanelState, time_s: float, count: int) -> tuple[Colour, ...]:
    """The colours of `count` LEDs, `time_s` seconds after the state was entered."""
    match state:
        case PanelState.INACTIVE:
            return (DARK,) * count
        case PanelState.ACTIVATING:
            # A light that runs over one LED would stand still: give it a dark place to run to.
            place = int(time_s / _RUN_STEP_S) % max(count, 2)
            return tuple(_ACTIVATING if led == place else DARK for led in range(count))
        case PanelState.ACTIVE:
            return (_ACTIVE,) * count
        case PanelState.RECORDING:
            return (_RED if time_s % _BLINK_S < _BLINK_S / 2 else DARK,) * count
        case PanelState.FAULT:
            in_cycle_s = time_s % _FAULT_S
            lit = in_cycle_s < _FLASHES * _FLASH_S and in_cycle_s % _FLASH_S < _FLASH_S / 2
            return (_RED if lit else DARK,) * count


def plain_lamps(colour: Colour, lamps: Sequence[str]) -> tuple[bool, ...]:
    """Which of a board's plain LEDs, given by their colours, is lit to show one colour.

    They act as one light of several colours: at most one is on, the one named like the strongest part of the
    colour, else the first.

    >>> plain_lamps((255, 0, 0), ["green", "red"])
    (False, True)
    """
    strongest = max(colour)
    name = ("red", "green", "blue")[colour.index(strongest)]
    chosen = lamps.index(name) if name in lamps else 0
    return tuple(strongest >= LIT and lamp == chosen for lamp in range(len(lamps)))


def apa102_frames(colours: Sequence[Colour], brightness: int) -> bytes:
    """The bytes that set a chain of APA102 LEDs, the one nearest to the host first.

    Start frame: 32 zero bits. One frame per LED: 111 and five bits of `brightness` (0...31), then blue,
    green, red (APA102 data sheet). Each LED hands the data on half a clock late, so the last of n has its
    frame only after n/2 more clocks: the end frame has at least those, after the 32 without which the SK9822,
    often sold as an APA102, shows nothing new. The data sheet ends with ones; an LED beyond the n described
    takes those for "white".
    """
    leds = b"".join(bytes((0xE0 | brightness, blue, green, red)) for red, green, blue in colours)
    return bytes(4) + leds + bytes(4 + math.ceil(len(colours) / 16))
