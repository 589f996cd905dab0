"""The linear stage against its plain twin: the same equations in complex double precision, a block at a time."""

import numpy as np
import pytest

from firmware_py.dsp.clipping import REPEATS, explain_clipping, watch_clipping
from firmware_py.dsp.clock_drift import DRIFT, fill_turn, turn_filter
from firmware_py.dsp.linear_echo import linear_echo, subtract_echo

RATE, B = 16000, 128
TAIL_S = 0.064


class LinearTwin:
    """What linear_echo says in its docstring, at 8 ms blocks, where all its constants are the plain ones."""

    def __init__(self, partitions, early):
        self.P, self.PS = partitions, early
        bins, later = B + 1, np.arange(partitions)[:, None]
        self.X = np.zeros((partitions, bins), complex)
        self.W, self.Z = np.zeros((partitions, bins), complex), np.zeros((early, bins), complex)
        self.C = np.broadcast_to(0.1 * 0.9**later, (partitions, bins)).copy()
        self.prior = 0.92**later
        self.PE = np.zeros(bins)
        self.far = np.zeros(B)
        self.n = 0
        self.Ed = self.Em = self.Es = 0.0
        self.dd = self.ee = self.dy = self.yy = 0.0
        self.share = 1.0
        self.num = self.den = self.drift = 0.0
        self.copies = []

    def block(self, d, far, p):
        self.X = np.vstack([np.fft.rfft(np.concatenate([self.far, far])), self.X[:-1]])
        self.far = far
        X, PS = self.X, self.PS
        power = np.abs(X) ** 2
        Y = (X * self.W).sum(0)
        U = (X[:PS] * self.Z).sum(0) + (X[PS:] * self.W[PS:]).sum(0)
        S, SX = (self.C * power).sum(0), (self.prior[:PS] * power[:PS]).sum(0)
        y, u = np.fft.irfft(Y)[B:], np.fft.irfft(U)[B:]
        E, V = (np.fft.rfft(np.concatenate([np.zeros(B), d - z])) for z in (y, u))
        em, es = ((d - y) ** 2).sum(), ((d - u) ** 2).sum()
        self.Ed, self.Em, self.Es = (0.95 * a + 0.05 * b for a, b in ((self.Ed, d @ d), (self.Em, em), (self.Es, es)))
        if es < em and self.Es < 0.5 * self.Em and self.Es < 0.9 * self.Ed:
            self.copies.append("up")
            self.W[:PS], self.Em = self.Z, self.Es
            missing = (np.abs(V) ** 2).sum() / (SX.sum() + 1e-9)
            self.C[:PS] = np.maximum(self.C[:PS], np.minimum(3 * missing * self.prior[:PS], 1))
            S, Y, E, y = (self.C * power).sum(0), U, V, u
        elif em < es and self.Em < 0.9 * self.Es:
            self.copies.append("down")
            self.Z, self.Es, V = self.W[:PS].copy(), self.Em, E
        out = self.guard(d, y)

        error = np.abs(E) ** 2
        self.PE = 0.9 * self.PE + 0.1 * error
        g = (0.1 if np.abs(d).max() > 0.985 else 1.0) / (S + np.maximum(self.PE, p * error) + 1e-9)
        self.W = self.W + self.C * g * X.conj() * E
        rest = np.maximum(1 - 0.5 * self.C * g * power, 0.1) * self.C
        self.C = rest + (1e-3 * (1 - p) + 3e-5 * p) * np.maximum(np.abs(self.W) ** 2 - rest, 0)
        self.Z = self.Z + self.prior[:PS] * 0.8 / (SX + 4 * np.abs(V) ** 2 + 1e-9) * X[:PS].conj() * V
        for filter_, turn in ((self.W, self.n % self.P), (self.Z, self.n % PS)):
            filter_[turn] = np.fft.rfft(np.fft.irfft(filter_[turn])[:B], 2 * B)
        self.n += 1
        self.slide(E, Y)
        return out

    def guard(self, d, y):
        self.dd, self.ee, self.dy, self.yy = (
            0.85 * a + 0.15 * b
            for a, b in ((self.dd, d @ d), (self.ee, (d - y) @ (d - y)), (self.dy, d @ y), (self.yy, y @ y))
        )
        before, self.share = self.share, 1.0
        if self.ee > 1.5 * self.dd:
            self.share = float(np.clip(self.dy / (self.yy + 1e-9), 0, 1))
        glide = np.minimum((np.arange(B) + 1) / 32, 1)
        return d - (before + glide * (self.share - before)) * y

    def slide(self, E, Y):
        w = np.pi * np.arange(B + 1) / B
        w[:4] = 0
        self.num = 0.98 * self.num - (w * (E * Y.conj()).imag / (self.PE + 1e-9)).sum()
        self.den = 0.98 * self.den + (w**2 * np.abs(Y) ** 2 / (self.PE + 1e-9)).sum()
        if self.Em < 0.25 * self.Ed:
            self.drift += 2e-3 * float(np.clip(self.num / (self.den + B + 1), -0.5, 0.5))
        turn = np.exp(-1j * np.pi * np.arange(B + 1) * self.drift / B)
        self.W, self.Z = self.W * turn, self.Z * turn


def scene(seconds, seed, jump_at_s=None):
    """A far end that stops and starts, and its echo in a small room; the room may change."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * RATE) // B * B
    far = 0.1 * rng.standard_normal(frames) * (np.sin(2 * np.pi * 1.3 * np.arange(frames) / RATE) > -0.6)
    rooms = [rng.standard_normal(700) * np.exp(-np.arange(700) / 120) * 0.05 for _ in range(2)]
    echo = np.convolve(far, rooms[0])[:frames]
    if jump_at_s is not None:
        at = int(jump_at_s * RATE)
        echo[at:] = np.convolve(far, rooms[1])[at:frames]
    mic = echo + 1e-4 * rng.standard_normal(frames)
    return mic.astype(np.float32), far.astype(np.float32)


@pytest.mark.parametrize(
    ("near", "jump_at_s", "copies"),
    [
        (0.0, None, {"down"}),  # the shadow starts slower and is helped
        (1.0, None, set()),  # told that the near end talks, the main filter learns no faster than the shadow
        (0.0, 0.6, {"down", "up"}),  # a room that changes: the shadow finds it first
    ],
)
def test_every_block_equals_the_plain_twin(near, jump_at_s, copies):
    mic, far = scene(1.4, seed=5, jump_at_s=jump_at_s)
    state = linear_echo(RATE, B, TAIL_S)
    twin = LinearTwin(state.w_re.shape[0], state.z_re.shape[0])
    out = np.zeros(B, np.float32)
    for start in range(0, len(mic), B):
        d, x = mic[start : start + B], far[start : start + B]
        subtract_echo(state, d, x, np.float32(near), True, out)
        expected = twin.block(d.astype(float), x.astype(float), near)
        assert np.abs(out - expected).max() < 2e-3 * max(np.abs(d).max(), 1e-3)
    assert copies <= set(twin.copies)
    w = state.w_re[:, : B + 1] + 1j * state.w_im[:, : B + 1]
    assert np.abs(w - twin.W).max() < 1e-2 * np.abs(twin.W).max()
    assert np.allclose(state.c[:, : B + 1], twin.C, rtol=0.05, atol=1e-7)


def test_nothing_is_learnt_while_it_may_not_adapt():
    mic, far = scene(0.5, seed=6)
    state = linear_echo(RATE, B, TAIL_S)
    out = np.zeros(B, np.float32)
    for start in range(0, len(mic), B):
        subtract_echo(state, mic[start : start + B], far[start : start + B], np.float32(0), False, out)
        assert np.array_equal(out, mic[start : start + B])
    assert not state.w_re.any()


def test_turning_a_filter_by_the_drift_delays_what_it_returns_by_as_many_frames():
    taps = np.zeros(2 * B)
    taps[20] = 1.0
    spectrum = np.fft.rfft(taps)
    w_re, w_im = spectrum.real.astype(np.float32)[None].copy(), spectrum.imag.astype(np.float32)[None].copy()
    cos, sin = np.zeros((2, B + 1), np.float32)
    fill_turn(cos, sin, np.float32(0.05), B)
    for _ in range(60):
        turn_filter(w_re, w_im, cos, sin)
    moved = np.fft.irfft(w_re[0] + 1j * w_im[0])
    assert np.argmax(moved) == 23
    assert moved[23] == pytest.approx(1.0, abs=1e-3)


def test_a_clock_that_is_100_ppm_fast_is_found_and_followed():
    rng = np.random.default_rng(8)
    frames = 14 * RATE // B * B
    far = 0.1 * rng.standard_normal(frames + 1000)
    far = np.convolve(far, np.hanning(5) / 2)[: frames + 1000]  # no content at the edge, where interpolation fails
    times = np.arange(frames) * (1 - 100e-6) - 40
    near = np.floor(times).astype(int)
    taps = np.arange(-8, 9)
    kernel = np.sinc(times[:, None] - near[:, None] - taps) * np.hanning(19)[1:-1]
    mic = (0.5 * (kernel * far[np.clip(near[:, None] + taps, 0, None)]).sum(1)).astype(np.float32)
    far = far.astype(np.float32)
    state = linear_echo(RATE, B, TAIL_S)
    out = np.zeros(B, np.float32)
    for start in range(0, frames, B):
        subtract_echo(state, mic[start : start + B], far[start : start + B], np.float32(0), True, out)
    assert 1e6 * state.drift[DRIFT] / B == pytest.approx(100, abs=5)


def test_a_clipped_sample_that_the_estimate_explains_is_no_error():
    clean = (0.9 * np.sin(np.arange(B) / 5)).astype(np.float32)
    clipped = np.clip(clean, -0.5, 0.5)
    clip, estimate = np.zeros(2, np.float32), clean.copy()
    watch_clipping(clip, clipped)
    explain_clipping(clip, clipped, estimate)
    assert np.array_equal(estimate, clipped)


def test_a_louder_sample_proves_that_a_level_was_no_clip_level():
    clip = np.zeros(2, np.float32)
    watch_clipping(clip, np.full(B, 0.5, np.float32))
    assert clip[REPEATS] > 100
    watch_clipping(clip, np.full(2, 0.6, np.float32))
    assert clip[REPEATS] == 0


def test_a_loudspeaker_that_compresses_is_followed_by_its_curve():
    rng = np.random.default_rng(9)
    frames = 12 * RATE // B * B
    level = np.abs(np.sin(2 * np.pi * 1.7 * np.arange(frames) / RATE)) ** 3
    far = np.convolve(rng.laplace(size=frames + 4), np.hanning(7)[1:-1], "valid") * level
    far = (0.3 * far / np.abs(far).max()).astype(np.float32)
    room = rng.standard_normal(700) * np.exp(-np.arange(700) / 120) * 0.1
    mic = (np.convolve(np.tanh(6 * far) / 6, room)[:frames] + 1e-5 * rng.standard_normal(frames)).astype(np.float32)
    state, left = linear_echo(RATE, B, TAIL_S), np.zeros(frames, np.float32)
    for start in range(0, frames, B):
        block = slice(start, start + B)
        subtract_echo(state, mic[block], far[block], np.float32(0), True, left[block])
    gain = (far @ np.tanh(6 * far) / 6) / (far @ far)
    linear_limit = ((np.tanh(6 * far) / 6 - gain * far) ** 2).sum() / ((np.tanh(6 * far) / 6) ** 2).sum()
    late = slice(8 * RATE, None)
    assert (left[late] ** 2).sum() < 0.25 * linear_limit * (mic[late] ** 2).sum()
