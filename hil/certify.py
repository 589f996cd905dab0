"""A certificate: every mode of a board on a bench, measured row by row and judged.

What a mode promises is asked of `hil.limits`; what was found is asked of the procedures. A row that nobody measured is
"not tested"; a mode that does not come up, or stops, has failed the rows that were still to come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from hil.bench import ProductError, VirtualBench
from hil.contracts import CONTRACTS
from hil.limits import PROMISES, limits_of, mic_bias_limit
from hil.measurement import Certificate, Limit, Measurement, ModeResult, RegisterDifference
from hil.procedures import echo, levels, spectrum, wiring
from hil.procedures.findings import Findings
from hil.voices import Voices

Procedure = Callable[[VirtualBench], Findings]
Recordings = dict[str, dict[str, NDArray[np.float32]]]
Progress = Callable[[str, str, int, int], None]
"""Told before each procedure: mode, what is measured, how many are done, how many there are."""

CHAT = tuple(mode for mode, contract in CONTRACTS.items() if contract.cancels_echo)

LEVELLING = ("soft_gain_db", "agc_gain_change_db")
"""What a codec without automatic gain cannot show where the mode leaves it to the codec."""

UNMEASURED = (
    "Not measured here, and so not certified.",
    "Of the input: response from 7 to 22 kHz (CDD 5.11 C-1-4); linearity in steps of 5 dB (CDD 5.4.2); bias off within 200 ms; "
    "drift of the offset in the first 500 ms after activation.",
    "Of the chat modes (ITU-T P.1110): stability of the echo loss over time, echo loss in double talk, re-convergence after a "
    "change of the echo path, level of comfort noise, pumping of noise, depth of noise reduction, build-up of speech.",
    "Of the device: a far end whose clock is 50 ppm off; clicks and pauses of a change of mode; registers read back from a real "
    "chip.",
)
"""What the modes' semantics ask for and no procedure measures yet."""


def procedures_of(mode: str, voices: Voices) -> dict[str, Procedure]:
    """What is measured in *mode*, in order; in a chat mode the cold canceller comes first."""
    plan: dict[str, Procedure] = {}
    if mode in CHAT:
        plan |= {"convergence": echo.cold, "echo": lambda bench: echo.conversation(bench, voices)}
    plan |= {"registers": wiring.registers, "sample rate": wiring.sample_rate}
    if mode not in CHAT:
        plan |= {"echo": lambda bench: echo.untouched(bench, voices), "direct current": levels.direct_current}
    plan |= {
        "latency": echo.latency,
        "latency with an application": echo.with_application,
        "frequency response": spectrum.response,
        "sensitivity": levels.tone,
        "mic bias": wiring.mic_bias,
        "automatic gain": levels.step,
    }
    if mode in CHAT:  # last, for it starts anew
        plan |= {"first second": lambda bench: echo.cold_talk(bench, voices)}
    if mode == "measurement":
        plan |= {"distortion and noise": levels.purity}
    return plan


def certify(
    bench: VirtualBench, voices: Voices, progress: Progress = lambda *_: None
) -> tuple[Certificate, Recordings]:
    """Measure every mode on *bench*; returns the certificate, and recordings worth listening to by mode and name."""
    started, began_s, began_true_s = datetime.now().astimezone(), time.perf_counter(), bench.world.time_s
    plans = {mode: procedures_of(mode, voices) for mode in PROMISES}
    lacks = {mode: _lacks(bench, mode) for mode in PROMISES}
    for mode in PROMISES:
        if lacks[mode]:
            del plans[mode]["automatic gain"]
    total, done = sum(map(len, plans.values())), 0
    results: dict[str, ModeResult] = {}
    recordings: Recordings = {}
    default: Mapping[str, int | None] = {}
    for mode, plan in plans.items():
        findings, refusal = Findings(untested=lacks[mode]), ""
        writes: tuple[str, ...] = ()
        words: Mapping[str, int | None] = {}
        try:
            with bench.active(mode):
                writes, words = bench.writes, bench.words
                for name, procedure in plan.items():
                    progress(mode, name, done, total)
                    findings.add(procedure(bench))
                    done += 1
        except ProductError as error:
            refusal = str(error)
        if mode == "default":
            default = words
        results[mode] = ModeResult(
            mode=mode,
            title=PROMISES[mode].title,
            promise=PROMISES[mode].sentence,
            measurements=tuple(_judge(limit, findings, refusal) for limit in _limits(bench, mode)),
            writes=writes,
            differs_from_default=_difference(bench, default, words),
            traces=tuple(findings.traces),
        )
        recordings[mode] = findings.recordings
    certificate = Certificate(
        board=bench.board.name,
        bench=f"{bench.name}, {bench.room}",
        started=started.isoformat(timespec="seconds"),
        modes=results,
        speed_x_realtime=(bench.world.time_s - began_true_s) / (time.perf_counter() - began_s),
        version=version("audiohat"),
        notes=UNMEASURED,
    )
    return certificate, recordings


def _limits(bench: VirtualBench, mode: str) -> tuple[Limit, ...]:
    """What the mode asks of this board: its microphones are laid out for a voltage of their own."""
    wiring = bench.world.wiring
    bias = mic_bias_limit(wiring.bias_v, f"{wiring.codec} on this board")
    return tuple(bias if limit.name == bias.name else limit for limit in limits_of(mode))


def _lacks(bench: VirtualBench, mode: str) -> dict[str, str]:
    """Rows that this codec cannot have in *mode*, with the sentence in which its description says so."""
    sentence = bench.board.codec.absent.get("alc") if CONTRACTS[mode].alc else None
    return dict.fromkeys(LEVELLING, sentence) if sentence else {}


def _judge(limit: Limit, findings: Findings, refusal: str) -> Measurement:
    if limit.name in findings.values:
        return Measurement.of(limit, findings.values[limit.name], findings.notes.get(limit.name, ""))
    if refusal:
        return Measurement.of(limit, None, refusal)
    if limit.name in findings.untested:
        return Measurement.not_tested(limit, findings.untested[limit.name])
    return Measurement.not_tested(limit, "nothing on this bench measures it")


def _difference(
    bench: VirtualBench, default: Mapping[str, int | None], here: Mapping[str, int | None]
) -> tuple[RegisterDifference, ...]:
    """Registers that a mode leaves otherwise than Default does."""
    rows = []
    for name, word in here.items():
        if word is not None and word != default.get(name):
            register = bench.board.codec.map.registers[name]
            before = default.get(name)
            changed = -1 if before is None else before ^ word
            rows.append(
                RegisterDifference(
                    register=f"R{register.address} {name}",
                    default="?" if before is None else register.word(before),
                    here=register.word(word),
                    meaning=register.meaning(word, changed),
                )
            )
    return tuple(rows)
