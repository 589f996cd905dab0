"""The DA7212's clock tree and references: what runs, at which rate, and since when.

The system clock is 4 MCLK / INDIV when the PLL is bypassed and an eighth of the VCO when it is not. It should be
12.288 MHz for the 48 kHz family and 11.2896 MHz for the 44.1 kHz family; SR divides it as if it were.
Three things take time and therefore carry state: the PLL, which locks; VMID, which charges; the microphone bias
pins, which ramp. In SRM mode the PLL pulls itself onto WCLK; the 32 kHz mode locks only after the driver's writes
to the test registers. The MCLK squarer is left out: the simulated MCLK is a square wave already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.sim.da7212_registers import Registers
from hil.sim.lock import Lock

RATES_HZ = {
    1: 8_000.0, 2: 11_025.0, 3: 12_000.0, 5: 16_000.0, 6: 22_050.0, 7: 24_000.0,
    9: 32_000.0, 10: 44_100.0, 11: 48_000.0, 14: 88_200.0, 15: 96_000.0,
}  # fmt: skip
FAMILY_48_HZ, FAMILY_44_HZ = 12_288_000.0, 11_289_600.0
INDIV = (2.0, 4.0, 8.0, 16.0)
MCLK_RANGES_HZ = ((2e6, 10e6), (9e6, 20e6), (18e6, 40e6), (36e6, 80e6))  # the driver's and the datasheet's, joined
VCO_RANGE_HZ = (85e6, 105e6)  # a window around 90.3..98.3 MHz; no source gives the true one
SRM_CENTRE_HZ = 94_310_400.0
SRM_CENTRE_TOLERANCE = 0.01
SRM_PULL = 0.02  # how far WCLK may be from what SR says
PLL_LOCK_S = 0.005  # in no source
SRM_LOCK_S = 0.130  # inside the driver's 8 polls of 50 ms, and not at the first
CRYSTAL_ERROR = 50e-6  # no crystal on a HAT is the host's
BCLKS = (32, 64, 128, 256)

VMID_CHARGE_S = 0.005  # settled after 24 ms: a driver waits 25 ms
VMID_DISCHARGE_S = 0.050
VMID_SETTLED = 0.99
MIC_BIAS_V = (1.6, 2.2, 2.5, 3.0)
MIC_BIAS_DROPOUT_V = 0.2
MIC_BIAS_CHARGE_S = 0.150  # settled to 0.1 % after the second that the machine driver waits


@dataclass(frozen=True)
class Clocks:
    """Every rate the chip makes, None where it makes none."""

    sysclk_hz: float | None
    rate_hz: float | None
    provider: bool
    frame_bclk: int
    host_rate_hz: float
    synchronous: bool

    @property
    def frame_rate_hz(self) -> float | None:
        """WCLK as provider."""
        return self.rate_hz if self.provider else None

    @property
    def link_rate_hz(self) -> float:
        """The rate frames pass at."""
        return (self.rate_hz if self.provider else self.host_rate_hz) or 48_000.0

    @property
    def framed(self) -> bool:
        """A WCLK runs on the wire, from whichever end."""
        return self.rate_hz is not None if self.provider else self.host_rate_hz > 0.0

    @property
    def samples_per_frame(self) -> float:
        """Converter samples in one frame: 1 only when both hang on one clock."""
        if self.synchronous or not self.rate_hz or not self.framed:
            return 1.0
        return self.rate_hz / self.link_rate_hz * (1.0 - CRYSTAL_ERROR)


def clocks(registers: Registers, mclk_hz: float, pll: Pll, active: bool, host_rate_hz: float) -> Clocks:
    """MCLK or PLL -> system clock -> SR; BCLK beside."""
    provider = registers.on(0x28, 7) and active
    nominal_hz = RATES_HZ.get(registers.bits(0x22, 3, 0))
    sysclk = system_clock_hz(registers, mclk_hz, pll) if active else None
    rate = None
    if sysclk and nominal_hz:
        rate = nominal_hz * sysclk / family_hz(nominal_hz)
    srm = pll.srm_locked and registers.on(0x27, 6) and not provider
    if srm:
        rate = host_rate_hz
    if registers.on(0x27, 5) and pll.locked and nominal_hz:
        rate = nominal_hz * mclk_hz / 32_768.0
    return Clocks(
        sysclk_hz=sysclk,
        rate_hz=rate,
        provider=provider,
        frame_bclk=BCLKS[registers.bits(0x28, 1, 0)] if provider else 64,
        host_rate_hz=host_rate_hz,
        synchronous=provider or srm,
    )


def family_hz(nominal_hz: float) -> float:
    """The system clock a rate is meant to be divided from."""
    return FAMILY_44_HZ if nominal_hz % 11_025.0 == 0.0 else FAMILY_48_HZ


def system_clock_hz(registers: Registers, mclk_hz: float, pll: Pll) -> float | None:
    """None without MCLK or before the PLL locks."""
    if not mclk_hz:
        return None
    if not registers.on(0x27, 7):
        return mclk_hz * 4.0 / INDIV[registers.bits(0x27, 3, 2)]
    return vco_hz(registers, mclk_hz) / 8.0 if pll.locked else None


def vco_hz(registers: Registers, mclk_hz: float) -> float:
    """MCLK / INDIV * (integer + fraction / 8192); the 32 kHz mode makes its own 3.75 MHz."""
    reference = 3.75e6 if registers.on(0x27, 5) else mclk_hz / INDIV[registers.bits(0x27, 3, 2)]
    fraction = registers.bits(0x24, 4, 0) << 8 | registers.bits(0x25, 7, 0)
    return reference * (registers.bits(0x26, 6, 0) + fraction / 8192.0)


class Pll(Lock):
    """The PLL, as its registers have it. SRM takes longer, on top."""

    def __init__(self) -> None:
        super().__init__(PLL_LOCK_S)
        self._srm = Lock(SRM_LOCK_S)
        self._help = 0

    def assist(self, register: int, value: int) -> None:
        """Follow the driver's unlocking writes for the 32 kHz mode."""
        steps = ((0xF0, 0x8B), (0xF1, 0x03), (0xF1, 0x01), (0xF0, 0x00))
        if self._help < len(steps):
            self._help = self._help + 1 if steps[self._help] == (register, value) else 0

    def set(self, registers: Registers, mclk_hz: float, host_rate_hz: float, active: bool) -> None:
        """Follow the registers; unchanged settings keep the lock."""
        setting = tuple(registers.bits(index, 7, 0) for index in (0x24, 0x25, 0x26, 0x27))
        runs = active and registers.on(0x27, 7) and self._lockable(registers, mclk_hz)
        wanted = setting if runs else None
        self.follow(wanted)
        nominal_hz = RATES_HZ.get(registers.bits(0x22, 3, 0), 0.0)
        follows = (
            wanted is not None
            and registers.on(0x27, 6)
            and not registers.on(0x27, 5)
            and not registers.on(0x28, 7)
            and abs(vco_hz(registers, mclk_hz) / SRM_CENTRE_HZ - 1.0) <= SRM_CENTRE_TOLERANCE
            and abs(nominal_hz - host_rate_hz) <= SRM_PULL * host_rate_hz
            and host_rate_hz > 0.0
        )
        if self._held_s == 0.0:
            self._srm = Lock(SRM_LOCK_S)
        self._srm.follow((nominal_hz, host_rate_hz) if follows else None)

    def _lockable(self, registers: Registers, mclk_hz: float) -> bool:
        if registers.on(0x27, 5):
            return registers.on(0x28, 7) and abs(mclk_hz / 32_768.0 - 1.0) < 0.01 and self._help == 4
        low_hz, high_hz = MCLK_RANGES_HZ[registers.bits(0x27, 3, 2)]
        return low_hz <= mclk_hz <= high_hz and VCO_RANGE_HZ[0] <= vco_hz(registers, mclk_hz) <= VCO_RANGE_HZ[1]

    def wait(self, seconds: float) -> bool:
        """Time passes; True at a moment of locking."""
        locks, follows = super().wait(seconds), self._srm.wait(seconds)
        return locks or follows

    @property
    def srm_locked(self) -> bool:
        """The output follows WCLK."""
        return self._srm.locked


class References:
    """Bias and VMID, and the microphone bias pins behind them."""

    def __init__(self) -> None:
        self._on = False
        self._level = 0.0
        self.bias_s = 0.0  # how long BIAS_EN has been set
        self._bias = False
        self._pins_v = [0.0, 0.0]
        self._targets_v = [0.0, 0.0]

    def set(self, registers: Registers, active: bool, avdd_v: float) -> None:
        """Follow the registers."""
        self._bias = active and registers.on(0x23, 3)
        self.bias_s = self.bias_s if self._bias else 0.0
        self._on = self._bias and registers.on(0x23, 7)
        for index, low in enumerate((0, 4)):
            volts = min(MIC_BIAS_V[registers.bits(0x62, low + 1, low)], avdd_v - MIC_BIAS_DROPOUT_V)
            self._targets_v[index] = volts if self._on and registers.on(0x62, low + 3) else 0.0

    def wait(self, seconds: float) -> None:
        """Time passes: charge, discharge, ramp."""
        self.bias_s += seconds if self._bias else 0.0
        if self._on:
            self._level = 1.0 - (1.0 - self._level) * math.exp(-seconds / VMID_CHARGE_S)
            self._level = 1.0 if self._level >= VMID_SETTLED else self._level
        else:
            self._level *= math.exp(-seconds / VMID_DISCHARGE_S)
        keep = math.exp(-seconds / MIC_BIAS_CHARGE_S)
        for index, target in enumerate(self._targets_v):
            volts = target + (self._pins_v[index] - target) * keep
            self._pins_v[index] = target if abs(volts - target) < 1e-3 * max(target, 1.0) else volts

    @property
    def powered(self) -> bool:
        """Analogue blocks work, however badly."""
        return self._on

    @property
    def settled(self) -> bool:
        """Powered, and VMID has charged."""
        return self._on and self._level >= VMID_SETTLED

    @property
    def dc_error(self) -> float:
        """Offset at analogue nodes as a fraction of half the supply."""
        return 1.0 - self._level if self._on else 0.0

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Volts on both pins."""
        return {f"MICBIAS{index + 1}": volts * self._level for index, volts in enumerate(self._pins_v)}
