"""A WM8960 on a desk: register writes by number, sine generators and level meters."""

from functools import partial

import desk

from hil.sim.wm8960 import Wm8960

POWER_UP = (
    ("anti-pop on", 0x1C, 0x09C),
    ("vmid", 0x19, 0x080),
    ("vmid charges", "wait", 0.1),
    ("vref and inputs", 0x19, 0x0FE),
    ("anti-pop off", 0x1C, 0x008),
)
CLOCKS = (("provider, i2s, 24 bit", 0x07, 0x04A), ("64 bclk a frame", 0x08, 0x1C4))
RECORD = (
    ("input pgas and output mixers", 0x2F, 0x03C),
    ("left 0 dB boost to mixer", 0x20, 0x108),
    ("right 0 dB boost to mixer", 0x21, 0x108),
    ("left pga 0 dB", 0x00, 0x117),
    ("right pga 0 dB", 0x01, 0x117),
)
PLAY = (
    ("dacs and amplifiers", 0x1A, 0x1F8),
    ("left dac to mixer", 0x22, 0x150),
    ("right dac to mixer", 0x25, 0x150),
    ("left headphone 0 dB", 0x02, 0x179),
    ("right headphone 0 dB", 0x03, 0x179),
    ("left speaker 0 dB", 0x28, 0x179),
    ("right speaker 0 dB", 0x29, 0x179),
    ("class-d", 0x31, 0x0F7),
    ("dac unmuted", 0x05, 0x000),
)
ALL = POWER_UP + CLOCKS + RECORD + PLAY


class Desk(desk.WolfsonDesk):
    """The chip with 12.288 MHz on MCLK, so that 48 kHz needs no PLL."""

    CHIP = Wm8960
    MCLK_HZ = 12_288_000.0
    STEPS = ALL
    INPUTS = ("LINPUT1", "RINPUT1")

    def gain_db(self):
        return self.state("pga_gain_db")


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
