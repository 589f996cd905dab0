"""What the compiler makes of the small kernels: SIMD where it counts; and that none can allocate."""

import platform
import re

import numpy as np
import pytest
from numba import jit
from numba.core.errors import NumbaError

from firmware_py.dsp import (
    bulk_delay,
    clock_drift,
    complex_fft,
    fft,
    frames,
    loudspeaker,
    near_end,
    partitioned_filter,
    rates,
    resample,
    residual_echo,
    two_filters,
    vectors,
)
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.simd import splat4, splat8

PACKED = {
    "x86_64": {
        "convert to float": r"\bv?cvtdq2ps\b",
        "convert to int": r"\bv?cvttps2dq\b",
        "add": r"\bv?addps\b",
        "multiply": r"\b(v?mul|vfn?m(add|sub)\d+)ps\b",  # alone, or with an addition in one
        "divide": r"\bv?(div|rcp)ps\b",
        "larger": r"\bv?(max|cmp\w*)ps\b",
        "smaller": r"\bv?minps\b",
    },
    "aarch64": {
        "convert to float": r"\bscvtf(\.4s|\s+v\d+\.4s)",
        "convert to int": r"\bfcvtz[su](\.4s|\s+v\d+\.4s)",
        "add": r"\bfadd(\.4s|\s+v\d+\.4s)",
        "multiply": r"\b(fmul|fml[as])(\.4s|\s+v\d+\.4s)",
        "divide": r"\bfdiv(\.4s|\s+v\d+\.4s)",
        "larger": r"\b(fmax(nm)?|fcmg[te])(\.4s|\s+v\d+\.4s)",
        "smaller": r"\b(fmin(nm)?|fcmg[te])(\.4s|\s+v\d+\.4s)",
    },
}

WORDS = np.zeros((128, 2), dtype=np.int32)
STEREO = np.zeros((128, 2), dtype=np.float32)
WIDE = np.zeros((384, 2), dtype=np.float32)
MONO = np.zeros(128, dtype=np.float32)
ROWS, EARLY, RING = (np.zeros((rows, 136), dtype=np.float32) for rows in (4, 2, 8))  # partitions or blocks, and bins
BINS = np.zeros(136, dtype=np.float32)
DEPTH = np.full(17, 4)
FRAME, OTHER = np.zeros((2, 256), dtype=np.float32)
BANDS = np.zeros(34, dtype=np.float32)
CLIP, ENERGY, TALLY = np.zeros(3, dtype=np.float32), np.zeros(9, dtype=np.float32), np.zeros(2, dtype=np.int64)
PASSES, FFT = complex_fft.passes(120), fft.real_fft(256)  # a pass of each radix stays inside 120 points and padding
HISTORY = np.zeros(8 * 128, dtype=np.float32)  # rows of whitened spectra
HALF = np.float32(0.5)
CURVE = loudspeaker.loudspeaker(16000, 128, 4)


@realtime
def radix4_in_fours(passes, re, im, to_re, to_im):
    complex_fft._radix4(passes, re, im, to_re, to_im, 0, 4, splat4(HALF))


@realtime
def radix4_in_eights(passes, re, im, to_re, to_im):
    complex_fft._radix4(passes, re, im, to_re, to_im, 0, 8, splat8(HALF))


@realtime
def last4_in_eights(passes, re, im, to_re, to_im):
    complex_fft._last4(passes, re, im, to_re, to_im, splat8(HALF))


@realtime
def radix3_in_eights(passes, re, im, to_re, to_im):
    complex_fft._radix3(passes, re, im, to_re, to_im, 0, 8, splat8(HALF))


@realtime
def radix5_in_eights(passes, re, im, to_re, to_im):
    complex_fft._radix5(passes, re, im, to_re, to_im, 0, 8, splat8(HALF))


@pytest.mark.skipif(platform.machine() not in PACKED, reason="knows the SIMD of x86-64 and aarch64 only")
@pytest.mark.parametrize(
    ("kernel", "arguments", "operations"),
    [
        (frames.to_float,  (WORDS, STEREO),  ["convert to float", "multiply"]),
        (frames.to_int,    (STEREO, WORDS),  ["convert to int", "multiply"]),
        (complex_fft._first4, (PASSES, MONO, MONO, MONO, MONO),        ["add", "multiply"]),
        (complex_fft._first8, (PASSES, MONO, MONO, MONO, MONO),        ["add", "multiply"]),
        (radix4_in_fours,     (PASSES, MONO, MONO, MONO, MONO),        ["add", "multiply"]),
        (radix4_in_eights,    (PASSES, MONO, MONO, MONO, MONO),        ["add", "multiply"]),
        (last4_in_eights,     (PASSES, MONO, MONO, MONO, MONO),        ["add"]),
        (radix3_in_eights,    (PASSES, MONO, MONO, MONO, MONO),        ["add", "multiply"]),
        (radix5_in_eights,    (PASSES, MONO, MONO, MONO, MONO),        ["add", "multiply"]),
        (fft.rfft,         (FFT, FRAME, BINS, BINS),                            ["add", "multiply"]),
        (fft.irfft,        (FFT, BINS, BINS, FRAME),                            ["add", "multiply"]),
        (fft.rfft2,        (FFT, FRAME, FRAME, BINS, BINS, BINS, BINS),         ["add", "multiply"]),
        (fft.irfft2,       (FFT, BINS, BINS, BINS, BINS, FRAME, FRAME),         ["add", "multiply"]),
        (rates.decimate,    (rates.Decimator(3, 2).state, WIDE, STEREO),           ["multiply"]),
        (rates.interpolate, (rates.Interpolator(3).state, STEREO, WIDE),           ["multiply"]),
        (resample.resample, (resample.Resampler().state, STEREO, 1.0, WIDE),       ["multiply"]),
        (partitioned_filter.finish_estimates,
         (BINS, BINS, BINS, BINS, BINS, BINS, BINS, HALF, BINS, BINS, BINS, BINS, BINS, BINS),  ["multiply"]),
        (partitioned_filter.add_product,
         (BINS, BINS, BINS, BINS, HALF, BINS, BINS),  ["multiply"]),
        (partitioned_filter.sum_missed,
         (RING, RING, 5, ROWS, DEPTH, BINS),  ["multiply"]),
        (partitioned_filter.kalman_gain,
         (BINS, BINS, BINS, BINS, BINS, HALF, HALF, HALF),  ["multiply", "divide", "larger"]),
        (partitioned_filter.kalman_update,
         (RING, RING, 5, ROWS, ROWS, ROWS, DEPTH, 2, BINS, BINS, BINS, HALF, BINS, BINS, BINS, BINS, BINS, BINS, BINS),
         ["multiply", "larger"]),
        (partitioned_filter.lms_gain,
         (BINS, BINS, BINS, BINS),  ["multiply", "divide"]),
        (partitioned_filter.lms_update,
         (RING, RING, 5, EARLY, EARLY, MONO, BINS, BINS, BINS, BINS, BINS, BINS, BINS, BINS),  ["multiply"]),
        (partitioned_filter.cut_taps,
         (FRAME,),  ["multiply"]),
        (two_filters.find_error,
         (CLIP, MONO, FRAME, OTHER),  ["add", "multiply"]),
        (two_filters.doubt,
         (ROWS, MONO, 4, BINS, BINS, BINS),  ["multiply", "larger"]),
        (two_filters.guard,
         (ENERGY, HALF, MONO, MONO, MONO),  ["multiply"]),
        (bulk_delay.whiten,
         (BINS, BINS, BINS, BINS, HISTORY, BINS, HALF, HALF, MONO[:64], HISTORY, 0, 512),  ["multiply"]),
        (bulk_delay.correlate,
         (HISTORY, 0, HISTORY, 0, HISTORY, 0, 64, HALF),  ["multiply"]),
        (bulk_delay.compare_lags,
         (MONO, MONO, MONO, MONO, HALF),  ["multiply"]),
        (clock_drift.measure_delay,
         (CLIP, BINS, BINS, BINS, BINS, BINS, 128, HALF),  ["multiply", "divide"]),
        (clock_drift.fill_turn,
         (BINS, BINS, HALF, 128),  ["multiply"]),
        (loudspeaker.add_curve,
         (CURVE, CURVE.slopes, MONO, MONO),  ["multiply", "larger"]),
        (loudspeaker.filter_path,
         (CURVE.path, CURVE.working_far, MONO),  ["multiply"]),
        (residual_echo.fill_frame,
         (FRAME, MONO, FRAME, FRAME),  ["multiply"]),
        (residual_echo.powers,
         (BINS, BINS, BINS, BINS, BINS, BINS, BINS, BINS, BINS, HALF),  ["multiply", "larger"]),
        (residual_echo.track_noise,
         (BINS, BINS, BINS, BINS, BINS, TALLY, HALF, 100),  ["multiply", "smaller"]),
        (residual_echo.band_sums,
         (BINS, BANDS),  ["add"]),
        (residual_echo.track_leaks,
         (BANDS, BANDS, BANDS, BANDS, BANDS, BANDS, HALF, HALF, HALF),  ["multiply", "larger"]),
        (residual_echo.track_trust,
         (BANDS, BANDS, BANDS, BANDS, BANDS, HALF, HALF),  ["multiply", "larger"]),
        (residual_echo.weigh_bands,
         (BANDS, BANDS, HALF),  ["multiply"]),
        (residual_echo.apply_gain,
         (BINS, BINS, BINS, BINS, BINS, BINS, BINS, BANDS, BANDS, HALF, HALF, HALF),  ["multiply", "divide", "larger"]),
        (residual_echo.overlap_add,
         (FRAME, FRAME, MONO, MONO),  ["multiply"]),
        (near_end.explain,
         (BANDS, BANDS, BANDS, BANDS, BANDS, BANDS, HALF, BANDS, BANDS),  ["multiply"]),
        (near_end.unexplained,
         (BANDS, BANDS, BANDS, 32),  ["multiply", "divide"]),
        (near_end.echo_rules,
         (BANDS, BANDS, 32),  ["multiply"]),
        (vectors.peak,     (MONO,),       ["larger"]),
        (vectors.dot,      (MONO, MONO),  ["multiply"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_the_kernel_works_on_several_samples_at_once(kernel, arguments, operations):
    fresh = jit(**kernel.targetoptions)(kernel.py_func)  # one from the cache has no assembly to show
    fresh(*arguments)
    (assembly,) = fresh.inspect_asm().values()
    patterns = PACKED[platform.machine()]
    assert [op for op in operations if not re.search(patterns[op], assembly)] == []


@pytest.mark.parametrize(
    "careless",
    [
        lambda x: np.zeros(4)[0] + x[0],
        lambda x: (x * 2.0)[0],
        lambda x: x.copy()[0],
        lambda x: [x[0], x[1]][1],
    ],
    ids=["a new array", "an expression of arrays", "a copy", "a list"],
)
def test_a_kernel_that_would_allocate_does_not_compile(careless):
    with pytest.raises(NumbaError):
        jit(**frames.to_float.targetoptions)(careless)(MONO)
