"""What these tests share: a telephone and a HAT, the conductor of each, and a client that writes down what it is told."""

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
