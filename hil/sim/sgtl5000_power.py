"""The SGTL5000's supplies and references: VDDD, charge pump, analogue ground (VAG), microphone bias, and pops.

VAG is the reference of everything analogue: converters, amplifiers and their swing scale with it. It ramps by itself
and quietly while the amplifiers are on; an amplifier switched while VAG is up steps through its coupling capacitor,
and that is heard. Not modelled: short-circuit detection, capless wiring (outputs are seen through capacitors),
current in the supplies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.sim.sgtl5000_clocks import RATE_DIVIDERS, SYS_FS_HZ
from hil.sim.sgtl5000_registers import (
    ANA_CTRL,
    ANA_POWER,
    CLK_CTRL,
    CLK_TOP_CTRL,
    DIG_POWER,
    LINE_OUT_CTRL,
    LINREG_CTRL,
    MIC_CTRL,
    REF_CTRL,
    Registers,
)

VDDD_LEAST_V = 1.1
PUMP_BELOW_V = 3.0  # with neither VDDA nor VDDIO above it the analogue switches need the charge pump
PUMP_SOURCE_ABOVE_V = 3.1
VAG_UP_S = (0.2, 0.4)  # without and with SMALL_POP
VAG_DOWN_S = (0.25, 0.5)
VAG_SETTLED = 0.99
COUPLING_S = 0.007  # 220 uF into 32 ohm; line outputs are of the same order
CLICK_V = 0.05  # a converter's switch-over at an output that is not muted: only its presence is known
MIC_BIAS_OHM = (None, 2000.0, 4000.0, 8000.0)
MIC_BIAS_HEADROOM_V = 0.2
PAIRS = ("HP", "LINEOUT")
POWER_BIT = {"HP": 4, "LINEOUT": 0}
MUTE_BIT = {"HP": 4, "LINEOUT": 8}


@dataclass(frozen=True)
class Supplies:
    """Volts on the supply pins; vddd_v is None where the board leaves VDDD to the chip's own regulators."""

    vdda_v: float
    vddio_v: float
    vddd_v: float | None

    @property
    def high(self) -> bool:
        """One analogue supply is enough to drive the switches without a charge pump."""
        return max(self.vdda_v, self.vddio_v) >= PUMP_BELOW_V


def core_v(registers: Registers, supplies: Supplies) -> float:
    """VDDD: from outside, from the simple start-up regulator, or from the programmable one."""
    if supplies.vddd_v is not None:
        return supplies.vddd_v
    if registers.on(ANA_POWER, 13):
        return 1.2
    return 1.6 - 0.05 * registers.bits(LINREG_CTRL, 3, 0) if registers.on(ANA_POWER, 9) else 0.0


def switches_driven(registers: Registers, supplies: Supplies, clocked: bool) -> bool:
    """The analogue switches work: supplies high enough, or a charge pump that has a clock."""
    pump = registers.on(ANA_POWER, 11) and (clocked or registers.on(CLK_TOP_CTRL, 11))
    return supplies.high or pump


def line_out_v(registers: Registers) -> float:
    """The line outputs' own analogue ground; codes above 0x23 are invalid and taken as the last valid one."""
    return 0.8 + 0.025 * min(registers.bits(LINE_OUT_CTRL, 5, 0), 0x23)


def mic_bias_v(registers: Registers, supplies: Supplies) -> float:
    """Open-circuit volts on MICBIAS. It has no power bit but its resistor, and needs the reference currents."""
    if not registers.bits(MIC_CTRL, 9, 8) or not registers.on(ANA_POWER, 5):
        return 0.0
    return min(1.25 + 0.25 * registers.bits(MIC_CTRL, 6, 4), supplies.vdda_v - MIC_BIAS_HEADROOM_V)


def faults(registers: Registers, supplies: Supplies) -> list[str]:
    """Sentences about settings that work, but outside what the data sheet asks for."""
    told = []
    low = max(supplies.vdda_v, supplies.vddio_v) < PUMP_SOURCE_ABOVE_V
    if registers.on(ANA_POWER, 11) and not low:
        told.append("0x0030 bit 11: the charge pump runs although a supply is above 3.1 V")
    if registers.on(ANA_POWER, 7):
        told += _ground_faults(registers, supplies, low)
    if registers.bits(MIC_CTRL, 9, 8):
        bias = 1.25 + 0.25 * registers.bits(MIC_CTRL, 6, 4)
        if bias > supplies.vdda_v - MIC_BIAS_HEADROOM_V + 1e-9:
            told.append(f"0x002A bits 6:4: a bias of {bias:.2f} V is more than VDDA - 0.2 V")
    return told


def _ground_faults(registers: Registers, supplies: Supplies, low: bool) -> list[str]:
    """What must be right before the analogue ground rises."""
    told = []
    same = abs(supplies.vdda_v - supplies.vddio_v) < 0.05
    if same and not low and registers.bits(LINREG_CTRL, 6, 5) != 3:
        told.append("0x0026 bits 6:5: with VDDA and VDDIO equal and above 3.1 V VDDIO is to be assigned by hand")
    vag = 0.8 + 0.025 * registers.bits(REF_CTRL, 8, 4)
    if not 0.4 <= vag / supplies.vdda_v <= 0.52:
        told.append(f"0x0028 bits 8:4: VAG of {vag:.3f} V is not half of VDDA")
    line_v = line_out_v(registers)
    if registers.on(ANA_POWER, 0) and not 0.4 <= line_v / supplies.vddio_v <= 0.55:
        told.append(f"0x002C bits 5:0: the line outputs' ground of {line_v:.3f} V is not half of VDDIO")
    if not supplies.high and not registers.on(ANA_POWER, 11):
        told.append("0x0030 bit 11: neither supply is above 3 V, and the charge pump is off")
    if supplies.vddd_v is not None and registers.bits(ANA_POWER, 13, 12):
        told.append("0x0030 bits 13:12: the start-up supply is on although VDDD comes from outside")
    return told


def mismatch(registers: Registers, rate_hz: float | None) -> list[str]:
    """SYS_FS against what the clock makes before RATE_MODE divides it, while the port is on.

    The driver leaves the reset rate standing until a stream begins. It also counts MCLK in frames and sets RATE_MODE
    beside that (16 kHz from 8.192 MHz), which halves the rate here and is told.
    """
    claimed = SYS_FS_HZ[registers.bits(CLK_CTRL, 3, 2)]
    made = (rate_hz or 0.0) * RATE_DIVIDERS[registers.bits(CLK_CTRL, 5, 4)]
    if not registers.bits(DIG_POWER, 1, 0) or not made or 0.95 < made / claimed < 1.05:
        return []
    return [f"0x0004 bits 3:2: SYS_FS says {claimed:.0f} Hz and MCLK makes {made:.0f} Hz"]


class Vag:
    """The analogue ground, which ramps in a straight line."""

    def __init__(self) -> None:
        self.volts = 0.0
        self.target_v = 0.8
        self.powered = False
        self._slope_v_s = 0.0

    def set(self, registers: Registers) -> None:
        """Follow the registers. Without reference currents there is no analogue ground either."""
        self.powered = registers.on(ANA_POWER, 7) and registers.on(ANA_POWER, 5)
        self.target_v = 0.8 + 0.025 * registers.bits(REF_CTRL, 8, 4)
        slow = registers.on(REF_CTRL, 0)
        self._slope_v_s = self.target_v / (VAG_UP_S if self.powered else VAG_DOWN_S)[slow]

    def wait(self, seconds: float) -> None:
        """Time passes: one straight line to the target."""
        goal = self.target_v if self.powered else 0.0
        step = self._slope_v_s * seconds
        self.volts = min(self.volts + step, goal) if self.volts < goal else max(self.volts - step, goal)

    @property
    def arrives_s(self) -> float:
        """Seconds until the ramp ends."""
        return abs((self.target_v if self.powered else 0.0) - self.volts) / self._slope_v_s

    @property
    def level(self) -> float:
        """Fraction of its final voltage."""
        return self.volts / self.target_v

    @property
    def settled(self) -> bool:
        """Powered, and the ramp is over."""
        return self.powered and abs(self.level - 1.0) <= 1.0 - VAG_SETTLED


class Couplings:
    """The capacitors behind the headphone and line amplifiers, and what passes them when a ground moves."""

    def __init__(self) -> None:
        self._held_v = dict.fromkeys(PAIRS, 0.0)
        self._shares = dict.fromkeys(PAIRS, 0.0)

    def set(self, registers: Registers, vag: Vag) -> None:
        """Follow the registers: what each amplifier makes of VAG, nothing while it is off."""
        live = registers.on(ANA_POWER, 5)
        shares = {"HP": 1.0, "LINEOUT": line_out_v(registers) / vag.target_v}
        self._shares = {pair: shares[pair] * (live and registers.on(ANA_POWER, POWER_BIT[pair])) for pair in PAIRS}

    def grounds(self, vag: Vag) -> dict[str, float]:
        """Volts each amplifier stands at."""
        return {pair: vag.volts * share for pair, share in self._shares.items()}

    def click(self, registers: Registers) -> bool:
        """A converter was switched: heard where an amplifier is on and not muted."""
        heard = False
        for pair in PAIRS:
            if registers.on(ANA_POWER, POWER_BIT[pair]) and not registers.on(ANA_CTRL, MUTE_BIT[pair]):
                self._held_v[pair] -= CLICK_V
                heard = True
        return heard

    def follow(self, before: dict[str, float], after: dict[str, float], seconds: float) -> None:
        """The grounds moved from `before` to `after` in a straight line over `seconds`, which are more than none."""
        fading = math.exp(-seconds / COUPLING_S)
        for pair in PAIRS:
            lag = (after[pair] - before[pair]) / seconds * COUPLING_S
            self._held_v[pair] = after[pair] - lag + (self._held_v[pair] - before[pair] + lag) * fading

    def pops(self, grounds: dict[str, float]) -> dict[str, float]:
        """Volts that pass the capacitors now."""
        return {pair: grounds[pair] - self._held_v[pair] for pair in PAIRS}
