"""Categories, modes, and what each mode asks for in physical quantities. Decided by Apple and by physics: code, not data.

No register is named here and no chip: a profile is a contract that every board answers as well as it can.
Names, values and the compatibility table are those of Apple's Audio Session Services (AudioToolbox/AudioSession.h).
The signal processing of a mode is ours, and says why:

- a gain that moves in front of an echo canceller is a moving echo path, so the chat modes freeze the analogue gain and level
  behind the canceller;
- a codec's high-pass removes DC and is no voice high-pass, so the chat modes have one of their own;
- Measurement leaves the signal alone: no filter, no gain that moves, no limiter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from firmware_py.errors import UnknownNameError


class Category(StrEnum):
    """kAudioSessionCategory_..."""

    AMBIENT_SOUND = "ambientSound"
    SOLO_AMBIENT_SOUND = "soloAmbientSound"
    MEDIA_PLAYBACK = "mediaPlayback"
    RECORD_AUDIO = "recordAudio"
    PLAY_AND_RECORD = "playAndRecord"
    AUDIO_PROCESSING = "audioProcessing"

    @property
    def records(self) -> bool:
        return self in (Category.RECORD_AUDIO, Category.PLAY_AND_RECORD)

    @property
    def plays(self) -> bool:
        return self not in (Category.RECORD_AUDIO, Category.AUDIO_PROCESSING)


class Mode(StrEnum):
    """kAudioSessionMode_..."""

    DEFAULT = "default"
    VOICE_CHAT = "voiceChat"
    VIDEO_RECORDING = "videoRecording"
    MEASUREMENT = "measurement"
    GAME_CHAT = "gameChat"


_CHAT = frozenset({Category.PLAY_AND_RECORD})
_RECORDING = frozenset({Category.RECORD_AUDIO, Category.PLAY_AND_RECORD})


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a mode promises, in quantities any board can answer. Defaults leave the signal alone.

    sensitivity_dbfs   level that 94 dB SPL at 1 kHz is to reach, before any gain that moves (sets the analogue gain)
    alc                the codec's own automatic gain; `alc_max_gain_db` counts from the fixed gain
    voice_high_pass_hz digital, second order, before the canceller; 0 is none
    agc_range_db       digital gain after the canceller may move this far up and down; 0 is none
    limiter_dbfs       digital peak limiter on the captured signal; None is none
    playback_limiter   peak limiter at -1 dBFS before the DAC and before the reference tap
    preroll_ms         playback queued beyond one period when the streams start: the time the loop may be late
    """

    title: str
    promise: str
    categories: frozenset[Category]
    rate_hz: int
    period_frames: int
    preroll_ms: float
    channels: int = 2
    sensitivity_dbfs: float
    high_pass: bool = True
    alc: bool = False
    alc_max_gain_db: float = 12.0
    alc_target_dbfs: float = -12.0
    alc_attack_ms: float = 96.0
    alc_decay_ms: float = 768.0
    alc_hold_ms: float = 340.0
    voice_high_pass_hz: float = 0.0
    echo_tail_s: float = 0.0
    noise_reduction_db: float = 0.0
    agc_target_dbfs: float = -20.0
    agc_range_db: float = 0.0
    limiter_dbfs: float | None = None
    playback_limiter: bool = True
    voice_playback: bool = False

    @property
    def cancels_echo(self) -> bool:
        return self.echo_tail_s > 0.0

    @property
    def preroll_frames(self) -> int:
        return self.period_frames + round(self.preroll_ms * 1e-3 * self.rate_hz)


SPEECH_DBFS = -18.35
"""90 dB SPL is to read -22.35 dBFS (Android CDD 5.4.2), which is this at 94 dB SPL."""

UNPROCESSED_DBFS = -36.0
"""94 dB SPL is to read -36 dBFS, that is 520 in 16 bits (Android CDD 5.11 C-1-5)."""

PROFILES: Mapping[Mode, Profile] = {
    Mode.DEFAULT: Profile(
        title="Default",
        promise="everyday capture and playback: the codec levels slowly, nothing else touches the signal",
        categories=frozenset(Category),
        rate_hz=48_000, period_frames=1024, preroll_ms=10.0,
        sensitivity_dbfs=SPEECH_DBFS,
        alc=True,
    ),
    Mode.VOICE_CHAT: Profile(
        title="VoiceChat",
        promise="two-way voice: the echo of the loudspeaker is cancelled, the talker is levelled after it",
        categories=_CHAT,
        rate_hz=16_000, period_frames=128, preroll_ms=3.0, channels=1,
        sensitivity_dbfs=SPEECH_DBFS,
        voice_high_pass_hz=120.0,
        echo_tail_s=0.192, noise_reduction_db=12.0,
        agc_range_db=12.0, limiter_dbfs=-1.0,
        voice_playback=True,
    ),
    Mode.VIDEO_RECORDING: Profile(
        title="VideoRecording",
        promise="sound for a film: 6 dB more headroom than Default, slow levelling, both channels alike",
        categories=_RECORDING,
        rate_hz=48_000, period_frames=960, preroll_ms=10.0,
        sensitivity_dbfs=SPEECH_DBFS - 6.0,
        alc=True, alc_decay_ms=1536.0,
    ),
    Mode.MEASUREMENT: Profile(
        title="Measurement",
        promise="the signal as it is: no high-pass, no levelling, no limiter, no canceller; clipping is flagged",
        categories=_RECORDING | {Category.MEDIA_PLAYBACK},
        rate_hz=48_000, period_frames=1024, preroll_ms=10.0,
        sensitivity_dbfs=UNPROCESSED_DBFS,
        high_pass=False, playback_limiter=False,
    ),
    Mode.GAME_CHAT: Profile(
        title="GameChat",
        promise="two-way voice beside a game: lower latency and a lighter hand than VoiceChat, full-band playback",
        categories=_CHAT,
        rate_hz=48_000, period_frames=256, preroll_ms=2.5, channels=1,
        sensitivity_dbfs=SPEECH_DBFS,
        voice_high_pass_hz=100.0,
        echo_tail_s=0.192, noise_reduction_db=8.0,
        agc_range_db=6.0, limiter_dbfs=-1.0,
    ),
}  # fmt: skip


def effective_mode(mode: Mode, category: Category) -> Mode:
    """The mode that acts: misuse of a mode is no error and behaves as Default (Apple)."""
    return mode if category in PROFILES[mode].categories else Mode.DEFAULT


_Kind = TypeVar("_Kind", bound=StrEnum)


def named(kind: type[_Kind], name: str) -> _Kind:
    """A mode or category by its name as people type it: letters may be large or small.

    Raises
    ------
    UnknownNameError
        With the nearest right ones.
    """
    for member in kind:
        if member.casefold() == name.casefold():
            return member
    raise UnknownNameError(kind.__name__.lower(), name, [str(member) for member in kind])
