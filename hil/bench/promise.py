"""A mode's promise, held against what a chip says its blocks do. Physical words on both sides, no byte and no register,
so that a description and a simulation cannot agree by sharing a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from firmware_py.modes import Profile
from firmware_py.settings import input_gain_db
from firmware_py.stage import BoardStage

GAIN_TOLERANCE_DB = 0.5
CEILING_TOLERANCE_DB = 3.5  # automatic gains have ceilings in steps of 6 dB
TIME_TOLERANCE = math.sqrt(2.0)  # and time constants in octaves
RATE_TOLERANCE = 1e-4

State = Mapping[str, Any]


def mismatches(state: State, stage: BoardStage) -> list[str]:
    """What *state* (see `hil.sim.chip.Chip.state`) has otherwise than the mode in force promises, a phrase each."""
    profile, asked, board = stage.profile, stage.plan().settings, stage.board
    gain_db = input_gain_db(profile, stage.setup.source or board.port("input"), board.codec.full_scale_dbv)
    return [
        *_switches(state, profile),
        *_rates(state, profile),
        *_gains(state, "adc_gain_db", float(asked.get("adc_gain_db", 0.0))),
        *_gains(state, "dac_gain_db", float(asked.get("dac_gain_db", 0.0))),
        *(_automatic_gain(state, profile, gain_db) if profile.alc else _fixed_gain(state, gain_db)),
    ]


def _switches(state: State, profile: Profile) -> Iterator[str]:
    wanted = {
        "high_pass": profile.high_pass,
        "alc": "stereo" if profile.alc else "off",
        "noise_gate": False,
        "deemphasis": False,
        "stereo_enhancement": False,
        "loopback": False,
        "sidetone": False,
        "analogue_up": True,
    }
    for name, value in wanted.items():
        if state[name] != value:
            yield f"{name} is {state[name]}, not {value}"


def _rates(state: State, profile: Profile) -> Iterator[str]:
    for name in ("capture_rate_hz", "playback_rate_hz"):
        if not state[name] or abs(state[name] / profile.rate_hz - 1.0) > RATE_TOLERANCE:
            yield f"{name} is {state[name]}, not {profile.rate_hz}"


def _gains(state: State, name: str, wanted_db: float) -> Iterator[str]:
    for side, value in zip(("left", "right"), state[name], strict=True):
        if value is None or abs(value - wanted_db) > GAIN_TOLERANCE_DB:
            yield f"{side} {name} is {value}, not {wanted_db:g}"


def _fixed_gain(state: State, gain_db: float) -> Iterator[str]:
    for side, pga, boost in zip(("left", "right"), state["pga_gain_db"], state["boost_db"], strict=True):
        if pga is None or boost is None or abs(pga + boost - gain_db) > GAIN_TOLERANCE_DB:
            yield f"{side} input gain is {pga} + {boost} dB, not {gain_db:.1f}"


def _automatic_gain(state: State, profile: Profile, gain_db: float) -> Iterator[str]:
    if None in state["boost_db"]:
        yield "the input is not routed"
        return
    if abs(state["alc_target_dbfs"] - profile.alc_target_dbfs) > 1.5:
        yield f"ALC target is {state['alc_target_dbfs']:g}, not {profile.alc_target_dbfs:g} dBFS"
    reach_db = state["alc_max_gain_db"] + max(state["boost_db"])
    if abs(reach_db - gain_db - profile.alc_max_gain_db) > CEILING_TOLERANCE_DB:
        yield f"ALC reaches {reach_db:g} dB, not {gain_db + profile.alc_max_gain_db:.1f}"
    times = {"attack": profile.alc_attack_ms, "decay": profile.alc_decay_ms, "hold": profile.alc_hold_ms}
    for name, wanted_ms in times.items():
        value_ms = state[f"alc_{name}_ms"]
        if not wanted_ms / TIME_TOLERANCE <= value_ms <= wanted_ms * TIME_TOLERANCE:
            yield f"ALC {name} is {value_ms:g} ms, not {wanted_ms:g}"
