"""The TLV320AIC3104's clock tree and reference: fs(ref) from the PLL or from MCLK / Q, the converters' rates from it.

Two things take time and therefore carry state: the PLL, which locks, and the reference, which charges after reset.
The chip has no clock until one is chosen: out of reset the codec listens to a PLL that is off.
Left out: clocks from GPIO2 (the 3104 has no such pin).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.sim.lock import Lock
from hil.sim.tlv320aic3104_registers import Registers

PLL_LOCK_S = 0.010  # in no source; the driver pauses 50 ms between clocks and power bits
VCO_HZ = (80e6, 110e6)
INTEGER_INPUT_HZ = (512e3, 20e6)
FRACTIONAL_INPUT_HZ = (10e6, 20e6)
INTEGER_J, FRACTIONAL_J = range(4, 56), range(4, 12)
LARGEST_D = 9999
DUAL_RATE_Q = (4, 8, 9, 12, 16)
SLOWEST_DIVIDER = 10
HOST_BCLK = 64
WORD_BITS = (16, 20, 24, 32)
OUT_OF_STEP = 0.01  # a consumer this far from the host's LRCLK finds no frames

SETTLE_S = 0.050
SETTLED = 0.99
CHARGE_S = -SETTLE_S / math.log(1.0 - SETTLED)


@dataclass(frozen=True)
class Clocks:
    """Every rate the chip makes, None where it makes none."""

    fsref_hz: float | None
    adc_rate_hz: float | None
    dac_rate_hz: float | None
    frame_bclk: int
    provider: bool
    mixed: bool  # one of BCLK and WCLK comes from the chip, the other from the host: no link
    host_rate_hz: float

    @property
    def frame_rate_hz(self) -> float | None:
        """WCLK as provider: the faster of the two converters, when they differ."""
        return self._fastest if self.provider else None

    @property
    def link_rate_hz(self) -> float:
        """The rate frames pass at."""
        return (self._fastest if self.provider else None) or self.host_rate_hz

    @property
    def linked(self) -> bool:
        """Words get through: BCLK and WCLK from one side, and a consumer's clock that fits the host's."""
        if self._fastest is None or self.mixed:
            return False
        return self.provider or abs(self._fastest / self.host_rate_hz - 1.0) < OUT_OF_STEP

    @property
    def _fastest(self) -> float | None:
        return max((rate for rate in (self.adc_rate_hz, self.dac_rate_hz) if rate), default=None)


def clocks(registers: Registers, mclk_hz: float, host_rate_hz: float, pll_locked: bool) -> Clocks:
    """MCLK or BCLK -> PLL / 2048 or / (128 Q) -> fs(ref) -> N -> converters."""
    bclk_out, wclk_out = registers.on(0x08, 7), registers.on(0x08, 6)
    q = pll_q(registers)
    divided = registers.on(0x65, 0)
    if divided:
        fsref = source_hz(registers, registers.bits(0x66, 7, 6), mclk_hz, host_rate_hz) / (128.0 * q)
    else:
        fsref = pll_vco_hz(registers, mclk_hz, host_rate_hz) / 2048.0 if pll_locked else 0.0
    doubles = not divided or q in DUAL_RATE_Q
    rates = [
        converter_rate_hz(fsref, registers.bits(0x02, high, high - 3), registers.on(0x07, dual), doubles)
        for high, dual in ((7, 6), (3, 5))
    ]
    provider = bclk_out and wclk_out
    bclk = 256 if registers.on(0x09, 3) else 2 * WORD_BITS[registers.bits(0x09, 5, 4)]
    return Clocks(
        fsref_hz=fsref or None,
        adc_rate_hz=rates[0],
        dac_rate_hz=rates[1],
        frame_bclk=bclk if provider else HOST_BCLK,
        provider=provider,
        mixed=bclk_out != wclk_out,
        host_rate_hz=host_rate_hz,
    )


def converter_rate_hz(fsref_hz: float, code: int, dual: bool, doubles: bool) -> float | None:
    """fs(ref) / (1 + code / 2), twice that in dual-rate mode, nothing for a reserved code."""
    if not fsref_hz or code > SLOWEST_DIVIDER or (dual and not doubles):
        return None
    return fsref_hz * (2.0 if dual else 1.0) / (1.0 + code / 2.0)


def source_hz(registers: Registers, select: int, mclk_hz: float, host_rate_hz: float) -> float:
    """MCLK, or the host's BCLK where the chip does not drive that pin itself."""
    if select == 2 and not registers.on(0x08, 7):
        return HOST_BCLK * host_rate_hz
    return mclk_hz if select == 0 else 0.0


def pll_q(registers: Registers) -> int:
    """Q: 2 to 17."""
    code = registers.bits(0x03, 6, 3)
    return code + 16 if code < 2 else code


def _pll_p(registers: Registers) -> int:
    return registers.bits(0x03, 2, 0) or 8


def _pll_r(registers: Registers) -> int:
    return registers.bits(0x0B, 3, 0) or 16


def pll_input_hz(registers: Registers, mclk_hz: float, host_rate_hz: float) -> float:
    """Behind P."""
    return source_hz(registers, registers.bits(0x66, 5, 4), mclk_hz, host_rate_hz) / _pll_p(registers)


def pll_vco_hz(registers: Registers, mclk_hz: float, host_rate_hz: float) -> float:
    """Input / P * J.D * R."""
    ratio = registers.bits(0x04, 7, 2) + registers.pll_d / 10_000.0
    return pll_input_hz(registers, mclk_hz, host_rate_hz) * ratio * _pll_r(registers)


def pll_can_lock(registers: Registers, mclk_hz: float, host_rate_hz: float) -> bool:
    """Input after P, J, D, R and VCO within what the chip takes; D narrows all of them."""
    source = pll_input_hz(registers, mclk_hz, host_rate_hz)
    fractional = registers.pll_d != 0
    low, high = FRACTIONAL_INPUT_HZ if fractional else INTEGER_INPUT_HZ
    return (
        low <= source <= high
        and registers.bits(0x04, 7, 2) in (FRACTIONAL_J if fractional else INTEGER_J)
        and registers.pll_d <= LARGEST_D
        and (_pll_r(registers) == 1 or not fractional)
        and VCO_HZ[0] <= pll_vco_hz(registers, mclk_hz, host_rate_hz) <= VCO_HZ[1]
    )


class Pll(Lock):
    """The PLL, as its registers have it."""

    def __init__(self) -> None:
        super().__init__(PLL_LOCK_S)

    def set(self, registers: Registers, mclk_hz: float, host_rate_hz: float) -> None:
        """Follow the registers; unchanged settings keep the lock."""
        running = registers.on(0x03, 7) and pll_can_lock(registers, mclk_hz, host_rate_hz)
        setting = (
            _pll_p(registers),
            registers.bits(0x04, 7, 2),
            registers.pll_d,
            _pll_r(registers),
            registers.bits(0x66, 5, 4),
        )
        self.follow(setting if running else None)


class Reference:
    """The common-mode voltage, charging from reset on; what it lacks is a DC error in every powered amplifier."""

    def __init__(self) -> None:
        self._level = 0.0

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._level = 1.0 - (1.0 - self._level) * math.exp(-seconds / CHARGE_S)
        self._level = 1.0 if self._level >= SETTLED - 1e-9 else self._level

    @property
    def settled(self) -> bool:
        """The DC error of charging is over."""
        return self._level == 1.0

    @property
    def dc_error(self) -> float:
        """Offset at analogue nodes as a fraction of the common-mode voltage."""
        return 1.0 - self._level
