"""The TLV320AIC3104's playback path: DAC with its filters and volume, output mixers, headphone and line drivers.

A 0 dBFS sine leaves a headphone pin at 0.707 Vrms when every gain is 0 dB, and a line output, which is a pair of
pins, at 1.414 Vrms across the pair. Volumes move one step per frame, and only where there is a clock. Left out:
output load, short-circuit protection, the pop an AC-coupled driver makes, the passive bypass of register 0x6C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, sosfilt

from hil.sim.frames import SlowConverter, fitted
from hil.sim.tlv320aic3104_clocks import Clocks
from hil.sim.tlv320aic3104_registers import DEEMPHASIS, DEPTH_3D, EFFECTS, Registers

Array = NDArray[np.float64]

# pin: first register of its block of seven
OUTPUTS = {"HPLOUT": 0x2D, "HPLCOM": 0x34, "HPROUT": 0x3B, "HPRCOM": 0x42, "LEFT_LOP": 0x50, "RIGHT_LOP": 0x57}
PGA_L, DAC_L, PGA_R, DAC_R = SOURCES = (1, 2, 4, 5)
LEVEL = 6
LINE = ("LEFT_LOP", "RIGHT_LOP")
SIDES = {"HPLOUT": 0, "HPLCOM": 0, "LEFT_LOP": 0, "HPROUT": 1, "HPRCOM": 1, "RIGHT_LOP": 1}
DIRECT = {1: LINE, 2: ("HPLOUT", "HPROUT")}  # by code of the DAC's output switch; 0 is the mixers, 3 is reserved

_LOW = (  # dB below which steps grow, from code 91
    45.8, 46.2, 46.7, 47.4, 47.9, 48.2, 48.7, 49.3, 50.0, 50.3, 51.0, 51.4, 51.8, 52.2, 52.7, 53.7, 54.2, 55.3,
    56.7, 58.3, 60.2, 62.7, 64.3, 66.2, 68.7, 72.2, 78.3,
)  # fmt: skip
ROUTE_DB = tuple(-0.5 * code for code in range(91)) + tuple(-db for db in _LOW)
ROUTE_MUTE = len(ROUTE_DB)
ROUTE_GAIN = np.array([10.0 ** (db / 20.0) for db in ROUTE_DB] + [0.0])
DAC_MUTE = 128
DAC_GAIN = np.array([10.0 ** (-code / 40.0) for code in range(DAC_MUTE)] + [0.0])
LARGEST_LEVEL = 9
LEVEL_GAIN = np.array([10.0 ** (db / 20.0) for db in range(LARGEST_LEVEL + 1)])

POWER_ON_S = (0.0, 10e-6, 100e-6, 1e-3, 10e-3, 50e-3, 0.1, 0.2, 0.4, 0.8, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0)
RAMP_STEP_MS = (0.0, 1.0, 2.0, 4.0)
COMMON_MODE_V = (1.35, 1.5, 1.65, 1.8)
DAC_FULL_SCALE_V = 1.0  # 0.707 Vrms
SWING = 0.98


class Ramp:
    """A volume code on its way to the one written."""

    def __init__(self, code: float) -> None:
        self.at = self.to = float(code)

    @property
    def settled(self) -> bool:
        """The written code is the one that is heard."""
        return self.at == self.to

    def advance(self, steps: float) -> None:
        """Move on by so many codes."""
        self.at += min(max(self.to - self.at, -steps), steps)

    def gain(self, table: Array, period_frames: int, steps_per_frame: float) -> Array | float:
        """Amplitude through one period, one number where nothing moves."""
        if self.settled or not steps_per_frame:
            return float(table[round(self.at)])
        steps = steps_per_frame * np.arange(1, period_frames + 1)
        codes = self.at + np.sign(self.to - self.at) * np.minimum(steps, abs(self.to - self.at))
        self.at = float(codes[-1])
        moving: Array = table[np.rint(codes).astype(int)]
        return moving


@dataclass(frozen=True)
class Driver:
    """One output amplifier as set."""

    powered: bool
    unmuted: bool


def deemphasis(registers: Registers, side: int) -> tuple[Array, Array]:
    """Numerator and denominator of the first-order filter."""
    n0, n1, d1 = registers.coefficients(DEEMPHASIS[side], 3)
    return np.array([n0, n1]) / 32768.0, np.array([32768.0, -d1]) / 32768.0


def effects(registers: Registers, side: int) -> Array:
    """Two biquads as scipy's second-order sections."""
    n0, n1, n2, n3, n4, n5, d1, d2, d4, d5 = registers.coefficients(EFFECTS[side], 10)
    return np.array([
        [n0, 2.0 * n1, n2, 32768.0, -2.0 * d1, -d2],
        [n3, 2.0 * n4, n5, 32768.0, -2.0 * d4, -d5],
    ]) / 32768.0  # fmt: skip


class PlaybackPath:
    """Words in, volts out; keeps every volume's way to its setting, the filters and the drivers' power-on delay."""

    def __init__(self, avdd_v: float) -> None:
        self._avdd_v = avdd_v
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self._dac = [Ramp(DAC_MUTE), Ramp(DAC_MUTE)]
        self._routes = {(pin, source): Ramp(ROUTE_MUTE) for pin in OUTPUTS for source in SOURCES}
        self._levels = {pin: Ramp(0) for pin in OUTPUTS}
        self._powered_s = dict.fromkeys(OUTPUTS, 0.0)
        self._emphasis_state = np.zeros((2, 1))
        self._effects_state = np.zeros((2, 2, 2))
        self._slow = SlowConverter()
        self._overflowed = [False, False]
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over everything the registers say; volumes that changed set out for their new code."""
        self._rate_hz = clocks.dac_rate_hz if clocks else None
        self._words_per_frame = (self._rate_hz or 1.0) / clocks.link_rate_hz if clocks and self._rate_hz else 1.0
        self._paths = (registers.bits(0x07, 4, 3), registers.bits(0x07, 2, 1))
        self._dac_on = (registers.on(0x25, 7), registers.on(0x25, 6))
        self._switch = (registers.bits(0x29, 7, 6), registers.bits(0x29, 5, 4))
        self._emphasis_on = (registers.on(0x0C, 2), registers.on(0x0C, 0))
        self._effects_on = (registers.on(0x0C, 3), registers.on(0x0C, 1))
        self._emphasis = [deemphasis(registers, side) for side in (0, 1)]
        self._effects = [effects(registers, side) for side in (0, 1)]
        self._wide = registers.on(0x08, 2)
        self._depth = registers.coefficients(DEPTH_3D, 1)[0] / 32768.0
        self._com = (registers.bits(0x25, 5, 4), registers.bits(0x26, 5, 3))
        common_mode = COMMON_MODE_V[registers.bits(0x28, 7, 6)]
        self.common_mode_v = common_mode
        self._swing_v = SWING * max(min(common_mode, self._avdd_v - common_mode), 0.0)
        self._power_on_s = POWER_ON_S[registers.bits(0x2A, 7, 4)]
        self._ramp_step_ms = RAMP_STEP_MS[registers.bits(0x2A, 3, 2)]
        self._floats = {pin: registers.on(first + LEVEL, 2) for pin, first in OUTPUTS.items() if pin not in LINE}
        self._passive = registers.bits(0x6C, 7, 0) != 0
        steps = registers.bits(0x28, 1, 0)
        self._soft = (1.0, 0.5, 0.0, 0.0)[steps] if self._rate_hz else 0.0
        self._set_volumes(registers)
        self._drivers = {}
        for pin, first in OUTPUTS.items():
            self._drivers[pin] = Driver(registers.on(first + LEVEL, 0), registers.on(first + LEVEL, 3))
            if not self._drivers[pin].powered:
                self._powered_s[pin] = 0.0
        if steps > 1:
            for ramp in (*self._dac, *self._routes.values(), *self._levels.values()):
                ramp.at = ramp.to

    def _set_volumes(self, registers: Registers) -> None:
        follow = registers.bits(0x29, 1, 0)
        leader = {1: (0x2C, 0x2C), 2: (0x2B, 0x2B)}.get(follow, (0x2B, 0x2C))
        for side, register in enumerate(leader):
            muted = registers.on(register, 7)
            self._dac[side].to = float(DAC_MUTE if muted else registers.bits(register, 6, 0))
            if not self._dac_on[side]:
                self._dac[side].at = float(DAC_MUTE)  # and comes back by steps
        for (pin, source), ramp in self._routes.items():
            register = OUTPUTS[pin] + source
            code = min(registers.bits(register, 6, 0), ROUTE_MUTE)
            ramp.to = float(code if registers.on(register, 7) else ROUTE_MUTE)
        for pin, ramp in self._levels.items():
            ramp.to = float(min(registers.bits(OUTPUTS[pin] + LEVEL, 7, 4), LARGEST_LEVEL))

    def wait(self, seconds: float) -> None:
        """Time passes: drivers come up."""
        for pin, driver in self._drivers.items():
            if driver.powered:
                self._powered_s[pin] += seconds

    def idle(self, seconds: float) -> None:
        """Time without frames: written volumes go on stepping where there is a clock."""
        steps = math.floor(self._soft * seconds * (self._rate_hz or 0.0))
        for side, ramp in enumerate(self._dac):
            if self._dac_on[side]:
                ramp.advance(steps)
        for ramp in (*self._routes.values(), *self._levels.values()):
            ramp.advance(steps)

    def live(self, pin: str) -> bool:
        """The driver is up; headphone drivers take their power-on time."""
        wanted = 0.0 if pin in LINE else self._power_on_s
        return self._drivers[pin].powered and self._powered_s[pin] >= wanted - 1e-9

    def applied(self, pin: str) -> bool:
        """The pin is up and every gain on the way to it is the one written."""
        routes = (self._routes[pin, source].settled for source in SOURCES)
        return self.live(pin) and self._levels[pin].settled and all(routes)

    def play(self, words: Array, pga_v: Array, linked: bool) -> dict[str, Array]:
        """float64[2, n] of full scale 1.0 after the wire, and volts behind both PGAs -> volts per output pin."""
        n = words.shape[1]
        dac_v = self._convert(words if linked else np.zeros_like(words))
        bypass = [fitted(pga_v[side], n) for side in (0, 1)]
        inputs = {PGA_L: bypass[0], PGA_R: bypass[1], DAC_L: dac_v[0], DAC_R: dac_v[1]}
        own = {pin: self._mix(pin, inputs, dac_v, n) for pin in OUTPUTS}
        out = dict(own)
        for pin, code, side in (("HPLCOM", self._com[0], 0), ("HPRCOM", self._com[1], 1)):
            partner = ("HPLOUT", "HPROUT")[side]
            if code == 0:
                out[pin] = -own[partner] * self._open(pin)
            elif side and code == 3:
                out[pin] = -out["HPLCOM"] * self._open(pin)
            elif code != 2:
                out[pin] = np.zeros(n)
        return out

    def _open(self, pin: str) -> float:
        return float(self.live(pin) and self._drivers[pin].unmuted)

    def _mix(self, pin: str, inputs: dict[int, Array], dac_v: Array, n: int) -> Array:
        side, pair = SIDES[pin], 2.0 if pin in LINE else 1.0
        mixed = np.zeros(n)
        for source, signal in inputs.items():
            gain = self._routes[pin, source].gain(ROUTE_GAIN, n, self._soft)
            if source in (DAC_L, DAC_R) and self._switch[source == DAC_R] != 0:
                continue
            if np.any(gain):
                mixed += signal * gain
        if pin in DIRECT.get(self._switch[side], ()):
            mixed += dac_v[side]
        level = self._levels[pin].gain(LEVEL_GAIN, n, self._soft)
        volts: Array = np.clip(mixed * level * pair, -self._swing_v * pair, self._swing_v * pair)
        return volts * self._open(pin)

    def _convert(self, words: Array) -> Array:
        if not self._rate_hz:
            return np.zeros_like(words)
        if self._words_per_frame < 1.0 - 1e-6:
            words = self._slow.hold(words, self._words_per_frame)
        left, right = words
        mono = (left + right) / 2.0
        silent = np.zeros_like(left)
        picked = [
            (silent, left, right, mono)[self._paths[0]],
            (silent, right, left, mono)[self._paths[1]],
        ]
        if self._wide:
            wider = self._depth / 2.0 * (picked[0] - picked[1])
            picked = [picked[0] + wider, picked[1] - wider]
        volts = np.zeros_like(words)
        for side, signal in enumerate(picked):
            if not self._dac_on[side]:
                continue
            if self._emphasis_on[side]:
                signal, self._emphasis_state[side] = lfilter(
                    *self._emphasis[side], signal, zi=self._emphasis_state[side]
                )
            if self._effects_on[side]:
                signal, self._effects_state[side] = sosfilt(self._effects[side], signal, zi=self._effects_state[side])
            self._overflowed[side] |= bool(signal.size and np.max(np.abs(signal)) > 1.0)
            gain = self._dac[side].gain(DAC_GAIN, signal.size, self._soft)
            volts[side] = np.clip(signal, -1.0, 1.0) * gain * DAC_FULL_SCALE_V
        return volts

    @property
    def dac_powered(self) -> tuple[bool, bool]:
        """Left and right."""
        return self._dac_on

    def take_overflows(self) -> list[bool]:
        """A DAC's filters have overflowed since the last look."""
        seen, self._overflowed = self._overflowed, [False, False]
        return seen

    def _route_db(self, pin: str) -> float | None:
        """DAC to pin through mixer or switch, by the DAC of its own side where that one is heard."""
        gains = []
        for side, source in ((0, DAC_L), (1, DAC_R)):
            code = round(self._routes[pin, source].at)
            if self._dac_on[side] and self._switch[side] == 0 and code < ROUTE_MUTE:
                gains.append((side != SIDES[pin], ROUTE_DB[code]))
            elif self._dac_on[side] and side == SIDES[pin] and pin in DIRECT.get(self._switch[side], ()):
                gains.append((False, 0.0))
        return min(gains)[1] + self._levels[pin].at if gains else None

    def _output_db(self, pin: str) -> float | None:
        if not self._open(pin):
            return None
        side = SIDES[pin]
        if pin in ("HPLCOM", "HPRCOM") and self._com[side] != 2:
            if self._com[side] == 0:
                return self._output_db(("HPLOUT", "HPROUT")[side])
            return self._output_db("HPLCOM") if side and self._com[side] == 3 else None
        return self._route_db(pin)

    def state(self) -> dict[str, object]:
        """Playback side of `Tlv320aic3104.state`.

        driver_ramp_step_ms: one step of a headphone driver's power-up ramp. idle_drive: what holds a headphone pin
        while its driver is off. Neither makes a sound here.
        """
        bypassed = any(self._routes[pin, source].at < ROUTE_MUTE and self._drivers[pin].powered
                       for pin in OUTPUTS for source in (PGA_L, PGA_R))  # fmt: skip
        return {
            "dac_gain_db": [
                0.0 - 0.5 * ramp.at if on and path and ramp.at < DAC_MUTE else None
                for ramp, on, path in zip(self._dac, self._dac_on, self._paths, strict=True)
            ],
            "dac_paths": list(self._paths),
            "outputs": {pin: self._output_db(pin) for pin in OUTPUTS},
            "output_common_mode_v": self.common_mode_v,
            "driver_ramp_step_ms": self._ramp_step_ms,
            "idle_drive": {pin: "high_impedance" if floats else "common_mode" for pin, floats in self._floats.items()},
            "loopback": False,
            "sidetone": bypassed or self._passive,
            "deemphasis": any(self._emphasis_on),
            "equaliser": any(self._effects_on) or self._wide,
        }
