"""The simulated TLV320AIC3104: its control port, what reset leaves undone, references, clocks and the wire."""

import errno

import numpy as np
import pytest
from desk import PERIOD, dbv, vrms
from tlv320aic3104_desk import ALL, CLOCKS, POWER_UP, Desk, ac, dbfs, without

from hil.sim.tlv320aic3104 import Tlv320aic3104

RESET = {
    0x00: 0x00, 0x01: 0x00, 0x02: 0x00, 0x03: 0x10, 0x04: 0x04, 0x05: 0x00, 0x06: 0x00, 0x07: 0x00, 0x08: 0x00,
    0x09: 0x00, 0x0A: 0x00, 0x0B: 0x01, 0x0C: 0x00, 0x0D: 0x00, 0x0E: 0x00, 0x0F: 0x80, 0x10: 0x80, 0x11: 0xFF,
    0x12: 0xFF, 0x13: 0x78, 0x14: 0x78, 0x15: 0x78, 0x16: 0x78, 0x17: 0x78, 0x18: 0x78, 0x19: 0x00, 0x1A: 0x00,
    0x1B: 0xFE, 0x1C: 0x00, 0x1D: 0x00, 0x1E: 0xFE, 0x1F: 0x00, 0x20: 0x18, 0x21: 0x18, 0x22: 0x00, 0x23: 0x00,
    0x24: 0x00, 0x25: 0x00, 0x26: 0x00, 0x27: 0x00, 0x28: 0x00, 0x29: 0x00, 0x2A: 0x00, 0x2B: 0x80, 0x2C: 0x80,
    0x33: 0x04, 0x3A: 0x04, 0x41: 0x04, 0x48: 0x04, 0x56: 0x00, 0x5D: 0x00, 0x65: 0x00, 0x66: 0x02,
}  # fmt: skip


# the control port


@pytest.mark.parametrize("address", [0x17, 0x19, 0x1A, 0x30])
def test_another_address_is_not_acknowledged(address):
    chip = Tlv320aic3104()
    for transfer in (lambda: chip.write(address, b"\x0f\x00"), lambda: chip.read(address, 1)):
        with pytest.raises(OSError, match="no acknowledge") as refused:
            transfer()
        assert refused.value.errno == errno.EREMOTEIO


def test_reset_values_can_be_read():
    desk = Desk(())
    assert {register: desk.read(register) for register in RESET} == RESET
    assert all(desk.read(register) == RESET.get(register, 0) for register in range(0x6E))


def test_bytes_after_the_first_go_to_the_registers_after_it():
    desk = Desk(())
    desk.write(0x03, 0x92, 0x20, 0x1E, 0x00)
    assert desk.read(0x03, 4) == [0x92, 0x20, 0x1E, 0x00]


def test_a_read_goes_on_where_the_transfer_before_it_ended():
    desk = Desk(())
    desk.write(0x0E, 0x00)
    assert desk.chip.read(0x18, 2) == b"\x80\x80"
    assert desk.chip.read(0x18, 2) == b"\xff\xff"


def test_the_page_register_is_on_both_pages_and_the_others_are_not():
    desk = Desk(())
    desk.write(0x0F, 0x11)
    desk.write(0x00, 0x01)
    assert desk.read(0x00) == 1
    assert desk.read(0x0F) != 0x11
    desk.write(0x0F, 0x22)
    desk.write(0x00, 0x00)
    assert desk.read(0x00) == 0
    assert desk.read(0x0F) == 0x11


def test_a_page_left_selected_sends_every_later_write_astray():
    desk = Desk(ALL[:-1])
    desk.write(0x00, 0x01)
    desk.set((0x33, 0x00), (0x0F, 0x80))
    assert dbv(desk.play(0.05)["HPLOUT"]) == pytest.approx(-3.01, abs=0.05)


def test_the_reset_register_is_a_coefficient_on_page_1():
    desk = Desk()
    desk.write(0x00, 0x01)
    desk.write(0x01, 0x80)
    desk.write(0x00, 0x00)
    assert desk.chip.frame_rate_hz == 48_000.0


def test_reset_clears_itself_silences_everything_and_returns_to_page_0():
    desk = Desk()
    desk.write(0x19, 0xC0)
    desk.write(0x01, 0x80)
    assert desk.read(0x01) == 0
    assert {register: desk.read(register) for register in RESET} == RESET
    assert all(vrms(volts) == 0.0 for volts in desk.play(0.05).values())
    assert np.all(desk.record(0.05, 0.1) == 0.0)
    assert desk.chip.frame_rate_hz is None
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}


def test_the_reset_bit_is_bit_7_alone():
    desk = Desk()
    desk.write(0x01, 0x7F)
    assert desk.chip.frame_rate_hz == 48_000.0
    assert desk.read(0x01) == 0


@pytest.mark.parametrize("register", [0x20, 0x21, 0x24, 0x5E, 0x5F, 0x60, 0x61])
def test_a_status_register_cannot_be_written(register):
    desk = Desk(())
    before = desk.read(register)
    desk.write(register, 0xFF)
    assert desk.read(register) == before


@pytest.mark.parametrize("register", [0x27, 0x6E, 0x7F, 0x80, 0xFF])
def test_an_undefined_register_is_acknowledged_and_changes_nothing(register):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, 0xFF)
    assert desk.chip.state() == before


@pytest.mark.parametrize("register", [0x14, 0x17, 0x2D, 0x34, 0x49, 0x4F, 0x57, 0x5A, 0x62, 0x64])
def test_a_register_of_a_bigger_relative_is_named_when_written(register):
    desk = Desk()
    assert desk.state("reserved") == []
    desk.write(register, 0x85)
    assert [sentence[:4] for sentence in desk.state("reserved")] == [f"0x{register:02X}"]


def test_the_low_nibble_of_the_clock_register_must_stay_2():
    desk = Desk()
    desk.write(0x66, 0x00)
    assert desk.state("reserved") == ["0x66 bits 3:0 are 0: must stay 2"]


# what reset leaves undone


@pytest.mark.parametrize(
    "step",
    [
        "codec on clkdiv",  # CODEC_CLKIN resets to a PLL that is off
        "left to left, right to right",  # data path resets to off
        "dacs",
        "left dac to hplout",
        "hplout",
        "left dac unmuted",
    ],
)
def test_the_headphone_is_silent_without(step):
    out = Desk(without(step)).play(0.05)
    assert vrms(out["HPLOUT"]) == 0.0


@pytest.mark.parametrize("step", ["left dac to left line", "left line", "left dac unmuted", "dacs"])
def test_the_line_output_is_silent_without(step):
    assert vrms(Desk(without(step)).play(0.05)["LEFT_LOP"]) == 0.0


@pytest.mark.parametrize("step", ["codec on clkdiv", "mic1l to left adc, power", "left pga 0 dB"])
def test_the_microphone_is_silent_without(step):
    assert dbfs(Desk(without(step)).record(0.1, rms_v=0.1)[:, 0]) < -80


def test_an_adc_without_power_sends_zeros_though_its_input_is_routed():
    desk = Desk()
    desk.set((0x13, 0x00))
    assert np.all(desk.record(0.05, 0.1)[:, 0] == 0.0)
    assert desk.state("inputs") == [["MIC1LP"], ["MIC1RP"]]
    assert desk.state("input_gain_db") == [None, 0.0]


def test_routing_written_over_the_power_bit_stops_the_adc():
    desk = Desk()
    desk.set((0x13, 0x20))  # -6 dB, and no more ADC
    assert np.all(desk.record(0.05, 0.1)[:, 0] == 0.0)
    desk.set((0x13, 0x24))
    assert dbfs(desk.record(0.05, 0.1)[:, 0]) == pytest.approx(-23.0, abs=0.1)


def test_out_of_reset_the_chip_is_a_16_bit_i2s_consumer_with_everything_off():
    state = Tlv320aic3104().state()
    assert state["interface"] == {"format": "i2s", "word_bits": 16, "provider": False}
    assert (state["capture_rate_hz"], state["playback_rate_hz"]) == (None, None)
    assert state["inputs"] == [[], []]
    assert state["input_gain_db"] == state["adc_gain_db"] == state["dac_gain_db"] == [None, None]
    assert set(state["outputs"].values()) == {None}
    assert not any(state[block] for block in ("high_pass", "sidetone", "loopback", "equaliser", "deemphasis"))
    assert state["alc"] == "off"


# references


@pytest.mark.parametrize(("wait_s", "thumps"), [(0.0, True), (0.02, True), (0.05, False), (0.2, False)])
def test_drivers_up_before_the_reference_has_charged_thump(wait_s, thumps):
    desk = Desk((POWER_UP[0], ("reference", "wait", wait_s), *ALL[2:-1]))
    assert desk.state("analogue_up") != thumps
    out = desk.play(0.05, dbfs=-200)
    assert (np.max(np.abs(out["HPLOUT"])) > 0.01) == thumps
    assert np.max(np.abs(out["LEFT_LOP"])) < 1e-3, "a pair moves together"


def test_a_capture_begun_before_the_reference_has_charged_begins_with_dc():
    desk = Desk((POWER_UP[0], *ALL[2:-1]))
    assert np.mean(desk.record(0.003)[:, 0]) < -0.3
    desk.chip.wait(0.05)
    assert abs(np.mean(desk.record(0.003)[:, 0])) < 0.01


@pytest.mark.parametrize(("code", "volts"), [(0, 0.0), (1, 2.0), (2, 2.5), (3, 3.3)])
def test_mic_bias_is_one_field_for_power_and_level(code, volts):
    desk = Desk(())
    desk.write(0x19, code << 6)
    assert desk.chip.mic_bias_v == {"MICBIAS": volts}


def test_the_first_headphone_sound_waits_for_the_drivers_power_on_time():
    desk = Desk((*without("hplout")[:-1], ("power-on time 10 ms", 0x2A, 0x40), ("hplout", 0x33, 0x09)))
    out = desk.play(0.05)
    assert np.flatnonzero(out["HPLOUT"])[0] == pytest.approx(480, abs=2 * PERIOD)
    assert np.flatnonzero(out["LEFT_LOP"])[0] < 10, "line drivers have no such delay"


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(3, 1e-3), (4, 10e-3), (5, 50e-3), (6, 0.1), (7, 0.2), (8, 0.4), (9, 0.8), (10, 2.0), (11, 4.0)],
)
def test_the_power_status_bit_comes_after_the_power_on_time(code, seconds):
    desk = Desk(POWER_UP)
    desk.write(0x2A, code << 4)
    desk.write(0x33, 0x09)
    desk.chip.wait(0.9 * seconds)
    assert desk.read(0x5E) & 0x04 == 0
    desk.chip.wait(0.11 * seconds)
    assert desk.read(0x5E) & 0x04


# clocks

CONFIGURATIONS = [
    # mclk, fsref, ppm, registers 03 04 05 06 0B 65
    (12_288_000, 48_000, 0, (0x10, None, None, None, None, 0x01)),
    (24_576_000, 48_000, 0, (0x20, None, None, None, None, 0x01)),
    (11_289_600, 44_100, 0, (0x10, None, None, None, None, 0x01)),
    (22_579_200, 44_100, 0, (0x20, None, None, None, None, 0x01)),
    (12_288_000, 44_100, 0, (0x91, 0x1C, 0x36, 0xB0, 0x01, 0x00)),
    (24_576_000, 44_100, 0, (0x92, 0x1C, 0x36, 0xB0, 0x01, 0x00)),
    (24_000_000, 48_000, 0, (0x92, 0x20, 0x1E, 0x00, 0x01, 0x00)),
    (24_000_000, 44_100, 0, (0x92, 0x1C, 0x52, 0x40, 0x01, 0x00)),
    (12_000_000, 48_000, 0, (0x91, 0x20, 0x1E, 0x00, 0x01, 0x00)),
    (12_000_000, 44_100, 0, (0x91, 0x1C, 0x52, 0x40, 0x01, 0x00)),
    (11_289_600, 48_000, 1.95, (0x91, 0x20, 0x6E, 0x8C, 0x01, 0x00)),
]


def clock_desk(mclk_hz, values, steps=ALL):
    desk = Desk(tuple(step for step in steps if step not in CLOCKS[:2]), mclk_hz=mclk_hz)
    for register, value in zip((0x03, 0x04, 0x05, 0x06, 0x0B, 0x65), values, strict=True):
        if value is not None:
            desk.write(register, value)
    desk.chip.wait(0.02)
    return desk


@pytest.mark.parametrize(("mclk_hz", "fsref_hz", "ppm", "values"), CONFIGURATIONS)
def test_every_clock_setting_of_the_facts_makes_its_rate(mclk_hz, fsref_hz, ppm, values):
    desk = clock_desk(mclk_hz, values)
    assert desk.chip.frame_rate_hz == pytest.approx(fsref_hz * (1 + ppm * 1e-6), rel=1e-8 if not ppm else 1e-7)
    assert dbv(desk.play(0.05)["HPLOUT"]) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("code", range(16))
def test_q_divides_by_its_code_but_0_and_1_are_16_and_17(code):
    desk = Desk()
    desk.write(0x03, code << 3)
    q = code + 16 if code < 2 else code
    assert desk.chip.frame_rate_hz == pytest.approx(24_576_000 / 128 / q)


@pytest.mark.parametrize("code", range(16))
def test_the_sample_rate_register_divides_fsref_by_halves_up_to_6(code):
    desk = Desk()
    desk.write(0x02, code << 4 | code)
    expected = 48_000 / (1 + code / 2) if code <= 10 else None
    assert desk.chip.frame_rate_hz == (expected and pytest.approx(expected))
    assert desk.state("capture_rate_hz") == desk.state("playback_rate_hz") == desk.chip.frame_rate_hz


@pytest.mark.parametrize(
    ("q", "mclk_hz", "doubles"), [(2, 12_288_000, False), (4, 24_576_000, True), (3, 18.432e6, False)]
)
def test_dual_rate_from_mclk_needs_a_q_it_can_halve(q, mclk_hz, doubles):
    desk = Desk(mclk_hz=mclk_hz)
    desk.write(0x03, q << 3)
    assert desk.chip.frame_rate_hz == 48_000.0
    desk.write(0x07, 0x6A)
    assert desk.chip.frame_rate_hz == (96_000.0 if doubles else None)


def test_dual_rate_from_the_pll_needs_nothing():
    desk = clock_desk(12_288_000, (0x91, 0x20, None, None, None, 0x00))  # P 1, J 8, D 0
    desk.write(0x07, 0x6A)
    assert desk.chip.frame_rate_hz == pytest.approx(96_000.0)


def pll_desk(mclk_hz, p, r, j, d):
    return clock_desk(mclk_hz, (0x80 | p % 8, j << 2, d >> 6, (d & 63) << 2, r % 16, 0x00))


@pytest.mark.parametrize(
    ("mclk_hz", "p", "r", "j", "d", "locks"),
    [
        (24.0e6, 2, 1, 8, 1920, True),
        (24.0e6, 1, 1, 4, 960, False),  # what the kernel picks: MCLK / P above 20 MHz with a fraction
        (24.0e6, 1, 1, 4, 0, False),  # above 20 MHz, and no fraction
        (12.0e6, 2, 1, 16, 3840, False),  # below 10 MHz with a fraction, and J above 11
        (12.0e6, 2, 1, 16, 0, True),
        (1.024e6, 2, 1, 55, 0, False),  # VCO 28 MHz
        (1.6e6, 1, 1, 55, 0, True),  # J at its limit: VCO 88 MHz
        (1.6e6, 1, 1, 56, 0, False),
        (1.024e6, 1, 16, 6, 0, True),  # R 16, code 0
        (0.9e6, 2, 16, 13, 0, False),  # below 512 kHz
        (20.0e6, 1, 1, 4, 0, True),  # 80 MHz: the lowest VCO
        (20.0e6, 1, 2, 3, 0, False),  # J below 4
        (19.0e6, 1, 1, 4, 0, False),  # 76 MHz
        (10.0e6, 1, 1, 11, 0, True),  # 110 MHz: the highest
        (10.0e6, 1, 1, 11, 1, False),
        (16.0e6, 8, 2, 25, 0, True),  # P 8, code 0
        (12.0e6, 1, 2, 4, 1, False),  # R with a fraction
        (12.0e6, 1, 1, 7, 9999, True),
        (12.0e6, 1, 1, 7, 10_000, False),  # D is four decimals
        (0.0, 1, 1, 8, 0, False),
    ],
)
def test_the_pll_locks_within_its_limits_only(mclk_hz, p, r, j, d, locks):
    rate = pll_desk(mclk_hz, p, r, j, d).chip.frame_rate_hz
    assert rate == (pytest.approx(mclk_hz / p * (j + d / 1e4) * r / 2048) if locks else None)


def test_the_pll_needs_its_time_and_loses_its_lock_with_every_change():
    desk = pll_desk(24.0e6, 2, 1, 8, 1920)
    desk.write(0x04, 0x1C)
    assert desk.chip.frame_rate_hz is None
    assert vrms(desk.play(0.003)["HPLOUT"]) == 0.0
    desk.chip.wait(0.02)
    assert desk.chip.frame_rate_hz == pytest.approx(12e6 * 7.192 / 2048)
    desk.write(0x04, 0x1C)
    assert desk.chip.frame_rate_hz is not None, "the same value again is no change"
    desk.write(0x03, 0x12)
    assert desk.chip.frame_rate_hz is None


@pytest.mark.parametrize(
    ("writes", "d"),
    [
        (((0x05, 0x1E), (0x06, 0x00)), 1920),
        (((0x05, 0x1E),), 0),  # half a pair
        (((0x06, 0x04),), 0),
        (((0x06, 0x00), (0x05, 0x1E)), 0),  # the wrong way round
        (((0x05, 0x1E), (0x0B, 0x01), (0x06, 0x00)), 0),  # not one after the other
        (((0x05, 0x1E), (0x06, 0x00), (0x06, 0x04)), 1920),  # a low byte alone
        (((0x05, 0x1E), (0x06, 0x00), (0x05, 0x1D)), 1920),
        (((0x05, 0x1E), (0x06, 0x00), (0x05, 0x1E), (0x06, 0x04)), 1921),
    ],
)
def test_d_counts_when_its_low_byte_follows_its_high_byte(writes, d):
    desk = clock_desk(12.0e6, (0x91, 0x20, None, None, None, 0x00))
    for register, value in writes:
        desk.write(register, value)
    desk.chip.wait(0.02)
    assert desk.chip.frame_rate_hz == pytest.approx(12e6 * (8 + d / 1e4) / 2048, rel=1e-9)
    register, value = writes[-1]
    assert desk.read(register) == value, "what was written is read all the same"


def test_d_can_come_in_one_transfer():
    desk = clock_desk(12.0e6, (0x91, 0x20, None, None, None, 0x00))
    desk.write(0x05, 0x1E, 0x00)
    desk.chip.wait(0.02)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000.0)


@pytest.mark.parametrize(
    ("writes", "why"),
    [
        (((0x08, 0x00),), "consumer"),
        (((0x08, 0x80),), "BCLK from one side, WCLK from the other"),
        (((0x08, 0x40),), "BCLK from one side, WCLK from the other"),
        (((0x65, 0x00),), "codec on a PLL that is off"),
        (((0x66, 0x42),), "CLKDIV from a pin the chip does not have"),
        (((0x66, 0x82),), "CLKDIV from the chip's own BCLK"),
    ],
)
def test_no_frame_clock_comes_out(writes, why):
    desk = Desk()
    for register, value in writes:
        desk.write(register, value)
    assert desk.chip.frame_rate_hz is None, why


@pytest.mark.parametrize(
    ("host_rate_hz", "level_db"),
    [
        (48_000.0, -3.01),
        (44_100.0, None),  # MCLK makes 48 kHz: the codec finds no frames
        (96_000.0, None),
    ],
)
def test_a_consumer_hears_a_host_whose_frames_fit_its_clock(host_rate_hz, level_db):
    desk = Desk(host_rate_hz=host_rate_hz)
    desk.set((0x08, 0x00))
    out, recorded = desk.play(0.05)["HPLOUT"], desk.record(0.05, 0.1)
    if level_db is None:
        assert vrms(out) == 0.0
        assert np.all(recorded == 0.0)
    else:
        assert dbv(out) == pytest.approx(level_db, abs=0.05)
        assert dbfs(recorded) == pytest.approx(-17.0, abs=0.1)


def test_a_consumer_can_live_on_bclk_alone():
    desk = Desk(mclk_hz=0.0)
    for register, value in ((0x08, 0x00), (0x66, 0x22), (0x03, 0x91), (0x04, 0x20), (0x0B, 0x04), (0x65, 0x00)):
        desk.write(register, value)  # 3.072 MHz * 8 * 4 = 98.304 MHz
    desk.chip.wait(0.03)
    assert desk.state("playback_rate_hz") == pytest.approx(48_000.0)
    assert dbv(desk.play(0.05)["HPLOUT"]) == pytest.approx(-3.01, abs=0.05)


def test_without_mclk_registers_answer_and_nothing_sounds():
    desk = Desk(mclk_hz=0.0)
    assert desk.read(0x13) == 0x04
    assert desk.chip.frame_rate_hz is None
    assert vrms(desk.play(0.05)["HPLOUT"]) == 0.0


def test_an_adc_slower_than_the_dac_sends_its_words_again():
    desk = Desk()
    desk.write(0x02, 0x40)
    assert desk.state("capture_rate_hz") == 16_000.0
    frames = desk.record(0.05, 0.1)[:, 0]
    assert np.count_nonzero(np.diff(frames)) == pytest.approx(frames.size / 3, abs=2)


# the wire


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (0x30, True),  # I2S, 2 * 32 BCLK
        (0x20, False),  # 24 bit: 48 BCLK a frame
        (0x10, False),  # 40
        (0x00, False),  # 32
        (0x38, False),  # 256
        (0x70, False),  # DSP
        (0xB0, False),  # right justified
        (0xF0, False),  # left justified
    ],
)
def test_a_provider_fits_a_host_of_64_bclk_with_32_bit_i2s_only(value, fits):
    desk = Desk()
    desk.write(0x09, value)
    sound = ac(desk.record(0.05, 0.1))
    expected = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * 1000 / 48_000 * np.arange(len(sound)))
    assert (np.max(np.abs(sound - expected[:, None])) < 1e-3) == fits
    out = desk.play(0.05, dbfs=-20)
    assert all(dbv(out[pin]) == pytest.approx(-23.0, abs=0.1) for pin in ("HPLOUT", "HPROUT")) == fits


@pytest.mark.parametrize(("code", "bits"), [(0, 16), (1, 20), (2, 24), (3, 32)])
def test_a_consumers_words_are_as_long_as_set(code, bits):
    desk = Desk()
    desk.set((0x08, 0x00), (0x09, code << 4))
    assert desk.state("interface") == {"format": "i2s", "word_bits": bits, "provider": False}
    words = (desk.record(0.05, 0.1) * 2.0**31).astype(np.int64)
    assert np.gcd.reduce(words.ravel()) % 2 ** (32 - bits) == 0
    assert dbfs(words / 2.0**31) == pytest.approx(-17.0, abs=0.1)


@pytest.mark.parametrize(("code", "name"), [(0, "i2s"), (1, "dsp"), (2, "right_justified"), (3, "left_justified")])
def test_only_i2s_is_what_the_host_speaks(code, name):
    desk = Desk()
    desk.set((0x08, 0x00), (0x09, code << 6 | 0x20))
    assert desk.state("interface")["format"] == name
    out = desk.play(0.05, dbfs=-20, balance=(1.0, 0.0))
    clean = dbv(out["HPLOUT"]) == pytest.approx(-23.0, abs=0.1) and vrms(out["HPROUT"]) < 1e-4
    assert clean == (code == 0)


@pytest.mark.parametrize("bits", [1, 8, 64, 255])
def test_a_data_offset_is_heard(bits):
    desk = Desk()
    desk.write(0x0A, bits)
    assert abs(dbfs(desk.record(0.05, 0.1)[:, 0]) + 17.0) > 5.0
    assert abs(dbv(desk.play(0.05, dbfs=-60)["HPLOUT"]) + 63.0) > 5.0


def test_playing_and_recording_share_one_time():
    desk = Desk((*POWER_UP[:1], *ALL[2:-1]))
    for _ in range(8):
        desk.play(0.0)
        desk.record(0.0)
    together = np.mean(desk.record(0.0)[:, 0])
    alone = Desk((*POWER_UP[:1], *ALL[2:-1]))
    for _ in range(8):
        alone.record(0.0)
    assert together == pytest.approx(np.mean(alone.record(0.0)[:, 0]), abs=0.002)


def test_capture_refuses_pins_it_does_not_have_and_lengths_that_differ():
    chip = Tlv320aic3104()
    with pytest.raises(ValueError, match="LINPUT1"):
        chip.capture({"LINPUT1": np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match="one length"):
        chip.capture({"MIC1LP": np.zeros(8, np.float32), "MIC2R": np.zeros(9, np.float32)})
    with pytest.raises(ValueError, match="no pins"):
        chip.capture({})
    assert chip.capture({"MIC2L": np.zeros(8, np.float32)}).shape == (8, 2)
