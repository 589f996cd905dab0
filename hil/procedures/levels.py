"""How loud: sensitivity, distortion and noise of the input, and whether a gain moves when the level steps."""

from __future__ import annotations

import numpy as np

from hil.analysis import gain_change_db, level_dbov, level_over_time
from hil.bench import VirtualBench
from hil.measurement import Trace
from hil.procedures.findings import Findings, at_spl, audible
from hil.response import snr_db, thd_percent
from hil.stimulus import SPEECH_DBFS, composite_source, level_step, sine

SOFT_DBFS, STEP_DB, SOFT_S, LOUD_S = -50.0, 35.0, 30.0, 10.0
LOW_HZ, LOW_TONE_SPL_DB = 5.0, 84.0
LOUDEST_SPL_DB = 100.0
"""The step stays below this, so that no microphone's overload is mistaken for a gain control."""

_CREST_DB = 10.0 * np.log10(2.0)  # of a sine


def tone(bench: VirtualBench) -> Findings:
    """A calibrated 1 kHz tone of 94 dB SPL at the microphone: the level it reads."""
    rate = bench.profile.rate_hz
    take = bench.converse(0.6, near_pa=at_spl(sine(1000.0, 0.6, rate, _CREST_DB), 94.0), coupling=0.0)
    return Findings({"sensitivity_dbfs": level_dbov(audible(take.up, rate)[len(take.up) // 2 :])})


def direct_current(bench: VirtualBench) -> Findings:
    """What the converter adds when nothing sounds, and how much of a 5 Hz tone comes through: a DC filter shows in both."""
    rate = bench.profile.rate_hz
    quiet = bench.converse(0.5, coupling=0.0)
    slow, middle = (
        bench.converse(1.2, near_pa=at_spl(sine(hz, 1.2, rate, _CREST_DB), LOW_TONE_SPL_DB), coupling=0.0).up[-rate:]
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
    take = bench.converse(1.5, near_pa=at_spl(sine(1000.0, 1.5, rate, _CREST_DB), 90.0), coupling=0.0)
    loud = bench.converse(1.0, near_pa=at_spl(sine(1000.0, 1.0, rate, _CREST_DB), 94.0), coupling=0.0)
    bench.world.ambient_noise = 0.0
    quiet = bench.converse(1.0, coupling=0.0)
    bench.world.ambient_noise = 1.0
    half = len(take.up) // 2
    return Findings(
        {
            "thd_percent": thd_percent(take.up[half:], rate, 1000.0),
            "snr_db": snr_db(loud.up[len(loud.up) // 2 :], quiet.up, rate),
        }
    )


def step(bench: VirtualBench) -> Findings:
    """Speech-like sound that becomes 35 dB louder: by how much the gain gives way."""
    profile = bench.profile
    rate = profile.rate_hz
    loud_spl = min(94.0 + SOFT_DBFS + STEP_DB - profile.sensitivity_dbfs, LOUDEST_SPL_DB)
    sound = composite_source(SOFT_S + LOUD_S, rate, seed=7)
    sound = level_step(sound, rate, [(0.0, loud_spl - STEP_DB - 94.0), (SOFT_S, loud_spl - 94.0)])
    sound *= 10.0 ** (-(SPEECH_DBFS - _CREST_DB) / 20.0)
    take = bench.converse(SOFT_S + LOUD_S, near_pa=sound.astype(np.float32), coupling=0.0)
    heard, said = audible(take.up, rate), take.near_pa * 10.0 ** (profile.sensitivity_dbfs / 20.0)
    before, after = level_over_time(said, rate, 0.35), level_over_time(heard, rate, 0.35)
    trace = Trace.of(
        "agc", "A level step of 35 dB", x_label="time (s)", y_label="level (dBFS)",
        x=before.time_s, series={"at the microphone": before.value_db, "to the application": after.value_db},
    )  # fmt: skip
    return Findings({"agc_gain_change_db": gain_change_db(said, heard, rate, SOFT_S, 3.5)}, {}, [trace])
