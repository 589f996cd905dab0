"""A server as a process of its own, and what speaks to it: a wire that says any bytes, and the command line."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

BOARD = "virtual:respeaker-2mic-v1"
PATIENCE_S = 20.0

PROGRAM = [sys.executable, "-m", "firmware_py"]


class Served:
    """`audiohat serve` on a socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", "--board", BOARD, "--socket", str(path)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.said = ""
        while " on " not in self.said:
            line = self.process.stderr.readline()
            assert line, f"the server ended: {self.said}"
            self.said += line

    def end(self, number: signal.Signals) -> int:
        """Send a signal; returns the exit code. What was said on stderr is in `said`, then."""
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=PATIENCE_S)[1]
        return self.process.returncode


class Wire:
    """One connection, byte by byte."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))
        self._lines = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self.socket.close()

    def say(self, *lines: bytes) -> None:
        self.socket.sendall(b"".join(lines))

    def hear(self) -> dict[str, Any] | None:
        """The next line; None at the end."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """The answer to a request; events before it are passed over."""
        self.say(json.dumps({"id": op, "op": op, **fields}).encode() + b"\n")
        while True:
            said = self.hear()
            assert said is not None
            if "event" not in said:
                return said

    def error(self, op: str, **fields: Any) -> tuple[str, str]:
        """Code and message of a refusal."""
        answer = self.ask(op, **fields)
        assert answer["ok"] is False, answer
        return answer["error"]["code"], answer["error"]["message"]


class Holder:
    """A process that holds a session with `audiohat session create --json`, and prints its events."""

    def __init__(self, path: Path, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "session", "create", name, "--socket", str(path), "--json", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.heard: list[dict[str, Any]] = []
        while "name" not in self.hear():
            pass

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.heard.append(json.loads(line))
        return self.heard[-1]

    def hear_event(self, kind: str, **facts: Any) -> dict[str, Any]:
        """Wait for the next event of a kind with these facts."""
        while True:
            event = self.hear()
            if event.get("event") == kind and facts.items() <= event.items():
                return event

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode
