"""A codec on a desk: register writes by number, sine generators and level meters.

A step of a set-up is a name, a register and a value, or a name, "wait" and seconds.
"""

import numpy as np

PERIOD = 128
FULL_SCALE = 2.0**31


class Desk:
    """The chip behind its control port and pins, set up step by step; a chip's own desk says what is missing here."""

    CHIP: type
    ADDRESS: int
    MCLK_HZ: float
    STEPS: tuple
    INPUTS: tuple  # the pins that hear `record`
    WORD_BYTES = 1  # of a register's number, and of its value

    def __init__(self, steps=None, mclk_hz=None, **board):
        self.chip = self.CHIP(self.MCLK_HZ if mclk_hz is None else mclk_hz, **board)
        self._frame = 0
        self.wake()
        self.run(self.STEPS if steps is None else steps)

    def wake(self):
        """What is due between power and the first step."""

    def run(self, steps):
        for _, register, value in steps:
            if register == "wait":
                self.chip.wait(value)
            else:
                self.write(register, value)

    def message(self, register, *values):
        """The bytes of a write to a register and its successors."""
        return b"".join(number.to_bytes(self.WORD_BYTES, "big") for number in (register, *values))

    def write(self, register, *values):
        self.chip.write(self.ADDRESS, self.message(register, *values))

    def read(self, register, count=1):
        self.chip.write(self.ADDRESS, self.message(register))
        data = self.chip.read(self.ADDRESS, self.WORD_BYTES * count)
        found = [int.from_bytes(data[at : at + self.WORD_BYTES], "big") for at in range(0, len(data), self.WORD_BYTES)]
        return found if count > 1 else found[0]

    def replay(self, text):
        """A recording: REGISTER=VALUE..., hexadecimal, and ~ms."""
        for word in text.split():
            if word.startswith("~"):
                self.chip.wait(int(word[1:]) / 1000)
            else:
                self.write(*(int(part, 16) for part in word.split("=")))

    def sine(self, hz, peak, frames, rate_hz=48_000.0):
        t = np.arange(self._frame, self._frame + frames)
        return peak * np.sin(2 * np.pi * hz / rate_hz * t)

    def record(self, seconds, rms_v=0.0, hz=1000.0, pins=None, rate_hz=48_000.0, dc_v=0.0):
        """float64[n, 2] of full scale 1.0."""
        blocks = []
        for _ in range(max(1, round(seconds * rate_hz / PERIOD))):
            signal = (self.sine(hz, rms_v * np.sqrt(2), PERIOD, rate_hz) + dc_v).astype(np.float32)
            blocks.append(self.chip.capture(dict.fromkeys(pins or self.INPUTS, signal)))
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

    def lived(self, seconds=0.02):
        """The faults after frames in both directions."""
        self.play(seconds)
        self.record(seconds)
        return self.state("faults")

    def state(self, key):
        return self.chip.state()[key]


class WolfsonDesk(Desk):
    """Seven bits of register number and nine of value in two bytes."""

    ADDRESS = 0x1A

    def message(self, register, value):
        return (register << 9 | value).to_bytes(2, "big")


def without(name, steps):
    """All steps but one."""
    assert any(step[0] == name for step in steps)
    return tuple(step for step in steps if step[0] != name)


def instead(name, value, steps):
    """All steps, with another value in one."""
    assert any(step[0] == name for step in steps)
    return tuple((*step[:2], value) if step[0] == name else step for step in steps)


def moved(name, behind, steps):
    """All steps, one of them moved behind another."""
    step = next(step for step in steps if step[0] == name)
    rest = [other for other in steps if other is not step]
    at = next(index for index, other in enumerate(rest) if other[0] == behind)
    return (*rest[: at + 1], step, *rest[at + 1 :])


def vrms(signal):
    return float(np.sqrt(np.mean(np.square(signal))))


def dbv(signal):
    return 20 * np.log10(max(vrms(signal), 1e-12))


def dbfs(signal):
    """Level of a recording in dBFS: a full-scale sine is 0."""
    return 20 * np.log10(max(vrms(signal) * np.sqrt(2), 1e-12))
