"""The WM8960's clock tree and references: what runs, at which rate, and since when.

Two things here take time and therefore carry state: the PLL, which locks, and VMID, which charges. Everything
else follows from the register bits at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.sim.lock import Lock
from hil.sim.wm8960_registers import Registers

CONVERTER_DIVIDERS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.5, 6.0, None)
BCLK_DIVIDERS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.5, 6.0, 8.0, 11.0, 12.0, 16.0, 22.0, 24.0, 32.0, 32.0, 32.0)
CLASS_D_DIVIDERS = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
SYSCLK_DIVIDERS = (1.0, None, 2.0, None)  # reserved codes give no clock at all: the strictest reading
PLL_N = range(6, 13)
PLL_LOCK_S = 0.2  # the datasheet asks a driver to wait 250 ms; a good part needs less

VMID_CHARGE_S = {1: 0.020, 2: 0.100, 3: 0.002}  # 2x50k, 2x250k, 2x5k into the VMID capacitor
VMID_DISCHARGE_S = 0.120
VMID_SETTLED = 0.99


@dataclass(frozen=True)
class Clocks:
    """Every rate the chip makes, None where it makes none."""

    sysclk_hz: float | None
    adc_rate_hz: float | None
    dac_rate_hz: float | None
    class_d_hz: float | None
    zero_cross_timeout_s: float | None
    frame_bclk: int
    provider: bool
    frame_clock_on: bool
    adc_frame_clock_on: bool

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK as provider. It is the DACLRC pin: it follows DACDIV, whatever ADCDIV says, and may be off."""
        return self.dac_rate_hz if self.provider and self.frame_clock_on else None

    @property
    def converting(self) -> bool:
        """Both converters have a clock."""
        return self.dac_rate_hz is not None and self.adc_rate_hz is not None

    @property
    def link_rate_hz(self) -> float:
        """The rate frames pass at. A consumer cannot know it: the host is trusted to match the DAC."""
        return self.dac_rate_hz or 48_000.0


def clocks(registers: Registers, mclk_hz: float, pll_locked: bool) -> Clocks:
    """MCLK or PLL -> SYSCLKDIV -> SYSCLK -> 256 * divider -> converters; BCLK and class-D beside."""
    mclk = 0.0 if registers.on(0x19, 0) else mclk_hz
    source = mclk
    if registers.on(0x04, 0):
        source = pll_output_hz(registers, mclk) if pll_locked else 0.0
    divider = SYSCLK_DIVIDERS[registers.bits(0x04, 2, 1)]
    sysclk = source / divider if source and divider else None
    dac_divider = CONVERTER_DIVIDERS[registers.bits(0x04, 5, 3)]
    bclk_divider = BCLK_DIVIDERS[registers.bits(0x08, 3, 0)]
    provider = registers.on(0x07, 6)
    adcs, dacs = registers.bits(0x19, 3, 2), registers.bits(0x1A, 8, 7)
    either = registers.on(0x18, 2) and bool(adcs or dacs)  # LRCM: a pin stops only when all converters are off
    timeout_ticks = 2**19 if registers.on(0x17, 1) else 2**21
    return Clocks(
        sysclk_hz=sysclk,
        adc_rate_hz=_converter_rate(sysclk, CONVERTER_DIVIDERS[registers.bits(0x04, 8, 6)]),
        dac_rate_hz=_converter_rate(sysclk, dac_divider),
        class_d_hz=sysclk / CLASS_D_DIVIDERS[registers.bits(0x08, 8, 6)] if sysclk else None,
        zero_cross_timeout_s=timeout_ticks / sysclk if sysclk and registers.on(0x17, 0) else None,
        frame_bclk=int(256 * (dac_divider or 1.0) / bclk_divider) if provider else 64,
        provider=provider,
        frame_clock_on=either or bool(dacs),
        adc_frame_clock_on=bool(provider and sysclk and not registers.on(0x09, 6) and (either or adcs)),
    )


def pll_output_hz(registers: Registers, mclk_hz: float) -> float:
    """f2 / 4, with f2 = MCLK / prescale * (N + K / 2**24); K counts only in fractional mode."""
    k = registers.bits(0x35, 7, 0) << 16 | registers.bits(0x36, 7, 0) << 8 | registers.bits(0x37, 7, 0)
    ratio = registers.bits(0x34, 3, 0) + (k / 2**24 if registers.on(0x34, 5) else 0.0)
    return mclk_hz / (2.0 if registers.on(0x34, 4) else 1.0) * ratio / 4.0


def _converter_rate(sysclk_hz: float | None, divider: float | None) -> float | None:
    return sysclk_hz / (256.0 * divider) if sysclk_hz and divider else None


class Pll(Lock):
    """The PLL, as its registers have it."""

    def __init__(self) -> None:
        super().__init__(PLL_LOCK_S)

    def set(self, registers: Registers) -> None:
        """Follow the registers; unchanged settings keep the lock."""
        running = registers.on(0x1A, 0) and not registers.on(0x19, 0) and registers.bits(0x34, 3, 0) in PLL_N
        setting = (registers.bits(0x34, 5, 0), *(registers.bits(index, 7, 0) for index in (0x35, 0x36, 0x37)))
        self.follow(setting if running else None)


class Vmid:
    """The half-supply reference. What it lacks is a DC error wherever VREF has switched an amplifier on."""

    def __init__(self) -> None:
        self._level = 0.0  # of AVDD / 2
        self._select = 0
        self._vref = False
        self._thump = 0.0  # what was left on the outputs' capacitors when VMID came up too soon

    def set(self, registers: Registers) -> None:
        """Follow the registers; coming up before it was discharged leaves a thump to be heard."""
        select = registers.bits(0x19, 8, 7)
        if select and not self._select and self._level > 1.0 - VMID_SETTLED:
            self._thump = self._level
        self._select = select
        self._vref = registers.on(0x19, 6)

    def wait(self, seconds: float) -> None:
        """Time passes: charge, discharge."""
        if self._select:
            self._level = 1.0 - (1.0 - self._level) * math.exp(-seconds / VMID_CHARGE_S[self._select])
            self._level = 1.0 if self._level >= VMID_SETTLED else self._level
        else:
            self._level *= math.exp(-seconds / VMID_DISCHARGE_S)
        if self.powered and self._thump:
            self._thump *= math.exp(-seconds / VMID_CHARGE_S[1])
            self._thump = 0.0 if self._thump < 1e-6 else self._thump

    @property
    def level(self) -> float:
        """Fraction of its final voltage, 0 to 1."""
        return self._level

    @property
    def powered(self) -> bool:
        """Analogue blocks work, however badly, from VREF and any VMID divider on."""
        return self._vref and self._select != 0

    @property
    def settled(self) -> bool:
        """Powered, and the DC error of charging is over."""
        return self.powered and self._level >= VMID_SETTLED

    @property
    def dc_error(self) -> float:
        """Offset at analogue nodes as a fraction of AVDD / 2."""
        return (1.0 - self._level) + self._thump if self.powered else 0.0
