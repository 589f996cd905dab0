"""A recording, read: what one of the kernel's drivers does to its chip, control by control."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hil.witness.writes import Pause, Write, parse

FOLDER = Path(__file__).resolve().parent / "recordings"
_FORMULA = re.compile(r"(?:(\d+)-)?value([+-]\d+)?(?:>>(\d+)&(\d+))?")

Said = tuple[Write | Pause, ...]


@dataclass(frozen=True)
class Move:
    """Bits of a register that follow one channel of a control."""

    channel: int
    register: int
    msb: int
    lsb: int
    codes: Mapping[int, int]
    """The code in these bits, for each value of the control."""
    db: Mapping[int, float | None] | None
    """Decibels for each value, None where it is silence; no mapping where the driver tells no scale."""
    items: tuple[str, ...]
    with_bits: int
    """Other bits of the register that were 1 in every such write, which no control and no widget moves: latches, for one."""


@dataclass(frozen=True)
class Control:
    """A control as a card shows it."""

    name: str
    index: int
    kind: str
    channels: int
    minimum: int
    maximum: int
    items: tuple[str, ...]
    first: tuple[int, ...]
    """Where it stands before anybody has moved it."""
    moves: tuple[Move, ...]
    order: tuple[int, ...]
    """The registers, as they are written when all channels move."""
    refused: tuple[tuple[int, ...], ...]
    steps: Mapping[tuple[int, ...], Said]
    """What was written on the way to these values, where the moves alone would not have foretold it."""


@dataclass(frozen=True)
class Recording:
    """All that one driver did."""

    codec: str
    kernel: str
    driver: str
    bus: str
    probe: Said
    card: Said
    registers: Mapping[int, int]
    """What the driver takes the chip to hold when its card is there; empty where it knows of none."""
    volatile: frozenset[int]
    widgets: Mapping[str, tuple[int, int]]
    """What is powered as it is needed: register and mask."""
    controls: Mapping[str, Control]
    formats: Mapping[str, Said | str]
    """Writes, or in words what was refused. Of widths, clocks (MCLK, rate, who makes the clocks) and calls, too."""
    widths: Mapping[str, Said | str]
    clocks: Mapping[str, Said | str]
    calls: Mapping[str, Said | str]
    power: Mapping[str, Mapping[str, Any]]
    """For each stream the writes of its phases, and the widgets that were `on`."""


def recorded() -> tuple[str, ...]:
    """The codecs of which there is a recording."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def load(codec: str) -> Recording:
    """The recording of a codec's driver."""
    if codec not in recorded():
        raise ValueError(f"no recording of {codec!r}; there are {', '.join(recorded())}")
    return read(json.loads((FOLDER / f"{codec}.json").read_text()))


def read(kept: Mapping[str, Any]) -> Recording:
    """From what is kept in a file."""
    controls = [_control(entry) for entry in kept["controls"]]
    return Recording(
        kept["codec"], kept["kernel"], kept["driver"], kept["bus"], parse(kept["probe"]), parse(kept["card"]),
        dict(_pairs(kept["registers"])), frozenset(int(number, 16) for number in kept["volatile"].split()),
        {name: _pairs(text)[0] for name, text in kept["widgets"].items()},
        {control.name: control for control in controls},
        _group(kept, "formats"),
        _group(kept, "widths"),
        _group(kept, "clocks"),
        _group(kept, "calls"),
        {name: {phase: _said(x) if isinstance(x, str) else tuple(x) for phase, x in one.items()}
         for name, one in kept.get("power", {}).items()},
    )  # fmt: skip


def _pairs(text: str) -> list[tuple[int, int]]:
    return [(one.register, one.value) for one in parse(text) if isinstance(one, Write)]


def _group(kept: Mapping[str, Any], name: str) -> dict[str, Said | str]:
    return {key: _said(text) for key, text in kept.get(name, {}).items()}


def _said(text: str) -> Said | str:
    return text if text.startswith("refused") else parse(text)


def _control(entry: Mapping[str, Any]) -> Control:
    items = tuple(entry.get("items", ()))
    low, high = entry.get("range", (0, len(items) - 1))
    db = _db(entry["db"]) if "db" in entry else None
    moves = tuple(
        Move(channel, int(register, 16), msb, lsb, _codes(relation, low, high), db, items, with_bits)
        for channel, register, msb, lsb, relation, with_bits in entry["moves"]
    )
    order = tuple(int(number, 16) for number in entry.get("order", ())) or tuple(
        dict.fromkeys(m.register for m in moves)
    )
    return Control(
        entry["name"], entry.get("index", 0), entry["kind"], entry["channels"], low, high, items, tuple(entry["first"]),
        moves, order, tuple(map(tuple, entry.get("refused", ()))),
        {tuple(values): parse(text) for values, text in entry.get("steps", ())},
    )  # fmt: skip


def _codes(relation: str | Sequence[int] | Mapping[str, int], low: int, high: int) -> dict[int, int]:
    if isinstance(relation, Mapping):
        return {int(value): code for value, code in relation.items()}
    if not isinstance(relation, str):
        return dict(enumerate(relation))
    formula = _FORMULA.fullmatch(relation)
    if formula is None:
        raise ValueError(f"{relation!r} is no relation")
    minuend, addend, shift, bits = (int(part) if part else None for part in formula.groups())
    if minuend is not None:
        return {value: minuend - value for value in range(low, high + 1)}
    if shift is not None and bits is not None:
        return {value: value >> shift & bits for value in range(low, high + 1)}
    return {value: value + (addend or 0) for value in range(low, high + 1)}


def _db(pieces: Sequence[Sequence[float]]) -> dict[int, float | None]:
    scale: dict[int, float | None] = {}
    for low, high, first, last, mute in pieces:
        for value in range(int(low), int(high) + 1):
            scale[value] = round(first + (last - first) * (value - low) / (high - low or 1), 2)
        if mute:
            scale[int(low)] = None
    return scale
