"""Every figure against a closed form, and against what would fool it: silence, NaN, a mute, a stranger."""

import math

import numpy as np
import pytest
from scipy.signal import butter, fftconvolve, sosfilt, sosfreqz

from hil import analysis, response
from hil.analysis import Track
from hil.stimulus import composite_source, exponential_sweep, level_step, sine, speech_like, tone_bursts

RATE_HZ = 16_000
SILENCE = np.zeros(RATE_HZ)
BROKEN = np.full(RATE_HZ, np.nan)


def noise(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


def delayed(x: np.ndarray, frames: float) -> np.ndarray:
    """Any delay, by the shift theorem."""
    size = 2 * x.size
    turn = np.exp(-2j * np.pi * frames * np.arange(size // 2 + 1) / size)
    return np.fft.irfft(np.fft.rfft(x, size) * turn, size)[: x.size + math.ceil(frames)]


def at_level(x: np.ndarray, db: float) -> np.ndarray:
    return x * 10 ** (db / 20)


# Levels


def test_level_over_time_follows_a_step_in_the_window_where_it_happens():
    track = analysis.level_over_time(level_step(sine(1000, 2, RATE_HZ), RATE_HZ, [(1, -40)]), RATE_HZ, 0.05)
    np.testing.assert_allclose(track.value_db[track.time_s < 0.97], 0.0, atol=1e-6)
    np.testing.assert_allclose(track.value_db[track.time_s > 1.03], -40.0, atol=1e-6)


def test_a_burst_at_half_time_has_the_active_level_of_its_active_half():
    tone = sine(1000, 8, RATE_HZ, -20)
    gated = tone * (np.arange(tone.size) % (4 * RATE_HZ) < 2 * RATE_HZ)
    level = analysis.active_level(gated, RATE_HZ)
    assert level.dbfs == pytest.approx(-20, abs=0.8)  # the 200 ms hangover counts as activity
    assert level.dbfs + 10 * math.log10(level.activity) == pytest.approx(analysis.level_dbfs(gated), abs=1e-9)
    assert analysis.active_level(10 * gated, RATE_HZ).dbfs == pytest.approx(level.dbfs + 20, abs=1e-9)


def test_the_mask_of_a_burst_is_the_burst_and_its_hangover():
    tone = sine(1000, 3, RATE_HZ, -20)
    tone[:RATE_HZ] = 0.0
    tone[2 * RATE_HZ :] = 0.0
    mask = analysis.active_mask(tone, RATE_HZ)
    assert mask[round(1.05 * RATE_HZ) : 2 * RATE_HZ].all()
    assert not mask[:RATE_HZ].any()
    assert not mask[round(2.5 * RATE_HZ) :].any()


@pytest.mark.parametrize("x", [SILENCE, BROKEN])
def test_nobody_talks_in_silence_or_in_nan(x):
    assert math.isnan(analysis.active_level(x, RATE_HZ).dbfs)
    assert not analysis.active_mask(x, RATE_HZ).any()


def test_a_click_is_its_largest_sample_and_a_dead_recording_has_none():
    quiet = at_level(noise(), -100)
    quiet[500] = -0.01
    assert analysis.click_dbfs(quiet) == pytest.approx(-40, abs=1e-6)
    assert math.isnan(analysis.click_dbfs(SILENCE))
    assert math.isnan(analysis.click_dbfs(BROKEN))


# Delay


@pytest.mark.parametrize("frames", [0.0, 7.25, 123.5, 1000.4])
@pytest.mark.parametrize("signal", ["noise", "speech", "sweep", "composite"])
def test_latency_is_found_to_a_hundredth_of_a_frame_whatever_the_polarity(signal, frames):
    x = {
        "noise": lambda: noise(2),
        "speech": lambda: speech_like(4, RATE_HZ, seed=1),
        "sweep": lambda: exponential_sweep(2, RATE_HZ, 50, 7000).signal,
        "composite": lambda: composite_source(1.5, RATE_HZ),
    }[signal]()
    found = analysis.latency_frames(x, -0.1 * delayed(x, frames))
    assert found.delay_frames == pytest.approx(frames, abs=0.01)
    assert found.confidence > 0.7


def test_latency_through_a_reverberant_room_is_that_of_the_direct_sound():
    random = np.random.default_rng(2)
    room = random.standard_normal(4800) * np.exp(-np.arange(4800) / 700)
    room[:20], room[20] = 0.0, 6.0
    x = speech_like(4, RATE_HZ, seed=1)
    found = analysis.latency_frames(x, fftconvolve(x, room)[: x.size])
    assert found.delay_frames == pytest.approx(20, abs=0.1)
    assert found.confidence > 0.5


@pytest.mark.parametrize("other", [noise(4, seed=5), speech_like(4, RATE_HZ, seed=9)])
def test_an_unrelated_recording_has_no_confident_latency(other):
    assert analysis.latency_frames(speech_like(4, RATE_HZ, seed=1), other).confidence < 0.2


@pytest.mark.parametrize("x", [SILENCE, BROKEN])
def test_silence_and_nan_have_no_latency(x):
    for pair in ((noise(), x), (x, noise())):
        found = analysis.latency_frames(*pair)
        assert math.isnan(found.delay_frames)
        assert found.confidence == 0.0


# Gain control


@pytest.mark.parametrize("taken_back_db", [0.0, 0.1, 6.0, -3.0])
def test_the_gain_change_is_what_a_known_gain_control_took_back(taken_back_db):
    source = level_step(speech_like(8, RATE_HZ), RATE_HZ, [(0, -35), (4, 0)])
    controlled = level_step(source, RATE_HZ, [(0, 12), (4.5, 12 - taken_back_db)])
    change_db = analysis.gain_change_db(source, controlled, RATE_HZ, step_s=4, window_s=3)
    assert change_db == pytest.approx(taken_back_db, abs=1e-6)


def test_a_gain_change_from_or_to_silence_is_not_a_number():
    source = noise(2)
    assert math.isnan(analysis.gain_change_db(source, np.zeros(source.size), RATE_HZ, 1, 0.5))
    gated = level_step(source, RATE_HZ, [(1, -math.inf)])
    assert math.isnan(analysis.gain_change_db(source, gated, RATE_HZ, 1, 0.5))


# Echo


def test_erle_of_a_known_attenuation_is_that_attenuation_inside_the_mask():
    mic = noise(2)
    out = level_step(mic, RATE_HZ, [(0, -10), (1, -46)])
    late = np.arange(mic.size) >= RATE_HZ
    assert analysis.erle_db(mic, out, RATE_HZ, late) == pytest.approx(46, abs=1e-9)
    assert analysis.erle_db(mic, out, RATE_HZ, ~late) == pytest.approx(10, abs=1e-9)
    assert analysis.erle_db(mic, mic, RATE_HZ) == 0.0


@pytest.mark.parametrize(
    ("mic", "out"), [(noise(), SILENCE), (SILENCE, noise()), (noise(), BROKEN), (SILENCE, SILENCE)]
)
def test_a_mute_or_a_dead_microphone_is_no_canceller(mic, out):
    assert math.isnan(analysis.erle_db(mic, out, RATE_HZ))
    assert math.isnan(analysis.convergence_s(analysis.erle_over_time(mic, out, RATE_HZ), 20.0))


def test_erle_over_an_empty_mask_is_not_a_number():
    assert math.isnan(analysis.erle_db(noise(), noise(), RATE_HZ, np.zeros(RATE_HZ, dtype=bool)))


def test_signals_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        analysis.erle_db(noise(1), noise(2), RATE_HZ)


def test_convergence_is_when_the_target_is_reached_for_good():
    mic = noise(3)
    out = level_step(mic, RATE_HZ, [(0, -10), (0.5, -45), (1.0, -10), (1.2, -45)])
    track = analysis.erle_over_time(mic, out, RATE_HZ)
    assert analysis.convergence_s(track, 40) == pytest.approx(1.2, abs=0.035)
    assert math.isnan(analysis.convergence_s(track, 46))


@pytest.mark.parametrize(
    ("track_db",           "dip_db", "expected_s"),
    [
        ([0, 41, 39, 42, 43],     0,         3.0),  # fell out at 2 s
        ([0, 41, 39, 42, 43],     2,         1.0),  # but by less than is allowed
        ([50, 50, 50, 50, 50],    0,         0.0),
        ([0, 41, 42, 43, 39],     0,    math.nan),  # not held to the end
        ([math.nan] * 5,          0,    math.nan),
    ],
)  # fmt: skip
def test_convergence_of_a_hand_written_track(track_db, dip_db, expected_s):
    track = Track(np.arange(5.0), np.array(track_db, dtype=float))
    assert analysis.convergence_s(track, 40, dip_db) == pytest.approx(expected_s, nan_ok=True)


def test_far_end_pauses_say_nothing_about_the_canceller():
    mic = noise(2) * (np.arange(2 * RATE_HZ) < RATE_HZ)
    track = analysis.erle_over_time(mic, 0.01 * noise(2, seed=1), RATE_HZ)
    assert np.isnan(track.value_db[track.time_s > 1.05]).all()
    assert np.isfinite(track.value_db[track.time_s < 0.95]).all()


def test_echo_loss_is_a_difference_and_silence_has_none():
    assert analysis.echo_loss_db(-20.0, -71.5) == pytest.approx(51.5)
    assert math.isnan(analysis.echo_loss_db(-20.0, -math.inf))
    assert math.isnan(analysis.echo_loss_db(math.nan, -60.0))


# Double talk


@pytest.mark.parametrize("loss_db", [0.0, 3.0, 10.0])
@pytest.mark.parametrize("delay_frames", [0, 137, 800])
def test_the_near_talkers_loss_is_found_under_an_echo_as_loud_as_he_is(loss_db, delay_frames):
    near, echo = speech_like(8, RATE_HZ, seed=3), speech_like(8, RATE_HZ, seed=9, pitch_hz=200)
    heard = np.concatenate((np.zeros(delay_frames), near))[: near.size]
    out = at_level(heard, -loss_db) + at_level(echo, -6.0)
    assert analysis.double_talk_loss_db(near, out, RATE_HZ) == pytest.approx(loss_db, abs=0.25)


def test_a_known_short_filter_is_charged_with_its_own_loss_only():
    near = noise(6)
    path = np.zeros(60)
    path[[20, 45]] = 0.6, -0.3
    expected_db = -10 * math.log10(0.6**2 + 0.3**2)
    loss_db = analysis.double_talk_loss_db(near, fftconvolve(near, path)[: near.size], RATE_HZ)
    assert loss_db == pytest.approx(expected_db, abs=0.05)


def test_only_the_talkers_masked_frames_count():
    near = noise(4)
    out = level_step(near, RATE_HZ, [(2, -12)])
    late = np.arange(near.size) >= 2 * RATE_HZ
    assert analysis.double_talk_loss_db(near, out, RATE_HZ, late) == pytest.approx(12, abs=0.05)
    assert analysis.double_talk_loss_db(near, out, RATE_HZ, ~late) == pytest.approx(0, abs=0.05)


def test_an_output_without_the_talker_is_never_a_pass():
    near, echo = speech_like(8, RATE_HZ, seed=3), speech_like(8, RATE_HZ, seed=9)
    assert analysis.double_talk_loss_db(near, echo, RATE_HZ) > 15
    for dead in (np.zeros(near.size), np.full(near.size, np.nan)):
        assert math.isnan(analysis.double_talk_loss_db(near, dead, RATE_HZ))
        assert math.isnan(analysis.double_talk_loss_db(dead, near, RATE_HZ))


# Responses


@pytest.mark.parametrize("corner_hz", [100.0, 120.0])
def test_a_butterworth_high_pass_is_measured_as_designed(corner_hz):
    sweep = exponential_sweep(4, RATE_HZ, 10, 7800)
    sos = butter(2, corner_hz, "high", fs=RATE_HZ, output="sos")
    recorded = np.concatenate((np.zeros(333), sosfilt(sos, sweep.signal), np.zeros(RATE_HZ // 2)))
    measured = response.transfer_function(sweep, recorded)
    _, designed = sosfreqz(sos, measured.frequency_hz, fs=RATE_HZ)
    above = measured.frequency_hz > 20
    error_db = (measured.magnitude_db - 20 * np.log10(np.abs(designed)))[above]
    assert np.max(np.abs(error_db)) < 0.2
    assert response.corner_hz(*measured, reference_hz=1000) == pytest.approx(corner_hz, rel=0.005)
    at_50_hz = response.gain_at_db(*measured, at_hz=50, reference_hz=1000)
    assert at_50_hz == pytest.approx(-10 * math.log10(1 + (corner_hz / 50) ** 4), abs=0.1)


def test_a_wire_is_flat_under_second_harmonics_and_noise():
    sweep = exponential_sweep(4, RATE_HZ, 10, 7800)
    wire = np.concatenate((sweep.signal, np.zeros(RATE_HZ // 2)))
    bent = wire + 0.02 * wire**2 + 1e-3 * noise(wire.size / RATE_HZ)
    assert response.flatness_db(*response.transfer_function(sweep, wire), 20, 7000) < 1e-6
    assert response.flatness_db(*response.transfer_function(sweep, bent), 100, 7000) < 0.05


@pytest.mark.parametrize("recorded", [np.zeros(40_000), np.full(40_000, np.nan), noise(2.5, seed=4)])
def test_a_recording_without_the_sweep_has_no_response_no_corner_and_no_flatness(recorded):
    measured = response.transfer_function(exponential_sweep(2, RATE_HZ, 20, 7800), recorded)
    assert np.isnan(measured.magnitude_db).all()
    assert math.isnan(response.corner_hz(*measured, reference_hz=1000))
    assert math.isnan(response.flatness_db(*measured, 100, 4000))
    assert math.isnan(response.gain_at_db(*measured, at_hz=50, reference_hz=1000))


def test_the_corner_is_interpolated_and_bounded_by_what_was_measured():
    frequency = np.array([10.0, 100.0, 1000.0])
    assert response.corner_hz(frequency, [-20.0, -6.0, 0.0], 1000) == pytest.approx(10**2.5)
    assert response.corner_hz(frequency, [-1.0, -0.5, 0.0], 1000) == 10.0
    with pytest.raises(ValueError, match="5000 Hz was not measured"):
        response.corner_hz(frequency, [0.0, 0.0, 0.0], 5000)


def test_flatness_is_half_the_span_inside_the_band_only():
    frequency = np.geomspace(10, 10_000, 301)
    curve = np.where(frequency < 100, -40.0, np.sin(np.log(frequency) * 9))
    assert response.flatness_db(frequency, curve, 110, 9000) == pytest.approx(1.0, abs=0.01)
    assert response.flatness_db(frequency, curve + 60, 110, 9000) == pytest.approx(1.0, abs=0.01)


def test_bursts_show_the_response_through_a_gain_that_drifts():
    frequencies_hz = (50.0, 100.0, 300.0, 4000.0)
    plan = tone_bursts(frequencies_hz, RATE_HZ)
    sos = butter(2, 120, "high", fs=RATE_HZ, output="sos")
    drift = 10 ** (-np.linspace(0, 12, plan.signal.size) / 20)
    recorded = np.concatenate((np.zeros(777), sosfilt(sos, plan.signal) * drift, np.zeros(99)))
    _, designed = sosfreqz(sos, (*frequencies_hz, 1000.0), fs=RATE_HZ)
    expected_db = 20 * np.log10(np.abs(designed[:-1] / designed[-1]))
    np.testing.assert_allclose(response.burst_response(recorded, plan), expected_db, atol=0.1)


@pytest.mark.parametrize("recorded", [SILENCE, BROKEN, noise(3, seed=8)])
def test_a_recording_without_the_bursts_has_no_burst_response(recorded):
    assert np.isnan(response.burst_response(recorded, tone_bursts((100.0, 300.0, 3000.0), RATE_HZ))).all()


# Tones


@pytest.mark.parametrize("hz", [50.2, 440.0, 997.3, 1000.05, 7000.01])
def test_the_frequency_of_a_noisy_tone_is_found_to_a_millihertz(hz):
    tone = sine(hz, 2, RATE_HZ)
    assert response.frequency_hz(tone + 0.05 * noise(2), RATE_HZ) == pytest.approx(hz, abs=1e-3)
    assert response.frequency_hz(tone + 0.5, RATE_HZ) == pytest.approx(hz, abs=1e-3)  # a DC offset is no tone


@pytest.mark.parametrize("x", [SILENCE, BROKEN, noise()])
def test_silence_nan_and_noise_have_neither_frequency_nor_distortion(x):
    assert math.isnan(response.frequency_hz(x, RATE_HZ))
    assert math.isnan(response.thd_percent(x, RATE_HZ, 1000))


def test_distortion_is_the_root_sum_square_of_known_harmonics():
    tone = sine(997, 1, RATE_HZ) + sine(2 * 997, 1, RATE_HZ, -50.457575) + sine(3 * 997, 1, RATE_HZ, -47.9588)
    assert response.thd_percent(tone, RATE_HZ, 1000) == pytest.approx(0.5, rel=1e-3)  # 0.3 and 0.4 %
    assert response.thd_percent(sine(997, 1, RATE_HZ), RATE_HZ, 1000) < 1e-6


def test_the_tone_of_another_frequency_is_not_the_one_asked_for():
    assert math.isnan(response.thd_percent(sine(500, 1, RATE_HZ), RATE_HZ, 1000))


@pytest.mark.parametrize(("hz", "weight_db"), [(63, -26.2), (100, -19.1), (1000, 0.0), (2500, 1.3), (8000, -1.1)])
def test_the_a_curve_is_that_of_iec_61672(hz, weight_db):
    tone = sine(hz, 1, 48_000)
    weighted_db = analysis.level_dbfs(response.a_weighted(tone, 48_000))
    assert weighted_db == pytest.approx(weight_db, abs=0.1)


def test_signal_to_noise_is_weighted_and_needs_noise_to_exist():
    tone, hum = sine(1000, 1, RATE_HZ, -36), sine(100, 1, RATE_HZ, -80)
    assert response.snr_db(tone, hum, RATE_HZ) == pytest.approx(44 + 19.1, abs=0.1)
    assert math.isnan(response.snr_db(tone, SILENCE, RATE_HZ))
    assert math.isnan(response.snr_db(SILENCE, hum, RATE_HZ))
