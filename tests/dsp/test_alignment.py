"""Where the filters are put, case by case; and what a move keeps."""

import numpy as np
import pytest

from firmware_py.dsp.alignment import LEAD, STAYS, STAYS_LOST, move_filter, move_variance, wanted_offset
from firmware_py.dsp.bulk_delay import CONFIDENCE, LAG

P, K = 24, 32  # a third of 24 blocks is STAYS_LOST, so that only the constants decide


def wanted(lag, confidence, strongest, offset, proven, partitions=P):
    found, energy = np.zeros(4, np.float32), np.zeros(partitions, np.float32)
    found[LAG], found[CONFIDENCE] = lag, confidence
    if strongest is not None:
        energy[:] = 0.1
        energy[strongest] = 1.0
    return wanted_offset(found, energy, offset, proven)


@pytest.mark.parametrize(
    ("lag", "confidence", "strongest", "offset", "proven", "expected"),
    [
        (-1, 0.0, None, 0, False, 0),   # nothing has been found
        (-1, 1.0, 3,    7, True,  7),   # nor now
        (30, 0.4, None, 0, False, 0),   # found, not believed
        (30, 0.5, None, 0, False, 28),  # believed: two blocks lie before the path
        (30, 0.5, None, 9, False, 28),  # from wherever it was
        (5,  0.9, None, 0, False, 0),   # with nothing proven it may lie anywhere in the first eight blocks
        (8,  0.9, None, 0, False, 0),   # the last of them
        (9,  0.9, None, 0, False, 7),   # one too late
        (20, 0.9, None, 20, False, 20), # exactly at the beginning
        (19, 0.9, None, 20, False, 17), # just before the beginning: outside
        (1,  0.9, None, 20, False, 0),  # a lead that would begin before now begins now
        (0,  0.9, None, 3, False, 0),
        (30, 0.9, 10,  20, True, 28),   # the filter agrees: ten blocks is too late
        (30, 0.9, 12,  20, True, 28),   # agrees within two
        (30, 0.9, 8,   20, True, 28),   # on the other side, too
        (30, 0.9, 13,  20, True, 20),   # three blocks apart: who is proven does not follow a lag it does not know
        (30, 0.9, 7,   20, True, 20),
        (30, 0.9, 2,   20, True, 20),   # its strongest is elsewhere, and it is proven
        (21, 0.9, 1,   20, True, 20),   # from one block
        (24, 0.9, 4,   20, True, 20),   # to four it stays
        (25, 0.9, 5,   20, True, 23),   # crept out behind
        (20, 0.9, 0,   20, True, 18),   # crept out in front: no block is left before it
        (19, 0.9, 0,   20, True, 17),   # further still, the filter sees its tail
        (0,  0.9, 0,   0,  True, 0),    # there is nothing before now
    ],
)  # fmt: skip
def test_the_filters_begin_where(lag, confidence, strongest, offset, proven, expected):
    assert wanted(lag, confidence, strongest, offset, proven) == expected


@pytest.mark.parametrize(
    ("partitions", "place", "proven", "expected"),
    [
        (1, 0, False, 50),  # a filter of one block has no room but its own
        (1, 1, False, 51),
        (3, 1, False, 50),  # of three: one block to creep,
        (3, 2, False, 51),  # and one before the path
        (9, 3, False, 50),
        (9, 4, False, 52),  # of nine: all of LEAD
        (9, 3, True,  50),
        (9, 4, True,  52),
        (6, 2, True,  50),
        (6, 3, True,  51),
    ],
)  # fmt: skip
def test_a_short_filter_keeps_two_thirds_for_the_room(partitions, place, proven, expected):
    lead = min(LEAD, partitions // 3)
    found = wanted(50 + place, 0.9, min(place, partitions - 1), 50, proven, partitions)
    assert found == (50 if expected == 50 else 50 + place - lead)
    assert found == expected


@pytest.mark.parametrize("proven", [False, True])
@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 6, 8, 12, 24, 48])
def test_a_path_that_rests_moves_the_filters_once_at_most(partitions, proven):
    for offset in range(40):
        for lag in range(offset, 40):
            strongest = min(lag - offset, partitions - 1)
            moved = wanted(lag, 0.9, strongest, offset, proven, partitions)
            again = wanted(lag, 0.9, min(lag - moved, partitions - 1), moved, proven, partitions)
            assert again == moved
            assert 0 <= moved <= lag


def test_the_berths_are_in_order():
    assert 1 <= LEAD < STAYS < STAYS_LOST


@pytest.mark.parametrize("by", [0, 1, 3, -1, -2, P - 1, 1 - P, P, -P, 100, -100])
def test_a_move_keeps_every_partition_at_its_delay_and_begins_the_others_anew(by):
    rng = np.random.default_rng(4)
    re, im, c = rng.standard_normal((3, P, K)).astype(np.float32)
    fresh, energy = (
        np.full((P, K), 7, np.float32) * np.arange(1, P + 1)[:, None].astype(np.float32),
        np.arange(1, P + 1).astype(np.float32),
    )
    before = [array.copy() for array in (re, im, c, energy)]
    move_filter(re, im, by)
    move_variance(c, fresh, energy, by)
    for p in range(P):
        if 0 <= p - by < P:  # the delay of partition p is now what that of p - by was
            for array, old in zip((re, im, c, energy), before, strict=True):
                assert np.array_equal(array[p], old[p - by])
        else:
            assert not re[p].any()
            assert not im[p].any()
            assert np.array_equal(c[p], fresh[p])
            assert energy[p] == 0
