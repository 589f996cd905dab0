"""What a codec's registers are: scales, fields, registers, wires. Frozen facts, no I/O.

A *scale* ties the code in a field to a quantity a person would say: `encode` refuses what the field cannot mean,
`decode` says what a code means, and `text` says it in words. A *field* is a run of bits; a *register* is an address
with fields. Two kinds of field are never remembered: a *latch* is a strobe that goes by itself with the values that wait
for it, and a *self-clearing* field starts something and falls back. What the chip itself moves is *volatile*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

Value = float | str | bool
"""A physical value: a number with the scale's unit, a name, or on/off."""


def asks(value: Value) -> bool:
    """Whether a setting asks for something: "off" asks for nothing."""
    return value is not False and value != "off"


def in_words(value: Value) -> str:
    """A physical value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True)
class Raw:
    """A code that is its own meaning: a flag or a plain unsigned number."""

    codes: tuple[int, int]
    unit: str = ""

    def encode(self, value: Value) -> int:
        if isinstance(value, str) or not math.isfinite(value) or value != int(value):
            raise ValueError(f"{value!r} is not a whole number")
        low, high = self.codes
        if not low <= value <= high:
            raise ValueError(f"{int(value)} is outside {low} ... {high}")
        return int(value)

    def decode(self, code: int) -> Value:
        return code

    def text(self, code: int) -> str:
        return str(code)


@dataclass(frozen=True)
class Names:
    """Codes with names."""

    values: Mapping[str, int]
    unit: str = ""

    def encode(self, value: Value) -> int:
        name = {True: "on", False: "off"}[value] if isinstance(value, bool) else value
        if name not in self.values:
            raise ValueError(f"{name!r} is none of {', '.join(self.values)}")
        return self.values[str(name)]

    def decode(self, code: int) -> Value:
        return next((name for name, known in self.values.items() if known == code), f"reserved code {code}")

    def text(self, code: int) -> str:
        return str(self.decode(code))


@dataclass(frozen=True)
class Quantity:
    """A numeric scale: the nearest code is taken, up to half a step beyond the first and the last, and nothing further."""

    unit: str
    codes: tuple[int, int]
    mute: int | None = None  # this code is silence, and so is all on its side of the sounding ones

    def at(self, code: int) -> float:
        raise NotImplementedError  # each scale says what a code is worth; it rises or falls all the way

    def place(self, value: float) -> float:
        """The inverse of `at`, between the codes as well; not a number where no code leads."""
        raise NotImplementedError

    def silent(self, code: int) -> bool:
        """Whether a code is mute."""
        first, last = self.codes
        return self.mute is not None and (code < first if self.mute < first else code > last)

    def encode(self, value: Value) -> int:
        if isinstance(value, str | bool) or math.isnan(value):
            raise ValueError(f"{value!r} is not a number of {self.unit}")
        if value == -math.inf and self.mute is not None:
            return self.mute
        place, (first, last) = self.place(value), self.codes
        if not first - 0.5 <= place <= last + 0.5:
            low, high = self.bounds
            raise ValueError(f"{value:g} {self.unit} is outside {low:g} ... {high:g} {self.unit}")
        return min(max(math.ceil(place - 0.5), first), last)  # half-way between two codes, the lower

    def nearest(self, value: float) -> int:
        """The code that comes closest, however far that is."""
        place, (first, last) = self.place(value), self.codes
        return first if math.isnan(place) else min(max(math.ceil(place - 0.5), first), last)

    def decode(self, code: int) -> Value:
        return -math.inf if self.silent(code) else self.at(min(max(code, self.codes[0]), self.codes[1]))

    def text(self, code: int) -> str:
        value = self.decode(code)
        return "mute" if value == -math.inf else f"{value:g} {self.unit}"

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest quantity the field can mean, mute apart."""
        ends = self.at(self.codes[0]), self.at(self.codes[1])
        return min(ends), max(ends)


@dataclass(frozen=True)
class Linear(Quantity):
    """first + step * code."""

    first: float = 0.0
    step: float = 1.0

    def at(self, code: int) -> float:
        return self.first + self.step * code

    def place(self, value: float) -> float:
        return (value - self.first) / self.step


@dataclass(frozen=True)
class Geometric(Quantity):
    """first * ratio ** code, a step being a ratio; with `zero`, code 0 means 0 and the series starts at code 1."""

    first: float = 1.0
    ratio: float = 2.0
    zero: bool = False

    def at(self, code: int) -> float:
        if self.zero:
            return 0.0 if code == 0 else self.first * self.ratio ** (code - 1)
        return self.first * self.ratio**code

    def place(self, value: float) -> float:
        if value <= 0.0:
            return 0.0 if value == 0.0 and self.zero else math.nan
        steps = (math.log(value) - math.log(self.first)) / math.log(self.ratio)
        return max(0.0, 1.0 + steps) if self.zero else steps  # more than half a ratio below the series, 0 is nearer


@dataclass(frozen=True)
class Decibel(Quantity):
    """20 log10(code / reference): a field that holds an amplitude."""

    reference: float = 1.0

    def at(self, code: int) -> float:
        return 20.0 * math.log10(code / self.reference)

    def place(self, value: float) -> float:
        return self.reference * math.pow(10.0, min(value, 1000.0) / 20.0)


@dataclass(frozen=True)
class Steps(Quantity):
    """A short list of quantities, one a code, from code 0 on."""

    values: tuple[float, ...] = ()

    def at(self, code: int) -> float:
        return self.values[code]

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    def encode(self, value: Value) -> int:
        """Only the listed quantities: half-way between +13 and +20 dB there is nothing to mean."""
        if isinstance(value, str | bool) or not any(math.isclose(value, v) for v in self.values):
            known = ", ".join(f"{v:g}" for v in self.values)
            raise ValueError(f"{value!r} {self.unit} is none of {known} {self.unit}")
        return self.nearest(value)

    def nearest(self, value: float) -> int:
        return min(range(len(self.values)), key=lambda code: abs(self.values[code] - value))


Scale = Raw | Names | Linear | Geometric | Decibel | Steps


@dataclass(frozen=True)
class Field:
    """A run of bits in a register, and what they mean."""

    name: str
    msb: int
    lsb: int
    scale: Scale
    latch: str | None = None  # name of the group whose waiting values this strobe lets through
    source: str = ""
    self_clearing: bool = False
    volatile: bool = False

    @property
    def mask(self) -> int:
        return ((1 << (self.msb - self.lsb + 1)) - 1) << self.lsb

    def insert(self, word: int, code: int) -> int:
        return word & ~self.mask | code << self.lsb & self.mask

    def extract(self, word: int) -> int:
        return (word & self.mask) >> self.lsb


@dataclass(frozen=True)
class Register:
    """An address, its word after reset (None: not known for certain), and its fields by name."""

    name: str
    address: int
    reset: int | None
    fields: Mapping[str, Field]
    source: str = ""
    page: int = 0
    digits: int = 3  # hexadecimal ones of its word

    @cached_property
    def fleeting(self) -> int:
        """Bits that tell nothing when read back: strobes, what clears itself, what the chip moves."""
        return sum(f.mask for f in self.fields.values() if f.latch or f.self_clearing or f.volatile)

    @cached_property
    def known(self) -> int:
        """Bits that a field has and that read back as they were written."""
        return sum(f.mask for f in self.fields.values()) & ~self.fleeting

    def word(self, word: int) -> str:
        """A word as people write it: as many digits as the register has."""
        return f"0x{word:0{self.digits}x}"

    @cached_property
    def latch(self) -> Field | None:
        """The strobe of this register, if it has one."""
        return next((f for f in self.fields.values() if f.latch), None)

    @cached_property
    def strobes(self) -> int:
        """Bits of its latch: they act when written and are not remembered."""
        return sum(f.mask for f in self.fields.values() if f.latch)

    def meaning(self, word: int, only: int = -1) -> str:
        """The fields of *word* in words; *only* those that touch these bits."""
        return " ".join(
            f.name if f.latch else f"{f.name}={f.scale.text(f.extract(word))}"
            for f in self.fields.values()
            if f.mask & only and not (f.latch and not f.extract(word))
        )


@dataclass(frozen=True)
class Wire:
    """How a register travels on the control bus."""

    kind: str  # a key of WIRES
    readable: bool
    page: str | None = None  # register that selects the page of all others, if there are pages
    nak_retries: int = 0  # a chip that wakes up may not acknowledge at once
    needs_mclk: bool = False  # it does not answer at all without its clock

    @property
    def digits(self) -> int:
        """Hexadecimal digits of a word."""
        return -(-self.data_bits // 4)

    @property
    def data_bits(self) -> int:
        return WIRES[self.kind][1]

    @property
    def address_bits(self) -> int:
        return WIRES[self.kind][0]

    def write_bytes(self, address: int, word: int) -> bytes:
        """The data bytes of one register write."""
        address_bits, data_bits = WIRES[self.kind]
        return (address << data_bits | word).to_bytes((address_bits + data_bits) // 8, "big")

    def address_bytes(self, address: int) -> bytes:
        """What is written before a register can be read."""
        return address.to_bytes(self.address_bits // 8, "big")

    @property
    def word_bytes(self) -> int:
        """Bytes of one register as it is read; the readable wires have whole bytes."""
        return self.data_bits // 8


WIRES: Mapping[str, tuple[int, int]] = {"7+9": (7, 9), "8+8": (8, 8), "16+16": (16, 16)}
"""Bits of address and of data; a new wire format is the one thing a new codec may need code for."""


@dataclass(frozen=True)
class RegisterMap:
    """All registers of a codec, by name."""

    wire: Wire
    registers: Mapping[str, Register]

    def find(self, path: str) -> tuple[Register, Field]:
        """The register and field of 'REGISTER.FIELD'. KeyError with the path if there is none."""
        register, _, name = path.partition(".")
        if register not in self.registers or name not in self.registers[register].fields:
            raise KeyError(path)
        return self.registers[register], self.registers[register].fields[name]

    @property
    def field_paths(self) -> list[str]:
        return [f"{r.name}.{f}" for r in self.registers.values() for f in r.fields]
