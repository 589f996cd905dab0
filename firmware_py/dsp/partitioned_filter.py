"""Partitioned filters in the frequency domain: how one is applied, and two ways in which one learns. Arrays only.

A filter is P rows of K bins; row p meets the far-end spectrum of p blocks ago, which is row (head + p) of a ring
whose length is a power of two. Equations, names and sources are linear_echo's, which owns the arrays.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.vectors import Floats, clear, smoothed

_INDEX = 0x7FFFFFFF  # `& _INDEX`: not negative, which LLVM must know to vectorise
_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_FLOOR = np.float32(1e-9)  # under every power that divides: below one bit of 16, and above denormals
_LEAST_SHRINK = np.float32(0.1)
_SHADOW_STEP, _SHADOW_CAUTION = np.float32(0.8), np.float32(4.0)


@realtime
def store_spectrum(re: Floats, im: Floats, x_re: Floats, x_im: Floats, x_power: Floats, row: int) -> None:
    """One row of the ring of far-end spectra."""
    row = row & _INDEX
    for k in range(re.shape[0]):
        x_re[row, k] = re[k]
        x_im[row, k] = im[k]
        x_power[row, k] = re[k] * re[k] + im[k] * im[k]


@realtime
def add_filtered(
    y_re: Floats, y_im: Floats, x_re: Floats, x_im: Floats, head: int, w_re: Floats, w_im: Floats, first: int, stop: int
) -> None:
    """y += sum of x[head + p] w[p] over partitions *first* to *stop* - 1; rows of x are a ring."""
    for p in range(first, stop):
        row = (head + p) & (x_re.shape[0] - 1) & _INDEX
        part = p & _INDEX
        for k in range(y_re.shape[0]):
            y_re[k] += x_re[row, k] * w_re[part, k] - x_im[row, k] * w_im[part, k]
            y_im[k] += x_re[row, k] * w_im[part, k] + x_im[row, k] * w_re[part, k]


@realtime
def sum_missed(missed: Floats, c: Floats, x_power: Floats, head: int) -> None:
    """S: far-end power seen through the error variance of the filter."""
    clear(missed)
    for p in range(c.shape[0]):
        row = (head + p) & (x_power.shape[0] - 1) & _INDEX
        for k in range(missed.shape[0]):
            missed[k] += c[p, k] * x_power[row, k]


@realtime
def sum_power(total: Floats, prior: Floats, x_power: Floats, head: int, stop: int) -> None:
    """Far-end power seen through the prior, partitions 0 to *stop* - 1."""
    clear(total)
    for p in range(stop):
        row = (head + p) & (x_power.shape[0] - 1) & _INDEX
        weight = prior[p]
        for k in range(total.shape[0]):
            total[k] += weight * x_power[row, k]


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
def kalman_update(
    w_re: Floats, w_im: Floats, c: Floats, x_re: Floats, x_im: Floats, x_power: Floats, head: int,
    e_re: Floats, e_im: Floats, gain: Floats, wander: np.float32,
) -> None:  # fmt: skip
    """One Kalman step of the main filter w and its error variance c; *wander* is q."""
    for p in range(c.shape[0]):
        row = (head + p) & (x_re.shape[0] - 1) & _INDEX
        for k in range(c.shape[1]):
            step = c[p, k] * gain[k]
            re = w_re[p, k] + step * (x_re[row, k] * e_re[k] + x_im[row, k] * e_im[k])
            im = w_im[p, k] + step * (x_re[row, k] * e_im[k] - x_im[row, k] * e_re[k])
            rest = c[p, k] * max(_ONE - _HALF * step * x_power[row, k], _LEAST_SHRINK)
            w_re[p, k] = re
            w_im[p, k] = im
            c[p, k] = rest + wander * max(re * re + im * im - rest, _ZERO)


@realtime
def lms_gain(gain: Floats, shadow_power: Floats, v_re: Floats, v_im: Floats) -> None:
    """Step of the shadow filter. Its own error in the norm keeps a diverging shadow from running away."""
    for k in range(gain.shape[0]):
        power = v_re[k] * v_re[k] + v_im[k] * v_im[k]
        gain[k] = _SHADOW_STEP / (shadow_power[k] + _SHADOW_CAUTION * power + _FLOOR)


@realtime
def lms_update(
    z_re: Floats,
    z_im: Floats,
    prior: Floats,
    x_re: Floats,
    x_im: Floats,
    head: int,
    v_re: Floats,
    v_im: Floats,
    gain: Floats,
) -> None:
    """z[p] += prior[p] gain conj(x[head + p]) v"""
    for p in range(z_re.shape[0]):
        row = (head + p) & (x_re.shape[0] - 1) & _INDEX
        weight = prior[p]
        for k in range(z_re.shape[1]):
            step = weight * gain[k]
            z_re[p, k] += step * (x_re[row, k] * v_re[k] + x_im[row, k] * v_im[k])
            z_im[p, k] += step * (x_re[row, k] * v_im[k] - x_im[row, k] * v_re[k])


@realtime
def cut_taps(frame: Floats) -> np.float32:
    """The constraint: a partition has B taps; what lies behind them is circular convolution. Returns the
    energy of the taps."""
    taps, energy = frame.shape[0] // 2, _ZERO
    for i in range(taps):
        energy += frame[i] * frame[i]
        frame[taps + i] = _ZERO
    return energy
