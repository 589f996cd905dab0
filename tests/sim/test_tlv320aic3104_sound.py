"""The simulated TLV320AIC3104's sound: gains, routes, filters and soft steps against closed forms."""

import numpy as np
import pytest
from desk import dbv, vrms
from tlv320aic3104_desk import Desk, ac, dbfs

from hil.sim.tlv320aic3104_output import DAC_GAIN, OUTPUTS, ROUTE_DB, ROUTE_GAIN

FULL_SCALE_DBV = 20 * np.log10(1 / np.sqrt(2))
SOFT_STEPS_OFF = (0x28, 0x02)


# playback


def test_full_scale_is_707_mv_at_a_headphone_pin_and_twice_that_across_a_line_pair():
    out = Desk().play(0.05)
    assert vrms(out["HPLOUT"]) == pytest.approx(0.7071, rel=1e-3)
    assert vrms(out["RIGHT_LOP"]) == pytest.approx(1.4142, rel=1e-3)


@pytest.mark.parametrize(
    ("writes", "left_db", "right_db"),
    [
        (((0x2B, 0x14),), -10, 0),
        (((0x2C, 0x7F),), 0, -63.5),
        (((0x2B, 0x80),), None, 0),
        (((0x2F, 0x8C),), -6, 0),
        (((0x2F, 0x00),), None, 0),
        (((0x2F, 0xF6),), None, 0),  # codes from 118 on are mute
        (((0x40, 0xF5),), 0, -78.3),
        (((0x25, 0x40),), None, 0),
        (((0x33, 0x01),), None, 0),  # not unmuted
        (((0x33, 0x08),), None, 0),  # not powered
        (((0x07, 0x14),), 0, 0),  # crossed
        (((0x07, 0x00),), None, None),
        (((0x2B, 0x0A), (0x29, 0x02)), -5, -5),  # right follows left
        (((0x2C, 0x0A), (0x29, 0x01)), -5, -5),
        (((0x29, 0x40),), None, 0),  # left DAC to the line driver only
        (((0x29, 0x80), (0x2F, 0x00)), 0, 0),  # left DAC straight to HPLOUT
        (((0x32, 0x80), (0x2F, 0x00)), 0, 0),  # right DAC into the left mixer
    ],
)
def test_playback_gains_add_up(writes, left_db, right_db):
    desk = Desk()
    desk.set(*writes)
    out = desk.play(0.05)
    for pin, gain in (("HPLOUT", left_db), ("HPROUT", right_db)):
        assert dbv(out[pin]) == (-240 if gain is None else pytest.approx(FULL_SCALE_DBV + gain, abs=0.1))
    outputs, dac = desk.state("outputs"), desk.state("dac_gain_db")
    if gain is not None and dac[1] is not None:
        assert outputs["HPROUT"] + dac[1] == pytest.approx(right_db, abs=0.1)


def test_every_route_and_dac_code_has_the_gain_of_the_datasheets_table():
    assert [ROUTE_DB[code] for code in (0, 1, 60, 90, 99, 110, 117)] == [0, -0.5, -30, -45, -50, -58.3, -78.3]
    desk = Desk()
    desk.write(*SOFT_STEPS_OFF)
    for code in range(128):
        desk.write(0x2F, 0x80 | code)
        desk.write(0x2C, code)
        out = desk.play(0.0, hz=3000.0)
        expected = ROUTE_GAIN[min(code, 118)]
        peak = np.max(np.abs(out["HPLOUT"]))
        assert peak == pytest.approx(expected, rel=1e-3)
        assert np.max(np.abs(out["HPROUT"])) == pytest.approx(DAC_GAIN[code], rel=1e-3)


@pytest.mark.parametrize("code", range(16))
def test_every_output_level_is_a_decibel_up_to_9(code):
    desk = Desk()
    desk.set((0x33, code << 4 | 9), (0x56, code << 4 | 9))
    out = desk.play(0.02, dbfs=-20)
    assert dbv(out["HPLOUT"]) == pytest.approx(FULL_SCALE_DBV - 20 + min(code, 9), abs=0.1)
    assert dbv(out["LEFT_LOP"]) == pytest.approx(FULL_SCALE_DBV + 6.02 - 20 + min(code, 9), abs=0.1)
    assert desk.state("outputs")["HPLOUT"] == min(code, 9)


@pytest.mark.parametrize("pin", OUTPUTS)
@pytest.mark.parametrize(("offset", "source"), [(1, "PGA_L"), (2, "DAC_L"), (4, "PGA_R"), (5, "DAC_R")])
def test_each_of_24_routes_connects_its_source_to_its_pin(pin, offset, source):
    desk = Desk()
    first = OUTPUTS[pin]
    desk.set(*((0x2F, 0), (0x40, 0), (0x52, 0), (0x5C, 0), (0x25, 0xE0), (0x26, 0x10)))
    desk.set((first + offset, 0x8C), (first + 6, 0x09))  # -6 dB
    side = int(source.endswith("R"))
    balance = (1.0 - side, float(side)) if source.startswith("DAC") else (0.0, 0.0)
    if source.startswith("PGA"):
        desk.record(0.0, 1 / np.sqrt(2), hz=3000.0, pins=(("MIC1LP", "MIC1RP")[side],))
    out = desk.play(0.0, hz=3000.0, balance=balance)
    pair = 2.0 if pin.endswith("LOP") else 1.0
    assert np.max(np.abs(out[pin])) == pytest.approx(0.5012 * pair, rel=0.02)
    assert all(np.max(np.abs(volts)) == 0.0 for name, volts in out.items() if name != pin)
    assert desk.state("sidetone") == source.startswith("PGA")


@pytest.mark.parametrize(
    ("left", "right", "ratios"),
    [
        (0, 0, (-1, -1)),  # each the opposite of its own headphone pin
        (1, 1, (0, 0)),  # common-mode voltage
        (2, 2, (0, 0)),  # own mixer, nothing routed
        (0, 3, (-1, 1)),  # HPRCOM the opposite of HPLCOM
        (1, 4, (0, 0)),  # external feedback
    ],
)
def test_com_pins_follow_their_configuration(left, right, ratios):
    desk = Desk()
    desk.set((0x25, 0xC0 | left << 4), (0x26, right << 3), (0x3A, 0x09), (0x48, 0x09))
    out = desk.play(0.02)
    for pin, ratio in zip(("HPLCOM", "HPRCOM"), ratios, strict=True):
        assert out[pin] == pytest.approx(ratio * out["HPLOUT"], abs=1e-6)
    desk.set((0x3A, 0x08), (0x48, 0x01))
    out = desk.play(0.02)
    assert vrms(out["HPLCOM"]) == vrms(out["HPRCOM"]) == 0.0, "neither without power nor muted"


@pytest.mark.parametrize(("code", "swing_v"), [(0, 1.35), (1, 1.5), (2, 1.65), (3, 1.5)])
def test_outputs_clip_around_the_common_mode_voltage(code, swing_v):
    desk = Desk()
    desk.set((0x28, code << 6), (0x33, 0x99), (0x56, 0x99))
    out = desk.play(0.02)
    assert np.max(out["HPLOUT"]) == pytest.approx(0.98 * swing_v)
    assert np.max(out["LEFT_LOP"]) == pytest.approx(2 * 0.98 * swing_v)


def test_mono_mix_halves_the_sum():
    desk = Desk()
    desk.set((0x07, 0x1E))
    out = desk.play(0.02, balance=(1.0, 0.0))
    assert dbv(out["HPLOUT"]) == dbv(out["HPROUT"]) == pytest.approx(FULL_SCALE_DBV - 6.02, abs=0.1)


@pytest.mark.parametrize(("code", "frames"), [(0, 128), (1, 256), (2, 0)])
def test_a_dac_mute_steps_down_at_its_rate(code, frames):
    desk = Desk()
    desk.write(0x28, code)
    desk.write(0x2B, 0x80)
    sound = np.flatnonzero(desk.play(0.02)["HPLOUT"])
    assert (sound[-1] if sound.size else 0) == pytest.approx(frames, abs=4)


def test_volumes_stand_still_without_a_clock_and_the_status_bits_say_so():
    desk = Desk()
    assert desk.read(0x33) & 0x02
    desk.write(0x65, 0x00)
    desk.set((0x2F, 0x94), (0x0F, 0x28), wait_s=1.0)
    assert not desk.read(0x33) & 0x02
    assert not desk.read(0x24) & 0x80
    assert desk.state("input_gain_db")[0] == 0.0
    desk.set((0x65, 0x01))
    assert desk.read(0x33) & 0x02
    assert desk.read(0x24) & 0x80
    assert desk.state("input_gain_db")[0] == 20.0


def test_the_applied_bit_of_a_driver_needs_its_power():
    desk = Desk()
    desk.write(0x33, 0x08)
    assert not desk.read(0x33) & 0x02
    desk.write(0x33, 0x0B)  # and cannot be written
    desk.write(0x2F, 0x80 | 60)
    assert desk.read(0x33) == 0x09
    desk.chip.wait(0.01)
    assert desk.read(0x33) == 0x0B


@pytest.mark.parametrize("hz", [1000.0, 3000.0, 8000.0])
def test_deemphasis_follows_the_50_15_microsecond_curve(hz):
    desk = Desk()
    desk.set((0x0C, 0x05))
    w = 2 * np.pi * hz
    curve_db = 10 * np.log10((1 + (w * 15e-6) ** 2) / (1 + (w * 50e-6) ** 2))
    assert dbv(desk.play(0.1, hz=hz)["HPLOUT"][480:]) == pytest.approx(FULL_SCALE_DBV + curve_db, abs=0.4)
    assert desk.state("deemphasis")


@pytest.mark.parametrize(("hz", "gain_db"), [(20.0, 0.0), (10_000.0, -3.0)])
def test_dac_effects_out_of_reset_are_a_shelf(hz, gain_db):
    desk = Desk()
    desk.set((0x0C, 0x0A))
    assert dbv(desk.play(0.4, hz=hz)["HPLOUT"][9600:]) == pytest.approx(FULL_SCALE_DBV + gain_db, abs=0.2)
    assert desk.state("equaliser")


@pytest.mark.parametrize(("pairs", "gain_db"), [((0x40, 0x00), -6.02), ((0x40,), 0.0)])
def test_a_coefficient_counts_when_both_its_bytes_came_in_order(pairs, gain_db):
    desk = Desk()
    desk.write(0x00, 0x01)
    unity, nothing = (0x7F, 0xFF), (0x00, 0x00)
    for register in range(0x01, 0x15, 2):
        desk.write(register, *(unity if register in (0x01, 0x07) else nothing))
    desk.write(0x01, *pairs)
    desk.write(0x00, 0x00)
    desk.set((0x0C, 0x08))
    assert dbv(desk.play(0.1)["HPLOUT"][480:]) == pytest.approx(FULL_SCALE_DBV + gain_db, abs=0.1)


def test_3d_widens():
    desk = Desk()
    desk.set((0x08, 0xC4))
    out = desk.play(0.02, dbfs=-20, balance=(1.0, 0.0))
    assert vrms(out["HPROUT"]) > 0.01
    assert desk.state("equaliser")


# recording


@pytest.mark.parametrize(
    ("rms_v", "writes", "level_dbfs"),
    [
        (0.7071, (), 0.0),  # full scale
        (0.1, (), -16.99),
        (0.01, ((0x0F, 0x28),), -16.99),
        (0.0005, ((0x0F, 0x77),), -3.51),  # 59.5 dB
        (0.0005, ((0x0F, 0x7F),), -3.51),  # and no more
        (0.1, ((0x13, 0x44),), -28.99),  # -12 dB
        (0.1, ((0x13, 0x4C),), None),  # a code between -12 dB and off
        (0.1, ((0x13, 0x7C),), None),
        (0.1, ((0x0F, 0x80),), None),
        (0.1, ((0x13, 0x84),), -23.01),  # differential, the other pin grounded
        (0.1, ((0x13, 0x7C), (0x15, 0x10)), -19.99),  # the right pin into the left ADC
        (0.1, ((0x15, 0x00),), -10.97),  # both pins into it
        (0.1, ((0x15, 0x04),), -10.97),  # no power bit in this one
    ],
)
def test_gains_of_the_record_path_add_up_in_decibels(rms_v, writes, level_dbfs):
    desk = Desk()
    desk.set(*writes)
    level = dbfs(desk.record(0.1, rms_v)[:, 0])
    assert level < -60 if level_dbfs is None else level == pytest.approx(level_dbfs, abs=0.1)


@pytest.mark.parametrize("side", [0, 1])
def test_every_pga_code_is_half_a_decibel(side):
    desk = Desk()
    desk.write(0x13 + 3 * side, 0x06)  # soft steps off
    for code in range(128):
        desk.write(0x0F + side, code)
        assert desk.gain_db()[side] == min(code * 0.5, 59.5)


@pytest.mark.parametrize(
    ("register", "shift", "pin", "side"),
    [
        (0x11, 4, "MIC2L", 0),
        (0x11, 0, "MIC2R", 0),
        (0x12, 4, "MIC2L", 1),
        (0x12, 0, "MIC2R", 1),
        (0x13, 3, "MIC1LP", 0),
        (0x15, 3, "MIC1RP", 0),
        (0x16, 3, "MIC1RP", 1),
        (0x18, 3, "MIC1LP", 1),
    ],
)
def test_every_input_level_code_of_every_input(register, shift, pin, side):
    desk = Desk()
    off = {0x11: 0xFF, 0x12: 0xFF, 0x13: 0x7C, 0x15: 0x78, 0x16: 0x7C, 0x18: 0x78}
    desk.set(*off.items())
    for code in range(16):
        desk.write(register, off[register] & ~(15 << shift) | code << shift)
        state = desk.chip.state()
        routed = code <= 8
        assert state["inputs"][side] == ([pin] if routed else [])
        assert state["inputs"][1 - side] == []
        assert state["input_gain_db"][side] == (-1.5 * code if routed else None)
        level = dbfs(desk.record(0.01, 0.1, pins=(pin,), hz=3000.0)[:, side])
        assert level == pytest.approx(-16.99 - 1.5 * code, abs=0.1) if routed else level < -80


@pytest.mark.parametrize(("code", "frames"), [(0, 40), (1, 80), (2, 0)])
def test_a_pga_gain_steps_up_at_its_rate(code, frames):
    desk = Desk()
    desk.write(0x13, 0x04 | code)
    desk.write(0x0F, 0x28)  # 20 dB, 40 steps
    sound = desk.record(0.01, 0.0, dc_v=0.01)[:, 0]
    assert np.flatnonzero(sound > 0.0995)[0] == pytest.approx(frames, abs=2)


@pytest.mark.parametrize(("code", "corner"), [(1, 0.0045), (2, 0.0125), (3, 0.025)])
@pytest.mark.parametrize("rate_code", [0, 4])
def test_the_high_pass_corner_is_a_fraction_of_the_sample_rate(code, corner, rate_code):
    desk = Desk()
    rate_hz = 48_000 / (1 + rate_code / 2)
    desk.set((0x0C, code << 6 | code << 4), (0x02, rate_code << 4 | rate_code))
    state = desk.chip.state()
    assert state["high_pass"]
    assert state["high_pass_hz"] == pytest.approx(corner * rate_hz)
    sound = desk.record(1.0, 0.1, hz=corner * rate_hz, rate_hz=rate_hz)[int(rate_hz / 10) :]
    assert dbfs(sound[:, 0]) == pytest.approx(-16.99 - 3.01, abs=0.1)
    assert abs(np.mean(sound)) < 4e-4


def test_without_the_high_pass_the_adcs_offset_is_in_the_recording():
    assert np.mean(Desk().record(0.1), axis=0) == pytest.approx([0.001, -0.0008], abs=1e-4)


def test_each_side_has_its_own_high_pass():
    desk = Desk()
    desk.set((0x0C, 0x30))
    sound = desk.record(0.5, 0.1, hz=100.0)[4800:]
    assert dbfs(sound[:, 0]) == pytest.approx(-17.0, abs=0.1)
    assert dbfs(sound[:, 1]) < -36


LEFT, RIGHT = 0x41, 0x47
BOTH_ON, BOTH_PROGRAMMABLE = (0x0C, 0x50), (0x6B, 0xC0)
POWER_UP_AGAIN = ((0x03, 0x20), (0x65, 0x01), (0x08, 0xC0), (0x09, 0x30), (0x13, 0x04), (0x16, 0x04))


def coefficients(desk, first, *values):
    desk.write(0x00, 0x01)
    desk.write(first, *(byte for value in values for byte in (value & 0xFFFF).to_bytes(2, "big")))
    desk.write(0x00, 0x00)


def pole_for(hz, rate_hz=48_000):
    k = np.tan(np.pi * hz / rate_hz)
    return round(32768 * (1 - k) / (1 + k))


def tone_dbfs(sound, hz, rate_hz=48_000):
    t = 2 * np.pi * hz / rate_hz * np.arange(sound.size)
    parts = np.linalg.lstsq(np.stack((np.sin(t), np.cos(t), np.ones_like(t)), axis=1), sound, rcond=None)[0]
    return 20 * np.log10(np.hypot(*parts[:2]))


def programmed(left, right, *writes):
    desk = Desk()
    coefficients(desk, LEFT, *left)
    coefficients(desk, RIGHT, *right)
    desk.set(*(writes or (BOTH_ON, BOTH_PROGRAMMABLE)))
    return desk


@pytest.mark.parametrize("rate_code", [0, 4])
@pytest.mark.parametrize("hz", [20, 100, 1000])
def test_programmed_coefficients_make_the_corner_of_their_closed_form(hz, rate_code):
    rate_hz = 48_000 / (1 + rate_code / 2)
    pole = pole_for(hz, rate_hz)
    ours = (pole, -pole, pole)
    desk = programmed(ours, ours, BOTH_ON, BOTH_PROGRAMMABLE, (0x02, rate_code << 4 | rate_code))
    state, p = desk.chip.state(), pole / 32768
    closed_hz = np.arccos(2 * p / (1 + p * p)) / (2 * np.pi) * rate_hz  # |H|^2 is half of that at rate / 2
    top_db = 20 * np.log10(2 * p / (1 + p))
    assert state["high_pass"]
    assert state["high_pass_hz"] == pytest.approx(closed_hz, rel=0.001)
    assert state["high_pass_hz"] == pytest.approx(hz, rel=0.01)
    assert state["high_pass_of_fs"] == [pytest.approx(closed_hz / rate_hz, rel=0.001)] * 2
    assert state["high_pass_gain_db"] == [pytest.approx(top_db, abs=0.001)] * 2
    sound = desk.record(1.2, 0.1, hz=closed_hz, rate_hz=rate_hz)[int(rate_hz / 5) :]
    levels = [tone_dbfs(sound[:, side], closed_hz, rate_hz) for side in (0, 1)]
    assert levels == pytest.approx([-16.99 - 3.01 + top_db] * 2, abs=0.04), "1 % of the corner is 0.043 dB"


@pytest.mark.parametrize("values", [(31_500, -31_500, 30_232), (8192, 0, 24_576)])
def test_programmed_coefficients_count_samples_where_the_adc_is_slower_than_the_frames(values):
    desk = programmed(values, values, BOTH_ON, BOTH_PROGRAMMABLE, (0x02, 0x40))
    for of_fs in (0.002, 0.0128, 0.04):
        sound = desk.record(0.6, 0.1, hz=16_000 * of_fs)[9600:, 0]
        assert tone_dbfs(sound, 16_000 * of_fs) == pytest.approx(-16.99 + response_db(values, of_fs), abs=0.15)


def response_db(values, of_fs):
    n0, n1, d1 = np.array(values) / 32768
    z = np.exp(-2j * np.pi * of_fs)
    return 20 * np.log10(abs((n0 + n1 * z) / (1 - d1 * z)))


@pytest.mark.parametrize("hz", [50.0, 3000.0])
@pytest.mark.parametrize("values", [(0x7FDB, -0x7FDB, 0x7FDB), (16384, 0, 16384), (8192, 8192, -16384), (0x7FFF, 0, 0)])
def test_programmed_coefficients_are_a_first_order_section_of_any_kind(values, hz):
    sound = programmed(values, values).record(0.6, 0.1, hz=hz)[4800:]
    assert tone_dbfs(sound[:, 1], hz) == pytest.approx(-16.99 + response_db(values, hz / 48_000), abs=0.02)


@pytest.mark.parametrize("rate_code", [0, 4])
@pytest.mark.parametrize(
    ("values", "dc_gain"),
    [
        ((0x7FDB, -0x7FDB, 0x7FDB), 0.0),
        ((0x7FDB, -0x7FDA, 0x7FDB), 1 / 37),  # one step beside
        ((0x7FDB, 0x7FDB, -0x7FDB), 2 * 0x7FDB / (32768 + 0x7FDB)),
        ((16384, 0, 16384), 1.0),  # a low-pass
        ((0x7FFF, 0, 0), 1.0),
    ],
)
def test_dc_is_removed_where_n0_and_n1_cancel_and_nowhere_else(values, dc_gain, rate_code):
    desk = programmed(values, values, BOTH_ON, BOTH_PROGRAMMABLE, (0x02, rate_code * 0x11))
    state = desk.chip.state()
    assert state["high_pass"] == (dc_gain == 0)
    assert (state["high_pass_hz"] is None) == (dc_gain != 0)
    sound = desk.record(1.0, dc_v=0.3, rate_hz=48_000 / (1 + rate_code / 2))[-4800:]
    assert np.mean(sound, axis=0) == pytest.approx(0.3 * dc_gain, abs=0.0015)


@pytest.mark.parametrize(
    ("writes", "corners"),
    [
        ((BOTH_ON, BOTH_PROGRAMMABLE), (100, 400)),
        ((BOTH_ON, (0x6B, 0x80)), (100, 216)),
        ((BOTH_ON, (0x6B, 0x40)), (216, 400)),
        ((BOTH_ON, (0x6B, 0x00)), (216, 216)),
        ((BOTH_ON, (0x6B, 0x3F)), (216, 216)),  # the other bits of it are other things
        (((0x0C, 0x40), BOTH_PROGRAMMABLE), (100, None)),
        (((0x0C, 0x10), BOTH_PROGRAMMABLE), (None, 400)),
        (((0x0C, 0xF0), BOTH_PROGRAMMABLE), (100, 400)),  # any code switches on, and its own corner counts for nothing
        (((0x0C, 0x0F), BOTH_PROGRAMMABLE), (None, None)),  # 0x6B alone does nothing
    ],
)
def test_each_side_has_its_own_coefficients_choice_and_switch(writes, corners):
    poles = pole_for(100), pole_for(400)
    desk = programmed(*((pole, -pole, pole) for pole in poles), *writes)
    state = desk.chip.state()
    expected = [None if hz is None else pytest.approx(hz / 48_000, rel=0.01) for hz in corners]
    assert state["high_pass_of_fs"] == expected
    heard = [hz for hz in corners if hz is not None]
    assert state["high_pass_hz"] == (pytest.approx(heard[0], rel=0.01) if heard else None)
    sound = desk.record(0.5, dc_v=0.3)[-4800:]
    for side, hz in enumerate(corners):
        assert abs(np.mean(sound[:, side])) == pytest.approx(0.3 if hz is None else 0.0, abs=0.0015)


def test_programmable_coefficients_that_were_never_written_remove_nothing():
    desk = Desk()
    desk.set(BOTH_ON, BOTH_PROGRAMMABLE)
    assert not desk.state("high_pass")
    assert np.mean(desk.record(0.2, dc_v=0.3), axis=0) == pytest.approx(0.3, abs=0.0015)
    coefficients(desk, LEFT, 32731, -32731, 32731)
    assert desk.state("high_pass_of_fs") == [pytest.approx(8 / 44_100, rel=0.01), None]
    desk.write(0x01, 0x80)
    desk.set(*POWER_UP_AGAIN, BOTH_ON, BOTH_PROGRAMMABLE)
    assert not desk.state("high_pass"), "a reset forgets them"


@pytest.mark.parametrize(
    ("writes", "removes"),
    [
        (((0x43, 0x80, 0x25),), True),
        (((0x43, 0x80), (0x44, 0x25)), True),
        (((0x43, 0x80),), False),
        (((0x44, 0x25),), False),
        (((0x44, 0x25), (0x43, 0x80)), False),
        (((0x43, 0x80), (0x47, 0x7F), (0x44, 0x25)), False),
    ],
)
def test_a_high_pass_coefficient_counts_when_its_low_byte_follows_its_high_byte(writes, removes):
    desk = Desk()
    coefficients(desk, LEFT, 0x7FDB)
    coefficients(desk, LEFT + 4, 0x7FDB)
    desk.write(0x00, 0x01)
    for register, *values in writes:
        desk.write(register, *values)
    desk.write(0x00, 0x00)
    desk.set((0x0C, 0x40), (0x6B, 0x80))
    state = desk.chip.state()
    assert state["high_pass"] == removes
    assert any("page 1, 0x43: a coefficient counts" in sentence for sentence in state["faults"]) != removes
    assert (abs(np.mean(desk.record(1.0, dc_v=0.01)[-4800:, 0])) < 1e-3) == removes


def test_the_noise_floor_is_that_of_a_92_db_converter_and_rises_with_gain():
    desk = Desk()
    assert dbfs(ac(desk.record(0.2)[:, 0])) == pytest.approx(-90, abs=0.5)
    desk.set((0x0F, 0x77))
    assert dbfs(ac(desk.record(0.2)[:, 0])) > -55


def test_overflow_flags_stay_until_read():
    desk = Desk()
    assert desk.read(0x0B) == 0x01
    desk.record(0.01, 1.0, pins=("MIC1LP",))
    desk.record(0.01)
    assert desk.read(0x0B) == 0x81
    assert desk.read(0x0B) == 0x01


def test_a_pga_bypass_sounds_without_adc_and_dac():
    desk = Desk()
    desk.set((0x13, 0x00), (0x25, 0x00), (0x2E, 0x80))
    desk.record(0.0, 0.1)
    assert dbv(desk.play(0.0)["HPLOUT"]) == pytest.approx(-20, abs=0.5)
    assert desk.state("sidetone")
    assert desk.state("outputs")["HPLOUT"] is None, "not fed by the DAC"
