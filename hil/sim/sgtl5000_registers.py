"""The SGTL5000's registers as the control port sees them: 16-bit words at even 16-bit addresses, all readable.

Which bit does what is the business of the blocks that read them. Here are only reset values, which bits exist, and
which codes the datasheet calls reserved.
"""

from __future__ import annotations

CHIP_ID = 0xA011  # part A0, revision 11

DIG_POWER, CLK_CTRL, I2S_CTRL, SSS_CTRL = 0x0002, 0x0004, 0x0006, 0x000A
ADCDAC_CTRL, DAC_VOL, PAD_STRENGTH = 0x000E, 0x0010, 0x0014
ANA_ADC_CTRL, ANA_HP_CTRL, ANA_CTRL, LINREG_CTRL, REF_CTRL = 0x0020, 0x0022, 0x0024, 0x0026, 0x0028
MIC_CTRL, LINE_OUT_CTRL, LINE_OUT_VOL, ANA_POWER = 0x002A, 0x002C, 0x002E, 0x0030
PLL_CTRL, CLK_TOP_CTRL, ANA_STATUS, SHORT_CTRL = 0x0032, 0x0034, 0x0036, 0x003C
DAP_CONTROL, DAP_PEQ, DAP_BASS_ENHANCE, DAP_BASS_ENHANCE_CTRL = 0x0100, 0x0102, 0x0104, 0x0106
DAP_AUDIO_EQ, DAP_SURROUND, DAP_COEF_ACCESS, DAP_EQ_BAND0 = 0x0108, 0x010A, 0x010C, 0x0116
DAP_MAIN_CHAN, DAP_MIX_CHAN = 0x0120, 0x0122
DAP_AVC_CTRL, DAP_AVC_THRESHOLD, DAP_AVC_ATTACK, DAP_AVC_DECAY = 0x0124, 0x0126, 0x0128, 0x012A
DAP_COEFFICIENTS = ((0x010E, 0x0110), (0x012C, 0x012E), (0x0130, 0x0132), (0x0134, 0x0136), (0x0138, 0x013A))

# address: (reset, bits that mean something)
LAYOUT = {
    0x0002: (0x0000, 0x0073), 0x0004: (0x0008, 0x003F), 0x0006: (0x0010, 0x01FF), 0x000A: (0x0010, 0x77F3),
    0x000E: (0x020C, 0x030F), 0x0010: (0x3C3C, 0xFFFF), 0x0014: (0x015F, 0x03FF), 0x0020: (0x0000, 0x01FF),
    0x0022: (0x1818, 0x7F7F), 0x0024: (0x0111, 0x0177), 0x0026: (0x0000, 0x006F), 0x0028: (0x0000, 0x01FF),
    0x002A: (0x0000, 0x0373), 0x002C: (0x0000, 0x0F3F), 0x002E: (0x0404, 0x1F1F), 0x0030: (0x7060, 0x7FFF),
    0x0032: (0x5000, 0xFFFF), 0x0034: (0x0000, 0x0808), 0x0038: (0x0000, 0x0000), 0x003A: (0x0000, 0x0000),
    0x003C: (0x0000, 0x777F), 0x0100: (0x0000, 0x0011), 0x0102: (0x0000, 0x0007), 0x0104: (0x0040, 0x0171),
    0x0106: (0x051F, 0x3F7F), 0x0108: (0x0000, 0x0003), 0x010A: (0x0040, 0x0073), 0x010C: (0x0000, 0x01FF),
    0x010E: (0x0000, 0xFFFF), 0x0110: (0x0000, 0x000F), 0x0116: (0x002F, 0x007F), 0x0118: (0x002F, 0x007F),
    0x011A: (0x002F, 0x007F), 0x011C: (0x002F, 0x007F), 0x011E: (0x002F, 0x007F), 0x0120: (0x8000, 0xFFFF),
    0x0122: (0x0000, 0xFFFF), 0x0124: (0x5100, 0x3321), 0x0126: (0x1473, 0xFFFF), 0x0128: (0x0028, 0x0FFF),
    0x012A: (0x0050, 0x0FFF), 0x012C: (0x0000, 0xFFFF), 0x012E: (0x0000, 0x000F), 0x0130: (0x0000, 0xFFFF),
    0x0132: (0x0000, 0x000F), 0x0134: (0x0000, 0xFFFF), 0x0136: (0x0000, 0x000F), 0x0138: (0x0000, 0xFFFF),
    0x013A: (0x0000, 0x000F),
}  # fmt: skip
STATUS_BITS = {ADCDAC_CTRL: 0x3000}  # read-only, kept by the DAC's volume ramp

# (register, high bit, low bit): the codes that are defined
DEFINED_CODES = {
    (I2S_CTRL, 3, 2): range(3),
    (SSS_CTRL, 9, 8): range(2),
    (SSS_CTRL, 7, 6): range(2),
    (SSS_CTRL, 5, 4): (0, 1, 3),
    (SSS_CTRL, 1, 0): (0, 1, 3),
    (DAC_VOL, 15, 8): range(0x3C, 0x100),
    (DAC_VOL, 7, 0): range(0x3C, 0x100),
    (LINE_OUT_CTRL, 11, 8): (0, 1, 3, 7, 15),
    (LINE_OUT_CTRL, 5, 0): range(0x24),
    (SHORT_CTRL, 3, 2): (0, 1, 3),
    (SHORT_CTRL, 1, 0): (0, 1, 3),
    (DAP_BASS_ENHANCE, 6, 4): range(7),
    (DAP_AVC_CTRL, 13, 12): range(3),
    **{(DAP_EQ_BAND0 + 2 * band, 6, 0): range(0x60) for band in range(5)},
}


class Registers:
    """16-bit registers behind an address pointer that moves on by itself."""

    def __init__(self) -> None:
        self._raw = {address: reset for address, (reset, _) in LAYOUT.items()}
        self._pointer = 0

    def point(self, address: int) -> None:
        """The first two bytes of every transfer."""
        self._pointer = address

    def peek(self) -> int:
        """What the register at the pointer holds."""
        return self._raw.get(self._pointer, 0)

    def store(self, value: int) -> int | None:
        """A data word for the pointer's register; returns the register that took it."""
        address, self._pointer = self._pointer, (self._pointer + 2) & 0xFFFF
        if address not in self._raw:
            return None
        self._raw[address] = value & ~STATUS_BITS.get(address, 0)
        return address

    def fetch(self, status: dict[int, int]) -> int:
        """The word at the pointer; `status` holds what the chip itself puts into registers now."""
        address, self._pointer = self._pointer, (self._pointer + 2) & 0xFFFF
        return self._raw.get(address, 0) | status.get(address, 0)

    def bits(self, register: int, high: int, low: int) -> int:
        """The field [high:low]."""
        return (self._raw[register] >> low) & ((1 << (high - low + 1)) - 1)

    def on(self, register: int, bit: int) -> bool:
        """One bit."""
        return bool(self._raw[register] >> bit & 1)

    def reserved(self) -> list[str]:
        """Sentences about reserved bits that moved and reserved codes in use."""
        told = []
        for address, (reset, defined) in LAYOUT.items():
            moved = (self._raw[address] ^ reset) & ~defined & 0xFFFF
            if moved:
                told.append(f"0x{address:04X}: reserved bits 0x{moved:04X} are not as reset left them")
        for (address, high, low), codes in DEFINED_CODES.items():
            code = self.bits(address, high, low)
            if code not in codes:
                told.append(f"0x{address:04X} bits {high}:{low}: code {code} is reserved")
        return told
