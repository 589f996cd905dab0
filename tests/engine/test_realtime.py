"""Rights that are refused, and a library that is not there: a sentence once, and the sound goes on."""

import ctypes
import errno
import os
import sys

import pytest
from engine.scripted import ScriptedPcm

from firmware_py import Mode, hardware
from firmware_py.engine import Engine, kernel_parts, realtime
from firmware_py.errors import PcmError, UnknownNameError
from firmware_py.modes import PROFILES
from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pcm.portable import PyAlsaPcm


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "_said", set())
    monkeypatch.setattr(realtime, "_locked", set())


class LibraryThatLocksNothing:
    """libc of somebody without the right."""

    def __init__(self, *_: object, **__: object) -> None:
        self.advised = 0

    def madvise(self, *_: object) -> int:
        self.advised += 1
        return 0

    def mlockall(self, flags: int) -> int:
        ctypes.set_errno(errno.EPERM)
        return -1


def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_without_the_right_to_a_priority_the_loop_runs_and_says_what_to_do(monkeypatch, caplog):
    for compile_part in kernel_parts().values():
        compile_part()
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    for _ in range(2):
        engine = Engine(ScriptedPcm(), PROFILES[Mode.VOICE_CHAT])
        engine.open()
        engine.start()
        engine.fade(True)
        engine.stop()
        assert engine.failure is None
        assert engine.statistics.periods > 0
        engine.close()
    sentences = [record.message for record in caplog.records if "real-time priority" in record.message]
    assert len(sentences) == 1
    assert "rtprio 95 in /etc/security/limits.d" in sentences[0]


def test_memory_that_may_not_be_locked_is_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(ctypes, "CDLL", LibraryThatLocksNothing)
    assert realtime.lock_memory() is False
    assert realtime.lock_memory() is False
    (record,) = caplog.records
    assert "memlock unlimited" in record.message
    assert "Operation not permitted" in record.message


def test_the_compiler_is_let_go_where_its_code_lies_and_nowhere_else():
    import llvmlite.binding  # noqa: F401  # mapped from here on

    places = list(realtime._code_of("libllvmlite"))
    assert places
    with open("/proc/self/maps") as maps:
        lines = [line for line in maps if "libllvmlite" in line and " r-xp " in line]
    assert [f"{start:x}-{end:x}" for start, end in places] == [line.split()[0] for line in lines]


def test_a_card_that_is_reached_through_the_interpreter_makes_other_threads_give_way_sooner():
    before = sys.getswitchinterval()
    with realtime.quick_interpreter():
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    assert sys.getswitchinterval() == pytest.approx(before)


def test_libasound_is_the_way_unless_another_is_named():
    assert isinstance(hardware.open_pcm("null"), AlsaPcm)
    assert isinstance(hardware.open_pcm("null", None, "pyalsaaudio"), PyAlsaPcm)
    with pytest.raises(UnknownNameError, match="did you mean 'libasound'"):
        hardware.open_pcm("null", None, "libasoud")


def test_where_libasound_lacks_a_function_pyalsaaudio_takes_over_and_it_is_said(monkeypatch, caplog):
    def missing() -> None:
        raise PcmError(errno.ENOSYS, "libasound cannot be used: undefined symbol: snd_pcm_link; install libasound2")

    monkeypatch.setattr(hardware, "library", missing)
    assert isinstance(hardware.open_pcm("null"), PyAlsaPcm)
    (record,) = caplog.records
    assert "undefined symbol" in record.message
    assert "going on with pyalsaaudio" in record.message
