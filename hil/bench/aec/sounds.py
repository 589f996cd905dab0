"""Who talks and what plays in a scene: recordings of the distribution's packages, or something synthetic that says so.

Not a player and not a room. A talker is a folder of asterisk's prompts (packages asterisk-core-sounds-*: WAV at 8 kHz, or
G.722 at 16 kHz, which ffmpeg reads) or alsa-utils' spoken channel names; without any, `hil.stimulus.speech_like` talks. Which of
these it was is part of the result: figures of different sounds are not comparable. The same files and seed give the same samples.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from hil.analysis import Signal
from hil.stimulus import SPEECH_DBFS, StimulusError, alsa_voices, load_voice, set_active_level, speech_like

ASTERISK = Path("/usr/share/asterisk")
SYNTHETIC = "synthetic voices (nothing recorded was found, or asked for): install asterisk-core-sounds-en and ffmpeg"
_G722_HZ = 16_000
_SHORTEST_BYTES = 20_000  # 2.5 s of G.722: sentences, not numbers and letters
_NO_VOICES = ("monkeys", "beep", "tone", "silence", "echotest")
_MUSIC_START_S = 20.0  # past the soft beginning

Voice = Callable[[float, int], Signal]


@dataclass(frozen=True)
class Sounds:
    """Far talker, near talker and music, each a function of seconds and rate; `said` tells where they come from."""

    far: Voice
    near: Voice
    music: Voice
    said: str


def sounds(seed: int, rate_hz: int, *, synthetic: bool = False) -> Sounds:
    """What this machine has for scenes at that rate. Above 16 kHz alsa-utils' recordings go first: only they have the band."""
    prompts, words = ([], []) if synthetic else (_talkers(), alsa_voices())
    if words and (rate_hz > _G722_HZ or not prompts):
        far, near = _recorded(words[0::2], seed), _recorded(words[1::2], seed + 1)
        said = "alsa-utils' voice at both ends"
    elif prompts:
        first = seed % len(prompts)
        second = (first + 1 + seed // len(prompts) % max(1, len(prompts) - 1)) % len(prompts)
        if first == second:
            files = _sentences(prompts[first])
            far, near = _recorded(files[0::2], seed), _recorded(files[1::2], seed + 1)
            said = f"asterisk's voice {prompts[first].name} at both ends"
        else:
            far, near = (_recorded(_sentences(prompts[i]), seed + n) for n, i in enumerate((first, second)))
            said = f"asterisk's voices {prompts[first].name} (far) and {prompts[second].name} (near)"
    else:
        far, near = _synthetic(seed, 120.0), _synthetic(seed + 1, 205.0)
        said = SYNTHETIC
    pieces = [] if synthetic else _files(ASTERISK / "moh")
    music = _piece(pieces[seed % len(pieces)]) if pieces else _chords(seed)
    return Sounds(far, near, music, f"{said}; " + ("asterisk's music on hold" if pieces else "synthetic music"))


def read_sound(path: Path, rate_hz: int) -> NDArray[np.float32]:
    """A mono recording at that rate: what libsndfile reads, or G.722 through ffmpeg. StimulusError says what is wrong."""
    if path.suffix != ".g722":
        return load_voice(path, rate_hz)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "g722",
        "-i",
        str(path),
        "-f",
        "f32le",
        "-ac",
        "1",
        "-ar",
        str(_G722_HZ),
        "-",
    ]
    try:
        read = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StimulusError(f"{path}: ffmpeg could not read it ({error})") from error
    samples = np.frombuffer(read.stdout, np.float32)
    common = math.gcd(rate_hz, _G722_HZ)
    return np.asarray(resample_poly(samples, rate_hz // common, _G722_HZ // common), np.float32)


def _files(folder: Path) -> list[Path]:
    """Recordings in a folder that can be read here; G.722 is preferred to the narrow band of WAV."""
    for suffix in (".g722", ".wav") if shutil.which("ffmpeg") else (".wav",):
        found = [path for path in sorted(folder.glob(f"*{suffix}")) if path.is_file()]
        if found:
            return found
    return []


def _sentences(folder: Path) -> list[Path]:
    scale = {".g722": 1, ".wav": 2}
    return [
        path
        for path in _files(folder)
        if path.stat().st_size >= scale[path.suffix] * _SHORTEST_BYTES
        and not any(word in path.stem for word in _NO_VOICES)
    ]


def _talkers() -> list[Path]:
    """Folders such as en_US_f_Allison, of which there are sentences."""
    return [folder for folder in sorted((ASTERISK / "sounds").glob("*_*_*_*")) if len(_sentences(folder)) >= 4]


def _recorded(files: Sequence[Path], seed: int) -> Voice:
    def talk(seconds: float, rate_hz: int) -> Signal:
        random, parts, frames = np.random.default_rng(seed), [], 0
        while frames < seconds * rate_hz:
            for index in random.permutation(len(files)):
                part = _levelled(files[index], rate_hz)
                pause = np.zeros(round(random.uniform(0.2, 0.5) * rate_hz))
                parts += [part, pause]
                frames += part.size + pause.size
                if frames >= seconds * rate_hz:
                    break
        return set_active_level(np.concatenate(parts)[: round(seconds * rate_hz)], rate_hz, SPEECH_DBFS)

    return talk


@lru_cache(maxsize=128)
def _levelled(path: Path, rate_hz: int) -> Signal:
    return set_active_level(read_sound(path, rate_hz), rate_hz, SPEECH_DBFS)


def _synthetic(seed: int, pitch_hz: float) -> Voice:
    return lambda seconds, rate_hz: speech_like(seconds, rate_hz, seed, pitch_hz)


def _piece(path: Path) -> Voice:
    def play(seconds: float, rate_hz: int) -> Signal:
        sound = _whole(path, rate_hz)
        start = min(round(_MUSIC_START_S * rate_hz), max(0, sound.size - round(seconds * rate_hz)))
        return set_active_level(np.resize(sound[start:], round(seconds * rate_hz)), rate_hz, SPEECH_DBFS)

    return play


@lru_cache(maxsize=2)
def _whole(path: Path, rate_hz: int) -> NDArray[np.float32]:
    return read_sound(path, rate_hz)


def _chords(seed: int) -> Voice:
    """A slow sequence of plucked chords over a bass, with a hiss on every beat."""

    def play(seconds: float, rate_hz: int) -> Signal:
        random = np.random.default_rng(seed)
        music = np.zeros(round(seconds * rate_hz))
        beat_s, time_s = 0.5, np.arange(round(1.6 * rate_hz)) / rate_hz
        for beat in range(math.ceil(seconds / beat_s)):
            root_hz = 110.0 * 2.0 ** ((0, -3, 5, 7)[beat // 4 % 4] / 12.0)
            note = 0.15 * random.standard_normal(time_s.size) * np.exp(-time_s / 0.03)
            for step in (0, 12, random.choice((16, 19, 24)), random.choice((27, 28, 31))):
                for harmonic in range(1, 9):
                    pitch_hz = root_hz * 2.0 ** (step / 12.0) * harmonic
                    if pitch_hz < 0.45 * rate_hz:
                        decay = np.exp(-time_s * (1.5 + 0.8 * harmonic))
                        phase = random.uniform(0.0, 2.0 * math.pi)
                        note += decay * np.sin(2.0 * math.pi * pitch_hz * time_s + phase) / harmonic
            start = round(beat * beat_s * rate_hz)
            part = note[: music.size - start]
            music[start : start + part.size] += part
        return set_active_level(music, rate_hz, SPEECH_DBFS)

    return play
