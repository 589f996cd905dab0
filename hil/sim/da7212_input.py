"""The DA7212's record path: microphone and AUX amplifiers, MIXIN, ADC, level control, high-pass, ADC volume.

A pin's volts are the signal, whether the amplifier is set differential or single-ended; only MIC_N arrives inverted.
A 1 Vrms sine at the ADC is 0 dBFS when the supply is 3.3 V, in proportion at other supplies. Digital gains follow
the Linux driver's scale, in which the reset code 0x6F is -0.75 dB (the younger siblings' drivers say 0 dB).
Voice mode takes its corner at 8 kHz in proportion to the rate, also above 16 kHz; its narrower decimation filter
is left out, and so are digital microphones: with DMIC_EN the converter has no input at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.sim.da7212_alc import ALC_FIELDS, LAW_OFF, Calibration, Path, alc, law, manual_offset, record
from hil.sim.da7212_clocks import Clocks
from hil.sim.da7212_gain import Gain, curves
from hil.sim.da7212_registers import Registers
from hil.sim.volume import linear

Array = NDArray[np.float64]

PINS = ("MIC1", "MIC2", "AUX_L", "AUX_R")
MIC_SIGN = (1.0, 1.0, -1.0, 0.0)  # differential, MIC_P, MIC_N, reserved
AUDIO_CORNER = (24_000.0, 12_000.0, 6_000.0, 3_000.0)
VOICE_CORNER_HZ = (2.5, 25.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0)  # at 8 kHz
OFFSET = (0.0005, -0.0004)  # of full scale with MIXIN at 0 dB
ADC_NOISE = 10 ** (-90 / 20) / math.sqrt(2)
PIN_NOISE_V = 10 ** (-118 / 20)


def mic_gain_db(code: int) -> float:
    """-6 to +36 dB."""
    return -6.0 + 6.0 * code


def mixin_gain_db(code: int) -> float:
    """-4.5 to +18 dB."""
    return -4.5 + 1.5 * code


def aux_gain_db(code: int) -> float:
    """-54 to +15 dB; the lowest eighteen codes are all -54 dB."""
    return -79.5 + 1.5 * max(code, 0x11)


# The driver's table starts at -78 dB, but calls its last code +12 dB: it is the start that is one step off.
DIGITAL_FLOOR_DB = -83.25


def digital_gain_db(code: int) -> float | None:
    """-77.25 to +12 dB; None below."""
    return DIGITAL_FLOOR_DB + 0.75 * code if code >= 8 else None


def corner_hz(registers: Registers, register: int, rate_hz: float) -> float | None:
    """Corner of the ADC's (0x38) or the DAC's (0x44) high-pass; None when it is off."""
    if not registers.on(register, 7):
        return None
    if registers.on(register, 3):
        return VOICE_CORNER_HZ[registers.bits(register, 2, 0)] * rate_hz / 8_000.0
    return rate_hz / AUDIO_CORNER[registers.bits(register, 5, 4)]


def high_pass_pole(corner_hz: float | None, rate_hz: float) -> float:
    """Of the bilinear first-order high-pass (1 + p) / 2 * (1 - z^-1) / (1 - p z^-1); 1 for none."""
    if corner_hz is None:
        return 1.0
    turn = math.tan(math.pi * corner_hz / rate_hz)
    return (1.0 - turn) / (1.0 + turn)


@dataclass(frozen=True)
class Mic:
    """One microphone amplifier."""

    on: bool
    muted: bool
    sign: float
    gain_db: float

    @property
    def live(self) -> bool:
        """Signal leaves it."""
        return self.on and not self.muted and self.sign != 0.0


@dataclass(frozen=True)
class Channel:
    """One MIXIN and its ADC."""

    mics: tuple[bool, bool]
    aux: bool
    other: bool
    mixer_on: bool
    amplifier_on: bool
    muted: bool
    digital_mic: bool
    adc_on: bool
    adc_muted: bool
    mixin_code: int

    @property
    def mixes(self) -> bool:
        """Mixer and amplifier are on: they are two bits."""
        return self.mixer_on and self.amplifier_on

    @property
    def converts(self) -> bool:
        """The analogue side reaches a running ADC."""
        return self.adc_on and not self.digital_mic


def mic(registers: Registers, index: int) -> Mic:
    """Index 0 is MIC1."""
    control = 0x63 + index
    return Mic(
        on=registers.on(control, 7),
        muted=registers.on(control, 6),
        sign=MIC_SIGN[registers.bits(control, 3, 2)],
        gain_db=mic_gain_db(registers.bits(0x39 + index, 2, 0)),
    )


def channel(registers: Registers, side: int) -> Channel:
    """Side 0 is left. Bit 1 is the microphone of the own side, bit 2 the other one."""
    select, control, adc = 0x32 + side, 0x65 + side, 0x67 + side
    own, opposite = registers.on(select, 1), registers.on(select, 2)
    return Channel(
        mics=(own, opposite) if side == 0 else (opposite, own),
        aux=registers.on(select, 0),
        other=registers.on(select, 3),
        mixer_on=registers.on(control, 3),
        amplifier_on=registers.on(control, 7),
        muted=registers.on(control, 6),
        digital_mic=registers.on(select, 7),
        adc_on=registers.on(adc, 7),
        adc_muted=registers.on(adc, 6),
        mixin_code=registers.bits(0x34 + side, 3, 0),
    )


class RecordPath:
    """Volts at pins in, ADC words out; keeps gains, the level control, its calibration and the high-pass."""

    def __init__(self, avdd_v: float, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self._headroom_v = avdd_v / 2.0
        self._full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self.calibration = Calibration()
        self.aux_gains = [Gain(-55.5), Gain(-55.5)]
        self.mixin_gains = [Gain(-6.0), Gain(-6.0)]
        self.adc_gains = [Gain(-78.0), Gain(-78.0)]
        self._alc_db = np.zeros(2)
        self._detector = np.zeros(ALC_FIELDS)
        self._filter = np.zeros((2, 2))
        self._means = [0.0, 0.0]
        self.mixed_v: Array = np.zeros((2, 0))
        self.aux_v: Array = np.zeros((2, 0))
        self.words: Array = np.zeros((2, 0))
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over what the registers say."""
        self.mics = (mic(registers, 0), mic(registers, 1))
        self.channels = (channel(registers, 0), channel(registers, 1))
        self.alc = alc(registers)
        self.rate_hz = clocks.rate_hz if clocks else None
        rate_hz = self.rate_hz or 48_000.0
        frames_hz = clocks.link_rate_hz if clocks else 48_000.0
        self.high_pass_hz = corner_hz(registers, 0x38, rate_hz)
        pole = high_pass_pole(self.high_pass_hz, frames_hz)
        self._path = Path(self._headroom_v, self._full_scale_v, pole)
        for side, path in enumerate(self.channels):
            control, adc, aux = 0x65 + side, 0x67 + side, 0x60 + side
            on = path.mixes and not path.muted
            self.mixin_gains[side].set(
                mixin_gain_db(path.mixin_code) if on else None, registers.on(control, 5), registers.on(control, 4)
            )
            gain_db = digital_gain_db(registers.bits(0x36 + side, 6, 0))
            self.adc_gains[side].set(gain_db if path.adc_on and not path.adc_muted else None, registers.on(adc, 5))
            on = registers.on(aux, 7) and not registers.on(aux, 6)
            gain_db = aux_gain_db(registers.bits(0x30 + side, 5, 0)) if on else None
            self.aux_gains[side].set(gain_db, registers.on(aux, 5), registers.on(aux, 4))
        self._manual = [manual_offset(registers, side) for side in (0, 1)]
        self._route = np.array([[float(routed) for routed in path.mics] for path in self.channels])
        self._cross = np.array([float(path.other) for path in self.channels])
        self._mic_gain = np.array([path.sign * linear(path.gain_db) * path.live for path in self.mics])
        self._adc_on = np.array([float(path.converts) for path in self.channels])
        self._set_law(rate_hz / frames_hz)

    def _set_law(self, samples_per_frame: float) -> None:
        if self.alc.channels == "off":
            self._law = LAW_OFF
            self._alc_db[:] = 0.0
            self._detector[:] = 0.0
            return
        self._law = law(self.alc, self._analogue_room_db(), samples_per_frame)
        low_db, high_db = self._law.analogue_low_db, self._law.analogue_high_db
        self._alc_db[1] = min(max(6.0 * math.floor(self._alc_db[0] / 6.0 + 1e-9), low_db), high_db)

    def _analogue_room_db(self) -> tuple[float, float]:
        """How far the control may move the amplifiers behind its channels; (0, 0) when it may not."""
        gains = [
            self.mics[index].gain_db
            for path, driven in zip(self.channels, (self.alc.left, self.alc.right), strict=True)
            for index in (0, 1)
            if driven and path.mics[index] and self.mics[index].live
        ]
        if not self.hybrid or not gains:
            return 0.0, 0.0
        low_db, high_db = self.alc.analogue_min_db - min(gains), self.alc.analogue_max_db - max(gains)
        return (low_db, high_db) if low_db <= high_db else (0.0, 0.0)

    @property
    def hybrid(self) -> bool:
        """The level control moves analogue gain: asked to, and calibrated for every channel it drives."""
        asked = self.alc.hybrid and self.alc.offset and self.alc.channels != "off"
        return asked and all(
            self.alc.manual or self.calibration.valid(side, path.mixin_code)
            for side, (path, driven) in enumerate(zip(self.channels, (self.alc.left, self.alc.right), strict=True))
            if driven
        )

    def calibrate(self, clocked: bool) -> None:
        """A calibration run has ended: what did it see?"""
        disturbed = not clocked or self.alc.channels != "off"
        offsets: list[float | None] = []
        for side, path in enumerate(self.channels):
            heard = [self.mics[index] for index in (0, 1) if path.mics[index]]
            disturbed = disturbed or any(amplifier.live for amplifier in heard)
            measures = path.converts and not path.adc_muted and path.mixes and any(each.on for each in heard)
            offsets.append(self._offset(side) if measures else None)
        self.calibration.finish(offsets, disturbed, [path.mixin_code for path in self.channels])

    def _offset(self, side: int) -> float:
        return OFFSET[side] * linear(mixin_gain_db(self.channels[side].mixin_code))

    def wait(self, seconds: float, ramp_db_s: float) -> None:
        """Time passes for the gains."""
        for gain in (*self.aux_gains, *self.mixin_gains, *self.adc_gains):
            gain.wait(seconds, ramp_db_s)

    def capture(
        self, volts: Mapping[str, NDArray[np.float32]], n: int, offset_v: float, ramp_db: float, converting: bool
    ) -> Array:
        """One period with references up: float64[2, n] of full scale, before routing and wire."""
        mic_v, aux_v, samples, mixed = np.zeros((4, 2, n))
        noise = self._noise.standard_normal((2, 2, n), dtype=np.float32)
        for index in (0, 1):
            mic_v[index] = PIN_NOISE_V * noise[0, index]
            if PINS[index] in volts:
                mic_v[index] += volts[PINS[index]]
            if PINS[2 + index] in volts:
                aux_v[index] = volts[PINS[2 + index]]
            aux_v[index] *= self.aux_gains[index].curve(aux_v[index], ramp_db)
        self.aux_v = aux_v
        selected = aux_v * np.array([[float(path.aux)] for path in self.channels]) + offset_v
        sources = self._route @ (mic_v * self._mic_gain[:, np.newaxis]) + selected
        mixin = curves(self.mixin_gains, sources, ramp_db)
        correction = np.zeros(2)
        if self.alc.offset:
            codes = self.calibration.codes
            correction[:] = [-self._manual[side] if self.alc.manual else codes[side] * 256.0 / 2**23 for side in (0, 1)]
        record(
            mic_v, selected, noise[1] * ADC_NOISE, self._mic_gain, self._route, self._cross, mixin,
            self._adc_on * converting, np.array([self._offset(0), self._offset(1)]), correction,
            mixed, samples, self._path, self._law, self._alc_db, self._detector, self._filter,
        )  # fmt: skip
        self.mixed_v = mixed
        self._means = [self._offset(side) * self._adc_on[side] for side in (0, 1)]
        gains = curves(self.adc_gains, samples, ramp_db)
        words: Array = np.clip(samples * gains, -1.0, 1.0) if converting else np.zeros((2, n))
        self.words = words
        return words

    def silence(self, n: int) -> Array:
        """One period in which nothing converts."""
        self.words = self.mixed_v = self.aux_v = np.zeros((2, n))
        return self.words

    def level_byte(self, select: int) -> int:
        """0xAE: a byte of the mean sample, as 0xAD selects."""
        value = round(self._means[select >> 7] * 2**23) & 0xFFFFFF
        return {2: value >> 8, 3: value >> 16}.get(select & 3, value) & 0xFF

    def _reach_db(self, side: int) -> float | None:
        """Gain of the whole input when the level control has raised it as far as it may."""
        now_db = self._input_gain_db(side)
        return None if now_db is None else now_db - float(self._alc_db[1]) + self.alc.max_gain_db

    def state(self, powered: bool) -> dict[str, object]:
        """Record side of `Da7212.state`."""
        level = self.alc
        per_ms = (self.rate_hz or 48_000.0) / 1000.0
        driven = (level.left, level.right)
        return {
            "high_pass": self.high_pass_hz is not None,
            "high_pass_hz": self.high_pass_hz,
            "alc": level.channels,
            "alc_mode": "alc" if self.hybrid else "digital only",
            "alc_target_dbfs": (level.target_min_dbfs + level.target_max_dbfs) / 2.0,
            "alc_window_dbfs": [level.target_min_dbfs, level.target_max_dbfs],
            "alc_reach_db": [self._reach_db(side) if powered else None for side in (0, 1)],
            "input_gain_step_db": 1.5,
            "alc_max_gain_db": level.max_gain_db,
            "alc_min_gain_db": -level.max_attenuation_db,
            "alc_analogue_gain_db": [level.analogue_min_db, level.analogue_max_db],
            "alc_hold_ms": level.hold_samples / per_ms,
            "alc_decay_ms": level.release_samples / per_ms,
            "alc_attack_ms": level.attack_samples / per_ms,
            "alc_gain_db": [float(self._alc_db[0]) if on else 0.0 for on in driven],
            "alc_calibrated": [
                self.calibration.valid(side, path.mixin_code) for side, path in enumerate(self.channels)
            ],
            "alc_anticlip": level.clip_level is not None and level.channels != "off",
            "noise_gate": level.gated,
            "noise_gate_dbfs": level.noise_dbfs,
            "input_gain_db": [self._input_gain_db(side) if powered else None for side in (0, 1)],
            "inputs": [self._routed(side) for side in (0, 1)],
            "mic_gain_db": [
                path.gain_db + float(self._alc_db[1]) if path.live and powered else None for path in self.mics
            ],
            "mixin_gain_db": [gain.gain_db if powered else None for gain in self.mixin_gains],
            "adc_gain_db": [gain.gain_db for gain in self.adc_gains],
        }

    def _routed(self, side: int) -> list[str]:
        path = self.channels[side]
        if path.digital_mic:
            return []
        pins = {PINS[index] for index in (0, 1) if path.mics[index]}
        if path.aux:
            pins.add(PINS[2 + side])
        if path.other:
            opposite = self.channels[1 - side]
            pins.update(PINS[index] for index in (0, 1) if opposite.mics[index])
            if opposite.aux:
                pins.add(PINS[3 - side])
        return sorted(pins)

    def _input_gain_db(self, side: int) -> float | None:
        """Of the loudest source: microphones first, then AUX, then the other MIXIN."""
        path, mixin_db = self.channels[side], self.mixin_gains[side].gain_db
        if mixin_db is None or not path.converts:
            return None
        gains = [
            amplifier.gain_db + float(self._alc_db[1])
            for amplifier, routed in zip(self.mics, path.mics, strict=True)
            if routed and amplifier.live
        ]
        aux_db = self.aux_gains[side].gain_db
        if not gains and path.aux and aux_db is not None:
            gains = [aux_db]
        if not gains and path.other:
            opposite, other_db = self.channels[1 - side], self.mixin_gains[1 - side].gain_db
            gains = [
                amplifier.gain_db + other_db
                for amplifier, routed in zip(self.mics, opposite.mics, strict=True)
                if routed and amplifier.live and other_db is not None
            ]
        return mixin_db + max(gains) if gains else None
