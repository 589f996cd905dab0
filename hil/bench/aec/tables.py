"""The results of `bench aec` and `aec score` for people: a table for each question, cancellers side by side, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from firmware_py.cli.tables import table
from hil.bench.aec.costs import Cost
from hil.bench.aec.recordings import Delay, Recording, Score
from hil.bench.aec.trial import Row

NEVER, NOTHING = "never", "-"

_MEANINGS = {
    "erle_db": ("ERLE", "dB by which the output is below the microphone while the far end sounds"),
    "late_erle_db": (
        "ERLE after 5 s",
        "the same once it has had time to learn; 20 is fair, 40 is inaudible in a quiet room",
    ),
    "t10_s": ("time to 10 dB", "seconds from the first echo until it is, and for a second stays, 10 dB down"),
    "t20_s": ("time to 20 dB", "the same for 20 dB"),
    "largest_gain_db": ("largest gain", "dB by which any 100 ms came out louder than they went in; above 3 is heard"),
    "mic_sdr_db": ("SDR of MIC", "dB of NEAR over everything else in MIC, while he talks"),
    "sdr_db": (
        "SDR",
        "dB of NEAR over all else in the output, a 16 ms filter allowed; what is above MIC is gained",
    ),
    "near_level_db": ("level of NEAR", "dB by which the talker is louder than he was; 0 is untouched, -6 is ducked"),
    "pesq": ("PESQ", "quality of NEAR in the output, 1 bad to 4.6 perfect"),
    "stoi": ("STOI", "intelligibility of NEAR in the output, 0 to 1"),
}


def print_scenes(
    paper: Console, rows: Sequence[Row], cancellers: Sequence[str], microphones: Mapping[str, float]
) -> None:
    """One table for each question that was asked of any scene."""
    scenes: dict[str, dict[str, Row]] = {}
    for row in rows:
        scenes.setdefault(row.scene, {})[row.canceller] = row
    alone, talked = "far end alone", "while the near end talks"
    _question(paper, f"{alone}: dB ERLE, whole scene / later", scenes, cancellers, ("erle_db", "late_erle_db"), NOTHING)
    if any("erle_db" in row.values for row in rows):
        paper.print("later: from 5 s on; from 3 s after a change; after the near end has talked\n")
    _question(paper, f"{alone}: seconds until 10 dB / 20 dB down, from the start or the change", scenes, cancellers,
              ("t10_s", "t20_s"), NEVER)  # fmt: skip
    _question(paper, f"{talked}: dB of talker over the rest / level of talker", scenes, cancellers,
              ("sdr_db", "near_level_db"), NOTHING, ("mic", microphones))  # fmt: skip
    linear = [c for c in cancellers if any("echo_reduction_db" in row.values for row in rows if row.canceller == c)]
    _question(paper, f"{talked}: dB less echo, linear cancellers", scenes, linear, ("echo_reduction_db",), NOTHING)
    _question(paper, f"{talked}: PESQ / STOI", scenes, cancellers, ("pesq", "stoi"), NOTHING)
    _question(paper, "no echo at all: dB output over microphone", scenes, cancellers, ("gain_db",), NOTHING)


def print_cancellers(
    paper: Console, rows: Sequence[Row], latencies_ms: Mapping[str, Mapping[int, float]], costs: Sequence[Cost]
) -> None:
    """Latency, worst gain, and the processor's time."""
    paper.print("delay of the talker, and largest gain over 100 ms", style="italic")
    shown = table("canceller")
    shown.add_column("latency", justify="right")
    shown.add_column("gain", justify="right")
    shown.add_column("in")
    for name, by_rate in latencies_ms.items():
        worst = max(
            (row for row in rows if row.canceller == name and not math.isnan(row.values["largest_gain_db"])),
            key=lambda row: row.values["largest_gain_db"],
            default=None,
        )
        late = " / ".join(dict.fromkeys(_tidy(ms) for ms in by_rate.values())) + " ms"
        gain = NOTHING if worst is None else f"{_tidy(worst.values['largest_gain_db'])} dB"
        shown.add_row(name, late, gain, "" if worst is None else worst.title)
    paper.print(shown)
    if not costs:
        return
    paper.print("processor time, in turns with SpeexDSP (10 ms frames, 128 ms tail)", style="italic")
    shown = table("canceller")
    for name in ("rate", "block", "ms per s", "times SpeexDSP", "quartiles", "worst block by period"):
        shown.add_column(name, justify="right")
    for cost in costs:
        ratio = NOTHING if cost.ratio is None else f"{cost.ratio:.2f}"
        quartiles = NOTHING if cost.ratio_quartiles is None else "{:.2f} ... {:.2f}".format(*cost.ratio_quartiles)
        shown.add_row(
            cost.canceller, f"{cost.rate_hz // 1000} kHz", f"{cost.frame_ms:g} ms", f"{cost.ms_per_s:.1f}", ratio, quartiles,
            f"{100.0 * cost.worst_share:.1f} %",
        )  # fmt: skip
    paper.print(shown)


def print_score(paper: Console, recording: Recording, delay: Delay, scores: Sequence[Score]) -> None:
    """What was found in a recording, one line for what each figure means."""
    paper.print(f"{recording.name}: {recording.mic.size / recording.rate_hz:.1f} s at {recording.rate_hz} Hz")
    for remark in recording.remarks:
        paper.print(f"  {remark}")
    for line in delay_lines(delay):
        paper.print(line)
    shown = table("measure")
    for one in scores:
        shown.add_column(one.canceller, justify="right")
    names = [name for name in _MEANINGS if any(name in one.values for one in scores)]
    for name in names:
        never = NEVER if name.endswith("_s") else NOTHING
        shown.add_row(_MEANINGS[name][0], *(_cell(one.values.get(name, math.nan), name, never) for one in scores))
    paper.print(shown)
    for name in names:
        paper.print(f"{_MEANINGS[name][0]}: {_MEANINGS[name][1]}", style="dim")
    if recording.near is None:
        paper.print("without NEAR nobody knows when the near end talks, and what it says counts as echo", style="dim")


def delay_lines(delay: Delay) -> list[str]:
    """Delay and drift as sentences."""
    if math.isnan(delay.delay_ms):
        return [
            f"delay: no echo of REF was found in MIC (confidence {delay.confidence:.2f}): "
            "are they of one recording, and did the loudspeaker play?"
        ]
    lines = [f"delay: MIC hears REF {delay.delay_ms:.2f} ms later (confidence {delay.confidence:.2f} of 1)"]
    if delay.delay_ms < 0.0:
        lines = [
            f"delay: MIC hears REF {-delay.delay_ms:.2f} ms before REF says so (confidence {delay.confidence:.2f} of 1): "
            f"no canceller knows the future; let REF begin {math.ceil(5.0 - delay.delay_ms)} ms earlier"
        ]
    if math.isnan(delay.drift_ppm):
        return [*lines, "drift: the recording is too short, or too quiet, to tell"]
    return [*lines, f"drift: the echo falls behind by {delay.drift_ppm:+.1f} ppm; beyond 5 or so these are two clocks"]


def _question(
    paper: Console,
    title: str,
    scenes: Mapping[str, Mapping[str, Row]],
    cancellers: Sequence[str],
    measures: Sequence[str],
    otherwise: str,
    before: tuple[str, Mapping[str, float]] | None = None,
) -> None:
    asked = {name: by for name, by in scenes.items() if any(m in row.values for row in by.values() for m in measures)}
    if not asked:
        return
    paper.print(title, style="italic")
    shown: Table = table("scene")
    for name in ([before[0]] if before else []) + list(cancellers):
        shown.add_column(name, justify="right")
    for scene, by in asked.items():
        cells = []
        for name in cancellers:
            values = by[name].values
            cells.append(
                " / ".join(_cell(values[m], m, otherwise) if m in values else NOTHING for m in measures)
                if any(m in values for m in measures)
                else NOTHING
            )
        first = [_cell(before[1].get(scene, math.nan), "sdr_db", NOTHING)] if before else []
        shown.add_row(next(iter(by.values())).title, *first, *cells)
    paper.print(shown)


def _cell(value: float, measure: str, otherwise: str) -> str:
    if math.isnan(value):
        return otherwise
    return f"{value:.2f}" if measure in ("pesq", "stoi", "t10_s", "t20_s") else _tidy(value)


def _tidy(value: float) -> str:
    """One decimal, and no negative zero."""
    return f"{round(value, 1) + 0.0:.1f}"
