"""The SGTL5000's clock tree: SYS_MCLK or PLL -> system rate -> rate divider -> converters, port and audio processor.

Without the PLL the rate is MCLK over 256, 384 or 512, whatever SYS_FS claims; through the PLL it is the PLL's
output over a divider that SYS_FS chooses. A consumer's converters run on MCLK and its port on the host's LRCLK: when
the two rates differ no word arrives whole, which is modelled as silence.

The data sheet asks for an order: PLL powered, then selected. A selection made while the PLL sleeps is missed and must
be written again (the strictest reading). Not modelled: the internal oscillator's own frequency and the pads' drive.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.sim.lock import Lock
from hil.sim.sgtl5000_registers import ANA_POWER, CLK_CTRL, CLK_TOP_CTRL, I2S_CTRL, PAD_STRENGTH, PLL_CTRL, Registers

SYS_FS_HZ = (32_000.0, 44_100.0, 48_000.0, 96_000.0)
RATE_DIVIDERS = (1.0, 2.0, 4.0, 6.0)
MCLK_RATIOS = (256.0, 384.0, 512.0, None)
USE_PLL = 3
PLL_DIVIDERS = (6144.0, 4096.0, 4096.0, 2048.0)  # 196.608 MHz for 32, 48, 96 kHz; 180.6336 MHz for 44.1 kHz
PLL_INPUT_HZ = (6.0e6, 17.0e6)  # the upper end is the reason for INPUT_FREQ_DIV2
PLL_OUTPUT_HZ = (170.0e6, 210.0e6)  # both nominal frequencies with some room: no public figure
PLL_LOCK_S = 0.001  # no public figure; the kernel driver does not wait at all
RATE_TOLERANCE = 0.005


@dataclass(frozen=True)
class Clocks:
    """Every rate the chip makes, None where it makes none."""

    rate_hz: float | None
    provider: bool
    clocks_out: bool
    frame_bclk: int
    link_rate_hz: float

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK as provider, with both clock pads driven."""
        return self.rate_hz if self.provider and self.clocks_out else None

    @property
    def converting(self) -> bool:
        """Converters run, in step with the port."""
        if self.rate_hz is None or (self.provider and not self.clocks_out):
            return False
        return self.provider or abs(self.rate_hz / self.link_rate_hz - 1.0) <= RATE_TOLERANCE


def clocks(registers: Registers, mclk_hz: float, pll: Pll, host_rate_hz: float) -> Clocks:
    """What the registers make of MCLK."""
    provider = registers.on(I2S_CTRL, 7)
    ratio = MCLK_RATIOS[registers.bits(CLK_CTRL, 1, 0)]
    if ratio:
        system_hz = mclk_hz / ratio
    elif pll.selected and pll.locked and provider:
        system_hz = pll.output_hz / PLL_DIVIDERS[registers.bits(CLK_CTRL, 3, 2)]
    else:
        system_hz = 0.0
    rate = system_hz / RATE_DIVIDERS[registers.bits(CLK_CTRL, 5, 4)] or None
    clocks_out = bool(registers.bits(PAD_STRENGTH, 9, 8) and registers.bits(PAD_STRENGTH, 7, 6))
    return Clocks(
        rate_hz=rate,
        provider=provider,
        clocks_out=clocks_out,
        frame_bclk=32 if provider and registers.on(I2S_CTRL, 8) else 64,
        link_rate_hz=(rate or host_rate_hz) if provider else host_rate_hz,
    )


class Pll(Lock):
    """The PLL, as its registers have it, and whether they have selected it."""

    def __init__(self) -> None:
        super().__init__(PLL_LOCK_S)
        self._powered = False
        self.output_hz = 0.0
        self.selected = False

    def set(self, registers: Registers, mclk_hz: float) -> None:
        """Follow the registers. Powering down or another MCLK_FREQ drops the selection."""
        self._powered = registers.on(ANA_POWER, 10) and registers.on(ANA_POWER, 8)
        if not self._powered or registers.bits(CLK_CTRL, 1, 0) != USE_PLL:
            self.selected = False
        input_hz = mclk_hz / (2.0 if registers.on(CLK_TOP_CTRL, 3) else 1.0)
        ratio = registers.bits(PLL_CTRL, 15, 11) + registers.bits(PLL_CTRL, 10, 0) / 2048.0
        self.output_hz = input_hz * ratio
        can_lock = _inside(input_hz, PLL_INPUT_HZ) and _inside(self.output_hz, PLL_OUTPUT_HZ)
        self.follow((input_hz, ratio) if self._powered and can_lock else None)

    def select(self, registers: Registers) -> None:
        """CLK_CTRL was written: the multiplexer takes the PLL only when that is awake."""
        self.selected = registers.bits(CLK_CTRL, 1, 0) == USE_PLL and self._powered


def _inside(hz: float, limits_hz: tuple[float, float]) -> bool:
    return limits_hz[0] <= hz <= limits_hz[1]
