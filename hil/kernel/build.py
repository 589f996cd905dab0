"""The kernel and its modules: fetched from Debian's source package, compiled once, kept by the digest of all that went in.

They are kept in `kernel-bench` below `$AUDIOHAT_CACHE`, else `$XDG_CACHE_HOME/audiohat`, else `~/.cache/audiohat`:

    linux-DIGEST/       the kernel, its modules, and the part of its source that other modules are compiled against
    modules-DIGEST/     all modules, ours among them, as modprobe wants them
    build.log           of the last step that ran

A folder appears under its name when it is whole. Who comes second waits at the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hil.kernel.processes import group

PACKAGE = "linux-source-6.12"
HZ = 1000  # snd-aloop and gpio-sim move at the tick

_HERE = Path(__file__).resolve().parent
_CONFIG = _HERE / "bench.config"
_OUR_MODULES = _HERE / "modules"
_MONTH_S = 30 * 86_400.0
_TOOLS = ("apt-get", "bc", "bison", "depmod", "dpkg", "flex", "gcc", "make", "strip", "tar", "xz")
# No part of this kernel, and two files of three: a minute or more to write and to delete. Kconfig and Makefile stay, everywhere.
_NOT_UNPACKED = (
    "*.dts", "*.dtsi", "Documentation/*/*", "arch/[!ux]*/*.[chS]", "tools/*", "drivers/accel/*.[ch]", "drivers/crypto/*.[ch]",
    "drivers/gpu/*.[ch]", "drivers/iio/*.[ch]", "drivers/infiniband/*.[ch]", "drivers/media/*.[ch]", "drivers/net/*/*.[ch]",
    "drivers/scsi/*.[ch]", "drivers/staging/*.[ch]", "drivers/usb/*.[ch]", "drivers/video/*.[ch]",
)  # fmt: skip
# Of the source tree: what compiling one more module takes.
_KIT = (".config", "Makefile", "Module.symvers", "arch/um", "arch/x86", "include", "scripts")
# What the environment says to another make, or to another kernel's.
_NOT_FOR_THE_BUILD = {"ARCH", "CROSS_COMPILE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "KBUILD_OUTPUT", "O", "M"}


class NotHere(Exception):
    """This machine cannot have the bench; the message says what is missing."""


class BuildFailed(Exception):
    """A step of the build failed; the message says which, and where the log is."""


@dataclass(frozen=True)
class Bench:
    """A kernel to boot."""

    linux: Path
    modules: Path
    """A folder with lib/modules in it."""


def prepare() -> Bench:
    """The bench for this version of everything; built if it is not there."""
    _refuse_if(missing(platform.machine(), ()))
    version = source_version()
    kernel = kernel_digest(version, HZ, _CONFIG.read_text(), _compiler())
    modules = modules_digest(kernel, _OUR_MODULES)
    home = cache_home() / "kernel-bench"
    bench = Bench(home / f"linux-{kernel}" / "linux", home / f"modules-{modules}")
    if not (bench.linux.exists() and bench.modules.exists()):
        _refuse_if(missing(platform.machine(), _TOOLS))
        with _alone_in(home):
            if not bench.linux.exists():
                _build_kernel(bench.linux.parent, version)
            if not bench.modules.exists():
                _build_modules(bench.modules, bench.linux.parent)
            _remove_old(home, keep={bench.linux.parent, bench.modules})
    for used in (bench.linux.parent, bench.modules):
        with contextlib.suppress(OSError):  # a cache that may only be read
            os.utime(used)
    return bench


def cache_home() -> Path:
    """Where this project keeps what can be made again."""
    named, xdg = os.environ.get("AUDIOHAT_CACHE"), os.environ.get("XDG_CACHE_HOME")
    home = Path(named) if named else Path(xdg) / "audiohat" if xdg else Path.home() / ".cache" / "audiohat"
    return home.absolute()


def missing(machine: str, tools: Sequence[str], which: Callable[[str], str | None] | None = None) -> str | None:
    """In one sentence what a machine lacks, None if nothing."""
    which = which or partial(shutil.which, path=program_path())
    if machine != "x86_64":
        return f"it needs an x86-64 machine (User Mode Linux exists for no other), and this is {machine}"
    absent = [tool for tool in tools if which(tool) is None]
    return f"{', '.join(absent)} not found; `bash .ci/setup kernel` installs what it needs" if absent else None


def kernel_digest(version: str, hz: int, config: str, compiler: str) -> str:
    """The name of a kernel: the digest of all that goes into it."""
    return _digest(version, str(hz), config, compiler)


def modules_digest(kernel: str, sources: Path) -> str:
    """The name of our modules for a kernel."""
    return _digest(kernel, *(f"{path.name}\n{path.read_text()}" for path in sorted(sources.iterdir())))


def _digest(*parts: str) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode()).digest())
    return whole.hexdigest()[:16]


def source_version() -> str:
    """The version of the kernel's source that apt would fetch. Raises NotHere if it knows none."""
    shown = ""
    if shutil.which("apt-cache"):
        show = ["apt-cache", "--no-all-versions", "show", PACKAGE]
        shown = subprocess.run(show, capture_output=True, text=True, check=False).stdout
    for line in shown.splitlines():
        if line.startswith("Version:"):
            return line.removeprefix("Version:").strip()
    raise NotHere(f"apt offers no {PACKAGE}; Debian 13 has it, Debian 12 in its security suite")


def _refuse_if(lacking: str | None) -> None:
    if lacking:
        raise NotHere(lacking)


def program_path() -> str:
    """PATH, and where the programs are that only root is thought to need."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _compiler() -> str:
    if not shutil.which("gcc"):
        return ""
    return subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def say(line: str) -> None:
    """Progress, on stderr."""
    print(f"kernel bench: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """The only build in this cache; what a killed one has left is gone."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("w")
    except OSError as problem:
        raise NotHere(f"the kernel cannot be kept: {problem}; $AUDIOHAT_CACHE names another folder") from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build runs here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for half in home.glob("building-*"):
            shutil.rmtree(half, ignore_errors=True)
        yield


@contextlib.contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder to fill; it gets its name when it is full."""
    half = Path(tempfile.mkdtemp(prefix="building-", dir=folder.parent))
    try:
        yield half
        half.chmod(0o755)
        half.rename(folder)
    except BaseException:
        say("removing what is half built")
        raise
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _build_kernel(folder: Path, version: str) -> None:
    begun_s = time.monotonic()
    with _appearing(folder) as half:
        package, work = half / "package", half / "work"
        package.mkdir()
        work.mkdir()
        log = folder.parent / "build.log"
        log.write_bytes(b"")
        try:
            _step(
                f"fetching {PACKAGE} {version}, 150 MB", ["apt-get", "download", f"{PACKAGE}={version}"], package, log
            )
        except BuildFailed as failed:
            raise NotHere(f"{failed}. Are apt's lists new (apt-get update)?") from failed
        _step("opening the package", ["sh", "-c", "dpkg -x *.deb ."], package, log)
        (archive,) = package.glob("usr/src/*.tar.xz")
        without = [f"--exclude=linux-source-*/{pattern}" for pattern in _NOT_UNPACKED]
        _step("unpacking the source", ["tar", "--strip-components=1", *without, "-xf", str(archive)], work, log)
        shutil.rmtree(package)
        _set_tick(work / "arch/um/Kconfig")
        make = ["make", f"-j{_cores()}", "ARCH=um"]
        _step("configuring", [*make, f"KCONFIG_ALLCONFIG={_CONFIG}", "allnoconfig"], work, log)
        _check_config(_CONFIG, work / ".config")
        _step("compiling the kernel", [*make, "all"], work, log)
        _step(
            "installing modules",
            [*make, f"INSTALL_MOD_PATH={half}", "INSTALL_MOD_STRIP=1", "modules_install"],
            work,
            log,
        )
        _step("stripping it", ["strip", "-o", str(half / "linux"), "linux"], work, log)
        for link in half.glob("lib/modules/*/build"):
            link.unlink()
        for part in _KIT:
            (half / "kit" / part).parent.mkdir(parents=True, exist_ok=True)
            (work / part).rename(half / "kit" / part)
        shutil.rmtree(work)
    say(f"the kernel is built, after {time.monotonic() - begun_s:.0f} s")


def _build_modules(folder: Path, kernel: Path) -> None:
    with _appearing(folder) as half:
        log = folder.parent / "build.log"
        work = half / "work"
        shutil.copytree(_OUR_MODULES, work)
        _step(
            "compiling our modules", ["make", "-C", str(kernel / "kit"), "ARCH=um", f"M={work}", "modules"], work, log
        )
        shutil.copytree(kernel / "lib", half / "lib")
        (release,) = (half / "lib/modules").iterdir()
        (release / "updates").mkdir()
        for module in work.glob("*.ko"):
            module.rename(release / "updates" / module.name)
        _step("listing the modules", ["depmod", "-b", str(half), release.name], half, log)
        shutil.rmtree(work)


def _step(what: str, command: Sequence[str], folder: Path, log: Path) -> None:
    say(what)
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_BUILD}
    environment["PATH"] = program_path()
    with log.open("ab") as output:
        output.write(f"# {what}: {' '.join(command)}\n".encode())
        output.flush()
        with group(command, cwd=folder, env=environment, stdout=output, stderr=output) as program:
            status = _wait(program, log)
    if status:
        raise BuildFailed(f"{what} failed (exit code {status}); the whole log is {log}")


def _wait(program: subprocess.Popen[bytes], log: Path) -> int:
    """Wait, and count what is compiled: in place on a terminal, a line a minute in a log."""
    live = sys.stderr.isatty()
    begun_s = told_s = time.monotonic()
    while True:
        try:
            status = program.wait(timeout=1)
        except subprocess.TimeoutExpired:
            now_s = time.monotonic()
            if now_s - told_s >= (1 if live else 60):
                told_s = now_s
                files = log.read_bytes().count(b"\n  CC ")
                line = f"kernel bench: {files} files compiled, {now_s - begun_s:.0f} s"
                print(f"\r{line}\r" if live else line, end="" if live else "\n", file=sys.stderr, flush=True)
        else:
            return status


def _set_tick(kconfig: Path) -> None:
    text = kconfig.read_text()
    head, entry, tail = text.partition("config HZ\n")
    changed = head + entry + tail.replace("default 100\n", f"default {HZ}\n", 1)
    if changed == text:
        raise BuildFailed(f"{kconfig} has changed: the tick cannot be set to {HZ} Hz")
    kconfig.write_text(changed)


def _check_config(wanted: Path, taken: Path) -> None:
    """Kconfig itself leaves an option out without a word if its conditions are not met."""
    options = {line for line in wanted.read_text().splitlines() if line.startswith("CONFIG_")}
    if refused := sorted(options - set(taken.read_text().splitlines())):
        raise BuildFailed(f"{PACKAGE} does not take {', '.join(refused)}: correct {wanted}")


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _remove_old(home: Path, keep: set[Path]) -> None:
    """Kernels that nobody has booted for a month."""
    for other in [*home.glob("linux-*"), *home.glob("modules-*")]:
        if other not in keep and time.time() - other.stat().st_mtime > _MONTH_S:
            shutil.rmtree(other, ignore_errors=True)
