"""Boards and codecs as TOML, read into frozen facts and checked. What users extend is data.

Looked for, in this order: the folders of $AUDIOHAT_BOARDS, ~/.config/audiohat/boards, /etc/audiohat/boards,
and the boards that come with the program. A codec is `codecs/NAME.toml` in one of them; for a board, the
folder of its own file comes first.
"""

from __future__ import annotations

import os
from pathlib import Path

from firmware_py.board import Board, CodecDescription
from firmware_py.descriptions.board import board_from
from firmware_py.descriptions.codec import codec_from
from firmware_py.descriptions.reader import Problems, Table, read_toml
from firmware_py.errors import UnknownNameError

__all__ = ["board_from", "board_names", "codec_from", "load_board", "load_codec", "search_path"]


def search_path() -> list[Path]:
    """Folders with boards, the first one wins."""
    named = [Path(folder) for folder in os.environ.get("AUDIOHAT_BOARDS", "").split(":") if folder]
    shipped = Path(__file__).parents[2] / "boards"
    return [*named, Path("~/.config/audiohat/boards").expanduser(), Path("/etc/audiohat/boards"), shipped]


def board_names() -> list[str]:
    """Names of all boards that `load_board` finds."""
    return _names(search_path())


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
    shown = _shown(file)
    data, text = read_toml(file, shown)
    problems = Problems(shown, text)
    name = Table(data, (), problems).text("codec")
    problems.raise_if_any()
    try:
        codec_file = _find("codec", name, _codec_folders(file.parent))
    except UnknownNameError as error:
        problems.add(("codec",), str(error))
        problems.raise_if_any()
    return board_from(data, load_codec(codec_file), shown, text)


def load_codec(name_or_path: str | Path) -> CodecDescription:
    """A codec by its name, or by the path of its file. Errors as for `load_board`."""
    file = _file("codec", name_or_path, _codec_folders())
    data, text = read_toml(file, _shown(file))
    return codec_from(data, _shown(file), text)


def _codec_folders(*first: Path) -> list[Path]:
    return [folder / "codecs" for folder in (*first, *search_path())]


def _file(kind: str, name_or_path: str | Path, folders: list[Path]) -> Path:
    """A path as it is; a name, looked up."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or os.sep in text or text.endswith(".toml"):
        return Path(text).expanduser()
    return _find(kind, text, folders)


def _find(kind: str, name: str, folders: list[Path]) -> Path:
    known = _names(folders)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return next(file for folder in folders if os.path.isfile(file := folder / f"{name}.toml"))


def _names(folders: list[Path]) -> list[str]:
    return sorted({file.stem for folder in folders for file in folder.glob("*.toml") if os.path.isfile(file)})


def _shown(file: Path) -> str:
    """How messages call a file: from the working directory if it is below, else whole."""
    absolute = Path(os.path.abspath(file))
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)
