"""Is the codec what the mode says: registers as the chip decodes them, mic bias, sample rate."""

from __future__ import annotations

import numpy as np

from hil.analysis import level_dbov
from hil.bench import VirtualBench
from hil.procedures.findings import Findings, at_spl, audible
from hil.stimulus import composite_source

BIAS_SPL_DB = 84.0
NOT_ALONE = "this codec has no switch for the bias alone"


def registers(bench: VirtualBench) -> Findings:
    """Count what the chip does otherwise than the mode's contract has it."""
    found = bench.mismatches()
    return Findings({"register_mismatches": float(len(found))}, {"register_mismatches": "; ".join(found)})


def mic_bias(bench: VirtualBench) -> Findings:
    """Volts on the bias pin, and what is heard of a sound when the bias is taken away."""
    rate = bench.profile.rate_hz
    sound = at_spl(composite_source(1.4, rate, seed=5), BIAS_SPL_DB + 26.0)
    on = bench.converse(1.4, near_pa=sound, coupling=0.0)
    bench.set_mic_bias(False)
    try:
        off = bench.converse(1.4, near_pa=sound, coupling=0.0)
        still_on = bench.mic_bias_is_on
    finally:
        bench.set_mic_bias(True)
    bench.converse(0.1)  # the capsule comes back
    volts = {"mic_bias_v": float(np.median(on.mic_bias_v))}
    if still_on:
        return Findings(volts, untested={"mic_bias_effect_db": NOT_ALONE})
    half = len(on.up) // 2
    drop_db = level_dbov(audible(on.up, rate)[half:]) - level_dbov(audible(off.up, rate)[half:])
    return Findings({**volts, "mic_bias_effect_db": drop_db})


def sample_rate(bench: VirtualBench) -> Findings:
    """Frames in a true second, against what was asked."""
    take = bench.converse(1.0)
    return Findings({"sample_rate_ppm": (len(take.up) / take.true_seconds / take.rate_hz - 1.0) * 1e6})
