"""A stage that only remembers, for tests of what sessions do to each other. It keeps the contract and checks its callers."""

from collections.abc import Mapping
from dataclasses import replace

from firmware_py import Board
from firmware_py.audio import Setup
from firmware_py.board import Port
from firmware_py.errors import BusError, FirmwareError

SUPPORTED_RATE_HZ = 48_000.0


def with_ports(board: Board, **kinds: str) -> Board:
    """The board with other ports: name -> "input builtInMic"."""
    ports = {name: Port(name, *what.split(), set={}) for name, what in kinds.items()}
    return replace(board, ports=ports)


class FakeStage:
    """Sounds in words. `fails` names what raises next and ever after: any of start, change, stop."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.setup: Setup | None = None
        self.gains_db: dict[str, float | None] = {}
        self.fails: set[str] = set()
        self.log: list[str] = []
        self.rate_hz = SUPPORTED_RATE_HZ
        self.buffer_s = 1024 / SUPPORTED_RATE_HZ
        self.input_latency_s, self.output_latency_s = 0.003, 0.004
        self.output_volume = 0.5
        self.input_gain_available = True
        self.failure: FirmwareError | None = None
        self.card_is_there = True

    def answers(self) -> bool:
        assert self.setup is None, "asked while sounding"
        return self.card_is_there

    @property
    def input_channels(self) -> int:
        return 2 if self.setup and self.setup.source else 0

    @property
    def output_channels(self) -> int:
        return 2 if self.setup and self.setup.destination else 0

    @property
    def input_gain(self) -> float:
        return 0.25 if self.setup is None or self.setup.input_gain is None else self.setup.input_gain

    def start(self, setup: Setup) -> None:
        assert self.setup is None, "start while sounding"
        self._do("start")
        self.setup = setup

    def change(self, setup: Setup) -> None:
        assert self.setup is not None, "change while silent"
        assert setup != self.setup, "change to the same"
        self._do("change")
        self.setup = setup

    def stop(self) -> None:
        assert self.setup is not None, "stop while silent"
        assert not self.gains_db, "stop while somebody is heard"
        self.setup = self.failure = None
        self._do("stop")

    def mix(self, gains_db: Mapping[str, float | None]) -> None:
        assert self.setup is not None, "mix while silent"
        self.gains_db = dict(gains_db)
        self.log.append("mix " + " ".join(sorted(self.gains_db)))

    def _do(self, what: str) -> None:
        self.log.append(what)
        if what in self.fails:
            raise BusError(121, f"no acknowledge at {what}")
