"""How loud: sensitivity, distortion and noise of the input, and whether a gain moves when the level steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.analysis import SINE_CREST_DB, gain_change_db, level_dbov, level_over_time
from hil.bench import VirtualBench
from hil.measurement import Trace
from hil.procedures.findings import Findings, at_spl, audible
from hil.response import snr_db, thd_percent
from hil.stimulus import SPEECH_DBFS, composite_source, level_step, sine

SOFT_DBFS, STEP_DB, SOFT_S, LOUD_S = -50.0, 35.0, 30.0, 10.0
LOW_HZ, LOW_TONE_SPL_DB = 5.0, 84.0
LOUDEST_SPL_DB = 100.0
"""The step stays below this, so that no microphone's overload is mistaken for a gain control."""
SETTLED_S = 3.5
"""Each part of the step is judged by its end, when the gain has come to rest: ten of the sound's cycles of 0.35 s."""


def tone(bench: VirtualBench) -> Findings:
    """A calibrated 1 kHz tone of 94 dB SPL at the microphones: the level it reads, and how unlike two channels are."""
    rate = bench.profile.rate_hz
    take = bench.converse(0.6, near_pa=at_spl(sine(1000.0, 0.6, rate, SINE_CREST_DB), 94.0), coupling=0.0)
    first, second = (level_dbov(_later_half(audible(up, rate), 0.6, rate)) for up in (take.up, take.up_right))
    return Findings({"sensitivity_dbfs": first, "channel_difference_db": first - second})


def direct_current(bench: VirtualBench) -> Findings:
    """What the converter adds when nothing sounds, and how much of a 5 Hz tone comes through: a DC filter shows in both."""
    rate = bench.profile.rate_hz
    quiet = bench.converse(0.5, coupling=0.0)
    slow, middle = (
        bench.converse(1.2, near_pa=at_spl(sine(hz, 1.2, rate, SINE_CREST_DB), LOW_TONE_SPL_DB), coupling=0.0).up[
            -rate:
        ]
        for hz in (LOW_HZ, 1000.0)
    )
    return Findings(
        {
            "dc_offset_dbfs": level_dbov(np.array([np.mean(quiet.up[len(quiet.up) // 2 :])])),
            "low_end_5hz_db": level_dbov(slow - np.mean(slow)) - level_dbov(middle - np.mean(middle)),
        }
    )


def purity(bench: VirtualBench) -> Findings:
    """Distortion at 90 dB SPL; noise against 94 dB SPL."""
    rate = bench.profile.rate_hz
    take = bench.converse(1.5, near_pa=at_spl(sine(1000.0, 1.5, rate, SINE_CREST_DB), 90.0), coupling=0.0)
    loud = bench.converse(1.0, near_pa=at_spl(sine(1000.0, 1.0, rate, SINE_CREST_DB), 94.0), coupling=0.0)
    bench.world.ambient_noise = 0.0
    try:
        quiet = bench.converse(1.0, coupling=0.0)
    finally:
        bench.world.ambient_noise = 1.0
    return Findings(
        {
            "thd_percent": thd_percent(_later_half(take.up, 1.5, rate), rate, 1000.0),
            "snr_db": snr_db(_later_half(loud.up, 1.0, rate), quiet.up, rate),
        }
    )


def step(bench: VirtualBench) -> Findings:
    """Speech-like sound that becomes 35 dB louder: the gain for the soft part, and how much of it the loud part takes back.

    Gains count from the contract's fixed one, so a wrong analogue gain shows although the automatic one hides it elsewhere.
    """
    rate, sensitivity_dbfs = bench.profile.rate_hz, bench.contract.sensitivity_dbfs
    loud_spl = min(94.0 + SOFT_DBFS + STEP_DB - sensitivity_dbfs, LOUDEST_SPL_DB)
    sound = composite_source(SOFT_S + LOUD_S, rate, seed=7)
    sound = level_step(sound, rate, [(0.0, loud_spl - STEP_DB - 94.0), (SOFT_S, loud_spl - 94.0)])
    sound *= 10.0 ** (-(SPEECH_DBFS - SINE_CREST_DB) / 20.0)
    take = bench.converse(SOFT_S + LOUD_S, near_pa=sound.astype(np.float32), coupling=0.0)
    heard, said = audible(take.up, rate), take.near_pa * 10.0 ** (sensitivity_dbfs / 20.0)
    before, after = level_over_time(said, rate, 0.35), level_over_time(heard, rate, 0.35)
    trace = Trace.of(
        "agc", "A level step of 35 dB", x_label="time (s)", y_label="level (dBFS)",
        x=before.time_s, series={"at the microphone": before.value_db, "to the application": after.value_db},
    )  # fmt: skip
    soft = slice(round((SOFT_S - SETTLED_S) * rate), round(SOFT_S * rate))
    loud_dbfs = loud_spl - 94.0 + sensitivity_dbfs
    return Findings(
        {
            "soft_gain_db": level_dbov(heard[soft]) - level_dbov(said[soft]),
            "agc_gain_change_db": gain_change_db(said, heard, rate, SOFT_S, SETTLED_S),
        },
        {
            "agc_gain_change_db": f"{loud_dbfs - STEP_DB:.0f} to {loud_dbfs:.0f} dBFS at the fixed gain, {loud_spl:.0f} dB SPL"
        },
        [trace],
    )


def _later_half(heard: NDArray[np.floating], seconds: float, rate_hz: int) -> NDArray[np.floating]:
    """The later half of a sound of that length. A take is whole periods long, so after the sound there may be silence."""
    frames = round(seconds * rate_hz)
    return heard[frames // 2 : frames]
