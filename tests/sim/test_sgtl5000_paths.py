"""The simulated SGTL5000's analogue and digital paths: gains, mutes, routes, high-pass, volume ramps."""

import numpy as np
import pytest
from desk import PERIOD, dbfs, vrms
from sgtl5000_desk import LINES, Desk, instead

from hil.sim.sgtl5000 import Sgtl5000

SILENT = 1e-9


# playback gains


def test_a_full_scale_sine_is_one_volt_at_headphone_and_line_output():
    desk = Desk()
    assert desk.heard("HP_L") == pytest.approx(1.0, rel=1e-3)
    assert desk.heard("LINEOUT_R") == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("first", range(0, 256, 16))
def test_every_dac_volume_code_is_half_a_decibel_mute_or_reserved(first):
    desk = Desk(instead("dac unmuted", 0x0000))
    for code in range(first, first + 16):
        desk.write(0x0010, 0x3C00 | code)
        desk.play(0.0)
        state_db = desk.state("dac_gain_db")
        assert state_db[1] == 0.0
        if 0x3C <= code < 0xFC:
            assert state_db[0] == pytest.approx(-0.5017 * (code - 0x3C))
            assert 20 * np.log10(desk.heard(seconds=0.02)) == pytest.approx(state_db[0], abs=0.02)
        else:
            assert state_db[0] is None
            assert desk.heard(seconds=0.02) == 0.0


def test_dac_volumes_are_right_in_the_high_byte_and_left_in_the_low():
    desk = Desk()
    desk.write(0x0010, 0x3C50)
    assert desk.heard("HP_L") == pytest.approx(10 ** (-0.5017 * 20 / 20), rel=2e-3)
    assert desk.heard("HP_R") == pytest.approx(1.0, rel=2e-3)


@pytest.mark.parametrize("first", range(0, 128, 16))
def test_every_headphone_code_is_half_a_decibel(first):
    desk = Desk()
    for code in range(first, first + 16):
        desk.write(0x0022, 0x1800 | code)
        heard_db = 20 * np.log10(desk.heard(seconds=0.02, dbfs=-12)) + 12
        assert heard_db == pytest.approx(12 - 0.5 * code, abs=0.02)
        assert desk.state("outputs")["HP_L"] == 12 - 0.5 * code
        assert desk.state("outputs")["HP_R"] == 0.0


@pytest.mark.parametrize("code", range(32))
def test_every_line_volume_code_is_half_a_decibel_around_fifteen(code):
    desk = Desk(instead("line volume", code << 8 | 0x0F))
    assert desk.heard("LINEOUT_R", dbfs=-12) == pytest.approx(10 ** ((-12 + 0.5 * (15 - code)) / 20), rel=2e-3)
    assert desk.heard("LINEOUT_L", dbfs=-12) == pytest.approx(10 ** (-12 / 20), rel=2e-3)
    assert desk.state("outputs")["LINEOUT_R"] == 0.5 * (15 - code)


@pytest.mark.parametrize(
    ("vdda", "vddio", "vag", "ground", "code", "peak_v"),
    [
        (1.8, 3.3, 0x04, 0x1E, 0x06, 1.357),  # the data sheet's table of suggested codes
        (1.8, 1.8, 0x04, 0x04, 0x0F, 0.81),
        (3.3, 1.8, 0x1F, 0x04, 0x19, 0.80),
        (3.3, 3.3, 0x1F, 0x1E, 0x0F, 1.41),
    ],
)
def test_the_suggested_line_codes_fill_the_swing_of_their_ground_without_clipping(
    vdda, vddio, vag, ground, code, peak_v
):
    steps = (
        ("oscillator", 0x0034, 0x0800),
        ("pump", 0x0030, 0x4860),
        ("vag", 0x0028, vag << 4 | 1),
        ("ground", 0x002C, 0x0300 | ground),
        ("analogue", 0x0030, 0x48FF),
        *((name, *rest) for name, *rest in instead("line volume", code << 8 | code)[5:]),
    )
    out = Desk(steps, avdd_v=vdda, vddio_v=vddio).play(0.1)["LINEOUT_L"][2400:]
    assert np.max(out) == pytest.approx(peak_v, rel=0.01)
    assert vrms(out) == pytest.approx(peak_v / np.sqrt(2), rel=0.01), "a clipped sine has more"


@pytest.mark.parametrize(("code", "clips"), [(12, True), (13, False)])
def test_line_codes_below_thirteen_clip_at_3_3_volts(code, clips):
    out = Desk(instead("line volume", code << 8 | code)).play(0.1)["LINEOUT_L"][2400:]
    assert (np.max(out) < np.sqrt(2) * 10 ** (0.5 * (15 - code) / 20) * 0.999) == clips


def test_the_headphone_clips_at_its_supply():
    desk = Desk()
    desk.write(0x0022, 0x0000)
    assert np.max(desk.play(0.05)["HP_L"]) == pytest.approx(0.95 * 1.575)


@pytest.mark.parametrize(
    ("register", "value", "silent"),
    [
        (0x0024, 0x0014, {"HP_L", "HP_R"}),
        (0x0024, 0x0104, {"LINEOUT_L", "LINEOUT_R"}),
        (0x0030, 0x40EF, {"HP_L", "HP_R"}),
        (0x0030, 0x40FE, {"LINEOUT_L", "LINEOUT_R"}),
        (0x000E, 0x0204, {"HP_L", "LINEOUT_L"}),
        (0x000E, 0x0208, {"HP_R", "LINEOUT_R"}),
        (0x0030, 0x00FF, {"HP_R", "LINEOUT_R"}),  # the DAC as left-only mono
        (0x0030, 0x40F7, {"HP_L", "HP_R", "LINEOUT_L", "LINEOUT_R"}),
        (0x0002, 0x0053, {"HP_L", "HP_R", "LINEOUT_L", "LINEOUT_R"}),
        (0x0002, 0x0072, {"HP_L", "HP_R", "LINEOUT_L", "LINEOUT_R"}),
        (0x000A, 0x0020, {"HP_L", "HP_R", "LINEOUT_L", "LINEOUT_R"}),  # reserved source
        (0x000A, 0x0030, {"HP_L", "HP_R", "LINEOUT_L", "LINEOUT_R"}),  # a processor that is not enabled
    ],
)
def test_a_mute_or_missing_block_silences_just_what_it_feeds(register, value, silent):
    desk = Desk()
    desk.write(register, value)
    desk.chip.wait(0.2)
    desk.play(0.1)
    out = desk.play(0.02)
    assert {pin for pin, volts in out.items() if vrms(volts) < SILENT} == silent
    if register not in (0x000A, 0x000E) and value != 0x0072:
        outputs = desk.state("outputs")
        assert {pin for pin, gain in outputs.items() if gain is None} == silent


def test_state_names_a_muted_dac():
    desk = Desk(instead("dac unmuted", 0x0204))
    assert desk.state("dac_gain_db") == [None, 0.0]


# volume ramp


def frames_of_ramp(adcdac):
    desk = Desk(instead("dac unmuted", adcdac))
    desk.play(0.1)
    desk.write(0x000E, adcdac | 0x000C)
    busy = desk.read(0x000E) & 0x3000
    out = desk.play(0.1)["HP_L"]
    assert desk.read(0x000E) & 0x3000 == 0
    return busy, (np.flatnonzero(out)[-1] if np.any(out) else 0)


@pytest.mark.parametrize(
    ("adcdac", "busy", "frames"), [(0x0000, 0, 0), (0x0200, 0x3000, 511), (0x0300, 0x3000, 96.33 / 0.5017 * 8)]
)
def test_muting_the_dac_ramps_only_with_the_ramp_enabled(adcdac, busy, frames):
    assert frames_of_ramp(adcdac) == (busy, pytest.approx(frames, abs=50))


def test_a_volume_ramp_runs_on_while_no_frames_pass():
    desk = Desk()
    assert desk.read(0x000E) & 0x3000 == 0x3000
    desk.chip.wait(0.1)
    assert desk.read(0x000E) & 0x3000 == 0
    assert np.max(desk.play(0.002)["HP_L"]) > 1.4


def test_without_the_ramp_unmuting_is_at_once():
    assert np.max(Desk(instead("dac unmuted", 0x0000)).play(0.002)["HP_L"]) > 1.4
    assert np.max(Desk().play(0.002)["HP_L"]) < 0.4


# zero crossings


def test_a_zero_cross_headphone_volume_changes_where_the_signal_is_nothing():
    desk = Desk(instead("line in, all unmuted", 0x0024))
    desk.play(0.1)
    desk.write(0x0022, 0x3030)
    out = desk.play(0.01, hz=100.0)["HP_L"]
    assert np.max(np.abs(np.diff(out))) < 1.05 * 1.4142 * 2 * np.pi * 100 / 48_000
    assert desk.state("outputs")["HP_L"] == -12.0


def test_without_zero_cross_a_headphone_volume_changes_at_once():
    desk = Desk()
    desk.write(0x0022, 0x3030)
    assert desk.state("outputs")["HP_L"] == -12.0


def test_a_zero_cross_volume_arrives_in_silence_too():
    desk = Desk(instead("line in, all unmuted", 0x0024))
    desk.write(0x0022, 0x3030)
    assert desk.state("outputs")["HP_L"] == 0.0
    desk.play(0.0, dbfs=-300)
    assert desk.state("outputs")["HP_L"] == -12.0


@pytest.mark.parametrize(("clk_top", "arrives"), [(0x0000, False), (0x0800, True)])
def test_the_zero_cross_detector_needs_a_clock_or_the_internal_oscillator(clk_top, arrives):
    desk = Desk(instead("line in, all unmuted", 0x0064))
    desk.write(0x0034, clk_top)
    desk.write(0x0004, 0x0003)  # PLL, which sleeps
    desk.write(0x0022, 0x3030)
    for _ in range(4):
        desk.record(0.0, rms_v=0.1)
        heard = desk.play(0.0)["HP_L"]
    assert (np.max(np.abs(heard)) < 0.05) == arrives


def test_a_zero_cross_input_volume_waits_for_the_signal():
    desk = Desk(instead("line in, all unmuted", 0x0006))
    desk.write(0x0020, 0x0044)
    assert desk.state("input_gain_db") == [0.0, 0.0]
    recorded = desk.record(0.02, rms_v=0.1, hz=100.0)[:, 0]
    assert desk.state("input_gain_db") == [6.0, 6.0]
    assert np.max(np.abs(np.diff(recorded))) < 1.1 * 0.2 * np.sqrt(2) * 2 * np.pi * 100 / 48_000 + 3e-4


# recording


@pytest.mark.parametrize("m6db", [0, 1])
@pytest.mark.parametrize("code", range(16))
def test_every_input_volume_code_is_one_and_a_half_decibels(code, m6db):
    desk = Desk()
    desk.write(0x0020, m6db << 8 | code)
    gain_db = 1.5 * code - 6.0 * m6db
    assert desk.state("input_gain_db") == [gain_db, -6.0 * m6db]
    frames = desk.record(0.1, 10 ** (-40 / 20))[960:]
    assert dbfs(frames[:, 0] - np.mean(frames[:, 0])) == pytest.approx(-40 + gain_db, abs=0.05)
    assert dbfs(frames[:, 1] - np.mean(frames[:, 1])) == pytest.approx(-40 - 6.0 * m6db, abs=0.05)


@pytest.mark.parametrize(("code", "gain_db"), [(0, 0), (1, 20), (2, 30), (3, 40)])
def test_every_microphone_gain_code_reaches_both_channels(code, gain_db):
    desk = Desk(instead("line in, all unmuted", 0x0000))
    desk.write(0x002A, code)
    for side in (0, 1):
        level = desk.level(10 ** (-50 / 20), side=side, pins=("MIC",), seconds=0.1)
        assert level == pytest.approx(-50 + gain_db, abs=0.05)
    assert desk.state("input_gain_db") == [gain_db, gain_db]
    assert desk.state("inputs") == [["MIC"], ["MIC"]]


def test_microphone_and_analogue_gain_add_up():
    desk = Desk(instead("line in, all unmuted", 0x0000))
    desk.write(0x002A, 0x0002)
    desk.write(0x0020, 0x0088)
    assert desk.level(1e-3, pins=("MIC",), seconds=0.1) == pytest.approx(-60 + 42, abs=0.05)
    assert desk.state("input_gain_db") == [42.0, 42.0]


@pytest.mark.parametrize(("ana_ctrl", "heard"), [(0x0000, "MIC"), (0x0004, "LINEIN_L")])
def test_one_switch_chooses_microphone_or_line(ana_ctrl, heard):
    desk = Desk(instead("line in, all unmuted", ana_ctrl))
    for pin in ("MIC", "LINEIN_L"):
        assert (desk.level(0.1, pins=(pin,)) > -30) == (pin == heard)


def test_line_inputs_keep_their_sides():
    desk = Desk()
    frames = desk.record(0.1, 0.1, pins=("LINEIN_R",))[2400:]
    assert dbfs(frames[:, 0] - np.mean(frames[:, 0])) < -75
    assert dbfs(frames[:, 1]) == pytest.approx(-20, abs=0.1)
    assert desk.state("inputs") == [["LINEIN_L"], ["LINEIN_R"]]


def test_an_input_the_chip_does_not_have_is_refused():
    with pytest.raises(ValueError, match="LINPUT1; there are MIC"):
        Sgtl5000().capture({"LINPUT1": np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match="one length"):
        Sgtl5000().capture({"MIC": np.zeros(8, np.float32), "LINEIN_L": np.zeros(9, np.float32)})


def test_a_recording_never_exceeds_full_scale():
    frames = Desk().record(0.1, rms_v=3.0)[:, 0]
    assert 0.5 < dbfs(frames) < 3.02
    assert np.max(np.abs(frames)) <= 1.0


def test_the_microphone_amplifier_clips_before_the_input_volume():
    desk = Desk(instead("line in, all unmuted", 0x0000))
    desk.write(0x002A, 0x0003)
    desk.write(0x0020, 0x0100)
    frames = desk.record(0.1, 1.0, pins=("MIC",))[2400:, 0]
    assert np.max(frames) == pytest.approx(0.95 * 1.575 / np.sqrt(2) * 10 ** (-6 / 20), rel=0.02)


@pytest.mark.parametrize(
    ("register", "value", "silent"),
    [
        (0x0024, 0x0005, (True, True)),  # MUTE_ADC
        (0x0030, 0x40FD, (True, True)),
        (0x0030, 0x40BF, (False, True)),  # the ADC as left-only mono
        (0x0002, 0x0033, (True, True)),
        (0x0002, 0x0071, (True, True)),  # I2S output
        (0x000A, 0x0012, (True, True)),  # reserved source
    ],
)
def test_a_mute_or_missing_block_silences_the_recording(register, value, silent):
    desk = Desk()
    desk.write(register, value)
    desk.record(0.5)
    frames = desk.record(0.05, rms_v=0.1)
    assert tuple(dbfs(frames[:, side]) < -80 for side in (0, 1)) == silent
    if register in (0x0024, 0x0030):
        assert tuple(gain is None for gain in desk.state("input_gain_db")) == silent


@pytest.mark.parametrize(("avdd_v", "floor_dbfs"), [(3.3, -93.0), (1.8, -85.0)])
def test_the_noise_floor_is_what_the_supply_allows(avdd_v, floor_dbfs):
    low = instead("vag level, slow ramp", 0x0041) if avdd_v < 3 else instead("line volume", 0x0F0F)
    steps = tuple((name, reg, value | 0x0800 if reg == 0x0030 else value) for name, reg, value in low)
    frames = Desk(steps, avdd_v=avdd_v).record(1.5)[48_000:, 0]
    assert dbfs(frames) == pytest.approx(floor_dbfs, abs=0.6)


def test_less_bias_current_is_more_noise():
    quiet, noisy = (Desk(instead("vag level, slow ramp", 0x01F1 | code << 1)).record(1.0)[36_000:] for code in (0, 7))
    assert dbfs(noisy) - dbfs(quiet) == pytest.approx(4.0, abs=0.6)


def test_the_same_seed_makes_the_same_noise():
    assert np.array_equal(Desk().record(0.01), Desk().record(0.01))


# high-pass


def test_the_high_pass_is_three_decibels_down_at_its_corner():
    desk = Desk()
    corner_hz = desk.state("high_pass_hz")
    assert corner_hz == pytest.approx(48_000 / 2**12 / (2 * np.pi))
    level = dbfs(desk.record(3.0, rms_v=0.1, hz=corner_hz)[48_000 - PERIOD :, 0][: round(48_000 / corner_hz) * 3])
    assert level == pytest.approx(-20 - 3.01, abs=0.2)


def test_bypassing_the_high_pass_shows_the_converters_offset():
    desk = Desk()
    assert abs(np.mean(desk.record(1.5)[48_000:, 0])) < 2e-5
    desk.write(0x000E, 0x0201)
    assert np.mean(desk.record(0.2)[:, 0]) == pytest.approx(1e-3, rel=0.05)
    assert desk.state("high_pass") is False
    assert desk.state("high_pass_hz") is None


def test_a_frozen_high_pass_keeps_subtracting_and_follows_no_more():
    desk = Desk()
    desk.record(1.5)
    desk.write(0x000E, 0x0202)
    assert abs(np.mean(desk.record(0.2)[:, 0])) < 5e-5
    assert np.mean(desk.record(0.2, dc_v=0.1)[:, 0]) == pytest.approx(0.1 / np.sqrt(2), rel=0.01)
    assert desk.state("high_pass_frozen")
    assert not desk.state("high_pass")


def test_the_corner_follows_the_rate():
    desk = Desk()
    desk.write(0x0004, 0x0018)
    assert desk.state("high_pass_hz") == pytest.approx(24_000 / 2**12 / (2 * np.pi))


# routes


def heard_sides(desk):
    out = desk.play(0.05, balance=(1.0, 0.1))
    return [vrms(out[pin][960:]) for pin in ("HP_L", "HP_R")]


def test_swapping_the_dac_exchanges_the_sides():
    assert heard_sides(Desk()) == pytest.approx([1.0, 0.1], rel=0.02)
    assert heard_sides(Desk(instead("i2s to dac, adc to i2s", 0x1010))) == pytest.approx([0.1, 1.0], rel=0.02)


def test_swapping_the_i2s_output_exchanges_the_sides():
    frames = Desk(instead("i2s to dac, adc to i2s", 0x0410)).record(0.1, 0.1, pins=("LINEIN_L",))[2400:]
    assert dbfs(frames[:, 1]) == pytest.approx(-20, abs=0.1)
    assert dbfs(frames[:, 0]) < -60


def test_the_adc_can_feed_the_dac():
    desk = Desk(instead("i2s to dac, adc to i2s", 0x0000))
    assert desk.state("loopback")
    assert desk.state("sidetone")
    for _ in range(20):
        desk.record(0.0, rms_v=0.1)
        heard = desk.play(0.0, dbfs=0.0)["HP_L"]
    assert np.max(np.abs(heard)) == pytest.approx(0.1414, rel=0.03), "what is recorded, not what was sent"


def test_the_host_can_hear_itself():
    desk = Desk(instead("i2s to dac, adc to i2s", 0x0011))
    assert desk.state("loopback")
    assert not desk.state("sidetone")
    for _ in range(4):
        desk.play(0.0, dbfs=-20)
        looped = desk.record(0.0, rms_v=1.0)
    assert np.max(np.abs(looped)) == pytest.approx(0.1, rel=0.01)
    assert desk.state("adc_gain_db") == [None, None]


def test_line_in_can_bypass_everything_to_the_headphone():
    desk = Desk(instead("line in, all unmuted", 0x0045))  # the ADC may be muted
    desk.write(0x0022, 0x2418)
    assert desk.state("sidetone")
    assert not desk.state("loopback")
    desk.record(0.0, rms_v=0.1)
    out = desk.play(0.0)
    assert np.max(np.abs(out["HP_L"])) == pytest.approx(0.1414, rel=0.02)
    assert np.max(np.abs(out["HP_R"])) == pytest.approx(0.1414 * 10 ** (-6 / 20), rel=0.02)
    assert vrms(desk.play(0.02)["LINEOUT_L"]) > 0.5, "the line output still plays the DAC"
    assert desk.state("outputs") == {"HP_L": None, "HP_R": None, "LINEOUT_L": 0.0, "LINEOUT_R": 0.0}


def test_the_bypass_needs_neither_converter_nor_clock():
    desk = Desk(instead("line in, all unmuted", 0x0044))
    desk.write(0x0030, 0x40F5)
    desk.write(0x0004, 0x0003)  # PLL, which sleeps
    desk.chip.wait(0.1)
    desk.record(0.0, rms_v=0.1)
    assert np.max(np.abs(desk.play(0.0)["HP_L"])) == pytest.approx(0.1414, rel=0.02)


def test_state_has_every_key_a_bench_asks_for():
    keys = (
        "analogue_up mic_bias_v capture_rate_hz playback_rate_hz interface high_pass high_pass_hz alc alc_mode "
        "alc_target_dbfs alc_max_gain_db alc_min_gain_db alc_hold_ms alc_decay_ms alc_attack_ms noise_gate "
        "noise_gate_dbfs input_gain_db inputs adc_gain_db dac_gain_db outputs loopback sidetone deemphasis "
        "equaliser reserved"
    )
    assert set(keys.split()) <= set(Desk().chip.state())


def test_both_directions_at_once_do_not_disturb_each_other():
    desk = Desk()
    recorded, heard = [], []
    for _ in range(60):
        heard.append(desk.play(0.0, dbfs=-20, hz=750.0)["HP_L"])
        recorded.append(desk.record(0.0, 0.1, hz=750.0, pins=LINES))
    assert vrms(np.concatenate(heard)[-3840:]) == pytest.approx(0.1, rel=0.01)
    assert vrms(np.concatenate(recorded)[-3840:, 0]) == pytest.approx(0.1 / np.sqrt(2), rel=0.02)
