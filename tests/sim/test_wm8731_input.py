"""The simulated WM8731's inputs against closed forms: line, microphone, ADC, high-pass, bypass and sidetone."""

import numpy as np
import pytest
from desk import dbfs, dbv
from wm8731_desk import MIC_DB, OUTPUTS, Desk, instead, without

# recording


def test_each_line_code_is_one_and_a_half_decibels():
    desk = Desk()
    desk.record(0.4)
    for code in range(32):
        desk.write(0x00, code)
        gain = -34.5 + 1.5 * code
        assert desk.state("input_gain_db") == [gain, 0.0]
        frames = desk.record(0.03, rms_v=0.2, hz=1500.0)
        assert dbfs(frames[384:, 0]) == pytest.approx(20 * np.log10(0.2) + gain, abs=0.1)
        assert dbfs(frames[384:, 1]) == pytest.approx(20 * np.log10(0.2), abs=0.1)


@pytest.mark.parametrize(("register", "moved"), [(0x00, 0), (0x01, 1)])
def test_a_line_volume_moves_its_side_and_both_with_the_both_bit(register, moved):
    desk = Desk()
    desk.write(register, 0x01F)
    assert desk.state("input_gain_db") == [12.0 if side == moved else 0.0 for side in (0, 1)]
    desk.write(register, 0x113)
    assert desk.state("input_gain_db") == [-6.0, -6.0]
    desk.write(register, 0x197)  # mute travels with it
    assert desk.state("input_gain_db") == [None, None]


@pytest.mark.parametrize(
    ("path", "gain_db"),
    [
        (0x014, MIC_DB),
        (0x015, MIC_DB + 20),
        (0x016, None),  # MUTEMIC
        (0x017, None),
    ],
)
def test_the_one_microphone_goes_to_both_converters(path, gain_db):
    desk = Desk()
    desk.write(0x04, path)
    assert desk.state("inputs") == [["MICIN"], ["MICIN"]]
    assert desk.state("input_gain_db") == [gain_db if gain_db is None else pytest.approx(gain_db)] * 2
    frames = desk.record(0.2, rms_v=0.01, pins=("MICIN", "LLINEIN"))[4800:]
    for side in (0, 1):
        if gain_db is None:
            assert dbfs(frames[:, side]) < -80
        else:
            assert dbfs(frames[:, side]) == pytest.approx(-40 + gain_db, abs=0.05)


@pytest.mark.parametrize(("series_ohm", "first_db"), [(0, 13.98), (40_000, 0.0), (90_000, -6.02)])
def test_a_resistor_before_the_microphone_pin_sets_the_first_stage(series_ohm, first_db):
    desk = Desk(mic_series_ohm=series_ohm)
    desk.write(0x04, 0x015)
    assert dbfs(desk.record(0.2, rms_v=0.01, pins=("MICIN",))[4800:, 1]) == pytest.approx(first_db - 20, abs=0.05)


def test_the_line_volume_does_not_move_the_microphone():
    desk = Desk()
    desk.write(0x04, 0x014)
    desk.write(0x00, 0x180)
    assert dbfs(desk.record(0.2, rms_v=0.01, pins=("MICIN",))[4800:, 0]) == pytest.approx(-40 + MIC_DB, abs=0.05)


def test_the_switch_keeps_the_line_out_of_a_microphone_recording_and_the_other_way_round():
    desk = Desk()
    assert dbfs(desk.record(0.2, rms_v=0.5, pins=("MICIN",))[4800:]) < -80
    desk.write(0x04, 0x014)
    assert dbfs(desk.record(0.2, rms_v=0.5)[4800:]) < -70


def test_left_and_right_lines_stay_apart():
    frames = Desk().record(0.2, rms_v=0.5, pins=("LLINEIN",))[4800:]
    assert dbfs(frames[:, 0]) == pytest.approx(-6.02, abs=0.02)
    assert dbfs(frames[:, 1]) < -80


def test_one_volt_is_full_scale_and_more_clips():
    assert dbfs(Desk().record(0.2, rms_v=1.0)[4800:, 0]) == pytest.approx(0.0, abs=0.02)
    frames = Desk().record(0.3, rms_v=3.0)[9600:, 0]
    assert dbfs(frames) > 0.5
    assert np.max(np.abs(frames)) <= 1.0


def test_the_first_stage_of_the_microphone_clips_before_the_boost():
    desk = Desk(mic_series_ohm=90_000)
    desk.write(0x04, 0x014)
    assert np.max(desk.record(0.1, rms_v=1.5, pins=("MICIN",))) < 1.1  # -6 dB: 1.06 V peak, below the supply
    desk.write(0x04, 0x015)
    assert np.max(desk.record(0.1, rms_v=1.5, pins=("MICIN",))) == pytest.approx(1.0, abs=1e-3)


def test_the_noise_floor_is_88_db_below_full_scale():
    frames = Desk().record(1.5)[48_000:]
    assert dbfs(frames[:, 0]) == pytest.approx(-88.0, abs=0.5)
    assert dbfs(frames[:, 1]) == pytest.approx(-88.0, abs=0.5)


def test_the_same_seed_makes_the_same_noise():
    assert np.array_equal(Desk().record(0.01), Desk().record(0.01))
    assert not np.array_equal(Desk().record(0.01), Desk(seed=1).record(0.01))


# the high-pass


@pytest.mark.parametrize(("reg08", "rate_hz"), [(0x001, 48_000), (0x01D, 96_000), (0x019, 32_000)])
def test_the_high_pass_is_3_decibels_down_at_its_corner_which_follows_the_rate(reg08, rate_hz):
    desk = Desk(instead("48 kHz in usb mode", reg08))
    corner_hz = rate_hz / 2**11 / (2 * np.pi)
    assert desk.state("high_pass_hz") == pytest.approx(corner_hz)
    frames = desk.record(1.5, rms_v=0.1, hz=corner_hz, rate_hz=rate_hz)[-round(rate_hz / corner_hz * 2) :, 0]
    assert dbfs(frames) == pytest.approx(-20 - 3.01, abs=0.2)


def test_without_the_high_pass_the_converter_shows_its_offset():
    desk = Desk()
    assert desk.state("high_pass")
    assert abs(np.mean(desk.record(0.8)[24_000:, 0])) < 3e-5
    desk.write(0x05, 0x001)
    assert not desk.state("high_pass")
    assert desk.state("high_pass_hz") is None
    assert np.mean(desk.record(0.2)[:, 0]) == pytest.approx(1e-3, rel=0.05)
    assert dbfs(desk.record(0.4, rms_v=0.1, hz=3.75)[:12_800, 0]) == pytest.approx(-20, abs=0.1)


def test_a_stored_offset_stays_subtracted_and_does_not_follow():
    desk = Desk()
    desk.record(1.0, dc_v=0.01)
    desk.write(0x05, 0x011)
    assert desk.state("stores_offset")
    assert abs(np.mean(desk.record(0.2, dc_v=0.01)[:, 0])) < 3e-5
    moved = np.mean(desk.record(0.2, dc_v=0.03)[:, 0])
    assert moved == pytest.approx(0.02 / np.sqrt(2), rel=0.02)
    desk.write(0x05, 0x001)  # forgotten
    assert np.mean(desk.record(0.2, dc_v=0.01)[:, 0]) == pytest.approx(1e-3 + 0.01 / np.sqrt(2), rel=0.02)


def test_a_store_bit_set_after_the_high_pass_was_off_stores_nothing():
    desk = Desk()
    desk.record(1.0, dc_v=0.01)
    desk.write(0x05, 0x001)
    desk.write(0x05, 0x011)
    assert np.mean(desk.record(0.2, dc_v=0.01)[:, 0]) == pytest.approx(1e-3 + 0.01 / np.sqrt(2), rel=0.02)


def test_a_high_pass_that_comes_back_finds_the_offset_anew():
    desk = Desk()
    desk.write(0x05, 0x001)
    desk.record(0.2, dc_v=0.1)
    desk.write(0x05, 0x000)
    frames = desk.record(1.0, dc_v=0.1)[:, 0]
    assert np.mean(frames[:100]) == pytest.approx(0.0717, rel=0.06)
    assert abs(np.mean(frames[24_000:])) < 5e-5


# from inputs to outputs


def test_the_bypass_that_reset_leaves_closed_is_heard():
    desk = Desk(without("line to adc, dac to mixer"))
    assert desk.state("sidetone")
    out = desk.heard(0.1, ("LLINEIN",))
    assert dbv(out["LOUT"]) == pytest.approx(-20, abs=0.1)
    assert dbv(out["ROUT"]) < -80


def test_the_bypass_follows_line_and_headphone_volumes_but_not_the_line_mute():
    desk = Desk(instead("line to adc, dac to mixer", 0x00A))
    desk.write(0x00, 0x093)  # -6 dB, muted: the mute is the ADC's
    desk.write(0x02, 0x074)  # -5 dB
    out = desk.heard(0.1, ("LLINEIN",))
    assert dbv(out["LOUT"]) == pytest.approx(-26, abs=0.1)
    assert dbv(out["LHPOUT"]) == pytest.approx(-31, abs=0.1)


@pytest.mark.parametrize(("code", "attenuation_db"), [(0, -6), (1, -9), (2, -12), (3, -15)])
@pytest.mark.parametrize("boost", [0, 1])
def test_sidetone_brings_the_microphone_to_all_outputs_even_when_its_way_to_the_adc_is_muted(
    code, attenuation_db, boost
):
    desk = Desk()
    desk.write(0x04, code << 6 | 0x022 | boost)
    assert desk.state("sidetone")
    out = desk.heard(0.01, ("MICIN", "LLINEIN"))
    for pin in OUTPUTS:
        assert dbv(out[pin]) == pytest.approx(-40 + MIC_DB + 20 * boost + attenuation_db, abs=0.1)


def test_bypass_and_sidetone_need_no_clock_and_no_active_interface():
    desk = Desk(without("active"), mclk_hz=0.0)
    desk.write(0x04, 0x00A)
    assert dbv(desk.heard(0.1, ("LLINEIN",))["LOUT"]) == pytest.approx(-20, abs=0.1)


def test_dac_bypass_and_sidetone_add_up_in_the_mixer_and_clip_at_its_supply():
    desk = Desk()
    desk.write(0x04, 0x03A)
    desk.record(0.0, 0.1, pins=("LLINEIN",))
    desk._frame = 0
    out = desk.play(0.0, dbfs=-20)["LOUT"]
    assert np.max(out) == pytest.approx(2 * 0.1414, rel=0.01)
    desk._frame = 0
    desk.record(0.0, 0.9, pins=("LLINEIN",))
    desk._frame = 0
    assert np.max(desk.play(0.0)["LOUT"]) == pytest.approx(1.65, rel=1e-3)


def test_no_sidetone_is_told_where_none_can_be_heard():
    desk = Desk()
    assert not desk.state("sidetone")
    desk.write(0x04, 0x03A)
    desk.write(0x06, 0x043)  # line and microphone off
    assert not desk.state("sidetone")
    desk.write(0x06, 0x050)  # outputs off
    assert not desk.state("sidetone")
