"""Scenes are what they say: the same from the same seed, with the delay, levels, skew and changes of their row."""

import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from firmware_py.errors import UnknownNameError
from hil.analysis import active_level, erle_db, latency_frames
from hil.bench.aec import command, sounds
from hil.bench.aec.cancellers import Maker, ours
from hil.bench.aec.paths import skewed
from hil.bench.aec.scenes import DELAY_S, SCENES, Scene, choose, clip
from hil.bench.aec.trial import aligned, judge, latency_of
from hil.stimulus import speech_like

RATE = 16_000
ACOUSTIC_S = 0.25 / 343.0  # from the loudspeaker to the middle between the microphones


def sound(name, **changes):
    scene = next(scene for scene in SCENES if scene.name == name)
    return clip(replace(scene, room="office", **changes), seed=3, synthetic=True)


def test_a_seed_says_every_sample():
    first, again = sound("double-talk0"), sound("double-talk0")
    for part in ("mic", "far", "echo", "near", "noise"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
    other = clip(first.scene, seed=4, synthetic=True)
    assert not np.array_equal(first.far, other.far)


def test_a_microphone_hears_the_sum_in_16_bits():
    heard = sound("double-talk0")
    assert np.abs(heard.mic - heard.echo - heard.near - heard.noise).max() < 1.01 / 65536
    assert np.array_equal(np.round(heard.mic * 32768) / 32768, heard.mic)


@pytest.mark.parametrize("name", ["delay-1", "delay-60", "delay-120", "delay-240"])
def test_the_echo_is_as_late_as_it_says(name):
    heard = sound(name)
    found = latency_frames(heard.far, heard.echo, RATE).delay_frames / RATE
    assert found == pytest.approx(1e-3 * int(name.removeprefix("delay-")) + ACOUSTIC_S, abs=2e-4)


def test_the_delay_jumps_when_it_says():
    heard = sound("jump")
    change = round(heard.scene.change_s * RATE)
    before = latency_frames(heard.far[:change], heard.echo[:change], RATE).delay_frames / RATE
    after = latency_frames(heard.far[change:], heard.echo[change:], RATE).delay_frames / RATE
    assert (before, after) == pytest.approx((0.020 + ACOUSTIC_S, 0.075 + ACOUSTIC_S), abs=2e-4)


@pytest.mark.parametrize(
    ("name", "ser_db"), [("double-talk-10", -10.0), ("double-talk0", 0.0), ("double-talk+10", 10.0)]
)
def test_the_near_end_is_as_loud_beside_the_echo_as_it_says(name, ser_db):
    heard = sound(name)
    both = heard.within(heard.scene.near_s)
    found = active_level(heard.near[both], RATE).dbfs - active_level(heard.echo, RATE).dbfs
    assert found == pytest.approx(ser_db, abs=0.5)
    assert np.abs(heard.near[: round(5.5 * RATE)]).max() < 1e-9


@pytest.mark.parametrize("ppm", [50.0, -200.0])
def test_a_skew_is_a_delay_that_grows(ppm):
    random = np.random.default_rng(5)
    x = 0.1 * random.standard_normal(20 * RATE)
    y = skewed(x, ppm)
    assert y.size == x.size
    for at_s in (2, 16):
        part = slice(at_s * RATE, at_s * RATE + RATE // 4)
        lag = round(1e-6 * abs(ppm) * at_s * RATE) + 8
        base = slice(part.start + lag, part.stop + lag)
        found = latency_frames(x[base], y[part], 4 * lag).delay_frames - lag
        assert found == pytest.approx(1e-6 * ppm * (at_s + 0.125) * RATE, abs=0.3)


def test_noise_is_as_far_below_the_echo_as_it_says():
    heard = sound("noise")
    found = active_level(heard.echo, RATE).dbfs - 10.0 * math.log10(2.0 * float(np.mean(np.square(heard.noise))))
    assert found == pytest.approx(20.0, abs=0.2)


def test_headphones_are_heard_by_nobody_and_a_converter_that_clips_does():
    heard = sound("headphones")
    assert heard.far.any()
    assert not heard.echo.any()
    heard = sound("clipping")
    assert heard.mic.max() == 32767 / 32768 or heard.mic.min() == -1.0
    assert np.abs(heard.echo).max() == pytest.approx(1.4, abs=1e-3)


@pytest.mark.parametrize("name", ["device-moved", "speaker-moved"])
def test_a_path_that_changes_is_another_path_from_then_on(name):
    heard, still = sound(name), sound(name, moved="")
    change = round(heard.scene.change_s * RATE)
    scale = float(heard.echo[:change] @ still.echo[:change]) / float(still.echo[:change] @ still.echo[:change])
    assert np.allclose(heard.echo[:change], scale * still.echo[:change], atol=1e-6)
    rest = heard.echo[change:] - scale * still.echo[change:]
    assert erle_db(heard.echo[change:], rest, RATE) < 10.0


@pytest.mark.parametrize("loudspeaker", ["soft", "hard", "asymmetric"])
def test_a_loudspeaker_that_distorts_leaves_what_no_filter_can_take_off(loudspeaker):
    straight, bent = sound("single"), sound(loudspeaker)
    gain = float(bent.echo @ straight.echo) / float(straight.echo @ straight.echo)
    assert 6.0 < erle_db(bent.echo, bent.echo - gain * straight.echo, RATE) < 30.0


def test_names_are_looked_up_and_rooms_and_skews_multiply():
    names = [scene.name for scene in choose((), ("booth", "hall"), (50.0, -20.0))]
    assert {"single-booth", "single-hall", "skew50", "skew-20", "48k"} <= set(names)
    assert len(names) == len(SCENES) + 2
    with pytest.raises(UnknownNameError, match="no scene is named 'singel'; did you mean 'single'"):
        choose(("singel",))
    with pytest.raises(UnknownNameError, match="no room is named 'bath'"):
        choose((), ("bath",))


def test_the_help_names_every_scene():
    assert all(scene.name in command.__doc__ for scene in SCENES)


def test_one_installed_voice_talks_at_both_ends_and_never_to_itself(monkeypatch, tmp_path):
    folder = tmp_path / "sounds" / "en_US_f_Nobody"
    folder.mkdir(parents=True)
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", speech_like(3.0, 8000, seed=number), 8000, subtype="PCM_16")
    monkeypatch.setattr(sounds, "ASTERISK", tmp_path)
    monkeypatch.setattr(sounds, "alsa_voices", list)
    heard = clip(Scene(name="x", title="", seconds=6.0, near_s=(0.0, 6.0)), seed=1)
    assert heard.said.startswith("asterisk's voice en_US_f_Nobody at both ends")
    likeness = np.abs(correlate(heard.far, heard.near, method="fft")).max()
    assert likeness < 0.5 * np.linalg.norm(heard.far) * np.linalg.norm(heard.near)
    assert active_level(heard.far, RATE).dbfs == pytest.approx(-23.0, abs=0.1)


def test_where_nothing_is_recorded_synthetic_voices_say_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sounds, "ASTERISK", tmp_path)
    monkeypatch.setattr(sounds, "alsa_voices", list)
    heard = clip(Scene(name="x", title="", seconds=3.0, far="music"), seed=1)
    assert heard.said.startswith("synthetic voices")
    assert heard.said.endswith("synthetic music")
    assert active_level(heard.far, RATE).dbfs == pytest.approx(-23.0, abs=0.1)


def test_a_trial_gives_the_figures_that_were_put_into_the_output():
    heard = sound("double-talk0")
    maker = Maker("known", True, ours(0.008, 0.256).make, "")
    row = judge(maker, heard, heard.mic - np.float32(0.99) * heard.echo)
    assert row.values["echo_reduction_db"] == pytest.approx(40.0, abs=0.5)
    assert row.values["near_level_db"] == pytest.approx(0.0, abs=0.05)
    alone = sound("single", snr_db=80.0)
    row = judge(maker, alone, np.float32(10.0**-1.05) * alone.mic)
    assert (row.values["erle_db"], row.values["late_erle_db"]) == pytest.approx((21.0, 21.0), abs=1e-3)
    assert row.values["t20_s"] == pytest.approx(0.0, abs=0.2)
    assert row.values["largest_gain_db"] == pytest.approx(-21.0, abs=1e-3)


def test_latency_is_found_and_taken_off():
    found = latency_of(ours(0.008, 0.256), RATE, seed=1, synthetic=True)
    assert found == pytest.approx(128.0, abs=0.1)
    assert np.array_equal(aligned(np.arange(300, dtype=np.float32), found)[:3], [128.0, 129.0, 130.0])


def test_what_is_not_about_delay_has_that_of_a_playback():
    assert sound("single").scene.delay_s == DELAY_S
