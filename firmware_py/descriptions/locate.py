"""Where each key of a TOML text stands: a scanner for error messages. No parser: the text is TOML.

`tomllib` forgets lines and columns, and a message without them makes people search. So the text is scanned a
second time, but only when there is something to report.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""Keys from the top of the file; a number counts the elements of an array or an array of tables."""

_TOKEN = re.compile(
    r'''(?P<skip>[ \t\r]+|\#[^\n]*)
    | (?P<newline>\n)
    | (?P<text>"""(?:[^\\]|\\.)*?"""(?!") | \'\'\'.*?\'\'\'(?!\') | "(?:[^"\\\n]|\\.)*" | '[^'\n]*')
    | (?P<mark>[\[\]{},=.])
    | (?P<bare>[^\s\[\]{},=.\#"']+)''',
    re.DOTALL | re.VERBOSE,
)


def locate(text: str) -> dict[KeyPath, tuple[int, int]]:
    """Line and column, counted from 1, of every key and array element of *text*."""
    starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def line_and_column(offset: int) -> tuple[int, int]:
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    return {path: line_and_column(offset) for path, offset in _Scanner(text).offsets().items()}


class _Scanner:
    def __init__(self, text: str) -> None:
        tokens = ((m.lastgroup or "", m.group(), m.start()) for m in _TOKEN.finditer(text))
        self._tokens = [token for token in tokens if token[0] != "skip"]
        self._tokens.append(("newline", "\n", len(text)))
        self._at = 0
        self._found: dict[KeyPath, int] = {}
        self._tables_in: dict[KeyPath, int] = {}  # array of tables -> how many so far

    def offsets(self) -> dict[KeyPath, int]:
        here: KeyPath = ()
        while self._at < len(self._tokens):
            kind, token, _ = self._tokens[self._at]
            if kind == "newline":
                self._at += 1
            elif token == "[":
                here = self._header()
            elif kind in ("bare", "text"):
                self._pair(here)
            else:
                self._at += 1
        return self._found

    def _is(self, token: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][1] == token

    def _keys(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset."""
        keys = []
        while self._at < len(self._tokens):
            kind, token, offset = self._tokens[self._at]
            if kind not in ("bare", "text"):
                break
            keys.append((tomllib.loads(f"key = {token}")["key"] if kind == "text" else token, offset))
            self._at += 1
            if not self._is("."):
                break
            self._at += 1
        return keys

    def _header(self) -> KeyPath:
        self._at += 1
        many = self._is("[")
        self._at += many
        keys = self._keys()
        path: KeyPath = ()
        for number, (key, offset) in enumerate(keys, 1):
            path += (key,)
            self._found.setdefault(path, offset)
            if many and number == len(keys):
                self._tables_in[path] = self._tables_in.get(path, 0) + 1
            if path in self._tables_in:
                path += (self._tables_in[path] - 1,)
                self._found.setdefault(path, offset)
        while self._is("]"):
            self._at += 1
        return path

    def _pair(self, path: KeyPath) -> None:
        for key, offset in self._keys():
            path += (key,)
            self._found.setdefault(path, offset)
        if self._is("="):
            self._at += 1
            self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._is("{"):
            self._at += 1
            while self._at < len(self._tokens) and not self._is("}"):
                if self._tokens[self._at][0] in ("bare", "text"):
                    self._pair(path)
                else:
                    self._at += 1  # a comma
            self._at += 1
        elif self._is("["):
            self._at += 1
            index = 0
            while self._at < len(self._tokens) and not self._is("]"):
                if self._is(",") or self._is("\n"):
                    self._at += 1
                    continue
                self._found.setdefault((*path, index), self._tokens[self._at][2])
                self._value((*path, index))
                index += 1
            self._at += 1
        else:
            while self._at < len(self._tokens) and self._tokens[self._at][1] not in ("\n", ",", "]", "}"):
                self._at += 1
