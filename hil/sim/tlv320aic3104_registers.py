"""The TLV320AIC3104's registers as the control port sees them: two pages of bytes, some of them in pairs.

Register 0 of either page selects the page. A pair (the PLL's D, and every filter coefficient of page 1) counts from
the moment its low byte follows directly on its high byte; either byte alone can be read back and does nothing.
Which bit does what is the business of the blocks that read them. Page 1 is modelled as far as its coefficients have
a block here: DAC effects, de-emphasis, 3-D depth, ADC high-pass. In no source at hand, and so chosen: what the
ADC high-pass holds after reset. It is taken to be all-pass, as TI's later chips have it, so that nothing can rely on
coefficients it did not write.
"""

from __future__ import annotations

RESET = {
    0x03: 0x10, 0x04: 0x04, 0x0B: 0x01, 0x0F: 0x80, 0x10: 0x80, 0x11: 0xFF, 0x12: 0xFF,
    0x13: 0x78, 0x14: 0x78, 0x15: 0x78, 0x16: 0x78, 0x17: 0x78, 0x18: 0x78, 0x1B: 0xFE, 0x1E: 0xFE,
    0x20: 0x18, 0x21: 0x18, 0x2B: 0x80, 0x2C: 0x80,
    0x33: 0x04, 0x3A: 0x04, 0x41: 0x04, 0x48: 0x04, 0x56: 0x00, 0x5D: 0x00, 0x66: 0x02,
}  # fmt: skip
REGISTERS = 0x6E
COEFFICIENT_REGISTERS = 0x4D
PAGE_SELECT, SOFT_RESET = 0x00, 0x01
PLL_D_HIGH = 0x05
READ_ONLY = {
    0x01: 0xFF, 0x0B: 0xF0, 0x20: 0xFF, 0x21: 0xFF, 0x24: 0xFF, 0x5E: 0xFF, 0x5F: 0xFF, 0x60: 0xFF, 0x61: 0xFF,
    0x33: 0x02, 0x3A: 0x02, 0x41: 0x02, 0x48: 0x02, 0x56: 0x02, 0x5D: 0x02,
}  # fmt: skip
DO_NOT_WRITE = (
    0x14, 0x17, 0x2D, 0x30, 0x34, 0x37, 0x3B, 0x3E, 0x42, 0x45, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
    0x50, 0x53, 0x57, 0x5A, 0x62, 0x63, 0x64,
)  # fmt: skip

EFFECTS = (0x01, 0x1B)  # left, right: N0..N5, D1, D2, D4, D5
DEEMPHASIS = (0x15, 0x2F)  # left, right: N0, N1, D1
DEPTH_3D = 0x35
ADC_HIGH_PASS = (0x41, 0x47)  # left, right: N0, N1, D1
SHELF = (27619, -27034, 26461, 27619, -27034, 26461, 32131, -31506, 32131, -31506)  # 3 dB less above 150 Hz
CD_48K = (14677, -3283, 21374)
ALL_PASS = (32767, 0, 0)


def _coefficients() -> dict[int, int]:
    values = {DEPTH_3D: 0x7FFF}
    for starts, block in ((EFFECTS, SHELF), (DEEMPHASIS, CD_48K), (ADC_HIGH_PASS, ALL_PASS)):
        values.update((start + 2 * index, value) for start in starts for index, value in enumerate(block))
    return values


class Registers:
    """Both pages after reset, and what has been written since."""

    def __init__(self) -> None:
        self.page = 0
        self.pll_d = 0
        self._coefficients = _coefficients()
        self._raw = [[RESET.get(index, 0) for index in range(0x80)], [0] * 0x80]
        for register, value in self._coefficients.items():
            self._raw[1][register : register + 2] = (value & 0xFFFF).to_bytes(2, "big")
        self._high: tuple[int, int] | None = None  # the high byte of a pair that was the last register written

    def write(self, register: int, value: int) -> tuple[int, int]:
        """Store a byte on the selected page; returns page and register for those that care."""
        page = self.page
        high, self._high = self._high, (page, register)
        if register == PAGE_SELECT:
            self.page = value & 1
        elif register < (REGISTERS, COEFFICIENT_REGISTERS)[page]:
            fixed = READ_ONLY.get(register, 0) if page == 0 else 0
            self._raw[page][register] = self._raw[page][register] & fixed | value & ~fixed
            if high == (page, register - 1):
                self._pair(page, register - 1)
        return page, register

    def _pair(self, page: int, register: int) -> None:
        high, low = self._raw[page][register : register + 2]
        if page == 0 and register == PLL_D_HIGH:
            self.pll_d = high << 6 | low >> 2
        elif page == 1 and register % 2:
            self._coefficients[register] = int.from_bytes(bytes((high, low)), "big", signed=True)

    def read(self, register: int) -> int:
        """The byte as stored on the selected page; 0 where there is no register."""
        if register == PAGE_SELECT:
            return self.page
        return self._raw[self.page][register] if register < 0x80 else 0

    def bits(self, register: int, high: int, low: int) -> int:
        """The field [high:low] of a page-0 register."""
        return (self._raw[0][register] >> low) & ((1 << (high - low + 1)) - 1)

    def on(self, register: int, bit: int) -> bool:
        """One bit of a page-0 register."""
        return bool(self._raw[0][register] >> bit & 1)

    def coefficients(self, register: int, count: int) -> list[int]:
        """Signed 16-bit values of page 1 as the filters use them."""
        return [self._coefficients.get(register + 2 * index, 0) for index in range(count)]

    def unpaired(self) -> list[str]:
        """Pairs of which a byte was written and the pair is not what counts."""
        found = []
        high, low = self._raw[0][PLL_D_HIGH : PLL_D_HIGH + 2]
        if (high << 6 | low >> 2) != self.pll_d:
            found.append("0x05: D of the PLL counts when 0x06 is written directly behind 0x05")
        for register, value in self._coefficients.items():
            if bytes(self._raw[1][register : register + 2]) != (value & 0xFFFF).to_bytes(2, "big"):
                found.append(f"page 1, 0x{register:02X}: a coefficient counts when both bytes are written in order")
        return found

    def broken(self) -> list[str]:
        """What has been written where nothing may be."""
        found = [
            f"0x{register:02X} is 0x{self._raw[0][register]:02X}: reserved on this chip, do not write"
            for register in DO_NOT_WRITE
            if self._raw[0][register] != RESET.get(register, 0)
        ]
        if self.bits(0x66, 3, 0) != 2:
            found.append(f"0x66 bits 3:0 are {self.bits(0x66, 3, 0)}: must stay 2")
        return found
