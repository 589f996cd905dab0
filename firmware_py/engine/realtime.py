"""The right to be on time: a real-time priority for the loop's thread, and memory that stays where it is.

Neither is needed for the loop to work; without them it comes late when the machine is busy. What is refused is said once,
as a warning with what to do.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = 60
"""SCHED_FIFO, above the kernel's threaded interrupts (50): a period that waits for its own interrupt never outruns it."""

SWITCH_S = 0.0005
"""How long another Python thread may hold the interpreter while a card is driven through it."""

_CURRENT, _ON_FAULT = 1, 4  # mlockall: what is there now, each page when it is first touched
_DONT_NEED = 4  # madvise

_log = logging.getLogger("audiohat")


def prefer_this_thread() -> bool:
    """SCHED_FIFO for the calling thread; whether it was granted."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        warn_once(
            f"no real-time priority ({error.strerror}): periods may come late when this machine is busy; "
            "give the user rtprio 95 in /etc/security/limits.d, or the service LimitRTPRIO=95"
        )
        return False
    return True


def lock_memory() -> bool:
    """Keep every page that is mapped now in memory once it has been touched; whether it was granted.

    Pages are locked as they are touched, not all at once; and the compiler's code, which has done its work, is let go
    first: it is the largest part of this process, and a small machine has better use for it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not _locked:
        for start, end in _code_of("libllvmlite"):
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONT_NEED)  # read again if it is needed
    if libc.mlockall(_CURRENT | _ON_FAULT) == 0:
        _locked.add(True)
        return True
    warn_once(
        f"memory is not locked ({os.strerror(ctypes.get_errno())}): a page that was swapped out makes a period late; "
        "give the user memlock unlimited in /etc/security/limits.d, or the service LimitMEMLOCK=infinity"
    )
    return False


def _code_of(library: str) -> Iterator[tuple[int, int]]:
    """Where a library's code is mapped: pages that are the file's own, and never written to."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            place, rights, *rest = line.split()
            if rights == "r-xp" and library in rest[-1]:
                start, end = place.split("-")
                yield int(start, 16), int(end, 16)


@contextmanager
def quick_interpreter() -> Iterator[None]:
    """Other Python threads give way sooner. For cards that the loop reaches through the interpreter."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


_locked: set[bool] = set()
_said: set[str] = set()


def warn_once(sentence: str) -> None:
    """A warning of this process, the first time."""
    if sentence not in _said:
        _said.add(sentence)
        _log.warning(sentence)
