"""A WM8960 on a desk: register writes by number, sine generators and level meters."""

import numpy as np

from hil.sim.wm8960 import Wm8960

PERIOD = 128
FULL_SCALE = 2.0**31

POWER_UP = (
    ("anti-pop on", 0x1C, 0x09C),
    ("vmid", 0x19, 0x080),
    ("wait", 0.1, 0),
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


class Desk:
    """The chip with 12.288 MHz on MCLK, so that 48 kHz needs no PLL."""

    def __init__(self, steps=ALL, mclk_hz=12_288_000.0):
        self.chip = Wm8960(mclk_hz)
        self._frame = 0
        for name, register, value in steps:
            if name == "wait":
                self.chip.wait(register)
            else:
                self.write(register, value)

    def write(self, register, value):
        self.chip.write(0x1A, bytes((register << 1 | value >> 8, value & 0xFF)))

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return (peak * np.sin(2 * np.pi * hz / rate_hz * t)).astype(np.float64)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=("LINPUT1", "RINPUT1"), rate_hz=48_000.0, dc_v=0.0):
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


def without(name):
    """The whole set-up but for one step."""
    assert any(step[0] == name for step in ALL)
    return tuple(step for step in ALL if step[0] != name)


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return 20 * np.log10(max(vrms(signal) * np.sqrt(2), 1e-12))
