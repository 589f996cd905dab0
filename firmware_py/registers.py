"""What a codec's registers are: scales, fields, registers, wires. Frozen facts, no I/O.

A *scale* ties the code in a field to a quantity a person would say: `encode` refuses what the field cannot mean,
`decode` says what a code means, and `text` says it in words. A *field* is a run of bits; a *register* is an address
with fields; a *latch* field is a strobe: it acts when a 1 is written and is never remembered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

Value = float | str | bool
"""A physical value: a number with the scale's unit, a name, or on/off."""


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
    mute: int | None = None  # this code and, below the first sounding one, all lower ones are silence

    def at(self, code: int) -> float:
        raise NotImplementedError  # each scale says what a code is worth

    def place(self, value: float) -> float:
        """The inverse of `at`, between the codes as well; not a number where no code leads."""
        raise NotImplementedError

    @cached_property
    def _worth(self) -> dict[int, float]:
        return {code: self.at(code) for code in range(self.codes[0], self.codes[1] + 1)}

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

    def decode(self, code: int) -> Value:
        if self.mute is not None and (code == self.mute or code < self.codes[0]):
            return -math.inf
        return self._worth.get(code, self._worth[min(max(code, self.codes[0]), self.codes[1])])

    def text(self, code: int) -> str:
        value = self.decode(code)
        return "mute" if value == -math.inf else f"{value:g} {self.unit}"

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest quantity the field can mean, mute apart."""
        return min(self._worth.values()), max(self._worth.values())


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
class Steps(Quantity):
    """A short list of quantities, one a code, from code 0 on."""

    values: tuple[float, ...] = ()

    def at(self, code: int) -> float:
        return self.values[code]

    def encode(self, value: Value) -> int:
        """Only the listed quantities: half-way between +13 and +20 dB there is nothing to mean."""
        if isinstance(value, str | bool) or not any(math.isclose(value, v) for v in self.values):
            known = ", ".join(f"{v:g}" for v in self.values)
            raise ValueError(f"{value!r} {self.unit} is none of {known} {self.unit}")
        return min(range(len(self.values)), key=lambda code: abs(self.values[code] - value))


Scale = Raw | Names | Linear | Geometric | Steps


@dataclass(frozen=True)
class Field:
    """A run of bits in a register, and what they mean."""

    name: str
    msb: int
    lsb: int
    scale: Scale
    latch: str | None = None  # name of the group whose waiting values this strobe lets through
    source: str = ""

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

    @cached_property
    def latch(self) -> Field | None:
        """The strobe of this register, if it has one."""
        return next((f for f in self.fields.values() if f.latch), None)

    @cached_property
    def strobes(self) -> int:
        """Bits that act when written and are not remembered."""
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


WIRES: Mapping[str, tuple[int, int]] = {"7+9": (7, 9)}
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
