"""A WM8731 on a desk: register writes by number, sine generators and level meters."""

import numpy as np

from hil.sim.wm8731 import Wm8731

PERIOD = 128
FULL_SCALE = 2.0**31
OUTPUTS = ("LHPOUT", "RHPOUT", "LOUT", "ROUT")
MIC_DB = 20 * np.log10(5.0)  # 50 kOhm over 10 kOhm

POWER_UP = (
    ("reset", 0x0F, 0x000),
    ("all but outputs and clkout", 0x06, 0x050),
    ("wait", 0.08, 0),
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


class Desk:
    """The chip with its 12 MHz crystal: clock provider at 48 kHz, line input and DAC, no bypass."""

    def __init__(self, steps=ALL, mclk_hz=12_000_000.0, **board):
        self.chip = Wm8731(mclk_hz, **board)
        self._frame = 0
        for name, register, value in steps:
            if name == "wait":
                self.chip.wait(register)
            else:
                self.write(register, value)

    def write(self, register, value):
        self.chip.write(0x1A, bytes((register << 1 | value >> 8, value & 0xFF)))

    def inactive(self, *writes):
        """The writes with ACTIVE off around them."""
        self.write(0x09, 0)
        for register, value in writes:
            self.write(register, value)
        self.write(0x09, 1)

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return (peak * np.sin(2 * np.pi * hz / rate_hz * t)).astype(np.float64)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=("LLINEIN", "RLINEIN"), rate_hz=48_000.0, dc_v=0.0):
        """float64[n, 2] of full scale 1.0."""
        blocks = []
        for _ in range(max(1, round(seconds * rate_hz / PERIOD))):
            signal = (self.sine(hz, rms_v * np.sqrt(2), PERIOD, rate_hz) + dc_v).astype(np.float32)
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

    def heard(self, rms_v, pins, hz=1000.0, periods=12):
        """What the inputs put on the outputs while the host plays silence: volts per pin."""
        blocks = []
        for _ in range(periods):
            self.record(0.0, rms_v, hz, pins)
            blocks.append(self.play(0.0, dbfs=-200))
        return {pin: np.concatenate([block[pin] for block in blocks]) for pin in blocks[0]}

    def __getitem__(self, key):
        return self.chip.state()[key]


def without(name):
    """The whole set-up but for one step."""
    assert any(step[0] == name for step in ALL)
    return tuple(step for step in ALL if step[0] != name)


def instead(name, value):
    """The whole set-up with another value in one step."""
    assert any(step[0] == name for step in ALL)
    return tuple((step[0], step[1], value) if step[0] == name else step for step in ALL)


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return 20 * np.log10(max(vrms(signal) * np.sqrt(2), 1e-12))


def dbv(signal):
    return 20 * np.log10(max(vrms(signal), 1e-12))
