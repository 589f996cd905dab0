"""The complex Fourier transform under the real one: Stockham's, which sorts itself (Van Loan, Computational
Frameworks for the FFT, SIAM 1992, section 1.7). Real and imaginary parts are separate arrays.

A pass of radix r, after passes whose radices multiply to L, with m = n / (r L); for all p < m, q < L, j < r:

    y[q + L (r p + j)] = exp(-2 pi i j p L / n) * sum_k x[q + L (p + m k)] exp(-2 pi i j k / r)

Reads are contiguous in q + L p, writes in q, and runs of q are L long, four or a multiple of eight: every vector is
loaded and stored whole, of eight where L allows: *like* is one of that length. Only in the first pass L is 1. There
four p lie side by side, and are transposed on their way out. The first radix is 8 or 4, whichever leaves nothing
but fours of the power of two; the factors 3 and 5 of 10 ms blocks come last. Other factors are refused.

It is not scaled, and has no inverse: who wants one lets real and imaginary parts change places.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.simd import lanes, load, load4, splat, splat4, splat8, spread, store, zipped
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints

_PADDING = 32  # the first pass takes p in fours, and rounds up
_ZERO, _HALF = np.float32(0.0), np.float32(0.5)
_SIN_45, _SIN_60 = np.float32(np.sqrt(0.5)), np.float32(np.sqrt(0.75))
_COS_72, _COS_144 = np.float32(np.cos(0.4 * np.pi)), np.float32(np.cos(0.8 * np.pi))
_SIN_72, _SIN_144 = np.float32(np.sin(0.4 * np.pi)), np.float32(np.sin(0.8 * np.pi))


class Passes(State):
    """Tables and workspace of a complex transform of n points."""

    points: Ints  # [1] n
    radix: Ints  # [passes] their product is n
    cos: Floats  # twiddles of all passes in a row: of the first [j - 1, p], p padded to fours; of others [p, j - 1]
    sin: Floats
    z_re: Floats  # [n + padding] what is transformed, then its spectrum
    z_im: Floats
    a_re: Floats  # [n + padding] between passes
    a_im: Floats
    b_re: Floats
    b_im: Floats


def passes(points: int) -> Passes:
    """Tables for *points*: a multiple of 8 with `radices`, two of them or more."""
    factors, twiddles, done = radices(points), [], 1
    for radix in factors:
        p = np.arange(points // radix // done)
        if done == 1:
            p = np.arange(-(-len(p) // 4) * 4)
        turns = np.outer(p, np.arange(1, radix)) * done / points
        twiddles.append(np.exp(-2j * np.pi * (turns.T if done == 1 else turns)).ravel())
        done *= radix
    cos, sin = parts(np.concatenate(twiddles))
    work = {f"{name}_{part}": np.zeros(points + _PADDING, np.float32) for name in "zab" for part in ("re", "im")}
    return Passes(points=np.array([points], np.int64), radix=np.array(factors, np.int64), cos=cos, sin=sin, **work)


def parts(values: NDArray[np.complex128]) -> tuple[Floats, Floats]:
    """Real and imaginary."""
    return values.real.astype(np.float32), values.imag.astype(np.float32)


def radices(points: int) -> list[int]:
    """Factors of *points*, a multiple of 8, for the passes; empty when there is another prime factor."""
    factors: list[int] = []
    for radix in (5, 3, 4):
        while points % radix == 0 and points != 8:
            factors.insert(0, radix)
            points //= radix
    return factors if points == 1 else [8, *factors] if points == 8 else []


@realtime
def transform(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats) -> None:
    """All passes, from n points in re and im to n points in to_re and to_im, which may be the same."""
    a_re, a_im, b_re, b_im = s.a_re, s.a_im, s.b_re, s.b_im
    points, done, last = s.points[0], s.radix[0], s.radix.shape[0] - 1
    if done == 8:
        _first8(s, re, im, a_re, a_im)
    else:
        _first4(s, re, im, a_re, a_im)
    at = (done - 1) * ((points // done + 3) & -4)
    for index in range(1, last + 1):
        radix = s.radix[index]
        if index == last:
            b_re, b_im = to_re, to_im
        if done == 4:
            _pass(s, radix, a_re, a_im, b_re, b_im, at, done, splat4(_ZERO))
        else:
            _pass(s, radix, a_re, a_im, b_re, b_im, at, done, splat8(_ZERO))
        done *= radix
        at += (radix - 1) * (points // done)
        a_re, a_im, b_re, b_im = b_re, b_im, a_re, a_im


@realtime
def _pass(
    s: Passes, radix: int, re: Floats, im: Floats, to_re: Floats, to_im: Floats, at: int, done: int, like: Any
) -> None:
    """One pass but the first; its twiddles begin at *at*, and *done* is L."""
    if radix == 3:
        _radix3(s, re, im, to_re, to_im, at, done, like)
    elif radix == 5:
        _radix5(s, re, im, to_re, to_im, at, done, like)
    elif radix * done == s.points[0]:
        _last4(s, re, im, to_re, to_im, like)
    else:
        _radix4(s, re, im, to_re, to_im, at, done, like)


@realtime
def turned(re: Any, im: Any, cos: Any, sin: Any) -> Any:
    """Times cos + i sin."""
    return re * cos - im * sin, re * sin + im * cos


@realtime
def _store_turned(re: Any, im: Any, cos: Any, sin: Any, to_re: Floats, to_im: Floats, i: int) -> None:
    store(to_re, i, re * cos - im * sin)
    store(to_im, i, re * sin + im * cos)


@realtime
def _two(re: Floats, im: Floats, i: int, j: int, like: Any) -> Any:
    """Sum and difference of the points at i and at j."""
    a_re, a_im, b_re, b_im = load(re, i, like), load(im, i, like), load(re, j, like), load(im, j, like)
    return a_re + b_re, a_im + b_im, a_re - b_re, a_im - b_im


@realtime
def _four(ac_re: Any, ac_im: Any, a_c_re: Any, a_c_im: Any, bd_re: Any, bd_im: Any, b_d_re: Any, b_d_im: Any) -> Any:
    """The transform of a, b, c, d from a + c, a - c, b + d and b - d."""
    return (
        ac_re + bd_re, ac_im + bd_im, a_c_re + b_d_im, a_c_im - b_d_re,
        ac_re - bd_re, ac_im - bd_im, a_c_re - b_d_im, a_c_im + b_d_re,
    )  # fmt: skip


@realtime
def _load_four(re: Floats, im: Floats, i: int, run: int, like: Any) -> Any:
    """The transform of the points at i, i + run, i + 2 run, i + 3 run."""
    ac_re, ac_im, a_c_re, a_c_im = _two(re, im, i, i + 2 * run, like)
    bd_re, bd_im, b_d_re, b_d_im = _two(re, im, i + run, i + 3 * run, like)
    return _four(ac_re, ac_im, a_c_re, a_c_im, bd_re, bd_im, b_d_re, b_d_im)


@realtime
def _transpose(a: Any, b: Any, c: Any, d: Any, to: Floats, i: int, step: int) -> None:
    """to[i + step * lane] = the lane of a, b, c, d"""
    ac, ac_high = zipped(a, c)
    bd, bd_high = zipped(b, d)
    first, second = zipped(ac, bd)
    third, fourth = zipped(ac_high, bd_high)
    store(to, i, first)
    store(to, i + step, second)
    store(to, i + 2 * step, third)
    store(to, i + 3 * step, fourth)


@realtime
def _first4(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats) -> None:
    run, cos, sin = s.points[0] >> 2, s.cos, s.sin
    for p in range(0, run, 4):
        a_re, a_im, b_re, b_im, c_re, c_im, d_re, d_im = _load_four(re, im, p, run, splat4(_ZERO))
        b_re, b_im = turned(b_re, b_im, load4(cos, p), load4(sin, p))
        c_re, c_im = turned(c_re, c_im, load4(cos, p + run), load4(sin, p + run))
        d_re, d_im = turned(d_re, d_im, load4(cos, p + 2 * run), load4(sin, p + 2 * run))
        _transpose(a_re, b_re, c_re, d_re, to_re, 4 * p, 4)
        _transpose(a_im, b_im, c_im, d_im, to_im, 4 * p, 4)


@realtime
def _first8(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats) -> None:
    """Sums of points half a turn apart are transformed to the even j, their differences, each turned by
    another eighth, to the odd ones."""
    run, cos, sin, root = s.points[0] >> 3, s.cos, s.sin, splat4(_SIN_45)
    row = (run + 3) & -4
    for p in range(0, run, 4):
        a_re, a_im, b_re, b_im = _two(re, im, p, p + 4 * run, root)
        c_re, c_im, d_re, d_im = _two(re, im, p + run, p + 5 * run, root)
        e_re, e_im, f_re, f_im = _two(re, im, p + 2 * run, p + 6 * run, root)
        g_re, g_im, h_re, h_im = _two(re, im, p + 3 * run, p + 7 * run, root)
        a_re, a_im, c_re, c_im, e_re, e_im, g_re, g_im = _four(
            a_re + e_re, a_im + e_im, a_re - e_re, a_im - e_im, c_re + g_re, c_im + g_im, c_re - g_re, c_im - g_im
        )
        d_re, d_im = root * (d_re + d_im), root * (d_im - d_re)
        h_re, h_im = root * (h_re - h_im), root * (h_re + h_im)  # -h turned by three eighths
        b_re, b_im, d_re, d_im, f_re, f_im, h_re, h_im = _four(
            b_re + f_im, b_im - f_re, b_re - f_im, b_im + f_re, d_re - h_re, d_im - h_im, d_re + h_re, d_im + h_im
        )
        b_re, b_im = turned(b_re, b_im, load4(cos, p), load4(sin, p))
        c_re, c_im = turned(c_re, c_im, load4(cos, p + row), load4(sin, p + row))
        d_re, d_im = turned(d_re, d_im, load4(cos, p + 2 * row), load4(sin, p + 2 * row))
        e_re, e_im = turned(e_re, e_im, load4(cos, p + 3 * row), load4(sin, p + 3 * row))
        f_re, f_im = turned(f_re, f_im, load4(cos, p + 4 * row), load4(sin, p + 4 * row))
        g_re, g_im = turned(g_re, g_im, load4(cos, p + 5 * row), load4(sin, p + 5 * row))
        h_re, h_im = turned(h_re, h_im, load4(cos, p + 6 * row), load4(sin, p + 6 * row))
        _transpose(a_re, b_re, c_re, d_re, to_re, 8 * p, 8)
        _transpose(a_im, b_im, c_im, d_im, to_im, 8 * p, 8)
        _transpose(e_re, f_re, g_re, h_re, to_re, 8 * p + 4, 8)
        _transpose(e_im, f_im, g_im, h_im, to_im, 8 * p + 4, 8)


@realtime
def _radix4(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats, at: int, done: int, like: Any) -> None:
    """One flat loop over p and q: a run of q may be no longer than one vector."""
    run, cos, sin, q, to = s.points[0] >> 2, s.cos, s.sin, np.int64(0), np.int64(0)
    for i in range(0, run, lanes(like)):
        a_re, a_im, b_re, b_im, c_re, c_im, d_re, d_im = _load_four(re, im, i, run, like)
        store(to_re, to, a_re)
        store(to_im, to, a_im)
        _store_turned(b_re, b_im, spread(cos, at, like), spread(sin, at, like), to_re, to_im, to + done)
        _store_turned(c_re, c_im, spread(cos, at + 1, like), spread(sin, at + 1, like), to_re, to_im, to + 2 * done)
        _store_turned(d_re, d_im, spread(cos, at + 2, like), spread(sin, at + 2, like), to_re, to_im, to + 3 * done)
        q, to = q + lanes(like), to + lanes(like)
        if q == done:
            at, q, to = at + 3, np.int64(0), to + 3 * done


@realtime
def _last4(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats, like: Any) -> None:
    """The last pass of a power of two: p is 0, and all twiddles are 1."""
    run = s.points[0] >> 2
    for i in range(0, run, lanes(like)):
        a_re, a_im, b_re, b_im, c_re, c_im, d_re, d_im = _load_four(re, im, i, run, like)
        store(to_re, i, a_re)
        store(to_im, i, a_im)
        store(to_re, i + run, b_re)
        store(to_im, i + run, b_im)
        store(to_re, i + 2 * run, c_re)
        store(to_im, i + 2 * run, c_im)
        store(to_re, i + 3 * run, d_re)
        store(to_im, i + 3 * run, d_im)


@realtime
def _radix3(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats, at: int, done: int, like: Any) -> None:
    run, cos, sin, half, root = s.points[0] // 3, s.cos, s.sin, splat(_HALF, like), splat(_SIN_60, like)
    for p in range(run // done):
        b_cos, b_sin = spread(cos, at + 2 * p, like), spread(sin, at + 2 * p, like)
        c_cos, c_sin = spread(cos, at + 2 * p + 1, like), spread(sin, at + 2 * p + 1, like)
        for q in range(0, done, lanes(like)):
            i, to = p * done + q, 3 * p * done + q
            a_re, a_im = load(re, i, like), load(im, i, like)
            sum_re, sum_im, dif_re, dif_im = _two(re, im, i + run, i + 2 * run, like)
            mid_re, mid_im = a_re - half * sum_re, a_im - half * sum_im
            dif_re, dif_im = root * dif_im, root * dif_re  # times -i, but for the sign of the second
            store(to_re, to, a_re + sum_re)
            store(to_im, to, a_im + sum_im)
            _store_turned(mid_re + dif_re, mid_im - dif_im, b_cos, b_sin, to_re, to_im, to + done)
            _store_turned(mid_re - dif_re, mid_im + dif_im, c_cos, c_sin, to_re, to_im, to + 2 * done)


@realtime
def _radix5(s: Passes, re: Floats, im: Floats, to_re: Floats, to_im: Floats, at: int, done: int, like: Any) -> None:
    run, cos, sin = s.points[0] // 5, s.cos, s.sin
    cos_1, sin_1, cos_2, sin_2 = (
        splat(_COS_72, like),
        splat(_SIN_72, like),
        splat(_COS_144, like),
        splat(_SIN_144, like),
    )
    for p in range(run // done):
        b_cos, b_sin = spread(cos, at + 4 * p, like), spread(sin, at + 4 * p, like)
        c_cos, c_sin = spread(cos, at + 4 * p + 1, like), spread(sin, at + 4 * p + 1, like)
        d_cos, d_sin = spread(cos, at + 4 * p + 2, like), spread(sin, at + 4 * p + 2, like)
        e_cos, e_sin = spread(cos, at + 4 * p + 3, like), spread(sin, at + 4 * p + 3, like)
        for q in range(0, done, lanes(like)):
            i, to = p * done + q, 5 * p * done + q
            a_re, a_im = load(re, i, like), load(im, i, like)
            be_re, be_im, b_e_re, b_e_im = _two(re, im, i + run, i + 4 * run, like)
            cd_re, cd_im, c_d_re, c_d_im = _two(re, im, i + 2 * run, i + 3 * run, like)
            store(to_re, to, a_re + be_re + cd_re)
            store(to_im, to, a_im + be_im + cd_im)
            mid_re, mid_im = a_re + cos_1 * be_re + cos_2 * cd_re, a_im + cos_1 * be_im + cos_2 * cd_im
            dif_re, dif_im = sin_1 * b_e_im + sin_2 * c_d_im, sin_1 * b_e_re + sin_2 * c_d_re
            _store_turned(mid_re + dif_re, mid_im - dif_im, b_cos, b_sin, to_re, to_im, to + done)
            _store_turned(mid_re - dif_re, mid_im + dif_im, e_cos, e_sin, to_re, to_im, to + 4 * done)
            mid_re, mid_im = a_re + cos_2 * be_re + cos_1 * cd_re, a_im + cos_2 * be_im + cos_1 * cd_im
            dif_re, dif_im = sin_2 * b_e_im - sin_1 * c_d_im, sin_2 * b_e_re - sin_1 * c_d_re
            _store_turned(mid_re + dif_re, mid_im - dif_im, c_cos, c_sin, to_re, to_im, to + 2 * done)
            _store_turned(mid_re - dif_re, mid_im + dif_im, d_cos, d_sin, to_re, to_im, to + 3 * done)
