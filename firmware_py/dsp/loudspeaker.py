"""The curve of the loudspeaker, learnt from the echo and applied to the reference before the linear canceller.
Memoryless, no latency.

A small loudspeaker, or the limiter before it, bends what it plays; no linear filter W can follow, and what it
cannot follow stays some 15 to 25 dB below the echo. A Hammerstein model puts a curve before the filter (Stenger &
Kellermann, "Adaptation of a memoryless preprocessor for nonlinear acoustic echo cancelling", Signal Processing
80(9), 2000), here a polyline of its own slopes for each polarity:

    x' = x + sum_j a_j b_j(x)         b_0 = x, b_1 = max(x, 0), max(x - R t_k, 0) ..., -max(-x - R t_k, 0) ...

R, the reach, is a power of two just above the loudest recent far end. The knots t_k are geometric, two an octave, so
a change of reach by an octave moves each slope by two places; only the knots nearest to zero are lost, or won.

Learning looks at one block of far end in a cycle of n + 1 places, the loudest, for that is where a curve shows; h is the
strongest stretch of W's response, the direct path, d and y microphone and estimate, s the share of the curve that
is in use:

    y_j = h * b_j(x)                  e = d - y - (1 - s) sum_j a_j y_j        the error, were all of it in use
    H_ij = keep H_ij + w <y_i, y_j>   w = trust / <e, e>
    (H + damping) delta = w <y, e>    a_j += (1 + s) delta_j, bounded

which is recursive least squares, a little impatient once it is sure, because W meanwhile learns to do without. Every
8 ms, or once a block if that is longer, one basis is done: its y_j, its row of H, its row of the Cholesky factor and of
the forward substitution. Pure gain belongs to W: a_0 is set so that the step leaves <y, y_0> alone, and W need not follow it.

A linear loudspeaker is to stay one. Before a block is learnt from, it votes: log2 of its error with the curve over
that without. s is 0 while the mean vote does not say that the curve explains something, and 1 when it clearly does.

It has no memory: what a voice coil does with heat or excursion is not modelled. It hears of a near-end talker only
through trust.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.simd import larger
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints, copy, dot, peak, smoothed

KNOTS = 6  # for each polarity, two an octave: 1/8, 3/16, 1/4, 3/8, 1/2, 3/4
BASES = 2 + 2 * KNOTS
DIRECT_PATH_S = 0.002  # of it, a quarter lies before the peak
PLACE_S = 0.008  # of the cycle
MEMORY_S = 4.0  # of H
LEAK_S = 150.0  # in which a curve that nothing confirms fades
REACH_S = 10.0  # in which the loudest recent far end halves

# Loudspeaker.pace: what is kept, per cycle of H and of the slopes, per block of the peak; places of the cycle in a block
GRAM_KEEP, SLOPE_KEEP, PEAK_KEEP, PLACES = range(4)
# Loudspeaker.level. VOTES is a mean in log2 units, SHARE is s; SCORE and TRUST are the waiting block's, WEIGHT
# that of the block at work; DUE is how many places of the cycle there are still to do
REACH, PEAK, VOTES, SHARE, SCORE, TRUST, WEIGHT, DUE = range(8)
# Loudspeaker.position: ring row of the newest block, place in the cycle, block and frame by which h begins late
HEAD, SLOT, LATE, START = range(4)

_OCTAVE = 2  # knots an octave
_ZERO, _ONE, _TWO, _HALF = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(0.5)
_FLOOR = np.float32(1e-9)
_ENERGY_FLOOR = np.float32(1e-8)
_QUIET = np.float32(0.225)  # of the reach; below it a peak fits the next smaller one twice
_SMALLEST_REACH = np.float32(1 / 4096)
_RIDGE, _DAMPING = np.float32(0.01), np.float32(3.0)  # relative to H's diagonal; in units of 1 / (error over echo)
_STEP_LIMIT, _SLOPE_LIMIT = np.float32(0.1), np.float32(1.5)
_VOTE_KEEP, _VOTE_LIMIT = np.float32(0.8), np.float32(2.0)
_DOUBTFUL, _CERTAIN = np.float32(-0.05), np.float32(-0.25)


class Loudspeaker(State):
    """State and workspace. n = 2 + 2 KNOTS bases; T taps of direct path; a *segment* is B + T - 1 frames of far
    end, all that reaches one block through h."""

    pace: Floats  # GRAM_KEEP and so on
    level: Floats  # REACH and so on
    position: Ints  # HEAD, SLOT, LATE, START
    polarity: Floats  # [n] basis j is polarity max(polarity x - REACH knot, least)
    knot: Floats  # [n]
    least: Floats  # [n]
    slopes: Floats  # [n] a
    applied: Floats  # [n] s a
    shaped: Floats  # [B] x'
    far: Floats  # [ring, B] x; that of p blocks ago is row (position[HEAD] + p) & (ring - 1)
    path: Floats  # [T] h, newest frame first
    waiting_far: Floats  # [B + T - 1] the loudest block of this cycle so far: segment,
    waiting_error: Floats  # [B] error,
    waiting_path: Floats  # [T] h
    working_far: Floats  # the same of the cycle before, which is being learnt from
    working_error: Floats
    working_path: Floats
    basis: Floats  # [B + T - 1] workspace
    seen: Floats  # [n, B] y_j
    gram: Floats  # [n, n] H, below the diagonal and on it
    factor: Floats  # [n, n] its Cholesky factor
    step: Floats  # [n] forward substitution, then delta


def loudspeaker(rate_hz: int, block_frames: int, blocks: int) -> Loudspeaker:
    """A loudspeaker of which nothing is known: linear. *blocks*: by how many its direct path may be late, and one."""
    block_s = block_frames / rate_hz
    cycle_s = (BASES + 1) * max(block_s, PLACE_S)
    taps = min(block_frames, -(-round(DIRECT_PATH_S * rate_hz) // 4) * 4)
    segment = block_frames + taps - 1
    ring = 1 << int(np.ceil(np.log2(blocks + 1)))

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    knots = np.tile([1.0, 1.5], KNOTS // _OCTAVE) * 2.0 ** ((np.arange(KNOTS) - KNOTS) // _OCTAVE)
    state = Loudspeaker(
        pace=np.array(
            [
                np.exp(-cycle_s / MEMORY_S),
                np.exp(-cycle_s / LEAK_S),
                2.0 ** (-block_s / REACH_S),
                min(block_s / PLACE_S, 1.0),
            ],
            np.float32,
        ),
        level=zeros(8),
        position=np.zeros(4, np.int64),
        polarity=np.repeat([1, -1], [2 + KNOTS, KNOTS]).astype(np.float32),
        knot=np.concatenate([[0, 0], knots, knots]).astype(np.float32),
        least=zeros(BASES),
        slopes=zeros(BASES),
        applied=zeros(BASES),
        shaped=zeros(block_frames),
        far=zeros(ring, block_frames),
        path=zeros(taps),
        waiting_far=zeros(segment),
        waiting_error=zeros(block_frames),
        waiting_path=zeros(taps),
        working_far=zeros(segment),
        working_error=zeros(block_frames),
        working_path=zeros(taps),
        basis=zeros(segment),
        seen=zeros(BASES, block_frames),
        gram=zeros(BASES, BASES),
        factor=zeros(BASES, BASES),
        step=zeros(BASES),
    )
    state.least[0] = -1e30  # b_0 is x itself
    state.level[REACH] = 2.0**-5
    return state


@realtime
def shape_far(s: Loudspeaker, far: Floats) -> None:
    """One block of far end into the ring, and through the curve into `shaped`."""
    level = s.level
    head = (s.position[HEAD] - 1) & (s.far.shape[0] - 1)
    s.position[HEAD] = head
    copy(far, s.far[head])
    level[PEAK] = max(peak(far), s.pace[PEAK_KEEP] * level[PEAK])
    if level[PEAK] > level[REACH]:
        widen(s.slopes)
        change_reach(s, _TWO)
    elif level[PEAK] < _QUIET * level[REACH] and level[REACH] > _SMALLEST_REACH:
        narrow(s.slopes)
        change_reach(s, _HALF)
    copy(far, s.shaped)
    if level[SHARE] > _ZERO:
        add_curve(s, s.applied, far, s.shaped)


@realtime
def learn_curve(s: Loudspeaker, mic: Floats, estimate: Floats, trust: np.float32) -> None:
    """One place of the cycle, when it is due. *trust*, 0 to 1, says how much of mic - estimate is the far end's doing."""
    wait_for_loudest(s, mic, estimate, trust)
    s.level[DUE] += s.pace[PLACES]
    if s.level[DUE] < _ONE:
        return
    s.level[DUE] -= _ONE
    slot = s.position[SLOT]
    if slot == 0:
        begin_cycle(s)
    elif s.level[WEIGHT] > _ZERO:
        add_row(s, slot - 1)
        if slot == s.slopes.shape[0]:
            adopt(s)
    s.position[SLOT] = (slot + 1) % (s.slopes.shape[0] + 1)


@realtime
def find_direct_path(s: Loudspeaker, response: Floats, partition: int, offset: int, tap_energy: Floats) -> None:
    """Keep the strongest stretch of *response*, the B taps of *partition*, if that is the strongest partition. The first
    partition meets the far end of *offset* blocks ago."""
    for p in range(tap_energy.shape[0]):
        if tap_energy[p] > tap_energy[partition]:
            return
    block, taps, at = s.shaped.shape[0], s.path.shape[0], 0
    for i in range(block):
        if abs(response[i]) > abs(response[at]):
            at = i
    start = min(max(at - taps // 4, 0), block - taps)
    s.position[LATE] = offset + partition
    s.position[START] = start
    for i in range(taps):
        s.path[i] = response[(start + i) & INDEX]


@realtime
def widen(slopes: Floats) -> None:
    """The same slopes with knots twice as far out. Those that fall below the first bend the line at zero."""
    for k in range(KNOTS):
        p, q = 2 + k, 2 + KNOTS + k
        if k < _OCTAVE:
            slopes[1] += slopes[p] - slopes[q]
            slopes[0] += slopes[q]
        slopes[p] = slopes[p + _OCTAVE] if k < KNOTS - _OCTAVE else _ZERO
        slopes[q] = slopes[q + _OCTAVE] if k < KNOTS - _OCTAVE else _ZERO


@realtime
def narrow(slopes: Floats) -> None:
    """The same slopes, where they are still used, with knots half as far out."""
    for i in range(KNOTS):
        k = KNOTS - 1 - i
        p, q = 2 + k, 2 + KNOTS + k
        slopes[p] = slopes[p - _OCTAVE] if k >= _OCTAVE else _ZERO
        slopes[q] = slopes[q - _OCTAVE] if k >= _OCTAVE else _ZERO


@realtime
def change_reach(s: Loudspeaker, factor: np.float32) -> None:
    """After the slopes have moved: what was gathered about the old knots is forgotten."""
    s.level[REACH] *= factor
    s.level[SCORE] = s.level[WEIGHT] = _ZERO
    s.position[SLOT] = 0
    for i in range(s.gram.shape[0]):
        s.applied[i] = s.level[SHARE] * s.slopes[i]
        for j in range(s.gram.shape[1]):
            s.gram[i, j] = _ZERO


@realtime
def add_curve(s: Loudspeaker, slopes: Floats, x: Floats, out: Floats) -> None:
    """out += sum of slopes b(x)"""
    for j in range(slopes.shape[0]):
        polarity, knot, least = s.polarity[j], s.level[REACH] * s.knot[j], s.least[j]
        slope = slopes[j] * polarity
        for i in range(out.shape[0]):
            out[i] += slope * larger(polarity * x[i] - knot, least)


@realtime
def filter_path(path: Floats, segment: Floats, out: Floats) -> None:
    """out = path * segment, where the whole path has been heard. Four taps at a time; their number is a multiple of
    four, or that of a block."""
    last, whole = path.shape[0] - 1, path.shape[0] // 4
    for i in range(out.shape[0]):
        out[i] = _ZERO
    for quad in range(whole):
        k = 4 * quad
        a, b, c, d = path[k], path[k + 1], path[k + 2], path[k + 3]
        at = (last - k - 3) & INDEX
        for i in range(out.shape[0]):
            out[i] += a * segment[at + i + 3] + b * segment[at + i + 2] + c * segment[at + i + 1] + d * segment[at + i]
    for k in range(4 * whole, path.shape[0]):
        at = (last - k) & INDEX
        for i in range(out.shape[0]):
            out[i] += path[k] * segment[at + i]


@realtime
def wait_for_loudest(s: Loudspeaker, mic: Floats, estimate: Floats, trust: np.float32) -> None:
    """Keep this block, whose far end has come by the direct path, if it is the cycle's loudest so far."""
    ring, block, taps = s.far.shape[0], mic.shape[0], s.path.shape[0]
    row = (s.position[HEAD] + s.position[LATE]) & (ring - 1)
    score = trust * peak(s.far[row])
    if score <= s.level[SCORE]:
        return
    s.level[SCORE], s.level[TRUST] = score, trust
    before = s.position[START] + taps - 1  # frames of the segment that lie in the block before
    older = (row + 1) & (ring - 1)
    for i in range(before):
        s.waiting_far[i] = s.far[older, (block - before + i) & INDEX]
    for i in range(block + taps - 1 - before):
        s.waiting_far[(before + i) & INDEX] = s.far[row, i]
    for i in range(block):
        s.waiting_error[i] = mic[i] - estimate[i]
    copy(s.path, s.waiting_path)


@realtime
def begin_cycle(s: Loudspeaker) -> None:
    """The block that waited is put to work; its error becomes what all of the curve would leave; it votes."""
    level = s.level
    if level[SCORE] <= _ZERO:
        level[WEIGHT] = _ZERO
        return
    level[SCORE] = _ZERO
    copy(s.waiting_far, s.working_far)
    copy(s.waiting_error, s.working_error)
    copy(s.waiting_path, s.working_path)
    for i in range(s.basis.shape[0]):
        s.basis[i] = _ZERO
    add_curve(s, s.slopes, s.working_far, s.basis)
    curve = s.seen[0]  # free until the first row
    filter_path(s.working_path, s.basis, curve)
    unused, without = _ONE - level[SHARE], _ZERO
    for i in range(curve.shape[0]):
        straight = s.working_error[i] + level[SHARE] * curve[i]
        without += straight * straight
        s.working_error[i] -= unused * curve[i]
    bent = dot(s.working_error, s.working_error)
    vote = np.log2((bent + _FLOOR) / (without + _FLOOR))
    keep = _ONE - (_ONE - _VOTE_KEEP) * level[TRUST]
    level[VOTES] = smoothed(level[VOTES], min(max(vote, -_VOTE_LIMIT), _VOTE_LIMIT), keep)
    level[WEIGHT] = level[TRUST] / (bent + _ENERGY_FLOOR)


@realtime
def add_row(s: Loudspeaker, row: int) -> None:
    """One basis as the microphone sees it; its row of H, of the factor and of the forward substitution."""
    row = row & INDEX
    polarity, knot, least = s.polarity[row], s.level[REACH] * s.knot[row], s.least[row]
    for i in range(s.basis.shape[0]):
        s.basis[i] = polarity * larger(polarity * s.working_far[i] - knot, least)
    filter_path(s.working_path, s.basis, s.seen[row])
    gram, factor, weight, keep = s.gram, s.factor, s.level[WEIGHT], s.pace[GRAM_KEEP]
    for j in range(row + 1):
        gram[row, j] = keep * gram[row, j] + weight * dot(s.seen[row], s.seen[j])
    right = weight * dot(s.seen[row], s.working_error)
    rest = gram[row, row] * (_ONE + _RIDGE) + _DAMPING
    for j in range(row):
        entry = gram[row, j]
        for k in range(j):
            entry -= factor[row, k] * factor[j, k]
        entry /= factor[j, j]
        factor[row, j] = entry
        rest -= entry * entry
        right -= entry * s.step[j]
    factor[row, row] = np.sqrt(max(rest, _DAMPING))
    s.step[row] = right / factor[row, row]


@realtime
def adopt(s: Loudspeaker) -> None:
    """Backward substitution, the step, and how much of the curve is used from now on."""
    step, factor, slopes, level, last = s.step, s.factor, s.slopes, s.level, s.slopes.shape[0] - 1
    gain = _ZERO
    for i in range(last + 1):
        row = last - i
        for j in range(row + 1, last + 1):
            step[row] -= factor[j, row] * step[j]
        step[row] /= factor[row, row]
    for j in range(1, last + 1):
        step[j] = (_ONE + level[SHARE]) * min(max(step[j], -_STEP_LIMIT), _STEP_LIMIT)
        gain -= s.gram[j, 0] * step[j]
    step[0] = gain / (s.gram[0, 0] + _FLOOR)
    level[SHARE] = min(max((_DOUBTFUL - level[VOTES]) / (_DOUBTFUL - _CERTAIN), _ZERO), _ONE)
    for j in range(last + 1):
        slopes[j] = min(max(s.pace[SLOPE_KEEP] * slopes[j] + step[j], -_SLOPE_LIMIT), _SLOPE_LIMIT)
        s.applied[j] = level[SHARE] * slopes[j]
