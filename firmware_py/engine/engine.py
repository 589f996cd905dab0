"""An engine: a card, a chain and a mixer, round the compiled loop. Runs in a thread of its own, or a few periods in this one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.chain import CLIPPED, Chain
from firmware_py.engine import loop
from firmware_py.engine.foreign import Entry
from firmware_py.engine.mixer import Line, Mixer
from firmware_py.errors import PcmError
from firmware_py.modes import Profile
from firmware_py.pcm import Pcm
from firmware_py.units import db_to_amplitude

RING_S = 1.0
"""Sound that a session may be ahead or behind."""

PATIENCE_S = 2.0
"""A loop that has not answered for this long never will."""


@dataclass(frozen=True)
class Statistics:
    """What the loop counted since the engine was made."""

    periods: int
    capture_xruns: int
    playback_xruns: int
    clipped_samples: int


class Engine:
    """Runs one mode's chain on one PCM. Open; start and stop, or run; close."""

    def __init__(self, pcm: Pcm, profile: Profile) -> None:
        self.profile, self.chain = profile, Chain(profile)
        self.mixer = Mixer(int(RING_S * profile.rate_hz), profile.channels)
        self._pcm = pcm
        self._captured = np.zeros((profile.period_frames, 2), np.int32)
        self._played = np.zeros_like(self._captured)
        self._entry = Entry(pcm, self._captured, self._played)
        self._control = np.zeros(loop.CONTROLS, np.int64)
        self._statistics = np.zeros(loop.STATISTICS, np.int64)
        self._control[loop.FADE] = self._statistics[loop.FADED] = 1
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None

    def open(self) -> None:
        """Open and start the card. PcmError if it refuses. What was told to stop may run again."""
        self._control[loop.STOP] = 0
        self._pcm.open(self.profile.rate_hz, self.profile.period_frames, 2, preroll_frames=self.profile.preroll_frames)

    def run(self, periods: int = -1) -> None:
        """Process *periods* periods in this thread, or go on until `stop`.

        Raises
        ------
        PcmError
            The card stopped or has gone.
        """
        result = loop.run(
            periods, self._entry.table, self._control, self._statistics,
            self.chain.state, self.mixer.state, self._captured, self._played,
        )  # fmt: skip
        if self._entry.error is not None:
            error, self._entry.error = self._entry.error, None
            raise error
        if result < 0:
            raise PcmError(-result, f"the sound card stopped: {_WHY.get(-result) or os.strerror(-result)}")

    def start_silent(self) -> None:
        """The next period begins from silence; `fade` brings it up."""
        self._control[loop.STOP] = 0
        self._control[loop.FADE] = self._statistics[loop.FADED] = 0

    def start(self) -> None:
        """Go on in a thread until `stop`. What ends it unasked is kept as `failure`."""

        def live() -> None:
            try:
                self.run()
            except BaseException as error:  # nobody is above this thread; whoever looks after the engine reads it
                self.failure = error

        self._thread = threading.Thread(target=live, name="audiohat periods", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the loop after the period it is in, and wait for it. May be called from any other thread."""
        self._control[loop.STOP] = 1
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            self._thread = None

    @property
    def running(self) -> bool:
        """Whether a thread keeps periods going."""
        return self._thread is not None and self._thread.is_alive()

    def fade(self, sounding: bool) -> None:
        """Bring everything to full level or to silence within a period, and return when it has been heard."""
        self._control[loop.FADE] = sounding
        queued = -(-self.profile.preroll_frames // self.profile.period_frames)
        self._pass(1 if sounding else 1 + queued)

    def set_gains(self, gains_db: Mapping[str, float]) -> None:
        """Playback gain of each session by name; one that is not named is neither heard nor fed when this returns."""
        self.mixer.set_gains({name: db_to_amplitude(gain_db) for name, gain_db in gains_db.items()})
        if self.running:
            self._pass(1)

    def _pass(self, periods: int) -> None:
        """Let whole periods pass, in the loop's thread or in this one."""
        if not self.running:
            self.run(periods)
            return
        target, waited = int(self._statistics[loop.PERIODS]) + periods + 1, threading.Event()
        for _ in range(int(PATIENCE_S / _LOOK_S)):
            if self._statistics[loop.PERIODS] >= target or not self.running:
                return
            waited.wait(_LOOK_S)

    def close(self) -> None:
        """Close the card."""
        self._pcm.close()

    def line(self, name: str) -> Line:
        """A session's rings."""
        return self.mixer.line(name)

    def converse(self, name: str, down: NDArray[np.float32]) -> NDArray[np.float32]:
        """Play *down* (float32[frames, channels]) as session *name*; return what it captured meanwhile, frame for frame.

        Runs whole periods: *down* is cut to a multiple of the period. For offline use; needs a card whose time is its frames.
        """
        line, period = self.line(name), self.profile.period_frames
        frames = len(down) // period * period
        chunk = max(period, int(RING_S * 0.5 * self.profile.rate_hz) // period * period)
        up = np.empty((frames, self.profile.channels), np.float32)
        line.drain()
        for start in range(0, frames, chunk):
            part = down[start : min(start + chunk, frames)]
            line.write(part)
            self.run(len(part) // period)
            up[start : start + len(part)] = line.read(len(part))
        return up

    @property
    def statistics(self) -> Statistics:
        """A copy of the counters."""
        counted = self._statistics
        return Statistics(
            periods=int(counted[loop.PERIODS]),
            capture_xruns=int(counted[loop.CAPTURE_XRUNS]),
            playback_xruns=int(counted[loop.PLAYBACK_XRUNS]),
            clipped_samples=int(self.chain.state.words[CLIPPED]),
        )


_LOOK_S = 0.001
_WHY = {
    errno.EIO: "no frame clock comes from the codec; are its clock settings and the overlay's clock role right?",
    errno.ENODEV: "the card has gone",
}
