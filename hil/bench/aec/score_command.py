"""Score the echo canceller on a recording of your own.

    audiohat aec score mic.wav ref.wav
    audiohat aec score mic.wav ref.wav near.wav --peers speex --out clean.wav --plot echo.png

MIC is what the microphone heard, REF what was played meanwhile, NEAR the near talker alone, if you have him: three files of one
recording, WAV or FLAC, frame n of each at the same instant. On a HAT: `arecord` and `aplay` started together, or two channels of
one recording with the output wired back. Exit codes: 0 scored, 2 files that do not fit, 3 no such file or no permission.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.bench.aec.options import add_canceller, with_files

HELP = "score the echo canceller on your own recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    score = actions.add_parser(
        "score", help=HELP, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    score.add_argument("mic", type=Path, metavar="MIC", help="what the microphone heard")
    score.add_argument("ref", type=Path, metavar="REF", help="what was played")
    score.add_argument("near", type=Path, metavar="NEAR", nargs="?", help="the near talker alone")
    add_canceller(score)
    score.add_argument("--out", type=Path, metavar="WAV", help="write what the canceller makes of it, latency removed")
    score.add_argument("--plot", type=Path, metavar="PNG", help="draw level over time, and spectrograms")


def run(options: argparse.Namespace) -> int:
    """Score and print; returns the exit code."""
    from hil.bench.aec.session import score_files

    return with_files(lambda: score_files(options))
