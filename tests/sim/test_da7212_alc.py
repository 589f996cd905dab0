"""The simulated DA7212's level control: calibration, where it settles, how fast it gets there, what stops it."""

import numpy as np
import pytest
from da7212_desk import Desk, instead
from desk import dbfs

LEFT, RIGHT, BOTH = 0x08, 0x80, 0x88
HYBRID = 0x03  # analogue and digital gain, offset cancelled
USUAL = 0x35  # release and attack 1408 samples for 6 dB
PEAKS = 0xC0  # the detector rises at once and falls slowly
SMOOTH = 0x80  # rises within 4 samples, falls within 256


def alc_desk(
    enable=BOTH, times=USUAL, detector=SMOOTH, noise=0x3F, low=12, high=8, limits=0xFF, analogue=0x71, steps=None
):
    """Window -18..-12 dBFS; calibrated when `enable` asks for hybrid mode."""
    desk = Desk() if steps is None else Desk(steps)
    for register, value in (
        (0x9A, times), (0x9B, detector), (0x9C, noise), (0x9D, low), (0x9E, high), (0x9F, limits), (0xA0, analogue),
    ):  # fmt: skip
        desk.write(register, value)
    if enable & HYBRID:
        desk.calibrate()
    desk.write(0x2B, enable)
    return desk


def gain_db(desk, side=0):
    return desk.state("alc_gain_db")[side]


# calibration


def test_a_calibration_ends_by_itself_and_clears_its_bit():
    desk = Desk()
    for register in (0x63, 0x64):
        desk.write(register, 0xC0)
    desk.write(0x2B, 0x10)
    assert desk.read(0x2B) == 0x10
    desk.chip.wait(0.02)
    assert desk.read(0x2B) == 0x00
    assert desk.state("alc_calibrated") == [True, True]
    assert desk.read(0xA3, 2) == [0x10, 0x00]  # 0.0005 of full scale
    assert desk.read(0xA8, 2) == [0xF3, 0x0F]  # -0.0004


@pytest.mark.parametrize("steps", [None, (("active", 0xFD, 0x01),)])
def test_polling_without_sleep_ends_too_even_when_nothing_runs(steps):
    desk = Desk() if steps is None else Desk(steps)
    desk.write(0x2B, 0x10)
    polls = 0
    while desk.read(0x2B) & 0x10:
        polls += 1
        assert polls < 1000
    assert desk.read(0x2B) == 0x20
    assert desk.state("alc_calibrated") == [False, False]


def test_live_microphones_overflow_the_calibration():
    desk = Desk()
    desk.write(0x2B, 0x10)
    desk.chip.wait(0.02)
    assert desk.read(0x2B) == 0x20
    assert desk.calibrate() == 0x00, "a good run clears the flag"


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (0x67, 0x00),  # ADC off
        (0x67, 0xC0),  # ADC muted
        (0x32, 0x00),  # no microphone routed
        (0x65, 0x80),  # mixer off
    ],
)
def test_a_calibration_measures_only_a_channel_that_runs(register, value):
    desk = Desk()
    desk.write(register, value)
    desk.calibrate()
    assert desk.state("alc_calibrated") == [False, True]


def test_a_calibration_under_a_running_level_control_overflows():
    desk = alc_desk(BOTH)
    for register in (0x63, 0x64):
        desk.write(register, 0xC0)
    desk.write(0x2B, BOTH | 0x10)
    desk.chip.wait(0.02)
    assert desk.read(0x2B) & 0x20


def test_a_changed_mixin_gain_needs_a_new_calibration():
    desk = alc_desk(BOTH | HYBRID)
    assert desk.state("alc_mode") == "alc"
    desk.write(0x34, 0x05)
    assert desk.state("alc_mode") == "digital only"
    desk.write(0x2B, 0x00)
    desk.calibrate()
    desk.write(0x2B, BOTH | HYBRID)
    assert desk.state("alc_mode") == "alc"


def test_the_cancelled_offset_is_gone_and_a_stale_one_is_not():
    desk = alc_desk(BOTH | HYBRID, limits=0x00)
    desk.write(0x38, 0x00)
    assert abs(np.mean(desk.record(0.2)[:, 0])) < 5e-5
    desk.write(0x34, 0x0F)
    assert np.mean(desk.record(0.2)[:, 0]) == pytest.approx(5e-4 * (10 ** (18 / 20) - 1), rel=0.1)


def test_an_overflowed_offset_used_all_the_same_is_heard():
    desk = alc_desk(BOTH, noise=32, limits=0x30)  # noise below -48 dBFS holds the gain
    desk.record(0.5)
    assert gain_db(desk) == 0.0
    desk.write(0x2B, 0x00)
    desk.write(0x2B, 0x10)
    desk.chip.wait(0.02)
    desk.write(0x2B, BOTH | HYBRID)
    desk.record(0.5)
    assert gain_db(desk) > 5.0, "the offset passes for a signal"
    assert desk.state("alc_mode") == "digital only"


def test_the_manual_offset_is_added():
    desk = Desk()
    desk.write(0x38, 0x00)
    desk.write(0xA6, 0xF0, 0x0F)  # -16 steps of 2^-15
    desk.write(0x2B, 0x05)
    assert abs(np.mean(desk.record(0.2)[:, 0])) < 5e-5
    desk.write(0xAD, 0x02)
    desk.record(0.01)
    middle = desk.read(0xAE)
    desk.write(0xAD, 0x03)
    assert (desk.read(0xAE) << 16 | middle << 8) / 2**23 == pytest.approx(5e-4, abs=4e-5)


# the static curve


@pytest.mark.parametrize("enable", [BOTH, BOTH | HYBRID])
@pytest.mark.parametrize(
    ("input_dbv", "level_dbfs"), [(-44, -18), (-36, -18), (-24, -18), (-15, -15), (-6, -12), (0, -12)]
)
def test_the_level_ends_in_its_window_from_either_side(enable, input_dbv, level_dbfs):
    desk = alc_desk(enable)
    level = dbfs(desk.record(1.0, 10 ** (input_dbv / 20))[-4800:, 0])
    assert level == pytest.approx(level_dbfs, abs=0.8)  # the detector's ripple
    assert gain_db(desk) == pytest.approx(level - input_dbv, abs=0.5)


def test_a_control_that_was_not_calibrated_takes_its_own_offset_for_a_signal():
    digital, hybrid = alc_desk(BOTH), alc_desk(BOTH | HYBRID)
    assert dbfs(hybrid.record(1.0, 1e-3)[-4800:, 0]) == pytest.approx(-18, abs=0.8)
    assert dbfs(digital.record(1.0, 1e-3)[-4800:, 0]) < -20


@pytest.mark.parametrize(("code", "max_db"), [(0, 0), (2, 12), (6, 36)])
def test_the_maximum_gain_is_a_ceiling(code, max_db):
    desk = alc_desk(limits=code << 4 | 0x0F)
    desk.record(0.5, 1e-4)
    assert desk.state("alc_max_gain_db") == max_db
    assert gain_db(desk) == pytest.approx(max_db)


@pytest.mark.parametrize(("code", "min_db"), [(0, 0), (1, -6), (2, -12)])
def test_the_maximum_attenuation_is_a_floor(code, min_db):
    desk = alc_desk(limits=0xF0 | code, high=10)
    desk.record(0.5, 1.0)
    assert desk.state("alc_min_gain_db") == min_db
    assert gain_db(desk) == pytest.approx(min_db, abs=0.01)


def test_thresholds_go_down_in_steps_of_1_5_db():
    desk = alc_desk()
    for code in range(64):
        desk.write(0x9C, code, code, code)
        state = desk.chip.state()
        assert [*state["alc_window_dbfs"], state["noise_gate_dbfs"]] == [-1.5 * code] * 3
        assert state["noise_gate"] == (code < 63)


def test_limits_go_over_all_their_codes():
    desk = alc_desk()
    for code in range(16):
        desk.write(0x9F, code << 4 | 15 - code)
        assert (desk.state("alc_max_gain_db"), desk.state("alc_min_gain_db")) == (6 * code, -6 * (15 - code))
    for code in range(1, 8):
        desk.write(0xA0, code << 4 | code)
        assert desk.state("alc_analogue_gain_db") == [6 * code - 6, 6 * code - 6]


# hybrid and digital


def test_hybrid_mode_moves_the_amplifiers_in_steps_of_6_db_within_their_limits():
    steps = instead("mic 1 0 dB", 0x05)  # +24 dB
    desk = alc_desk(LEFT | HYBRID, analogue=0x62, steps=steps)  # +6..+30 dB
    for input_dbv, mic_db in ((-14, 6.0), (-32, 12.0), (-80, 30.0)):
        desk.record(1.0, 10 ** (input_dbv / 20))
        assert desk.state("mic_gain_db")[0] == mic_db
        assert desk.state("input_gain_db")[0] == mic_db
    assert gain_db(desk) > 30


def test_a_loud_voice_clips_in_front_of_a_digital_control_and_not_in_hybrid_mode():
    def distortion(enable):
        desk = alc_desk(enable, times=0x66, steps=instead("mic 1 0 dB", 0x05))  # slow, so that it does not tremble
        frames = desk.record(2.0, 0.2)[-24_000:, 0]  # 10 dB above full scale at the amplifier
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(frames.size))) ** 2
        return 10 * np.log10(np.sum(spectrum[700:]) / np.sum(spectrum[450:550]))

    assert distortion(LEFT | HYBRID) < -45
    assert distortion(LEFT) > -25


@pytest.mark.parametrize("bits", [0x01, 0x02])
def test_hybrid_mode_needs_both_bits(bits):
    desk = alc_desk(BOTH | HYBRID)
    desk.write(0x2B, BOTH | bits)
    assert desk.state("alc_mode") == "digital only"


def test_hybrid_mode_asked_for_and_never_calibrated_stays_digital():
    desk = Desk()
    desk.write(0x9F, 0xFF)
    desk.write(0x9E, 0x08)
    desk.write(0x2B, BOTH | HYBRID)
    desk.record(0.5, 1.0)
    assert gain_db(desk) < -6
    assert desk.state("mic_gain_db") == [0.0, 0.0]
    assert desk.state("alc_mode") == "digital only"


# times


def frames_until(desk, reached, rms_v):
    frames = 0
    while not reached(gain_db(desk)):
        desk.record(0.0, rms_v)
        frames += 128
        assert frames < 400_000
    return frames


@pytest.mark.parametrize("code", [3, 5, 7])
def test_release_is_176_samples_doubled_for_6_db(code):
    desk = alc_desk(times=code << 4)
    frames = frames_until(desk, lambda gain: gain >= 24.0, 1e-3)
    assert frames == pytest.approx(4 * 176 * 2**code, rel=0.05, abs=256)
    assert desk.state("alc_decay_ms") == pytest.approx(176 * 2**code / 48, rel=1e-3)


@pytest.mark.parametrize("code", [5, 7, 9])
def test_attack_is_44_samples_doubled_for_6_db(code):
    desk = alc_desk(times=code, detector=PEAKS, high=32)
    frames = frames_until(desk, lambda gain: gain <= -18.0, 0.5)
    assert frames == pytest.approx(3 * 44 * 2**code, rel=0.05, abs=256)
    assert desk.state("alc_attack_ms") == pytest.approx(44 * 2**code / 48, rel=1e-3)


@pytest.mark.parametrize("code", [8, 10])
def test_hold_delays_the_rise_and_not_the_fall(code):
    desk = alc_desk(times=0x00, detector=SMOOTH | code)
    frames = frames_until(desk, lambda gain: gain > 0.0, 1e-3)
    assert frames == pytest.approx(62 * 2**code, rel=0.02, abs=256)
    assert desk.state("alc_hold_ms") == pytest.approx(62 * 2**code / 48, rel=1e-3)
    desk = alc_desk(times=0x00, detector=SMOOTH | 15)
    desk.record(0.1, 1.0)
    assert gain_db(desk) < -11


def test_times_are_counted_in_samples_and_triple_at_a_third_of_the_rate():
    at_48 = alc_desk(times=0x53, detector=SMOOTH | 4)
    at_16 = alc_desk(times=0x53, detector=SMOOTH | 4, steps=instead("48 kHz", 0x05))
    for key in ("alc_hold_ms", "alc_decay_ms", "alc_attack_ms"):
        assert at_16.state(key) == pytest.approx(3 * at_48.state(key), rel=1e-6)


def test_every_release_attack_and_hold_code_doubles():
    desk = alc_desk()
    for code in range(16):
        desk.write(0x9A, code << 4 | code, code)
        assert desk.state("alc_decay_ms") == pytest.approx(176 * 2 ** min(code, 10) / 48, rel=1e-3)
        assert desk.state("alc_attack_ms") == pytest.approx(44 * 2 ** min(code, 12) / 48, rel=1e-3)
        assert desk.state("alc_hold_ms") == pytest.approx(62 * 2**code / 48, rel=1e-3)


def test_a_slow_detector_delays_the_fall():
    quick, slow = alc_desk(0x88, 0x00, 0xC0, low=63), alc_desk(0x88, 0x00, 0xF0, low=63)
    for desk in (quick, slow):
        desk.record(0.02, 1.0)
    assert gain_db(quick) < -10
    assert gain_db(slow) == 0.0


# what stops it


@pytest.mark.parametrize(("input_dbv", "rises"), [(-42, False), (-34, True)])
def test_below_the_noise_threshold_the_gain_stands(input_dbv, rises):
    desk = alc_desk(noise=26)  # -39 dBFS
    desk.record(0.5, 10 ** (input_dbv / 20))
    assert (gain_db(desk) > 3) == rises


def test_the_noise_threshold_does_not_move_with_the_gain():
    desk = alc_desk(noise=26)
    desk.record(0.5, 10 ** (-34 / 20))
    raised = gain_db(desk)
    desk.record(1.0, 10 ** (-48 / 20))
    assert gain_db(desk) == pytest.approx(raised, abs=0.5)


def test_anticlip_ignores_a_slow_attack():
    def gain_after(anticlip):
        desk = alc_desk(times=0x0C)
        desk.write(0xA2, 0x3F)  # half of full scale
        desk.write(0xA1, anticlip)
        desk.record(0.1, 0.9)
        return gain_db(desk)

    assert gain_after(0x00) > -1.0
    assert gain_after(0x80) == pytest.approx(-5.1, abs=0.7)


@pytest.mark.parametrize(("enable", "side"), [(LEFT, 0), (RIGHT, 1)])
def test_a_channel_without_the_control_keeps_its_gain(enable, side):
    desk = alc_desk(enable)
    frames = desk.record(0.5, 0.9)[-4800:]
    assert dbfs(frames[:, side]) == pytest.approx(-12, abs=0.8)
    assert dbfs(frames[:, 1 - side]) == pytest.approx(20 * np.log10(0.9), abs=0.05)
    assert desk.state("alc") == ("left", "right")[side]


def test_the_louder_channel_steers_both():
    desk = alc_desk(BOTH)
    desk.record(0.5, 1.0, pins=("MIC2",))
    assert gain_db(desk, 0) == gain_db(desk, 1) < -10


def test_switched_off_it_leaves_the_registers_gains():
    desk = alc_desk(BOTH | HYBRID)
    desk.record(0.5, 1e-3)
    assert desk.state("mic_gain_db")[0] > 0
    desk.write(0x2B, 0x00)
    assert desk.state("alc") == "off"
    assert desk.state("mic_gain_db") == [0.0, 0.0]
    assert gain_db(desk) == 0.0
