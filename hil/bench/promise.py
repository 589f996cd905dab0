"""A mode's contract, held against what a chip says its blocks do. Physical words on both sides, no byte and no register,
so that a description and a simulation cannot agree by sharing a number.

What is wanted comes from the rig (`hil.contracts`), from the board's file (which port, which amplifier gain, which bias) and
from the wishes of the session; never from the product's profiles or its plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from firmware_py.stage import BoardStage
from hil.analysis import SINE_CREST_DB
from hil.contracts import CONTRACTS, Contract

GAIN_TOLERANCE_DB = 0.5
CEILING_TOLERANCE_DB = 3.0  # half a step: automatic gains have ceilings in steps of 6 dB
TIME_TOLERANCE = math.sqrt(2.0)  # and time constants in octaves
RATE_TOLERANCE = 1e-4
AVDD_V = 3.3
BIAS_TOLERANCE = 0.05

AMPLIFIERS = {"speaker": "speaker_db", "headphone": "headphone_db"}
"""Control that opens an amplifier -> where its gain shows in the state."""

OPEN_SIDES = {"left": (True, False), "right": (False, True), "off": (False, False)}
"""Word for an amplifier -> the sides that sound; every other word ("on", "both") means the two of them."""

State = Mapping[str, Any]
Asked = Mapping[str, Any]


def mismatches(state: State, stage: BoardStage, mode: str) -> list[str]:
    """What *state* (see `hil.sim.chip.Chip.state`) has otherwise than *mode*, which was asked for, has to be; a phrase each."""
    contract, microphone = CONTRACTS[mode], stage.setup.source
    board: Asked = {**stage.board.defaults, **stage.board.modes.get(stage.setup.mode, {})}
    in_force = stage.setup.mode.value
    found = [] if in_force == mode else [f"the mode in force is {in_force}, not {mode}"]
    found += [*_unlike(state, _SWITCHES), *_rates(state, _rate_asked(stage, contract)), *_playback(state, stage, board)]
    if microphone is None:
        return found + ["the microphones are powered, though nothing is recorded"] * (state["mic_bias_v"] > 0.0)
    found += _bias(state, board) if microphone.needs_mic_bias else []
    found += _unlike(state, {"high_pass": contract.high_pass, "alc": "stereo" if contract.alc else "off"})
    found += _gains(state, "adc_gain_db", (float(board.get("adc_gain_db", 0.0)),) * 2)
    if None in state["pga_gain_db"]:
        return [*found, "an input amplifier is muted or has no input"]
    if None in state["boost_db"]:
        return [*found, "an input amplifier's output is not routed"]
    gain_db = _gain_asked(stage, contract)
    return found + list(
        _automatic_gain(state, contract, gain_db, board) if contract.alc else _fixed_gain(state, gain_db)
    )


def _rate_asked(stage: BoardStage, contract: Contract) -> float:
    """The mode's rate, or the preferred one where the mode takes hints and the session says that it was granted."""
    preferred_hz = stage.setup.preferred_rate_hz
    granted = not contract.cancels_echo and preferred_hz is not None and stage.rate_hz == preferred_hz
    return float(preferred_hz) if granted and preferred_hz is not None else float(contract.rate_hz)


def _gain_asked(stage: BoardStage, contract: Contract) -> float:
    """Analogue gain by which 94 dB SPL reads the contract's sensitivity, unless the session has chosen one."""
    microphone = stage.setup.source or stage.board.port("input")
    if stage.setup.input_gain is not None and not contract.alc:
        return float(stage.plan().settings["input_gain_db"])
    if microphone.sensitivity_dbv is None:
        return 0.0
    return contract.sensitivity_dbfs + SINE_CREST_DB - (microphone.sensitivity_dbv - stage.board.codec.full_scale_dbv)


_SWITCHES = {
    "interface": {"format": "i2s", "word_bits": 32, "provider": True},
    "noise_gate": False,
    "deemphasis": False,
    "stereo_enhancement": False,
    "loopback": False,
    "sidetone": False,
    "analogue_up": True,
}


def _unlike(state: State, wanted: Mapping[str, Any]) -> list[str]:
    return [f"{name} is {state[name]}, not {value}" for name, value in wanted.items() if state[name] != value]


def _rates(state: State, wanted_hz: float) -> Iterator[str]:
    for name in ("capture_rate_hz", "playback_rate_hz"):
        if not state[name] or abs(state[name] / wanted_hz - 1.0) > RATE_TOLERANCE:
            yield f"{name} is {state[name]}, not {wanted_hz:g}"


def _playback(state: State, stage: BoardStage, board: Asked) -> Iterator[str]:
    """The destination's amplifier at the gain that the board asks, every other one off."""
    port = stage.setup.destination
    if port is not None:
        yield from _gains(state, "dac_gain_db", (float(board.get("dac_gain_db", 0.0)),) * 2)
    elif state["dac_gain_db"] != [None, None]:
        yield "it plays, though nothing is to be played"
    opened = port.set if port else {}
    for control, name in AMPLIFIERS.items():
        gain_db = float(board.get(f"{control}_gain_db", 0.0))
        sides = OPEN_SIDES.get(str(opened.get(control, "off")), (True, True))
        yield from _gains(state, name, [gain_db if side else None for side in sides])


def _bias(state: State, board: Asked) -> Iterator[str]:
    wanted_v = (0.65 if "0.65" in str(board.get("mic_bias_level")) else 0.9) * AVDD_V
    if abs(state["mic_bias_v"] / wanted_v - 1.0) > BIAS_TOLERANCE:
        yield f"mic_bias_v is {state['mic_bias_v']:g}, not {wanted_v:g}"


def _gains(state: State, name: str, wanted_db: Iterable[float | None]) -> Iterator[str]:
    for side, value, wanted in zip(("left", "right"), state[name], wanted_db, strict=True):
        alike = value is wanted if None in (value, wanted) else abs(value - wanted) <= GAIN_TOLERANCE_DB
        if not alike:
            yield f"{side} {name} is {_gain(value)}, not {_gain(wanted)}"


def _gain(value_db: float | None) -> str:
    return "off" if value_db is None else f"{value_db:g}"


def _fixed_gain(state: State, gain_db: float) -> Iterator[str]:
    for side, pga, boost in zip(("left", "right"), state["pga_gain_db"], state["boost_db"], strict=True):
        if abs(pga + boost - gain_db) > GAIN_TOLERANCE_DB:
            yield f"{side} input gain is {pga:g} + {boost:g} dB, not {gain_db:.1f}"


def _automatic_gain(state: State, contract: Contract, gain_db: float, board: Asked) -> Iterator[str]:
    """Its ceiling and floor are those of the amplifier before the boost; the contract's is that of the whole input."""
    yield from _unlike(state, {"alc_mode": "alc"})
    if abs(state["alc_target_dbfs"] - contract.alc_target_dbfs) > 1.5:
        yield f"ALC target is {state['alc_target_dbfs']:g}, not {contract.alc_target_dbfs:g} dBFS"
    for side, boost_db in zip(("left", "right"), state["boost_db"], strict=True):
        reach_db = state["alc_max_gain_db"] + boost_db
        if abs(reach_db - gain_db - contract.alc_max_gain_db) > CEILING_TOLERANCE_DB:
            yield f"{side} ALC reaches {reach_db:g} dB, not {gain_db + contract.alc_max_gain_db:.1f}"
    floor_db = float(board.get("alc_min_gain_db", state["alc_min_gain_db"]))
    if abs(state["alc_min_gain_db"] - floor_db) > GAIN_TOLERANCE_DB:
        yield f"ALC goes down to {state['alc_min_gain_db']:g} dB, not {floor_db:g}"
    times = {"attack": contract.alc_attack_ms, "decay": contract.alc_decay_ms, "hold": contract.alc_hold_ms}
    for name, wanted_ms in times.items():
        value_ms = state[f"alc_{name}_ms"]
        if not wanted_ms / TIME_TOLERANCE <= value_ms <= wanted_ms * TIME_TOLERANCE:
            yield f"ALC {name} is {value_ms:g} ms, not {wanted_ms:g}"
