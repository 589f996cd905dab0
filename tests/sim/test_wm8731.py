"""The simulated WM8731 against closed forms and the datasheet's traps: bus, power, record and playback paths."""

import errno

import numpy as np
import pytest
from desk import PERIOD, dbfs, dbv, vrms
from wm8731_desk import MIC_DB, OUTPUTS, Desk, instead, without

from hil.sim.wm8731 import Wm8731

# the control port


@pytest.mark.parametrize(
    ("address", "data"),
    [
        (0x1B, b"\x1e\x00"),  # CSB is low
        (0x1A, b"\x1e"),  # half a transfer
        (0x1A, b"\x1e\x00\x00"),  # no auto-increment
        (0x1A, b""),  # a bare address probe carries no register
    ],
)
def test_the_chip_does_not_acknowledge_what_is_not_two_bytes_for_it(address, data):
    with pytest.raises(OSError, match="no acknowledge") as refused:
        Wm8731().write(address, data)
    assert refused.value.errno == errno.EREMOTEIO


def test_the_chip_cannot_be_read():
    with pytest.raises(OSError, match="read") as refused:
        Wm8731().read(0x1A, 1)
    assert refused.value.errno == errno.EREMOTEIO


def test_the_csb_pin_moves_the_chip_to_its_other_address():
    chip = Wm8731(address=0x1B)
    chip.write(0x1B, b"\x0c\x00")
    with pytest.raises(OSError, match="0x1A"):
        chip.write(0x1A, b"\x0c\x00")
    with pytest.raises(ValueError, match="0x1A or 0x1B"):
        Wm8731(address=0x1C)


@pytest.mark.parametrize("register", [0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x10, 0x19, 0x7F])
def test_an_undefined_register_is_acknowledged_and_changes_nothing(register):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, 0x1FF)
    assert desk.chip.state() == before | {"faults": [f"{register:02X}: there is no such register"]}


def test_a_reset_silences_everything_that_was_playing():
    desk = Desk()
    assert vrms(desk.play(0.05)["LHPOUT"]) > 0.9
    desk.write(0x0F, 0)
    assert all(vrms(volts) == 0.0 for volts in desk.play(0.05).values())
    assert desk.chip.frame_rate_hz is None
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}


def test_only_zero_in_the_reset_register_resets():
    desk = Desk()
    before = desk.chip.state()
    desk.write(0x0F, 0x001)
    assert desk.chip.state() == before | {"faults": ["0F: 0x001 is no reset, only 0 is"]}


def test_the_chip_resets_muted_unpowered_with_the_bypass_closed_and_as_a_24_bit_i2s_consumer():
    state = Wm8731().state()
    assert state["interface"] == {"format": "i2s", "word_bits": 24, "provider": False}
    assert state["high_pass"]
    assert state["input_gain_db"] == state["adc_gain_db"] == state["dac_gain_db"] == [None, None]
    assert state["inputs"] == [["LLINEIN"], ["RLINEIN"]]
    assert state["outputs"] == dict.fromkeys(OUTPUTS)
    assert not state["analogue_up"]
    assert not state["sidetone"]  # bypass is closed, but nothing is powered
    assert state["reserved"] == []


@pytest.mark.parametrize(
    ("register", "value"),
    [(0, 0x057), (1, 0x037), (4, 0x112), (5, 0x020), (6, 0x140), (7, 0x14A), (8, 0x101), (9, 0x003)],
)
def test_reserved_bits_that_are_set_are_named(register, value):
    desk = Desk()
    assert desk.state("reserved") == []
    desk.write(register, value)
    (sentence,) = desk.state("reserved")
    assert f"0x{register:02X}" in sentence


@pytest.mark.parametrize("register", [0x02, 0x03])
def test_a_bit_that_loads_both_sides_is_not_reserved_and_not_remembered(register):
    desk = Desk()
    desk.write(register, 0x16F)
    desk.write(register, 0x079)
    gains = {register: 0.0, register ^ 1: -10.0}
    assert desk.state("headphone_db") == [gains[0x02], gains[0x03]]
    assert desk.state("reserved") == []


# what reset leaves undone


@pytest.mark.parametrize(
    "step",
    [
        "active",
        "line to adc, dac to mixer",  # DACSEL resets to 0
        "outputs",
        "dac unmuted",  # DACMU resets to 1
    ],
)
def test_the_headphone_is_silent_without(step):
    assert vrms(Desk(without(step)).play(0.05)["LHPOUT"]) == 0.0


@pytest.mark.parametrize("step", ["left line 0 dB", "active"])  # LINMUTE resets to 1
def test_the_left_line_is_silent_without(step):
    assert dbfs(Desk(without(step)).record(0.2, rms_v=0.1)[4800:, 0]) < -80


def test_nothing_at_all_comes_from_a_chip_that_was_only_made_active():
    desk = Desk((("provider", 0x07, 0x04A), ("usb", 0x08, 0x001), ("active", 0x09, 0x001)))
    assert desk.chip.frame_rate_hz is None
    assert np.all(desk.record(0.05, rms_v=0.5) == 0.0)
    assert all(np.all(volts == 0.0) for volts in desk.play(0.05).values())


# what the kernel's driver writes (as recorded from it)

PROBE = "1e00 0c7f 0802 0e02 0802 0c7f 0e02 0c7f 0c7d"
PLAY_48K = "0812 0e42 1000 0e42 0c5d 1201 0c55 0c45 0a00"  # the driver was told of a crystal
PLAY_48K_MCLK = "0812 0e42 1000 0e42 1201 0c75 0c65 0a00"  # of a clock at the MCLK pin: OSCPD stays 1
RECORD_MIC_48K = "0806 0804 0805 0e42 1000 0e42 1201 0c79"


def driven(writes, pause_s=0.1, **board):
    desk = Desk((), mclk_hz=12.288e6, **board)
    for part in (PROBE, writes):
        for word in part.split():
            desk.chip.write(0x1A, bytes.fromhex(word))
        desk.chip.wait(pause_s if part is PROBE else 0.0)
    return desk


@pytest.mark.parametrize(("writes", "crystal"), [(PLAY_48K, True), (PLAY_48K_MCLK, False)])
def test_the_writes_of_the_kernels_driver_play(writes, crystal):
    desk = driven(writes, crystal=crystal)
    assert desk.chip.frame_rate_hz == 48_000
    assert desk.state("reserved") == []
    assert vrms(desk.play(0.05)["LHPOUT"]) == pytest.approx(1.0, rel=0.01)


def test_a_driver_that_was_not_told_of_the_crystal_switches_it_off():
    assert driven(PLAY_48K_MCLK, crystal=True).chip.frame_rate_hz is None


def test_a_driver_that_plays_at_once_after_its_probe_thumps():
    assert np.max(np.abs(driven(PLAY_48K, pause_s=0.001).play(0.05, dbfs=-200)["LOUT"])) > 0.5


def test_the_writes_of_the_kernels_driver_record_the_microphone():
    desk = driven(RECORD_MIC_48K, crystal=False)
    assert desk.chip.mic_bias_v["MICBIAS"] == pytest.approx(2.475)
    frames = desk.record(0.2, rms_v=0.003, pins=("MICIN",))[4800:]
    assert dbfs(frames[:, 0]) == pytest.approx(20 * np.log10(0.003) + MIC_DB + 20, abs=0.1)


def test_the_drivers_writes_play_nothing_without_the_output_mixers_switch():
    desk = driven(PLAY_48K.removeprefix("0812 "))
    assert vrms(desk.play(0.05)["LHPOUT"]) == 0.0


@pytest.mark.parametrize(
    ("bit", "recorded", "bypassed", "played"),
    [
        (0, False, False, True),  # LINEINPD
        (1, True, True, True),  # MICPD
        (2, False, True, True),  # ADCPD
        (3, True, True, False),  # DACPD
        (4, True, False, False),  # OUTPD
        (5, False, True, False),  # OSCPD, and there is a crystal
        (6, True, True, True),  # CLKOUTPD
        (7, False, False, False),  # POWEROFF
    ],
)
def test_a_one_in_the_power_down_register_switches_its_block_off(bit, recorded, bypassed, played):
    desk = Desk(instead("line to adc, dac to mixer", 0x01A))
    desk.write(0x06, 1 << bit)
    assert (dbfs(desk.record(0.2, rms_v=0.1)[4800:, 0]) > -30) == recorded
    desk.write(0x04, 0x00A)
    assert (vrms(desk.heard(0.1, ("LLINEIN",))["LOUT"]) > 0.05) == bypassed
    desk.write(0x04, 0x012)
    assert (vrms(desk.play(0.05)["LOUT"]) > 0.5) == played


def test_the_microphones_bias_and_its_amplifier_share_one_bit():
    desk = Desk()
    desk.write(0x04, 0x014)
    assert desk.chip.mic_bias_v == {"MICBIAS": pytest.approx(0.75 * 3.3)}
    assert dbfs(desk.record(0.2, rms_v=0.1, pins=("MICIN",))[4800:, 0]) > -10
    desk.write(0x06, 0x042)
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}
    assert dbfs(desk.record(0.4, rms_v=0.1, pins=("MICIN",))[9600:, 0]) < -80
    assert desk.state("input_gain_db") == [None, None]


def test_the_bias_follows_the_reference():
    chip = Wm8731(avdd_v=3.0)
    chip.write(0x1A, bytes((0x0C, 0x7D)))
    assert chip.mic_bias_v["MICBIAS"] == 0.0
    chip.wait(0.010)
    assert 0.2 < chip.mic_bias_v["MICBIAS"] / 2.25 < 0.8
    chip.wait(0.070)
    assert chip.mic_bias_v["MICBIAS"] == pytest.approx(2.25)


@pytest.mark.parametrize(("charge_s", "thumps"), [(0.01, True), (0.05, True), (0.072, False), (0.2, False)])
def test_outputs_on_before_the_reference_has_charged_thump_all_four(charge_s, thumps):
    steps = instead("vmid charges", charge_s)
    out = Desk(steps).play(0.05, dbfs=-200)
    assert all((np.max(np.abs(out[pin])) > 0.01) == thumps for pin in OUTPUTS)


def test_a_capture_before_the_reference_has_charged_begins_with_a_jump():
    steps = instead("vmid charges", 0.005)
    assert np.max(np.abs(Desk(steps).record(0.05)[:PERIOD])) > 0.3
    assert np.max(np.abs(Desk().record(0.05))) < 0.01


def test_a_powered_off_chip_loses_its_reference():
    desk = Desk()
    assert desk.state("analogue_up")
    desk.write(0x06, 0x0C0)
    desk.chip.wait(3.0)
    desk.write(0x06, 0x040)
    assert not desk.state("analogue_up")
    desk.chip.wait(0.08)
    assert desk.state("analogue_up")


# playback


def test_a_full_scale_sine_is_one_volt_at_line_and_headphone_outputs():
    out = Desk().play(0.1)
    for pin in OUTPUTS:
        assert vrms(out[pin]) == pytest.approx(1.0, rel=1e-3)


def test_levels_follow_the_supply():
    out = Desk(avdd_v=2.7).play(0.1)
    assert vrms(out["LOUT"]) == pytest.approx(2.7 / 3.3, rel=1e-3)


def test_each_headphone_code_is_a_decibel_and_the_lowest_48_mute():
    desk = Desk()
    for code in range(128):
        desk.write(0x02, code)
        expected = None if code < 48 else code - 121
        assert desk.state("headphone_db") == [expected, 0.0]
        assert desk.state("outputs")["LHPOUT"] == expected
        level = dbv(desk.play(0.008, dbfs=-12, hz=3000.0)["LHPOUT"])
        assert level == pytest.approx(-240 if expected is None else expected - 12, abs=0.05)


def test_line_outputs_do_not_follow_the_headphone_volume():
    desk = Desk()
    desk.write(0x02, 0x100)
    out = desk.play(0.05)
    assert vrms(out["LHPOUT"]) == vrms(out["RHPOUT"]) == 0.0
    assert vrms(out["LOUT"]) == pytest.approx(1.0, rel=0.01)
    assert desk.state("outputs") == {"LHPOUT": None, "RHPOUT": None, "LOUT": 0.0, "ROUT": 0.0}


def test_the_headphone_clips_at_its_supply():
    desk = Desk()
    desk.write(0x02, 0x17F)
    assert np.max(desk.play(0.05)["LHPOUT"]) == pytest.approx(0.95 * 3.3 / 2)


@pytest.mark.parametrize(("register", "moved"), [(0x02, "LHPOUT"), (0x03, "RHPOUT")])
def test_a_headphone_volume_moves_its_side_at_once_and_both_with_the_both_bit(register, moved):
    desk = Desk()
    desk.write(register, 0x06F)
    out = desk.play(0.1)
    for pin in ("LHPOUT", "RHPOUT"):
        assert dbv(out[pin]) == pytest.approx(-10 if pin == moved else 0, abs=0.02)
    desk.write(register, 0x165)
    out = desk.play(0.1)
    for pin in ("LHPOUT", "RHPOUT"):
        assert dbv(out[pin]) == pytest.approx(-20, abs=0.02)


def test_a_zero_cross_volume_changes_where_the_signal_is_nothing():
    desk = Desk()
    desk.write(0x02, 0x1F3)  # both sides, with the zero-cross bit
    out = desk.play(0.02, hz=100.0)
    biggest_step = 1.414 * 2 * np.pi * 100 / 48_000
    for pin in ("LHPOUT", "RHPOUT"):
        assert np.max(np.abs(np.diff(out[pin]))) < 1.05 * biggest_step
    assert desk.state("headphone_db") == [-6.0, -6.0]


def test_a_zero_cross_volume_waits_for_ever_in_silence_and_a_plain_one_does_not():
    desk = Desk()
    desk.write(0x02, 0x0F3)
    desk.chip.wait(10.0)
    assert desk.state("headphone_db") == [0.0, 0.0]
    desk.write(0x02, 0x073)
    assert desk.state("headphone_db") == [-6.0, 0.0]


def test_a_soft_mute_lets_the_last_sample_decay_with_64_frames_and_releases_at_once():
    desk = Desk()
    last = desk.play(0.05, hz=370.0)["LOUT"][-1]
    desk.write(0x05, 0x008)
    out = desk.play(0.05)["LOUT"]
    assert out[:640] == pytest.approx(last * np.exp(-np.arange(1, 641) / 64), abs=1e-6)
    assert np.all(out[1024:] == 0.0)
    assert desk.state("dac_gain_db") == [None, None]
    desk.write(0x05, 0x000)
    assert np.max(desk.play(0.003)["LOUT"]) > 1.4


@pytest.mark.parametrize(("code", "design_hz"), [(1, 32_000), (2, 44_100), (3, 48_000)])
def test_deemphasis_follows_the_50_15_microsecond_curve_of_its_rate(code, design_hz):
    desk = Desk()
    desk.write(0x05, code << 1)
    assert desk.state("deemphasis")
    level_db = dbv(desk.play(0.2, hz=3000.0)["LHPOUT"][2048:])
    w = 2 * np.pi * 3000 * design_hz / 48_000  # played at 48 kHz whatever the filter was meant for
    expected = 10 * np.log10((1 + (w * 15e-6) ** 2) / (1 + (w * 50e-6) ** 2))
    assert level_db == pytest.approx(expected, abs=0.15)


def test_without_deemphasis_the_treble_is_as_loud_as_the_bass():
    desk = Desk()
    assert not desk.state("deemphasis")
    assert dbv(desk.play(0.1, hz=12_000.0)["LHPOUT"]) == pytest.approx(dbv(desk.play(0.1, hz=375)["LHPOUT"]), abs=0.02)


# the bench's side


def test_capture_refuses_pins_of_different_lengths_and_pins_that_are_not_there():
    with pytest.raises(ValueError, match="one length"):
        Wm8731().capture({"LLINEIN": np.zeros(8, np.float32), "RLINEIN": np.zeros(9, np.float32)})
    with pytest.raises(ValueError, match="LINPUT1"):
        Wm8731().capture({"LINPUT1": np.zeros(8, np.float32)})


def test_playing_and_capturing_one_period_is_one_period_of_time():
    desk = Desk(without("vmid charges"))
    periods = round(0.060 * 48_000 / PERIOD)
    for _ in range(periods):
        desk.play(0.0)
        desk.record(0.0)
    assert not desk.state("analogue_up")  # 60 ms, not 120
    for _ in range(periods // 4):
        desk.play(0.0)
        desk.record(0.0)
    assert desk.state("analogue_up")


def test_the_state_has_no_level_control_gate_equaliser_or_loop():
    state = Desk().chip.state()
    assert state["alc"] == "off"
    assert not state["noise_gate"]
    assert not state["loopback"]
    assert not state["equaliser"]
    assert all(state[key] is None for key in state if key.startswith("alc_"))
    assert state["noise_gate_dbfs"] is None
