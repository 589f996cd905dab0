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
    ("single-office",      LINEAR, "erle_db",           AT_LEAST, 16.2),   # 17.2
    ("single-office",      LINEAR, "late_erle_db",      AT_LEAST, 21.2),   # 22.2
    ("single-office",      LINEAR, "t10_s",             AT_MOST,  0.5),    # 0.2
    ("single-office",      LINEAR, "t20_s",             AT_MOST,  4.0),    # 3.55
    ("single-office",      WHOLE,  "erle_db",           AT_LEAST, 27.0),   # 28.8
    ("single-office",      WHOLE,  "late_erle_db",      AT_LEAST, 28.0),   # 30.4
    ("single-booth",       LINEAR, "late_erle_db",      AT_LEAST, 23.4),   # 24.4
    ("single-booth",       WHOLE,  "late_erle_db",      AT_LEAST, 45.0),   # 48.6
    ("single-living-room", LINEAR, "late_erle_db",      AT_LEAST, 22.9),   # 23.9
    ("single-living-room", WHOLE,  "late_erle_db",      AT_LEAST, 44.0),   # 47.5
    ("single-hall",        LINEAR, "late_erle_db",      AT_LEAST, 21.6),   # 22.6
    ("single-hall",        WHOLE,  "late_erle_db",      AT_LEAST, 37.0),   # 40.3
    ("white",              LINEAR, "late_erle_db",      AT_LEAST, 49.0),   # 51.2
    ("white",              LINEAR, "t20_s",             AT_MOST,  1.2),    # 0.8
    ("music",              LINEAR, "late_erle_db",      AT_LEAST, 26.0),   # 27.4
    ("48k",                LINEAR, "late_erle_db",      AT_LEAST, 21.0),   # 22.1
    ("48k",                WHOLE,  "late_erle_db",      AT_LEAST, 43.0),   # 47.0
    ("soft",               WHOLE,  "late_erle_db",      AT_LEAST, 19.5),   # 21.7
    ("hard",               WHOLE,  "late_erle_db",      AT_LEAST, 19.5),   # 21.5
    ("asymmetric",         WHOLE,  "late_erle_db",      AT_LEAST, 14.5),   # 16.1
    ("double-talk-10",     LINEAR, "echo_reduction_db", AT_LEAST, 14.4),   # 15.4
    ("double-talk0",       LINEAR, "echo_reduction_db", AT_LEAST, 8.7),    # 9.7
    ("double-talk+10",     LINEAR, "echo_reduction_db", AT_LEAST, 0.5),    # 1.6
    ("double-talk0",       WHOLE,  "sdr_db",            AT_LEAST, 7.3),    # 8.3
    ("double-talk0",       WHOLE,  "near_level_db",     AT_LEAST, -2.1),   # -1.6
    ("double-talk+10",     WHOLE,  "near_level_db",     AT_LEAST, -1.6),   # -1.2
    ("double-talk0",       WHOLE,  "late_erle_db",      AT_LEAST, 23.0),   # 26.0
    ("cold-start",         LINEAR, "echo_reduction_db", AT_LEAST, 7.6),    # 8.6
    ("cold-start",         WHOLE,  "late_erle_db",      AT_LEAST, 34.0),   # 37.1
    ("near-only",          WHOLE,  "sdr_db",            AT_LEAST, 33.0),   # 35.6
    ("near-only",          WHOLE,  "gain_db",           AT_LEAST, -0.2),   # 0.0
    ("headphones",         WHOLE,  "gain_db",           AT_LEAST, -1.2),   # -0.8
    ("headphones",         LINEAR, "largest_gain_db",   AT_MOST,  3.0),    # 2.5
    ("skew50",             LINEAR, "late_erle_db",      AT_LEAST, 20.6),   # 21.6
    ("skew200",            LINEAR, "late_erle_db",      AT_LEAST, 13.9),   # 14.9
    ("delay-1",            LINEAR, "late_erle_db",      AT_LEAST, 23.4),   # 24.4
    ("delay-60",           LINEAR, "late_erle_db",      AT_LEAST, 20.5),   # 21.5
    ("delay-120",          LINEAR, "late_erle_db",      AT_LEAST, 18.9),   # 19.9
    ("delay-240",          LINEAR, "late_erle_db",      AT_LEAST, 14.1),   # 15.1
    ("jump",               LINEAR, "t10_s",             AT_MOST,  0.9),    # 0.6
    ("jump",               WHOLE,  "t20_s",             AT_MOST,  0.5),    # 0.15
    ("jump",               WHOLE,  "largest_gain_db",   AT_MOST,  3.0),    # 1.6
    ("device-moved",       LINEAR, "late_erle_db",      AT_LEAST, 19.6),   # 20.6
    ("device-moved",       WHOLE,  "t20_s",             AT_MOST,  0.5),    # 0.1
    ("speaker-moved",      LINEAR, "t10_s",             AT_MOST,  0.9),    # 0.55
    ("speaker-moved",      WHOLE,  "largest_gain_db",   AT_MOST,  3.6),    # 3.2
    ("noise",              LINEAR, "late_erle_db",      AT_LEAST, 17.1),   # 18.1
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
