"""How late periods come while another Python thread computes: three ways to run the same chain, alternated in one run.

    production    the compiled loop, a card it calls without the interpreter
    pyalsaaudio   the compiled loop, a card it reaches through the interpreter, which other threads give back sooner
    python        a loop in Python that calls the compiled chain for each period

A period is due when its last frame is captured; it is late by the time until it is written, and missed if that is later than
the next one is due: a card would have had an xrun, sooner or later by what it had queued.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.chain import SPARE_FRAMES, Chain, capture, play
from firmware_py.engine import Engine
from firmware_py.engine.mixer import Mixer, hand_up, mix_down
from firmware_py.engine.realtime import prefer_this_thread
from firmware_py.modes import PROFILES, Mode
from hil.bench.paced import CompiledCard, InterpretedCard, PacedCard

PERIOD_S = 0.004
_FIRST_PERIOD = Path(__file__).with_name("first_period.py")
PROFILE = replace(PROFILES[Mode.VOICE_CHAT], period_frames=round(PERIOD_S * 16_000))


@dataclass(frozen=True)
class Lateness:
    """Of all periods of one way, microseconds after they were due."""

    period_us: float
    p50_us: float
    p99_us: float
    max_us: float
    missed: int
    periods: int


@dataclass(frozen=True)
class Start:
    """A new process, kernels compiled before: seconds to the first period, and megabytes it holds then."""

    first_period_s: float
    resident_mb: float


def measure(
    seconds: float, rounds: int, progress: Callable[[str, int, int], None] = lambda *_: None
) -> dict[str, Lateness]:
    """Each way for *seconds*, *rounds* times over, beside a thread that computes."""
    late: dict[str, list[NDArray[np.float64]]] = {name: [] for name in WAYS}
    with _busy_thread():
        for turn in range(rounds):
            for place, (name, way) in enumerate(WAYS.items()):
                progress(name, turn * len(WAYS) + place, rounds * len(WAYS))
                late[name].append(way(seconds))
    return {name: _summary(np.concatenate(parts)) for name, parts in late.items()}


def _summary(late_us: NDArray[np.float64]) -> Lateness:
    period_us = 1e6 * PROFILE.period_frames / PROFILE.rate_hz
    p50, p99 = np.percentile(late_us, [50.0, 99.0]) if len(late_us) else (np.nan, np.nan)
    return Lateness(
        period_us=period_us,
        p50_us=round(float(p50), 1),
        p99_us=round(float(p99), 1),
        max_us=round(float(np.max(late_us, initial=0.0)), 1),
        missed=int(np.count_nonzero(late_us > period_us)),
        periods=len(late_us),
    )


def _by_engine(card: Callable[[int], PacedCard]) -> Callable[[float], NDArray[np.float64]]:
    def way(seconds: float) -> NDArray[np.float64]:
        pcm = card(_most_periods(seconds))
        engine = Engine(pcm, PROFILE)
        engine.open()
        engine.start()
        time.sleep(seconds)
        engine.stop()
        engine.close()
        if engine.failure:
            raise engine.failure
        return pcm.lateness_us.copy()

    return way


def _by_python(seconds: float) -> NDArray[np.float64]:
    """What one would write first: read, call the chain, write."""
    pcm = InterpretedCard(_most_periods(seconds))
    chain, mixer = Chain(PROFILE).state, Mixer(PROFILE.rate_hz, PROFILE.channels).state
    captured = np.zeros((PROFILE.period_frames, 2), np.int32)
    played = np.zeros((PROFILE.period_frames + SPARE_FRAMES, 2), np.int32)
    stop = threading.Event()

    def live() -> None:
        prefer_this_thread()
        while not stop.is_set():
            pcm.read_into(captured)
            capture(chain, captured)
            mix_down(mixer, chain.down)
            hand_up(mixer, chain.up)
            pcm.write_from(played[: play(chain, played)])

    pcm.open(PROFILE.rate_hz, PROFILE.period_frames, preroll_frames=PROFILE.preroll_frames)
    thread = threading.Thread(target=live, name="python periods")
    thread.start()
    time.sleep(seconds)
    stop.set()
    thread.join()
    return pcm.lateness_us.copy()


WAYS: Mapping[str, Callable[[float], NDArray[np.float64]]] = {
    "production": _by_engine(CompiledCard),
    "pyalsaaudio": _by_engine(InterpretedCard),
    "python": _by_python,
}


def _most_periods(seconds: float) -> int:
    return int(4.0 * seconds / PERIOD_S) + 1000


@contextmanager
def _busy_thread() -> Iterator[None]:
    """A Python thread that computes and never waits."""
    stop = threading.Event()

    def compute() -> None:
        total = 0
        while not stop.is_set():
            for number in range(10_000):
                total += number * number

    thread = threading.Thread(target=compute, name="busy")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure_start() -> Start:
    """In a process of its own, for the kernels of this one are loaded. See `first_period`."""
    answer = subprocess.run([sys.executable, _FIRST_PERIOD], check=True, capture_output=True, text=True)
    first_period_s, resident_mb = map(float, answer.stdout.split())
    return Start(round(first_period_s, 3), round(resident_mb, 1))
