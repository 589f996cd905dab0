"""Four floats at once, lane by lane."""

import numpy as np
import pytest
from numba import jit
from numba.core.errors import NumbaError

from firmware_py.dsp.jit import OPTIONS
from firmware_py.dsp.simd import load4, reverse4, splat4, spread4, store4, unzip4, zip4

X = np.arange(12, dtype=np.float32)
HALF = np.float32(0.5)


def write_sum(x, to):
    store4(to, 1, load4(x, 3) + load4(x, 0) * splat4(HALF) - spread4(x, 2))


def write_reversed(x, to):
    store4(to, 1, reverse4(load4(x, 4)))


def write_zipped(x, to):
    first, second = zip4(load4(x, 0), load4(x, 4))
    store4(to, 1, first)
    store4(to, 5, second)


def write_unzipped(x, to):
    even, odd = unzip4(load4(x, 0), load4(x, 4))
    store4(to, 1, even)
    store4(to, 5, odd)


@pytest.mark.parametrize(
    ("kernel", "written"),
    [
        (write_sum,      [1.0, 2.5, 4.0, 5.5]),  # 3 4 5 6, and half of 0 1 2 3, less 2
        (write_reversed, [7, 6, 5, 4]),
        (write_zipped,   [0, 4, 1, 5, 2, 6, 3, 7]),
        (write_unzipped, [0, 2, 4, 6, 1, 3, 5, 7]),
    ],
)  # fmt: skip
def test_each_lane_is_where_it_belongs_and_its_neighbours_are_left_alone(kernel, written):
    to = np.full(12, -1, np.float32)
    jit(**OPTIONS | {"cache": False})(kernel)(X, to)
    assert to.tolist() == [-1, *written, *[-1] * (11 - len(written))]


@pytest.mark.parametrize("array", [X.astype(float), X[::2], X.reshape(3, 4)], ids=["double", "strided", "two axes"])
def test_an_array_that_does_not_hold_four_floats_in_a_row_does_not_compile(array):
    with pytest.raises(NumbaError):
        jit(**OPTIONS | {"cache": False})(write_reversed)(array, X.copy())
