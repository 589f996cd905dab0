"""An ES8388 on a desk: register writes by number, sine generators and level meters."""

from functools import partial

import desk

from hil.sim.es8388 import Es8388

POWER_UP = (
    ("analogue on", 0x01, 0x00),
    ("vmid 5k", 0x00, 0x07),
    ("vmid charges", "wait", 0.1),
    ("vmid 50k, one clock", 0x00, 0x15),
)
CLOCKS = (
    ("consumer", 0x08, 0x00),
    ("shared lrck", 0x2B, 0x80),
    ("adc ratio 256", 0x0D, 0x02),
    ("dac ratio 256", 0x18, 0x02),
)
RECORD = (
    ("adcs, inputs and mic bias", 0x03, 0x00),
    ("no soft ramp in the adc", 0x0F, 0x00),
    ("left adc 0 dB", 0x10, 0x00),
    ("right adc 0 dB", 0x11, 0x00),
)
PLAY = (
    ("dacs and outputs", 0x04, 0x3C),
    ("no soft ramp in the dac, muted", 0x19, 0x04),
    ("left dac 0 dB", 0x1A, 0x00),
    ("right dac 0 dB", 0x1B, 0x00),
    ("left dac to mixer", 0x27, 0x90),
    ("right dac to mixer", 0x2A, 0x90),
    ("lout1 0 dB", 0x2E, 0x1E),
    ("rout1 0 dB", 0x2F, 0x1E),
    ("lout2 0 dB", 0x30, 0x1E),
    ("rout2 0 dB", 0x31, 0x1E),
)
RESTART = (("state machines in reset", 0x02, 0xF0), ("state machines running", 0x02, 0x00))
ALL = POWER_UP + CLOCKS + RECORD + PLAY + RESTART + (("dac unmuted", 0x19, 0x00),)


class Desk(desk.Desk):
    """The chip as consumer with 12.288 MHz on MCLK: 256 times the host's 48 kHz."""

    CHIP = Es8388
    ADDRESS = 0x10
    MCLK_HZ = 12_288_000.0
    STEPS = ALL
    INPUTS = ("LIN1", "RIN1")

    def restart(self):
        self.run(RESTART)

    def take(self, *writes):
        """Writes that need a restart to be heard."""
        for register, value in writes:
            self.write(register, value)
        self.restart()
        return self

    def gain_db(self):
        return self.state("input_gain_db")


without = partial(desk.without, steps=ALL)
instead = partial(desk.instead, steps=ALL)
