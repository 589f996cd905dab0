"""An SGTL5000 on a desk: register writes by number, sine generators and level meters."""

import numpy as np

from hil.sim.sgtl5000 import Sgtl5000

PERIOD = 128
FULL_SCALE = 2.0**31

POWER_UP = (
    ("vddd from outside", 0x0030, 0x4060),
    ("pump source", 0x0026, 0x006C),
    ("vag level, slow ramp", 0x0028, 0x01F1),
    ("line ground", 0x002C, 0x0322),
    ("analogue blocks", 0x0030, 0x40FF),
    ("wait", 0.5, 0),  # 0.4 s of ramp, and what the couplings make of it
    ("digital blocks", 0x0002, 0x0073),
)
CLOCKS = (("256 fs of 48 kHz", 0x0004, 0x0008), ("provider, i2s, 24 bit", 0x0006, 0x0090))
PATHS = (
    ("i2s to dac, adc to i2s", 0x000A, 0x0010),
    ("dac unmuted", 0x000E, 0x0200),
    ("line volume", 0x002E, 0x0F0F),
    ("line in, all unmuted", 0x0024, 0x0004),
)
ALL = POWER_UP + CLOCKS + PATHS
LINES = ("LINEIN_L", "LINEIN_R")


class Desk:
    """The chip with 12.288 MHz on SYS_MCLK, so that 48 kHz needs no PLL."""

    def __init__(self, steps=ALL, mclk_hz=12_288_000.0, **supplies):
        self.chip = Sgtl5000(mclk_hz, **supplies)
        self._frame = 0
        for name, register, value in steps:
            if name == "wait":
                self.chip.wait(register)
            else:
                self.write(register, value)

    def write(self, register, *values):
        self.chip.write(0x0A, b"".join(word.to_bytes(2, "big") for word in (register, *values)))

    def read(self, register, words=1):
        self.chip.write(0x0A, register.to_bytes(2, "big"))
        data = self.chip.read(0x0A, 2 * words)
        found = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        return found if words > 1 else found[0]

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return (peak * np.sin(2 * np.pi * hz / rate_hz * t)).astype(np.float64)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=LINES, rate_hz=48_000.0, dc_v=0.0):
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

    def heard(self, pin="HP_L", seconds=0.05, hz=1000.0, rate_hz=48_000.0, **kwargs):
        """Vrms at a pin over whole cycles, once the DAC's volume ramp is over."""
        return vrms(whole_cycles(self.play(seconds, hz=hz, rate_hz=rate_hz, **kwargs)[pin][576:], hz, rate_hz))

    def level(self, rms_v=0.1, side=0, seconds=0.05, hz=1000.0, rate_hz=48_000.0, **kwargs):
        """dBFS of one recorded channel over whole cycles, offset removed."""
        recorded = self.record(seconds, rms_v, hz=hz, rate_hz=rate_hz, **kwargs)[256:, side]
        frames = whole_cycles(recorded, hz, rate_hz)
        return dbfs(frames - np.mean(frames))


def without(name):
    """The whole set-up but for one step."""
    assert any(step[0] == name for step in ALL)
    return tuple(step for step in ALL if step[0] != name)


def instead(name, value):
    """The whole set-up with another value in one step."""
    assert any(step[0] == name for step in ALL)
    return tuple((step[0], step[1], value) if step[0] == name else step for step in ALL)


def whole_cycles(signal, hz, rate_hz):
    """As much of a recording as is a whole number of cycles."""
    cycle = rate_hz / hz
    return signal[: max(round(signal.size // cycle * cycle), 1)]


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return 20 * np.log10(max(vrms(signal) * np.sqrt(2), 1e-12))
