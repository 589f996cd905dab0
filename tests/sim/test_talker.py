from __future__ import annotations

import numpy as np
import pytest

from hil.sim.talker import Talker


def listen(talker, period_frames, periods, true_rate_hz):
    return np.concatenate([talker.next(period_frames, true_rate_hz) for _ in range(periods)])


def test_at_its_own_rate_a_recording_is_heard_sample_for_sample():
    recording = np.random.default_rng(0).standard_normal(1_000).astype(np.float32)
    heard = listen(Talker(recording, 16_000.0, -300.0), 128, 12, 16_000.0)
    assert np.array_equal(heard, np.concatenate([np.zeros(300), recording, np.zeros(12 * 128 - 1_300)]))


@pytest.mark.parametrize("true_rate_hz", [16_001.6, 15_000.0, 48_000.0, 44_100.0])
def test_a_tone_keeps_its_true_pitch_at_any_rate(true_rate_hz):
    tone = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000).astype(np.float32)
    heard = listen(Talker(tone, 16_000.0, 0.0), 128, 80, true_rate_hz)[1_000:]
    truth = np.sin(2 * np.pi * 1_000 * (1_000 + np.arange(len(heard))) / true_rate_hz)
    assert np.max(np.abs(heard - truth)) < 1e-4


def test_what_a_lower_rate_cannot_hold_is_not_folded_back():
    tone = np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000).astype(np.float32)
    heard = listen(Talker(tone, 48_000.0, 0.0), 128, 100, 16_000.0)[1_000:]
    assert np.max(np.abs(heard)) < 1e-4


def test_a_recording_goes_on_while_nobody_listens_and_ends():
    talker = Talker(np.arange(16_000, dtype=np.float32), 16_000.0, 0.0)
    talker.wait(0.5)
    assert talker.next(10, 16_000.0)[0] == 8_000
    assert not talker.finished
    talker.wait(0.6)
    assert talker.finished
