"""The simulated ES8388 between its pins and its words: levels against closed forms, and every gain code."""

import numpy as np
import pytest
from desk import PERIOD, dbfs, dbv, vrms
from es8388_desk import Desk

# recording


@pytest.mark.parametrize("code", range(16))
def test_the_microphone_amplifier_has_3_db_steps_and_ends_at_24(code):
    desk = Desk()
    desk.write(0x09, code << 4 | 0)
    expected_db = 3.0 * min(code, 8)
    assert desk.gain_db() == [expected_db, 0.0]
    assert dbfs(desk.record(0.15, rms_v=0.01)[4800:, 0]) == pytest.approx(-40 + expected_db, abs=0.1)
    desk.write(0x09, code)
    assert desk.gain_db() == [0.0, expected_db]
    assert any("0x09" in sentence for sentence in desk.state("reserved")) == (code > 8)


@pytest.mark.parametrize("first", [0x10, 0x1A])
def test_digital_volumes_go_down_in_half_decibels_to_96(first):
    desk = Desk()
    key = "adc_gain_db" if first == 0x10 else "dac_gain_db"
    for code in range(256):
        desk.write(first, code)
        desk.write(first + 1, 255 - code)
        assert desk.state(key) == [-0.5 * min(code, 192), -0.5 * min(255 - code, 192)]


@pytest.mark.parametrize("code", [0, 1, 20, 97, 160])
def test_digital_volumes_are_heard(code):
    desk = Desk()
    for register in (0x10, 0x1A):
        desk.write(register, code)
    assert dbv(desk.play(0.05)["LOUT1"]) == pytest.approx(-0.5 * code, abs=0.1)
    assert dbfs(desk.record(0.15, rms_v=0.9)[4800:, 0]) == pytest.approx(-0.92 - 0.5 * code, abs=0.1)


def test_a_recording_never_exceeds_full_scale():
    frames = Desk().record(0.3, rms_v=3.0)[9600:, 0]
    assert dbfs(frames) > 0.5
    assert np.max(np.abs(frames)) <= 1.0


@pytest.mark.parametrize(
    ("select", "pair", "left", "right"),
    [
        (0x00, 0x02, ["LIN1"], ["RIN1"]),
        (0x50, 0x02, ["LIN2"], ["RIN2"]),
        (0x40, 0x02, ["LIN2"], ["RIN1"]),
        (0xF0, 0x02, ["LIN1", "RIN1"], ["LIN1", "RIN1"]),
        (0xF0, 0x82, ["LIN2", "RIN2"], ["LIN2", "RIN2"]),
        (0xFC, 0x02, ["LIN1", "RIN1"], ["LIN2", "RIN2"]),  # each side its own pair
        (0xA0, 0x02, [], []),  # reserved
    ],
)
def test_the_selectors_route_pins_to_the_adcs(select, pair, left, right):
    desk = Desk().take((0x0A, select), (0x0B, pair))
    assert desk.state("inputs") == [left, right]
    for pin in ("LIN1", "RIN1", "LIN2", "RIN2"):
        frames = desk.record(0.15, rms_v=0.1, pins=(pin,))[4800:]
        for side, routed in enumerate((left, right)):
            assert (
                dbfs(frames[:, side]) == pytest.approx(-20, abs=0.1) if pin in routed else dbfs(frames[:, side]) < -80
            )


def test_nothing_is_routed_by_a_reserved_input():
    desk = Desk().take((0x0A, 0xA0))
    assert desk.gain_db() == [None, None]
    assert len(desk.state("reserved")) == 2


def test_a_differential_pair_hears_its_difference_and_not_what_is_common():
    desk = Desk().take((0x0A, 0xF0))
    assert dbfs(desk.record(0.2, rms_v=0.5, pins=("LIN1", "RIN1"))[4800:, 0]) < -80
    reference = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(0, 9600))
    for pin, sign in (("LIN1", 1), ("RIN1", -1)):
        desk = Desk().take((0x0A, 0xF0))
        frames = desk.record(0.2, rms_v=0.1, pins=(pin,))[:, 0]
        assert 2 * np.mean(frames[4800:] * reference[4800 : frames.size]) == pytest.approx(sign * 0.1, rel=0.03)


@pytest.mark.parametrize(("value", "left", "right"), [(0x30, 1, 1), (0xB0, -1, 1), (0x70, 1, -1), (0xF0, -1, -1)])
def test_adc_polarity_inverts_left_with_bit_7_and_right_with_bit_6(value, left, right):
    desk = Desk()
    desk.write(0x0E, value)
    frames = desk.record(0.2, rms_v=0.1)
    reference = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(frames.shape[0]))
    signs = [np.sign(np.mean(frames[4800:, side] * reference[4800:])) for side in (0, 1)]
    assert signs == [left, right]


@pytest.mark.parametrize(
    ("mono", "left_dbfs", "right_dbfs"),
    [
        (0, -20.0, None),
        (1, -26.0, None),  # half of it into the left ADC
        (2, -20.0, -26.0),
        (3, -26.0, -26.0),  # of the kernel's driver; the guide reserves it
    ],
)
def test_mono_mix_halves_the_sum(mono, left_dbfs, right_dbfs):
    desk = Desk().take((0x0B, 0x02 | mono << 3))
    frames = desk.record(0.2, rms_v=0.1, pins=("LIN1",))[4800:]
    for side, level in enumerate((left_dbfs, right_dbfs)):
        assert dbfs(frames[:, side]) == pytest.approx(level, abs=0.1) if level else dbfs(frames[:, side]) < -80
    assert any("0x0B" in sentence for sentence in desk.state("reserved")) == (mono == 3)


@pytest.mark.parametrize(("select", "order"), [(0, "LR"), (1, "LL"), (2, "RR"), (3, "RL")])
def test_data_select_routes_the_converters(select, order):
    desk = Desk().take((0x0C, select << 6))
    frames = desk.record(0.2, rms_v=0.1, pins=("LIN1",))[4800:]
    assert "".join("L" if dbfs(frames[:, slot]) > -25 else "R" for slot in (0, 1)) == order


def test_a_tristated_port_sends_nothing():
    desk = Desk()
    desk.write(0x0B, 0x06)
    assert not np.any(desk.record(0.05, rms_v=0.1))


def test_adc_mute_is_one_bit_and_acts_at_once_without_ramp():
    desk = Desk()
    desk.write(0x0F, 0x04)
    assert desk.state("adc_gain_db") == [None, None]
    assert not np.any(desk.record(0.05, rms_v=0.1))


@pytest.mark.parametrize(("register", "first", "key"), [(0x0F, 0x10, "adc_gain_db"), (0x19, 0x1A, "dac_gain_db")])
def test_the_left_volume_can_lead_both(register, first, key):
    desk = Desk()
    desk.write(first, 20)
    desk.write(register, 0x08)
    assert desk.state(key) == [-10.0, -10.0]


@pytest.mark.parametrize(("rate", "frames_a_step"), [(0, 4), (1, 8), (2, 16), (3, 32)])
def test_the_adc_walks_half_a_decibel_in_its_ramp_time(rate, frames_a_step):
    desk = Desk()
    desk.record(0.1, rms_v=0.5)
    desk.write(0x0F, rate << 6 | 0x20)
    desk.write(0x10, 40)
    frames = desk.record(0.1, rms_v=0.5)[:, 0]
    middle = 20 * frames_a_step
    around = frames[middle - 24 : middle + 24]
    assert dbfs(around) == pytest.approx(-6.02 - 10.0, abs=1.6)
    assert dbfs(frames[40 * frames_a_step + 48 :]) == pytest.approx(-26.02, abs=0.2)


@pytest.mark.parametrize(("rate", "frames_a_step"), [(0, 4), (1, 32), (2, 64), (3, 128)])
def test_the_dac_fades_to_mute_and_comes_back_in_its_ramp_time(rate, frames_a_step):
    desk = Desk()
    desk.write(0x1A, 152)  # 40 steps from the end
    desk.write(0x19, rate << 6 | 0x24)
    out = desk.play((44 * frames_a_step + 2 * PERIOD) / 48_000)["LOUT1"]
    assert np.flatnonzero(out)[-1] == pytest.approx(41 * frames_a_step, abs=30)
    desk.write(0x19, rate << 6 | 0x20)
    back = desk.play((40 * frames_a_step) / 48_000)["LOUT1"]
    assert vrms(back[: 2 * frames_a_step]) < vrms(back[-2 * frames_a_step :])


def test_the_ramp_of_reset_takes_16_ms_from_96_db():
    desk = Desk()
    desk.write(0x1A, 0xC0)
    desk.write(0x19, 0x20)
    desk.write(0x1A, 0x00)
    assert desk.state("dac_gain_db")[0] == 0.0, "state names the setting"
    out = desk.play(0.05)["LOUT1"]
    assert dbv(out[336:432]) == pytest.approx(-48.0, abs=1.5)
    assert dbv(out[816:]) == pytest.approx(0.0, abs=0.1)


def test_volumes_walk_while_no_frames_are_exchanged():
    desk = Desk()
    desk.write(0x1A, 0xC0)
    desk.write(0x19, 0x20)
    desk.write(0x1A, 0x00)
    desk.chip.wait(0.02)
    assert dbv(desk.play(0.02)["LOUT1"]) == pytest.approx(0.0, abs=0.1)


def test_a_zero_cross_gain_waits_for_the_signal():
    desk = Desk()
    desk.record(0.1, rms_v=0.1, hz=100.0)
    desk.write(0x0F, 0x10)
    desk.write(0x09, 0x44)
    frames = desk.record(0.05, rms_v=0.1, hz=100.0)[:, 0]
    biggest_step = 0.1 * 10 ** (12 / 20) * 2 * np.pi * 100 / 48_000
    assert np.max(np.abs(np.diff(frames))) < 1.3 * biggest_step
    assert desk.gain_db() == [12.0, 12.0]


def test_a_waiting_gain_comes_after_its_time_out_only_when_that_is_on():
    desk = Desk()
    desk.write(0x0F, 0x10)
    desk.write(0x09, 0x44)
    desk.chip.wait(10.0)
    assert desk.gain_db() == [0.0, 0.0]
    desk.write(0x15, 0x26)
    desk.chip.wait(0.06)
    assert desk.gain_db() == [12.0, 12.0]


def test_the_noise_floor_at_unity_gain_is_93_db_below_full_scale():
    assert dbfs(Desk().record(1.5)[48_000:, 0]) == pytest.approx(-93.0, abs=0.5)


def test_the_high_pass_is_3_decibels_down_at_its_corner():
    desk = Desk()
    corner_hz = desk.state("high_pass_hz")
    assert corner_hz == pytest.approx(3.73, abs=0.01)
    level = dbfs(desk.record(2.0, rms_v=0.1, hz=corner_hz)[48_000 - PERIOD :, 0][: round(48_000 / corner_hz) * 3])
    assert level == pytest.approx(-20 - 3.01, abs=0.2)


@pytest.mark.parametrize(
    ("value", "left", "right"), [(0x30, True, True), (0x20, True, False), (0x10, False, True), (0, False, False)]
)
def test_each_channel_has_its_own_high_pass(value, left, right):
    desk = Desk()
    desk.write(0x0E, value)
    frames = desk.record(0.8)[24_000:]
    for side, passing in enumerate((left, right)):
        offset = abs(np.mean(frames[:, side]))
        assert offset < 2e-5 if passing else offset > 5e-4
    assert desk.state("high_pass") == (left and right)
    assert (desk.state("high_pass_hz") is None) == (not (left and right))


# playback


def test_a_full_scale_sine_is_one_volt_at_every_output():
    assert all(vrms(volts) == pytest.approx(1.0, rel=1e-3) for volts in Desk().play(0.1).values())


@pytest.mark.parametrize("register", [0x2E, 0x2F, 0x30, 0x31])
def test_output_volumes_have_one_and_a_half_decibel_steps_up_to_0x21(register):
    desk = Desk()
    pin = ("LOUT1", "ROUT1", "LOUT2", "ROUT2")[register - 0x2E]
    for code in range(64):
        desk.write(register, code)
        expected_db = -45.0 + 1.5 * min(code, 0x21)
        assert desk.state("outputs")[pin] == pytest.approx(expected_db)
        if not code % 5:
            assert dbv(desk.play(0.02, dbfs=-10)[pin]) == pytest.approx(expected_db - 10, abs=0.15)
        assert bool(desk.state("reserved")) == (code > 0x21)


def test_outputs_clip_at_their_supplies():
    desk = Desk()
    desk.write(0x2E, 0x21)
    assert np.max(desk.play(0.05)["LOUT1"]) == pytest.approx(0.95 * 3.3 / 2)


@pytest.mark.parametrize(("code", "vpp"), [(0, 3.5), (1, 4.0), (2, 3.0), (3, 2.5)])
def test_the_swing_of_the_dac_scales_all_outputs(code, vpp):
    desk = Desk()
    desk.write(0x1D, code)
    scale_db = 20 * np.log10(vpp / 3.5)
    assert desk.state("outputs")["ROUT2"] == pytest.approx(scale_db)
    assert dbv(desk.play(0.05, dbfs=-10)["ROUT2"]) == pytest.approx(scale_db - 10, abs=0.1)


@pytest.mark.parametrize(("value", "left", "right"), [(0x80, 0.0, 1.0), (0x40, 1.0, 0.0), (0xC0, 0.0, 0.0)])
def test_zeroed_channels_are_silent(value, left, right):
    desk = Desk()
    desk.write(0x1D, value)
    out = desk.play(0.05)
    assert (vrms(out["LOUT1"]), vrms(out["ROUT1"])) == pytest.approx((left, right), abs=2e-3)
    assert [gain is not None for gain in desk.state("dac_gain_db")] == [left > 0, right > 0]


def test_dac_mono_plays_half_the_sum_on_both():
    desk = Desk()
    desk.write(0x1D, 0x20)
    out = desk.play(0.05, balance=(1.0, 0.0))
    assert vrms(out["ROUT1"]) == pytest.approx(0.5, rel=1e-2)
    assert vrms(out["LOUT1"]) == pytest.approx(0.5, rel=1e-2)


def test_stereo_enhancement_widens_and_is_named():
    desk = Desk()
    assert not desk.state("equaliser")
    desk.write(0x1D, 0x1C)
    assert desk.state("equaliser")
    assert vrms(desk.play(0.05, dbfs=-10, balance=(1.0, 0.0))["ROUT1"]) > 0.1


def test_shelving_coefficients_other_than_those_of_reset_are_named():
    desk = Desk()
    desk.write(0x1F, 0x00)
    assert desk.state("equaliser")


@pytest.mark.parametrize(("value", "left", "right"), [(0x28, -1, 1), (0x18, 1, -1)])
def test_dac_polarity_inverts_each_side(value, left, right):
    desk = Desk()
    before = desk.play(0.02)
    desk = Desk()
    desk.write(0x1C, value)
    after = desk.play(0.02)
    for pin, sign in (("LOUT1", left), ("ROUT1", right)):
        assert np.allclose(after[pin], sign * before[pin])


@pytest.mark.parametrize(("code", "rate_hz"), [(1, 32_000), (2, 44_100), (3, 48_000)])
def test_deemphasis_follows_the_50_15_microsecond_curve_at_its_rate(code, rate_hz):
    desk = Desk(host_rate_hz=rate_hz, mclk_hz=256 * rate_hz)
    desk.write(0x1C, code << 6)
    assert desk.state("deemphasis")
    level_db = dbv(desk.play(0.2, hz=3000.0, rate_hz=rate_hz)["LOUT1"][2048:])
    w = 2 * np.pi * 3000
    assert level_db == pytest.approx(10 * np.log10((1 + (w * 15e-6) ** 2) / (1 + (w * 50e-6) ** 2)), abs=0.3)


def test_deemphasis_is_for_single_speed():
    desk = Desk()
    desk.write(0x1C, 0xC0)
    desk.take((0x18, 0x22))
    assert not desk.state("deemphasis")


def test_dac_mute_without_ramp_is_at_once():
    desk = Desk()
    desk.write(0x19, 0x04)
    assert all(vrms(volts) == 0.0 for volts in desk.play(0.02).values())
    assert desk.state("dac_gain_db") == [None, None]


# the analogue bypass


def bypass_desk(source, code=2, dac=False):
    switches = 0x40 | code << 3 | (0x80 if dac else 0)
    return Desk().take((0x26, source << 3 | source), (0x27, switches), (0x2A, switches))


@pytest.mark.parametrize("code", range(8))
def test_the_bypass_goes_from_6_to_minus_15_decibels(code):
    desk = bypass_desk(0, code)
    assert desk.state("sidetone")
    desk.record(PERIOD / 48_000, rms_v=0.1)
    heard = desk.play(PERIOD / 48_000, dbfs=-200)
    assert np.max(np.abs(heard["LOUT1"])) == pytest.approx(0.1414 * 10 ** ((6 - 3 * code) / 20), rel=0.01)
    assert heard["ROUT2"] == pytest.approx(heard["LOUT1"])


@pytest.mark.parametrize(
    ("source", "pin", "gain"),
    [
        (0, "LIN1", 1.0),
        (1, "LIN2", 1.0),
        (2, "LIN1", 0.0),  # reserved
        (3, "LIN1", 10 ** (12 / 20)),  # after the microphone amplifier
        (4, "LIN1", -(10 ** (12 / 20))),  # its other output
    ],
)
def test_the_bypass_takes_what_its_source_names(source, pin, gain):
    desk = bypass_desk(source)
    desk.write(0x09, 0x44)
    signal = (0.1 * np.sin(2 * np.pi * 1000 / 48_000 * np.arange(PERIOD))).astype(np.float32)
    desk.chip.capture({pin: signal})
    heard = desk.play(PERIOD / 48_000, dbfs=-200)["LOUT1"]
    assert np.max(np.abs(heard - gain * signal)) < 1e-3
    assert desk.state("sidetone") == (source != 2)


def test_the_bypass_needs_its_input_powered_and_no_clock():
    desk = bypass_desk(0)
    desk.write(0x02, 0xFF)
    desk.record(PERIOD / 48_000, rms_v=0.1)
    assert np.max(np.abs(desk.play(PERIOD / 48_000)["LOUT1"])) == pytest.approx(0.1414, rel=0.02)
    desk.write(0x03, 0xC0)
    desk.record(PERIOD / 48_000, rms_v=0.1)
    assert vrms(desk.play(PERIOD / 48_000)["LOUT1"]) == 0.0
    assert not desk.state("sidetone")


def test_bypass_and_dac_add_up():
    desk = bypass_desk(0, dac=True)
    desk.chip.capture({"LIN1": np.full(PERIOD, 0.1, np.float32)})
    played = desk.chip.play(np.full((PERIOD, 2), 2**28, np.int32))["LOUT1"]
    assert played == pytest.approx(0.1 + np.sqrt(2) / 8, rel=1e-4)


def test_the_cross_controls_of_the_kernel_reach_nothing():
    desk = Desk().take((0x27, 0x10), (0x28, 0xC0), (0x29, 0xC0))
    assert vrms(desk.play(0.02)["LOUT1"]) == 0.0


def test_state_has_the_keys_every_chip_has_and_nothing_reserved():
    state = Desk().chip.state()
    assert state["loopback"] is False
    assert state["sidetone"] is False
    assert state["reserved"] == []
    assert state["interface"] == {"format": "i2s", "word_bits": 24, "provider": False}
    assert state["mic_bias_v"]["MICBIAS"] > 2.9
    for key in ("analogue_up", "alc", "alc_mode", "noise_gate", "deemphasis", "equaliser", "high_pass", "outputs"):
        assert key in state
