"""The simulated WM8731's clocks and audio port: rates of every row, long frames, formats, being out of step."""

import numpy as np
import pytest
from desk import FULL_SCALE, dbfs, vrms
from wm8731_desk import Desk, instead, without

from hil.sim.wm8731 import Wm8731

NORMAL = [  # MCLK, SR, BOSR, ADC rate, DAC rate
    (12.2880e6, 0x0, 0, 48e3, 48e3),
    (18.4320e6, 0x0, 1, 48e3, 48e3),
    (12.2880e6, 0x1, 0, 48e3, 8e3),
    (18.4320e6, 0x1, 1, 48e3, 8e3),
    (12.2880e6, 0x2, 0, 8e3, 48e3),
    (18.4320e6, 0x2, 1, 8e3, 48e3),
    (12.2880e6, 0x3, 0, 8e3, 8e3),
    (18.4320e6, 0x3, 1, 8e3, 8e3),
    (12.2880e6, 0x6, 0, 32e3, 32e3),
    (18.4320e6, 0x6, 1, 32e3, 32e3),
    (12.2880e6, 0x7, 0, 96e3, 96e3),
    (18.4320e6, 0x7, 1, 96e3, 96e3),
    (11.2896e6, 0x8, 0, 44.1e3, 44.1e3),
    (16.9344e6, 0x8, 1, 44.1e3, 44.1e3),
    (11.2896e6, 0x9, 0, 44.1e3, 8018.18),  # 8 kHz "not exact"
    (16.9344e6, 0x9, 1, 44.1e3, 8018.18),
    (11.2896e6, 0xA, 0, 8018.18, 44.1e3),
    (16.9344e6, 0xA, 1, 8018.18, 44.1e3),
    (11.2896e6, 0xB, 0, 8018.18, 8018.18),
    (16.9344e6, 0xB, 1, 8018.18, 8018.18),
    (11.2896e6, 0xF, 0, 88.2e3, 88.2e3),
    (16.9344e6, 0xF, 1, 88.2e3, 88.2e3),
]
USB = [  # SR, BOSR, ADC rate, DAC rate, BCLK a frame; always 12 MHz
    (0x0, 0, 48e3, 48e3, 250),
    (0x1, 0, 48e3, 8e3, 1500),
    (0x2, 0, 8e3, 48e3, 250),
    (0x3, 0, 8e3, 8e3, 1500),
    (0x6, 0, 32e3, 32e3, 375),
    (0x7, 0, 96e3, 96e3, 125),
    (0x8, 1, 44117.647, 44117.647, 272),
    (0x9, 1, 44117.647, 8021.390, 1496),
    (0xA, 1, 8021.390, 44117.647, 272),
    (0xB, 1, 8021.390, 8021.390, 1496),
    (0xF, 1, 88235.294, 88235.294, 136),
]
FAMILY_441 = (0x8, 0x9, 0xA, 0xB, 0xF)
VALID = (0x0, 0x1, 0x2, 0x3, 0x6, 0x7, *FAMILY_441)


def at(reg08, **board):
    return Desk(instead("48 kHz in usb mode", reg08), **board)


def sr(code, bosr, usb):
    return code << 2 | bosr << 1 | usb


# rates


@pytest.mark.parametrize(("mclk_hz", "code", "bosr", "adc_hz", "dac_hz"), NORMAL)
def test_normal_mode_makes_the_rates_of_its_table_with_64_bclk_a_frame(mclk_hz, code, bosr, adc_hz, dac_hz):
    desk = at(sr(code, bosr, 0), mclk_hz=mclk_hz)
    assert desk.state("capture_rate_hz") == pytest.approx(adc_hz, rel=1e-6)
    assert desk.state("playback_rate_hz") == pytest.approx(dac_hz, rel=1e-6)
    assert desk.chip.frame_rate_hz == pytest.approx(dac_hz, rel=1e-6)
    assert desk.state("frame_bclk") == 64


@pytest.mark.parametrize(("code", "bosr", "adc_hz", "dac_hz", "bclk"), USB)
def test_usb_mode_makes_the_rates_of_its_table_and_bclk_is_the_crystal(code, bosr, adc_hz, dac_hz, bclk):
    desk = at(sr(code, bosr, 1))
    assert desk.state("capture_rate_hz") == pytest.approx(adc_hz, rel=1e-6)
    assert desk.state("playback_rate_hz") == pytest.approx(dac_hz, rel=1e-6)
    assert desk.chip.frame_rate_hz == pytest.approx(dac_hz, rel=1e-6)
    assert desk.state("frame_bclk") == bclk == pytest.approx(12e6 / dac_hz, rel=1e-6)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_a_rate_in_no_table_is_no_rate(mode):
    for code in set(range(16)) - set(VALID):
        desk = at(code << 2 | mode)
        assert desk.chip.frame_rate_hz is desk.state("capture_rate_hz") is desk.state("playback_rate_hz") is None
        assert vrms(desk.play(0.01)["LOUT"]) == 0.0
        assert np.all(desk.record(0.01, 0.1) == 0.0)


def test_usb_mode_has_each_family_with_one_oversampling_only():
    for code in VALID:
        assert rate_of(sr(code, int(code not in FAMILY_441), 1)) is None
        assert rate_of(sr(code, int(code in FAMILY_441), 1))


def rate_of(reg08):
    """LRCLK of a chip with 12 MHz that was told nothing but a rate, to be provider, and to be active."""
    chip = Wm8731()
    for register, value in ((0x06, 0x00), (0x07, 0x42), (0x08, reg08), (0x09, 0x01)):
        chip.write(0x1A, bytes((register << 1, value)))
    return chip.frame_rate_hz


def test_no_setting_makes_16_kilohertz_or_the_rates_beside_it_from_its_own_crystal():
    made = [rate for rate in map(rate_of, range(64)) if rate]
    for wanted in (11.025e3, 12e3, 16e3, 22.05e3, 24e3):
        assert all(abs(rate / wanted - 1) > 0.02 for rate in made)


def test_what_the_driver_sets_for_an_unknown_rate_is_2_point_3_percent_flat():
    assert at(0x000).chip.frame_rate_hz == pytest.approx(46_875)  # entry 0 is meant for 12.288 MHz


def test_halving_the_core_clock_halves_the_rates():
    assert at(0x041).chip.frame_rate_hz == pytest.approx(24_000)
    assert at(0x041).state("frame_bclk") == 250


@pytest.mark.parametrize(("reg08", "clkout_hz"), [(0x001, 12e6), (0x081, 6e6)])
def test_the_clock_output_has_a_divider_and_a_power_bit(reg08, clkout_hz):
    desk = at(reg08)
    assert desk.state("clkout_hz") is None
    desk.write(0x06, 0x000)
    assert desk.state("clkout_hz") == clkout_hz


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (0x07, 0x00A),  # consumer
        (0x09, 0x000),  # not active
        (0x06, 0x060),  # the crystal's oscillator off
        (0x06, 0x0C0),  # POWEROFF
    ],
)
def test_no_frame_clock_comes_out(register, value):
    desk = Desk()
    assert desk.chip.frame_rate_hz == 48_000
    desk.write(register, value)
    assert desk.chip.frame_rate_hz is None


def test_the_oscillators_bit_does_not_stop_a_clock_from_outside():
    desk = Desk(crystal=False)
    desk.write(0x06, 0x060)
    assert desk.chip.frame_rate_hz == 48_000


def test_no_clock_no_sound():
    desk = Desk(mclk_hz=0.0)
    assert vrms(desk.play(0.05)["LOUT"]) == 0.0
    assert np.all(desk.record(0.05, 0.1) == 0.0)


def test_an_adc_at_a_sixth_of_the_frame_rate_sends_every_sample_six_times():
    desk = at(sr(0x2, 0, 1))
    frames = desk.record(0.05, rms_v=0.1)[:, 0]
    assert np.count_nonzero(np.diff(frames)) == pytest.approx(frames.size / 6, abs=2)
    assert dbfs(desk.record(0.2, rms_v=0.1, hz=100)[4800:, 0]) == pytest.approx(-20, abs=0.1)


# words


def words(desk, frames):
    """What the DAC plays for these words, as fractions of full scale, left and right."""
    volts = desk.chip.play(np.array(frames, np.int32))
    return np.stack((volts["LOUT"], volts["ROUT"]), axis=1) / np.sqrt(2)


PAIR = np.array([[0x12345600, -0x23456700]] * 8, np.int32)


@pytest.mark.parametrize(("code", "bosr"), [(row[0], row[1]) for row in USB])
def test_i2s_words_arrive_intact_however_long_the_slots_are(code, bosr):
    desk = at(sr(code, bosr, 1))
    assert words(desk, PAIR)[-1] == pytest.approx(PAIR[0] / FULL_SCALE, abs=1e-6)
    left = desk.record(0.1, rms_v=0.5, pins=("LLINEIN",))
    assert vrms(left[2048:, 0]) > 100 * vrms(left[2048:, 1])


@pytest.mark.parametrize(("iwl", "bits"), [(0, 16), (1, 20), (2, 24), (3, 24)])
@pytest.mark.parametrize("provider", [0x00, 0x40])
def test_words_are_cut_to_the_word_length_and_to_the_converters_24_bits(iwl, bits, provider):
    desk = Desk(instead("provider, i2s, 24 bit", provider | iwl << 2 | 2))
    assert desk.state("interface") == {"format": "i2s", "word_bits": (16, 20, 24, 32)[iwl], "provider": bool(provider)}
    raw = np.round(desk.record(0.02, rms_v=0.3) * FULL_SCALE).astype(np.int64)
    assert np.all(raw % 2 ** (32 - bits) == 0)
    assert np.any(raw % 2 ** (33 - bits) != 0)


def fraction(word):
    return np.array([word & 0xFFFFFFFF], np.uint32).view(np.int32)[0] / FULL_SCALE


LEFT, RIGHT = (int(word) & 0xFFFFFFFF for word in PAIR[0])


@pytest.mark.parametrize(
    ("reg07", "left", "right"),
    [
        (0x4A, LEFT, RIGHT),
        (0x6A, RIGHT, LEFT),  # LRSWAP
        (0x5A, RIGHT, LEFT),  # LRP: the left word is where LRCLK is high
        (0x49, RIGHT >> 1, LEFT >> 1),  # left-justified: from the edge, and left where LRCLK is high
        (0x59, LEFT >> 1, RIGHT >> 1),
        (0xCA, LEFT >> 1, RIGHT >> 1),  # BCLKINV: a bit early
        (0x48, 0, 0),  # right-justified: the last 24 of 125 bits, where the host sends nothing
        (0x5B, LEFT >> 1, (LEFT << 23) & 0xFFFFFFFF),  # DSP A: both words behind one edge
        (0x4B, LEFT >> 2, (LEFT << 22) & 0xFFFFFFFF),  # DSP B
    ],
)
def test_a_long_frame_in_another_format_is_heard_as_what_is_on_the_wire(reg07, left, right):
    desk = Desk(instead("provider, i2s, 24 bit", reg07))
    expected = [fraction(left), fraction(right)]
    assert words(desk, PAIR)[-1] == pytest.approx(expected, abs=4e-7)


@pytest.mark.parametrize(
    ("reg07", "left_dbfs", "right_dbfs"),
    [
        (0x4A, -40, None),
        (0x6A, -40, None),  # LRSWAP is the DAC's
        (0x5A, None, -40),
        (0x49, None, -34),  # the first bit is lost: twice as loud, until it wraps
        (0xCA, -34, None),
        (0x48, None, None),
        (0x5B, -34, None),
        (0x4B, -28, None),
    ],
)
def test_a_recording_in_another_format_is_what_the_host_takes_from_the_wire(reg07, left_dbfs, right_dbfs):
    desk = Desk(instead("provider, i2s, 24 bit", reg07))
    desk.write(0x05, 0x000)
    frames = desk.record(0.3, rms_v=0.01, pins=("LLINEIN",))[9600:]
    for side, level in ((0, left_dbfs), (1, right_dbfs)):
        if level is None:
            assert dbfs(frames[:, side]) < -70
        else:
            assert dbfs(frames[:, side]) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize("reg07", [0x4A, 0x4E, 0x46, 0x42])
def test_normal_mode_as_provider_is_a_plain_i2s_frame(reg07):
    steps = tuple(
        (name, register, {0x07: reg07, 0x08: 0x000}.get(register, value))
        for name, register, value in instead("48 kHz in usb mode", 0)
    )
    desk = Desk(steps, mclk_hz=12.288e6)
    assert words(desk, PAIR)[-1] == pytest.approx(PAIR[0] / FULL_SCALE, abs=2**-15)


def test_right_justified_words_have_24_bits_where_32_were_asked_for():
    assert Desk(instead("provider, i2s, 24 bit", 0x04C)).state("interface")["word_bits"] == 24


# consumer


def consumer(mclk_hz=12.288e6, reg08=0x000, reg07=0x00A, host_rate_hz=48e3):
    steps = tuple(
        (name, register, {0x07: reg07, 0x08: reg08}.get(register, value)) for name, register, value in without("reset")
    )
    return Desk(steps, mclk_hz=mclk_hz, host_rate_hz=host_rate_hz, crystal=False)


def test_a_consumer_in_step_plays_and_records_as_a_provider_does():
    desk = consumer()
    assert desk.chip.frame_rate_hz is None
    assert desk.state("in_step")
    assert vrms(desk.play(0.1)["LHPOUT"]) == pytest.approx(1.0, rel=1e-3)
    assert dbfs(desk.record(0.2, rms_v=0.1)[4800:, 0]) == pytest.approx(-20, abs=0.02)


@pytest.mark.parametrize(
    ("mclk_hz", "reg08", "host_rate_hz"),
    [
        (12.288e6, 0x01C, 48e3),  # set to 96 kHz
        (12.288e6, 0x002, 48e3),  # 384 for 256
        (12.0e6, 0x000, 48e3),  # the crystal is not of this rate
        (12.288e6, 0x000, 44.1e3),
        (12.288e6, 0x000, 16e3),  # a rate the chip does not have
    ],
)
def test_a_consumer_whose_rate_is_not_the_hosts_makes_noise_of_a_quiet_sine(mclk_hz, reg08, host_rate_hz):
    desk = consumer(mclk_hz, reg08, host_rate_hz=host_rate_hz)
    assert not desk.state("in_step")
    assert dbfs(desk.record(0.3, rms_v=0.01)[9600:, 0]) > -10
    assert vrms(desk.play(0.05, dbfs=-40)["LOUT"]) > 0.3


def test_the_inexact_rates_of_usb_mode_are_near_enough_for_a_host():
    desk = consumer(12.0e6, 0x023, host_rate_hz=44.1e3)
    assert desk.state("capture_rate_hz") == pytest.approx(44_117.647, rel=1e-6)
    assert desk.state("in_step")


def test_a_consumer_in_dsp_mode_on_an_i2s_host_is_not_in_its_place():
    assert dbfs(consumer(reg07=0x01B).record(0.2, rms_v=0.01, pins=("LLINEIN",))[4800:, 0]) != pytest.approx(-40, abs=3)


# changes while active


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (0x07, 0x042),  # word length
        (0x07, 0x05A),  # phase
        (0x08, 0x019),  # rate
    ],
)
def test_format_and_rate_changed_while_active_leave_the_port_out_of_step_until_it_was_inactive(register, value):
    desk = Desk()
    kept = {0x07: 0x04A, 0x08: 0x001}[register]
    desk.write(register, value)
    desk.write(register, kept)  # back again is too late
    assert not desk.state("in_step")
    assert dbfs(desk.record(0.3, rms_v=0.01)[9600:, 0]) > -10
    desk.inactive()
    assert desk.state("in_step")
    assert dbfs(desk.record(0.3, rms_v=0.01)[9600:, 0]) == pytest.approx(-40, abs=0.1)


def test_the_same_format_written_again_disturbs_nothing():
    desk = Desk()
    desk.write(0x07, 0x04A)
    desk.write(0x08, 0x001)
    assert desk.state("in_step")


def test_format_and_rate_changed_while_inactive_are_simply_new():
    desk = Desk()
    desk.inactive((0x07, 0x042), (0x08, 0x01D))
    assert desk.state("in_step")
    assert desk.state("interface") == {"format": "i2s", "word_bits": 16, "provider": True}
    assert desk.chip.frame_rate_hz == 96_000
