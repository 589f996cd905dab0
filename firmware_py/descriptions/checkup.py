"""All that is wrong with many descriptions, in one pass: a broken file hides no other, and a codec is read once for all boards."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_py.board import Board, CodecDescription
from firmware_py.descriptions import codec_file
from firmware_py.descriptions.board import read_board
from firmware_py.descriptions.codec import read_codec
from firmware_py.descriptions.reader import Problem, Problems, Refusal, Table, read_toml
from firmware_py.descriptions.shelf import files_in, refuse_stray, search_path, shown
from firmware_py.errors import UnknownNameError


@dataclass(frozen=True)
class Checked:
    """One file: what it describes as far as it could be read, and all that is wrong with it."""

    file: Path
    text: str = ""
    facts: Board | CodecDescription | None = None
    problems: tuple[Problem, ...] = ()
    codec: Checked | None = None  # of a board, if it was found

    @property
    def board(self) -> Board | None:
        """The board, if it is one and can be used."""
        usable = not self.problems and self.codec is not None and not self.codec.problems
        return self.facts if usable and isinstance(self.facts, Board) else None

    @property
    def obstacles(self) -> tuple[Problem, ...]:
        """Why it cannot be used: its own problems, else its codec's."""
        return self.problems or (self.codec.problems if self.codec else ())


def check_files(paths: Sequence[Path] = ()) -> list[Checked]:
    """Every file of these paths, a folder standing for its boards and codecs; without a path, of all that is searched.

    A codec that a board names is among them where something is wrong with it, wherever it lies.
    """
    reader = Reader(() if paths else search_path())
    checked: dict[Path, Checked] = {}
    for path in paths or search_path():
        files = [*files_in(path / "codecs"), *files_in(path)] if os.path.isdir(path) else [path] if paths else []
        if paths and not files:
            what = "has no descriptions: neither NAME.toml nor codecs/NAME.toml"
            checked[path] = Checked(path, problems=(Problem(shown(path), 0, 0, "", what),))
        for file in files:
            checked.setdefault(_place(file), reader.file(file))
    for place, codec in reader.codecs.items():
        if codec.problems:
            checked.setdefault(place, codec)
    return list(checked.values())


@dataclass
class Reader:
    """Reads files and remembers the codecs. A link that leads out of the `searched` folders is refused, if there are such."""

    searched: Sequence[Path] = ()
    codecs: dict[Path, Checked] = field(default_factory=dict)

    def file(self, file: Path) -> Checked:
        """A codec or a board: a codec lies in `codecs`, or has what only a codec has."""
        if file.absolute().parent.name == "codecs":
            return self._codec(file)
        try:
            data, text = self._read(file)
        except Refusal as refusal:
            return Checked(file, problems=refusal.problems)
        is_codec = "codec" not in data and ("registers" in data or "sequences" in data)
        return self._codec(file) if is_codec else self._board(file, data, text)

    def _read(self, file: Path) -> tuple[dict[str, Any], str]:
        if self.searched:
            refuse_stray(file, self.searched)
        return read_toml(file, shown(file))

    def _codec(self, file: Path) -> Checked:
        if (place := _place(file)) not in self.codecs:
            try:
                data, text = self._read(file)
                facts, problems = read_codec(data, shown(file), text)
                self.codecs[place] = Checked(file, text, facts, tuple(problems.found()))
            except Refusal as refusal:
                self.codecs[place] = Checked(file, problems=refusal.problems)
        return self.codecs[place]

    def _board(self, file: Path, data: dict[str, Any], text: str) -> Checked:
        codec, unknown = None, ""
        name = Table(data, (), Problems(shown(file))).text("codec")  # what is wrong with it, `read_board` says
        try:
            codec = self._codec(codec_file(name, file)) if name else None
        except (UnknownNameError, Refusal) as error:
            unknown = str(error)
        facts = codec.facts if codec else None
        sound = isinstance(facts, CodecDescription) and not (codec and codec.problems)
        described = facts if isinstance(facts, CodecDescription) else read_codec({}, "")[0]
        try:
            board, problems = read_board(data, described, shown(file), text, codec_is_sound=sound)
            if unknown:
                problems.add(("codec",), unknown)
        except Refusal as refusal:
            return Checked(file, text, None, refusal.problems, codec)
        return Checked(file, text, board, tuple(problems.found()), codec)


def _place(file: Path) -> Path:
    return Path(os.path.abspath(file))
