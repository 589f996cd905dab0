"""The set-up script on machines that are not this one, and what the wheel carries.

A machine is a folder of commands: links to the real tools, and stand-ins for what differs (uname, apt-get).
PATH names that folder alone, so nothing is installed and nothing is reached.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("bash", "cat", "cp", "cut", "dirname", "env", "flock", "grep", "mkdir", "mv", "rm", "sh")
TOOLS += ("sed", "sha256sum", "tail", "touch")

# Answers what the set-up asks of a Python; notes each call of venv and pip in the checkout's file `calls`.
PYTHON = """\
#!/bin/sh
case "$*" in
    -V) echo "Python {version}" ;;
    *sys.executable*) echo "$0" ;;
    *sys.base_prefix*) echo "{prefix}" ;;
    *sys.version_info*) case {version} in 3.1[3-9]*) ;; *) exit 1 ;; esac ;;
    *find_spec*) exit 1 ;;
    *sysconfig*) echo "{headers}" ;;
    "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo "venv $*" >>calls ;;
    "-m pip install"*)
        echo "pip $*" >>calls
        if [ -e break-pip ]; then echo "no such release"; exit $(cat break-pip); fi ;;
esac
"""


class Machine:
    """A checkout in a path with a space, on a machine whose commands are ours."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "a checkout"
        self.commands = folder / "bin"
        self.headers = folder / "include"
        for made in (self.checkout / ".ci", self.commands, self.headers):
            made.mkdir(parents=True)
        (self.headers / "Python.h").touch()
        for shipped in (".ci/setup", "pyproject.toml"):
            shutil.copy(ROOT / shipped, self.checkout / shipped)
        for tool in TOOLS:
            (self.commands / tool).symlink_to(str(shutil.which(tool)))
        self.answers("uname", "case $1 in -s) echo Linux ;; *) echo aarch64 ;; esac")
        self.answers("getconf", "echo 64")
        self.answers("id", "echo 0")
        self.answers("gcc", "true")
        self.answers("fdtoverlay", "true")
        self.answers("apt-get", 'echo "apt-get $*" >>calls')
        self.has_python("3.11.2")

    def answers(self, name: str, script: str) -> None:
        (self.commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.commands / name).chmod(0o755)

    def lacks(self, name: str) -> None:
        (self.commands / name).unlink()

    def is_x86_64(self) -> None:
        self.answers("uname", "case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac")

    def has_python(self, version: str, prefix: str = "/opt/python") -> None:
        script = PYTHON.format(version=version, prefix=prefix, headers=self.headers)
        (self.commands / "python3").write_text(script)
        (self.commands / "python3").chmod(0o755)

    def set_up(self, extra: str = "dev") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.commands / "bash", self.checkout / ".ci" / "setup", extra],
            env={"PATH": str(self.commands), "CI": "true"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self, program: str) -> list[str]:
        noted = self.checkout / "calls"
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [line for line in lines if line.startswith(program)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("system", "architecture", "bits"),
    [
        ("Linux", "armv7l", 32),     # Raspberry Pi OS, 32-bit
        ("Linux", "aarch64", 32),    # the same under a 64-bit kernel: `uname` alone would be fooled
        ("Linux", "riscv64", 64),    # no numba wheels
        ("Darwin", "arm64", 64),     # no ALSA
    ],
)  # fmt: skip
def test_a_machine_that_is_not_64_bit_linux_is_refused(
    machine: Machine, system: str, architecture: str, bits: int
) -> None:
    machine.answers("uname", f"case $1 in -s) echo {system} ;; *) echo {architecture} ;; esac")
    machine.answers("getconf", f"echo {bits}")
    ended = machine.set_up()
    assert ended.returncode == 3
    assert f"{system} {architecture}, {bits}-bit user space" in ended.stderr
    assert not machine.calls("")


@pytest.mark.parametrize("version", ["2.7.18", "3.9.2", "3.10.13", "3.1"])
def test_an_old_python_is_refused_and_the_way_to_name_another_is_told(machine: Machine, version: str) -> None:
    machine.has_python(version)
    ended = machine.set_up()
    assert ended.returncode == 3
    assert f"python3 is Python {version}" in ended.stderr
    assert "PYTHON=" in ended.stderr


@pytest.mark.parametrize("version", ["3.11.0", "3.12.1", "3.13.0rc2", "3.14.0"])
def test_python_3_11_and_newer_will_do(machine: Machine, version: str) -> None:
    machine.lacks("gcc")  # stops it at the next refusal, should this machine have all the packages
    machine.lacks("apt-get")
    machine.has_python(version)
    assert "audiohat needs Python" not in machine.set_up().stderr


def test_without_permission_the_one_line_to_run_is_printed_and_nothing_is_installed(machine: Machine) -> None:
    machine.lacks("gcc")
    machine.answers("id", "echo 1000")
    ended = machine.set_up()
    assert ended.returncode == 3
    last = ended.stderr.splitlines()[-1]
    assert "su -c 'apt-get update && apt-get install -y --no-install-recommends gcc" in last
    assert not machine.calls("")


def test_a_machine_without_any_python_is_told_to_install_one(machine: Machine) -> None:
    machine.lacks("python3")
    machine.answers("id", "echo 1000")
    ended = machine.set_up()
    assert ended.returncode == 3
    assert "--no-install-recommends python3 python3-venv python3-dev" in ended.stderr.splitlines()[-1]


def test_sudo_that_wants_a_password_is_not_asked_when_nobody_can_type_it(machine: Machine) -> None:
    machine.lacks("gcc")
    machine.answers("id", "echo 1000")
    machine.answers("sudo", 'echo "sudo $*" >>calls; exit 1')
    ended = machine.set_up()
    assert ended.returncode == 3
    assert "sudo sh -c 'apt-get update && apt-get install" in ended.stderr.splitlines()[-1]
    assert machine.calls("") == ["sudo -n true"]


def test_a_machine_without_apt_is_told_what_it_lacks(machine: Machine) -> None:
    machine.lacks("gcc")
    machine.lacks("apt-get")
    ended = machine.set_up()
    assert ended.returncode == 3
    assert "missing gcc: builds pyalsaaudio" in ended.stderr
    assert "not Debian" in ended.stderr


def test_apt_installs_only_what_is_missing_and_fetches_lists_only_when_that_fails(machine: Machine) -> None:
    machine.lacks("gcc")
    machine.answers("apt-get", 'echo "apt-get $*" >>calls; case $* in *install*) grep -q update calls; esac')
    assert machine.set_up().returncode == 0
    first, second, third = machine.calls("apt-get")
    assert " install " in first
    assert " gcc" in first
    assert "python3-dev" not in first
    assert second.endswith(" update")
    assert third == first


@pytest.mark.parametrize(
    ("version", "prefix",      "offered", "taken", "sees_system"),
    [
        ("3.13.5",  "/usr",        True,      True,    True),     # Raspberry Pi OS trixie: PyPI has no wheel
        ("3.13.5",  "/usr",        False,     False,   True),     # plain Debian trixie has no such package
        ("3.11.2",  "/usr",        True,      False,   False),    # bookworm: a wheel
        ("3.13.0",  "/opt/python", True,      False,   False),    # could not import the system's
    ],
)  # fmt: skip
def test_lgpio_is_the_systems_where_pypi_has_none_and_apt_has_one(
    machine: Machine, version: str, prefix: str, offered: bool, taken: bool, sees_system: bool
) -> None:
    machine.has_python(version, prefix)
    machine.answers("apt-cache", "true" if offered else "exit 100")
    assert machine.set_up().returncode == 0
    assert any("python3-lgpio" in call for call in machine.calls("apt-get")) is taken
    (venv,) = machine.calls("venv")
    assert ("--system-site-packages" in venv) is sees_system


def test_a_second_set_up_does_nothing_and_dev_holds_bench(machine: Machine) -> None:
    assert machine.set_up("dev").returncode == 0
    again = machine.set_up("bench")
    assert (again.returncode, again.stderr) == (0, "")
    assert len(machine.calls("pip")) == 1


def test_bench_does_not_hold_dev(machine: Machine) -> None:
    machine.set_up("bench")
    machine.set_up("dev")
    assert [call.split()[-1] for call in machine.calls("pip")] == [".[bench]", ".[dev]"]


def test_a_changed_pyproject_is_installed_into_the_same_venv(machine: Machine) -> None:
    machine.set_up()
    with (machine.checkout / "pyproject.toml").open("a") as pyproject:
        pyproject.write("# one more dependency\n")
    machine.set_up()
    assert (len(machine.calls("venv")), len(machine.calls("pip"))) == (1, 2)


def test_another_python_gets_another_venv(machine: Machine) -> None:
    machine.set_up()
    machine.has_python("3.13.1")
    machine.set_up()
    assert (len(machine.calls("venv")), len(machine.calls("pip"))) == (2, 2)


@pytest.mark.parametrize(
    ("pip_status", "venvs"),
    [
        (1, 1),      # pip gave up and undid its doings: the .venv is good
        (137, 2),    # killed in the middle (out of memory, Ctrl-C): nobody knows what is in it
    ],
)  # fmt: skip
def test_a_pip_that_fails_leaves_no_stamp_and_a_killed_one_no_half_venv(
    machine: Machine, pip_status: int, venvs: int
) -> None:
    (machine.checkout / "break-pip").write_text(str(pip_status))
    failed = machine.set_up()
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "no such release"
    assert str(machine.checkout / "build" / "setup.log") in failed.stderr
    (machine.checkout / "break-pip").unlink()
    assert machine.set_up().returncode == 0
    assert (len(machine.calls("venv")), len(machine.calls("pip"))) == (venvs, 2)


def test_two_set_ups_at_once_wait_for_each_other(machine: Machine) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(machine.set_up, ["dev", "bench"]))
    assert [ended.returncode for ended in both] == [0, 0]
    assert len(machine.calls("venv")) == 1


def test_the_kernel_s_tools_are_installed_its_source_is_not_and_no_venv_is_made(machine: Machine) -> None:
    machine.is_x86_64()
    machine.answers("apt-cache", "true")
    for there in ("bc", "xz"):
        machine.answers(there, "true")
    ended = machine.set_up("kernel")
    assert ended.returncode == 0
    (install,) = machine.calls("apt-get")
    assert " flex bison" in install
    assert not {"bc", "xz-utils", "gcc", "linux-source-6.12"} & set(install.split())
    assert "missing flex: reads the kernel's configuration" in ended.stderr
    assert not machine.calls("venv")


@pytest.mark.parametrize(
    "kernel_tools", [("make", "flex", "bison", "bc", "xz", "modprobe"), ()], ids=["there", "missing"]
)
def test_lists_that_do_not_know_the_kernel_s_source_are_asked_for_anew(
    machine: Machine, kernel_tools: tuple[str, ...]
) -> None:
    machine.is_x86_64()
    machine.answers("apt-cache", "grep -q update calls")
    for there in kernel_tools:
        machine.answers(there, "true")
    assert machine.set_up("kernel").returncode == 0
    assert machine.calls("apt-get")[-1].endswith(" update")


def test_where_there_can_be_no_kernel_bench_nothing_is_installed_for_it(machine: Machine) -> None:
    ended = machine.set_up("kernel")  # aarch64
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not machine.calls("")


def has_sound_server(machine: Machine, download: str = "true") -> None:
    """Apt knows PulseAudio, and one library that it needs; both are archives of one file."""
    note = f'echo "apt-get $*" >>"{machine.checkout}/calls"'
    machine.answers("apt-cache", 'printf "  Depends: %s\\n" libasound2-plugins libpulse0')
    machine.answers(
        "apt-get",
        f'{note}; case $* in *-s*) echo "Inst libpulse0 (16)" ;; *download*) {download} && touch a.deb ;; esac',
    )
    machine.answers("dpkg-deb", 'mkdir -p "$3/usr/bin" && touch "$3/usr/bin/pulseaudio"')


def test_a_sound_server_for_the_tests_is_unpacked_beside_the_packages_and_not_installed(machine: Machine) -> None:
    has_sound_server(machine)
    assert machine.set_up("dev").returncode == 0
    unpacked = machine.checkout / ".venv" / "sound-server"
    assert [path.name for path in unpacked.rglob("*") if path.is_file()] == ["pulseaudio"]
    asked, fetched = machine.calls("apt-get")
    assert "apt-get -s " in asked
    assert fetched.endswith(" download pulseaudio libasound2-plugins libpulse0")


def test_what_only_the_demo_needs_has_no_sound_server(machine: Machine) -> None:
    has_sound_server(machine)
    assert machine.set_up("bench").returncode == 0
    assert not machine.calls("apt-get")


def test_a_machine_that_cannot_fetch_the_sound_server_is_ready_all_the_same(machine: Machine) -> None:
    has_sound_server(machine, download="false")
    ended = machine.set_up("dev")
    assert ended.returncode == 0
    assert "PulseAudio could not be had" in ended.stderr
    assert machine.calls("apt-get")[2].endswith(" update")  # the lists may have been old
    assert not list((machine.checkout / ".venv").glob("sound-server*"))
    assert machine.set_up("dev").stderr == ""


def test_an_unknown_extra_is_a_usage_error(machine: Machine) -> None:
    assert machine.set_up("everything").returncode == 2


@pytest.mark.skipif(not importlib.util.find_spec("hatchling"), reason="hatchling (extra dev) is not here")
def test_the_wheel_carries_packages_and_data_side_by_side_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("audiohat-*-py3-none-any.whl")
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    written = {
        str(path.relative_to(ROOT))
        for folder in ("firmware_py", "hil", "boards", "overlays")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert carried == written
    assert {"firmware_py/py.typed", "firmware_py/cli/__init__.py"} <= carried
