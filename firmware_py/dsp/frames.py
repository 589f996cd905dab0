"""Interleaved frames as the sound card has them, and as the kernels want them. Conversion only, no filtering.

The card speaks int32 with the sample in the upper bits; kernels speak float32 with full scale at 1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.dsp.jit import realtime

FloatArray = npt.NDArray[np.float32]
FrameArray = npt.NDArray[np.int32]

CLIP_LEVEL = 2**31 - 2**8
"""The largest sample of a 24-bit converter, left-justified in 32 bits. Whatever reaches it was clipped."""

_FULL_SCALE = np.float32(2.0**31)
_LSB = np.float32(2.0**-31)
_LARGEST_CAST = np.float32(2.0**31 - 2.0**7)  # the largest float32 that an int32 can hold
_LARGEST = np.int32(2**31 - 1)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)


@realtime
def to_float(frames: FrameArray, out: FloatArray) -> int:
    """Write int32 *frames* [n, channels] to float32 *out* of the same shape; 2**31 becomes 1.0.

    Returns how many samples were at the end of the converter's range, see `CLIP_LEVEL`.
    """
    clipped = 0
    for i in range(frames.size):  # `flat`, because an unknown number of channels defeats SIMD
        sample = frames.flat[i]
        out.flat[i] = np.float32(sample) * _LSB
        clipped += int((sample >= CLIP_LEVEL) | (sample <= -CLIP_LEVEL))
    return clipped


@realtime
def to_int(x: FloatArray, frames: FrameArray) -> int:
    """Write float32 *x* [n, channels] to int32 *frames* of the same shape, rounded to nearest and saturated.

    NaN becomes silence. Returns how many samples do not fit: beyond full scale, or NaN.
    """
    lost = 0
    for i in range(x.size):
        value = x.flat[i]
        lost += int(not abs(value) <= _ONE)  # true for NaN as well
        scaled = np.rint(value * _FULL_SCALE)
        # The cast of what does not fit is undefined, and SIMD computes both branches: hold it first.
        held = max(min(scaled, _LARGEST_CAST), -_FULL_SCALE) if value == value else _ZERO
        frames.flat[i] = _LARGEST if scaled > _LARGEST_CAST else np.int32(held)
    return lost


@realtime
def pick(x: FloatArray, channel: int, mono: FloatArray) -> None:
    """Write one *channel* of float32 *x* [n, channels] to *mono* [n]."""
    for i in range(mono.size):
        mono[i] = x[i, channel]


def require_float32(x: npt.NDArray[Any], shape: Sequence[int | str], name: str = "x") -> None:
    """Refuse with ValueError what no kernel is compiled for.

    *shape* has a name where any length will do: `("n", 2)`.
    """
    fits = x.ndim == len(shape) and all(
        isinstance(want, str) or have == want for have, want in zip(x.shape, shape, strict=True)
    )
    if fits and x.dtype == np.float32 and x.flags.c_contiguous:
        return
    wanted = ", ".join(map(str, shape))
    layout = "" if x.flags.c_contiguous else " (not C-contiguous)"
    raise ValueError(
        f"{name}: got {x.dtype}{list(x.shape)}{layout}, need C-contiguous float32[{wanted}]; "
        "np.ascontiguousarray(..., dtype=np.float32) makes one"
    )
