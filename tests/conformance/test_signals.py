"""The conformance cases that only a codec can prove: on the virtual bench, by what a meter shows."""

import numpy as np
import pytest

from firmware_py import Board, Category, Mode
from hil.analysis import level_dbov
from hil.bench import VirtualBench
from hil.limits import limit
from hil.procedures import echo, levels
from hil.procedures.findings import audible
from hil.stimulus import composite_source, sine
from hil.voices import Voices

MODES = list(Mode)


@pytest.fixture
def bench(board: Board):
    bench = VirtualBench(board)
    yield bench
    bench.close()


def activate(bench: VirtualBench, mode: Mode, category: Category = Category.PLAY_AND_RECORD) -> None:
    bench.session.set_category(category, mode=mode)
    bench.session.activate()


def tone(seconds: float, rate_hz: int, level_dbfs: float) -> np.ndarray:
    return sine(1000.0, seconds, rate_hz, level_dbfs).astype(np.float32)


@pytest.mark.parametrize("mode", [Mode.VOICE_CHAT, Mode.GAME_CHAT])
def test_t20_echo_is_lost_in_the_chat_modes_and_comes_back_when_the_canceller_is_bypassed(bench, mode):
    activate(bench, mode)
    values = echo.cold(bench).values | echo.conversation(bench, Voices()).values
    for name in ("convergence_s", "echo_loss_db"):
        assert limit(name, mode).holds(values[name]), name
    bench.stage.engine.chain.echo.bypass(True)
    assert echo.conversation(bench, Voices()).values["echo_loss_db"] < values["echo_loss_db"] - 20.0


def test_t21_the_analogue_gain_stands_still_when_speech_becomes_20_db_louder(bench):
    activate(bench, Mode.VOICE_CHAT)
    before = bench.chip.state()["pga_gain_db"]
    speech = composite_source(6.0, 16_000, seed=1)
    speech[48_000:] *= 10.0
    bench.converse(6.0, near_pa=(0.1 * speech).astype(np.float32), coupling=0.0)
    assert bench.chip.state()["pga_gain_db"] == before


def test_t22_measurement_is_linear_has_no_gain_that_moves_and_delays_nothing(bench):
    activate(bench, Mode.MEASUREMENT)
    values = levels.step(bench).values | echo.latency(bench).values
    for name in ("agc_gain_change_db", "added_latency_frames"):
        assert limit(name, "measurement").holds(values[name]), name
    rate = bench.profile.rate_hz
    heard = []
    for step in range(0, 31, 5):
        take = bench.converse(0.6, near_pa=0.05 * 10 ** (step / 20) * tone(0.6, rate, 0.0), coupling=0.0)
        heard.append(level_dbov(audible(take.up, rate)[-rate // 4 :]))
    np.testing.assert_allclose(np.diff(heard), 5.0, atol=0.5)
    state = bench.chip.state()
    assert (state["alc"], state["noise_gate"], state["high_pass"]) == ("off", False, False)


def test_t23_default_levels_what_measurement_leaves_alone(bench):
    activate(bench, Mode.DEFAULT, Category.RECORD_AUDIO)
    assert limit("agc_gain_change_db", "default").holds(levels.step(bench).values["agc_gain_change_db"])


def test_t24_measurement_plays_without_dynamics(bench):
    activate(bench, Mode.MEASUREMENT)
    soft, loud = (
        bench.converse(tone(0.5, 48_000, level), coupling=0.0).speaker_v[-12_000:] for level in (-20.0, -10.0)
    )
    assert level_dbov(loud) - level_dbov(soft) == pytest.approx(10.0, abs=0.1)


def test_t25_the_offset_is_at_rest_from_the_first_frame_that_is_delivered(bench):
    activate(bench, Mode.MEASUREMENT)
    up = bench.converse(0.5, coupling=0.0).up.reshape(-1, bench.profile.period_frames).mean(axis=1)
    assert np.ptp(up) < 0.01


def test_t27_the_alc_learns_of_a_new_rate_before_anything_is_heard(bench):
    activate(bench, Mode.DEFAULT)
    bench.session.deactivate()
    activate(bench, Mode.VOICE_CHAT)
    written = [line for line in bench.writes if line.startswith("R")]
    rate = next(i for i, line in enumerate(written) if "ADC_ALC_SR=16k" in line)
    unmuted = next(i for i, line in enumerate(written) if "DACMU=unmuted" in line)
    assert rate < unmuted


@pytest.mark.parametrize("before", MODES)
@pytest.mark.parametrize("after", MODES)
def test_t28_every_change_of_mode_ends_in_the_registers_of_the_new_one_with_the_bias_off_between(bench, before, after):
    activate(bench, before)
    bench.session.deactivate()
    assert bench.chip.mic_bias_v["MICBIAS"] == 0.0
    activate(bench, after)
    assert bench.mismatches() == []


def test_t35_a_preferred_buffer_becomes_the_nearest_that_works_and_runs_without_an_xrun(bench):
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.MEASUREMENT)
    bench.session.preferred_buffer_s = 0.005
    bench.session.activate()
    assert bench.session.buffer_s == pytest.approx(0.005, abs=0.001)
    bench.converse(60.0)
    statistics = bench.stage.engine.statistics
    assert statistics.playback_xruns == statistics.capture_xruns == 0
    bench.session.preferred_buffer_s = 10.0
    assert bench.session.buffer_s == pytest.approx(0.093, abs=0.001)
    assert bench.session.preferred_buffer_s == 10.0
