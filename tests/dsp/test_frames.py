"""Frames to samples and back."""

import numpy as np
import pytest

from firmware_py.dsp import frames

LARGEST = 2**31 - 1
SMALLEST = -(2**31)


def converted(samples):
    words = np.array(samples, dtype=np.int32).reshape(-1, 2)
    out = np.empty(words.shape, dtype=np.float32)
    return frames.to_float(words, out), out


def quantised(samples):
    x = np.array(samples, dtype=np.float32).reshape(-1, 2)
    words = np.empty(x.shape, dtype=np.int32)
    return frames.to_int(x, words), words.ravel().tolist()


def test_full_scale_becomes_one_and_half_of_it_a_half():
    _, out = converted([SMALLEST, 2**30, 0, -(2**30)])
    assert out.ravel().tolist() == [-1.0, 0.5, 0.0, -0.5]


@pytest.mark.parametrize(
    ("sample", "clipped"),
    [
        (LARGEST,            1),  # a 32-bit converter at its end
        (LARGEST - 255,      1),  # 0x7FFFFF00: a 24-bit converter at its end
        (LARGEST - 256,      0),
        (SMALLEST,           1),
        (SMALLEST + 2**8,    1),  # 0x80000100: the mirror image of 0x7FFFFF00
        (SMALLEST + 257,     0),
        (0,                  0),
    ],
)  # fmt: skip
def test_a_sample_at_the_end_of_the_converter_counts_as_clipped(sample, clipped):
    assert converted([0, sample])[0] == clipped


def test_every_clipped_sample_of_a_long_block_is_counted():
    words = np.zeros((1001, 2), dtype=np.int32)
    words[::7, 1] = LARGEST
    words[3::11, 0] = SMALLEST
    out = np.empty(words.shape, dtype=np.float32)
    assert frames.to_float(words, out) == len(words[::7]) + len(words[3::11])


def test_a_24_bit_sample_survives_the_way_there_and_back():
    words = (np.random.default_rng(1).integers(-(2**23), 2**23, (1000, 2)) * 2**8).astype(np.int32)
    x = np.empty(words.shape, dtype=np.float32)
    back = np.empty_like(words)
    frames.to_float(words, x)
    assert frames.to_int(x, back) == 0
    np.testing.assert_array_equal(back, words)


@pytest.mark.parametrize(
    ("value", "word", "lost"),
    [
        (0.0,              0,         0),
        (0.5,              2**30,     0),
        (1.6 * 2.0**-31,   2,         0),  # to nearest, not towards zero
        (-1.6 * 2.0**-31,  -2,        0),
        (1.0,              LARGEST,   0),  # full scale: one unit less, which nobody hears
        (-1.0,             SMALLEST,  0),
        (1.0000001,        LARGEST,   1),
        (-1.0000001,       SMALLEST,  1),
        (1e30,             LARGEST,   1),
        (np.inf,           LARGEST,   1),
        (-np.inf,          SMALLEST,  1),
        (np.nan,           0,         1),  # silence, but not unnoticed
    ],
)  # fmt: skip
def test_what_does_not_fit_saturates_and_is_counted(value, word, lost):
    for length in (2, 256):  # in the remainder of the SIMD loop, and in its body
        count, words = quantised([value] + [0.0] * (length - 1))
        assert (count, words[0]) == (lost, word)


def test_rounding_agrees_with_float64_over_nine_decades():
    x = np.random.default_rng(2).uniform(-1, 1, 4000) * 10.0 ** np.random.default_rng(3).uniform(-9, 0, 4000)
    x = x.astype(np.float32)
    truth = np.clip(np.rint(x.astype(np.float64) * 2.0**31), SMALLEST, LARGEST).astype(np.int64)
    assert quantised(x)[1] == truth.tolist()


def test_pick_takes_one_channel():
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    mono = np.empty(5, dtype=np.float32)
    frames.pick(x, 1, mono)
    assert mono.tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        (np.zeros((4, 2)),                           "float64"),
        (np.zeros((4, 3), dtype=np.float32),         r"got float32\[4, 3\]"),
        (np.zeros(4, dtype=np.float32),              r"need C-contiguous float32\[n, 2\]"),
        (np.zeros((4, 4), dtype=np.float32)[:, :2],  "not C-contiguous"),
    ],
)  # fmt: skip
def test_an_array_that_no_kernel_is_compiled_for_is_refused_at_the_door(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        frames.require_float32(x, ("n", 2))
