"""What it costs to read descriptions: every shipped file, and the plan of every mode on every board."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from firmware_py.descriptions.checkup import check_files
from firmware_py.descriptions.shelf import SHIPPED
from firmware_py.explain import impossible, mode_plan
from firmware_py.modes import Category, Mode


@dataclass(frozen=True)
class Cost:
    """The best of some rounds, in milliseconds: other programs only ever make it worse."""

    boards: int
    read_ms: float  # every codec and board read and checked
    check_ms: float  # the same, and every mode on every board tried
    plan_ms: float  # the median of one plan, to one mode on one board, from a codec of which nothing is known
    worst_plan_ms: float


def measure(rounds: int) -> Cost:
    """Read, check and plan, so many times."""
    reads, checks, plans = [], [], []
    for _ in range(rounds):
        started = time.perf_counter()
        boards = [checked.board for checked in check_files([SHIPPED]) if checked.board]
        reads.append(time.perf_counter() - started)
        for board in boards:
            list(impossible(board))
        checks.append(time.perf_counter() - started)
        one_round = []
        for board in boards:
            for mode in Mode:
                started = time.perf_counter()
                mode_plan(board, mode, Category.PLAY_AND_RECORD, cold=True)
                one_round.append(time.perf_counter() - started)
        plans.append(one_round)
    best = [min(times) for times in zip(*plans, strict=True)]
    return Cost(len(boards), min(reads) * 1e3, min(checks) * 1e3, statistics.median(best) * 1e3, max(best) * 1e3)
