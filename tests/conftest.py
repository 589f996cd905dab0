"""What tests share: a board, a bus, a bench."""

from collections.abc import Iterator

import pytest
from fakes import RecordingBus

from firmware_py import Board, load_board
from hil.bench import VirtualBench


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
