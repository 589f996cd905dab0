"""Each kernel of the partitioned filters against the same equation in complex double precision, over a ring that wraps."""

import numpy as np
import pytest

from firmware_py.dsp.partitioned_filter import (
    add_product,
    cut_depth,
    cut_taps,
    finish_estimates,
    kalman_gain,
    kalman_update,
    lms_gain,
    lms_update,
    sum_missed,
)

SHAPES = [
    # P, PS, K, ring, start
    (1, 1, 16, 2, 1),      # the smallest
    (4, 2, 144, 8, 6),     # wraps inside the shadow's partitions
    (7, 4, 80, 16, 11),    # wraps inside the later ones
    (24, 12, 144, 64, 60), # as long as it gets
    (8, 4, 144, 8, 3),     # a ring without a row to spare
    (5, 5, 48, 8, 8 + 5),  # a start beyond the ring, as with an offset
    (6, 1, 264, 32, 31),
    (3, 2, 136, 4, 0),     # the row before the first is the last
]  # fmt: skip
each_shape = pytest.mark.parametrize(("P", "PS", "K", "ring", "start"), SHAPES)


class Scene:
    """Arrays of one shape: as the kernels take them, and as complex numbers."""

    def __init__(self, P, PS, K, ring, start):
        rng = np.random.default_rng(P * K + start)
        self.start = start

        def pair(*shape):
            return rng.standard_normal((2, *shape)).astype(np.float32)

        (self.x_re, self.x_im), (self.w_re, self.w_im), (self.z_re, self.z_im) = pair(ring, K), pair(P, K), pair(PS, K)
        self.e_re, self.e_im = pair(K)
        self.c = rng.uniform(0.001, 1.0, (P, K)).astype(np.float32)
        self.prior = rng.uniform(0.3, 1.0, P).astype(np.float32)
        self.gain = rng.uniform(0.01, 0.3, K).astype(np.float32)
        self.depth = rng.integers(PS, P + 1, K // 8)
        self.reached = np.arange(P)[:, None] < np.repeat(self.depth, 8)
        self.w_re *= self.reached
        self.w_im *= self.reached
        angle = rng.uniform(-0.3, 0.3, K)
        self.cos, self.sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        self.X = both(self.x_re, self.x_im)[(start + np.arange(P)) % ring]  # of p blocks ago
        self.W, self.Z, self.E = both(self.w_re, self.w_im), both(self.z_re, self.z_im), both(self.e_re, self.e_im)
        self.C, self.power = self.c.astype(float), np.abs(self.X) ** 2
        self.turn = both(self.cos, self.sin)
        self.ahead = rng.standard_normal((6, K)).astype(np.float32)  # Y, U, S, the shadow's power

    def kalman_step(self, wander):
        y_re, y_im, u_re, u_im, missed, _ = self.ahead
        kalman_update(
            self.x_re, self.x_im, self.start, self.w_re, self.w_im, self.c, self.depth, len(self.z_re), self.e_re, self.e_im,
            self.gain, np.float32(wander), self.cos, self.sin, y_re, y_im, u_re, u_im, missed,
        )  # fmt: skip

    def lms_step(self):
        _, _, u_re, u_im, _, power = self.ahead
        lms_update(
            self.x_re, self.x_im, self.start, self.z_re, self.z_im, self.prior, self.e_re, self.e_im, self.gain,
            self.cos, self.sin, u_re, u_im, power,
        )  # fmt: skip


def both(re, im):
    return re.astype(float) + 1j * im


def close(found, expected, rounding=3e-6):
    """Within some roundings of single precision, of the largest there is."""
    return np.abs(found - expected).max() <= rounding * np.abs(expected).max()


@each_shape
def test_the_first_partition_is_added_to_both_estimates_and_to_what_they_may_miss(P, PS, K, ring, start):
    s = Scene(P, PS, K, ring, start)
    first = (s.x_re[start % ring], s.x_im[start % ring], s.w_re[0], s.w_im[0], s.c[0], s.z_re[0], s.z_im[0])
    finish_estimates(*first, s.prior[0], *s.ahead)
    before = Scene(P, PS, K, ring, start).ahead.astype(float)
    X, power = s.X[0], s.power[0]
    assert close(both(s.ahead[0], s.ahead[1]), both(before[0], before[1]) + X * s.W[0])
    assert close(both(s.ahead[2], s.ahead[3]), both(before[2], before[3]) + X * s.Z[0])
    assert close(s.ahead[4], before[4] + s.C[0] * power)
    assert close(s.ahead[5], before[5] + s.prior[0] * power)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_product_is_added_to_a_sum_and_taken_out_of_it(sign):
    s = Scene(*SHAPES[1])
    before = both(*s.ahead[:2])
    add_product(s.x_re[0], s.x_im[0], s.w_re[1], s.w_im[1], np.float32(sign), *s.ahead[:2])
    assert close(both(*s.ahead[:2]), before + sign * both(s.x_re[0], s.x_im[0]) * s.W[1])


@each_shape
def test_what_may_be_missed_is_a_sum_over_partitions(P, PS, K, ring, start):
    s = Scene(P, PS, K, ring, start)
    missed = np.full(K, np.nan, np.float32)
    sum_missed(s.x_re, s.x_im, start, s.c, s.depth, missed)
    assert close(missed, (s.C * s.power * s.reached).sum(0))


@each_shape
@pytest.mark.parametrize("wander", [0.0, 0.001, 0.2])
def test_a_kalman_step_learns_from_the_error_doubts_less_and_then_turns(P, PS, K, ring, start, wander):
    s = Scene(P, PS, K, ring, start)
    s.kalman_step(wander)
    W = s.W + s.reached * s.C * s.gain * s.X.conj() * s.E
    shrunk = np.maximum(1 - s.C * s.gain * s.power / 2, 0.1) * s.C
    assert close(both(s.w_re, s.w_im), W * s.turn)
    grown = shrunk + np.float32(wander) * np.maximum(np.abs(W) ** 2 - shrunk, 0)
    assert close(s.c, np.where(s.reached, grown, s.C))


@each_shape
def test_updates_leave_what_the_next_block_will_meet_but_for_its_first_row(P, PS, K, ring, start):
    """In the next block each partition meets the row that now belongs to the one before it."""
    s = Scene(P, PS, K, ring, start)
    s.kalman_step(0.01)
    s.lms_step()
    X, power, W, Z = s.X[: P - 1], s.power[: P - 1], both(s.w_re, s.w_im)[1:], both(s.z_re, s.z_im)[1:]
    expected = {
        "Y": (X * W).sum(0),
        "U": (X[: PS - 1] * Z).sum(0) + (X[PS - 1 :] * W[PS - 1 :]).sum(0),
        "S": (s.c[1:] * s.reached[1:] * power).sum(0),
        "shadow's power": (s.prior[1:PS, None] * power[: PS - 1]).sum(0),
    }
    found = dict(zip(expected, (both(*s.ahead[:2]), both(*s.ahead[2:4]), s.ahead[4], s.ahead[5]), strict=True))
    for name, value in expected.items():
        assert close(found[name], value), name


def test_a_variance_falls_to_a_tenth_at_most_in_one_step():
    s = Scene(*SHAPES[1])
    s.gain[:] = 1e9
    s.kalman_step(0)
    assert np.allclose(s.c[s.reached], 0.1 * s.C[s.reached], rtol=1e-5)


def test_a_variance_never_grows_past_what_the_filter_is():
    s = Scene(*SHAPES[1])
    s.gain[:] = 0
    for _ in range(400):
        s.kalman_step(0.1)
    assert np.allclose(s.c, np.where(s.reached, np.maximum(np.abs(s.W) ** 2, s.C), s.C), rtol=1e-3)


@each_shape
def test_an_lms_step_learns_in_proportion_to_the_prior_and_then_turns(P, PS, K, ring, start):
    s = Scene(P, PS, K, ring, start)
    s.lms_step()
    expected = (s.Z + s.prior[:PS, None] * s.gain * s.X[:PS].conj() * s.E) * s.turn
    assert close(both(s.z_re, s.z_im), expected)


@each_shape
def test_an_update_writes_nothing_but_its_filter_and_the_sums(P, PS, K, ring, start):
    s, fresh = Scene(P, PS, K, ring, start), Scene(P, PS, K, ring, start)
    s.kalman_step(0.1)
    s.lms_step()
    for name in ("x_re", "x_im", "prior", "depth", "e_re", "e_im", "gain", "cos", "sin"):
        assert np.array_equal(getattr(s, name), getattr(fresh, name)), name


def test_without_error_a_filter_only_turns_and_without_drift_it_stays():
    s = Scene(*SHAPES[3])
    s.e_re[:] = s.e_im[:] = s.sin[:] = 0
    s.cos[:] = 1
    s.kalman_step(0)
    s.lms_step()
    assert np.array_equal(both(s.w_re, s.w_im), s.W)
    assert np.array_equal(both(s.z_re, s.z_im), s.Z)


@pytest.mark.parametrize("K", [16, 80, 144])
@pytest.mark.parametrize(("near", "trust"), [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (0.5, 0.1)])
def test_the_kalman_gain_divides_by_what_is_missed_and_by_the_noise_or_the_talker(K, near, trust):
    rng = np.random.default_rng(K)
    power, missed = rng.exponential(size=(2, K)).astype(np.float32)
    e_re, e_im = (np.sqrt(rng.exponential(size=(2, K))) * rng.choice([0.1, 3], K)).astype(np.float32)
    gain, before, error = np.full(K, np.nan, np.float32), power.astype(float), np.abs(both(e_re, e_im)) ** 2
    kalman_gain(gain, power, missed, e_re, e_im, *(np.float32(value) for value in (0.9, near, trust)))
    assert close(power, 0.9 * before + 0.1 * error)
    expected = trust / (missed + np.maximum(0.9 * before + 0.1 * error, near * error))
    assert np.allclose(gain, expected, rtol=3e-6)


@pytest.mark.parametrize("K", [16, 80, 144])
def test_the_lms_gain_divides_by_the_far_end_and_by_four_times_the_error(K):
    rng = np.random.default_rng(K)
    gain, far, v_re, v_im = rng.exponential(size=(4, K)).astype(np.float32)
    lms_gain(gain, far, v_re, v_im)
    assert np.allclose(gain, 0.8 / (far + 4 * np.abs(both(v_re, v_im)) ** 2), rtol=3e-6)


def test_in_silence_both_gains_are_numbers_and_no_step_is_taken():
    silence = np.zeros(16, np.float32)
    gain, power = np.full((2, 16), np.nan, np.float32)
    power[:] = 0
    kalman_gain(gain, power, silence, silence, silence, np.float32(0.9), np.float32(1), np.float32(1))
    assert np.isfinite(gain).all()
    lms_gain(gain, silence, silence, silence)
    assert np.isfinite(gain).all()


@pytest.mark.parametrize("block", [5, 64, 128, 160, 384])
def test_the_constraint_keeps_the_taps_clears_the_rest_and_tells_their_energy(block):
    frame = np.random.default_rng(block).standard_normal(2 * block).astype(np.float32)
    before = frame.copy()
    energy = cut_taps(frame)
    assert np.array_equal(frame[:block], before[:block])
    assert not frame[block:].any()
    assert energy == pytest.approx((before[:block].astype(float) ** 2).sum(), rel=1e-5)


@each_shape
def test_a_row_keeps_the_bins_that_reach_it_and_no_others(P, PS, K, ring, start):
    s = Scene(P, PS, K, ring, start)
    s.w_re[:] = s.w_im[:] = 1
    for p in range(P):
        cut_depth(s.w_re, s.w_im, s.c, 2 * np.ones_like(s.c), p, s.depth)
        assert not s.w_re[p + 1 :].size or s.w_re[p + 1 :].all()
    assert np.array_equal(s.w_re, s.reached)
    assert np.array_equal(s.w_im, s.reached)
    assert np.array_equal(s.c, np.where(s.reached, s.C, 2).astype(np.float32))
