"""An SGTL5000 on a desk: register writes by number, sine generators and level meters."""

from functools import partial

import desk
import numpy as np
from desk import dbfs, vrms

from hil.sim.sgtl5000 import Sgtl5000

POWER_UP = (
    ("vddd from outside", 0x0030, 0x4060),
    ("pump source", 0x0026, 0x006C),
    ("vag level, slow ramp", 0x0028, 0x01F1),
    ("line ground", 0x002C, 0x0322),
    ("analogue blocks", 0x0030, 0x40FF),
    ("analogue ground rises", "wait", 0.5),  # 0.4 s of ramp, and what the couplings make of it
    ("digital blocks", 0x0002, 0x0073),
)
CLOCKS = (("256 fs of 48 kHz", 0x0004, 0x0008), ("provider, i2s, 24 bit", 0x0006, 0x0090))
PATHS = (
    ("i2s to dac, adc to i2s", 0x000A, 0x0010),
    ("dac unmuted", 0x000E, 0x0200),
    ("line volume", 0x002E, 0x0F0F),
    ("line in, all unmuted", 0x0024, 0x0004),
)
ALL = POWER_UP + CLOCKS + PATHS
LINES = ("LINEIN_L", "LINEIN_R")


class Desk(desk.Desk):
    """The chip with 12.288 MHz on SYS_MCLK, so that 48 kHz needs no PLL."""

    CHIP = Sgtl5000
    ADDRESS = 0x0A
    MCLK_HZ = 12_288_000.0
    STEPS = ALL
    INPUTS = LINES
    WORD_BYTES = 2

    def heard(self, pin="HP_L", seconds=0.05, hz=1000.0, rate_hz=48_000.0, **kwargs):
        """Vrms at a pin over whole cycles, once the DAC's volume ramp is over."""
        return vrms(whole_cycles(self.play(seconds, hz=hz, rate_hz=rate_hz, **kwargs)[pin][576:], hz, rate_hz))

    def level(self, rms_v=0.1, side=0, seconds=0.05, hz=1000.0, rate_hz=48_000.0, **kwargs):
        """dBFS of one recorded channel over whole cycles, offset removed."""
        recorded = self.record(seconds, rms_v, hz=hz, rate_hz=rate_hz, **kwargs)[256:, side]
        frames = whole_cycles(recorded, hz, rate_hz)
        return dbfs(frames - np.mean(frames))


def whole_cycles(signal, hz, rate_hz):
    """As much of a recording as is a whole number of cycles."""
    cycle = rate_hz / hz
    return signal[: max(round(signal.size // cycle * cycle), 1)]


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
moved = partial(desk.moved, steps=ALL)
