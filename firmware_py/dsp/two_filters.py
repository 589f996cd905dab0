"""Which of two filters to believe, and how much: the errors of the main and of the shadow filter compared, and what is done
when neither is any good. Arrays only; equations and names are linear_echo's.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.clipping import explain_clipping
from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.simd import larger, smaller
from firmware_py.dsp.vectors import Floats, dot, limited, smoothed

# LinearEcho.energy: smoothed block energies of the microphone and of both errors; faster ones for the guard, with
# CROSS = <d, y> and ESTIMATE = <y, y>; SHARE of the estimate that is subtracted; 1 once the main filter HAS_CANCELLED
MIC, MAIN, SHADOW, GUARD_MIC, GUARD_ERROR, CROSS, ESTIMATE, SHARE, HAS_CANCELLED = range(9)

# what is to be done: copy the shadow onto the main filter, or back, or begin both anew
UP, DOWN, LOST = 1, 2, 3

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_FLOOR = np.float32(1e-9)
_BETTER_UP, _BETTER_DOWN, _WORTHY = np.float32(0.5), np.float32(0.9), np.float32(0.9)
CANCELS, _HARMFUL = np.float32(0.25), np.float32(1.3)  # of the microphone's energy
_INFLATION = np.float32(3.0)
_GUARD = np.float32(1.5)
_GLIDE = np.float32(1 / 32)  # the share changes over 32 frames


@realtime
def find_error(clip: Floats, mic: Floats, frame: Floats, estimate: Floats) -> np.float32:
    """The estimate is the half of *frame* that is a linear, not a circular, convolution. Then frame = [0,
    mic - estimate]. Returns the energy of the error."""
    block, energy = mic.shape[0], _ZERO
    for i in range(block):
        estimate[i] = frame[(block + i) & INDEX]
    explain_clipping(clip, mic, estimate)
    for i in range(block):
        error = mic[i] - estimate[i]
        frame[i] = _ZERO
        frame[(block + i) & INDEX] = error
        energy += error * error
    return energy


@realtime
def compare(energy: Floats, keep: np.float32, mic: np.float32, main: np.float32, shadow: np.float32) -> int:
    """UP, DOWN, LOST or 0. For any of them both the past and this block, whose energies these are, must agree."""
    energy[MIC] = smoothed(energy[MIC], mic, keep)
    energy[MAIN] = smoothed(energy[MAIN], main, keep)
    energy[SHADOW] = smoothed(energy[SHADOW], shadow, keep)
    if energy[MAIN] < CANCELS * energy[MIC]:
        energy[HAS_CANCELLED] = _ONE
    harmful = _HARMFUL * energy[MIC]
    if energy[HAS_CANCELLED] > _ZERO and main > mic and energy[MAIN] > harmful and energy[SHADOW] > harmful:
        energy[HAS_CANCELLED] = _ZERO
        energy[MAIN] = energy[SHADOW] = energy[MIC]
        energy[GUARD_ERROR] = energy[GUARD_MIC]
        energy[CROSS] = energy[ESTIMATE] = _ZERO
        return LOST
    if shadow < main and energy[SHADOW] < _BETTER_UP * energy[MAIN] and energy[SHADOW] < _WORTHY * energy[MIC]:
        energy[MAIN] = energy[SHADOW]
        return UP
    if main < shadow and energy[MAIN] < _BETTER_DOWN * energy[SHADOW]:
        energy[SHADOW] = energy[MAIN]
        return DOWN
    return 0


@realtime
def doubt(c: Floats, prior: Floats, stop: int, shadow_power: Floats, v_re: Floats, v_im: Floats) -> None:
    """c of the partitions before *stop* rises to what the error v says is still missing."""
    error, far = _ZERO, _FLOOR
    for k in range(shadow_power.shape[0]):
        error += v_re[k] * v_re[k] + v_im[k] * v_im[k]
        far += shadow_power[k]
    gain = error / far
    for p in range(stop):
        least = smaller(_INFLATION * gain * prior[p], _ONE)
        for k in range(c.shape[1]):
            c[p, k] = larger(c[p, k], least)


@realtime
def guard(energy: Floats, keep: np.float32, mic: Floats, estimate: Floats, out: Floats) -> None:
    """out = mic - share * estimate, where the share is 1 unless the residual stays louder than the
    microphone."""
    residual = _ZERO
    for i in range(mic.shape[0]):
        residual += (mic[i] - estimate[i]) * (mic[i] - estimate[i])
    energy[GUARD_MIC] = smoothed(energy[GUARD_MIC], dot(mic, mic), keep)
    energy[GUARD_ERROR] = smoothed(energy[GUARD_ERROR], residual, keep)
    energy[CROSS] = smoothed(energy[CROSS], dot(mic, estimate), keep)
    energy[ESTIMATE] = smoothed(energy[ESTIMATE], dot(estimate, estimate), keep)
    share, before = _ONE, energy[SHARE]
    if energy[GUARD_ERROR] > _GUARD * energy[GUARD_MIC]:
        share = limited(energy[CROSS] / (energy[ESTIMATE] + _FLOOR), _ZERO, _ONE)
    energy[SHARE] = share
    for i in range(mic.shape[0]):
        glide = smaller(np.float32(i + 1) * _GLIDE, _ONE)
        out[i] = mic[i] - (before + glide * (share - before)) * estimate[i]
