"""A real Fourier transform that kernels can call: float32, no allocation, tables built once.

Real and imaginary parts are separate arrays, so that every loop is plain vector arithmetic. A block of N
real samples is packed into n = N/2 complex points, transformed, and split into the N/2 + 1 bins of the real
spectrum.

The complex transform is Pease's constant-geometry form (J. ACM 15(2), 1968): each pass reads `radix`
contiguous runs and writes neighbours, the same flat loop in every pass. The result comes out with its
digits reversed; splitting undoes that by reading through `order`. Radix 4 does most of the work, radix 2
the rest of a power of two, a direct transform the factors 3 and 5 of 10 ms blocks (2 * 160, 2 * 480). Other
factors are refused.

Forward is not scaled; the inverse divides by N. It is not a general FFT: one length per table, real signals
only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints

_INDEX = (
    0x7FFFFFFF  # `& _INDEX`: an index read from memory is not negative. Unless LLVM knows that, it does not vectorise
)
_HALF, _ZERO, _ONE = np.float32(0.5), np.float32(0.0), np.float32(1.0)


class RealFft(State):
    """Tables and workspace of one transform length: N real samples, n = N/2 complex points."""

    radix: Ints  # [passes], each 5, 3, 4 or 2; their product is n
    cos: Floats  # twiddles exp(-2 pi i ...) of all passes in a row, [radix - 1, n / radix] each
    sin: Floats
    root_cos: Floats  # [6 * 5] exp(-2 pi i t / radix) at [5 * radix + t], for the direct passes
    root_sin: Floats
    order: Ints  # [n + 1] where frequency k lies after the last pass; order[n] is order[0]
    split_cos: Floats  # [n + 1] exp(-2 pi i k / N), which parts even samples from odd
    split_sin: Floats
    a_re: Floats  # [n] workspace
    a_im: Floats
    b_re: Floats
    b_im: Floats


def real_fft(frames: int) -> RealFft:
    """Tables for blocks of *frames* real samples. ValueError unless *frames* is even and its half is 2^a
    3^b 5^c."""
    points = frames // 2
    radices = _radices(points)
    if frames % 2 or not radices:
        raise ValueError(
            f"a real FFT of {frames} frames: half of it must be a product of 2, 3 and 5 only, and at least 2"
        )

    twiddles, order, frequency, place, done = [], np.zeros(points + 1, np.int64), np.arange(points), points, 1
    for radix in radices:
        remaining = np.arange(points // radix) // done
        twiddles.append(np.exp(-2j * np.pi * np.outer(np.arange(1, radix), remaining * done) / points).ravel())
        done *= radix
        place //= radix
        order[:points] += frequency % radix * place
        frequency = frequency // radix

    root = np.ones((6, 5), np.complex128)
    root[1:] = np.exp(-2j * np.pi * np.arange(5) / np.arange(1, 6)[:, None])
    cos, sin = _parts(np.concatenate(twiddles))
    root_cos, root_sin = _parts(root.ravel())
    split_cos, split_sin = _parts(np.exp(-2j * np.pi * np.arange(points + 1) / frames))
    return RealFft(
        radix=np.array(radices, np.int64),
        cos=cos,
        sin=sin,
        root_cos=root_cos,
        root_sin=root_sin,
        order=order,
        split_cos=split_cos,
        split_sin=split_sin,
        a_re=np.zeros(points, np.float32),
        a_im=np.zeros(points, np.float32),
        b_re=np.zeros(points, np.float32),
        b_im=np.zeros(points, np.float32),
    )


def _parts(values: NDArray[np.complex128]) -> tuple[Floats, Floats]:
    return values.real.astype(np.float32), values.imag.astype(np.float32)


def _radices(points: int) -> list[int]:
    """Factors of *points* for the passes, radix 2 last; empty when there is another prime factor."""
    radices = []
    for radix in (5, 3, 4, 2):
        while points > 1 and points % radix == 0:
            radices.append(radix)
            points //= radix
    return radices if points == 1 else []


@realtime
def rfft(fft: RealFft, signal: Floats, re: Floats, im: Floats) -> None:
    """Spectrum of signal[N] in bins 0 to N/2 of re and im, equal to numpy.fft.rfft. Padding behind them is
    left alone."""
    points, order, split_cos, split_sin = fft.a_re.shape[0], fft.order, fft.split_cos, fft.split_sin
    a_re, a_im = fft.a_re, fft.a_im
    for m in range(points):
        a_re[m] = signal[2 * m]
        a_im[m] = signal[2 * m + 1]
    z_re, z_im = _transform(fft)
    for k in range(points + 1):
        i = order[k] & _INDEX
        j = order[points - k] & _INDEX
        even_re, even_im = _HALF * (z_re[i] + z_re[j]), _HALF * (z_im[i] - z_im[j])
        odd_re, odd_im = _HALF * (z_im[i] + z_im[j]), _HALF * (z_re[j] - z_re[i])
        re[k] = even_re + split_cos[k] * odd_re - split_sin[k] * odd_im
        im[k] = even_im + split_cos[k] * odd_im + split_sin[k] * odd_re


@realtime
def irfft(fft: RealFft, re: Floats, im: Floats, signal: Floats) -> None:
    """Signal[N] of a spectrum, equal to numpy.fft.irfft. The imaginary parts of bins 0 and N/2 do not
    count."""
    points, order, split_cos, split_sin = fft.a_re.shape[0], fft.order, fft.split_cos, fft.split_sin
    a_re, a_im, scale = fft.a_re, fft.a_im, _HALF / np.float32(points)
    for k in range(points):
        complex_bin = _ZERO if k == 0 else _ONE  # k = 0 reads bins 0 and N/2, which are real
        even_re = scale * (re[k] + re[points - k])
        even_im = scale * (im[k] - im[points - k]) * complex_bin
        half_re = scale * (re[k] - re[points - k])
        half_im = scale * (im[k] + im[points - k]) * complex_bin
        odd_re = split_cos[k] * half_re + split_sin[k] * half_im
        odd_im = split_cos[k] * half_im - split_sin[k] * half_re
        # real and imaginary parts change places: a forward transform of that is the inverse with its places changed
        a_im[k] = even_re - odd_im
        a_re[k] = even_im + odd_re
    z_im, z_re = _transform(fft)
    for m in range(points):
        i = order[m] & _INDEX
        signal[2 * m] = z_re[i]
        signal[2 * m + 1] = z_im[i]


@realtime
def _transform(fft: RealFft) -> tuple[Floats, Floats]:
    """All passes over the points in a. Returns the arrays, a or b, in which the result has ended up, digits
    reversed."""
    re, im, to_re, to_im = fft.a_re, fft.a_im, fft.b_re, fft.b_im
    at = np.int64(0)  # a literal 0 would be compiled as another type
    for index in range(fft.radix.shape[0]):
        radix = fft.radix[index]
        if radix == 4:
            _radix4(re, im, to_re, to_im, fft.cos, fft.sin, at)
        elif radix == 2:
            _radix2(re, im, to_re, to_im)
        else:
            _direct(re, im, to_re, to_im, fft.cos, fft.sin, at, fft.root_cos, fft.root_sin, radix)
        at += (radix - 1) * (re.shape[0] // radix)
        re, im, to_re, to_im = to_re, to_im, re, im
    return re, im


@realtime
def _radix4(re: Floats, im: Floats, to_re: Floats, to_im: Floats, cos: Floats, sin: Floats, at: int) -> None:
    run, at = re.shape[0] >> 2, at & _INDEX
    for k in range(run):
        sum_re, sum_im = re[k] + re[2 * run + k], im[k] + im[2 * run + k]
        dif_re, dif_im = re[k] - re[2 * run + k], im[k] - im[2 * run + k]
        even_re, even_im = re[run + k] + re[3 * run + k], im[run + k] + im[3 * run + k]
        odd_re, odd_im = im[run + k] - im[3 * run + k], re[3 * run + k] - re[run + k]  # the difference times -i
        p_re, p_im, p_cos, p_sin = dif_re + odd_re, dif_im + odd_im, cos[at + k], sin[at + k]
        q_re, q_im, q_cos, q_sin = sum_re - even_re, sum_im - even_im, cos[at + run + k], sin[at + run + k]
        r_re, r_im, r_cos, r_sin = dif_re - odd_re, dif_im - odd_im, cos[at + 2 * run + k], sin[at + 2 * run + k]
        to_re[4 * k], to_im[4 * k] = sum_re + even_re, sum_im + even_im
        to_re[4 * k + 1], to_im[4 * k + 1] = p_re * p_cos - p_im * p_sin, p_re * p_sin + p_im * p_cos
        to_re[4 * k + 2], to_im[4 * k + 2] = q_re * q_cos - q_im * q_sin, q_re * q_sin + q_im * q_cos
        to_re[4 * k + 3], to_im[4 * k + 3] = r_re * r_cos - r_im * r_sin, r_re * r_sin + r_im * r_cos


@realtime
def _radix2(re: Floats, im: Floats, to_re: Floats, to_im: Floats) -> None:
    """The last pass of a power of two that is no power of four: all its twiddles are 1."""
    run = re.shape[0] >> 1
    for k in range(run):
        to_re[2 * k], to_im[2 * k] = re[k] + re[run + k], im[k] + im[run + k]
        to_re[2 * k + 1], to_im[2 * k + 1] = re[k] - re[run + k], im[k] - im[run + k]


@realtime
def _direct(
    re: Floats, im: Floats, to_re: Floats, to_im: Floats,
    cos: Floats, sin: Floats, at: int, root_cos: Floats, root_sin: Floats, radix: int,
) -> None:  # fmt: skip
    """Radix 3 or 5 straight from the definition."""
    run, root, at = re.shape[0] // radix, 5 * radix, at & _INDEX
    for k in range(run):
        for j in range(radix):
            sum_re, sum_im, turns = re[k], im[k], 0
            for i in range(1, radix):
                turns = (turns + j) % radix
                c, s = root_cos[root + turns], root_sin[root + turns]
                sum_re += re[i * run + k] * c - im[i * run + k] * s
                sum_im += re[i * run + k] * s + im[i * run + k] * c
            c = cos[at + (j - 1) * run + k] if j > 0 else _ONE
            s = sin[at + (j - 1) * run + k] if j > 0 else _ZERO
            to_re[radix * k + j], to_im[radix * k + j] = sum_re * c - sum_im * s, sum_re * s + sum_im * c
