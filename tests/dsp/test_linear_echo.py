"""The linear stage against its plain twin: the same equations in complex double precision, a block at a time."""

import copy

import numpy as np
import pytest

from firmware_py.dsp import loudspeaker
from firmware_py.dsp.bulk_delay import RESTED
from firmware_py.dsp.clipping import REPEATS, explain_clipping, watch_clipping
from firmware_py.dsp.clock_drift import AGE, DRIFT, PLACE, ROW, SLIDE_POWER, SPAN, TURNED, fill_turn, follow_slide
from firmware_py.dsp.linear_echo import (
    HEAD,
    JUMPED,
    OFFSET,
    begin_at,
    constrain,
    learn_echo,
    linear_echo,
    subtract_echo,
)

RATE, B, P = 16000, 128, 8


class LinearTwin:
    """What linear_echo says in its docstring, but for the loudspeaker's curve, clipping and the window, which rest."""

    def __init__(self, rate_hz, block, partitions, early):
        self.B, self.P, self.PS = block, partitions, early
        bins, self.blocks = block + 1, block / rate_hz / 0.008
        later = np.arange(partitions)[:, None] * self.blocks
        high = np.arange(bins) // 8 * 8 * rate_hz / (2 * block) > 8000  # in eights
        short = max(early, round(0.096 * rate_hz / block))
        self.reached = (np.arange(partitions)[:, None] < short) | ~high
        self.X = np.zeros((partitions, bins), complex)
        self.W, self.Z = np.zeros((partitions, bins), complex), np.zeros((early, bins), complex)
        self.C = np.broadcast_to(0.15 * self.blocks * 0.85**later, (partitions, bins)).copy()
        self.prior = 0.92**later
        self.PE = np.zeros(bins)
        self.far = np.zeros(block)
        self.n = 0
        self.Ed = self.Em = self.Es = 0.0
        self.has_cancelled = False
        self.dd = self.ee = self.dy = self.yy = 0.0
        self.share = 1.0
        self.num = self.den = self.drift = 0.0
        self.turn = np.ones(bins)
        self.anchor, self.age, self.turned, self.slid, self.slid_power = None, 0, 0.0, 0.0, 0.0
        self.span, self.stop = round(0.128 * rate_hz / block), int(4000 * 2 * block / rate_hz) + 1
        self.tap_energy = np.zeros(partitions)
        self.verdicts = []

    def keep(self, each_8_ms, old, new):
        keep = each_8_ms**self.blocks
        return keep * old + (1 - keep) * new

    def subtract(self, d, far):
        B, PS = self.B, self.PS
        self.X = np.vstack([np.fft.rfft(np.concatenate([self.far, far])), self.X[:-1]])
        self.far, X, self.power = far, self.X, np.abs(self.X) ** 2
        self.Y = (X * self.W).sum(0)
        U = (X[:PS] * self.Z).sum(0) + (X[PS:] * self.W[PS:]).sum(0)
        self.S, self.SX = (self.reached * self.C * self.power).sum(0), (self.prior[:PS] * self.power[:PS]).sum(0)
        y, u = np.fft.irfft(self.Y)[B:], np.fft.irfft(U)[B:]
        D, self.E, self.V = (np.fft.rfft(np.concatenate([np.zeros(B), z])) for z in (d, d - y, d - u))
        verdict = self.compare(d @ d, (d - y) @ (d - y), (d - u) @ (d - u))
        self.verdicts.append(verdict)
        if verdict == "lost":
            self.W[:], self.Z[:], self.Y, y, self.E, self.V = 0, 0, 0 * D, 0 * d, D, D
            self.doubt(self.P)
        elif verdict == "up":
            self.W[:PS], self.Y, y, self.E = self.Z, U, u, self.V
            self.doubt(PS if self.yy > 0.25 * self.dd else self.P)
        elif verdict == "down":
            self.Z, self.V = self.W[:PS].copy(), self.E
        return self.guard(d, y)

    def compare(self, mic, main, shadow):
        self.Ed, self.Em, self.Es = (
            self.keep(0.95, old, new) for old, new in ((self.Ed, mic), (self.Em, main), (self.Es, shadow))
        )
        self.has_cancelled |= self.Em < 0.25 * self.Ed
        if self.has_cancelled and main > mic and min(self.Em, self.Es) > 1.3 * self.Ed:
            self.has_cancelled, self.Em, self.Es = False, self.Ed, self.Ed
            self.ee, self.dy, self.yy = self.dd, 0.0, 0.0
            return "lost"
        if shadow < main and self.Es < 0.5 * self.Em and self.Es < 0.9 * self.Ed:
            self.Em = self.Es
            return "up"
        if main < shadow and self.Em < 0.9 * self.Es:
            self.Es = self.Em
            return "down"
        return ""

    def doubt(self, stop):
        missing = (np.abs(self.V) ** 2).sum() / (self.SX.sum() + 1e-9)
        self.C[:stop] = np.maximum(self.C[:stop], np.minimum(3 * missing * self.prior[:stop], 1))
        self.S = (self.reached * self.C * self.power).sum(0)

    def guard(self, d, y):
        self.dd, self.ee, self.dy, self.yy = (
            self.keep(0.85, a, b)
            for a, b in ((self.dd, d @ d), (self.ee, (d - y) @ (d - y)), (self.dy, d @ y), (self.yy, y @ y))
        )
        before, self.share = self.share, 1.0
        if self.ee > 1.5 * self.dd:
            self.share = float(np.clip(self.dy / (self.yy + 1e-9), 0, 1))
        glide = np.minimum((np.arange(self.B) + 1) / 32, 1)
        return d - (before + glide * (self.share - before)) * y

    def learn(self, d, p, heard):
        X, E, B, PS = self.X, self.E, self.B, self.PS
        error = np.abs(E) ** 2
        self.PE = self.keep(0.86, self.PE, error)
        g = (0.1 if np.abs(d).max() > 0.985 else 1.0) / (self.S + np.maximum(self.PE, p * error) + 1e-9)
        self.W = self.W + self.reached * self.C * g * X.conj() * E
        rest = np.maximum(1 - 0.5 * self.C * g * self.power, 0.1) * self.C
        talk = p if heard else 1.0
        q = self.blocks * (1e-3 * (1 - talk) + 3e-5 * talk)
        self.C = np.where(self.reached, rest + q * np.maximum(np.abs(self.W) ** 2 - rest, 0), self.C)
        step = 0.8 / (self.SX + 4 * np.abs(self.V) ** 2 + 1e-9)
        self.Z = self.Z + self.prior[:PS] * step * X[:PS].conj() * self.V
        self.W, self.Z = self.W * self.turn, self.Z * self.turn
        for filter_, row in ((self.W, self.n % self.P), (self.Z, self.n % PS)):
            filter_[row] = np.fft.rfft(np.fft.irfft(filter_[row])[:B], 2 * B)
        taps = np.fft.irfft(self.W[self.n % self.P])[:B]
        self.tap_energy[self.n % self.P] = taps @ taps
        self.W *= self.reached
        row = self.n % self.P
        self.C[row] = np.where(self.reached[row], self.C[row], 0.15 * self.blocks * 0.85 ** (row * self.blocks))
        self.n += 1
        self.slide()

    def slide(self):
        B = self.B
        w = np.pi * np.arange(B + 1) / B
        w[:4] = 0
        keep = 0.98**self.blocks
        self.num = keep * self.num - (w * (self.E * self.Y.conj()).imag / (self.PE + 1e-9)).sum()
        self.den = keep * self.den + (w**2 * np.abs(self.Y) ** 2 / (self.PE + 1e-9)).sum()
        self.turned += self.drift
        self.compare_with_anchor()
        if self.Em < 0.25 * self.Ed:
            self.drift += 2e-3 * self.blocks * float(np.clip(self.num / (self.den + B + 1), -0.5, 0.5))
        self.turn = np.exp(-1j * np.pi * np.arange(B + 1) * self.drift / B)

    def compare_with_anchor(self):
        self.age += 1
        if self.verdicts[-1] in ("up", "lost"):
            self.anchor = None
        if self.age < self.span:
            return
        strongest, bins = int(np.argmax(self.tap_energy)), np.arange(4, self.stop)
        w = np.pi * bins / self.B
        if self.anchor and self.anchor[0] == strongest:
            R = self.W[strongest, bins] * self.anchor[1][bins].conj() * np.exp(1j * w * self.turned)
            slide = -(w * R.imag).sum() / ((w**2 * np.abs(R)).sum() + 1e-20)
            slide *= (R * np.exp(1j * w * slide)).real.sum() > 0.8 * np.abs(R).sum()
            self.slid = 0.85 * self.slid + 0.15 * slide
            self.slid_power = 0.85 * self.slid_power + 0.15 * slide**2
            sure = self.slid**2 / (self.slid_power + 1e-20)
            self.drift += 0.4 * np.clip((sure - 0.5) / 0.5, 0, 1) * slide / self.age
        self.anchor, self.age, self.turned = (strongest, self.W[strongest].copy()), 0, 0.0


def room(rng, loud=1.0):
    return loud * rng.standard_normal(700) * np.exp(-np.arange(700) / 120) * 0.05


def scene(seconds, seed, changes=(), clicks=0, rate_hz=RATE, block=B):
    """A far end that stops and starts, and its echo in a small room, which is another from each of the *changes*, (s,
    loudness), on. A few samples of the microphone reach full scale."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * rate_hz) // block * block
    far = 0.1 * rng.standard_normal(frames) * (np.sin(2 * np.pi * 1.3 * np.arange(frames) / rate_hz) > -0.6)
    echo = np.convolve(far, room(rng))[:frames]
    for at_s, loud in changes:
        at = int(at_s * rate_hz)
        echo[at:] = np.convolve(far, room(rng, loud))[at:frames]
    mic = echo + 1e-4 * rng.standard_normal(frames)
    mic[rng.integers(frames // 2, frames, clicks)] = 0.99
    return mic.astype(np.float32), far.astype(np.float32)


def blocks_of(*sounds, block=B):
    for start in range(0, len(sounds[0]), block):
        yield tuple(sound[start : start + block] for sound in sounds)


def cancel(state, mic, far, near=0.0, adapt=True):
    """Block by block, as echo does it. What is left."""
    out = np.zeros_like(mic)
    for d, x, left in blocks_of(mic, far, out, block=state.estimate.shape[0]):
        subtract_echo(state, d, x, adapt, left)
        learn_echo(state, d, np.float32(near), True, adapt)
    return out


def spectra(state, name):
    bins = state.estimate.shape[0] + 1
    return getattr(state, f"{name}_re")[:, :bins] + 1j * getattr(state, f"{name}_im")[:, :bins]


def energy_db(x):
    return 10 * np.log10(np.mean(np.square(x, dtype=float)) + 1e-20)


def silent(rng):
    return 0.0


def talking(rng):
    return 1.0


def now_and_then(rng):
    return rng.choice([0.0, 0.4, 1.0])


# the room changes; its echo grows past the far end; and is another, and quieter
LOUD_AND_QUIET = [(0.6, 1.0), (1.2, 5.0), (2.4, 0.3)]


def follow(state, twin, mic, far, near):
    """Both, block by block; *near* makes p."""
    block, rng = twin.B, np.random.default_rng(11)
    out = np.zeros(block, np.float32)
    for d, x in blocks_of(mic, far, block=block):
        subtract_echo(state, d, x, True, out)
        expected = twin.subtract(d.astype(float), x.astype(float))
        assert np.abs(out - expected).max() < 2e-3 * max(np.abs(d).max(), 1e-3)
        assert state.position[JUMPED] == (twin.verdicts[-1] in ("up", "lost"))
        p, heard = np.float32(near(rng)), bool(np.abs(x).max() > 0.002)
        learn_echo(state, d, p, heard, True)
        twin.learn(d.astype(float), p, heard)
        assert state.position[OFFSET] == 0
        assert state.curve.level[loudspeaker.SHARE] == 0
    for name, plain in (("w", twin.W), ("z", twin.Z)):
        assert np.abs(spectra(state, name) - plain).max() < 1e-2 * np.abs(plain).max()
    assert np.allclose(state.c[:, : block + 1], twin.C, rtol=0.05, atol=1e-7)
    assert state.drift[DRIFT] == pytest.approx(twin.drift, abs=1e-4)


@pytest.mark.parametrize(
    ("near", "changes", "clicks", "rate_hz", "block", "partitions", "verdicts"),
    [
        (silent,       [],            0, 16000, 128, 8,  {"down"}),   # the shadow starts slower and is helped
        (talking,      [],            0, 16000, 128, 8,  set()),      # told of a talker, the main filter is no faster
        (silent,       [(0.6, 1.0)],  0, 16000, 128, 8,  {"down", "up"}),  # the shadow finds a new room first
        (now_and_then, [(0.6, 1.0)],  0, 16000, 128, 8,  {"up"}),     # p is this block's
        (silent,       [(0.6, 1.0)],  9, 16000, 128, 8,  {"up"}),     # clipped blocks teach a tenth
        (silent,       LOUD_AND_QUIET, 0, 16000, 128, 8,  {"down", "up", "lost"}),
        (silent,       [(0.6, 1.0)],  0, 48000, 480, 12, {"up"}),     # constants are scaled to blocks of 10 ms
        (now_and_then, [(0.6, 1.0)],  0, 16000, 64,  12, {"up"}),     # and of 4 ms
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_every_block_equals_the_plain_twin(near, changes, clicks, rate_hz, block, partitions, verdicts):
    mic, far = scene(3.2 if len(changes) > 1 else 1.4, 5, changes, clicks, rate_hz, block)
    state = linear_echo(rate_hz, block, partitions)
    twin = LinearTwin(rate_hz, block, partitions, state.z_re.shape[0])
    follow(state, twin, mic, far, near)
    assert verdicts <= set(twin.verdicts)


def test_a_filter_that_turns_equals_the_plain_twin():
    mic, far = scene(1.4, 5, [(0.6, 1.0)])
    state = linear_echo(RATE, B, P)
    twin = LinearTwin(RATE, B, P, state.z_re.shape[0])
    state.drift[DRIFT] = twin.drift = 0.06  # seven and a half samples a second
    follow(state, twin, mic, far, silent)
    assert abs(twin.drift) > 0.01


@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_between_two_blocks_the_sums_are_those_of_the_filters_as_they_are(partitions):
    """Whatever happened since: a step, a constraint, a move, or nothing but the clock."""
    mic, far = scene(0.8, seed=12)
    state, out, checked = linear_echo(RATE, B, partitions), np.zeros(B, np.float32), 0
    early, ring = len(state.z_re), len(state.x_re)
    fill_turn(state.turn_cos, state.turn_sin, np.float32(0.02), B)
    for n, (d, x) in enumerate(blocks_of(mic, far)):
        learn_echo(state, d, np.float32(0), True, n % 9 != 8)
        if n % 20 == 10:
            begin_at(state, n // 20 % 3)
            learn_echo(state, d, np.float32(0), True, False)  # whoever moves a filter goes through the updates
        Z = spectra(state, "z")
        W, C = spectra(state, "w"), state.c[:, : B + 1].astype(float)
        subtract_echo(state, d, x, False, out)
        rows = (state.position[HEAD] + state.position[OFFSET] + np.arange(partitions)) % ring
        X = spectra(state, "x")[rows]
        for name, sums in (("y", (X * W).sum(0)), ("u", (X * np.concatenate([Z, W[early:]])).sum(0))):
            found = getattr(state, f"{name}_re")[: B + 1] + 1j * getattr(state, f"{name}_im")[: B + 1]
            assert np.allclose(found, sums, atol=1e-4 * max(np.abs(sums).max(), 1e-3)), (name, n)
        assert np.allclose(state.missed[: B + 1], (C * np.abs(X) ** 2).sum(0), rtol=1e-4, atol=1e-9)
        power = (state.prior[:early, None] * np.abs(X[:early]) ** 2).sum(0)
        assert np.allclose(state.shadow_power[: B + 1], power, rtol=1e-4, atol=1e-9)
        checked += bool(W.any())
    assert checked > 50


def test_nothing_is_learnt_while_it_may_not_adapt():
    mic, far = scene(0.5, seed=6)
    state = linear_echo(RATE, B, P)
    assert np.array_equal(cancel(state, mic, far, adapt=False), mic)
    assert not state.w_re.any()


def test_what_was_learnt_is_subtracted_while_it_may_not_adapt_and_only_the_clock_goes_on():
    mic, far = scene(1.5, seed=6)
    state, half = linear_echo(RATE, B, P), len(mic) // (2 * B) * B
    cancel(state, mic[:half], far[:half])
    fill_turn(state.turn_cos, state.turn_sin, np.float32(0.0), B)
    before = copy.deepcopy(state)
    left = cancel(state, mic[half:], far[half:], adapt=False)
    assert energy_db(left) < energy_db(mic[half:]) - 20
    for name in ("w_re", "w_im", "z_re", "z_im", "c", "tap_energy", "error_power", "drift"):
        assert np.array_equal(getattr(state, name), getattr(before, name)), name
    fill_turn(state.turn_cos, state.turn_sin, np.float32(0.05), B)
    learn_echo(state, mic[:B], np.float32(0), True, False)
    turn = np.exp(-1j * np.pi * 0.05 * np.arange(B + 1) / B)
    for name in ("w", "z"):
        assert np.allclose(spectra(state, name), spectra(before, name) * turn, atol=1e-6)
    assert np.array_equal(state.c, before.c)


def test_a_block_is_judged_before_it_is_learnt_from():
    """What p says of a block counts for that block: with a talker in every second one, and told so, little is learnt of him."""
    mic, far = scene(1.0, seed=8)
    talker = np.repeat(np.arange(len(mic) // B) % 2, B) * np.random.default_rng(3).standard_normal(len(mic)) * 0.3
    both, started, errors = (mic + talker).astype(np.float32), len(mic) // 2, {}
    for late in (0, 1):
        state, left, out = linear_echo(RATE, B, P), [], np.zeros(B, np.float32)
        for n, (d, x) in enumerate(blocks_of(both, far)):
            subtract_echo(state, d, x, True, out)
            left.append(out - talker[n * B : n * B + B])
            learn_echo(state, d, np.float32((n + late) % 2), True, True)
        errors[late] = energy_db(np.concatenate(left)[started:])
    assert errors[0] < errors[1] - 3


def test_turning_a_filter_by_the_drift_delays_what_it_returns_by_as_many_frames():
    taps = np.zeros(2 * B)
    taps[20] = 1.0
    spectrum, state = np.fft.rfft(taps), linear_echo(RATE, B, P)
    state.w_re[0, : B + 1], state.w_im[0, : B + 1] = spectrum.real, spectrum.imag
    fill_turn(state.turn_cos, state.turn_sin, np.float32(0.05), B)
    for _ in range(60):
        learn_echo(state, np.zeros(B, np.float32), np.float32(0), False, False)
    moved = np.fft.irfft(spectra(state, "w")[0])
    assert np.argmax(moved) == 23
    assert moved[23] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("ppm", [-500, -20, 0, 150, 500])
@pytest.mark.parametrize("block", [64, 128, 480, 768])
def test_the_turn_of_each_bin_is_that_of_a_delay_up_to_the_limit_of_the_drift(block, ppm):
    drift = 1e-6 * ppm * block
    cos, sin = np.zeros((2, block + 1), np.float32)
    fill_turn(cos, sin, np.float32(drift), block)
    assert np.abs(cos + 1j * sin - np.exp(-1j * np.pi * np.arange(block + 1) * drift / block)).max() < 2e-6


@pytest.mark.parametrize(("ppm", "within_s"), [(100, 4), (-50, 4), (300, 6), (-300, 6)])
def test_a_clock_that_is_fast_or_slow_is_found_in_seconds_and_followed_even_from_white_noise(ppm, within_s):
    """So quickly does the path slide, and so quickly may a filter follow, that the filter alone need not cancel at all."""
    rng = np.random.default_rng(8)
    frames = 10 * RATE // B * B
    far = 0.1 * rng.standard_normal(frames + 1000)
    far = np.convolve(far, np.hanning(5) / 2)[: frames + 1000]  # no content at the edge, where interpolation fails
    times = np.arange(frames) * (1 - 1e-6 * ppm) - 40
    near = np.floor(times).astype(int)
    taps = np.arange(-8, 9)
    kernel = np.sinc(times[:, None] - near[:, None] - taps) * np.hanning(19)[1:-1]
    mic = (0.5 * (kernel * far[np.clip(near[:, None] + taps, 0, None)]).sum(1)).astype(np.float32)
    far, state = far.astype(np.float32), linear_echo(RATE, B, P)
    start = within_s * RATE // B * B
    cancel(state, mic[:start], far[:start])
    assert 1e6 * state.drift[DRIFT] / B == pytest.approx(ppm, rel=0.1)
    cancel(state, mic[start:], far[start:])
    assert 1e6 * state.drift[DRIFT] / B == pytest.approx(ppm, abs=5)


def partition(rng, block, frames=0.0):
    """A made-up one, late by so many frames."""
    taps = rng.standard_normal(block // 2) * np.exp(-np.arange(block // 2) / 20)
    return np.fft.rfft(taps, 2 * block) * np.exp(-1j * np.pi * np.arange(block + 1) * frames / block)


def compared(slid, turned, rate_hz, block, seed=0):
    """The drift after eight comparisons of a partition with what it was, each of which finds it *slid* by so many frames, of
    which it was *turned* by some."""
    loop, anchor = np.zeros(6, np.float32), np.array([0, 0, 16, 16, int(4000 * 2 * block / rate_hz) + 1])
    for n in range(8):
        rng = np.random.default_rng([seed, n])
        a = partition(rng, block)
        w = a * np.exp(-1j * np.pi * np.arange(block + 1) * slid(n) / block)
        loop[TURNED] = turned
        parts = (part.astype(np.float32) for part in (a.real, a.imag, w.real, w.imag))
        follow_slide(loop, anchor, *parts, block)
    return loop[DRIFT]


@pytest.mark.parametrize(("rate_hz", "block"), [(16000, 128), (16000, 64), (48000, 256), (48000, 768)])
@pytest.mark.parametrize("slide", [-0.3, -0.02, 0.05, 0.4])
def test_the_drift_follows_a_partition_that_slides_by_what_it_slid_more_than_it_was_turned(rate_hz, block, slide):
    gains = [
        0.4 * max(1 - 0.85**n - 0.5, 0) / 0.5 for n in range(1, 9)
    ]  # the same slide every time: sure as time goes on
    expected = sum(gains) * slide / 16
    assert compared(lambda n: slide, 0.0, rate_hz, block) == pytest.approx(expected, rel=0.05)
    assert compared(lambda n: slide + 0.2, 0.2, rate_hz, block) == pytest.approx(expected, rel=0.05)


def test_slides_to_and_fro_are_noise():
    assert compared(lambda n: 0.3 * (-1) ** n, 0.0, RATE, B) == 0


def test_another_path_is_no_slide():
    loop, anchor = np.zeros(6, np.float32), np.array([0, 0, 16, 16, 65])
    for n in range(30):
        a, w = (partition(np.random.default_rng([seed, n]), B, late) for seed, late in ((1, 0), (2, 30)))
        follow_slide(loop, anchor, *(part.astype(np.float32) for part in (a.real, a.imag, w.real, w.imag)), B)
    assert loop[DRIFT] == 0


def test_a_clipped_sample_that_the_estimate_explains_is_no_error():
    clean = (0.9 * np.sin(np.arange(B) / 5)).astype(np.float32)
    clipped = np.clip(clean, -0.5, 0.5)
    clip, estimate = np.zeros(2, np.float32), clean.copy()
    watch_clipping(clip, clipped)
    explain_clipping(clip, clipped, estimate)
    assert np.array_equal(estimate, clipped)


def test_a_quieter_block_says_nothing_about_the_clip_level():
    clip = np.zeros(2, np.float32)
    watch_clipping(clip, np.full(B, 0.5, np.float32))
    before = clip.copy()
    watch_clipping(clip, np.full(B, -0.499, np.float32))
    assert np.array_equal(clip, before)
    watch_clipping(clip, np.full(B, -0.5, np.float32))  # the other side clips at the same level
    assert clip[REPEATS] == before[REPEATS] + B - 1


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
    left = cancel(linear_echo(RATE, B, P), mic, far)
    gain = (far @ np.tanh(6 * far) / 6) / (far @ far)
    linear_limit = ((np.tanh(6 * far) / 6 - gain * far) ** 2).sum() / ((np.tanh(6 * far) / 6) ** 2).sum()
    late = slice(8 * RATE, None)
    assert (left[late] ** 2).sum() < 0.25 * linear_limit * (mic[late] ** 2).sum()


def filled(seed=3):
    """A canceller whose filters are made up: P partitions of taps, the far end heard."""
    rng, state = np.random.default_rng(seed), linear_echo(RATE, B, P)
    for re, im in ((state.w_re, state.w_im), (state.z_re, state.z_im)):
        taps = np.zeros((len(re), 2 * B))
        taps[:, :B] = 0.05 * rng.standard_normal((len(re), B))
        spectrum = np.fft.rfft(taps)
        re[:, : B + 1], im[:, : B + 1] = spectrum.real, spectrum.imag
    state.c[:] = rng.uniform(0.001, 0.1, state.c.shape)
    state.tap_energy[:] = rng.uniform(0.1, 1, P)
    return state


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize("offset", [0, 1, 4, 7, 8, 20])
def test_a_filter_that_moves_keeps_each_partition_at_its_delay_and_begins_the_rest_anew(first, offset):
    state = filled()
    begin_at(state, first)
    state.w_re[:], state.w_im[:], state.c[:], state.tap_energy[:] = (
        getattr(filled(), name) for name in ("w_re", "w_im", "c", "tap_energy")
    )
    before = copy.deepcopy(state)
    begin_at(state, offset)
    assert state.position[OFFSET] == offset
    for p in range(P):
        old = p + offset - first
        if 0 <= old < P:
            assert np.array_equal(spectra(state, "w")[p], spectra(before, "w")[old])
            assert np.array_equal(state.c[p], before.c[old])
            assert state.tap_energy[p] == before.tap_energy[old]
        else:
            assert not spectra(state, "w")[p].any()
            assert np.array_equal(state.c[p], state.fresh[p])
            assert state.tap_energy[p] == 0
    if offset != first:
        assert np.array_equal(spectra(state, "z"), spectra(state, "w")[: state.z_re.shape[0]])
    else:
        assert np.array_equal(spectra(state, "z"), spectra(before, "z"))


@pytest.mark.parametrize("offset", [2, 3])
def test_a_filter_that_moves_estimates_the_same_echo_if_nothing_of_it_falls_out(offset):
    far = 0.1 * np.random.default_rng(4).standard_normal(40 * B).astype(np.float32)
    silence, out = np.zeros(B, np.float32), np.zeros(B, np.float32)
    state, other, loudest = filled(), filled(), 0.0
    for line in (state.w_re, state.w_im, other.w_re, other.w_im):
        line[:offset] = 0
    for n, (x,) in enumerate(blocks_of(far)):
        if n == 20:
            begin_at(other, offset)
        if n == 30:
            begin_at(other, 0)
        for each in (state, other):
            learn_echo(each, silence, np.float32(0), False, False)
            subtract_echo(each, silence, x, False, out)
        assert np.allclose(state.estimate, other.estimate, atol=2e-6)
        loudest = max(loudest, np.abs(state.estimate).max())
    assert loudest > 0.05


def late_echo(far, delays):
    """The echo of a room whose direct path comes *delays* blocks late, each for as long."""
    answer = room(np.random.default_rng(2), 4.0)
    echo, length = np.convolve(far, answer)[: len(far)], len(far) // len(delays)
    mic = np.zeros(len(far))
    for n, delay in enumerate(delays):
        stretch = np.arange(n * length, (n + 1) * length)
        mic[stretch] = np.where(stretch >= delay * B, echo[np.maximum(stretch - delay * B, 0)], 0)
    return (mic + 1e-5 * np.random.default_rng(3).standard_normal(len(far))).astype(np.float32)


@pytest.mark.parametrize("delays", [(0, 0), (14, 14), (28, 28), (3, 25), (25, 3)])
def test_a_filter_of_64_ms_follows_an_echo_of_any_delay_up_to_a_quarter_of_a_second(delays):
    far = 0.1 * np.random.default_rng(1).standard_normal(2 * 250 * B).astype(np.float32)
    mic, state = late_echo(far, delays), linear_echo(RATE, B, P)
    left = cancel(state, mic, far)
    for n, delay in enumerate(delays, start=1):
        end = slice(n * 250 * B - 60 * B, n * 250 * B)
        assert energy_db(left[end]) < energy_db(mic[end]) - 25, delay
    assert delays[-1] - 4 <= state.position[OFFSET] <= delays[-1]


def test_a_path_that_is_lost_is_forgotten_and_does_not_sound():
    """The loudspeaker is unplugged. What was learnt would be an echo of its own."""
    far = 0.1 * np.random.default_rng(5).standard_normal(400 * B).astype(np.float32)
    mic = np.convolve(far, room(np.random.default_rng(6), 5.0))[: len(far)].astype(np.float32)
    mic[250 * B :] = 1e-3 * np.random.default_rng(7).standard_normal(150 * B)
    state, lost = linear_echo(RATE, B, P), []
    out = np.zeros(B, np.float32)
    for n, (d, x) in enumerate(blocks_of(mic, far)):
        had = spectra(state, "w").any()
        subtract_echo(state, d, x, True, out)
        if had and not spectra(state, "w").any():
            lost.append(n)
            assert state.position[JUMPED] == 1
            assert not spectra(state, "z").any()
            assert not state.estimate.any()
            assert np.array_equal(out, d)
            assert (state.c[:, : B + 1] <= 1).all()
        learn_echo(state, d, np.float32(0), True, True)
    assert len(lost) == 1
    assert 250 < lost[0] < 250 + 0.3 * RATE / B
    assert energy_db(out) < energy_db(mic[-B:]) + 3  # it looks for a path


@pytest.mark.parametrize("muted_s", [0.0, 3.0])
def test_a_path_that_appears_after_some_seconds_of_none_is_learnt_as_well_as_at_once(muted_s):
    rng, muted = np.random.default_rng(5), int(muted_s * RATE) // B * B
    far = 0.1 * rng.standard_normal(muted + 4 * RATE).astype(np.float32)
    answer = 0.05 * rng.standard_normal(2500) * np.exp(-np.arange(2500) / 500)
    mic = (np.convolve(far, answer)[: len(far)] + 1e-4 * rng.standard_normal(len(far))).astype(np.float32)
    mic[:muted] = 0
    left = cancel(linear_echo(RATE, B, 24), mic, far)
    assert energy_db(left[-RATE // 2 :]) < energy_db(mic[-RATE // 2 :]) - 35


def test_above_8_khz_a_filter_is_shorter_after_constraints_and_moves_too():
    rng, state = np.random.default_rng(8), linear_echo(48000, 256, 24)
    far = 0.1 * rng.standard_normal(300 * 256).astype(np.float32)
    mic = np.convolve(far, 0.05 * rng.standard_normal(6000))[: len(far)].astype(np.float32)
    for first in (0, 150):
        begin_at(state, 4 if first else 0)
        cancel(state, mic[first * 256 : (first + 150) * 256], far[first * 256 : (first + 150) * 256])
        shown = np.abs(spectra(state, "w"))
        high = np.arange(shown.shape[1]) * 48000 / 512 > 9000  # bins come in eights: 750 Hz
        assert shown[:18, high].all()
        assert not shown[18:, high].any()
        assert shown[18:, ~high].max() > 1e-3
    begin_at(state, 0)
    assert not np.abs(spectra(state, "w"))[18:, high].any()
    assert np.array_equal(state.c[18:, 110:], state.fresh[18:, 110:])


@pytest.mark.parametrize(
    ("tail_blocks", "last"), [(8, 0.85**7), (24, 0.85**23), (32, 0.85**31), (64, 0.0055), (125, 0.0055)]
)
def test_a_room_is_expected_to_decay_by_the_end_of_the_tail_and_to_be_as_loud_as_the_far_end(tail_blocks, last):
    variance = linear_echo(RATE, B, tail_blocks).fresh[:, 5]
    assert variance[-1] / variance[0] == pytest.approx(last, rel=0.1)
    assert 0.7 < variance.sum() <= 1


def test_what_a_filter_was_turned_by_while_it_was_frozen_is_no_slide():
    mic, far = scene(2.0, seed=14)
    state = linear_echo(RATE, B, P)
    cancel(state, mic, far)
    state.drift[DRIFT], before = 0.03, state.drift.copy()
    fill_turn(state.turn_cos, state.turn_sin, state.drift[DRIFT], B)
    cancel(state, mic[: 40 * B], far[: 40 * B], adapt=False)
    assert state.anchor[ROW] == -1
    state.anchor[AGE] = state.anchor[SPAN] - 1
    cancel(state, mic[40 * B : 41 * B], far[40 * B : 41 * B])
    assert state.anchor[AGE] == 0  # compared with nothing
    assert state.drift[SLIDE_POWER] == before[SLIDE_POWER]


@pytest.mark.parametrize(("place", "is_compared"), [(0, True), (1, False)])
def test_a_partition_is_compared_with_what_it_was_in_the_same_place_only(place, is_compared):
    mic, far = scene(2.0, seed=14)
    state = linear_echo(RATE, B, P)
    cancel(state, mic, far)
    state.anchor[AGE], state.anchor[PLACE], before = state.anchor[SPAN] - 1, place, state.drift[SLIDE_POWER]
    cancel(state, mic[:B], far[:B])
    assert (state.drift[SLIDE_POWER] != before) == is_compared


def test_the_search_for_a_delay_rests_while_the_filter_cancels():
    mic, far = scene(3.0, seed=14)
    state, rested = linear_echo(RATE, B, P), []
    for d, x in blocks_of(mic, far):
        cancel(state, d, x)
        rested.append(int(state.delay.position[RESTED]))
    assert {1, 2, 3} <= set(rested[-40:])
    mic = 0.1 * np.random.default_rng(15).standard_normal(len(far)).astype(np.float32)  # and not while it does not
    cancel(state, mic[: 40 * B], far[: 40 * B])
    assert state.delay.position[RESTED] == 0


def test_the_constraint_goes_round_all_partitions_and_finds_the_strongest():
    state = filled()
    for p in range(P):
        state.w_re[p] *= 2 if p == 5 else 1
        state.w_im[p] *= 2 if p == 5 else 1
        state.w_re[p, : B + 1] += np.fft.rfft(np.eye(2 * B)[B + 9]).real  # beyond the taps
        state.w_im[p, : B + 1] += np.fft.rfft(np.eye(2 * B)[B + 9]).imag
    state.position[OFFSET] = 11
    taps = np.fft.irfft(spectra(state, "w"))[:, :B]
    for _ in range(P):
        constrain(state)
    found = np.fft.irfft(spectra(state, "w"))
    assert np.allclose(found[:, :B], taps, atol=1e-5)
    assert np.abs(found[:, B:]).max() < 1e-5
    assert state.tap_energy == pytest.approx((taps**2).sum(1), rel=1e-4)
    assert state.curve.position[loudspeaker.LATE] == 11 + 5


@pytest.mark.parametrize(
    ("rate_hz", "block", "partitions"),
    [(16000, 64, 48), (16000, 128, 1), (16000, 256, 12), (48000, 384, 24), (48000, 480, 20)],
)
def test_the_rings_hold_all_that_a_filter_a_quarter_of_a_second_late_may_meet(rate_hz, block, partitions):
    state = linear_echo(rate_hz, block, partitions)
    reach = np.ceil(0.25 * rate_hz / block)
    for ring in (state.x_re.shape[0], state.far_peak.shape[0], state.curve.far.shape[0]):
        assert ring >= reach + partitions
        assert ring & (ring - 1) == 0
    assert state.x_re.shape[1] % 8 == 0
    assert state.x_re.shape[1] >= block + 1
    assert 0 < state.z_re.shape[0] <= partitions
    assert state.delay.gamma.shape[0] >= reach


@pytest.mark.parametrize(
    ("rate_hz", "block"),
    [
        (16000, 32),  # 2 ms
        (16000, 272),  # 17 ms
        (44100, 353),  # a prime: no Fourier transform
    ],
)
def test_a_block_that_cannot_be_is_refused(rate_hz, block):
    with pytest.raises(ValueError, match=r"\d"):
        linear_echo(rate_hz, block, 8)
