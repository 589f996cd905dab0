"""What both commands take, and how both refuse: no more than argparse and errors need, so that `--help` stays quick."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from firmware_py.cli import NO_HARDWARE

BLOCK_MS = 8.0
TAIL_MS, TAIL_WITH_DELAY_MS = 192.0, 256.0  # the canceller's own, and that of those to whom delay is a part of it
_SAID = {
    errno.ENOENT: "there is no such file; name another",
    errno.EISDIR: "is a folder; name a file",
    errno.EACCES: "may not be used by you; ask for the right to it, or name another",
}


def add_canceller(parser: argparse.ArgumentParser) -> None:
    """Block, tail, peers."""
    parser.add_argument(
        "--block", type=number(1.0, 32.0, "ms"), default=BLOCK_MS, metavar="MS", help=f"block (default {BLOCK_MS:g} ms)"
    )
    parser.add_argument(
        "--tail", type=number(1.0, 1000.0, "ms"), metavar="MS",
        help=f"how long a room may answer (default {TAIL_MS:g} ms; {TAIL_WITH_DELAY_MS:g} for others, delay included)",
    )  # fmt: skip
    parser.add_argument(
        "--peers", type=_names, default=[], metavar="NAME,...",
        help="others beside it, if they are here: speex, webrtc",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")


def number(low: float, high: float, unit: str) -> Callable[[str], float]:
    """A type for argparse: a number within bounds."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if low <= float(text) <= high:
                return float(text)
        raise argparse.ArgumentTypeError(f"{text}: a number of {unit} from {low:g} to {high:g}")

    return read


def with_files(work: Callable[[], int]) -> int:
    """Do it; a file that is not there, or may not be touched, is a sentence and exit code 3."""
    try:
        return work()
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        said = str(error.strerror)
        if said == os.strerror(error.errno or 0):  # the system's own words, to which we know better ones
            said = _SAID.get(error.errno or 0, said)
        print(f"audiohat: {error.filename}: {said}", file=sys.stderr)
        return NO_HARDWARE


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
