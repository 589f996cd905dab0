"""Where sessions meet: sums, gains that glide, rings that wrap, slots that come and go."""

import numpy as np
import pytest

from firmware_py.engine.mixer import SLOTS, Mixer, hand_up, mix_down, pass_over

PERIOD = 64


@pytest.fixture
def mixer() -> Mixer:
    return Mixer(4 * PERIOD, 2)


def ramp(count: int, start: int = 0) -> np.ndarray:
    return (start + np.arange(2 * count)).reshape(count, 2).astype(np.float32)


def period(mixer: Mixer) -> np.ndarray:
    out = np.full((PERIOD, 2), np.nan, np.float32)
    mix_down(mixer.state, out)
    return out


def opened(mixer: Mixer, **gains: float) -> None:
    """Open slots and let their gains arrive."""
    mixer.set_gains(gains)
    period(mixer)


def test_sessions_are_summed_each_with_its_gain(mixer):
    opened(mixer, music=1.0, voice=0.5)
    mixer.line("music").write(ramp(PERIOD))
    mixer.line("voice").write(ramp(PERIOD, 1000))
    np.testing.assert_allclose(period(mixer), ramp(PERIOD) + 0.5 * ramp(PERIOD, 1000))


def test_order_is_kept_across_the_end_of_the_ring(mixer):
    opened(mixer, music=1.0)
    for turn in range(50):
        assert mixer.line("music").write(ramp(PERIOD, turn)) == PERIOD
        np.testing.assert_array_equal(period(mixer), ramp(PERIOD, turn))


def test_a_gain_moves_over_one_period_without_a_step(mixer):
    opened(mixer, music=1.0)
    mixer.set_gains({"music": 0.1})
    mixer.line("music").write(np.ones((2 * PERIOD, 2), np.float32))
    moving, arrived = period(mixer)[:, 0], period(mixer)[:, 0]
    assert np.max(np.abs(np.diff(moving))) == pytest.approx(0.9 / PERIOD, rel=1e-3)
    np.testing.assert_allclose(arrived, 0.1, rtol=1e-6)


def test_what_a_session_did_not_deliver_is_silence_and_is_counted(mixer):
    opened(mixer, music=1.0)
    missing = mixer.line("music").starved_frames
    mixer.line("music").write(np.ones((10, 2), np.float32))
    np.testing.assert_array_equal(period(mixer)[10:], 0.0)
    assert mixer.line("music").starved_frames - missing == PERIOD - 10


def test_a_session_that_is_not_named_is_neither_heard_nor_fed(mixer):
    opened(mixer, music=1.0, voice=1.0)
    music = mixer.line("music")
    music.write(np.ones((PERIOD, 2), np.float32))
    mixer.set_gains({"voice": 1.0})
    np.testing.assert_array_equal(period(mixer), 0.0)
    hand_up(mixer.state, ramp(PERIOD))
    assert len(music.read(PERIOD)) == 0
    assert len(mixer.line("voice").read(PERIOD)) == PERIOD


def test_a_session_that_comes_back_does_not_hear_what_waited_for_it(mixer):
    opened(mixer, music=1.0)
    mixer.line("music").write(np.ones((PERIOD, 2), np.float32))
    mixer.set_gains({})
    opened(mixer, music=1.0)
    np.testing.assert_array_equal(period(mixer), 0.0)


def test_everybody_hears_the_microphone(mixer):
    opened(mixer, music=1.0, voice=1.0)
    hand_up(mixer.state, ramp(PERIOD))
    for name in ("music", "voice"):
        np.testing.assert_array_equal(mixer.line(name).read(PERIOD), ramp(PERIOD))


def test_a_session_that_does_not_fetch_loses_whole_periods_and_disturbs_nobody(mixer):
    opened(mixer, slow=1.0, quick=1.0)
    for turn in range(8):
        hand_up(mixer.state, ramp(PERIOD, turn))
        np.testing.assert_array_equal(mixer.line("quick").read(PERIOD), ramp(PERIOD, turn))
    assert mixer.line("slow").lost_frames == 4 * PERIOD
    np.testing.assert_array_equal(mixer.line("slow").read(PERIOD), ramp(PERIOD, 0))


def test_slots_are_given_back_and_one_too_many_is_refused(mixer):
    mixer.set_gains({str(n): 1.0 for n in range(SLOTS)})
    with pytest.raises(LookupError, match="close one first"):
        mixer.line("late")
    mixer.set_gains({})
    mixer.line("late")


def test_time_that_passed_is_silence_on_the_way_up_and_left_out_on_the_way_down(mixer):
    opened(mixer, music=1.0)
    line = mixer.line("music")
    line.write(ramp(3 * PERIOD))
    pass_over(mixer.state, 40)
    np.testing.assert_array_equal(line.read(1000), np.zeros((40, 2)))
    np.testing.assert_array_equal(period(mixer), ramp(PERIOD, 80))


def test_who_has_just_enough_is_not_starved_by_it_but_owes_it(mixer):
    opened(mixer, music=1.0)
    line = mixer.line("music")
    missing = line.starved_frames
    line.write(ramp(PERIOD))
    pass_over(mixer.state, 40)
    np.testing.assert_array_equal(period(mixer), ramp(PERIOD))
    line.write(ramp(PERIOD + 40, 1000))
    np.testing.assert_array_equal(period(mixer), ramp(PERIOD, 1080))
    assert line.starved_frames == missing


def test_who_plays_nothing_owes_nothing_in_the_end(mixer):
    opened(mixer, listener=1.0)
    pass_over(mixer.state, 3 * PERIOD)
    for _ in range(3):
        period(mixer)
    mixer.line("listener").write(ramp(2 * PERIOD))
    np.testing.assert_array_equal(period(mixer), ramp(PERIOD))
