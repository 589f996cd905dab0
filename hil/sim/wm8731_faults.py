"""What the WM8731's datasheet forbids and a host did all the same: told once, and until the next reset.

The order of its power-on sequence: all blocks but the outputs (OUTPD stays 1), all other registers, ACTIVE, and at
last OUTPD; at the end OUTPD first. Interface and sampling registers change only while ACTIVE is 0. Unmuting has no
place of its own there, for the outputs come last anyhow. The kernel's driver stops its crystal before ACTIVE, with no
converter on: that is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hil.sim.told import Told
from hil.sim.wm8731_clocks import Clocks, listed
from hil.sim.wm8731_registers import RESERVED, RESET, RESET_REGISTER, Registers


@dataclass(frozen=True)
class Write:
    """One write, and the chip around it: registers before and after, what time has done, what clocks run now."""

    register: int
    value: int
    was: Registers
    now: Registers
    clocks: Clocks
    settled: bool
    crystal: bool

    def rises(self, register: int, bit: int) -> bool:
        """This write set the bit."""
        return self.register == register and self.now.on(register, bit) and not self.was.on(register, bit)

    def falls(self, register: int, bit: int) -> bool:
        """This write cleared the bit."""
        return self.register == register and self.was.on(register, bit) and not self.now.on(register, bit)


class Faults(Told):
    """Sentences, each once, in the order in which they became true."""

    def written(self, write: Write) -> None:
        """Judge one write."""
        self.judge(RULES, write)


def flowing(registers: Registers, clocks: Clocks) -> Iterator[str]:
    """What is wrong about frames that pass now."""
    if not registers.on(0x09, 0):
        return
    rates = [rate for bit, rate in ((2, clocks.adc_rate_hz), (3, clocks.dac_rate_hz)) if registers.powered(bit)]
    for rate_hz in rates:
        if rate_hz is not None and not clocks.in_step(rate_hz):
            yield f"08: a converter runs at {rate_hz:.0f} Hz and the host at {clocks.host_rate_hz:.0f} Hz"
    if None in rates and listed(registers):
        yield "06: a converter has power and no clock"


def _reserved(write: Write) -> Iterator[str]:
    if write.register == RESET_REGISTER:
        yield f"0F: 0x{write.value:03X} is no reset, only 0 is"
    elif write.register >= len(RESET):
        yield f"{write.register:02X}: there is no such register"
    elif bits := write.value & RESERVED.get(write.register, 0):
        yield f"{write.register:02X}: reserved bits 0x{bits:03X} were set, which must be 0"
    if write.register == 0x07 and write.value & 0x00F == 0x00C:
        yield "07: right justified frames have no words of 32 bits"


def _interface(write: Write) -> Iterator[str]:
    if not write.now.on(0x09, 0):
        return
    if write.register in (0x07, 0x08) and write.was.bits(write.register, 8, 0) != write.now.bits(write.register, 8, 0):
        yield f"{write.register:02X}: it was changed while ACTIVE"
    if write.register in (0x08, 0x09) and not listed(write.now):
        code = write.now.bits(0x08, 5, 0)
        yield f"08: no rate has SR, BOSR and USB 0x{code:02X}"


def _outputs(write: Write) -> Iterator[str]:
    sounding = write.now.on(0x04, 4) and write.now.powered(3) and not write.now.on(0x05, 3)
    on, was_on = write.now.powered(4), write.was.powered(4)
    if on and not was_on:
        if not write.settled:
            yield "06: the outputs were switched on before VMID had charged: they pop"
        if write.now.powered(3) and not write.now.on(0x09, 0):
            yield "06: the outputs were switched on before ACTIVE"
    if was_on and write.rises(0x06, 7):
        yield "06: POWEROFF came before OUTPD"
    if on and sounding and (write.falls(0x09, 0) or write.rises(0x09, 0)):
        yield "09: ACTIVE was moved while the DAC is heard: mute it first"
    if write.crystal and write.rises(0x06, 5) and (write.now.powered(2) or write.now.powered(3)):
        yield "06: the crystal was stopped under converters that are on"


RULES = (_reserved, _interface, _outputs)
