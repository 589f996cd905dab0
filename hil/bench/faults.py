"""Is a mistake noticed? A description is spoiled on purpose, and the board is taken through its modes on the chip's model.

A mistake is *caught* when the description is refused as it is read or planned (by: description), when the chip does not take what
is written (chip), when a block of the chip is otherwise than the mode promises, or the datasheet was not obeyed (promise): these
are what a certificate has. Beyond that it is caught when a level at a pin or in a channel is not what the healthy board gives
(sound), or when any block does something else than on the healthy board, though no mode promises anything of it (block).
It is *equivalent* when nothing can tell it from the right description on this journey: the same bytes with the same pauses; or,
of two steps that changed places, every block alike at every stop, no rule of the datasheet broken on the way, and no higher peak
at any output pin after any write or pause. The second proof is as good as the model is; so the figures say how many there are.
All else has *escaped*, and is listed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing import get_context
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from firmware_py.board import Board, Port
from firmware_py.codec import Codec, Plan
from firmware_py.codec.resolve import resolve, targets
from firmware_py.descriptions import load_board
from firmware_py.descriptions.codec import check_codec
from firmware_py.descriptions.reader import Problems
from firmware_py.errors import DescriptionError, FirmwareError
from firmware_py.modes import PROFILES, Category, Mode
from firmware_py.registers import Value
from firmware_py.settings import codec_settings
from hil.bench.mutations import Mutation, mutations
from hil.bench.promise import Asked, input_pins, mismatches
from hil.bench.virtual import ChipBus, model_of
from hil.sim.chip import Chip, Frames
from hil.sim.hats import Wiring

By = Literal["description", "chip", "promise", "sound", "block", ""]

PROOF_SAME = "the same bytes with the same pauses, through all modes and back"
PROOF_ALIKE = (
    "every block alike at every stop, no rule of the datasheet broken, no higher peak at any pin after any write"
)

QUIET_V = 1e-3  # of a pin that nothing should be heard at
LEVEL_TOLERANCE_DB = 0.4
BLOCK_FRAMES = 48
TONE_BLOCKS = 16
PREFERRED_HZ = (16_000, 32_000, 44_100)  # besides those of the modes
SETTLE_S = 0.06  # gains step softly, and a soft mute opens


@dataclass(frozen=True)
class Trial:
    """What became of one mistake. `by` says who caught it, `evidence` how; an equivalent one has its proof there."""

    kind: str
    place: str
    change: str
    verdict: Literal["caught", "equivalent", "escaped"]
    by: By = ""
    evidence: str = ""


@dataclass(frozen=True)
class Stop:
    """A stop of the journey: a mode with its ports, at its own rate or one that a session prefers; or "standby" or "off"."""

    name: str
    mode: Mode | None = None
    category: Category = Category.PLAY_AND_RECORD
    source: Port | None = None
    destination: Port | None = None
    rate_hz: int | None = None

    def settings(self, board: Board) -> dict[str, Value]:
        """What the mode asks of this board's codec; nothing in silence."""
        if self.mode is None:
            return {}
        profile = PROFILES[self.mode]
        if self.rate_hz:
            profile = replace(profile, rate_hz=self.rate_hz)
        return codec_settings(
            board, self.mode, profile, self.category, source=self.source, destination=self.destination
        )


class Journey:
    """The way of one board through its modes: cold, from mode to mode, with each port, to standby, back, and off."""

    def __init__(self, board: Board) -> None:
        self.board = board
        inputs = [port for port in board.ports.values() if port.kind == "input"]
        outputs = [port for port in board.ports.values() if port.kind == "output"]
        first_in, first_out = inputs[0], outputs[0]
        self.stops = [
            Stop("default, cold", Mode.DEFAULT, source=first_in, destination=first_out),
            Stop("voiceChat", Mode.VOICE_CHAT, source=first_in, destination=first_out),
            Stop("measurement", Mode.MEASUREMENT, source=first_in, destination=first_out),
            Stop("videoRecording", Mode.VIDEO_RECORDING, source=first_in, destination=first_out),
            Stop("gameChat", Mode.GAME_CHAT, source=first_in, destination=first_out),
            *(
                Stop(f"default at {hz} Hz", Mode.DEFAULT, source=first_in, destination=first_out, rate_hz=hz)
                for hz in board.codec.rates_at(board.mclk_hz)
                if hz in PREFERRED_HZ
            ),
            *(Stop(f"default to {port.name}", Mode.DEFAULT, source=first_in, destination=port) for port in outputs[1:]),
            *(
                Stop(f"default from {port.name}", Mode.DEFAULT, source=port, destination=first_out)
                for port in inputs[1:]
            ),
            Stop("recording only", Mode.VIDEO_RECORDING, Category.RECORD_AUDIO, source=first_in),
            Stop("standby"),
            Stop("playing only", Mode.DEFAULT, Category.MEDIA_PLAYBACK, destination=first_out),
            Stop("voiceChat again", Mode.VOICE_CHAT, source=first_in, destination=first_out),
            Stop("off"),
            Stop("default after off", Mode.DEFAULT, source=first_in, destination=first_out),
        ]

    @cached_property
    def heard(self) -> Mapping[tuple[str, str], float]:
        """The highest volts at each pin on the way to each stop, with the healthy description."""
        return travel(self, self.board, listening=True).heard

    def used(self) -> dict[str, frozenset[int]]:
        """Field path -> codes, for every field that the modes set on this board."""
        codec, found = self.board.codec, dict[str, set[int]]()
        for stop in self.stops:
            if stop.mode is None:
                continue
            resolved = resolve(codec, stop.settings(self.board), self.board.mclk_hz)
            for step in codec.sequences["active"]:
                for path, code in targets(codec, step, resolved).items():
                    found.setdefault(path, set()).add(code)
        order = codec.map.field_paths
        return {path: frozenset(found[path]) for path in sorted(found, key=order.index)}


class _Desk:
    """A chip on the bench with a listener at its pins, and a log of what went over the bus."""

    def __init__(self, board: Board) -> None:
        self.chip, self.wiring = model_of(board)
        self.log: list[tuple[float, bytes]] = []  # pause before, bytes
        self.heard: dict[tuple[str, str], float] = {}  # stop and pin -> highest volts on the way there
        self.listening = False
        self.heading_for = ""
        self.pause_s = 0.0

    def write(self, address: int, data: bytes) -> None:
        self.chip.write(address, data)
        self.log.append((self.pause_s, data))
        self.pause_s = 0.0
        if self.listening:
            self.listen()

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        return ChipBus(self.chip).read(address, count, after)

    def sleep(self, seconds: float) -> None:
        self.chip.wait(seconds)
        self.pause_s += seconds
        if self.listening:
            self.listen()

    def listen(self) -> None:
        """A millisecond of silence from the host, played by a copy of the chip: to listen changes nothing."""
        for pin, volts in deepcopy(self.chip).play(np.zeros((BLOCK_FRAMES, 2), np.int32)).items():
            key = self.heading_for, pin
            self.heard[key] = max(self.heard.get(key, 0.0), float(np.max(np.abs(volts))))


@dataclass(frozen=True)
class _Record:
    """What a journey left behind: who caught it and how, or all that could be told of it."""

    by: By = ""
    evidence: str = ""
    log: tuple[tuple[float, bytes], ...] = ()
    sounds: tuple[tuple[str, float], ...] = ()
    heard: Mapping[tuple[str, str], float] = field(default_factory=dict)
    states: tuple[dict[str, object], ...] = ()


def travel(journey: Journey, board: Board, *, listening: bool = False) -> _Record:
    """Take *board* (spoiled or not) on the journey of the healthy one."""
    if refusal := _refusal(board):
        return _Record("description", refusal)
    desk = _Desk(board)
    desk.listening = listening
    codec = Codec(board.codec, desk, board.i2c_address, board.mclk_hz, sleep=desk.sleep)
    sounds: list[tuple[str, float]] = []
    states: list[dict[str, object]] = []
    for stop in journey.stops:
        desk.heading_for = stop.name
        try:
            plan = codec.plan(stop.settings(board), "active" if stop.mode else stop.name)
            codec.apply(plan)
        except DescriptionError as error:
            return _Record("description", f"{stop.name}: {error}")
        except FirmwareError as error:
            return _Record("chip", f"{stop.name}: {error}")
        desk.chip.wait(SETTLE_S)
        if found := _unlike(desk.chip, desk.wiring, board, stop, plan):
            return _Record("promise", f"{stop.name}: {found[0]}")
        states.append(desk.chip.state())
        if stop.mode is not None:
            sounds += ((f"{stop.name}, {name}", level) for name, level in _levels(desk.chip, desk.wiring, stop))
    desk.log.append((desk.pause_s, b""))
    return _Record(log=tuple(desk.log), sounds=tuple(sounds), heard=desk.heard, states=tuple(states))


def _refusal(board: Board) -> str:
    """What the reader of descriptions has against a codec; empty if nothing."""
    problems = Problems(board.codec.name)
    check_codec(board.codec, problems)
    return problems.lines()[0] if problems else ""


def _unlike(chip: Chip, wiring: Wiring, board: Board, stop: Stop, plan: Plan) -> list[str]:
    state = chip.state()
    if stop.mode is not None:
        asked = Asked(board, wiring, stop.mode.value, stop.source, stop.destination, plan, stop.rate_hz)
        return mismatches(state, asked, stop.mode.value)
    chip.wait(2.0)  # a microphone's supply has a capacitor
    state = chip.state()
    found = [*state.get("faults", ())]  # type: ignore[misc]
    found += [f"{pin} is on" for pin, gain in state["outputs"].items() if gain is not None]  # type: ignore[attr-defined]
    found += ["the converters to the outputs are on"] * (state["dac_gain_db"] != [None, None])
    found += ["an input is open"] * (state["input_gain_db"] != [None, None])
    found += [f"{pin} has {volts:g} V" for pin, volts in chip.mic_bias_v.items() if volts > 0.1]
    if stop.name == "off":
        found += ["it still makes a frame clock"] * (chip.frame_rate_hz is not None)
    return found


def _levels(chip: Chip, wiring: Wiring, stop: Stop) -> Iterator[tuple[str, float]]:
    """Levels in dB at every pin and in both channels, for a tone from the host and another at the microphones.

    Each channel has a tone of its own pitch, so that one that went astray shows; a sign shows as its phase does.
    """
    rate_hz = chip.frame_rate_hz or 1.0
    frames = TONE_BLOCKS * BLOCK_FRAMES
    t = np.arange(frames) / rate_hz
    low, high = (np.sin(2.0 * np.pi * hz * t) for hz in (rate_hz / 48.0, rate_hz / 16.0))
    down = (0.05 * 2.0**31 * np.stack([low, high], axis=1)).astype(np.int32)
    pins = input_pins(wiring, stop.source)
    volts: dict[str, list[NDArray[np.float32]]] = {}
    words: list[Frames] = []
    for at in range(0, frames, BLOCK_FRAMES):
        block = slice(at, at + BLOCK_FRAMES)
        for pin, signal in chip.play(down[block]).items():
            volts.setdefault(pin, []).append(signal)
        tones = (0.002 * low[block]).astype(np.float32), (0.002 * high[block]).astype(np.float32)
        words.append(chip.capture(dict(zip(pins, tones, strict=False))))
    later = slice(frames // 2, None)
    for pin, pieces in volts.items():
        yield from _phasors(f"volts at {pin}", np.concatenate(pieces)[later], (low[later], high[later]))
    captured = np.concatenate(words)[later] / 2.0**31
    for side, name in enumerate(("left", "right")):
        yield from _phasors(f"{name} channel", captured[:, side], (low[later], high[later]))
        yield f"{name} channel, DC", _db(float(np.mean(captured[:, side])))


def _phasors(
    name: str, signal: NDArray[np.floating], tones: Sequence[NDArray[np.float64]]
) -> Iterator[tuple[str, float]]:
    for label, tone in zip(("low", "high"), tones, strict=True):
        yield f"{name}, {label} tone", _db(2.0 * float(np.mean(signal * tone)))


def _db(amplitude: float) -> float:
    """Signed decibels: a turned sign is a different number. Below 1 mV nothing is told apart."""
    return float(np.copysign(20.0 * np.log10(max(abs(amplitude), QUIET_V) / QUIET_V), amplitude))


def judge(journey: Journey, healthy: _Record, mutation: Mutation) -> Trial:
    """Try one mistake."""

    def trial(verdict: Literal["caught", "equivalent", "escaped"], by: By, evidence: str) -> Trial:
        return Trial(mutation.kind, mutation.place, mutation.change, verdict, by, evidence)

    board = replace(journey.board, codec=mutation.codec)
    record = travel(journey, board)
    if record.by:
        return trial("caught", record.by, record.evidence)
    for (name, level), (_, healthy_level) in zip(record.sounds, healthy.sounds, strict=True):
        if abs(level - healthy_level) > LEVEL_TOLERANCE_DB:
            return trial("caught", "sound", f"{name}: {level:.1f} dB re 1 mV, not {healthy_level:.1f}")
    if record.log == healthy.log:
        return trial("equivalent", "", PROOF_SAME)
    for stop, state, healthy_state in zip(journey.stops, record.states, healthy.states, strict=True):
        for name, value in healthy_state.items():
            if not _alike(state[name], value):
                return trial("caught", "block", f"{stop.name}: {name} is {state[name]}, not {value}")
    if mutation.kind == "order":
        on_the_way = travel(journey, board, listening=True).heard
        for (stop_name, pin), volts in on_the_way.items():
            right = journey.heard.get((stop_name, pin), 0.0)
            if volts > 1.26 * right + QUIET_V:
                return trial(
                    "caught", "sound", f"a thump at {pin} on the way to {stop_name}: {volts:.4f} V, not {right:.4f}"
                )
        return trial("equivalent", "", PROOF_ALIKE)
    return trial("escaped", "", "every block is as promised and every level as it should be")


def _alike(one: object, other: object) -> bool:
    """Whether two blocks do the same, within what noise and settling make of it."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=1e-3, atol=LEVEL_TOLERANCE_DB / 4.0))
    return one == other


def try_faults(board: str, progress: Callable[[int, int], None] = lambda *_: None) -> list[Trial]:
    """Every mistake in what *board* (a name or a file) uses. FirmwareError when the healthy board fails already."""
    journey = Journey(load_board(board))
    healthy = travel(journey, journey.board)
    if healthy.by:
        raise FirmwareError(f"{board}: the description fails as it is ({healthy.by}): {healthy.evidence}")
    total = sum(1 for _ in mutations(journey.board.codec, journey.used()))
    workers = min(os.cpu_count() or 1, total)
    trials: list[Trial] = []
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (board,)) as pool:
        for trial in pool.map(_try, range(total), chunksize=8):  # in their order
            trials.append(trial)
            progress(len(trials), total)
    return trials


_worker: tuple[Journey, _Record, list[Mutation]]


def _begin(board: str) -> None:
    global _worker
    journey = Journey(load_board(board))
    _worker = journey, travel(journey, journey.board), list(mutations(journey.board.codec, journey.used()))


def _try(index: int) -> Trial:
    journey, healthy, spoiled = _worker
    return judge(journey, healthy, spoiled[index])
