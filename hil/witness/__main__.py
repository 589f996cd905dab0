"""Record the kernel's codec drivers again: `python -m hil.witness [CODEC...]`, described in `hil.witness`.

Exit codes: 0 recorded, 1 a recorder failed, 2 usage, 3 not on this machine, 4 no verdict.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from hil.kernel import Bench, BuildFailed, GuestFault, NotHere, prepare, run
from hil.witness.document import document, text
from hil.witness.drivers import DRIVERS
from hil.witness.recording import FOLDER

_LIMIT_S = 600.0


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m hil.witness", description="Record the kernel's codec drivers.")
    parser.add_argument("codecs", nargs="*", metavar="CODEC", help=f"of {', '.join(DRIVERS)} (default: all)")
    parser.add_argument("--results", type=Path, default=FOLDER, help="the folder to write to (default %(default)s)")
    asked = parser.parse_args()
    if unknown := set(asked.codecs) - DRIVERS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(DRIVERS)}")
    try:
        bench = prepare()
        asked.results.mkdir(parents=True, exist_ok=True)
        for codec in asked.codecs or DRIVERS:
            if failed := _record(bench, codec, asked.results / f"{codec}.json"):
                return failed
    except NotHere as lacking:
        print(f"witness: {lacking}", file=sys.stderr)
        return 3
    except (BuildFailed, GuestFault) as fault:
        print(f"witness: {fault}", file=sys.stderr)
        return 4
    return 0


def _record(bench: Bench, codec: str, target: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="audiohat-witness-") as temporary:
        raw = Path(temporary).resolve() / "raw.json"
        command = [sys.executable, "-m", "hil.witness.recorder", codec, str(raw)]
        ended = run(bench, command, results=raw.parent, limit_s=_LIMIT_S)
        if ended.exit_code:
            print(f"witness: {codec}: the recorder failed:\n{ended.output}{ended.complaints}", file=sys.stderr)
            return 1
        kept = document(json.loads(raw.read_text()))
    target.write_text(text(kept))
    print(f"witness: {target.name}: {len(kept['controls'])} controls, {target.stat().st_size} bytes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
