"""What goes over the bus, as registers and pauses: from the bytes that were seen, and as the text of a recording.

0F=000 06=07F ~250 08=002       three registers, a quarter of a second before the last; all but the pause hexadecimal
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Write:
    """A register, and all of what it was told."""

    register: int
    value: int


@dataclass(frozen=True)
class Pause:
    """Nothing was written for so long."""

    ms: int


@dataclass(frozen=True)
class Bus:
    """How a chip is spoken to: bits of a register's number, and of its contents."""

    number_bits: int
    value_bits: int

    @classmethod
    def named(cls, name: str) -> Bus:
        """From '7+9', '8+8' or '16+16'."""
        number, value = name.split("+")
        return cls(int(number), int(value))

    def written(self, sent: bytes) -> list[Write]:
        """The registers that one message sets; none if it only says where a read begins."""
        head = -(-self.number_bits // 8)
        if self.number_bits % 8:  # the number ends within the first byte
            return [Write(sent[0] >> 1, (sent[0] & 1) << 8 | sent[1])] if len(sent) == 2 else []
        wide = self.value_bits // 8
        first = int.from_bytes(sent[:head], "big")
        parts = [sent[at : at + wide] for at in range(head, len(sent), wide)]
        return [Write(first + wide * place, int.from_bytes(part, "big")) for place, part in enumerate(parts)]

    def number_text(self, register: int) -> str:
        """In hexadecimal, as wide as this bus's numbers."""
        return f"{register:0{-(-self.number_bits // 4)}X}"

    def text(self, said: Iterable[Write | Pause]) -> str:
        """As it stands in a recording."""
        digits = -(-self.value_bits // 4)
        return " ".join(
            f"~{one.ms}" if isinstance(one, Pause) else f"{self.number_text(one.register)}={one.value:0{digits}X}"
            for one in said
        )

    def read(self, log: Sequence[Sequence[Any]], since_us: int | None = None) -> list[Write | Pause]:
        """What a log of the recorder says, with the pauses that somebody would notice."""
        said: list[Write | Pause] = []
        for stamp_us, kind, sent in log:
            writes = self.written(bytes.fromhex(sent)) if kind == "W" else []
            if not writes:
                continue
            if since_us is not None and (ms := _noticed_ms(stamp_us - since_us)):
                said.append(Pause(ms))
            said += writes
            since_us = stamp_us
        return said


def parse(text: str) -> tuple[Write | Pause, ...]:
    """A recording's text, read back."""
    return tuple(_parsed(text))


def _parsed(text: str) -> Iterator[Write | Pause]:
    for word in text.split():
        if word.startswith("~"):
            yield Pause(int(word[1:]))
        else:
            register, _, value = word.partition("=")
            yield Write(int(register, 16), int(value, 16))


def follow(said: Iterable[Write | Pause], registers: MutableMapping[int, int]) -> None:
    """Let what was written be what the registers hold."""
    for one in said:
        if isinstance(one, Write):
            registers[one.register] = one.value


def _noticed_ms(gap_us: int) -> int:
    """Two digits: a timer that is one tick late is not another timer."""
    ms = round(gap_us / 1000)
    coarse = int(10 ** max(0, len(str(ms)) - 2))
    return (ms + coarse // 2) // coarse * coarse
