"""One canceller in one scene: which of the measures that scene can answer, and their values.

*out* is first advanced by the canceller's latency, found by cross-correlation of its output with a talker while nothing plays.
Far end alone is where the echo is active (ITU-T P.56) and the near end is 0.3 s away or more.

    erle_db, late_erle_db    far end alone: whole scene; from 5 s on, from 3 s after a change, after the near end has talked
    t10_s, t20_s             far end alone, no near end: from the start, or from the change
    sdr_db, near_level_db, pesq, stoi    while the near end talks
    echo_reduction_db        while both talk, of linear cancellers
    gain_db                  level of output by microphone, no echo
    largest_gain_db          of the whole scene
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from hil.analysis import Mask, active_mask, erle_db, latency_frames, level_dbov
from hil.bench.aec.cancellers import Floats, Maker, run
from hil.bench.aec.measures import (
    echo_reduction_db,
    largest_gain_db,
    near_level_db,
    perceived,
    sdr_db,
    time_to_s,
)
from hil.bench.aec.scenes import Clip, Scene, clip

GUARD_S = 0.3  # kept between the near end and far end alone
LATE_S, _AFTER_CHANGE_S = 5.0, 3.0
_LONGEST_LATENCY_S = 0.1
_SETTLED_S = 1.0


@dataclass(frozen=True)
class Row:
    """What one canceller did in one scene; NaN: tried and not reached. Absent: not asked of this scene."""

    canceller: str
    scene: str
    title: str
    values: dict[str, float]
    untested: dict[str, str] = field(default_factory=dict)


def latency_of(maker: Maker, rate_hz: int, seed: int, *, synthetic: bool = False) -> float:
    """Frames by which the near end is later in the output than in the microphone, framing not included."""
    scene = Scene(name="latency", title="", far="silence", near_s=(0.0, 4.0), seconds=4.0)
    talk = clip(scene, rate_hz, seed, synthetic=synthetic)
    out = run(maker, rate_hz, talk.mic, talk.far)
    settled = round(_SETTLED_S * rate_hz)  # past whatever it does at the start
    found = latency_frames(talk.mic[settled:], out[settled:], round(_LONGEST_LATENCY_S * rate_hz))
    return found.delay_frames


def aligned(out: Floats, latency: float) -> Floats:
    """*out* earlier by that many frames, silence at the end."""
    late = 0 if math.isnan(latency) else max(0, round(latency))
    return np.concatenate((out[late:], np.zeros(late, np.float32)))


def judge(maker: Maker, sound: Clip, out: Floats, *, perceptual: bool = False) -> Row:
    """The measures of a scene; *out* is aligned."""
    scene, rate_hz = sound.scene, sound.rate_hz
    mic = sound.mic
    values: dict[str, float] = {}
    untested: dict[str, str] = {}
    near_s = scene.near_s
    if scene.has_echo:
        active = active_mask(sound.echo, rate_hz)
        alone = active & ~(_guarded(sound) if near_s else np.zeros_like(active))
        if near_s is None:
            values |= _alone(sound, out, alone)
        else:
            values["erle_db"] = erle_db(mic, out, rate_hz, alone)
            values["late_erle_db"] = erle_db(mic, out, rate_hz, alone & sound.within((near_s[1], scene.seconds)))
    if near_s is not None:
        both = sound.within(near_s)
        near, heard = sound.near[both], out[both]
        values["sdr_db"] = sdr_db(near, heard, rate_hz)
        values["near_level_db"] = near_level_db(near, heard, rate_hz)
        if not scene.has_echo:
            values["gain_db"] = level_dbov(heard) - level_dbov(mic[both])
        elif maker.linear:
            values["echo_reduction_db"] = echo_reduction_db(sound.echo[both], mic[both], heard, rate_hz)
        if perceptual:
            found, untested = perceived(near, heard, rate_hz)
            values |= found
    values["largest_gain_db"] = largest_gain_db(mic, out, rate_hz)
    return Row(maker.name, scene.name, scene.title, values, untested)


def untouched(sound: Clip) -> float:
    """SDR of the microphone itself where both talk: what a canceller has to beat."""
    if sound.scene.near_s is None:
        return math.nan
    both = sound.within(sound.scene.near_s)
    return sdr_db(sound.near[both], sound.mic[both], sound.rate_hz)


def _alone(sound: Clip, out: Floats, alone: Mask) -> dict[str, float]:
    scene, rate_hz, mic = sound.scene, sound.rate_hz, sound.mic
    start, stop = scene.change_s or 0.0, scene.seconds
    late = start + _AFTER_CHANGE_S if scene.change_s else LATE_S
    return {
        "erle_db": erle_db(mic, out, rate_hz, alone),
        "late_erle_db": erle_db(mic, out, rate_hz, alone & sound.within((late, scene.seconds))),
        "t10_s": time_to_s(mic, out, rate_hz, alone, 10.0, start, stop),
        "t20_s": time_to_s(mic, out, rate_hz, alone, 20.0, start, stop),
    }


def _guarded(sound: Clip) -> Mask:
    assert sound.scene.near_s is not None
    start, stop = sound.scene.near_s
    return sound.within((start - GUARD_S, stop + GUARD_S))
