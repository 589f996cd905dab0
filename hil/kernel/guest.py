"""One boot of the bench: a job goes in; its exit code, its words and its files come out.

Each run has a folder of its own, and its processes are one group: runs side by side do not meet, and none is left behind.
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hil.kernel.build import Bench, NotHere, cache_home, program_path
from hil.kernel.processes import group

_INIT = Path(__file__).resolve().parent / "init.sh"
_PASSED_ON = ("LANG", "LC_ALL", "PATH", "NUMBA_CACHE_DIR", "AUDIOHAT_LONG_S")
_LOOK_S = 0.05


class GuestFault(Exception):
    """The guest gave no verdict: it did not boot, it died, or its time was up."""


@dataclass(frozen=True)
class Ended:
    """What a job has left."""

    exit_code: int
    output: str
    complaints: str
    """What the kernel logged as an error."""


def run(
    bench: Bench,
    command: Sequence[str],
    *,
    results: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    real_time: bool = False,
    kernel_arguments: Sequence[str] = (),
    memory_mib: int = 1024,
    limit_s: float = 1800.0,
    echo: BinaryIO | None = None,
) -> Ended:
    """Boot, run a command in `folder` (default: the working directory), power off.

    Files that the job leaves in $AUDIOHAT_RESULTS are in `results`. `limit_s` is the host's time.
    `echo` gets the job's output while it runs. Raises GuestFault, and NotHere if there is no room for its memory.
    """
    with tempfile.TemporaryDirectory(prefix="audiohat-kernel-") as temporary:
        place = Path(temporary).resolve()
        kept = results.resolve() if results else place / "results"
        kept.mkdir(parents=True, exist_ok=True)
        _write_scripts(place, bench, kept, command, folder or Path.cwd(), environment or {})
        arguments = [
            f"mem={memory_mib}M", "root=none", "rootfstype=hostfs", "rootflags=/", "ro", f'init="{place}/init"',
            "con=null", "con0=null,fd:1", "quiet", "loglevel=4", "panic=-1",
        ]  # fmt: skip
        if not real_time:
            arguments.append("time-travel=inf-cpu")
        with (place / "output").open("wb") as output, (place / "kernel").open("wb") as kernel:
            arguments.append(f"con1=null,fd:{output.fileno()}")
            with group(
                [bench.linux, *arguments, *kernel_arguments],
                env={"HOME": temporary, "TMPDIR": str(_memory_folder(memory_mib)), "PATH": os.environ.get("PATH", "")},
                stdout=kernel,
                stderr=kernel,
                pass_fds=[output.fileno()],
                preexec_fn=_may_open_many,
            ) as linux:
                in_time = _follow(linux, place / "output", limit_s, echo)
        return _ended(place, in_time, limit_s)


def _write_scripts(
    place: Path, bench: Bench, results: Path, command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> None:
    inside = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    inside |= {
        "PATH": program_path(),
        "HOME": "/run/home",
        "TMPDIR": "/run/tmp",
        "PYTHONHASHSEED": "0",
        "AUDIOHAT_CACHE": str(cache_home()),
        "AUDIOHAT_RESULTS": str(results),
        "AUDIOHAT_KERNEL_BENCH": "1",
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in {**inside, **environment}.items()]
    job = [*exports, f"cd {shlex.quote(str(folder.resolve()))} && exec {shlex.join(command)}"]
    known = {"run": place, "modules": bench.modules, "results": results, "python": sys.executable}
    init = ["#!/bin/sh", *(f"{name}={shlex.quote(str(value))}" for name, value in known.items()), _INIT.read_text()]
    (place / "job").write_text("\n".join(job) + "\n")
    (place / "init").write_text("\n".join(init))
    (place / "init").chmod(0o755)


def _may_open_many() -> None:
    """The guest's kernel keeps a file of the host open for each that it has in its cache."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _memory_folder(memory_mib: int) -> Path:
    """Where the file that is the guest's memory may lie. A container's /dev/shm is small, and may not be executed from."""
    for folder in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        try:
            there = os.statvfs(folder)
        except OSError:
            continue
        room = there.f_bavail * there.f_frsize >= memory_mib << 20
        if room and os.access(folder, os.W_OK) and not there.f_flag & os.ST_NOEXEC:
            return folder
    raise NotHere(
        f"the guest's memory needs {memory_mib} MiB in /dev/shm or in $TMPDIR, on a file system without noexec"
    )


def _follow(linux: subprocess.Popen[bytes], output: Path, limit_s: float, echo: BinaryIO | None) -> bool:
    """Wait for the end, hand on what is said meanwhile. False if the time was up first."""
    over_s = time.monotonic() + limit_s
    with output.open("rb") as words:
        while True:
            done = linux.poll() is not None
            if echo is not None:
                echo.write(words.read())
                echo.flush()
            if done or time.monotonic() > over_s:
                return done
            time.sleep(_LOOK_S)


def _ended(place: Path, in_time: bool, limit_s: float) -> Ended:
    lines = (place / "kernel").read_text(errors="replace").splitlines()
    status = place / "exit-code"
    if not in_time:
        raise GuestFault(f"the job was ended after {limit_s:g} s")
    if not status.exists():
        last = "\n".join(lines[-20:])
        raise GuestFault(f"the guest ended before its job did; its last words:\n{last}")
    complaints = [line for line in lines if line.startswith("[") and not line.endswith("reboot: Power down")]
    output = (place / "output").read_text(errors="replace")
    return Ended(int(status.read_text()), output, "\n".join(complaints))
