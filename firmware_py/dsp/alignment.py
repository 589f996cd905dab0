"""Where in time the filters stand: they cover P blocks of far end, and begin *offset* blocks after it, so that a path of a
quarter of a second fits a short filter. Decides by what bulk_delay has found, and moves rows; it estimates nothing.

A move keeps every partition at the delay that it has learnt; those that fall out are forgotten, those that come in begin anew.
So a move is harmless unless the echo lies outside afterwards. Once the main filter has proven itself by cancelling, its own
strongest partition has to agree with the lag that was found, until the path is lost: a talker may repeat what the far end said.
A filter that has proven nothing is led by the lag alone. The path is put LEAD blocks behind the beginning and may creep to
STAYS, with two clocks, before the next move; a filter that has proven nothing leaves it a wider berth.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.bulk_delay import CONFIDENCE, LAG
from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.vectors import Floats, copy, largest_at, shift_rows

LEAD, STAYS, STAYS_LOST = 2, 4, 8  # blocks; a short filter has a third of its own for all three

_BELIEVED = np.float32(0.5)


@realtime
def wanted_offset(found: Floats, tap_energy: Floats, offset: int, proven: bool) -> int:
    """Where the filters are to begin; *found* is BulkDelay's, *tap_energy* [P] the main filter's."""
    lag, third = int(found[LAG]), int(tap_energy.shape[0] // 3)
    if lag < 0 or found[CONFIDENCE] < _BELIEVED:
        return offset
    place, strongest = lag - offset, largest_at(tap_energy)
    if proven and (abs(strongest - place) > 2 or 1 <= place <= min(STAYS, third)):
        return offset
    if not proven and 0 <= place <= min(STAYS_LOST, third):
        return offset
    return max(lag - min(LEAD, third), 0)


@realtime
def move_filter(re: Floats, im: Floats, by: int) -> None:
    """The filter's rows to the same delay, after its beginning has moved by minus *by* blocks."""
    shift_rows(re, by)
    shift_rows(im, by)


@realtime
def move_variance(c: Floats, fresh: Floats, tap_energy: Floats, by: int) -> None:
    """The same for the error variance and the energies of the partitions; what comes in begins with the *fresh* variance."""
    shift_rows(c, by)
    shift_rows(tap_energy.reshape(tap_energy.shape[0], 1), by)
    for p in range(c.shape[0]):
        if not 0 <= p - by < c.shape[0]:
            copy(fresh[p & INDEX], c[p & INDEX])
