"""The simulated WM8960 says what its datasheet forbids, from the moment it was done until the next reset."""

import json
from pathlib import Path

import pytest
from wm8960_desk import ALL, Desk

RECORDINGS = Path(__file__).parents[2] / "hil" / "witness" / "recordings" / "wm8960.json"
PLL = (
    ("prescale, n", 0x34, 0x038),
    ("k", 0x35, 0x031),
    ("k", 0x36, 0x026),
    ("k", 0x37, 0x0E9),
    ("pll on", 0x1A, 0x001),
    0.25,
    ("from the pll", 0x04, 0x005),
)


def faults(desk):
    return desk.state("faults")


def desk_of(*steps, **board):
    """A step is register and value, perhaps after a name, or a pause in s."""
    desk = Desk((), **board)
    for step in steps:
        if isinstance(step, float):
            desk.chip.wait(step)
        else:
            desk.write(*step[-2:])
    return desk


def bring_up(*, without=(), before=None, after=None, instead=None):
    """The desk's steps with some left out, one moved before another, or others in the place of one."""
    steps = [step for step in ALL if step[0] not in without]
    if before:
        moved, place = (next(step for step in steps if step[0] == name) for name in before)
        steps.remove(moved)
        steps.insert(steps.index(place), moved)
    for name, value in (instead or {}).items():
        steps = [(step[0], step[1], value) if step[0] == name else step for step in steps]
    return Desk(tuple(steps))


# what is right


def test_the_recommended_start_and_end_leave_no_fault():
    desk = Desk()
    assert desk.lived(0.2) == []
    for write in ((0x05, 0x008), (0x31, 0x037), (0x1A, 0x000), (0x2F, 0x000), (0x1C, 0x09C), (0x19, 0x000)):
        desk.write(*write)
    desk.chip.wait(0.6)
    for _, register, value in ALL[:2]:
        desk.write(register, value)
    assert faults(desk) == []


def test_starting_from_the_pll_leaves_no_fault():
    desk = desk_of(*ALL[:2], 0.1, *ALL[3:5], *PLL, *ALL[5:12], (0x1A, 0x1F9), *ALL[13:], mclk_hz=24e6)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)
    assert desk.lived() == []


@pytest.mark.parametrize("use", sorted(json.loads(RECORDINGS.read_text())["power"]))
def test_what_the_kernel_writes_leaves_no_fault(use):
    recorded = json.loads(RECORDINGS.read_text())
    divided = "from 12288000" in use or "clocked by cpu" in use
    desk = Desk((), mclk_hz=12_288_000.0 if divided else 24e6)
    desk.replay(" ".join((recorded["probe"], recorded["card"])))
    for part in ("controls", "calls", "hw_params", "prepare"):
        desk.replay(recorded["power"][use].get(part, ""))
    if "play" in use:  # a capture alone stops DACLRC: on such a board frames follow another pin
        desk.play(0.02)
    desk.replay(recorded["power"][use].get("close", ""))
    assert faults(desk) == []


@pytest.mark.parametrize("clock", sorted(json.loads(RECORDINGS.read_text())["clocks"]))
def test_no_clock_of_the_kernel_s_is_a_fault(clock):
    recorded = json.loads(RECORDINGS.read_text())
    desk = Desk((), mclk_hz=float(clock.split()[0]))
    desk.replay(" ".join((recorded["probe"], recorded["card"])))
    if "=" in recorded["clocks"][clock]:
        desk.replay(recorded["clocks"][clock])
    assert faults(desk) == []


# what a fault is


def test_a_fault_outlives_what_caused_it_is_told_once_and_ends_with_a_reset():
    desk = Desk()
    for value in (0x000, 0x0F7, 0x077, 0x0F7):
        desk.write(0x31, value)
    assert [sentence for sentence in faults(desk) if "reserved" in sentence] == [
        "R49: reserved bits 0x13F were written away from 0x037"
    ]
    assert desk.state("reserved") == []
    desk.write(0x0F, 0)
    assert faults(desk) == []


@pytest.mark.parametrize(
    ("register", "value", "told"),
    [
        (0x12, 0x000, "R18: reserved bits"),
        (0x33, 0x000, "R51: reserved bits"),
        (0x1A, 0x1FC, "R26: reserved bits"),
        (0x04, 0x002, "SYSCLKDIV has no code 1"),
        (0x04, 0x1C0, "ADCDIV has no code 7"),
        (0x04, 0x038, "DACDIV has no code 7"),
        (0x08, 0x004, "DCLKDIV has no code 0"),
        (0x09, 0x008, "DACCOMP has no code 1"),
        (0x09, 0x002, "ADCCOMP has no code 1"),
        (0x17, 0x180, "VSEL has no code 2"),
        (0x1B, 0x006, "ADC_ALC_SR has no code 6"),
        (0x33, 0x0B0, "DCGAIN has no code 6"),
        (0x33, 0x087, "ACGAIN has no code 7"),
        (0x07, 0x04C, "no words of 32 bits"),
        (0x0E, 0x000, "no such register"),
    ],
)
def test_one_write_of_a_wrong_code_is_remembered(register, value, told):
    desk = Desk()
    desk.write(register, value)
    assert any(told in sentence for sentence in faults(desk))


# references


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"without": ("anti-pop on",)}, "switched on without POBCTRL, BUFDCOPEN, BUFIOEN, SOFT_ST"),
        ({"before": ("vmid", "anti-pop on")}, "switched on without POBCTRL"),
        ({"instead": {"anti-pop on": 0x098}}, "switched on without SOFT_ST"),
        ({"without": ("vmid charges",)}, "VREF was switched on before VMID had charged"),
        ({"instead": {"vmid charges": 0.05}}, "VREF was switched on before VMID had charged"),
        ({"before": ("vref and inputs", "vmid")}, "VREF was switched on before VMID had charged"),
        ({"before": ("anti-pop off", "vref and inputs")}, "start-up bias was switched off before VREF"),
        ({"without": ("anti-pop off",)}, "unmuted with POBCTRL, BUFDCOPEN, SOFT_ST"),
        ({"before": ("dac unmuted", "anti-pop off"), "without": ()}, "powered that is not muted"),
        ({"before": ("dac unmuted", "dacs and amplifiers")}, "powered that is not muted"),
        ({"before": ("class-d", "dacs and amplifiers")}, "SPK_OP_EN was set before SPKL"),
        ({"instead": {"vref and inputs": 0x17E}}, "plays on VMID's standby divider"),
        ({"instead": {"vref and inputs": 0x1FE}}, "records on VMID's fast start divider"),
    ],
)
def test_the_start_has_an_order(change, told):
    assert any(told in sentence for sentence in bring_up(**change).lived())


def test_outputs_need_the_references_unless_they_have_the_start_up_bias():
    early = [(0x1A, 0x060), *ALL[:3]]
    assert [sentence.split(" was")[0] for sentence in faults(desk_of(*early[:1]))] == ["R26: LOUT1", "R26: ROUT1"]
    assert faults(desk_of(ALL[0], (0x1A, 0x060), ALL[1], 0.1, *ALL[3:5])) == []
    assert "R49: the class-D outputs were switched on before VMID and VREF were up: they pop" in faults(
        desk_of((0x1A, 0x018), (0x31, 0x0F7))
    )


@pytest.mark.parametrize(("off_s", "told"), [(0.1, True), (0.3, True), (0.6, False)])
def test_vmid_must_be_empty_before_it_comes_back(off_s, told):
    desk = desk_of(*ALL[:2], 0.1, (0x19, 0x000), off_s, ALL[1])
    assert any("before its capacitor was empty" in sentence for sentence in faults(desk)) == told


@pytest.mark.parametrize(
    ("writes", "told"),
    [
        (((0x19, 0x000),), "off without POBCTRL"),
        (((0x1C, 0x09C), (0x19, 0x000)), "off while a DAC sounds"),
        (((0x05, 0x008), (0x1C, 0x09C), (0x19, 0x000)), "off under the class-D outputs"),
        (((0x1D, 0x040),), "DISOP discharges"),
        (((0x19, 0x0FF),), "MCLK was switched off"),
    ],
)
def test_the_end_has_an_order_too(writes, told):
    desk = Desk()
    for write in writes:
        desk.write(*write)
    assert any(told in sentence for sentence in faults(desk))


# clocks


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((*PLL[:5], PLL[6]), "before it had locked"),
        ((*PLL[:5], 0.2, PLL[6]), "before it had locked"),
        ((*PLL[:4], PLL[6], PLL[4]), "a PLL that is off"),
        ((*PLL[:3], PLL[4], PLL[5], (0x37, 0x0E8)), "R55: the PLL was changed while it is on"),
        ((PLL[4], (0x34, 0x038)), "R52: the PLL was changed while it is on"),
        ((*PLL, (0x1A, 0x000)), "switched off while CLKSEL"),
        (((0x34, 0x035), PLL[4]), "PLLN must be 6 to 12"),
    ],
)
def test_the_pll_is_set_while_off_and_awaited(steps, told):
    assert any(told in sentence for sentence in faults(desk_of(*steps, mclk_hz=24e6)))


def test_the_pll_s_other_field_may_change_at_any_time():
    assert faults(desk_of(*PLL, (0x34, 0x0B8), mclk_hz=24e6)) == []


def test_the_dac_is_unmuted_last_and_muted_for_a_new_rate():
    desk = Desk()
    desk.write(0x04, 0x008)
    assert any("changed while it sounds" in sentence for sentence in faults(desk))
    muted = Desk()
    for register, value in ((0x05, 0x008), (0x04, 0x008), (0x05, 0x000)):
        muted.write(register, value)
    assert faults(muted) == []


def test_the_dac_is_not_unmuted_without_a_clock():
    desk = Desk(tuple(step for step in ALL if step[0] != "dac unmuted"), mclk_hz=0.0)
    desk.write(0x05, 0x000)
    assert "R5: the DAC was unmuted while no clock runs" in faults(desk)


@pytest.mark.parametrize(
    ("writes", "stopped"),
    [
        (((0x1A, 0x078),), True),
        (((0x1A, 0x078), (0x18, 0x004)), False),
        (((0x07, 0x00A), (0x1A, 0x078)), False),  # a consumer needs none
        (((0x1A, 0x0F8),), False),  # one DAC is enough
    ],
)
def test_recording_alone_needs_lrcm_to_keep_the_frame_clock(writes, stopped):
    desk = Desk()
    for write in writes:
        desk.write(*write)
    desk.record(0.01)
    assert any("DACLRC stands still" in sentence for sentence in faults(desk)) == stopped
    if stopped:
        assert desk.chip.frame_rate_hz is None
        assert desk.state("frame_clocks") == {"DACLRC": False, "ADCLRC": True}


@pytest.mark.parametrize(("code", "told"), [(4, False), (7, True)])
def test_a_frame_must_hold_its_words(code, told):
    desk = Desk()
    desk.write(0x08, 0x1C0 | code)
    assert any("do not carry two words of 24 bits" in sentence for sentence in desk.lived()) == told


def test_loopback_needs_one_rate():
    desk = Desk()
    for write in ((0x09, 0x001), (0x04, 0x040)):
        desk.write(*write)
    assert any("LOOPBACK needs one rate" in sentence for sentence in desk.lived())


# class d


@pytest.mark.parametrize(
    ("writes", "told"),
    [
        (((0x08, 0x184),), "DCLKDIV was changed"),
        (((0x31, 0x037), (0x08, 0x184), (0x31, 0x0F7)), "clock is 1024 kHz"),
        (((0x31, 0x037), (0x04, 0x004), (0x31, 0x0F7)), "clock is 384 kHz"),
        (((0x04, 0x001),), "are on and have no clock"),
    ],
)
def test_the_class_d_outputs_want_one_clock_of_700_to_800_khz(writes, told):
    desk = Desk()
    for write in writes:
        desk.write(*write)
    assert any(told in sentence for sentence in faults(desk))


# level control


def alc_on(*writes):
    desk = Desk()
    for write in ((0x12, 0x105), (0x13, 0x052), (0x14, 0x0C9), (0x1B, 0x000), (0x11, 0x1D7), *writes):
        desk.write(*write)
    return desk


@pytest.mark.parametrize(
    ("writes", "told"),
    [
        ((), None),
        (((0x00, 0x127),), "R0: a gain was written"),
        (((0x00, 0x197), (0x00, 0x117)), None),  # a mute, and back
        (((0x11, 0x07B), (0x00, 0x127)), None),
        (((0x11, 0x0D7), (0x00, 0x127)), None),  # it drives the right channel only
        (((0x13, 0x042),), "R19: the level control was on before its figures"),
        (((0x14, 0x000),), "R20: the level control was on before its figures"),
        (((0x12, 0x115),), "R18: the level control was on before its figures"),
        (((0x1B, 0x003),), "runs at 48000 Hz, ADC_ALC_SR says 16000 Hz"),
        (((0x05, 0x008), (0x04, 0x0D8)), "runs at 16000 Hz, ADC_ALC_SR says 48000 Hz"),
        (((0x05, 0x008), (0x04, 0x0D8), (0x1B, 0x003)), None),
    ],
)
def test_the_level_control_has_its_figures_first_and_its_gain_to_itself(writes, told):
    sentences = alc_on(*writes).lived()
    assert any(told in sentence for sentence in sentences) if told else sentences == []


# volumes


def test_a_volume_waits_for_its_update_bit_no_longer_than_its_pair_takes():
    desk = Desk()
    desk.write(0x02, 0x06F)
    desk.play(0.05)
    assert faults(desk) == []
    desk.play(0.1)
    assert faults(desk) == ["R2: a volume was written and its update bit never came"]


# what supports the sound


def test_standby_silences_the_headphones():
    desk = Desk()
    desk.write(0x1C, 0x009)
    assert not desk.play(0.01)["HP_L"].any()
    assert desk.state("headphone_db") == [None, None]


@pytest.mark.parametrize(
    ("register", "value", "key", "expected"),
    [
        (0x33, 0x0A0, "speaker_dc_boost_db", 4.5),
        (0x06, 0x002, "dac_filter", "sloping"),
        (0x1B, 0x040, "idle_output_ohm", 20_000),
        (0x1D, 0x030, "headphone_discharge_ohm", None),
        (0x1D, 0x060, "headphone_discharge_ohm", 600),
        (0x17, 0x0C0, "thermal_shutdown", False),
        (0x30, 0x000, "thermal_shutdown", False),
        (0x17, 0x140, "bias", "2.7 V"),
        (0x1C, 0x014, "anti_pop", ["BUFDCOPEN", "SOFT_ST"]),
        (0x19, 0x17E, "vmid_divider", "2x250k"),
        (0x09, 0x040, "frame_clocks", {"DACLRC": True, "ADCLRC": False}),
    ],
)
def test_state_names_what_supports_the_sound(register, value, key, expected):
    desk = Desk()
    before = desk.state(key)
    desk.write(register, value)
    assert desk.state(key) == expected
    assert before != expected or expected is None


def test_the_zero_cross_time_out_is_told_in_milliseconds():
    desk = Desk()
    assert desk.state("zero_cross_timeout_ms") is None
    desk.write(0x17, 0x1C3)
    assert desk.state("zero_cross_timeout_ms") == pytest.approx(2**19 / 12_288, rel=1e-6)
