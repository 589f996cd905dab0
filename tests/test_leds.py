"""What the LEDs say, as a person sees it and as an APA102 chain reads it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from firmware_py.leds import DARK, LIT, Colour, PanelState, apa102_frames, frame, plain_lamps

TICK_S = 0.02
LOOK_S = 2.0


def blinks(state: PanelState, start_s: float = 0.0) -> np.ndarray:
    """On and off of one plain green LED during a look of two seconds, one value a tick."""
    times_s = start_s + TICK_S * (0.5 + np.arange(round(LOOK_S / TICK_S)))
    return np.array([plain_lamps(frame(state, t, 1)[0], ["green"])[0] for t in times_s])


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(PanelState, 2)))
def test_two_states_are_told_apart_on_one_plain_led_by_a_look_of_two_seconds_begun_at_any_time(one, other):
    starts_s = np.arange(0.0, 2.0, 0.1)
    looks = [blinks(one, s) for s in starts_s]
    others = [blinks(other, s) for s in starts_s]
    differing_s = min(np.sum(a != b) for a in looks for b in others) * TICK_S
    assert differing_s >= 0.25


@pytest.mark.parametrize(
    ("state", "flashes"),
    [
        (PanelState.INACTIVE, 0),  # dark
        (PanelState.ACTIVATING, 10),  # five a second
        (PanelState.ACTIVE, 1),  # on, and stays on
        (PanelState.RECORDING, 4),  # 2 Hz
        (PanelState.FAULT, 4),  # three, a pause, and the first of the next three
    ],
)
def test_each_state_flashes_as_often_in_two_seconds_as_its_table_says(state, flashes):
    onsets = np.diff(blinks(state).astype(int), prepend=0) == 1
    assert np.sum(onsets) == flashes


def test_a_fault_is_three_flashes_and_a_pause_longer_than_all_of_them():
    lit = np.flatnonzero(blinks(PanelState.FAULT)[: round(1.8 / TICK_S)]) * TICK_S
    assert lit[0] == 0.0
    assert lit[-1] < 0.9
    assert 1.8 - lit[-1] > lit[-1]


def test_activating_runs_along_the_chain_one_led_at_a_time():
    lit = [[led != DARK for led in frame(PanelState.ACTIVATING, 0.05 + 0.1 * n, 3)] for n in range(6)]
    assert [leds.index(True) for leds in lit] == [0, 1, 2, 0, 1, 2]
    assert [sum(leds) for leds in lit] == [1] * 6


@pytest.mark.parametrize("state", PanelState)
@pytest.mark.parametrize("count", [0, 1, 3, 12])
def test_a_frame_has_a_colour_in_range_for_every_led(state, count):
    for time_s in np.arange(0.0, 4.0, 0.05):
        colours = frame(state, time_s, count)
        assert len(colours) == count
        assert all(0 <= part <= 255 for colour in colours for part in colour)


@pytest.mark.parametrize(
    ("colour", "lamps", "lit"),
    [
        ((255, 0, 0), ["green", "red"], (False, True)),  # the LED of that colour
        ((0, 255, 110), ["green", "red"], (True, False)),  # ... by the strongest part
        ((0, 0, 255), ["green", "red"], (True, False)),  # no blue one: the first
        ((255, 0, 0), ["green"], (True,)),  # a board with one LED says everything with it
        ((0, LIT - 1, 0), ["green", "red"], (False, False)),  # dimmer than half-way to visible is off
        ((255, 0, 0), [], ()),  # nothing to light
    ],
)
def test_plain_leds_act_as_one_light_of_several_colours(colour, lamps, lit):
    assert plain_lamps(colour, lamps) == lit


def test_three_apa102_read_start_brightness_blue_green_red_and_end():
    chain: list[Colour] = [(255, 0, 0), (0, 255, 0), (1, 2, 3)]
    data = apa102_frames(chain, brightness=31)
    assert data[:4] == bytes(4)
    assert data[4:16].hex(" ", 4) == "ff0000ff ff00ff00 ff030201"
    assert not any(data[16:])


@pytest.mark.parametrize("brightness", [0, 1, 6, 31])
def test_every_led_frame_begins_with_three_ones_and_the_brightness(brightness):
    data = apa102_frames([(9, 9, 9)] * 5, brightness)
    assert {data[4 + 4 * led] for led in range(5)} == {0b111_00000 + brightness}


@pytest.mark.parametrize("count", [1, 2, 3, 12, 16, 17, 64, 65, 300])
def test_the_end_frame_clocks_the_last_led_after_the_32_zeros_that_clones_need(count):
    end = apa102_frames([DARK] * count, 0)[4 + 4 * count :]
    assert end[:4] == bytes(4)
    assert 8 * len(end[4:]) >= count / 2
    assert 0xFF not in end  # an LED beyond the described ones would turn white
