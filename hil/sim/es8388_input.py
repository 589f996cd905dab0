"""The ES8388's record path: input selectors, PGA, mono mix, ADC, high-pass, level control, digital volume.

A 1 Vrms sine at the ADC is 0 dBFS when AVDD is 3.3 V, in proportion at other supplies; a differential pair counts
with the whole of its difference. The level control's scales are unverified (U); its times are taken for one step of
0.75 dB, as in the part whose table of times this one repeats, and the gain it drives reaches beyond that of the
register. Switched off, it gives the gain back to the register. Noise gate type 0 holds the gain; type 1 mutes the
output and lets the gain rise. The 87.5 % limiter of other codecs is not known here.

Not modelled: ADC low-power bits and the double speed of 0x0D.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import lfilter

from hil.sim.dynamics import ALC_OFF, DETECTOR_FIELDS, AlcLaw, LevelControl, Path, record
from hil.sim.es8388_clocks import Clocks
from hil.sim.es8388_fader import Fader
from hil.sim.es8388_registers import PGA_LAST, Registers
from hil.sim.volume import Volume, linear

Array = NDArray[np.float64]

PINS = ("LIN1", "RIN1", "LIN2", "RIN2")
ALC_CHANNELS = ("off", "right", "left", "stereo")
DATA_SELECT = ((0, 1), (0, 0), (1, 1), (1, 0))
STEREO, MONO_LEFT, MONO_RIGHT, MONO_DIGITAL = range(4)
RAMP_FRAMES = (4, 8, 16, 32)
ADC_OFFSET = 0.001
ADC_NOISE = 10 ** (-93 / 20) / math.sqrt(2)  # about -95 dBFS when A-weighted
PIN_NOISE_V = 10 ** (-115 / 20)
STEP_DB = 0.75
ALC_MIN_DB, ALC_MAX_DB = -12.0, 35.5
LIMITER_FASTER = 0.410 / 0.0908  # the guide's second column of times
HIGH_PASS_POLE = 1.0 - 2.0**-11  # 3.7 Hz at 48 kHz; a fixed coefficient, so the corner follows the rate
ZERO_CROSS_TIMEOUT_S = 0.05  # the bit is known, its time is not
SLIP = 0.1  # even harmonics of a converter whose DLL does not hold at 8 kHz

GATE_NOW, GATE_BEFORE, GATE_FRAMES, GATE_FIELDS = range(4)


@dataclass(frozen=True)
class Channel:
    """One side of the selectors; sources are (pin, sign)."""

    sources: tuple[tuple[str, float], ...]
    powered: bool
    adc_on: bool

    @property
    def live(self) -> bool:
        """Signal reaches the PGA and leaves it."""
        return self.powered and bool(self.sources)


@dataclass(frozen=True)
class Alc(LevelControl):
    """The level control as set, its window, and what its gate does."""

    window_frames: int
    gate_mutes: bool

    def law(self, rate_hz: float, ceiling_db: float) -> AlcLaw:
        """As `LevelControl.law`; a gate that mutes does not hold the gain."""
        per_ms = rate_hz / 1000.0
        attack_steps = 1.0 / (self.attack_ms * per_ms)
        law = super().law(rate_hz, ceiling_db)
        return law._replace(
            decay_steps=1.0 / (self.decay_ms * per_ms),
            attack_steps=attack_steps,
            limit_steps=attack_steps,
            gate=0.0 if self.gate_mutes else law.gate,
            window_frames=float(self.window_frames),
            step_db=STEP_DB,
            pga_min_db=ALC_MIN_DB,
            pga_max_db=ALC_MAX_DB,
        )


def channel(registers: Registers, side: int) -> Channel:
    """Side 0 is left, 1 is right."""
    name = "LR"[side]
    select = registers.bits(0x0A, 7 - 2 * side, 6 - 2 * side)
    pair_two = registers.on(0x0B, 7)
    if side and registers.on(0x0A, 3):  # each side its own pair
        pair_two = registers.on(0x0A, 2)
    pair = 2 if pair_two else 1
    sources: dict[int, tuple[tuple[str, float], ...]] = {
        0: ((f"{name}IN1", 1.0),),
        1: ((f"{name}IN2", 1.0),),
        3: ((f"LIN{pair}", 1.0), (f"RIN{pair}", -1.0)),
    }
    return Channel(
        sources=sources.get(select, ()),
        powered=registers.off(0x03, 7 - side),
        adc_on=registers.off(0x03, 5 - side) and registers.off(0x03, 2) and registers.off(0x02, 1),
    )


def alc(registers: Registers) -> Alc:
    """Registers 0x12 to 0x16."""
    hold = min(registers.bits(0x13, 3, 0), 10)
    limiter = registers.on(0x15, 7)
    faster = LIMITER_FASTER if limiter else 1.0
    channels = ALC_CHANNELS[registers.bits(0x12, 7, 6)]
    return Alc(
        channels=channels,
        target_dbfs=min(-16.5 + 1.5 * registers.bits(0x13, 7, 4), -1.5),
        max_gain_db=-6.5 + 6.0 * registers.bits(0x12, 5, 3),
        min_gain_db=-12.0 + 6.0 * registers.bits(0x12, 2, 0),
        hold_ms=2.67 * 2 ** (hold - 1) if hold else 0.0,
        decay_ms=0.41 * 2 ** min(registers.bits(0x14, 7, 4), 10) / faster,
        attack_ms=0.104 * 2 ** min(registers.bits(0x14, 3, 0), 10) / faster,
        limiter=limiter,
        window_frames=max(16 * registers.bits(0x15, 4, 0), 1),
        gate_dbfs=-76.5 + 1.5 * registers.bits(0x16, 7, 3),
        gated=registers.on(0x16, 0) and channels != "off",
        gate_mutes=registers.on(0x16, 1),
    )


def pga_gain_db(code: int) -> float:
    """0 to +24 dB in steps of 3; the codes beyond are taken for the last."""
    return 3.0 * min(code, PGA_LAST)


def slipped(words: Array) -> Array:
    """What a converter at 8 kHz makes while its DLL is not bypassed: harmonics at every level."""
    return words + SLIP * np.abs(words)


class RecordPath:
    """Volts at pins in, ADC words out; keeps PGA gains, the level control's detector, high-pass and faders."""

    def __init__(self, avdd_v: float, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self._avdd_v = avdd_v
        self._full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self._volumes = [Volume(0.0), Volume(0.0)]
        self._gain_db = np.zeros(2)
        self._detector = np.zeros(DETECTOR_FIELDS)
        self._gate = np.zeros(GATE_FIELDS)
        self._filter = np.zeros((2, 2))
        self._late_filter = np.zeros(1)
        self._faders = (Fader(), Fader())
        self._driven = (False, False)
        self._ceiling_db = ALC_MAX_DB
        self._limiting = False
        self.pga_v: Array = np.zeros((2, 0))
        self.pins_v: dict[str, Array] = {}
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over everything the registers say except PGA gain changes, which come by `set_pga`."""
        self.channels = (channel(registers, 0), channel(registers, 1))
        self.alc = alc(registers)
        self.mono = registers.bits(0x0B, 4, 3)
        self.high_pass_sides = (registers.on(0x0E, 5), registers.on(0x0E, 4))
        self.rate_hz = clocks.adc_rate_hz if clocks else None
        self._distorted = bool(clocks and clocks.adc_distorted)
        self._tristate = registers.on(0x0B, 2)
        frames_a_step = RAMP_FRAMES[registers.bits(0x0F, 7, 6)] if registers.on(0x0F, 5) else 0
        for side, fader in enumerate(self._faders):
            code = registers.bits(0x10 if registers.on(0x0F, 3) else 0x10 + side, 7, 0)
            fader.set(code, registers.on(0x0F, 2), frames_a_step)
        self._sign = np.array([[-1.0 if registers.on(0x0E, 7 - side) else 1.0] for side in (0, 1)])
        self._select = DATA_SELECT[registers.bits(0x0C, 7, 6)]
        self._timeout_s = ZERO_CROSS_TIMEOUT_S if registers.on(0x15, 5) else None
        self._set_law(registers)

    def _set_law(self, registers: Registers) -> None:
        driven = self.alc.drives
        given_back = [side for side in (0, 1) if self._driven[side] and not driven[side]]
        self._driven = driven
        for side in given_back:
            self._move_pga(registers, side, at_zero_crossing=False)
        if not any(driven):
            self._law, self._limiting = ALC_OFF, False
            self._detector[:] = self._gate[:] = 0.0
            return
        if self.alc.limiter and not self._limiting:
            self._ceiling_db = float(self._gain_db[0 if driven[0] else 1])
        self._limiting = self.alc.limiter
        self._law = self.alc.law(self.rate_hz or 48_000.0, self._ceiling_db)
        for side in (0, 1):
            if driven[side]:
                self._volumes[side].drop()

    def set_pga(self, registers: Registers) -> None:
        """0x09 was written: gains move now or at a zero crossing, except where the level control drives them."""
        for side in (0, 1):
            if not self._driven[side]:
                self._move_pga(registers, side, at_zero_crossing=registers.on(0x0F, 4))

    def _move_pga(self, registers: Registers, side: int, at_zero_crossing: bool) -> None:
        gain_db = pga_gain_db(registers.bits(0x09, 7 - 4 * side, 4 - 4 * side))
        self._volumes[side].gain_db = float(self._gain_db[side])
        self._volumes[side].set(gain_db, at_zero_crossing and gain_db != self._gain_db[side])
        self._gain_db[side] = self._volumes[side].gain_db or 0.0

    def wait(self, seconds: float) -> None:
        """Time passes for gains that wait for a zero crossing."""
        for side, volume in enumerate(self._volumes):
            if volume.waiting:
                volume.wait(seconds, self._timeout_s)
                self._gain_db[side] = volume.gain_db or 0.0

    def fade(self, seconds: float) -> None:
        """Time without frames passes for the digital volumes, at the rate of LRCK."""
        if self.rate_hz:
            for fader in self._faders:
                fader.gains(round(seconds * self.rate_hz))

    def capture(self, volts: Mapping[str, NDArray[np.float32]], period_frames: int, offset_v: float) -> Array:
        """One period with the analogue side up: float64[2, n] of full scale, before the wire."""
        n = period_frames
        pga_in, line_in, samples, self.pga_v = np.zeros((4, 2, n))
        noise = self._noise.standard_normal((2, 2, n), dtype=np.float32)
        self.pins_v = {pin: np.asarray(signal, np.float64) for pin, signal in volts.items()}
        line_in[:] = offset_v
        for side, path in enumerate(self.channels):
            for pin, sign in path.sources:
                if path.powered and pin in self.pins_v:
                    pga_in[side] += sign * self.pins_v[pin]
        pga_in += noise[0] * PIN_NOISE_V
        live = np.array([float(path.live) for path in self.channels])
        if self.mono in (MONO_LEFT, MONO_RIGHT):
            self._mix(pga_in, live)
        step_at, step_db = np.full(2, n), self._gain_db.copy()
        for side, volume in enumerate(self._volumes):
            if volume.waiting:
                step_at[side], waiting_db = volume.crossing(pga_in[side])
                step_db[side] = waiting_db or 0.0
        converting = self.rate_hz is not None
        adc_on = np.array([float(path.adc_on and converting) for path in self.channels])
        together = self.high_pass_sides[0] == self.high_pass_sides[1]
        pole = HIGH_PASS_POLE if together and self.high_pass_sides[0] else 0.0
        loop = Path(self._avdd_v / 2.0, self._full_scale_v, ADC_OFFSET, pole)
        law = self._law if converting else ALC_OFF
        record(
            pga_in, line_in, noise[1] * ADC_NOISE, self.pga_v, samples, self._gain_db, step_at, step_db,
            live, np.ones(2), adc_on, loop, law, self._detector, self._filter,
        )  # fmt: skip
        for side in (0, 1):
            self._volumes[side].gain_db = float(self._gain_db[side])
        self.pga_v -= offset_v
        if not converting:
            return np.zeros((2, n))
        if not together:
            side = self.high_pass_sides.index(True)
            samples[side], self._late_filter = lfilter(
                [1.0, -1.0], [1.0, -HIGH_PASS_POLE], samples[side], zi=self._late_filter
            )
        return self._deliver(samples)

    def silence(self, period_frames: int) -> Array:
        """One period in which the analogue side has no power."""
        self.pga_v, self.pins_v = np.zeros((2, period_frames)), {}
        return np.zeros((2, period_frames))

    def _mix(self, pga_in: Array, live: Array) -> None:
        """Half the sum of both PGAs into one ADC, in volts at that side's own PGA input."""
        into = 0 if self.mono == MONO_LEFT else 1
        other = 1 - into
        ratio = linear(float(self._gain_db[other] - self._gain_db[into]))
        pga_in[into] = (live[into] * pga_in[into] + live[other] * ratio * pga_in[other]) / 2.0
        live[into] = max(live)

    def _deliver(self, samples: Array) -> Array:
        if self.alc.gated and self.alc.gate_mutes:
            leader = 0 if self._law.left else 1
            threshold = linear(self.alc.gate_dbfs) * linear(float(self._gain_db[leader]))
            gate(samples, self._law.left, self._law.right, threshold, self.alc.window_frames, self._gate)
        if self._distorted:
            samples = slipped(samples)
        if self.mono == MONO_DIGITAL:
            samples = np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
        n = samples.shape[1]
        gains = np.stack([np.broadcast_to(fader.gains(n), n) for fader in self._faders])
        words: Array = np.clip(samples * self._sign * gains, -1.0, 1.0)[list(self._select)]
        return np.zeros((2, n)) if self._tristate else words

    def gain_db(self, side: int) -> float | None:
        """From the routed pins to one ADC; None where nothing arrives."""
        live = [path.live for path in self.channels]
        mixed = self.mono == (MONO_LEFT, MONO_RIGHT)[side]
        if not self.channels[side].adc_on or not (any(live) if mixed else live[side]):
            return None
        return float(self._gain_db[side]) - (20.0 * math.log10(2.0) if mixed else 0.0)

    def inputs(self, side: int) -> list[str]:
        """Pins that reach one ADC."""
        mixed = self.mono == (MONO_LEFT, MONO_RIGHT)[side]
        paths = self.channels if mixed else (self.channels[side],)
        return sorted({pin for path in paths if path.powered for pin, _ in path.sources})

    def state(self) -> dict[str, object]:
        """Record side of `Es8388.state`."""
        level = self.alc
        passing = all(self.high_pass_sides)
        return {
            "high_pass": passing,
            "high_pass_sides": list(self.high_pass_sides),
            "high_pass_hz": (1.0 - HIGH_PASS_POLE) * (self.rate_hz or 48_000.0) / (2.0 * math.pi) if passing else None,
            **level.state(),
            "alc_reach_db": [level.max_gain_db, level.max_gain_db],
            "input_gain_step_db": 3.0,
            "alc_window_frames": level.window_frames,
            "noise_gate_mutes": level.gate_mutes,
            "input_gain_db": [self.gain_db(side) for side in (0, 1)],
            "inputs": [self.inputs(side) for side in (0, 1)],
            "adc_gain_db": [
                fader.target_db if path.adc_on and self.rate_hz else None
                for fader, path in zip(self._faders, self.channels, strict=True)
            ],
        }


@njit(cache=True)
def gate(samples, left, right, threshold, window_frames, detector):  # type: ignore[no-untyped-def]  # numba types it
    """Mute float64[2, n] while the peak of the last one or two windows stays below the threshold."""
    for i in range(samples.shape[1]):
        level = 0.0
        if left:
            level = abs(samples[0, i])
        if right:
            level = max(level, abs(samples[1, i]))
        detector[GATE_NOW] = max(detector[GATE_NOW], level)
        quiet = max(detector[GATE_NOW], detector[GATE_BEFORE]) < threshold
        detector[GATE_FRAMES] += 1.0
        if detector[GATE_FRAMES] >= window_frames:
            detector[GATE_BEFORE] = detector[GATE_NOW]
            detector[GATE_NOW] = 0.0
            detector[GATE_FRAMES] = 0.0
        if quiet:
            if left:
                samples[0, i] = 0.0
            if right:
                samples[1, i] = 0.0
