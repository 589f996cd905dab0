"""Reads a TOML file into typed values and collects all that is wrong. Knows no codec, no board."""

from __future__ import annotations

import datetime
import errno
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_py.descriptions.locate import KeyPath, locate
from firmware_py.errors import DescriptionError, nearest
from firmware_py.registers import Value

MAX_BYTES = 1_000_000
"""A description has some twenty thousand bytes; what is larger than this is something else."""

MAX_NUMBER = 2**53
"""Whole numbers beyond this are not exact as floats, and mean nothing in a register or a clock."""


class Problems:
    """What is wrong with one file. Later finds can ask whether a place is already known to be broken."""

    def __init__(self, file: str, text: str | None = None) -> None:
        self.file = file
        self._text = text
        self._found: dict[KeyPath, list[str]] = {}
        self._broken: set[KeyPath] = set()

    def add(self, path: KeyPath, message: str) -> None:
        """Note *message* about the value at *path*."""
        if message not in self._found.setdefault(path, []):
            self._found[path].append(message)
        self._broken.update(path[:length] for length in range(len(path) + 1))

    def broken(self, *path: str | int) -> bool:
        """Whether something is wrong at or below this place."""
        return path in self._broken

    def __bool__(self) -> bool:
        return bool(self._found)

    def lines(self) -> list[str]:
        """`file:line:column: key: what is wrong; what would be right`, in the order of the file."""
        places = locate(self._text) if self._text else {}
        lines = []
        for path, messages in self._found.items():
            known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in places), ())
            place = places.get(known, (1, 1))
            where = self.file if self._text is None else f"{self.file}:{place[0]}:{place[1]}"
            lines += [(place, f"{where}: {dotted(path)}: {message}") for message in messages]
        return [_printable(line) for _, line in sorted(lines, key=lambda entry: entry[0])]

    def raise_if_any(self) -> None:
        """Raise one `DescriptionError` with all lines, if there are any."""
        if self._found:
            raise DescriptionError("\n".join(self.lines()))


def dotted(path: KeyPath) -> str:
    """A path as a person writes it.

    >>> dotted(("sequences", "active", 3, "note"))
    'sequences.active[3].note'
    """
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")
    return text if len(text) <= 120 else text[:117] + "..."


def read_toml(file: Path, shown: str) -> tuple[dict[str, Any], str]:
    """The content and the text of a TOML file; *shown* is how messages call it.

    Raises
    ------
    DescriptionError
        It cannot be read, is not UTF-8, or is not TOML: one sentence, with line and column.
    """
    try:
        raw = _read_small(file)
        text = raw.decode().replace("\r\n", "\n")
    except OSError as error:
        raise DescriptionError(f"{shown}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        before = raw[: error.start].split(b"\n")
        at = f"{len(before)}:{len(before[-1]) + 1}"
        raise DescriptionError(f"{shown}:{at}: byte 0x{raw[error.start]:02x} is not UTF-8") from None
    try:
        return tomllib.loads(text), text
    except RecursionError:
        raise DescriptionError(f"{shown}:1:1: is nested too deeply") from None
    except ValueError as error:  # not only TOMLDecodeError: a number of 5000 digits is a plain ValueError
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        what = str(error)[: place.start()] if place else str(error)
        lines = text.split("\n")
        at = f"{place[1]}:{place[2]}" if place and place[1] else f"{len(lines)}:{len(lines[-1]) + 1}"
        raise DescriptionError(f"{shown}:{at}: is not TOML: {what}") from None


def _read_small(file: Path) -> bytes:
    """The bytes of a regular file of a reasonable size; OSError for anything else."""
    if not stat.S_ISREG((status := file.stat()).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if status.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES} bytes, so it is no description")
    return file.read_bytes()


class Table:
    """A TOML table being read. Each getter answers with a value of the right type, and notes what was wrong.

    A getter without a default notes a missing key. `finish` notes the keys that nobody asked for.
    """

    def __init__(self, data: Mapping[str, object], path: KeyPath, problems: Problems) -> None:
        self._data = data
        self.path = path
        self.problems = problems
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._data

    @property
    def keys(self) -> list[str]:
        """All keys, asked for or not."""
        return list(self._data)

    def says(self, key: str, word: str) -> bool:
        """Whether the value of *key* is this one word, where otherwise something else is expected."""
        if self._data.get(key) != word:
            return False
        self._asked.append(key)
        return True

    def is_table(self, key: str) -> bool:
        """Whether *key* is one table, where it could also be many."""
        return isinstance(self._data.get(key), dict)

    def wrong(self, key: str, message: str) -> None:
        """Note *message* about the value of *key*."""
        self.problems.add((*self.path, key), message)

    def wrong_item(self, key: str, index: int, message: str) -> None:
        """Note *message* about one item of the list at *key*."""
        self.problems.add((*self.path, key, index), message)

    def _get(self, key: str, kinds: tuple[type, ...], wanted: str, required: bool) -> Any:
        """The value of *key* if it is there and of one of *kinds*, else None."""
        self._asked.append(key)
        value = self._data.get(key)
        if value is None:
            if required:
                self.wrong(key, f"is missing; it must be {wanted}")
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.wrong(key, f"is {_kind(value)}; it must be {wanted}")
            return None
        return value

    def text(self, key: str, default: str | None = None, hint: str = "") -> str:
        """A string that is not empty; *hint* says what it looks like."""
        value = self._get(key, (str,), "text" + hint, default is None)
        if value == "":
            self.wrong(key, "is empty")
        return str(value) if value is not None else default or ""

    def choice(self, key: str, options: Iterable[str], default: str | None = None) -> str:
        """One of a few words."""
        options = list(options)
        value = self.text(key, default)
        if value and value not in options:
            self.wrong(key, f"{value!r} is not possible; {nearest(value, options)}")
            return options[0]
        return value or options[0]

    def whole(self, key: str, low: int, high: int, hint: str = "") -> int:
        """A whole number, *low* ... *high*; *hint* names what else could stand here."""
        value = self._get(key, (int,), f"a whole number, {low} ... {high}{hint}", True)
        if value is not None and not low <= value <= high:
            self.wrong(key, f"{_short(value)} is outside {low} ... {high}")
            value = None
        return low if value is None else int(value)

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._get(key, (int, float), "a number", default is None)
        if value is not None and not abs(value) <= MAX_NUMBER:
            self.wrong(key, f"{_short(value)} is beyond all measure")
            value = None
        return float(value if value is not None else default or 0.0)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self._get(key, (bool,), "true or false", default is None)
        return bool(default if value is None else value)

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        value = self._get(key, (list,), "a list of texts", default is None)
        for index, item in enumerate(value or ()):
            if not isinstance(item, str):
                self.wrong_item(key, index, f"is {_kind(item)}; it must be text")
        return tuple(item for item in (default or () if value is None else value) if isinstance(item, str))

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers, not empty."""
        value = self._get(key, (list,), "a list of numbers", True)
        if value == []:
            self.wrong(key, "is empty")
        for index, item in enumerate(value or ()):
            if isinstance(item, bool) or not isinstance(item, int | float) or not abs(item) <= MAX_NUMBER:
                self.wrong_item(key, index, f"is {_kind(item)}; it must be a number below 2^53")
        return () if self.problems.broken(*self.path, key) else tuple(float(item) for item in value or ())

    def value(self, key: str) -> Value:
        """A physical value: a number, a word, or true and false."""
        value = self._get(key, (str, bool, int, float), "a number, a word, true or false", True)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.number(key)
        return "" if value is None else value

    def values(self, key: str) -> dict[str, Value]:
        """A table of physical values; none if it is not there."""
        table = self.table(key, required=False)
        return {name: table.value(name) for name in table.keys}

    def table(self, key: str, required: bool = True) -> Table:
        """A table inside this one; empty if it is not there."""
        value = self._get(key, (dict,), "a table", required)
        return Table(value or {}, (*self.path, key), self.problems)

    def tables(self, key: str, required: bool = True) -> list[Table]:
        """An array of tables."""
        value = self._get(key, (list,), f"tables, each headed [[{dotted((*self.path, key))}]]", required)
        found = []
        for index, item in enumerate(value or ()):
            path = (*self.path, key, index)
            if isinstance(item, dict):
                found.append(Table(item, path, self.problems))
            else:
                self.problems.add(path, f"is {_kind(item)}; it must be a table")
        return found

    def each(self) -> Iterator[tuple[str, Table]]:
        """All tables inside this one, with their names."""
        for key in self._data:
            yield key, self.table(key)

    def finish(self) -> None:
        """Note every key that was not asked for."""
        known = list(dict.fromkeys(self._asked))
        for key in self._data:
            if key not in known:
                self.wrong(key, f"is not known here; {nearest(key, known)}")


def _printable(line: str) -> str:
    """A line that stays one line, whatever the keys of the file hold."""
    return "".join(c if c.isprintable() else "?" for c in line)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case datetime.date() | datetime.time():
            return "a date or time"
    return "something else"


def _short(value: object) -> str:
    """A value for a message; a number of a thousand digits says nothing more than its beginning."""
    if isinstance(value, int) and abs(value) > 10**20:
        return "a number of more than 20 digits"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
