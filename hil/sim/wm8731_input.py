"""The WM8731's record path: line amplifiers, microphone amplifier, the one input switch, ADCs, high-pass.

A 1 Vrms sine at the ADC is 0 dBFS when AVDD is 3.3 V, in proportion at other supplies. MICIN is the summing point of
an inverting amplifier with 50 kOhm of feedback behind 10 kOhm: 14 dB from the pin, less with a resistor of the board
in series, and 20 dB more with the boost. The mutes cut the ways to the ADC only; what leaves for the output mixer
passes them by (said of the microphone in the datasheet, of the line in that of the pin-compatible SSM2604). All inputs
arrive upright. With the high-pass off, the offset it last found stays subtracted when HPOR says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hil.sim.frames import SlowConverter
from hil.sim.volume import linear
from hil.sim.wm8731_clocks import Clocks
from hil.sim.wm8731_registers import Registers

Array = NDArray[np.float64]

LINES = ("LLINEIN", "RLINEIN")
MICROPHONE = "MICIN"
MIC_FEEDBACK_OHM = 50_000.0
MIC_INPUT_OHM = 10_000.0
BOOST_DB = 20.0
ADC_OFFSET = np.array([[1e-3], [-0.8e-3]])
ADC_NOISE = 10 ** (-88 / 20) / math.sqrt(2)  # about -90 dBFS when A-weighted
PIN_NOISE_V = 10 ** (-110 / 20)
HIGH_PASS_STEP = 2.0**-11  # 3.7 Hz at 48 kHz; a fixed coefficient, so the corner follows the rate


@dataclass(frozen=True)
class Inputs:
    """The analogue path register and the line volumes."""

    line_gain_db: tuple[float, float]
    line_muted: tuple[bool, bool]
    line_powered: bool
    mic_first_db: float
    mic_boost_db: float
    mic_muted: bool
    mic_powered: bool
    microphone: bool

    @property
    def pins(self) -> tuple[str, str]:
        """The pin in front of each ADC: one switch for both, and the one microphone goes to both."""
        return (MICROPHONE, MICROPHONE) if self.microphone else LINES

    @property
    def gain_db(self) -> list[float | None]:
        """From the selected pin to the ADC; None where nothing passes."""
        if self.microphone:
            gain_db = self.mic_first_db + self.mic_boost_db
            return [gain_db if self.mic_powered and not self.mic_muted else None] * 2
        return [
            gain if self.line_powered and not muted else None
            for gain, muted in zip(self.line_gain_db, self.line_muted, strict=True)
        ]


def inputs(registers: Registers, mic_series_ohm: float) -> Inputs:
    """Registers 00, 01, 04 and 06."""
    return Inputs(
        line_gain_db=(-34.5 + 1.5 * registers.bits(0x00, 4, 0), -34.5 + 1.5 * registers.bits(0x01, 4, 0)),
        line_muted=(registers.on(0x00, 7), registers.on(0x01, 7)),
        line_powered=registers.powered(0),
        mic_first_db=20.0 * math.log10(MIC_FEEDBACK_OHM / (MIC_INPUT_OHM + mic_series_ohm)),
        mic_boost_db=BOOST_DB if registers.on(0x04, 0) else 0.0,
        mic_muted=registers.on(0x04, 1),
        mic_powered=registers.powered(1),
        microphone=registers.on(0x04, 2),
    )


class RecordPath:
    """Volts at pins in, ADC words out; keeps the high-pass and the offset it found."""

    def __init__(self, avdd_v: float, mic_series_ohm: float, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self._headroom_v = avdd_v / 2.0
        self._full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self._mic_series_ohm = mic_series_ohm
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the board."""
        self._last_in = np.zeros((2, 1))
        self._last_out = np.zeros((2, 1))
        self._stored = np.zeros((2, 1))  # the offset that is still subtracted with the high-pass off
        self._slow = SlowConverter(slack=1e-9)
        self.high_pass = not registers.on(0x05, 0)
        self.line_v: Array = np.zeros((2, 0))
        self.microphone_v: Array = np.zeros(0)
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over what the registers say."""
        self.inputs = inputs(registers, self._mic_series_ohm)
        self.adc_on = registers.powered(2)
        rate_hz = clocks.adc_rate_hz if clocks else None
        self.converting = self.adc_on and rate_hz is not None
        self._samples_per_frame = rate_hz / clocks.link_rate_hz if clocks and rate_hz and clocks.provider else 1.0
        self.high_pass_hz = HIGH_PASS_STEP * rate_hz / (2.0 * math.pi) if rate_hz else None
        self.stores_offset = registers.on(0x05, 4)
        self._set_high_pass(not registers.on(0x05, 0))

    def _set_high_pass(self, on: bool) -> None:
        if self.high_pass and not on:
            self._stored = self._last_in - self._last_out
        elif on and not self.high_pass:
            self._last_out = self._last_in - self._stored
        if not on and not self.stores_offset:
            self._stored = np.zeros((2, 1))
        self.high_pass = on

    def capture(self, volts: Mapping[str, NDArray[np.float32]], period_frames: int, offset_v: float) -> Array:
        """One period with the reference up: float64[2, n] of full scale, before the wire."""
        n, inputs = period_frames, self.inputs
        noise = self._noise.standard_normal((5, n), dtype=np.float32)
        silent = np.zeros(n)
        pins = [np.asarray(volts.get(pin, silent), np.float64) for pin in (*LINES, MICROPHONE)]
        line_l, line_r, microphone = (pin + PIN_NOISE_V * hiss for pin, hiss in zip(pins, noise[:3], strict=True))
        lines = np.stack((line_l * linear(inputs.line_gain_db[0]), line_r * linear(inputs.line_gain_db[1])))
        first = self._limit(microphone * linear(inputs.mic_first_db))
        self.line_v = self._limit(lines) * inputs.line_powered
        self.microphone_v = self._limit(first * linear(inputs.mic_boost_db)) * inputs.mic_powered
        if not self.converting:
            return self._stop(n)
        selected = np.stack((self.microphone_v, self.microphone_v)) if inputs.microphone else self.line_v
        passes = np.array([[float(gain is not None)] for gain in inputs.gain_db])
        at_adc = self._limit(selected * passes + offset_v)
        samples = np.clip(at_adc / self._full_scale_v + ADC_NOISE * noise[3:] + ADC_OFFSET, -1.0, 1.0)
        words = np.clip(self._filter(samples), -1.0, 1.0)
        return self._slow.hold(words, self._samples_per_frame) if self._samples_per_frame < 1.0 else words

    def silence(self, period_frames: int) -> Array:
        """One period in which the reference is off."""
        self.line_v, self.microphone_v = np.zeros((2, period_frames)), np.zeros(period_frames)
        return self._stop(period_frames)

    def _stop(self, period_frames: int) -> Array:
        self._slow.stop()
        return np.zeros((2, period_frames))

    def _limit(self, signal: Array) -> Array:
        return np.clip(signal, -self._headroom_v, self._headroom_v)

    def _filter(self, samples: Array) -> Array:
        if self.high_pass:
            pole = 1.0 - self._samples_per_frame * HIGH_PASS_STEP
            state = pole * self._last_out - self._last_in
            words, _ = lfilter([1.0, -1.0], [1.0, -pole], samples, axis=1, zi=state)
            self._last_out = words[:, -1:].copy()
        else:
            words = samples - self._stored
        self._last_in = samples[:, -1:].copy()
        return np.asarray(words)

    def state(self) -> dict[str, object]:
        """Record side of `Wm8731.state`. There is no level control, no gate and no digital volume."""
        return {
            "high_pass": self.high_pass,
            "high_pass_hz": self.high_pass_hz if self.high_pass else None,
            "stores_offset": self.stores_offset,
            "alc": "off",
            "alc_mode": None,
            "alc_target_dbfs": None,
            "alc_max_gain_db": None,
            "alc_min_gain_db": None,
            "alc_hold_ms": None,
            "alc_decay_ms": None,
            "alc_attack_ms": None,
            "noise_gate": False,
            "noise_gate_dbfs": None,
            "input_gain_db": self.inputs.gain_db,
            "inputs": [[pin] for pin in self.inputs.pins],
            "adc_gain_db": [0.0 if self.adc_on else None] * 2,
        }
