"""Benchmarks: what the parts of this product cost and reach, beside other ways of doing the same, in one run.

audiohat bench engine        how late periods come beside a busy Python thread; how soon a new process plays; its memory
audiohat bench descriptions  how long it takes to read and check every board and codec, and to plan a mode
audiohat bench aec           the echo canceller in generated scenes and on recordings, beside others
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import asdict

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from firmware_py.cli import PASS
from firmware_py.cli.tables import width
from firmware_py.engine import kernel_parts
from hil.bench import descriptions
from hil.bench.aec import command as aec
from hil.bench.aec.options import number
from hil.bench.lateness import Lateness, Start, measure, measure_start

HELP = "measure what the parts cost, beside other ways of doing the same"
SHORTEST_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    engine = parts.add_parser("engine", help="lateness of periods beside a busy Python thread")
    engine.add_argument(
        "--seconds",
        type=number(SHORTEST_S, 3600.0, "seconds"),
        default=4.0,
        metavar="S",
        help="of each way in each round (default 4)",
    )
    engine.add_argument("--rounds", type=_count, default=3, metavar="N", help="rounds, ways alternating (default 3)")
    engine.add_argument("--json", action="store_true", help="print JSON")
    engine.set_defaults(measure=_engine)
    read = parts.add_parser("descriptions", help="reading and checking boards and codecs, planning a mode")
    read.add_argument("--rounds", type=_count, default=5, metavar="N", help="rounds; the best counts (default 5)")
    read.add_argument("--json", action="store_true", help="print JSON")
    read.set_defaults(measure=_descriptions)
    cancelling = parts.add_parser(
        "aec", help=aec.HELP, description=aec.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    aec.add_arguments(cancelling)
    cancelling.set_defaults(measure=aec.run)


def run(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    code: int = options.measure(options)
    return code


def _descriptions(options: argparse.Namespace) -> int:
    cost = descriptions.measure(options.rounds)
    if options.json:
        print(msgspec.json.encode(asdict(cost)).decode())
        return PASS
    print(f"{cost.boards} boards and their codecs read and checked: {cost.read_ms:.0f} ms")
    print(f"and every mode on every board tried: {cost.check_ms:.0f} ms")
    print(f"one plan: {cost.plan_ms:.1f} ms, the longest {cost.worst_plan_ms:.1f} ms")
    return PASS


def _engine(options: argparse.Namespace) -> int:
    for name, compile_part in kernel_parts().items():
        _say(f"preparing kernels: {name}")
        compile_part()
    lateness = measure(
        options.seconds, options.rounds, lambda name, done, total: _say(f"{done + 1} of {total}: {name}")
    )
    _say("a process of its own")
    start = measure_start()
    if options.json:
        rows = {name: asdict(row) for name, row in lateness.items()}
        print(msgspec.json.encode({**rows, "start": asdict(start)}).decode())
    else:
        _print(Console(width=width()), lateness, start)
    return PASS


def _print(console: Console, lateness: dict[str, Lateness], start: Start) -> None:
    table = Table(box=SIMPLE_HEAD, title="lateness in µs, beside a busy Python thread", title_justify="left")
    table.add_column("loop")
    for name in ("period", "half", "99 %", "worst", "missed"):
        table.add_column(name, justify="right")
    for name, row in lateness.items():
        values = (row.period_us, row.p50_us, row.p99_us, row.max_us)
        table.add_row(name, *(f"{value:.0f}" for value in values), f"{row.missed} of {row.periods}")
    console.print(table)
    console.print(
        f"a new process, kernels compiled before: first period after {start.first_period_s:.2f} s, "
        f"{start.resident_mb:.0f} MB resident with everything loaded"
    )


def _count(text: str) -> int:
    with suppress(ValueError):
        if 1 <= int(text) <= 1000:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text}: a number of rounds from 1 to 1000")


def _say(sentence: str) -> None:
    print(f"audiohat bench: {sentence}", file=sys.stderr, flush=True)
