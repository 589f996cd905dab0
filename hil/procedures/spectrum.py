"""Which frequencies: response, flatness and high-pass corner of the capture path, with a calibrated sound at the microphone.

Modes that leave the signal alone are swept. Modes that suppress what stands still would fight a sweep, so they hear bursts,
each between two of 1 kHz, by which a gain that moves is divided out.
"""

from __future__ import annotations

import numpy as np

from hil.bench import VirtualBench
from hil.measurement import Trace
from hil.procedures.findings import Findings, at_spl
from hil.response import burst_response, corner_hz, flatness_db, gain_at_db, transfer_function
from hil.stimulus import exponential_sweep, sine, tone_bursts

SPL_DB = 74.0
CHAT_HZ = (
    40,
    50,
    63,
    80,
    90,
    100,
    110,
    120,
    135,
    150,
    175,
    200,
    250,
    315,
    400,
    630,
    1000,
    1600,
    2500,
    3150,
    4000,
    5000,
    6300,
)
WIDE_HZ = (8000, 10000, 12500, 16000)


def response(bench: VirtualBench) -> Findings:
    """Frequency response of microphone to application."""
    frequency, magnitude = _bursts(bench) if bench.contract.cancels_echo else _sweep(bench)
    low, high = (
        (200.0, 4000.0) if bench.contract.cancels_echo else (100.0, 7000.0 if bench.mode == "measurement" else 4000.0)
    )
    magnitude = magnitude - np.interp(1000.0, frequency, magnitude)
    values = {
        "flatness_db": flatness_db(frequency, magnitude, low, high),
        "high_pass_corner_hz": corner_hz(frequency, magnitude, 1000.0),
    }
    if bench.contract.cancels_echo:
        values["high_pass_50hz_db"] = gain_at_db(frequency, magnitude, 50.0, 1000.0)
    else:
        values["low_end_20hz_db"] = gain_at_db(frequency, magnitude, 20.0, 1000.0)
    trace = Trace.of(
        "response", "Frequency response, microphone to application", x_label="frequency (Hz)", y_label="gain re 1 kHz (dB)",
        x=frequency, series={"response": magnitude}, x_log=True,
    )  # fmt: skip
    return Findings(values, {}, [trace])


def _sweep(bench: VirtualBench) -> tuple[np.ndarray, np.ndarray]:
    rate = bench.profile.rate_hz
    sweep = exponential_sweep(4.0, rate, low_hz=10.0, level_dbfs=0.0)
    settle = sine(1000.0, 4.0, rate) if bench.contract.alc else np.zeros(0)  # a slow gain comes to rest first
    sound = np.concatenate((settle, sweep.signal, np.zeros(rate // 2)))
    take = bench.converse(len(sound) / rate, near_pa=at_spl(sound, SPL_DB), coupling=0.0)
    return transfer_function(sweep, take.up[len(settle) :])


def _bursts(bench: VirtualBench) -> tuple[np.ndarray, np.ndarray]:
    rate = bench.profile.rate_hz
    frequencies = [float(f) for f in (*CHAT_HZ, *WIDE_HZ) if f < 0.45 * rate]
    plan = tone_bursts(frequencies, rate, level_dbfs=0.0, burst_s=0.12, gap_s=0.1)
    take = bench.converse(len(plan.signal) / rate + 0.3, near_pa=at_spl(plan.signal, SPL_DB + 6.0), coupling=0.0)
    return np.array(frequencies), burst_response(take.up, plan)
