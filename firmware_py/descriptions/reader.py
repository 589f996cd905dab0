"""Reads a TOML file into typed values and collects all that is wrong. Knows no codec, no board."""

from __future__ import annotations

import codecs
import datetime
import errno
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware_py.descriptions.locate import KeyPath, locate
from firmware_py.errors import DescriptionError, nearest
from firmware_py.registers import Value

MAX_BYTES = 300_000
"""A description has some fifty thousand bytes; what is larger than this is something else."""

MAX_DEPTH = 30
"""Tables and lists within each other; the language itself needs half a dozen."""

MOST_DOTS = 200
"""On one line; a dotted key has three or four."""

MOST_PROBLEMS = 200
"""Of one file. Whoever has more has the wrong file, or one mistake that repeats."""

MAX_NUMBER = 2**53
"""Whole numbers beyond this are not exact as floats, and mean nothing in a register or a clock."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file: where, at which key, and what. Line 0: it could not be read at all."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return printable(f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}")


class Refusal(DescriptionError):
    """A `DescriptionError` that has its problems one by one, too."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Problems:
    """What is wrong with one file. Later finds can ask whether a place is already known to be broken."""

    def __init__(self, file: str, text: str | None = None) -> None:
        self.file = file
        self.text = text
        self._found: dict[KeyPath, list[str]] = {}
        self._broken: set[KeyPath] = set()
        self._count = 0

    def add(self, path: KeyPath, message: str) -> None:
        """Note *message* about the value at *path*."""
        if message not in self._found.setdefault(path, []):
            self._found[path].append(message)
            self._count += 1
        if self._count == MOST_PROBLEMS:
            found, what = self.found(), f"{MOST_PROBLEMS} mistakes so far; the rest was not read"
            raise Refusal([*found, replace(found[-1], key="", message=what)])
        self._broken.update(path[:length] for length in range(len(path) + 1))

    def broken(self, *path: str | int) -> bool:
        """Whether something is wrong at or below this place."""
        return path in self._broken

    def __bool__(self) -> bool:
        return bool(self._found)

    def found(self) -> list[Problem]:
        """All of them, in the order of the file."""
        places = locate(self.text) if self.text and self._found else {}
        found = []
        for path, messages in self._found.items():
            known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in places), ())
            line, column = (0, 0) if self.text is None else places.get(known, (1, 1))
            found += [Problem(self.file, line, column, dotted(path), message) for message in messages]
        return sorted(found, key=lambda problem: (problem.line, problem.column))

    def lines(self) -> list[str]:
        """`file:line:column: key: what is wrong; what would be right`, in the order of the file."""
        return [str(problem) for problem in self.found()]

    def raise_if_any(self) -> None:
        """Raise one `Refusal` with all of them, a line each, if there are any."""
        if self._found:
            raise Refusal(self.found())


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

    def refusal(message: str, line: int = 0, column: int = 0) -> Refusal:
        return Refusal([Problem(shown, line, column, "", message)])

    try:
        raw = _read_small(file).removeprefix(codecs.BOM_UTF8)
        text = raw.decode().replace("\r\n", "\n")
    except OSError as error:
        raise refusal(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        before = raw[: error.start].split(b"\n")
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise refusal(what, len(before), len(before[-1]) + 1) from None
    if "\0" in text:
        before_nul = text[: text.index("\0")].split("\n")
        what = "is a NUL byte, and this no text, or not UTF-8; save the file as UTF-8"
        raise refusal(what, len(before_nul), len(before_nul[-1]) + 1)
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_DOTS:  # of a key, tomllib would take memory without end
            raise refusal(f"more than {MOST_DOTS} dots on one line", number, 1)
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise refusal("is nested too deeply", 1, 1) from None
    except ValueError as error:  # not only TOMLDecodeError: a number of 5000 digits is a plain ValueError
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        what = f"is not TOML: {str(error)[: place.start()] if place else error}"
        if place and place[1]:
            raise refusal(what, int(place[1]), int(place[2])) from None
        lines = text.split("\n")
        raise refusal(what, len(lines), len(lines[-1]) + 1) from None
    if _too_deep(data):
        raise refusal("is nested too deeply", 1, 1)
    return data, text


def _too_deep(data: dict[str, Any]) -> bool:
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        inner = [v for c in level for v in (c.values() if isinstance(c, dict) else c) if isinstance(v, dict | list)]
        if not (level := inner):
            return False
    return True


def _read_small(file: Path) -> bytes:
    """The bytes of a regular file of a reasonable size; OSError for anything else."""
    if "\0" in str(file):
        raise OSError(errno.EINVAL, "its name has a NUL byte")
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    with file.open("rb") as opened:
        if len(raw := opened.read(MAX_BYTES + 1)) > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES} bytes, so it is no description")
    return raw


def texts_can_be_printed(data: Mapping[str, Any], problems: Problems) -> None:
    """No key and no text of a file holds what would do something to a terminal."""
    if problems.text and "\\" not in problems.text and all(map(_is_plain, set(problems.text))):
        return
    waiting: list[tuple[KeyPath, object]] = [((key,), value) for key, value in data.items()]
    while waiting:
        path, value = waiting.pop()
        for text in (value, path[-1]):
            odd = [c for c in text if not _is_plain(c)] if isinstance(text, str) else []
            if odd:
                problems.add(path, f"holds a character that cannot be printed, U+{ord(odd[0]):04X}")
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [((*path, key), inner) for key, inner in items]


def _is_plain(character: str) -> bool:
    return character.isprintable() or character in "\n\t"


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


def printable(line: str) -> str:
    """A line that stays one line, whatever a file or its name holds."""
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
