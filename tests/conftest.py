"""What tests share: a board, a bus, a bench."""

from collections.abc import Iterator

import pytest
from fakes import RecordingBus

from firmware_py import Board, load_board
from hil.bench import VirtualBench


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
