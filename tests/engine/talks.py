"""Talks in real time, one after the other. Run by the tests beside a sound server, with the counter of heap calls preloaded.

    LD_PRELOAD=counter.so python talks.py FOLDER SECONDS

Writes a file for each talk: what was played, what came back, and what was counted.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sound_server import prefer

from firmware_py import Mode
from firmware_py.engine import Engine, kernel_parts
from firmware_py.modes import PROFILES, Profile
from firmware_py.pcm import OFFSET
from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pcm.portable import PyAlsaPcm

QUEUE_MS = 200.0
"""Queued beyond a period: a server is a program among others, and may come late on a busy machine."""

PROFILES_HERE = {mode: replace(PROFILES[mode], preroll_ms=QUEUE_MS) for mode in (Mode.DEFAULT, Mode.VOICE_CHAT)}
SINKS = {Mode.DEFAULT: "wide", Mode.VOICE_CHAT: "voice"}
RATES_HZ = {sink: PROFILES[mode].rate_hz for mode, sink in SINKS.items()}
TALKS = {f"{back_end.__name__} {mode}": (back_end, mode) for back_end in (AlsaPcm, PyAlsaPcm) for mode in SINKS}

AMPLITUDE = 0.1
AHEAD_S = 0.9  # of the card; the rings hold a second
LOOK_S = 0.02
HEAP_PERIODS = 50


def noise(profile: Profile, seconds: float) -> NDArray[np.float32]:
    """Of 16 significant bits, which every way carries."""
    shape = (int(seconds * profile.rate_hz), profile.channels)
    samples = np.rint(np.random.default_rng(1).normal(0.0, AMPLITUDE * 2**15, shape))
    return (samples * 2.0**-15).astype(np.float32)


def talk(pcm: AlsaPcm | PyAlsaPcm, profile: Profile, seconds: float) -> dict[str, Any]:
    """Play noise, keep what comes back, and note when how many periods had passed."""
    engine = Engine(pcm, profile)
    engine.mixer.set_gains({"app": 1.0})
    line, down, ahead = engine.line("app"), noise(profile, seconds + 1.0), int(AHEAD_S * profile.rate_hz)
    played, captured, passed = line.write(down[:ahead]), [], []
    began_s = time.monotonic()
    engine.open()
    engine.start()
    while engine.running and time.monotonic() < began_s + seconds:
        time.sleep(LOOK_S)
        captured.append(line.read(len(down)))
        played += line.write(down[played : played + ahead - line.waiting_frames[0]])
        passed.append((time.monotonic() - began_s, engine.statistics.periods))
    ended_early, offset_frames = not engine.running, int(pcm.timing[OFFSET])
    engine.stop()
    engine.close()
    captured.append(line.read(len(down)))
    counted = engine.statistics
    return {
        "down": down,
        "up": np.concatenate(captured),
        "passed": passed,
        "delay_frames": engine.preroll_frames + offset_frames,
        "xruns": counted.capture_xruns + counted.playback_xruns + counted.suspends,
        "late_frames": line.starved_frames + line.lost_frames,
        "failure": f"ended: {engine.failure}" if ended_early else "",
    }


def heap_calls(pcm: AlsaPcm, profile: Profile) -> int:
    """What periods ask of the heap, when some have passed before."""
    calls = ctypes.CDLL(None).heap_calls
    calls.restype = ctypes.c_long
    engine = Engine(pcm, profile)
    engine.open()
    engine.run(HEAP_PERIODS)
    before = calls()
    engine.run(HEAP_PERIODS)
    asked = int(calls() - before)
    engine.close()
    return asked


def left_open() -> dict[str, int]:
    return {"Python threads": threading.active_count()} | {
        what: len(os.listdir(f"/proc/self/{place}")) for what, place in (("descriptors", "fd"), ("threads", "task"))
    }


def main(folder: Path, seconds: float) -> None:
    for compile_part in kernel_parts().values():
        compile_part()
    prefer()  # the plug-in's own thread inherits it from whoever opens the card
    for name in TALKS:
        np.savez(folder / f"{name}.npz", **heard_in(name, seconds))


def heard_in(name: str, seconds: float) -> dict[str, Any]:
    """What a talk has brought, and what it has left behind."""
    back_end, mode = TALKS[name]
    profile, sink = PROFILES_HERE[mode], SINKS[mode]
    pcm = back_end(f"{sink}_out", f"{sink}_in")
    pcm.open(profile.rate_hz, profile.period_frames, preroll_frames=profile.preroll_frames)
    pcm.close()  # what a library makes once and keeps
    before = left_open()
    heard = talk(pcm, profile, seconds)
    after = left_open()
    heard["left_open"] = ", ".join(
        f"{after[what] - before[what]:+} {what}" for what in after if after[what] != before[what]
    )
    if isinstance(pcm, AlsaPcm) and mode is Mode.VOICE_CHAT:
        heard["heap_calls"] = heap_calls(pcm, profile)
    return heard


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
