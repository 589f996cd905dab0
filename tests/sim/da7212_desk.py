"""A DA7212 on a desk: register writes by number, sine generators and level meters."""

from functools import partial

import desk

from hil.sim.da7212 import Da7212

UNITY = 0x6F  # digital gain 0 dB

POWER_UP = (
    ("active", 0xFD, 0x01),
    ("bias and vmid", 0x23, 0x88),
    ("vmid charges", "wait", 0.03),
)
CLOCKS = (
    ("48 kHz", 0x22, 0x0B),
    ("pll fraction, upper", 0x24, 0x1A),
    ("pll fraction, lower", 0x25, 0x8E),
    ("pll integer", 0x26, 0x22),
    ("pll on, input / 4", 0x27, 0x84),
    ("provider, 64 bclk", 0x28, 0x81),
    ("port on, driven, i2s, 24 bit", 0x29, 0xC8),
    ("pll locks", "wait", 0.01),
)
RECORD = (
    ("mic 1 to mixin left", 0x32, 0x02),
    ("mic 2 to mixin right", 0x33, 0x02),
    ("mic 1 0 dB", 0x39, 0x01),
    ("mic 2 0 dB", 0x3A, 0x01),
    ("mic 1 amplifier", 0x63, 0x80),
    ("mic 2 amplifier", 0x64, 0x80),
    ("mixin left amplifier and mixer", 0x65, 0x88),
    ("mixin right amplifier and mixer", 0x66, 0x88),
    ("adc left", 0x67, 0x80),
    ("adc right", 0x68, 0x80),
    ("adc left 0 dB", 0x36, UNITY),
    ("adc right 0 dB", 0x37, UNITY),
)
PLAY = (
    ("dac left", 0x69, 0x80),
    ("dac right", 0x6A, 0x80),
    ("dac left 0 dB", 0x45, UNITY),
    ("dac right 0 dB", 0x46, UNITY),
    ("dac left to mixout", 0x4B, 0x08),
    ("dac right to mixout", 0x4C, 0x08),
    ("mixout left", 0x6E, 0x88),
    ("mixout right", 0x6F, 0x88),
    ("charge pump", 0x47, 0xF1),
    ("headphone left", 0x6B, 0x88),
    ("headphone right", 0x6C, 0x88),
    ("line", 0x6D, 0x88),
)
ALL = POWER_UP + CLOCKS + RECORD + PLAY


class Desk(desk.Desk):
    """The chip of a Codec Zero: 11.2896 MHz on MCLK, 48 kHz from the PLL, clock provider."""

    CHIP = Da7212
    ADDRESS = 0x1A
    MCLK_HZ = 11_289_600.0
    STEPS = ALL
    INPUTS = ("MIC1", "MIC2")

    def wake(self):
        self.retry(0xFD, 0x00)

    def retry(self, register, *values):
        """The first access after standby is not acknowledged."""
        try:
            self.write(register, *values)
        except OSError:
            self.write(register, *values)

    def calibrate(self):
        """The datasheet's sequence: microphones muted, run, microphones back."""
        for register in (0x63, 0x64):
            self.write(register, 0xC0)
        self.write(0x2B, 0x10)
        self.chip.wait(0.02)
        for register in (0x63, 0x64):
            self.write(register, 0x80)
        return self.read(0x2B)


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
