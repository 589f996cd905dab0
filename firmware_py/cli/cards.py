"""The sound cards of this machine: their ids, which directions they have, what they can do, which mixer controls they offer.

    audiohat cards
    audiohat cards --json

An id is what `audiohat serve --playback hw:CARD=ID,DEV=0` takes; it stays, while a card's number may be another after a boot.
What a card can do is asked by opening it for a moment; one that is in use says so.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from firmware_py.cli import NO_HARDWARE, PASS
from firmware_py.cli.tables import width
from firmware_py.errors import PcmError
from firmware_py.pcm.cards import Card, capabilities, cards, first_device, mixer_controls

HELP = "list the sound cards and what they can do"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """List them; returns the exit code."""
    found = [_facts(card) for card in cards()]
    if options.json:
        print(msgspec.json.encode(found).decode())
    elif found:
        _print(found)
    else:
        print("audiohat cards: there are none; is the HAT seated, and its overlay loaded?", file=sys.stderr)
    return PASS if found else NO_HARDWARE


def _facts(card: Card) -> dict[str, object]:
    directions: dict[str, object] = {}
    for direction, there in (("playback", card.has_playback), ("capture", card.has_capture)):
        if there:
            try:
                directions[direction] = asdict(capabilities(first_device(card, direction), direction))
            except PcmError as error:
                directions[direction] = {"refused": str(error)}
    return {"id": card.id, "name": card.name, "index": card.index, **directions, "mixer": mixer_controls(card)}


def _print(found: list[dict[str, object]]) -> None:
    console = Console(width=width())
    table = Table(box=SIMPLE_HEAD)
    for name in ("id", "name", "direction", "rates in Hz", "channels", "formats", "mixer controls"):
        table.add_column(name)
    for card in found:
        mixer = card["mixer"]
        assert isinstance(mixer, list)
        for direction in ("playback", "capture"):
            able = card.get(direction)
            if isinstance(able, dict):
                cells = [_listed(able.get(key, ())) for key in ("rates_hz", "channels", "formats")]
                refused = able.get("refused")
                shown = [str(refused), "", ""] if refused else cells
                table.add_row(str(card["id"]), str(card["name"]), direction, *shown, str(len(mixer)))
    console.print(table)


def _listed(values: tuple[object, ...]) -> str:
    """A few in full, many as a range."""
    words = [str(value) for value in values]
    return ", ".join(words) if len(words) <= 4 else f"{words[0]} ... {words[-1]}"
