"""The period loop: read a period, process it, write a period, until told to stop. One compiled call for a whole session.

In here: no allocation, no lock, no log, no exception. What happened is counted; others tell.
The loop calls the PCM through an entry table (see `foreign`), so it is the same code on libasound and on a simulated card.
"""

from __future__ import annotations

import errno

import numpy as np

from firmware_py.dsp.chain import capture, forget_far_end, play
from firmware_py.dsp.dynamics import gain_ramp
from firmware_py.dsp.jit import realtime
from firmware_py.engine.foreign import CAPTURE, HANDLE, PLAYBACK, READ, RECOVER, WRITE, call
from firmware_py.engine.mixer import hand_up, mix_down

STOP, FADE, CONTROLS = range(3)
"""Control words, written by the application. FADE is the gain of everything: 0 or 1, reached within a period."""

PERIODS, CAPTURE_XRUNS, PLAYBACK_XRUNS, FADED, STATISTICS = range(5)
"""Statistics words, written by the loop: periods done, xruns each way, and the gain reached."""

_EPIPE = -errno.EPIPE


@realtime
def run(periods, entry, control, statistics, chain, mixer, captured, played):
    """Run *periods* periods (negative: until told to stop). Returns 0, or minus the errno that ended the loop.

    captured, played : int32[n, 2], the buffers that the entry table names
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
            return got
        before, after = np.float32(statistics[FADED]), np.float32(control[FADE])
        capture(chain, captured)
        mix_down(mixer, chain.down)
        if before != 1.0 or after != 1.0:
            gain_ramp(chain.up, before, after)
            gain_ramp(chain.down, before, after)
        hand_up(mixer, chain.up)
        play(chain, played)
        put_out = call(entry[WRITE], entry[HANDLE], entry[PLAYBACK], frames)
        if put_out == _EPIPE:
            statistics[PLAYBACK_XRUNS] += 1
            _recover(entry, chain)
            put_out = call(entry[WRITE], entry[HANDLE], entry[PLAYBACK], frames)
            if put_out == _EPIPE:  # late again already: the period is lost, the next one repairs
                put_out = 0
        if put_out < 0:
            return put_out
        done += 1
        statistics[FADED] = control[FADE]
        statistics[PERIODS] += 1
    return 0


@realtime
def _recover(entry, chain):
    """Start the card again after an xrun: what was queued is lost, and the loop writes a period next."""
    call(entry[RECOVER], entry[HANDLE], 0, 0)
    forget_far_end(chain)
