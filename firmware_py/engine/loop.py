"""The period loop: read a period, process it, write a period, until told to stop. One compiled call for a whole session.

In here: no allocation, no lock, no log, no exception. What happened is counted; others tell.
The loop calls the PCM through an entry table (`pcm.entry`), so it is the same code on libasound and on a simulated card.

After an xrun both directions start again. The time that passed meanwhile becomes silence on the way up and is left out on the
way down, the echo reference begins anew, and the canceller learns nothing until a tail of silence has passed.
"""

from __future__ import annotations

import errno

import numpy as np

from firmware_py.dsp.chain import FACTOR, align, capture, far_end_begins, play
from firmware_py.dsp.dynamics import gain_ramp
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.state import another
from firmware_py.engine.mixer import hand_up, mix_down, pass_over
from firmware_py.pcm import PLAYBACK_XRUN
from firmware_py.pcm.entry import (
    CAPTURE,
    CLOCK,
    HANDLE,
    INSTANT,
    MONOTONIC,
    PLAYBACK,
    READ,
    RECOVER,
    WRITE,
    call,
    words_at,
)

STOP, FADE, CHAIN, PREROLL, PATIENCE, STARTS, CONTROLS = range(7)
"""Control words, written by the application.

FADE      the gain of everything: 0 or 1, reached within a period
CHAIN     address of the chain that processes from the next period on (`State.address`)
PREROLL   frames of the card that are queued for playback when it starts
STARTS    counts how often the loop is to begin by starting the card anew: a thread may have taken its time to come here
PATIENCE  xruns within XRUN_WINDOW_S that end the loop with TOO_MANY_XRUNS; 0 bears any number, at most XRUNS_KEPT
"""

BINS_AN_OCTAVE, OCTAVES = 16, 20
XRUNS_KEPT = 16
(
    PERIODS, CAPTURE_XRUNS, PLAYBACK_XRUNS, SUSPENDS, LOST_FRAMES, FADED, CHAIN_USED, WORST_NS, STARTED, XRUNS,
) = range(10)  # fmt: skip
XRUN_TIMES = XRUNS + 1
HISTOGRAM = XRUN_TIMES + XRUNS_KEPT
STATISTICS = HISTOGRAM + BINS_AN_OCTAVE * OCTAVES
"""Statistics words, written by the loop; each may be read at any time.

PERIODS         periods done
CAPTURE_XRUNS, PLAYBACK_XRUNS, SUSPENDS     what interrupted them
LOST_FRAMES     frames of the card that passed in interruptions
FADED           the gain reached
CHAIN_USED      address of the chain that the last period was processed by
WORST_NS        longest time from having read a period to having written it
STARTED         which of STARTS was followed
XRUNS           xruns of either direction; XRUN_TIMES, the times of the last of them (ns), in a ring
HISTOGRAM       how many periods took so long from reading to writing: bins of a sixteenth of an octave from 1 us up
"""

XRUN_WINDOW_S = 10.0
TOO_MANY_XRUNS = 1
"""What `run` returns when the card has had more xruns than PATIENCE allows."""

_XRUN, _SUSPENDED = -errno.EPIPE, -errno.ESTRPIPE
_WINDOW_NS = int(XRUN_WINDOW_S * 1e9)


@realtime
def run(periods, entry, control, statistics, chain, mixer, captured, played, timing):
    """Run *periods* periods (negative: until told to stop). Returns 0, TOO_MANY_XRUNS, or minus the errno that ended the loop.

    captured, played : int32[n, 2], the buffers that the entry table names; played has room for a resampler's extra frames
    timing : int64[TIMING], the card's
    """
    frames, block, done = captured.shape[0], chain.wide.shape[0], 0
    if statistics[STARTED] != control[STARTS]:
        statistics[STARTED] = control[STARTS]
        problem = call(entry[RECOVER], entry[HANDLE], 0, control[PREROLL])
        if problem < 0:
            return problem
        far_end_begins(chain, 0)
    while (periods < 0 or done < periods) and control[STOP] == 0:
        fade, used = control[FADE], control[CHAIN]
        chain = another(chain, used)
        got = call(entry[READ], entry[HANDLE], entry[CAPTURE], frames)
        began = _now(entry)
        if _is_interruption(got):
            lost = _start_again(got, began, entry, control[PREROLL], statistics, chain, mixer, timing, 0)
            if lost < 0:
                return lost
            if _too_many(statistics, control[PATIENCE], began):
                return TOO_MANY_XRUNS
            done += lost // frames
            continue
        if got < 0:
            return got
        align(chain, control[PREROLL], timing)
        made, level = 0, np.float32(statistics[FADED])
        step = (np.float32(fade) - level) * np.float32(block) / np.float32(frames)
        for start in range(0, frames, block):
            capture(chain, captured[start : start + block])
            mix_down(mixer, chain.down)
            if level != 1.0 or step != 0.0:
                gain_ramp(chain.up, level, level + step)
                gain_ramp(chain.down, level, level + step)
                level += step
            hand_up(mixer, chain.up)
            made += play(chain, played[made:])
        put_out = call(entry[WRITE], entry[HANDLE], entry[PLAYBACK], made)
        if _is_interruption(put_out):
            put_out = _write_again(put_out, made, entry, control, statistics, chain, mixer, timing)
        if put_out < 0:
            return put_out
        done += 1
        _count(statistics, fade, used, _now(entry) - began)
        if put_out == 0 and _too_many(statistics, control[PATIENCE], began):
            return TOO_MANY_XRUNS
    return 0


@realtime
def _write_again(problem, made, entry, control, statistics, chain, mixer, timing):
    """Playback ran dry: start again with the period in hand. Returns 0, or -errno; late again at once, the period is lost."""
    queued = max(control[PREROLL] - made, 1)
    lost = _start_again(problem, _now(entry), entry, queued, statistics, chain, mixer, timing, made)
    if lost < 0:
        return lost
    put_out = call(entry[WRITE], entry[HANDLE], entry[PLAYBACK], made)
    return 0 if put_out >= 0 or _is_interruption(put_out) else put_out


@realtime
def _start_again(problem, when, entry, queued, statistics, chain, mixer, timing, in_hand):
    """Start the card again after an interruption. Returns the frames of time lost, or -errno."""
    if problem == _SUSPENDED:
        statistics[SUSPENDS] += 1
    else:
        statistics[CAPTURE_XRUNS if problem == _XRUN and in_hand == 0 else PLAYBACK_XRUNS] += 1
        statistics[XRUN_TIMES + statistics[XRUNS] % XRUNS_KEPT] = when
        statistics[XRUNS] += 1
    lost = call(entry[RECOVER], entry[HANDLE], 0, queued)
    if lost >= 0:
        statistics[LOST_FRAMES] += lost
        far_end_begins(chain, in_hand)
        pass_over(mixer, lost // chain.words[FACTOR])
    return lost


@realtime
def _is_interruption(result):
    return result in (_XRUN, _SUSPENDED, PLAYBACK_XRUN)


@realtime
def _too_many(statistics, patience, when):
    """Whether the xrun *patience* back is recent."""
    xruns = statistics[XRUNS]
    if patience <= 0 or xruns < patience:
        return False
    return when - statistics[XRUN_TIMES + (xruns - patience) % XRUNS_KEPT] < _WINDOW_NS


@realtime
def _count(statistics, faded, used, took):
    statistics[FADED] = faded
    statistics[CHAIN_USED] = used
    statistics[WORST_NS] = max(statistics[WORST_NS], took)
    octave = np.log2(max(np.float64(took), 1000.0) * 1e-3)
    place = min(int(octave * BINS_AN_OCTAVE), BINS_AN_OCTAVE * OCTAVES - 1)
    statistics[HISTOGRAM + place] += 1
    statistics[PERIODS] += 1


@realtime
def _now(entry):
    """CLOCK_MONOTONIC in ns."""
    call(entry[CLOCK], MONOTONIC, entry[INSTANT], 0)
    instant = words_at(entry[INSTANT], 2)
    return instant[0] * 1_000_000_000 + instant[1]
