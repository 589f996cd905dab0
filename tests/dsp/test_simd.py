"""Four floats at once, and eight, lane by lane."""

import numpy as np
import pytest
from numba import jit
from numba.core.errors import NumbaError

from firmware_py.dsp.jit import OPTIONS
from firmware_py.dsp.simd import (
    lane,
    lanes,
    larger,
    load,
    load4,
    load8,
    reverse,
    root,
    smaller,
    splat,
    splat4,
    splat8,
    spread,
    store,
    unzipped,
    zipped,
)

LONG = np.random.default_rng(1).uniform(-4, 4, 40).astype(np.float32)
HALF = np.float32(0.5)
AT = 5  # where kernels write


def compiled(kernel):
    return jit(**OPTIONS | {"cache": False})(kernel)


def in_lanes(operation, first):
    """A kernel that writes *operation* on the vectors from 3 and from 20 on, as *first* loads them."""
    operation = compiled(operation)

    def write(x, to):
        a = first(x, 3)
        store(to, AT, operation(x, a, load(x, 20, a)))

    return compiled(write)


WIDTHS = pytest.mark.parametrize(("first", "width"), [(load4, 4), (load8, 8)], ids=["four", "eight"])


@WIDTHS
@pytest.mark.parametrize(
    ("operation", "written"),
    [
        (lambda x, a, z: a + z,                    lambda a, z: a + z),
        (lambda x, a, z: a - z,                    lambda a, z: a - z),
        (lambda x, a, z: a * z,                    lambda a, z: a * z),
        (lambda x, a, z: a / z,                    lambda a, z: a / z),
        (lambda x, a, z: a * splat(HALF, a),       lambda a, z: a * HALF),
        (lambda x, a, z: spread(x, 2, z),          lambda a, z: np.full(len(a), LONG[2])),
        (lambda x, a, z: splat(np.float32(lanes(a)), a), lambda a, z: np.full(len(a), len(a))),
        (lambda x, a, z: larger(a, z),             np.maximum),
        (lambda x, a, z: smaller(a, z),            np.minimum),
        (lambda x, a, z: root(a * a),              lambda a, z: np.abs(a)),
        (lambda x, a, z: reverse(a),               lambda a, z: a[::-1]),
        (lambda x, a, z: zipped(a, z)[0],          lambda a, z: np.stack([a, z], 1).ravel()[: len(a)]),
        (lambda x, a, z: zipped(a, z)[1],          lambda a, z: np.stack([a, z], 1).ravel()[len(a) :]),
        (lambda x, a, z: unzipped(a, z)[0],        lambda a, z: np.concatenate([a, z])[::2]),
        (lambda x, a, z: unzipped(a, z)[1],        lambda a, z: np.concatenate([a, z])[1::2]),
    ],
    ids=["+", "-", "*", "/", "splat", "spread", "lanes", "larger", "smaller", "root", "reverse",
         "zipped 0", "zipped 1", "unzipped 0", "unzipped 1"],
)  # fmt: skip
def test_each_lane_is_what_it_should_be_and_its_neighbours_are_left_alone(first, width, operation, written):
    to = np.full(40, -9, np.float32)
    in_lanes(operation, first)(LONG, to)
    expected = written(LONG[3 : 3 + width], LONG[20 : 20 + width])
    assert np.allclose(to[AT : AT + width], expected, rtol=3e-7, atol=1e-6)
    assert set(np.delete(to, range(AT, AT + width))) == {-9}


def write_total4(x, to):
    total = splat4(HALF)
    for i in range(0, 9, 4):
        total += load4(x, i)
    store(to, AT, total)


def write_total8(x, to):
    total = splat8(HALF)
    for i in range(0, 3, 2):  # 0 and 2
        total += load8(x, i)
    store(to, AT, total)


def write_lanes4(x, to):
    backwards = load4(x, 3)
    for i in range(4):
        to[AT + 3 - i] = lane(backwards, i)


@pytest.mark.parametrize(
    ("kernel", "written"),
    [
        (write_total4, HALF + LONG[:4] + LONG[4:8] + LONG[8:12]),
        (write_total8, HALF + LONG[:8] + LONG[2:10]),
        (write_lanes4, LONG[3:7][::-1]),
    ],
)  # fmt: skip
def test_a_vector_is_summed_in_a_loop_and_taken_apart(kernel, written):
    to = np.full(40, -9, np.float32)
    compiled(kernel)(LONG, to)
    assert np.allclose(to[AT : AT + len(written)], written, rtol=3e-7, atol=1e-6)
    assert set(np.delete(to, range(AT, AT + len(written)))) == {-9}


@WIDTHS
def test_of_two_the_second_wins_where_the_first_is_no_number_and_stays_where_it_is_none(first, width):
    kernel = in_lanes(lambda x, a, z: larger(a, z), first)
    x, to = np.full(40, 2, np.float32), np.zeros(40, np.float32)
    x[3 : 3 + width : 2] = np.nan  # in the first of both
    kernel(x, to)
    assert (to[AT : AT + width] == 2).all()
    x = np.full(40, 2, np.float32)
    x[20 : 20 + width : 2] = np.nan  # in the second
    kernel(x, to)
    assert np.isnan(to[AT : AT + width]).tolist() == [True, False] * (width // 2)


def write_larger_and_smaller(x, to):
    to[0], to[1] = larger(x[0], x[1]), smaller(x[0], x[1])


@pytest.mark.parametrize(("pair", "written"), [((3, 4), (4, 3)), ((4, 3), (4, 3)), ((np.nan, 3), (3, 3))])
def test_so_it_is_with_two_floats(pair, written):
    to = np.zeros(2, np.float32)
    compiled(write_larger_and_smaller)(np.array(pair, np.float32), to)
    assert to.tolist() == [*written]


def copy_four(x, to):
    store(to, 1, load4(x, 4))


def copy_like(x, to):
    store(to, 1, load(x, 4, splat8(HALF)))


@pytest.mark.parametrize(
    "array", [LONG.astype(float), LONG[::2], LONG.reshape(4, 10)], ids=["double", "strided", "two axes"]
)
@pytest.mark.parametrize("kernel", [copy_four, copy_like])
def test_an_array_that_does_not_hold_floats_in_a_row_does_not_compile(kernel, array):
    with pytest.raises(NumbaError):
        compiled(kernel)(array, LONG.copy())
    with pytest.raises(NumbaError):
        compiled(kernel)(LONG, array)


def add_four_to_eight(x, to):
    store(to, 0, load4(x, 0) + load8(x, 0))


def zip_four_with_eight(x, to):
    store(to, 0, zipped(load4(x, 0), load8(x, 0))[0])


def load_like_a_float(x, to):
    store(to, 0, load(x, 0, x[0]))


@pytest.mark.parametrize("kernel", [add_four_to_eight, zip_four_with_eight, load_like_a_float])
def test_four_and_eight_do_not_mix_and_a_float_is_neither(kernel):
    with pytest.raises(NumbaError):
        compiled(kernel)(LONG, LONG.copy())
