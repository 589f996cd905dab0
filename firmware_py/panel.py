"""A button and some LEDs as one thing with a meaning: a press asks, the LEDs answer.

What is not here: GPIO (pins), what a pattern looks like (leds), what a press does (whoever gives `on_press`).
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable

from firmware_py.leds import PanelState, frame
from firmware_py.pins import Edge, Pins

REFRESH_S = 0.04  # the LEDs follow a change of state within this, inside the 50 ms that feel immediate


class Debounce:
    """Tells a press from the bounces of its contact, by the times of the edges alone.

    A press counts at its first edge, provided that the line had not moved for `QUIET_S`. So

    - the reaction is immediate: a filter that waits for a steady level adds its whole time to every press;
    - bounces of the press, and the "pressed" edges among the bounces of the release, come too soon after
      another edge to count, however many there are: each restarts the quiet time;
    - nothing is remembered but one time: an edge that the kernel dropped cannot leave the state upside down;
    - a batch of edges handled late counts as if handled at once.

    Contacts bounce for up to some 15 ms, and people press 100 ms apart at best: `QUIET_S` lies between.
    The price is that one spike on an idle line counts as a press, for it looks like the first edge of one.
    Where a long wire picks up spikes, the cure is a capacitor at the button.
    """

    QUIET_S = 0.030

    def __init__(self) -> None:
        self._last_edge_s = -math.inf

    def accepts(self, edge: Edge) -> bool:
        """True if this edge is a press. Give it every edge, releases too, in order of time."""
        quiet = edge.time_s - self._last_edge_s >= self.QUIET_S
        self._last_edge_s = edge.time_s
        return quiet and edge.pressed


class Panel:
    """The board's first button and its LEDs, served by one control thread.

    `on_press` is called once for each press, in the control thread and never in that of the pins. It may take
    its time; whoever wants the LEDs to show what happens meanwhile calls `refresh`.
    `state` is asked before each refresh; it must be quick and must not wait.
    What either of them raises ends `step` and `run`.

    A press made while the last one is still being answered, because `on_press` has not returned or the state
    is ACTIVATING, means "no, back". It is remembered and delivered when the answer is there; a second one
    takes it back. If the answer is FAULT it is dropped: it must not try again what has just failed.
    """

    def __init__(self, pins: Pins, *, on_press: Callable[[], None], state: Callable[[], PanelState]) -> None:
        self._pins = pins
        self._on_press = on_press
        self._state = state
        self._edges: queue.SimpleQueue[Edge] = queue.SimpleQueue()
        self._debounce = Debounce()
        self._answered_s = -math.inf
        self._remembered = False
        self._showing = threading.Lock()
        self._shown: PanelState | None = None
        self._since_s = 0.0
        for button in pins.buttons[:1]:
            pins.watch(button, self._edges.put)

    def step(self) -> float:
        """Handle the edges that have come and refresh the LEDs. Returns the seconds until the next step."""
        while not self._edges.empty():
            self._handle(self._edges.get())
        self._deliver_remembered()
        self.refresh()
        return REFRESH_S

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, noticed within `REFRESH_S`. An edge is handled as it arrives."""
        while not stop.is_set():
            wait_s = self.step()
            try:
                self._handle(self._edges.get(timeout=wait_s))
            except queue.Empty:
                continue

    def refresh(self) -> None:
        """Show the present state now. The one method that any thread may call."""
        with self._showing:
            state, now_s = self._state(), self._pins.now()
            if state is not self._shown:
                self._shown, self._since_s = state, now_s
            self._pins.show(frame(state, now_s - self._since_s, self._pins.led_count))

    def _handle(self, edge: Edge) -> None:
        if not self._debounce.accepts(edge):
            return
        if edge.time_s < self._answered_s or self._state() is PanelState.ACTIVATING:
            self._remembered = not self._remembered
        else:
            self._deliver_remembered()
            self._press()

    def _deliver_remembered(self) -> None:
        if self._remembered and (state := self._state()) is not PanelState.ACTIVATING:
            self._remembered = False
            if state is not PanelState.FAULT:
                self._press()

    def _press(self) -> None:
        self._on_press()
        self._answered_s = self._pins.now()
