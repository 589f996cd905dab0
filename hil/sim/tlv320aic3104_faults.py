"""What was done to a TLV320AIC3104 against its rules, from the moment it happens until the chip is reset.

Sources: the datasheet's register text (bits of which it says "write only zeros", codes it reserves, PLL limits, D as
a pair of bytes, equal converter rates, the gain registers an AGC does not listen to), the Linux driver's order and its
50 ms between reset or clocks and power bits, and that driver's warning about an AGC without a ceiling. One rule is kept
although the driver breaks it: from 24 MHz it sets the PLL's input over the datasheet's 20 MHz. Not rules, because
working boards break them: an output driver switched on under a DAC that plays, a volume written without a clock (the
driver writes them all before it starts one), unmuted drivers that are off, microphone bias that is off.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.sim.tlv320aic3104_clocks import (
    DUAL_RATE_Q,
    FRACTIONAL_INPUT_HZ,
    INTEGER_INPUT_HZ,
    SLOWEST_DIVIDER,
    VCO_HZ,
    Clocks,
    Pll,
    Reference,
    pll_can_lock,
    pll_input_hz,
    pll_q,
    pll_vco_hz,
)
from hil.sim.tlv320aic3104_input import ADC_POWER, AGC, FSREF_HZ, MIXERS, PGA, SOFTEST_INPUT, RecordPath
from hil.sim.tlv320aic3104_output import LARGEST_LEVEL, LEVEL, OUTPUTS
from hil.sim.tlv320aic3104_registers import Registers
from hil.sim.told import Told

RESERVED_ZERO = {
    0x04: 0x03, 0x06: 0x03, 0x07: 0x01, 0x08: 0x0B, 0x15: 0x07, 0x18: 0x07, 0x19: 0x38, 0x1B: 0x01, 0x1E: 0x01,
    0x25: 0x0F, 0x26: 0xC1, 0x28: 0x3C, 0x29: 0x0C, 0x2A: 0x01, 0x56: 0x04, 0x5D: 0x04, 0x65: 0xFE,
}  # fmt: skip
# register, high bit, low bit, largest code that means something
CODES = (
    (0x02, 7, 4, SLOWEST_DIVIDER), (0x02, 3, 0, SLOWEST_DIVIDER), (0x13, 1, 0, 2), (0x16, 1, 0, 2), (0x25, 5, 4, 2),
    (0x26, 5, 3, 4), (0x28, 1, 0, 2), (0x29, 7, 6, 2), (0x29, 5, 4, 2), (0x29, 1, 0, 2), (0x2A, 7, 4, 11),
    *((first + LEVEL, 7, 4, LARGEST_LEVEL) for first in OUTPUTS.values()),
)  # fmt: skip
DISCONNECTED = 15
DRIVERS = tuple(first + LEVEL for first in OUTPUTS.values())
UNCAPPED = 0x77  # 59.5 dB, all the PGA has
CEILING = (0x1B, 0x1E)  # the AGCs' other figures may come when they like
OUT_OF_TUNE = 0.01
SIDES = ("left", "right")


@dataclass(frozen=True)
class Sight:
    """What the watch looks at, as it is now."""

    registers: Registers
    clocks: Clocks
    pll: Pll
    reference: Reference
    record: RecordPath
    mclk_hz: float
    host_rate_hz: float

    @property
    def adc_on(self) -> bool:
        """An ADC is powered."""
        return any(self.registers.on(register, 2) for register in ADC_POWER)

    @property
    def dac_on(self) -> bool:
        """A DAC is powered."""
        return self.registers.bits(0x25, 7, 6) != 0

    @property
    def audible(self) -> bool:
        """A converter is powered and not muted."""
        registers = self.registers
        playing = any(registers.on(0x25, 7 - side) and not registers.on(0x2B + side, 7) for side in (0, 1))
        return playing or any(registers.on(ADC_POWER[side], 2) and not registers.on(PGA[side], 7) for side in (0, 1))


class Watch(Told):
    """Sentences, each once, and the times they depend on."""

    def __init__(self) -> None:
        super().__init__()
        self._agc_s = [0.0, 0.0]
        self._stale = [False, False]

    def written(self, register: int, old: int, new: int, before: tuple[bool, list[bool]], sight: Sight) -> None:
        """A byte of page 0 went from old to new; `before`: audible, and which AGC drove its gain."""
        registers = sight.registers
        audible, driven = before
        self._reserved(register, new, registers)
        name = f"0x{register:02X}"
        for side in (0, 1):
            if driven[side] and not sight.record.agc_drives[side]:
                self._stale[side] = True
            if register == PGA[side]:
                if driven[side] and (old ^ new) & 0x7F:
                    self.note(f"{name}: gain written while the {SIDES[side]} AGC drives it, which does not hear of it")
                elif not driven[side]:
                    self._stale[side] = False
            if register == AGC[side] and new & ~old & 0x80:
                self._agc_s[side] = 0.0
            late = registers.on(AGC[side], 7) and self._agc_s[side] == 0.0 and register == CEILING[side]
            if late and old != new:
                self.note(f"{name}: the {SIDES[side]} AGC was switched on before its ceiling was set")
        if old == new:
            return
        if audible and sight.audible:
            self._changed(register, old ^ new, name, registers)
        self._powered(register, new & ~old, name, sight)
        if register == 0x28 and (old ^ new) & 0xC0 and any(registers.on(driver, 0) for driver in DRIVERS):
            self.note("0x28: output common-mode voltage changed under an output driver that is on")

    def _reserved(self, register: int, value: int, registers: Registers) -> None:
        name = f"0x{register:02X}"
        if extra := value & RESERVED_ZERO.get(register, 0):
            self.note(f"{name}: reserved bits 0x{extra:02X} must stay 0")
        for where, high, low, largest in CODES:
            code = value >> low & ((1 << (high - low + 1)) - 1)
            if where == register and code > largest:
                self.note(f"{name}: code {code} in bits {high}:{low} is reserved")
        for pin, where, high, _ in (mixer for side in MIXERS for mixer in side):
            code = value >> (high - 3) & 15
            if where == register and SOFTEST_INPUT < code < DISCONNECTED:
                self.note(f"{name}: level code {code} of {pin} is reserved")
        for sentence in registers.broken():
            self.note(sentence)

    def _changed(self, register: int, bits: int, name: str, registers: Registers) -> None:
        divided = registers.on(0x65, 0)
        if register == 0x65 and bits & 0x01:
            self.note(f"{name}: clock source changed under a converter that is not muted")
        elif not divided and (register in (0x04, 0x05, 0x06, 0x0B) or (register == 0x03 and bits & 0x87)):
            self.note(f"{name}: PLL changed under a converter that is not muted")
        elif (divided and register == 0x03 and bits & 0x78) or (register == 0x66 and bits & 0xF0):
            self.note(f"{name}: clock changed under a converter that is not muted")
        elif register == 0x02 or (register == 0x07 and bits & 0xE0):
            self.note(f"{name}: rate changed under a converter that is not muted")
        elif (register == 0x08 and bits & 0xC0) or register in (0x09, 0x0A):
            self.note(f"{name}: interface changed under a converter that is not muted")

    def _powered(self, register: int, risen: int, name: str, sight: Sight) -> None:
        adc, dac = register in ADC_POWER and risen & 0x04, register == 0x25 and risen & 0xC0
        if not (adc or dac or (register in DRIVERS and risen & 0x01)):
            return
        if not sight.reference.settled:
            self.note(f"{name}: powered sooner than 50 ms after the reset, the reference still charges")
        if (adc or dac) and sight.clocks.fsref_hz is None:
            why = "before the PLL has locked" if sight.pll.locks_in_s else "without a clock"
            self.note(f"{name}: converter powered {why}")

    def recorded(self, sight: Sight) -> None:
        """A frame goes through the record path."""
        for side in (0, 1):
            if self._stale[side] and sight.registers.on(ADC_POWER[side], 2) and not sight.registers.on(AGC[side], 7):
                self.note(f"0x{PGA[side]:02X}: not written again after the {SIDES[side]} AGC, whose gain stays")

    def passed(self, seconds: float, sight: Sight) -> None:
        """Time passes in the state the chip was left in."""
        registers, clocks = sight.registers, sight.clocks
        if seconds <= 0.0:
            return
        if registers.page:
            self.note("0x00: left on page 1, where the control registers are not")
        for sentence in registers.unpaired():
            self.note(sentence)
        for side in (0, 1):
            self._agc_s[side] += seconds
            if registers.on(AGC[side], 7) and registers.bits(CEILING[side], 7, 1) >= UNCAPPED:
                self.note(f"0x{CEILING[side]:02X}: the {SIDES[side]} AGC is on without a ceiling below 59.5 dB")
        if not (sight.adc_on or sight.dac_on):
            return
        if not registers.on(0x65, 0):
            self._pll(sight)
        elif registers.bits(0x07, 6, 5) and pll_q(registers) not in DUAL_RATE_Q:
            self.note(f"0x03: dual rate needs Q of 4, 8, 9, 12 or 16, it is {pll_q(registers)}")
        if sight.adc_on and sight.dac_on and registers.bits(0x02, 7, 4) != registers.bits(0x02, 3, 0):
            self.note("0x02: ADC and DAC rates must be equal on this chip")
        if clocks.fsref_hz is None:
            return
        claimed_hz = FSREF_HZ[registers.on(0x07, 7)]
        if abs(clocks.fsref_hz / claimed_hz - 1.0) > OUT_OF_TUNE:
            self.note(f"0x07: bit 7 says fs(ref) is {claimed_hz:g} Hz, the clock makes {clocks.fsref_hz:g} Hz")
        if clocks.mixed:
            self.note("0x08: BCLK and WCLK must have the same direction")
        elif not clocks.linked:
            self.note(f"the codec's rate is not the {sight.host_rate_hz:g} Hz that the host makes")

    def _pll(self, sight: Sight) -> None:
        registers, mclk_hz, host_rate_hz = sight.registers, sight.mclk_hz, sight.host_rate_hz
        if not registers.on(0x03, 7):
            self.note("0x03: the codec listens to a PLL that is off")
        elif not pll_can_lock(registers, mclk_hz, host_rate_hz):
            input_hz, vco_hz = (
                pll_input_hz(registers, mclk_hz, host_rate_hz),
                pll_vco_hz(registers, mclk_hz, host_rate_hz),
            )
            low_hz, high_hz = FRACTIONAL_INPUT_HZ if registers.pll_d else INTEGER_INPUT_HZ
            if not low_hz <= input_hz <= high_hz:
                self.note(f"0x03: the PLL's input of {input_hz / 1e6:g} MHz is outside its limits")
            elif not VCO_HZ[0] <= vco_hz <= VCO_HZ[1]:
                self.note(f"0x04: the PLL cannot run at {vco_hz / 1e6:.1f} MHz")
            else:
                self.note("0x04: J, D or R of the PLL is outside its limits")
