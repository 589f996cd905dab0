"""What lies between the far end and the microphone: a loudspeaker that distorts, a room, a delay, a clock of its own.

Functions of whole signals, float64. A room is one of `hil.sim.room`'s, with the loudspeaker 0.25 m from the microphone as in an
intercom, or elsewhere. Every echo path is scaled to 0 dB for white noise, so that the scene decides how loud the echo is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.signal import fftconvolve, resample

from hil.analysis import Signal
from hil.sim.room import LOUDSPEAKER_OFFSET_M, ROOMS, TALKER_OFFSET_M, Position, Room, impulse_response

MOVED_SPEAKER_M: Final[Position] = (-0.45, 0.35, -0.30)  # 0.65 m: a loudspeaker of its own, put elsewhere
MOVED_BOX_M: Final[Position] = (0.31, 0.23, -0.12)  # by how much the whole device is moved
_SKEW_FRAMES = 1_000_000  # so that a whole number of ppm is a whole number of frames


def echo_path(
    name: str, rate_hz: int, offset_m: Position = LOUDSPEAKER_OFFSET_M, moved_m: Position = (0.0, 0.0, 0.0)
) -> Signal:
    """Impulse response from the loudspeaker to the left microphone, of unit energy."""
    place = ROOMS[name]
    response = impulse_response(_moved(place, moved_m), rate_hz, offset_m)[0].astype(np.float64)
    return np.asarray(response / math.sqrt(float(response @ response)))


def talker_path(name: str, rate_hz: int) -> Signal:
    """The same from somebody who stands 0.6 m from the device."""
    return echo_path(name, rate_hz, TALKER_OFFSET_M)


def _moved(place: Room, by_m: Position) -> Room:
    x, y, z = place.seen_from_box(by_m)
    return replace(place, box_m=(float(x), float(y), float(z)))


def through(x: Signal, response: Signal) -> Signal:
    """*x* as it arrives, as long as it was."""
    arrived: Signal = fftconvolve(x, response)[: x.size]
    return arrived


def delayed(x: Signal, seconds: float, rate_hz: int) -> Signal:
    """*x* later by whole frames, as long as it was."""
    frames = round(seconds * rate_hz)
    return np.concatenate((np.zeros(frames), x[: x.size - frames]))


def skewed(x: Signal, ppm: float) -> Signal:
    """*x* as a converter hears it whose clock is fast by *ppm*: what lasts a second fills 1 + ppm * 1e-6 s of its frames.

    Positive: what is heard falls behind. Band-limited (through the Fourier transform of the whole), exact to 0.5 ppm.
    """
    frames = _SKEW_FRAMES * math.ceil(1.01 * x.size / _SKEW_FRAMES)
    padded = np.concatenate((x, np.zeros(frames - x.size)))
    heard: Signal = resample(padded, round(frames * (1.0 + 1e-6 * ppm)))[: x.size]
    return heard


def _soft(x: Signal) -> Signal:
    """An amplifier near its limit: x / sqrt(1 + (x/limit)^2), limit at 0.6 of the peak."""
    limit = 0.6 * float(np.max(np.abs(x)))
    return np.asarray(x / np.sqrt(1.0 + np.square(x / limit)))


def _hard(x: Signal) -> Signal:
    """An amplifier beyond its limit: cut at 0.5 of the peak."""
    limit = 0.5 * float(np.max(np.abs(x)))
    return np.clip(x, -limit, limit)


def _asymmetric(x: Signal) -> Signal:
    """A cone that is stiffer one way: b = 1.5 x - 0.3 x^2, y = 2 / (1 + exp(-rho b)) - 1, rho 4 above 0 and 2 below.

    The form is that of Comminiello et al. 2013, who take 0.5 below; here both ways sound alike until it is loud.
    """
    peak = float(np.max(np.abs(x)))
    bent = 1.5 * x / peak - 0.3 * np.square(x / peak)
    return np.asarray(peak * (2.0 / (1.0 + np.exp(-np.where(bent > 0.0, 4.0, 2.0) * bent)) - 1.0))


LOUDSPEAKERS: Final[dict[str, Callable[[Signal], Signal]]] = {
    "linear": lambda x: x,
    "soft": _soft,
    "hard": _hard,
    "asymmetric": _asymmetric,
}
