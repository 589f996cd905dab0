"""What a canceller costs: thread time per block, beside SpeexDSP (10 ms frames, 128 ms tail) in the same run.

Both process the same 0.1 s in turn, over and over, so that a machine that is busy or slow is so for both. For each round

    ratio = sum of a canceller's block times / sum of SpeexDSP's     median and quartiles over the rounds
    worst = max over blocks of the median over rounds of its time, by the period of a block

so that a moment in which the machine did something else counts neither for nor against. The call from Python is in both. Not a
measure of lateness: that is `audiohat bench engine`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.bench.aec.cancellers import SPEEX_FRAME_S, SPEEX_TAIL_S, Floats, Maker, frames_of, speex

_TURN_S = 0.1

Nanoseconds = NDArray[np.int64]


@dataclass(frozen=True)
class Cost:
    """Of one canceller at one rate. *ratio* and its quartiles are by SpeexDSP's time; None without SpeexDSP."""

    canceller: str
    rate_hz: int
    frame_ms: float
    ms_per_s: float
    worst_share: float
    ratio: float | None
    ratio_quartiles: tuple[float, float] | None


class _Runner:
    """One canceller on one recording, some frames at a time, the time of each taken."""

    def __init__(self, maker: Maker, rate_hz: int, mic: Floats, far: Floats) -> None:
        self._canceller = maker.make(rate_hz)
        self.frame = self._canceller.frame
        self._mic, self._far = frames_of(self._canceller, mic), frames_of(self._canceller, far)
        self._out = np.zeros_like(self._mic)
        self.times_ns = np.zeros(self._mic.size // self.frame, np.int64)
        self._next = 0

    def advance(self, until: int) -> None:
        """Process whole frames that end by sample *until*."""
        process, clock, frame = self._canceller.process, time.thread_time_ns, self.frame
        while (stop := (self._next + 1) * frame) <= min(until, self._mic.size):
            part = slice(stop - frame, stop)
            mic, far, out = self._mic[part], self._far[part], self._out[part]
            start = clock()
            process(mic, far, out)
            self.times_ns[self._next] = clock() - start
            self._next += 1


def measure(
    makers: Sequence[Maker],
    rate_hz: int,
    mic: Floats,
    far: Floats,
    rounds: int,
    *,
    beside_speex: bool = True,
) -> list[Cost]:
    """The cost of each, on a recording."""
    basis = [speex(SPEEX_FRAME_S, SPEEX_TAIL_S)] if beside_speex else []
    warm = round(_TURN_S * rate_hz) * 2
    for maker in (*basis, *makers):
        _Runner(maker, rate_hz, mic[:warm], far[:warm]).advance(warm)
    taken: list[list[Nanoseconds]] = []
    for _ in range(rounds):
        runners = [_Runner(maker, rate_hz, mic, far) for maker in (*basis, *makers)]
        for until in range(round(_TURN_S * rate_hz), mic.size + 1, round(_TURN_S * rate_hz)):
            for runner in runners:
                runner.advance(until)
        taken.append([runner.times_ns for runner in runners])
        frames = [runner.frame for runner in runners]
    costs = []
    for index, maker in enumerate(makers, start=len(basis)):
        times = np.stack([row[index] for row in taken]).astype(np.float64)
        basis_times = np.array([row[0].sum() for row in taken]) if basis else None
        costs.append(_cost(maker.name, rate_hz, frames[index], times, basis_times))
    return costs


def _cost(name: str, rate_hz: int, frame: int, times_ns: NDArray[np.float64], basis_ns: Nanoseconds | None) -> Cost:
    """Figures of times [rounds, blocks] and of SpeexDSP's sums [rounds]."""
    sums = times_ns.sum(axis=1)
    seconds = times_ns.shape[1] * frame / rate_hz
    worst_ns = float(np.median(times_ns, axis=0).max())
    ratio, quartiles = None, None
    if basis_ns is not None:
        ratios = sums / basis_ns
        ratio = float(np.median(ratios))
        quartiles = (float(np.percentile(ratios, 25)), float(np.percentile(ratios, 75)))
    return Cost(
        canceller=name,
        rate_hz=rate_hz,
        frame_ms=1e3 * frame / rate_hz,
        ms_per_s=float(np.median(sums)) / 1e6 / seconds,
        worst_share=worst_ns / (1e9 * frame / rate_hz),
        ratio=ratio,
        ratio_quartiles=quartiles,
    )
