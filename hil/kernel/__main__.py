"""The kernel bench's command line: `python -m hil.kernel`, described in `hil.kernel`.

Exit codes: of `run` and `check` the job's, of `build` 0; 2 usage, 3 not on this machine, 4 no verdict, 5 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hil.kernel.build import BuildFailed, NotHere, prepare, say
from hil.kernel.guest import GuestFault, run

_TESTS = "tests/kernel"
_CONTRACT = "tests/engine/test_pcm_contract.py"  # the one suite of all cards, here on a kernel's
# Of the other tests' conftest and plug-ins the guest needs nothing, and imports are what costs time there.
_PYTEST = ("-m", "pytest", _TESTS, _CONTRACT, "-q", "--override-ini=addopts=--strict-markers --strict-config",
           f"--confcutdir={_TESTS}", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    parser = _parser()
    asked, others = parser.parse_known_args(arguments)
    if others and asked.what != "check":
        parser.error(f"unknown: {' '.join(others)}")
    try:
        return _do(asked, others)
    except NotHere as lacking:
        if asked.what == "check":
            print(f"kernel bench: not run: {lacking}")
            return 0
        say(str(lacking))
        return 3
    except (BuildFailed, GuestFault) as fault:
        say(str(fault))
        return 4
    except KeyboardInterrupt:
        say("interrupted")
        return 5


def _do(asked: argparse.Namespace, for_pytest: list[str]) -> int:
    bench = prepare()
    if asked.what == "build":
        print(bench.linux)
        return 0
    command = asked.command if asked.what == "run" else [sys.executable, *_PYTEST, *for_pytest]
    ended = run(
        bench,
        command,
        results=asked.results,
        real_time=asked.real_time,
        kernel_arguments=asked.kernel_argument,
        memory_mib=asked.memory_mib,
        limit_s=asked.limit_s,
        echo=sys.stdout.buffer,
    )
    if ended.complaints:
        say(f"the guest's kernel complained:\n{ended.complaints}")
    return ended.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hil.kernel", description="A Linux kernel as a program, to test against."
    )
    verbs = parser.add_subparsers(dest="what", required=True)
    verbs.add_parser("build", help="build what is not built yet, and say where the kernel is")
    job = verbs.add_parser("run", allow_abbrev=False, help="run a command in the guest")
    check = verbs.add_parser(
        "check",
        allow_abbrev=False,
        help=f"run {_TESTS} in the guest; what is not listed here goes to pytest. Where that cannot be, say so and end with 0",
    )
    for verb in (job, check):
        verb.add_argument("--results", type=Path, help="the host's folder that the job sees as $AUDIOHAT_RESULTS")
        verb.add_argument("--real-time", action="store_true", help="the host's time instead of virtual time")
        verb.add_argument("--limit-s", type=float, default=1800.0, help="of the host's time (default %(default)g)")
        verb.add_argument("--memory-mib", type=int, default=1024, help="of the guest (default %(default)d)")
        verb.add_argument("--kernel-argument", action="append", default=[], metavar="X=Y", help="one more; repeatable")
    job.add_argument("command", nargs="+", help="behind --")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # an end that tidies up
    sys.exit(main())
