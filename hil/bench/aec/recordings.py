"""What a user has recorded: a microphone, what was played meanwhile, and the near talker alone if he has that too.

`load` makes of files what a canceller takes, and says what it had to do for that; `score` measures. Of a recording nobody knows
which part is echo, so ERLE is over whatever the microphone heard while the far end sounded: only where the near end was silent (or
NEAR tells where he was not) is it the echo alone.

    delay   generalised cross-correlation of far end and microphone (`hil.analysis.latency_frames`), up to 1 s either way
    drift   median slope (Theil-Sen) of that delay over windows of 4 s, in ppm; positive: the echo falls behind
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from scipy.signal import resample_poly
from scipy.stats import theilslopes

from firmware_py.errors import FirmwareError
from hil.analysis import Latency, Mask, Signal, active_mask, erle_db, latency_frames
from hil.bench.aec.cancellers import Floats, Maker, run
from hil.bench.aec.measures import largest_gain_db, near_level_db, perceived, sdr_db, time_to_s
from hil.bench.aec.trial import GUARD_S, LATE_S, aligned, latency_of

RATES_HZ: Final = (16_000, 48_000)
SHORTEST_S: Final = 2.0
SURE: Final = 0.2
"""Confidence of a delay below which there is no echo of REF in MIC."""
_LONGEST_DELAY_S = 1.0
_CUT_SHARE, _CUT_S = 0.02, 1.0  # lengths that differ by less are cut
_WINDOW_S, _HOP_S, _NEARBY_S = 4.0, 2.0, 0.05
_FEWEST_WINDOWS = 4
_HIDDEN = 1e-3  # 60 dB below the signal


class RecordingError(FirmwareError, ValueError):
    """A recording that cannot be scored; the message names the file, what is wrong, and what would be right."""


@dataclass(frozen=True)
class Recording:
    """float32[n] each, of one length. *remarks*: what was done to the files."""

    name: str
    rate_hz: int
    mic: Floats
    far: Floats
    near: Floats | None
    remarks: list[str]


@dataclass(frozen=True)
class Delay:
    """Of the echo behind the far end; NaN when none was found. *drift_ppm* is NaN when the recording does not tell."""

    delay_ms: float
    confidence: float
    drift_ppm: float


@dataclass(frozen=True)
class Score:
    """What one canceller made of a recording."""

    canceller: str
    values: dict[str, float]
    untested: dict[str, str] = field(default_factory=dict)


def load(mic: Path, far: Path, near: Path | None = None) -> Recording:
    """Read the files. Missing ones are an OSError; RecordingError says what else is wrong."""
    files = {"MIC": mic, "REF": far, **({"NEAR": near} if near is not None else {})}
    remarks: list[str] = []
    read = {role: _read(role, path, remarks) for role, path in files.items()}
    rate_hz = RATES_HZ[0] if read["MIC"][1] <= RATES_HZ[0] else RATES_HZ[1]
    sounds = {role: _at_rate(role, x, was_hz, rate_hz, remarks) for role, (x, was_hz) in read.items()}
    frames = _common_length(files, sounds, rate_hz, remarks)
    kept = {role: np.ascontiguousarray(x[:frames], np.float32) for role, x in sounds.items()}
    return Recording(mic.name, rate_hz, kept["MIC"], kept["REF"], kept.get("NEAR"), remarks)


def delay_of(recording: Recording) -> Delay:
    """Where the echo is, and whether its clock is another's."""
    rate_hz, mic, far = recording.rate_hz, recording.mic, recording.far
    longest = round(_LONGEST_DELAY_S * rate_hz)
    late, early = _latency(far, mic, longest), _latency(mic, far, longest)
    frames, confidence = late
    if early.confidence > late.confidence and early.delay_frames > 1.0:
        frames, confidence = -early.delay_frames, early.confidence
    if not confidence >= SURE:
        return Delay(math.nan, confidence, math.nan)
    return Delay(1e3 * frames / rate_hz, confidence, _drift_ppm(recording, frames))


def score(recording: Recording, makers: Sequence[Maker], delay: Delay) -> list[tuple[Score, Floats]]:
    """The measures, and the output, of each canceller."""
    return [_score_one(recording, maker, delay) for maker in makers]


def _score_one(recording: Recording, maker: Maker, delay: Delay) -> tuple[Score, Floats]:
    rate_hz, mic, near = recording.rate_hz, recording.mic, recording.near
    out = aligned(run(maker, rate_hz, mic, recording.far), latency_of(maker, rate_hz, seed=1, synthetic=True))
    shift = 0 if math.isnan(delay.delay_ms) else max(0, round(1e-3 * delay.delay_ms * rate_hz))
    heard = _later(active_mask(recording.far, rate_hz), shift)
    talks = active_mask(near, rate_hz) if near is not None else np.zeros_like(heard)
    alone = heard & ~_wider(talks, round(GUARD_S * rate_hz))
    late = np.arange(mic.size) >= LATE_S * rate_hz
    seconds = mic.size / rate_hz
    first = float(np.argmax(alone)) / rate_hz if alone.any() else 0.0
    values = {
        "erle_db": erle_db(mic, out, rate_hz, alone),
        "late_erle_db": erle_db(mic, out, rate_hz, alone & late),
        "t10_s": time_to_s(mic, out, rate_hz, alone, 10.0, first, seconds),
        "t20_s": time_to_s(mic, out, rate_hz, alone, 20.0, first, seconds),
        "largest_gain_db": largest_gain_db(mic, out, rate_hz),
    }
    untested: dict[str, str] = {}
    if near is not None:
        wanted, got, had = near[talks], out[talks], mic[talks]
        values["mic_sdr_db"] = sdr_db(wanted, had, rate_hz)
        values["sdr_db"] = sdr_db(wanted, got, rate_hz)
        values["near_level_db"] = near_level_db(wanted, got, rate_hz)
        found, untested = perceived(wanted, got, rate_hz)
        values |= found
    return Score(maker.name, values, untested), out


def _read(role: str, path: Path, remarks: list[str]) -> tuple[Signal, int]:
    with path.open("rb"):  # whoever is not there or not readable says so in the system's words
        pass
    try:
        samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise RecordingError(f"{role} {path}: cannot be read as sound ({error}); give a WAV or FLAC file") from error
    if samples.shape[1] > 1:
        remarks.append(f"{role} has {samples.shape[1]} channels; the first is taken")
    x: Signal = np.ascontiguousarray(samples[:, 0])
    if not np.all(np.isfinite(x)):
        raise RecordingError(f"{role} {path}: holds samples that are not numbers; export it again")
    if x.size < SHORTEST_S * rate_hz:
        raise RecordingError(f"{role} {path}: lasts {x.size / rate_hz:.2f} s; {SHORTEST_S:g} s is the least")
    if float(np.max(np.abs(x))) < 1e-4:
        raise RecordingError(f"{role} {path}: is silent (peak below -80 dBFS); record it again, or name another file")
    return x, int(rate_hz)


def _at_rate(role: str, x: Signal, was_hz: int, rate_hz: int, remarks: list[str]) -> Signal:
    if was_hz == rate_hz:
        return x
    remarks.append(f"{role} is resampled from {was_hz} to {rate_hz} Hz")
    common = math.gcd(was_hz, rate_hz)
    found: Signal = resample_poly(x, rate_hz // common, was_hz // common)
    return found


def _common_length(files: dict[str, Path], sounds: dict[str, Signal], rate_hz: int, remarks: list[str]) -> int:
    shortest, longest = min(x.size for x in sounds.values()), max(x.size for x in sounds.values())
    if longest - shortest > max(_CUT_SHARE * longest, _CUT_S * rate_hz):
        lengths = ", ".join(f"{role} {files[role]} lasts {x.size / rate_hz:.1f} s" for role, x in sounds.items())
        raise RecordingError(
            f"{lengths}; they must be one recording, equally long, frame n of REF having played when frame n of MIC was recorded"
        )
    if longest > shortest:
        remarks.append(
            f"the files differ by {(longest - shortest) / rate_hz:.3f} s; the ends are cut to {shortest / rate_hz:.2f} s"
        )
    return shortest


def _drift_ppm(recording: Recording, delay_frames: float) -> float:
    rate_hz = recording.rate_hz
    window, hop, nearby = (round(s * rate_hz) for s in (_WINDOW_S, _HOP_S, _NEARBY_S))
    base = math.floor(delay_frames) - nearby // 2
    far, mic = recording.far, recording.mic
    if base >= 0:
        mic, far = mic[base:], far[: far.size - base]
    else:
        mic, far = mic[: mic.size + base], far[-base:]
    times_s, delays_s = [], []
    for start in range(0, far.size - window + 1, hop):
        part = slice(start, start + window)
        if not np.any(far[part]):
            continue
        found = _latency(far[part], mic[part], nearby)
        if found.confidence >= SURE:
            times_s.append(start / rate_hz)
            delays_s.append(found.delay_frames / rate_hz)
    if len(times_s) < _FEWEST_WINDOWS:
        return math.nan
    return 1e6 * float(theilslopes(delays_s, times_s).slope)


def _latency(x: Floats, y: Floats, longest: int) -> Latency:
    """`latency_frames`, of signals with a little noise of their own: two that share an empty band are not alike for that."""
    random = np.random.default_rng(0)
    noisy = [a + _HIDDEN * float(np.sqrt(np.mean(np.square(a)))) * random.standard_normal(a.size) for a in (x, y)]
    return latency_frames(noisy[0], noisy[1], longest)


def _later(mask: Mask, frames: int) -> Mask:
    moved = np.zeros_like(mask)
    moved[frames:] = mask[: mask.size - frames]
    return moved


def _wider(mask: Mask, frames: int) -> Mask:
    """True within that many frames of a True."""
    edges = np.concatenate(([0], np.cumsum(mask)))
    at = np.arange(mask.size)
    return edges[np.minimum(at + frames + 1, mask.size)] > edges[np.maximum(at - frames, 0)]
