"""What a mode means on a board, in words: which blocks work, what the codec cannot do, which registers are written.

Rows that could be printed or compared; nothing is opened and nothing is written. What was measured comes from the last
certificate, a file that the rig leaves for each board.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from firmware_py.audio.routes import Route, choose, fixed_ports
from firmware_py.audio.wishes import Wishes
from firmware_py.board import Board, Port
from firmware_py.codec import Plan, plan
from firmware_py.codec.resolve import resolve
from firmware_py.errors import DescriptionError
from firmware_py.modes import PROFILES, Category, Mode, Profile, effective_mode
from firmware_py.registers import Value
from firmware_py.settings import card_factor, codec_settings


@dataclass(frozen=True)
class Block:
    """One part of the way that sound takes. `detail` says how much, or is empty."""

    name: str
    on: bool
    detail: str = ""

    def __str__(self) -> str:
        return f"{'on' if self.on else 'off'}{', ' if self.detail else ''}{self.detail}"


@dataclass(frozen=True)
class Explanation:
    """A mode in a category on a board. `missing`: what the codec cannot do, a sentence each."""

    board: str
    mode: Mode
    effective: Mode
    category: Category
    promise: str
    blocks: tuple[Block, ...]
    missing: tuple[str, ...]
    plan: Plan


@dataclass(frozen=True)
class Difference:
    """One thing that two modes do otherwise."""

    what: str
    a: str
    b: str


class Row(msgspec.Struct, frozen=True):
    """A row of a certificate, as far as it is shown here."""

    title: str
    value: float | None
    unit: str
    lower: float | None
    upper: float | None
    verdict: str
    source: str


class Measured(msgspec.Struct, frozen=True):
    """What the last certificate of a board says of one mode."""

    bench: str
    started: str
    verdict: str
    rows: tuple[Row, ...]


def explain(board: Board, mode: Mode, category: Category, *, cold: bool = False) -> Explanation:
    """What *mode* means. The plan starts from a codec that was reset and is quiet; with *cold*, from one of which
    nothing is known.

    Raises
    ------
    DescriptionError
        The codec cannot be set to what the mode asks.
    """
    effective = effective_mode(mode, category)
    route = _usual_route(board, mode, category)
    writes = mode_plan(board, mode, category, cold=cold)
    return Explanation(
        board=board.name,
        mode=mode,
        effective=effective,
        category=category,
        promise=PROFILES[effective].promise,
        blocks=tuple(_blocks(board, PROFILES[effective], category, route, writes)),
        missing=writes.missing,
        plan=writes,
    )


def mode_plan(
    board: Board, mode: Mode, category: Category, *, cold: bool = False, previous: Mode | None = None
) -> Plan:
    """How the codec comes to *mode*: from quiet after a reset; from *previous*; or, *cold*, from a state that nobody knows.

    Raises
    ------
    DescriptionError
        The codec cannot be set to what the mode asks.
    """
    settings = _settings(board, mode, category, _usual_route(board, mode, category))
    words: Mapping[str, int | None] | None = None
    if previous is not None and not cold:
        words = mode_plan(board, previous, category).words
    elif not cold:
        words = plan(board.codec, None, {}, "standby", board.mclk_hz).words
    return plan(board.codec, words, settings, "active", board.mclk_hz)


def impossible(board: Board) -> Iterator[tuple[Mode, str]]:
    """Modes of which nothing can come on this board, each with the reason: by any of its ports, recording, playing or both."""
    for mode in Mode:
        reasons: dict[str, None] = {}
        for category in (Category.RECORD_AUDIO, Category.MEDIA_PLAYBACK, Category.PLAY_AND_RECORD):
            if effective_mode(mode, category) is mode:
                try:
                    mode_plan(board, mode, category, cold=True)
                    for route in _other_routes(board, mode, category):
                        resolve(board.codec, _settings(board, mode, category, route), board.mclk_hz)
                except DescriptionError as error:
                    reasons.setdefault(str(error))
        yield from ((mode, reason) for reason in reasons)


def _usual_route(board: Board, mode: Mode, category: Category) -> Route:
    return choose(board, fixed_ports(board), Wishes(category=category, mode=mode))


def _other_routes(board: Board, mode: Mode, category: Category) -> Iterator[Route]:
    """Through every other port of the board."""
    usual = _usual_route(board, mode, category)
    for port in board.ports.values():
        if port.kind == "input" and category.records and port != usual.source:
            yield replace(usual, source=port)
        elif port.kind == "output" and category.plays and port != usual.destination:
            yield replace(usual, destination=port)


def _settings(board: Board, mode: Mode, category: Category, route: Route) -> dict[str, Value]:
    mode = effective_mode(mode, category)
    return codec_settings(board, mode, PROFILES[mode], category, source=route.source, destination=route.destination)


def difference(board: Board, a: Mode, b: Mode, category: Category) -> tuple[list[Difference], list[Difference]]:
    """Blocks and registers that two modes leave otherwise."""
    one, other = (explain(board, mode, category) for mode in (a, b))
    blocks = [
        Difference(mine.name, str(mine), str(its))
        for mine, its in zip(one.blocks, other.blocks, strict=True)  # of one category, so of the same names
        if mine != its
    ]
    registers = []
    for name, register in board.codec.map.registers.items():
        mine, its = one.plan.words[name], other.plan.words[name]
        if mine is not None and its is not None and mine != its:
            meanings = (f"0x{word:03x} {register.meaning(word, mine ^ its)}" for word in (mine, its))
            registers.append(Difference(f"R{register.address} {name}", *meanings))
    return blocks, registers


def certificate_file(board: str) -> Path:
    """Where the last certificate of a board is kept: below $XDG_STATE_HOME, else ~/.local/state."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser())
    return state / "audiohat" / "certificates" / f"{board}.json"


def measured(board: str, mode: Mode) -> Measured | None:
    """What was measured last; None where there is no certificate, or none that can be read."""
    try:
        certificate = msgspec.json.decode(certificate_file(board).read_bytes(), type=_Certificate)
    except (OSError, msgspec.MsgspecError):
        return None
    if (result := certificate.modes.get(mode)) is None:
        return None
    return Measured(certificate.bench, certificate.started, result.verdict, result.measurements)


class _Result(msgspec.Struct, frozen=True):
    verdict: str
    measurements: tuple[Row, ...]


class _Certificate(msgspec.Struct, frozen=True):
    bench: str
    started: str
    modes: dict[str, _Result]


def _block(name: str, on: object, detail: str) -> Block:
    """A detail is only of interest where the block works."""
    return Block(name, bool(on), detail if on else "")


def _blocks(board: Board, profile: Profile, category: Category, route: Route, plan: Plan) -> Iterator[Block]:
    """In the order in which sound meets them: in, through, out."""
    source = route.source if category.records else None
    destination = route.destination if category.plays else None
    yield Block("microphone", source is not None, source.name if source else "")
    if source:
        yield from _in_codec(board, profile, source, plan)
        yield from _in_chain(profile)
    yield Block("loudspeaker", destination is not None, destination.name if destination else "")
    if destination:
        yield _block("playback equaliser", profile.voice_playback, "voice")
        yield _block("playback limiter", profile.playback_limiter, "-1 dBFS")
    period_s, factor = profile.period_frames / profile.rate_hz, card_factor(board, profile)
    yield Block("stream", True, f"{profile.rate_hz} Hz, period {profile.period_frames} frames, {period_s * 1e3:.1f} ms")
    yield _block("rate converter", factor > 1, f"the card runs at {factor * profile.rate_hz} Hz")
    from firmware_py.dsp.chain import Chain  # its compiler takes a second to start, and a plan needs none

    chain = Chain(profile, factor)
    in_s = period_s + chain.latency_frames / profile.rate_hz
    out_s = (profile.preroll_frames - profile.period_frames + chain.playback_latency_frames) / profile.rate_hz
    yield Block("latency", True, f"in {in_s * 1e3:.1f} ms, out {out_s * 1e3:.1f} ms")


def _in_codec(board: Board, profile: Profile, source: Port | None, plan: Plan) -> Iterator[Block]:
    settings = plan.settings

    def block(name: str, control: str, detail: str) -> Block:
        return _block(name, settings.get(control) and control not in board.codec.absent, detail)

    yield block("microphone bias", "mic_bias", str(settings.get("mic_bias_level", "")))
    yield Block("analogue gain", True, _reading(profile, source, plan))
    yield block("codec high-pass", "high_pass", "DC")
    yield block(
        "codec automatic gain", "alc",
        f"to +{profile.alc_max_gain_db:g} dB, target {profile.alc_target_dbfs:g} dBFS, attack {profile.alc_attack_ms:g} ms, "
        f"decay {profile.alc_decay_ms:g} ms, hold {profile.alc_hold_ms:g} ms",
    )  # fmt: skip


def _reading(profile: Profile, source: Port | None, plan: Plan) -> str:
    """What a calibrated sound reads with the gain that this codec can give."""
    if source is None or source.sensitivity_dbv is None:
        return "what 94 dB SPL reads is not known: the board's file gives this port no sensitivity_dbv"
    got = plan.compromises.get("input_gain_db")
    asked = float(plan.settings.get("input_gain_db", 0.0))
    if got is None:
        return f"94 dB SPL reads {profile.sensitivity_dbfs:g} dBFS"
    reads = profile.sensitivity_dbfs + got - asked
    return f"94 dB SPL reads {reads:.1f} dBFS, for {profile.sensitivity_dbfs:g} are out of this codec's reach"


def _in_chain(profile: Profile) -> Iterator[Block]:
    ceiling_dbfs = profile.limiter_dbfs
    yield _block("voice high-pass", profile.voice_high_pass_hz, f"{profile.voice_high_pass_hz:g} Hz, second order")
    yield _block("echo canceller", profile.cancels_echo, f"tail {profile.echo_tail_s * 1e3:g} ms")
    yield _block("noise suppressor", profile.noise_reduction_db, f"{profile.noise_reduction_db:g} dB")
    level = f"±{profile.agc_range_db:g} dB to {profile.agc_target_dbfs:g} dBFS"
    yield _block("automatic gain", profile.agc_range_db, level)
    yield _block("limiter", ceiling_dbfs is not None, f"{ceiling_dbfs:g} dBFS" if ceiling_dbfs is not None else "")
