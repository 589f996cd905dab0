"""The simulated SGTL5000's control port, supplies, references and clocks against the datasheet's traps."""

import errno

import numpy as np
import pytest
from desk import PERIOD, dbfs, vrms
from sgtl5000_desk import ALL, POWER_UP, Desk, instead, without

from hil.sim.sgtl5000 import Sgtl5000

DEFAULTS = {
    0x0002: 0x0000, 0x0004: 0x0008, 0x0006: 0x0010, 0x000A: 0x0010, 0x000E: 0x020C, 0x0010: 0x3C3C, 0x0014: 0x015F,
    0x0020: 0x0000, 0x0022: 0x1818, 0x0024: 0x0111, 0x0028: 0x0000, 0x002A: 0x0000, 0x002C: 0x0000, 0x002E: 0x0404,
    0x0030: 0x7060, 0x0032: 0x5000, 0x0034: 0x0000, 0x0036: 0x0000, 0x003A: 0x0000, 0x003C: 0x0000, 0x0100: 0x0000,
    0x0102: 0x0000, 0x0104: 0x0040, 0x0106: 0x051F, 0x0108: 0x0000, 0x010A: 0x0040, 0x0116: 0x002F, 0x0118: 0x002F,
    0x011A: 0x002F, 0x011C: 0x002F, 0x011E: 0x002F, 0x0120: 0x8000, 0x0122: 0x0000, 0x0124: 0x5100, 0x0126: 0x1473,
    0x0128: 0x0028, 0x012A: 0x0050,
}  # fmt: skip


# the control port


@pytest.mark.parametrize(
    ("address", "data"),
    [
        (0x2A, b"\x00\x02\x00\x73"),  # the other strapping
        (0x0A, b"\x02"),  # half an address
        (0x0A, b"\x00\x02\x00"),  # half a word
        (0x0A, b""),  # a bare address probe carries no register
    ],
)
def test_the_chip_does_not_acknowledge_what_is_not_an_address_and_words_for_it(address, data):
    with pytest.raises(OSError, match="no acknowledge") as refused:
        Sgtl5000().write(address, data)
    assert refused.value.errno == errno.EREMOTEIO


@pytest.mark.parametrize(("address", "count"), [(0x0B, 2), (0x0A, 1), (0x0A, 3), (0x0A, 0)])
def test_the_chip_reads_whole_words_at_its_own_address(address, count):
    with pytest.raises(OSError, match="no acknowledge") as refused:
        Sgtl5000().read(address, count)
    assert refused.value.errno == errno.EREMOTEIO


def test_without_a_master_clock_the_bus_is_deaf_and_with_one_it_hears_again():
    chip = Sgtl5000(mclk_hz=0.0)
    for transfer in (lambda: chip.write(0x0A, b"\x00\x00"), lambda: chip.read(0x0A, 2)):
        with pytest.raises(OSError, match="SYS_MCLK") as refused:
            transfer()
        assert refused.value.errno == errno.EREMOTEIO
    chip.mclk_hz = 12_288_000.0
    chip.write(0x0A, b"\x00\x00")
    assert chip.read(0x0A, 2) == b"\xa0\x11"


def test_the_strapping_moves_the_address():
    chip = Sgtl5000(address=0x2A)
    chip.write(0x2A, b"\x00\x00")
    assert chip.read(0x2A, 2)[0] == 0xA0
    with pytest.raises(OSError, match="0x0A"):
        chip.write(0x0A, b"\x00\x00")


def test_every_register_reads_its_reset_value():
    desk = Desk(())
    assert {register: desk.read(register) for register in DEFAULTS} == DEFAULTS


def test_words_are_big_endian_and_the_address_moves_on_by_two():
    desk = Desk(())
    desk.write(0x0020, 0x0012, 0x3456)
    assert desk.read(0x0020, 2) == [0x0012, 0x3456]
    assert desk.chip.read(0x0A, 2) == b"\x01\x11", "the pointer stands behind what was read"


@pytest.mark.parametrize("register", [0x0008, 0x0012, 0x0021, 0x0036, 0x0114, 0x013C, 0xFFFE])
def test_an_address_without_a_writable_register_is_acknowledged_and_changes_nothing(register):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, 0xFFFF)
    assert desk.chip.state() == before
    assert desk.read(register) == 0


def test_identity_and_status_bits_cannot_be_written():
    desk = Desk(())
    desk.write(0x0000, 0x1234)
    desk.write(0x0036, 0xFFFF)
    desk.write(0x000E, 0xFFFF)
    assert desk.read(0x0000) == 0xA011
    assert desk.read(0x0036) == 0
    assert desk.read(0x000E) & 0x3000 == 0


def test_there_is_no_reset_and_registers_outlive_a_clock_that_stops():
    desk = Desk()
    desk.chip.mclk_hz = 0.0
    desk.chip.wait(1.0)
    desk.chip.mclk_hz = 12_288_000.0
    assert desk.read(0x000A, 1) == 0x0010
    assert desk.read(0x0030) == 0x40FF
    assert desk.heard() > 0.9


def test_a_disabled_data_pad_can_never_acknowledge_again():
    desk = Desk()
    desk.write(0x0014, 0x0153)
    with pytest.raises(OSError, match="pad"):
        desk.write(0x0014, 0x015F)


@pytest.mark.parametrize(
    ("register", "value", "told"),
    [
        (0x0124, 0x1100, "0x4000"),  # bit 14 resets to 1 and has no public meaning
        (0x0030, 0xC0FF, "0x8000"),
        (0x003A, 0x1000, "0x1000"),  # a test register
        (0x0006, 0x009C, "0x0006 bits 3:2"),
        (0x000A, 0x0020, "0x000A bits 5:4"),
        (0x0010, 0x003C, "0x0010 bits 15:8"),
        (0x002C, 0x0224, "0x002C bits 11:8"),
        (0x003C, 0x0008, "0x003C bits 3:2"),
    ],
)
def test_a_reserved_bit_or_code_is_named(register, value, told):
    desk = Desk()
    assert desk.state("reserved") == []
    desk.write(register, value)
    assert any(told in sentence for sentence in desk.state("reserved"))


PROBE = """
0002 0000  0006 0010  000a 0010  000e 020c  0010 3c3c  0014 015f  0020 0000  0022 1818  0024 0111  0028 0000
002a 0000  002c 0000  002e 0404  0032 5000  0034 0000  0036 0000  003c 0000  003a 0000  0100 0000  0102 0000
0104 0040  0106 051f  0108 0000  010a 0040  0116 002f  0118 002f  011a 002f  011c 002f  011e 002f  0120 8000
0122 0000  0124 5100  0126 1473  0128 0028  012a 0050
"""
CARD = """
003c 0000  0002 0060  000e 020c  0014 015f  0024 0133  0108 0003  000e 0200  0006 0000  002a 0100  002a 0000
0100 0011
"""
STREAM = "0006 0080  0004 0008  0002 0073  0024 0022"  # 32 bit as provider, both directions, all unmuted, microphone


@pytest.mark.parametrize(
    ("start", "power", "supplies", "rms_v"),
    [
        (
            "0004 0008  0024 0133  0026 0008  0030 7260",
            "0026 0068  0030 7260  0028 01f0  002c 0322  002e 0d0d  0028 01f1 | 0030 7268  0030 72e8  0030 72fb",
            {"avdd_v": 3.3, "vddd_v": None},
            1.0,
        ),
        (
            "0004 0008  0024 0133  0026 0008  0030 7260",
            "0034 0800  0026 0008  0030 7a60  0028 0040  002c 0304  002e 0f0f | 0030 7a68  0030 7ae8  0030 7afb",
            {"avdd_v": 1.8, "vddd_v": None},
            0.9 / 1.575,
        ),
        (
            "0004 0008  0024 0133  0030 4060",
            "0034 0800  0026 0000  0030 4860  0028 0040  002c 0304  002e 0f0f | 0030 4868  0030 48e8  0030 48fb",
            {"avdd_v": 1.8, "vddd_v": 1.8},
            0.9 / 1.575,
        ),
    ],
)
def test_what_the_kernel_driver_was_recorded_to_write_makes_a_working_card(start, power, supplies, rms_v):
    desk = Desk((), **supplies)
    before, after = power.split(" | ")
    words = " ".join((start, PROBE, before, CARD, after)).split()
    for register, value in zip(words[::2], words[1::2], strict=True):
        desk.write(int(register, 16), int(value, 16))
    desk.chip.wait(0.6)
    words = STREAM.split()
    for register, value in zip(words[::2], words[1::2], strict=True):
        desk.write(int(register, 16), int(value, 16))
    assert desk.heard("HP_R", dbfs=-6) == pytest.approx(rms_v * 10 ** (-6 / 20), rel=2e-3)
    assert desk.level(0.1, pins=("MIC",)) == pytest.approx(-20 - 20 * np.log10(rms_v), abs=0.1)
    state = desk.chip.state()
    assert state["reserved"] == state["faults"] == []
    assert not state["equaliser"], "the driver leaves the graphic equaliser on, flat and in no route"


# supplies


def test_without_an_outside_vddd_its_regulator_must_not_be_switched_off():
    desk = Desk((), vddd_v=None)
    desk.write(0x0030, 0x4060)
    with pytest.raises(OSError, match="VDDD"):
        desk.write(0x0030, 0x7060)
    assert not desk.state("alive")
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}


@pytest.mark.parametrize(("code", "alive"), [(0x8, True), (0xA, True), (0xB, False), (0xC, False)])
def test_the_programmable_regulator_alone_must_give_at_least_1_1_volts(code, alive):
    desk = Desk((("level", 0x0026, 0x0060 | code), ("both", 0x0030, 0x7260), ("alone", 0x0030, 0x4260)), vddd_v=None)
    assert desk.state("alive") == alive


LOW = (("vag level, slow ramp", 0x0028, 0x0041), ("line ground", 0x002C, 0x0304))


def low_supply(power, oscillator=0x0800):
    return (
        ("oscillator", 0x0034, oscillator),
        ("vddd from outside", 0x0030, power & 0xFF00 | 0x60),
        *LOW,
        ("analogue blocks", 0x0030, power),
        *ALL[5:],
    )


@pytest.mark.parametrize(("power", "works"), [(0x48FF, True), (0x40FF, False)])
def test_below_three_volts_the_analogue_switches_need_the_charge_pump(power, works):
    desk = Desk(low_supply(power), avdd_v=1.8)
    assert (desk.heard(dbfs=-6) > 0.1) == works
    assert (desk.level(0.1) > -40) == works


def test_one_high_supply_is_enough_to_do_without_the_charge_pump():
    assert Desk(low_supply(0x40FF, 0), avdd_v=1.8, vddio_v=3.3).heard(dbfs=-6) > 0.1


@pytest.mark.parametrize(
    ("step", "value", "told"),
    [
        ("pump source", 0x000C, "0x0026"),
        ("vag level, slow ramp", 0x0001, "0x0028"),
        ("analogue blocks", 0x48FF, "charge pump"),
    ],
)
def test_a_setting_outside_the_datasheets_advice_is_named(step, value, told):
    assert Desk().state("faults") == []
    assert any(told in sentence for sentence in Desk(instead(step, value)).state("faults"))


# analogue ground


@pytest.mark.parametrize(
    ("ref_ctrl", "wait_s", "up"),
    [(0x01F1, 0.38, False), (0x01F1, 0.4, True), (0x01F0, 0.18, False), (0x01F0, 0.2, True)],
)
def test_the_analogue_ground_takes_its_time_to_rise(ref_ctrl, wait_s, up):
    steps = instead("analogue ground rises", wait_s, steps=instead("vag level, slow ramp", ref_ctrl))
    assert Desk(steps).state("analogue_up") == up


def test_the_analogue_ground_rises_while_frames_pass_too():
    desk = Desk(without("analogue ground rises"))
    for _ in range(round(0.41 * 48_000 / PERIOD)):
        desk.play(0.0)
        desk.record(0.0)
    assert desk.state("analogue_up")
    assert desk.state("vag_v") == pytest.approx(1.575)


def test_playing_and_capturing_one_period_is_one_period_of_time():
    desk = Desk(without("analogue ground rises"))
    for _ in range(round(0.2 * 48_000 / PERIOD)):
        desk.play(0.0)
        desk.record(0.0)
    assert desk.state("vag_v") == pytest.approx(1.575 / 2, rel=0.02)


def test_capturing_before_the_ground_has_settled_records_a_thump():
    early = instead("analogue ground rises", 0.05)
    assert np.max(np.abs(Desk(early).record(0.05)[:, 0])) > 0.3
    assert np.max(np.abs(Desk().record(0.05)[:, 0])) < 0.01


@pytest.mark.parametrize(("clear", "bit"), [(0x407F, "VAG"), (0x40DF, "reference currents")])
def test_the_analogue_side_is_silent_without(clear, bit):
    desk = Desk(instead("analogue blocks", clear))
    desk.chip.wait(0.5)
    assert desk.heard() == 0.0, bit
    assert np.all(desk.record(0.05, rms_v=0.1) == 0.0)


def biggest(desk, pin="HP_L", seconds=0.05):
    return np.max(np.abs(desk.play(seconds, dbfs=-200)[pin]))


def test_an_amplifier_that_is_on_before_the_ground_rises_hardly_pops():
    assert biggest(Desk(without("analogue ground rises")), seconds=0.45) < 0.03
    assert 0.04 < biggest(Desk(tuple(s for s in instead("vag level, slow ramp", 0x01F0) if s[1] != "wait"))) < 0.06


@pytest.mark.parametrize(("pin", "without_amplifier"), [("HP_L", 0x40EF), ("LINEOUT_R", 0x40FE)])
def test_an_amplifier_switched_while_the_ground_is_up_pops(pin, without_amplifier):
    desk = Desk()
    assert biggest(desk, pin) < 1e-4
    desk.write(0x0030, without_amplifier)
    assert biggest(desk, pin) > 0.5
    desk.write(0x0030, 0x40FF)
    assert biggest(desk, pin) > 0.5


@pytest.mark.parametrize(("off_s", "pops"), [(0.2, True), (0.5, False)])
def test_the_amplifier_may_go_off_when_the_ground_has_come_down(off_s, pops):
    desk = Desk()
    desk.write(0x0030, 0x407F)
    desk.chip.wait(off_s)
    desk.write(0x0030, 0x4060)
    assert (biggest(desk) > 0.1) == pops


def test_rewriting_defaults_after_a_reboot_without_the_waits_pops_loudly():
    desk = Desk()
    desk.write(0x0030, 0x7260)  # the chip knows of no reboot: its ground was still up
    assert biggest(desk) > 0.5


@pytest.mark.parametrize(("ana_ctrl", "clicks"), [(0x0004, True), (0x0114, False)])
@pytest.mark.parametrize(
    ("register", "value"), [(0x0030, 0x40FD), (0x0030, 0x40F7), (0x0002, 0x0033), (0x0002, 0x0053)]
)
def test_switching_a_converter_clicks_unless_outputs_are_muted(ana_ctrl, clicks, register, value):
    desk = Desk(instead("line in, all unmuted", ana_ctrl))
    desk.play(0.05, dbfs=-200)
    desk.write(register, value)
    out = desk.play(0.05, dbfs=-200)
    for pin in ("HP_L", "LINEOUT_L"):
        assert (np.max(np.abs(out[pin])) > 0.01) == clicks


@pytest.mark.parametrize("code", range(32))
def test_the_ground_scales_the_swing_of_both_converters(code):
    desk = Desk(instead("vag level, slow ramp", code << 4))
    vag_v = 0.8 + 0.025 * code
    assert desk.state("vag_v") == pytest.approx(vag_v)
    assert desk.heard(dbfs=-12) == pytest.approx(10 ** (-12 / 20) * vag_v / 1.575, rel=2e-3)
    assert desk.level(0.1) == pytest.approx(-20 - 20 * np.log10(vag_v / 1.575), abs=0.1)


# microphone bias


@pytest.mark.parametrize("ohm_code", range(4))
@pytest.mark.parametrize("level_code", range(8))
def test_mic_bias_has_eight_levels_three_resistors_and_no_other_switch(ohm_code, level_code):
    desk = Desk(())
    desk.write(0x002A, ohm_code << 8 | level_code << 4)
    state = desk.chip.state()
    assert state["mic_bias_v"] == desk.chip.mic_bias_v
    assert desk.chip.mic_bias_v["MICBIAS"] == pytest.approx(1.25 + 0.25 * level_code if ohm_code else 0.0)
    assert state["mic_bias_ohm"] == (None, 2000.0, 4000.0, 8000.0)[ohm_code]


def test_mic_bias_cannot_come_near_its_supply():
    desk = Desk((), avdd_v=1.8)
    desk.write(0x002A, 0x0170)
    assert desk.chip.mic_bias_v["MICBIAS"] == pytest.approx(1.6)
    assert any("0x002A" in sentence for sentence in desk.state("faults"))


def test_mic_bias_needs_the_reference_currents():
    desk = Desk()
    desk.write(0x002A, 0x0170)
    desk.write(0x0030, 0x40DF)
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}


# clocks


PLL_ROWS = [
    (12_288_000, 0x8000, 0x0000, 0x000B, 48_000),
    (12_288_000, 0x7599, 0x0000, 0x0007, 44_100),
    (11_289_600, 0x8B51, 0x0000, 0x000B, 48_000),
    (11_289_600, 0x8000, 0x0000, 0x0007, 44_100),
    (24_000_000, 0x8312, 0x0008, 0x000B, 48_000),
    (24_000_000, 0x786C, 0x0008, 0x0007, 44_100),
    (12_000_000, 0x8312, 0x0000, 0x000B, 48_000),
    (12_000_000, 0x786C, 0x0000, 0x0007, 44_100),
    (24_576_000, 0x8000, 0x0008, 0x000B, 48_000),
    (24_576_000, 0x7599, 0x0008, 0x0007, 44_100),
    (12_288_000, 0x8000, 0x0000, 0x0013, 16_000),
    (12_288_000, 0x8000, 0x0000, 0x0023, 8_000),
    (12_288_000, 0x8000, 0x0000, 0x0003, 32_000),
    (12_288_000, 0x8000, 0x0000, 0x000F, 96_000),
    (12_288_000, 0x7599, 0x0000, 0x0017, 22_050),
    (12_288_000, 0x7599, 0x0000, 0x0027, 11_025),
    (12_288_000, 0x8000, 0x0000, 0x003B, 8_000),  # 48 kHz / 6
    (12_288_000, 0x8000, 0x0000, 0x0007, 48_000),  # 44.1 kHz claimed, the other PLL frequency made: 8.8 % sharp
    (12_000_000, 0x8000, 0x0000, 0x000B, 46_875),  # the wrong dividers: flat
]


def pll_desk(mclk_hz, pll_ctrl, clk_top, clk_ctrl):
    desk = Desk((*ALL[:-4], *ALL[-4:]), mclk_hz=mclk_hz)
    desk.write(0x0032, pll_ctrl)
    desk.write(0x0034, clk_top)
    desk.write(0x0030, 0x45FF)
    desk.write(0x0004, clk_ctrl)
    desk.chip.wait(0.005)
    return desk


@pytest.mark.parametrize(("mclk_hz", "pll_ctrl", "clk_top", "clk_ctrl", "rate_hz"), PLL_ROWS)
def test_the_pll_makes_the_rate_its_dividers_say(mclk_hz, pll_ctrl, clk_top, clk_ctrl, rate_hz):
    desk = pll_desk(mclk_hz, pll_ctrl, clk_top, clk_ctrl)
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz, rel=1e-4)
    assert desk.state("capture_rate_hz") == desk.chip.frame_rate_hz
    assert desk.read(0x0036) == 0x0010
    assert desk.heard() > 0.9


@pytest.mark.parametrize(
    ("mclk_hz", "clk_ctrl", "rate_hz"),
    [
        (12_288_000, 0x0008, 48_000),  # 256 fs
        (12_288_000, 0x0001, 32_000),  # 384 fs
        (12_288_000, 0x0011, 16_000),
        (12_288_000, 0x0021, 8_000),
        (11_289_600, 0x0004, 44_100),
        (11_289_600, 0x0016, 11_025),  # 512 fs / 2
        (24_576_000, 0x000A, 48_000),
        (24_576_000, 0x000C, 96_000),
        (8_192_000, 0x0000, 32_000),
        (8_192_000, 0x0012, 8_000),
        (12_288_000, 0x0018, 24_000),
        (12_288_000, 0x0028, 12_000),
        (12_288_000, 0x0038, 8_000),
        (12_288_000, 0x0009, 32_000),  # wrong ratio: a fifth flat
        (24_576_000, 0x0008, 96_000),  # wrong ratio: an octave sharp
    ],
)
def test_without_the_pll_the_rate_is_mclk_over_ratio_and_divider(mclk_hz, clk_ctrl, rate_hz):
    desk = Desk(mclk_hz=mclk_hz)
    desk.write(0x0004, clk_ctrl)
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz)
    assert desk.state("playback_rate_hz") == pytest.approx(rate_hz)


def test_a_rate_that_is_not_what_sys_fs_says_is_named():
    desk = Desk()
    desk.write(0x0004, 0x0000)
    assert desk.chip.frame_rate_hz == 48_000
    assert any("SYS_FS" in sentence for sentence in desk.state("faults"))


@pytest.mark.parametrize(
    ("mclk_hz", "pll_ctrl", "clk_top"),
    [
        (24_000_000, 0x4189, 0x0000),  # right ratio, but more than 17 MHz at the PLL's input
        (24_000_000, 0x8312, 0x0001),  # a public library's mistake: 1 is not bit 3
        (12_288_000, 0x8000, 0x0008),  # halved for nothing: the VCO is far below its range
        (12_288_000, 0x5000, 0x0000),  # reset value
    ],
)
def test_the_pll_does_not_lock_outside_its_range(mclk_hz, pll_ctrl, clk_top):
    desk = pll_desk(mclk_hz, pll_ctrl, clk_top, 0x000B)
    assert desk.chip.frame_rate_hz is None
    assert desk.read(0x0036) == 0
    assert desk.heard() == 0.0
    assert np.all(desk.record(0.02, rms_v=0.1) == 0.0)


@pytest.mark.parametrize("power", [0x40FF, 0x44FF, 0x41FF])
def test_the_pll_needs_both_its_power_bits(power):
    desk = pll_desk(12_288_000, 0x8000, 0x0000, 0x000B)
    desk.write(0x0030, power)
    desk.chip.wait(0.1)
    assert desk.chip.frame_rate_hz is None


def test_selecting_the_pll_before_it_is_powered_is_missed_and_must_be_repeated():
    desk = Desk()
    desk.write(0x0032, 0x8000)
    desk.write(0x0004, 0x000B)
    desk.write(0x0030, 0x45FF)
    desk.chip.wait(0.1)
    assert desk.chip.frame_rate_hz is None
    desk.write(0x0004, 0x000B)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)


def test_a_change_of_dividers_unlocks_the_pll_and_the_same_value_again_does_not():
    desk = pll_desk(12_288_000, 0x8000, 0x0000, 0x000B)
    desk.write(0x0032, 0x8000)
    assert desk.chip.frame_rate_hz is not None
    desk.write(0x0032, 0x8001)
    assert desk.chip.frame_rate_hz is None
    desk.chip.wait(0.01)
    assert desk.chip.frame_rate_hz is not None


def test_leaving_the_pll_goes_by_the_rate_register_first():
    desk = pll_desk(12_288_000, 0x7599, 0x0000, 0x0007)
    desk.write(0x0004, 0x0008)
    desk.write(0x0030, 0x40FF)
    assert desk.chip.frame_rate_hz == 48_000
    assert desk.heard() > 0.9


def test_the_pll_is_for_providers_only():
    desk = pll_desk(12_288_000, 0x8000, 0x0000, 0x000B)
    desk.write(0x0006, 0x0010)
    assert desk.chip.frame_rate_hz is None
    assert desk.heard() == 0.0


@pytest.mark.parametrize(("clk_ctrl", "host_hz", "hears"), [(8, 48e3, True), (8, 44.1e3, False), (0x11, 16e3, True)])
def test_a_consumer_works_only_at_the_rate_its_own_clock_makes(clk_ctrl, host_hz, hears):
    desk = Desk(host_rate_hz=host_hz)
    desk.write(0x0004, clk_ctrl)
    desk.write(0x0006, 0x0010)
    assert desk.chip.frame_rate_hz is None
    assert (desk.heard(rate_hz=host_hz) > 0.9) == hears
    assert (desk.level(0.1) > -40) == hears


@pytest.mark.parametrize("pads", [0x005F, 0x011F])
def test_a_provider_needs_both_clock_pads(pads):
    desk = Desk()
    desk.write(0x0014, pads)
    assert desk.chip.frame_rate_hz is None
    assert desk.heard() == 0.0


def test_a_disabled_data_output_pad_sends_nothing():
    desk = Desk()
    desk.write(0x0014, 0x014F)
    assert np.all(desk.record(0.02, rms_v=0.1) == 0.0)


def test_the_chip_resets_silent_with_the_high_pass_on_and_as_a_24_bit_i2s_consumer():
    state = Sgtl5000().state()
    assert state["high_pass"]
    assert state["interface"] == {"format": "i2s", "word_bits": 24, "provider": False}
    assert state["input_gain_db"] == state["dac_gain_db"] == [None, None]
    assert set(state["outputs"].values()) == {None}
    assert not state["analogue_up"]
    assert state["reserved"] == []


def test_a_fresh_chip_plays_and_records_nothing():
    desk = Desk(())
    desk.chip.wait(1.0)
    assert all(vrms(volts) == 0.0 for volts in desk.play(0.02).values())
    assert np.all(desk.record(0.02, rms_v=0.1) == 0.0)


# the port


def arrives_intact(desk):
    """Both channels, at different levels, as the host meant them."""
    out = desk.play(0.05, dbfs=-30, balance=(1.0, 0.25))
    levels = [vrms(out[pin][960:1920]) * 10 ** (30 / 20) for pin in ("HP_L", "HP_R")]
    return levels == pytest.approx([1.0, 0.25], rel=0.01)


@pytest.mark.parametrize(
    ("i2s_ctrl", "name"),
    [(0x90, "i2s"), (0x92, "left_justified"), (0x94, "right_justified"), (0x98, "dsp"), (0x9A, "dsp")],
)
def test_only_i2s_carries_the_sound_of_an_i2s_host(i2s_ctrl, name):
    desk = Desk()
    desk.write(0x0006, i2s_ctrl)
    assert desk.state("interface")["format"] == name
    assert arrives_intact(desk) == (name == "i2s")


@pytest.mark.parametrize(("wrong", "bit"), [(0x91, "LRPOL"), (0xD0, "SCLK_INV"), (0x190, "SCLKFREQ")])
def test_a_wrong_clock_setting_of_the_port_is_heard(wrong, bit):
    desk = Desk()
    desk.write(0x0006, wrong)
    assert not arrives_intact(desk), bit


@pytest.mark.parametrize(("code", "bits"), [(0, 32), (1, 24), (2, 20), (3, 16)])
def test_the_word_length_cuts_what_is_recorded(code, bits):
    desk = Desk()
    desk.write(0x0006, 0x0080 | code << 4)
    frames = (desk.record(0.05, rms_v=0.1) * 2**31).astype(np.int64)
    assert np.all(frames % (1 << (32 - bits)) == 0)
    assert desk.state("interface")["word_bits"] == bits
    if bits < 32:
        assert np.any(frames % (1 << (33 - bits)))


def test_a_consumer_set_to_short_frames_takes_sixteen_bits():
    desk = Desk()
    desk.write(0x0006, 0x0110)
    frames = (desk.record(0.05, rms_v=0.1) * 2**31).astype(np.int64)
    assert np.any(frames)
    assert np.all(frames % (1 << 16) == 0)


def test_the_reserved_port_mode_carries_nothing():
    desk = Desk(instead("provider, i2s, 24 bit", 0x009C))
    assert desk.heard() == 0.0
    assert np.all(desk.record(0.02, rms_v=0.1) == 0.0)


# what reset leaves undone


@pytest.mark.parametrize(
    "step", ["analogue blocks", "digital blocks", "dac unmuted", "line in, all unmuted", "provider, i2s, 24 bit"]
)
def test_the_headphone_is_silent_without(step):
    desk = Desk(without(step), host_rate_hz=44_100.0)  # a consumer at another rate hears nothing
    assert desk.heard() == desk.heard("LINEOUT_R") == 0.0


@pytest.mark.parametrize("step", ["analogue blocks", "digital blocks", "line in, all unmuted"])
def test_the_input_is_silent_without(step):
    assert dbfs(Desk(without(step)).record(0.6, rms_v=0.1)[24_000:, 0]) < -80


def test_the_set_up_of_the_desk_has_no_step_too_many_for_both_directions():
    assert Desk().heard() > 0.9
    assert Desk().level(0.1) == pytest.approx(-20, abs=0.05)
    assert len(POWER_UP) == 7
