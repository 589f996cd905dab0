"""What makes a codec's registers and fields consistent: each rule one function with its name.

A check speaks only of what was read well: a broken bit range is reported once, not again by all that use the
field. No check changes anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from firmware_py.board import CodecDescription
from firmware_py.descriptions.locate import KeyPath
from firmware_py.descriptions.reader import Problems
from firmware_py.registers import Decibel, Field, Geometric, Linear, Names, Raw, Register


def addresses_unique(codec: CodecDescription, problems: Problems) -> None:
    """Two registers do not share an address, and the wire can carry each."""
    seen: dict[tuple[int, int], str] = {}
    last = 2**codec.map.wire.address_bits - 1
    for register in codec.map.registers.values():
        path, address = ("registers", register.name, "address"), register.address
        place = (register.page, address)
        if problems.broken(*path):
            continue
        if address > last:
            problems.add(path, f"0x{address:02x} is beyond 0x{last:02x}, the last address on this wire")
        elif place in seen:
            problems.add(path, f"0x{address:02x} is the address of {seen[place]} already")
        seen.setdefault(place, register.name)
        if register.page and codec.map.wire.page is None:
            problems.add((*path[:2], "page"), "the bus has no pages; say in [bus] which register selects the `page`")


def bits_within_word(codec: CodecDescription, problems: Problems) -> None:
    """A field lies within the register's word."""
    bits = codec.map.wire.data_bits
    for path, _, field in _fields(codec, problems):
        if field.msb >= bits:
            problems.add((*path, "bits"), f"bits {_bits(field)} do not fit a {bits}-bit word; use {bits - 1} ... 0")


def fields_do_not_overlap(codec: CodecDescription, problems: Problems) -> None:
    """A bit belongs to one field."""
    earlier: dict[str, list[Field]] = {}
    for path, register, field in _fields(codec, problems):
        for other in earlier.setdefault(register.name, []):
            if field.mask & other.mask:
                problems.add((*path, "bits"), f"bits {_bits(field)} overlap {other.name}, which has {_bits(other)}")
        earlier[register.name].append(field)


def reset_fits_word(codec: CodecDescription, problems: Problems) -> None:
    """A reset word is no wider than the register, and no strobe stands in it."""
    highest = 2**codec.map.wire.data_bits - 1
    for register in codec.map.registers.values():
        path, word = ("registers", register.name, "reset"), register.reset
        if word is None or problems.broken(*path):
            continue
        if word > highest:
            problems.add(path, f"0x{word:x} is wider than the word; the highest is {register.word(highest)}")
        elif word & sum(f.mask for f in register.fields.values() if f.latch or f.self_clearing):
            problems.add(path, f"{register.word(word)} has a strobe in it, and a strobe is not remembered")


def values_fit_field(codec: CodecDescription, problems: Problems) -> None:
    """A named value is a code that the field's bits can hold."""
    for path, _, field in _fields(codec, problems):
        if isinstance(field.scale, Names):
            for name, code in field.scale.values.items():
                if code > _highest(field):
                    problems.add(
                        (*path, "values", name),
                        f"{code} does not fit bits {_bits(field)}; the highest code is {_highest(field)}",
                    )


def values_distinct(codec: CodecDescription, problems: Problems) -> None:
    """No two names mean the same code, so that a code has one name."""
    for path, _, field in _fields(codec, problems):
        if isinstance(field.scale, Names):
            names: dict[int, str] = {}
            for name, code in field.scale.values.items():
                if code in names:
                    problems.add((*path, "values", name), f"{code} is called {names[code]!r} already")
                names.setdefault(code, name)


def scale_codes_fit(codec: CodecDescription, problems: Problems) -> None:
    """The codes of a scale are codes of the field, and each is worth a finite number."""
    for path, _, field in _fields(codec, problems):
        scale = field.scale
        if isinstance(scale, Names):
            continue
        first, last = scale.codes
        at = (*path, "codes" if isinstance(scale, Raw) else type(scale).__name__.lower())
        if last > _highest(field):
            high = _highest(field)
            problems.add(at, f"code {last} does not fit bits {_bits(field)}; the highest is {high}")
        elif isinstance(scale, Decibel) and (scale.reference <= 0.0 or first < 1):
            problems.add(at, "needs a `reference` above 0, and `codes` from 1 on")
        elif isinstance(scale, Linear | Geometric) and not _finite(scale):
            problems.add(at, f"is not a number at every code of {first} ... {last}")
        elif (
            not isinstance(scale, Raw)
            and scale.mute is not None
            and (first <= scale.mute <= last or scale.mute > _highest(field))
        ):
            problems.add((*at, "mute"), f"code {scale.mute} must lie outside {first} ... {last}, and fit the bits")


def scales_rise_or_fall(codec: CodecDescription, problems: Problems) -> None:
    """No two codes of a scale mean the same quantity, so that every quantity leads to a code."""
    for path, _, field in _fields(codec, problems):
        match field.scale:
            case Linear(step=0.0):
                problems.add((*path, "linear", "step"), "is 0, so all codes would mean the same")
            case Geometric(first=first, ratio=ratio):
                if first <= 0.0:
                    problems.add((*path, "geometric", "first"), f"{first:g} must be above 0")
                if ratio <= 1.0:
                    problems.add((*path, "geometric", "ratio"), f"{ratio:g} must be above 1")


def latches(codec: CodecDescription, problems: Problems) -> None:
    """A strobe is one bit, one in a register, and there is a value beside it that waits for it."""
    strobes: dict[str, Field] = {}
    for path, register, field in _fields(codec, problems):
        if not field.latch:
            continue
        first = strobes.setdefault(register.name, field)
        if field.msb != field.lsb:
            problems.add((*path, "latch"), f"a strobe is one bit, not {_bits(field)}")
        elif field is not first:
            problems.add((*path, "latch"), f"{first.name} is the strobe of this register already")
        elif all(other.latch for other in register.fields.values()):
            problems.add((*path, "latch"), "no other field of this register waits for this strobe")


def self_clearing_fields_are_nothing_else(codec: CodecDescription, problems: Problems) -> None:
    """What falls back by itself is neither a latch nor moved by the chip otherwise."""
    for path, _, field in _fields(codec, problems):
        if field.self_clearing and (field.latch or field.volatile):
            problems.add((*path, "self_clearing"), "cannot be a latch or volatile as well")


REGISTER_CHECKS: tuple[Callable[[CodecDescription, Problems], None], ...] = (
    addresses_unique,
    bits_within_word,
    fields_do_not_overlap,
    reset_fits_word,
    values_fit_field,
    values_distinct,
    scale_codes_fit,
    scales_rise_or_fall,
    latches,
    self_clearing_fields_are_nothing_else,
)
"""In this order: the later ones pass over the fields that the earlier ones found broken."""


def _fields(codec: CodecDescription, problems: Problems) -> Iterator[tuple[KeyPath, Register, Field]]:
    """Every field in which nothing was found wrong yet, with its place in the file."""
    for register in codec.map.registers.values():
        for field in register.fields.values():
            path = ("registers", register.name, "fields", field.name)
            if not problems.broken(*path):
                yield path, register, field


def _highest(field: Field) -> int:
    return field.mask >> field.lsb


def _bits(field: Field) -> str:
    return f"{field.msb}" if field.msb == field.lsb else f"{field.msb}:{field.lsb}"


def _finite(scale: Linear | Geometric) -> bool:
    try:
        return all(math.isfinite(scale.at(code)) for code in range(scale.codes[0], scale.codes[1] + 1))
    except OverflowError:
        return False
