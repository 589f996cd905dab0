"""The ES8388's clock tree and references: what runs, at which rate, and since when.

There is no PLL: MCLK, halved or not, over a ratio is the rate, the ADC's and the DAC's each by its own code. Only
VMID, which charges, takes time and carries state.

Where the facts leave a choice the stricter reading is taken. As consumer the chip finds MCLK/LRCK by itself, but a
code other than 0 must agree with it; the ADC sees the LRCK pin only with the shared LRCK bit. As provider there is
one LRCK on the wire, and a converter whose ratio is another makes no words for it. The lock time of the DLLs is in
no public text and left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.sim.es8388_registers import RATIOS, UNLOCKED, Registers

FAMILIES_HZ = (12_288_000.0, 24_576_000.0, 11_289_600.0, 22_579_200.0)  # what a provider can run from
FAMILY_TOLERANCE = 0.002
RATIO_TOLERANCE = 0.003
BCLK_DIVIDERS = (
    0, 1, 2, 3, 4, 6, 8, 9, 11, 12, 16, 18, 22, 24, 33, 36, 44, 48, 66, 72, 5, 10, 15, 17, 20, 25, 30, 32, 34, 4, 4, 4,
)  # fmt: skip  # 0 is automatic: 64 BCLK a frame
SLOW_HZ = 8_500.0  # at 8 kHz the DLL must be bypassed
DLL_BYPASS = 0xD0

VMID_CHARGE_S = {1: 0.020, 2: 0.200, 3: 0.005}  # 50k, 500k, 5k: 100 ms are enough but for the standby divider
VMID_DISCHARGE_S = 0.120
VMID_SETTLED = 0.99


@dataclass(frozen=True)
class Clocks:
    """Every rate the chip makes or follows, None where it has none."""

    frame_rate_hz: float | None
    adc_rate_hz: float | None
    dac_rate_hz: float | None
    link_rate_hz: float
    frame_bclk: int
    provider: bool
    adc_distorted: bool
    dac_distorted: bool


def clocks(registers: Registers, mclk_hz: float, host_rate_hz: float) -> Clocks:
    """MCLK pin -> MCLKDIV2 -> ratio -> LRCK, as provider; as consumer the host's LRCK, if MCLK is a multiple."""
    pin_hz = 0.0 if registers.on(0x2B, 4) else mclk_hz
    clock_hz = pin_hz / (2.0 if registers.on(0x08, 6) else 1.0)
    adc_runs = _runs(registers, digital=7, state_machine=5, dll=3)
    dac_runs = _runs(registers, digital=6, state_machine=4, dll=2)
    if registers.on(0x00, 4):  # one clock for both: it stops with the converter it comes from
        source_runs = dac_runs if registers.on(0x00, 5) else adc_runs
        adc_runs, dac_runs = adc_runs and source_runs, dac_runs and source_runs
    adc_code, dac_code = registers.bits(0x0D, 4, 0), registers.bits(0x18, 4, 0)
    frame_bclk = 64
    frame_rate_hz: float | None = None
    provider = registers.on(0x08, 7)
    if provider:
        adc_hz, dac_hz = _rate(clock_hz, adc_code), _rate(clock_hz, dac_code)
        from_dac = _lrck_from_dac(registers, adc_runs, dac_runs)
        if from_dac is not None and _family(pin_hz) and not registers.on(0x0B, 2):
            frame_rate_hz = dac_hz if from_dac else adc_hz
            divider = BCLK_DIVIDERS[registers.bits(0x08, 4, 0)]
            if divider:
                frame_bclk = RATIOS.get(dac_code if from_dac else adc_code, 256) // divider
        adc_converts = frame_rate_hz is not None and adc_hz == frame_rate_hz
        dac_converts = frame_rate_hz is not None and dac_hz == frame_rate_hz
    else:
        adc_converts = registers.on(0x2B, 7) and _follows(clock_hz, host_rate_hz, adc_code)
        dac_converts = _follows(clock_hz, host_rate_hz, dac_code)
    link_rate_hz = frame_rate_hz or host_rate_hz
    slow = link_rate_hz < SLOW_HZ
    return Clocks(
        frame_rate_hz=frame_rate_hz,
        adc_rate_hz=link_rate_hz if adc_runs and adc_converts else None,
        dac_rate_hz=link_rate_hz if dac_runs and dac_converts else None,
        link_rate_hz=link_rate_hz,
        frame_bclk=frame_bclk,
        provider=provider,
        adc_distorted=slow and not _bypassed(registers, 0x37),
        dac_distorted=slow and not _bypassed(registers, 0x39),
    )


def _runs(registers: Registers, digital: int, state_machine: int, dll: int) -> bool:
    """One side of 0x02: digital part on, out of reset, DLL on in both places that can stop it."""
    return (
        registers.off(0x02, digital)
        and registers.off(0x02, state_machine)
        and registers.off(0x02, dll)
        and registers.off(0x2B, dll)
    )


def _rate(clock_hz: float, code: int) -> float | None:
    ratio = RATIOS.get(code)
    return clock_hz / ratio if ratio and clock_hz else None


def _family(pin_hz: float) -> bool:
    return any(abs(pin_hz / family - 1.0) < FAMILY_TOLERANCE for family in FAMILIES_HZ)


def _follows(clock_hz: float, host_rate_hz: float, code: int) -> bool:
    """MCLK is a ratio of the host's rate that the chip knows; a code other than 0 names that ratio."""
    true = clock_hz / host_rate_hz
    known = [ratio for ratio in RATIOS.values() if abs(true / ratio - 1.0) < RATIO_TOLERANCE]
    return bool(known) and (code == 0 or RATIOS.get(code) in known)


def _lrck_from_dac(registers: Registers, adc_runs: bool, dac_runs: bool) -> bool | None:
    """Which converter's LRCK is on the wire; None when it stands still, as its converters have no power."""
    adc_on = adc_runs and (registers.off(0x03, 5) or registers.off(0x03, 4))
    dac_on = dac_runs and (registers.off(0x04, 7) or registers.off(0x04, 6))
    if not registers.on(0x2B, 7):
        return dac_on if dac_on or adc_on else None
    from_dac = not registers.on(0x2B, 6)
    makes = (dac_on if from_dac else adc_on) or (registers.on(0x00, 6) and (adc_on or dac_on))
    return from_dac if makes else None


def _bypassed(registers: Registers, register: int) -> bool:
    return registers.bits(0x35, 7, 0) == UNLOCKED and registers.bits(register, 7, 0) == DLL_BYPASS


class Vmid:
    """The VMID capacitor, and whether the analogue side has power."""

    def __init__(self) -> None:
        self.level = 0.0
        self.powered = False
        self.reference = False
        self._select = 0

    def set(self, registers: Registers) -> None:
        """Take over dividers and power bits. Vendor code runs without ENREF: it passes sound, but unsettled."""
        self._select = registers.bits(0x00, 1, 0)
        self.reference = registers.on(0x00, 2)
        on = all(registers.off(0x01, bit) for bit in (3, 2, 0))  # analogue, bias generator, reference buffer
        self.powered = on and self._select != 0

    @property
    def settled(self) -> bool:
        """The references are where they stay."""
        return self.powered and self.reference and self.level >= VMID_SETTLED

    @property
    def dc_error(self) -> float:
        """How far VMID is from where it should be, as a fraction of it: what a path in use hears as a thump."""
        return 1.0 - self.level if self.powered and self.level < VMID_SETTLED else 0.0

    def wait(self, seconds: float) -> None:
        """VMID charges or discharges."""
        if self._select:
            self.level = 1.0 - (1.0 - self.level) * math.exp(-seconds / VMID_CHARGE_S[self._select])
        else:
            self.level *= math.exp(-seconds / VMID_DISCHARGE_S)
