"""The loop around the TLV320AIC3104's PGA and ADC: soft steps of a written gain, or an AGC on each channel.

Not `hil.sim.dynamics`: this AGC follows the average of the signal's absolute value, its two channels know nothing
of each other, and its noise gate takes the gain back to 0 dB instead of holding it. A level here is that average
scaled so that a full-scale sine reads 0 dBFS. In no source, and so chosen: the averaging time, and that attack and
decay times are those of a ramp over the PGA's whole range.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP_DB = 0.5
PGA_MAX_DB = 59.5
AGC_MIN_DB = -12.0  # the zero of the gain status registers, whose reset value then reads 0 dB
AVERAGE_S = 0.015
SINE = math.pi / 2.0

(ON, TARGET, MAX_DB, ATTACK, DECAY, GATE, RELEASE, NOISE_FRAMES, SIGNAL_FRAMES, SMOOTHING, CLIP_STEP, LAW_FIELDS) = (
    range(12)
)
AVERAGE, CREDIT, COUNT, NOISY, CLIPPED, DETECTOR_FIELDS = range(6)


@njit(cache=True)
def record(  # type: ignore[no-untyped-def]  # numba types it
    pga_in, noise, pga_v, samples, gain_db, goal_db, soft, live, adc_on,
    headroom_v, full_scale_v, offset, high_pass, law, detector, filter_state,
):  # fmt: skip
    """Volts at the PGA -> volts behind it, and samples of full scale 1.0.

    Signals are float64[2, n]; pga_in in volts, noise in fractions of full scale; pga_v and samples are written.
    gain_db[2], detector[2, DETECTOR_FIELDS] and filter_state[2, 2] persist. soft[2]: steps per frame towards
    goal_db[2]. live, adc_on: gates, 0 or 1. high_pass[2, 3]: n0, n1 and pole of a first-order section, 1, 0, 0 is
    none. law[2, LAW_FIELDS].
    """
    for c in range(2):
        gain = 10.0 ** (gain_db[c] / 20.0)
        for i in range(pga_in.shape[1]):
            amplified = min(max(pga_in[c, i] * gain * live[c] + offset[c], -headroom_v), headroom_v)
            pga_v[c, i] = amplified - offset[c]
            sample = amplified / full_scale_v + noise[c, i]
            clipped = abs(sample) >= 1.0
            if clipped and adc_on[c]:
                detector[c, CLIPPED] = 1.0
            sample = min(max(sample, -1.0), 1.0) * adc_on[c]
            filtered = high_pass[c, 0] * sample
            if high_pass[c, 1] != 0.0 or high_pass[c, 2] != 0.0:
                filtered += high_pass[c, 1] * filter_state[c, 0] + high_pass[c, 2] * filter_state[c, 1]
                filter_state[c, 1] = filtered
            filter_state[c, 0] = sample
            samples[c, i] = min(max(filtered, -1.0), 1.0)
            if law[c, ON]:
                move = _agc_move(samples[c, i], clipped, gain_db[c], gain, law[c], detector[c])
            else:
                move = _soft_move(goal_db[c] - gain_db[c], soft[c], detector[c])
            if move != 0.0:
                gain_db[c] += move
                gain = 10.0 ** (gain_db[c] / 20.0)
                detector[c, AVERAGE] *= 10.0 ** (move / 20.0)


@njit(cache=True)
def _soft_move(missing_db, steps, detector):  # type: ignore[no-untyped-def]  # numba types it
    """Decibels towards a written gain."""
    if missing_db == 0.0:
        detector[CREDIT] = 0.0
        return 0.0
    detector[CREDIT] += steps
    if detector[CREDIT] < 1.0:
        return 0.0
    detector[CREDIT] -= 1.0
    return min(max(missing_db, -STEP_DB), STEP_DB)


@njit(cache=True)
def _agc_move(sample, clipped, gain_db, gain, law, detector):  # type: ignore[no-untyped-def]  # numba types it
    """Decibels the AGC moves the PGA after this frame."""
    detector[AVERAGE] += (abs(sample) - detector[AVERAGE]) * law[SMOOTHING]
    level = detector[AVERAGE] * SINE
    if law[GATE] > 0.0:
        at_pin = level / gain
        crosses = at_pin > law[RELEASE] if detector[NOISY] else at_pin < law[GATE]
        detector[COUNT] = detector[COUNT] + 1.0 if crosses else 0.0
        if crosses and detector[COUNT] > (law[SIGNAL_FRAMES] if detector[NOISY] else law[NOISE_FRAMES]):
            detector[NOISY] = 1.0 - detector[NOISY]
            detector[COUNT] = 0.0
    else:
        detector[NOISY] = 0.0
    if detector[NOISY]:
        return min(max(-gain_db, -STEP_DB), STEP_DB)
    if clipped and law[CLIP_STEP]:
        return -min(STEP_DB, gain_db - AGC_MIN_DB)
    steps = 0.0
    if level > law[TARGET] or gain_db > law[MAX_DB]:
        steps = -law[ATTACK]
    elif level * 10.0 ** (STEP_DB / 20.0) <= law[TARGET] and gain_db < law[MAX_DB]:
        steps = law[DECAY]
    if steps == 0.0:
        detector[CREDIT] = 0.0
        return 0.0
    detector[CREDIT] += abs(steps)
    if detector[CREDIT] < 1.0:
        return 0.0
    detector[CREDIT] = min(detector[CREDIT] - 1.0, 1.0)
    if steps < 0.0:
        return -min(STEP_DB, gain_db - AGC_MIN_DB)
    return min(STEP_DB, law[MAX_DB] - gain_db)
