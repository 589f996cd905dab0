"""The simulated ES8388: control port, references, clocks and the audio ports."""

import errno

import numpy as np
import pytest
from desk import PERIOD, dbfs, dbv, vrms
from es8388_desk import ALL, CLOCKS, PLAY, POWER_UP, RECORD, RESTART, Desk, without

from hil.sim.es8388 import Es8388

# the control port


@pytest.mark.parametrize(
    ("address", "data"),
    [
        (0x11, b"\x19\x00"),  # CE is low
        (0x20, b"\x19\x00"),  # the address as eight bits
        (0x10, b"\x19\x00\x00"),  # no auto-increment
        (0x10, b""),
    ],
)
def test_the_chip_does_not_acknowledge_what_is_not_one_register_for_it(address, data):
    with pytest.raises(OSError, match="no acknowledge") as refused:
        Es8388().write(address, data)
    assert refused.value.errno == errno.EREMOTEIO


@pytest.mark.parametrize(("address", "count"), [(0x11, 1), (0x10, 2), (0x10, 0)])
def test_the_chip_is_read_one_register_at_a_time(address, count):
    with pytest.raises(OSError, match="no acknowledge") as refused:
        Es8388().read(address, count)
    assert refused.value.errno == errno.EREMOTEIO


def test_ce_high_moves_the_chip_to_0x11_and_nowhere_else():
    chip = Es8388(address=0x11)
    chip.write(0x11, b"\x09\x33")
    assert chip.read(0x11, 1) == b"\x33"
    with pytest.raises(OSError, match="no acknowledge"):
        chip.write(0x10, b"\x09\x33")
    with pytest.raises(ValueError, match="0x10 or 0x11"):
        Es8388(address=0x12)


def test_a_register_reads_as_written_and_the_pointer_stays():
    desk = Desk(())
    desk.write(0x09, 0x88)
    assert desk.chip.read(0x10, 1) == b"\x88"
    assert desk.chip.read(0x10, 1) == b"\x88"
    assert desk.read(0x0E) == 0x30


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (0x01, 0x1C),  # analogue off
        (0x02, 0xC3),
        (0x03, 0xFC),
        (0x04, 0xC0),
        (0x08, 0x80),  # provider
        (0x0D, 0x06),
        (0x0E, 0x30),  # high-pass on
        (0x10, 0xC0),  # -96 dB
        (0x12, 0x38),
        (0x1B, 0xC0),
        (0x27, 0x38),  # nothing in the mixer
        (0x2E, 0x00),
    ],
)
def test_reset_values_are_those_of_the_guide(register, value):
    assert Desk(()).read(register) == value
    desk = Desk()
    desk.write(0x00, 0x80)
    assert desk.read(register) == value


@pytest.mark.parametrize("register", [0x36, 0x38, 0x3A, 0x40, 0xFF, 0x28, 0x29, 0x05, 0x2C])
def test_an_undefined_register_is_acknowledged_and_changes_nothing(register):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, 0xFF)
    told = [f"0x{register:02X}: there is no such register"] if register > 0x35 else []
    assert desk.chip.state() == before | {"faults": told}


def test_a_reset_silences_everything_that_was_playing():
    desk = Desk()
    assert vrms(desk.play(0.05)["LOUT1"]) > 0.9
    desk.write(0x00, 0x80)
    desk.write(0x00, 0x05)
    assert all(vrms(volts) == 0.0 for volts in desk.play(0.05).values())
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}


def test_what_is_written_before_the_reset_is_released_is_lost():
    desk = Desk((("reset", 0x00, 0x80), ("pga", 0x09, 0x88)))
    assert desk.read(0x09) == 0x00
    desk.write(0x00, 0x00)
    desk.write(0x09, 0x88)
    assert desk.read(0x09) == 0x88


# what reset leaves undone


@pytest.mark.parametrize(("step", "level_dbv"), [("left dac 0 dB", -96.0), ("lout1 0 dB", -45.0)])
def test_reset_leaves_the_volumes_down_but_not_muted(step, level_dbv):
    assert dbv(Desk(without(step)).play(0.05)["LOUT1"]) == pytest.approx(level_dbv, abs=0.1)


def test_the_chip_resets_as_a_provider():
    desk = Desk(without("consumer"))
    assert desk.state("interface")["provider"]
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)
    assert Es8388().frame_rate_hz is None, "its converters have no power yet"


@pytest.mark.parametrize(
    "step",
    [
        "analogue on",
        "dac ratio 256",  # MCLK is 256 times LRCK, the code says 768
        "dacs and outputs",
        "left dac to mixer",
        "state machines running",
    ],
)
def test_the_left_output_is_silent_without(step):
    assert vrms(Desk(without(step)).play(0.05)["LOUT1"]) == 0.0


@pytest.mark.parametrize(
    "step",
    [
        "analogue on",
        "shared lrck",
        "adc ratio 256",
        "adcs, inputs and mic bias",
        "left adc 0 dB",
        "state machines running",
    ],
)
def test_the_microphone_is_silent_without(step):
    assert dbfs(Desk(without(step)).record(0.2, rms_v=0.1)[4800:, 0]) < -80


def test_nothing_is_heard_without_vmid():
    desk = Desk((*(step for step in ALL if step not in POWER_UP), ("vmid off", 0x00, 0x04), ("analogue", 0x01, 0)))
    assert vrms(desk.play(0.05)["LOUT1"]) == 0.0
    assert np.all(desk.record(0.05, rms_v=0.1) == 0.0)


@pytest.mark.parametrize("bit", [3, 2, 0])
def test_each_inverted_bit_of_chip_control_2_switches_the_analogue_side_off(bit):
    desk = Desk()
    desk.write(0x01, 1 << bit)
    assert vrms(desk.play(0.02)["LOUT1"]) == 0.0
    assert np.all(desk.record(0.02, rms_v=0.1) == 0.0)
    assert not desk.state("analogue_up")
    assert desk.state("input_gain_db") == [None, None]


@pytest.mark.parametrize(
    ("bit", "captures", "plays"),
    [
        (7, False, True),  # ADC digital
        (6, True, False),  # DAC digital
        (5, False, True),  # ADC state machine
        (4, True, False),
        (3, False, True),  # ADC DLL
        (2, True, False),
        (1, False, True),  # ADC reference
        (0, True, False),
    ],
)
def test_each_bit_of_chip_power_stops_its_side_when_it_is_one(bit, captures, plays):
    desk = Desk(without("vmid 50k, one clock"))
    desk.write(0x02, 1 << bit)
    assert (dbfs(desk.record(0.2, rms_v=0.1)[4800:, 0]) > -21) == captures
    assert (vrms(desk.play(0.02)["LOUT1"]) > 0.9) == plays


@pytest.mark.parametrize(("control", "stopped_by"), [(0x15, 0x08), (0x35, 0x04)])
def test_one_clock_for_both_stops_with_the_converter_it_comes_from(control, stopped_by):
    desk = Desk().take((0x00, control))
    desk.write(0x02, stopped_by)
    state = desk.chip.state()
    assert state["capture_rate_hz"] is None
    assert state["playback_rate_hz"] is None
    desk.write(0x02, 0x0C & ~stopped_by)
    assert None in (desk.state("capture_rate_hz"), desk.state("playback_rate_hz"))
    assert desk.state("capture_rate_hz") != desk.state("playback_rate_hz")


@pytest.mark.parametrize(
    ("value", "left", "right"),
    [
        (0x80, False, True),  # left input
        (0x40, True, False),
        (0x20, False, True),  # left ADC
        (0x10, True, False),
        (0x04, False, False),  # bias generator
        (0x08, True, True),  # microphone bias only
    ],
)
def test_each_bit_of_adc_power_switches_off_when_it_is_one(value, left, right):
    desk = Desk()
    desk.write(0x03, value)
    frames = desk.record(0.2, rms_v=0.1)[4800:]
    assert (dbfs(frames[:, 0]) > -21, dbfs(frames[:, 1]) > -21) == (left, right)
    gains = desk.gain_db()
    assert (gains[0] is not None, gains[1] is not None) == (left, right)


@pytest.mark.parametrize(
    ("value", "pins"),
    [
        (0x3C, {"LOUT1", "ROUT1", "LOUT2", "ROUT2"}),
        (0xBC, {"ROUT1", "ROUT2"}),  # left DAC off
        (0x7C, {"LOUT1", "LOUT2"}),
        (0x20, {"LOUT1"}),
        (0x10, {"ROUT1"}),
        (0x08, {"LOUT2"}),
        (0x04, {"ROUT2"}),
        (0x03, set()),
    ],
)
def test_dac_power_is_inverted_for_converters_and_not_for_outputs(value, pins):
    desk = Desk()
    desk.write(0x04, value)
    assert {pin for pin, volts in desk.play(0.02).items() if vrms(volts) > 0.9} == pins
    assert {pin for pin, gain in desk.state("outputs").items() if gain is not None} == pins


# references


def test_mic_bias_needs_its_bit_and_the_bias_generator():
    desk = Desk()
    assert desk.chip.mic_bias_v["MICBIAS"] == pytest.approx(0.9 * 3.3, rel=1e-3)
    for value in (0x08, 0x04, 0x0C):
        desk.write(0x03, value)
        assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}


@pytest.mark.parametrize(
    ("select", "charge_s", "thumps"),
    [
        (3, 0.005, True),
        (3, 0.1, False),
        (1, 0.02, True),
        (1, 0.1, False),
        (2, 0.1, True),  # the standby divider holds, it does not charge
        (2, 1.0, False),
    ],
)
def test_sound_before_vmid_has_charged_comes_with_a_thump(select, charge_s, thumps):
    first = (("analogue on", 0x01, 0x00), ("vmid", 0x00, 0x14 | select), ("vmid charges", "wait", charge_s))
    desk = Desk((*first, *CLOCKS, *RECORD, *PLAY, *RESTART))
    assert desk.state("analogue_up") != thumps
    assert (np.max(np.abs(desk.play(PERIOD / 48_000, dbfs=-200)["LOUT1"])) > 0.01) == thumps


def test_vmid_charges_while_the_analogue_side_is_still_off():
    desk = Desk((("vmid", 0x00, 0x07), ("vmid charges", "wait", 0.103), ("analogue on", 0x01, 0xC0)))
    assert desk.state("analogue_up")


def test_without_enref_sound_passes_but_the_references_are_not_up():
    desk = Desk()
    desk.write(0x00, 0x11)
    assert not desk.state("analogue_up")
    assert vrms(desk.play(0.02)["LOUT1"]) > 0.9


def test_vmid_switched_off_is_discharged_when_it_comes_back():
    desk = Desk()
    desk.write(0x00, 0x14)
    desk.chip.wait(0.3)
    desk.write(0x00, 0x15)
    assert np.max(np.abs(desk.play(0.01, dbfs=-200)["LOUT1"])) > 0.1


# the state machines


@pytest.mark.parametrize(
    ("register", "value", "key"),
    [
        (0x0A, 0x50, "inputs"),
        (0x08, 0x80, "interface"),
        (0x0D, 0x06, "capture_rate_hz"),
        (0x18, 0x06, "playback_rate_hz"),
        (0x2B, 0x00, "capture_rate_hz"),
        (0x27, 0x10, "outputs"),
        (0x2A, 0x10, "outputs"),
        (0x0B, 0x08, "inputs"),
    ],
)
def test_routing_and_clocking_stay_as_they_were_until_the_state_machines_restart(register, value, key):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, value)
    assert desk.read(register) == value
    assert desk.state(key) == before[key]
    assert desk.state("stale") == [f"0x{register:02X}"]
    desk.restart()
    assert desk.state(key) != before[key]
    assert desk.state("stale") == []


def test_stale_routing_is_heard():
    desk = Desk()
    desk.write(0x0A, 0x50)
    assert dbfs(desk.record(0.2, rms_v=0.1, pins=("LIN1",))[4800:, 0]) > -21
    desk.restart()
    assert dbfs(desk.record(0.2, rms_v=0.1, pins=("LIN1",))[4800:, 0]) < -80


@pytest.mark.parametrize(("reset", "adc_hears", "dac_hears"), [(0x20, True, False), (0x10, False, True)])
def test_each_state_machine_takes_over_its_own_side(reset, adc_hears, dac_hears):
    desk = Desk()
    desk.write(0x0A, 0x50)
    desk.write(0x27, 0x10)
    desk.write(0x02, reset)
    desk.write(0x02, 0x00)
    assert (desk.state("inputs")[0] == ["LIN2"]) == adc_hears
    assert (desk.state("outputs")["LOUT1"] is None) == dac_hears


def test_an_input_that_gets_power_reads_its_selector():
    desk = Desk()
    desk.write(0x03, 0xFF)
    desk.write(0x0A, 0x50)
    desk.write(0x03, 0x00)
    assert desk.state("inputs") == [["LIN2"], ["RIN2"]]


# clocks


RATIO_CODES = {0: 128, 2: 256, 3: 384, 4: 512, 6: 768, 7: 1024, 9: 1408, 10: 1536}
BY_RATE = [
    (12_288_000, 8000, 10),
    (12_288_000, 12_000, 7),
    (12_288_000, 16_000, 6),
    (12_288_000, 24_000, 4),
    (12_288_000, 32_000, 3),
    (12_288_000, 48_000, 2),
    (12_288_000, 96_000, 0),
    (11_289_600, 8018, 9),
    (11_289_600, 11_025, 7),
    (11_289_600, 22_050, 4),
    (11_289_600, 44_100, 2),
    (11_289_600, 88_200, 0),
]


def provider(mclk_hz, adc_code, dac_code=None, mode=0x80, steps=ALL):
    dac_code = adc_code if dac_code is None else dac_code
    return Desk(steps, mclk_hz=mclk_hz).take((0x08, mode), (0x0D, adc_code), (0x18, dac_code))


@pytest.mark.parametrize(("mclk_hz", "rate_hz", "code"), BY_RATE)
@pytest.mark.parametrize("halved", [False, True])
def test_a_provider_makes_the_rate_its_ratio_says(mclk_hz, rate_hz, code, halved):
    desk = provider(2 * mclk_hz, code, mode=0xC0) if halved else provider(mclk_hz, code)
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz, abs=0.5)
    assert desk.state("capture_rate_hz") == desk.state("playback_rate_hz") == desk.chip.frame_rate_hz


@pytest.mark.parametrize(("code", "ratio"), RATIO_CODES.items())
def test_a_wrong_ratio_is_a_wrong_pitch(code, ratio):
    assert provider(12_288_000, code).chip.frame_rate_hz == pytest.approx(12_288_000 / ratio)


def test_mclk_not_halved_is_an_octave():
    assert provider(24_576_000, 2, mode=0x80).chip.frame_rate_hz == pytest.approx(96_000)
    assert provider(12_288_000, 2, mode=0xC0).chip.frame_rate_hz == pytest.approx(24_000)


@pytest.mark.parametrize("mclk_hz", [0.0, 12e6, 24e6, 18.432e6, 26e6])
def test_a_provider_runs_from_the_two_families_only(mclk_hz):
    assert provider(mclk_hz, 2).chip.frame_rate_hz is None


@pytest.mark.parametrize("code", [13, 14, 15, 28, 31])
def test_a_ratio_that_is_none_makes_no_clock(code):
    desk = provider(12_288_000, code)
    assert desk.chip.frame_rate_hz is None
    assert desk.state("capture_rate_hz") is None
    assert vrms(desk.play(0.01)["LOUT1"]) == 0.0


@pytest.mark.parametrize(
    ("writes", "rate_hz"),
    [
        ((0x2B, 0x90), None),  # MCLK pin disabled
        ((0x0B, 0x06), None),  # ports tri-stated
        ((0x02, 0x40), None),  # DAC, which makes LRCK, without its digital part
        ((0x04, 0xFC), None),  # or without power
        ((0x2B, 0x84), None),  # DAC DLL off in its second place
    ],
)
def test_a_provider_stops_with(writes, rate_hz):
    desk = provider(12_288_000, 2)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)
    desk.write(*writes)
    assert desk.chip.frame_rate_hz == rate_hz


def test_lrck_goes_on_with_the_adcs_alone_when_lrcm_is_set():
    desk = provider(12_288_000, 2).take((0x00, 0x55))
    desk.write(0x04, 0xFC)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)


@pytest.mark.parametrize(("lrck", "rate_hz", "silent"), [(0x80, 16_000, "capture"), (0xC0, 48_000, "playback")])
def test_a_converter_whose_ratio_is_not_that_of_lrck_does_not_convert(lrck, rate_hz, silent):
    desk = provider(12_288_000, adc_code=2, dac_code=6).take((0x2B, lrck))
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz)
    assert desk.state(f"{silent}_rate_hz") is None
    assert (dbfs(desk.record(0.3, rms_v=0.1, rate_hz=rate_hz)[-800:, 0]) < -80) == (silent == "capture")
    assert (vrms(desk.play(0.02, rate_hz=rate_hz)["LOUT1"]) == 0.0) == (silent == "playback")


@pytest.mark.parametrize(
    ("mclk_hz", "host_hz", "code", "follows"),
    [
        (12.288e6, 48e3, 2, True),
        (12.288e6, 48e3, 0, True),  # the kernel leaves 0
        (12.288e6, 48e3, 6, False),
        (12.288e6, 48e3, 0x12, False),  # 250 is for 12 MHz
        (12.288e6, 16e3, 6, True),
        (12.288e6, 44.1e3, 0, False),  # no multiple
        (12.0e6, 48e3, 0, True),  # 250
        (24.0e6, 48e3, 0, True),  # 500
        (0.0, 48e3, 0, False),
    ],
)
def test_a_consumer_converts_when_mclk_is_a_multiple_it_knows(mclk_hz, host_hz, code, follows):
    desk = Desk(mclk_hz=mclk_hz, host_rate_hz=host_hz).take((0x0D, code), (0x18, code))
    assert desk.chip.frame_rate_hz is None
    assert desk.state("playback_rate_hz") == (host_hz if follows else None)
    assert desk.state("capture_rate_hz") == (host_hz if follows else None)
    assert (vrms(desk.play(0.02)["LOUT1"]) > 0.9) == follows


def test_eight_kilohertz_is_distorted_until_the_dll_is_bypassed():
    def distortion(volts):
        spectrum = np.abs(np.fft.rfft(volts[: 64 * (volts.size // 64)]))
        bin_ = spectrum.size * 1000 // 4000
        return spectrum[2 * bin_] / spectrum[bin_]

    desk = provider(12_288_000, 10)
    assert distortion(desk.play(0.256, dbfs=-20, rate_hz=8000)["LOUT1"]) > 0.01
    for register, value in ((0x37, 0xD0), (0x39, 0xD0)):
        desk.write(register, value)
    assert distortion(desk.play(0.256, dbfs=-20, rate_hz=8000)["LOUT1"]) > 0.01, "0x35 not unlocked"
    for register, value in ((0x35, 0xA0), (0x37, 0xD0), (0x39, 0xD0)):
        desk.write(register, value)
    assert distortion(desk.play(0.256, dbfs=-20, rate_hz=8000)["LOUT1"]) < 1e-3


# ports


@pytest.mark.parametrize(("code", "bits"), [(0, 24), (1, 20), (2, 18), (3, 16), (4, 32), (5, 0)])
def test_word_lengths_of_both_ports(code, bits):
    desk = Desk()
    desk.write(0x0C, code << 2)
    desk.write(0x17, code << 3)
    ports = desk.state("ports")
    assert ports["capture"]["word_bits"] == ports["playback"]["word_bits"] == bits
    words = (desk.record(0.1, rms_v=0.1) * 2**31).astype(np.int64)
    assert np.all(words % 2 ** (32 - bits) == 0)
    assert np.any(words) == bool(bits)


@pytest.mark.parametrize(
    ("code", "name", "matches"),
    [(0, "i2s", True), (1, "left_justified", False), (2, "right_justified", False), (3, "dsp", False)],
)
def test_a_host_that_speaks_i2s_hears_only_i2s(code, name, matches):
    desk = Desk()
    desk.write(0x0C, code)
    assert desk.state("interface")["format"] == ("i2s" if matches else "mixed")
    assert desk.state("ports")["capture"]["format"] == name
    assert (abs(dbfs(desk.record(0.1, rms_v=0.1)[-480:, 0]) + 20) < 0.1) == matches
    desk.write(0x17, code << 1)
    assert desk.state("interface")["format"] == name
    heard = desk.play(0.1, dbfs=-20, balance=(1.0, 0.0))["LOUT1"]
    assert (abs(dbv(heard) + 20) < 0.1) == matches


@pytest.mark.parametrize(("register", "value"), [(0x0C, 0x20), (0x17, 0x40), (0x08, 0x20)])
def test_an_inverted_clock_is_heard(register, value):
    desk = Desk().take((register, value))
    captured, played = desk.record(0.1, rms_v=0.1)[-480:, 0], desk.play(0.1, dbfs=-20)["LOUT1"]
    left_only = desk.play(0.1, dbfs=-20, balance=(1, 0))["LOUT1"]
    wrong = abs(dbfs(captured) + 20) > 0.1, abs(dbv(played) + 20) > 0.1 or vrms(left_only) < 1e-3
    assert any(wrong) or dbfs(desk.record(0.1, rms_v=0.1, pins=("LIN1",))[-480:, 0]) < -80


@pytest.mark.parametrize(("code", "divider"), [(0, 4), (4, 4), (3, 3), (6, 8)])
def test_a_provider_of_fewer_bit_clocks_carries_fewer_bits(code, divider):
    desk = provider(12_288_000, 2, mode=0x80 | code)
    frames = desk.record(0.1, rms_v=0.1)[-480:]
    level = dbfs(frames[:, 0])
    assert (abs(level + 20) < 0.1 and dbfs(frames[:, 1]) == pytest.approx(-20, abs=0.1)) == (256 / divider == 64)


def test_dac_channels_swap():
    desk = Desk()
    desk.write(0x17, 0x80)
    out = desk.play(0.05, balance=(1.0, 0.0))
    assert vrms(out["LOUT1"]) == 0.0
    assert vrms(out["ROUT1"]) > 0.9


def test_capture_refuses_unknown_pins_and_different_lengths():
    with pytest.raises(ValueError, match="LINPUT1"):
        Es8388().capture({"LINPUT1": np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match="one length"):
        Es8388().capture({"LIN1": np.zeros(8, np.float32), "RIN1": np.zeros(9, np.float32)})
    with pytest.raises(ValueError, match="no pins"):
        Es8388().capture({})


def test_playing_and_capturing_one_period_is_one_period_of_time():
    both, alone = (Desk((("analogue on", 0x01, 0x00), ("vmid 50k", 0x00, 0x05))) for _ in range(2))
    for _ in range(10):
        both.play(0.0)
        both.record(0.0)
        alone.record(0.0)
    assert both.chip._vmid.level == pytest.approx(alone.chip._vmid.level)


def test_the_same_seed_makes_the_same_noise():
    assert np.array_equal(Desk().record(0.01), Desk().record(0.01))


# whole sequences of others


def test_the_kernels_start_of_a_playback_and_a_capture_is_heard():
    desk = Desk(())
    for step in ("0007", 0.103, "01c0", "0006", "0330", "04c0", "03f0", "02ff", "03fc"):
        desk.chip.wait(step) if isinstance(step, float) else desk.chip.write(0x10, bytes.fromhex(step))
    for step in ("0880", "1718", "1802", "2e1e", "1a00", "1b00", "1000", "1100", "0c0c", "0d02"):
        desk.chip.write(0x10, bytes.fromhex(step))
    for step in ("0200", "0005", "0400", "2780", "2a80", "043c", "1900", "03f0", "0330", "0300"):
        desk.chip.write(0x10, bytes.fromhex(step))
    desk.chip.wait(0.5)
    assert desk.chip.frame_rate_hz == pytest.approx(48_000)
    assert dbv(desk.play(0.1)["LOUT1"][2400:]) == pytest.approx(0.0, abs=0.1)
    assert dbfs(desk.record(0.3, rms_v=0.1)[4800:, 0]) == pytest.approx(-20.0, abs=0.1)


def test_the_vendors_start_is_heard_once_vmid_has_charged():
    desk = Desk(())
    for step in (
        "1904", "0150", "0200", "35a0", "37d0", "39d0", "0800", "04c0", "0012", "1718", "1802", "2600", "2790", "2a90",
        "2b80", "2d00", "2e1e", "2f1e", "301e", "311e", "043c", "03ff", "0988", "0af0", "0b02", "0c0c", "0d02",
        "1000", "1100", "0309", "02f0", "0200", "1a00", "1b00", "1900",
    ):  # fmt: skip
        desk.chip.write(0x10, bytes.fromhex(step))
    assert np.max(np.abs(desk.play(0.01, dbfs=-200)["LOUT1"])) > 0.1, "500k charges slowly"
    desk.chip.wait(2.0)
    assert dbv(desk.play(0.1)["LOUT1"][2400:]) == pytest.approx(0.0, abs=0.1)
    assert dbfs(desk.record(0.3, rms_v=0.01)[4800:, 0]) < -60, "differential: the same on both pins cancels"
    level = dbfs(desk.record(0.3, rms_v=0.01, pins=("LIN1",))[4800:, 0])
    assert level == pytest.approx(-40.0 + 24.0, abs=0.1)
    assert desk.chip.mic_bias_v == {"MICBIAS": 0.0}
