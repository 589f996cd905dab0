"""A second Python of this machine, of a version that Raspberry Pi OS ships and .venv is not made from, in a venv of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hil.aarch64.machine import ENDS_WITH_US, digest, made, step

_PLACES = (  # where version managers keep what is not on the path
    ("PYENV_ROOT", "~/.pyenv", "versions/{}*/bin/python{}"),
    ("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python", "cpython-{}*/bin/python{}"),
)


def find(version: str) -> Path | None:
    """An interpreter of *version* that runs, None if there is none."""
    on_path = shutil.which(f"python{version}")
    candidates = [Path(on_path)] if on_path else []
    for variable, default, pattern in _PLACES:
        folder = Path(os.environ.get(variable, default)).expanduser()
        candidates += sorted(folder.glob(pattern.format(version, version)))
    asked = "import os, sys; print(os.path.realpath(sys.executable), '%d.%d' % sys.version_info[:2])"
    for candidate in candidates:  # a version manager's stand-in may be on the path and refuse
        ended = subprocess.run([candidate, "-c", asked], capture_output=True, text=True, check=False)
        where, _, found = ended.stdout.strip().rpartition(" ")
        if ended.returncode == 0 and found == version:
            return Path(where)
    return None


def prepare(interpreter: Path, version: str, requirements: Sequence[str], home: Path) -> Path:
    """The Python of a venv with *requirements*, made if it is not there."""

    def fill(place: Path) -> None:
        step("venv", [interpreter, "-m", "venv", place])
        install = ["-m", "pip", "install", "--no-input", "--progress-bar=off", *requirements]
        step("pip install", [place / "bin/python", *install])

    key = digest([str(interpreter), *requirements, Path(__file__).read_text()])
    return made(home / f"python{version}-{key}", fill) / "bin/python"


def run(python: Path, arguments: Sequence[str], folder: Path, log: Path) -> int:
    """Run it in *folder*, which it also imports from. Returns its exit code."""
    with log.open("w") as said:
        return subprocess.run(
            [*ENDS_WITH_US, python, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


def other_versions(versions: Sequence[str]) -> list[str]:
    """Those of *versions* that this very Python is not."""
    return [version for version in versions if version != "{}.{}".format(*sys.version_info)]
