"""Two partitioned filters in the frequency domain over one far end: how they are applied, and how each learns. Arrays only.

A filter is P rows of K bins; row p meets the far-end spectrum of p blocks ago, which is row (start + p) of a ring whose length
is a power of two. Rows are walked sixteen bins at a time, all partitions before the next sixteen: what is summed over partitions
stays in registers, and each array is read and written once a block. K is a multiple of sixteen.

Equations, names and sources are linear_echo's, which owns the arrays.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.simd import larger16, load16, splat16, store16
from firmware_py.dsp.vectors import Floats, smoothed

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_FLOOR = np.float32(1e-9)  # under every power that divides: below one bit of 16, and above denormals
_LEAST_SHRINK = np.float32(0.1)
_SHADOW_STEP, _SHADOW_CAUTION = np.float32(0.8), np.float32(4.0)


@realtime
def estimate_echoes(
    x_re: Floats, x_im: Floats, start: int,
    w_re: Floats, w_im: Floats, c: Floats, z_re: Floats, z_im: Floats, prior: Floats,
    y_re: Floats, y_im: Floats, u_re: Floats, u_im: Floats, missed: Floats, shadow_power: Floats,
) -> None:  # fmt: skip
    """Y of the main filter w, U of the shadow z followed by w's later partitions; S; prior |X|^2 over the shadow's."""
    partitions, bins = w_re.shape
    early, mask = z_re.shape[0], x_re.shape[0] - 1
    x_re, x_im, w_re, w_im = x_re.reshape(-1), x_im.reshape(-1), w_re.reshape(-1), w_im.reshape(-1)
    c, z_re, z_im = c.reshape(-1), z_re.reshape(-1), z_im.reshape(-1)
    for k in range(0, bins, 16):
        u, v, y, z, s, far = (
            splat16(_ZERO), splat16(_ZERO), splat16(_ZERO), splat16(_ZERO), splat16(_ZERO), splat16(_ZERO)
        )  # fmt: skip
        for p in range(early, partitions):
            at, of = ((start + p) & mask) * bins + k, p * bins + k
            a, b = load16(x_re, at), load16(x_im, at)
            re, im = load16(w_re, of), load16(w_im, of)
            u += a * re - b * im
            v += a * im + b * re
            s += load16(c, of) * (a * a + b * b)
        y += u
        z += v
        for p in range(early):
            at, of = ((start + p) & mask) * bins + k, p * bins + k
            a, b = load16(x_re, at), load16(x_im, at)
            re, im = load16(w_re, of), load16(w_im, of)
            y += a * re - b * im
            z += a * im + b * re
            re, im = load16(z_re, of), load16(z_im, of)
            u += a * re - b * im
            v += a * im + b * re
            power = a * a + b * b
            s += load16(c, of) * power
            far += splat16(prior[p]) * power
        store16(y_re, k, y)
        store16(y_im, k, z)
        store16(u_re, k, u)
        store16(u_im, k, v)
        store16(missed, k, s)
        store16(shadow_power, k, far)


@realtime
def sum_missed(x_re: Floats, x_im: Floats, start: int, c: Floats, missed: Floats) -> None:
    """S: far-end power seen through the error variance of the filter."""
    partitions, bins = c.shape
    mask = x_re.shape[0] - 1
    x_re, x_im, c = x_re.reshape(-1), x_im.reshape(-1), c.reshape(-1)
    for k in range(0, bins, 16):
        s = splat16(_ZERO)
        for p in range(partitions):
            at = ((start + p) & mask) * bins + k
            a, b = load16(x_re, at), load16(x_im, at)
            s += load16(c, p * bins + k) * (a * a + b * b)
        store16(missed, k, s)


@realtime
def kalman_gain(
    gain: Floats, error_power: Floats, missed: Floats, e_re: Floats, e_im: Floats,
    keep: np.float32, near: np.float32, trust: np.float32,
) -> None:  # fmt: skip
    """g of the module's equations, times *trust* in this block."""
    for k in range(gain.shape[0]):
        power = e_re[k] * e_re[k] + e_im[k] * e_im[k]
        error_power[k] = smoothed(error_power[k], power, keep)
        gain[k] = trust / (missed[k] + max(error_power[k], near * power) + _FLOOR)


@realtime
def lms_gain(gain: Floats, shadow_power: Floats, v_re: Floats, v_im: Floats) -> None:
    """Step of the shadow filter. Its own error in the norm keeps a diverging shadow from running away."""
    for k in range(gain.shape[0]):
        power = v_re[k] * v_re[k] + v_im[k] * v_im[k]
        gain[k] = _SHADOW_STEP / (shadow_power[k] + _SHADOW_CAUTION * power + _FLOOR)


@realtime
def kalman_update(
    x_re: Floats, x_im: Floats, start: int, w_re: Floats, w_im: Floats, c: Floats,
    e_re: Floats, e_im: Floats, gain: Floats, wander: np.float32, cos: Floats, sin: Floats,
) -> None:  # fmt: skip
    """One Kalman step of the main filter w and of its error variance c, *wander* is q; then w turns by cos + i sin."""
    partitions, bins = w_re.shape
    mask = x_re.shape[0] - 1
    x_re, x_im, w_re, w_im, c = x_re.reshape(-1), x_im.reshape(-1), w_re.reshape(-1), w_im.reshape(-1), c.reshape(-1)
    none, half, one, least, q = (
        splat16(_ZERO), splat16(_HALF), splat16(_ONE), splat16(_LEAST_SHRINK), splat16(wander)
    )  # fmt: skip
    for k in range(0, bins, 16):
        e, f, g, turn_re, turn_im = load16(e_re, k), load16(e_im, k), load16(gain, k), load16(cos, k), load16(sin, k)
        for p in range(partitions):
            at, of = ((start + p) & mask) * bins + k, p * bins + k
            a, b, before = load16(x_re, at), load16(x_im, at), load16(c, of)
            step = before * g
            re = load16(w_re, of) + step * (a * e + b * f)
            im = load16(w_im, of) + step * (a * f - b * e)
            rest = before * larger16(one - half * step * (a * a + b * b), least)
            store16(c, of, rest + q * larger16(re * re + im * im - rest, none))
            store16(w_re, of, re * turn_re - im * turn_im)
            store16(w_im, of, re * turn_im + im * turn_re)


@realtime
def lms_update(
    x_re: Floats, x_im: Floats, start: int, z_re: Floats, z_im: Floats, prior: Floats,
    v_re: Floats, v_im: Floats, gain: Floats, cos: Floats, sin: Floats,
) -> None:  # fmt: skip
    """z[p] += prior[p] gain conj(x[start + p]) v; then z turns by cos + i sin."""
    partitions, bins = z_re.shape
    mask = x_re.shape[0] - 1
    x_re, x_im, z_re, z_im = x_re.reshape(-1), x_im.reshape(-1), z_re.reshape(-1), z_im.reshape(-1)
    for k in range(0, bins, 16):
        g, turn_re, turn_im = load16(gain, k), load16(cos, k), load16(sin, k)
        e, f = g * load16(v_re, k), g * load16(v_im, k)
        for p in range(partitions):
            at, of = ((start + p) & mask) * bins + k, p * bins + k
            a, b, weight = load16(x_re, at), load16(x_im, at), splat16(prior[p])
            re = load16(z_re, of) + weight * (a * e + b * f)
            im = load16(z_im, of) + weight * (a * f - b * e)
            store16(z_re, of, re * turn_re - im * turn_im)
            store16(z_im, of, re * turn_im + im * turn_re)


@realtime
def cut_taps(frame: Floats) -> np.float32:
    """The constraint: a partition has B taps; what lies behind them is circular convolution. Returns the
    energy of the taps."""
    taps, energy = frame.shape[0] // 2, _ZERO
    for i in range(taps):
        energy += frame[i] * frame[i]
        frame[taps + i] = _ZERO
    return energy
