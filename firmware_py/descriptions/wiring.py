"""What makes a board agree with its codec, the modes and the header's pins: each rule one function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from firmware_py.board import AddressableLeds, Board
from firmware_py.descriptions.locate import KeyPath
from firmware_py.descriptions.reader import Problems
from firmware_py.descriptions.references import misfit
from firmware_py.descriptions.vocabulary import FROM_BOARDS, FROM_MODES, STEP_WORDS
from firmware_py.errors import nearest
from firmware_py.modes import Mode
from firmware_py.registers import Value

HEADER_GPIOS = range(2, 28)
TAKEN_GPIOS: Mapping[int, str] = {2: "I2C", 3: "I2C", 18: "I2S", 19: "I2S", 20: "I2S", 21: "I2S"}
"""Lines of the 40-pin header that a HAT with a codec uses for the codec itself."""


def board_is_named_as_its_file(board: Board, problems: Problems) -> None:
    """A board is looked up by its file's name and shown by its own: they are the same."""
    stem = Path(board.file).stem
    if board.name != stem and not problems.broken("name"):
        cure = f"write {stem!r}, or name the file {board.name}.toml"
        problems.add(("name",), f"{board.name!r} is not the file's name; {cure}")


def board_has_its_codec(board: Board, problems: Problems) -> None:
    """The codec can answer at the board's address; its clock tables know the board's crystal, and the rates that it names."""
    codec = board.codec
    if board.i2c_address not in codec.addresses and not problems.broken("i2c"):
        known = ", ".join(f"0x{address:02x}" for address in codec.addresses)
        problems.add(("i2c", "address"), f"{codec.title} cannot answer here; it does at {known}")
    if not codec.rates_at(board.mclk_hz) and not problems.broken("mclk_hz"):
        known = ", ".join(str(hz) for hz in sorted({row.mclk_hz or 0 for row in codec.clocks}))
        problems.add(("mclk_hz",), f"{codec.title} has no clock row for {board.mclk_hz} Hz; it has {known}")
    able = codec.rates_at(board.mclk_hz)
    for index, rate_hz in enumerate(board.rates_hz):
        if able and rate_hz not in able:
            known = ", ".join(map(str, able))
            problems.add(
                ("rates_hz", index), f"{codec.title} cannot make this from {board.mclk_hz} Hz; it can make {known}"
            )


def board_names_real_controls(board: Board, problems: Problems) -> None:
    """What a board sets is a control of its codec, decided by boards, and takes the value."""
    for at, settings in _settings(board):
        for name, value in settings.items():
            if problems.broken(*at, name):
                continue
            control = board.codec.controls.get(name)
            if control is None:
                reason = board.codec.absent.get(name) or nearest(name, board.codec.controls)
                problems.add((*at, name), f"{board.codec.title} has no such control: {reason}")
            elif at[0] != "modes" and name not in FROM_BOARDS:
                problems.add((*at, name), "is decided by the mode; a board may override it in [modes.NAME]")
            elif why := misfit(board.codec, control, value):
                problems.add((*at, name), why)


def modes_exist(board: Board, problems: Problems) -> None:
    """Overrides are for modes that there are."""
    known = [mode.value for mode in Mode]
    for name in board.modes:
        if name not in known:
            problems.add(("modes", name), f"there is no such mode; {nearest(name, known)}")


def board_covers_the_active_sequence(board: Board, problems: Problems) -> None:
    """Every control that the active sequence applies is given a value: by the codec, the board or the modes."""
    needed = {word for step in board.codec.sequences["active"] for word in step.apply}
    needed -= {*FROM_MODES, *STEP_WORDS, *board.defaults, *board.codec.absent}
    if needed and not problems.broken("defaults"):
        problems.add(("defaults",), f"nothing is said of {', '.join(sorted(needed))}")


def ports_open_what_is_shut(board: Board, problems: Problems) -> None:
    """There is a way in and a way out, and what a port opens is shut by default."""
    for kind in ("input", "output"):
        if all(port.kind != kind for port in board.ports.values()) and not problems.broken("ports"):
            problems.add(("ports",), f"there is no {kind}")
    for name, port in board.ports.items():
        for control, value in port.set.items():
            at = ("ports", name, "set", control)
            shut = board.defaults.get(control, "off") == "off"
            if not problems.broken(*at) and (value == "off" or not shut):
                problems.add(at, 'a port switches on what [defaults] has as "off"')


def card_is_an_id(board: Board, problems: Problems) -> None:
    """ALSA takes 15 letters, digits, _ and - for a card's id; the overlay is a file's name, and the board's by default."""
    if board.card and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,14}", board.card):
        problems.add(("card",), f"{board.card!r} is no ALSA card id: at most 15 letters, digits, _ and -")
    if board.overlay and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", board.overlay):
        key = "name" if board.overlay == board.name else "overlay"
        problems.add((key,), f"{board.overlay!r} is no overlay's name: letters, digits, _ and -")


def lines_are_free(board: Board, problems: Problems) -> None:
    """Buttons and LEDs use lines of the header, each its own, and none of the codec's."""
    taken = dict(TAKEN_GPIOS)
    for at, gpio, user in _lines(board):
        if problems.broken(*at):
            continue
        if gpio not in HEADER_GPIOS:
            problems.add(at, f"the header has GPIO{HEADER_GPIOS[0]} ... GPIO{HEADER_GPIOS[-1]}, not this")
        elif gpio in taken:
            problems.add(at, f"GPIO{gpio} is taken by {taken[gpio]}")
        taken.setdefault(gpio, user)


BOARD_CHECKS: tuple[Callable[[Board, Problems], None], ...] = (
    board_is_named_as_its_file,
    board_has_its_codec,
    board_names_real_controls,
    modes_exist,
    board_covers_the_active_sequence,
    ports_open_what_is_shut,
    card_is_an_id,
    lines_are_free,
)

CHECKS_WITHOUT_CODEC = (board_is_named_as_its_file, modes_exist, card_is_an_id, lines_are_free)
"""Those that can be held against a board whose codec is broken."""


def _settings(board: Board) -> Iterator[tuple[KeyPath, Mapping[str, Value]]]:
    yield ("defaults",), board.defaults
    for name, port in board.ports.items():
        yield ("ports", name, "set"), port.set
    for mode, settings in board.modes.items():
        yield ("modes", mode), settings


def _lines(board: Board) -> Iterator[tuple[KeyPath, int, str]]:
    for index, button in enumerate(board.buttons):
        yield ("buttons", index, "gpio"), button.gpio, f"button {button.name!r}"
    if isinstance(board.leds, AddressableLeds):
        yield ("leds", "data_gpio"), board.leds.data_gpio, "the LEDs"
        yield ("leds", "clock_gpio"), board.leds.clock_gpio, "the LEDs"
    else:
        for index, led in enumerate(board.leds):
            yield ("leds", index, "gpio"), led.gpio, f"LED {led.name!r}"
