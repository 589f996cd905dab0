"""The WM8960's record path: input switches, PGA, boost mixer, ADC, high-pass, level control, ADC volume.

Polarity: xINPUT1 feeds the PGA's inverting input and arrives inverted; xINPUT2 and xINPUT3 arrive upright,
through the PGA's non-inverting input or straight into the boost mixer. A 1 Vrms sine at the ADC is 0 dBFS
when AVDD is 3.3 V, in proportion at other supplies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.sim.dynamics import (
    ALC_OFF,
    DETECTOR_FIELDS,
    WINDOW_S,
    AlcLaw,
    LevelControl,
    Path,
    record,
)
from hil.sim.frames import SlowConverter
from hil.sim.volume import Volume, linear
from hil.sim.wm8960_clocks import Clocks
from hil.sim.wm8960_registers import MUTE, Registers

Array = NDArray[np.float64]

MIC_BOOST_DB = (0.0, 13.0, 20.0, 29.0)
ALC_CHANNELS = ("off", "right", "left", "stereo")
ALC_RATES_HZ = (48_000.0, 32_000.0, 24_000.0, 16_000.0, 12_000.0, 8_000.0, 8_000.0, 8_000.0)
DATA_SELECT = ((0, 1), (0, 0), (1, 1), (1, 0))
ADC_OFFSET = 0.001
ADC_NOISE = 10 ** (-93 / 20) / math.sqrt(2)  # about -95 dBFS when A-weighted
STEP_DB = 0.75
PGA_MIN_DB, PGA_MAX_DB = -17.25, 30.0
RAMP_DB = 42.75  # 90 % of -17.25..+30 dB, as the datasheet puts it: from -15 to +27.75 dB
HIGH_PASS_POLE = 1.0 - 2.0**-11  # 3.7 Hz at 48 kHz; a fixed coefficient, so the corner follows the rate
PIN_NOISE_V = 10 ** (-115 / 20)  # what is left at full gain


@dataclass(frozen=True)
class Channel:
    """One side of the input switches. Sources are (pin, amplitude ratio)."""

    pga_sources: tuple[tuple[str, float], ...]
    line_sources: tuple[tuple[str, float], ...]
    powered: bool
    pga_powered: bool
    muted: bool
    mic_boost_db: float | None
    adc_on: bool

    @property
    def connected(self) -> set[str]:
        """Pins that reach the ADC's mixer."""
        through_pga = self.pga_sources if self.pga_live and self.mic_boost_db is not None else ()
        return {pin for pin, _ in (*through_pga, *self.line_sources)}

    @property
    def pga_live(self) -> bool:
        """Signal reaches the PGA and leaves it."""
        return self.pga_powered and not self.muted and bool(self.pga_sources)


@dataclass(frozen=True)
class Alc(LevelControl):
    """The level control as set, with times in ms at the true ADC rate."""

    fastest_ms: float

    def law(self, rate_hz: float, ceiling_db: float) -> AlcLaw:
        """As `LevelControl.law`, with times that are those of a ramp."""
        law = super().law(rate_hz, ceiling_db)
        return law._replace(
            decay_steps=steps_per_frame(self.decay_ms / 1000.0, rate_hz),
            attack_steps=steps_per_frame(self.attack_ms / 1000.0, rate_hz),
            limit_steps=steps_per_frame(self.fastest_ms / 1000.0, rate_hz),
            window_frames=WINDOW_S * self.fastest_ms / 6.0 * rate_hz,
            step_db=STEP_DB,
            pga_min_db=PGA_MIN_DB,
            pga_max_db=PGA_MAX_DB,
        )


def steps_per_frame(ramp_s: float, frame_rate_hz: float) -> float:
    """Gain steps in one frame when the PGA covers 90 % of its range in `ramp_s`."""
    return RAMP_DB / STEP_DB / (ramp_s * frame_rate_hz)


def channel(registers: Registers, side: int) -> Channel:
    """Side 0 is left, 1 is right."""
    name, route, line = "LR"[side], 0x20 + side, 0x2B + side
    powered = registers.on(0x19, 5 - side)
    boosts = registers.on(route, 3) and powered
    switches = ((f"{name}INPUT1", 8, -1.0), (f"{name}INPUT2", 6, 1.0), (f"{name}INPUT3", 7, 1.0))
    lines = ((f"{name}INPUT2", registers.bits(line, 3, 1)), (f"{name}INPUT3", registers.bits(line, 6, 4)))
    return Channel(
        pga_sources=tuple((pin, sign) for pin, bit, sign in switches if registers.on(route, bit)),
        line_sources=tuple((pin, linear(-15.0 + 3.0 * code)) for pin, code in lines if code and powered),
        powered=powered,
        pga_powered=powered and registers.on(0x2F, 5 - side),
        muted=bool(registers.latched(side) & MUTE),
        mic_boost_db=MIC_BOOST_DB[registers.bits(route, 5, 4)] if boosts else None,
        adc_on=registers.on(0x19, 3 - side),
    )


def alc(registers: Registers, adc_rate_hz: float | None) -> Alc:
    """Times count ADC samples of the rate that ADC_ALC_SR claims: a wrong claim stretches all of them."""
    stretch = ALC_RATES_HZ[registers.bits(0x1B, 2, 0)] / (adc_rate_hz or 48_000.0)
    hold = registers.bits(0x12, 3, 0)
    channels = ALC_CHANNELS[registers.bits(0x11, 8, 7)]
    return Alc(
        channels=channels,
        target_dbfs=min(-22.5 + 1.5 * registers.bits(0x11, 3, 0), -1.5),
        max_gain_db=-12.0 + 6.0 * registers.bits(0x11, 6, 4),
        min_gain_db=-17.25 + 6.0 * registers.bits(0x12, 6, 4),
        hold_ms=8.0 / 3.0 * 2 ** (hold - 1) * stretch if hold else 0.0,
        decay_ms=24.0 * 2 ** min(registers.bits(0x13, 7, 4), 10) * stretch,
        attack_ms=6.0 * 2 ** min(registers.bits(0x13, 3, 0), 10) * stretch,
        fastest_ms=6.0 * stretch,
        limiter=registers.on(0x13, 8),
        gate_dbfs=-76.5 + 1.5 * registers.bits(0x14, 7, 3),
        gated=registers.on(0x14, 0) and channels != "off",
    )


def pga_gain_db(code: int) -> float:
    """-17.25 to +30 dB for a volume code; mute is a bit of its own."""
    return -17.25 + 0.75 * (code & 0x3F)


class RecordPath:
    """Volts at pins in, ADC words out; keeps PGA gains, the ALC's detector and the high-pass."""

    def __init__(self, avdd_v: float, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self._avdd_v = avdd_v
        self.full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self._volumes = [Volume(pga_gain_db(registers.latched(side))) for side in (0, 1)]
        self._gain_db = np.array([volume.gain_db for volume in self._volumes])
        self._detector = np.zeros(DETECTOR_FIELDS)
        self._filter = np.zeros((2, 2))
        self._ceiling_db = 30.0
        self._limiting = False
        self._slow = SlowConverter()
        self.boosted_v: Array = np.zeros((2, 0))
        self.line3_v: Array = np.zeros((2, 0))
        self.words: Array = np.zeros((2, 0))
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over everything the registers say except PGA gain changes, which come by `set_pga`."""
        self.channels = (channel(registers, 0), channel(registers, 1))
        self.alc = alc(registers, clocks.adc_rate_hz if clocks else None)
        self.high_pass = not registers.on(0x05, 0)
        codes = [registers.latched(0x15 + side) & 0xFF for side in (0, 1)]
        self.adc_gain_db = [
            -97.5 + 0.5 * code if code and side.adc_on else None
            for code, side in zip(codes, self.channels, strict=True)
        ]
        self._select = DATA_SELECT[registers.bits(0x17, 3, 2)]
        polarity = [-1.0 if registers.on(0x05, 5 + side) else 1.0 for side in (0, 1)]
        gains = [sign * linear(gain) for sign, gain in zip(polarity, self.adc_gain_db, strict=True)]
        self._adc_gain = np.array(gains)[:, np.newaxis]
        self._live = np.array([float(side.pga_live) for side in self.channels])
        self._boost = np.array([linear(side.mic_boost_db) for side in self.channels])
        self._adc_on = np.array([float(side.adc_on) for side in self.channels])
        self._path = Path(self._avdd_v / 2.0, self.full_scale_v, ADC_OFFSET, HIGH_PASS_POLE if self.high_pass else 0.0)
        self._samples_per_frame = 1.0
        self._corner_hz = (
            (1.0 - HIGH_PASS_POLE) / (2.0 * math.pi) * ((clocks.adc_rate_hz if clocks else None) or 48_000.0)
        )
        if clocks and clocks.adc_rate_hz:
            self._samples_per_frame = clocks.adc_rate_hz / clocks.link_rate_hz
        self._set_law(clocks.link_rate_hz if clocks else 48_000.0)

    def _set_law(self, frame_rate_hz: float) -> None:
        if self.alc.channels == "off":
            self._law, self._limiting = ALC_OFF, False
            self._detector[:] = 0.0
            return
        leader = 1 if self.alc.channels == "right" else 0
        if self.alc.limiter and not self._limiting:
            self._ceiling_db = float(self._gain_db[leader])
        self._limiting = self.alc.limiter
        self._law = self.alc.law(frame_rate_hz, self._ceiling_db)
        for side, driven in enumerate((self._law.left, self._law.right)):
            if driven:
                self._volumes[side].drop()

    def set_pga(self, registers: Registers) -> None:
        """An update bit arrived: gains move now or at a zero crossing, except where ALC drives them."""
        driven = self.alc.channels
        for side, name in enumerate(("left", "right")):
            if driven not in ("stereo", name):
                gain_db = pga_gain_db(registers.latched(side))
                self._volumes[side].set(gain_db, at_zero_crossing=registers.on(side, 6))
                self._gain_db[side] = self._volumes[side].gain_db or 0.0

    def wait(self, seconds: float, timeout_s: float | None) -> None:
        """Time passes for gains that wait for a zero crossing."""
        for side, volume in enumerate(self._volumes):
            if volume.waiting:
                volume.wait(seconds, timeout_s)
                self._gain_db[side] = volume.gain_db or 0.0

    def capture(self, volts: Mapping[str, NDArray[np.float32]], period_frames: int, offset_v: float) -> Array:
        """One period with references up and clocks running: float64[2, n] of full scale, before the wire."""
        n = period_frames
        pga_in, line_in, samples, boosted = np.empty((4, 2, n))
        noise = self._noise.standard_normal((2, 2, n), dtype=np.float32)
        np.multiply(noise[0], PIN_NOISE_V, out=pga_in)
        line_in[:] = offset_v
        step_at = np.full(2, n)
        step_db = self._gain_db.copy()
        for side, path in enumerate(self.channels):
            for pin, sign in path.pga_sources:
                if pin in volts:
                    pga_in[side] += sign * volts[pin]
            for pin, ratio in path.line_sources:
                if pin in volts:
                    line_in[side] += ratio * volts[pin]
            if self._volumes[side].waiting:
                step_at[side], waiting_db = self._volumes[side].crossing(pga_in[side])
                step_db[side] = waiting_db or 0.0
        record(
            pga_in, line_in, noise[1] * ADC_NOISE, boosted, samples, self._gain_db, step_at, step_db,
            self._live, self._boost, self._adc_on, self._path, self._law, self._detector, self._filter,
        )  # fmt: skip
        for side in (0, 1):
            self._volumes[side].gain_db = float(self._gain_db[side])
        silent = np.zeros(n)
        self.line3_v = np.stack([np.asarray(volts.get(f"{name}INPUT3", silent), np.float64) for name in "LR"])
        self.boosted_v = boosted * np.array([[float(side.powered)] for side in self.channels])
        words: Array = np.clip(samples * self._adc_gain, -1.0, 1.0)
        if self._select != (0, 1):
            words = words[list(self._select)]
        if self._samples_per_frame < 1.0:
            words = self._slow.hold(words, self._samples_per_frame)
        self.words = words
        return words

    def silence(self, period_frames: int) -> Array:
        """One period in which nothing converts."""
        self.words = self.boosted_v = self.line3_v = np.zeros((2, period_frames))
        return self.words

    def _whole_gain_db(self, side: int) -> float | None:
        """From the PGA's pin to the ADC; None where nothing arrives."""
        path = self.channels[side]
        if not (path.pga_live and path.adc_on) or path.mic_boost_db is None:
            return None
        return float(self._gain_db[side]) + path.mic_boost_db

    def state(self) -> dict[str, object]:
        """Record side of `Wm8960.state`."""
        level = self.alc
        return {
            "high_pass": self.high_pass,
            "high_pass_hz": self._corner_hz if self.high_pass else None,
            "inputs": [sorted(side.connected) for side in self.channels],
            "input_gain_db": [self._whole_gain_db(side) for side in (0, 1)],
            **level.state(),
            "alc_reach_db": [level.max_gain_db + (side.mic_boost_db or 0.0) for side in self.channels],
            "pga_gain_db": [
                float(gain) if side.pga_live else None for gain, side in zip(self._gain_db, self.channels, strict=True)
            ],
            "boost_db": [side.mic_boost_db for side in self.channels],
            "adc_gain_db": list(self.adc_gain_db),
        }
