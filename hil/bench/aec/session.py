"""What the two commands do, from options to paper: find who can be tried, run them, collect, print, draw. Progress on stderr."""

from __future__ import annotations

import argparse
import errno
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import soundfile
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from firmware_py.cli import PASS
from firmware_py.cli.tables import console, print_json
from hil.bench.aec import costs, recordings
from hil.bench.aec.cancellers import (
    SPEEX_FRAME_S,
    SPEEX_TAIL_S,
    CancellerError,
    Floats,
    Maker,
    find,
    ours,
    run,
    whole_blocks_s,
)
from hil.bench.aec.options import TAIL_MS, TAIL_WITH_DELAY_MS
from hil.bench.aec.recordings import Delay, Recording, RecordingError, Score
from hil.bench.aec.scenes import ROOM_NAMES, SINGLE, SKEWS_PPM, Clip, Scene, choose, clip
from hil.bench.aec.tables import print_cancellers, print_scenes, print_score
from hil.bench.aec.trial import Row, aligned, judge, latency_of, untouched
from hil.whole import written_whole

COST_ROUNDS, COST_S = 7, 4.0


def bench(options: argparse.Namespace) -> int:
    """`audiohat bench aec`."""
    scenes = choose(options.scene, options.room or ROOM_NAMES, options.skew or SKEWS_PPM)
    files = [_files_of(paths) for paths in options.recording]
    loaded = [recordings.load(*paths) for paths in files]
    makers, absent = _makers(
        options, {scene.rate_hz or options.rate for scene in scenes} | {one.rate_hz for one in loaded}
    )
    if options.plots is not None:
        _make_folder(options.plots)
    latencies: dict[str, dict[int, float]] = {maker.name: {} for maker in makers}
    rows: list[Row] = []
    microphones: dict[str, float] = {}
    said: dict[int, str] = {}
    scored: list[tuple[Recording, Delay, list[Score]]] = []
    with _progress(len(scenes) + len(loaded)) as tell:
        for scene in scenes:
            tell(scene.title)
            sound = clip(scene, options.rate, options.seed)
            said[sound.rate_hz] = sound.said
            microphones[scene.name] = untouched(sound)
            outputs: dict[str, Floats] = {}
            for maker in makers:
                by_rate = latencies[maker.name]
                if sound.rate_hz not in by_rate:
                    by_rate[sound.rate_hz] = latency_of(maker, sound.rate_hz, options.seed)
                heard = run(maker, sound.rate_hz, sound.mic, sound.far)
                outputs[maker.name] = aligned(heard, by_rate[sound.rate_hz])
                rows.append(judge(maker, sound, outputs[maker.name], perceptual=True))
            if options.plots is not None:
                _draw_scene(options.plots / f"{scene.name}.png", sound, outputs)
        for recording in loaded:
            tell(recording.name)
            delay = recordings.delay_of(recording)
            scored.append((recording, delay, [one for one, _ in recordings.score(recording, makers, delay)]))
        tell("processor time")
        spent = _costs(options, makers)
    latencies_ms = {name: {hz: 1e3 * x / hz for hz, x in by.items()} for name, by in latencies.items()}
    judged: list[Row | Score] = [*rows, *(one for _, _, scores in scored for one in scores)]
    untested = {name: reason for one in judged for name, reason in one.untested.items()}
    if options.json:
        tail_ms, others_tail_ms = _tails_ms(options)
        print_json(
            {
                "seed": options.seed, "rate_hz": options.rate, "block_ms": options.block, "tail_ms": tail_ms,
                "others_tail_ms": others_tail_ms,
                "sounds": said, "cancellers": {maker.name: maker.said for maker in makers}, "not_run": absent,
                "not_tested": untested, "latency_ms": latencies_ms, "microphone_sdr_db": microphones,
                "scenes": [asdict(row) for row in rows], "recordings": [_facts(*one) for one in scored],
                "costs": [asdict(cost) for cost in spent],
            }
        )  # fmt: skip
        return PASS
    paper = console()
    print_scenes(paper, rows, [maker.name for maker in makers], microphones)
    print_cancellers(paper, rows, latencies_ms, spent)
    for recording, delay, scores in scored:
        print_score(paper, recording, delay, scores)
    for rate_hz, whose in said.items():
        paper.print(f"at {rate_hz // 1000} kHz: {whose}; seed {options.seed}")
    _print_who(paper, makers, absent, untested)
    return PASS


def score_files(options: argparse.Namespace) -> int:
    """`audiohat aec score`."""
    for target in (options.out, options.plot):
        _check_target(target, (options.mic, options.ref, options.near))
    recording = recordings.load(options.mic, options.ref, options.near)
    makers, absent = _makers(options, {recording.rate_hz})
    delay = recordings.delay_of(recording)
    with _progress(len(makers)) as tell:
        pairs = []
        for maker in makers:
            tell(f"trying {maker.name}")
            pairs += recordings.score(recording, [maker], delay)
    scores = [one for one, _ in pairs]
    outputs = {one.canceller: out for one, out in pairs}
    if options.out is not None:
        with written_whole(options.out) as file:
            soundfile.write(file, outputs[makers[0].name], recording.rate_hz, subtype="PCM_16", format="WAV")
    if options.plot is not None:
        from hil.bench.aec.plots import Picture, draw

        draw(options.plot, Picture(recording.name, recording.rate_hz, recording.mic, outputs, recording.near))
    untested = {name: reason for one in scores for name, reason in one.untested.items()}
    if options.json:
        who = {maker.name: maker.said for maker in makers}
        print_json({**_facts(recording, delay, scores), "cancellers": who, "not_run": absent, "not_tested": untested})
        return PASS
    paper = console()
    print_score(paper, recording, delay, scores)
    if delay.delay_ms > 250.0:
        paper.print("that is more than the 250 ms within which the canceller looks for an echo: delay the reference")
    for target in (options.out, options.plot):
        if target is not None:
            paper.print(f"written: {target}", soft_wrap=True)
    _print_who(paper, makers, absent, untested)
    return PASS


def _tails_ms(options: argparse.Namespace) -> tuple[float, float]:
    """Ours, and that of the others."""
    return options.tail or TAIL_MS, options.tail or TAIL_WITH_DELAY_MS


def _makers(options: argparse.Namespace, rates_hz: Iterable[int]) -> tuple[list[Maker], dict[str, str]]:
    """Ours, its linear stage, and the peers that are here; what is impossible is refused before anything is measured."""
    block_s, (tail_s, others_tail_s) = 1e-3 * options.block, (1e-3 * tail for tail in _tails_ms(options))
    if tail_s < block_s:
        raise CancellerError(
            f"--tail {options.tail:g}: shorter than a block of {options.block:g} ms; {TAIL_MS:g} is usual"
        )
    own = [ours(block_s, tail_s), ours(block_s, tail_s, suppress=False)]
    for rate_hz in rates_hz:
        try:
            own[0].make(rate_hz)
        except CancellerError as error:
            raise CancellerError(f"--block {options.block:g}: {error}; 8 and 10 ms go at every rate") from error
    peers, absent = find(options.peers, others_tail_s)
    return [*own, *peers], absent


def _costs(options: argparse.Namespace, makers: Sequence[Maker]) -> list[costs.Cost]:
    """Of each, and of the linear stage at SpeexDSP's own block and, in whole blocks, tail."""
    sound = clip(Scene(name=SINGLE.name, title="", seconds=COST_S), options.rate, options.seed)
    alike = ours(SPEEX_FRAME_S, SPEEX_TAIL_S, suppress=False)
    tried = [*makers, replace(alike, name=f"audiohat linear {1e3 * whole_blocks_s(SPEEX_TAIL_S, SPEEX_FRAME_S):g} ms")]
    _, absent = find(["speex"], SPEEX_TAIL_S)
    return costs.measure(tried, sound.rate_hz, sound.mic, sound.far, COST_ROUNDS, beside_speex=not absent)


def _files_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    if not 2 <= len(paths) <= 3:
        raise RecordingError(f"--recording {' '.join(map(str, paths))}: it takes two files or three, MIC REF [NEAR]")
    return tuple(paths)


def _draw_scene(path: Path, sound: Clip, outputs: dict[str, Floats]) -> None:
    from hil.bench.aec.plots import Picture, draw  # takes a second, and most runs draw nothing

    scene = sound.scene
    draw(path, Picture(scene.title, sound.rate_hz, sound.mic, outputs, sound.near, scene.near_s, scene.change_s))


def _facts(recording: Recording, delay: Delay, scores: Sequence[Score]) -> dict[str, Any]:
    return {
        "recording": recording.name, "rate_hz": recording.rate_hz, "seconds": recording.mic.size / recording.rate_hz,
        "remarks": recording.remarks, **asdict(delay), "scores": {one.canceller: one.values for one in scores},
    }  # fmt: skip


def _print_who(paper: Console, makers: Sequence[Maker], absent: dict[str, str], untested: dict[str, str]) -> None:
    for maker in makers:
        paper.print(f"{maker.name}: {maker.said}")
    for name, reason in absent.items():
        paper.print(f"{name}: not run: {reason}")
    for name, reason in untested.items():
        paper.print(f"{name.upper()}: not tested: {reason}")


def _check_target(target: Path | None, sources: Sequence[Path | None]) -> None:
    """Before anything is measured: may it be written, and is it none of what is read?"""
    if target is None:
        return
    if any(
        source is not None and target.exists() and source.exists() and target.samefile(source) for source in sources
    ):
        raise RecordingError(f"{target}: is one of the recordings; name another file")
    if target.is_dir():
        raise RecordingError(f"{target}: is a folder; name a file in it")
    try:
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        what = "there is no such folder to write to" if error.errno == errno.ENOENT else error.strerror
        raise type(error)(error.errno, f"{what}; name another", str(target)) from error


def _make_folder(path: Path) -> None:
    """Before anything is measured: may pictures be written there?"""
    if path.exists() and not path.is_dir():
        raise RecordingError(f"--plots {path}: is a file; name a folder")
    path.mkdir(parents=True, exist_ok=True)
    _check_target(path / "picture.png", ())


@contextmanager
def _progress(total: int) -> Any:
    """Calls of what it gives count up to *total*; on a terminal a bar, elsewhere a line each."""
    if not sys.stderr.isatty():
        yield lambda what: print(f"audiohat: {what}", file=sys.stderr, flush=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, begun = bar.add_task("preparing", total=total), count()
        yield lambda what: bar.update(task, description=what, completed=next(begun))
