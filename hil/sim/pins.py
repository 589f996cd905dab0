"""A finger and a row of LEDs: the front panel of a virtual HAT.

It offers what a GPIO back end offers (edges in, colours out) and remembers what was shown. It debounces
nothing: that is the business of whoever watches. Time is the caller's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Colour = tuple[int, int, int]


class Edge(NamedTuple):
    """The button's contact closed (pressed) or opened at that time."""

    pressed: bool
    time_s: float


class VirtualPins:
    """One button and `led_count` LEDs. `clock` is world time in s; `seed` makes the contact's chatter.

    `history` holds (time_s, one colour per LED) at every change of what is shown.
    """

    def __init__(self, clock: Callable[[], float], led_count: int, *, seed: int = 0) -> None:
        self.led_count = led_count
        self.history: list[tuple[float, tuple[Colour, ...]]] = []
        self._clock = clock
        self._rng = np.random.default_rng(seed)
        self._on_edge: Callable[[Edge], None] | None = None
        self._pressed = False

    def now(self) -> float:
        """Seconds on the clock of the edges."""
        return self._clock()

    def watch(self, button: object, on_edge: Callable[[Edge], None]) -> None:
        """Deliver every edge of the only button to `on_edge`, whatever the caller calls that button."""
        self._on_edge = on_edge

    def show(self, colours: Sequence[Colour]) -> None:
        """Light the LEDs; ValueError unless there is one colour for each."""
        if len(colours) != self.led_count:
            raise ValueError(f"{len(colours)} colours for {self.led_count} LEDs")
        shown = tuple(colours)
        if not self.history or self.history[-1][1] != shown:
            self.history.append((self.now(), shown))

    def close(self) -> None:
        """Nobody watches any more; what was shown stays known."""
        self._on_edge = None

    def press(self) -> None:
        """The finger closes the contact, cleanly."""
        self._move(True, self.now())

    def release(self) -> None:
        """The finger lets go, cleanly."""
        self._move(False, self.now())

    def bounce(self, times: int, within_s: float) -> None:
        """Right after a press or a release: the contact chatters `times` there and back, and stays as it was.

        All edges are delivered now, as from a kernel's queue read late; their times lie within the next
        `within_s` seconds.
        """
        resting = self._pressed
        moments = self.now() + np.sort(self._rng.uniform(0.0, within_s, 2 * times))
        for number, moment in enumerate(moments):
            self._move(resting if number % 2 else not resting, float(moment))

    def _move(self, pressed: bool, time_s: float) -> None:
        if pressed == self._pressed:
            return
        self._pressed = pressed
        if self._on_edge is not None:
            self._on_edge(Edge(pressed, time_s))
