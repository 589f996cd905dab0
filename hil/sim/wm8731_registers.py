"""The WM8731's registers as the control port sees them: ten of nine bits, write-only, and a reset.

There is no update latch as in later chips of the family: a volume acts on its own side at once, and bit 8 of the
four volume registers loads the other side with the same value in the same moment. That bit is an order, not a
state. Which bit does what else is the business of the blocks that read them.
"""

from __future__ import annotations

RESET_REGISTER = 0x0F
RESET = (0x097, 0x097, 0x079, 0x079, 0x00A, 0x008, 0x09F, 0x00A, 0x000, 0x000)
VOLUME_REGISTERS = 0x04  # 0 and 1 are the line inputs, 2 and 3 the headphone: the other side is one bit away
BOTH = 0x100
RESERVED = {0x00: 0x060, 0x01: 0x060, 0x04: 0x100, 0x05: 0x1E0, 0x06: 0x100, 0x07: 0x100, 0x08: 0x100, 0x09: 0x1FE}


class Registers:
    """What was last written to each register; both volumes of a pair after a simultaneous load."""

    def __init__(self) -> None:
        self._raw = list(RESET)

    def copy(self) -> Registers:
        """As they are now, whatever is written next."""
        twin = Registers()
        twin._raw = list(self._raw)
        return twin

    def write(self, register: int, value: int) -> tuple[int, ...]:
        """Store a value; returns the registers it loaded, none for a register that does not exist."""
        if register >= len(self._raw):
            return ()
        if register >= VOLUME_REGISTERS:
            self._raw[register] = value
            return (register,)
        loaded = (register, register ^ 1) if value & BOTH else (register,)
        for index in loaded:
            self._raw[index] = value & ~BOTH
        return loaded

    def bits(self, register: int, high: int, low: int) -> int:
        """The field [high:low]."""
        return (self._raw[register] >> low) & ((1 << (high - low + 1)) - 1)

    def on(self, register: int, bit: int) -> bool:
        """One bit."""
        return bool(self._raw[register] >> bit & 1)

    def powered(self, bit: int) -> bool:
        """A block of the power-down register, where 1 is off; nothing runs with POWEROFF."""
        return not (self.on(0x06, bit) or self.on(0x06, 7))

    def reserved(self) -> list[str]:
        """A sentence for each register whose reserved bits are not zero."""
        wrong = ((index, self._raw[index] & mask) for index, mask in RESERVED.items())
        return [
            f"register 0x{index:02X}: reserved bits 0x{bits:03X} are set, must be 0" for index, bits in wrong if bits
        ]
