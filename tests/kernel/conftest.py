"""Tests of the guest: a kernel of the bench's own, with devices. Elsewhere nothing here is collected; `make kernel-bench` runs it.

At the end every check has a line: its outcome, its sentence, its case, and what it has found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from devices import Header, Wire

IN_THE_GUEST = "AUDIOHAT_KERNEL_BENCH" in os.environ

collect_ignore_glob = [] if IN_THE_GUEST else ["*"]


@pytest.fixture
def plug() -> Iterator[Callable[..., Wire]]:
    """Makes the I2C bus anew, with the chips that are asked for."""
    with ExitStack() as plugged:
        yield lambda **chips: plugged.enter_context(Wire(**chips))


@pytest.fixture
def header() -> Iterator[Header]:
    """A Raspberry Pi's header; the kernel itself holds GPIO5, 6 and 13."""
    with Header(held=(5, 6, 13)) as header:
        yield header


if IN_THE_GUEST:
    os.environ |= {"AUDIOHAT_TEST_PLAYBACK": "hw:Loopback,0,0", "AUDIOHAT_TEST_CAPTURE": "hw:Loopback,1,0"}

    def pytest_terminal_summary(terminalreporter: Any) -> None:
        terminalreporter.write_line("")
        for outcome in ("passed", "failed", "error", "skipped"):
            for report in terminalreporter.getreports(outcome):
                if outcome != "passed" or report.when == "call":
                    terminalreporter.write_line(f"{outcome:8}{_sentence(report)}")

    def _sentence(report: Any) -> str:
        module, _, test = report.nodeid.partition("::")
        name, bracket, case = test.partition("[")
        place = module.rpartition("/")[2].removeprefix("test_").removesuffix(".py")
        found = "".join(f"; {what}: {value}" for what, value in getattr(report, "user_properties", ()))
        if not test:  # a whole module
            name = str(report.longrepr[2] if report.skipped else "cannot be imported")
        return f"{place}: {name.removeprefix('test_').replace('_', ' ')}{f' [{case}' if bracket else ''}{found}"
