"""The suppressor against its plain twin: the same equations in double precision, whole arrays at a time; and what a listener would
notice of it."""

import numpy as np
import pytest

from firmware_py.dsp.fft import real_fft
from firmware_py.dsp.near_end import LEVEL, NEAR
from firmware_py.dsp.residual_echo import (
    WINDOW_BLOCKS,
    apply_gain,
    band_sums,
    overlap_add,
    powers,
    residual_echo,
    shape_output,
    track_leaks,
    track_noise,
    track_trust,
    weigh_bands,
    weigh_residual,
)

RATE, B = 16000, 128
BINS, BANDS, STOP = 136, 34, 28
FLOOR = 1e-10
SILENT_UP_TO, TALKS_FROM = 1.1, 1.9


def spread(band, bins=BINS):
    return np.repeat(band, 4)[:bins]


def in_bands(power):
    return np.pad(power, (0, BINS - len(power))).reshape(-1, 4).sum(1)


def between(quiet, talking, p):
    return quiet * (1 - p) + talking * p


def noise_of(smooth, minimum, last_minimum):
    minimum = np.minimum(minimum, smooth)
    return minimum, 1.6 * np.minimum(minimum, last_minimum)


def leaks_of(leak, slope, gain, Eb, Yb, Nb, level, p, step):
    residual = np.maximum(Eb - Nb, 0.1 * Nb) + FLOOR
    expected = gain * Yb
    move = step * np.where(residual > expected, 0.4 * between(1, 0.1, p), -0.6 * between(1, 0.2, p))
    move = move * np.where((residual > 4 * expected) | (expected > 4 * residual), 2, 1) * (Yb > 8 * Nb + FLOOR)
    return np.clip(leak + move, -8, -2), np.clip(slope + 0.3 * level * move, 0, 3)


def trust_of(trust, gain, Eb, Sb, Nb, p, step):
    residual = np.maximum(Eb - Nb, 0.1 * Nb) + FLOOR
    move = step * np.where(residual > gain * Sb, 0.3 * between(1, 0.1, p), -0.7) * (Sb > 4 * Nb + FLOOR)
    return np.clip(trust + move, -6, 0)


def gain_of(E2, N, A, R, nu, alpha, floor):
    """R as it is over-estimated."""
    D = R + nu * N + FLOOR
    xi = alpha * A / D + (1 - alpha) * np.maximum(E2 / D - 1, 0)
    return np.maximum(xi / (1 + xi), floor * np.sqrt(N / np.maximum(E2 + FLOOR, N)))


class ResidualTwin:
    """What residual_echo and near_end say in their docstrings, at 8 ms blocks, where all constants are the plain ones."""

    def __init__(self, noise_reduction_db):
        bins = B + 1
        self.window = np.sin(np.pi * (np.arange(2 * B) + 0.5) / (2 * B))
        self.nu = min(1.0, noise_reduction_db / 8)
        self.floor = 10 ** (-noise_reduction_db / 20)
        self.e = self.y = np.zeros(B)
        self.overlap = np.zeros(B)
        self.Ys = self.last_missed = self.PM = self.A = np.zeros(bins)
        self.M0 = self.M1 = np.full(bins, 1e30)
        self.leak, self.slope, self.trust = np.full(BANDS, -4.5), np.zeros(BANDS), np.full(BANDS, -1.0)
        self.usual = np.zeros(6)
        self.L = self.p = 0.0
        self.usual_level = 2 * np.log2(0.05)
        self.n = 0

    def weigh(self, e, y, missed, level, jumped, adapt):
        self.E, Y = (np.fft.rfft(self.window * np.concatenate(pair)) for pair in ((self.e, e), (self.y, y)))
        self.e, self.y = e, y
        self.E2 = np.abs(self.E) ** 2
        self.Ys = np.maximum(np.abs(Y) ** 2, 0.75 * self.Ys)
        self.S, self.last_missed = np.maximum(missed, self.last_missed), missed
        if adapt:
            self.PM = 0.8 * self.PM + 0.2 * self.E2
            self.M0, self.N = noise_of(self.PM, self.M0, self.M1)
            self.n += 1
            if self.n % 100 == 0:
                self.M0, self.M1 = self.PM, self.M0
        units = 2 * np.log2(level + 1e-6)
        if level > 0.002:
            self.usual_level += 0.01 * (units - self.usual_level)
        level = np.clip(units - self.usual_level, -3, 3)
        if jumped:
            self.trust = np.zeros(BANDS)
        Eb, Yb, Sb, Nb = map(in_bands, (self.E2, self.Ys, self.S, self.N))
        self.gains = echo_gain, missed_gain = 2 ** (self.leak + self.slope * level), 2**self.trust
        v = np.clip(np.log2((Eb + FLOOR) / (echo_gain * Yb + missed_gain * Sb + 2 * Nb + FLOOR)), 0, 6)[:STOP]
        self.judge(np.mean(v**3) ** (1 / 3), (Yb > 8 * Nb + FLOOR)[:STOP].sum() > 0.4 * STOP, level, adapt)
        if adapt:
            self.leak, self.slope = leaks_of(self.leak, self.slope, echo_gain, Eb, Yb, Nb, level, self.p, 0.06)
            self.trust = trust_of(self.trust, missed_gain, Eb, Sb, Nb, self.p, 0.06)

    def judge(self, L, ruled, level, adapt):
        if ruled:
            grade = min(max(int(level + 3), 0), 5)
            usual = self.usual[grade]
            if adapt:
                step = 0.75 * (1 - 0.95 * self.p) if usual < L else -0.25
                self.usual[grade] = np.clip(usual + 0.005 * step, 0, 3)
            L = max(L - usual, 0)
        keep = 0.75 if self.L < L else 0.85
        self.L = keep * self.L + (1 - keep) * L
        self.p = float(np.clip((self.L - SILENT_UP_TO) / (TALKS_FROM - SILENT_UP_TO), 0, 1))

    def shape(self):
        p, (echo_gain, missed_gain) = self.p, self.gains
        R = 48 ** (1 - p) * 1.3**p * spread(echo_gain, B + 1) * self.Ys
        R = R + 8 ** (1 - p) * 1.3**p * spread(missed_gain, B + 1) * self.S
        G = gain_of(self.E2, self.N, self.A, R, self.nu * between(1, 0.05, p), between(0.9, 0.4, p), self.floor)
        self.A = G**2 * self.E2
        frame = self.window * np.fft.irfft(G * self.E)
        out, self.overlap = self.overlap + frame[:B], frame[B:]
        return out


@pytest.mark.parametrize("noise_reduction_db", [0.0, 12.0, 16.0])
def test_every_block_equals_the_plain_twin(noise_reduction_db):
    rng = np.random.default_rng(11)
    state, fft = residual_echo(RATE, B, noise_reduction_db), real_fft(2 * B)
    twin, out, missed = ResidualTwin(noise_reduction_db), np.zeros(B, np.float32), np.zeros(BINS, np.float32)
    probabilities = []
    for n in range(400):
        loudness = 0.1 * (1 + np.sin(n / 9)) if n % 60 < 40 else 0.0
        y = (loudness * rng.standard_normal(B)).astype(np.float32)
        near = 0.3 if 130 < n < 170 else 0.0
        e = (0.05 * y + (1e-3 + near) * rng.standard_normal(B)).astype(np.float32)
        missed[: B + 1] = 0.01 * loudness**2 * B
        level, jumped, adapt = np.float32(3 * loudness), n == 250, not 300 < n < 320
        weigh_residual(state, fft, e, y, missed, level, jumped, adapt)
        twin.weigh(e.astype(float), y.astype(float), missed[: B + 1].astype(float), float(level), jumped, adapt)
        assert np.allclose(state.error[: B + 1], twin.E2, rtol=1e-3, atol=1e-6 * twin.E2.max())
        assert np.allclose(state.echo[: B + 1], twin.Ys, rtol=1e-3, atol=1e-6 * max(twin.Ys.max(), twin.E2.max()))
        assert np.allclose(state.noise[: B + 1], twin.N, rtol=2e-3)
        assert state.verdict[NEAR] == pytest.approx(twin.p, abs=5e-3)
        shape_output(state, fft, out)
        assert np.abs(out - twin.shape()).max() < 2e-3 * max(np.abs(e).max(), 1e-3)
        probabilities.append(twin.p)
    assert max(probabilities) == 1.0  # the comparison has seen a talker
    assert min(probabilities) == 0.0  # and the lack of one
    assert np.allclose(state.leak[:32], twin.leak[:32], atol=0.05)
    assert np.allclose(state.slope[:32], twin.slope[:32], atol=0.05)
    assert np.allclose(state.trust[:32], twin.trust[:32], atol=0.05)
    assert np.allclose(state.usual, twin.usual, atol=5e-3)


def arrays(rng, *shapes, low=-8, high=0):
    return [(10 ** rng.uniform(low, high, shape)).astype(np.float32) for shape in shapes]


def doubles(*values):
    return [value.astype(float) for value in values]


def test_powers_are_those_of_the_spectra_with_the_release_of_a_room_and_the_larger_miss_of_two_blocks():
    rng = np.random.default_rng(1)
    e_re, e_im, y_re, y_im = (rng.standard_normal(BINS).astype(np.float32) for _ in range(4))
    echo, missed, last_missed, new_missed = arrays(rng, BINS, BINS, BINS, BINS)
    error, before, last = np.zeros(BINS, np.float32), *doubles(echo, last_missed)
    powers(e_re, e_im, y_re, y_im, new_missed, error, echo, missed, last_missed, np.float32(0.75))
    assert np.allclose(error, np.abs(e_re + 1j * e_im) ** 2, rtol=1e-6)
    assert np.allclose(echo, np.maximum(np.abs(y_re + 1j * y_im) ** 2, 0.75 * before), rtol=1e-6)
    assert np.array_equal(missed, np.maximum(new_missed, last.astype(np.float32)))
    assert np.array_equal(last_missed, new_missed)


def test_noise_is_the_minimum_of_this_window_and_the_last():
    rng = np.random.default_rng(2)
    smooth, noise = np.zeros(BINS, np.float32), np.zeros(BINS, np.float32)
    minimum, last_minimum = np.full(BINS, 1e30, np.float32), np.full(BINS, 1e30, np.float32)
    tally, (PM, M0, M1) = np.zeros(2, np.int64), doubles(smooth, minimum, last_minimum)
    for n in range(35):
        (error,) = arrays(rng, BINS)
        track_noise(error, smooth, minimum, last_minimum, noise, tally, np.float32(0.8), 10)
        PM = 0.8 * PM + 0.2 * error
        M0, N = noise_of(PM, M0, M1)
        assert np.allclose(noise, N, rtol=1e-5)
        if n % 10 == 9:
            M0, M1 = PM, M0
        assert np.allclose(minimum, M0, rtol=1e-5)
        assert np.allclose(last_minimum, M1, rtol=1e-5)
        assert tally[WINDOW_BLOCKS] == (n + 1) % 10


def test_a_band_is_the_sum_of_its_four_bins():
    power, band = np.arange(BINS, dtype=np.float32), np.zeros(BANDS, np.float32)
    band_sums(power, band)
    assert np.array_equal(band, power.reshape(-1, 4).sum(1))


@pytest.mark.parametrize("near", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("level", [-3.0, 0.0, 1.5])
def test_leak_and_slope_go_their_quantile_steps(near, level):
    rng = np.random.default_rng(3)
    leak, slope = rng.uniform(-8, -2, BANDS).astype(np.float32), rng.uniform(0, 3, BANDS).astype(np.float32)
    for _ in range(100):
        gain, error, echo, noise = arrays(rng, BANDS, BANDS, BANDS, BANDS)
        expected = leaks_of(*doubles(leak, slope, gain, error, echo, noise), level, near, 0.06)
        track_leaks(leak, slope, gain, error, echo, noise, np.float32(level), np.float32(near), np.float32(0.06))
        assert np.allclose(leak, expected[0], atol=1e-5)
        assert np.allclose(slope, expected[1], atol=1e-5)


@pytest.mark.parametrize("near", [0.0, 0.4, 1.0])
def test_trust_goes_its_quantile_steps(near):
    rng = np.random.default_rng(4)
    trust = rng.uniform(-6, 0, BANDS).astype(np.float32)
    for _ in range(100):
        gain, error, missed, noise = arrays(rng, BANDS, BANDS, BANDS, BANDS)
        expected = trust_of(*doubles(trust, gain, error, missed, noise), near, 0.06)
        track_trust(trust, gain, error, missed, noise, np.float32(near), np.float32(0.06))
        assert np.allclose(trust, expected, atol=1e-5)


def test_a_talker_however_loud_moves_the_leak_no_more_than_a_whisper_does():
    moved = []
    for loud in (1e-1, 1e3):
        leak, slope = np.full(BANDS, -4.5, np.float32), np.zeros(BANDS, np.float32)
        gain, echo, noise = (np.full(BANDS, x, np.float32) for x in (2**-4.5, 1e-2, 1e-9))
        for _ in range(10):
            track_leaks(
                leak, slope, gain, np.full(BANDS, loud, np.float32), echo, noise, *np.float32([0.0, 1.0, 0.06])
            )  # fmt: skip
        moved.append(float(leak[0]) + 4.5)
    assert moved[0] == moved[1] == pytest.approx(10 * 2 * 0.06 * 0.4 * 0.1, abs=1e-4)


@pytest.mark.parametrize(
    ("near", "echo_times", "missed_times"), [(0.0, 48.0, 8.0), (0.5, 62.4**0.5, 10.4**0.5), (1.0, 1.3, 1.3)]
)
def test_the_echo_is_over_estimated_by_17_db_and_under_a_talker_hardly(near, echo_times, missed_times):
    echo_gain, missed_gain = arrays(np.random.default_rng(5), BANDS, BANDS)
    echo_before, missed_before = doubles(echo_gain, missed_gain)
    weigh_bands(echo_gain, missed_gain, np.float32(near))
    assert np.allclose(echo_gain, echo_times * echo_before, rtol=2e-6)
    assert np.allclose(missed_gain, missed_times * missed_before, rtol=2e-6)


@pytest.mark.parametrize(("nu", "alpha", "floor"), [(1.0, 0.9, 10**-0.8), (0.05, 0.4, 10**-0.8), (0.0, 0.9, 1.0)])
def test_the_gain_is_decision_directed_over_a_floor_that_lies_at_the_noise(nu, alpha, floor):
    rng = np.random.default_rng(6)
    passed = np.zeros(BINS, np.float32)
    for _ in range(20):
        e_re, e_im = (rng.standard_normal(BINS).astype(np.float32) for _ in range(2))
        error = e_re * e_re + e_im * e_im
        echo, missed, noise = arrays(rng, BINS, BINS, BINS)
        echo_gain, missed_gain = arrays(rng, BANDS, BANDS, low=-3)
        E, R = e_re + 1j * e_im, spread(echo_gain) * echo.astype(float) + spread(missed_gain) * missed.astype(float)
        G = gain_of(*doubles(error, noise, passed), R, nu, alpha, floor)
        apply_gain(
            e_re, e_im, error, echo, missed, noise, passed, echo_gain, missed_gain, *np.float32([nu, alpha, floor])
        )
        assert np.allclose(e_re + 1j * e_im, G * E, rtol=1e-4, atol=1e-7)
        assert np.allclose(passed, G**2 * error, rtol=2e-4, atol=1e-9)
        assert (G <= 1.0).all()


def test_half_of_a_frame_is_heard_now_and_half_with_the_next():
    rng = np.random.default_rng(7)
    frame, window, overlap = (rng.standard_normal(n).astype(np.float32) for n in (2 * B, 2 * B, B))
    expected, out = overlap + window[:B] * frame[:B], np.zeros(B, np.float32)
    overlap_add(frame, window, overlap, out)
    assert np.allclose(out, expected, atol=1e-6)
    assert np.array_equal(overlap, window[B:] * frame[B:])


def suppressed(state, fft, block, level=0.0, adapt=True):
    """One block without echo."""
    silence, missed, out = np.zeros(B, np.float32), np.zeros(BINS, np.float32), np.zeros(B, np.float32)
    weigh_residual(state, fft, block.astype(np.float32), silence, missed, np.float32(level), False, adapt)
    shape_output(state, fft, out)
    return out


@pytest.mark.parametrize(
    ("reduction_db", "least_db", "most_db"),
    [(0.0, -0.1, 0.1), (8.0, 7.0, 10.0), (12.0, 9.0, 13.0), (16.0, 11.0, 17.0)],
)
def test_steady_noise_is_turned_down_by_about_what_was_asked_for(reduction_db, least_db, most_db):
    rng = np.random.default_rng(2)
    state, fft = residual_echo(RATE, B, reduction_db), real_fft(2 * B)
    before = after = 0.0
    for n in range(600):
        noise = (0.01 * rng.standard_normal(B)).astype(np.float32)
        out = suppressed(state, fft, noise)
        if n > 300:
            before, after = before + float(noise @ noise), after + float(out @ out)
    assert least_db <= 10 * np.log10(before / after) <= most_db


def test_level_is_told_in_steps_of_3_db_and_at_most_three():
    state, fft = residual_echo(RATE, B, 12.0), real_fft(2 * B)
    silence = np.zeros(B)
    for _ in range(1500):
        suppressed(state, fft, silence, 0.1)
    for factor, steps in ((2.0, 2.0), (0.5, -2.0), (10.0, 3.0)):
        suppressed(state, fft, silence, 0.1 * factor, adapt=False)
        assert state.verdict[LEVEL] == pytest.approx(steps, abs=0.1)


def test_a_talker_in_silence_is_heard_a_block_later_as_he_was():
    rng = np.random.default_rng(8)
    state, fft = residual_echo(RATE, B, 16.0), real_fft(2 * B)
    for _ in range(250):
        suppressed(state, fft, 1e-4 * rng.standard_normal(B))
    talk = 0.1 * rng.standard_normal((30, B))
    heard = np.array([suppressed(state, fft, block) for block in talk])
    wrong = heard[6:] - talk[5:-1]
    assert 10 * np.log10((talk[5:-1] ** 2).sum() / (wrong**2).sum()) > 25


def test_an_estimate_found_anew_is_trusted_to_miss_what_it_may_miss():
    state, fft = residual_echo(RATE, B, 16.0), real_fft(2 * B)
    state.trust[:] = -6.0
    silence, missed = np.zeros(B, np.float32), np.zeros(BINS, np.float32)
    weigh_residual(state, fft, silence, silence, missed, np.float32(0.1), False, True)
    assert (state.trust == -6.0).all()
    weigh_residual(state, fft, silence, silence, missed, np.float32(0.1), True, True)
    assert (state.trust == 0.0).all()
    assert (state.missed_gain == 1.0).all()
