"""Procedures against benches on which there is nothing to measure, and against sounds whose answer is known."""

import dataclasses
import errno
import math

import numpy as np
import pytest

from firmware_py import Mode
from firmware_py.errors import PcmError
from firmware_py.modes import PROFILES
from hil.analysis import convergence_s, level_dbov
from hil.bench import VirtualBench
from hil.limits import limit
from hil.procedures import echo, levels, wiring
from hil.voices import Voices

RATE_HZ = 16_000


def noise(seconds: float, rms: float = 0.1) -> np.ndarray:
    return rms * np.random.default_rng(1).standard_normal(round(seconds * RATE_HZ))


def test_a_microphone_that_hears_nothing_has_no_latency_and_nothing_to_converge(bench):
    with bench.active("measurement"):
        bench.set_mic_bias(False)
        values = echo.latency(bench).values | echo.cold(bench).values
        assert all(math.isnan(values[name]) for name in ("latency_ms", "added_latency_frames", "convergence_s"))
        untested = echo.with_application(bench).untested
        assert "not found" in untested["latency_with_application_ms"]


def test_an_echo_that_is_lost_in_the_noise_proves_no_absence_of_a_canceller(bench):
    with bench.active("measurement"):
        assert abs(echo.untouched(bench, Voices()).values["erle_db"]) < 1.0
        bench.set_mic_bias(False)
        assert math.isnan(echo.untouched(bench, Voices()).values["erle_db"])


def test_a_line_that_is_muted_under_the_far_end_has_not_converged():
    far = noise(2.0)
    out = 1e-4 * far
    assert convergence_s(echo.loss_over_time(far, out, RATE_HZ), 40.0, dip_db=6.0) < 0.1
    out[RATE_HZ:] = 0.0
    assert math.isnan(convergence_s(echo.loss_over_time(far, out, RATE_HZ), 40.0, dip_db=6.0))


def test_silence_of_both_ends_is_no_dip():
    far = noise(2.0)
    out = 1e-4 * far
    far[RATE_HZ:] = out[RATE_HZ:] = 0.0
    assert convergence_s(echo.loss_over_time(far, out, RATE_HZ), 40.0, dip_db=6.0) < 0.1


@pytest.mark.parametrize("mode", ["voiceChat", "gameChat", "measurement"])
def test_an_application_that_plays_what_it_captured_adds_one_period(bench, mode):
    with bench.active(mode):
        period_ms = bench.profile.period_frames / bench.profile.rate_hz * 1e3
        inside_ms = echo.latency(bench).values["latency_ms"]
        through_ms = echo.with_application(bench).values["latency_with_application_ms"]
        assert through_ms - inside_ms == pytest.approx(period_ms, abs=0.1)


def test_a_channel_that_is_3_db_softer_is_measured(bench):
    with bench.active("measurement"):
        assert levels.tone(bench).values["channel_difference_db"] == pytest.approx(0.0, abs=0.1)
        bench.chip.write(bench.board.i2c_address, bytes((0x16 << 1 | 1, 0xC3 - 6)))  # right ADC, six steps of 0.5 dB
        assert levels.tone(bench).values["channel_difference_db"] == pytest.approx(3.0, abs=0.1)


def test_a_quiet_box_leaves_the_capsules_their_hiss(bench):
    with bench.active("measurement"):
        bench.world.ambient_noise = 0.0
        hiss = level_dbov(bench.converse(1.0, coupling=0.0).mic_pa) + 94.0
        assert 28.0 < hiss < 36.0  # 30 dB(A) of white noise


class Fragile(VirtualBench):
    """A bench whose card stops when the room is hushed or the microphones have lost their bias."""

    def converse(self, *arguments, **named):
        if self.world.ambient_noise == 0.0 or self.chip.mic_bias_v["MICBIAS"] == 0.0:
            raise PcmError(errno.ENODEV, "the card has gone")
        return super().converse(*arguments, **named)


def test_a_procedure_that_is_interrupted_leaves_the_noise_and_the_bias_as_they_were(board):
    bench = Fragile(board)
    with bench.active("measurement"):
        for procedure in (levels.purity, wiring.mic_bias):
            with pytest.raises(PcmError):
                procedure(bench)
        assert bench.world.ambient_noise == 1.0
        assert bench.chip.mic_bias_v["MICBIAS"] == pytest.approx(2.97, rel=0.01)


@pytest.mark.parametrize("mode", [Mode.DEFAULT, Mode.VOICE_CHAT, Mode.GAME_CHAT])
@pytest.mark.parametrize("wrong_db", [-6.0, 6.0])
def test_6_db_of_wrong_analogue_gain_are_heard_behind_any_automatic_one(bench, monkeypatch, mode, wrong_db):
    profile = PROFILES[mode]
    wrong = dataclasses.replace(profile, sensitivity_dbfs=profile.sensitivity_dbfs + wrong_db)
    monkeypatch.setitem(PROFILES, mode, wrong)
    with bench.active(mode):
        assert not limit("soft_gain_db", mode).holds(levels.step(bench).values["soft_gain_db"])
