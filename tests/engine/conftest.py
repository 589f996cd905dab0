"""What could not be asked on this machine is said at the end, with the reason: it is not passed."""

from collections.abc import Iterable

import pytest

NOT_TESTED = "not tested: "


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped: Iterable[pytest.TestReport] = terminalreporter.stats.get("skipped", ())
    lines = sorted(
        {report.longrepr[2].partition(NOT_TESTED)[2] for report in skipped if isinstance(report.longrepr, tuple)}
    )
    for line in filter(None, lines):
        terminalreporter.write_line(NOT_TESTED + line)
