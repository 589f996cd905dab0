"""What the period loop does with libasound: read a period, write a period, start again after an xrun. Compiled, without the
interpreter.

A card is an array of int64: `Pcm.timing`, addresses of libasound's functions, the two PCM handles, parameters, counts.
Addresses live in that array alone, so the code itself is cached like every other kernel.

Both PCMs are non-blocking: a card that gives no frame clock is noticed after its patience and not after the kernel's ten
seconds. Time stamps are libasound's, taken together with the position: a thread that comes late does not disturb them.
"""

from __future__ import annotations

import errno
from functools import cache
from typing import Any

from numba import cfunc

from firmware_py.dsp.jit import OPTIONS, realtime
from firmware_py.pcm import CAPTURED, CAPTURED_NS, OFFSET, PLAYBACK_XRUN, PLAYED, PLAYED_NS, TIMING, TWO_CLOCKS
from firmware_py.pcm.entry import MONOTONIC, call, words_at

FUNCTIONS = (
    "readi", "writei", "avail", "wait", "prepare", "drop", "start", "state", "resume", "htimestamp", "avail_delay",
    "status", "status_get_avail", "status_get_trigger_htstamp",
)  # fmt: skip
"""Functions of libasound, without "snd_pcm_", in the order of their words from READI on."""

(
    READI, WRITEI, AVAIL, WAIT, PREPARE, DROP, START, STATE, RESUME, HTIMESTAMP, AVAIL_DELAY, STATUS, STATUS_AVAIL, STATUS_TRIGGER,
    CLOCK, SLEEP,                                   # libc's clock_gettime and usleep
    CAPTURE_PCM, PLAYBACK_PCM, STATUS_PLACE, SILENCE,       # handles, a snd_pcm_status_t, and frames of zeros
    RATE_HZ, FRAME_BYTES, SILENT_FRAMES, CAPTURE_BUFFER, PLAYBACK_BUFFER, LINKED, PATIENCE_MS, MARGIN_FRAMES,
    READ_FRAMES, WRITTEN_FRAMES, PERIODS,           # since the last start
    ANSWER, ANSWER_2, ANSWER_3, ANSWER_4,           # where libasound puts what it is asked for
    WORDS,
) = range(TIMING, TIMING + 36)  # fmt: skip
"""Words of a card, behind those of `timing`."""

_AGAIN, _INTERRUPTED, _XRUN, _STUCK = -errno.EAGAIN, -errno.EINTR, -errno.EPIPE, -errno.EIO
_SUSPENDED, _DISCONNECTED = 7, 8  # snd_pcm_state_t
_CLOSED = -errno.EBADFD
_SECOND = 1_000_000_000
_LONGEST_GAP_S = 60  # a longer one is no gap but another day, or two clocks that do not agree
_RESUME_TRIES, _RESUME_US = 100, 10_000
_SETTLED = 16  # periods after which a driver's account of its own delay is believed
_NOTABLE_S = 0.002  # of such a delay; a shorter one is part of the echo's tail


@realtime
def read_card(words, buffer, frames):
    """Fill *frames* frames at address *buffer*. Returns *frames* or -errno; PLAYBACK_XRUN where playback stopped both."""
    if words[CAPTURE_PCM] == 0:
        return _CLOSED
    problem = _wait_for_frames(words, frames)
    done = 0
    while problem == 0 and done < frames:
        got = call(words[READI], words[CAPTURE_PCM], buffer + done * words[FRAME_BYTES], frames - done)
        if got > 0:
            done += got
        elif got == 0 or got == _AGAIN:
            problem = _wait_for_frames(words, frames - done)
        elif got != _INTERRUPTED:
            problem = got
    if problem != 0:
        return _whose(words, problem)
    words[READ_FRAMES] += frames
    words[PERIODS] += 1
    _stamp_capture(words)
    if words[LINKED] == 0:
        if words[PERIODS] <= _SETTLED:
            _follow_offset(words)
    elif words[PERIODS] == _SETTLED:
        words[OFFSET] += _notable(words, _beyond_queue(words))
    return frames


@realtime
def _wait_for_frames(words, frames):
    """Until that many are captured: 0, or -errno. None is taken before: what is left would be late for the next wake-up.

    A driver wakes us when a period is full, by its own count; where that is a little less than ours, the clock does.
    """
    waited_ms, woken = 0, 0
    while True:
        there = call(words[AVAIL], words[CAPTURE_PCM], 0, 0)
        if there >= frames:
            return 0
        if there < 0 and there != _INTERRUPTED:
            return there
        if waited_ms > words[PATIENCE_MS]:
            return _STUCK
        pause_ms = (frames - max(there, 0)) * 1000 // words[RATE_HZ] + 1
        if woken > 1:  # told that it is ready, and it is not
            call(words[SLEEP], 1000, 0, 0)
            waited_ms += 1
            continue
        ready = _int(call(words[WAIT], words[CAPTURE_PCM], pause_ms, 0))
        if ready < 0 and ready != _INTERRUPTED:
            return ready
        woken += ready > 0
        waited_ms += pause_ms if ready == 0 else 0


@realtime
def write_card(words, buffer, frames):
    """Queue *frames* frames from address *buffer*. Returns *frames* or -errno."""
    if words[PLAYBACK_PCM] == 0:
        return _CLOSED
    done, waited_ms = 0, 0
    while done < frames:
        put = call(words[WRITEI], words[PLAYBACK_PCM], buffer + done * words[FRAME_BYTES], frames - done)
        if put > 0:
            done += put
        elif put == 0 or put == _AGAIN:
            if waited_ms > words[PATIENCE_MS]:
                return _STUCK
            call(words[SLEEP], 1000, 0, 0)  # what is queued is less than the buffer holds: this is rare
            waited_ms += 1
        elif put != _INTERRUPTED:
            return put
    words[WRITTEN_FRAMES] += frames
    if words[TWO_CLOCKS] != 0:
        _stamp_playback(words)
    return frames


@realtime
def recover_card(words, queued_frames):
    """Start again after an xrun or a suspend. Returns the frames that passed since the last one read, or -errno."""
    if words[CAPTURE_PCM] == 0:
        return _CLOSED
    heard = words[CAPTURED_NS]
    if heard != 0:
        heard -= (words[CAPTURED] - words[READ_FRAMES]) * _SECOND // words[RATE_HZ]
    for pcm in (words[CAPTURE_PCM], words[PLAYBACK_PCM]):
        tries = 0
        while _state(words, pcm) == _SUSPENDED and tries < _RESUME_TRIES:
            if _int(call(words[RESUME], pcm, 0, 0)) != _AGAIN:
                break  # it runs again, or cannot: then it is started from the beginning
            call(words[SLEEP], _RESUME_US, 0, 0)
            tries += 1
    problem = start_card(words, queued_frames)
    if problem < 0:
        return problem
    began = _trigger(words, words[CAPTURE_PCM])
    if began == 0:
        began = _now(words)
    passed = min(max(began - heard, 0), _LONGEST_GAP_S * _SECOND) if heard != 0 else 0
    return passed * words[RATE_HZ] // _SECOND


@realtime
def start_card(words, queued_frames):
    """Prepare both directions, queue silence, and let them run. Returns 0 or -errno."""
    for pcm in (words[CAPTURE_PCM], words[PLAYBACK_PCM]):
        if _state(words, pcm) == _DISCONNECTED:
            return -errno.ENODEV
        call(words[DROP], pcm, 0, 0)  # of one that does not run: nothing
    for pcm in (words[CAPTURE_PCM], words[PLAYBACK_PCM]):
        problem = _int(call(words[PREPARE], pcm, 0, 0))
        if problem < 0:
            return problem
    words[READ_FRAMES] = words[WRITTEN_FRAMES] = words[PERIODS] = 0
    words[CAPTURED] = words[CAPTURED_NS] = words[PLAYED] = words[PLAYED_NS] = words[OFFSET] = 0
    while words[WRITTEN_FRAMES] < queued_frames:
        part = min(queued_frames - words[WRITTEN_FRAMES], words[SILENT_FRAMES])
        put = call(words[WRITEI], words[PLAYBACK_PCM], words[SILENCE], part)
        if put == 0 or put == _AGAIN:  # the buffer holds less than was asked for
            return -errno.ENOSPC
        if put < 0:
            return put
        words[WRITTEN_FRAMES] += put
    problem = _int(call(words[START], words[CAPTURE_PCM], 0, 0))
    if problem == 0 and words[LINKED] == 0:
        problem = _int(call(words[START], words[PLAYBACK_PCM], 0, 0))
    if problem < 0:
        return problem
    if words[LINKED] == 0:
        began, heard = _trigger(words, words[CAPTURE_PCM]), _trigger(words, words[PLAYBACK_PCM])
        if began != 0 and heard != 0:
            words[OFFSET] = (heard - began) * words[RATE_HZ] // _SECOND
        words[OFFSET] -= words[MARGIN_FRAMES]
    return 0


@realtime
def _whose(words, problem):
    """An xrun of a linked pair stops both: it is the capture's own only if its buffer is full."""
    if problem != _XRUN or words[LINKED] == 0:
        return problem
    if _int(call(words[STATUS], words[CAPTURE_PCM], words[STATUS_PLACE], 0)) != 0:
        return problem
    full = call(words[STATUS_AVAIL], words[STATUS_PLACE], 0, 0) >= words[CAPTURE_BUFFER]
    return problem if full else PLAYBACK_XRUN


@realtime
def _stamp_capture(words):
    frames = words[READ_FRAMES] + _stamped(words, words[CAPTURE_PCM])
    if frames != words[CAPTURED]:
        words[CAPTURED], words[CAPTURED_NS] = frames, words[ANSWER_2] * _SECOND + words[ANSWER_3]


@realtime
def _stamp_playback(words):
    frames = words[WRITTEN_FRAMES] - words[PLAYBACK_BUFFER] + _stamped(words, words[PLAYBACK_PCM])
    if frames != words[PLAYED]:  # of one that moves in grains, the time of its move and not of the question
        words[PLAYED], words[PLAYED_NS] = frames, words[ANSWER_2] * _SECOND + words[ANSWER_3]


@realtime
def _stamped(words, pcm):
    """Frames available, as of the time that is put into ANSWER_2 (s) and ANSWER_3 (ns); 0 s where the driver does not say."""
    place = words.ctypes.data + 8 * ANSWER
    words[ANSWER] = words[ANSWER_2] = words[ANSWER_3] = 0
    call(words[HTIMESTAMP], pcm, place, place + 8)
    return words[ANSWER]


@realtime
def _beyond_queue(words):
    """Frames of delay that the two drivers report beyond what waits in their buffers."""
    place, beyond = words.ctypes.data + 8 * ANSWER, 0
    if _int(call(words[AVAIL_DELAY], words[CAPTURE_PCM], place, place + 8)) == 0:
        beyond += words[ANSWER_2] - words[ANSWER]
    if _int(call(words[AVAIL_DELAY], words[PLAYBACK_PCM], place, place + 8)) == 0:
        beyond += words[ANSWER_2] - (words[PLAYBACK_BUFFER] - words[ANSWER])
    return beyond


@realtime
def _follow_offset(words):
    """How far apart the directions are by what both drivers say of their delays: the least that they said since the start.

    A server renders in blocks, and says up to a block too much; a time stamp of the start knows nothing of them.
    """
    place = words.ctypes.data + 8 * ANSWER
    if _int(call(words[AVAIL_DELAY], words[CAPTURE_PCM], place, place + 8)) != 0:
        return
    offset = words[READ_FRAMES] - words[WRITTEN_FRAMES] + words[ANSWER_2] - words[MARGIN_FRAMES]
    if _int(call(words[AVAIL_DELAY], words[PLAYBACK_PCM], place, place + 8)) != 0:
        return
    offset += words[ANSWER_2]
    words[OFFSET] = offset if words[PERIODS] == 1 else min(words[OFFSET], offset)


@realtime
def _notable(words, frames):
    return frames if frames > _NOTABLE_S * words[RATE_HZ] else 0


@realtime
def _state(words, pcm):
    return _int(call(words[STATE], pcm, 0, 0))


@realtime
def _trigger(words, pcm):
    """When a PCM was started, in ns; 0 where its driver does not say."""
    if _int(call(words[STATUS], pcm, words[STATUS_PLACE], 0)) != 0:
        return 0
    call(words[STATUS_TRIGGER], words[STATUS_PLACE], words.ctypes.data + 8 * ANSWER, 0)
    return words[ANSWER] * _SECOND + words[ANSWER_2]


@realtime
def _now(words):
    call(words[CLOCK], MONOTONIC, words.ctypes.data + 8 * ANSWER, 0)
    return words[ANSWER] * _SECOND + words[ANSWER_2]


@realtime
def _int(answer):
    """An answer of C's type int: the upper half of the register that it came in is anything."""
    answer &= 0xFFFFFFFF
    return answer - 0x1_0000_0000 if answer >= 0x8000_0000 else answer


@cache
def compiled() -> tuple[Any, Any, Any]:
    """Read, write and recover as C functions for an entry table, compiled at the first call. Their handle is the words' address."""
    options = {**OPTIONS}
    del options["nogil"]  # a C function has no interpreter lock to release

    @cfunc("int64(int64, int64, int64)", **options)
    def read(card, buffer, frames):
        return read_card(words_at(card, WORDS), buffer, frames)

    @cfunc("int64(int64, int64, int64)", **options)
    def write(card, buffer, frames):
        return write_card(words_at(card, WORDS), buffer, frames)

    @cfunc("int64(int64, int64, int64)", **options)
    def recover(card, _buffer, frames):
        return recover_card(words_at(card, WORDS), frames)

    return read, write, recover
