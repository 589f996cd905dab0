"""A mode's contract, held against what a chip says its blocks do. Physical words on both sides, no byte and no register,
so that a description and a simulation cannot agree by sharing a number.

What is wanted comes from the rig (`hil.contracts`), from the HAT's copper (`hil.sim.hats`), from the board's file (which port,
which amplifier gain) and from the wishes of the session; never from the product's profiles. Where the product says that its
codec cannot do what was asked, it is held to what it says instead: "no automatic gain", or the value that it came down to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Self

from firmware_py.board import Board, Port
from firmware_py.codec import Plan
from firmware_py.registers import Value
from firmware_py.stage import BoardStage
from hil.analysis import SINE_CREST_DB
from hil.contracts import CONTRACTS, Contract
from hil.sim.hats import Wiring

GAIN_TOLERANCE_DB = 0.5
CEILING_TOLERANCE_DB = 3.0  # half a step: automatic gains have ceilings in steps of 6 dB
TARGET_TOLERANCE_DB = 1.5
TIME_TOLERANCE = math.sqrt(2.0)  # and time constants in octaves
RATE_TOLERANCE = 2e-5  # a PLL's fraction ends somewhere
BIAS_TOLERANCE = 0.05

LOUDSPEAKERS = ("builtInSpeaker", "builtInReceiver")
OPEN_SIDES = {"left": 0, "right": 1}
"""Word for an amplifier -> the one side that sounds; every other word ("on", "both") means all of them."""

State = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What is to be so: a board wired as it is, the ports in use, and the plan with which the product answers.

    rate_hz, input_gain: what the session was granted instead of the mode's own; None where it asked nothing.
    """

    board: Board
    wiring: Wiring
    mode_in_force: str
    source: Port | None
    destination: Port | None
    plan: Plan
    rate_hz: float | None = None
    has_input_gain: bool = False

    @classmethod
    def of(cls, stage: BoardStage, wiring: Wiring) -> Self:
        """Of what stands on a stage now."""
        preferred_hz = stage.setup.preferred_rate_hz
        granted = preferred_hz is not None and stage.rate_hz == preferred_hz
        return cls(
            stage.board, wiring, stage.setup.mode.value, stage.setup.source, stage.setup.destination, stage.plan(),
            preferred_hz if granted else None, stage.setup.input_gain is not None,
        )  # fmt: skip

    @property
    def absent(self) -> Set[str]:
        """Controls that this codec has not."""
        return self.board.codec.absent.keys()

    def setting(self, name: str) -> Value:
        """What the board's file has this control be in the mode in force, 0 dB where it says nothing."""
        ours = self.board.modes.get(self.mode_in_force, {})
        return ours.get(name, self.board.defaults.get(name, 0.0))

    def gain_db(self, *names: str) -> float:
        """Gains that the board's file asks for, together."""
        return sum(float(self.setting(name)) for name in names if name not in self.absent)

    def said(self, name: str, wanted: float) -> float:
        """What is wanted of a control; or what the product, asked for just that, says that it came down to."""
        given = self.plan.settings.get(name)
        if given is None or isinstance(given, str) or abs(float(given) - wanted) > max(0.5, 0.01 * abs(wanted)):
            return wanted
        return self.plan.compromises.get(name, wanted)


def mismatches(state: State, asked: Asked, mode: str) -> list[str]:
    """What *state* (see `hil.sim.chip.Chip.state`) has otherwise than *mode*, which was asked for, has to be; a phrase each."""
    contract = CONTRACTS[mode]
    in_force = asked.mode_in_force
    found = [] if in_force == mode else [f"the mode in force is {in_force}, not {mode}"]
    found += [
        *_unlike(state, _SWITCHES),
        *_link(state["interface"]),
        *state["reserved"],
        *state.get("faults", ()),
        *_rates(state, asked, contract),
        *_playback(state, asked),
    ]
    if asked.source is None:
        powered = any(volts > 0.0 for volts in state["mic_bias_v"].values())
        return found + ["the microphones are powered, though nothing is recorded"] * powered
    found += _bias(state, asked.wiring) if asked.source.needs_mic_bias else []
    found += _inputs(state, asked)
    found += _unlike(state, {"high_pass": contract.high_pass and "high_pass" not in asked.absent})
    found += _gains(state, "adc_gain_db", (asked.gain_db("adc_gain_db"),) * 2)
    levels = contract.alc and "alc" not in asked.absent
    found += _unlike(state, {"alc": "stereo" if levels else "off"})
    if None in state["input_gain_db"]:
        return [*found, "an input amplifier is muted, or its output is not routed"]
    gain_db = _gain_asked(asked, contract)
    return found + list(_automatic_gain(state, asked, contract, gain_db) if levels else _fixed_gain(state, gain_db))


_SWITCHES = {
    "noise_gate": False,
    "deemphasis": False,
    "equaliser": False,
    "loopback": False,
    "sidetone": False,
    "analogue_up": True,
}


_INTERFACE = {"format": "i2s", "word_bits": 32, "provider": True, "enabled": True, "output_enabled": True}


def _link(interface: Mapping[str, Any]) -> Iterator[str]:
    """What a chip says of its audio port; not every chip has every switch."""
    for name, value in _INTERFACE.items():
        if name in interface and interface[name] != value:
            yield f"interface: {name} is {interface[name]}, not {value}"


def _unlike(state: State, wanted: Mapping[str, Any]) -> list[str]:
    """A chip that has no such block (None) does not do what it would."""
    return [
        f"{name} is {state[name]}, not {value}"
        for name, value in wanted.items()
        if state[name] != value and not (state[name] is None and value is False)
    ]


def _rates(state: State, asked: Asked, contract: Contract) -> Iterator[str]:
    """The mode's rate, or the preferred one where the mode takes hints; where this codec cannot, a whole multiple of it."""
    wanted_hz = float(contract.rate_hz if contract.cancels_echo or asked.rate_hz is None else asked.rate_hz)
    if wanted_hz not in asked.board.codec.rates_at(asked.board.mclk_hz) and state["capture_rate_hz"]:
        wanted_hz *= max(1, round(state["capture_rate_hz"] / wanted_hz))
    for name in ("capture_rate_hz", "playback_rate_hz"):
        if not state[name] or abs(state[name] / wanted_hz - 1.0) > RATE_TOLERANCE:
            yield f"{name} is {state[name]}, not {wanted_hz:g}"


def _playback(state: State, asked: Asked) -> Iterator[str]:
    """The destination's pins at the gain that the board asks, every other pin off."""
    port, wiring = asked.destination, asked.wiring
    if port is not None:
        yield from _gains(state, "dac_gain_db", (asked.gain_db("dac_gain_db"),) * 2)
    elif state["dac_gain_db"] != [None, None]:
        yield "it plays, though nothing is to be played"
    wanted = dict(_open_pins(asked, port)) if port is not None else {}
    for pin, gain_db in state["outputs"].items():
        if pin in wanted:
            alike = gain_db is not None and abs(gain_db - wanted[pin]) <= GAIN_TOLERANCE_DB
            if not alike:
                yield f"{pin} is at {_gain(gain_db)} dB, not {_gain(wanted[pin])}"
        elif gain_db is not None and not (port is not None and pin in wiring.tied):
            yield f"{pin} is on, though nothing is to be heard there"


def _open_pins(asked: Asked, port: Port) -> Iterator[tuple[str, float]]:
    """Pins of a port, and the gain from the DAC to each."""
    wiring = asked.wiring
    if port.type in LOUDSPEAKERS:
        gain_db, pins = asked.gain_db("speaker_gain_db", "speaker_boost_db"), wiring.loudspeakers
    elif port.type == "headphones":
        gain_db, pins = asked.gain_db("headphone_gain_db"), wiring.headphones
    else:
        gain_db, pins = 0.0, wiring.line_outputs
    side = next((OPEN_SIDES[str(word)] for word in port.set.values() if word in OPEN_SIDES), None)
    for pin in pins if side is None or len(pins) == 1 else pins[side : side + 1]:
        yield pin, gain_db


def _inputs(state: State, asked: Asked) -> Iterator[str]:
    """Each converter hears its own microphone, or both the one that there is, and no other pin."""
    pins = input_pins(asked.wiring, asked.source)
    wanted = [[pins[0]], [pins[-1]]]
    if state["inputs"] != wanted:
        yield f"the converters hear {_said(state['inputs'])}, not {_said(wanted)}"


def input_pins(wiring: Wiring, source: Port | None) -> tuple[str, ...]:
    """The codec's pins behind an input port, left and right; one where both converters hear the same."""
    sockets = {"lineIn": wiring.line_inputs, "headsetMic": wiring.headset}
    return sockets.get(source.type, wiring.microphones) if source is not None else wiring.microphones


def _said(sides: Iterable[Iterable[str]]) -> str:
    return " and ".join("+".join(pins) or "nothing" for pins in sides)


def _bias(state: State, wiring: Wiring) -> Iterator[str]:
    if wiring.bias_pin is not None:
        volts = state["mic_bias_v"][wiring.bias_pin]
        if abs(volts / wiring.bias_v - 1.0) > BIAS_TOLERANCE:
            yield f"mic_bias_v is {volts:g}, not {wiring.bias_v:g}"


def _gains(state: State, name: str, wanted_db: Iterable[float | None]) -> Iterator[str]:
    for side, value, wanted in zip(("left", "right"), state[name], wanted_db, strict=True):
        alike = value is wanted if None in (value, wanted) else abs(value - wanted) <= GAIN_TOLERANCE_DB
        if not alike:
            yield f"{side} {name} is {_gain(value)}, not {_gain(wanted)}"


def _gain(value_db: float | None) -> str:
    return "off" if value_db is None else f"{value_db:g}"


def _gain_asked(asked: Asked, contract: Contract) -> float:
    """Analogue gain by which 94 dB SPL reads the contract's sensitivity, unless the session has chosen one."""
    microphone = asked.source or asked.board.port("input")
    if asked.has_input_gain and not contract.alc:
        return float(asked.plan.settings["input_gain_db"])
    own = asked.board.modes.get(asked.mode_in_force, {}).get("input_gain_db")
    if own is not None:
        return float(own)
    if microphone.sensitivity_dbv is None:
        return 0.0
    reads_dbfs = microphone.sensitivity_dbv - asked.board.codec.full_scale_dbv
    return asked.said("input_gain_db", contract.sensitivity_dbfs + SINE_CREST_DB - reads_dbfs)


def _fixed_gain(state: State, gain_db: float) -> Iterator[str]:
    tolerance_db = max(GAIN_TOLERANCE_DB, 0.51 * state.get("input_gain_step_db", 0.75))
    for side, value in zip(("left", "right"), state["input_gain_db"], strict=True):
        if abs(value - gain_db) > tolerance_db:
            yield f"{side} input gain is {value:g} dB, not {gain_db:.1f}"


def _automatic_gain(state: State, asked: Asked, contract: Contract, gain_db: float) -> Iterator[str]:
    """Its ceiling is that of the whole input; its floor that of the amplifier which it moves."""
    amplified = asked.source is None or asked.source.type != "lineIn"
    if state["alc_mode"] != "alc" and (amplified or state["alc_mode"] != "digital only"):
        yield f"alc_mode is {state['alc_mode']}, not alc"
    target = asked.said("alc_target_dbfs", contract.alc_target_dbfs)
    if abs(state["alc_target_dbfs"] - target) > TARGET_TOLERANCE_DB:
        yield f"ALC target is {state['alc_target_dbfs']:g}, not {target:g} dBFS"
    above_db = asked.said("alc_max_gain_db", contract.alc_max_gain_db)
    for side, reach_db in zip(("left", "right"), state["alc_reach_db"], strict=True):
        if abs(reach_db - gain_db - above_db) > CEILING_TOLERANCE_DB:
            yield f"{side} ALC reaches {reach_db:g} dB, not {gain_db + above_db:.1f}"
    floor_db = float(asked.board.defaults.get("alc_min_gain_db", state["alc_min_gain_db"] or 0.0))
    if state["alc_min_gain_db"] is not None and abs(state["alc_min_gain_db"] - floor_db) > GAIN_TOLERANCE_DB:
        yield f"ALC goes down to {state['alc_min_gain_db']:g} dB, not {floor_db:g}"
    times = {"attack": contract.alc_attack_ms, "decay": contract.alc_decay_ms, "hold": contract.alc_hold_ms}
    for name, contracted_ms in times.items():
        value_ms, wanted_ms = state[f"alc_{name}_ms"], asked.said(f"alc_{name}_ms", contracted_ms)
        if f"alc_{name}_ms" in asked.absent or (value_ms is None and wanted_ms is None):
            continue
        if value_ms is None or not wanted_ms / TIME_TOLERANCE <= value_ms <= wanted_ms * TIME_TOLERANCE:
            yield f"ALC {name} is {value_ms} ms, not {wanted_ms:g}"
