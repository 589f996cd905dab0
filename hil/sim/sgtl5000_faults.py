"""What was done to an SGTL5000 against its rules. It has no reset: a sentence stays until the power goes.

Sources: the data sheet's register text (PLL powered before it is selected and deselected before it sleeps, PLL only
as provider and below 17 MHz at its input, amplifiers stay as they are while the analogue ground is up, VDDD's start-up
regulators off when VDDD comes from outside, VDDIO assigned by hand, charge pump below 3 V, the audio processor in the
path of the AVC), and the Linux driver's order (grounds set before the analogue ground rises, outputs muted while a
converter is switched, 400 ms up and 500 ms down). Not rules, because working boards break them: a small ramp (some
set it, some do not), a converter without analogue ground (the driver's shut-down has one for 400 ms), recording while
the ground still rises, a PLL that is set up anew while the port is off, AVC figures written behind its switch, and a
SYS_FS that does not fit MCLK between the writes of a rate change, as long as nothing is heard meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.sim.sgtl5000_clocks import PLL_INPUT_HZ, PLL_OUTPUT_HZ, USE_PLL, Clocks, Pll
from hil.sim.sgtl5000_power import (
    MUTE_BIT,
    PAIRS,
    POWER_BIT,
    VDDD_LEAST_V,
    Supplies,
    Vag,
    core_v,
    faults,
    mismatch,
)
from hil.sim.sgtl5000_registers import (
    ADCDAC_CTRL,
    ANA_CTRL,
    ANA_POWER,
    CLK_CTRL,
    CLK_TOP_CTRL,
    DAP_AVC_CTRL,
    DIG_POWER,
    I2S_CTRL,
    LINE_OUT_CTRL,
    PLL_CTRL,
    REF_CTRL,
    Registers,
)
from hil.sim.sgtl5000_switch import Routes
from hil.sim.told import Told

GROUND_UP_V = 0.1
NAMES = {"HP": "headphone", "LINEOUT": "line"}


@dataclass(frozen=True)
class Sight:
    """What the watch looks at, as it is now."""

    registers: Registers
    supplies: Supplies
    vag: Vag
    clocks: Clocks
    pll: Pll
    routes: Routes
    mclk_hz: float

    @property
    def present(self) -> list[str]:
        """What is outside the data sheet's advice now, as far as it may be judged at any moment."""
        return faults(self.registers, self.supplies)

    @property
    def audible(self) -> bool:
        """Words pass the port, and nothing on their way is muted."""
        registers = self.registers
        speaking = any(
            registers.on(ANA_POWER, POWER_BIT[pair]) and not registers.on(ANA_CTRL, MUTE_BIT[pair]) for pair in PAIRS
        )
        unmuted = registers.bits(ADCDAC_CTRL, 3, 2) != 3
        plays = registers.on(DIG_POWER, 0) and registers.on(DIG_POWER, 5) and registers.on(ANA_POWER, 3)
        records = registers.on(DIG_POWER, 1) and registers.on(DIG_POWER, 6) and registers.on(ANA_POWER, 1)
        return (plays and unmuted and speaking) or (records and not registers.on(ANA_CTRL, 0))


class Watch(Told):
    """Sentences, each once."""

    def written(self, register: int, old: int, new: int, audible: bool, sight: Sight) -> None:
        """A word went from old to new; `audible` before."""
        registers = sight.registers
        for sentence in (*registers.reserved(), *sight.present):
            self.note(sentence)
        if core_v(registers, sight.supplies) < VDDD_LEAST_V - 1e-9:
            self.note("0x0030: VDDD has collapsed, the start-up regulator is off and nothing else feeds it")
        for pair in PAIRS:
            open_ = registers.on(ANA_POWER, POWER_BIT[pair]) and not registers.on(ANA_CTRL, MUTE_BIT[pair])
            if open_ and sight.vag.powered and not sight.vag.settled:
                self.note(f"0x0024: {NAMES[pair]} output unmuted while the analogue ground still rises (400 ms)")
        if (
            register == CLK_CTRL
            and registers.bits(CLK_CTRL, 1, 0) == USE_PLL
            and registers.bits(ANA_POWER, 10, 8) & 5 != 5
        ):
            self.note("0x0004: PLL selected before it is powered (0x0030 bits 10 and 8)")
        if old == new:
            return
        if register == ANA_POWER:
            self._powered(old, new, sight)
        self._moved(register, old ^ new, sight)
        if audible and sight.audible:
            self._changed(register, registers)

    def _powered(self, old: int, new: int, sight: Sight) -> None:
        moved, fell = old ^ new, old & ~new
        up = sight.vag.volts > GROUND_UP_V
        for pair in PAIRS:
            if up and moved >> POWER_BIT[pair] & 1:
                self.note(f"0x0030: {NAMES[pair]} amplifier switched while the analogue ground is up")
            elif up and fell & 0x20 and new >> POWER_BIT[pair] & 1:
                self.note(f"0x0030: references switched off under the {NAMES[pair]} amplifier")
        if fell & 0x0500 and sight.registers.bits(CLK_CTRL, 1, 0) == USE_PLL:
            self.note("0x0030: PLL powered down while it is selected (0x0004)")

    def _moved(self, register: int, bits: int, sight: Sight) -> None:
        registers = sight.registers
        if register == REF_CTRL and bits & 0x01F1 and registers.on(ANA_POWER, 7):
            self.note("0x0028: analogue ground or its ramp changed while it is on")
        lined = registers.on(ANA_POWER, 0) and registers.on(ANA_POWER, 7)
        if register == LINE_OUT_CTRL and bits & 0x3F and lined:
            self.note("0x002C: line ground changed while the line amplifier is on")

    def clicked(self, register: int) -> None:
        """A converter was switched where it is heard."""
        self.note(f"0x{register:04X}: a converter was switched while an output is not muted")

    def _changed(self, register: int, registers: Registers) -> None:
        if register in (PLL_CTRL, CLK_TOP_CTRL) and registers.bits(CLK_CTRL, 1, 0) == USE_PLL:
            self.note(f"0x{register:04X}: PLL changed while the port runs from it")
        elif register == CLK_CTRL:
            self.note("0x0004: rate changed while the port runs and nothing is muted")
        elif register == I2S_CTRL:
            self.note("0x0006: port's format changed while it runs and nothing is muted")

    def passed(self, seconds: float, sight: Sight) -> None:
        """Time passes in the state the chip was left in."""
        if seconds <= 0.0:
            return
        registers = sight.registers
        if registers.on(DAP_AVC_CTRL, 0) and not sight.routes.dap_used:
            self.note("0x0124: the AVC is on, and the audio processor is in no path")
        if registers.bits(CLK_CTRL, 1, 0) == USE_PLL:
            self._pll(sight)
        if sight.audible:
            for sentence in mismatch(registers, sight.clocks.rate_hz):
                self.note(sentence)

    def _pll(self, sight: Sight) -> None:
        if not sight.registers.on(I2S_CTRL, 7):
            self.note("0x0006: the PLL is for a port that provides the clocks")
        if sight.registers.bits(ANA_POWER, 10, 8) & 5 != 5:
            return
        input_hz = sight.mclk_hz / (2.0 if sight.registers.on(CLK_TOP_CTRL, 3) else 1.0)
        if not PLL_INPUT_HZ[0] <= input_hz <= PLL_INPUT_HZ[1]:
            self.note(f"0x0034: the PLL's input of {input_hz / 1e6:g} MHz is outside 6 to 17 MHz")
        elif not PLL_OUTPUT_HZ[0] <= sight.pll.output_hz <= PLL_OUTPUT_HZ[1]:
            self.note(f"0x0032: the PLL cannot run at {sight.pll.output_hz / 1e6:.1f} MHz")
