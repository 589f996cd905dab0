"""The DA7212's playback path: DAC, its filters and gates, MIXOUT, headphone and line amplifiers.

A 0 dBFS sine leaves the pins at 1.0 Vrms when every gain is 0 dB and the supply is 3.3 V. LINE is differential, fed by
MIXOUT_R alone. The equaliser's bands lie where the vendor's younger codecs are remembered to have them; the DAC
noise gate's thresholds follow the DA7219's scale; a soft mute's step is taken to be 0.75 dB; the tone generator is
taken to be added to both DACs, with the frequency scale of the DA7219. Not modelled: soft mixing, the voice mode's
sloping filter, the charge pump's levels, on and off times and DTMF keys of the tone, the system controller's shortcuts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import lfilter, sosfilt

from hil.sim.da7212_clocks import Clocks, family_hz
from hil.sim.da7212_gain import Gain, curves
from hil.sim.da7212_input import corner_hz, digital_gain_db, high_pass_pole
from hil.sim.da7212_registers import Registers
from hil.sim.volume import linear

Array = NDArray[np.float64]

PINS = ("HP_L", "HP_R", "LINE")
EQ_EDGES = (99.0 / 48e3, 493.0 / 48e3, 1528.0 / 48e3, 4002.0 / 48e3)  # of the rate
EQ_TOP_RATE_HZ = 50_000.0
SOFT_MUTE_FLOOR_DB = -90.0
SOFT_MUTE_STEP_DB = 0.75
NG_SETUP_SAMPLES = (256.0, 512.0, 1024.0, 2048.0)
NG_FLOOR_DB = -90.0
SWING = 0.95  # of half the supply

NG_QUIET, NG_SHUT, NG_DB, NG_FIELDS = range(4)


@dataclass(frozen=True)
class Mixout:
    """One output mixer: amplitudes of what it sums, its own side first."""

    dac: float
    aux: float
    mixin: tuple[float, float]
    mixer_on: bool
    amplifier_on: bool

    @property
    def live(self) -> bool:
        """Mixer and amplifier are on: they are two bits."""
        return self.mixer_on and self.amplifier_on

    @property
    def bypasses(self) -> bool:
        """Something reaches it that never was a number."""
        return self.live and bool(self.aux or any(self.mixin))


def mixout(registers: Registers, side: int) -> Mixout:
    """Side 0 is left. A source selected upright and inverted cancels itself."""
    select, control = 0x4B + side, 0x6E + side

    def ratio(bit: int) -> float:
        return float(registers.on(select, bit)) - float(registers.on(select, bit + 4))

    return Mixout(
        dac=float(registers.on(select, 3)),
        aux=ratio(0),
        mixin=(ratio(1), ratio(2)),
        mixer_on=registers.on(control, 3),
        amplifier_on=registers.on(control, 7),
    )


def band_gain_db(code: int) -> float:
    """-10.5 to +12 dB; the reset code 8 is +1.5 dB by the driver's scale."""
    return -10.5 + 1.5 * code


def equaliser(gains_db: tuple[float, ...], rate_hz: float, frames_hz: float) -> Array:
    """Two shelves and three bells as second-order sections."""
    edges = [edge * rate_hz / frames_hz for edge in EQ_EDGES]
    sections = []
    for index, gain_db in enumerate(gains_db):
        a = math.pow(10.0, gain_db / 40.0)
        if index in (0, 4):
            w = 2.0 * math.pi * min(edges[0 if index == 0 else 3], 0.45)
            q = math.sqrt(0.5)
        else:
            low, high = edges[index - 1], edges[index]
            w = 2.0 * math.pi * min(math.sqrt(low * high), 0.45)
            q = math.sqrt(low * high) / (high - low)
        alpha, cosine = math.sin(w) / (2.0 * q), math.cos(w)
        if index in (1, 2, 3):
            row = [1 + alpha * a, -2 * cosine, 1 - alpha * a, 1 + alpha / a, -2 * cosine, 1 - alpha / a]
        else:
            s = 1.0 if index == 0 else -1.0
            root = 2.0 * math.sqrt(a) * alpha
            row = [
                a * ((a + 1) - s * (a - 1) * cosine + root),
                s * 2 * a * ((a - 1) - s * (a + 1) * cosine),
                a * ((a + 1) - s * (a - 1) * cosine - root),
                (a + 1) + s * (a - 1) * cosine + root,
                -s * 2 * ((a - 1) + s * (a + 1) * cosine),
                (a + 1) + s * (a - 1) * cosine - root,
            ]
        sections.append([value / row[3] for value in row])
    return np.array(sections)


@njit(cache=True)
def gate(words, ratios, shut_below, open_above, setup, down_db, up_db, state):  # type: ignore[no-untyped-def]
    """The DAC's noise gate: float64[2, n] -> amplitudes[n], from the louder channel."""
    for i in range(words.shape[1]):
        level = max(abs(words[0, i]), abs(words[1, i]))
        state[NG_QUIET] = state[NG_QUIET] + 1.0 if level < shut_below else 0.0
        if level > open_above:
            state[NG_SHUT] = 0.0
        elif state[NG_QUIET] >= setup:
            state[NG_SHUT] = 1.0
        if state[NG_SHUT] > 0.0:
            state[NG_DB] = max(state[NG_DB] - down_db, NG_FLOOR_DB)
        else:
            state[NG_DB] = min(state[NG_DB] + up_db, 0.0)
        ratios[i] = 10.0 ** (state[NG_DB] / 20.0) if state[NG_DB] > NG_FLOOR_DB else 0.0


class PlaybackPath:
    """Words in, volts out; keeps gains, filters, gate and tone."""

    def __init__(self, avdd_v: float) -> None:
        self._full_scale_v = math.sqrt(2.0) * avdd_v / 3.3
        self._headroom_v = avdd_v / 2.0
        self.reset(Registers())

    def reset(self, registers: Registers) -> None:
        """Forget everything but the supply."""
        self.dac_gains = [Gain(-78.0), Gain(-78.0)]
        self.amplifiers = {"HP_L": Gain(-58.0), "HP_R": Gain(-58.0), "LINE": Gain(-49.0)}
        self._soft = Gain(SOFT_MUTE_FLOOR_DB)
        self._soft.set(0.0)
        self._filter = np.zeros((2, 1))
        self._equaliser_state = np.zeros((5, 2, 2))
        self._gate_state = np.zeros(NG_FIELDS)
        self._phases = [0.0, 0.0]
        self.configure(registers, None)

    def configure(self, registers: Registers, clocks: Clocks | None) -> None:
        """Take over what the registers say."""
        rate_hz = (clocks.rate_hz if clocks else None) or 48_000.0
        frames_hz = clocks.link_rate_hz if clocks else 48_000.0
        self._samples_per_frame = rate_hz / frames_hz
        self.sources = (registers.bits(0x2A, 1, 0), registers.bits(0x2A, 5, 4))
        self.mono = (registers.on(0x2A, 3), registers.on(0x2A, 7))
        self.loopback = any(source < 2 for source in self.sources)
        self.high_pass_hz = corner_hz(registers, 0x44, rate_hz)
        pole = high_pass_pole(self.high_pass_hz, frames_hz)
        self._high_pass = (np.array([0.5, -0.5]) * (1.0 + pole), np.array([1.0, -pole]))
        self.equaliser = registers.on(0x43, 7) and rate_hz < EQ_TOP_RATE_HZ
        fields = ((0x41, 0), (0x41, 4), (0x42, 0), (0x42, 4), (0x43, 0))
        self.bands_db = tuple(band_gain_db(registers.bits(reg, low + 3, low)) for reg, low in fields)
        if self.equaliser:
            self._sections = equaliser(self.bands_db, rate_hz, frames_hz)
        self.soft_muted = registers.on(0x40, 7)
        self._soft_samples = 2.0 ** min(registers.bits(0x40, 6, 4), 6)
        self._soft.set(None if self.soft_muted else 0.0, ramp=True)
        self._soft_db_s = SOFT_MUTE_STEP_DB / self._soft_samples * rate_hz
        self._signs = np.array([[-1.0 if registers.on(0x99, bit) else 1.0] for bit in (3, 7)])
        for side in (0, 1):
            control = 0x69 + side
            live = registers.on(control, 7) and not registers.on(control, 6)
            gain_db = digital_gain_db(registers.bits(0x45 + side, 6, 0))
            self.dac_gains[side].set(gain_db if live else None, registers.on(control, 5))
        self.gated = registers.on(0xB2, 7)
        self._set_gate(registers, rate_hz)
        self._set_tone(registers, rate_hz, frames_hz)
        self.mixers = (mixout(registers, 0), mixout(registers, 1))
        pump = registers.on(0x47, 7)
        self._set_amplifier(registers, "HP_L", 0x6B, -57.0 + registers.bits(0x48, 5, 0), pump)
        self._set_amplifier(registers, "HP_R", 0x6C, -57.0 + registers.bits(0x49, 5, 0), pump)
        self._set_amplifier(registers, "LINE", 0x6D, -48.0 + registers.bits(0x4A, 5, 0), True)
        self.driven = {
            "HP_L": pump and registers.bits(0x6B, 7, 3) & 0x11 == 0x11,
            "HP_R": pump and registers.bits(0x6C, 7, 3) & 0x11 == 0x11,
            "LINE": registers.bits(0x6D, 7, 3) & 0x11 == 0x11,
        }

    def _set_amplifier(self, registers: Registers, pin: str, control: int, gain_db: float, supplied: bool) -> None:
        on = registers.on(control, 7) and registers.on(control, 3) and supplied and not registers.on(control, 6)
        zero_cross = pin != "LINE" and registers.on(control, 4)
        self.amplifiers[pin].set(gain_db if on else None, registers.on(control, 5), zero_cross)

    def _set_gate(self, registers: Registers, rate_hz: float) -> None:
        step = self._samples_per_frame / rate_hz * 1000.0
        self._gate = (
            linear(-102.0 + 6.0 * registers.bits(0xB1, 2, 0)),
            linear(-102.0 + 6.0 * registers.bits(0xB0, 2, 0)),
            NG_SETUP_SAMPLES[registers.bits(0xAF, 1, 0)] / self._samples_per_frame,
            step / (20.48 if registers.on(0xAF, 3) else 0.64),
            step / (0.16 if registers.on(0xAF, 2) else 0.02),
        )

    def _set_tone(self, registers: Registers, rate_hz: float, frames_hz: float) -> None:
        self.tone = registers.on(0xB4, 7)
        self.dtmf = registers.bits(0xB4, 3, 0) if registers.on(0xB4, 4) else None
        waves = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))[registers.bits(0xB5, 1, 0)]
        gain = linear(-3.0 * registers.bits(0xB5, 7, 4))
        unit_hz = (11_025.0 if family_hz(round(rate_hz)) == family_hz(44_100.0) else 12_000.0) / 2**16
        codes = (registers.bits(low + 1, 7, 0) << 8 | registers.bits(low, 7, 0) for low in (0xB7, 0xB9))
        self._tones = [
            (wave * gain / max(sum(waves), 1.0), (code + 1) * unit_hz / frames_hz)
            for wave, code in zip(waves, codes, strict=True)
        ]

    def wait(self, seconds: float, ramp_db_s: float) -> None:
        """Time passes for the gains."""
        for gain in (*self.dac_gains, *self.amplifiers.values()):
            gain.wait(seconds, ramp_db_s)
        self._soft.wait(seconds, self._soft_db_s)

    def play(
        self, link: Array, adc: Array, mixed_v: Array, aux_v: Array, ramp_db: float, frame_s: float, converting: bool
    ) -> dict[str, Array]:
        """float64[2, n] from the wire and from the ADCs, and the bypass signals -> volts at each output pin."""
        n = link.shape[1]
        dac_v = self._convert(link, adc, ramp_db, frame_s) if converting else np.zeros((2, n))
        sums = []
        for side, path in enumerate(self.mixers):
            total = path.dac * dac_v[side]
            if path.bypasses:
                total = total + path.aux * fit(aux_v[side], n)
                total = total + path.mixin[0] * fit(mixed_v[side], n) + path.mixin[1] * fit(mixed_v[1 - side], n)
            sums.append(np.clip(total, -self._headroom_v, self._headroom_v) * path.live)
        swing = SWING * self._headroom_v
        out: dict[str, Array] = {}
        for pin, source, limit in (("HP_L", 0, swing), ("HP_R", 1, swing), ("LINE", 1, 2.0 * swing)):
            volts = sums[source] * self.amplifiers[pin].curve(sums[source], ramp_db)
            out[pin] = np.clip(volts, -limit, limit)
        return out

    def _convert(self, link: Array, adc: Array, ramp_db: float, frame_s: float) -> Array:
        n = link.shape[1]
        offered = (*adc, *link)
        words = np.stack([offered[source] for source in self.sources])
        if any(self.mono):
            mean = words.mean(axis=0)
            words = np.stack([mean if mono else word for mono, word in zip(self.mono, words, strict=True)])
        if self.tone:
            words = words + self._tone_words(n)
        if self.high_pass_hz is not None:
            words, self._filter = lfilter(*self._high_pass, words, axis=1, zi=self._filter)
        if self.equaliser:
            words, self._equaliser_state = sosfilt(self._sections, words, axis=1, zi=self._equaliser_state)
        if self.gated:
            ratios = np.empty(n)
            gate(words, ratios, *self._gate, self._gate_state)
            words = words * ratios
        gains = curves(self.dac_gains, words, ramp_db)
        soft = self._soft.curve(words[0], self._soft_db_s * frame_s)
        volts: Array = np.clip(words * gains, -1.0, 1.0) * soft * self._signs * self._full_scale_v
        return volts

    def _tone_words(self, n: int) -> Array:
        words = np.zeros(n)
        for index, (level, cycles) in enumerate(self._tones):
            words += level * np.sin(2.0 * math.pi * (self._phases[index] + cycles * np.arange(n)))
            self._phases[index] = (self._phases[index] + cycles * n) % 1.0
        return words

    def state(self, powered: bool) -> dict[str, object]:
        """Playback side of `Da7212.state`."""
        feeds = {"HP_L": self.mixers[0], "HP_R": self.mixers[1], "LINE": self.mixers[1]}
        return {
            "dac_gain_db": [None if self.soft_muted else gain.gain_db for gain in self.dac_gains],
            "dac_mono": list(self.mono),
            "dac_high_pass_hz": self.high_pass_hz,
            "dac_noise_gate": self.gated,
            "outputs": {
                pin: self.amplifiers[pin].gain_db if powered and feeds[pin].live and feeds[pin].dac else None
                for pin in PINS
            },
            "sidetone": any(path.bypasses for path in self.mixers),
            "deemphasis": False,
            "equaliser": self.equaliser,
            "equaliser_db": list(self.bands_db),
            "tone": self.tone,
            "tone_dtmf_key": self.dtmf,
        }


def fit(signal: Array, n: int) -> Array:
    """The last captured block as long as the one being played."""
    out = np.zeros(n)
    m = min(n, signal.size)
    out[:m] = signal[:m]
    return out
