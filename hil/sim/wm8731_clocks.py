"""The WM8731's clocks and its reference: what runs, at which rate, and since when.

There is no PLL. MCLK, halved by CLKIDIV2, is the core clock; SR, BOSR and USB pick a row of the datasheet's two
tables, and a row is a whole number of core clocks per frame whatever MCLK is: from another crystal the rates come
out in proportion, which is how a wrong pitch is made. A combination in no row gives no rate at all, the strictest
reading of "invalid". The rates of ADC and DAC may differ; there is one LRCLK on this bench, and it is the DAC's.

As consumer, converters and host are in step when their rates agree within a percent; that the datasheet wants MCLK
and LRCLK locked to each other, and what a slow slip sounds like, is not modelled. Neither is how long a crystal takes
to start, nor the limits of MCLK.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.sim.wm8731_registers import Registers

# SR -> core clocks per ADC and DAC frame, in units of the base of 256 or 384, or 250 or 272 in USB mode.
DIVISORS = {
    0x0: (1.0, 1.0), 0x1: (1.0, 6.0), 0x2: (6.0, 1.0), 0x3: (6.0, 6.0), 0x6: (1.5, 1.5), 0x7: (0.5, 0.5),
    0x8: (1.0, 1.0), 0x9: (1.0, 5.5), 0xA: (5.5, 1.0), 0xB: (5.5, 5.5), 0xF: (0.5, 0.5),
}  # fmt: skip
NORMAL_BASE = (256, 384)
USB_BASE = (250, 272)
FRAME_BCLK = 64
SAME_RATE = 0.01  # a consumer's converters and the host's LRCLK count as one rate within this

VMID_CHARGE_S = 0.0155  # settled after 71 ms: C * 25000 / 3.5 of the pin-compatible SSM2602, with the usual 10 uF
VMID_DISCHARGE_S = 0.5
VMID_SETTLED = 0.99


@dataclass(frozen=True)
class Clocks:
    """Every rate the chip makes, None where it makes none."""

    adc_rate_hz: float | None
    dac_rate_hz: float | None
    host_rate_hz: float
    clkout_hz: float | None
    frame_bclk: int
    provider: bool

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK as provider: DACLRC."""
        return self.dac_rate_hz if self.provider else None

    @property
    def link_rate_hz(self) -> float:
        """The rate frames pass at."""
        return self.frame_rate_hz or self.host_rate_hz

    def in_step(self, rate_hz: float | None) -> bool:
        """A consumer's converter runs at the rate of the host's frames; a provider's frames are its own."""
        return rate_hz is None or self.provider or abs(rate_hz / self.host_rate_hz - 1.0) < SAME_RATE


def listed(registers: Registers) -> bool:
    """SR, BOSR and USB are together in the datasheet's tables: 250 makes only the 48 kHz family, 272 only 44.1 kHz."""
    sr = registers.bits(0x08, 5, 2)
    return sr in DIVISORS and not (registers.on(0x08, 0) and registers.bits(0x08, 1, 1) != sr >> 3)


def clocks(registers: Registers, mclk_hz: float, crystal: bool, host_rate_hz: float) -> Clocks:
    """MCLK -> CLKIDIV2 -> core clock -> a row of the sample rate table, if the interface is active."""
    mclk = 0.0 if crystal and registers.on(0x06, 5) else mclk_hz
    core = mclk / 2.0 if registers.on(0x08, 6) else mclk
    usb, bosr, sr = registers.on(0x08, 0), registers.bits(0x08, 1, 1), registers.bits(0x08, 5, 2)
    row = DIVISORS[sr] if listed(registers) else None
    base = (USB_BASE if usb else NORMAL_BASE)[bosr]
    running = row is not None and core > 0.0 and registers.on(0x09, 0) and not registers.on(0x06, 7)
    adc, dac = (core / (base * divisor) for divisor in row) if row and running else (None, None)
    clkout = mclk / 2.0 if registers.on(0x08, 7) else mclk
    return Clocks(
        adc_rate_hz=adc,
        dac_rate_hz=dac,
        host_rate_hz=host_rate_hz,
        clkout_hz=clkout if clkout and registers.powered(6) else None,
        frame_bclk=int(base * row[1]) if usb and row else FRAME_BCLK,
        provider=registers.on(0x07, 6),
    )


class Vmid:
    """The half-supply reference: it has no bit of its own and charges from the moment POWEROFF is cleared."""

    def __init__(self) -> None:
        self.level = 0.0  # of AVDD / 2
        self.powered = False

    def set(self, registers: Registers) -> None:
        """Follow the registers."""
        self.powered = not registers.on(0x06, 7)

    def wait(self, seconds: float) -> None:
        """Time passes: charge, discharge."""
        if self.powered:
            self.level = 1.0 - (1.0 - self.level) * math.exp(-seconds / VMID_CHARGE_S)
            self.level = 1.0 if self.level >= VMID_SETTLED else self.level
        else:
            self.level *= math.exp(-seconds / VMID_DISCHARGE_S)

    @property
    def settled(self) -> bool:
        """Powered, and the DC error of charging is over."""
        return self.powered and self.level >= VMID_SETTLED

    @property
    def dc_error(self) -> float:
        """Offset at analogue nodes as a fraction of AVDD / 2."""
        return 1.0 - self.level if self.powered else 0.0
