"""A real Fourier transform that kernels can call: float32, no allocation, tables built once. Two signals
cost less than twice one.

Two real signals a and b of N samples are one complex signal z = a + i b. Its spectrum parts again, for that
of a real signal is its own mirror image:

    A[k] = (Z[k] + conj Z[N-k]) / 2         B[k] = (Z[k] - conj Z[N-k]) / 2i

A single signal is packed into n = N/2 points, even samples real, odd ones imaginary (Cooley, Lewis, Welch,
J. Sound Vib. 12(3), 1970). With A and B as above, over n instead of N, and w = exp(-2 pi i / N):

    X[k] = A[k] + w^k B[k]                  X[n-k] = conj(A[k] - w^k B[k])

The inverses run the same equations backwards. Real and imaginary part change places on the way in and out:
a forward transform of that is the inverse with its places changed. complex_fft does the transform.

Forward is not scaled; the inverse divides by N. The rounding noise of a pair lies 140 dB below the louder of
the two, in both. It is not a general FFT: one length per table, real signals only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_py.dsp.complex_fft import Passes, parts, passes, radices, transform, turned
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.simd import lanes, load, load4, reverse, splat4, splat8, store, unzipped, zipped
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


class RealFft(State):
    """Tables and workspace of one transform length: N real samples."""

    single: Passes  # of N/2 points
    pair: Passes  # of N points
    split_cos: Floats  # [N/4] exp(-2 pi i k / N)
    split_sin: Floats


def real_fft(frames: int) -> RealFft:
    """Tables for blocks of *frames* real samples. ValueError unless that is a multiple of 16 above 16, and
    2^a 3^b 5^c."""
    if frames <= 16 or frames % 16 or not radices(frames):
        raise ValueError(
            f"a real FFT of {frames} frames: it must be a multiple of 16, at least 32, and a product of 2, 3 and 5 only"
        )
    split_cos, split_sin = parts(np.exp(-2j * np.pi * np.arange(frames // 4) / frames))
    return RealFft(single=passes(frames // 2), pair=passes(frames), split_cos=split_cos, split_sin=split_sin)


@realtime
def rfft(fft: RealFft, signal: Floats, re: Floats, im: Floats) -> None:
    """Spectrum of signal[N] in bins 0 to N/2 of re and im, equal to numpy.fft.rfft. Padding behind them is
    left alone."""
    part = fft.single
    n, z_re, z_im = part.points[0], part.z_re, part.z_im
    for m in range(0, n, 4):
        even, odd = unzipped(load4(signal, 2 * m), load4(signal, 2 * m + 4))
        store(z_re, m, even)
        store(z_im, m, odd)
    transform(part, z_re, z_im, z_re, z_im)
    z_re[n], z_im[n] = z_re[0], z_im[0]
    if n & 15 == 0:
        _unpack(fft, re, im, splat8(_HALF))
    else:
        _unpack(fft, re, im, splat4(_HALF))
    re[n >> 1], im[n >> 1] = z_re[n >> 1], -z_im[n >> 1]


@realtime
def _unpack(fft: RealFft, re: Floats, im: Floats, half: Any) -> None:
    """X[k] and X[n-k] of a single signal."""
    n, z_re, z_im = fft.single.points[0], fft.single.z_re, fft.single.z_im
    for k in range(0, n >> 1, lanes(half)):
        mirror = n + 1 - lanes(half) - k
        a_re, a_im, b_re, b_im = _parted(z_re, z_im, k, mirror, half)
        b_re, b_im = turned(b_re, b_im, load(fft.split_cos, k, half), load(fft.split_sin, k, half))
        store(re, k, a_re + b_re)
        store(im, k, a_im + b_im)
        store(re, mirror, reverse(a_re - b_re))
        store(im, mirror, reverse(b_im - a_im))


@realtime
def rfft2(fft: RealFft, a: Floats, b: Floats, a_re: Floats, a_im: Floats, b_re: Floats, b_im: Floats) -> None:
    """Spectra of a[N] and b[N], each as `rfft` gives it."""
    part, half = fft.pair, splat8(_HALF)
    n, z_re, z_im = part.points[0], part.z_re, part.z_im
    middle = n >> 1
    transform(part, a, b, z_re, z_im)
    z_re[n], z_im[n] = z_re[0], z_im[0]
    for k in range(0, middle, 8):
        p_re, p_im, q_re, q_im = _parted(z_re, z_im, k, n - 7 - k, half)
        store(a_re, k, p_re)
        store(a_im, k, p_im)
        store(b_re, k, q_re)
        store(b_im, k, q_im)
    a_re[middle], a_im[middle] = z_re[middle], _ZERO
    b_re[middle], b_im[middle] = z_im[middle], _ZERO


@realtime
def irfft(fft: RealFft, re: Floats, im: Floats, signal: Floats) -> None:
    """Signal[N] of a spectrum, equal to numpy.fft.irfft. The imaginary parts of bins 0 and N/2 do not
    count."""
    part = fft.single
    n, z_re, z_im = part.points[0], part.z_re, part.z_im
    middle, half, one = n >> 1, _HALF / np.float32(n), _ONE / np.float32(n)
    if n & 15 == 0:
        _pack(fft, re, im, splat8(half))
    else:
        _pack(fft, re, im, splat4(half))
    z_re[0], z_im[0] = half * (re[0] + re[n]), half * (re[0] - re[n])
    z_re[middle], z_im[middle] = one * re[middle], -one * im[middle]
    transform(part, z_im, z_re, z_im, z_re)
    for m in range(0, n, 4):
        first, second = zipped(load4(z_re, m), load4(z_im, m))
        store(signal, 2 * m, first)
        store(signal, 2 * m + 4, second)


@realtime
def _pack(fft: RealFft, re: Floats, im: Floats, scale: Any) -> None:
    """Z[k] and Z[n-k] of a single signal's spectrum, times *scale*."""
    n, z_re, z_im = fft.single.points[0], fft.single.z_re, fft.single.z_im
    for k in range(0, n >> 1, lanes(scale)):
        mirror = n + 1 - lanes(scale) - k
        low_re, low_im, high_re, high_im = _mirrored(re, im, k, mirror, scale)
        b_re, b_im = scale * (low_re - high_re), scale * (low_im + high_im)
        b_im, b_re = turned(b_im, b_re, load(fft.split_cos, k, scale), load(fft.split_sin, k, scale))  # by w^-k
        _join(scale * (low_re + high_re), scale * (low_im - high_im), b_re, b_im, z_re, z_im, k, mirror)


@realtime
def irfft2(fft: RealFft, a_re: Floats, a_im: Floats, b_re: Floats, b_im: Floats, a: Floats, b: Floats) -> None:
    """Signals a[N] and b[N] of two spectra, each as `irfft` gives it."""
    part = fft.pair
    n, z_re, z_im = part.points[0], part.z_re, part.z_im
    middle, one = n >> 1, _ONE / np.float32(n)
    scale = splat8(one)
    for k in range(0, middle, 8):
        p_re, p_im, q_re, q_im = load(a_re, k, scale), load(a_im, k, scale), load(b_re, k, scale), load(b_im, k, scale)
        _join(scale * p_re, scale * p_im, scale * q_re, scale * q_im, z_re, z_im, k, n - 7 - k)
    z_re[0], z_im[0] = one * a_re[0], one * b_re[0]
    z_re[middle], z_im[middle] = one * a_re[middle], one * b_re[middle]
    transform(part, z_im, z_re, b, a)


@realtime
def _mirrored(re: Floats, im: Floats, low: int, high: int, like: Any) -> Any:
    """The bins from *low*, as many as *like* has, and those they mirror, which are those from *high* in reverse."""
    return load(re, low, like), load(im, low, like), reverse(load(re, high, like)), reverse(load(im, high, like))


@realtime
def _parted(re: Floats, im: Floats, low: int, high: int, half: Any) -> Any:
    """A and B of the bins from *low*."""
    low_re, low_im, high_re, high_im = _mirrored(re, im, low, high, half)
    return (
        half * (low_re + high_re), half * (low_im - high_im),
        half * (low_im + high_im), half * (high_re - low_re),
    )  # fmt: skip


@realtime
def _join(a_re: Any, a_im: Any, b_re: Any, b_im: Any, re: Floats, im: Floats, low: int, high: int) -> None:
    """Z = A + i B at the bins from *low*, and conj A + i conj B at their mirror images."""
    store(re, low, a_re - b_im)
    store(im, low, a_im + b_re)
    store(re, high, reverse(a_re + b_im))
    store(im, high, reverse(b_re - a_im))
