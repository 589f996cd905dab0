"""Who talks at either end: recordings given by the user, or those that Debian's alsa-utils installs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.stimulus import alsa_voices, load_voice, voice_track

FAR_SEED, NEAR_SEED = 1, 2
NEAR_LATE_S = 1.7  # the near talker is this far into his text: one recording at both ends is still two talkers


@dataclass(frozen=True)
class Voices:
    """Recordings of the far and of the near talker; () is the default ones, split so that nobody talks to himself."""

    far_files: Sequence[Path] = ()
    near_files: Sequence[Path] = ()

    def check(self) -> None:
        """Read every recording once. StimulusError says which cannot be used, and why."""
        for path in (*self.far_files, *self.near_files):
            load_voice(path, 16_000)
        self.far(0.5, 16_000)

    def far(self, seconds: float, rate_hz: int) -> NDArray[np.float32]:
        """The far talker, active level -26 dBov."""
        return voice_track(list(self.far_files) or alsa_voices()[0::2], seconds, rate_hz, FAR_SEED)

    def near(self, seconds: float, rate_hz: int) -> NDArray[np.float32]:
        """The near talker, active level -26 dBov."""
        files = list(self.near_files) or alsa_voices()[1::2]
        late = round(NEAR_LATE_S * rate_hz)
        return voice_track(files, seconds + NEAR_LATE_S, rate_hz, NEAR_SEED)[late:]
