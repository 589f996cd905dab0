"""What the ES8388's guide and its vendor's drivers warn of and a host did all the same: told until the next reset.

The order is the vendor's: mute, analogue references and their 100 ms, clocks and routes, outputs, a restart of the
state machines, and the unmuting last. Left out, because drivers do it on boards that work: outputs powered while
the DAC is not muted (the kernel's: it is at -96 dB then), the level control switched on before its figures (0x12
holds both and comes first in the vendor's presets), running on the 500k divider or without ENREF (the vendor's).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hil.sim.es8388_clocks import FAMILIES_HZ, FAMILY_TOLERANCE, VMID_SETTLED, Clocks
from hil.sim.es8388_registers import HIDDEN, REGISTERS, RESERVED, RESET, UNLOCK, UNLOCKED, Registers
from hil.sim.told import Told

RESTART_WITHIN_S = 0.1  # a restart has come by then, however slow the host
NAMELESS = {  # bits of which neither guide nor drivers say anything
    0x0A: 0x03, 0x0D: 0xE0, 0x0F: 0x03, 0x17: 0x01, 0x18: 0xC0, 0x1C: 0x07, 0x26: 0xC0,
    0x2E: 0xC0, 0x2F: 0xC0, 0x30: 0xC0, 0x31: 0xC0,
}  # fmt: skip
OUTPUTS = {5: "LOUT1", 4: "ROUT1", 3: "LOUT2", 2: "ROUT2"}
ALC_DRIVES = ((0xF0, (2, 3)), (0x0F, (1, 3)))  # nibble of 0x09, and the ALCSEL codes that take it from the host


@dataclass(frozen=True)
class Write:
    """One write, and the chip around it: registers before and after, what time has done, what clocks run now."""

    register: int
    value: int
    was: Registers
    now: Registers
    clocks: Clocks
    vmid_level: float
    powered: bool

    def rises(self, register: int, bit: int) -> bool:
        """This write set the bit."""
        return self.register == register and not self.was.read(register) >> bit & 1 and bool(self.value >> bit & 1)

    def falls(self, register: int, bit: int) -> bool:
        """This write cleared the bit."""
        return self.register == register and bool(self.was.read(register) >> bit & 1) and not self.value >> bit & 1

    @property
    def outputs_on(self) -> bool:
        """Any output amplifier has power."""
        return bool(self.was.bits(0x04, 5, 2) & self.now.bits(0x04, 5, 2))

    @property
    def heard(self) -> bool:
        """A DAC runs, is not muted, and an output is on."""
        dac_on = self.was.bits(0x04, 7, 6) != 3 and self.was.off(0x02, 0)
        return dac_on and not self.was.on(0x19, 2) and self.outputs_on


class Faults(Told):
    """Sentences, each once, in the order in which they became true."""

    def __init__(self) -> None:
        super().__init__()
        self._stale_s = 0.0

    def written(self, write: Write) -> None:
        """Judge one write."""
        self.judge(RULES, write)

    def flowed(self, seconds: float, registers: Registers) -> None:
        """Frames pass: a restart that was due should have come by now."""
        stale = registers.stale
        self._stale_s = self._stale_s + seconds if stale else 0.0
        if self._stale_s > RESTART_WITHIN_S:
            self.tell(f"{index}: it was changed and the state machines were not restarted" for index in stale)


def playing(registers: Registers, clocks: Clocks, mclk_hz: float) -> Iterator[str]:
    """What is wrong about frames that come from the host now."""
    if registers.bits(0x04, 7, 6) == 3:
        return
    yield from _provided(clocks, mclk_hz)
    if clocks.dac_rate_hz is None:
        yield "0x18: a DAC has power and no clock that fits"
    elif clocks.dac_distorted:
        yield "0x39: a DAC at 8 kHz needs its DLL bypassed"


def capturing(registers: Registers, clocks: Clocks, mclk_hz: float) -> Iterator[str]:
    """What is wrong about frames that go to the host now."""
    if registers.bits(0x03, 5, 4) == 3:
        return
    yield from _provided(clocks, mclk_hz)
    if clocks.adc_rate_hz is None:
        yield "0x0D: an ADC has power and no clock that fits"
    elif clocks.adc_distorted:
        yield "0x37: an ADC at 8 kHz needs its DLL bypassed"


def _provided(clocks: Clocks, mclk_hz: float) -> Iterator[str]:
    if clocks.provider and not any(abs(mclk_hz / family - 1.0) < FAMILY_TOLERANCE for family in FAMILIES_HZ):
        yield f"0x08: the chip cannot provide clocks from {mclk_hz / 1e6:g} MHz"


def _reserved(write: Write) -> Iterator[str]:
    name = f"0x{write.register:02X}"
    if write.was.held_in_reset and write.now.held_in_reset:
        yield f"{name}: it was written while 0x00 holds the chip in reset, and is lost"
        return
    if write.register >= REGISTERS and write.register not in HIDDEN:
        yield f"{name}: there is no such register"
    elif write.register in HIDDEN and write.register != UNLOCK and write.now.read(UNLOCK) != UNLOCKED:
        yield f"{name}: it is locked without 0x{UNLOCKED:02X} in 0x{UNLOCK:02X}"
    if bits := (write.value ^ RESET.get(write.register, 0)) & NAMELESS.get(write.register, 0):
        yield f"{name}: bits 0x{bits:02X} mean nothing and were moved"
    for register, high, low, allowed, what in RESERVED:
        code = write.value >> low & (1 << (high - low + 1)) - 1
        if register == write.register and code not in allowed:
            yield f"{name} [{high}:{low}] was {code}: {what}"


def _outputs(write: Write) -> Iterator[str]:
    charged = write.powered and write.vmid_level >= VMID_SETTLED
    for bit, name in OUTPUTS.items():
        if write.rises(0x04, bit) and not charged:
            yield f"0x04: {name} was powered before VMID had charged (100 ms): it pops"
    if write.outputs_on:
        if write.register == 0x00 and write.was.bits(0x00, 1, 0) and not write.value & 0x03:
            yield "0x00: VMID was switched off under outputs that are on: it pops"
        if any(write.rises(0x01, bit) for bit in (3, 2, 0)):
            yield "0x01: the analogue part was switched off under outputs that are on: it pops"


def _muting(write: Write) -> Iterator[str]:
    if write.heard and any(write.rises(0x02, bit) for bit in (6, 4, 2, 0)):
        yield "0x02: the DAC was stopped while it is heard: mute it first"
    if write.heard and any(write.rises(0x04, bit) for bit in (7, 6)):
        yield "0x04: a DAC lost its power while it is heard: mute it first"
    dac_on = write.now.bits(0x04, 7, 6) != 3
    if not (write.falls(0x19, 2) and dac_on):
        return
    if write.now.bits(0x02, 4, 4) or write.clocks.dac_rate_hz is None:
        yield "0x19: the DAC was unmuted while it does not run"
    if not (write.powered and write.vmid_level >= VMID_SETTLED):
        yield "0x19: the DAC was unmuted before VMID had charged (100 ms)"
    if stale := write.now.stale:
        yield f"0x19: the DAC was unmuted before the restart that {', '.join(stale)} waits for"


def _level_control(write: Write) -> Iterator[str]:
    for nibble, codes in ALC_DRIVES:
        if (
            write.register == 0x09
            and write.now.bits(0x12, 7, 6) in codes
            and (write.was.read(0x09) ^ write.value) & nibble
        ):
            yield "0x09: a gain was written while the level control drives it"


RULES = (_reserved, _outputs, _muting, _level_control)
