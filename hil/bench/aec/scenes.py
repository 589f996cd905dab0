"""Scenes: what a microphone hears while a known far end plays, with every part of it known apart.

A scene is a row of `SCENES`; `clip` makes its sound from a seed:

    echo = skew(delay(path * loudspeaker(far)))      active level -26 dBov, as the far end's
    mic  = round16(clip(echo + near + noise))        near is *ser_db* above that level, noise *snr_db* below it

Not a simulation of a board (that is `hil.sim.world`) and not a judge. Far end and microphone are one stream in frames of 16 bits:
frame n of one played when frame n of the other was recorded. The same seed, rate and machine give the same samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import UnknownNameError
from hil.analysis import SINE_CREST_DB, Mask, Signal, active_level
from hil.bench.aec.paths import (
    LOUDSPEAKERS,
    MOVED_BOX_M,
    MOVED_SPEAKER_M,
    delayed,
    echo_path,
    skewed,
    talker_path,
    through,
)
from hil.bench.aec.sounds import Sounds, sounds
from hil.sim.room import ROOMS
from hil.stimulus import SPEECH_DBFS, set_active_level

Floats = NDArray[np.float32]
Span = tuple[float, float]

ROOM_NAMES: Final = ("office", "booth", "living-room", "hall")
SKEWS_PPM: Final = (50.0, 200.0)
DELAY_S: Final = 0.012  # of playback and converters, where a scene is not about delay
_LOUD_PEAK, _CLIPPED_PEAK = 0.9, 1.4  # of a far end, and of its echo, that overdrive the converter by 3 dB
_FULL_SCALE = 32768.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is to be heard. Times in s from the start; a room of None is whichever is asked for."""

    name: str
    title: str
    seconds: float = 12.0
    far: Literal["voice", "music", "noise", "silence"] = "voice"
    loudspeaker: str = "linear"
    audible: bool = True  # False: headphones
    near_s: Span | None = None
    ser_db: float = 0.0  # near end over echo, by active levels
    snr_db: float = 40.0  # echo over noise; near end over noise when there is no echo
    delay_s: float = DELAY_S
    delay_then_s: float | None = None  # from change_s on
    moved: Literal["", "device", "loudspeaker"] = ""  # from change_s on
    change_s: float | None = None
    skew_ppm: float = 0.0
    clipped: bool = False
    room: str | None = None
    rate_hz: int | None = None

    @property
    def has_echo(self) -> bool:
        """Whether the microphone hears the far end."""
        return self.audible and self.far != "silence"


@dataclass(frozen=True)
class Clip:
    """A scene as sound: float32[n], full scale 1. *mic* is echo + near + noise as 16 bits say it."""

    scene: Scene
    rate_hz: int
    mic: Floats
    far: Floats
    echo: Floats
    near: Floats
    noise: Floats
    said: str  # whose voices they are

    def within(self, span: Span) -> Mask:
        """The samples of a span of time."""
        inside = np.zeros(self.mic.size, dtype=np.bool_)
        inside[max(0, round(span[0] * self.rate_hz)) : max(0, round(span[1] * self.rate_hz))] = True
        return inside


def _double_talk(ser_db: float) -> Scene:
    at = f"{ser_db:+.0f}" if ser_db else "0"
    return Scene(name=f"double-talk{at}", title=f"double talk {at}", seconds=15.0, near_s=(5.5, 10.5), ser_db=ser_db)


def _delay(ms: int) -> Scene:
    return Scene(name=f"delay-{ms}", title=f"echo {ms} ms late", delay_s=1e-3 * ms)


SINGLE: Final = Scene(name="single", title="far end alone")
SCENES: Final[tuple[Scene, ...]] = (
    SINGLE,
    Scene(name="soft", title="speaker: soft limit", loudspeaker="soft"),
    Scene(name="hard", title="speaker: hard limit", loudspeaker="hard"),
    Scene(name="asymmetric", title="speaker: asymmetric", loudspeaker="asymmetric"),
    _double_talk(-10.0),
    _double_talk(0.0),
    _double_talk(10.0),
    Scene(name="cold-start", title="cold start", near_s=(0.0, 6.0)),
    Scene(name="near-only", title="near end alone", far="silence", near_s=(0.0, 10.0), seconds=10.0),
    Scene(name="headphones", title="headphones", audible=False, near_s=(0.0, 10.0), seconds=10.0),
    Scene(name="skew", title="clock skew"),
    *map(_delay, (1, 60, 120, 240)),
    Scene(name="jump", title="jump 20 to 75 ms", delay_s=0.020, delay_then_s=0.075, change_s=6.0, seconds=14.0),
    Scene(name="device-moved", title="device moved", moved="device", change_s=6.0, seconds=14.0),
    Scene(name="speaker-moved", title="speaker moved", moved="loudspeaker", change_s=6.0, seconds=14.0),
    Scene(name="noise", title="noise, SNR 20 dB", snr_db=20.0),
    Scene(name="music", title="music", far="music"),
    Scene(name="clipping", title="converter clips", clipped=True),
    Scene(name="48k", title="48 kHz", rate_hz=48_000),
    Scene(name="white", title="white noise", far="noise", snr_db=60.0),
)


def choose(
    names: Sequence[str] = (), rooms: Sequence[str] = ROOM_NAMES, skews_ppm: Sequence[float] = SKEWS_PPM
) -> list[Scene]:
    """The scenes of those names (all by default): `single` in each room, `skew` by each skew, the others in the first room."""
    known = {scene.name: scene for scene in SCENES}
    for kind, asked, there in (("scene", names, known), ("room", rooms, ROOMS)):
        for name in asked:
            if name not in there:
                raise UnknownNameError(kind, name, there)
    chosen: list[Scene] = []
    for scene in SCENES:
        if names and scene.name not in names:
            continue
        if scene.name == SINGLE.name:
            chosen += [_in_room(scene, room) for room in rooms]
        elif scene.name == "skew":
            chosen += [_with_skew(replace(scene, room=rooms[0]), ppm) for ppm in skews_ppm]
        else:
            chosen.append(replace(scene, room=rooms[0]))
    return chosen


def _in_room(scene: Scene, room: str) -> Scene:
    title = f"{room}, T60 {ROOMS[room].t60_s:g} s"
    return replace(scene, name=f"{scene.name}-{room}", title=title, room=room)


def _with_skew(scene: Scene, ppm: float) -> Scene:
    return replace(scene, name=f"{scene.name}{ppm:g}", title=f"{scene.title} {ppm:g} ppm", skew_ppm=ppm)


def clip(scene: Scene, rate_hz: int = 16_000, seed: int = 1, *, synthetic: bool = False) -> Clip:
    """The sound of a scene."""
    rate_hz = scene.rate_hz or rate_hz
    random = np.random.default_rng(seed)
    heard = sounds(seed, rate_hz, synthetic=synthetic)
    room = scene.room or ROOM_NAMES[0]
    frames = round(scene.seconds * rate_hz)
    far = _sixteen_bits(_far(scene, heard, random, rate_hz))
    played = LOUDSPEAKERS[scene.loudspeaker](far)
    echo = np.zeros(frames)
    if scene.has_echo:
        paths = [echo_path(room, rate_hz)]
        if scene.moved == "device":
            paths.append(echo_path(room, rate_hz, moved_m=MOVED_BOX_M))
        elif scene.moved == "loudspeaker":
            paths.append(echo_path(room, rate_hz, MOVED_SPEAKER_M))
        delays_s = [scene.delay_s] + ([scene.delay_then_s] if scene.delay_then_s is not None else [])
        before = delayed(through(played, paths[0]), delays_s[0], rate_hz)
        after = delayed(through(played, paths[-1]), delays_s[-1], rate_hz)
        change = frames if scene.change_s is None else round(scene.change_s * rate_hz)
        echo = np.concatenate((before[:change], after[change:]))
        echo = skewed(echo, scene.skew_ppm) if scene.skew_ppm else echo
        echo = _with_peak(echo, _CLIPPED_PEAK) if scene.clipped else set_active_level(echo, rate_hz, SPEECH_DBFS)

    near = np.zeros(frames)
    if scene.near_s is not None:
        start, stop = (round(at * rate_hz) for at in scene.near_s)
        near[start:stop] = heard.near((stop - start) / rate_hz, rate_hz)
        near_dbfs = SPEECH_DBFS + (scene.ser_db if scene.has_echo else 0.0)
        near = set_active_level(through(near, talker_path(room, rate_hz)), rate_hz, near_dbfs)
    noise = random.standard_normal(frames)
    noise *= 10.0 ** ((_loudness(echo if scene.has_echo else near, rate_hz) - scene.snr_db) / 20.0)
    mic = _sixteen_bits(echo + near + noise)
    parts = {"mic": mic, "far": far, "echo": echo, "near": near, "noise": noise}
    return Clip(scene, rate_hz, **{name: x.astype(np.float32) for name, x in parts.items()}, said=heard.said)


def _far(scene: Scene, heard: Sounds, random: np.random.Generator, rate_hz: int) -> Signal:
    frames = round(scene.seconds * rate_hz)
    if scene.far == "silence":
        return np.zeros(frames)
    if scene.far == "noise":
        return set_active_level(random.standard_normal(frames), rate_hz, SPEECH_DBFS)
    sound = (heard.far if scene.far == "voice" else heard.music)(scene.seconds, rate_hz)
    return _with_peak(sound, _LOUD_PEAK) if scene.clipped else sound


def _loudness(x: Signal, rate_hz: int) -> float:
    """Rms of the active parts re full scale, in dB."""
    return active_level(x, rate_hz).dbfs - SINE_CREST_DB


def _with_peak(x: Signal, peak: float) -> Signal:
    return x * (peak / float(np.max(np.abs(x))))


def _sixteen_bits(x: Signal) -> Signal:
    return np.asarray(np.clip(np.round(x * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1.0) / _FULL_SCALE)
