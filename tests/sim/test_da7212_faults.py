"""The simulated DA7212 says when its rules were broken, also when everything is right again at the end."""

from functools import partial

import desk
import numpy as np
import pytest
from da7212_desk import CLOCKS, PLAY, POWER_UP, RECORD
from da7212_desk import Desk as HastyDesk

# The desk's set-up with the wait between DAC and speaker, and of VMID and PLL each for itself.
ALL = (
    *POWER_UP[:-1],
    ("vmid charges", "wait", 0.025),
    *CLOCKS,
    *RECORD,
    *PLAY[:-1],
    ("dac starts", "wait", 0.25),
    PLAY[-1],
)

FIGURES = ((0x9A, 0x35), (0x9B, 0x80), (0x9D, 12), (0x9E, 8))


class Desk(HastyDesk):
    STEPS = ALL


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
moved = partial(desk.moved, steps=ALL)


def faults(desk):
    return desk.state("faults")


def swapped(name):
    """The whole set-up with a step and the one behind it the other way round."""
    at = next(index for index, step in enumerate(ALL) if step[0] == name)
    return (*ALL[:at], ALL[at + 1], ALL[at], *ALL[at + 2 :])


def biased(desk):
    desk.write(0x62, 0x99)
    return desk


def with_alc(desk, enable=0x8B):
    for register, value in FIGURES:
        desk.write(register, value)
    if enable & 3:
        desk.calibrate()
    desk.write(0x2B, enable)
    desk.chip.wait(0.01)
    return desk


# what is right


def test_the_recommended_order_is_no_fault():
    desk = biased(Desk())
    desk.chip.wait(1.0)
    with_alc(desk)
    desk.record(0.02)
    desk.play(0.02)
    desk.write(0x2B, 0x00)
    for register in (0x34, 0x35):
        desk.write(register, 0x07)
    with_alc(desk)
    desk.write(0x2B, 0x00)
    for register, value in (
        (0x67, 0x00), (0x68, 0x00), (0x69, 0xC0), (0x6A, 0xC0), (0x6B, 0x08), (0x6C, 0x08), (0x6D, 0x08),
        (0x6E, 0x08), (0x6F, 0x08), (0x69, 0x40), (0x6A, 0x40), (0x29, 0x08), (0x94, 0x01), (0x28, 0x01), (0x47, 0x61),
        (0x27, 0x04), (0x62, 0x11), (0x63, 0x00), (0x64, 0x00), (0x65, 0x08), (0x66, 0x08), (0x23, 0x80), (0xFD, 0x00),
    ):  # fmt: skip
        desk.write(register, value)
    assert faults(desk) == desk.state("reserved") == []


LINUX_CARD = (
    "94=01 60=64 61=64 65=60 66=60 67=60 68=60 69=68 6A=60 6B=61 6C=60 6D=60 65=68 66=68 6E=18 6F=18 6B=69 6C=68 6D=68 "
    "98=00 23=88 ~100"
)
LINUX_PLAY = (
    "4B=08 4C=08 6B=29 6C=28 6D=28 28=00 29=00 22={sr} {clock} 94=00 {wait} 29=80 47=E1 69=E8 6A=E0 6B=A9 6C=A8 6D=A8 "
    "6E=98 6F=98 ~1000 69=A8 6A=A0 ~50 69=E8 6A=E0 ~5100 6B=29 6C=28 6D=28 6E=18 6F=18 69=68 6A=60 29=00 94=01 28=00 "
    "47=61 27=04 "
)
LINUX_CAPTURE = (
    "32=02 33=02 63=00 64=00 65=28 66=28 67=20 68=20 28=00 29=00 22=0B 24=1A 25=8E 26=22 27=84 28=80 94=00 29=80 62=99 "
    "63=80 64=80 65=A8 66=A8 67=A0 68=A0 ~1000 rec 67=20 68=20 63=00 64=00 65=28 66=28 29=00 94=01 28=00 62=11 27=04 "
)


@pytest.mark.parametrize(
    ("host_hz", "text"),
    [
        (48e3, LINUX_PLAY.format(sr="0B", clock="24=1A 25=8E 26=22 27=84 28=80", wait="")),
        (44.1e3, LINUX_PLAY.format(sr="0A", clock="27=04 28=80", wait="")),
        (48e3, LINUX_PLAY.format(sr="0B", clock="24=0D 25=47 26=21 27=C4", wait="~150")),
        (48e3, LINUX_CAPTURE),
    ],
)
def test_what_the_linux_driver_and_its_machine_do_is_no_fault(host_hz, text):
    desk = Desk((("active", 0xFD, 0x01),), host_rate_hz=host_hz)
    for word in (LINUX_CARD + " " + text * 2).split():
        if word == "rec":
            desk.record(0.01)
        else:
            desk.replay(word)
    assert faults(desk) == []


@pytest.mark.parametrize("name", ["48 kHz", "mic 1 amplifier", "adc left 0 dB", "dac left", "dac left to mixout"])
def test_independent_writes_the_other_way_round_are_no_fault(name):
    assert faults(Desk(swapped(name))) == []


# what is wrong on the way


def test_a_fault_is_said_once_and_stays_until_the_chip_is_reset():
    desk = Desk()
    for _ in range(2):
        desk.write(0x38, 0xC0)
        desk.write(0x38, 0x80)
    assert desk.state("reserved") == []
    assert faults(desk) == ["0x38: reserved bits 0x40 must stay 0"]
    desk.write(0x1D, 0x80)
    desk.chip.wait(0.010)
    assert faults(desk) == []


def test_a_chip_spoken_to_during_its_reset_says_so_afterwards():
    desk = Desk()
    desk.write(0x1D, 0x80)
    desk.chip.wait(0.006)
    with pytest.raises(OSError, match="standby"):
        desk.write(0xFD, 0x01)
    assert any("10 ms after its reset" in sentence for sentence in faults(desk))


@pytest.mark.parametrize("wait_s", [0.039, 0.041])
def test_the_ldo_enabled_too_early_is_said_after_the_reset_it_causes(wait_s):
    desk = Desk((("active", 0xFD, 0x01), ("bias", 0x23, 0x88), ("bias rises", "wait", wait_s)))
    desk.write(0x90, 0xA0)
    assert any("0x90" in sentence for sentence in faults(desk)) == (wait_s < 0.040)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (tuple(step for step in ALL if step[1] != "wait"), "0x63: on while VMID"),
        (POWER_UP[:2] + PLAY, "0x6D: on while VMID"),
        (without("bias and vmid"), "VMID is not up"),
        (moved("charge pump", "headphone left"), "0x6B: headphone amplifier on without the charge pump"),
        (without("dac starts"), "250 ms after the DAC"),
        (instead("pll on, input / 4", 0x88), "not for the input divider 8"),
        (instead("pll integer", 0x32), "the VCO cannot run"),
        (instead("48 kHz", 0x0A), "SR says"),
        (without("pll on, input / 4"), "SR says"),
        (instead("pll on, input / 4", 0xC4), "SRM is for"),
    ],
)
def test_a_set_up_that_breaks_a_rule_says_which(steps, told):
    assert any(told in sentence for sentence in faults(Desk(steps))), faults(Desk(steps))


@pytest.mark.parametrize(
    ("register", "wrong", "right", "told"),
    [
        (0x23, 0x80, 0x88, "VMID"),
        (0x47, 0x71, 0xF1, "charge pump"),
        (0x26, 0x23, 0x22, "0x26: PLL setting changed"),
        (0x27, 0x04, 0x84, "0x27: PLL setting changed"),
        (0x22, 0x05, 0x0B, "0x22: rate changed"),
        (0x28, 0x85, 0x81, "0x28: port's format"),
        (0x28, 0x01, 0x81, "0x28: the clocks stop"),
        (0x29, 0xCC, 0xC8, "0x29: port's format"),
        (0x94, 0x01, 0x00, "counter runs freely"),
        (0x29, 0xD8, 0xC8, "DSP"),
        (0x6A, 0x00, 0x80, "250 ms after the DAC"),
        (0x63, 0x81, 0x80, "0x63: reserved"),
        (0xA0, 0x70, 0x71, "0xA0"),
        (0xFD, 0x00, 0x01, "250 ms after the DAC"),
    ],
)
def test_a_moments_mistake_is_remembered(register, wrong, right, told):
    desk = Desk()
    desk.write(register, wrong)
    desk.retry(register, right)
    assert any(told in sentence for sentence in faults(desk)), faults(desk)


def test_clocks_may_change_while_the_port_is_off_or_the_converters_are_muted():
    for mute in (((0x29, 0x08),), ((0x67, 0xC0), (0x68, 0xC0), (0x69, 0xC0), (0x6A, 0xC0))):
        desk = Desk()
        for register, value in (*mute, (0x22, 0x0A), (0x27, 0x04), (0x29, 0xC8)):
            desk.write(register, value)
        assert faults(desk) == []


def test_a_byte_in_a_longer_transfer_is_seen_too():
    desk = Desk()
    desk.write(0x24, 0xFA, 0x8E)
    desk.write(0x24, 0x1A)
    assert any("0x24: reserved" in sentence for sentence in faults(desk))


def test_the_port_needs_srm_to_have_locked():
    srm = (("sr", 0x22, 0x0B), ("top", 0x24, 0x0D), ("low", 0x25, 0x47), ("int", 0x26, 0x21), ("srm", 0x27, 0xC4))
    for wait_s, host_hz, told in ((0.15, 48e3, False), (0.0, 48e3, True), (0.4, 0.0, True)):
        desk = Desk((*POWER_UP, *srm, ("pll locks", "wait", wait_s), ("port", 0x29, 0xC8)), host_rate_hz=host_hz)
        assert any("SRM has locked" in sentence for sentence in faults(desk)) == told


@pytest.mark.parametrize(("wait_s", "told"), [(0.5, True), (1.0, False)])
def test_the_microphone_bias_needs_its_second_before_the_first_frame(wait_s, told):
    desk = Desk(POWER_UP + CLOCKS + (("bias", 0x62, 0x99), ("bias rises", "wait", wait_s)) + RECORD)
    desk.record(0.01)
    assert any("1 s after its bias" in sentence for sentence in faults(desk)) == told


def test_a_muted_recording_does_not_need_the_bias():
    desk = biased(Desk())
    for register in (0x67, 0x68):
        desk.write(register, 0xC0)
    desk.record(0.01)
    assert faults(desk) == []


def test_the_equaliser_at_96_khz_is_a_fault():
    desk = Desk(instead("48 kHz", 0x0F))
    assert faults(desk) == []
    desk.write(0x43, 0x88)
    assert any("equaliser" in sentence for sentence in faults(desk))


# the level control


def test_hybrid_mode_needs_a_calibration_and_another_one_after_mixin():
    assert faults(with_alc(Desk())) == []
    assert faults(with_alc(Desk(), 0x88)) == []
    desk = Desk()
    desk.write(0x2B, 0x8B)
    desk.chip.wait(0.01)
    assert any("without a calibration" in sentence for sentence in faults(desk))
    desk = with_alc(Desk())
    desk.write(0x34, 0x07)
    desk.chip.wait(0.01)
    assert any("without a calibration" in sentence for sentence in faults(desk))


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (((0x63, 0x80),), "not muted"),
        (((0x67, 0x00), (0x68, 0x00)), "no ADC"),
        (((0x2B, 0x08),), "level control is on"),
        (((0xFD, 0x00),), "without clock"),
    ],
)
def test_a_calibration_in_the_wrong_state_says_what_was_wrong(before, told):
    desk = Desk(POWER_UP + CLOCKS + RECORD)
    for register, value in ((0x63, 0xC0), (0x64, 0xC0), *before):
        desk.write(register, value)
    desk.retry(0x2B, 0x10 | (0x08 if before[0][0] == 0x2B else 0))
    desk.chip.wait(0.02)
    assert any(told in sentence for sentence in faults(desk))


def test_a_calibration_that_is_not_waited_for_is_stopped():
    desk = Desk()
    for register in (0x63, 0x64):
        desk.write(register, 0xC0)
    desk.write(0x2B, 0x10)
    desk.write(0x2B, 0x00)
    assert faults(desk) == ["0x2B: calibration stopped before bit 4 read 0"]


def test_the_figures_come_before_the_switch():
    desk = Desk()
    desk.write(0x2B, 0x88)
    desk.write(0x9A, 0x35)
    assert any("0x9A: level control switched on before" in sentence for sentence in faults(desk))
    desk = with_alc(Desk())
    desk.write(0x9A, 0x46)
    assert faults(desk) == [], "later it may be adjusted"


def test_a_window_upside_down_is_a_fault():
    desk = Desk()
    desk.write(0x9E, 0x20)
    desk.write(0x9D, 0x10)
    with_alc(desk, 0x88)
    assert faults(desk) == []
    desk.write(0x9E, 0x20)
    desk.chip.play(np.zeros((128, 2), np.int32))
    assert any("0x9D" in sentence for sentence in faults(desk))


def test_settings_that_make_no_sound_here_are_shown():
    desk = Desk()
    assert desk.state("soft_mix") == [False, False]
    assert desk.state("tone_dtmf_key") is None
    for register, value in ((0x6E, 0x98), (0xB4, 0x15), (0x27, 0x94), (0x51, 0x40)):
        desk.write(register, value)
    assert desk.state("soft_mix") == [True, False]
    assert desk.state("tone_dtmf_key") == 5
    assert desk.state("mclk_squarer")
    assert desk.state("system_controller") == [0x00, 0x40]
