"""A sound server of the tests' own: PulseAudio with sinks that sound nowhere, reached through libasound's `pulse` plug-in.

What is played on NAME_out is captured from NAME_in, at the pace of a real clock. Nothing outside a temporary folder knows of it.
The program is the machine's own where it has one; else the one that .ci/setup has unpacked in .venv, and not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

UNPACKED = Path(sys.prefix) / "sound-server"
PLUG_IN = "alsa-lib/libasound_module_pcm_pulse.so"
START_S = 10.0
BLOCK_MS = 5
PRIORITY = 50

CONFIGURATION = """
pcm.{name}_out {{ type pulse server "unix:{folder}/socket" device {name} }}
pcm.{name}_in {{ type pulse server "unix:{folder}/socket" device {name}.monitor }}
"""

FOREIGN = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "PULSE_SERVER", "PULSE_SINK", "PULSE_SOURCE", "XDG_RUNTIME_DIR")
"""Of the environment: what would lead to somebody else's server."""


def missing() -> str:
    """What this machine lacks for a sound server, and how to get it; "" if nothing."""
    lacks = [program for program in ("pulseaudio", "parec") if not shutil.which(program, path=_path())]
    plug_ins = (
        root.glob(f"lib*/{place}") for root in (UNPACKED / "usr", Path("/usr")) for place in (PLUG_IN, f"*/{PLUG_IN}")
    )
    if not any(map(list, plug_ins)):
        lacks.append("plug-in of libasound for it")
    if not lacks:
        return ""
    return (
        f"there is no {' and no '.join(lacks)}; on Debian `make test` fetches them, "
        "and tries again when .venv/audiohat-ready is removed"
    )


@contextmanager
def sound_server(**rates_hz: int) -> Iterator[dict[str, str]]:
    """Run one with a sink for each name, of that rate. Gives the environment in which libasound knows NAME_out and NAME_in."""
    with tempfile.TemporaryDirectory(prefix="audiohat-sound-") as place:
        folder, started = Path(place), []
        environment = _environment(folder)
        pcms = [CONFIGURATION.format(name=name, folder=folder) for name in rates_hz]
        (folder / "asound.conf").write_text("".join(pcms))
        try:
            started.append(_start(_command(folder, rates_hz), environment))
            _wait_for(folder / "socket", started[0])
            prefer(started[0].pid)  # by itself it prefers the threads of its sinks alone
            # While nobody listens it renders two seconds at a time, and whoever comes has to wait for them.
            for name, rate_hz in rates_hz.items():
                listener = ["parec", f"--server=unix:{folder}/socket", f"--device={name}.monitor", f"--rate={rate_hz}"]
                started.append(_start([*listener, f"--latency-msec={BLOCK_MS}"], environment))
            yield environment
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def prefer(process: int = 0) -> None:
    """Real-time priority for a process's first thread, below that of the period loop, where it is granted; 0 is the caller."""
    with suppress(OSError):
        os.sched_setscheduler(process, os.SCHED_FIFO, os.sched_param(PRIORITY))


def _environment(folder: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment |= {
        "PATH": _path(),
        "ALSA_CONFIG_PATH": f"{folder}/asound.conf",
        "PULSE_CLIENTCONFIG": os.devnull,
        "PULSE_COOKIE": f"{folder}/cookie",
        "PULSE_RUNTIME_PATH": f"{folder}/run",
        "PULSE_STATE_PATH": f"{folder}/state",
    }
    for plug_in in UNPACKED.rglob(PLUG_IN):
        libraries = sorted({str(library.parent) for library in UNPACKED.rglob("*.so*")})
        environment["ALSA_PLUGIN_DIR"] = str(plug_in.parent)
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [*libraries, os.environ.get("LD_LIBRARY_PATH")]))
    return environment


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:{UNPACKED}/usr/bin"


def _command(folder: Path, rates_hz: Mapping[str, int]) -> list[str]:
    """No module but these, no file but in *folder*; it does not end because nobody is there."""
    sinks = [
        f"module-null-sink sink_name={name} rate={rate} channels=2 format=s32le" for name, rate in rates_hz.items()
    ]
    socket = f"module-native-protocol-unix socket={folder}/socket auth-anonymous=1 auth-cookie-enabled=0"
    modules = {str(module.parent) for module in UNPACKED.rglob("module-null-sink.so")}
    return [
        "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes",
        *(f"--dl-search-path={unpacked}" for unpacked in modules),
        *(f"--load={module}" for module in (*sinks, socket)),
    ]  # fmt: skip


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)


def _wait_for(socket: Path, server: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_S
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"pulseaudio does not start: exit code {server.poll()}; {server.args!r}")
        time.sleep(0.01)
