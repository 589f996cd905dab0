"""From the steps of a control to what it does: which bits it moves, and how its values become their codes.

A reduction is kept only as far as it explains: a step whose writes it would not have foretold is kept as it was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.witness.writes import Bus, Pause, Write, follow

Registers = dict[int, int]


@dataclass(frozen=True)
class Step:
    """A control was put to some values (one per channel), and this followed."""

    values: tuple[int, ...]
    errno: int
    said: tuple[Write | Pause, ...]
    before: Mapping[int, int]
    after: Mapping[int, int]


@dataclass(frozen=True)
class Field:
    """Bits that follow one channel of a control."""

    channel: int
    register: int
    msb: int
    lsb: int
    codes: Mapping[int, int]

    @property
    def mask(self) -> int:
        """Its bits in the register."""
        return (1 << self.msb + 1) - (1 << self.lsb)


@dataclass
class Reduced:
    """A control, explained."""

    told: Mapping[str, Any]
    steps: Sequence[Step]
    fields: list[Field]
    order: list[int]
    always: bool = False
    """The registers are written also when they do not change."""
    unexplained: list[Step] = field(default_factory=list)


def reduced(told: Mapping[str, Any], bus: Bus, registers: Registers) -> Reduced:
    """Explain one control of the recorder's. `registers` are what the chip holds, before and after."""
    steps = _steps(told, bus, registers)
    accepted = [step for step in steps if not step.errno]
    order = list(dict.fromkeys(one.register for step in steps for one in step.said if isinstance(one, Write)))
    fields = _fields(accepted, int(told["channels"]), order)
    result = Reduced(told, steps, fields, order)
    foretold = {always: [s for s in accepted if not _explains(s, fields, order, always)] for always in (False, True)}
    result.always = len(foretold[True]) < len(foretold[False])
    result.unexplained = foretold[result.always]
    follow(bus.read(told["restored"]), registers)
    return result


def _steps(told: Mapping[str, Any], bus: Bus, registers: Registers) -> list[Step]:
    steps = []
    for values, errno, log in told["steps"]:
        said, before = tuple(bus.read(log)), dict(registers)
        follow(said, registers)
        steps.append(Step(tuple(values), errno, said, before, dict(registers)))
    return steps


def _fields(steps: Sequence[Step], channels: int, order: Sequence[int]) -> list[Field]:
    if channels != 2:
        return _moved(0, steps, order, {})
    low = min((step.values for step in steps), default=(0, 0))
    alone = [[step for step in steps if step.values[1 - channel] == low[1 - channel]] for channel in (0, 1)]
    masks = [_varying(some, order) for some in alone]
    shared = {register: masks[0].get(register, 0) & masks[1].get(register, 0) for register in order}
    if any(all(mask == shared[register] for register, mask in own.items()) for own in masks):
        shared = {}  # they have nothing of their own: two channels, one field
    return [field for channel in (0, 1) for field in _moved(channel, alone[channel], order, shared)]


def _varying(steps: Sequence[Step], order: Iterable[int]) -> Registers:
    """For each register the bits that are not the same after all of these steps."""
    masks = {}
    for register in order:
        known = [step.after[register] for step in steps if register in step.after]
        if mask := _ored(value ^ known[0] for value in known):
            masks[register] = mask
    return masks


def _moved(channel: int, steps: Sequence[Step], order: Sequence[int], shared: Mapping[int, int]) -> list[Field]:
    fields = []
    for register, mask in _varying(steps, order).items():
        if own := mask & ~shared.get(register, 0):
            msb, lsb = own.bit_length() - 1, (own & -own).bit_length() - 1
            bits = (1 << msb - lsb + 1) - 1
            codes = {s.values[channel]: s.after[register] >> lsb & bits for s in steps if register in s.after}
            fields.append(Field(channel, register, msb, lsb, dict(sorted(codes.items()))))
    return fields


def _explains(step: Step, fields: Sequence[Field], order: Sequence[int], always: bool) -> bool:
    """Whether the fields alone would have foretold what was written."""
    foretold = []
    for register in order:
        value = before = step.before.get(register, step.after.get(register, 0))
        for one in fields:
            if one.register == register:
                value = value & ~one.mask | one.codes.get(step.values[one.channel], 0) << one.lsb
        if always or value != before or register not in step.before:
            foretold.append(Write(register, value))
    return tuple(foretold) == step.said


def set_along(control: Reduced, one: Field, explained: Registers) -> int:
    """Bits of a field's register that are 1 in every write of its control, and that nothing is known to move: its latch, say."""
    values = [
        said.value
        for step in control.steps
        for said in step.said
        if isinstance(said, Write) and said.register == one.register
    ]
    along = ~explained.get(one.register, 0)
    for value in values:
        along &= value
    return along if values else 0


def relation(codes: Mapping[int, int]) -> str | list[int] | dict[str, int]:
    """How values become codes: a formula if there is one, else a list from the lowest value on, else pairs."""
    values = sorted(codes)
    first, last = values[0], values[-1]
    for sign, sum_or_difference in ((1, codes[first] - first), (-1, codes[first] + first)):
        if all(codes[value] == sum_or_difference + sign * value for value in values):
            if sign < 0:
                return f"{sum_or_difference}-value"
            return f"value{sum_or_difference:+}" if sum_or_difference else "value"
    bits = (1 << max(codes.values()).bit_length()) - 1
    for shift in range(last.bit_length()):  # a part of a number that takes several registers
        if bits and all(codes[value] == value >> shift & bits for value in values):
            return f"value>>{shift}&{bits}"
    if values == list(range(first, last + 1)) and not first:
        return [codes[value] for value in values]
    return {str(value): codes[value] for value in values}


def decibels(tlv: Sequence[int], low: int, high: int) -> list[list[float]]:
    """A scale as straight pieces: from value, to value, dB there and there, and 1 if the lowest value is silence."""
    if not tlv:
        return []
    kind, length = tlv[0], tlv[1] // 4
    data = [word - (1 << 32) if word >> 31 else word for word in tlv[2 : 2 + length]]
    if kind == 1:  # lowest, step and mute
        step, mute = data[1] & 0xFFFF, data[1] >> 16 & 1
        return [[low, high, data[0] / 100, (data[0] + step * (high - low)) / 100, mute]]
    if kind in (4, 5):  # lowest, highest; 5: silence below
        return [[low, high, data[0] / 100, data[1] / 100, kind - 4]]
    if kind == 3:  # a list of ranges, each with a scale of its own
        pieces, at = [], 0
        while at < length:
            words = 2 + tlv[2 + at + 3] // 4
            pieces += decibels(tlv[2 + at + 2 : 2 + at + 2 + words], data[at], data[at + 1])
            at += 2 + words
        return pieces
    raise ValueError(f"a scale of kind {kind}: 1, 3, 4 and 5 are known here")


def _ored(numbers: Iterable[int]) -> int:
    whole = 0
    for number in numbers:
        whole |= number
    return whole
