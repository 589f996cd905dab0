"""Try the echo canceller in generated scenes, and on recordings of your own, beside others that are on this machine.

    audiohat bench aec                                        every scene, four rooms
    audiohat bench aec --peers speex,webrtc --plots pictures
    audiohat bench aec --scene single jump --room hall --seed 7 --json

Scenes: single (far end alone, in every room), soft, hard, asymmetric (loudspeakers that distort), double-talk-10, double-talk0,
double-talk+10 (near end over echo in dB), cold-start (inside double talk), near-only, headphones (far end without echo), skew (two
clocks), delay-1, delay-60, delay-120, delay-240 (ms), jump (of the delay), device-moved, speaker-moved, noise, music, clipping,
48k, white. Voices are those that are installed: asterisk-core-sounds-*, alsa-utils, else synthetic ones; the last lines say whose.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.bench.aec.options import add_canceller, number, with_files

HELP = "the echo canceller in generated scenes, beside others"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes. Names of scenes and rooms are looked up when it runs."""
    add_canceller(parser)
    parser.add_argument("--scene", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument(
        "--room", nargs="+", default=[], metavar="NAME",
        help="anechoic, booth, office, living-room, hall; the first serves all scenes but `single` (default: all but anechoic)",
    )  # fmt: skip
    parser.add_argument(
        "--skew", nargs="+", type=number(-2000.0, 2000.0, "ppm"), default=[], metavar="PPM",
        help="clock skews; positive: the echo falls behind (default 50 200)",
    )  # fmt: skip
    parser.add_argument("--rate", type=int, choices=(16000, 48000), default=16000, help="in Hz (default 16000)")
    parser.add_argument(
        "--seed", type=_seed, default=1, metavar="N", help="whose voices say what, and the noise (default 1)"
    )
    parser.add_argument(
        "--recording", nargs="+", action="append", default=[], type=Path, metavar="FILE",
        help="MIC REF [NEAR] of your own, as `audiohat aec score` takes them; may be repeated",
    )  # fmt: skip
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write a PNG for each scene there")


def run(options: argparse.Namespace) -> int:
    """Run and print; returns the exit code."""
    from hil.bench.aec.session import bench

    return with_files(lambda: bench(options))


def _seed(text: str) -> int:
    if text.isdecimal() and int(text) < 2**32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text}: a whole number from 0 to {2**32 - 1}")
