"""Boards and codecs as TOML, read into frozen facts and checked. What users extend is data.

Looked for, in this order: the folders of $AUDIOHAT_BOARDS, ~/.config/audiohat/boards, /etc/audiohat/boards,
and the boards that come with the program. A codec is `codecs/NAME.toml` in one of them; for a board outside
of them, given by its path, the folder of its own file comes first.
"""

from __future__ import annotations

import os
from pathlib import Path

from firmware_py.board import Board, CodecDescription
from firmware_py.descriptions.board import board_from
from firmware_py.descriptions.codec import codec_from
from firmware_py.descriptions.reader import Problems, Table, read_toml
from firmware_py.descriptions.shelf import find, named_files, search_path, shown
from firmware_py.errors import UnknownNameError

__all__ = ["board_from", "board_names", "codec_file", "codec_from", "load_board", "load_codec", "search_path"]


def board_names() -> list[str]:
    """Names of all boards that `load_board` finds."""
    return list(named_files(search_path()))


def load_board(name_or_path: str | Path) -> Board:
    """A board by its name, or by the path of its file.

    Raises
    ------
    UnknownNameError
        No folder of the search path has a board of that name.
    DescriptionError
        The board's file or its codec's is wrong; one line per problem.
    """
    file = _file("board", name_or_path, search_path())
    data, text = read_toml(file, shown(file))
    problems = Problems(shown(file), text)
    name = Table(data, (), problems).text("codec")
    problems.raise_if_any()
    try:
        codec = codec_file(name, file)
    except UnknownNameError as error:
        problems.add(("codec",), str(error))
        problems.raise_if_any()
    return board_from(data, load_codec(codec), shown(file), text)


def load_codec(name_or_path: str | Path) -> CodecDescription:
    """A codec by its name, or by the path of its file. Errors as for `load_board`."""
    file = _file("codec", name_or_path, [folder / "codecs" for folder in search_path()])
    data, text = read_toml(file, shown(file))
    return codec_from(data, shown(file), text)


def codec_file(name: str, board_file: Path) -> Path:
    """The file of the codec that a board names: by the search path; beside a board that is not on it, if there is one."""
    searched, beside = search_path(), Path(os.path.abspath(board_file)).parent
    folders = searched if beside in searched else [beside, *searched]
    return find("codec", name, [folder / "codecs" for folder in folders], folders)


def _file(kind: str, name_or_path: str | Path, folders: list[Path]) -> Path:
    """A path as it is; a name, looked up."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".toml"):
        return Path(os.path.expanduser(text))
    return find(kind, text, folders, search_path())
