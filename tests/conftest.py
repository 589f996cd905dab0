"""What tests share: a board, a bus, a bench. What could not be asked on this machine is said at the end, with the reason."""

import signal
from collections.abc import Iterable, Iterator

import pytest
from fakes import RecordingBus

from firmware_py import Board, load_board
from hil.bench import VirtualBench

NOT_TESTED = "not tested: "


def pytest_configure() -> None:
    """A run that a script starts in the background ignores Ctrl-C, and so would all that it starts: nothing would end them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A test that could not be asked is not passed: its reason is shown."""
    skipped: Iterable[pytest.TestReport] = terminalreporter.stats.get("skipped", ())
    lines = sorted(
        {report.longrepr[2].partition(NOT_TESTED)[2] for report in skipped if isinstance(report.longrepr, tuple)}
    )
    for line in filter(None, lines):
        terminalreporter.write_line(NOT_TESTED + line)


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Certificates of boards that tests have broken do not replace those of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def board() -> Board:
    return load_board("respeaker-2mic-v1")


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture
def bench(board: Board) -> Iterator[VirtualBench]:
    bench = VirtualBench(board)
    yield bench
    bench.close()
