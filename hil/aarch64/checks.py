"""What was asked and what came of it: rows of a table, read from pytest's XML, and the exit code that they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table
from rich.text import Text

Outcome = Literal["passed", "failed", "not run", "no verdict"]

_STYLES = {"passed": "green", "failed": "bold red", "not run": "yellow", "no verdict": "bold magenta"}
_LONGEST, _TOLD = 200, 3


@dataclass(frozen=True)
class Check:
    """One question to one machine. *reason* says why it has not passed, or what passed."""

    name: str
    where: str
    outcome: Outcome
    reason: str = ""


def read(xml: Path, where: str, name: str | None = None) -> list[Check]:
    """A check for each test file that pytest has noted, or one for all of them, called *name*."""
    cases: dict[str, list[tuple[str, Outcome, str]]] = {}
    for case in ElementTree.parse(xml).iter("testcase"):
        called = case.get("name", "")
        file = case.get("classname") or called  # a file that cannot be read is a case without a class
        cases.setdefault(name or title(file), []).append((_sentence(called), *_of(case)))
    return [_check(title, where, found) for title, found in cases.items()]


def _of(case: ElementTree.Element) -> tuple[Outcome, str]:
    for tag in ("failure", "error", "skipped"):
        if (found := case.find(tag)) is not None:
            words = (found.get("message") or "").strip().splitlines() or [tag]
            return ("not run" if tag == "skipped" else "failed"), words[0][:_LONGEST]
    return "passed", ""


def _check(name: str, where: str, cases: Sequence[tuple[str, Outcome, str]]) -> Check:
    """Cases are counted, and named where they have not passed."""
    outcomes = {outcome for _, outcome, _ in cases}
    outcome: Outcome = "failed" if "failed" in outcomes else "passed" if "passed" in outcomes else "not run"
    done = sum(outcome == "passed" for _, outcome, _ in cases)
    remarks = [f"{case}: {outcome}: {words}" for case, outcome, words in cases if outcome != "passed"]
    more = [f"and {len(remarks) - _TOLD} more"] if len(remarks) > _TOLD else []
    return Check(name, where, outcome, "; ".join([f"{done} of {len(cases)}", *remarks[:_TOLD], *more]))


def title(file: str) -> str:
    """tests.dsp.test_fft, or tests/dsp/test_fft.py, is "dsp: fft"."""
    parts = file.removesuffix(".py").replace("/", ".").split(".")
    return ": ".join(_sentence(part) for part in parts if part != "tests")


def _sentence(name: str) -> str:
    """test_it_fits[a shoe] is "it fits [a shoe]"."""
    function, bracket, case = name.removeprefix("test_").partition("[")
    return f"{function.replace('_', ' ')}{' ' if bracket else ''}{bracket}{case}"


def exit_code(checks: Iterable[Check]) -> int:
    """1 if one failed; 4 if one that should have run gave no verdict, or nothing has passed at all; else 0."""
    outcomes = {check.outcome for check in checks}
    return 1 if "failed" in outcomes else 4 if "no verdict" in outcomes or "passed" not in outcomes else 0


def show(checks: Sequence[Check], console: Console) -> None:
    """The table, and a line that counts."""
    table = Table("check", "where", "", "", show_edge=False, pad_edge=False)
    for check in checks:
        outcome = Text("FAILED" if check.outcome == "failed" else check.outcome, _STYLES[check.outcome])
        table.add_row(Text(check.name), Text(check.where), outcome, Text(check.reason))
    console.print(table)
    counts = [f"{sum(check.outcome == kind for check in checks)} {kind}" for kind in _STYLES]
    console.print(", ".join(count for count in counts if not count.startswith("0 ")))
