"""Fade, limiter and automatic gain, as a level meter sees them."""

import numpy as np
import pytest

from firmware_py.dsp.dynamics import NEAR_PROBABILITY, AutomaticGain, Limiter, gain_ramp

RATE_HZ = 16000
BLOCK = 128


def db(x):
    return 10 * np.log10(np.mean(np.square(x, dtype=np.float64)))


def tone(level_dbfs, seconds, frequency_hz=440.0):
    phase = 2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (10 ** (level_dbfs / 20) * np.sqrt(2) * np.sin(phase)).astype(np.float32)


def speech(level_dbfs, seconds, seed=0):
    """Noise in four syllables a second, pausing for 0.6 s every 2 s; *level_dbfs* is that of the talking."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    talking = t % 2 < 1.4
    x = np.random.default_rng(seed).standard_normal(t.size) * np.sin(2 * np.pi * 2 * t) ** 2 * talking
    return (x * 10 ** ((level_dbfs - db(x[talking])) / 20)).astype(np.float32)


def blocks(x, size=BLOCK):
    return [x[a : a + size] for a in range(0, len(x) - size + 1, size)]


def played(agc, x, near_probability=1.0):
    """What comes out and the gain in dB after each block; *x* is left alone."""
    pieces = [block.copy() for block in blocks(x)]
    gains_db = [agc.process(piece, near_probability) for piece in pieces]
    return np.concatenate(pieces), np.array(gains_db)


# The fade


def test_a_fade_is_linear_and_ends_exactly_where_it_was_told():
    x = np.ones(100, dtype=np.float32)
    gain_ramp(x, 1.0, 0.0)
    np.testing.assert_allclose(x, 1 - np.arange(1, 101) / 100, atol=1e-6)
    assert x[-1] == 0.0


def test_a_fade_over_two_blocks_has_no_step_between_them():
    x = np.ones((100, 2), dtype=np.float32)
    gain_ramp(x[:50], 0.0, 0.5)
    gain_ramp(x[50:], 0.5, 1.0)
    np.testing.assert_allclose(x, np.repeat(np.arange(1, 101) / 100, 2).reshape(100, 2), atol=1e-6)


# The limiter


def limited_in_float64(x, ceiling, release_s):
    """The plain version."""
    gain, out = 1.0, np.empty(x.shape)
    for i, frame in enumerate(x.astype(np.float64)):
        gain += (1 - gain) * (1 - np.exp(-1 / (release_s * RATE_HZ)))
        gain = min(gain, ceiling / max(np.max(np.abs(frame)), 1e-300))
        out[i] = frame * gain
    return out


def test_the_limiter_agrees_with_its_plain_version():
    x = np.random.default_rng(1).standard_normal((4000, 2)).astype(np.float32)
    truth = limited_in_float64(x, 10 ** (-1 / 20), 0.08)
    Limiter(RATE_HZ).process(x)
    np.testing.assert_allclose(x, truth, atol=1e-6)


@pytest.mark.parametrize("ceiling_dbfs", [0.0, -0.1, -1.0, -3.0, -6.02, -20.0])
def test_no_sample_ever_passes_the_ceiling(ceiling_dbfs):
    generator = np.random.default_rng(2)
    limiter = Limiter(RATE_HZ, ceiling_dbfs)
    for scale in (0.9, 1.0, 1.1, 3.0, 1e6, 1e30):
        x = (generator.standard_normal((2000, 2)) * scale).astype(np.float32)
        x[::97] = scale  # runs up to, and at, the ceiling
        x[5::101, 1] = np.nextafter(np.float32(10 ** (ceiling_dbfs / 20)), np.float32(2))
        limiter.process(x)
        assert np.max(np.abs(x.astype(np.float64))) <= 10 ** (ceiling_dbfs / 20)


def test_nan_and_infinity_become_silence_and_the_sound_comes_back():
    x = np.full((RATE_HZ, 2), 0.5, dtype=np.float32)
    x[3, 0], x[5, 1] = np.nan, np.inf
    Limiter(RATE_HZ).process(x)
    assert np.all(np.isfinite(x))
    assert x[3].tolist() == [0, 0.5]
    assert x[-1].tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


def test_what_stays_below_the_ceiling_passes_unchanged_to_the_bit():
    x = np.random.default_rng(3).uniform(-0.89, 0.89, (1000, 2)).astype(np.float32)
    before = x.copy()
    assert Limiter(RATE_HZ).process(x) == 0.0
    np.testing.assert_array_equal(x, before)


def test_the_limiter_adds_no_latency():
    x = np.zeros((64, 1), dtype=np.float32)
    x[10] = 2.0
    Limiter(RATE_HZ).process(x)
    assert np.flatnonzero(x).tolist() == [10]


def test_a_loud_channel_does_not_move_the_stereo_image():
    x = np.tile(np.array([[2.0, 0.5]], dtype=np.float32), (100, 1))
    Limiter(RATE_HZ).process(x)
    np.testing.assert_allclose(x[:, 0] / x[:, 1], 4.0, rtol=1e-6)


def test_the_gain_comes_back_with_the_release_time():
    limiter = Limiter(RATE_HZ, 0.0, release_s=0.08)
    peak = np.full((1, 1), 2.0, dtype=np.float32)
    assert limiter.process(peak) == pytest.approx(6.02, abs=0.01)
    after = np.full((round(0.08 * RATE_HZ), 1), 0.1, dtype=np.float32)
    limiter.process(after)
    assert 1 - after[-1, 0] / 0.1 == pytest.approx(0.5 / np.e, abs=1e-4)


# The automatic gain


@pytest.mark.parametrize("range_db", [12.0, 6.0])
def test_quiet_and_loud_speech_are_brought_together_within_the_range(range_db):
    agc = AutomaticGain(RATE_HZ, max_gain_db=range_db, min_gain_db=-range_db)
    _, quiet_db = played(agc, speech(-50, 12))
    _, loud_db = played(agc, speech(-15, 12))
    assert 0.8 * range_db <= quiet_db[-1] - loud_db[-1] <= 2.0 * range_db
    _, again_db = played(agc, speech(-50, 12))
    assert again_db[-1] == pytest.approx(quiet_db[-1], abs=0.1)


@pytest.mark.parametrize("level_dbfs", [-30, -25, -20, -15, -10])
def test_speech_within_reach_comes_out_near_the_target(level_dbfs):
    y, _ = played(AutomaticGain(RATE_HZ, target_dbfs=-20), speech(level_dbfs, 14))
    last = y[12 * RATE_HZ : 12 * RATE_HZ + round(1.4 * RATE_HZ)]  # one stretch of talking
    assert db(last) == pytest.approx(-20, abs=2)


@pytest.mark.parametrize("frequency_hz", [60.0, 100.0, 440.0, 3000.0])
@pytest.mark.parametrize("level_dbfs", [-26, -14])
def test_a_steady_tone_reaches_the_target_and_then_stands_still(level_dbfs, frequency_hz):
    y, gains_db = played(AutomaticGain(RATE_HZ), tone(level_dbfs, 8, frequency_hz))
    assert np.ptp(gains_db[len(gains_db) // 2 :]) < 0.1
    assert db(y[-RATE_HZ:]) == pytest.approx(-20, abs=0.2)


@pytest.mark.parametrize("size", [32, 160, 441, 1024])
def test_the_settled_gain_does_not_depend_on_the_period(size):
    agc = AutomaticGain(RATE_HZ)
    for block in blocks(tone(-26, 6), size):
        agc.process(block)
    assert agc.gain_db == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("x", "near_probability"),
    [
        (tone(-64, 3),                              1.0),  # background, below the noise guard
        (np.zeros(3 * RATE_HZ, dtype=np.float32),   1.0),
        (tone(-6, 3),                               NEAR_PROBABILITY - 0.01),  # what is left of the far end
        (tone(-40, 3),                              0.0),
        (tone(-40, 3),                              np.nan),
        (np.full(BLOCK, np.nan, dtype=np.float32),  1.0),
        (np.full(BLOCK, 1e30, dtype=np.float32),    1.0),
    ],
)  # fmt: skip
def test_only_near_end_speech_moves_the_gain(x, near_probability):
    agc = AutomaticGain(RATE_HZ)
    _, gains_db = played(agc, tone(-25, 4))
    _, then_db = played(agc, x, near_probability)
    assert np.all(then_db == gains_db[-1])
    _, after_db = played(agc, tone(-25, 1))
    np.testing.assert_allclose(after_db, gains_db[-1], atol=0.1)


def test_a_quiet_speaker_is_turned_up_by_three_decibels_a_second():
    agc = AutomaticGain(RATE_HZ)
    played(agc, tone(-20, 2))
    _, gains_db = played(agc, tone(-40, 2))
    rise = np.diff(gains_db[RATE_HZ // BLOCK // 2 :]) * RATE_HZ / BLOCK
    np.testing.assert_allclose(rise, 3.0, atol=0.01)


def test_a_loud_speaker_is_turned_down_within_half_a_second():
    agc = AutomaticGain(RATE_HZ)
    played(agc, tone(-32, 6))
    _, gains_db = played(agc, tone(-14, 3))
    down = (12 - gains_db) / 18  # from +12 to -6 dB
    reached = np.argmax(down > 1 - 1 / np.e) * BLOCK / RATE_HZ
    assert 0.25 < reached < 0.5
    assert gains_db[-1] == pytest.approx(-6, abs=0.1)


def test_the_gain_has_no_steps_at_block_boundaries():
    x = np.full(3 * RATE_HZ, 0.3, dtype=np.float32)  # constant, so that the output is the gain
    y, _ = played(AutomaticGain(RATE_HZ), x)
    largest_step_db = np.max(np.abs(np.diff(20 * np.log10(y))))
    assert largest_step_db < 0.005


def test_a_reset_gain_starts_at_0_db():
    agc = AutomaticGain(RATE_HZ)
    played(agc, tone(-40, 3))
    agc.reset()
    assert agc.gain_db == 0.0
    np.testing.assert_array_equal(agc.words, AutomaticGain(RATE_HZ).words)


def test_an_empty_block_changes_nothing():
    agc = AutomaticGain(RATE_HZ)
    assert agc.process(np.zeros(0, dtype=np.float32)) == 0.0
    assert Limiter(RATE_HZ).process(np.zeros((0, 2), dtype=np.float32)) == 0.0


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: Limiter(RATE_HZ, 1.0),                             "ceiling_dbfs: 1.0, need 0 or less"),
        (lambda: Limiter(RATE_HZ, float("nan")),                    "ceiling_dbfs: nan"),
        (lambda: Limiter(RATE_HZ, release_s=0),                     "release_s: 0, need more than 0"),
        (lambda: Limiter(0),                                        "rate_hz: 0"),
        (lambda: Limiter(RATE_HZ).process(np.zeros(4, np.float32)), r"float32\[n, channels\]"),
        (lambda: AutomaticGain(RATE_HZ, min_gain_db=3),             "0 dB, the start, must lie between"),
        (lambda: AutomaticGain(RATE_HZ, release_db_per_s=-3),       "release_db_per_s: -3"),
        (lambda: AutomaticGain(RATE_HZ).process(np.zeros(4)),       r"float64\[4\], need .*float32\[n\]"),
    ],
)  # fmt: skip
def test_an_impossible_setting_is_answered_with_a_possible_one(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        wrong()
