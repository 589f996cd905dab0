"""The TLV320AIC3104's record path: input mixers, PGA, ADC, high-pass, and the settings of an AGC per channel.

A 0.707 Vrms sine at the PGA's output is 0 dBFS, whatever the supply. The negative pins (MIC1LM, MIC1RM) are taken to
be grounded: a LINE1 input set to differential loses 6 dB. A PGA works without its ADC, for the routes past it.

Register 0x6B takes a side's high-pass coefficients from page 1, H(z) = (N0 + N1 z^-1) / (32768 - D1 z^-1); register
0x0C switches that side's high-pass on, by any code but 0, and with programmable coefficients the code's own corner
counts for nothing. That both registers are needed is how the public drivers that use this set it (both are written
together, and 0x0C alone switches off again); no source says that 0x6B acts without 0x0C. Such a filter removes DC when
N0 + N1 is 0, and exactly then is called a high-pass: one step beside that is a gain of 1 / (32768 - D1) at DC.

Left out: digital effects in the record path, input common-mode weak bias.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.sim.frames import SlowConverter
from hil.sim.tlv320aic3104_agc import (
    AGC_MIN_DB,
    ATTACK,
    AVERAGE_S,
    CLIP_STEP,
    CLIPPED,
    DECAY,
    DETECTOR_FIELDS,
    GATE,
    LAW_FIELDS,
    MAX_DB,
    NOISE_FRAMES,
    NOISY,
    ON,
    PGA_MAX_DB,
    RELEASE,
    SIGNAL_FRAMES,
    SMOOTHING,
    STEP_DB,
    TARGET,
    record,
)
from hil.sim.tlv320aic3104_clocks import Clocks
from hil.sim.tlv320aic3104_registers import ADC_HIGH_PASS, Registers
from hil.sim.volume import linear

Array = NDArray[np.float64]

PINS = ("MIC1LP", "MIC1RP", "MIC2L", "MIC2R")
# left, right: (pin, register, high bit of the level, bit for differential)
MIXERS = (
    (("MIC2L", 0x11, 7, None), ("MIC2R", 0x11, 3, None), ("MIC1LP", 0x13, 6, 7), ("MIC1RP", 0x15, 6, 7)),
    (("MIC2L", 0x12, 7, None), ("MIC2R", 0x12, 3, None), ("MIC1RP", 0x16, 6, 7), ("MIC1LP", 0x18, 6, 7)),
)
SOFTEST_INPUT = 8  # -12 dB; 15 is disconnected, and the codes between are taken for that
DIFFERENTIAL_DB = 20.0 * math.log10(0.5)
PGA, ADC_POWER, AGC, GATE_TIMES, FINE_TIMES = (0x0F, 0x10), (0x13, 0x16), (0x1A, 0x1D), (0x22, 0x23), (0x67, 0x69)

HIGH_PASS = (None, 0.0045, 0.0125, 0.025)  # of fs
HIGHEST_CORNER = 0.49  # of fs: what a corner may be where the ADC is slower than the frames
SOFT_STEP_FRAMES = (1, 2, None, None)
TARGET_DBFS = (-5.5, -8.0, -10.0, -12.0, -14.0, -17.0, -20.0, -24.0)
ATTACK_MS, DECAY_MS = (8.0, 11.0, 16.0, 20.0), (100.0, 200.0, 400.0, 500.0)
FINE_ATTACK_MS, FINE_DECAY_MS = (7.0, 8.0, 10.0, 11.0), (50.0, 150.0, 250.0, 350.0)
LONGEST_FACTOR = 6  # a decay's factor ends at 64
HYSTERESIS_DB = (1.0, 2.0, 3.0, 0.0)
DEBOUNCE_MS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # unverified, as are the longer ones: 64 ms times code - 7
FSREF_HZ = (48_000.0, 44_100.0)

FULL_SCALE_V = 1.0  # 0.707 Vrms
COMMON_MODE_V = 1.35
ADC_OFFSET_V = (0.001, -0.0008)
ADC_NOISE = 10 ** (-90 / 20) / math.sqrt(2)  # about 92 dB A-weighted
PIN_NOISE_V = 10 ** (-113 / 20)  # what is left at full gain
OUT_OF_TUNE = 1e-6


@dataclass(frozen=True)
class Channel:
    """One side up to its ADC. Sources are (pin, gain in dB)."""

    sources: tuple[tuple[str, float], ...]
    muted: bool
    adc_on: bool

    @property
    def live(self) -> bool:
        """Signal reaches the PGA and leaves it."""
        return not self.muted and bool(self.sources)


@dataclass(frozen=True)
class Agc:
    """One channel's level control as set, with true times in ms: a wrong fs(ref) bit stretches them."""

    on: bool
    target_dbfs: float
    max_gain_db: float
    attack_ms: float
    decay_ms: float
    gate_dbfs: float | None
    hysteresis_db: float
    noise_ms: float
    signal_ms: float
    clip_stepping: bool

    def law(self, frame_rate_hz: float) -> Array:
        """The same in the loop's units: amplitudes of full scale, frames, steps per frame."""
        per_ms = frame_rate_hz / 1000.0
        steps = PGA_MAX_DB / STEP_DB
        law = np.zeros(LAW_FIELDS)
        law[ON] = self.on
        law[TARGET] = linear(self.target_dbfs)
        law[MAX_DB] = self.max_gain_db
        law[ATTACK] = steps / (self.attack_ms * per_ms)
        law[DECAY] = steps / (self.decay_ms * per_ms)
        law[GATE] = linear(self.gate_dbfs)
        law[RELEASE] = 0.0 if self.gate_dbfs is None else linear(self.gate_dbfs + self.hysteresis_db)
        law[NOISE_FRAMES] = self.noise_ms * per_ms
        law[SIGNAL_FRAMES] = self.signal_ms * per_ms
        law[SMOOTHING] = 1.0 / (AVERAGE_S * frame_rate_hz)
        law[CLIP_STEP] = self.clip_stepping
        return law


def channel(registers: Registers, side: int) -> Channel:
    """Side 0 is left, 1 is right."""
    sources = []
    for pin, register, high, differential in MIXERS[side]:
        code = registers.bits(register, high, high - 3)
        if code <= SOFTEST_INPUT:
            half = differential is not None and registers.on(register, differential)
            sources.append((pin, -1.5 * code + (DIFFERENTIAL_DB if half else 0.0)))
    return Channel(
        sources=tuple(sources),
        muted=registers.on(PGA[side], 7),
        adc_on=registers.on(ADC_POWER[side], 2),
    )


def agc(registers: Registers, side: int, fsref_hz: float | None) -> Agc:
    """Times count periods of the fs(ref) that bit 7 of register 7 claims."""
    first, fine, debounce = AGC[side], FINE_TIMES[side], GATE_TIMES[side]
    stretch = FSREF_HZ[registers.on(0x07, 7)] / (fsref_hz or 48_000.0)
    attack_ms, decay_ms = ATTACK_MS[registers.bits(first, 3, 2)], DECAY_MS[registers.bits(first, 1, 0)]
    if registers.on(fine, 7):
        attack_ms = FINE_ATTACK_MS[registers.bits(fine, 6, 5)] * 2.0 ** registers.bits(fine, 4, 2)
    if registers.on(fine + 1, 7):
        factor = 2.0 ** min(registers.bits(fine + 1, 4, 2), LONGEST_FACTOR)
        decay_ms = FINE_DECAY_MS[registers.bits(fine + 1, 6, 5)] * factor
    gate, noise = registers.bits(first + 2, 5, 1), registers.bits(debounce, 7, 3)
    return Agc(
        on=registers.on(first, 7) and registers.on(ADC_POWER[side], 2),
        target_dbfs=TARGET_DBFS[registers.bits(first, 6, 4)],
        max_gain_db=min(0.5 * registers.bits(first + 1, 7, 1), PGA_MAX_DB),
        attack_ms=attack_ms * stretch,
        decay_ms=decay_ms * stretch,
        gate_dbfs=-28.0 - 2.0 * gate if gate else None,
        hysteresis_db=HYSTERESIS_DB[registers.bits(first + 2, 7, 6)],
        noise_ms=(DEBOUNCE_MS[noise] if noise < 8 else 64.0 * (noise - 7)) * stretch,
        signal_ms=DEBOUNCE_MS[registers.bits(debounce, 2, 0)] * stretch,
        clip_stepping=registers.on(first + 2, 0),
    )


def pga_gain_db(code: int) -> float:
    """0 to 59.5 dB for a gain code; mute is a bit of its own."""
    return min(0.5 * (code & 0x7F), PGA_MAX_DB)


@dataclass(frozen=True)
class Section:
    """One side's filter behind the ADC: (n0 + n1 z^-1) / (1 - pole z^-1)."""

    n0: float = 1.0
    n1: float = 0.0
    pole: float = 0.0

    @property
    def turn_of_fs(self) -> float:
        """Where the pole turns the response, in [0, 0.5]."""
        return math.atan2(1.0 - self.pole, 1.0 + self.pole) / math.pi

    @property
    def corner_of_fs(self) -> float | None:
        """3 dB below the gain at half the sample rate; None for what lets DC through."""
        return self.turn_of_fs if self.n0 and self.n0 + self.n1 == 0.0 else None

    @property
    def gain_db(self) -> float | None:
        """Far above the corner; None for what has none."""
        if self.corner_of_fs is None or self.pole <= -1.0:
            return None
        return 20.0 * math.log10(abs(self.n0 - self.n1) / (1.0 + self.pole))

    def stretched(self, samples_per_frame: float) -> Section:
        """The same response where one sample lasts more than a frame: the turn moves down, both ends stay."""
        if samples_per_frame >= 1.0:
            return self
        turn = min(self.turn_of_fs, HIGHEST_CORNER)
        ratio = math.tan(math.pi * turn) / math.tan(math.pi * turn * samples_per_frame)
        low, high = self.n0 + self.n1, (self.n0 - self.n1) * ratio
        below, above = 1.0 - self.pole, (1.0 + self.pole) * ratio
        total = below + above
        return Section((low + high) / total, (low - high) / total, (above - below) / total)


def high_pass(registers: Registers, side: int) -> tuple[Section, float | None]:
    """What is between the ADC and the port, and its corner as a fraction of the sample rate."""
    high = 7 - 2 * side
    corner = HIGH_PASS[registers.bits(0x0C, high, high - 1)]
    if corner is None:
        return Section(), None
    if registers.on(0x6B, 7 - side):
        n0, n1, d1 = registers.coefficients(ADC_HIGH_PASS[side], 3)
        section = Section(n0 / 32768.0, n1 / 32768.0, d1 / 32768.0)
        return section, section.corner_of_fs
    k = math.tan(math.pi * corner)
    return Section(1.0 / (1.0 + k), -1.0 / (1.0 + k), (1.0 - k) / (1.0 + k)), corner


class RecordPath:
    """Volts at pins in, ADC words out; keeps PGA gains, the AGCs' detectors and the high-pass."""

    def __init__(self, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything."""
        self._gain_db = np.zeros(2)
        self._goal_db = np.zeros(2)
        self._detector = np.zeros((2, DETECTOR_FIELDS))
        self._filter = np.zeros((2, 2))
        self._slow = SlowConverter()
        self._noise_seen = [False, False]
        self._agc_was_on = [False, False]
        self.pga_v: Array = np.zeros((2, 0))
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over everything the registers say except PGA gain changes, which come by `set_pga`."""
        adc_rate = clocks.adc_rate_hz if clocks else None
        link_rate = clocks.link_rate_hz if clocks else 48_000.0
        self._adc_rate_hz = adc_rate
        self.channels = (channel(registers, 0), channel(registers, 1))
        self.agc = tuple(agc(registers, side, clocks.fsref_hz if clocks else None) for side in (0, 1))
        filters = [high_pass(registers, side) for side in (0, 1)]
        self.high_pass_of_fs = [corner for _, corner in filters]
        self._high_pass_gain_db = [section.gain_db for section, _ in filters]
        self._samples_per_frame = (adc_rate or link_rate) / link_rate
        played = [section.stretched(self._samples_per_frame) for section, _ in filters]
        self._high_pass = np.array([(section.n0, section.n1, section.pole) for section in played])
        self._soft_codes = [registers.bits(register, 1, 0) for register in ADC_POWER]
        self._soft = np.array([soft_steps(code, bool(adc_rate)) for code in self._soft_codes])
        self._law = np.stack([level.law(link_rate) for level in self.agc])
        if not adc_rate:
            self._law[:, ON] = 0.0
        for side in (0, 1):
            on = bool(self._law[side, ON])
            if self._agc_was_on[side] and not on:
                self._goal_db[side] = self._gain_db[side]  # stays there until the PGA register is written again
            if on != self._agc_was_on[side]:
                self._detector[side] = 0.0
            self._agc_was_on[side] = on
        self._live = np.array([float(side.live) for side in self.channels])
        self._adc_on = np.array([float(side.adc_on) for side in self.channels])

    def set_pga(self, registers: Registers, side: int) -> None:
        """A PGA gain was written; an AGC that is on does not hear of it."""
        if self._law[side, ON]:
            return
        self._goal_db[side] = pga_gain_db(registers.bits(PGA[side], 6, 0))
        if self._soft_codes[side] > 1:
            self._gain_db[side] = self._goal_db[side]

    def wait(self, seconds: float) -> None:
        """Time without frames: written gains go on stepping where there is a clock."""
        for side in (0, 1):
            if not self._law[side, ON]:
                reach = STEP_DB * math.floor(self._soft[side] * seconds * (self._adc_rate_hz or 0.0))
                missing = self._goal_db[side] - self._gain_db[side]
                self._gain_db[side] += min(max(missing, -reach), reach)

    def capture(
        self, volts: Mapping[str, NDArray[np.float32]], period_frames: int, offset_v: float, linked: bool
    ) -> Array:
        """One period: float64[2, n] of full scale, before the wire; zeros where nothing converts."""
        n = period_frames
        pga_in, samples, pga_v = np.empty((3, 2, n))
        noise = self._noise.standard_normal((2, 2, n), dtype=np.float32)
        np.multiply(noise[0], PIN_NOISE_V, out=pga_in)
        for side, path in enumerate(self.channels):
            for pin, gain_db in path.sources:
                if pin in volts:
                    pga_in[side] += linear(gain_db) * volts[pin]
        record(
            pga_in, noise[1] * ADC_NOISE, pga_v, samples, self._gain_db, self._goal_db, self._soft, self._live,
            self._adc_on, COMMON_MODE_V, FULL_SCALE_V, np.array(ADC_OFFSET_V) + offset_v, self._high_pass,
            self._law, self._detector, self._filter,
        )  # fmt: skip
        self.pga_v = pga_v
        self._noise_seen = [seen or noisy for seen, noisy in zip(self._noise_seen, self.below_noise, strict=True)]
        if not (self._adc_rate_hz and linked):
            return np.zeros((2, n))
        if self._samples_per_frame < 1.0 - OUT_OF_TUNE:
            samples = self._slow.hold(samples, self._samples_per_frame)
        return samples

    @property
    def agc_drives(self) -> list[bool]:
        """The AGC moves the gain, left and right."""
        return [bool(on) for on in self._law[:, ON]]

    @property
    def below_noise(self) -> list[bool]:
        """The AGC's noise flag, left and right."""
        return [bool(law[ON] and state[NOISY]) for law, state in zip(self._law, self._detector, strict=True)]

    def take_noise_flags(self) -> list[bool]:
        """The sticky ones; reading clears them."""
        seen, self._noise_seen = self._noise_seen, self.below_noise
        return seen

    def take_overflows(self) -> list[bool]:
        """An ADC has clipped since the last look."""
        clipped = [bool(state[CLIPPED]) for state in self._detector]
        self._detector[:, CLIPPED] = 0.0
        return clipped

    def applied(self, registers: Registers, side: int) -> bool:
        """The gain is the one in the PGA register."""
        return bool(self._gain_db[side] == pga_gain_db(registers.bits(PGA[side], 6, 0)))

    def saturated(self, side: int) -> bool:
        """The AGC would like more gain than it may have."""
        return bool(self._law[side, ON] and self._gain_db[side] >= self.agc[side].max_gain_db)

    def gain_status(self, side: int) -> int:
        """Half decibels above the lowest gain of the AGC; 0 dB while it is off."""
        gain_db = self._gain_db[side] if self._law[side, ON] else 0.0
        return round((gain_db - AGC_MIN_DB) / STEP_DB)

    def state(self) -> dict[str, object]:
        """Record side of `Tlv320aic3104.state`.

        high_pass and high_pass_hz are the left side's, or the right one's where the left lets DC through;
        high_pass_of_fs and high_pass_gain_db (far above the corner) have both.
        input_soft_step_frames: frames to half a decibel of a written gain, None: at once.
        """
        left, right = (level.on for level in self.agc)
        level = self.agc[1] if right and not left else self.agc[0]
        corner = self.high_pass_of_fs[0] or self.high_pass_of_fs[1]
        return {
            "high_pass": corner is not None,
            "high_pass_hz": corner * self._adc_rate_hz if corner and self._adc_rate_hz else None,
            "high_pass_of_fs": list(self.high_pass_of_fs),
            "high_pass_gain_db": list(self._high_pass_gain_db),
            "input_soft_step_frames": [SOFT_STEP_FRAMES[code] for code in self._soft_codes],
            "alc": "stereo" if left and right else "left" if left else "right" if right else "off",
            "alc_mode": "alc",
            "alc_target_dbfs": level.target_dbfs,
            "alc_max_gain_db": level.max_gain_db,
            "alc_min_gain_db": AGC_MIN_DB,
            "alc_reach_db": [
                one.max_gain_db + max((ratio for _, ratio in side.sources), default=0.0)
                for one, side in zip(self.agc, self.channels, strict=True)
            ],
            "alc_hold_ms": None,
            "alc_decay_ms": level.decay_ms,
            "alc_attack_ms": level.attack_ms,
            "alc_clip_stepping": level.clip_stepping,
            "noise_gate": level.on and level.gate_dbfs is not None,
            "noise_gate_dbfs": level.gate_dbfs,
            "noise_gate_hysteresis_db": level.hysteresis_db,
            "agc": [dict(vars(one)) for one in self.agc],
            "inputs": [sorted(pin for pin, _ in side.sources) for side in self.channels],
            "pga_gain_db": [float(gain) for gain in self._gain_db],
            "input_gain_db": [
                float(gain) + max(ratio for _, ratio in side.sources) if side.live and side.adc_on else None
                for gain, side in zip(self._gain_db, self.channels, strict=True)
            ],
            "adc_gain_db": [0.0 if side.adc_on else None for side in self.channels],
        }


def soft_steps(code: int, clocked: bool) -> float:
    """Steps per frame: 1, 1/2, or no steps at all, which also stand still without a clock."""
    return (1.0, 0.5, 0.0, 0.0)[code] if clocked else 0.0
