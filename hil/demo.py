"""Every mode of a board, certified on the virtual bench with real voices.

Presses the virtual button for each of the five modes in turn, measures what the mode promises, prints one row a measurement,
and writes DIR/report.html, DIR/results.json, DIR/voice-chat-mic.wav and DIR/voice-chat-out.wav.
Exit code 0: every mode keeps its promise; 1: one does not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hil.bench import VirtualBench, certificate_file
from hil.certify import Recordings, certify
from hil.measurement import Certificate, Measurement, ModeResult
from hil.report import write_report
from hil.stimulus import StimulusError
from hil.voices import Voices

HELP = "certify all five modes on a virtual board, with real voices"
BOARD = "respeaker-2mic-v1"
_VERDICT = {"pass": "[green]✓ pass[/]", "fail": "[red]✗ FAIL[/]", "not tested": "[yellow]not tested[/]"}
_WIDE_COLUMNS = 100  # below this there is no room for sources; the report has them
_PAPER_COLUMNS = 120  # of what goes to a file or a pipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--board", default=BOARD, metavar="NAME", help=f"board, or its description file (default {BOARD})"
    )
    parser.add_argument(
        "--far", type=Path, metavar="FILE", help="voice of the far end, WAV or FLAC (default: alsa-utils' recordings)"
    )
    parser.add_argument("--near", type=Path, metavar="FILE", help="voice of the near talker")
    parser.add_argument(
        "--room", default="office", metavar="NAME", help="anechoic, booth, office, living-room or hall (default office)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/demo"),
        metavar="DIR",
        help="where the report goes (default results/demo)",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    """Certify, write, print; returns the exit code."""
    progress_console = Console(stderr=True)
    voices = Voices([options.far] if options.far else [], [options.near] if options.near else [])
    try:
        voices.check()
    except StimulusError as error:
        print(f"audiohat demo: {error}", file=sys.stderr)
        return 2
    bench = VirtualBench.of(options.board, room=options.room)
    with _folder(options.out) as out:
        certificate, recordings = _measure(bench, voices, progress_console)
        try:
            _write(out, certificate, recordings)
        except OSError as error:
            print(f"audiohat demo: --out {out}: the results could not be written: {error.strerror}", file=sys.stderr)
            return 2
    _keep(certificate)
    if options.json:
        print(certificate.to_json())
    else:
        _print(Console(width=None if sys.stdout.isatty() else _PAPER_COLUMNS), certificate, options.out)
    return 1 if certificate.verdict == "fail" else 0


def _measure(bench: VirtualBench, voices: Voices, console: Console) -> tuple[Certificate, Recordings]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        parts = bench.kernel_parts()
        kernels = progress.add_task("preparing kernels", total=len(parts))
        for name, compile_part in parts.items():
            progress.update(kernels, description=f"preparing kernels: {name}")
            compile_part()
            progress.advance(kernels)
        progress.update(kernels, description="kernels are ready")
        task = progress.add_task("measuring")

        def show(mode: str, what: str, done: int, total: int) -> None:
            progress.update(task, description=f"{mode}: {what}", completed=done, total=total)

        certificate, recordings = certify(bench, voices, show)
        progress.update(task, description="measured", completed=progress.tasks[task].total)
    return certificate, recordings


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """The folder of the results, made before anything is measured, and gone again if nothing came of it."""
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()  # whoever may not write here, hears it now
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; name a folder that you may write to", f"--out {path}") from error
    try:
        yield path
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


def _write(folder: Path, certificate: Certificate, recordings: Recordings) -> None:
    """All files or none: they are made in a folder beside, then moved in."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as making:
        made = Path(making)
        write_report(made / "report.html", certificate)
        (made / "results.json").write_text(certificate.to_json() + "\n", encoding="utf-8")
        for name, samples in recordings.get("voiceChat", {}).items():
            soundfile.write(made / f"voice-chat-{name}.wav", samples, 16_000, subtype="PCM_16")
        for path in sorted(made.iterdir()):
            shutil.move(path, folder / path.name)


def _keep(certificate: Certificate) -> None:
    """Leave the certificate where `audiohat mode explain` looks for what was measured last, whole or not at all."""
    path = certificate_file(certificate.board)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as making:
            made = Path(making) / path.name
            made.write_text(certificate.to_json() + "\n", encoding="utf-8")
            made.replace(path)
    except OSError as error:
        print(f"audiohat demo: the certificate was not kept for `mode explain`: {error}", file=sys.stderr)


def _print(console: Console, certificate: Certificate, folder: Path) -> None:
    for result in certificate.modes.values():
        console.print(_rows(result, with_source=console.width >= _WIDE_COLUMNS))
    table = Table(title=f"{certificate.board}, {certificate.bench}", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("mode", "verdict", "passed", "failed", "not tested"):
        table.add_column(heading, no_wrap=True)
    table.add_column("promise")
    for result in certificate.modes.values():
        verdicts = [m.verdict for m in result.measurements if not m.is_information]
        counts = (str(verdicts.count(verdict)) for verdict in ("pass", "fail", "not tested"))
        table.add_row(result.title, _VERDICT[result.verdict], *counts, result.promise)
    console.print(table)
    for result, row in certificate.rows("fail"):
        console.print(f"[red]✗[/] {result.title}: {row.title.lower()}: {_value(row)}, limit {_limit(row)}", end="")
        console.print(f" ({row.note})" if row.note else "", highlight=False)
    console.print(
        f"{certificate.speed_x_realtime:.0f} times real time. "
        f"Open {folder / 'report.html'}; listen to {folder / 'voice-chat-mic.wav'} and voice-chat-out.wav.",
        soft_wrap=True,
    )


def _rows(result: ModeResult, *, with_source: bool) -> Table:
    table = Table(title=result.title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("measurement", no_wrap=True, min_width=34)
    table.add_column("value", justify="right", no_wrap=True, min_width=14)
    table.add_column("limit", no_wrap=True, min_width=15)
    table.add_column("verdict", no_wrap=True, min_width=10)
    if with_source:
        table.add_column("source", no_wrap=True, overflow="ellipsis")
    for m in result.measurements:
        verdict = "reported" if m.is_information else _VERDICT[m.verdict]
        table.add_row(m.title, _value(m), _limit(m), verdict, *([m.source] if with_source else []))
    return table


def _value(m: Measurement) -> str:
    return "-" if m.value is None else f"{m.value:.4g} {m.unit}".strip()


def _limit(m: Measurement) -> str:
    if m.lower is not None and m.upper is not None:
        return f"{m.lower:.4g}" if m.lower == m.upper else f"{m.lower:.4g} ... {m.upper:.4g}"
    if m.lower is not None:
        return f">= {m.lower:.4g}"
    return "" if m.upper is None else f"<= {m.upper:.4g}"
