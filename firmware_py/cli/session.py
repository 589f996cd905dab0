"""Sessions of a board that `audiohat serve` serves.

    audiohat session create music --category mediaPlayback --activate    holds it and prints its events, until Ctrl-C
    audiohat session list
    audiohat session activate music
    audiohat session deactivate music --notify-others
    audiohat session watch                                               everybody's events

A session that was created here is over when this command is. "device" is the session of the button. Where no server runs
and --board is virtual:NAME, one runs as long as the command does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from firmware_py.audio import AudioSessionError, ErrorCode
from firmware_py.cli import NO_HARDWARE, PASS, USAGE
from firmware_py.descriptions import load_board
from firmware_py.hardware import split_name
from firmware_py.modes import PROFILES, Category, Mode, named
from firmware_py.serve import Client, NoServer
from firmware_py.serve.protocol import AnyEvent

HELP = "list, create, activate, deactivate and watch the sessions of a served board"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    common = argparse.ArgumentParser(add_help=False)
    add_server_arguments(common)
    common.add_argument("--json", action="store_true", help="print JSON, one object a line")
    actions.add_parser("list", parents=[common], help="all sessions")
    actions.add_parser("watch", parents=[common], help="print every event until Ctrl-C")
    create = actions.add_parser("create", parents=[common], help="hold a session and print its events until Ctrl-C")
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--priority", type=int, default=0, metavar="N", help="the higher interrupts the lower (default 0)"
    )
    create.add_argument("--category", metavar="NAME", help="as playAndRecord")
    create.add_argument("--mode", metavar="NAME", help="as voiceChat")
    create.add_argument("--mix-with-others", action="store_true")
    create.add_argument("--duck-others", action="store_true")
    create.add_argument("--activate", action="store_true", help="activate it at once")
    for verb in ("activate", "deactivate"):
        known = actions.add_parser(verb, parents=[common], help=f"{verb} a session by name")
        known.add_argument("name", metavar="NAME")
    known.add_argument("--notify-others", action="store_true", help="those that it interrupted should resume")


def warn_of_misuse(facts: dict[str, Any]) -> None:
    """A mode that its category does not admit behaves as Default: no error, but worth a word."""
    if facts["effective_mode"] != facts["mode"]:
        admitting = " or ".join(sorted(PROFILES[Mode(facts["mode"])].categories))
        print(f"{facts['mode']} acts in --category {admitting} only; here Default acts", file=sys.stderr)


def a_path(text: str) -> Path:
    """A path, and not nothing."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("empty; give a path")
    return Path(text)


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """How a server is found."""
    parser.add_argument("--board", metavar="NAME", help="the board, if several are served")
    parser.add_argument(
        "--socket", type=a_path, metavar="PATH", help="where its server listens, if not in the usual place"
    )


def run(options: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    try:
        try:
            client = Client(options.socket, board=options.board)
        except NoServer:
            if options.socket or not str(options.board).startswith("virtual:"):
                raise
            with _served_meanwhile(options.board) as socket, Client(socket) as own:
                return _act(own, options)
        with client:
            return _act(client, options)
    except NoServer as error:
        return complain(error, NO_HARDWARE)
    except AudioSessionError as error:
        return complain(error, exit_code(error))


@contextmanager
def _served_meanwhile(board: str) -> Iterator[Path]:
    """A server of a virtual board for as long as this command runs; gives its socket."""
    load_board(split_name(board)[1])  # a wrong name is told here, with the right ones
    with tempfile.TemporaryDirectory(prefix="audiohat-") as folder:
        socket = Path(folder) / "board.sock"
        server = subprocess.Popen(
            [sys.executable, "-m", "firmware_py", "serve", "--board", board, "--socket", str(socket)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for this command, which then ends its server in order
        )
        try:
            while not _answers(socket):  # the first time it compiles its kernels, and that takes minutes
                if server.poll() is not None:
                    raise NoServer(f"no server runs for {board}, and none could be started")
                time.sleep(0.05)
            yield socket
        finally:
            if server.poll() is None:
                server.terminate()
            server.wait()


def _answers(socket: Path) -> bool:
    """Whether a server greets there, soon enough."""
    try:
        Client(socket).close()
    except NoServer:
        return False
    return True


def exit_code(refusal: AudioSessionError) -> int:
    """The hardware's fault, or the asker's."""
    return NO_HARDWARE if refusal.code in (ErrorCode.NO_HARDWARE, ErrorCode.UNSPECIFIED) else USAGE


def complain(error: Exception, code: int) -> int:
    """One sentence on stderr; returns the exit code."""
    print(f"audiohat: {error}", file=sys.stderr)
    return code


def show(facts: dict[str, Any], *, as_json: bool) -> None:
    """A session's facts on one line."""
    if as_json:
        _print_json(facts)
        return
    mode = (
        facts["mode"] if facts["mode"] == facts["effective_mode"] else f"{facts['mode']} as {facts['effective_mode']}"
    )
    ports = " to ".join(port for port in facts["route"].values() if port) or "nothing plugged in"
    decides = ", decides" if facts["decides"] else ""
    print(
        f"{facts['name']:16} {facts['state']}{decides}: {facts['category']}, {mode}; {ports}; priority {facts['priority']}"
    )


def _act(client: Client, options: argparse.Namespace) -> int:
    match options.action:
        case "list":
            for facts in client.sessions():
                show(facts, as_json=options.json)
        case "watch":
            client.watch()
            _print_events(client, options)
        case "create":
            _hold(client, options)
        case "activate":
            show(client.call("session.activate", name=options.name), as_json=options.json)
        case "deactivate":
            facts = client.call("session.deactivate", name=options.name, notify_others=options.notify_others)
            show(facts, as_json=options.json)
    return PASS


def _hold(client: Client, options: argparse.Namespace) -> None:
    wishes: dict[str, Any] = {}
    if options.category:
        wishes["category"] = str(named(Category, options.category))
    if options.mode:
        wishes["mode"] = str(named(Mode, options.mode))
    for option in ("mix_with_others", "duck_others"):
        if getattr(options, option):
            wishes[option] = True
    session = client.session(options.name, priority=options.priority, **wishes)
    if options.activate:
        session.activate()
    facts = session.facts()
    show(facts, as_json=options.json)
    warn_of_misuse(facts)
    _print_events(client, options)


def _print_events(client: Client, options: argparse.Namespace) -> None:
    """Until Ctrl-C, or NoServer when the server has gone."""
    sys.stdout.flush()
    for event in client.events():
        if options.json:
            _print_json(event)
        else:
            print(_sentence(event))
        sys.stdout.flush()
    raise NoServer("the server has gone, and its sessions are over")


def _sentence(event: AnyEvent) -> str:
    facts = msgspec.to_builtins(event)
    kind, session = facts.pop("event"), facts.pop("session")
    told = ", ".join(f"{name} {_word(value)}" for name, value in facts.items() if value is not None)
    return f"{session or 'board':16} {kind}: {told or 'none'}"


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return " to ".join(port for port in value.values() if port) or "nothing"
    return str(value)


def _print_json(what: object) -> None:
    print(msgspec.json.encode(what).decode())
