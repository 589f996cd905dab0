"""The simulated SGTL5000 says when its rules were broken, also when everything is right again at the end."""

import pytest
from sgtl5000_desk import ALL, PATHS, POWER_UP, Desk, instead, moved, without

PLL = (
    ("ratio", 0x0032, 0x8312),
    ("input / 2", 0x0034, 0x0008),
    ("pll power", 0x0030, 0x45FF),
    ("48 kHz from the pll", 0x0004, 0x000B),
    ("provider, i2s, 24 bit", 0x0006, 0x0090),
)
WITH_PLL = POWER_UP + PLL + PATHS
DAP = ((0x0100, 0x0001), (0x000A, 0x0013))
AVC_ON = ((0x0126, 0x0A00), (0x0128, 0x0030), (0x012A, 0x0060), (0x0124, 0x5101))


def faults(desk):
    return desk.state("faults")


def told(desk, sentence):
    return any(sentence in each for each in faults(desk))


def ran(steps, **supplies):
    desk = Desk(steps, **supplies)
    desk.chip.wait(0.01)
    return desk


# what is right


def test_the_recommended_order_is_no_fault():
    for steps, mclk_hz in ((ALL, 12.288e6), (WITH_PLL, 24e6)):
        desk = ran(steps, mclk_hz=mclk_hz)
        desk.record(0.01)
        desk.play(0.01)
        for register, value in (*DAP, *AVC_ON):
            desk.write(register, value)
        desk.record(0.01)
        off = ((0x0124, 0x5100), (0x0024, 0x0115), (0x0002, 0x0000), (0x0004, 0x0008), (0x0030, 0x407F))
        for register, value in off:
            desk.write(register, value)
        desk.chip.wait(0.5)
        desk.write(0x0030, 0x4060)
        desk.chip.wait(0.1)
        assert faults(desk) == desk.state("reserved") == []


LINUX_CARD = (
    "0004=0008 0024=0133 0026=0008 0030=7260 0002=0000 0006=0010 000A=0010 000E=020C 0028=0000 002A=0000 002C=0000 "
    "0032=5000 0034=0000 0026=0068 0030=7260 0028=01F0 002C=0322 002E=0D0D 0028=01F1 003C=0000 0002=0060 000E=0200 "
    "0006=0000 002A=0100 002A=0000 0100=0011 0030=7268 0030=72E8 0002=0070 0030=72F9 0030=72FB ~1000 "
)


@pytest.mark.parametrize(
    ("mclk_hz", "stream"),
    [
        (12.288e6, "0006=0080 0004=0008 0006=0090 0002=0073"),
        (12.288e6, "0006=0080 0032=8000 0030=77FB 0004=0013 0006=0090 0002=0073"),
        (24.0e6, "0006=0080 0032=8312 0034=0008 0030=77FB 0004=000B 0006=0090 0002=0073"),
    ],
)
def test_what_the_linux_driver_does_is_no_fault(mclk_hz, stream):
    desk = Desk((), mclk_hz=mclk_hz, vddd_v=None)
    for word in (LINUX_CARD + (stream + " 0024=0022 ~50 0002=0070 ") * 2).split():
        desk.replay(word)
        if word.startswith("~"):
            desk.record(0.005)
    assert faults(desk) == []


@pytest.mark.parametrize(
    "name", ["pump source", "vag level, slow ramp", "256 fs of 48 kHz", "dac unmuted", "line volume"]
)
def test_independent_writes_the_other_way_round_are_no_fault(name):
    behind = ALL[next(index for index, step in enumerate(ALL) if step[0] == name) + 1][0]
    assert faults(ran(moved(name, behind))) == []


# what is wrong on the way


def test_a_fault_is_said_once_and_stays():
    desk = Desk()
    for _ in range(2):
        desk.write(0x0034, 0x0001)
        desk.write(0x0034, 0x0000)
    assert desk.state("reserved") == []
    assert faults(desk) == ["0x0034: reserved bits 0x0001 are not as reset left them"]


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (without("pump source"), "0x0026 bits 6:5"),
        (moved("pump source", "analogue blocks"), "0x0026 bits 6:5"),
        (moved("vag level, slow ramp", "analogue blocks"), "0x0028: analogue ground or its ramp changed"),
        (moved("line ground", "analogue blocks"), "0x002C: line ground changed"),
        (without("line ground"), "0x002C bits 5:0"),
        (instead("analogue blocks", 0x70FF), "0x0030 bits 13:12"),
        (without("analogue ground rises"), "headphone output unmuted while the analogue ground still rises"),
        (instead("analogue ground rises", 0.2), "line output unmuted while"),
        (moved("digital blocks", "line in, all unmuted"), "0x0002: a converter was switched"),
        (instead("256 fs of 48 kHz", 0x0004), "SYS_FS says 44100 Hz"),
    ],
)
def test_a_set_up_that_breaks_a_rule_says_which(steps, sentence):
    desk = ran(steps)
    assert told(desk, sentence), faults(desk)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (moved("48 kHz from the pll", "ratio", steps=WITH_PLL), "0x0004: PLL selected before it is powered"),
        (moved("pll power", "48 kHz from the pll", steps=WITH_PLL), "0x0004: PLL selected before it is powered"),
        (tuple(step for step in WITH_PLL if step[0] != "input / 2"), "input of 24 MHz is outside"),
        (tuple((*step[:2], 0xC312) if step[0] == "ratio" else step for step in WITH_PLL), "cannot run at 292.6 MHz"),
        (tuple(step for step in WITH_PLL if "provider" not in step[0]), "port that provides the clocks"),
    ],
)
def test_a_pll_that_was_set_up_wrong_says_how(steps, sentence):
    desk = ran(steps, mclk_hz=24e6)
    assert told(desk, sentence), faults(desk)


@pytest.mark.parametrize(
    ("register", "wrong", "right", "sentence"),
    [
        (0x0030, 0x40EF, 0x40FF, "headphone amplifier switched while the analogue ground is up"),
        (0x0030, 0x40FE, 0x40FF, "line amplifier switched while"),
        (0x0030, 0x40DF, 0x40FF, "references switched off under the headphone amplifier"),
        (0x0030, 0x40FD, 0x40FF, "0x0030: a converter was switched"),
        (0x0030, 0x48FF, 0x40FF, "charge pump runs"),
        (0x0004, 0x0018, 0x0008, "0x0004: rate changed"),
        (0x0006, 0x00B0, 0x0090, "0x0006: port's format"),
        (0x0028, 0x0001, 0x01F1, "0x0028 bits 8:4"),
        (0x002C, 0x0300, 0x0322, "line ground changed"),
        (0x002C, 0x0222, 0x0322, "0x002C bits 11:8: code 2 is reserved"),
        (0x002A, 0x0181, 0x0000, "0x002A: reserved bits 0x0080"),
        (0x000A, 0x0012, 0x0010, "0x000A bits 1:0: code 2 is reserved"),
    ],
)
def test_a_moments_mistake_is_remembered(register, wrong, right, sentence):
    desk = ran(ALL)
    assert faults(desk) == []
    desk.write(register, wrong)
    desk.write(register, right)
    assert told(desk, sentence), faults(desk)


def test_clocks_may_change_while_everything_is_muted_or_the_port_is_off():
    for muted in (((0x0024, 0x0115),), ((0x0024, 0x0115), (0x0002, 0x0070))):
        desk = ran(ALL)
        for register, value in (*muted, (0x0006, 0x00B0), (0x0004, 0x0018), (0x0004, 0x0008)):
            desk.write(register, value)
        assert faults(desk) == []


@pytest.mark.parametrize(
    ("register", "wrong", "right", "sentence"),
    [
        (0x0032, 0x8300, 0x8312, "0x0032: PLL changed"),
        (0x0034, 0x0000, 0x0008, "0x0034: PLL changed"),
        (0x0030, 0x44FF, 0x45FF, "PLL powered down while it is selected"),
    ],
)
def test_a_running_pll_is_left_alone(register, wrong, right, sentence):
    desk = ran(WITH_PLL, mclk_hz=24e6)
    desk.write(register, wrong)
    desk.write(register, right)
    assert told(desk, sentence), faults(desk)


@pytest.mark.parametrize(("off_s", "pops"), [(0.2, True), (0.5, False)])
def test_the_amplifiers_go_off_after_the_ground_has_come_down(off_s, pops):
    desk = ran(ALL)
    desk.write(0x0024, 0x0115)
    desk.write(0x0030, 0x407F)
    desk.chip.wait(off_s)
    desk.write(0x0030, 0x4060)
    assert told(desk, "amplifier switched while") == pops


def test_a_low_supply_needs_the_charge_pump_before_the_ground():
    for power, missing in ((0x40FF, True), (0x48FF, False)):
        steps = instead("analogue blocks", power)
        desk = Desk(tuple((*step[:2], 0x0041) if step[0] == "vag level, slow ramp" else step for step in steps),
                    avdd_v=1.8)  # fmt: skip
        assert told(desk, "neither supply is above 3 V") == missing


def test_a_collapsed_core_supply_is_a_fault():
    desk = Desk((), vddd_v=None)
    desk.write(0x0030, 0x4060)
    assert told(desk, "VDDD has collapsed")


def test_divided_rates_are_no_mismatch():
    desk = Desk(
        POWER_UP + tuple((*step[:2], 0x0013) if step[1] == 0x0004 else step for step in PLL) + PATHS, mclk_hz=24e6
    )
    desk.chip.wait(0.01)
    assert desk.state("capture_rate_hz") is None or not told(desk, "SYS_FS")


MUTED, UNMUTED = 0x0115, 0x0004
ADC_MUTED, OUTPUTS_MUTED = 0x0005, 0x0114


@pytest.mark.parametrize("wait_s", [0.0, 0.01])
def test_a_rate_that_does_not_fit_for_a_moment_while_nothing_is_heard_is_no_fault(wait_s):
    desk = ran(ALL)
    desk.write(0x0024, MUTED)
    desk.write(0x0004, 0x0004)
    desk.chip.wait(wait_s)
    assert told(desk, "SYS_FS"), "now it does not fit"
    desk.write(0x0004, 0x0008)
    desk.write(0x0024, UNMUTED)
    desk.chip.wait(0.01)
    assert faults(desk) == []


@pytest.mark.parametrize("heard", [UNMUTED, ADC_MUTED, OUTPUTS_MUTED])
def test_a_rate_that_does_not_fit_while_something_is_heard_stays_a_fault(heard):
    desk = ran(ALL)
    desk.write(0x0024, MUTED)
    desk.write(0x0004, 0x0004)
    desk.write(0x0024, heard)
    desk.chip.wait(0.01)
    desk.write(0x0024, MUTED)
    desk.write(0x0004, 0x0008)
    desk.chip.wait(0.01)
    assert faults(desk) == ["0x0004 bits 3:2: SYS_FS says 44100 Hz and MCLK makes 48000 Hz"]


# the level control


def test_the_avc_acts_only_in_a_path():
    desk = ran(ALL)
    desk.write(0x0124, 0x5101)
    desk.chip.wait(0.01)
    assert told(desk, "audio processor is in no path")


@pytest.mark.parametrize("order", [AVC_ON, AVC_ON[::-1]])
def test_the_avcs_figures_may_come_in_any_order(order):
    desk = ran(ALL)
    for register, value in (*DAP, *order):
        desk.write(register, value)
    desk.chip.wait(0.01)
    assert faults(desk) == []


def test_settings_that_make_no_sound_here_are_shown():
    desk = ran(ALL)
    desk.write(0x003C, 0x4446)
    state = desk.chip.state()
    assert state["bias_current"] == 1.0
    assert state["line_out_current_ma"] == 0.36
    assert state["short_detection"]
    assert state["capless"]
