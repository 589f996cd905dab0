"""The simulated DA7212 against closed forms and the datasheet's traps: bus, power, clocks, port."""

import errno

import numpy as np
import pytest
from da7212_desk import ALL, CLOCKS, POWER_UP, Desk, instead, without
from desk import PERIOD, dbfs, dbv, vrms

from hil.sim.da7212 import Da7212
from hil.sim.da7212_registers import RESET

LATE = 4800  # frames until high-pass and ramps have settled


def silent(desk, pin="HP_L"):
    return vrms(desk.play(0.05)[pin]) == 0.0


# the control port


@pytest.mark.parametrize(
    ("address", "data"),
    [
        (0x1B, b"\x22\x0b"),  # another chip's address
        (0x1A, b""),  # a bare address probe carries no register
    ],
)
def test_the_chip_does_not_acknowledge_what_is_not_for_it(address, data):
    with pytest.raises(OSError, match="0x1") as refused:
        Desk().chip.write(address, data)
    assert refused.value.errno == errno.EREMOTEIO


def test_another_address_cannot_be_read_and_nothing_is_no_read():
    chip = Desk().chip
    for address, count in ((0x18, 1), (0x1A, 0)):
        with pytest.raises(OSError, match="read") as refused:
            chip.read(address, count)
        assert refused.value.errno == errno.EREMOTEIO


def test_the_first_access_in_standby_is_refused_and_the_second_is_not():
    chip = Da7212()
    with pytest.raises(OSError, match="standby"):
        chip.write(0x1A, b"\xfd\x01")
    chip.write(0x1A, b"\xfd\x01")
    assert chip.state()["active"]


def test_returning_to_standby_stops_everything_and_refuses_once():
    desk = Desk()
    desk.write(0xFD, 0x00)
    with pytest.raises(OSError, match="standby"):
        desk.read(0x22)
    assert desk.read(0x22) == 0x0B, "registers are kept"
    assert silent(desk)
    assert desk.chip.frame_rate_hz is None
    desk.write(0xFD, 0x01)
    desk.chip.wait(0.05)
    assert desk.chip.frame_rate_hz is not None


def test_a_reset_can_be_the_first_access():
    Da7212().write(0x1A, b"\x1d\x80")


def test_a_reset_clears_itself_everything_and_needs_time():
    desk = Desk()
    desk.write(0x1D, 0x80)
    with pytest.raises(OSError, match="reset"):
        desk.write(0xFD, 0x01)
    desk.chip.wait(0.010)
    desk.retry(0xFD, 0x01)
    assert desk.read(0x1D) == 0
    assert desk.read(0x22) == 0x0A
    assert desk.chip.frame_rate_hz is None
    assert silent(desk)


def test_reset_values_identify_the_chip():
    desk = Desk(())
    assert [desk.read(register) for register in (0x22, 0x26, 0x29)] == [0x0A, 0x20, 0x08]
    assert all(desk.read(register) == value for register, value in RESET.items() if register not in (0x23, 0x69))


def test_two_reserved_bits_do_not_read_back():
    desk = Desk(())
    assert (desk.read(0x23), desk.read(0x69)) == (0x00, 0x40)
    desk.write(0x23, 0x88)
    assert desk.read(0x23) == 0x08


def test_longer_transfers_count_up():
    desk = Desk()
    desk.write(0xB7, 0x34, 0x12)
    assert desk.read(0xB7, 2) == [0x34, 0x12]


def test_the_other_write_mode_takes_pairs_and_is_complained_about():
    desk = Desk()
    desk.write(0x1D, 0x01)
    desk.write(0x34, 0x05, 0x39, 0x02)
    assert (desk.read(0x34), desk.read(0x35), desk.read(0x39)) == (0x05, 0x03, 0x02)
    assert any("0x1D" in sentence for sentence in desk.state("reserved"))


@pytest.mark.parametrize("register", [0x00, 0x11, 0x2C, 0x3B, 0x52, 0x70, 0xBD, 0xFF])
def test_an_undefined_register_is_acknowledged_and_changes_nothing(register):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, 0xFF)
    assert desk.chip.state() == before
    assert desk.read(register) == 0


def test_status_registers_cannot_be_written():
    desk = Desk()
    before = desk.read(0x03)
    desk.write(0x03, 0xFF)
    assert desk.read(0x03) == before


@pytest.mark.parametrize(
    ("register", "value", "named"),
    [
        (0x23, 0x08, "VMID"),
        (0x91, 0x01, "0x91"),
        (0x22, 0x04, "sample rate"),
        (0xA0, 0x70, "0xA0"),
        (0x28, 0x91, "0x28"),
        (0x29, 0xD8, "DSP"),
    ],
)
def test_misused_bits_are_named(register, value, named):
    desk = Desk()
    assert desk.state("reserved") == []
    desk.write(register, value)
    assert any(named in sentence for sentence in desk.state("reserved"))


# what reset leaves undone


OUTPUT_STEPS = {
    "HP_L": (
        "active",
        "bias and vmid",
        "port on, driven, i2s, 24 bit",
        "dac left",
        "dac left to mixout",
        "mixout left",
        "charge pump",
        "headphone left",
    ),
    "LINE": ("active", "bias and vmid", "dac right", "dac right to mixout", "mixout right", "line"),
}


@pytest.mark.parametrize(("pin", "step"), [(pin, step) for pin, steps in OUTPUT_STEPS.items() for step in steps])
def test_an_output_is_silent_without(pin, step):
    assert silent(Desk(without(step)), pin)


@pytest.mark.parametrize(
    ("step", "rate_hz"),
    [
        ("pll on, input / 4", 11_025),  # the reset divider of 16, in bypass
        ("pll integer", 48_000 * 32.82983 / 34.82983),
        ("48 kHz", 48_000),  # SR 44.1 kHz is the same divider: nothing is heard
    ],
)
def test_a_forgotten_clock_setting_is_a_wrong_rate_or_a_complaint(step, rate_hz):
    desk = Desk(without(step))
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz, rel=1e-4)
    assert any("SR says" in sentence for sentence in desk.state("reserved"))


@pytest.mark.parametrize("bit", [0x80, 0x08])
@pytest.mark.parametrize(
    ("step", "pin"), [("mixout left", "HP_L"), ("headphone left", "HP_L"), ("mixout right", "LINE"), ("line", "LINE")]
)
def test_amplifier_and_mixer_or_output_enables_are_two_bits(step, pin, bit):
    assert silent(Desk(instead(step, 0x88 & ~bit)), pin)


def test_the_line_output_does_not_need_the_charge_pump():
    assert dbv(Desk(without("charge pump")).play(0.1)["LINE"]) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    "step",
    [
        "active",
        "bias and vmid",
        "port on, driven, i2s, 24 bit",
        "mic 1 to mixin left",
        "mic 1 amplifier",
        "mixin left amplifier and mixer",
        "adc left",
    ],
)
def test_the_microphone_is_silent_without(step):
    assert dbfs(Desk(without(step)).record(0.15, rms_v=0.1)[LATE:, 0]) < -70


@pytest.mark.parametrize("value", [0x80, 0x08, 0xC8])
def test_mixin_needs_amplifier_and_mixer_and_no_mute(value):
    desk = Desk(instead("mixin left amplifier and mixer", value))
    assert dbfs(desk.record(0.15, rms_v=0.1)[LATE:, 0]) < -70
    assert desk.state("input_gain_db")[0] is None


def test_capture_needs_the_output_enable_and_playback_does_not():
    desk = Desk(instead("port on, driven, i2s, 24 bit", 0x88))
    assert np.all(desk.record(0.1, rms_v=0.1) == 0.0)
    assert vrms(desk.play(0.05)["HP_L"]) > 0.9


def test_the_chip_resets_muted_with_its_high_pass_on():
    state = Desk(()).chip.state()
    assert state["high_pass"]
    assert state["adc_gain_db"] == state["dac_gain_db"] == state["input_gain_db"] == [None, None]
    assert state["outputs"] == {"HP_L": None, "HP_R": None, "LINE": None}
    assert state["interface"]["format"] == "i2s"
    assert state["interface"]["word_bits"] == 24
    assert not state["interface"]["provider"]


# references


@pytest.mark.parametrize("value", [0x00, 0x80, 0x08])
def test_the_analogue_side_needs_bias_and_vmid(value):
    desk = Desk(instead("bias and vmid", value))
    assert not desk.state("analogue_up")
    assert silent(desk)


@pytest.mark.parametrize(("charge_s", "thumps"), [(0.0, True), (0.010, True), (0.026, False)])
def test_an_output_enabled_before_vmid_has_charged_thumps(charge_s, thumps):
    desk = Desk(tuple(step for step in instead("vmid charges", charge_s) if step[0] != "pll locks"))
    assert desk.state("analogue_up") != thumps
    assert (np.max(np.abs(desk.play(0.002, dbfs=-200)["HP_L"])) > 0.01) == thumps


def test_capture_before_vmid_has_charged_has_a_thump():
    steps = tuple(step for step in ALL if step[1] != "wait")
    early = Desk((*steps, ("no high-pass", 0x38, 0x00), ("vmid charges", "wait", 0.006)))
    late = Desk((*steps, ("no high-pass", 0x38, 0x00), ("vmid charges", "wait", 0.030)))
    assert abs(np.mean(early.record(0.002)[:, 0])) > 0.01
    assert abs(np.mean(late.record(0.002)[:, 0])) < 0.001


@pytest.mark.parametrize(("level", "volts"), [(0, 1.6), (1, 2.2), (2, 2.5), (3, 3.0)])
def test_each_mic_bias_has_four_levels_and_takes_its_second(level, volts):
    desk = Desk()
    desk.write(0x62, 0x80 | level << 4 | 0x01)
    desk.chip.wait(0.1)
    assert 0.2 * volts < desk.chip.mic_bias_v["MICBIAS2"] < 0.6 * volts
    desk.chip.wait(1.0)
    assert desk.chip.mic_bias_v == {"MICBIAS1": 0.0, "MICBIAS2": pytest.approx(volts, rel=2e-3)}
    desk.write(0x62, 0x08 | level)
    desk.chip.wait(2.0)
    assert desk.chip.mic_bias_v == {"MICBIAS1": pytest.approx(volts), "MICBIAS2": pytest.approx(0.0, abs=1e-3)}


def test_mic_bias_needs_the_references():
    desk = Desk(without("bias and vmid"))
    desk.write(0x62, 0x99)
    desk.chip.wait(1.0)
    assert desk.chip.mic_bias_v == {"MICBIAS1": 0.0, "MICBIAS2": 0.0}


@pytest.mark.parametrize(("wait_s", "survives"), [(0.0, False), (0.035, False), (0.040, True)])
def test_the_ldo_enabled_too_early_resets_the_chip(wait_s, survives):
    desk = Desk((("active", 0xFD, 0x01), ("bias and vmid", 0x23, 0x88), ("mark", 0x22, 0x0B)))
    desk.chip.wait(wait_s)
    desk.write(0x90, 0xA0)
    assert desk.state("active") == survives
    assert desk.state("ldo") == survives


def test_the_ldo_without_bias_resets_the_chip():
    desk = Desk((("active", 0xFD, 0x01),))
    desk.chip.wait(1.0)
    desk.write(0x90, 0xA0)
    assert not desk.state("active")


# clocks


PLL_TABLE = [
    (11_289_600, 0x22, 0x1A, 0x8E, 0x84, 98_304_000),
    (12_288_000, 0x1D, 0x0C, 0xCC, 0x84, 90_316_800),
    (24_000_000, 0x20, 0x18, 0x93, 0x88, 98_304_000),
    (24_000_000, 0x1E, 0x03, 0x61, 0x88, 90_316_800),
]
SRM_TABLE = [
    (11_289_600, 0x21, 0x0D, 0x47, 0xC4),
    (12_288_000, 0x1E, 0x16, 0x66, 0xC4),
    (24_000_000, 0x1F, 0x0D, 0xFA, 0xC8),
]
RATES = {
    1: 8000, 2: 11025, 3: 12000, 5: 16000, 6: 22050, 7: 24000, 9: 32000, 10: 44100, 11: 48000, 14: 88200, 15: 96000,
}  # fmt: skip


def clocked(mclk_hz, integer, top, bottom, control, sr, provider=0x81, **kwargs):
    steps = (
        *POWER_UP, ("sr", 0x22, sr), ("top", 0x24, top), ("bottom", 0x25, bottom), ("integer", 0x26, integer),
        ("control", 0x27, control), ("provider", 0x28, provider), ("port", 0x29, 0xC8), *ALL[len(POWER_UP + CLOCKS) :],
    )  # fmt: skip
    desk = Desk(steps, mclk_hz, **kwargs)
    desk.chip.wait(0.01)
    return desk


@pytest.mark.parametrize("code", RATES)
@pytest.mark.parametrize("row", PLL_TABLE)
def test_the_pll_makes_the_rates_of_its_family_and_the_others_off_pitch(row, code):
    *settings, vco_hz = row
    family = 90_316_800 if RATES[code] % 11_025 == 0 else 98_304_000
    rate_hz = clocked(*settings, sr=code).chip.frame_rate_hz
    assert rate_hz == pytest.approx(RATES[code] * vco_hz / family, rel=5e-6)


@pytest.mark.parametrize(
    ("mclk_hz", "control", "sr", "rate_hz"),
    [
        (11_289_600, 0x04, 10, 44_100),
        (22_579_200, 0x08, 10, 44_100),
        (45_158_400, 0x0C, 5, 16_000 * 0.91875),
        (12_288_000, 0x04, 11, 48_000),
        (24_576_000, 0x08, 1, 8_000),
        (49_152_000, 0x0C, 15, 96_000),
        (11_289_600, 0x04, 11, 44_100),  # the wrong family is off by 1.47 semitones
        (11_289_600, 0x0C, 10, 11_025),  # INDIV left at its reset value
        (11_289_600, 0x00, 10, 88_200),
    ],
)
def test_the_bypass_divides_mclk(mclk_hz, control, sr, rate_hz):
    desk = clocked(mclk_hz, 0x20, 0, 0, control, sr)
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz, rel=1e-6)
    assert desk.read(0x03) == 0b1100


@pytest.mark.parametrize("code", [0, 4, 8, 12, 13])
def test_a_reserved_rate_gives_no_clock(code):
    assert clocked(11_289_600, 0x20, 0, 0, 0x04, code).chip.frame_rate_hz is None


@pytest.mark.parametrize(
    ("mclk_hz", "integer", "control"),
    [
        (11_289_600, 0x28, 0x84),  # VCO at 113 MHz
        (11_289_600, 0x1C, 0x84),  # VCO at 79 MHz
        (11_289_600, 0x45, 0x88),  # INDIV of 18..36 MHz: a sixth below every table
        (11_289_600, 0x11, 0x80),  # INDIV of 5..9 MHz
        (0.0, 0x22, 0x84),  # no MCLK
    ],
)
def test_the_pll_does_not_lock_out_of_range(mclk_hz, integer, control):
    desk = clocked(mclk_hz, integer, 0x00, 0x00, control, 11)
    assert desk.chip.frame_rate_hz is None
    assert not desk.read(0x03) & 0b0011
    assert silent(desk)


def test_the_pll_takes_time_and_a_changed_setting_starts_it_again():
    desk = Desk()
    desk.write(0x26, 0x21)
    assert desk.chip.frame_rate_hz is None
    assert not desk.read(0x03) & 1
    desk.chip.wait(0.01)
    assert desk.chip.frame_rate_hz is not None
    desk.write(0x26, 0x21)
    assert desk.chip.frame_rate_hz is not None, "the same value again is no change"


def test_the_provider_clocks_only_while_28_bit_7_is_set():
    desk = Desk()
    desk.write(0x28, 0x01)
    assert desk.chip.frame_rate_hz is None
    assert not desk.state("interface")["provider"]


@pytest.mark.parametrize("row", SRM_TABLE)
@pytest.mark.parametrize(("sr", "host_hz"), [(11, 48_000.0), (10, 44_100.0), (5, 16_000.0), (11, 48_100.0)])
def test_a_consumer_follows_wclk_in_srm_mode(row, sr, host_hz):
    desk = clocked(*row, sr, provider=0x01, host_rate_hz=host_hz)
    assert not desk.read(0x03) & 0b10
    desk.chip.wait(0.15)
    assert desk.read(0x03) & 0b11 == 0b11
    assert desk.chip.frame_rate_hz is None
    assert desk.state("capture_rate_hz") == host_hz
    assert desk.state("synchronous")


@pytest.mark.parametrize(
    ("sr", "host_hz", "integer"),
    [
        (10, 48_000.0, 0x21),  # the wrong rate claimed
        (11, 0.0, 0x21),  # no WCLK
        (11, 48_000.0, 0x22),  # the VCO of no SRM
    ],
)
def test_srm_does_not_lock(sr, host_hz, integer):
    desk = clocked(11_289_600, integer, 0x0D, 0x47, 0xC4, sr, provider=0x01, host_rate_hz=host_hz)
    desk.chip.wait(1.0)
    assert not desk.read(0x03) & 0b10


def test_a_provider_in_srm_mode_is_off_pitch():
    desk = clocked(11_289_600, 0x21, 0x0D, 0x47, 0xC4, 11)
    desk.chip.wait(1.0)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000 * 94.3104 / 98.304, rel=1e-5)


def spurious(desk):
    """Share of the power of a recorded 1 kHz sine that is not at 1 kHz, in dB."""
    frames = desk.record(0.6, rms_v=0.1)[4800:, 0]
    spectrum = np.abs(np.fft.rfft(frames[:24_000] * np.blackman(24_000))) ** 2
    tone = slice(490, 511)
    return 10 * np.log10((np.sum(spectrum) - np.sum(spectrum[tone])) / np.sum(spectrum[tone]))


def test_a_consumer_on_its_own_crystal_slips_and_srm_cures_it():
    free = clocked(11_289_600, 0x22, 0x1A, 0x8E, 0x84, 11, provider=0x01)
    locked = clocked(11_289_600, 0x21, 0x0D, 0x47, 0xC4, 11, provider=0x01)
    wrong = clocked(11_289_600, 0x21, 0x0D, 0x47, 0xC4, 10, provider=0x01)
    locked.chip.wait(0.2)
    assert spurious(locked) < -65
    assert spurious(free) > -60
    assert spurious(wrong) > -40


def test_32_khz_mode_locks_only_after_the_unlocking_writes():
    desk = clocked(32_768, 0x19, 0x04, 0xC8, 0xE4, 11)
    desk.chip.wait(1.0)
    assert desk.chip.frame_rate_hz is None
    for register, value in ((0xF0, 0x8B), (0xF1, 0x03), (0xF1, 0x01), (0xF0, 0x00)):
        desk.write(register, value)
    desk.chip.wait(0.1)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)


# the port


@pytest.mark.parametrize(("value", "bits"), [(0xC0, 16), (0xC4, 20), (0xC8, 24), (0xCC, 32)])
def test_word_lengths_cut_the_capture(value, bits):
    frames = (Desk(instead("port on, driven, i2s, 24 bit", value)).record(0.02, 0.1) * 2**31).astype(np.int64)
    assert np.all(frames % 2 ** (32 - bits) == 0)
    assert bits == 32 or np.any(frames % 2 ** (33 - bits) != 0)


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("port on, driven, i2s, 24 bit", 0xC9),  # left justified
        ("port on, driven, i2s, 24 bit", 0xCA),  # right justified
        ("port on, driven, i2s, 24 bit", 0xCB),  # DSP
        ("port on, driven, i2s, 24 bit", 0xD8),  # mono outside DSP
        ("provider, 64 bclk", 0x80),  # 32 BCLK
        ("provider, 64 bclk", 0x83),  # 256 BCLK
        ("provider, 64 bclk", 0x85),  # BCLK inverted
    ],
)
def test_a_port_set_otherwise_than_the_host_is_not_heard_right(step, value):
    out = Desk(instead(step, value)).play(0.1, dbfs=-6.0, balance=(1.0, -0.5))
    wanted = np.sqrt(2) * 10 ** (-6 / 20) * np.sin(2 * np.pi * 1000 / 48_000 * np.arange(4800))
    error = np.concatenate((out["HP_L"][:4800] - wanted, out["HP_R"][:4800] + wanted / 2))
    assert vrms(error[1200:]) > 0.1


def test_wclk_inverted_swaps_the_sides():
    out = Desk(instead("provider, 64 bclk", 0x89)).play(0.1, balance=(1.0, 0.0))
    assert vrms(out["HP_R"]) > 0.9
    assert vrms(out["HP_L"]) < 0.1


def test_an_offset_moves_every_word():
    desk = Desk()
    desk.write(0x98, 32)
    out = desk.play(0.1, balance=(1.0, 0.0))
    assert vrms(out["HP_R"]) > 0.9
    assert vrms(out["HP_L"]) < 1e-3


@pytest.mark.parametrize(("value", "order"), [(0x10, "LR"), (0x00, "LL"), (0x11, "RR"), (0x01, "RL")])
def test_the_port_sends_the_converter_it_is_told(value, order):
    desk = Desk()
    desk.write(0x21, value)
    frames = desk.record(0.15, rms_v=0.1, pins=("MIC1",))[LATE:]
    assert "".join("L" if dbfs(frames[:, slot]) > -25 else "R" for slot in (0, 1)) == order


def test_the_port_can_loop_what_it_receives():
    desk = Desk()
    desk.write(0x21, 0x32)
    assert desk.state("loopback")
    desk.play(PERIOD / 48_000, dbfs=-12.0)
    assert np.max(desk.record(PERIOD / 48_000)) == pytest.approx(10 ** (-12 / 20), rel=0.01)


def test_the_dacs_can_play_what_the_adcs_record():
    desk = Desk()
    desk.write(0x2A, 0x10)
    assert desk.state("loopback")
    desk.record(0.1, rms_v=0.1)
    assert np.max(desk.play(PERIOD / 48_000)["HP_L"]) == pytest.approx(0.1414, rel=0.02)


# the model itself


def test_capture_refuses_unknown_pins_and_different_lengths():
    chip = Da7212()
    with pytest.raises(ValueError, match="no pin LINPUT1"):
        chip.capture({"LINPUT1": np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match="one length"):
        chip.capture({"MIC1": np.zeros(8, np.float32), "MIC2": np.zeros(9, np.float32)})


def test_playing_and_capturing_one_period_is_one_period_of_time():
    def elapsed(*actions):
        """Periods until the bias pin has reached 1.0 V."""
        desk = Desk()
        desk.write(0x62, 0x99)
        periods = 0
        while desk.chip.mic_bias_v["MICBIAS1"] < 1.0:
            for action in actions:
                action(desk)(0.0)
            periods += 1
        return periods

    both = elapsed(lambda desk: desk.play, lambda desk: desk.record)
    assert both == pytest.approx(elapsed(lambda desk: desk.play), abs=1)


def test_the_same_seed_makes_the_same_noise():
    assert np.array_equal(Desk().record(0.01), Desk().record(0.01))
    assert not np.array_equal(Desk().record(0.01), Desk(seed=1).record(0.01))
