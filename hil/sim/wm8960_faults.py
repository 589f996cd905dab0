"""What the WM8960's datasheet forbids and a host did all the same: told once, and until the next reset.

`written` compares the registers on both sides of one write; `flowing` looks at what stands while frames pass.

Left out, because the kernel's driver does it on boards that work: the speaker's switches going off before SPK_OP_EN,
and SYSCLK changing under a class-D stage whose DAC is muted. Outputs may be powered while the DAC sounds: the driver
switches routes that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hil.sim.told import Told
from hil.sim.wm8960_clocks import PLL_N, VMID_SETTLED, Clocks
from hil.sim.wm8960_registers import REGISTERS, RESERVED, RESET, UNDEFINED, Registers

PLL_WAIT_S = 0.25
CLASS_D_KHZ = (700.0, 800.0)
UPDATE_WITHIN_S = 0.1  # a pair's second write has come by then, however slow the host
ALC_RATES_HZ = ((44_100.0, 48_000.0), (32_000.0,), (22_050.0, 24_000.0), (16_000.0,), (11_025.0, 12_000.0), (8_000.0,))
START_UP = {7: "POBCTRL", 4: "BUFDCOPEN", 3: "BUFIOEN", 2: "SOFT_ST"}
OUTPUTS = {6: "LOUT1", 5: "ROUT1", 4: "SPKL", 3: "SPKR", 1: "OUT3"}
CODES = (
    # register, high bit, low bit, field, codes that mean nothing
    (0x04, 8, 6, "ADCDIV", (7,)),
    (0x04, 5, 3, "DACDIV", (7,)),
    (0x04, 2, 1, "SYSCLKDIV", (1, 3)),
    (0x08, 8, 6, "DCLKDIV", (0,)),
    (0x09, 4, 3, "DACCOMP", (1,)),
    (0x09, 2, 1, "ADCCOMP", (1,)),
    (0x17, 7, 6, "VSEL", (0, 2)),
    (0x1B, 2, 0, "ADC_ALC_SR", (6, 7)),
    (0x33, 5, 3, "DCGAIN", (6, 7)),
    (0x33, 2, 0, "ACGAIN", (6, 7)),
)
ALC_FIGURES = {0x12: 0x07F, 0x13: 0x1FF, 0x14: 0x0F9}
PLL_SETTINGS = {0x34: 0x03F, 0x35: 0x0FF, 0x36: 0x0FF, 0x37: 0x0FF}
ALC_DRIVES = ((0b10, 0b11), (0b01, 0b11))  # ALCSEL codes under which the left, the right gain is not the host's


@dataclass(frozen=True)
class Write:
    """One write, and the chip around it: registers before and after, what time has done, what clocks run now."""

    register: int
    value: int
    was: Registers
    now: Registers
    clocks: Clocks
    vmid_level: float
    pll_steady_s: float

    @property
    def references_up(self) -> bool:
        """VMID has charged and VREF is on."""
        return bool(self.now.bits(0x19, 8, 7)) and self.now.on(0x19, 6) and self.vmid_level >= VMID_SETTLED

    @property
    def start_up_bias(self) -> bool:
        """Output stages have a bias that does not come from VMID."""
        return self.now.on(0x1C, 7) and (self.now.on(0x1C, 4) or self.now.on(0x1C, 3))

    @property
    def dac_on(self) -> bool:
        """Either DAC is powered."""
        return bool(self.now.bits(0x1A, 8, 7))

    @property
    def sounding(self) -> bool:
        """A DAC is powered and not muted."""
        return self.dac_on and not self.now.on(0x05, 3)

    def rises(self, register: int, bit: int) -> bool:
        """This write set the bit."""
        return self.register == register and self.now.on(register, bit) and not self.was.on(register, bit)

    def falls(self, register: int, bit: int) -> bool:
        """This write cleared the bit."""
        return self.register == register and self.was.on(register, bit) and not self.now.on(register, bit)

    def changes(self, register: int, high: int, low: int) -> bool:
        """This write moved the field."""
        return self.register == register and self.was.bits(register, high, low) != self.now.bits(register, high, low)


class Faults(Told):
    """Sentences, each once, in the order in which they became true."""

    def __init__(self) -> None:
        super().__init__()
        self._pending_s = 0.0

    def written(self, write: Write) -> None:
        """Judge one write."""
        self.judge(RULES, write)

    def waited(self, seconds: float, registers: Registers) -> None:
        """Time passes: a pair of volumes should be complete by now."""
        pending = registers.pending()
        self._pending_s = self._pending_s + seconds if pending else 0.0
        if self._pending_s > UPDATE_WITHIN_S:
            self.tell(_unfinished(pending))


def playing(registers: Registers, clocks: Clocks) -> Iterator[str]:
    """What is wrong about frames that come from the host now."""
    yield from _linked(registers, clocks)
    if registers.bits(0x1A, 8, 7):
        yield from _divider(registers, "plays")
    if registers.on(0x09, 0) and clocks.adc_rate_hz != clocks.dac_rate_hz:
        yield "R9: LOOPBACK needs one rate for ADC and DAC"


def capturing(registers: Registers, clocks: Clocks) -> Iterator[str]:
    """What is wrong about frames that go to the host now."""
    yield from _linked(registers, clocks)
    if not registers.bits(0x19, 3, 2):
        return
    yield from _divider(registers, "records")
    rate_hz = clocks.adc_rate_hz
    if registers.bits(0x11, 8, 7) and rate_hz and registers.bits(0x1B, 2, 0) < len(ALC_RATES_HZ):
        named = ALC_RATES_HZ[registers.bits(0x1B, 2, 0)]
        if not any(abs(rate_hz / known_hz - 1.0) < 0.05 for known_hz in named):
            yield f"R27: the level control runs at {rate_hz:.0f} Hz, ADC_ALC_SR says {named[-1]:.0f} Hz"


def _linked(registers: Registers, clocks: Clocks) -> Iterator[str]:
    if not clocks.provider or clocks.sysclk_hz is None:
        return
    if registers.bits(0x19, 3, 2) and not clocks.frame_clock_on:
        yield "R24: DACLRC stands still with both DACs off: without LRCM the ADCs do not keep it running"
    if clocks.frame_bclk < 2 * (bits := (16, 20, 24, 32)[registers.bits(0x07, 3, 2)]):
        yield f"R8: {clocks.frame_bclk} BCLK a frame do not carry two words of {bits} bits"


def _divider(registers: Registers, does: str) -> Iterator[str]:
    if registers.bits(0x19, 8, 7) in (2, 3):
        yield f"R25: the chip {does} on VMID's {'standby' if registers.bits(0x19, 8, 7) == 2 else 'fast start'} divider"


def _unfinished(pending: Iterable[int]) -> Iterator[str]:
    return (f"R{index}: a volume was written and its update bit never came" for index in pending)


def _reserved(write: Write) -> Iterator[str]:
    if write.register in UNDEFINED or write.register >= REGISTERS:
        yield f"R{write.register}: there is no such register"
        return
    mask = RESERVED.get(write.register, 0)
    if (write.value ^ RESET.get(write.register, 0)) & mask:
        yield f"R{write.register}: reserved bits 0x{mask:03X} were written away from 0x{RESET.get(write.register, 0) & mask:03X}"
    for register, high, low, field, codes in CODES:
        if register == write.register and (code := write.now.bits(register, high, low)) in codes:
            yield f"R{register}: {field} has no code {code}"
    if write.register == 0x07 and write.value & 0x00F == 0x00C:
        yield "R7: right justified frames have no words of 32 bits"


def _references(write: Write) -> Iterator[str]:
    if write.register == 0x19:
        was, now = write.was.bits(0x19, 8, 7), write.now.bits(0x19, 8, 7)
        lacking = [name for bit, name in START_UP.items() if not write.now.on(0x1C, bit)]
        if bool(was) != bool(now) and lacking:
            yield f"R25: VMID was switched {'on' if now else 'off'} without {', '.join(lacking)} of R28: it pops"
        if now and not was and write.vmid_level > 1.0 - VMID_SETTLED:
            yield "R25: VMID was switched on again before its capacitor was empty (600 ms)"
        if was and not now and write.sounding:
            yield "R25: VMID was switched off while a DAC sounds"
        if was and not now and write.now.bits(0x31, 7, 6):
            yield "R25: VMID was switched off under the class-D outputs"
    if write.rises(0x19, 6) and not (write.now.bits(0x19, 8, 7) and write.vmid_level >= VMID_SETTLED):
        yield "R25: VREF was switched on before VMID had charged (100 ms)"
    if write.falls(0x1C, 7) and write.now.bits(0x19, 8, 7) and not write.now.on(0x19, 6):
        yield "R28: the start-up bias was switched off before VREF was on"
    if write.now.on(0x1D, 6) and write.now.bits(0x19, 8, 7) and write.now.bits(0x1A, 6, 5):
        yield "R29: DISOP discharges headphone outputs that are on"


def _outputs(write: Write) -> Iterator[str]:
    if not write.references_up and not write.start_up_bias:
        for bit, name in OUTPUTS.items():
            if write.rises(0x1A, bit):
                yield f"R26: {name} was powered before VMID and VREF were up: it pops"
    if write.falls(0x05, 3) and write.dac_on:
        if write.clocks.dac_rate_hz is None:
            yield "R5: the DAC was unmuted while no clock runs"
        if not write.references_up:
            yield "R5: the DAC was unmuted before VMID and VREF were up"
        if left := [name for bit, name in START_UP.items() if bit != 3 and write.now.on(0x1C, bit)]:
            yield f"R5: the DAC was unmuted with {', '.join(left)} of R28 still set, which are for starting"
    if not write.now.on(0x05, 3) and (write.rises(0x1A, 8) or write.rises(0x1A, 7)):
        yield "R26: a DAC was powered that is not muted: DACMU is cleared last"


def _clocks(write: Write) -> Iterator[str]:
    if write.rises(0x04, 0):
        if not write.now.on(0x1A, 0):
            yield "R4: CLKSEL chose a PLL that is off"
        elif write.pll_steady_s < PLL_WAIT_S - 1e-6:
            yield "R4: CLKSEL chose the PLL before it had locked (250 ms)"
    mask = PLL_SETTINGS.get(write.register, 0)
    if write.now.on(0x1A, 0) and (write.was.raw(write.register) ^ write.now.raw(write.register)) & mask:
        yield f"R{write.register}: the PLL was changed while it is on"
    if write.now.on(0x1A, 0) and write.register in (0x1A, 0x34) and write.now.bits(0x34, 3, 0) not in PLL_N:
        yield "R52: PLLN must be 6 to 12"
    if write.falls(0x1A, 0) and write.now.on(0x04, 0):
        yield "R26: the PLL was switched off while CLKSEL takes SYSCLK from it"
    if write.rises(0x19, 0) and (write.dac_on or write.now.bits(0x19, 3, 2)):
        yield "R25: MCLK was switched off under converters that are on"
    if write.changes(0x04, 5, 0) and write.sounding and write.references_up:
        yield "R4: the DAC's clock was changed while it sounds: mute it first"


def _class_d(write: Write) -> Iterator[str]:
    enabled = write.now.bits(0x31, 7, 6)
    if not enabled:
        return
    if write.changes(0x31, 7, 6):
        for bit, power, name in ((6, 4, "SPKL"), (7, 3, "SPKR")):
            if write.rises(0x31, bit) and not write.now.on(0x1A, power):
                yield f"R49: SPK_OP_EN was set before {name} of R26"
        if not write.references_up:
            yield "R49: the class-D outputs were switched on before VMID and VREF were up: they pop"
    clock_hz = write.clocks.class_d_hz
    if clock_hz is None:
        yield "R49: the class-D outputs are on and have no clock"
    elif write.changes(0x08, 8, 6) and write.was.bits(0x31, 7, 6):
        yield "R8: DCLKDIV was changed while the class-D outputs are on: it clicks"
    elif not CLASS_D_KHZ[0] <= clock_hz / 1000.0 <= CLASS_D_KHZ[1] and (write.register == 0x31 or write.sounding):
        yield f"R8: the class-D outputs are on and their clock is {clock_hz / 1000.0:.0f} kHz, not 700 to 800"


def _level_control(write: Write) -> Iterator[str]:
    select = write.now.bits(0x11, 8, 7)
    if not select:
        return
    if write.register in (0x00, 0x01) and select in ALC_DRIVES[write.register]:
        moved = write.was.raw(write.register) ^ write.value
        if not moved & 0x080 and not write.value & 0x080:
            yield f"R{write.register}: a gain was written while the level control drives it: it has no effect"
    mask = ALC_FIGURES.get(write.register, 0)
    if write.was.bits(0x11, 8, 7) and (write.was.raw(write.register) ^ write.now.raw(write.register)) & mask:
        yield f"R{write.register}: the level control was on before its figures"


RULES = (_reserved, _references, _outputs, _clocks, _class_d, _level_control)
