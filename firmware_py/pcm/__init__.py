"""The sound card: a period in, a period out. A contract; the back ends stand behind it.

    alsa       libasound, called from inside the compiled loop: the production back end
    portable   pyalsaaudio, every call through the interpreter

The rig and the tests have their own.

The PCM is the only clock of the engine: a simulated PCM is simulated time.
Frames are int32[n, channels], interleaved, full scale 2**31. Results are frames moved, or minus errno:
-EPIPE is an xrun, -ESTRPIPE a suspended card, -EIO a card without a frame clock, -ENODEV a card that has gone; -ENODATA
from a read: playback ran dry, and capture, which is linked to it, stopped with it.
"""

from __future__ import annotations

import errno
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PLAYBACK_XRUN = -errno.ENODATA
"""What `Pcm.read_into` answers where it is playback that stopped both directions."""

Frames = NDArray[np.int32]
Words = NDArray[np.int64]

CAPTURED, CAPTURED_NS, PLAYED, PLAYED_NS, OFFSET, TWO_CLOCKS, TIMING = range(7)
"""Words of `Pcm.timing`, kept by the card.

CAPTURED, CAPTURED_NS   frames that the converter has captured since the last start, as of that time (CLOCK_MONOTONIC, ns)
PLAYED, PLAYED_NS       frames that the converter has taken of what was queued, silence included, as of that time
OFFSET                  frames by which playback is heard later than a start on the same tick with nothing in between:
                        how far it started behind capture, and what a driver reports beyond its queue; negative, if earlier
TWO_CLOCKS              1 where capture and playback are on clocks of their own
A time of 0 says nothing.
"""


class Pcm(Protocol):
    """Capture and playback, started together. Used by one thread at a time."""

    timing: Words

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        """Configure and start both directions, *preroll_frames* of silence queued for playback.

        PcmError if the card refuses, or grants another rate, or a period that is no whole part of the one asked; then nothing
        is open.
        """

    def read_into(self, buffer: Frames) -> int:
        """Wait until *buffer* can be filled, and fill it. A card may hand over less at a time; this does not."""

    def write_from(self, buffer: Frames) -> int:
        """Queue all of *buffer* for playback. A block that is answered with an error was not queued."""

    def recover(self, queued_frames: int) -> int:
        """After an xrun or a suspend: start both directions again, with that much silence queued, a frame at least.

        Returns the frames of time that passed since the last frame read and were not captured.
        """

    def close(self) -> None:
        """Stop at once, without playing what is queued. Closed already: nothing."""
