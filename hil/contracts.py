"""What each mode is contracted to do: the rig's own reading of the modes, in quantities that a meter shows.

Not the product's profiles and not taken from them: a number that is wrong there is to be found here. Not bounds either
(`hil.limits`): this is what is wanted; how far off is still good is said where it is judged.

Levels are dBFS as Android's compatibility definition (CDD) counts them, from a full-scale square wave.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a mode is to do with the codec.

    rate_hz           frames per second, both ways
    sensitivity_dbfs  reading of a 1 kHz tone of 94 dB SPL at the microphone, before any gain that moves
    cancels_echo      one channel, and the loudspeaker's sound is taken out of it
    high_pass         the codec removes DC
    alc               the codec levels by itself: up to `alc_max_gain_db` over the fixed gain, both channels alike
    """

    rate_hz: int
    sensitivity_dbfs: float
    cancels_echo: bool = False
    high_pass: bool = True
    alc: bool = False
    alc_target_dbfs: float = -12.0
    alc_max_gain_db: float = 12.0
    alc_attack_ms: float = 96.0
    alc_decay_ms: float = 768.0
    alc_hold_ms: float = 340.0


CONTRACTS: dict[str, Contract] = {
    "default": Contract(rate_hz=48_000, sensitivity_dbfs=-18.35, alc=True),
    "voiceChat": Contract(rate_hz=16_000, sensitivity_dbfs=-18.35, cancels_echo=True),
    "videoRecording": Contract(rate_hz=48_000, sensitivity_dbfs=-24.35, alc=True, alc_decay_ms=1536.0),
    "measurement": Contract(rate_hz=48_000, sensitivity_dbfs=-36.0, high_pass=False),
    "gameChat": Contract(rate_hz=48_000, sensitivity_dbfs=-18.35, cancels_echo=True),
}
"""By name of the mode. -18.35 is 90 dB SPL at -22.35 (CDD 5.4), -36 is CDD 5.11 C-1-5, VideoRecording has 6 dB more headroom."""
