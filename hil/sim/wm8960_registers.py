"""The WM8960's registers as the control port sees them: nine write-only bits, some behind a volume latch.

Which bit does what is the business of the blocks that read them.
"""

from __future__ import annotations

RESET = {
    0x00: 0x0A7, 0x01: 0x0A7, 0x05: 0x008, 0x07: 0x00A, 0x08: 0x1C0, 0x0A: 0x0FF, 0x0B: 0x0FF,
    0x11: 0x07B, 0x12: 0x100, 0x13: 0x032, 0x15: 0x0C3, 0x16: 0x0C3, 0x17: 0x1C0, 0x20: 0x100, 0x21: 0x100,
    0x22: 0x050, 0x25: 0x050, 0x2A: 0x040, 0x2D: 0x050, 0x2E: 0x050, 0x30: 0x002, 0x31: 0x037,
    0x33: 0x080, 0x34: 0x008, 0x35: 0x031, 0x36: 0x026, 0x37: 0x0E9,
}  # fmt: skip
REGISTERS = 0x38
UNDEFINED = frozenset({0x0C, 0x0D, 0x0E, 0x1E, 0x1F, 0x23, 0x24, 0x32})
RESERVED = {
    0x05: 0x110, 0x06: 0x191, 0x08: 0x030, 0x09: 0x180, 0x10: 0x180, 0x12: 0x180, 0x14: 0x106, 0x17: 0x020, 0x18: 0x19B,
    0x1A: 0x004, 0x1B: 0x1B0, 0x1C: 0x162, 0x1D: 0x18F, 0x20: 0x007, 0x21: 0x007, 0x22: 0x00F, 0x25: 0x00F, 0x26: 0x17F,
    0x27: 0x17F, 0x2A: 0x1BF, 0x2B: 0x181, 0x2C: 0x181, 0x2D: 0x10F, 0x2E: 0x10F, 0x2F: 0x1C3, 0x30: 0x100, 0x31: 0x13F,
    0x33: 0x1C0, 0x35: 0x100, 0x36: 0x100, 0x37: 0x100,
}  # fmt: skip
LATCHED_PAIRS = ((0x00, 0x01), (0x02, 0x03), (0x0A, 0x0B), (0x15, 0x16), (0x28, 0x29))
PGA_PAIR = LATCHED_PAIRS[0]
UPDATE = 0x100
MUTE = 0x80


class Registers:
    """9-bit write-only registers, with the volume fields that wait for an update bit."""

    def __init__(self) -> None:
        self._raw = [RESET.get(index, 0) for index in range(REGISTERS)]
        self._latched = {index: self._raw[index] & 0xFF for pair in LATCHED_PAIRS for index in pair}

    def write(self, register: int, value: int) -> tuple[int, ...]:
        """Store a value; returns the volume registers it updates (none without the update bit)."""
        if register >= REGISTERS or register in UNDEFINED:
            return ()
        self._raw[register] = value
        if register in PGA_PAIR and value & MUTE:
            self._latched[register] |= MUTE  # mutes at once; only unmuting waits for the update bit
        if not value & UPDATE:
            return ()
        for pair in LATCHED_PAIRS:
            if register in pair:
                self._latched.update((index, self._raw[index] & 0xFF) for index in pair)
                return pair
        return ()

    def copy(self) -> Registers:
        """As they are now, whatever is written next."""
        twin = Registers()
        twin._raw, twin._latched = list(self._raw), dict(self._latched)
        return twin

    def pending(self) -> list[int]:
        """Volume registers whose last value still waits for an update bit."""
        return [index for index, latched in self._latched.items() if self._raw[index] & 0xFF != latched]

    def reserved(self) -> list[str]:
        """Reserved bits that were written away from their reset value: nothing is promised of the chip then."""
        return [
            f"R{index}: reserved bits 0x{mask:03X} must stay 0x{RESET.get(index, 0) & mask:03X}"
            for index, mask in RESERVED.items()
            if (self._raw[index] ^ RESET.get(index, 0)) & mask
        ]

    def raw(self, register: int) -> int:
        """All nine bits as last written; 0 where there is no register."""
        return self._raw[register] if register < REGISTERS else 0

    def bits(self, register: int, high: int, low: int) -> int:
        """The field [high:low] as last written."""
        return (self._raw[register] >> low) & ((1 << (high - low + 1)) - 1)

    def on(self, register: int, bit: int) -> bool:
        """One bit as last written."""
        return bool(self._raw[register] >> bit & 1)

    def latched(self, register: int) -> int:
        """The low eight bits of a volume register as last updated."""
        return self._latched[register]
