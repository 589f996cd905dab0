"""`make aarch64`: make the emulated machines, ask them, and say what came of it. Described in `hil.aarch64`.

Exit codes: 0 nothing failed, 1 something did, 4 no verdict (a download, the emulator), 5 interrupted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from hil.aarch64 import second
from hil.aarch64.checks import Check, exit_code, read, show, title
from hil.aarch64.debian import FetchFailed, NotOffered
from hil.aarch64.machine import MACHINES, Machine, StepFailed, make, make_tools
from hil.kernel.build import cache_home

_CHECKOUT = Path(__file__).resolve().parents[2]
_SCENES = "tests/aarch64/scenes.py"
_ON_TARGET = (
    "tests/aarch64/packages_import.py",
    "tests/aarch64/kernels_compile.py",
    "tests/aarch64/same_sound.py",
    "tests/test_imports.py::test_every_module_imports[firmware_py]",
    "tests/dsp",
)
_SLOW = "minutes under emulation; its kernels' sound is compared with the native one instead"
_LEFT_OUT = {  # of what _ON_TARGET names
    "tests/dsp/test_biquad.py": "its oracle is scipy, which the device does not need; 33 MB",
    "tests/dsp/test_clocks.py": _SLOW,
    "tests/dsp/test_echo.py": _SLOW,
    "tests/dsp/test_rates.py": _SLOW,
    "tests/dsp/test_two_clocks.py": _SLOW,
}
_ON_SECOND = ("tests/aarch64/kernels_compile.py", "tests/dsp", "tests/engine", "tests/test_imports.py")
_MAKING = threading.Lock()
_PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "--override-ini=addopts=--strict-markers")


def main() -> int:
    """Ask everything, print the table."""
    home = cache_home() / "aarch64"
    home.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    try:
        with _alone_in(home):
            checks = _ask(_CHECKOUT, home)
    except KeyboardInterrupt:
        _say("interrupted")
        return 5
    show(checks, Console(width=None if sys.stdout.isatty() else 160))
    _say(f"after {time.monotonic() - began_s:.0f} s; logs are in {home / 'logs'}")
    return exit_code(checks)


def _ask(checkout: Path, home: Path) -> list[Check]:
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    jobs: dict[str, Callable[[], list[Check]]] = {}
    if platform.machine() == "x86_64":
        _copy_sources(checkout, home / "source")
        checks = _record(checkout, home)
        jobs |= {str(machine): partial(_emulated, machine, home, project) for machine in MACHINES}
    else:
        why = f"this machine is {platform.machine()}: there is nothing to emulate, `make test` asks it itself"
        checks = [Check("the target's instruction set", "emulated", "not run", why)]
    for version in second.other_versions([machine.python for machine in MACHINES]):
        where = f"this machine, Python {version}"
        jobs[where] = partial(_second, version, where, checkout, home, project)
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for found in workers.map(_attempt, jobs, jobs.values()):
            checks += found
    return checks


def _attempt(where: str, job: Callable[[], list[Check]]) -> list[Check]:
    try:
        return job()
    except NotOffered as lacking:
        return [Check("the machine is made", where, "not run", str(lacking))]
    except (FetchFailed, StepFailed, subprocess.CalledProcessError, OSError) as fault:
        return [Check("the machine is made", where, "no verdict", str(fault))]


def _copy_sources(checkout: Path, copy: Path) -> None:
    """To a place that always has one name: numba's cache knows a kernel by its path."""
    shutil.rmtree(copy, ignore_errors=True)
    for name in ("firmware_py", "tests"):
        shutil.copytree(checkout / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "pyproject.toml", copy)


def _record(checkout: Path, home: Path) -> list[Check]:
    """What this machine's kernels make of fixed sounds, for the others to compare with."""
    _say("this machine: recording what its kernels make of fixed sounds")
    recording, log = home / "native.npz", home / "logs/native.log"
    recording.unlink(missing_ok=True)
    ended = second.run(Path(sys.executable), [_SCENES, str(recording)], checkout, log)
    return [] if ended == 0 else [Check("aarch64: scenes", "this machine", "failed", _last_words(log))]


def _emulated(machine: Machine, home: Path, project: dict[str, Any]) -> list[Check]:
    """One emulated machine, asked everything."""
    where = str(machine)
    tests = [line for line in project["optional-dependencies"]["bench"] if line.startswith("pytest")]
    with _MAKING:
        emulated = make(machine, make_tools(home), home, [*project["dependencies"], *tests])
    _say(f"{where}: asking; minutes more when the kernels have changed, for compiling is emulated, too")
    log, xml = home / f"logs/{machine.suite}.log", home / f"logs/{machine.suite}.xml"
    xml.unlink(missing_ok=True)
    recording = home / "native.npz"
    compared = {"AUDIOHAT_NATIVE": str(recording)} if recording.exists() else {}
    ended = emulated.run(
        [*_PYTEST, "--noconftest", f"--junitxml={xml}", *(f"--ignore={name}" for name in _LEFT_OUT), *_ON_TARGET],
        home / "source",
        {"AUDIOHAT_CACHE": str(home), "AUDIOHAT_HERE": str(home / f"logs/{machine.suite}.npz"), **compared},
        log,
    )
    made = Check("the machine is made", where, "passed", emulated.versions())
    left_out = [Check(title(name), where, "not run", why) for name, why in _LEFT_OUT.items()]
    return [made, *_judged(xml, where, ended, log), *left_out]


def _second(version: str, where: str, checkout: Path, home: Path, project: dict[str, Any]) -> list[Check]:
    """The quick tests on another Python of this machine."""
    name = "kernels compile, dsp, engine, imports"
    if (interpreter := second.find(version)) is None:
        return [Check(name, where, "not run", f"no python{version} here")]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["bench"]]
    python = second.prepare(interpreter, version, wanted, home)
    _say(f"{where}: asking")
    log, xml = home / f"logs/python{version}.log", home / f"logs/python{version}.xml"
    xml.unlink(missing_ok=True)
    ended = second.run(python, [*_PYTEST, f"--junitxml={xml}", *_ON_SECOND], checkout, log)
    return _judged(xml, where, ended, log, name)


def _judged(xml: Path, where: str, ended: int, log: Path, name: str | None = None) -> list[Check]:
    """What pytest has noted; and a failure of its own, should it have ended in a way that the notes do not explain."""
    checks = read(xml, where, name) if xml.exists() else []
    if ended != 0 and not any(check.outcome == "failed" for check in checks):
        how = f"by signal {-ended}" if ended < 0 else f"with {ended}"
        checks.append(Check("the tests end by themselves", where, "failed", f"ended {how}: {_last_words(log)}"))
    return checks


def _last_words(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


@contextlib.contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another run uses the cache; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(words: str) -> None:
    print(f"aarch64: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
