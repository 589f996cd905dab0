"""The simulated TLV320AIC3104's AGC: where it settles, how fast it gets there, what stops it, what it leaves behind."""

import numpy as np
import pytest
from tlv320aic3104_desk import Desk, dbfs

TARGETS = (-5.5, -8.0, -10.0, -12.0, -14.0, -17.0, -20.0, -24.0)
HIGH_PASS = (0x0C, 0x50)  # takes the ADC's offset out of what the AGC measures


def agc_desk(target=4, attack=0, decay=0, max_db=59.5, gate=0, pga=0, *extra):
    desk = Desk()
    desk.set(HIGH_PASS, (0x0F, pga), (0x10, pga))
    for first in (0x1A, 0x1D):
        desk.write(first + 1, int(max_db * 2) << 1)
        desk.write(first + 2, gate << 1)
    for register, value in extra:
        desk.write(register, value)
    for first in (0x1A, 0x1D):
        desk.write(first, 0x80 | target << 4 | attack << 2 | decay)
    return desk


def seconds_until(desk, reached, rms_v):
    for block in range(4000):
        if reached(desk.gain_db()[0]):
            return block * 128 / 48_000
        desk.record(0.0, rms_v)
    raise AssertionError(f"not reached: {desk.gain_db()}")


@pytest.mark.parametrize(("code", "target_dbfs"), list(enumerate(TARGETS)))
def test_a_sine_settles_at_the_target_at_most_one_step_below(code, target_dbfs):
    desk = agc_desk(code)
    level = dbfs(desk.record(0.5, 0.01)[-4800:, 0])
    assert target_dbfs - 0.7 <= level <= target_dbfs + 0.1
    assert desk.state("alc_target_dbfs") == target_dbfs


@pytest.mark.parametrize(
    ("input_dbv", "gain_db"),
    [
        (-90, 59.5),
        (-75, 58.0),  # target -14 dBFS is -17 dBV
        (-50, 33.0),
        (-30, 13.0),
        (-17, 0.0),
        (-6, -11.0),
        (3, -12.0),
    ],
)
def test_the_static_curve_follows_the_target_between_its_two_ends(input_dbv, gain_db):
    desk = agc_desk(4)
    desk.record(0.5, 10 ** (input_dbv / 20))
    assert desk.gain_db()[0] == pytest.approx(gain_db, abs=0.6)


@pytest.mark.parametrize("max_db", [0.0, 12.0, 24.0, 59.5])
def test_the_maximum_gain_is_a_ceiling_and_a_flag_says_it_was_reached(max_db):
    desk = agc_desk(max_db=max_db)
    desk.record(0.3, 1e-4)
    assert desk.gain_db() == [max_db, max_db]
    assert desk.state("alc_max_gain_db") == max_db
    assert desk.read(0x24) & 0x11 == 0x11
    assert desk.read(0x20) == 24 + 2 * max_db
    desk.record(0.3, 0.5)
    assert desk.read(0x24) & 0x11 == 0


def test_out_of_reset_the_ceiling_is_the_whole_range_and_silence_finds_it():
    desk = Desk()
    desk.set(HIGH_PASS, (0x1A, 0x80))
    desk.record(0.3)
    assert desk.gain_db() == [59.5, 0.0]


@pytest.mark.parametrize(("code", "decay_ms"), list(enumerate((100, 200, 400, 500))))
def test_decay_is_the_time_over_the_whole_range(code, decay_ms):
    desk = agc_desk(decay=code)
    assert desk.state("alc_decay_ms") == decay_ms
    assert seconds_until(desk, lambda gain: gain >= 59.5, 2e-5) == pytest.approx(decay_ms / 1000, rel=0.03, abs=0.004)


@pytest.mark.parametrize(("code", "attack_ms"), list(enumerate((8, 11, 16, 20))))
def test_attack_codes(code, attack_ms):
    assert agc_desk(attack=code).state("alc_attack_ms") == attack_ms


@pytest.mark.parametrize(("base", "base_ms"), list(enumerate((7, 8, 10, 11))))
def test_fine_attack_times_replace_the_coarse_ones(base, base_ms):
    for factor in range(8):
        state = agc_desk(4, 3, 0, 59.5, 0, 0, (0x67, 0x80 | base << 5 | factor << 2)).chip.state()
        assert state["alc_attack_ms"] == base_ms * 2**factor
        assert state["agc"][1]["attack_ms"] == 20.0


@pytest.mark.parametrize(("base", "base_ms"), list(enumerate((50, 150, 250, 350))))
def test_fine_decay_times_replace_the_coarse_ones(base, base_ms):
    for factor in range(7):
        state = agc_desk(4, 0, 0, 59.5, 0, 0, (0x68, 0x80 | base << 5 | factor << 2)).chip.state()
        assert state["alc_decay_ms"] == base_ms * 2**factor


def test_a_slow_attack_takes_its_time():
    desk = agc_desk(7, 0, 0, 59.5, 0, 0x50, (0x67, 0xF8))  # 704 ms from 40 dB, target -24
    taken = seconds_until(desk, lambda gain: gain <= 20.0, 10 ** (-44 / 20))
    assert taken == pytest.approx(0.704 * 20 / 59.5, rel=0.05)


def test_a_wrong_fsref_bit_stretches_every_time():
    desk = agc_desk()
    desk.write(0x07, 0x8A)
    assert desk.state("alc_attack_ms") == pytest.approx(8.0 * 44.1 / 48)
    assert desk.state("alc_decay_ms") == pytest.approx(100.0 * 44.1 / 48)


def test_each_channel_minds_itself():
    desk = agc_desk()
    desk.record(0.5, 0.1, pins=("MIC1RP",))
    left, right = desk.gain_db()
    assert left == 59.5
    assert right == pytest.approx(3.0, abs=0.6)


@pytest.mark.parametrize(("first", "name"), [(0x1A, "left"), (0x1D, "right")])
def test_one_channel_alone(first, name):
    desk = Desk()
    desk.write(first, 0x80)
    assert desk.state("alc") == name
    desk.record(0.3, 0.01)
    gains = desk.gain_db()
    assert gains[name == "left"] == 0.0
    assert gains[name == "right"] > 20


def test_a_channel_without_adc_power_has_no_agc():
    desk = Desk()
    desk.write(0x13, 0x00)
    desk.write(0x1A, 0x80)
    assert desk.state("alc") == "off"


@pytest.mark.parametrize("code", range(32))
def test_gate_codes(code):
    state = agc_desk(gate=code).chip.state()
    assert state["noise_gate"] == (code > 0)
    assert state["noise_gate_dbfs"] == (-28 - 2 * code if code else None)


@pytest.mark.parametrize(("input_dbv", "gated"), [(-62, True), (-52, False)])
def test_below_the_gate_the_gain_goes_back_to_0_db(input_dbv, gated):
    desk = agc_desk(gate=13, pga=0x50)  # -54 dBFS at the pin: -57 dBV
    desk.record(0.4, 10 ** (input_dbv / 20))
    assert (desk.gain_db() == [0.0, 0.0]) == gated
    assert desk.gain_db()[0] > 20 or gated
    assert bool(desk.read(0x24) & 0x22) == gated
    assert bool(desk.read(0x61) & 0x03) == gated


def test_hysteresis_keeps_the_gate_shut_a_little_longer():
    level_v = 10 ** ((-54 + 1.5 - 3.01) / 20)  # 1.5 dB above the threshold
    for code, opens in ((0, True), (1, False), (2, False), (3, True)):
        desk = agc_desk(4, 0, 0, 59.5, 0, 0, (0x1C, code << 6 | 13 << 1))
        desk.record(0.2, 1e-5)
        assert desk.gain_db()[0] == 0.0
        desk.record(0.4, level_v)
        assert (desk.gain_db()[0] > 20) == opens


def test_a_noise_debounce_lets_a_pause_pass():
    for code, shut in ((0x00, True), (0x08 << 3, False)):
        desk = agc_desk(4, 0, 3, 59.5, 13, 0, (0x22, code))
        desk.record(0.5, 0.01)
        desk.record(0.09, 0.0)
        assert (desk.gain_db()[0] == 0.0) == shut


def test_the_sticky_flag_outlives_the_noise_until_it_is_read():
    desk = agc_desk(gate=13)
    desk.record(0.2, 1e-5)
    desk.record(0.4, 0.01)
    assert desk.read(0x61) & 0x03 == 0
    assert desk.read(0x60) & 0x03 == 0x03
    assert desk.read(0x60) & 0x03 == 0


def test_pga_registers_do_nothing_under_agc_and_after_it_only_when_written_again():
    desk = agc_desk()
    desk.record(0.3, 1e-4)
    driven = desk.gain_db()
    desk.set((0x0F, 0x14))
    assert desk.gain_db() == driven
    desk.set((0x1A, 0x00), (0x1D, 0x00), wait_s=1.0)
    desk.record(0.1, 0.1)
    assert desk.gain_db() == driven, "it never comes back by itself"
    assert not desk.read(0x24) & 0x80, "applied is not what is written"
    desk.set((0x0F, 0x14), (0x10, 0x00))
    assert desk.gain_db() == [10.0, 0.0]
    assert desk.read(0x24) & 0x88 == 0x88


def test_clip_stepping_does_not_wait_for_a_slow_attack():
    levels = []
    for bit in (0, 1):
        desk = agc_desk(0, 0, 0, 59.5, 0, 0x50, (0x67, 0xFC), (0x1C, bit))
        desk.record(0.05, 0.1)
        levels.append(desk.gain_db()[0])
    assert levels[1] < 20 < levels[0]


def test_a_hum_does_not_make_the_gain_tremble():
    desk = agc_desk(decay=3)
    desk.write(0x0C, 0x00)
    desk.record(0.5, 0.05, hz=50.0)
    gains = []
    for _ in range(40):
        desk.record(0.0, 0.05, hz=50.0)
        gains.append(desk.gain_db()[0])
    assert np.ptp(gains) <= 3.0
