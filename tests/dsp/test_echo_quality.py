"""The canceller's quality, held: scenes of a fixed seed with synthetic voices, and what it has reached there before.

To raise a floor, change its number. A test that fails prints what it measured. `audiohat bench aec` is the same with real voices;
synthetic ones, which are the same on every machine, are harder: they leave most of the spectrum empty.
"""

import math
from functools import lru_cache

import pytest

from hil.bench.aec.cancellers import ours, run
from hil.bench.aec.scenes import choose, clip
from hil.bench.aec.trial import aligned, judge

BLOCK_S, TAIL_S = 0.008, 0.256
SEED = 1

WHOLE, LINEAR = "whole", "linear"
AT_LEAST, AT_MOST = ">=", "<="

HELD = [
    # scene                stage   measure              bound                measured 2026-11-28
    ("single-office",      LINEAR, "erle_db",           AT_LEAST, 16.2),   # 16.9
    ("single-office",      LINEAR, "late_erle_db",      AT_LEAST, 21.2),   # 22.2
    ("single-office",      LINEAR, "t10_s",             AT_MOST,  0.5),    # 0.20
    ("single-office",      LINEAR, "t20_s",             AT_MOST,  4.0),    # 3.55
    ("single-office",      WHOLE,  "erle_db",           AT_LEAST, 27.0),   # 28.8
    ("single-office",      WHOLE,  "late_erle_db",      AT_LEAST, 28.0),   # 30.4
    ("single-booth",       LINEAR, "late_erle_db",      AT_LEAST, 23.4),   # 24.4
    ("single-booth",       WHOLE,  "late_erle_db",      AT_LEAST, 45.0),   # 48.6
    ("single-living-room", LINEAR, "late_erle_db",      AT_LEAST, 22.9),   # 23.9
    ("single-living-room", WHOLE,  "late_erle_db",      AT_LEAST, 44.0),   # 47.5
    ("single-hall",        LINEAR, "late_erle_db",      AT_LEAST, 21.6),   # 22.5
    ("single-hall",        WHOLE,  "late_erle_db",      AT_LEAST, 42.1),   # 44.2
    ("white",              LINEAR, "late_erle_db",      AT_LEAST, 50.2),   # 51.2
    ("white",              LINEAR, "t20_s",             AT_MOST,  1.2),    # 0.80
    ("music",              LINEAR, "late_erle_db",      AT_LEAST, 26.0),   # 26.3
    ("48k",                LINEAR, "late_erle_db",      AT_LEAST, 21.0),   # 21.2
    ("48k",                WHOLE,  "late_erle_db",      AT_LEAST, 43.0),   # 47.0
    ("soft",               WHOLE,  "late_erle_db",      AT_LEAST, 21.9),   # 24.1
    ("hard",               WHOLE,  "late_erle_db",      AT_LEAST, 19.5),   # 20.6
    ("asymmetric",         WHOLE,  "late_erle_db",      AT_LEAST, 32.1),   # 34.2
    ("double-talk-10",     LINEAR, "echo_reduction_db", AT_LEAST, 14.4),   # 15.4
    ("double-talk0",       LINEAR, "echo_reduction_db", AT_LEAST, 8.7),    # 9.2
    ("double-talk+10",     LINEAR, "echo_reduction_db", AT_LEAST, 0.5),    # 1.6
    ("double-talk0",       WHOLE,  "sdr_db",            AT_LEAST, 7.8),    # 9.0
    ("double-talk0",       WHOLE,  "near_level_db",     AT_LEAST, -1.7),   # -1.1
    ("double-talk+10",     WHOLE,  "near_level_db",     AT_LEAST, -1.4),   # -0.8
    ("double-talk0",       WHOLE,  "late_erle_db",      AT_LEAST, 23.4),   # 25.5
    ("cold-start",         LINEAR, "echo_reduction_db", AT_LEAST, 7.8),    # 8.8
    ("cold-start",         WHOLE,  "late_erle_db",      AT_LEAST, 36.2),   # 38.2
    ("near-only",          WHOLE,  "sdr_db",            AT_LEAST, 36.4),   # 38.5
    ("near-only",          WHOLE,  "gain_db",           AT_LEAST, -0.2),   # 0.0
    ("headphones",         WHOLE,  "gain_db",           AT_LEAST, -0.9),   # -0.6
    ("headphones",         LINEAR, "largest_gain_db",   AT_MOST,  2.7),    # 2.2
    ("skew50",             LINEAR, "late_erle_db",      AT_LEAST, 20.6),   # 21.6
    ("skew200",            LINEAR, "late_erle_db",      AT_LEAST, 14.3),   # 15.6
    ("delay-1",            LINEAR, "late_erle_db",      AT_LEAST, 23.4),   # 24.4
    ("delay-60",           LINEAR, "late_erle_db",      AT_LEAST, 20.5),   # 20.9
    ("delay-120",          LINEAR, "late_erle_db",      AT_LEAST, 20.0),   # 21.0
    ("delay-240",          LINEAR, "late_erle_db",      AT_LEAST, 16.6),   # 19.0
    ("jump",               LINEAR, "t10_s",             AT_MOST,  0.9),    # 0.60
    ("jump",               WHOLE,  "t20_s",             AT_MOST,  0.5),    # 0.10
    ("jump",               WHOLE,  "largest_gain_db",   AT_MOST,  1.1),    # 0.6
    ("device-moved",       LINEAR, "late_erle_db",      AT_LEAST, 19.6),   # 21.1
    ("device-moved",       WHOLE,  "t20_s",             AT_MOST,  0.5),    # 0.35
    ("speaker-moved",      LINEAR, "t10_s",             AT_MOST,  0.9),    # 0.55
    ("speaker-moved",      WHOLE,  "largest_gain_db",   AT_MOST,  3.5),    # 3.0
    ("noise",              LINEAR, "late_erle_db",      AT_LEAST, 17.1),   # 17.9
    ("clipping",           LINEAR, "late_erle_db",      AT_LEAST, 19.7),   # 20.7
]  # fmt: skip

SCENES = {scene.name: scene for scene in choose()}


@lru_cache(maxsize=2)
def sound(scene):
    return clip(SCENES[scene], seed=SEED, synthetic=True)


@lru_cache(maxsize=2)
def measured(scene, stage):
    maker, heard = ours(BLOCK_S, TAIL_S, suppress=stage == WHOLE), sound(scene)
    out = run(maker, heard.rate_hz, heard.mic, heard.far)
    latency = BLOCK_S * heard.rate_hz if stage == WHOLE else 0.0
    return judge(maker, heard, aligned(out, latency)).values


@pytest.mark.parametrize(
    ("scene", "stage", "measure", "sense", "bound"),
    [pytest.param(*row, id="-".join(map(str, row[:3]))) for row in sorted(HELD, key=lambda row: row[:2])],
)
def test_the_canceller_is_no_worse_than_it_was(scene, stage, measure, sense, bound):
    value = measured(scene, stage)[measure]
    holds = not math.isnan(value) and (value >= bound if sense == AT_LEAST else value <= bound)
    assert holds, f"{scene}, {stage} canceller: {measure} is {value:.2f}; it was {sense} {bound}"


def test_every_scene_is_held():
    assert {row[0] for row in HELD} == set(SCENES)
