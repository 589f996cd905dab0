"""The simulated WM8960's level control: where it settles, how fast it gets there, and what stops it."""

import numpy as np
import pytest
from desk import dbfs
from wm8960_desk import Desk

STEREO, LEFT, RIGHT = 0x180, 0x100, 0x080
FAST = 0x000  # decay 24 ms, attack 6 ms


def alc_desk(select=STEREO, max_code=7, target_code=7, times=FAST, mode=0, hold=0, gate=0, pga_code=0x17, alc_sr=0):
    desk = Desk()
    for register in (0x00, 0x01):
        desk.write(register, 0x100 | pga_code)
    desk.write(0x12, 0x100 | hold)
    desk.write(0x13, mode << 8 | times)
    desk.write(0x14, gate)
    desk.write(0x1B, alc_sr)
    desk.write(0x11, select | max_code << 4 | target_code)
    return desk


@pytest.mark.parametrize(
    ("input_dbv", "gain_db"),
    [
        (-60, 30.0),  # below the range: full gain
        (-45, 30.0),
        (-40, 27.75),  # target -12: the last step that does not exceed it
        (-30, 18.0),
        (-20, 7.5),
        (-12, 0.0),
        (-6, -6.0),
        (0, -12.0),
    ],
)
def test_the_static_curve_ends_one_step_below_the_target_at_most(input_dbv, gain_db):
    desk = alc_desk()
    recorded = desk.record(0.6, 10 ** (input_dbv / 20), pins=("LINPUT1", "RINPUT1"))
    assert desk.gain_db()[0] == pytest.approx(gain_db, abs=0.76)
    level = dbfs(recorded[-4800:, 0])
    assert level <= -12 + 0.1
    if gain_db < 30:
        assert level >= -12 - 0.85


@pytest.mark.parametrize(("max_code", "max_db"), [(0, -12), (3, 6), (7, 30)])
def test_the_maximum_gain_is_a_ceiling(max_code, max_db):
    desk = alc_desk(max_code=max_code)
    desk.record(0.6, 1e-4)
    assert desk.gain_db() == [max_db, max_db]


@pytest.mark.parametrize(("min_code", "min_db"), [(0, -17.25), (4, 6.75)])
def test_the_minimum_gain_is_a_floor(min_code, min_db):
    desk = alc_desk(target_code=0)
    desk.write(0x12, 0x100 | min_code << 4)
    desk.record(0.6, 2.0)
    assert desk.gain_db() == [min_db, min_db]


def ramp_up_s(decay_code, **kwargs):
    """Seconds from 0 dB to full gain in near silence."""
    desk = alc_desk(times=decay_code << 4, **kwargs)
    return frames_until(desk, lambda gain: gain >= 30.0) / 48_000


def frames_until(desk, reached, rms_v=1e-4):
    frames = 0
    while not reached(desk.gain_db()[0]):
        desk.record(0.0, rms_v)
        frames += 128
    return frames


@pytest.mark.parametrize("decay_code", [1, 3, 5])
def test_decay_time_is_that_of_90_percent_of_the_range(decay_code):
    assert ramp_up_s(decay_code) == pytest.approx(24e-3 * 2**decay_code * 30 / 42.75, rel=0.02, abs=0.004)


@pytest.mark.parametrize("attack_code", [2, 4, 6])
def test_attack_time_is_that_of_90_percent_of_the_range(attack_code):
    desk = alc_desk(times=attack_code, pga_code=0x3F, target_code=0)
    # -2.5 dBFS at +30 dB: above the target, below the limiter
    frames = frames_until(desk, lambda gain: gain <= 10.5, rms_v=10 ** (-32.5 / 20))
    assert frames / 48_000 == pytest.approx(6e-3 * 2**attack_code * 19.5 / 42.75, rel=0.02, abs=0.004)


def test_decay_is_four_times_as_long_as_attack_for_the_same_code():
    state = alc_desk(times=0x44).chip.state()
    assert state["alc_decay_ms"] == pytest.approx(4 * state["alc_attack_ms"])


def test_a_rate_claimed_too_high_stretches_every_time():
    right = alc_desk(times=0x32, hold=4, alc_sr=3)
    wrong = alc_desk(times=0x32, hold=4, alc_sr=0)
    for desk in (right, wrong):
        desk.write(0x04, 0x0D8)  # 16 kHz
    for name, true_ms in (("alc_hold_ms", 21.33), ("alc_decay_ms", 192), ("alc_attack_ms", 24)):
        assert right.state(name) == pytest.approx(true_ms, rel=1e-3)
        assert wrong.state(name) == pytest.approx(3 * true_ms, rel=1e-3)
    assert ramp_up_s(3, alc_sr=3) == pytest.approx(ramp_up_s(3) / 3, rel=0.1), "a third: 16 kHz claimed, 48 true"


def test_hold_delays_the_ramp_up_and_not_the_ramp_down():
    held_s = ramp_up_s(0, hold=7) - ramp_up_s(0)
    assert held_s == pytest.approx(8 / 3 * 2**6 / 1000, abs=0.006)
    desk = alc_desk(hold=15)
    desk.record(0.1, 1.0)
    assert desk.gain_db()[0] < -11


def test_a_limiter_lowers_the_gain_and_returns_no_higher_than_it_started():
    desk = alc_desk(mode=1, pga_code=0x27)
    desk.record(0.3, 0.5)
    assert desk.gain_db()[0] < 0
    desk.record(0.3, 1e-3)
    assert desk.gain_db() == [12.0, 12.0]


def test_the_limiter_at_seven_eighths_ignores_a_slow_attack():
    desk = alc_desk(times=0x0A, pga_code=0x3F)  # attack 6.1 s
    recorded = desk.record(0.1, 0.1)
    assert np.max(np.abs(recorded[-480:, 0])) <= 0.875 * 1.02
    assert dbfs(recorded[-480:, 0]) > -3, "below it the slow attack has hardly begun"


def test_the_louder_channel_steers_both_in_stereo():
    desk = alc_desk(STEREO)
    desk.record(0.4, 0.5, pins=("RINPUT1",))
    assert desk.gain_db() == [-6.0, -6.0] or desk.gain_db() == [-6.75, -6.75]


@pytest.mark.parametrize(("select", "side"), [(LEFT, 0), (RIGHT, 1)])
def test_a_channel_without_alc_keeps_its_register_gain(select, side):
    desk = alc_desk(select)
    desk.record(0.4, 1.0)
    assert desk.gain_db()[side] < -10
    assert desk.gain_db()[1 - side] == 0.0


def test_gain_registers_do_nothing_under_alc_and_after_it_only_when_written_again():
    desk = alc_desk()
    desk.record(0.3, 1.0)
    driven = desk.gain_db()
    desk.write(0x00, 0x127)
    desk.write(0x01, 0x127)
    assert desk.gain_db() == driven
    desk.write(0x11, 0x07B)
    assert desk.state("alc") == "off"
    desk.record(0.1, 1e-3)
    assert desk.gain_db() == driven
    desk.write(0x01, 0x127)
    assert desk.gain_db() == [12.0, 12.0]


@pytest.mark.parametrize(
    ("input_dbv", "rises"),
    [
        (-45, False),  # below -39 dBFS at the pin: held
        (-33, True),
    ],
)
def test_the_noise_gate_holds_the_gain_below_its_threshold_at_the_pin(input_dbv, rises):
    desk = alc_desk(gate=25 << 3 | 1)
    desk.record(0.4, 10 ** (input_dbv / 20))
    assert (desk.gain_db()[0] > 3) == rises


def test_the_noise_gate_is_nothing_without_alc():
    desk = alc_desk(select=0, gate=25 << 3 | 1)
    assert not desk.state("noise_gate")


def test_state_names_the_settings_in_physical_words():
    state = alc_desk(STEREO, max_code=5, target_code=8, times=0x74, mode=1, hold=8, gate=0x0D9).chip.state()
    assert state["alc"] == "stereo"
    assert state["alc_mode"] == "limiter"
    assert state["alc_target_dbfs"] == -10.5
    assert state["alc_max_gain_db"] == 18
    assert state["alc_hold_ms"] == pytest.approx(341.3, abs=0.1)
    assert state["alc_decay_ms"] == 3072
    assert state["alc_attack_ms"] == 96
    assert state["noise_gate_dbfs"] == -36
