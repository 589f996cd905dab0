"""The loop that ALC closes around PGA and ADC, frame by frame: each gain depends on the frame before.

Rules that codecs share: a peak detector on the ADC output steers the PGA in steps; hold delays only the ramp up;
the noise gate compares the level at the input pin and stops only the ramp up; a limiter at 87.5 % of full scale
uses the fastest attack. The detector's window is in no datasheet: 10.7 ms, so that a 50 Hz hum does not look like
a tremolo. What a step is and how far the PGA reaches is the chip's business, and comes with its law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.sim.volume import linear

Array = NDArray[np.float64]

LIMIT = 0.875
WINDOW_S = 512 / 48_000

PEAK_NOW, PEAK_BEFORE, WINDOW_FRAMES, QUIET_FRAMES, CREDIT, DETECTOR_FIELDS = range(6)


class AlcLaw(NamedTuple):
    """ALC settings in the loop's own units: amplitudes of full scale, frames, and gain steps per frame."""

    left: bool
    right: bool
    target: float
    max_db: float
    min_db: float
    hold_frames: float
    decay_steps: float
    attack_steps: float
    limit_steps: float
    gate: float
    window_frames: float
    step_db: float
    pga_min_db: float
    pga_max_db: float


ALC_OFF = AlcLaw(False, False, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class LevelControl:
    """The level control as set; times and range are the chip's business, and it adds them."""

    channels: str
    target_dbfs: float
    max_gain_db: float
    min_gain_db: float
    hold_ms: float
    decay_ms: float
    attack_ms: float
    limiter: bool
    gate_dbfs: float
    gated: bool

    @property
    def drives(self) -> tuple[bool, bool]:
        """It has the gain of the left side, of the right."""
        return self.channels in ("left", "stereo"), self.channels in ("right", "stereo")

    def law(self, rate_hz: float, ceiling_db: float) -> AlcLaw:
        """The same in the loop's units; `ceiling_db` is the gain a limiter started from."""
        left, right = self.drives
        return ALC_OFF._replace(
            left=left,
            right=right,
            target=linear(self.target_dbfs),
            max_db=ceiling_db if self.limiter else self.max_gain_db,
            min_db=self.min_gain_db,
            hold_frames=self.hold_ms * (rate_hz / 1000.0),
            gate=linear(self.gate_dbfs) if self.gated else 0.0,
        )

    def state(self) -> dict[str, object]:
        """The level control's part of `Chip.state`."""
        return {
            "alc": self.channels,
            "alc_mode": "limiter" if self.limiter else "alc",
            "alc_target_dbfs": self.target_dbfs,
            "alc_max_gain_db": self.max_gain_db,
            "alc_min_gain_db": self.min_gain_db,
            "alc_hold_ms": self.hold_ms,
            "alc_decay_ms": self.decay_ms,
            "alc_attack_ms": self.attack_ms,
            "noise_gate": self.gated,
            "noise_gate_dbfs": self.gate_dbfs,
        }


class Path(NamedTuple):
    """What the analogue path does to the signal apart from the PGA's gain."""

    headroom_v: float
    full_scale_v: float
    offset: float
    high_pass_pole: float  # first order, 1 - 2 pi f / rate; 0 is no high-pass


@njit(cache=True)
def record(  # type: ignore[no-untyped-def]  # numba types it
    pga_in, line_in, noise, boosted, samples, gain_db, step_at, step_db,
    live, boost, adc_on, path, law, detector, filter_state,
):  # fmt: skip
    """Volts at the PGA and boost inputs -> volts behind the boost mixer and samples of full scale 1.0.

    All signals are float64[2, n]; pga_in, line_in in volts, noise in fractions of full scale; boosted and
    samples are written. gain_db[2], detector and filter_state[2, 2] persist between calls. step_at,
    step_db: where a waiting PGA gain takes over. live, adc_on: gates, 0 or 1. boost: microphone boost as an
    amplitude.
    """
    step = 10.0 ** (law.step_db / 20.0)
    gain = np.empty(2)
    for c in range(2):
        gain[c] = 10.0 ** (gain_db[c] / 20.0)
    for i in range(pga_in.shape[1]):
        level = 0.0
        for c in range(2):
            if i == step_at[c]:
                gain_db[c] = step_db[c]
                gain[c] = 10.0 ** (gain_db[c] / 20.0)
            amplified = pga_in[c, i] * gain[c] * live[c]
            amplified = min(max(amplified, -path.headroom_v), path.headroom_v)
            mixed = amplified * boost[c] + line_in[c, i]
            mixed = min(max(mixed, -path.headroom_v), path.headroom_v)
            boosted[c, i] = mixed
            sample = mixed / path.full_scale_v + noise[c, i] + path.offset * (1.0 - 1.8 * c)
            sample = min(max(sample, -1.0), 1.0) * adc_on[c]
            filtered = sample
            if path.high_pass_pole:
                filtered = sample - filter_state[c, 0] + path.high_pass_pole * filter_state[c, 1]
                filter_state[c, 1] = filtered
            filter_state[c, 0] = sample
            samples[c, i] = min(max(filtered, -1.0), 1.0)
            if (c == 0 and law.left) or (c == 1 and law.right):
                level = max(level, abs(samples[c, i]))
        if law.left or law.right:
            leader = 0 if law.left else 1
            move = _alc_move(level, gain_db[leader], gain[leader] * boost[leader], step, law, detector)
            if move != 0.0:
                for c in range(2):
                    if (c == 0 and law.left) or (c == 1 and law.right):
                        gain_db[c] = min(max(gain_db[c] + move, law.pga_min_db), law.pga_max_db)
                        gain[c] = 10.0 ** (gain_db[c] / 20.0)
                ratio = 10.0 ** (move / 20.0)
                detector[PEAK_NOW] *= ratio
                detector[PEAK_BEFORE] *= ratio


@njit(cache=True)
def _alc_move(level, gain_db, pin_gain, step, law, detector):  # type: ignore[no-untyped-def]  # numba types it
    """Decibels the PGA moves after this frame: a step up or down, 0, or a fraction at the ends of its range."""
    detector[PEAK_NOW] = max(detector[PEAK_NOW], level)
    detector[WINDOW_FRAMES] += 1.0
    peak = max(detector[PEAK_NOW], detector[PEAK_BEFORE])
    if detector[WINDOW_FRAMES] >= law.window_frames:
        detector[PEAK_BEFORE] = detector[PEAK_NOW]
        detector[PEAK_NOW] = 0.0
        detector[WINDOW_FRAMES] = 0.0
    steps = 0.0
    if gain_db < law.min_db:
        steps = law.decay_steps
    elif peak > LIMIT:
        steps = -law.limit_steps
    elif peak > law.target or gain_db > law.max_db:
        steps = -law.attack_steps
    elif peak * step <= law.target and peak >= law.gate * pin_gain:
        detector[QUIET_FRAMES] += 1.0
        if detector[QUIET_FRAMES] > law.hold_frames:
            steps = law.decay_steps
        else:
            detector[CREDIT] = 0.0
            return 0.0
    if steps <= 0.0:
        detector[QUIET_FRAMES] = 0.0
    if steps == 0.0:
        detector[CREDIT] = 0.0
        return 0.0
    detector[CREDIT] += abs(steps)
    if detector[CREDIT] < 1.0:
        return 0.0
    detector[CREDIT] = min(detector[CREDIT] - 1.0, 1.0)
    if steps < 0.0:
        return -min(law.step_db, max(gain_db - law.min_db, 0.0))
    return min(law.step_db, max(law.max_db - gain_db, 0.0))
