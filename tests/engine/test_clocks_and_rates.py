"""Two cards with a clock each, and a card at a multiple of the mode's rate: what is heard, what is cancelled, what is queued."""

import errno
from dataclasses import replace

import numpy as np
import pytest
from scripted import Echo, Event, ScriptedPcm

from firmware_py import Mode
from firmware_py.dsp.chain import Chain
from firmware_py.engine import Engine, loop
from firmware_py.modes import PROFILES

VOICE = PROFILES[Mode.VOICE_CHAT]
PLAIN = replace(PROFILES[Mode.MEASUREMENT], rate_hz=16_000, period_frames=128)  # no filter, no canceller, no limiter


def converse(engine: Engine, down: np.ndarray) -> np.ndarray:
    """One channel down and up, through a session."""
    engine.mixer.set_gains({"app": 1.0})
    return engine.converse("app", np.repeat(down[:, None], engine.profile.channels, axis=1))[:, 0]


def tone(hz: float, seconds: float, rate_hz: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))).astype(np.float32)


def loss_db(down: np.ndarray, up: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(down[-len(up) :] ** 2) / (np.mean(up**2) + 1e-20)))


@pytest.mark.parametrize("factor", [1, 2, 3, 6])
def test_a_tone_comes_back_as_it_was_as_late_as_the_chain_says(factor):
    profile = PLAIN if factor < 6 else replace(PLAIN, rate_hz=8_000)  # the card has no 96 kHz
    engine = Engine(ScriptedPcm(echo=Echo(0)), profile, factor=factor)
    engine.open()
    down = tone(1000.0, 0.5, profile.rate_hz)
    up = converse(engine, down)
    inside = engine.chain.latency_frames + engine.chain.playback_latency_frames
    late = engine.profile.preroll_frames + inside
    heard = slice(late + 400, len(up))
    np.testing.assert_allclose(
        up[heard], down[heard.start - late : heard.stop - late], atol=1.5e-3
    )  # 0.03 dB of ripple


def test_what_the_mode_cannot_carry_does_not_fold_back():
    engine = Engine(
        ScriptedPcm(near=lambda ticks: 2.0**29 * np.sin(2 * np.pi * 11_000 * ticks / 48_000)), PLAIN, factor=3
    )
    engine.open()
    up = converse(engine, np.zeros(8_000, np.float32))
    assert 20 * np.log10(np.std(up[1_000:]) / 0.25 + 1e-12) < -75.0


def test_echo_is_cancelled_through_the_rate_converter():
    engine = Engine(ScriptedPcm(echo=Echo(120, (0.5, 0.2, -0.1))), VOICE, factor=3)
    engine.open()
    down = noise(4.0)
    up = converse(engine, down)
    assert loss_db(down, up[-16_000:]) > 35.0


@pytest.mark.parametrize("ppm", [-500.0, -120.0, 60.0, 500.0])
def test_with_a_clock_each_no_queue_runs_dry_and_echo_is_cancelled(ppm):
    pcm = ScriptedPcm(echo=Echo(60, (0.5, 0.2, -0.1)), playback_ppm=ppm, jitter_ns=200_000)
    engine = Engine(pcm, VOICE)
    engine.open()
    down = noise(40.0)
    up = converse(engine, down)
    counted = engine.statistics
    assert counted.playback_xruns == counted.capture_xruns == 0
    assert counted.drift_ppm == pytest.approx(ppm, abs=3.0)
    assert abs(pcm.driver.queued - VOICE.preroll_frames) < 64
    assert loss_db(down, up[-80_000:]) > 35.0


def test_a_clock_each_and_a_rate_converter_go_together():
    pcm = ScriptedPcm(echo=Echo(150, (0.5, 0.2)), playback_ppm=200.0, jitter_ns=200_000)
    engine = Engine(pcm, VOICE, factor=3)
    engine.open()
    down = noise(30.0)
    up = converse(engine, down)
    assert engine.statistics.playback_xruns == 0
    assert loss_db(down, up[-48_000:]) > 35.0


def test_after_an_xrun_the_drift_is_still_known():
    pcm = ScriptedPcm(echo=Echo(60, (0.5, 0.2)), playback_ppm=300.0)
    engine = Engine(pcm, VOICE)
    engine.open()
    converse(engine, noise(20.0))
    pcm.script(Event("read", pcm.calls["read"] + 1, (-errno.EPIPE,), late_frames=700))
    down = noise(10.0, seed=2)
    up = converse(engine, down)
    assert engine.statistics.drift_ppm == pytest.approx(300.0, abs=3.0)
    assert loss_db(down, up[-48_000:]) > 35.0


def test_what_is_known_of_two_clocks_outlives_another_chain_and_another_start():
    pcm = ScriptedPcm(echo=Echo(60, (0.5, 0.2)), playback_ppm=200.0)
    engine = Engine(pcm, VOICE)
    engine.open()
    converse(engine, noise(30.0))
    engine.swap(Chain(VOICE))
    converse(engine, noise(20.0, seed=2))
    assert engine.chain._clocks.ratio == pytest.approx(1.0002, abs=3e-6)
    engine._control[loop.STARTS] += 1
    converse(engine, noise(20.0, seed=3))
    assert engine.chain._clocks.ratio == pytest.approx(1.0002, abs=3e-6)
    assert abs(pcm.driver.queued - VOICE.preroll_frames) < 64
    assert engine.statistics.playback_xruns == 0
