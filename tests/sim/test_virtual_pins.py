from __future__ import annotations

import pytest

from hil.sim.pins import VirtualPins


class Clock:
    time_s = 10.0

    def __call__(self):
        return self.time_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def edges():
    return []


@pytest.fixture
def pins(clock, edges):
    pins = VirtualPins(clock, 3)
    pins.watch("user", edges.append)
    return pins


def test_a_finger_makes_one_edge_down_and_one_up_at_world_time(pins, clock, edges):
    pins.press()
    clock.time_s = 10.3
    pins.release()
    assert edges == [(True, 10.0), (False, 10.3)]


def test_pressing_what_is_pressed_makes_no_edge(pins, edges):
    pins.press()
    pins.press()
    assert len(edges) == 1


@pytest.mark.parametrize("pressed", [True, False])
def test_a_bouncing_contact_chatters_in_order_and_ends_where_it_was(pins, edges, pressed):
    pins.press()
    if not pressed:
        pins.release()
    edges.clear()
    pins.bounce(7, within_s=0.012)
    assert [edge.pressed for edge in edges] == [not pressed, pressed] * 7
    times_s = [edge.time_s for edge in edges]
    assert times_s == sorted(times_s)
    assert 10.0 <= times_s[0] <= times_s[-1] <= 10.012


def test_the_lights_remember_every_change_and_when(pins, clock):
    red, off = ((255, 0, 0),) * 3, ((0, 0, 0),) * 3
    pins.show(red)
    clock.time_s = 10.5
    pins.show(list(red))
    pins.show(off)
    assert pins.history == [(10.0, red), (10.5, off)]


def test_as_many_colours_as_lights(pins):
    with pytest.raises(ValueError, match="2 colours for 3 LEDs"):
        pins.show([(0, 0, 0)] * 2)


def test_nobody_is_told_after_closing(pins, edges):
    pins.close()
    pins.press()
    assert edges == []
