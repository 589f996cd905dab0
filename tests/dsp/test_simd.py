"""Four floats at once, and eight, lane by lane."""

import numpy as np
import pytest
from numba import jit
from numba.core.errors import NumbaError

from firmware_py.dsp.jit import OPTIONS
from firmware_py.dsp.simd import (
    lane4,
    larger4,
    larger8,
    load4,
    load8,
    reverse4,
    root4,
    splat4,
    splat8,
    spread4,
    store4,
    store8,
    unzip4,
    zip4,
)

X = np.arange(12, dtype=np.float32)
LONG = np.random.default_rng(1).uniform(-4, 4, 40).astype(np.float32)
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


def write_sum8(x, to):
    store8(to, 5, load8(x, 3) + load8(x, 20))


def write_difference8(x, to):
    store8(to, 5, load8(x, 3) - load8(x, 20))


def write_product8(x, to):
    store8(to, 5, load8(x, 3) * load8(x, 20))


def write_quotient8(x, to):
    store8(to, 5, load8(x, 3) / load8(x, 20))


def write_scaled8(x, to):
    store8(to, 5, load8(x, 3) * splat8(HALF))


def write_total8(x, to):
    total = splat8(HALF)
    for i in range(0, 3, 2):  # 0 and 2
        total += load8(x, i)
    store8(to, 5, total)


def write_larger8(x, to):
    store8(to, 5, larger8(load8(x, 3), load8(x, 20)))


def write_sum4(x, to):
    total = splat4(HALF)
    for i in range(0, 9, 4):
        total += load4(x, i)
    store4(to, 5, total)


def write_quotient4(x, to):
    store4(to, 5, load4(x, 3) / load4(x, 20))


def write_larger4(x, to):
    store4(to, 5, larger4(load4(x, 3), load4(x, 20)))


def write_root4(x, to):
    store4(to, 5, root4(load4(x, 3) * load4(x, 3)))


def write_lanes4(x, to):
    backwards = load4(x, 3)
    for lane in range(4):
        to[8 - lane] = lane4(backwards, lane)


def compiled(kernel):
    return jit(**OPTIONS | {"cache": False})(kernel)


A, Z = LONG[3:11], LONG[20:28]  # what the kernels take


@pytest.mark.parametrize(
    ("kernel", "written"),
    [
        (write_sum8,        A + Z),
        (write_difference8, A - Z),
        (write_product8,    A * Z),
        (write_quotient8,   A / Z),
        (write_scaled8,     A * HALF),
        (write_total8,      HALF + LONG[:8] + LONG[2:10]),
        (write_larger8,     np.maximum(A, Z)),
        (write_sum4,         HALF + LONG[:4] + LONG[4:8] + LONG[8:12]),
        (write_quotient4,    A[:4] / Z[:4]),
        (write_larger4,      np.maximum(A, Z)[:4]),
        (write_root4,        np.abs(A[:4])),
        (write_lanes4,       A[3::-1]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_each_lane_is_what_its_two_numbers_give_and_its_neighbours_are_left_alone(kernel, written):
    to = np.full(40, -9, np.float32)
    compiled(kernel)(LONG, to)
    assert np.allclose(to[5 : 5 + len(written)], written, rtol=3e-7, atol=1e-6)
    assert set(np.delete(to, range(5, 5 + len(written)))) == {-9}


@pytest.mark.parametrize(("kernel", "lanes"), [(write_larger4, 4), (write_larger8, 8)])
def test_of_two_the_second_wins_where_the_first_is_no_number_and_stays_where_it_is_none(kernel, lanes):
    x, to = np.full(40, 2, np.float32), np.zeros(40, np.float32)
    x[3 : 3 + lanes : 2] = np.nan  # in the first of both
    compiled(kernel)(x, to)
    assert (to[5 : 5 + lanes] == 2).all()
    x = np.full(40, 2, np.float32)
    x[20 : 20 + lanes : 2] = np.nan  # in the second
    compiled(kernel)(x, to)
    assert np.isnan(to[5 : 5 + lanes]).tolist() == [True, False] * (lanes // 2)


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
    compiled(kernel)(X, to)
    assert to.tolist() == [-1, *written, *[-1] * (11 - len(written))]


@pytest.mark.parametrize("array", [X.astype(float), X[::2], X.reshape(3, 4)], ids=["double", "strided", "two axes"])
@pytest.mark.parametrize("kernel", [write_reversed, write_sum8])
def test_an_array_that_does_not_hold_floats_in_a_row_does_not_compile(kernel, array):
    with pytest.raises(NumbaError):
        compiled(kernel)(array, X.copy())
    with pytest.raises(NumbaError):
        compiled(kernel)(X.copy(), array)


def add_four_to_eight(x, to):
    store8(to, 0, load4(x, 0) + load8(x, 0))


def store_eight_as_four(x, to):
    store4(to, 0, load8(x, 0))


@pytest.mark.parametrize("kernel", [add_four_to_eight, store_eight_as_four])
def test_four_and_eight_do_not_mix(kernel):
    with pytest.raises(NumbaError):
        compiled(kernel)(LONG, LONG.copy())
