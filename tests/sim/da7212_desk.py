"""A DA7212 on a desk: register writes by number, sine generators and level meters."""

import numpy as np

from hil.sim.da7212 import Da7212

PERIOD = 128
FULL_SCALE = 2.0**31
UNITY = 0x6F  # digital gain 0 dB

POWER_UP = (
    ("active", 0xFD, 0x01),
    ("bias and vmid", 0x23, 0x88),
    ("wait", 0.03, 0),
)
CLOCKS = (
    ("48 kHz", 0x22, 0x0B),
    ("pll fraction, upper", 0x24, 0x1A),
    ("pll fraction, lower", 0x25, 0x8E),
    ("pll integer", 0x26, 0x22),
    ("pll on, input / 4", 0x27, 0x84),
    ("provider, 64 bclk", 0x28, 0x81),
    ("port on, driven, i2s, 24 bit", 0x29, 0xC8),
    ("wait", 0.01, 0),
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


class Desk:
    """The chip of a Codec Zero: 11.2896 MHz on MCLK, 48 kHz from the PLL, clock provider."""

    def __init__(self, steps=ALL, mclk_hz=11_289_600.0, **kwargs):
        self.chip = Da7212(mclk_hz, **kwargs)
        self._frame = 0
        self.retry(0xFD, 0x00)
        for name, register, value in steps:
            if name == "wait":
                self.chip.wait(register)
            else:
                self.write(register, value)

    def write(self, register, *values):
        self.chip.write(0x1A, bytes((register, *values)))

    def retry(self, register, *values):
        """The first access after standby is not acknowledged."""
        try:
            self.write(register, *values)
        except OSError:
            self.write(register, *values)

    def read(self, register, count=1):
        self.chip.write(0x1A, bytes((register,)))
        found = self.chip.read(0x1A, count)
        return found[0] if count == 1 else found

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return (peak * np.sin(2 * np.pi * hz / rate_hz * t)).astype(np.float64)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=("MIC1", "MIC2"), rate_hz=48_000.0, dc_v=0.0):
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

    def calibrate(self):
        """The datasheet's sequence: microphones muted, run, microphones back."""
        for register in (0x63, 0x64):
            self.write(register, 0xC0)
        self.write(0x2B, 0x10)
        self.chip.wait(0.02)
        for register in (0x63, 0x64):
            self.write(register, 0x80)
        return self.read(0x2B)

    def state(self, key):
        return self.chip.state()[key]


def without(name):
    """The whole set-up but for one step."""
    assert any(step[0] == name for step in ALL)
    return tuple(step for step in ALL if step[0] != name)


def changed(name, value):
    """The whole set-up with another value in one step."""
    assert any(step[0] == name for step in ALL)
    return tuple((step[0], step[1], value) if step[0] == name else step for step in ALL)


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def dbv(signal):
    return 20 * np.log10(max(vrms(signal), 1e-9))


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return 20 * np.log10(max(vrms(signal) * np.sqrt(2), 1e-12))
