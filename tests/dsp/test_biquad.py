"""Filters against their closed forms and against SciPy's."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import signal

from firmware_py.dsp.biquad import BiquadCascade, high_pass, low_pass, peaking, voice_eq

RATES_HZ = (8000, 16000, 44100, 48000)


def noise(frames, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


def as_sos(sections):
    return np.column_stack([sections[:, :3], np.ones(len(sections)), sections[:, 3:]])


@pytest.mark.parametrize("design", [high_pass, low_pass])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8])
def test_a_butterworth_follows_its_closed_form_at_every_frequency(design, order):
    # |H|^2 = 1 / (1 + r^2N) with r the ratio of the pre-warped frequencies
    frequencies_hz = np.geomspace(20, 7900, 60)
    r = np.tan(np.pi * frequencies_hz / 16000) / np.tan(np.pi * 500 / 16000)
    truth_db = -10 * np.log10(1 + (r if design is low_pass else 1 / r) ** (2 * order))
    response_db = BiquadCascade(design(500, 16000, order), 1).response_db(frequencies_hz, 16000)
    np.testing.assert_allclose(response_db, truth_db, atol=1e-5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("corner_hz", [80, 100, 120, 150, 3500])
@pytest.mark.parametrize("design", [high_pass, low_pass])
def test_the_corner_lies_at_minus_3_db_whatever_the_rate(design, corner_hz, rate_hz):
    gain_db = BiquadCascade(design(corner_hz, rate_hz), 1).response_db(corner_hz, rate_hz)
    assert gain_db == pytest.approx(-3.01, abs=0.02)


def test_a_second_order_high_pass_falls_by_12_db_an_octave():
    low, high = BiquadCascade(high_pass(1000, 48000), 1).response_db([20, 40], 48000)
    assert high - low == pytest.approx(12.04, abs=0.02)


def test_a_tone_through_the_kernel_meets_the_response_that_was_promised():
    rate_hz, tone_hz = 16000, 150
    x = np.sin(2 * np.pi * tone_hz * np.arange(rate_hz) / rate_hz).astype(np.float32)[:, None]
    y = BiquadCascade(high_pass(150, rate_hz), 1).process(x.copy())[rate_hz // 2 :]
    assert 20 * np.log10(np.std(y) / np.std(x)) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    "sections", [high_pass(120, 48000), high_pass(80, 48000, 5), voice_eq(48000), peaking(1000, 48000, -9, 4)]
)
def test_the_kernel_agrees_with_scipy_in_float64(sections, channels):
    x = noise(2000, channels)
    truth = signal.sosfilt(as_sos(sections), x.astype(np.float64), axis=0)
    np.testing.assert_allclose(BiquadCascade(sections, channels).process(x), truth, atol=1e-6)


def test_blocks_of_any_length_sound_like_one_long_block():
    x = noise(1000, 2)
    whole = BiquadCascade(voice_eq(16000), 2).process(x.copy())
    cascade = BiquadCascade(voice_eq(16000), 2)
    cuts = [0, 1, 2, 130, 130, 258, 999, 1000]
    pieces = [cascade.process(x[a:b].copy()) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(np.vstack(pieces), whole)


def test_out_of_place_leaves_the_input_alone_and_sounds_the_same():
    x = noise(200, 2)
    kept, out = x.copy(), np.empty_like(x)
    BiquadCascade(voice_eq(16000), 2).process(x, out)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(BiquadCascade(voice_eq(16000), 2).process(x), out)


def test_a_cascade_of_no_sections_changes_nothing():
    x = noise(100, 2)
    cascade = BiquadCascade([], 2)
    np.testing.assert_array_equal(cascade.process(x, np.empty_like(x)), x)
    assert cascade.response_db([10, 1000], 16000).tolist() == [0, 0]


def test_channels_do_not_leak_into_each_other():
    x = np.zeros((500, 2), dtype=np.float32)
    x[0, 0] = 1
    y = BiquadCascade(voice_eq(16000), 2).process(x)
    assert np.any(y[:, 0])
    assert not np.any(y[:, 1])


def test_after_a_reset_nothing_of_the_past_is_heard():
    cascade = BiquadCascade(voice_eq(16000), 2)
    first = cascade.process(noise(100, 2))
    cascade.reset()
    np.testing.assert_array_equal(cascade.process(noise(100, 2)), first)


def test_one_bad_sample_does_not_silence_the_following_blocks():
    for bad in (np.nan, np.inf):
        cascade = BiquadCascade(voice_eq(16000), 1)
        x = noise(64, 1)
        x[10] = bad
        cascade.process(x)
        assert np.all(np.isfinite(cascade.process(noise(64, 1))))


def test_the_state_comes_to_rest_at_exactly_zero_and_not_among_the_denormals():
    cascade = BiquadCascade(high_pass(150, 16000), 1)
    cascade.process(noise(128, 1))
    for _ in range(100):
        cascade.process(np.zeros((128, 1), dtype=np.float32))
    assert not np.any(cascade.state)


@pytest.mark.parametrize("gain_db", [-6.0, 3.0, 12.0])
def test_a_bell_has_its_gain_at_its_centre_and_none_far_away(gain_db):
    bell = BiquadCascade(peaking(3000, 48000, gain_db), 1)
    np.testing.assert_allclose(bell.response_db([0, 3000, 24000], 48000), [0, gain_db, 0], atol=1e-9)


def test_a_cut_undoes_a_boost():
    both = BiquadCascade(np.vstack([peaking(1000, 16000, 9, 2), peaking(1000, 16000, -9, 2)]), 1)
    np.testing.assert_allclose(both.response_db(np.geomspace(50, 7900, 20), 16000), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("rate_hz", "sections"),
    [
        (8000,  2),  # no low-pass: the converter ends at 4 kHz
        (16000, 3),
        (48000, 3),
    ],
)  # fmt: skip
def test_the_voice_equaliser_cuts_the_ends_and_lifts_the_presence(rate_hz, sections):
    cascade = BiquadCascade(voice_eq(rate_hz), 1)
    assert len(cascade.coefficients) == sections
    rumble, low_corner, middle, presence = cascade.response_db([50, 150, 700, 3000], rate_hz)
    assert rumble < -18
    assert low_corner == pytest.approx(-3, abs=0.1)
    assert middle == pytest.approx(0, abs=0.5)
    assert presence == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_the_voice_equaliser_ends_at_7_khz_where_the_rate_allows(rate_hz):
    assert BiquadCascade(voice_eq(rate_hz), 1).response_db(7000, rate_hz) == pytest.approx(-2.7, abs=0.5)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: high_pass(8000, 16000),                            "less than 8000 Hz, half the rate"),
        (lambda: low_pass(0, 16000),                                "need more than 0"),
        (lambda: low_pass(float("nan"), 16000),                     "corner_hz: nan"),
        (lambda: high_pass(100, 16000, 0),                          "order: 0, need 1 or more"),
        (lambda: peaking(9000, 16000, 3),                           "centre_hz: 9000 Hz"),
        (lambda: peaking(900, 16000, 3, 0),                         "q: 0 is not positive"),
        (lambda: BiquadCascade(np.zeros((2, 6)), 1),                r"need \[sections, 5\]"),
        (lambda: BiquadCascade([[1, 0, 0, -2, 1]], 1),              r"sections\[0\].*unstable"),
        (lambda: BiquadCascade([], 0),                              "channels: 0"),
        (lambda: BiquadCascade([], 2).process(noise(4, 1)),         r"need C-contiguous float32\[n, 2\]"),
        (lambda: BiquadCascade([], 1).process(noise(4, 1), noise(3, 1)), r"out: .*float32\[4, 1\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_filtered_is_answered_with_what_can(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        wrong()
