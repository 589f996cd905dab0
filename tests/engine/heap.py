"""Counts what the loop asks of the heap, by a malloc that counts: the calls of a long run against those of a short one.

LD_PRELOAD=counter.so python heap.py PLAYBACK CAPTURE PERIODS
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def build_counter(folder: Path) -> Path:
    """The library to load first."""
    library = folder / "counter.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, HERE / "count_allocations.c"], check=True)
    return library


def count_heap_calls(folder: Path, script: str, *arguments: str) -> int:
    """What *script* prints, with the counter loaded."""
    environment = {**os.environ, "LD_PRELOAD": str(build_counter(folder))}
    command = [sys.executable, script, *arguments]
    answer = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return int(answer.stdout)


def main(playback: str, capture: str, periods: int) -> None:
    from firmware_py.engine import Engine
    from firmware_py.modes import PROFILES, Mode
    from firmware_py.pcm.alsa import AlsaPcm

    heap_calls = ctypes.CDLL(None).heap_calls
    heap_calls.restype = ctypes.c_long
    engine = Engine(AlsaPcm(playback, capture), PROFILES[Mode.VOICE_CHAT])

    def calls(count: int) -> int:
        before = heap_calls()
        engine.run(count)
        return int(heap_calls() - before)

    engine.open()
    calls(10)
    short, long = calls(10), calls(periods)
    assert engine.statistics.capture_xruns == engine.statistics.playback_xruns == 0
    engine.close()
    print(long - short)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
