"""The simulated WM8731 says what its datasheet forbids, from the moment it was done until the next reset."""

import json
from pathlib import Path

import pytest
from wm8731_desk import ALL, Desk, instead, without

RECORDINGS = Path(__file__).parents[2] / "hil" / "witness" / "recordings" / "wm8731.json"


def swapped(first, second):
    steps = list(ALL)
    a, b = (next(index for index, step in enumerate(steps) if step[0] == name) for name in (first, second))
    steps[a], steps[b] = steps[b], steps[a]
    return tuple(steps)


def after(*writes, desk=None):
    desk = desk or Desk()
    for register, value in writes:
        desk.write(register, value)
    return desk


def test_the_recommended_start_and_end_leave_no_fault():
    desk = Desk()
    assert desk.lived() == []
    assert after((0x05, 0x008), (0x06, 0x050), (0x09, 0x000), (0x06, 0x0FF), desk=desk).state("faults") == []


def test_a_new_rate_while_inactive_and_muted_is_no_fault():
    writes = ((0x05, 0x008), (0x09, 0x000), (0x08, 0x019), (0x09, 0x001), (0x05, 0x000))
    assert after(*writes).lived() == []


def test_unmuting_has_no_place_of_its_own_before_the_outputs():
    assert Desk(swapped("outputs", "dac unmuted")).lived() == []


@pytest.mark.parametrize("use", sorted(json.loads(RECORDINGS.read_text())["power"]))
def test_what_the_kernel_writes_leaves_no_fault(use):
    recorded = json.loads(RECORDINGS.read_text())
    desk = Desk((), mclk_hz=12.288e6, crystal="crystal" in use)
    desk.replay(" ".join((recorded["probe"], recorded["card"], "~1000")))
    parts = recorded["power"][use]
    desk.replay(" ".join(parts.get(part, "") for part in ("controls", "calls", "hw_params", "prepare")))
    if not parts.get("refused"):
        desk.lived()
    desk.replay(parts.get("close", ""))
    assert desk.state("faults") == []


def test_a_fault_outlives_what_caused_it_is_told_once_and_ends_with_a_reset():
    desk = after((0x09, 0x003), (0x09, 0x001), (0x09, 0x003), (0x09, 0x001))
    assert desk.state("reserved") == []
    assert desk.state("faults") == ["09: reserved bits 0x002 were set, which must be 0"]
    desk.write(0x0F, 0x000)
    assert desk.state("faults") == []


@pytest.mark.parametrize(
    ("desk", "told"),
    [
        (lambda: Desk(without("vmid charges")), "before VMID had charged"),
        (lambda: Desk(instead("vmid charges", 0.03)), "before VMID had charged"),
        (lambda: Desk(instead("all but outputs and clkout", 0x040)), "before VMID had charged"),
        (lambda: Desk(swapped("active", "outputs")), "06: the outputs were switched on before ACTIVE"),
        (lambda: Desk(without("active")), "06: the outputs were switched on before ACTIVE"),
        (lambda: Desk(swapped("active", "48 kHz in usb mode")), "08: it was changed while ACTIVE"),
        (lambda: Desk(swapped("active", "provider, i2s, 24 bit")), "07: it was changed while ACTIVE"),
        (lambda: after((0x08, 0x019)), "08: it was changed while ACTIVE"),
        (lambda: after((0x09, 0), (0x08, 0x011), (0x09, 1)), "no rate has SR, BOSR and USB 0x11"),
        (lambda: after((0x09, 0), (0x08, 0x003), (0x09, 1)), "no rate has SR, BOSR and USB 0x03"),
        (lambda: after((0x09, 0)), "ACTIVE was moved while the DAC is heard"),
        (lambda: after((0x06, 0x0C0)), "POWEROFF came before OUTPD"),
        (lambda: after((0x06, 0x070)), "the crystal was stopped"),
        (lambda: after((0x06, 0x070)), "a converter has power and no clock"),
        (lambda: after((0x09, 0), (0x07, 0x04C)), "no words of 32 bits"),
        (lambda: after((0x04, 0x112)), "04: reserved bits 0x100"),
        (lambda: after((0x0A, 0x000)), "0A: there is no such register"),
        (lambda: after((0x0F, 0x01F)), "0x01F is no reset"),
        (lambda: Desk(instead("provider, i2s, 24 bit", 0x00A), host_rate_hz=44_100.0), "the host at 44100 Hz"),
    ],
)
def test_the_datasheet_s_order_is_kept_or_said_to_be_broken(desk, told):
    assert any(told in sentence for sentence in desk().lived())


@pytest.mark.parametrize(
    "desk",
    [
        lambda: after((0x09, 0), desk=Desk(instead("dac unmuted", 0x008))),
        lambda: after((0x06, 0x060), desk=Desk(crystal=False)),
        lambda: after((0x07, 0x04A), (0x08, 0x001)),
        lambda: Desk((*without("active")[:-3], ("bypass", 0x04, 0x00A), ("outputs", 0x06, 0x048))),
    ],
    ids=["inactive while muted", "a clock that OSCPD does not stop", "the same again", "a bypass needs no ACTIVE"],
)
def test_what_only_looks_wrong_is_no_fault(desk):
    assert desk().state("faults") == []
