"""Stimuli against closed forms; files that are no voices against their sentence."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from hil.analysis import active_level, level_dbfs, level_dbov
from hil.response import frequency_hz
from hil.stimulus import (
    SPEECH_DBFS,
    StimulusError,
    alsa_voices,
    composite_source,
    exponential_sweep,
    level_step,
    load_voice,
    set_active_level,
    sine,
    speech_like,
    tone_bursts,
    voice_track,
)

RATE_HZ = 16_000


def test_a_full_scale_sine_is_0_dbfs_and_3_db_less_in_dbov():
    tone = sine(1000.0, 1.0, RATE_HZ)
    assert level_dbfs(tone) == pytest.approx(0.0, abs=1e-9)
    assert level_dbov(tone) == pytest.approx(-3.0103, abs=1e-4)


def test_a_tone_above_nyquist_is_refused():
    with pytest.raises(ValueError, match="18000"):
        sine(9000.0, 1.0, RATE_HZ)


def test_a_sweep_folds_into_one_impulse_of_gain_one_at_its_last_frame():
    sweep = exponential_sweep(2.0, RATE_HZ, low_hz=50.0, high_hz=7000.0)
    impulse = fftconvolve(sweep.signal, sweep.inverse)
    assert int(np.argmax(np.abs(impulse))) == sweep.signal.size - 1
    gain = np.abs(np.fft.rfft(impulse, 65536))
    frequency = np.fft.rfftfreq(65536, 1 / RATE_HZ)
    in_band = gain[(frequency > 200) & (frequency < 3000)]
    assert 20 * np.log10(in_band.mean()) == pytest.approx(0.0, abs=0.1)
    assert 20 * np.log10(in_band.max() / in_band.min()) < 1.0


def test_the_sweeps_frequency_grows_exponentially():
    sweep = exponential_sweep(10.0, RATE_HZ, low_hz=20.0, high_hz=5120.0)  # eight octaves in ten seconds
    around_half = sweep.signal[round(4.98 * RATE_HZ) : round(5.02 * RATE_HZ)]
    assert frequency_hz(around_half, RATE_HZ) == pytest.approx(320.0, rel=0.01)


def test_the_composite_source_alternates_in_polarity_and_repeats_every_700_ms():
    source, half = composite_source(2.1, RATE_HZ), round(0.35 * RATE_HZ)
    np.testing.assert_allclose(source[half : 2 * half], -source[:half], atol=1e-12)
    np.testing.assert_allclose(source[2 * half : 4 * half], source[: 2 * half], atol=1e-12)
    pause = source[round(0.26 * RATE_HZ) : half]
    assert not np.any(pause)


def test_a_narrow_composite_source_holds_nothing_above_its_bandwidth():
    source = composite_source(0.7, RATE_HZ, bandwidth_hz=3400.0)
    noise = source[round(0.04862 * RATE_HZ) :][: round(0.2 * RATE_HZ)]
    power = np.square(np.abs(np.fft.rfft(noise)))
    above = np.fft.rfftfreq(noise.size, 1 / RATE_HZ) > 3400.0
    assert power[above].sum() < 1e-12 * power.sum()


@pytest.mark.parametrize("make", [speech_like, composite_source])
def test_speech_stimuli_have_the_nominal_active_level_and_do_not_clip(make):
    signal = make(5.0, RATE_HZ, seed=3)
    assert active_level(signal, RATE_HZ).dbfs == pytest.approx(SPEECH_DBFS, abs=0.01)
    assert np.max(np.abs(signal)) < 1.0


def test_a_synthetic_talker_pauses_and_its_seed_is_all_that_decides():
    talk = speech_like(8.0, RATE_HZ, seed=1)
    windows = np.square(talk[: talk.size // 800 * 800].reshape(-1, 800)).mean(axis=1)
    assert 0.05 < np.mean(windows < 1e-4 * windows.max()) < 0.6
    np.testing.assert_array_equal(talk, speech_like(8.0, RATE_HZ, seed=1))
    assert not np.array_equal(talk, speech_like(8.0, RATE_HZ, seed=2))


def test_a_level_step_changes_the_level_by_what_it_says_from_there_on():
    stepped = level_step(sine(1000.0, 3.0, RATE_HZ), RATE_HZ, [(1.0, -50.0), (2.0, -15.0)])
    levels = [level_dbfs(stepped[i * RATE_HZ : (i + 1) * RATE_HZ]) for i in range(3)]
    assert levels == pytest.approx([0.0, -50.0, -15.0], abs=1e-6)


def test_every_burst_stands_between_two_references_and_gaps_are_silent():
    plan = tone_bursts((100.0, 4000.0), RATE_HZ)
    heard = [frequency_hz(plan.signal[slice(*plan.slot(i))], RATE_HZ) for i in range(5)]
    assert heard == pytest.approx([1000.0, 100.0, 1000.0, 4000.0, 1000.0], rel=0.01)
    assert not any(np.any(plan.signal[slice(*plan.gap(i))]) for i in range(5))
    assert plan.gap(4)[1] == plan.signal.size


def test_silence_has_no_active_level_to_set():
    with pytest.raises(StimulusError, match="silent"):
        set_active_level(np.zeros(RATE_HZ), RATE_HZ, -20.0)


def _write(path: Path, samples: np.ndarray, rate_hz: int = 48_000, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def _unreadable(path: Path) -> Path:
    path.write_bytes(b"not a recording at all")
    return path


_TONE = 0.5 * np.sin(np.arange(48_000) / 10.0)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path,                                        "no such file"),
        (lambda path: path.parent,                                 "no such file"),  # a folder
        (_unreadable,                                              "cannot be read"),
        (lambda path: _write(path, _TONE[:0]),                     "no samples"),
        (lambda path: _write(path, _TONE[:23_999]),                "half a second"),
        (lambda path: _write(path, _TONE * 1e-5),                  "silent"),
        (lambda path: _write(path, np.append(_TONE, np.nan)),      "not numbers"),
        (lambda path: _write(path, np.stack((_TONE, -_TONE), 1)),  "silent"),        # cancels in mono
    ],
)  # fmt: skip
def test_a_file_that_is_no_voice_is_refused_in_a_sentence_that_names_it(tmp_path, make, reason):
    path = make(tmp_path / "voice.wav")
    with pytest.raises(StimulusError, match=reason) as refusal:
        load_voice(path, RATE_HZ)
    assert str(refusal.value).startswith(str(path))


@pytest.mark.parametrize("file_rate_hz", [8_000, 44_100, 48_000])
def test_a_voice_keeps_its_pitch_and_level_at_another_rate(tmp_path, file_rate_hz):
    path = _write(tmp_path / "tone.wav", sine(440.0, 1.0, file_rate_hz, -6.0), file_rate_hz)
    voice = load_voice(path, RATE_HZ)
    assert voice.dtype == np.float32
    assert voice.size == RATE_HZ
    middle = voice[1600:-1600]
    assert frequency_hz(middle, RATE_HZ) == pytest.approx(440.0, abs=0.01)
    assert level_dbfs(middle) == pytest.approx(-6.0, abs=0.05)


def test_a_talk_has_its_length_and_level_and_another_order_for_another_seed(tmp_path):
    paths = [
        _write(tmp_path / f"{hz}.flac", sine(hz, 0.6, RATE_HZ, -20.0), RATE_HZ, "PCM_16")
        for hz in (300, 400, 500, 600, 700)
    ]
    talks = [voice_track(paths, 6.0, RATE_HZ, seed=seed) for seed in (1, 1, 2)]
    assert [t.size for t in talks] == [6 * RATE_HZ] * 3
    np.testing.assert_array_equal(talks[0], talks[1])
    assert not np.array_equal(talks[0], talks[2])
    assert active_level(talks[0], RATE_HZ).dbfs == pytest.approx(SPEECH_DBFS, abs=0.5)
    first = {frequency_hz(t[: RATE_HZ // 2], RATE_HZ) for t in talks}
    assert all(min(abs(hz - f) for f in (300, 400, 500, 600, 700)) < 0.1 for hz in first)


def test_a_talk_of_no_recordings_says_what_to_install():
    with pytest.raises(StimulusError, match="alsa-utils"):
        voice_track([], 1.0, RATE_HZ)


@pytest.mark.skipif(not alsa_voices(), reason="alsa-utils is not installed")
def test_the_voices_of_alsa_utils_are_speech_and_its_noise_is_not_among_them():
    voices = alsa_voices()
    assert voices == sorted(voices)
    assert "Noise.wav" not in [path.name for path in voices]
    assert {"Front_Left.wav", "Rear_Right.wav"} <= {path.name for path in voices}
    assert math.isfinite(active_level(voice_track(None, 3.0, RATE_HZ), RATE_HZ).dbfs)
