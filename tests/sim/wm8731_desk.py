"""A WM8731 on a desk: register writes by number, sine generators and level meters."""

from functools import partial

import desk
import numpy as np

from hil.sim.wm8731 import Wm8731

OUTPUTS = ("LHPOUT", "RHPOUT", "LOUT", "ROUT")
MIC_DB = 20 * np.log10(5.0)  # 50 kOhm over 10 kOhm

POWER_UP = (
    ("reset", 0x0F, 0x000),
    ("all but outputs and clkout", 0x06, 0x050),
    ("vmid charges", "wait", 0.08),
)
INTERFACE = (
    ("provider, i2s, 24 bit", 0x07, 0x04A),
    ("48 kHz in usb mode", 0x08, 0x001),
    ("active", 0x09, 0x001),
)
RECORD = (("left line 0 dB", 0x00, 0x017), ("right line 0 dB", 0x01, 0x017))
PLAY = (
    ("line to adc, dac to mixer", 0x04, 0x012),
    ("outputs", 0x06, 0x040),
    ("dac unmuted", 0x05, 0x000),
)
ALL = POWER_UP + RECORD + INTERFACE + PLAY


class Desk(desk.WolfsonDesk):
    """The chip with its 12 MHz crystal: clock provider at 48 kHz, line input and DAC, no bypass."""

    CHIP = Wm8731
    MCLK_HZ = 12_000_000.0
    STEPS = ALL
    INPUTS = ("LLINEIN", "RLINEIN")

    def inactive(self, *writes):
        """The writes with ACTIVE off around them."""
        self.write(0x09, 0)
        for register, value in writes:
            self.write(register, value)
        self.write(0x09, 1)

    def heard(self, rms_v, pins, hz=1000.0, periods=12):
        """What the inputs put on the outputs while the host plays silence: volts per pin."""
        blocks = []
        for _ in range(periods):
            self.record(0.0, rms_v, hz, pins)
            blocks.append(self.play(0.0, dbfs=-200))
        return {pin: np.concatenate([block[pin] for block in blocks]) for pin in blocks[0]}


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
