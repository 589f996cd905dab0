"""An engine: a card, a chain and a mixer, round the compiled loop. Runs in a thread of its own, or a few periods in this one."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.chain import CLIPPED, SPARE_FRAMES, Chain, forget_far_end
from firmware_py.engine import loop
from firmware_py.engine.mixer import Line, Mixer, pass_over
from firmware_py.engine.realtime import lock_memory, prefer_this_thread, quick_interpreter, warn_once
from firmware_py.engine.statistics import Statistics, quantile_us
from firmware_py.errors import PcmError
from firmware_py.modes import Profile
from firmware_py.pcm import Pcm
from firmware_py.pcm.entry import Compiled, Entry
from firmware_py.units import db_to_amplitude

PATIENCE_XRUNS = 5
"""So many xruns within `loop.XRUN_WINDOW_S`, and the period is doubled ..."""

MOST_BLOCKS = 4
"""... up to this many times the mode's."""

RING_S = 1.0
"""Sound that a session may be ahead or behind."""

PATIENCE_S = 10.0
"""A loop that has not answered for this long never will: longer than any wait inside it, for a period or for a card to resume."""


class Engine:
    """Runs one mode's chain on one PCM. Open; start and stop, or run; close.

    *factor*: the card runs at this multiple of the profile's rate. A card that keeps having xruns is opened anew with twice
    the period, by the loop's own thread; the chain goes on with what it has learnt.
    """

    def __init__(self, pcm: Pcm, profile: Profile, *, factor: int = 1) -> None:
        self.profile, self.factor, self.blocks = profile, factor, 1
        self.chain = Chain(profile, factor)
        self.mixer = Mixer(int(RING_S * profile.rate_hz), profile.channels)
        self._pcm = pcm
        self._control = np.zeros(loop.CONTROLS, np.int64)
        self._statistics = np.zeros(loop.STATISTICS, np.int64)
        self._control[loop.FADE] = self._statistics[loop.FADED] = 1
        self._control[loop.CHAIN] = self.chain.state.address
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        self._may_grow = True
        self._make_buffers()

    def open(self) -> None:
        """Open and start the card. PcmError if it refuses. What was told to stop may run again."""
        self._control[loop.STOP] = 0
        self._open_card()

    def _open_card(self) -> None:
        lock_memory()
        self._control[loop.PREROLL] = self.preroll_frames
        self._pcm.open(self.rate_hz, self.period_frames, 2, preroll_frames=self.preroll_frames)
        self._entry.refresh()

    @property
    def rate_hz(self) -> int:
        """Of the card."""
        return self.factor * self.profile.rate_hz

    @property
    def period_frames(self) -> int:
        """Of the card."""
        return self.blocks * self.factor * self.profile.period_frames

    @property
    def preroll_frames(self) -> int:
        """Of the card: silence that is queued when it starts, a period and the time the loop may be late, which grows with it."""
        return self.blocks * self.factor * self.profile.preroll_frames

    def run(self, periods: int = -1) -> None:
        """Process *periods* periods in this thread, or go on until `stop`.

        Raises
        ------
        PcmError
            The card stopped or has gone.
        """
        while self._run(periods) == loop.TOO_MANY_XRUNS:
            self._take_longer_periods()

    def _run(self, periods: int) -> int:
        self._control[loop.PATIENCE] = (
            PATIENCE_XRUNS if periods < 0 and self._may_grow and self.blocks < MOST_BLOCKS else 0
        )
        result = loop.run(
            periods, self._entry.table, self._control, self._statistics,
            self.chain.state, self.mixer.state, self._captured, self._played, self._pcm.timing,
        )  # fmt: skip
        if self._entry.error is not None:
            error, self._entry.error = self._entry.error, None
            raise error
        if result < 0:
            raise PcmError(-result, f"the sound card stopped: {_WHY.get(-result) or os.strerror(-result)}")
        return int(result)

    def _take_longer_periods(self) -> None:
        """Open the card anew with twice the period; as before, and for good, if it refuses."""
        began_s = time.monotonic()
        self._pcm.close()
        self.blocks *= 2
        try:
            self._make_buffers()
            self._open_card()
            said = f"going on with periods of {1e3 * self.period_frames / self.rate_hz:g} ms"
        except PcmError as refusal:
            self.blocks //= 2
            self._may_grow = False
            self._make_buffers()
            self._open_card()
            said = f"longer periods are refused ({refusal})"
        warn_once(f"{PATIENCE_XRUNS} xruns in {loop.XRUN_WINDOW_S:.0f} s: {said}")
        lost_frames = int((time.monotonic() - began_s) * self.rate_hz)
        self._statistics[loop.LOST_FRAMES] += lost_frames
        self._statistics[loop.XRUNS] = 0
        self._control[loop.STARTS] += 1
        pass_over(self.mixer.state, lost_frames // self.factor)

    def _make_buffers(self) -> None:
        """Frames for a period of the card, and more of what is played where a resampler may make some."""
        self._captured = np.zeros((self.period_frames, 2), np.int32)
        self._played = np.zeros((self.period_frames + self.blocks * SPARE_FRAMES, 2), np.int32)
        self._entry = Entry(self._pcm, self._captured, self._played)

    def start_silent(self) -> None:
        """The next period begins from silence; `fade` brings it up."""
        self._control[loop.STOP] = 0
        self._control[loop.FADE] = self._statistics[loop.FADED] = 0

    def start(self) -> None:
        """Go on in a thread until `stop`. What ends it unasked is kept as `failure`."""

        def live() -> None:
            prefer_this_thread()
            try:
                with nullcontext() if isinstance(self._pcm, Compiled) else quick_interpreter():
                    self.run()
            except BaseException as error:  # nobody is above this thread; whoever looks after the engine reads it
                self.failure = error

        self.failure = None
        self._control[loop.STARTS] += 1
        self._thread = threading.Thread(target=live, name="audiohat periods", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the loop after the period it is in, and wait for it. May be called from any other thread.

        PcmError: it does not end, and its card cannot be closed under it.
        """
        self._control[loop.STOP] = 1
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            if self._thread.is_alive():
                raise PcmError(
                    errno.EBUSY, "the period loop does not end: its card neither moves nor fails; restart this program"
                )
            self._thread = None

    @property
    def running(self) -> bool:
        """Whether a thread keeps periods going."""
        return self._thread is not None and self._thread.is_alive()

    def fade(self, sounding: bool) -> None:
        """Bring everything to full level or to silence within a period, and return when it has been heard."""
        self._control[loop.FADE] = sounding
        queued = -(-self.preroll_frames // self.period_frames)
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

    def takes(self, chain: Chain) -> bool:
        """Whether a chain fits the card as it is open now, and the rings of the sessions."""
        return chain is self.chain or chain.fits(self.chain)

    def swap(self, chain: Chain) -> None:
        """Process by another chain from the next period on. To do so unheard, fade first. It `takes` the chain, or ValueError.

        The old chain may be dropped when this returns.
        """
        if not self.takes(chain):
            raise ValueError("this chain wants another rate or period than the card has; open an engine for it")
        leaving, self.chain, self.profile = self.chain, chain, chain.profile
        chain.take_over(leaving)
        forget_far_end(chain.state, 0)
        self._control[loop.CHAIN] = chain.state.address
        while self.running and self._statistics[loop.CHAIN_USED] != chain.state.address:
            self._pass(1)
        del leaving

    @property
    def statistics(self) -> Statistics:
        """A copy of the counters."""
        counted, lines = self._statistics, self.mixer.lines()
        return Statistics(
            periods=int(counted[loop.PERIODS]),
            capture_xruns=int(counted[loop.CAPTURE_XRUNS]),
            playback_xruns=int(counted[loop.PLAYBACK_XRUNS]),
            suspends=int(counted[loop.SUSPENDS]),
            lost_frames=int(counted[loop.LOST_FRAMES]),
            clipped_samples=int(self.chain.state.words[CLIPPED]),
            period_frames=self.period_frames,
            period_us=1e6 * self.period_frames / self.rate_hz,
            worst_us=1e-3 * float(counted[loop.WORST_NS]),
            p99_us=quantile_us(counted, 0.99),
            down_fill_frames=max((line.waiting_frames[0] for line in lines), default=0),
            up_fill_frames=max((line.waiting_frames[1] for line in lines), default=0),
            erle_db=self.chain.echo.state.erle_db if self.profile.cancels_echo else 0.0,
            drift_ppm=self.chain.drift_ppm,
        )


_LOOK_S = 0.001
_WHY = {
    errno.EIO: "no frame clock comes from the codec; are its clock settings and the overlay's clock role right?",
    errno.ENODEV: "the card has gone",
}
