"""The simulated DA7212's gains, mixers, filters and gates against closed forms."""

import numpy as np
import pytest
from da7212_desk import ALL, Desk, instead, without
from desk import PERIOD, dbfs, dbv, vrms

LATE = 4800


# recording


@pytest.mark.parametrize("code", range(8))
def test_the_microphone_amplifiers_go_from_minus_6_in_steps_of_6_db(code):
    desk = Desk()
    desk.write(0x39, code)
    desk.write(0x3A, 7 - code)
    assert desk.state("input_gain_db") == [-6.0 + 6.0 * code, 36.0 - 6.0 * code]
    frames = desk.record(0.15, rms_v=0.01)[LATE:]
    assert dbfs(frames[:, 0]) == pytest.approx(-40 - 6 + 6 * code, abs=0.05)


def test_mixin_goes_from_minus_4_5_in_steps_of_1_5_db():
    desk = Desk()
    desk.record(0.1)
    for code in range(16):
        desk.write(0x34, code)
        desk.write(0x35, 15 - code)
        assert desk.state("input_gain_db") == [-4.5 + 1.5 * code, 18.0 - 1.5 * code]
        frames = desk.record(0.04, rms_v=0.05)
        assert dbfs(frames[:, 0]) == pytest.approx(-26.02 - 4.5 + 1.5 * code, abs=0.1)


def test_the_adc_volume_goes_over_all_its_codes():
    desk = Desk()
    for code in range(0x80):
        desk.write(0x36, code)
        wanted = None if code < 8 else -77.25 + 0.75 * (code - 8)
        assert desk.state("adc_gain_db") == [wanted, 0.0]


@pytest.mark.parametrize("code", [0x00, 0x07, 0x08, 0x40, 0x6F, 0x70, 0x7F])
def test_the_adc_volume_is_what_it_says(code):
    desk = Desk()
    desk.write(0x36, code)
    level = dbfs(desk.record(0.15, rms_v=0.1)[LATE:, 0])
    assert level < -150 if code < 8 else level == pytest.approx(-97.25 + 0.75 * (code - 8), abs=0.05)


AUX = (
    ("aux left amplifier", 0x60, 0x80),
    ("aux left 0 dB", 0x30, 0x35),
    ("aux to mixin left", 0x32, 0x01),
)


def aux_desk(*more):
    desk = Desk()
    for _, register, value in (*AUX, *more):
        desk.write(register, value)
    return desk


def test_aux_goes_over_all_its_codes():
    desk = aux_desk()
    for code in range(0x40):
        desk.write(0x30, code)
        assert desk.state("input_gain_db")[0] == max(-54.0, -79.5 + 1.5 * code)
    assert desk.state("inputs")[0] == ["AUX_L"]


@pytest.mark.parametrize(("code", "gain_db"), [(0x20, -31.5), (0x35, 0.0), (0x3F, 15.0)])
def test_aux_arrives_with_its_gain(code, gain_db):
    desk = aux_desk()
    desk.write(0x30, code)
    level = dbfs(desk.record(0.15, rms_v=0.1, pins=("AUX_L",))[LATE:, 0])
    assert level == pytest.approx(-20 + gain_db, abs=0.05)


@pytest.mark.parametrize(("register", "value"), [(0x60, 0x00), (0x60, 0xC0), (0x32, 0x02)])
def test_aux_is_silent_without(register, value):
    desk = aux_desk(("undone", register, value))
    assert dbfs(desk.record(0.15, rms_v=0.1, pins=("AUX_L",))[LATE:, 0]) < -70


@pytest.mark.parametrize(
    ("register", "value", "inputs", "heard"),
    [
        (0x32, 0x02, [["MIC1"], ["MIC2"]], "MIC1"),  # bit 1 is the own side's
        (0x32, 0x04, [["MIC2"], ["MIC2"]], "MIC2"),
        (0x32, 0x06, [["MIC1", "MIC2"], ["MIC2"]], "MIC1"),
        (0x32, 0x08, [["MIC2"], ["MIC2"]], "MIC2"),  # through the other MIXIN
        (0x33, 0x04, [["MIC1"], ["MIC1"]], None),
        (0x32, 0x82, [[], ["MIC2"]], None),  # a digital microphone that is not there
    ],
)
def test_mixin_takes_the_sources_it_is_told(register, value, inputs, heard):
    desk = Desk()
    desk.write(register, value)
    assert desk.state("inputs") == inputs
    for pin in ("MIC1", "MIC2"):
        level = dbfs(desk.record(0.15, rms_v=0.1, pins=(pin,))[LATE:, 0])
        if heard == pin:
            assert level == pytest.approx(-20, abs=0.05)
        elif heard is None and pin == "MIC1" and register == 0x32:
            assert level < -70


@pytest.mark.parametrize(("mode", "sign"), [(0, 1), (1, 1), (2, -1), (3, 0)])
def test_mic_n_arrives_inverted(mode, sign):
    desk = Desk()
    desk.write(0x63, 0x80 | mode << 2)
    frames = desk.record(0.3, rms_v=0.1)[LATE:, 0]
    reference = np.sin(2 * np.pi * 1000 / 48_000 * (np.arange(frames.size) + LATE))
    assert 2 * np.mean(frames * reference) == pytest.approx(sign * 0.1, abs=2e-3)


@pytest.mark.parametrize("step", ["mic 1 amplifier", "mixin left amplifier and mixer", "adc left"])
def test_each_stage_has_a_mute(step):
    value = next(value for name, _, value in ALL if name == step)
    assert dbfs(Desk(instead(step, value | 0x40)).record(0.15, rms_v=0.1)[LATE:, 0]) < -70


def test_a_recording_never_exceeds_full_scale():
    frames = Desk().record(0.2, rms_v=3.0)[LATE:, 0]
    assert dbfs(frames) > 0.5
    assert np.max(np.abs(frames)) <= 1.0


def test_the_noise_floor_at_unity_gain_is_90_db_below_full_scale():
    assert dbfs(Desk().record(1.5)[48_000:, 0]) == pytest.approx(-90.0, abs=0.5)


def test_full_scale_is_in_proportion_to_the_supply():
    assert dbfs(Desk(avdd_v=1.65).record(0.15, rms_v=0.1)[LATE:, 0]) == pytest.approx(-13.98, abs=0.05)


# high-pass


@pytest.mark.parametrize("register", [0x38, 0x44])
@pytest.mark.parametrize(
    ("value", "corner_hz"),
    [
        *((0x80 | code << 4, 2.0 * 2**code) for code in range(4)),
        *((0x88 | code, hz * 6) for code, hz in enumerate((2.5, 25, 50, 100, 150, 200, 300, 400))),
        (0x00, None),
        (0x0F, None),  # voice mode without the filter
    ],
)
def test_the_high_passes_have_the_corner_they_say(register, value, corner_hz):
    desk = Desk()
    desk.write(register, value)
    key = "high_pass_hz" if register == 0x38 else "dac_high_pass_hz"
    assert desk.state(key) == (None if corner_hz is None else pytest.approx(corner_hz, rel=1e-4))
    if register == 0x38:
        assert desk.state("high_pass") == (corner_hz is not None)
    if corner_hz is None or corner_hz < 100:
        return
    seconds = max(0.1, 30 / corner_hz)
    if register == 0x38:
        level = dbfs(desk.record(seconds, rms_v=0.1, hz=corner_hz)[-int(20 / corner_hz * 48_000) :, 0]) + 20
    else:
        level = dbv(desk.play(seconds, dbfs=-20, hz=corner_hz)["HP_L"][-int(20 / corner_hz * 48_000) :]) + 20
    assert level == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize(("sr", "rate_hz"), [(1, 8_000), (5, 16_000)])
def test_a_voice_corner_doubles_with_the_rate(sr, rate_hz):
    desk = Desk(instead("48 kHz", sr))
    desk.write(0x38, 0x8F)
    assert desk.state("high_pass_hz") == pytest.approx(400 * rate_hz / 8_000, rel=1e-4)
    hz = 400 * rate_hz / 8_000
    level = dbfs(desk.record(0.5, rms_v=0.1, hz=hz, rate_hz=rate_hz)[rate_hz // 4 :, 0])
    assert level == pytest.approx(-20 - 3.01, abs=0.1)


def test_without_the_high_pass_the_converter_shows_its_offset():
    desk = Desk()
    assert abs(np.mean(desk.record(1.0)[24_000:, 0])) < 2e-5
    desk.write(0x38, 0x00)
    assert np.mean(desk.record(0.2)[:, 0]) == pytest.approx(5e-4, rel=0.05)
    desk.write(0x34, 0x07)
    assert np.mean(desk.record(0.2)[:, 0]) == pytest.approx(1e-3, rel=0.05), "it grows with MIXIN's gain"


# playback


@pytest.mark.parametrize(
    ("register", "codes", "first_db", "pin"),
    [(0x48, range(64), -57, "HP_L"), (0x49, range(64), -57, "HP_R"), (0x4A, range(64), -48, "LINE")],
)
def test_amplifiers_go_over_all_their_codes(register, codes, first_db, pin):
    desk = Desk()
    for code in codes:
        desk.write(register, code)
        assert desk.state("outputs")[pin] == first_db + code
    desk.write(register, 0x20)
    assert dbv(desk.play(0.05)[pin][600:]) == pytest.approx(first_db + 32, abs=0.05)


def test_the_dac_volume_goes_over_all_its_codes():
    desk = Desk()
    for code in range(0x80):
        desk.write(0x45, code)
        assert desk.state("dac_gain_db") == [None if code < 8 else -77.25 + 0.75 * (code - 8), 0.0]


@pytest.mark.parametrize("code", [0x07, 0x08, 0x40, 0x6F])
def test_the_dac_volume_is_what_it_says(code):
    desk = Desk()
    desk.write(0x45, code)
    level = dbv(desk.play(0.1)["HP_L"][1200:])
    assert level < -150 if code < 8 else level == pytest.approx(-77.25 + 0.75 * (code - 8), abs=0.05)


@pytest.mark.parametrize(("step", "pin"), [("dac left", "HP_L"), ("headphone left", "HP_L"), ("line", "LINE")])
def test_each_output_stage_has_a_mute(step, pin):
    value = next(value for name, _, value in ALL if name == step)
    desk = Desk(instead(step, value | 0x40))
    assert vrms(desk.play(0.05)[pin]) == 0.0


def test_amplifiers_clip_at_their_supply():
    desk = Desk()
    desk.write(0x48, 0x3F)
    assert np.max(desk.play(0.05)["HP_L"]) == pytest.approx(0.95 * 3.3 / 2)


def test_line_hears_the_right_side_alone_until_the_dac_is_mono():
    desk = Desk()
    assert vrms(desk.play(0.1, balance=(1.0, 0.0))["LINE"]) < 1e-6
    desk.write(0x2A, 0xBA)
    assert dbv(desk.play(0.1, balance=(1.0, 0.0))["LINE"][1200:]) == pytest.approx(-6.02, abs=0.05)
    assert dbv(desk.play(0.1)["LINE"][1200:]) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("value", "left", "right"), [(0x32, 1, 0), (0x23, 0, 1), (0x22, 1, 1), (0x33, 0, 0)])
def test_the_dacs_take_the_side_they_are_told(value, left, right):
    desk = Desk()
    desk.write(0x2A, value)
    out = desk.play(0.1, balance=(1.0, 0.0))
    assert vrms(out["HP_L"]) == pytest.approx(left, abs=0.01)
    assert vrms(out["HP_R"]) == pytest.approx(right, abs=0.01)


@pytest.mark.parametrize(("value", "left", "right"), [(0x08, -1, 1), (0x80, 1, -1), (0x88, -1, -1)])
def test_the_dacs_can_be_inverted(value, left, right):
    desk = Desk()
    desk.write(0x44, 0x00)
    straight = desk.play(0.01)
    desk.write(0x99, value)
    turned = desk.play(0.01)  # 0.01 s is ten whole periods of 1 kHz, less the rounding to blocks
    for pin, sign in (("HP_L", left), ("HP_R", right)):
        phase = np.vdot(np.exp(2j * np.pi / 48 * np.arange(480)), straight[pin][:480])
        other = np.vdot(
            np.exp(2j * np.pi / 48 * np.arange(len(straight[pin]), len(straight[pin]) + 480)), turned[pin][:480]
        )
        assert np.real(other / phase) == pytest.approx(sign, abs=0.05)


@pytest.mark.parametrize(
    ("register", "value", "pin", "hz", "gain_db"),
    [
        (0x41, 0x7F, "HP_L", 20, 12.0),
        (0x41, 0x70, "HP_L", 20, -10.5),
        (0x41, 0xF7, "HP_L", 221, 12.0),
        (0x42, 0x7F, "HP_L", 868, 12.0),
        (0x42, 0x07, "HP_L", 2473, -10.5),
        (0x43, 0x8F, "HP_L", 16_000, 12.0),
        (0x43, 0x80, "HP_L", 16_000, -10.5),
    ],
)
def test_each_band_of_the_equaliser_moves_its_own_frequencies(register, value, pin, hz, gain_db):
    desk = Desk()
    desk.write(0x44, 0x00)
    for each, flat in ((0x41, 0x77), (0x42, 0x77), (0x43, 0x87)):
        desk.write(each, flat)
    assert desk.state("equaliser")
    assert dbv(desk.play(0.2, dbfs=-30, hz=hz)[pin][2400:]) == pytest.approx(-30, abs=0.1)
    desk.write(register, value)
    assert dbv(desk.play(0.2, dbfs=-30, hz=hz)[pin][2400:]) == pytest.approx(-30 + gain_db, abs=1.0)


def test_the_equaliser_is_off_after_reset_and_its_reset_bands_are_not_flat():
    desk = Desk()
    assert not desk.state("equaliser")
    assert desk.state("equaliser_db") == [1.5] * 5
    desk.write(0x43, 0x88)
    assert dbv(desk.play(0.2, dbfs=-30)["HP_L"][2400:]) > -29.2


@pytest.mark.parametrize(("sr", "works"), [(11, True), (15, False)])
def test_the_equaliser_does_nothing_at_96_khz(sr, works):
    desk = Desk(instead("48 kHz", sr))
    desk.write(0x43, 0x8F)
    assert desk.state("equaliser") == works


# mute, ramps, zero crossings


@pytest.mark.parametrize("code", [0, 3, 6])
def test_a_soft_mute_steps_by_its_rate(code):
    desk = Desk()
    desk.write(0x40, 0x80 | code << 4)
    assert desk.state("dac_gain_db") == [None, None]
    out = desk.play(0.2)["HP_L"]
    assert np.flatnonzero(out)[-1] == pytest.approx(120 * 2**code, abs=40)
    desk.write(0x40, code << 4)
    assert dbv(desk.play(0.4)["HP_L"][-2400:]) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("rate", "ms_per_db"), [(0, 0.11), (1, 0.055), (2, 14.08), (3, 28.16)])
def test_a_ramp_takes_its_time_for_every_db(rate, ms_per_db):
    desk = Desk()
    desk.write(0x92, rate)
    desk.write(0x6B, 0xA8)
    desk.write(0x48, 0x35)  # -4 dB
    desk.play(2 * ms_per_db / 1000)
    halfway = desk.state("outputs")["HP_L"]
    assert -4.0 <= halfway < -1.5
    desk.chip.wait(4 * ms_per_db / 1000)
    assert desk.state("outputs")["HP_L"] == -4.0


def test_a_ramp_does_not_move_while_nothing_counts():
    desk = Desk()
    desk.write(0x6B, 0xA8)
    desk.write(0x29, 0x08)  # the port stops
    desk.write(0x48, 0x20)
    desk.chip.wait(1.0)
    assert desk.state("outputs")["HP_L"] == 0.0
    assert not desk.state("gains_ramp")
    desk.write(0x94, 0x01)
    desk.chip.wait(1.0)
    assert desk.state("outputs")["HP_L"] == -25.0


def test_a_ramp_leaves_no_step_where_a_jump_does():
    def biggest(control):
        desk = Desk()
        desk.write(0x92, 0x02)
        desk.write(0x6B, control)
        desk.write(0x44, 0x00)
        desk._frame = 480  # the jump shall not fall on a zero of 100 Hz
        desk.play(0.0105, hz=100.0)
        desk.write(0x48, 0x20)
        return np.max(np.abs(np.diff(desk.play(0.01, hz=100.0)["HP_L"])))

    slope = 1.414 * 2 * np.pi * 100 / 48_000
    assert biggest(0xA8) < 1.2 * slope


def test_a_zero_cross_volume_changes_where_the_signal_is_nothing_or_after_its_time_out():
    desk = Desk()
    desk.write(0x6B, 0x98)
    desk.write(0x48, 0x33)
    out = desk.play(0.02, hz=100.0)["HP_L"]
    assert np.max(np.abs(np.diff(out))) < 1.05 * 1.414 * 2 * np.pi * 100 / 48_000
    assert desk.state("outputs")["HP_L"] == -6.0
    desk.write(0x48, 0x2F)
    desk.chip.wait(0.05)
    assert desk.state("outputs")["HP_L"] == -6.0
    desk.chip.wait(0.06)
    assert desk.state("outputs")["HP_L"] == -10.0


def test_gain_status_registers_follow_the_ramp():
    desk = Desk()
    assert desk.read(0x04, 13) == [0, 0, 1, 1, 3, 3, 0x6F, 0x6F, 0x6F, 0x6F, 0x39, 0x39, 0x30]
    desk.write(0x92, 0x03)
    desk.write(0x6B, 0xA8)
    desk.write(0x48, 0x00)
    desk.chip.wait(0.28)
    assert desk.read(0x0E) == 0x39 - 10


def test_the_dac_noise_gate_shuts_on_silence_and_opens_on_sound():
    desk = Desk()
    for register, value in ((0x44, 0x00), (0xB0, 0x05), (0xB1, 0x03), (0xAF, 0x00), (0xB2, 0x80)):
        desk.write(register, value)
    desk.play(0.2, dbfs=-90)
    assert vrms(desk.play(0.05, dbfs=-90)["HP_L"]) == 0.0
    assert dbv(desk.play(0.1, dbfs=-40)["HP_L"][2400:]) == pytest.approx(-40, abs=0.1)
    desk.write(0xB2, 0x00)
    assert dbv(desk.play(0.1, dbfs=-90)["HP_L"][2400:]) == pytest.approx(-90, abs=0.5)


def test_the_tone_generator_makes_1_khz_after_reset():
    desk = Desk()
    desk.write(0xB5, 0x21)  # -6 dB, sine 1
    desk.write(0xB4, 0x80)
    assert desk.state("tone")
    out = desk.play(1.0, dbfs=-200)["HP_L"][-24_000:]
    assert dbv(out) == pytest.approx(-6.0, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(out))) * 2 == 1000


# paths between recording and playback


@pytest.mark.parametrize(
    ("bit", "pins", "sign"), [(0x01, "AUX_L", 1), (0x02, "MIC1", 1), (0x04, "MIC2", 1), (0x10, "AUX_L", -1),
                              (0x20, "MIC1", -1), (0x40, "MIC2", -1)],
)  # fmt: skip
def test_analogue_bypasses_reach_the_headphone(bit, pins, sign):
    desk = aux_desk(("mic 1 to mixin left", 0x32, 0x02))
    desk.write(0x4B, bit)
    assert desk.state("sidetone")
    assert desk.state("outputs")["HP_L"] is None
    desk.record(0.01, rms_v=0.1, pins=(pins,))
    heard = desk.play(PERIOD / 48_000, dbfs=-200)["HP_L"]
    at = np.arange(desk._frame - 2 * PERIOD, desk._frame - PERIOD)
    reference = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * 1000 / 48_000 * at)
    assert np.dot(heard, reference) / np.dot(reference, reference) == pytest.approx(sign, abs=0.01)


def test_nothing_bypasses_after_the_usual_set_up():
    assert not Desk().state("sidetone")
    assert not Desk().state("loopback")


def test_a_headphone_without_its_dac_route_is_named_off():
    assert Desk(without("dac left to mixout")).state("outputs") == {"HP_L": None, "HP_R": 0.0, "LINE": 0.0}
