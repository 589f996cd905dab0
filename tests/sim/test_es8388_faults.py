"""The simulated ES8388 says what its guide and its vendor warn of, from the moment it was done until the next reset."""

import json
from pathlib import Path

import pytest
from es8388_desk import ALL, Desk, instead, without

RECORDINGS = Path(__file__).parents[2] / "hil" / "witness" / "recordings" / "es8388.json"
POWER = json.loads(RECORDINGS.read_text())["power"]


def moved(name, before):
    steps = list(ALL)
    step = next(step for step in steps if step[0] == name)
    steps.remove(step)
    steps.insert(next(index for index, other in enumerate(steps) if other[0] == before), step)
    return tuple(steps)


def after(*writes, desk=None):
    desk = desk or Desk()
    for register, value in writes:
        desk.write(register, value)
    return desk


def faults(desk):
    return desk.state("faults")


def test_the_recommended_start_and_end_leave_no_fault():
    desk = Desk()
    assert desk.lived(0.2) == []
    writes = ((0x19, 0x04), (0x04, 0xC0), (0x03, 0xFC), (0x02, 0xFF), (0x01, 0xC8), (0x00, 0x04))
    assert faults(after(*writes, desk=desk)) == []


@pytest.mark.parametrize("use", sorted(use for use in POWER if "refused" not in POWER[use] and "cpu" not in use))
def test_what_the_kernel_writes_leaves_no_fault(use):
    recorded = json.loads(RECORDINGS.read_text())
    desk = Desk(())
    desk.replay(" ".join((recorded["probe"], recorded["card"])))
    desk.replay(" ".join(POWER[use].get(part, "") for part in ("controls", "calls", "hw_params", "prepare")))
    desk.lived(0.2)
    desk.replay(POWER[use].get("close", ""))
    assert faults(desk) == []


def test_a_fault_outlives_what_caused_it_is_told_once_and_ends_with_a_reset():
    desk = after((0x2E, 0x3F), (0x2E, 0x1E), (0x2E, 0x3F), (0x2E, 0x1E))
    assert desk.state("reserved") == []
    assert faults(desk) == ["0x2E [5:0] was 63: output volume ends at 0x21"]
    assert faults(after((0x00, 0x80), (0x00, 0x05), desk=desk)) == []


@pytest.mark.parametrize(
    ("desk", "told"),
    [
        (lambda: after((0x18, 0x42)), "0x18: bits 0x40 mean nothing"),
        (lambda: after((0x17, 0x01)), "0x17: bits 0x01 mean nothing"),
        (lambda: after((0x0D, 0x1F)), "no such ADC clock ratio"),
        (lambda: after((0x07, 0x3C)), "analogue voltage selection"),
        (lambda: after((0x40, 0x00)), "0x40: there is no such register"),
        (lambda: after((0x37, 0xD0)), "0x37: it is locked without 0xA0 in 0x35"),
        (lambda: after((0x00, 0x80), (0x08, 0x00)), "0x08: it was written while 0x00 holds the chip in reset"),
        (lambda: Desk(without("vmid charges")), "LOUT1 was powered before VMID had charged"),
        (lambda: Desk(instead("vmid charges", 0.01)), "ROUT2 was powered before VMID had charged"),
        (lambda: Desk(moved("dacs and outputs", "analogue on")), "LOUT1 was powered before VMID had charged"),
        (lambda: Desk(instead("vmid 5k", 0x06)), "LOUT1 was powered before VMID had charged"),
        (lambda: after((0x00, 0x14)), "VMID was switched off under outputs that are on"),
        (lambda: after((0x01, 0x08)), "analogue part was switched off under outputs that are on"),
        (lambda: after((0x02, 0x10)), "the DAC was stopped while it is heard"),
        (lambda: after((0x02, 0x40)), "the DAC was stopped while it is heard"),
        (lambda: after((0x04, 0xFC)), "a DAC lost its power while it is heard"),
        (lambda: Desk(moved("dac unmuted", "state machines running")), "unmuted while it does not run"),
        (lambda: Desk(moved("dac unmuted", "state machines in reset")), "unmuted before the restart that"),
        (lambda: Desk(without("state machines running")), "unmuted while it does not run"),
        (lambda: Desk(instead("dac ratio 256", 0x03)), "a DAC has power and no clock that fits"),
        (lambda: Desk(instead("adc ratio 256", 0x03)), "an ADC has power and no clock that fits"),
        (lambda: Desk(without("shared lrck")), "an ADC has power and no clock that fits"),
        (lambda: Desk(instead("consumer", 0x80), mclk_hz=24e6), "cannot provide clocks from 24 MHz"),
        (lambda: after((0x12, 0xEA), (0x09, 0x44)), "a gain was written while the level control drives it"),
    ],
)
def test_what_the_guide_warns_of_is_said(desk, told):
    assert any(told in sentence for sentence in desk().lived())


def test_8_khz_needs_both_dlls_bypassed():
    steps = tuple((name, register, 0x0A if register in (0x0D, 0x18) else value) for name, register, value in ALL)
    assert sorted(Desk(steps, host_rate_hz=8000.0).lived()) == [
        "0x37: an ADC at 8 kHz needs its DLL bypassed",
        "0x39: a DAC at 8 kHz needs its DLL bypassed",
    ]
    bypass = (("unlock", 0x35, 0xA0), ("adc dll", 0x37, 0xD0), ("dac dll", 0x39, 0xD0))
    assert Desk((*bypass, *steps), host_rate_hz=8000.0).lived() == []


def test_a_route_waits_for_a_restart_no_longer_than_a_host_takes():
    desk = after((0x27, 0x10))
    desk.play(0.05)
    assert faults(desk) == []
    desk.play(0.1)
    assert faults(desk) == ["0x27: it was changed and the state machines were not restarted"]


def test_a_muted_dac_may_be_restarted_and_a_level_control_leaves_the_other_gain_alone():
    assert faults(after((0x19, 0x04), (0x02, 0xF0), (0x02, 0x00), (0x19, 0x00))) == []
    assert faults(after((0x12, 0xAA), (0x09, 0x04), (0x12, 0x2A), (0x09, 0x44))) == []


@pytest.mark.parametrize(
    ("register", "value", "key", "expected"),
    [
        (0x00, 0x16, "vmid_divider", "500k"),
        (0x01, 0x80, "thermal_shutdown", True),
        (0x01, 0x40, "overcurrent_shutdown", True),
        (0x01, 0x32, "low_power", ["VCM", "VREFBUF", "VREF"]),
        (0x03, 0x03, "low_power", ["flash", "int1"]),
        (0x19, 0x10, "dac_zero_cross", True),
        (0x1C, 0x00, "dac_click_free", False),
    ],
)
def test_state_names_what_supports_the_sound(register, value, key, expected):
    desk = Desk()
    assert desk.state(key) != expected
    desk.write(register, value)
    assert desk.state(key) == expected
