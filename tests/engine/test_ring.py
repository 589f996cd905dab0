"""The ring between the period loop and the application."""

import numpy as np

from firmware_py.engine.ring import Ring, put, take


def frames(count: int, start: int = 0) -> np.ndarray:
    return (start + np.arange(2 * count)).reshape(count, 2).astype(np.float32)


def test_what_goes_in_comes_out_in_order_across_the_end_of_the_ring():
    ring, out = Ring(8, 2), np.zeros((3, 2), np.float32)
    for turn in range(50):
        assert ring.write(frames(3, turn)) == 3
        assert take(ring.data, ring.index, out) == 3
        np.testing.assert_array_equal(out, frames(3, turn))


def test_an_empty_ring_gives_silence_and_says_so():
    ring, out = Ring(8, 2), np.ones((4, 2), np.float32)
    ring.write(frames(1))
    assert take(ring.data, ring.index, out) == 1
    np.testing.assert_array_equal(out[1:], 0.0)


def test_a_full_ring_takes_a_period_whole_or_not_at_all():
    ring = Ring(8, 2)
    assert put(ring.data, ring.index, frames(6)) == 6
    assert put(ring.data, ring.index, frames(3)) == 0
    np.testing.assert_array_equal(ring.read(10), frames(6))


def test_the_application_may_write_as_much_as_fits():
    ring = Ring(8, 2)
    assert ring.write(frames(20)) == 8
    assert ring.room == 0
