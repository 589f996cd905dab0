"""What a conversation in a mode asks of a board's codec, and the plans that come of it."""

from firmware_py.board import Board
from firmware_py.codec import Plan, plan
from firmware_py.modes import PROFILES, Category, Mode
from firmware_py.registers import Value
from firmware_py.settings import codec_settings

Words = dict[str, int | None]


def asked(board: Board, mode: Mode, source: str | None = None, destination: str | None = None) -> dict[str, Value]:
    """Settings while both ways are open; the primary ports, or those of that name."""
    return codec_settings(
        board,
        mode,
        PROFILES[mode],
        Category.PLAY_AND_RECORD,
        source=board.ports[source] if source else board.port("input"),
        destination=board.ports[destination] if destination else board.port("output"),
    )


def enter(board: Board, mode: Mode, words: Words | None = None) -> Plan:
    """The plan into *mode*, both ways open; from an unknown chip if nothing is said of its words."""
    return plan(board.codec, words, asked(board, mode), "active", board.mclk_hz)


def leave(board: Board, words: Words, sequence: str) -> Plan:
    return plan(board.codec, words, {}, sequence, board.mclk_hz)


def by_address(board: Board, made: Plan) -> dict[int, int | None]:
    return {board.codec.map.registers[name].address: word for name, word in made.words.items()}
