"""How commands print: tables as wide as the terminal, or as paper; JSON with two spaces. No markup: what is printed is data."""

from __future__ import annotations

import sys

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_PAPER_COLUMNS = 120  # of what goes to a file or a pipe


def width() -> int | None:
    """Columns of standard output: None is the terminal's own."""
    return None if sys.stdout.isatty() else _PAPER_COLUMNS


def console() -> Console:
    """Standard output, on which a bracket is a bracket."""
    return Console(width=width(), markup=False, emoji=False, highlight=False)


def table(*columns: str, title: str | None = None, first_wraps: bool = False) -> Table:
    """A table with a line below its head. Nothing is cut off: what is too wide goes on below."""
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == columns[0] and not first_wraps)
    return made


def print_json(what: object) -> None:
    """A value as JSON."""
    print(msgspec.json.format(msgspec.json.encode(what), indent=2).decode())
