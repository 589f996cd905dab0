"""Serve a board to every process of this machine, over a Unix socket, until told to stop.

The button and LEDs are served with it. `audiohat session` and `audiohat mode` speak to it, and so does
`firmware_py.serve.Client`. The protocol: firmware_py/serve/protocol.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from firmware_py.cli import INTERRUPTED, PASS
from firmware_py.cli.session import a_path
from firmware_py.engine import kernel_parts
from firmware_py.hardware import DEFAULT_BOARD, PCMS, open_device
from firmware_py.serve.place import listening, socket_path
from firmware_py.serve.server import Server

LONGEST_DEVICE = 250

HELP = "serve a board to other processes, and its button to people"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        metavar="NAME",
        help=f"a board, or virtual:NAME for a simulated one (default {DEFAULT_BOARD})",
    )
    parser.add_argument(
        "--playback",
        type=a_device,
        metavar="DEVICE",
        help="ALSA device to play on (default: the board's card, by its id)",
    )
    parser.add_argument(
        "--capture", type=a_device, metavar="DEVICE", help="ALSA device to capture from (default: the same)"
    )
    parser.add_argument(
        "--pcm", choices=list(PCMS), help="way to the card (default: libasound; pyalsaaudio where that cannot be used)"
    )
    parser.add_argument(
        "--socket",
        type=a_path,
        metavar="PATH",
        help="where to listen (default /run/audiohat/NAME.sock or nearest to it)",
    )


def a_device(text: str) -> str:
    """What may be the name of an ALSA device, before any hardware is touched."""
    if not text.isprintable() or not 0 < len(text) <= LONGEST_DEVICE:
        raise argparse.ArgumentTypeError(
            "this is no ALSA device; say for example hw:CARD=ID,DEV=0 (`audiohat cards` lists them)"
        )
    return text


def run(options: argparse.Namespace) -> int:
    """Serve; returns the exit code."""
    path = options.socket or socket_path(options.board)
    with listening(path, options.board) as (listener, who):
        device = open_device(options.board, playback=options.playback, capture=options.capture, pcm=options.pcm)
        for name, compile_part in kernel_parts().items():
            _say(f"preparing kernels: {name}")
            compile_part()
        _say(f"{options.board} on {path}, {who}; process {os.getpid()}")
        caught = asyncio.run(Server(device, options.board, _say).run_until_signal(listener))
    _say(f"{caught.name}: {options.board} is silent and has no power")
    return INTERRUPTED if caught is signal.SIGINT else PASS


def _say(sentence: str) -> None:
    print(f"audiohat serve: {sentence}", file=sys.stderr, flush=True)
