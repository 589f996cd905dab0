"""Spoil a board's description on purpose, mistake by mistake, and see which are noticed.

    audiohat board faults --board respeaker-2mic-v1
    audiohat board faults --board codec-zero --json

Every field that a mode uses is got wrong in every way that people get it wrong: its address, its bits, its sense, its scale, two
of its values, its latch; and so are order, pauses and reserved bits. Each time the board is taken through its modes on the
simulated chip, which was written from the datasheet. What nobody notices is listed, and so is what makes no difference.
Exit code 1 when less than 95 % of the mistakes are caught.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import Progress

from firmware_py.cli import FAIL, PASS
from firmware_py.cli.tables import console, print_json, table
from hil.bench.faults import PROOF_ALIKE, Trial, try_faults
from hil.bench.mutations import KINDS

HELP = "spoil a board's description on purpose, and see what is noticed"
ENOUGH = 0.95
CERTIFICATE = ("description", "chip", "promise")
"""Who notices without a look at a healthy board: the reader, the chip, and the mode's contract."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--board", default="respeaker-2mic-v1", help="a board's name or file (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Try them all; returns the exit code."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("mistakes", total=None)
        trials = try_faults(options.board, lambda done, total: progress.update(task, completed=done, total=total))
    report = summary(options.board, trials)
    if options.json:
        print_json(report)
    else:
        _print(report, trials)
    return PASS if report["caught_ratio"] >= ENOUGH else FAIL


def summary(board: str, trials: list[Trial]) -> dict[str, Any]:
    """The figures. Those that are equivalent count neither as caught nor as missed."""
    kinds = {kind: _count(trial for trial in trials if trial.kind == kind) for kind in KINDS}
    told = [trial for trial in trials if trial.verdict != "equivalent"]
    caught = [trial for trial in told if trial.verdict == "caught"]
    return {
        "board": board,
        "caught_ratio": len(caught) / len(told) if told else 1.0,
        "caught_ratio_by_certificate": sum(trial.by in CERTIFICATE for trial in caught) / max(1, len(told)),
        "caught_ratio_if_alike_were_missed": len(caught)
        / max(1, len(told) + sum(t.evidence == PROOF_ALIKE for t in trials)),
        "caught": len(caught),
        "total": len(told),
        "equivalent": len(trials) - len(told),
        "by": dict(Counter(trial.by for trial in caught)),
        "kinds": kinds,
        "escapes": [asdict(trial) for trial in told if trial.verdict == "escaped"],
        "equivalents": [asdict(trial) for trial in trials if trial.verdict == "equivalent"],
    }


def _count(trials: Iterable[Trial]) -> dict[str, int]:
    verdicts = Counter(trial.verdict for trial in trials)
    return {"caught": verdicts["caught"], "escaped": verdicts["escaped"], "equivalent": verdicts["equivalent"]}


def _print(report: dict[str, Any], trials: list[Trial]) -> None:
    out = console()
    counts = table("kind", "caught", "escaped", "equivalent")
    for kind, by_verdict in report["kinds"].items():
        if any(by_verdict.values()):
            counts.add_row(kind, *map(str, by_verdict.values()))
    out.print(counts)
    for title, verdict in (("Not noticed:", "escaped"), ("No difference, so nothing to notice:", "equivalent")):
        listed = [trial for trial in trials if trial.verdict == verdict]
        if listed:
            out.print(title)
        for trial in listed:
            out.print(f"  {trial.kind}: {trial.place}: {trial.change} ({trial.evidence})")
    out.print(
        f"{report['board']}: {report['caught']} of {report['total']} mistakes caught, {report['caught_ratio']:.1%}; "
        f"{report['caught_ratio_by_certificate']:.1%} without a healthy board to compare with; "
        f"{report['caught_ratio_if_alike_were_missed']:.1%} if every exchange of two steps counts that makes no difference "
        "on the model"
    )
