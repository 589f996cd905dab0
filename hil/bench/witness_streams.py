"""Streams of a driver beside the fields of a description: formats, word lengths, rates, who makes the clocks, what is powered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from firmware_py.board import CodecDescription
from firmware_py.registers import Field, Names, Register, Steps
from hil.bench.witness_findings import SILENT, UNDESCRIBED, Finding, agreed, contradicted
from hil.bench.witness_state import Group, Scene
from hil.witness import Recording, Write

_FORMATS = {
    "I2S": "i2s",
    "LJ": "left_justified|left|lj",
    "RJ": "right_justified|right|rj",
    "DSP_A": "dsp.*|pcm|tdm",
    "DSP_B": "dsp.*|pcm|tdm",
}
_PROVIDER = {"codec": "provider|output|on|enabled", "cpu": "consumer|input|off|disabled"}
_WIDTHS = {"S16": 16, "S20_3": 20, "S24": 24, "S32": 32}
_RATE = re.compile(r"(\d+(?:\.\d+)?)k")
_POWERED, _NOT_POWERED = {"on", "powered", "up", "enabled"}, {"off", "down", "disabled"}


def compare_streams(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    """Everything that opening streams has shown, but for the clock tables."""
    formats, widths = Group.of(recording, "formats"), Group.of(recording, "widths")
    for register, field in formats.moving(codec):
        yield from _of_format(register, field, formats)
    for register, field in widths.moving(codec):
        if isinstance(field.scale, Steps) and 16 in field.scale.values and field.scale.unit == "bit":
            yield from _of_width(register, field, widths)
    clocks = Group.of(recording, "clocks")
    for register, field in clocks.moving(codec):
        if isinstance(field.scale, Names) and any(_RATE.fullmatch(name) for name in field.scale.values):
            yield from _of_rate(register, field, clocks)
    yield from _widgets(codec, recording)
    yield from _mutes(codec, recording)


def _codes(register: Register, field: Field, group: Group, place: int) -> dict[str, set[int]]:
    """The codes of a field for each word at that place of the scenarios' names."""
    codes: dict[str, set[int]] = {}
    for scene in group.scenes:
        codes.setdefault(scene.words[place], set()).add(scene.code(register, field))
    return codes


def _of_format(register: Register, field: Field, group: Group) -> Iterator[Finding]:
    subject = f"{register.name}.{field.name}"
    by = [_codes(register, field, group, place) for place in range(3)]
    follows = [all(len(codes) == 1 for codes in some.values()) for some in by]
    if follows[2]:  # the provider alone decides
        yield _matched(subject, "provider", field, by[2], _PROVIDER)
    elif follows[0]:
        yield _matched(subject, "format", field, by[0], _FORMATS)
    else:
        yield _inverting(subject, register, field, group)


def _inverting(subject: str, register: Register, field: Field, group: Group) -> Finding:
    """A switch that inverts a clock is off in plain I2S, and on in one of the others."""
    codes = {scene.words[1]: scene.code(register, field) for scene in group.scenes if scene.words[0] == "I2S"}
    says = {inversion: field.scale.text(code) for inversion, code in codes.items()}
    if len(set(codes.values())) == 2 and says["NB_NF"] in _NOT_POWERED | _POWERED:
        if says["NB_NF"] in _POWERED:
            return contradicted(
                subject, "inversion", "formats", f"code {codes['NB_NF']} inverts nothing", says["NB_NF"]
            )
        inverted = " and ".join(inversion for inversion, code in codes.items() if code != codes["NB_NF"])
        return agreed(subject, "inversion", "formats", f"on for {inverted}")
    detail = "moved by formats and inversions; which of them is not told apart"
    return Finding(subject, "format", SILENT, "formats", detail)


def _matched(
    subject: str, aspect: str, field: Field, seen: Mapping[str, set[int]], words: Mapping[str, str]
) -> Finding:
    """Of all that share a code, one at least is what we call it, if we call it by any of these words."""
    recognised = 0
    sharing: dict[int, list[str]] = {}
    for word, (code, *_) in ((word, tuple(codes)) for word, codes in seen.items()):
        sharing.setdefault(code, []).append(word)
    for code, asked in sharing.items():
        says = field.scale.text(code)
        called = [word for word, pattern in words.items() if re.fullmatch(pattern, says.lower())]
        if called and not set(called) & set(asked):
            return contradicted(subject, aspect, f"{aspect}s", f"code {code} for {', '.join(asked)}", f"{says!r}")
        recognised += bool(called)
    if recognised:
        return agreed(subject, aspect, "formats")
    return Finding(subject, aspect, SILENT, "formats", "moves with it; no name of its codes can be compared")


def _of_width(register: Register, field: Field, group: Group) -> Iterator[Finding]:
    subject = f"{register.name}.{field.name}"
    for direction in {scene.words[0] for scene in group.scenes}:
        scenes = [scene for scene in group.scenes if scene.words[0] == direction]
        if len({scene.code(register, field) for scene in scenes}) == 1:
            continue
        for scene in scenes:
            code = scene.code(register, field)
            if field.scale.decode(code) != _WIDTHS[scene.words[1]]:
                yield contradicted(subject, "width", f"widths: {scene.name}", f"code {code}", field.scale.text(code))
                return
        yield agreed(subject, "width", f"widths: {direction}", f"{len(scenes)} widths")


def _of_rate(register: Register, field: Field, group: Group) -> Iterator[Finding]:
    """A name such as 48k is the rate, or one that divides to it: by 1 to 6 in halves, or doubled."""
    subject, compared = f"{register.name}.{field.name}", 0
    for scene in group.scenes:
        rate_hz, code = int(scene.words[1]), scene.code(register, field)
        if register.address not in scene.written:
            continue
        if named := _RATE.fullmatch(field.scale.text(code)):
            compared += 1
            halves = 2.0 * float(named[1]) * 1000.0 / rate_hz
            if not 0.99 < halves < 12.01 or abs(halves - round(halves)) > 0.01:
                yield contradicted(subject, "rate", f"clocks: {scene.name}", f"code {code}", field.scale.text(code))
                return
    if compared:
        yield agreed(subject, "rate", "clocks", f"{compared} set-ups")


def _widgets(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    """What is powered as it is needed: its bit, and which way round, where a stream shows it."""
    registers = {r.address: r for r in codec.map.registers.values() if r.page == 0}
    scenes = list(_powered(recording))
    for name, (address, mask) in recording.widgets.items():
        described = sum(field.mask for field in registers[address].fields.values()) if address in registers else 0
        if not mask & described:
            register = registers[address].name if address in registers else f"register {address:#04x}"
            yield Finding(register, "bits", UNDESCRIBED, f"widget {name}", f"mask {mask:#x}")
        for field in registers[address].fields.values() if address in registers else ():
            subject = f"{registers[address].name}.{field.name}"
            if field.mask == mask:
                yield from _power_way(subject, registers[address], field, name, scenes)
            elif field.mask & mask == mask:
                yield agreed(subject, "bits", f"widget {name}", "of these bits")
            elif field.mask & mask:
                yield contradicted(subject, "bits", f"widget {name}", f"mask {mask:#x}", f"mask {field.mask:#x}")


def _powered(recording: Recording, *later: str) -> Iterator[tuple[Scene, frozenset[str]]]:
    """Streams that run, or what is left of them after *later* phases; and the widgets that were on."""
    for name, phases in recording.power.items():
        registers = dict(recording.registers)
        written: set[int] = set()
        for phase in ("controls", "calls", "open", "hw_params", "prepare", *later):
            for one in phases.get(phase, ()):
                if isinstance(one, Write):
                    registers[one.register] = one.value
                    written.add(one.register)
        yield Scene(name, registers, frozenset(written)), frozenset(phases["on"])


def _power_way(
    subject: str, register: Register, field: Field, widget: str, scenes: list[tuple[Scene, frozenset[str]]]
) -> Iterator[Finding]:
    yield agreed(subject, "bits", f"widget {widget}")
    for scene, on in scenes:
        if widget not in on or register.address not in scene.written:
            continue
        says = field.scale.text(scene.code(register, field))
        if says in _NOT_POWERED:
            code = scene.code(register, field)
            yield contradicted(
                subject, "widget", f"widget {widget}, {scene.name}", f"on is code {code}", f"that is {says!r}"
            )
        elif says in _POWERED:
            yield agreed(subject, "widget", f"widget {widget}")
        return


def _mutes(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    """What is muted when a stream has ended, and was not while it ran."""
    before = {scene.name: scene for scene, _ in _powered(recording)}
    after = {scene.name: scene for scene, _ in _powered(recording, "close")}
    for register in codec.map.registers.values():
        for field in register.fields.values():
            if (
                not isinstance(field.scale, Names)
                or not {"muted", "unmuted"} <= field.scale.values.keys()
                or register.page
            ):
                continue
            said = [
                (field.scale.text(running.code(register, field)), field.scale.text(after[name].code(register, field)))
                for name, running in before.items()
            ]
            if moved := [pair for pair in said if pair[0] != pair[1]]:
                subject, way = f"{register.name}.{field.name}", ("unmuted", "muted")
                if set(moved) == {way}:
                    yield agreed(subject, "mute", "streams")
                else:
                    yield contradicted(subject, "mute", "streams", "mutes it when the stream ends", "then it opens")
