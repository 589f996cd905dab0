"""The period loop: read a period, process it, write a period, until told to stop. One compiled call for a whole session.

In here: no allocation, no lock, no log, no exception. What happened is counted; others tell.
The loop calls the PCM through an entry table (see `foreign`), so it is the same code on libasound and on a simulated card.
"""

from __future__ import annotations

import errno

from firmware_py.dsp.chain import DELAY as CHAIN_DELAY
from firmware_py.dsp.chain import capture, hold_adaptation, play
from firmware_py.dsp.jit import realtime
from firmware_py.engine.foreign import CAPTURE, DELAY, HANDLE, PLAYBACK, READ, RECOVER, WRITE, call
from firmware_py.engine.ring import put, take

STOP, CONTROLS = range(2)
"""Control words, written by the application."""

PERIODS, CAPTURE_XRUNS, PLAYBACK_XRUNS, DOWN_STARVED, UP_LOST, ERRNO, STATISTICS = range(7)
"""Statistics words, written by the loop: periods done, xruns each way, frames the application did not deliver or fetch."""

_EPIPE = -errno.EPIPE


@realtime
def run(periods, entry, control, statistics, chain, captured, played, down, down_index, up, up_index):
    """Run *periods* periods (negative: until told to stop). Returns 0, or minus the errno that ended the loop.

    captured, played : int32[n, 2], the buffers that the entry table names
    down, up         : float32[*, c] rings from and to the application, with int64[2] indices
    """
    frames = captured.shape[0]
    done = 0
    while done != periods and control[STOP] == 0:
        got = call(entry[READ], entry[HANDLE], entry[CAPTURE], frames)
        if got == _EPIPE:
            statistics[CAPTURE_XRUNS] += 1
            _recover(entry, chain)
            captured[:, :] = 0
        elif got < 0:
            statistics[ERRNO] = -got
            return got
        capture(chain, captured)
        statistics[UP_LOST] += frames - put(up, up_index, chain.up)
        statistics[DOWN_STARVED] += frames - take(down, down_index, chain.down)
        play(chain, played)
        put_out = call(entry[WRITE], entry[HANDLE], entry[PLAYBACK], frames)
        if put_out == _EPIPE:
            statistics[PLAYBACK_XRUNS] += 1
            _recover(entry, chain)
            put_out = call(entry[WRITE], entry[HANDLE], entry[PLAYBACK], frames)
            chain.words[CHAIN_DELAY] = call(entry[DELAY], entry[HANDLE], 0, 0)
            if put_out == _EPIPE:  # late again already: the period is lost, the next one repairs
                put_out = 0
        if put_out < 0:
            statistics[ERRNO] = -put_out
            return put_out
        done += 1
        statistics[PERIODS] += 1
    return 0


@realtime
def _recover(entry, chain):
    """Start the card again after an xrun; the echo path is not the one learnt until the tail has passed."""
    call(entry[RECOVER], entry[HANDLE], 0, 0)
    hold_adaptation(chain)
