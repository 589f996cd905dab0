"""Frames, words and the time they take: what the models of all codecs have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from hil.sim.chip import Frames, Volts

Array = NDArray[np.float64]

FULL_SCALE = float(2**31)
LARGEST = FULL_SCALE - 1.0


def words_of(frames: Frames) -> Array:
    """int32[n, 2] -> float64[2, n] of full scale 1.0."""
    words: Array = frames.T / FULL_SCALE
    return words


def frames_of(words: Array) -> Frames:
    """float64[2, n] of full scale 1.0 -> int32[n, 2]."""
    return np.minimum(np.rint(words.T * FULL_SCALE), LARGEST).astype(np.int32)


def frames_at(volts: Mapping[str, Volts], pins: Collection[str] = ()) -> int:
    """Length of a period at input pins. ValueError when lengths differ, no pin is given, or one is not among `pins`."""
    unknown = sorted(set(volts) - set(pins)) if pins else []
    if unknown:
        raise ValueError(f"no pin {', '.join(unknown)}; there are {', '.join(pins)}")
    lengths = {len(signal) for signal in volts.values()}
    if len(lengths) != 1:
        raise ValueError(f"capture needs pins of one length, got {sorted(lengths) or 'no pins'}")
    return lengths.pop()


def fitted(block: Array, frames: int) -> Array:
    """float64[..., m], the last block of the other direction, as long as the one at hand: cut, or silence behind it."""
    out = np.zeros((*block.shape[:-1], frames))
    kept = block[..., :frames]
    out[..., : kept.shape[-1]] = kept
    return out


class FrameTime:
    """How much time each period lets pass, when playing and capturing one period together take as long as one."""

    def __init__(self) -> None:
        self._lead_s = 0.0  # how far play() is ahead of capture() within one period

    def waited(self) -> None:
        """Frames stood still: whichever direction comes next is the first."""
        self._lead_s = 0.0

    def played(self, period_s: float) -> float:
        """Seconds that pass with a period to the codec."""
        self._lead_s += period_s
        passes_s = max(0.0, min(period_s, self._lead_s))
        self._lead_s = min(self._lead_s, period_s)
        return passes_s

    def captured(self, period_s: float) -> float:
        """Seconds that pass with a period from the codec."""
        self._lead_s -= period_s
        passes_s = max(0.0, min(period_s, -self._lead_s))
        self._lead_s = max(self._lead_s, -period_s)
        return passes_s


class SlowConverter:
    """A converter slower than the link has a new word for some frames only, and holds the old one for the others.

    slack: fraction of a word by which one may be early and still be there.
    """

    def __init__(self, slack: float = 0.0) -> None:
        self._slack = slack
        self._phase = 0.0
        self.stop()

    def stop(self) -> None:
        """It holds silence."""
        self._held: Array = np.zeros((2, 1))

    def hold(self, words: Array, words_per_frame: float) -> Array:
        """float64[2, n] as if every word were there in time -> as they are there."""
        number = np.arange(1, words.shape[1] + 1)
        clock = self._phase + words_per_frame * number
        ticks = np.floor(np.concatenate(([self._phase], clock)) + self._slack)
        fresh = np.where(np.diff(ticks) > 0, number, 0)
        held: Array = np.concatenate((self._held, words), axis=1)[:, np.maximum.accumulate(fresh)]
        self._held = held[:, -1:].copy()
        self._phase = float(clock[-1] % 1.0)
        return held
