"""What the rig plays: tones, sweeps, speech-like signals, bursts, and real voices from files.

Not a player: these are functions that return arrays, full scale 1.0, float64 unless they come from a file.
The same arguments give the same samples, for ever: whatever is random is seeded. Levels in dBFS are AES17 (a
full-scale sine is 0 dBFS); speech is set by its active level (ITU-T P.56).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter, resample_poly

from hil.analysis import SINE_CREST_DB, Signal, active_level, as_signal

ALSA_SOUNDS = Path("/usr/share/sounds/alsa")
SPEECH_DBFS = -26.0 + SINE_CREST_DB  # the nominal -26 dBov of the ITU-T P series

# First three formants of ten vowels in Hz, male averages (Peterson & Barney 1952, table II).
_VOWELS_HZ = (
    (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
    (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
)  # fmt: skip
_FORMANT_BANDWIDTHS_HZ = (60.0, 90.0, 120.0)


class StimulusError(ValueError):
    """A voice that cannot be used; the message names the file and says why."""


@dataclass(frozen=True)
class Sweep:
    """An exponential sweep, and the filter that folds it into an impulse (Farina, 108th AES Convention,
    2000).

    `signal` convolved with `inverse` is a band-limited impulse at frame `signal.size - 1`, gain 1 in the
    band.
    """

    signal: Signal
    inverse: Signal
    rate_hz: float
    low_hz: float
    high_hz: float

    def harmonic_lead_s(self, order: int) -> float:
        """How far before the linear impulse response that of the *order*-th harmonic lies."""
        seconds = self.signal.size / self.rate_hz
        return seconds * math.log(order) / math.log(self.high_hz / self.low_hz)


@dataclass(frozen=True)
class BurstPlan:
    """Reference, tone, reference, tone, ..., reference; each burst is followed by a gap."""

    signal: Signal
    frequencies_hz: tuple[float, ...]
    reference_hz: float
    rate_hz: float
    burst_frames: int
    gap_frames: int

    def slot(self, index: int) -> tuple[int, int]:
        """First frame, and the frame after the last, of burst *index*: even ones are the reference."""
        start = index * (self.burst_frames + self.gap_frames)
        return start, start + self.burst_frames

    def gap(self, index: int) -> tuple[int, int]:
        """The same for the later half of the gap after burst *index*, where a short room has died away."""
        stop = (index + 1) * (self.burst_frames + self.gap_frames)
        return stop - self.gap_frames // 2, stop


def sine(frequency_hz: float, seconds: float, rate_hz: float, level_dbfs: float = 0.0) -> Signal:
    """A tone that starts at phase 0; its peak is 10^(level/20)."""
    _below_nyquist(frequency_hz, rate_hz)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    tone: Signal = _amplitude(level_dbfs) * np.sin(2.0 * np.pi * frequency_hz * time_s)
    return tone


def exponential_sweep(
    seconds: float, rate_hz: float, low_hz: float = 20.0, high_hz: float = 20_000.0, level_dbfs: float = -6.0
) -> Sweep:
    """A sweep of exponentially growing frequency, 10 ms fades; *high_hz* is kept below 0.49 of the rate."""
    high_hz = min(high_hz, 0.49 * rate_hz)
    if not 0.0 < low_hz < high_hz:
        raise ValueError(f"a sweep goes up: {low_hz:g} to {high_hz:g} Hz does not")
    frames = round(seconds * rate_hz)
    time_s = np.arange(frames) / rate_hz
    octaves = math.log(high_hz / low_hz)
    growth = np.exp(time_s * octaves / seconds)
    signal = _amplitude(level_dbfs) * np.sin(2.0 * np.pi * low_hz * seconds / octaves * (growth - 1.0))
    signal *= _fades(frames, round(0.01 * rate_hz))
    # The sweep dwells on low frequencies: its spectrum falls by 3 dB an octave, so this one has to rise by 3.
    inverse = (signal * growth)[::-1]
    folded = np.fft.rfft(signal, 2 * frames) * np.fft.rfft(inverse, 2 * frames)
    frequency = np.fft.rfftfreq(2 * frames, 1.0 / rate_hz)
    band = (frequency > 2.0 * low_hz) & (frequency < 0.5 * high_hz)
    return Sweep(signal, inverse / float(np.mean(np.abs(folded[band]))), rate_hz, low_hz, high_hz)


def composite_source(
    seconds: float, rate_hz: float, seed: int = 0, bandwidth_hz: float = 20_000.0, pitch_hz: float = 205.0
) -> Signal:
    """A composite source signal in the style of ITU-T P.501: periodic, speech-like, active level -26 dBov.

    48.62 ms of a voiced sound, 200 ms of pseudo-noise (flat lines of random phase, then -5 dB an octave as
    speech falls), 101.38 ms of pause; the second such period has the opposite polarity. The Recommendation's
    own voiced sound is a table of samples; this one is a harmonic series, so the figures are comparable, not
    the samples.
    """
    top_hz = min(bandwidth_hz, 0.45 * rate_hz)
    time_s = np.arange(round(0.04862 * rate_hz)) / rate_hz
    orders = np.arange(1, int(top_hz // pitch_hz) + 1)[:, None]
    voiced = np.sum(np.cos(2.0 * np.pi * pitch_hz * orders * time_s) / orders, axis=0)

    noise_frames = round(0.2 * rate_hz)
    frequency = np.fft.rfftfreq(noise_frames, 1.0 / rate_hz)
    slope = (np.maximum(frequency, 200.0) / 200.0) ** (-5.0 / (20.0 * math.log10(2.0)))
    phase = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, frequency.size)
    in_band = (frequency >= 50.0) & (frequency <= top_hz)
    noise = np.fft.irfft(in_band * slope * np.exp(1j * phase), noise_frames)

    pause = np.zeros(round(0.35 * rate_hz) - time_s.size - noise_frames)
    period = np.concatenate((voiced / _rms(voiced), noise / _rms(noise), pause))
    both = np.concatenate((period, -period))
    frames = round(seconds * rate_hz)
    return set_active_level(np.resize(both, frames), rate_hz, SPEECH_DBFS)


def speech_like(seconds: float, rate_hz: float, seed: int = 0, pitch_hz: float = 120.0) -> Signal:
    """A synthetic talker: hisses and vowels in phrases with pauses; active level -26 dBov.

    Each vowel is a glottal pulse train of wandering pitch through three formant resonators; about four
    syllables a second, phrases of 1 to 2.5 s, pauses of 0.3 to 0.7 s. It has what cancellers and gain
    controls live by (envelope, harmonics, pauses), not words.
    """
    random = np.random.default_rng(seed)
    speech = np.zeros(round(seconds * rate_hz))
    now_s, phrase_ends_s = 0.0, random.uniform(1.0, 2.5)
    pitch = pitch_hz * random.uniform(0.95, 1.1)
    while now_s < seconds:
        length_s = random.uniform(0.16, 0.3)
        pitch_to = float(np.clip(pitch * random.uniform(0.88, 1.12), 0.75 * pitch_hz, 1.35 * pitch_hz))
        syllable = _vowel(length_s, rate_hz, pitch, pitch_to, random) * random.uniform(0.5, 1.0)
        if random.random() < 0.5:
            _add(speech, 0.1 * _hiss(random.uniform(0.05, 0.09), rate_hz, random), now_s, rate_hz)
            now_s += 0.05
        _add(speech, syllable, now_s, rate_hz)
        pitch = pitch_to
        now_s += 0.9 * length_s
        if now_s > phrase_ends_s:
            now_s += random.uniform(0.3, 0.7)
            phrase_ends_s = now_s + random.uniform(1.0, 2.5)
            pitch = pitch_hz * random.uniform(1.0, 1.2)
    return set_active_level(speech, rate_hz, SPEECH_DBFS)


def level_step(signal: ArrayLike, rate_hz: float, steps: Sequence[tuple[float, float]]) -> Signal:
    """*signal* with gain *gain_db* from *start_s* on, for each (start_s, gain_db); 0 dB before the first."""
    x = as_signal(signal)
    gain = np.ones(x.size)
    for start_s, gain_db in sorted(steps):
        gain[round(start_s * rate_hz) :] = _amplitude(gain_db)
    return x * gain


def tone_bursts(
    frequencies_hz: Sequence[float],
    rate_hz: float,
    reference_hz: float = 1000.0,
    level_dbfs: float = -20.0,
    burst_s: float = 0.12,
    gap_s: float = 0.08,
) -> BurstPlan:
    """Tone bursts, each between two bursts of *reference_hz*, so that a moving gain can be divided out."""
    burst_frames, gap_frames = round(burst_s * rate_hz), round(gap_s * rate_hz)
    fades, gap = _fades(burst_frames, round(0.005 * rate_hz)), np.zeros(gap_frames)

    def burst(frequency_hz: float) -> Signal:
        return np.concatenate((sine(frequency_hz, burst_s, rate_hz, level_dbfs)[:burst_frames] * fades, gap))

    parts = [burst(reference_hz)]
    for frequency_hz in frequencies_hz:
        parts += [burst(frequency_hz), burst(reference_hz)]
    signal, frequencies = np.concatenate(parts), tuple(frequencies_hz)
    return BurstPlan(signal, frequencies, reference_hz, rate_hz, burst_frames, gap_frames)


def set_active_level(x: ArrayLike, rate_hz: float, dbfs: float) -> Signal:
    """*x* scaled to an active level (ITU-T P.56) of *dbfs*; `StimulusError` when it is silent or not
    finite."""
    signal = as_signal(x)
    now = active_level(signal, rate_hz).dbfs
    if math.isnan(now):
        raise StimulusError("a silent signal has no active level to set")
    return signal * _amplitude(dbfs - now)


def load_voice(path: Path | str, rate_hz: int) -> NDArray[np.float32]:
    """A recording (WAV, FLAC, whatever libsndfile reads) as mono float32 at *rate_hz*; channels are averaged.

    Raises:
        StimulusError: missing, unreadable, empty, not finite, silent, or shorter than half a second.
    """
    path = Path(path)
    if not path.is_file():
        raise StimulusError(f"{path}: there is no such file; give a WAV or FLAC recording of a voice")
    try:
        samples, file_rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise StimulusError(f"{path}: cannot be read as sound ({error}); give a WAV or FLAC file") from error
    if len(samples) == 0:
        raise StimulusError(f"{path}: holds no samples; give a recording of half a second or more")
    if not np.all(np.isfinite(samples)):
        raise StimulusError(f"{path}: holds samples that are not numbers; export it again")
    if len(samples) < 0.5 * file_rate_hz:
        raise StimulusError(f"{path}: lasts {len(samples) / file_rate_hz:.2f} s; half a second is the least")
    mono = samples.mean(axis=1)
    if np.max(np.abs(mono)) < 1e-4:
        raise StimulusError(f"{path}: is silent (peak below -80 dBFS); give a recording of a voice")
    common = math.gcd(rate_hz, file_rate_hz)
    voice: Signal = resample_poly(mono, rate_hz // common, file_rate_hz // common)
    return voice.astype(np.float32)


def alsa_voices() -> list[Path]:
    """The spoken channel names of Debian's alsa-utils, sorted; empty when the package is missing."""
    return [path for path in sorted(ALSA_SOUNDS.glob("*_*.wav")) if path.is_file()]


def voice_track(
    paths: Sequence[Path | str] | None, seconds: float, rate_hz: int, seed: int = 0, gap_s: float = 0.35
) -> NDArray[np.float32]:
    """A talk of *seconds* made of recordings (those of `alsa_voices` when None), active level -26 dBov.

    They follow one another in seeded order, each once before any comes again, with gaps of about *gap_s*;
    each is brought to the same active level first.
    """
    chosen = alsa_voices() if paths is None else list(paths)
    if not chosen:
        raise StimulusError(f"{ALSA_SOUNDS}: holds no voices; install alsa-utils or name recordings")
    random = np.random.default_rng(seed)
    voices = []
    for path in chosen:
        try:
            voices.append(set_active_level(load_voice(path, rate_hz), rate_hz, SPEECH_DBFS))
        except StimulusError as error:
            named = str(path) in str(error)
            raise StimulusError(str(error) if named else f"{path}: nobody talks in it ({error})") from error
    frames = round(seconds * rate_hz)
    talk: list[Signal] = []
    spoken = 0
    while spoken < frames:
        for index in random.permutation(len(voices)):
            pause = np.zeros(round(gap_s * random.uniform(0.6, 1.4) * rate_hz))
            talk += [voices[index], pause]
            spoken += voices[index].size + pause.size
    return set_active_level(np.concatenate(talk)[:frames], rate_hz, SPEECH_DBFS).astype(np.float32)


def _vowel(seconds: float, rate_hz: float, pitch_hz: float, pitch_to_hz: float, random: np.random.Generator) -> Signal:
    frames = round(seconds * rate_hz)
    vibrato = 1.0 + 0.01 * np.sin(2.0 * np.pi * 5.5 * np.arange(frames) / rate_hz)
    pitch = np.linspace(pitch_hz, pitch_to_hz, frames) * vibrato
    phase = np.mod(np.cumsum(pitch) / rate_hz, 1.0)
    # Rosenberg's glottal pulse: opens over 40 % of the period, closes over 16 %; its slope is what radiates.
    opening = 0.5 * (1.0 - np.cos(np.pi * phase / 0.4))
    closing = np.cos(0.5 * np.pi * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
    sound = np.diff(flow, prepend=0.0)
    sound += 0.002 * random.standard_normal(frames)
    for formant_hz, bandwidth_hz in zip(random.choice(_VOWELS_HZ), _FORMANT_BANDWIDTHS_HZ, strict=True):
        radius = math.exp(-math.pi * bandwidth_hz / rate_hz)
        pole = (1.0, -2.0 * radius * math.cos(2.0 * math.pi * formant_hz / rate_hz), radius**2)
        sound = lfilter([sum(pole)], pole, sound)
    envelope = np.sin(np.pi * (np.arange(frames) + 0.5) / frames) ** 0.7
    vowel: Signal = sound / (_rms(sound) or 1.0) * envelope
    return vowel


def _hiss(seconds: float, rate_hz: float, random: np.random.Generator) -> Signal:
    frames = round(seconds * rate_hz)
    return np.diff(random.standard_normal(frames), prepend=0.0) * np.hanning(frames)


def _add(into: Signal, x: Signal, start_s: float, rate_hz: float) -> None:
    start = round(start_s * rate_hz)
    part = x[: max(0, into.size - start)]
    into[start : start + part.size] += part


def _fades(frames: int, edge_frames: int) -> Signal:
    ramp = np.square(np.sin(0.5 * np.pi * (np.arange(edge_frames) + 0.5) / edge_frames))
    return np.concatenate((ramp, np.ones(frames - 2 * edge_frames), ramp[::-1]))


def _rms(x: Signal) -> float:
    return math.sqrt(float(np.mean(np.square(x))))


def _amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def _below_nyquist(frequency_hz: float, rate_hz: float) -> None:
    if not 0.0 < frequency_hz < 0.5 * rate_hz:
        raise ValueError(f"{frequency_hz:g} Hz needs a rate above {2 * frequency_hz:g} Hz, not {rate_hz:g}")
