"""Where descriptions lie: the folders that are searched, the file of a name that wins, the files that are refused.

The more personal folder wins. A file that is found by its name lies in a searched folder: a link that leads out of all of them is
refused, for whoever may write the link is not always who may read what it leads to. A path that somebody typed is taken as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from firmware_py.descriptions.reader import Problem, Refusal, printable
from firmware_py.errors import UnknownNameError

SHIPPED = Path(__file__).parents[2] / "boards"


def search_path() -> list[Path]:
    """Folders with boards, and with codecs in their `codecs`: the first one wins."""
    named = [Path(folder) for folder in os.environ.get("AUDIOHAT_BOARDS", "").split(":") if folder]
    home = os.path.expanduser("~")
    own = [] if home == "~" else [Path(home) / ".config/audiohat/boards"]
    folders = [*named, *own, Path("/etc/audiohat/boards"), SHIPPED]
    return list(dict.fromkeys(Path(os.path.abspath(folder)) for folder in folders))


def files_in(folder: Path) -> list[Path]:
    """What claims to be a description there, whatever it is: what it holds is seen when it is read."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name.endswith(".toml") and not name.startswith(".")]


def named_files(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Every file by its name; where several have one name, the first one wins."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for file in files_in(folder):
            found.setdefault(file.stem, []).append(file)
    return dict(sorted(found.items()))


def find(kind: str, name: str, folders: list[Path], searched: Iterable[Path]) -> Path:
    """The file of that name which wins; it has to lie below one of the *searched* folders.

    Raises
    ------
    UnknownNameError
        There is none; the nearest names are offered.
    Refusal
        It is a link that leads out of the searched folders.
    """
    known = named_files(folders)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    file = known[name][0]
    refuse_stray(file, searched)
    return file


def refuse_stray(file: Path, folders: Iterable[Path]) -> None:
    """Refuse a link that leads to nowhere below these folders."""
    target = os.path.realpath(file)
    if not any(Path(target).is_relative_to(os.path.realpath(folder)) for folder in folders):
        what = f"is a link to {target}, outside of the folders that are searched; copy it here, or give its path"
        raise Refusal([Problem(shown(file), 0, 0, "", what)])


def shown(file: Path) -> str:
    """How messages call a file: from the working directory if it is below, else whole."""
    try:
        absolute, here = Path(os.path.abspath(file)), Path.cwd()
    except OSError:  # the working directory has gone
        return printable(str(file))
    return printable(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))
