"""The vector operations that the echo kernels share, against NumPy; the series against the functions they stand for."""

import numpy as np
import pytest

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.vectors import (
    clear,
    clear_rows,
    copy,
    copy_rows,
    dot,
    largest_at,
    limited,
    octaves,
    peak,
    power_of_two,
    slide,
    smoothed,
)


@realtime
def powers_of_two(x, out):
    for i in range(x.shape[0]):
        out[i] = power_of_two(x[i])


@realtime
def octaves_of(x, out):
    for i in range(x.shape[0]):
        out[i] = octaves(x[i])


@pytest.mark.parametrize("most", [14, 20])
def test_a_power_of_two_is_right_to_2e_5_of_it(most):
    x = np.linspace(-most, most, 400_001)[1:-1].astype(np.float32)
    out = np.zeros_like(x)
    powers_of_two(x, out)
    assert np.abs(out / np.exp2(x.astype(float)) - 1).max() < 2e-5
    assert power_of_two(np.float32(0)) == 1


def test_octaves_are_right_to_3e_4_from_1_to_64():
    x = np.geomspace(1, 64, 400_001).astype(np.float32)
    out = np.zeros_like(x)
    octaves_of(x, out)
    assert np.abs(out - np.log2(x.astype(float))).max() < 3e-4
    assert octaves(np.float32(1)) == 0


@pytest.mark.parametrize("length", range(1, 41))
def test_the_peak_is_found_wherever_it_lies_and_whatever_its_sign(length):
    quiet = np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(np.float32)
    assert peak(quiet) == np.abs(quiet).max()
    for at in range(length):
        for loudest in (0.75, -0.75):
            x = quiet.copy()
            x[at] = loudest
            assert peak(x) == 0.75
    assert peak(np.zeros(length, np.float32)) == 0


@pytest.mark.parametrize(
    ("x", "least", "most", "expected"),
    [
        (0.5,  0.0, 1.0, 0.5),
        (-1.0, 0.0, 1.0, 0.0),
        (2.0,  0.0, 1.0, 1.0),
        (0.0,  0.0, 1.0, 0.0),   # the limits themselves
        (1.0,  0.0, 1.0, 1.0),
        (0.5, -3.0, -2.0, -2.0),
        (0.5,  2.0, 2.0, 2.0),   # nothing in between
    ],
)  # fmt: skip
def test_what_is_limited_lies_between_its_limits_and_else_stays(x, least, most, expected):
    assert limited(*(np.float32(value) for value in (x, least, most))) == expected


def test_smoothing_forgets_a_step_by_keep_a_block():
    value = np.float32(1)
    for _ in range(20):
        value = smoothed(value, np.float32(0), np.float32(0.9))
    assert value == pytest.approx(0.9**20, rel=1e-5)
    assert smoothed(np.float32(2), np.float32(2), np.float32(0.7)) == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("length", [1, 3, 4, 16, 37, 240])
def test_a_scalar_product_is_numpys(length):
    a, b = np.random.default_rng(length).standard_normal((2, length)).astype(np.float32)
    assert dot(a, b) == pytest.approx(a.astype(float) @ b, abs=1e-5 * length)


def test_a_frame_slides_by_a_block():
    frame = np.arange(8, dtype=np.float32)
    slide(frame, np.array([10, 11, 12, 13], np.float32))
    assert frame.tolist() == [4, 5, 6, 7, 10, 11, 12, 13]


def test_rows_are_copied_where_both_have_them_and_cleared_everywhere():
    many, few = np.arange(12, dtype=np.float32).reshape(4, 3), np.full((2, 3), -1, np.float32)
    copy_rows(many, few)
    assert np.array_equal(few, many[:2])
    few += 100
    copy_rows(few, many)
    assert many[:, 0].tolist() == [100, 103, 6, 9]
    line = np.zeros(2, np.float32)
    copy(many[0], line)
    assert line.tolist() == [100, 101]
    clear(line)
    clear_rows(many)
    assert not line.any()
    assert not many.any()


@pytest.mark.parametrize(("samples", "at"), [([3], 0), ([-3, -1, -2], 1), ([0, 5, 5, 1], 1), ([0, 0], 0)])
def test_the_largest_is_found_and_of_equals_the_first(samples, at):
    assert largest_at(np.array(samples, np.float32)) == at
