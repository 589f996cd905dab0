"""The panel: presses as fingers and contacts make them, answers as eyes see them."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_py.board import Button, PlainLed
from firmware_py.leds import DARK, Colour, PanelState, frame
from firmware_py.panel import REFRESH_S, Debounce, Panel
from firmware_py.pins import Edge, GpioPins, Pins

BUTTON = Button("main", gpio=17)
BOUNCE_S = 0.015


@dataclass
class FakePins:
    """Pins whose time the test moves."""

    buttons: tuple[Button, ...] = (BUTTON,)
    led_count: int = 3
    time_s: float = 100.0
    shown: tuple[Colour, ...] = ()
    on_edge: Callable[[Edge], None] | None = None

    def watch(self, button: Button, on_edge: Callable[[Edge], None]) -> None:
        self.on_edge = on_edge

    def show(self, colours: Sequence[Colour]) -> None:
        if len(colours) != self.led_count:
            raise ValueError(f"{len(colours)} colours for {self.led_count} LEDs")
        self.shown = tuple(colours)

    def now(self) -> float:
        return self.time_s

    def close(self) -> None:
        self.led_count, self.on_edge = 0, None

    def move(self, pressed: bool) -> None:
        if self.on_edge:
            self.on_edge(Edge(pressed, self.time_s))

    def tap(self) -> None:
        """A clean press of 50 ms, and 150 ms of nothing."""
        for pressed, then_s in ((True, 0.05), (False, 0.15)):
            self.move(pressed)
            self.time_s += then_s


@dataclass
class App:
    """Something to switch on and off, whose starting takes until `finish` is called."""

    slow: bool = False
    state: PanelState = PanelState.INACTIVE
    presses: int = 0
    during_press: Callable[[], None] = field(default=lambda: None)

    def press(self) -> None:
        self.presses += 1
        self.during_press()
        if self.state in (PanelState.INACTIVE, PanelState.FAULT):
            self.state = PanelState.ACTIVATING if self.slow else PanelState.ACTIVE
        else:
            self.state = PanelState.INACTIVE


def panel_of(pins: Pins, app: App) -> Panel:
    return Panel(pins, on_press=app.press, state=lambda: app.state)


def bounced(pressed: bool, start_s: float, chance: random.Random) -> Iterator[Edge]:
    """A contact that closes or opens: an odd number of edges within 15 ms, the last of them for good."""
    times = sorted(chance.uniform(0.0, BOUNCE_S) for _ in range(2 * chance.randrange(10)))
    for level, delay_s in zip(itertools.cycle((pressed, not pressed)), [0.0, *times]):
        yield Edge(level, start_s + delay_s)


def presses_of(count: int, seed: int) -> Iterator[Edge]:
    """`count` presses, held and spaced as hands do it, quick ones included."""
    chance = random.Random(seed)
    time_s = 0.0
    for _ in range(count):
        time_s += chance.uniform(0.06, 0.5)
        yield from bounced(True, time_s, chance)
        time_s += chance.uniform(BOUNCE_S, 0.3)
        yield from bounced(False, time_s, chance)


# Presses


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_bounced_presses_toggle_exactly_a_hundred_times(seed):
    debounce = Debounce()
    assert sum(debounce.accepts(edge) for edge in presses_of(100, seed)) == 100


def test_a_press_counts_at_its_very_first_edge():
    train = list(bounced(True, 7.0, random.Random(1)))
    debounce = Debounce()
    assert len(train) > 1
    assert [debounce.accepts(edge) for edge in train] == [True] + [False] * (len(train) - 1)


@pytest.mark.parametrize(
    ("edges", "presses"),
    [
        ([(1, 0.0), (0, 0.5)], 1),  # a clean press
        ([(1, 0.0), (0, 0.5), (1, 0.6), (0, 0.8)], 2),  # two
        ([(1, 0.0), (0, 0.2), (1, 0.203), (0, 0.5)], 1),  # the contact opens for 3 ms while held
        ([(1, 0.0), (0, 0.5), (1, 0.529), (0, 0.530)], 1),  # it closes once more 29 ms after the release
        ([(0, 0.0), (1, 0.010), (0, 0.012)], 0),  # a release that bounces; its press was before our time
        ([(1, 0.0), (0, 0.010), (1, 0.2), (0, 0.210)], 2),  # taps shorter than the quiet time
        ([(1, 0.0), (1, 0.4), (0, 0.6)], 2),  # the release between was lost, the presses are not
        ([(0, 0.0)], 0),  # released: it was held when we began to look
    ],
)
def test_presses_are_counted_by_the_times_of_the_edges(edges, presses):
    debounce = Debounce()
    assert sum(debounce.accepts(Edge(bool(pressed), time_s)) for pressed, time_s in edges) == presses


def test_edges_handled_in_one_late_batch_toggle_as_often_as_edges_handled_at_once():
    pins, app = FakePins(), App()
    panel = panel_of(pins, app)
    for edge in presses_of(7, seed=3):
        pins.on_edge(Edge(edge.pressed, pins.time_s + edge.time_s))
    assert app.presses == 0  # the pins' thread hands over, it does not act
    panel.step()
    assert app.presses == 7


# Presses that come while the last one is answered


@pytest.mark.parametrize(
    ("taps", "ends_in", "delivered"),
    [
        (0, PanelState.ACTIVE, 0),
        (1, PanelState.ACTIVE, 1),  # "no, stop"
        (1, PanelState.RECORDING, 1),
        (2, PanelState.ACTIVE, 0),  # ... "oh yes, go on"
        (3, PanelState.ACTIVE, 1),
        (1, PanelState.FAULT, 0),  # nothing to stop; it must not try again
    ],
)
def test_presses_while_activating_are_delivered_when_it_has_ended_well(taps, ends_in, delivered):
    pins, app = FakePins(), App(slow=True)
    panel = panel_of(pins, app)
    pins.tap()
    panel.step()
    assert app.state is PanelState.ACTIVATING
    for _ in range(taps):
        pins.tap()
        panel.step()
    assert app.presses == 1
    app.state = ends_in
    panel.step()
    panel.step()
    assert app.presses == 1 + delivered


def test_a_press_that_follows_a_failed_start_tries_again_and_is_not_undone_by_an_older_one():
    pins, app = FakePins(), App(slow=True)
    panel = panel_of(pins, app)
    pins.tap()
    panel.step()
    pins.tap()
    panel.step()
    app.state = PanelState.FAULT
    pins.tap()
    panel.step()
    app.state = PanelState.ACTIVE
    panel.step()
    assert (app.presses, app.state) == (2, PanelState.ACTIVE)


@pytest.mark.parametrize(("taps", "state"), [(0, "ACTIVE"), (1, "INACTIVE"), (2, "ACTIVE")])
def test_presses_during_a_long_on_press_are_remembered_too(taps, state):
    pins, app = FakePins(), App()
    panel = panel_of(pins, app)

    def impatient() -> None:
        app.during_press = lambda: None
        for _ in range(taps):
            pins.tap()

    app.during_press = impatient
    pins.tap()
    panel.step()
    assert app.state is PanelState[state]


def test_a_press_during_an_on_press_that_fails_does_not_try_again():
    pins, app = FakePins(), App()

    def failing() -> None:
        app.presses += 1
        pins.tap()
        app.state = PanelState.FAULT

    panel = Panel(pins, on_press=failing, state=lambda: app.state)
    pins.tap()
    panel.step()
    panel.step()
    assert app.presses == 1
    pins.tap()  # but a press that has seen the fault does
    panel.step()
    assert app.presses == 2


# Answers


def test_the_step_that_handles_a_press_already_shows_the_new_state():
    pins, app = FakePins(), App()
    panel = panel_of(pins, app)
    panel.step()
    assert pins.shown == (DARK,) * 3
    pins.tap()
    panel.step()
    assert pins.shown == frame(PanelState.ACTIVE, 0.0, 3)


def test_a_pattern_begins_at_its_beginning_whenever_the_state_is_entered():
    pins, app = FakePins(time_s=123.456), App()
    panel = panel_of(pins, app)
    panel.step()
    app.state = PanelState.FAULT
    panel.refresh()
    for since_s in (0.01, 0.16, 0.31, 0.46, 0.61, 0.76, 1.5, 1.81):
        pins.time_s = 123.456 + since_s
        panel.refresh()
        assert pins.shown == frame(PanelState.FAULT, since_s, 3)


def test_a_step_asks_to_be_called_again_within_the_50_ms_that_feel_immediate():
    assert panel_of(FakePins(), App()).step() == REFRESH_S <= 0.05


def test_a_board_without_button_and_leds_has_a_panel_that_does_nothing():
    pins, app = FakePins(buttons=(), led_count=0), App()
    panel_of(pins, app).step()
    assert pins.on_edge is None
    assert pins.shown == ()


def test_run_handles_an_edge_that_arrives_while_it_waits_and_ends_when_told():
    pins, app, stop = FakePins(), App(), threading.Event()
    panel = panel_of(pins, app)
    app.during_press = stop.set
    thread = threading.Thread(target=panel.run, args=(stop,))
    thread.start()
    pins.tap()
    thread.join(timeout=10.0)
    assert not thread.is_alive()
    assert app.presses == 1


# What the panel relies on, of the fake as of the real back end


@dataclass(frozen=True)
class Front:
    buttons: tuple[Button, ...] = (BUTTON,)
    leds: tuple[PlainLed, ...] = (PlainLed("status", gpio=23, colour="green"),)


@pytest.fixture(params=["fake", "gpiozero"])
def pins_and_move(request) -> Iterator[tuple[Pins, Callable[[bool], None]]]:
    if request.param == "fake":
        fake = FakePins(led_count=1)
        yield fake, fake.move
        fake.close()
    else:
        factory = MockFactory()
        pins = GpioPins(Front(), factory)
        line = factory.pin(BUTTON.gpio)
        yield pins, lambda pressed: line.drive_low() if pressed else line.drive_high()
        pins.close()
        factory.reset()


def test_pins_report_every_edge_in_order_dated_on_their_own_clock(pins_and_move):
    pins, move = pins_and_move
    edges: list[Edge] = []
    pins.watch(BUTTON, edges.append)
    before_s = pins.now()
    for pressed in (True, False, True, False):
        move(pressed)
    assert [edge.pressed for edge in edges] == [True, False, True, False]
    times_s = [before_s, *(edge.time_s for edge in edges), pins.now()]
    assert times_s == sorted(times_s)


def test_pins_refuse_a_wrong_number_of_colours(pins_and_move):
    pins, _ = pins_and_move
    pins.show([DARK] * pins.led_count)
    with pytest.raises(ValueError, match="LEDs"):
        pins.show([DARK] * (pins.led_count + 1))


def test_closed_pins_report_nothing_and_close_again(pins_and_move):
    pins, move = pins_and_move
    edges: list[Edge] = []
    pins.watch(BUTTON, edges.append)
    pins.close()
    pins.close()
    move(True)
    assert edges == []
    assert pins.led_count == 0


def test_a_panel_toggles_on_either(pins_and_move):
    pins, move = pins_and_move
    app = App()
    panel = panel_of(pins, app)
    move(True)
    move(False)
    panel.step()
    assert app.state is PanelState.ACTIVE
