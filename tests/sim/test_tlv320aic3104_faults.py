"""The simulated TLV320AIC3104 says when its rules were broken, also when everything is right again at the end."""

import pytest
from tlv320aic3104_desk import ALL, CLOCKS, PLAY, POWER_UP, RECORD, SETTLE, Desk, instead, moved, without

PLL = (
    ("p 2", 0x03, 0x92),
    ("j 8", 0x04, 0x20),
    ("d 1920, high", 0x05, 0x1E),
    ("d 1920, low", 0x06, 0x00),
    ("provider", 0x08, 0xC0),
    ("i2s, 32 bit: 64 bclk a frame", 0x09, 0x30),
)
LOCK = (("lock", "wait", 0.05),)
AGC_ON = ((0x1B, 0x50), (0x1A, 0x90))


def faults(desk):
    return desk.state("faults")


def told(desk, sentence):
    return any(sentence in each for each in faults(desk))


def linux(desk, text):
    for word in text.split():
        if word == "run":
            desk.record(0.005)
            desk.play(0.005)
        else:
            desk.replay(word)


# what is right


def test_the_recommended_order_is_no_fault():
    for desk in (Desk(), Desk(POWER_UP + PLL + LOCK + RECORD + PLAY + SETTLE, mclk_hz=24e6)):
        desk.record(0.01)
        desk.set(*AGC_ON)
        desk.record(0.01)
        desk.set((0x1A, 0x00), (0x0F, 0x10))
        desk.record(0.01)
        desk.play(0.01)
        off = ((0x2B, 0x80), (0x2C, 0x80), (0x33, 8), (0x41, 8), (0x56, 8), (0x5D, 8), (0x25, 0), (0x13, 0), (0x16, 0))
        desk.set(*off)
        assert faults(desk) == desk.state("reserved") == []


LINUX = (
    "{rate} {clock} 07={path} 08=C0 0F=20 10=20 11=0F 12=F0 13=00 16=00 2B=AF 2C=AF 2E=2F 2F=AF 33=0C 35=2F 36=AF 3A=0C "
    "3F=2F 40=AF 41=0C 46=2F 47=AF 48=0C 51=2F 52=AF 56=08 5B=2F 5C=AF 5D=08 {source} ~50 19=40 19=00 13=04 16=04 run "
    "25=C0 33=0D 3A=0D 41=0D 48=0D 56=09 5D=09 2B=2F 2C=2F run 2B=AF 2C=AF ~5000 33=0C 3A=0C 41=0C 48=0C 56=08 5D=08 "
    "25=00 13=00 16=00 "
)


@pytest.mark.parametrize(
    ("mclk_hz", "words"),
    [
        (24.576e6, {"rate": "", "clock": "03=A0", "path": "0A", "source": "65=01 05=00 06=00"}),
        (24.576e6, {"rate": "02=44", "clock": "03=A0", "path": "0A", "source": "65=01 05=00 06=00"}),
        (12.288e6, {"rate": "", "clock": "03=91 04=1C 05=36 06=B0", "path": "8A", "source": ""}),
    ],
)
def test_what_the_linux_driver_does_is_no_fault(mclk_hz, words):
    desk = Desk((), mclk_hz=mclk_hz)
    for _ in range(2):
        linux(desk, LINUX.format(**words))
        assert faults(desk) == []
        desk.write(0x01, 0x80)


@pytest.mark.parametrize("name", ["provider", "left pga 0 dB", "left dac to hplout", "hplout", "right line"])
def test_independent_writes_the_other_way_round_are_no_fault(name):
    behind = ALL[next(index for index, step in enumerate(ALL) if step[0] == name) + 1][0]
    assert faults(Desk(moved(name, behind))) == []


# what is wrong on the way


def test_a_fault_is_said_once_and_stays_until_the_chip_is_reset():
    desk = Desk()
    for _ in range(2):
        desk.set((0x15, 0x7C), (0x15, 0x78))
    assert faults(desk) == ["0x15: reserved bits 0x04 must stay 0"]
    desk.write(0x01, 0x80)
    assert faults(desk) == []


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (without("reference"), "0x13: powered sooner than 50 ms"),
        (POWER_UP[:1] + CLOCKS + PLAY[6:7], "0x33: powered sooner than 50 ms"),
        (POWER_UP + PLAY + CLOCKS + RECORD, "0x25: converter powered without a clock"),
        (without("codec on clkdiv"), "a PLL that is off"),
        (instead("q 4", 0x18), "the clock makes 64000 Hz"),
        (instead("left to left, right to right", 0x8A), "bit 7 says fs(ref) is 44100 Hz"),
        (instead("provider", 0x80), "same direction"),
        (instead("provider", 0x00, steps=instead("q 4", 0x28)), "not the 48000 Hz"),
    ],
)
def test_a_set_up_that_breaks_a_rule_says_which(steps, sentence):
    desk = Desk(steps)
    desk.chip.wait(0.01)
    assert told(desk, sentence), faults(desk)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (PLL + RECORD, "0x13: converter powered before the PLL has locked"),
        (instead("p 2", 0x91, steps=PLL) + RECORD, "input of 24 MHz"),
        (instead("j 8", 0x2C, steps=PLL) + LOCK + RECORD, "cannot run at 134.3 MHz"),
        (moved("d 1920, high", "d 1920, low", steps=PLL) + LOCK + RECORD, "D of the PLL counts"),
        (without("d 1920, low", steps=PLL) + LOCK + RECORD, "D of the PLL counts"),
    ],
)
def test_a_pll_that_was_set_up_wrong_says_how(steps, sentence):
    desk = Desk(POWER_UP + steps, mclk_hz=24e6)
    desk.chip.wait(0.01)
    assert told(desk, sentence), faults(desk)


@pytest.mark.parametrize(
    ("register", "wrong", "right", "sentence"),
    [
        (0x65, 0x00, 0x01, "0x65: clock source changed"),
        (0x03, 0x10, 0x20, "0x03: clock changed"),
        (0x66, 0x82, 0x02, "0x66: clock changed"),
        (0x02, 0x44, 0x00, "0x02: rate changed"),
        (0x07, 0x8A, 0x0A, "0x07: rate changed"),
        (0x08, 0x00, 0xC0, "0x08: interface changed"),
        (0x09, 0x20, 0x30, "0x09: interface changed"),
        (0x0A, 0x01, 0x00, "0x0A: interface changed"),
        (0x28, 0x40, 0x00, "common-mode voltage changed"),
        (0x02, 0xB0, 0x00, "0x02: code 11 in bits 7:4"),
        (0x33, 0xA9, 0x09, "0x33: code 10"),
        (0x11, 0x9F, 0xFF, "0x11: level code 9 of MIC2L"),
        (0x13, 0x07, 0x04, "0x13: code 3"),
        (0x14, 0x00, 0x78, "0x14 is 0x00: reserved"),
        (0x66, 0x00, 0x02, "must stay 2"),
        (0x65, 0x03, 0x01, "0x65: reserved bits 0x02"),
    ],
)
def test_a_moments_mistake_is_remembered(register, wrong, right, sentence):
    desk = Desk()
    desk.set((register, wrong), (register, right), wait_s=0.0)
    assert desk.state("reserved") == []
    assert told(desk, sentence), faults(desk)


def test_a_changed_pll_is_a_fault_only_where_it_is_heard():
    muted = ((0x0F, 0x80), (0x10, 0x80), (0x2B, 0x80), (0x2C, 0x80))
    for before in ((), muted):
        desk = Desk(POWER_UP + PLL + LOCK + RECORD + PLAY, mclk_hz=24e6)
        desk.set(*before, (0x04, 0x24), (0x04, 0x20))
        assert told(desk, "0x04: PLL changed") == (not before)


def test_dual_rate_needs_one_of_five_q():
    for q, mclk_hz, wrong in ((0x20, 24.576e6, False), (0x18, 18.432e6, True)):
        desk = Desk(instead("left to left, right to right", 0x6A, steps=instead("q 4", q)), mclk_hz=mclk_hz)
        desk.chip.wait(0.01)
        assert told(desk, "dual rate") == wrong


def test_both_converters_have_one_rate():
    desk = Desk()
    desk.set((0x02, 0x40), wait_s=0.01)
    assert told(desk, "ADC and DAC rates must be equal")


def test_page_1_is_left_again():
    desk = Desk()
    desk.set((0x00, 0x01), (0x00, 0x00))
    assert faults(desk) == []
    desk.set((0x00, 0x01))
    desk.write(0x00, 0x00)
    assert told(desk, "left on page 1")


@pytest.mark.parametrize(("values", "wrong"), [((0x12, 0x34), False), ((0x12,), True)])
def test_a_coefficient_is_a_pair(values, wrong):
    desk = Desk()
    desk.write(0x00, 0x01)
    desk.write(0x01, *values)
    desk.set((0x00, 0x00))
    assert told(desk, "page 1, 0x01") == wrong


# the level control


def test_an_agc_needs_a_ceiling():
    desk = Desk()
    desk.set((0x1A, 0x90))
    assert told(desk, "0x1B: the left AGC is on without a ceiling")


def test_the_ceiling_comes_before_the_switch():
    desk = Desk()
    desk.set(*reversed(AGC_ON))
    assert told(desk, "0x1B: the left AGC was switched on before")
    desk = Desk()
    desk.set(*AGC_ON)
    desk.set((0x1B, 0x40), (0x1A, 0xA0), (0x1F, 0x20), (0x1E, 0x50), (0x1D, 0x90), (0x22, 0x08), (0x67, 0x80))
    assert faults(desk) == [], "later they may be adjusted"


def test_a_gain_written_under_the_agc_is_not_heard_and_must_be_written_again():
    desk = Desk()
    desk.set(*AGC_ON)
    desk.record(0.01)
    desk.set((0x0F, 0x20))
    assert told(desk, "0x0F: gain written while the left AGC")
    desk = Desk()
    desk.set(*AGC_ON)
    desk.set((0x1A, 0x10))
    assert faults(desk) == []
    desk.record(0.01)
    assert told(desk, "0x0F: not written again after the left AGC")


def test_settings_that_make_no_sound_here_are_shown():
    desk = Desk()
    desk.set((0x08, 0xF0), (0x26, 0x04))
    state = desk.chip.state()
    assert state["clocks_kept"]
    assert state["dout_released"]
    assert state["short_circuit_protection"]


@pytest.mark.parametrize(
    ("register", "bits", "key", "shown"),
    [
        (0x13, (0x04, 0x05, 0x06), "input_soft_step_frames", ([1, 1], [2, 1], [None, 1])),
        (0x16, (0x04, 0x05, 0x06), "input_soft_step_frames", ([1, 1], [1, 2], [1, None])),
        (0x26, (0x00, 0x04, 0x02), "short_circuit_protection", (False, True, False)),
        (0x26, (0x04, 0x06, 0x02), "short_circuit_action", ("limits", "powers_down", "powers_down")),
        (0x2A, (0x00, 0x04, 0x08, 0x0C, 0xB2), "driver_ramp_step_ms", (0.0, 1.0, 2.0, 4.0, 0.0)),
    ],
)
def test_a_field_nothing_here_hears_is_shown_by_itself(register, bits, key, shown):
    desk = Desk()
    for value, expected in zip(bits, shown, strict=True):
        desk.write(register, value)
        assert desk.state(key) == expected


@pytest.mark.parametrize(("pin", "register"), [("HPLOUT", 0x33), ("HPLCOM", 0x3A), ("HPROUT", 0x41), ("HPRCOM", 0x48)])
def test_what_holds_an_idle_headphone_pin_is_shown(pin, register):
    desk = Desk(())
    assert set(desk.state("idle_drive").values()) == {"high_impedance"}
    desk.write(register, 0x09)
    shown = desk.state("idle_drive")
    assert [name for name, drive in shown.items() if drive == "common_mode"] == [pin]
    desk.write(register, 0x0D)
    assert desk.state("idle_drive")[pin] == "high_impedance"
