"""An ES8388 on a desk: register writes by number, sine generators and level meters."""

import numpy as np

from hil.sim.es8388 import Es8388

PERIOD = 128
FULL_SCALE = 2.0**31

POWER_UP = (
    ("analogue on", 0x01, 0x00),
    ("vmid 5k", 0x00, 0x07),
    ("wait", 0.1, 0),
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


class Desk:
    """The chip as consumer with 12.288 MHz on MCLK: 256 times the host's 48 kHz."""

    def __init__(self, steps=ALL, **chip):
        self.chip = Es8388(**chip)
        self._frame = 0
        for name, register, value in steps:
            if name == "wait":
                self.chip.wait(register)
            else:
                self.write(register, value)

    def write(self, register, value):
        self.chip.write(0x10, bytes((register, value)))

    def read(self, register):
        self.chip.write(0x10, bytes((register,)))
        return self.chip.read(0x10, 1)[0]

    def restart(self):
        self.write(0x02, 0xF0)
        self.write(0x02, 0x00)

    def take(self, *writes):
        """Writes that need a restart to be heard."""
        for register, value in writes:
            self.write(register, value)
        self.restart()
        return self

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return peak * np.sin(2 * np.pi * hz / rate_hz * t)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=("LIN1", "RIN1"), rate_hz=48_000.0):
        """float64[n, 2] of full scale 1.0."""
        blocks = []
        for _ in range(max(1, round(seconds * rate_hz / PERIOD))):
            signal = self.sine(hz, rms_v * np.sqrt(2), PERIOD, rate_hz).astype(np.float32)
            blocks.append(self.chip.capture(dict.fromkeys(pins, signal)))
            self._frame += PERIOD
        return np.concatenate(blocks) / FULL_SCALE

    def play(self, seconds, dbfs=0.0, hz=1000.0, rate_hz=48_000.0, balance=(1.0, 1.0)):
        """Volts per pin, float64[n]."""
        blocks = []
        for _ in range(max(1, round(seconds * rate_hz / PERIOD))):
            signal = self.sine(hz, 10 ** (dbfs / 20) * (FULL_SCALE - 512), PERIOD, rate_hz)
            blocks.append(self.chip.play((signal[:, None] * np.array(balance)).astype(np.int32)))
            self._frame += PERIOD
        return {pin: np.concatenate([block[pin] for block in blocks]).astype(float) for pin in blocks[0]}

    def gain_db(self):
        return self.chip.state()["input_gain_db"]


def without(name):
    """The whole set-up but for one step."""
    assert any(step[0] == name for step in ALL)
    return tuple(step for step in ALL if step[0] != name)


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def dbv(signal):
    return 20 * np.log10(max(vrms(signal), 1e-12))


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return dbv(signal) + 20 * np.log10(np.sqrt(2))
