"""The loudspeaker's curve against its plain twin in double precision, and against curves that are known."""

import numpy as np
import pytest

from firmware_py.dsp.loudspeaker import (
    KNOTS,
    LATE,
    PEAK,
    REACH,
    SHARE,
    SLOT,
    START,
    VOTES,
    add_curve,
    filter_path,
    find_direct_path,
    learn_curve,
    loudspeaker,
    narrow,
    shape_far,
    widen,
)

RATE, B, P = 16000, 128, 4
CYCLE = 3 + 2 * KNOTS
PATH = np.random.default_rng(3).standard_normal(32) * np.exp(-np.arange(32) / 6)
WITHIN = 42  # frames of its block by which the direct path begins late
DELAY = B + WITHIN  # of the direct path: it begins in the second partition


class CurveTwin:
    """What loudspeaker says in its docstring, at 8 ms blocks."""

    def __init__(self):
        self.reach, self.peak = 1 / 32, 0.0
        self.a = np.zeros(CYCLE - 1)
        self.H = np.zeros((CYCLE - 1, CYCLE - 1))
        self.share = self.votes = 0.0
        self.x = np.zeros(P * B)
        self.best, self.work = (0.0,), None
        self.slot = 0
        self.knots = np.array([1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4])

    def bases(self, x):
        knots = self.reach * self.knots
        return np.array(
            [x, np.maximum(x, 0), *(np.maximum(x - t, 0) for t in knots), *(-np.maximum(-x - t, 0) for t in knots)]
        )

    def shape(self, x):
        self.x = np.concatenate([self.x, x])[-P * B :]
        self.peak = max(np.abs(x).max(), self.peak * 0.5 ** (B / RATE / 10))
        p, q = self.a[2 : 2 + KNOTS], self.a[2 + KNOTS :]
        if self.peak > self.reach:
            self.a[:2] += q[:2].sum(), (p[:2] - q[:2]).sum()
            p[:], q[:] = [*p[2:], 0, 0], [*q[2:], 0, 0]
            self.move(2)
        elif self.peak < 0.225 * self.reach:
            p[:], q[:] = [0, 0, *p[:-2]], [0, 0, *q[:-2]]
            self.move(0.5)
        return x + self.share * self.a @ self.bases(x)

    def move(self, factor):
        self.reach *= factor
        self.H[:] = 0
        self.best, self.work, self.slot = (0.0,), None, 0

    def learn(self, mic, estimate, trust, path, delay):
        heard = self.x[-B - delay - len(path) + 1 : len(self.x) - delay]
        score = trust * np.abs(self.x[-B * (delay // B + 1) :][:B]).max()
        if score > self.best[0]:
            self.best = (score, heard.copy(), mic - estimate, trust)
        if self.slot == 0:
            self.work, self.best = (self.best if self.best[0] else None), (0.0,)
            if self.work:
                _, heard, error, trust = self.work
                curve = np.convolve(self.a @ self.bases(heard), path, "valid")
                with_curve, without = error - (1 - self.share) * curve, error + self.share * curve
                vote = np.log2((with_curve @ with_curve + 1e-9) / (without @ without + 1e-9))
                self.votes += 0.2 * trust * (np.clip(vote, -2, 2) - self.votes)
                self.work = (heard, with_curve, trust / (with_curve @ with_curve + 1e-8))
        if self.slot == CYCLE - 1 and self.work:
            heard, error, weight = self.work
            seen = np.array([np.convolve(basis, path, "valid") for basis in self.bases(heard)])
            cycle_s = CYCLE * B / RATE
            self.H = np.exp(-cycle_s / 4) * self.H + weight * seen @ seen.T
            step = np.linalg.solve(self.H + np.diag(0.01 * np.diag(self.H) + 3), weight * seen @ error)
            step = (1 + self.share) * np.clip(step, -0.1, 0.1)
            step[0] = -self.H[0, 1:] @ step[1:] / (self.H[0, 0] + 1e-9)
            self.a = np.clip(np.exp(-cycle_s / 150) * self.a + step, -1.5, 1.5)
            self.share = float(np.clip((-0.05 - self.votes) / 0.2, 0, 1))
        self.slot = (self.slot + 1) % CYCLE


def voice(seconds, peak=0.3, seed=1):
    """Bursts with the amplitude statistics of speech: seldom loud."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * RATE) // B * B
    level = np.abs(np.sin(2 * np.pi * 1.7 * np.arange(frames) / RATE)) ** 3
    x = np.convolve(rng.laplace(size=frames + 4), np.hanning(7)[1:-1], "valid") * level
    return (peak * x / np.abs(x).max()).astype(np.float32)


def known_path(state, offset=0, partition=1):
    """The filter behind the curve is known: the direct path lies in this partition of those that begin late."""
    response, energy = np.zeros(B, np.float32), np.full(P, 0.1, np.float32)
    response[WITHIN : WITHIN + 32] = PATH
    energy[partition] = 1
    find_direct_path(state, response, partition, offset, energy)
    assert state.path.shape == (32,)


def echo_of(x, delay=DELAY):
    return np.convolve(np.concatenate([np.zeros(delay), x]), PATH)[: len(x)]


def play(state, far, mic, trust=1.0, each=None, delay=DELAY):
    """The canceller's part is done by the room's own filter, of which only the gain is learnt."""
    played, error, both, own = np.zeros(0), np.zeros(len(far)), 1e-6, 1e-6
    for start in range(0, len(far), B):
        block = slice(start, start + B)
        shape_far(state, far[block])
        played = np.concatenate([played[-P * B :], state.shaped])
        echo = echo_of(played, delay)[-B:]
        estimate = (both / own * echo).astype(np.float32)
        both, own = 0.99 * both + trust * (mic[block] @ echo), 0.99 * own + trust * (echo @ echo)
        learn_curve(state, mic[block], estimate, np.float32(trust))
        error[block] = mic[block] - estimate
        if each:
            each(block, state, estimate)
    return error


def soft(x):
    return np.tanh(5 * x) / 5


def hard(x):
    return np.clip(x, -0.12, 0.12)


def crooked(x):
    return np.where(x > 0, np.tanh(6 * x) / 6, np.tanh(3 * x) / 3)


def cubic(x):
    return x - 0.5 * x**2 - 2 * x**3


def curve_of(state, x):
    out = x.astype(np.float32)
    add_curve(state, state.applied, x.astype(np.float32), out)
    return out


@pytest.mark.parametrize(
    ("offset", "partition"),
    [
        (0, 1),
        (1, 0),  # the same lateness: the filters begin a block after the far end
        (2, 0),
        (1, 1),
        (0, 0),
    ],
)
def test_every_block_equals_the_plain_twin(offset, partition):
    delay = (offset + partition) * B + WITHIN
    far = voice(6)
    far[: 2 * RATE] *= 0.3  # the reach grows on the way
    noise = 1e-4 * np.random.default_rng(2).standard_normal(len(far))
    mic = (echo_of(soft(far), delay) + noise).astype(np.float32)
    state, twin = loudspeaker(RATE, B, P), CurveTwin()
    known_path(state, offset, partition)
    shares = []

    def compare(block, state, estimate):
        expected = twin.shape(far[block].astype(float))
        assert np.abs(state.shaped - expected).max() < 1e-3
        twin.learn(mic[block].astype(float), estimate.astype(float), 0.9, PATH, delay)
        assert state.level[REACH] == twin.reach
        assert state.level[PEAK] == pytest.approx(twin.peak, rel=1e-3)
        assert state.level[VOTES] == pytest.approx(twin.votes, abs=0.02)
        shares.append(twin.share)

    play(state, far, mic, 0.9, compare, delay)
    assert np.abs(state.slopes - twin.a).max() < 0.01
    assert {0.0, 1.0} <= set(shares)


def test_a_curve_is_not_found_where_the_filters_are_said_to_begin_a_block_too_early():
    far = voice(6)
    mic = echo_of(soft(far), DELAY).astype(np.float32)
    right, wrong = loudspeaker(RATE, B, P), loudspeaker(RATE, B, P)
    known_path(right, offset=1, partition=0)
    known_path(wrong, offset=0, partition=0)
    late = slice(4 * RATE, None)
    straight = ((mic - echo_of(far))[late] ** 2).sum()
    assert (play(right, far, mic)[late] ** 2).sum() < 0.2 * straight
    assert (play(wrong, far, mic)[late] ** 2).sum() > 0.5 * straight


def test_the_direct_path_is_that_of_the_strongest_partition_only():
    state, energy = loudspeaker(RATE, B, P), np.array([0.2, 1.0, 0.5, 0.1], np.float32)
    response = np.zeros(B, np.float32)
    response[70] = 1
    find_direct_path(state, response, 1, 7, energy)
    assert state.position[LATE] == 8
    assert state.position[START] == 70 - 8  # a quarter before the peak
    assert state.path[8] == 1
    find_direct_path(state, 5 * response[::-1].copy(), 2, 7, energy)
    assert state.position[LATE] == 8
    assert state.path[8] == 1


@pytest.mark.parametrize("curve", [soft, hard, crooked, cubic])
def test_a_curve_before_a_known_filter_is_found_to_3_percent_of_its_energy_within_six_seconds(curve):
    far = voice(8, seed=4)
    bent = curve(far.astype(float))
    gain = (bent @ far) / (far @ far)  # which belongs to the filter
    mic = echo_of(bent / gain).astype(np.float32)
    state = loudspeaker(RATE, B, P)
    known_path(state)
    error = play(state, far, mic)
    late = slice(6 * RATE, None)
    straight = mic - echo_of(far)
    assert (error[late] ** 2).sum() < 0.03 * (straight[late] ** 2).sum()


def test_a_linear_loudspeaker_stays_linear():
    far = voice(6)
    noise = 1e-3 * np.random.default_rng(2).standard_normal(len(far))
    state = loudspeaker(RATE, B, P)
    known_path(state)
    play(state, far, (echo_of(far) + noise).astype(np.float32))
    assert state.level[SHARE] == 0
    assert np.abs(state.slopes).max() < 0.1
    assert np.array_equal(state.shaped, far[-B:])


def test_a_talker_who_is_not_trusted_does_not_bend_the_curve():
    far = voice(10)
    mic = echo_of(soft(far))
    talker = 3 * voice(10, seed=9)[len(far) // 2 :]
    mic[len(far) // 2 :] += talker
    state = loudspeaker(RATE, B, P)
    known_path(state)
    cycles = len(far) // (2 * CYCLE * B) * CYCLE * B
    play(state, far[:cycles], mic[:cycles].astype(np.float32))
    play(state, far[: 2 * CYCLE * B], far[: 2 * CYCLE * B], trust=0.0)  # what was at work is done
    x = np.linspace(-0.3, 0.3, B)
    before = curve_of(state, x)
    play(state, far[len(far) // 2 :], mic[len(far) // 2 :].astype(np.float32), trust=0.0)
    assert np.abs(before - x).max() > 0.01
    assert np.array_equal(curve_of(state, x), before)


def test_a_quiet_far_end_says_nothing_about_the_curve():
    far = voice(4, peak=1e-4)
    noise = 1e-3 * np.random.default_rng(2).standard_normal(len(far))
    state = loudspeaker(RATE, B, P)
    known_path(state)
    play(state, far, (echo_of(far) + noise).astype(np.float32))
    assert state.level[SHARE] == 0
    assert np.abs(state.slopes).max() < 0.05


def test_the_same_curve_is_found_in_quiet_playback():
    far = voice(8, peak=0.02)
    mic = echo_of(soft(15 * far) / 15).astype(np.float32)
    state = loudspeaker(RATE, B, P)
    known_path(state)
    error = play(state, far, mic)
    assert state.level[SHARE] == 1
    assert (error[6 * RATE :] ** 2).sum() < 0.1 * ((mic - echo_of(far))[6 * RATE :] ** 2).sum()


def steepness(state, x):
    out = x.copy()
    add_curve(state, state.slopes, x, out)
    return np.diff(out) / np.diff(x)


def test_a_change_of_reach_leaves_every_slope_that_both_have_knots_for():
    state = loudspeaker(RATE, B, P)
    state.slopes[:] = np.random.default_rng(5).uniform(-0.3, 0.3, len(state.slopes))
    state.level[REACH] = 0.25
    loud = np.linspace(0.05, 0.24, 64).astype(np.float32)  # above the two lowest knots
    loud = np.concatenate([-loud[::-1], loud])
    before = steepness(state, loud)
    across = len(before) // 2  # the step over zero
    widen(state.slopes)
    state.level[REACH] = 0.5
    assert np.allclose(np.delete(steepness(state, loud), across), np.delete(before, across), atol=1e-4)
    quiet = np.linspace(-0.06, 0.06, 64).astype(np.float32)  # where the reach shrinks, only this is still used
    before = steepness(state, quiet)
    narrow(state.slopes)
    state.level[REACH] = 0.25
    assert np.allclose(steepness(state, quiet), before, atol=1e-4)


def test_a_path_of_any_length_is_a_convolution():
    rng = np.random.default_rng(6)
    for taps in (32, 6, 3):
        path, segment = (rng.standard_normal(n).astype(np.float32) for n in (taps, B + taps - 1))
        out = np.zeros(B, np.float32)
        filter_path(path, segment, out)
        assert np.allclose(out, np.convolve(segment, path, "valid"), atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1.0, 8.0])
def test_silence_and_full_scale_leave_numbers(level):
    far = np.where(np.random.default_rng(7).random(200 * B) > 0.5, level, -level).astype(np.float32)
    state = loudspeaker(RATE, B, P)
    known_path(state)
    play(state, far, -far)
    for field in (state.shaped, state.slopes, state.gram, state.factor, state.level):
        assert np.isfinite(field).all()


@pytest.mark.parametrize(
    ("rate_hz", "block", "share"),
    [(16000, 128, 1), (16000, 64, 1 / 2), (48000, 256, 2 / 3), (16000, 256, 1), (48000, 480, 1)],
)
def test_a_place_of_the_cycle_is_done_every_8_ms_or_once_a_block(rate_hz, block, share):
    state, silence, done = loudspeaker(rate_hz, block, P), np.zeros(block, np.float32), 0
    for _ in range(900):
        before = state.position[SLOT]
        learn_curve(state, silence, silence, np.float32(1))
        moved = (state.position[SLOT] - before) % CYCLE
        assert moved <= 1
        done += moved
    assert done == pytest.approx(900 * share, abs=1)
