"""A Raspberry Pi as far as its processor, its Debian and its Python go: a folder of arm64 packages, and QEMU to run them.

Folders are named by the digest of all that they were made from, appear when they are whole, and replace their predecessor.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from hil.aarch64 import debian

_TRIPLE = "aarch64-linux-gnu"
_TOOLS_SUITE = "bookworm"  # the last Debian whose QEMU is not linked statically: 21 MB with its libraries instead of 71
_TOOLS = ("qemu-user", f"cpp-12-{_TRIPLE}", f"binutils-{_TRIPLE}")
_COMPILER_HEADERS = "libgcc-12-dev-arm64-cross"
_FROM_SOURCE = "pyalsaaudio"  # PyPI has no wheel of it, and both Debians have one that is too old
_WHEELS = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28", "manylinux_2_34")
_HERE = Path(__file__).resolve().parent


ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""In front of a long program: should this very process be killed, it is not left behind."""


class StepFailed(Exception):
    """A step of making the machine failed; the message says which, and the last that it said."""


@dataclass(frozen=True)
class Machine:
    """One Debian release, the Python it ships, and a processor that runs it."""

    suite: str
    python: str
    cpu: str
    libasound: str

    def __str__(self) -> str:
        return f"{self.suite}, Python {self.python}, {self.cpu}"


MACHINES = (
    Machine("bookworm", "3.11", "cortex-a53", "libasound2"),  # a Zero 2 W or a 3B+
    Machine("trixie", "3.13", "cortex-a72", "libasound2t64"),  # a 4B
)


@dataclass(frozen=True)
class Emulated:
    """A machine that can run Python."""

    machine: Machine
    tools: Path
    root: Path

    def run(self, arguments: Sequence[str], folder: Path, variables: dict[str, str], log: Path) -> int:
        """Run Python in *folder*, which it also imports from; what it says goes to *log*. Returns its exit code."""
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONHOME": str(self.root / "usr"),
            "PYTHONPATH": f"{folder}:{self.root / 'site'}",
            "PYTHONHASHSEED": "0",
            "NUMBA_CPU_NAME": self.machine.cpu,  # numba asks /proc/cpuinfo, which is this machine's
            "NUMBA_CPU_FEATURES": "",
        }
        with tempfile.TemporaryDirectory(prefix="audiohat-aarch64-") as temporary, log.open("w") as said:
            return subprocess.run(
                [*ENDS_WITH_US, *self.emulator(), self.root / f"usr/bin/python{self.machine.python}", *arguments],
                env=environment | {"HOME": temporary, "TMPDIR": temporary} | variables,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode

    def emulator(self) -> list[str | Path]:
        return [*_tool(self.tools, "usr/bin/qemu-aarch64"), "-cpu", self.machine.cpu, "-L", self.root]

    def versions(self) -> str:
        """Of the packages that compile and compute."""
        found = dict(path.stem.split("-") for path in (self.root / "site").glob("*.dist-info"))
        return ", ".join(f"{name} {found[name]}" for name in ("numpy", "numba", "llvmlite") if name in found)


def make_tools(home: Path) -> Path:
    """The emulator, and what compiles C for the target."""
    key = digest([_TOOLS_SUITE, *_TOOLS, _COMPILER_HEADERS, *_recipe()])
    return made(
        home / f"tools-{key}", lambda place: debian.unpack(_TOOLS_SUITE, "amd64", _TOOLS, [_COMPILER_HEADERS], place)
    )


def make(machine: Machine, tools: Path, home: Path, dependencies: Sequence[str]) -> Emulated:
    """*machine* with the packages that *dependencies* (lines of a pyproject.toml) ask for on it."""
    wanted = requirements(dependencies, machine.python)
    key = digest([repr(machine), *wanted, tools.name, *_recipe()])

    def fill(place: Path) -> None:
        version = machine.python
        runs = [f"python{version}-minimal", f"libpython{version}-stdlib", "libstdc++6", machine.libasound]
        compiles = ["libc6-dev", "linux-libc-dev", "libasound2-dev", f"libpython{version}-dev"]
        debian.unpack(machine.suite, "arm64", runs, compiles, place)
        _install_wheels([line for line in wanted if Requirement(line).name != _FROM_SOURCE], version, place / "site")
        for line in wanted:
            if Requirement(line).name == _FROM_SOURCE:
                _compile_alsaaudio(line, version, tools, place)

    return Emulated(machine, tools, made(home / f"{machine.suite}-{key}", fill))


def requirements(dependencies: Sequence[str], python: str) -> list[str]:
    """The *dependencies* that hold on the target, without the condition under which they do."""
    target = {"python_version": python, "python_full_version": f"{python}.0", "platform_machine": "aarch64"}
    lines = [Requirement(line) for line in dependencies]
    return [f"{line.name}{line.specifier}" for line in lines if line.marker is None or line.marker.evaluate(target)]


def _install_wheels(wanted: Sequence[str], python: str, site: Path) -> None:
    platforms = [f"--platform={name}_aarch64" for name in _WHEELS]
    target = [f"--python-version={python}", "--implementation=cp", "--only-binary=:all:", f"--target={site}"]
    _pip("install", "--no-compile", *platforms, *target, *wanted)


def _compile_alsaaudio(requirement: str, python: str, tools: Path, root: Path) -> None:
    """By compiler, assembler and linker themselves: what calls them would need the host to know where they are."""
    usr = root / "usr"
    headers = [tools / f"usr/lib/gcc-cross/{_TRIPLE}/12/include", usr / "include", usr / f"include/{_TRIPLE}"]
    with tempfile.TemporaryDirectory(dir=root.parent) as temporary:
        place = Path(temporary)
        _pip("download", "--no-deps", f"--no-binary={_FROM_SOURCE}", f"--dest={place}", requirement)
        (archive,) = place.glob("*.tar.gz")
        step("tar", ["tar", "--extract", f"--file={archive}", f"--directory={place}"])
        (source,) = place.glob("*/alsaaudio.c")
        system = [f"-isystem{folder}" for folder in headers]
        compiler = [*_tool(tools, f"usr/lib/gcc-cross/{_TRIPLE}/12/cc1"), "-quiet", "-O2", "-w", "-fPIC", "-nostdinc"]
        step("cc1", [*compiler, *system, f"-I{usr}/include/python{python}", "-o", place / "alsaaudio.s", source])
        assembler = _tool(tools, f"usr/bin/{_TRIPLE}-as")
        step("as", [*assembler, "-o", place / "alsaaudio.o", place / "alsaaudio.s"])
        linker = [*_tool(tools, f"usr/bin/{_TRIPLE}-ld"), "-shared", f"-L{usr}/lib/{_TRIPLE}"]
        step("ld", [*linker, "-o", root / "site/alsaaudio.so", place / "alsaaudio.o", "-lasound"])


def _tool(tools: Path, program: str) -> list[str | Path]:
    """A program of the tools' Debian, on that Debian's libraries whatever this machine's are."""
    libraries = f"{tools}/usr/lib/x86_64-linux-gnu"
    return [tools / "lib64/ld-linux-x86-64.so.2", "--library-path", libraries, tools / program]


def _pip(verb: str, *arguments: str) -> None:
    step(f"pip {verb}", [sys.executable, "-m", "pip", verb, "--no-input", "--progress-bar=off", *arguments])


def step(name: str, command: Sequence[str | Path]) -> None:
    """Run *command*. StepFailed, with the last error that it named, if it fails."""
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode != 0:
        said = [
            line for line in ended.stdout.splitlines() if re.match(r"error|.*: (fatal )?error", line, re.IGNORECASE)
        ]
        raise StepFailed(f"{name}: {said[-1] if said else f'exit code {ended.returncode}'}")


def digest(parts: Sequence[str]) -> str:
    """One name for many texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def made(folder: Path, fill: Callable[[Path], None]) -> Path:
    """*folder*, filled if it is not there; others of its name and another digest go."""
    if not folder.exists():
        with tempfile.TemporaryDirectory(prefix="making-", dir=folder.parent) as temporary:
            place = Path(temporary) / folder.name
            place.mkdir()
            fill(place)
            place.rename(folder)
        for old in folder.parent.glob(f"{folder.name.rsplit('-', 1)[0]}-*"):
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
    return folder


def _recipe() -> list[str]:
    return [path.read_text() for path in (_HERE / "debian.py", _HERE / "machine.py")]
