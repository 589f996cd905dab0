"""A microphone that saturates, recognised and explained by the echo estimate. It repairs no audio.

A converter that clips gives runs of equal samples at the largest value ever seen. Where a sample lies there
and the estimate lies beyond it on the same side, the estimate explains the sample: its true error is
unknown and taken as none. So the filter does not learn the clipping, and the output does not contain it.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.vectors import Floats, peak

# what is known of the converter: its largest magnitude so far, and how often it stayed there
LARGEST, REPEATS = range(2)

_ENOUGH = np.float32(3.0)  # repeats before the largest magnitude is called a clip level
_AUDIBLE = np.float32(0.05)
_EQUAL = np.float32(4e-5)  # about one step of 16 bits
_NEAR, _BEYOND, _AT_LEVEL = np.float32(0.9995), np.float32(1.0005), np.float32(0.998)


@realtime
def watch_clipping(clip: Floats, mic: Floats) -> None:
    """Learn the level at which the microphone clips. A louder sample proves it wrong."""
    if peak(mic) <= _NEAR * clip[LARGEST]:
        return
    for i in range(1, mic.shape[0]):
        magnitude = abs(mic[i])
        if magnitude > _BEYOND * clip[LARGEST]:
            clip[REPEATS] = np.float32(0.0)
        elif magnitude > _AUDIBLE and magnitude > _NEAR * clip[LARGEST] and abs(mic[i] - mic[i - 1]) < _EQUAL:
            clip[REPEATS] += np.float32(1.0)
        clip[LARGEST] = max(clip[LARGEST], magnitude)


@realtime
def explain_clipping(clip: Floats, mic: Floats, estimate: Floats) -> None:
    """Where the microphone clips and the estimate lies beyond, the estimate becomes the sample."""
    if clip[REPEATS] > _ENOUGH:
        level = _AT_LEVEL * clip[LARGEST]
        for i in range(mic.shape[0]):
            if (mic[i] > level and estimate[i] > mic[i]) or (mic[i] < -level and estimate[i] < mic[i]):
                estimate[i] = mic[i]
