"""The simulated ES8388's level control: where it settles, how fast it gets there, and what stops it."""

import numpy as np
import pytest
from desk import PERIOD, dbfs
from es8388_desk import Desk

STEREO, LEFT, RIGHT, OFF = 0xC0, 0x80, 0x40, 0x00


def alc_desk(select=STEREO, max_code=7, min_code=0, target_code=3, times=0x00, mode=0, hold=0, gate=0, pga_code=0):
    """Target -12 dBFS; decay 0.41 ms and attack 0.104 ms a step."""
    desk = Desk()
    desk.write(0x09, pga_code << 4 | pga_code)
    desk.write(0x13, target_code << 4 | hold)
    desk.write(0x14, times)
    desk.write(0x15, mode << 7 | 0x06)
    desk.write(0x16, gate)
    desk.write(0x12, select | max_code << 3 | min_code)
    return desk


@pytest.mark.parametrize(
    ("input_dbv", "gain_db"),
    [
        (-60, 35.5),  # below the range: all the gain there is
        (-40, 27.75),
        (-30, 18.0),
        (-20, 7.5),
        (-12, 0.0),
        (-6, -6.0),
        (0, -12.0),
        (2, -12.0),  # above the range
    ],
)
def test_the_static_curve_ends_one_step_below_the_target_at_most(input_dbv, gain_db):
    desk = alc_desk()
    recorded = desk.record(0.4, 10 ** (input_dbv / 20))
    assert desk.gain_db()[0] == pytest.approx(gain_db, abs=0.76)
    if -40 <= input_dbv <= 0:
        assert -12 - 0.85 <= dbfs(recorded[-4800:, 0]) <= -12 + 0.15


@pytest.mark.parametrize("code", range(8))
def test_the_maximum_gain_is_a_ceiling(code):
    desk = alc_desk(max_code=code)
    desk.record(0.15, 1e-4)
    assert desk.gain_db() == [-6.5 + 6 * code] * 2
    assert desk.state("alc_max_gain_db") == -6.5 + 6 * code


@pytest.mark.parametrize("code", range(7))
def test_the_minimum_gain_is_a_floor(code):
    desk = alc_desk(target_code=0, min_code=code)
    desk.record(0.15, 2.0)
    assert desk.gain_db() == [-12 + 6 * code] * 2
    assert desk.state("alc_min_gain_db") == -12 + 6 * code


def test_every_code_of_the_level_control_reads_in_physical_words():
    desk = Desk()
    for code in range(16):
        desk.write(0x13, code << 4 | code)
        desk.write(0x14, code << 4 | code)
        state = desk.chip.state()
        assert state["alc_target_dbfs"] == min(-16.5 + 1.5 * code, -1.5)
        assert state["alc_hold_ms"] == pytest.approx(2.67 * 2 ** (min(code, 10) - 1) if code else 0.0)
        assert state["alc_decay_ms"] == pytest.approx(0.41 * 2 ** min(code, 10))
        assert state["alc_attack_ms"] == pytest.approx(0.104 * 2 ** min(code, 10))
    for code in range(32):
        desk.write(0x16, code << 3)
        assert desk.state("noise_gate_dbfs") == -76.5 + 1.5 * code
    for select, name in ((0, "off"), (1, "right"), (2, "left"), (3, "stereo")):
        desk.write(0x12, select << 6)
        assert desk.state("alc") == name


@pytest.mark.parametrize(
    ("registers", "expected"),
    [
        ((0xEA, 0xC0, 0x12, 0x06, 0xC3), ("stereo", 23.5, 0.0, -1.5, 0.0, 0.82, 0.416, -40.5, True)),
        ((0xF8, 0x30, 0x57, 0x06, 0x89), ("stereo", 35.5, -12.0, -12.0, 0.0, 13.12, 13.312, -51.0, False)),
    ],
    ids=["voice A", "voice B"],
)
def test_the_vendors_presets_read_as_their_scales_say(registers, expected):
    desk = Desk()
    for register, value in zip(range(0x12, 0x17), registers, strict=True):
        desk.write(register, value)
    state = desk.chip.state()
    keys = ("alc", "alc_max_gain_db", "alc_min_gain_db", "alc_target_dbfs", "alc_hold_ms", "alc_decay_ms")
    keys += ("alc_attack_ms", "noise_gate_dbfs", "noise_gate_mutes")
    assert state["noise_gate"]
    assert state["reserved"] == []
    for key, value in zip(keys, expected, strict=True):
        assert state[key] == (value if isinstance(value, str) else pytest.approx(value)), key


def frames_until(desk, reached, rms_v):
    frames = 0
    while not reached(desk.gain_db()[0]):
        desk.record(0.0, rms_v)
        frames += PERIOD
        assert frames < 480_000
    return frames


def ramp_up_s(decay_code, **kwargs):
    """Seconds from 0 dB to +30 dB in near silence: 40 steps."""
    return frames_until(alc_desk(times=decay_code << 4, **kwargs), lambda gain: gain >= 30.0, 1e-4) / 48_000


@pytest.mark.parametrize("decay_code", [2, 4, 6])
def test_decay_time_is_that_of_one_step(decay_code):
    assert ramp_up_s(decay_code) == pytest.approx(0.41e-3 * 2**decay_code * 40, rel=0.02, abs=0.004)


@pytest.mark.parametrize("attack_code", [3, 5, 7])
def test_attack_time_is_that_of_one_step(attack_code):
    desk = alc_desk(times=attack_code, pga_code=8, target_code=0)
    frames = frames_until(desk, lambda gain: gain <= 9.0, 10 ** (-25.5 / 20))  # 20 steps
    assert frames / 48_000 == pytest.approx(0.104e-3 * 2**attack_code * 20, rel=0.03, abs=0.004)


def test_hold_delays_the_ramp_up_and_not_the_ramp_down():
    held_s = ramp_up_s(0, hold=7) - ramp_up_s(0)
    assert held_s == pytest.approx(2.67e-3 * 2**6, abs=0.006)
    desk = alc_desk(hold=10)
    desk.record(0.1, 1.0)
    assert desk.gain_db()[0] < -11


def test_a_limiter_lowers_the_gain_and_returns_no_higher_than_it_started():
    desk = alc_desk(mode=1, pga_code=4)
    assert desk.state("alc_mode") == "limiter"
    desk.record(0.1, 0.5)
    assert desk.gain_db()[0] < 0
    desk.record(0.2, 1e-3)
    assert desk.gain_db() == [12.0, 12.0]


def test_a_limiter_is_four_and_a_half_times_as_fast():
    slow, fast = alc_desk(times=0x33).chip.state(), alc_desk(times=0x33, mode=1).chip.state()
    assert slow["alc_decay_ms"] / fast["alc_decay_ms"] == pytest.approx(4.5, abs=0.1)
    assert slow["alc_attack_ms"] / fast["alc_attack_ms"] == pytest.approx(4.5, abs=0.1)


def test_the_louder_channel_steers_both_in_stereo():
    desk = alc_desk(STEREO)
    desk.record(0.2, 0.5, pins=("RIN1",))
    assert desk.gain_db()[0] == desk.gain_db()[1] == pytest.approx(-6.0, abs=0.76)


@pytest.mark.parametrize(("select", "side"), [(LEFT, 0), (RIGHT, 1)])
def test_a_channel_without_level_control_keeps_its_register_gain(select, side):
    desk = alc_desk(select)
    desk.record(0.2, 1.0)
    assert desk.gain_db()[side] < -10
    assert desk.gain_db()[1 - side] == 0.0


def test_the_gain_register_does_nothing_under_level_control_and_counts_again_after_it():
    desk = alc_desk()
    desk.record(0.2, 0.5)
    driven = desk.gain_db()
    desk.write(0x09, 0x44)
    assert desk.gain_db() == driven
    desk.write(0x12, 0x38)
    assert desk.state("alc") == "off"
    assert desk.gain_db() == [12.0, 12.0]


@pytest.mark.parametrize(("input_dbv", "rises"), [(-45, False), (-33, True)])
def test_gate_type_0_holds_the_gain_below_its_threshold_at_the_pin(input_dbv, rises):
    desk = alc_desk(gate=25 << 3 | 1, hold=4)  # -39 dBFS; the hold outlasts the first window
    recorded = desk.record(0.3, 10 ** (input_dbv / 20))
    assert (desk.gain_db()[0] > 3) == rises
    assert dbfs(recorded[-4800:, 0]) > -50, "type 0 mutes nothing"


@pytest.mark.parametrize(("input_dbv", "heard"), [(-45, False), (-33, True)])
def test_gate_type_1_mutes_the_output_below_its_threshold_at_the_pin(input_dbv, heard):
    desk = alc_desk(gate=25 << 3 | 3)
    recorded = desk.record(0.3, 10 ** (input_dbv / 20))
    assert np.any(recorded[-4800:]) == heard
    assert desk.gain_db()[0] > 3, "the gain goes on rising"


def test_the_gate_is_nothing_without_level_control():
    desk = alc_desk(select=OFF, gate=25 << 3 | 3)
    assert not desk.state("noise_gate")
    assert np.any(desk.record(0.1, 10 ** (-45 / 20)))


def test_a_window_shorter_than_a_period_makes_the_gain_follow_the_wave():
    def ripple_db(window):
        desk = alc_desk()
        desk.write(0x15, window)
        desk.record(0.3, 0.1, hz=40.0)
        gains = []
        for _ in range(64):
            desk.record(0.0, 0.1, hz=40.0)
            gains.append(desk.gain_db()[0])
        return max(gains) - min(gains)

    assert ripple_db(0x1F) <= 0.76
    assert ripple_db(0x06) > 1.5
