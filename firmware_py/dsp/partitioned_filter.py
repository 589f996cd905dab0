"""Two partitioned filters in the frequency domain over one far end: how they are applied, and how each learns. Arrays only.

A filter is P rows of K bins, K a multiple of eight; row p meets the far-end spectrum of p blocks ago, which is row (start + p) of a
ring whose length is a power of two. Rows are walked eight bins at a time, all partitions before the next eight: what is summed
over partitions stays in registers. Memory, not arithmetic, takes the time, so each filter is read and written once a block: an
update, while it holds the new partition, also adds what that will return in the next block. Only the first partition may meet a
row that is not there yet. A main filter may be shorter at some bins: depth[k / 8] says how many rows eight bins have, and
what lies behind is zero.

Equations, names and sources are linear_echo's, which owns the arrays.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.simd import larger, load8, splat8, store
from firmware_py.dsp.vectors import Floats, Ints, smoothed

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_FLOOR = np.float32(1e-9)  # under every power that divides: below one bit of 16, and above denormals
_LEAST_SHRINK = np.float32(0.1)
_SHADOW_STEP, _SHADOW_CAUTION = np.float32(0.8), np.float32(4.0)


@realtime
def finish_estimates(
    x_re: Floats, x_im: Floats, w_re: Floats, w_im: Floats, c: Floats, z_re: Floats, z_im: Floats, prior: np.float32,
    y_re: Floats, y_im: Floats, u_re: Floats, u_im: Floats, missed: Floats, shadow_power: Floats,
) -> None:  # fmt: skip
    """The row x that the first partition meets, with the first rows w, c and z, added to the sums both updates left: Y of
    the main filter, U of the shadow followed by the main filter's later partitions, S, and prior |X|^2 over the shadow's."""
    for k in range(0, x_re.shape[0], 8):
        a, b = load8(x_re, k), load8(x_im, k)
        power = a * a + b * b
        re, im = load8(w_re, k), load8(w_im, k)
        store(y_re, k, load8(y_re, k) + a * re - b * im)
        store(y_im, k, load8(y_im, k) + a * im + b * re)
        re, im = load8(z_re, k), load8(z_im, k)
        store(u_re, k, load8(u_re, k) + a * re - b * im)
        store(u_im, k, load8(u_im, k) + a * im + b * re)
        store(missed, k, load8(missed, k) + load8(c, k) * power)
        store(shadow_power, k, load8(shadow_power, k) + splat8(prior) * power)


@realtime
def add_product(
    x_re: Floats, x_im: Floats, w_re: Floats, w_im: Floats, sign: np.float32, y_re: Floats, y_im: Floats
) -> None:  # fmt: skip
    """y += sign x w, for a partition that changes after it has been summed."""
    for k in range(y_re.shape[0]):
        y_re[k] += sign * (x_re[k] * w_re[k] - x_im[k] * w_im[k])
        y_im[k] += sign * (x_re[k] * w_im[k] + x_im[k] * w_re[k])


@realtime
def sum_missed(x_re: Floats, x_im: Floats, start: int, c: Floats, depth: Ints, missed: Floats) -> None:
    """S: far-end power seen through the error variance of the filter."""
    bins = c.shape[1]
    mask = x_re.shape[0] - 1
    x_re, x_im, c = x_re.reshape(-1), x_im.reshape(-1), c.reshape(-1)
    for k in range(0, bins, 8):
        s = splat8(_ZERO)
        for p in range(depth[k >> 3]):
            at = ((start + p) & mask) * bins + k
            a, b = load8(x_re, at), load8(x_im, at)
            s += load8(c, p * bins + k) * (a * a + b * b)
        store(missed, k, s)


@realtime
def kalman_gain(
    gain: Floats, error_power: Floats, missed: Floats, e_re: Floats, e_im: Floats,
    keep: np.float32, near: np.float32, trust: np.float32,
) -> None:  # fmt: skip
    """g of the module's equations, times *trust* in this block."""
    for k in range(gain.shape[0]):
        power = e_re[k] * e_re[k] + e_im[k] * e_im[k]
        error_power[k] = smoothed(error_power[k], power, keep)
        gain[k] = trust / (missed[k] + larger(error_power[k], near * power) + _FLOOR)


@realtime
def lms_gain(gain: Floats, shadow_power: Floats, v_re: Floats, v_im: Floats) -> None:
    """Step of the shadow filter. Its own error in the norm keeps a diverging shadow from running away."""
    for k in range(gain.shape[0]):
        power = v_re[k] * v_re[k] + v_im[k] * v_im[k]
        gain[k] = _SHADOW_STEP / (shadow_power[k] + _SHADOW_CAUTION * power + _FLOOR)


@realtime
def kalman_update(
    x_re: Floats, x_im: Floats, start: int, w_re: Floats, w_im: Floats, c: Floats, depth: Ints, early: int,
    e_re: Floats, e_im: Floats, gain: Floats, wander: np.float32, cos: Floats, sin: Floats,
    y_re: Floats, y_im: Floats, u_re: Floats, u_im: Floats, missed: Floats,
) -> None:  # fmt: skip
    """One Kalman step of the main filter w and of its error variance c, *wander* is q; then w turns by cos + i sin. What the next
    block will meet, but for its first row, is summed on the way: of Y, of U from *early* on (no depth is under it), and S."""
    bins = w_re.shape[1]
    mask = x_re.shape[0] - 1
    x_re, x_im, w_re, w_im, c = x_re.reshape(-1), x_im.reshape(-1), w_re.reshape(-1), w_im.reshape(-1), c.reshape(-1)
    none, half, one, least, q = (
        splat8(_ZERO), splat8(_HALF), splat8(_ONE), splat8(_LEAST_SHRINK), splat8(wander)
    )  # fmt: skip
    for k in range(0, bins, 8):
        partitions = depth[k >> 3]
        e, f, g, turn_re, turn_im = load8(e_re, k), load8(e_im, k), load8(gain, k), load8(cos, k), load8(sin, k)
        y, z, s = splat8(_ZERO), splat8(_ZERO), splat8(_ZERO)
        store(u_re, k, y)
        store(u_im, k, z)
        at = ((start + partitions - 1) & mask) * bins + k
        a, b = load8(x_re, at), load8(x_im, at)
        power = a * a + b * b
        for i in range(partitions):
            p = partitions - 1 - i
            at, of = ((start + p - 1) & mask) * bins + k, p * bins + k
            next_a, next_b, before = load8(x_re, at), load8(x_im, at), load8(c, of)
            step = before * g
            re = load8(w_re, of) + step * (a * e + b * f)
            im = load8(w_im, of) + step * (a * f - b * e)
            rest = before * larger(one - half * step * power, least)
            after = rest + q * larger(re * re + im * im - rest, none)
            store(c, of, after)
            re, im = re * turn_re - im * turn_im, re * turn_im + im * turn_re
            store(w_re, of, re)
            store(w_im, of, im)
            a, b = next_a, next_b
            power = a * a + b * b
            if p > 0:
                y += a * re - b * im
                z += a * im + b * re
                s += after * power
            if p == early:
                store(u_re, k, y)
                store(u_im, k, z)
        store(y_re, k, y)
        store(y_im, k, z)
        store(missed, k, s)


@realtime
def lms_update(
    x_re: Floats, x_im: Floats, start: int, z_re: Floats, z_im: Floats, prior: Floats,
    v_re: Floats, v_im: Floats, gain: Floats, cos: Floats, sin: Floats,
    u_re: Floats, u_im: Floats, shadow_power: Floats,
) -> None:  # fmt: skip
    """z[p] += prior[p] gain conj(x[start + p]) v; then z turns by cos + i sin. What the next block will meet, but for its first
    row, is added to U, and summed of prior |X|^2."""
    partitions, bins = z_re.shape
    mask = x_re.shape[0] - 1
    x_re, x_im, z_re, z_im = x_re.reshape(-1), x_im.reshape(-1), z_re.reshape(-1), z_im.reshape(-1)
    for k in range(0, bins, 8):
        g, turn_re, turn_im = load8(gain, k), load8(cos, k), load8(sin, k)
        e, f = g * load8(v_re, k), g * load8(v_im, k)
        y, z, far = load8(u_re, k), load8(u_im, k), splat8(_ZERO)
        at = ((start + partitions - 1) & mask) * bins + k
        a, b = load8(x_re, at), load8(x_im, at)
        for i in range(partitions):
            p = partitions - 1 - i
            at, of, weight = ((start + p - 1) & mask) * bins + k, p * bins + k, splat8(prior[p])
            re = load8(z_re, of) + weight * (a * e + b * f)
            im = load8(z_im, of) + weight * (a * f - b * e)
            re, im = re * turn_re - im * turn_im, re * turn_im + im * turn_re
            store(z_re, of, re)
            store(z_im, of, im)
            a, b = load8(x_re, at), load8(x_im, at)
            if p > 0:
                y += a * re - b * im
                z += a * im + b * re
                far += weight * (a * a + b * b)
        store(u_re, k, y)
        store(u_im, k, z)
        store(shadow_power, k, far)


@realtime
def cut_depth(w_re: Floats, w_im: Floats, c: Floats, fresh: Floats, p: int, depth: Ints) -> None:
    """Row p loses the bins that do not reach it; should they ever, they begin with the *fresh* variance."""
    for k in range(0, w_re.shape[1], 8):
        if p >= depth[k >> 3]:
            for i in range(k, k + 8):
                w_re[p, i] = w_im[p, i] = _ZERO
                c[p, i] = fresh[p, i]


@realtime
def cut_taps(frame: Floats) -> np.float32:
    """The constraint: a partition has B taps; what lies behind them is circular convolution. Returns the
    energy of the taps."""
    taps, energy = frame.shape[0] // 2, _ZERO
    for i in range(taps):
        energy += frame[i] * frame[i]
        frame[taps + i] = _ZERO
    return energy
