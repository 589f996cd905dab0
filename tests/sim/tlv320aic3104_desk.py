"""A TLV320AIC3104 on a desk: register writes by number, sine generators and level meters."""

import numpy as np

from hil.sim.tlv320aic3104 import Tlv320aic3104

PERIOD = 128
FULL_SCALE = 2.0**31

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


class Desk:
    """The chip with 24.576 MHz on MCLK, so that 48 kHz needs no PLL."""

    def __init__(self, steps=ALL, mclk_hz=24_576_000.0, **kwargs):
        self.chip = Tlv320aic3104(mclk_hz, **kwargs)
        self._frame = 0
        self.run(steps)

    def run(self, steps):
        for _, register, value in steps:
            if register == "wait":
                self.chip.wait(value)
            else:
                self.write(register, value)

    def write(self, register, *values):
        self.chip.write(0x18, bytes((register, *values)))

    def read(self, register, count=1):
        self.chip.write(0x18, bytes((register,)))
        values = self.chip.read(0x18, count)
        return values[0] if count == 1 else list(values)

    def set(self, *writes, wait_s=0.01):
        """Writes, and time for what they step to."""
        for register, value in writes:
            self.write(register, value)
        self.chip.wait(wait_s)

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return (peak * np.sin(2 * np.pi * hz / rate_hz * t)).astype(np.float64)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=("MIC1LP", "MIC1RP"), rate_hz=48_000.0, dc_v=0.0):
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

    def gain_db(self):
        return self.chip.state()["pga_gain_db"]


def without(name, steps=ALL):
    """The whole set-up but for one step."""
    assert any(step[0] == name for step in steps)
    return tuple(step for step in steps if step[0] != name)


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def ac(signal):
    """Without the converter's offset."""
    return signal - np.mean(signal, axis=0)


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return 20 * np.log10(max(vrms(ac(signal)) * np.sqrt(2), 1e-12))


def dbv(signal):
    return 20 * np.log10(max(vrms(signal), 1e-12))
