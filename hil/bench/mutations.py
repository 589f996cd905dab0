"""Ways to get a description wrong: one mistake at a time, as people make them who copy numbers from a datasheet.

A mutation is a changed codec, with a word for its kind and a sentence that says what was changed. Only what some mode of the
board uses is touched: a mistake in a field that nobody writes is heard by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from firmware_py.board import CodecDescription, Step
from firmware_py.registers import Decibel, Field, Geometric, Linear, Names, Raw, Register, Scale, Steps

KINDS = (
    "address", "shifted", "narrowed", "inverted", "scale", "swapped", "latch", "order", "delay", "reserved",
)  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One mistake: its kind (of `KINDS`), where it is, what is wrong, and the codec as it would be described then."""

    kind: str
    place: str
    change: str
    codec: CodecDescription

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}: {self.change}"


Used = Mapping[str, frozenset[int]]
"""Field path -> the codes that the modes write there."""


def mutations(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    """Every mistake of every kind in what is used, in the order of the file."""
    for make in (_addresses, _fields, _latches, _orders, _delays, _reserved):
        yield from make(codec, used)


def _registers(codec: CodecDescription, used: Used) -> list[Register]:
    names = dict.fromkeys(path.partition(".")[0] for path in used)
    return [register for name, register in codec.map.registers.items() if name in names]


def _addresses(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    last = 2**codec.map.wire.address_bits - 1
    step = 2 if codec.map.wire.kind == "16+16" else 1  # every other address is one of its registers
    for register in _registers(codec, used):
        for off in (-step, step):
            wrong = register.address + off
            if 0 <= wrong <= last:
                change = f"address 0x{register.address:02x} read as 0x{wrong:02x}"
                yield Mutation("address", register.name, change, _with(codec, replace(register, address=wrong)))


def _fields(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    for path, codes in used.items():
        register, field = codec.map.find(path)
        for kind, change, wrong in _wrong_fields(field, codes, codec.map.wire.data_bits):
            fields = {**register.fields, field.name: wrong}
            yield Mutation(kind, path, change, _with(codec, replace(register, fields=fields)))


def _wrong_fields(field: Field, codes: frozenset[int], word_bits: int) -> Iterator[tuple[str, str, Field]]:
    bits = f"bits {field.msb}:{field.lsb}"
    for off in (-1, 1):
        if field.lsb + off >= 0 and field.msb + off < word_bits:
            moved = replace(field, msb=field.msb + off, lsb=field.lsb + off)
            yield "shifted", f"{bits} read as {moved.msb}:{moved.lsb}", moved
    if field.msb > field.lsb:
        short = replace(field, msb=field.msb - 1, scale=_narrow(field))
        yield "narrowed", f"{bits} read as {short.msb}:{short.lsb}", short
    for kind, change, scale in _wrong_scales(field.scale, codes):
        yield kind, change, replace(field, scale=scale)


def _narrow(field: Field) -> Scale:
    """The scale of a field that lost its top bit; codes that were its whole range shrink with it."""
    highest = (1 << (field.msb - field.lsb)) - 1
    scale = field.scale
    if isinstance(scale, Raw | Linear | Geometric | Decibel) and scale.codes[1] > highest >= scale.codes[0]:
        whole = scale.codes[1] == 2 * highest + 1
        return replace(scale, codes=(scale.codes[0], highest)) if whole else scale
    return scale


def _wrong_scales(scale: Scale, codes: frozenset[int]) -> Iterator[tuple[str, str, Scale]]:
    match scale:
        case Names() if len(scale.values) == 2:
            (one, first), (other, second) = scale.values.items()
            yield "inverted", f"{one} and {other} are exchanged", replace(scale, values={one: second, other: first})
        case Names():
            yield from _swapped_names(scale, codes)
        case Linear():
            top = scale.at(scale.codes[0] + scale.codes[1])
            yield "inverted", "counts from the other end", replace(scale, first=top, step=-scale.step)
            yield "scale", "step x 1.5", replace(scale, step=1.5 * scale.step)
        case Geometric():
            yield "scale", "all values x 1.5", replace(scale, first=1.5 * scale.first)
        case Decibel():
            yield "scale", "all values x 1.5", replace(scale, reference=scale.reference / 1.5)
        case Steps():
            yield "scale", "all values x 1.5", replace(scale, values=tuple(1.5 * value for value in scale.values))
            for code in sorted(codes)[:2]:
                swapped = list(scale.values)
                near = code + 1 if code + 1 < len(swapped) else code - 1
                swapped[code], swapped[near] = swapped[near], swapped[code]
                change = f"{swapped[near]:g} and {swapped[code]:g} are exchanged"
                yield "swapped", change, replace(scale, values=tuple(swapped))


def _swapped_names(scale: Names, codes: frozenset[int]) -> Iterator[tuple[str, str, Scale]]:
    """A name that is used, exchanged with its neighbour."""
    names = list(scale.values)
    for index, name in enumerate(names):
        if scale.values[name] in codes and len(names) > 1:
            other = names[index + 1] if index + 1 < len(names) else names[index - 1]
            values = {**scale.values, name: scale.values[other], other: scale.values[name]}
            yield "swapped", f"{name} and {other} are exchanged", replace(scale, values=values)


def _latches(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    for register in _registers(codec, used):
        if latch := register.latch:
            fields = {name: field for name, field in register.fields.items() if field is not latch}
            change = f"{latch.name} is forgotten: its values wait for ever"
            yield Mutation("latch", register.name, change, _with(codec, replace(register, fields=fields)))


def _orders(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    for name, steps in codec.sequences.items():
        for index in range(len(steps) - 1):
            swapped = (*steps[:index], steps[index + 1], steps[index], *steps[index + 2 :])
            change = f"{steps[index].note!r} comes after {steps[index + 1].note!r}"
            yield Mutation("order", f"{name}[{index}]", change, _with_steps(codec, name, swapped))


def _delays(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    if codec.reset.wait_ms:
        reset = replace(codec.reset, wait_ms=0.0)
        yield Mutation("delay", "reset", f"{codec.reset.wait_ms:g} ms dropped", replace(codec, reset=reset))
    for name, steps in codec.sequences.items():
        for index, step in enumerate(steps):
            if step.wait_ms:
                changed = (*steps[:index], replace(step, wait_ms=0.0), *steps[index + 1 :])
                change = f"{step.wait_ms:g} ms dropped ({step.note})"
                yield Mutation("delay", f"{name}[{index}]", change, _with_steps(codec, name, changed))


def _reserved(codec: CodecDescription, used: Used) -> Iterator[Mutation]:
    for register in _registers(codec, used):
        kept = (register.reset or 0) & ~sum(field.mask for field in register.fields.values())
        if register.reset is not None and kept:
            change = f"reserved bits {register.word(kept)} are cleared"
            wrong = replace(register, reset=register.reset & ~kept)
            yield Mutation("reserved", register.name, change, _with(codec, wrong))


def _with(codec: CodecDescription, register: Register) -> CodecDescription:
    registers = {**codec.map.registers, register.name: register}
    return replace(codec, map=replace(codec.map, registers=registers))


def _with_steps(codec: CodecDescription, name: str, steps: tuple[Step, ...]) -> CodecDescription:
    return replace(codec, sequences={**codec.sequences, name: steps})
