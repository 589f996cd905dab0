"""What these tests share: a telephone and a HAT, the conductor of each, and a client that writes down what it is told."""

import re

import pytest
from fake_stage import FakeStage, with_ports

from firmware_py import Board
from firmware_py.audio import AudioSessionServices, Conductor


@pytest.fixture(scope="session")
def telephone(board: Board) -> Board:
    """Every type of port that a HAT can have."""
    return with_ports(
        board,
        microphone="input builtInMic",
        headset="input headsetMic",
        line="input lineIn",
        speaker="output builtInSpeaker",
        receiver="output builtInReceiver",
        headphones="output headphones",
        socket="output lineOut",
    )


@pytest.fixture
def stage(telephone: Board) -> FakeStage:
    return FakeStage(telephone)


@pytest.fixture
def conductor(stage: FakeStage) -> Conductor:
    def fail(error: Exception) -> None:
        raise AssertionError("a listener raised") from error

    return Conductor(stage, on_listener_error=fail)


@pytest.fixture
def api(conductor: Conductor) -> AudioSessionServices:
    """One application, initialised."""
    services = AudioSessionServices(conductor, "app")
    assert services.initialize() == 0
    return services


CASES = [f"T{number:02}" for number in range(1, 44)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The conformance table: every case by its number, what became of it, and the sentences that were tried."""
    tried: dict[str, dict[str, str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            case = re.search(r"::test_t(\d\d)_(\w+)", report.nodeid)
            if case:
                tried.setdefault(f"T{case[1]}", {})[case[2].replace("_", " ")] = outcome
    if not tried:
        return
    terminalreporter.section("conformance to the audio session contract")
    for case in CASES:
        sentences = tried.get(case, {})
        verdict = "not run" if not sentences else "passed" if set(sentences.values()) == {"passed"} else "FAILED"
        terminalreporter.write_line(f"{case}  {verdict:<8}{'; '.join(sentences)}")
