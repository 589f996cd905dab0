"""The `audiohat` command: finds the commands that are installed, runs one, and turns errors into sentences and exit codes.

A command is a module with `HELP`, `add_arguments(parser)` and `run(arguments) -> int`, named by an entry point of group
`audiohat.commands`: the rig brings its own, and the product imports nothing of the rig.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from types import ModuleType

from firmware_py.errors import BusError, FirmwareError, ModeChangeFailed, PcmError, PinError, nearest

PASS, FAIL, USAGE, NO_HARDWARE, RIG_FAULT, INTERRUPTED = range(6)
"""Exit codes: what scripts and CI may rely on."""

GROUP = "audiohat.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. A traceback is shown only for a fault of ours, and when asked for."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    try:
        return _ended_in_order(argv)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has gone, and nobody knows how it would have ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except FirmwareError as error:
        return _say(str(error), NO_HARDWARE if _is_hardware(error) else USAGE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(
            f"{where}{error.strerror or error}", NO_HARDWARE if error.errno in (errno.EACCES, errno.EPERM) else USAGE
        )
    except Exception as error:
        if _was_interrupted(error):
            return _say("interrupted", INTERRUPTED)
        if os.environ.get("AUDIOHAT_TRACEBACK"):
            raise
        fault = f"{type(error).__name__}: {error}"
        return _say(f"a fault of audiohat itself ({fault}); AUDIOHAT_TRACEBACK=1 shows where", RIG_FAULT)


def _ended_in_order(argv: list[str]) -> int:
    """Run the command; a request to end is a Ctrl-C, until it is ending already."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(argv)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _prepare_streams() -> None:
    """Whatever was closed is the null device, and a letter that a terminal lacks is a question mark, not a crash."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # they live as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  # as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an error is what a library made of Ctrl-C."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_hardware(error: BaseException | None) -> bool:
    """Whether the cause of an error, however deep, is a part that does not answer."""
    while error is not None:
        if isinstance(error, BusError | PcmError | PinError | ModeChangeFailed):
            return True
        error = error.__cause__
    return False


def _run(argv: list[str]) -> int:
    commands = {point.name: point for point in entry_points(group=GROUP)}
    parser = _Parser(prog="audiohat", description="Audio-session modes on real codec hardware, and the proof of them.")
    parser.add_argument("--version", action="version", version=f"audiohat {version('audiohat')}")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    if chosen is not None and chosen not in commands:
        return _say(f"no command is named {chosen!r}; {nearest(chosen, commands)}", USAGE)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    modules = {name: _load(point) for name, point in sorted(commands.items()) if chosen in (None, name)}
    for name, module in modules.items():
        sub = subparsers.add_parser(
            name, help=module.HELP, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(sub)
    options = parser.parse_args(argv)
    code: int = modules[options.command].run(options)
    return code


class _Parser(argparse.ArgumentParser):
    """argparse's, with one sentence for an error."""

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says it never returns
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _load(point: EntryPoint) -> ModuleType:
    try:
        module: ModuleType = point.load()
    except ImportError as error:
        raise FirmwareError(
            f"audiohat {point.name} needs {error.name}, which is not installed: pip install 'audiohat[bench]'"
        ) from error
    return module


def _say(sentence: str, code: int) -> int:
    print(f"audiohat: {sentence}", file=sys.stderr)
    return code
