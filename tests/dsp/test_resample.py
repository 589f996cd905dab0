"""The resampler between two clocks, against the exact value of a sine at the warped time."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from firmware_py.dsp.resample import (
    LARGEST_DRIFT,
    LARGEST_PERIOD,
    LATENCY_FRAMES,
    PHASES,
    SLACK,
    TAPS,
    Resampler,
    resample,
    sinc_table,
)


def noise(frames, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


def db(ratio):
    return 20 * np.log10(np.abs(ratio) + 1e-30)


def played(x, ratios, period):
    """*x* [n, c] in periods, each at its ratio; and the input position of every output frame, latency left out."""
    resampler = Resampler(x.shape[1])
    out = np.empty((period + SLACK, x.shape[1]), np.float32)
    heard, positions, due = [], [], 0.0
    for start, ratio in zip(range(0, len(x), period), ratios, strict=True):
        piece = x[start : start + period]
        heard.append(resampler.process(piece, ratio, out).copy())
        positions.append(start + (np.ceil(due) + np.arange(len(heard[-1])) - due) / ratio)
        due += ratio * len(piece)
    return np.vstack(heard), np.concatenate(positions)


def sine(nyquists, positions):
    return np.sin(np.pi * nyquists * positions)


@pytest.mark.parametrize(
    ("nyquists", "error_db"),
    [
        (0.001, -100),
        (0.125, -100),  # 1 kHz at 16 kHz
        (0.3,   -100),
        (0.5,   -100),
        (0.7,   -97),
        (0.85,  -90),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ppm", [-1000, -500, -50, 7, 500, 1000])
def test_a_full_scale_sine_is_the_sine_at_the_warped_time(ppm, nyquists, error_db):
    periods = 40 if abs(ppm) < 100 else 16
    x = sine(nyquists, np.arange(256 * periods))[:, None].astype(np.float32)
    heard, positions = played(x, [1 + ppm * 1e-6] * periods, 256)
    error = heard[:, 0] - sine(nyquists, positions - LATENCY_FRAMES)
    assert db(np.abs(error[TAPS + 2 :]).max()) < error_db


def test_every_phase_is_as_exact_as_the_others():
    # a thousandth of a frame from one output to the next: 2000 of them see every row of the table and between
    x = sine(0.85, np.arange(2304))[:, None].astype(np.float32)
    heard, positions = played(x, [1 + LARGEST_DRIFT] * 9, 256)
    error = np.abs(heard[:, 0] - sine(0.85, positions - LATENCY_FRAMES))[TAPS + 2 :]
    assert len(np.unique((positions % 1 * PHASES).astype(int))) == PHASES
    assert db(error.max()) < -90


@pytest.mark.parametrize(("nyquists", "error_db"), [(0.125, -100), (0.85, -90)])
def test_a_ratio_that_wanders_makes_no_clicks(nyquists, error_db):
    ratios = 1 + 500e-6 * np.sin(2 * np.pi * np.arange(300) / 170)
    x = sine(nyquists, np.arange(128 * 300))[:, None].astype(np.float32)
    heard, positions = played(x, ratios, 128)
    error = heard[:, 0] - sine(nyquists, positions - LATENCY_FRAMES)
    assert db(np.abs(error[TAPS + 2 :]).max()) < error_db


@pytest.mark.parametrize(("nyquists", "thd_n_db"), [(0.125, -110), (0.85, -95)])
def test_distortion_and_noise_together_stay_below(nyquists, thd_n_db):
    x = sine(nyquists, np.arange(256 * 40))[:, None].astype(np.float32)
    heard, positions = played(x, [1 + 500e-6] * 40, 256)
    heard, positions = heard[TAPS + 2 :, 0], positions[TAPS + 2 :]
    basis = np.column_stack([sine(nyquists, positions), np.cos(np.pi * nyquists * positions)])
    left = heard - basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    assert db(np.std(left) / np.std(heard)) < thd_n_db


def test_a_ratio_of_one_is_a_delay_exact_to_the_bit():
    x = noise(1000, 2)
    heard, _ = played(x, [1.0] * 4, 250)
    assert len(heard) == len(x)
    np.testing.assert_array_equal(heard[LATENCY_FRAMES:], x[:-LATENCY_FRAMES])
    assert not np.any(heard[:LATENCY_FRAMES])


def test_the_number_of_frames_is_that_of_exact_arithmetic():
    rng = np.random.default_rng(4)
    resampler = Resampler(1)
    due, written = Fraction(0), 0
    for n, ppm in zip(rng.integers(1, 400, 4000), rng.uniform(-1000, 1000, 4000), strict=True):
        ratio = float(1 + ppm * 1e-6)
        made = len(resampler.process(np.zeros((n, 1), np.float32), ratio, np.empty((n + SLACK, 1), np.float32)))
        assert n - 2 <= made <= n + 2
        due += Fraction(ratio) * int(n)
        written += made
        assert 0 <= written - due < 1
    assert float(resampler.state.due[0]) == pytest.approx(float(written - due), abs=1e-9)  # 10 h: 2e-6 at this pace


def test_periods_of_any_length_sound_like_one_long_period():
    x, ratio = noise(1500, 2), 1 + 321e-6
    whole = Resampler(2).process(x, ratio, np.empty((1500 + SLACK, 2), np.float32))
    resampler, pieces = Resampler(2), []
    for a, b in pairwise([0, 1, 2, 30, 30, 61, 189, 700, 1499, 1500]):
        pieces.append(resampler.process(x[a:b], ratio, np.empty((b - a + SLACK, 2), np.float32)))
    np.testing.assert_allclose(np.vstack(pieces), whole, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_kernel_agrees_with_the_plain_form_in_float64(channels):
    x, table = noise(600, channels), sinc_table()
    heard, positions = played(x, 1 + np.array([-9e-4, 5e-4, 1e-3, -1e-6]), 150)
    padded = np.vstack([np.zeros((TAPS - 1, channels)), x])
    truth = []
    for position in positions:
        whole = int(position)
        row, between = divmod((position - whole) * PHASES, 1)
        taps = (1 - between) * table[int(row)] + between * table[int(row) + 1]
        truth.append(taps @ padded[whole : whole + TAPS])
    np.testing.assert_allclose(heard, truth, atol=1e-6)


def test_a_constant_stays_the_same_constant():
    heard, _ = played(np.full((2048, 1), 0.5, np.float32), [1 + 1e-3] * 8, 256)
    np.testing.assert_allclose(heard[TAPS + 2 :], 0.5, rtol=5e-6)


def test_silence_in_is_silence_out():
    assert not np.any(played(np.zeros((512, 2), np.float32), [1 + 3e-4] * 2, 256)[0])


@pytest.mark.parametrize(
    ("ratio", "like"),
    [
        (np.nan,  1.0),
        (np.inf,  1 + LARGEST_DRIFT),
        (2.0,     1 + LARGEST_DRIFT),
        (0.0,     1 - LARGEST_DRIFT),
        (-np.inf, 1 - LARGEST_DRIFT),
    ],
)  # fmt: skip
def test_the_kernel_holds_an_absurd_ratio(ratio, like):
    x = noise(1024)
    out, truth = np.zeros((2, 1024 + SLACK, 1), np.float32)
    assert resample(Resampler(1).state, x, ratio, out) == resample(Resampler(1).state, x, like, truth)
    np.testing.assert_array_equal(out, truth)


def test_the_longest_period_at_the_largest_ratio_fits_with_its_slack():
    resampler, most = Resampler(1), 0
    out = np.empty((LARGEST_PERIOD + SLACK, 1), np.float32)
    for _ in range(50):
        most = max(most, len(resampler.process(np.zeros((LARGEST_PERIOD, 1), np.float32), 1 + LARGEST_DRIFT, out)))
    assert LARGEST_PERIOD < most < LARGEST_PERIOD + SLACK


def test_the_kernel_does_not_write_beyond_an_output_that_is_too_short():
    memory = np.full((200, 1), 7, np.float32)
    assert resample(Resampler(1).state, noise(150), 1.0, memory[:100]) == 100
    assert np.all(memory[100:] == 7)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_sample_is_gone_after_the_length_of_the_filter(bad):
    x = noise(512)
    x[10] = bad
    heard, positions = played(x, [1 + 2e-4] * 2, 256)
    assert np.all(np.isfinite(heard[positions >= 10 + TAPS + 1]))


def test_after_a_reset_nothing_of_the_past_is_heard():
    resampler, x = Resampler(1), noise(100)
    out = np.empty((100 + SLACK, 1), np.float32)
    first = resampler.process(x, 1.0005, out).copy()
    resampler.reset()
    np.testing.assert_array_equal(resampler.process(x, 1.0005, out), first)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: Resampler(0),                                                     "channels: 0"),
        (lambda: Resampler(2).process(noise(9), 1.0, noise(99)),                   r"x: .*float32\[n, 2\]"),
        (lambda: Resampler(1).process(noise(9), 1.0, noise(9 + SLACK - 1)),        "12 frames for 9, need 13 or more"),
        (lambda: Resampler(1).process(noise(3000), 1.0, noise(4000)),              "no more than 2048 frames at once"),
        (lambda: Resampler(1).process(noise(9), 1.002, noise(99)),                 "ratio: 1.002, need 0.999 to 1.001"),
        (lambda: Resampler(1).process(noise(9), float("nan"), noise(99)),          "ratio: nan"),
    ],
)  # fmt: skip
def test_what_cannot_be_resampled_is_answered_with_what_can(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        wrong()
