"""One server for all tests that do not end it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, Wire

from firmware_py.serve import Client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    served = Served(folder / "board.sock")
    yield served
    assert served.end(signal.SIGTERM) == 0
    assert "Traceback" not in served.said
    assert list(folder.iterdir()) == []


@pytest.fixture
def path(server: Served) -> Path:
    """Where it listens, when nothing is left of the test before."""
    assert server.process.poll() is None, "an earlier test ended the server"
    with Client(server.path) as client:
        while [facts["name"] for facts in client.sessions()] != ["device"]:
            pass  # a client that was killed is being cleared away
        assert not client.status()["sounding"]
    return server.path


@pytest.fixture
def wire(path: Path) -> Iterator[Wire]:
    with Wire(path) as wire:
        yield wire


@pytest.fixture
def client(path: Path) -> Iterator[Client]:
    with Client(path) as client:
        yield client


@pytest.fixture
def other(path: Path) -> Iterator[Client]:
    with Client(path) as client:
        yield client
