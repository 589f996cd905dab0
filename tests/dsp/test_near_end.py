"""The sense of a talker: each kernel against its equation in double precision, and what it takes for a talker."""

import numpy as np
import pytest

from firmware_py.dsp.near_end import (
    EVIDENCE,
    LEVEL,
    LEVELS,
    NEAR,
    USUAL_LEVEL,
    echo_rules,
    explain,
    judge,
    unexplained,
    weigh_level,
)

BANDS, STOP = 34, 28  # 8 ms at 16 kHz, bands up to 7 kHz
FLOOR = 1e-10
SILENT_UP_TO, TALKS_FROM = 1.1, 1.9
# per block of 8 ms: what is kept of L as it rises, as it falls; steps of the levels
PACE = np.array([0.75, 0.85, 0.01, 0.005], np.float32)


def floats(values):
    return np.asarray(values, np.float32)


def verdict_of(level=0.0, evidence=0.0, near=0.0):
    verdict = np.zeros(4, np.float32)
    verdict[[NEAR, EVIDENCE, LEVEL, USUAL_LEVEL]] = near, evidence, level, 2 * np.log2(0.05)
    return verdict


def powers(rng, low=-9, high=0):
    return floats(10 ** rng.uniform(low, high, BANDS))


class JudgeTwin:
    """p in double precision."""

    def __init__(self):
        self.p = self.L = 0.0
        self.usual = np.zeros(LEVELS)

    def block(self, L, ruled, level, adapt):
        if ruled:
            grade = min(max(int(level + 3), 0), LEVELS - 1)
            unusual = max(L - self.usual[grade], 0)
            if adapt:
                step = 0.75 * (1 - 0.95 * self.p) if self.usual[grade] < L else -0.25
                self.usual[grade] = np.clip(self.usual[grade] + 0.005 * step, 0, 3)
            L = unusual
        keep = 0.75 if self.L < L else 0.85
        self.L = keep * self.L + (1 - keep) * L
        self.p = np.clip((self.L - SILENT_UP_TO) / (TALKS_FROM - SILENT_UP_TO), 0, 1)


def test_the_level_is_told_in_steps_of_3_db_against_what_is_usual_and_at_most_three():
    verdict = verdict_of()
    usual = float(verdict[USUAL_LEVEL])
    for n in range(900):
        level = 0.1 if n % 3 else 0.05
        weigh_level(verdict, np.float32(level), np.float32(0.01))
        units = 2 * np.log2(level + 1e-6)
        usual += 0.01 * (units - usual)
        assert verdict[LEVEL] == pytest.approx(np.clip(units - usual, -3, 3), abs=1e-4)
    for _ in range(2000):
        weigh_level(verdict, np.float32(0.1), np.float32(0.01))
    for factor, steps in ((1.0, 0.0), (2.0, 2.0), (0.5, -2.0), (10.0, 3.0), (0.03, -3.0)):
        weigh_level(verdict, np.float32(0.1 * factor), np.float32(0.0))
        assert verdict[LEVEL] == pytest.approx(steps, abs=0.05)


def test_silence_is_no_usual_level():
    verdict = verdict_of()
    for _ in range(1000):
        weigh_level(verdict, np.float32(0.0019), np.float32(0.01))
    assert verdict[USUAL_LEVEL] == np.float32(2 * np.log2(0.05))
    assert verdict[LEVEL] == -3.0


def test_the_residual_is_the_echo_and_what_may_be_missed_times_what_has_been_learnt_of_both():
    rng = np.random.default_rng(1)
    leak, slope, trust = (
        floats(rng.uniform(-8, -2, BANDS)),
        floats(rng.uniform(0, 3, BANDS)),
        floats(rng.uniform(-6, 0, BANDS)),
    )
    echo, missed = powers(rng), powers(rng)
    echo_gain, missed_gain, residual = (np.zeros(BANDS, np.float32) for _ in range(3))
    for level in (-3.0, -0.7, 0.0, 1.3, 3.0):
        explain(echo_gain, missed_gain, residual, leak, slope, trust, np.float32(level), echo, missed)
        expected_echo, expected_missed = (
            2.0 ** (leak.astype(float) + slope.astype(float) * level),
            2.0 ** trust.astype(float),
        )
        assert np.allclose(echo_gain, expected_echo, rtol=4e-5)
        assert np.allclose(missed_gain, expected_missed, rtol=4e-5)
        assert np.allclose(residual, expected_echo * echo + expected_missed * missed, rtol=4e-5)


def test_what_is_unexplained_is_the_cubic_mean_of_octaves_between_0_and_6():
    rng = np.random.default_rng(2)
    for stop in (1, 13, STOP, BANDS):
        error, residual, noise = powers(rng), powers(rng), powers(rng, -9, -3)
        octaves = np.clip(np.log2((error + FLOOR) / (residual + 2.0 * noise + FLOOR)), 0, 6)[:stop]
        assert unexplained(error, residual, noise, stop) == pytest.approx(np.mean(octaves**3) ** (1 / 3), abs=4e-4)


def test_bands_above_7_khz_do_not_testify():
    error, residual, noise = (np.full(BANDS, power, np.float32) for power in (1e-3, 1e-3, 1e-9))
    error[STOP:] = 1.0
    assert unexplained(error, residual, noise, STOP) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("loud_bands", "times", "talks"),
    [
        (STOP, 1.0, 0.0),  # everything is explained
        (STOP, 2.0, 0.0),  # a little too much everywhere: a leak that is not yet learnt
        (4, 64.0, 1.0),  # a voice's first harmonics
        (2, 64.0, 1.0),  # a murmur
    ],
)
def test_a_few_loud_bands_that_nothing_explains_are_a_talker_and_many_a_little_too_loud_are_not(
    loud_bands, times, talks
):
    verdict, usual = verdict_of(), np.zeros(LEVELS, np.float32)
    error, residual, noise = (np.full(BANDS, power, np.float32) for power in (1e-3, 1e-3, 1e-9))
    error[:loud_bands] *= np.float32(times)
    for _ in range(30):
        judge(verdict, usual, unexplained(error, residual, noise, STOP), False, PACE, True)
    assert verdict[NEAR] == pytest.approx(talks, abs=0.05)


def test_echo_rules_where_it_is_nine_db_over_the_noise_in_more_than_two_fifths_of_the_bands():
    rng = np.random.default_rng(3)
    noise = powers(rng)
    seen = set()
    for _ in range(200):
        echo = noise * floats(10 ** rng.uniform(-0.5, 2.0, BANDS))
        expected = (echo > 8 * noise.astype(float) + FLOOR)[:STOP].sum() > 0.4 * STOP
        assert echo_rules(echo, noise, STOP) == expected
        seen.add(bool(expected))
    assert seen == {False, True}
    assert not echo_rules(np.zeros(BANDS, np.float32), np.zeros(BANDS, np.float32), STOP)


def test_every_verdict_equals_the_plain_twin():
    rng = np.random.default_rng(4)
    verdict, usual, twin = verdict_of(), np.zeros(LEVELS, np.float32), JudgeTwin()
    seen = []
    for n in range(4000):
        level = np.float32(rng.uniform(-3, 3) if n % 50 == 0 else verdict[LEVEL])
        verdict[LEVEL] = level
        evidence = np.float32(
            abs(0.8 * np.sin(n / 70) + 0.3 * rng.standard_normal()) + (2.0 if 1500 < n < 1700 else 0.0)
        )
        ruled, adapt = bool(n % 300 < 200), bool(n % 1000 < 900)
        judge(verdict, usual, evidence, ruled, PACE, adapt)
        twin.block(float(evidence), ruled, float(level), adapt)
        assert verdict[NEAR] == pytest.approx(twin.p, abs=1e-4)
        assert verdict[EVIDENCE] == pytest.approx(twin.L, abs=1e-4)
        assert np.allclose(usual, twin.usual, atol=1e-4)
        seen.append(twin.p)
    assert (min(seen), max(seen)) == (0.0, 1.0)


def test_a_burst_of_one_block_is_no_talker_and_a_pause_between_syllables_no_end():
    verdict, usual = verdict_of(), np.zeros(LEVELS, np.float32)
    for n in range(40):
        judge(verdict, usual, np.float32(3.0 if n == 0 else 0.0), False, PACE, True)
        assert verdict[NEAR] == 0.0
    probabilities = []
    for n in range(40):
        judge(verdict, usual, np.float32(3.0 if n < 10 else 0.0), False, PACE, True)
        probabilities.append(float(verdict[NEAR]))
    assert probabilities[0] == 0.0
    assert probabilities[3] > 0.9
    assert probabilities[12] > 0.5
    assert probabilities[-1] == 0.0


def settled(evidence, level, blocks, near=0.0, adapt=True, usual=None):
    """The usual evidence and p after so many blocks of the same."""
    verdict = verdict_of(level, evidence, near)
    usual = np.zeros(LEVELS, np.float32) if usual is None else usual
    for _ in range(blocks):
        judge(verdict, usual, np.float32(evidence), True, PACE, adapt)
    return usual, float(verdict[NEAR])


def test_what_is_usual_at_a_level_is_learnt_and_of_no_other():
    usual, near = settled(1.8, 2.0, 3000)
    assert near == 0.0
    assert usual[5] == pytest.approx(1.8, abs=0.01)
    assert not usual[:5].any()
    assert settled(1.8, 2.0, 50, usual=usual)[1] == 0.0
    assert settled(1.8, -2.0, 50, usual=usual)[1] > 0.6  # as much is a talker where the loudspeaker is soft


def test_a_talker_is_not_usual_before_he_has_talked_for_long_and_never_as_a_whole():
    usual, near = settled(5.0, 0.0, 250, near=1.0)  # two seconds
    assert near == 1.0
    assert usual[3] < 0.06
    assert settled(5.0, 0.0, 100_000, near=1.0)[0][3] == pytest.approx(3.0)


def test_nothing_becomes_usual_while_learning_is_off_or_the_echo_does_not_rule():
    assert not settled(1.8, 0.0, 500, adapt=False)[0].any()
    verdict, usual = verdict_of(), np.zeros(LEVELS, np.float32)
    for _ in range(500):
        judge(verdict, usual, np.float32(1.8), False, PACE, True)
    assert not usual.any()


def test_the_usual_evidence_is_an_upper_quartile():
    rng = np.random.default_rng(5)
    verdict, usual = verdict_of(), np.zeros(LEVELS, np.float32)
    told = []
    for n in range(20000):
        judge(verdict, usual, np.float32(rng.uniform(0, 1)), True, PACE, True)
        told.append(usual[3] if n > 5000 else np.nan)
    assert np.nanmean(told) == pytest.approx(0.75, abs=0.03)
