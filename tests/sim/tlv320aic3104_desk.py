"""A TLV320AIC3104 on a desk: register writes by number, sine generators and level meters."""

from functools import partial

import desk
import numpy as np

from hil.sim.tlv320aic3104 import Tlv320aic3104

POWER_UP = (("soft reset", 0x01, 0x80), ("reference", "wait", 0.05))
CLOCKS = (
    ("q 4", 0x03, 0x20),
    ("codec on clkdiv", 0x65, 0x01),
    ("provider", 0x08, 0xC0),
    ("i2s, 32 bit: 64 bclk a frame", 0x09, 0x30),
)
RECORD = (
    ("mic1l to left adc, power", 0x13, 0x04),
    ("mic1r to right adc, power", 0x16, 0x04),
    ("left pga 0 dB", 0x0F, 0x00),
    ("right pga 0 dB", 0x10, 0x00),
)
PLAY = (
    ("left to left, right to right", 0x07, 0x0A),
    ("dacs", 0x25, 0xC0),
    ("left dac to hplout", 0x2F, 0x80),
    ("right dac to hprout", 0x40, 0x80),
    ("left dac to left line", 0x52, 0x80),
    ("right dac to right line", 0x5C, 0x80),
    ("hplout", 0x33, 0x09),
    ("hprout", 0x41, 0x09),
    ("left line", 0x56, 0x09),
    ("right line", 0x5D, 0x09),
    ("left dac unmuted", 0x2B, 0x00),
    ("right dac unmuted", 0x2C, 0x00),
)
SETTLE = (("soft steps", "wait", 0.01),)
ALL = POWER_UP + CLOCKS + RECORD + PLAY + SETTLE


class Desk(desk.Desk):
    """The chip with 24.576 MHz on MCLK, so that 48 kHz needs no PLL."""

    CHIP = Tlv320aic3104
    ADDRESS = 0x18
    MCLK_HZ = 24_576_000.0
    STEPS = ALL
    INPUTS = ("MIC1LP", "MIC1RP")

    def set(self, *writes, wait_s=0.01):
        """Writes, and time for what they step to."""
        for register, value in writes:
            self.write(register, value)
        self.chip.wait(wait_s)

    def gain_db(self):
        return self.state("pga_gain_db")


def ac(signal):
    """Without the converter's offset."""
    return signal - np.mean(signal, axis=0)


def dbfs(signal):
    return desk.dbfs(ac(signal))


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
moved = partial(desk.moved, steps=ALL)
