"""The DA7212's level control: its settings, the loop it closes around microphone amplifiers and ADC, its calibration.

The law: a one-pole detector follows the rectified ADC samples behind the level control and before the high-pass.
Above the target window the gain falls, below it and above the noise threshold it rises once the level has stayed
there for the hold time; between, it stands. In hybrid mode whole steps of 6 dB go to the microphone amplifiers, within
the analogue limits, and the rest is digital; otherwise all of it is digital. Hybrid mode needs a calibrated
offset: without one, or after MIXIN's gain changed, the amplifiers stay where their registers say. Both channels
enabled share one gain, steered by the louder.

Attack and release are times for 6 dB: no source for this chip says so, but its sibling DA7218 has a sixth of these
numbers in an otherwise equal table. Also in no source: that the two channels are linked, that the noise threshold
compares the level before the gain, how long a calibration takes, and the fastest attack for anti-clip.
Manual calibration (0x2B bit 2) takes 0xA6..0xAC; 0xAD/0xAE read the mean of the last period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.sim.da7212_registers import Registers
from hil.sim.volume import linear

Array = NDArray[np.float64]

INTEGRATION = (1 / 4, 1 / 16, 1 / 256, 1 / 65_536)
STEP_DB = 6.0
FASTEST_SAMPLES = 44.0
CALIBRATION_S = 0.010
READ_S = 100e-6  # a read on a 400 kHz bus: a driver that polls without sleeping does end
OFFSET_LSB = 256.0 / 2**23  # of full scale: the registers hold bits 19:8 of a 24 bit sample
OFFSET_LARGEST = 2**11 - 1

LEVEL, QUIET, ALC_FIELDS = range(3)


@dataclass(frozen=True)
class Alc:
    """The level control as set, in decibels and samples."""

    left: bool
    right: bool
    hybrid: bool
    offset: bool
    manual: bool
    target_min_dbfs: float
    target_max_dbfs: float
    noise_dbfs: float
    gated: bool
    max_gain_db: float
    max_attenuation_db: float
    analogue_min_db: float
    analogue_max_db: float
    attack_samples: float
    release_samples: float
    hold_samples: float
    integrate_attack: float
    integrate_release: float
    clip_level: float | None

    @property
    def channels(self) -> str:
        """As `state` names them."""
        return {(0, 0): "off", (1, 0): "left", (0, 1): "right", (1, 1): "stereo"}[self.left, self.right]


def alc(registers: Registers) -> Alc:
    """Codes beyond a table's end act as its last."""
    return Alc(
        left=registers.on(0x2B, 3),
        right=registers.on(0x2B, 7),
        hybrid=registers.on(0x2B, 1),
        offset=registers.on(0x2B, 0),
        manual=registers.on(0x2B, 2),
        target_min_dbfs=0.0 - 1.5 * registers.bits(0x9D, 5, 0),
        target_max_dbfs=0.0 - 1.5 * registers.bits(0x9E, 5, 0),
        noise_dbfs=0.0 - 1.5 * registers.bits(0x9C, 5, 0),
        gated=registers.bits(0x9C, 5, 0) < 0x3F and (registers.on(0x2B, 3) or registers.on(0x2B, 7)),
        max_gain_db=6.0 * registers.bits(0x9F, 7, 4),
        max_attenuation_db=6.0 * registers.bits(0x9F, 3, 0),
        analogue_min_db=-6.0 + 6.0 * registers.bits(0xA0, 2, 0),
        analogue_max_db=-6.0 + 6.0 * registers.bits(0xA0, 6, 4),
        attack_samples=44.0 * 2 ** min(registers.bits(0x9A, 3, 0), 12),
        release_samples=176.0 * 2 ** min(registers.bits(0x9A, 7, 4), 10),
        hold_samples=62.0 * 2 ** registers.bits(0x9B, 3, 0),
        integrate_attack=INTEGRATION[registers.bits(0x9B, 5, 4)],
        integrate_release=INTEGRATION[registers.bits(0x9B, 7, 6)],
        clip_level=(registers.bits(0xA2, 6, 0) + 1) / 128.0 if registers.on(0xA1, 7) else None,
    )


class Law(NamedTuple):
    """The same in the loop's units: amplitudes of full scale, frames, decibels per frame."""

    left: bool
    right: bool
    target_min: float
    target_max: float
    noise: float
    max_db: float
    min_db: float
    attack_db: float
    release_db: float
    hold: float
    rise: float
    fall: float
    clip: float
    clip_db: float
    analogue_low_db: float  # how far the microphone amplifiers may move from their registers
    analogue_high_db: float


LAW_OFF = Law(False, False, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0)


def law(alc: Alc, analogue_db: tuple[float, float], samples_per_frame: float) -> Law:
    """`analogue_db`: the room the microphone amplifiers have, (0, 0) when the control is digital only."""
    return Law(
        left=alc.left,
        right=alc.right,
        target_min=linear(alc.target_min_dbfs),
        target_max=linear(alc.target_max_dbfs),
        noise=linear(alc.noise_dbfs),
        max_db=alc.max_gain_db,
        min_db=-alc.max_attenuation_db,
        attack_db=STEP_DB / alc.attack_samples * samples_per_frame,
        release_db=STEP_DB / alc.release_samples * samples_per_frame,
        hold=alc.hold_samples / samples_per_frame,
        rise=1.0 - (1.0 - alc.integrate_attack) ** samples_per_frame,
        fall=1.0 - (1.0 - alc.integrate_release) ** samples_per_frame,
        clip=2.0 if alc.clip_level is None else alc.clip_level,
        clip_db=STEP_DB / FASTEST_SAMPLES * samples_per_frame,
        analogue_low_db=analogue_db[0],
        analogue_high_db=analogue_db[1],
    )


class Path(NamedTuple):
    """What the record path does to the signal apart from its gains."""

    headroom_v: float
    full_scale_v: float
    pole: float  # of the first-order high-pass, bilinear; 1 is no high-pass


@njit(cache=True)
def record(  # type: ignore[no-untyped-def]  # numba types it
    mic_v, aux_v, noise, mic_gain, route, cross, mixin, adc_on, offset, correction,
    mixed, samples, path, law, gain_db, detector, filter_state,
):  # fmt: skip
    """Volts at the microphone amplifiers and behind the AUX amplifiers -> volts behind MIXIN, samples of full scale.

    Signals are float64[2, n]; mixed and samples are written. mic_gain[2]: amplitudes by register, route[2, 2]: from
    microphone to channel, cross[2]: from the other MIXIN, mixin[2, n]: amplitudes. offset, correction: fractions of
    full scale. gain_db[2] is what the level control adds, whole and to the microphone amplifiers; it, detector
    and filter_state[2, 2] persist.
    """
    whole, analogue = 10.0 ** (gain_db[0] / 20.0), 10.0 ** (gain_db[1] / 20.0)
    live = law.left or law.right
    scale = 0.5 * (1.0 + path.pole)
    for i in range(mic_v.shape[1]):
        first = min(max(mic_v[0, i] * mic_gain[0] * analogue, -path.headroom_v), path.headroom_v)
        second = min(max(mic_v[1, i] * mic_gain[1] * analogue, -path.headroom_v), path.headroom_v)
        left = route[0, 0] * first + route[0, 1] * second + aux_v[0, i]
        right = route[1, 0] * first + route[1, 1] * second + aux_v[1, i]
        level = 0.0
        for c in range(2):
            own, other = (left, right) if c == 0 else (right, left)
            volts = (own + cross[c] * other * mixin[1 - c, i]) * mixin[c, i]
            volts = min(max(volts, -path.headroom_v), path.headroom_v)
            mixed[c, i] = volts
            sample = volts / path.full_scale_v + offset[c] + noise[c, i]
            sample = (min(max(sample, -1.0), 1.0) - correction[c]) * adc_on[c]
            if (c == 0 and law.left) or (c == 1 and law.right):
                sample *= whole / analogue
                level = max(level, abs(sample))
            sample = min(max(sample, -1.0), 1.0)
            filtered = sample
            if path.pole < 1.0:
                filtered = scale * (sample - filter_state[c, 0]) + path.pole * filter_state[c, 1]
            filter_state[c, 0] = sample
            filter_state[c, 1] = filtered
            samples[c, i] = filtered
        if live:
            move = _move(level, gain_db[0], whole, law, detector)
            if move != 0.0:
                gain_db[0] = min(max(gain_db[0] + move, law.min_db), law.max_db)
                steps = STEP_DB * np.floor(gain_db[0] / STEP_DB + 1e-9)
                gain_db[1] = min(max(steps, law.analogue_low_db), law.analogue_high_db)
                whole, analogue = 10.0 ** (gain_db[0] / 20.0), 10.0 ** (gain_db[1] / 20.0)


@njit(cache=True)
def _move(level, gain_db, whole, law, detector):  # type: ignore[no-untyped-def]  # numba types it
    """Decibels the gain moves after this frame."""
    detector[LEVEL] += (law.rise if level > detector[LEVEL] else law.fall) * (level - detector[LEVEL])
    tracked = detector[LEVEL]
    if level > law.clip:
        detector[QUIET] = 0.0
        return -law.clip_db
    if tracked > law.target_max or gain_db > law.max_db:
        detector[QUIET] = 0.0
        return -law.attack_db
    if gain_db < law.min_db:
        return law.attack_db
    if tracked >= law.target_min:
        detector[QUIET] = 0.0
        return 0.0
    if tracked < law.noise * whole:
        return 0.0
    detector[QUIET] += 1.0
    return law.release_db if detector[QUIET] > law.hold and gain_db < law.max_db else 0.0


class Calibration:
    """The offset of each channel as last measured, and whether it means anything."""

    def __init__(self) -> None:
        self.running = False
        self.overflow = False
        self.codes = [0, 0]
        self._mixin_codes: list[int | None] = [None, None]
        self._run_s = 0.0

    def start(self) -> None:
        """0x2B bit 4 was set."""
        self.running, self._run_s = True, 0.0

    def stop(self) -> None:
        """It was cleared before the end: nothing was measured."""
        self.running = False

    def wait(self, seconds: float) -> bool:
        """Time passes; True when a run has just ended and wants `finish`."""
        self._run_s += seconds if self.running else 0.0
        ended = self.running and self._run_s >= CALIBRATION_S - 1e-9
        self.running = self.running and not ended
        return ended

    def finish(self, offsets: list[float | None], disturbed: bool, mixin_codes: list[int]) -> None:
        """`offsets`: what each converter reads, None where it reads nothing; `disturbed`: a microphone was live."""
        self.overflow = disturbed
        self._mixin_codes = [None, None]
        for side, offset in enumerate(offsets):
            if disturbed:
                self.codes[side] = OFFSET_LARGEST
                continue
            code = round((offset or 0.0) / OFFSET_LSB)
            self.overflow = self.overflow or abs(code) > OFFSET_LARGEST
            self.codes[side] = min(max(code, -OFFSET_LARGEST - 1), OFFSET_LARGEST)
            if offset is not None and abs(code) <= OFFSET_LARGEST:
                self._mixin_codes[side] = mixin_codes[side]

    def valid(self, side: int, mixin_code: int) -> bool:
        """The measured offset is that of this MIXIN gain."""
        return self._mixin_codes[side] == mixin_code

    def read(self, register: int) -> int:
        """0xA3, 0xA4 left, 0xA8, 0xA9 right: middle and upper part."""
        code = self.codes[register >= 0xA8] & 0xFFF
        return code >> 8 if register in (0xA4, 0xA9) else code & 0xFF


def manual_offset(registers: Registers, side: int) -> float:
    """What 0xA6/0xA7 or 0xAB/0xAC ask to add, as a fraction of full scale."""
    low = (0xA6, 0xAB)[side]
    code = registers.bits(low + 1, 3, 0) << 8 | registers.bits(low, 7, 0)
    return (code - 0x1000 if code & 0x800 else code) * OFFSET_LSB
