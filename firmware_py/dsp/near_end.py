"""Does the near end talk? One probability from what echo and noise do not explain, in bands of four bins. It changes no sound.

    v = log2(E / (R + 2 N)) per band, 0 to 6          E, R, N: energy of the error, the residual echo and the noise
    L = (mean v^3 over the bands up to 7 kHz)^(1/3)

The cube lets a few bands that nothing explains outweigh many that are: a talker's murmur is as narrow as that. Where the echo
rules, what is usual at this far level (a louder loudspeaker is less well explained) counts as explained too. L is smoothed, falling
slower than it rises; one p shapes what is heard and keeps the filters from learning. A faster attack for the filters locks:
bursts of what they miss are taken for a talker, so it is never learnt.

    p     = (L - 1.1) / (1.9 - 1.1), limited to 0..1
    usual = L's upper quartile while the echo rules, learnt the slower the likelier a talker is
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.jit import realtime
from firmware_py.dsp.vectors import Floats, limited, octaves, power_of_two, smoothed

SPEECH_STOP_HZ = 7000.0  # bands up to here testify for a talker
LEVELS = 6  # classes of far level, 3 dB each

# verdict: p; smoothed L; far LEVEL against the usual in 3 dB, USUAL_LEVEL
NEAR, EVIDENCE, LEVEL, USUAL_LEVEL = range(4)
# pace, constants per block: what is kept of L as it rises, as it falls; steps of the levels
RISE_KEEP, FALL_KEEP, LEVEL_STEP, USUAL_STEP = range(4)

_ZERO, _ONE, _TWO, _THREE = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(3.0)
_FLOOR = np.float32(1e-10)
AUDIBLE = np.float32(0.002)  # far end, -54 dBFS
_ECHO_RULES, _RULED_BANDS = np.float32(8.0), np.float32(0.4)  # times the noise, in so many of the bands
_MOST_UNEXPLAINED = np.float32(64.0)
_CUBE_ROOT = np.float32(1.0 / 3.0)
_USUAL_MOST = np.float32(3.0)
_SILENT_UP_TO, _TALKS_FROM = np.float32(1.1), np.float32(1.9)


@realtime
def weigh_level(verdict: Floats, level: np.float32, step: np.float32) -> None:
    """Far level against its slow mean, in 3 dB, at most three either way."""
    units = _TWO * np.float32(np.log2(level + np.float32(1e-6)))
    if level > AUDIBLE:
        verdict[USUAL_LEVEL] += step * (units - verdict[USUAL_LEVEL])
    verdict[LEVEL] = limited(units - verdict[USUAL_LEVEL], -_THREE, _THREE)


@realtime
def explain(
    echo_gain: Floats, missed_gain: Floats, residual: Floats,
    leak: Floats, slope: Floats, trust: Floats, level: np.float32, echo: Floats, missed: Floats,
) -> None:  # fmt: skip
    """R of all bands, and the two gains it is made with: 2^(leak + slope level) of the echo, 2^trust of what may be missed."""
    for b in range(residual.shape[0]):
        echo_gain[b] = power_of_two(leak[b] + slope[b] * level)
        missed_gain[b] = power_of_two(trust[b])
        residual[b] = echo_gain[b] * echo[b] + missed_gain[b] * missed[b]


@realtime
def unexplained(error: Floats, residual: Floats, noise: Floats, stop: int) -> np.float32:
    """L, over the bands before *stop*."""
    cubes = _ZERO
    for b in range(stop):
        ratio = (error[b] + _FLOOR) / (residual[b] + _TWO * noise[b] + _FLOOR)
        excess = octaves(limited(ratio, _ONE, _MOST_UNEXPLAINED))
        cubes += excess * excess * excess
    return np.float32((cubes / np.float32(stop)) ** _CUBE_ROOT)


@realtime
def echo_rules(echo: Floats, noise: Floats, stop: int) -> bool:
    """Whether echo is what there is in enough of the bands before *stop*."""
    ruled = _ZERO
    for b in range(stop):
        ruled += _ONE if echo[b] > _ECHO_RULES * noise[b] + _FLOOR else _ZERO
    return bool(ruled > _RULED_BANDS * np.float32(stop))


@realtime
def judge(verdict: Floats, usual: Floats, evidence: np.float32, ruled: bool, pace: Floats, adapt: bool) -> None:
    """p from L; *usual* [LEVELS] is learnt with *adapt*."""
    if ruled:
        grade = min(max(int(verdict[LEVEL] + _THREE), 0), LEVELS - 1)
        unusual = max(evidence - usual[grade], _ZERO)
        if adapt:
            up = np.float32(0.75) * (_ONE - np.float32(0.95) * verdict[NEAR])
            usual[grade] += pace[USUAL_STEP] * (up if evidence > usual[grade] else np.float32(-0.25))
            usual[grade] = limited(usual[grade], _ZERO, _USUAL_MOST)
        evidence = unusual
    before = verdict[EVIDENCE]
    verdict[EVIDENCE] = smoothed(before, evidence, pace[RISE_KEEP] if evidence > before else pace[FALL_KEEP])
    p = (verdict[EVIDENCE] - _SILENT_UP_TO) / (_TALKS_FROM - _SILENT_UP_TO)
    verdict[NEAR] = limited(p, _ZERO, _ONE)
