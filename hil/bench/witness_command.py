"""Codecs beside the kernel's own drivers for them: does a description say what the driver's recorded writes say?

    audiohat board witness                       every codec of which there is a recording
    audiohat board witness wm8960 --json         one of them, with all findings

It works offline, on recordings of unmodified drivers. A driver is one witness, not the chip: where it is known to be wrong, that is
said with the reason, and counts for nobody. Exit codes: 0 nothing contradicts, 1 something does and nobody knows why, 2 usage.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from firmware_py.cli import FAIL, PASS
from firmware_py.cli.tables import console, print_json, table
from firmware_py.errors import UnknownNameError
from hil.bench.witness import Comparison, compare
from hil.bench.witness_findings import AGREED, CONTRADICTED, KNOWN, SILENT, UNDESCRIBED, Finding
from hil.witness import recorded

HELP = "compare codecs with what the kernel's own drivers write"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("codec", nargs="?", metavar="CODEC", help="default: every one of which there is a recording")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Compare and print; returns the exit code."""
    known = recorded()
    if options.codec is not None and options.codec not in known:
        raise UnknownNameError("recording", options.codec, known)
    comparisons = [compare(codec) for codec in ([options.codec] if options.codec else known)]
    if options.json:
        print_json(comparisons)
    else:
        _print(comparisons)
    return FAIL if any(comparison.contradictions for comparison in comparisons) else PASS


def _print(comparisons: Sequence[Comparison]) -> None:
    shown = table("codec", title="fields of a description, beside the kernel's driver")
    for name in ("fields", AGREED, CONTRADICTED, KNOWN, SILENT):
        shown.add_column(name, justify="right")
    for one in comparisons:
        counts = (len(one.fields), *(one.count(verdict) for verdict in (AGREED, CONTRADICTED, KNOWN, SILENT)))
        shown.add_row(one.codec, *map(str, counts))
    paper = console()
    paper.print(shown)
    for one in comparisons:
        for finding in one.contradictions:
            paper.print(f"{one.codec}: {finding.sentence}")
        for reason in dict.fromkeys(finding.reason for finding in one.known):
            _print_about(paper, one.codec, KNOWN, [f for f in one.known if f.reason == reason], reason)
        if one.undescribed:
            _print_about(paper, one.codec, UNDESCRIBED, one.undescribed, "")


def _print_about(paper: Console, codec: str, verdict: str, findings: Sequence[Finding], reason: str) -> None:
    witnesses = ", ".join(dict.fromkeys(finding.witness for finding in findings))
    paper.print(f"{codec}: {verdict}: {witnesses}{reason and ': ' + reason}")
