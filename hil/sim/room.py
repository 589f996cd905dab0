"""A room: impulse responses from a source to the two microphones of the HAT.

What it is: the image-source method for a shoebox (Allen & Berkley, "Image method for efficiently simulating
small-room acoustics", JASA 65(4), 1979), at any sample rate, with fractional delays, the same on every call.
What it is not: it knows no loudspeaker, no microphone and no stream; walls absorb alike at all frequencies,
and one gentle low-pass on everything that has met a wall stands for air and soft furniture.

Every response is scaled to the pressure at 1 m in the free field: a source of 1 Pa at 1 m arrives over the
direct path at distance r with 1/r Pa.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, log, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, firwin, lfilter, upfirdn

SPEED_OF_SOUND_M_S: Final = 343.0
LONGEST_RESPONSE_S: Final = 0.6
MICROPHONE_SPACING_M: Final = 0.058

Position = tuple[float, float, float]

LOUDSPEAKER_OFFSET_M: Final[Position] = (0.06, -0.05, -0.2375)  # 0.25 m: the other end of an intercom box
TALKER_OFFSET_M: Final[Position] = (0.12, 0.57, 0.144)  # 0.6 m: somebody standing at the box

# Impulses are laid on a grid this much finer than the sample rate, split linearly between two grid points,
# and brought to the sample rate through a low-pass of 2 * _HALF_WIDTH samples: a fractional delay.
_GRID = 32
_HALF_WIDTH = 24
_WALL_LOW_PASS_HZ = 7_000.0


@dataclass(frozen=True)
class Room:
    """A shoebox and where the intercom with the HAT hangs in it; `t60_s` 0 means no walls at all."""

    name: str
    size_m: Position
    t60_s: float
    noise_spl_db: float
    box_m: Position

    def microphones_m(self) -> tuple[Position, Position]:
        """Left and right microphone."""
        x, y, z = self.box_m
        return (x - MICROPHONE_SPACING_M / 2, y, z), (x + MICROPHONE_SPACING_M / 2, y, z)

    def seen_from_box(self, offset_m: Position) -> NDArray[np.float64]:
        """Coordinates in m of what is at that offset from the box; ValueError if that is outside the room."""
        at_m = np.add(self.box_m, offset_m)
        if not np.all((at_m > 0.0) & (at_m < self.size_m)):
            raise ValueError(f"{self.name}: {at_m.tolist()} m is outside of its {list(self.size_m)} m")
        return np.asarray(at_m)


ROOMS: Final[dict[str, Room]] = {
    room.name: room
    for room in (
        Room("anechoic", (6.0, 6.0, 6.0), 0.00, 15.0, (3.0, 3.0, 3.0)),
        Room("booth", (1.9, 2.3, 2.2), 0.12, 28.0, (0.85, 0.8, 1.1)),
        Room("office", (4.7, 3.6, 2.7), 0.30, 38.0, (1.9, 1.3, 1.2)),
        Room("living-room", (5.9, 4.3, 2.6), 0.45, 35.0, (2.3, 1.7, 1.1)),
        Room("hall", (11.3, 7.9, 4.1), 0.90, 40.0, (4.2, 3.1, 1.4)),
    )
}


def room(name: str) -> Room:
    """The room of that name; KeyError names the rooms there are."""
    try:
        return ROOMS[name]
    except KeyError:
        raise KeyError(f"no room {name!r}; there are {', '.join(ROOMS)}") from None


@lru_cache(maxsize=32)
def impulse_response(place: Room, rate_hz: float, offset_m: Position = LOUDSPEAKER_OFFSET_M) -> NDArray[np.float32]:
    """float32[2, taps]: pressure at the left and right microphone for 1 Pa at 1 m from the source, read-only.

    `offset_m` is where the source is, seen from the middle between the microphones. The response ends where
    its remaining energy is 60 dB down, at `LONGEST_RESPONSE_S` at most. ValueError if the source is outside.
    """
    source = place.seen_from_box(offset_m)
    longest_s = min(LONGEST_RESPONSE_S, 1.2 * place.t60_s + 0.01)
    images, bounces = _images(place, source, longest_s * SPEED_OF_SOUND_M_S)
    from_box_m = np.linalg.norm(images - np.asarray(place.box_m), axis=1)
    reflection = _wall_reflection(place, from_box_m, bounces)
    taps = ceil(longest_s * rate_hz) + 2 * _HALF_WIDTH
    response = np.empty((2, taps))
    wall_b, wall_a = _wall_filter(place, rate_hz)
    for row, microphone in zip(response, place.microphones_m(), strict=True):
        distance_m = np.linalg.norm(images - np.asarray(microphone), axis=1)
        pressure = reflection**bounces / distance_m
        delay = distance_m * (rate_hz / SPEED_OF_SOUND_M_S)
        direct = bounces == 0
        row[:] = lfilter(wall_b, wall_a, _band_limited(delay[~direct], pressure[~direct], taps))
        row += _band_limited(delay[direct], pressure[direct], taps)
    remaining = np.cumsum(np.sum(response**2, axis=0)[::-1])[::-1]
    end = int(np.searchsorted(-remaining, -1e-6 * remaining[0])) + 1
    end = min(end, int(LONGEST_RESPONSE_S * rate_hz))
    trimmed = np.ascontiguousarray(response[:, :end], dtype=np.float32)
    trimmed.flags.writeable = False
    return trimmed


def _images(place: Room, source: NDArray[np.float64], reach_m: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Image positions float64[k, 3] within reach of the box, and how many walls each has met, int64[k]."""
    if place.t60_s == 0.0:
        return source[None, :], np.zeros(1, dtype=np.int64)
    positions, counts = [], []
    for size_m, at_m, box_m in zip(place.size_m, source, place.box_m, strict=True):
        cell = np.arange(-ceil(reach_m / (2 * size_m)) - 1, ceil(reach_m / (2 * size_m)) + 2)
        # Allen & Berkley eq. 8: (1 - 2q) x + 2 m L has met |m - q| + |m| walls of this axis.
        along = np.concatenate([2 * cell * size_m + at_m, 2 * cell * size_m - at_m])
        met = np.concatenate([2 * np.abs(cell), np.abs(cell - 1) + np.abs(cell)])
        near = np.abs(along - box_m) < reach_m
        positions.append(along[near])
        counts.append(met[near])
    squares = [(along - box_m) ** 2 for along, box_m in zip(positions, place.box_m, strict=True)]
    reach_m -= MICROPHONE_SPACING_M
    within = squares[0][:, None, None] + squares[1][:, None] + squares[2] < reach_m**2
    ix, iy, iz = np.nonzero(within)
    images = np.stack([positions[0][ix], positions[1][iy], positions[2][iz]], axis=1)
    return images, counts[0][ix] + counts[1][iy] + counts[2][iz]


def _wall_reflection(place: Room, distance_m: NDArray[np.float64], bounces: NDArray[np.int64]) -> float:
    """Pressure reflection coefficient of every wall that makes the room die away in its T60.

    Eyring's formula is where it starts. It is for diffuse fields; the images of a bare shoebox die away up to
    half as slowly again, so the logarithm of the coefficient is scaled until their energy has the T60.
    """
    if place.t60_s == 0.0:
        return 0.0
    x, y, z = place.size_m
    volume_m3, surface_m2 = x * y * z, 2.0 * (x * y + y * z + z * x)
    # ln(1 - absorption) = -24 ln 10 V / (c S T60); the reflected energy is 1 - absorption.
    log_reflection = -12.0 * log(10.0) * volume_m3 / (SPEED_OF_SOUND_M_S * surface_m2 * place.t60_s)
    millisecond = (distance_m * (1e3 / SPEED_OF_SOUND_M_S)).astype(np.int64)
    unattenuated = np.where(bounces > 0, distance_m**-2.0, 0.0)
    for _ in range(6):
        energy = unattenuated * np.exp(2.0 * log_reflection * bounces)
        per_ms = np.bincount(millisecond, energy).astype(np.float64)
        log_reflection *= _t60_s(per_ms) / place.t60_s
    return exp(log_reflection)


def _t60_s(energy_per_ms: NDArray[np.float64]) -> float:
    """Reverberation time by Schroeder's integral, extrapolated from -5 to -25 dB (ISO 3382 T20)."""
    remaining = np.cumsum(energy_per_ms[::-1])[::-1]
    decay_db = 10.0 * np.log10(remaining[remaining > 0.0] / remaining[0])
    start, stop = np.searchsorted(-decay_db, (5.0, 25.0))
    slope_db_per_ms = np.polyfit(np.arange(start, stop), decay_db[start:stop], 1)[0]
    return float(-0.06 / slope_db_per_ms)


def _wall_filter(place: Room, rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerator and denominator of what every reflected path goes through.

    Below its first mode a rigid box only pumps up a static pressure; a real room leaks there.
    """
    low_b, low_a = butter(1, min(_WALL_LOW_PASS_HZ, 0.45 * rate_hz), fs=rate_hz)
    high_b, high_a = butter(2, SPEED_OF_SOUND_M_S / (2.0 * max(place.size_m)), "highpass", fs=rate_hz)
    return np.convolve(low_b, high_b), np.convolve(low_a, high_a)


@lru_cache(maxsize=1)
def _fractional_delay() -> NDArray[np.float64]:
    """Low-pass on the fine grid with unity gain at the sample rate, centred on a grid point."""
    length = 2 * _HALF_WIDTH * _GRID + 1
    taps: NDArray[np.float64] = firwin(length, 0.97 / _GRID, window=("kaiser", 3.0 * pi))
    return taps * _GRID


def _band_limited(delay: NDArray[np.float64], pressure: NDArray[np.float64], taps: int) -> NDArray[np.float64]:
    """float64[taps]: impulses of that pressure at those delays in (fractional) samples."""
    fine = delay * _GRID
    below = fine.astype(np.int64)
    split = fine - below
    length = taps * _GRID
    grid = np.bincount(below, pressure * (1.0 - split), length)
    grid += np.bincount(below + 1, pressure * split, length)
    response: NDArray[np.float64] = upfirdn(_fractional_delay(), grid, down=_GRID)
    return response[_HALF_WIDTH : _HALF_WIDTH + taps]
