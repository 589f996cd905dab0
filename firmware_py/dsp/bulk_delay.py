"""Where an echo path begins: the whole blocks of delay before its first strong arrival, found from the spectra that the
echo canceller has anyway. It moves no filter and cancels nothing.

D is the spectrum of [0, mic block], X_m the far end's of m blocks ago, both at every second bin from 200 to 4000 Hz: a
block of B frames has no more to say. First both lose what could be foretold, then what is loud:

    X'_t = X_t - c X_t-2        c = <X_t conj(X_t-2)> / <|X|^2>       tones and vowels look alike at every lag
    V    = X' / sqrt(|X'|^2 + PX)                                     PX smoothed |X'|^2: level does not matter

and so for D, with D_t-1, the block before that does not overlap. Four blocks make a group, and a group a step:

    Y_m = sum of D_t conj(V_t-m) over the group        A_m = keep A_m + Y_m
    U_m = keep^2 U_m + |Y_m|^2                         L_m = keep L_m + |Y_m|
    gamma_m = (|A_m|^2 - U_m) / (L_m^2 - U_m)

|Y|^2 sums over bins. U is what |A|^2 would be by chance were the groups unrelated, L^2 what it can be at most (triangle
inequality); so gamma is 0 on average without a path and 1 for a pure delay, whatever the pauses. (Whitened
cross-spectra: Knapp & Carter, IEEE TASSP 24(4), 1976; their smoothing a block at a time: Carter, Knapp, Nuttall, IEEE
Trans. Audio Electroacoust. 21(4), 1973.) A quarter of the lags is brought up to date in each block.
While the filter cancels and the lag is sure, one group in four is enough; time stands still for those left out.

*Decision*, once a group. The floor is the mean of all gamma below their mean, mu the largest above the floor. The first
lag with half of mu is where the echo begins; the peak of the inverse transform of its A is where in that block, r from 0
to 1. Far frames overlap by half: an arrival shows one lag too early as well, with 1 - r of its gamma or less. Such a ghost
is passed over.

    evidence w = (mu - 0.05) / 0.15 limited to 0..2, less when the floor is high or the lag that is held still explains
    votes_m += w seconds, for the lag found

A lag is believed when 0.7 of all votes lie on it and its neighbours and they suffice: 0.3 s for the first, 0.1 s for a
jump, 0.6 s for a move of less than 30 ms. Arrivals up to a quarter of a block outside the lag that is held are its own,
so that a clock that drifts moves it once a block and not to and fro.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.fft import RealFft, irfft, real_fft
from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints, clear, copy

LOWEST_HZ, HIGHEST_HZ = 200.0, 4000.0
GROUP = 4  # blocks in a step of the memory, and parts in which lags are brought up to date
REST = 4  # groups of which one is weighed while nothing is amiss
MEMORY_S, TONE_S, POWER_S = 0.15, 0.05, 0.5
BINS = (16, 24, 32, 40, 48, 64)  # that a transform takes

# BulkDelay.found: the lag in blocks, -1 before the first; where in its block the strongest arrival lies, in blocks, -0.25
# to 1.25; how sure that is, 0 to 1, 0.6 just after a move; the evidence of the last group, 0 when the far end is silent
LAG, WITHIN, CONFIDENCE, EVIDENCE = range(4)
# BulkDelay.pace: constants per group, KEEP and KEEP^2, seconds in a group; per block, of the powers and of the tones
KEEP, KEEP_SQUARED, GROUP_S, POWER_KEEP, TONE_KEEP = range(5)
# BulkDelay.position: newest row of the histories, blocks since the far end was heard, groups since the last that was weighed
HEAD, QUIET, RESTED = range(3)

# floats in a row of a history, and where in it imaginary parts begin: constants, so that LLVM sees that nothing overlaps
_ROW, _IM = 128, 64
_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_FLOOR, _TINY = np.float32(1e-12), np.float32(1e-20)  # under powers that divide; above denormals
_GROUND = np.float32(1e-9)
_SILENT = np.float32(1e-9)  # -90 dB of full scale, mean square
_FIRST = np.float32(0.5)  # of mu, that an arrival needs
_GHOST = np.float32(1.1)  # of what an arrival shows one lag too early
_LEAST, _CLEAR, _MOST = np.float32(0.05), np.float32(0.15), np.float32(2.0)
_FLOOR_WEIGHT, _HELD_WEIGHT, _TOLERATED = np.float32(2.0), np.float32(2.8), np.float32(1.5)
_MARGIN = np.float32(0.25)  # of a block, by which an arrival may leave the lag that is held
_ACQUIRE_S, _JUMP_S, _NEAR_S = np.float32(0.3), np.float32(0.1), np.float32(0.6)
_NEARBY_S = np.float32(0.03)
_SHARE = np.float32(0.7)
_MOVED = np.float32(0.6)
_SURE = np.float32(0.9)
_BELIEF_S, _REFUTE_S, _FORGET_S, _FADE_S = np.float32(0.2), np.float32(0.3), np.float32(2.0), np.float32(5.0)


class BulkDelay(State):
    """State and workspace. F is every second bin to HIGHEST_HZ, M the lags; far and mic hold each row twice, so that the
    newest and those before it always lie in a row."""

    fft: RealFft  # of 2F points
    pace: Floats  # KEEP and so on
    band: Floats  # [F] 1 from LOWEST_HZ on, else 0
    far_tone: Floats  # [3 * 64] <|X|^2>, then real and imaginary part of <X_t conj(X_t-2)>
    mic_tone: Floats
    far_power: Floats  # [F] PX
    mic_power: Floats
    last_re: Floats  # [2F] D of the block before
    last_im: Floats
    far: Floats  # [2 * ring * 128] V; that of m blocks ago is row HEAD + m
    mic: Floats  # [2 * GROUP * 128] whitened D
    cross: Floats  # [M * 128] A
    strength: Floats  # [M] |A|^2
    chance: Floats  # [M] U
    reach: Floats  # [M] L
    gamma: Floats  # [M]
    votes: Floats  # [M] seconds
    bin_re: Floats  # [F + 1] workspace
    bin_im: Floats
    taps: Floats  # [2F] the arrivals of one lag, over a block
    found: Floats  # LAG and so on
    position: Ints  # HEAD, QUIET, RESTED


def bulk_delay(rate_hz: int, block_frames: int, reach_s: float = 0.25) -> BulkDelay:
    """An estimator that has heard nothing, for delays up to *reach_s*. ValueError for blocks under 4 or over 16 ms."""
    block_s = block_frames / rate_hz
    if not 0.004 <= block_s <= 0.0161:
        raise ValueError(f"a bulk delay takes blocks of 4 to 16 ms; {block_frames} frames last {1e3 * block_s:.1f}")
    bins = max(count for count in BINS if count <= block_s * HIGHEST_HZ + 1e-6)
    lags = int(np.ceil(reach_s / block_s - 1e-6)) + 2
    lags = -(-lags // GROUP) * GROUP
    ring = 1 << int(np.ceil(np.log2(lags + GROUP)))

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    pace = zeros(5)
    group_s = GROUP * block_s
    pace[[KEEP, KEEP_SQUARED]] = np.exp(-group_s / MEMORY_S), np.exp(-2 * group_s / MEMORY_S)
    pace[[POWER_KEEP, TONE_KEEP]] = np.exp(-block_s / POWER_S), np.exp(-block_s / TONE_S)
    pace[GROUP_S] = group_s
    state = BulkDelay(
        fft=real_fft(2 * bins),
        pace=pace,
        band=(np.arange(bins) / block_s >= LOWEST_HZ).astype(np.float32),
        far_tone=zeros(3 * _IM),
        mic_tone=zeros(3 * _IM),
        far_power=zeros(bins),
        mic_power=zeros(bins),
        last_re=zeros(2 * bins),
        last_im=zeros(2 * bins),
        far=zeros(2 * ring * _ROW),
        mic=zeros(2 * GROUP * _ROW),
        cross=zeros(lags * _ROW),
        strength=zeros(lags),
        chance=zeros(lags),
        reach=zeros(lags),
        gamma=zeros(lags),
        votes=zeros(lags),
        bin_re=zeros(bins + 1),
        bin_im=zeros(bins + 1),
        taps=zeros(2 * bins),
        found=zeros(4),
        position=np.zeros(3, np.int64),
    )
    state.found[LAG] = -1.0
    state.position[QUIET] = lags + GROUP
    return state


@realtime
def find_delay(s: BulkDelay, x_re: Floats, x_im: Floats, head: int, d_re: Floats, d_im: Floats, settled: bool) -> None:
    """Hear one block, every block: the far end's spectrum in row *head* of a ring whose length is a power of two, 4 or
    more, and the spectrum of [0, mic block]. *settled* says that the path which is known explains the microphone. What is
    known then stands in s.found."""
    pace, bins, lags = s.pace, s.band.shape[0], s.gamma.shape[0]
    s.position[QUIET] = 0 if _is_heard(x_re[head], x_im[head], 2 * bins) else s.position[QUIET] + 1
    if s.position[QUIET] > lags + GROUP:
        s.found[EVIDENCE] = _ZERO
        s.found[CONFIDENCE] *= _ONE - pace[GROUP_S] / (np.float32(GROUP) * _FADE_S)
        return
    ring = s.far.shape[0] // (2 * _ROW)
    row = (s.position[HEAD] - 1) & (ring - 1)
    turn = row & (GROUP - 1)
    s.position[HEAD] = row
    before = (head + 2) & (x_re.shape[0] - 1)
    whiten(
        x_re[head], x_im[head], x_re[before], x_im[before], s.far_tone, s.far_power, pace[TONE_KEEP], pace[POWER_KEEP],
        s.band, s.far, row * _ROW, (row + ring) * _ROW,
    )  # fmt: skip
    whiten(
        d_re, d_im, s.last_re, s.last_im, s.mic_tone, s.mic_power, pace[TONE_KEEP], pace[POWER_KEEP],
        s.band, s.mic, turn * _ROW, (turn + GROUP) * _ROW,
    )  # fmt: skip
    copy(d_re, s.last_re)
    copy(d_im, s.last_im)
    if turn == GROUP - 1:
        s.position[RESTED] = (s.position[RESTED] + 1) % REST if settled and s.found[CONFIDENCE] > _SURE else 0
    if s.position[RESTED] > 0:
        return
    part = lags // GROUP
    for m in range(turn * part, (turn + 1) * part):
        energy, s.strength[m] = correlate(
            s.cross, m * _ROW, s.far, (row + m) * _ROW, s.mic, turn * _ROW, bins, pace[KEEP]
        )
        s.chance[m] = pace[KEEP_SQUARED] * s.chance[m] + energy
        s.reach[m] = pace[KEEP] * s.reach[m] + np.sqrt(energy)
    if turn == 0:  # it falls: all lags have had their turn
        compare_lags(s.gamma, s.strength, s.chance, s.reach, np.float32(bins))
        decide(s)


@realtime
def _is_heard(re: Floats, im: Floats, bins: int) -> bool:
    """Whether the lowest *bins* of a far-end spectrum are more than digital silence or dither."""
    total = _ZERO
    for k in range(bins):
        total += re[k] * re[k] + im[k] * im[k]
    return bool(total > _SILENT * np.float32(2 * re.shape[0]) * np.float32(bins))


@realtime
def whiten(
    re: Floats, im: Floats, before_re: Floats, before_im: Floats, tone: Floats, power: Floats,
    tone_keep: np.float32, power_keep: np.float32, band: Floats, rows: Floats, at: int, again: int,
) -> None:  # fmt: skip
    """What of a spectrum the one before does not foretell, each bin over its level, into a history at *at* and *again*."""
    at, again = at & INDEX, again & INDEX
    for k in range(band.shape[0]):
        a, b, o, p = re[2 * k], im[2 * k], before_re[2 * k], before_im[2 * k]
        scale = _ONE / (tone[k] + _FLOOR)
        cos, sin = tone[_IM + k] * scale, tone[2 * _IM + k] * scale
        tone[k] = tone_keep * tone[k] + _HALF * (a * a + b * b + o * o + p * p) + _TINY
        tone[_IM + k] = tone_keep * tone[_IM + k] + a * o + b * p + _TINY
        tone[2 * _IM + k] = tone_keep * tone[2 * _IM + k] + b * o - a * p + _TINY
        a -= cos * o - sin * p
        b -= cos * p + sin * o
        now = a * a + b * b
        power[k] = power_keep * power[k] + (_ONE - power_keep) * now + _TINY
        scale = band[k] / np.sqrt(now + power[k] + _FLOOR)
        rows[at + k] = a * scale
        rows[at + _IM + k] = b * scale
    for k in range(band.shape[0]):
        rows[again + k] = rows[at + k]
        rows[again + _IM + k] = rows[at + _IM + k]


@realtime
def correlate(
    cross: Floats, at: int, far: Floats, v: int, mic: Floats, d: int, bins: int, keep: np.float32
) -> tuple[np.float32, np.float32]:
    """A = keep A + Y at one lag, Y from four rows of both histories. Returns |Y|^2 and |A|^2."""
    at, v, d = at & INDEX, v & INDEX, d & INDEX
    energy, strength = _ZERO, _ZERO
    for k in range(bins):
        re = (
            mic[d + k] * far[v + k] + mic[d + _IM + k] * far[v + _IM + k]
            + mic[d + _ROW + k] * far[v + _ROW + k] + mic[d + _ROW + _IM + k] * far[v + _ROW + _IM + k]
            + mic[d + 2 * _ROW + k] * far[v + 2 * _ROW + k] + mic[d + 2 * _ROW + _IM + k] * far[v + 2 * _ROW + _IM + k]
            + mic[d + 3 * _ROW + k] * far[v + 3 * _ROW + k] + mic[d + 3 * _ROW + _IM + k] * far[v + 3 * _ROW + _IM + k]
        )  # fmt: skip
        im = (
            mic[d + _IM + k] * far[v + k] - mic[d + k] * far[v + _IM + k]
            + mic[d + _ROW + _IM + k] * far[v + _ROW + k] - mic[d + _ROW + k] * far[v + _ROW + _IM + k]
            + mic[d + 2 * _ROW + _IM + k] * far[v + 2 * _ROW + k] - mic[d + 2 * _ROW + k] * far[v + 2 * _ROW + _IM + k]
            + mic[d + 3 * _ROW + _IM + k] * far[v + 3 * _ROW + k] - mic[d + 3 * _ROW + k] * far[v + 3 * _ROW + _IM + k]
        )  # fmt: skip
        energy += re * re + im * im
        re += keep * cross[at + k] + _GROUND
        im += keep * cross[at + _IM + k] + _GROUND
        strength += re * re + im * im
        cross[at + k] = re
        cross[at + _IM + k] = im
    return energy, strength


@realtime
def compare_lags(gamma: Floats, strength: Floats, chance: Floats, reach: Floats, ground: np.float32) -> None:
    """gamma of all lags; *ground* keeps it small until a few groups have been heard."""
    for m in range(gamma.shape[0]):
        gamma[m] = (strength[m] - chance[m]) / (reach[m] * reach[m] - chance[m] + ground)


@realtime
def decide(s: BulkDelay) -> None:
    """What this group says, and whether that is enough to believe in another lag."""
    gamma, votes, found, group_s = s.gamma, s.votes, s.found, s.pace[GROUP_S]
    floor, top = floor_and_top(gamma)
    first = first_lag(gamma, floor + _FIRST * (top - floor))
    within = place_in_block(s, first)
    if first + 1 < gamma.shape[0] and gamma[first] < _GHOST * (_ONE - within) * gamma[first + 1]:
        first += 1
    weight = min(max((top - floor - _LEAST) / _CLEAR, _ZERO), _MOST)
    weight *= min(max(_TOLERATED - _FLOOR_WEIGHT * floor / (top + _FLOOR), _ZERO), _ONE)

    held = int(found[LAG])
    off = np.float32(first - held) + within
    if held >= 0 and -_MARGIN <= off < _ONE + _MARGIN:
        found[WITHIN] = off
        found[CONFIDENCE] += (_ONE - found[CONFIDENCE]) * min(_ONE, weight * group_s / _BELIEF_S)
        fade(votes, np.exp(-weight * group_s / _REFUTE_S))
    else:
        if held >= 0:
            explained = (max(gamma[held], gamma[min(held + 1, gamma.shape[0] - 1)]) - floor) / (top - floor + _FLOOR)
            weight *= min(max(_TOLERATED - _HELD_WEIGHT * max(explained, _ZERO), _ZERO), _ONE)
        votes[first] += weight * group_s
        found[CONFIDENCE] *= _ONE - min(_ONE, weight * group_s / _BELIEF_S)
        if is_elected(votes, first, votes_needed(held, first, group_s)):
            found[LAG] = np.float32(first)
            found[WITHIN] = within
            found[CONFIDENCE] = _MOVED
            clear(votes)
    if weight == _ZERO:
        found[CONFIDENCE] *= _ONE - group_s / _FADE_S
    fade(votes, np.exp(-group_s / _FORGET_S))
    found[EVIDENCE] = weight


@realtime
def floor_and_top(gamma: Floats) -> tuple[np.float32, np.float32]:
    """The mean of what lies below the mean, not negative; and the largest."""
    lags = gamma.shape[0]
    mean, top = _ZERO, gamma[0]
    for m in range(lags):
        mean += gamma[m]
        top = max(top, gamma[m])
    mean /= np.float32(lags)
    total, count = _ZERO, _ZERO
    for m in range(lags):
        if gamma[m] <= mean:
            total += gamma[m]
            count += _ONE
    return max(total / max(count, _ONE), _ZERO), top


@realtime
def first_lag(gamma: Floats, least: np.float32) -> int:
    """The first lag with at least *least*; the last one if there is none."""
    for m in range(gamma.shape[0]):
        if gamma[m] >= least:
            break
    return m


@realtime
def place_in_block(s: BulkDelay, lag: int) -> np.float32:
    """Where in its block the strongest arrival of a lag lies, 0 to 1."""
    at, bins = lag * _ROW, s.band.shape[0]
    for k in range(bins):
        s.bin_re[k] = s.cross[at + k]
        s.bin_im[k] = s.cross[at + _IM + k]
    irfft(s.fft, s.bin_re, s.bin_im, s.taps)
    strongest = 0
    for n in range(s.taps.shape[0]):
        if abs(s.taps[n]) > abs(s.taps[strongest]):
            strongest = n
    return np.float32(strongest) / np.float32(s.taps.shape[0])


@realtime
def votes_needed(held: int, lag: int, group_s: np.float32) -> np.float32:
    """Seconds of clear evidence that a move from one lag to another takes."""
    if held < 0:
        return _ACQUIRE_S
    return _JUMP_S if np.float32(abs(lag - held)) * group_s > np.float32(GROUP) * _NEARBY_S else _NEAR_S


@realtime
def is_elected(votes: Floats, lag: int, needed: np.float32) -> bool:
    """Whether a lag and its neighbours have the votes they need, and most of all."""
    total, own = _ZERO, _ZERO
    for m in range(votes.shape[0]):
        total += votes[m]
        if abs(m - lag) <= 1:
            own += votes[m]
    return bool(own >= needed and own >= _SHARE * total)


@realtime
def fade(votes: Floats, keep: np.float32) -> None:
    """votes *= keep"""
    for m in range(votes.shape[0]):
        votes[m] = keep * votes[m] + _TINY
