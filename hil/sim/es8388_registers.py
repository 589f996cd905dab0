"""The ES8388's registers as the control port sees them, and which of them the state machines have taken over.

Eight bits each, readable. Routing and clocking registers are what the converters' state machines read when they
leave reset (0x02 bits 5 and 4, one and then zero): until then the old setting keeps sounding. Input selectors are
also read when an analogue input or ADC gets power, output mixers when an output does; the kernel's driver depends
on the latter. Which bit does what is the business of the blocks that read them.

Reset values are those of Everest's own driver tables where the user guide agrees. The soft reset is held until 0x00
is written with bit 7 clear: what is written meanwhile is lost.
"""

from __future__ import annotations

RESET = {
    0x00: 0x06, 0x01: 0x1C, 0x02: 0xC3, 0x03: 0xFC, 0x04: 0xC0, 0x07: 0x7C, 0x08: 0x80, 0x0B: 0x02, 0x0D: 0x06,
    0x0E: 0x30, 0x0F: 0x20, 0x10: 0xC0, 0x11: 0xC0, 0x12: 0x38, 0x13: 0xB0, 0x14: 0x32, 0x15: 0x06, 0x18: 0x06,
    0x19: 0x22, 0x1A: 0xC0, 0x1B: 0xC0, 0x1C: 0x08, 0x1E: 0x1F, 0x1F: 0xF7, 0x20: 0xFD, 0x21: 0xFF, 0x22: 0x1F,
    0x23: 0xF7, 0x24: 0xFD, 0x25: 0xFF, 0x27: 0x38, 0x28: 0x38, 0x29: 0x38, 0x2A: 0x38,
}  # fmt: skip
REGISTERS = 0x35
UNLOCK, UNLOCKED = 0x35, 0xA0
HIDDEN = (UNLOCK, 0x37, 0x39)  # vendor registers of the DLL; 0x37 and 0x39 listen only while 0x35 holds 0xA0 (V)
CHIP_CONTROL, CHIP_POWER, ADC_POWER, DAC_POWER = 0x00, 0x02, 0x03, 0x04
SOFT_RESET = 0x80

CLOCKING = {0x00: 0x70, 0x08: 0xFF, 0x2B: 0xC0}
SELECTORS = {0x0A: 0xFC, 0x0B: 0x98}
MIXERS = {0x26: 0x3F, 0x27: 0xC0, 0x2A: 0xC0}
TAKE_OVER = (  # register, bits that fall or rise, and what is read then: bits of registers
    (CHIP_POWER, 0x20, "falls", {**CLOCKING, **SELECTORS, 0x0C: 0xC0, 0x0D: 0x3F}),
    (CHIP_POWER, 0x10, "falls", {**CLOCKING, **MIXERS, 0x18: 0x3F}),
    (ADC_POWER, 0xF0, "falls", SELECTORS),
    (DAC_POWER, 0x3C, "rises", MIXERS),
)
MASKS = {register: mask for *_, taken in TAKE_OVER for register, mask in taken.items()}

RATIOS = {
    0: 128, 1: 192, 2: 256, 3: 384, 4: 512, 5: 576, 6: 768, 7: 1024, 8: 1152, 9: 1408, 10: 1536, 11: 2112, 12: 2304,
    16: 125, 17: 136, 18: 250, 19: 272, 20: 375, 21: 500, 22: 544, 23: 750, 24: 1000, 25: 1088, 26: 1496, 27: 1500,
}  # fmt: skip
PGA_LAST, OUTPUT_LAST, DIGITAL_LAST = 8, 0x21, 0xC0
NORMAL_VSEL = 0x7C


class Registers:
    """8-bit registers: as written, and as the state machines know them."""

    def __init__(self) -> None:
        self._reset(held=False)

    def _reset(self, held: bool) -> None:
        self._raw = [RESET.get(index, 0) for index in range(HIDDEN[-1] + 1)]
        self._taken = list(self._raw)
        self._now = list(self._raw)
        self.held_in_reset = held

    def copy(self) -> Registers:
        """As they are now, whatever is written next."""
        twin = Registers()
        twin._raw, twin._taken, twin._now = list(self._raw), list(self._taken), list(self._now)
        twin.held_in_reset = self.held_in_reset
        return twin

    def write(self, register: int, value: int) -> None:
        """Store a value. A restarted state machine takes over its routing and clocking."""
        if register == CHIP_CONTROL and value & SOFT_RESET:
            self._reset(held=True)
            return
        if register == CHIP_CONTROL:
            self.held_in_reset = False
        if self.held_in_reset or not self._writable(register):
            return
        before = self._raw[register]
        self._raw[register] = value
        for watched, bits, edge, taken in TAKE_OVER:
            if register == watched and bits & (before & ~value if edge == "falls" else value & ~before):
                for index in taken:
                    self._taken[index] = self._raw[index]
        self._now = [
            raw & ~MASKS.get(index, 0) | self._taken[index] & MASKS.get(index, 0) for index, raw in enumerate(self._raw)
        ]

    def _writable(self, register: int) -> bool:
        if register < REGISTERS:
            return True
        return register == UNLOCK or (register in HIDDEN and self._raw[UNLOCK] == UNLOCKED)

    def read(self, register: int) -> int:
        """As last written; 0 where there is no register."""
        return self._raw[register] if register < REGISTERS or register in HIDDEN else 0

    def bits(self, register: int, high: int, low: int) -> int:
        """The field [high:low] as it acts now."""
        return (self._now[register] >> low) & ((1 << (high - low + 1)) - 1)

    def on(self, register: int, bit: int) -> bool:
        """One bit as it acts now."""
        return bool(self._now[register] >> bit & 1)

    def off(self, register: int, bit: int) -> bool:
        """One bit of the inverted power registers: True where the block has power."""
        return not self.on(register, bit)

    @property
    def stale(self) -> list[str]:
        """Registers written since the last restart that the state machines do not know yet."""
        return [f"0x{index:02X}" for index in sorted(MASKS) if self._raw[index] != self._now[index]]

    def reserved(self) -> list[str]:
        """Codes that name nothing, a sentence each."""
        return [
            f"0x{register:02X} [{high}:{low}] is {code}: {what}"
            for register, high, low, allowed, what in RESERVED
            if (code := self._raw[register] >> low & (1 << (high - low + 1)) - 1) not in allowed
        ]


RESERVED: tuple[tuple[int, int, int, frozenset[int], str], ...] = tuple(
    (register, high, low, frozenset(allowed), what)
    for register, high, low, allowed, what in (
        (0x07, 7, 0, (NORMAL_VSEL,), "analogue voltage selection other than normal"),
        (0x09, 7, 4, range(PGA_LAST + 1), "left microphone gain ends at 8"),
        (0x09, 3, 0, range(PGA_LAST + 1), "right microphone gain ends at 8"),
        (0x0A, 7, 6, (0, 1, 3), "left input 2 is not there"),
        (0x0A, 5, 4, (0, 1, 3), "right input 2 is not there"),
        (0x0B, 4, 3, (0, 1, 2), "mono mix 3 is reserved in the guide"),
        (0x0C, 4, 2, range(5), "ADC word length ends at 4"),
        (0x0D, 4, 0, tuple(RATIOS), "no such ADC clock ratio"),
        (0x10, 7, 0, range(DIGITAL_LAST + 1), "left ADC volume ends at 192"),
        (0x11, 7, 0, range(DIGITAL_LAST + 1), "right ADC volume ends at 192"),
        (0x13, 3, 0, range(11), "ALC hold ends at 10"),
        (0x14, 7, 4, range(11), "ALC decay ends at 10"),
        (0x14, 3, 0, range(11), "ALC attack ends at 10"),
        (0x15, 4, 0, range(6, 32), "the ALC window starts at 6"),
        (0x16, 2, 1, (0, 1), "noise gate type 2 and 3 are reserved"),
        (0x17, 5, 3, range(5), "DAC word length ends at 4"),
        (0x18, 4, 0, tuple(RATIOS), "no such DAC clock ratio"),
        (0x1A, 7, 0, range(DIGITAL_LAST + 1), "left DAC volume ends at 192"),
        (0x1B, 7, 0, range(DIGITAL_LAST + 1), "right DAC volume ends at 192"),
        (0x26, 5, 3, (0, 1, 3, 4), "no such left bypass source"),
        (0x26, 2, 0, (0, 1, 3, 4), "no such right bypass source"),
        *(
            (register, 5, 0, range(OUTPUT_LAST + 1), "output volume ends at 0x21")
            for register in (0x2E, 0x2F, 0x30, 0x31)
        ),
    )
)
