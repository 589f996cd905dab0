"""The simulated WM8960 against closed forms and the datasheet's traps."""

import ast
import errno
from pathlib import Path

import numpy as np
import pytest
from desk import PERIOD, dbfs, vrms
from wm8960_desk import ALL, POWER_UP, Desk, instead, without

import hil.sim
from hil.sim.wm8960 import Wm8960


@pytest.mark.parametrize("path", sorted(Path(hil.sim.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_a_simulated_chip_imports_nothing_of_the_firmware(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.startswith("firmware_py") for name in names)


# the control port


@pytest.mark.parametrize(
    ("address", "data"),
    [
        (0x1B, b"\x1e\x00"),  # another chip's address
        (0x1A, b"\x1e"),  # half a transfer
        (0x1A, b"\x1e\x00\x00"),  # no auto-increment
        (0x1A, b""),  # a bare address probe carries no register
    ],
)
def test_the_chip_does_not_acknowledge_what_is_not_two_bytes_for_it(address, data):
    with pytest.raises(OSError, match="no acknowledge") as refused:
        Wm8960().write(address, data)
    assert refused.value.errno == errno.EREMOTEIO


def test_the_chip_cannot_be_read():
    with pytest.raises(OSError, match="read") as refused:
        Wm8960().read(0x1A, 1)
    assert refused.value.errno == errno.EREMOTEIO


@pytest.mark.parametrize("register", [0x0C, 0x0D, 0x0E, 0x1E, 0x1F, 0x23, 0x24, 0x32, 0x38, 0x7F])
def test_an_undefined_register_is_acknowledged_and_changes_nothing(register):
    desk = Desk()
    before = desk.chip.state()
    desk.write(register, 0x1FF)
    assert desk.chip.state() == before | {"faults": [f"R{register}: there is no such register"]}


def test_a_reset_silences_everything_that_was_playing():
    desk = Desk()
    assert vrms(desk.play(0.05)["HP_L"]) > 0.9
    desk.write(0x0F, 0)
    assert all(vrms(volts) == 0.0 for volts in desk.play(0.05).values())
    assert desk.chip.frame_rate_hz is None
    assert desk.chip.mic_bias_v["MICBIAS"] == 0.0


# what reset leaves undone


@pytest.mark.parametrize(
    "step",
    [
        "vref and inputs",  # VREF off
        "input pgas and output mixers",  # LOMIX
        "dacs and amplifiers",
        "left dac to mixer",  # LD2LO resets to 0
        "left headphone 0 dB",  # resets to mute; the right one's update bit finds mute in the latch
        "dac unmuted",  # DACMU resets to 1
    ],
)
def test_the_headphone_is_silent_without(step):
    assert vrms(Desk(without(step)).play(0.05)["HP_L"]) == 0.0


@pytest.mark.parametrize("step", ["dacs and amplifiers", "left speaker 0 dB", "class-d"])
def test_the_speaker_is_silent_without(step):
    assert vrms(Desk(without(step)).play(0.05)["SPK_L"]) == 0.0


@pytest.mark.parametrize(
    "step",
    [
        "vref and inputs",  # AINL, ADCL, VREF
        "input pgas and output mixers",  # LMIC
        "left 0 dB boost to mixer",  # LMIC2B resets to 0
        "left pga 0 dB",  # LINMUTE resets to 1
    ],
)
def test_the_microphone_is_silent_without(step):
    assert dbfs(Desk(without(step)).record(0.2, rms_v=0.1)[4800:, 0]) < -80


def test_the_analogue_side_is_silent_without_vmid():
    desk = Desk((("vref and inputs", 0x19, 0x07E), *(step for step in ALL if step not in POWER_UP)))
    assert vrms(desk.play(0.05)["HP_L"]) == 0.0
    assert np.all(desk.record(0.05, rms_v=0.1) == 0.0)


def test_the_chip_resets_with_the_high_pass_on_and_as_a_24_bit_i2s_consumer():
    state = Wm8960().state()
    assert state["high_pass"]
    assert state["interface"] == {"format": "i2s", "word_bits": 24, "provider": False}
    assert state["headphone_db"] == state["dac_gain_db"] == state["pga_gain_db"] == [None, None]


# references


def test_mic_bias_needs_its_bit_and_vref_and_has_two_levels():
    desk = Desk()
    assert desk.chip.mic_bias_v["MICBIAS"] == pytest.approx(0.9 * 3.3)
    desk.write(0x30, 0x003)
    assert desk.chip.mic_bias_v["MICBIAS"] == pytest.approx(0.65 * 3.3)
    desk.write(0x19, 0x0BE)
    assert desk.chip.mic_bias_v["MICBIAS"] == 0.0


@pytest.mark.parametrize(("charge_s", "thumps"), [(0.02, True), (0.06, True), (0.1, False), (0.2, False)])
def test_vref_before_vmid_has_charged_thumps_the_headphone(charge_s, thumps):
    steps = instead("vmid charges", charge_s)
    silence = Desk(steps).play(0.05, dbfs=-200)["HP_L"]
    assert (np.max(np.abs(silence)) > 0.01) == thumps


@pytest.mark.parametrize(("off_s", "thumps"), [(0.1, True), (0.3, True), (0.6, False)])
def test_vmid_back_on_before_it_was_discharged_thumps(off_s, thumps):
    desk = Desk()
    desk.write(0x19, 0x000)
    desk.chip.wait(off_s)
    desk.write(0x19, 0x080)
    desk.chip.wait(0.1)
    desk.write(0x19, 0x0FE)
    assert (np.max(np.abs(desk.play(0.05, dbfs=-200)["HP_L"])) > 0.01) == thumps


# clocks


PLL_TABLE = [
    (24.0e6, 0x38, 0x3126E9, 48_000.0),
    (24.0e6, 0x37, 0x86C226, 44_100.0),
    (12.0e6, 0x28, 0x3126E9, 48_000.0),
    (12.0e6, 0x27, 0x86C226, 44_100.0),
    (12.288e6, 0x27, 0x599999, 44_100.0),
    (11.2896e6, 0x28, 0xB51D9A, 48_000.0),
    (24.0e6, 0x39, 0x3126E9, 48_000.0 * 9.192 / 8.192),  # N one too high is two semitones
    (24.0e6, 0x18, 0x3126E9, 48_000.0 * 8.0 / 8.192),  # integer mode drops K
    (24.0e6, 0x28, 0x3126E9, 96_000.0),  # prescale forgotten: an octave
]


def start_pll(desk, setting=0x38, k=0x3126E9, select=True):
    for register, value in ((0x34, setting), (0x35, k >> 16), (0x36, k >> 8 & 0xFF), (0x37, k & 0xFF)):
        desk.write(register, value)
    desk.write(0x1A, 0x1F9)
    desk.write(0x04, 0x005 if select else 0x000)


@pytest.mark.parametrize(("mclk_hz", "setting", "k", "rate_hz"), PLL_TABLE)
def test_the_pll_makes_the_rate_its_coefficients_say(mclk_hz, setting, k, rate_hz):
    desk = Desk(mclk_hz=mclk_hz)
    start_pll(desk, setting, k)
    desk.chip.wait(0.25)
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz, rel=1e-6)


def test_the_pll_gives_no_clock_before_it_locks_or_after_a_change():
    desk = Desk(mclk_hz=24e6)
    start_pll(desk)
    desk.chip.wait(0.15)
    assert desk.chip.frame_rate_hz is None
    desk.chip.wait(0.1)
    assert desk.chip.frame_rate_hz is not None
    desk.write(0x37, 0x0E9)
    assert desk.chip.frame_rate_hz is not None, "the same value again is no change"
    desk.write(0x37, 0x0E8)
    assert desk.chip.frame_rate_hz is None
    assert vrms(desk.play(0.01)["HP_L"]) == 0.0


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (0x07, 0x00A),  # consumer
        (0x19, 0x0FF),  # DIGENB
        (0x04, 0x001),  # PLL selected, never started
        (0x04, 0x002),  # reserved SYSCLKDIV
        (0x04, 0x038),  # reserved DACDIV
    ],
)
def test_no_frame_clock_comes_out(register, value):
    desk = Desk()
    desk.write(register, value)
    assert desk.chip.frame_rate_hz is None


@pytest.mark.parametrize(
    ("code", "rate_hz"), [(0, 48e3), (1, 32e3), (2, 24e3), (3, 16e3), (4, 12e3), (5, 48e3 / 5.5), (6, 8e3)]
)
def test_the_dac_divider_sets_the_frame_rate(code, rate_hz):
    desk = Desk()
    desk.write(0x04, code << 6 | code << 3)
    assert desk.chip.frame_rate_hz == pytest.approx(rate_hz)


def test_an_adc_at_a_third_of_the_frame_rate_sends_every_sample_three_times():
    desk = Desk()
    desk.write(0x04, 3 << 6)
    frames = desk.record(0.05, rms_v=0.1)[:, 0]
    assert np.count_nonzero(np.diff(frames)) == pytest.approx(frames.size / 3, abs=2)


# playback


def test_a_full_scale_sine_is_one_volt_at_the_headphone_and_two_across_the_speaker():
    out = Desk().play(0.1)
    assert vrms(out["HP_L"]) == pytest.approx(1.0, rel=1e-3)
    assert vrms(out["SPK_R"]) == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize(
    ("dc_code", "swing_v"),
    [
        (0, 1.9 * 1.65),  # half of AVDD is far from half of the speaker's 5 V
        (3, 1.9 * 1.65 * 10 ** (3.6 / 20)),
        (5, 1.9 * (5 - 1.65 * 10 ** (5.1 / 20))),  # beyond it
    ],
)
def test_amplifiers_clip_at_their_supplies(dc_code, swing_v):
    desk = Desk()
    desk.write(0x33, 0x080 | dc_code << 3 | 5)
    for register in (0x02, 0x03, 0x28, 0x29):
        desk.write(register, 0x17F)
    out = desk.play(0.05)
    assert np.max(out["HP_L"]) == pytest.approx(0.95 * 3.3 / 2)
    assert np.max(out["SPK_L"]) == pytest.approx(swing_v)


@pytest.mark.parametrize(
    ("dclk_code", "peak_v"),
    [
        (7, 2.83),  # 768 kHz
        (6, 0.78),  # 1.02 MHz: distorted
        (1, 0.00),  # 6.1 MHz: the bridge does not switch
    ],
)
def test_the_speaker_needs_a_sane_class_d_clock(dclk_code, peak_v):
    desk = Desk()
    desk.write(0x08, dclk_code << 6 | 4)
    assert np.max(desk.play(0.05)["SPK_L"]) == pytest.approx(peak_v, abs=0.01)


def test_a_volume_written_without_its_update_bit_is_not_heard_and_then_moves_both_sides():
    desk = Desk()
    desk.write(0x02, 0x06F)
    assert vrms(desk.play(0.1)["HP_L"]) == pytest.approx(1.0, rel=2e-3)
    desk.write(0x03, 0x16F)
    out = desk.play(0.1)
    assert vrms(out["HP_L"]) == pytest.approx(10 ** (-10 / 20), rel=2e-3)
    assert vrms(out["HP_R"]) == pytest.approx(10 ** (-10 / 20), rel=2e-3)


@pytest.mark.parametrize(
    ("register", "value", "left_db", "right_db"),
    [
        (0x05, 0x080, -6, -6),  # DACDIV2
        (0x0A, 0x1EB, -10, 0),  # left DAC volume
        (0x0B, 0x100, 0, None),  # right DAC volume 0 is mute
        (0x05, 0x008, None, None),  # DACMU
        (0x2F, 0x038, 0, None),  # ROMIX off
        (0x1A, 0x0F8, None, 0),  # DACL off
    ],
)
def test_playback_gains_add_up(register, value, left_db, right_db):
    desk = Desk()
    desk.write(register, value)
    out = desk.play(0.1)
    for pin, gain in (("HP_L", left_db), ("HP_R", right_db)):
        expected = 0.0 if gain is None else 10 ** (gain / 20)
        assert vrms(out[pin][2048:]) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("rate_bit", "ramp_frames"), [(0, 512), (4, 8192)])
def test_a_soft_mute_fades_over_its_rate(rate_bit, ramp_frames):
    desk = Desk()
    desk.write(0x06, rate_bit)
    desk.write(0x05, 0x008)
    out = desk.play(0.2)["HP_L"]
    assert np.flatnonzero(out)[-1] == pytest.approx(ramp_frames, abs=50)


def test_unmuting_ramps_only_in_soft_mode():
    desk = Desk(without("dac unmuted"))
    desk.write(0x05, 0x000)
    assert np.max(desk.play(0.003)["HP_L"]) > 1.4
    desk.write(0x05, 0x008)
    desk.play(0.05)
    desk.write(0x06, 0x008)
    desk.write(0x05, 0x000)
    assert np.max(desk.play(0.003)["HP_L"]) < 0.5


def test_a_zero_cross_volume_changes_where_the_signal_is_nothing():
    desk = Desk()
    desk.write(0x02, 0x1F3)
    desk.write(0x03, 0x1F3)
    out = desk.play(0.01, hz=100.0)["HP_L"]
    biggest_step = 1.414 * 2 * np.pi * 100 / 48_000
    assert np.max(np.abs(np.diff(out))) < 1.05 * biggest_step


def test_a_zero_cross_volume_waits_for_ever_in_silence_unless_the_time_out_runs():
    desk = Desk()
    desk.write(0x02, 0x1F3)
    desk.chip.wait(10.0)
    assert desk.state("headphone_db")[0] == 0.0
    desk.write(0x17, 0x1C1)
    desk.chip.wait(2**21 / 12.288e6 + 0.001)
    assert desk.state("headphone_db")[0] == -6.0


def test_mono_mix_halves_the_sum():
    desk = Desk()
    desk.write(0x17, 0x1D0)
    out = desk.play(0.05, balance=(1.0, 0.0))
    assert vrms(out["HP_R"]) == pytest.approx(0.5, rel=1e-2)


def test_deemphasis_follows_the_50_15_microsecond_curve():
    desk = Desk()
    desk.write(0x05, 0x006)
    level_db = 20 * np.log10(vrms(desk.play(0.2, hz=5000.0)["HP_L"][2048:]))
    w = 2 * np.pi * 5000
    assert level_db == pytest.approx(10 * np.log10((1 + (w * 15e-6) ** 2) / (1 + (w * 50e-6) ** 2)), abs=0.3)


# recording


@pytest.mark.parametrize(
    ("rms_v", "pga_code", "route", "adc_code", "level_dbfs"),
    [
        (0.010, 0x27, 0x128, 0xC3, -8.00),  # -40 dBV + 12 + 20
        (0.100, 0x17, 0x108, 0xC3, -20.0),
        (0.001, 0x3F, 0x138, 0xC3, -1.00),  # all 59 dB
        (0.100, 0x00, 0x118, 0xC3, -24.25),  # -17.25 + 13
        (0.100, 0x17, 0x108, 0xD7, -10.0),  # ADC volume +10
        (0.100, 0x17, 0x108, 0x01, -117.0),
        (1.000, 0x17, 0x108, 0xC3, 0.0),  # full scale
    ],
)
def test_gains_of_the_record_path_add_up_in_decibels(rms_v, pga_code, route, adc_code, level_dbfs):
    desk = Desk()
    desk.write(0x20, route)
    desk.write(0x00, 0x100 | pga_code)
    desk.write(0x15, 0x100 | adc_code)
    assert dbfs(desk.record(0.4, rms_v)[9600:, 0]) == pytest.approx(level_dbfs, abs=0.02 + 0.5 * (level_dbfs < -99))


def test_a_recording_never_exceeds_full_scale():
    frames = Desk().record(0.3, rms_v=3.0)[9600:, 0]
    assert dbfs(frames) > 0.5
    assert np.max(np.abs(frames)) <= 1.0


@pytest.mark.parametrize(
    ("pin", "writes", "sign"),
    [
        ("LINPUT1", (), -1),  # inverting input
        ("LINPUT2", ((0x20, 0x048),), 1),
        ("LINPUT3", ((0x20, 0x088),), 1),
        ("LINPUT2", ((0x20, 0x000), (0x2B, 0x00A)), 1),  # boost input at 0 dB
        ("LINPUT3", ((0x20, 0x000), (0x2B, 0x050)), 1),
        ("LINPUT1", ((0x05, 0x020),), 1),  # ADCPOL
    ],
)
def test_each_input_arrives_with_its_polarity(pin, writes, sign):
    desk = Desk()
    for register, value in writes:
        desk.write(register, value)
    frames = desk.record(0.3, rms_v=0.1, pins=(pin,))[9600:, 0]
    reference = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(9600, 9600 + frames.size))
    assert 2 * np.mean(frames * reference) == pytest.approx(sign * 0.1, rel=0.02)


def test_a_common_signal_cancels_in_pseudo_differential_wiring():
    desk = Desk()
    desk.write(0x20, 0x148)
    assert dbfs(desk.record(0.3, rms_v=0.5, pins=("LINPUT1", "LINPUT2"))[9600:, 0]) < -80


@pytest.mark.parametrize(("select", "order"), [(0, "LR"), (1, "LL"), (2, "RR"), (3, "RL")])
def test_data_select_routes_the_converters(select, order):
    desk = Desk()
    desk.write(0x17, 0x1C0 | select << 2)
    frames = desk.record(0.3, rms_v=0.1, pins=("LINPUT1",))[9600:]
    assert "".join("L" if dbfs(frames[:, slot]) > -25 else "R" for slot in (0, 1)) == order


def test_pga_mute_acts_at_once_and_unmuting_waits_for_the_update_bit():
    desk = Desk()
    desk.write(0x00, 0x097)
    assert desk.gain_db()[0] is None
    desk.write(0x00, 0x017)
    assert desk.gain_db()[0] is None
    desk.write(0x00, 0x117)
    assert desk.gain_db()[0] == 0.0


def test_the_noise_floor_at_unity_gain_is_93_db_below_full_scale():
    assert dbfs(Desk().record(1.5)[48_000:, 0]) == pytest.approx(-93.0, abs=0.5)


def test_the_high_pass_is_3_decibels_down_at_its_corner():
    corner_hz = 48_000 / 2**11 / (2 * np.pi)
    level = dbfs(Desk().record(2.0, rms_v=0.1, hz=corner_hz)[48_000 - PERIOD :, 0][: round(48_000 / corner_hz) * 3])
    assert level == pytest.approx(-20 - 3.01, abs=0.2)


def test_without_the_high_pass_the_converter_shows_its_offset():
    desk = Desk()
    assert abs(np.mean(desk.record(0.8)[24_000:, 0])) < 2e-5
    desk.write(0x05, 0x001)
    assert np.mean(desk.record(0.2)[:, 0]) == pytest.approx(1e-3, rel=0.05)


# paths between recording and playback


@pytest.mark.parametrize(("code", "gain_db"), [(0, 0), (5, -15), (7, -21)])
def test_sidetone_goes_from_the_boost_mixer_to_the_headphone(code, gain_db):
    desk = Desk()
    desk.write(0x2D, 0x080 | code << 4)
    assert desk.state("sidetone")
    desk.record(0.01, rms_v=0.1)
    heard = desk.play(1 / 375, dbfs=-200)["HP_L"]
    assert np.max(np.abs(heard)) == pytest.approx(0.1414 * 10 ** (gain_db / 20), rel=0.02)


def test_loopback_plays_what_was_recorded_and_not_what_was_sent():
    desk = Desk()
    desk.write(0x09, 0x001)
    desk.record(0.5, rms_v=0.1)
    assert np.max(np.abs(desk.play(1 / 375)["HP_L"])) == pytest.approx(0.1414, rel=0.02)


def test_capture_refuses_pins_of_different_lengths():
    with pytest.raises(ValueError, match="one length"):
        Wm8960().capture({"LINPUT1": np.zeros(8, np.float32), "RINPUT1": np.zeros(9, np.float32)})


def test_playing_and_capturing_one_period_is_one_period_of_time():
    desk = Desk()
    start_pll(desk, 0x27, 0x599999, select=False)  # it locks while MCLK still drives the frames
    pass_time(desk, 0.15)
    desk.write(0x04, 0x005)
    assert desk.chip.frame_rate_hz is None
    desk.write(0x04, 0x000)
    pass_time(desk, 0.06)
    desk.write(0x04, 0x005)
    assert desk.chip.frame_rate_hz == pytest.approx(44_100)


def pass_time(desk, seconds):
    for _ in range(round(seconds * 48_000 / PERIOD)):
        desk.play(0.0)
        desk.record(0.0)


def test_the_same_seed_makes_the_same_noise():
    assert np.array_equal(Desk().record(0.01), Desk().record(0.01))
