"""What the room adds to the loudspeaker signal, estimated and subtracted: two adaptive filters over a window that follows
the delay. Linear but for the loudspeaker's curve, no latency.

Overlap-save blocks of B frames, N = 2B, K = B + 1 bins; a filter is P partitions of B taps (Kuech, Mabande,
Enzner, "State-space architecture of the partitioned-block-based acoustic echo controller", ICASSP 2014):

    Y = sum_p X_p W_p        e = d - irfft(Y)[B:]        E = rfft([0, e])

*Main filter*, a diagonal Kalman filter (Enzner & Vary, Signal Processing 86(6), 2006). C_p is the error
variance of W_p, a squared echo gain without dimension, so nothing here depends on level:

    S   = sum_p C_p |X_p|^2                              the echo that the estimate may still miss
    g   = 1 / (S + max(PE, p |E|^2))                     PE smoothed |E|^2, p probability that the near end talks
    W_p = W_p + C_p g conj(X_p) E
    C_p = max(1 - C_p g |X_p|^2 / 2, 0.1) C_p + q max(|W_p|^2 - C_p, 0)

Theory has S/2 in g, for half of each frame is zeros; all of S keeps partitions stable between their
constraints, of which there is one a block, round robin. q, the wandering of the room, falls with p and while the
far end is silent: a talker teaches the filter nothing. p is this block's: the block is subtracted, judged, and only
then learnt from.
C_p never grows past |W_p|^2, however long the far end is silent. Above 8 kHz, where eight bins begin, there are 96 ms of
it, or as much as the shadow has: what a room returns of high notes fades faster, and what is not there makes no noise.

*Shadow filter*, normalised LMS on the first partitions, for paths that jump: a Kalman filter that has
settled calls the new path noise (Yang, Enzner, Yang, IEEE Signal Processing Letters 24(12), 2017). The
better of the two is copied onto the other:

    Z_p = Z_p + 0.8 r_p / (sum_p r_p |X_p|^2 + 4 |V|^2) conj(X_p) V         r_p the decay of a room, V the shadow's error

*Lost*: a filter that used to cancel and now, for some tenths of a second, makes the microphone louder is no filter of
this room. A talker cannot do that, for he is not in the estimate. Both begin anew, C_p at what the error says is missing.

Around them stand loudspeaker, through whose curve the far end goes first; clipping, which keeps saturated samples out of
the error; clock_drift, which says how both filters turn; bulk_delay and alignment, which keep the echo inside their window; and
two_filters, which says whom to believe. It does not suppress what stays (residual_echo does).
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.alignment import move_filter, move_variance, wanted_offset
from firmware_py.dsp.bulk_delay import BulkDelay, bulk_delay, find_delay
from firmware_py.dsp.clipping import watch_clipping
from firmware_py.dsp.clock_drift import (
    DRIFT,
    ROW,
    SLIDE_STOP_HZ,
    SPAN,
    SPAN_S,
    STOP,
    fill_turn,
    follow_delay,
    measure_delay,
    watch_slide,
)
from firmware_py.dsp.fft import RealFft, irfft2, real_fft, rfft2
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.loudspeaker import Loudspeaker, find_direct_path, learn_curve, loudspeaker, shape_far
from firmware_py.dsp.partitioned_filter import (
    add_product,
    cut_depth,
    cut_taps,
    finish_estimates,
    kalman_gain,
    kalman_update,
    lms_gain,
    lms_update,
    sum_missed,
)
from firmware_py.dsp.state import State
from firmware_py.dsp.two_filters import (
    CANCELS,
    DOWN,
    ESTIMATE,
    GUARD_MIC,
    HAS_CANCELLED,
    LOST,
    MAIN,
    MIC,
    SHARE,
    UP,
    compare,
    doubt,
    find_error,
    guard,
)
from firmware_py.dsp.vectors import Floats, Ints, clear, clear_rows, copy, copy_rows, dot, peak, slide, smoothed

REFERENCE_BLOCK_S = 0.008  # the block for which all constants "per block" below are given
SHADOW_SHARE = 0.5  # of the tail; a jump moves the direct path and the first reflections
DECAY = 0.85  # of a room's power per block: T60 0.7 s
LAST = 0.0055  # of its power is left at the end of a tail, if that is longer
SHORT_HZ = 8000.0  # above which the main filter is shorter, for air takes what is high first
SHORT_S = 0.096  # or as much as the shadow has
REACH_S = 0.25  # by which the whole path may be late

# LinearEcho.pace, constants per block, scaled to how long this block lasts: how much is kept of PE, of the energies
# that decide who copies whom, of the guard's; q with a silent and with a talking near end; the drift loop's
ERROR_KEEP, ENERGY_KEEP, GUARD_KEEP, WANDER, WANDER_NEAR, DRIFT_KEEP, DRIFT_GAIN = range(7)
# LinearEcho.position: newest row of the rings; blocks by which the filters begin after the far end; partitions that are
# constrained next; 1 when this block's estimate was found anew
HEAD, OFFSET, TURN, SHADOW_TURN, JUMPED = range(5)

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_CLIPPED, _CLIPPED_TRUST = np.float32(0.985), np.float32(0.1)
_EXPLAINS = np.float32(0.25)  # of the microphone's energy
_BENDS = np.float32(0.5)  # main over microphone energy, from which on a curve can be told


class LinearEcho(State):
    """State and workspace. K bins are padded with zeros to a multiple of 8; P and ring are rows, one a
    block of far end."""

    fft: RealFft
    pace: Floats  # ERROR_KEEP and so on
    curve: Loudspeaker  # through which the far end goes first
    delay: BulkDelay  # of the whole path
    far_frame: Floats  # [2B] the last two blocks of the far end
    x_re: Floats  # [ring, K] far-end spectra; that of p blocks ago is row (position[HEAD] + p) & (ring - 1)
    x_im: Floats
    far_peak: Floats  # [ring] loudest sample of each block
    w_re: Floats  # [P, K] main filter
    w_im: Floats
    depth: Ints  # [K / 8] how many of its partitions eight bins have
    c: Floats  # [P, K] its error variance
    fresh: Floats  # [P, K] c of a filter that knows nothing
    z_re: Floats  # [PS, K] shadow filter; the main filter's later partitions serve both
    z_im: Floats
    prior: Floats  # [P] how the power of a room's response decays, 1 first
    tap_energy: Floats  # [P] of each partition of the main filter, when it was last constrained
    missed: Floats  # [K] S, what the estimate may miss; this and the next are like the estimates between two blocks
    shadow_power: Floats  # [K] sum of prior |X|^2 over the shadow's partitions
    error_power: Floats  # [K] PE
    d_re: Floats  # [K] microphone
    d_im: Floats
    y_re: Floats  # [K] echo estimates, between two blocks without the first partition's share: main
    y_im: Floats
    u_re: Floats  # [K] shadow
    u_im: Floats
    e_re: Floats  # [K] errors: main
    e_im: Floats
    v_re: Floats  # [K] shadow
    v_im: Floats
    step: Floats  # [K] workspace
    frame: Floats  # [2B] workspace
    other_frame: Floats  # [2B]
    estimate: Floats  # [B] main echo estimate, from which out is made
    shadow_estimate: Floats  # [B]
    clip: Floats  # see clipping
    drift: Floats  # see clock_drift
    anchor: Ints  # see clock_drift
    anchor_re: Floats  # [K] what the strongest partition was
    anchor_im: Floats
    turn_cos: Floats  # [K] by which the filters turn each block
    turn_sin: Floats
    position: Ints  # HEAD and so on
    energy: Floats  # see two_filters


def linear_echo(rate_hz: int, block_frames: int, partitions: int) -> LinearEcho:
    """A canceller that has heard nothing, with a filter of so many blocks. ValueError for blocks under 4 or over 16 ms, or
    of which no Fourier transform can be made."""
    shadow = max(1, round(SHADOW_SHARE * partitions))
    reach = int(np.ceil(REACH_S * rate_hz / block_frames))
    ring = 1 << int(np.ceil(np.log2(reach + partitions)))
    bins = -(-(block_frames + 1) // 8) * 8
    short = min(max(shadow, round(SHORT_S * rate_hz / block_frames)), partitions)
    bin_hz = np.arange(0, bins, 8) * rate_hz / (2 * block_frames)
    blocks = block_frames / rate_hz / REFERENCE_BLOCK_S

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    pace = zeros(7)
    pace[[ERROR_KEEP, ENERGY_KEEP, GUARD_KEEP, DRIFT_KEEP]] = np.array([0.86, 0.95, 0.85, 0.98]) ** blocks
    pace[[WANDER, WANDER_NEAR, DRIFT_GAIN]] = np.array([1e-3, 3e-5, 2e-3]) * blocks
    later = np.arange(partitions) * blocks
    decay = max(DECAY, LAST ** (1.0 / (partitions * blocks)))
    variance = zeros(partitions, bins)
    # sums to about 1: an echo as loud as the far end
    variance[:, : block_frames + 1] = ((1.0 - decay) * blocks * decay**later)[:, None]
    spectra = (
        "missed",
        "shadow_power",
        "error_power",
        "step",
        "turn_sin",
        "anchor_re",
        "anchor_im",
        *(f"{x}_{y}" for x in "dyuev" for y in ("re", "im")),
    )
    state = LinearEcho(
        fft=real_fft(2 * block_frames),
        pace=pace,
        curve=loudspeaker(rate_hz, block_frames, reach + partitions),
        delay=bulk_delay(rate_hz, block_frames, REACH_S),
        x_re=zeros(ring, bins),
        x_im=zeros(ring, bins),
        far_peak=zeros(ring),
        w_re=zeros(partitions, bins),
        w_im=zeros(partitions, bins),
        depth=np.where(bin_hz > SHORT_HZ, short, partitions),
        c=variance,
        fresh=variance.copy(),
        z_re=zeros(shadow, bins),
        z_im=zeros(shadow, bins),
        prior=(0.92**later).astype(np.float32),
        tap_energy=zeros(partitions),
        far_frame=zeros(2 * block_frames),
        frame=zeros(2 * block_frames),
        other_frame=zeros(2 * block_frames),
        estimate=zeros(block_frames),
        shadow_estimate=zeros(block_frames),
        clip=zeros(2),
        drift=zeros(6),
        anchor=np.zeros(5, np.int64),
        turn_cos=np.ones(bins, np.float32),
        position=np.zeros(5, np.int64),
        energy=zeros(9),
        **{name: zeros(bins) for name in spectra},
    )
    state.energy[SHARE] = 1.0
    state.anchor[[ROW, SPAN]] = -1, round(SPAN_S * rate_hz / block_frames)
    state.anchor[STOP] = min(int(SLIDE_STOP_HZ * 2 * block_frames / rate_hz), block_frames) + 1
    return state


@realtime
def subtract_echo(s: LinearEcho, mic: Floats, far: Floats, adapt: bool, out: Floats) -> None:
    """One block: out = mic - echo estimate. Nothing is learnt yet; with *adapt* false neither filter is copied."""
    fft = s.fft
    head = (s.position[HEAD] - 1) & (s.x_re.shape[0] - 1)
    s.position[HEAD] = head
    s.far_peak[head] = peak(far)
    shape_far(s.curve, far)
    slide(s.far_frame, s.curve.shaped)
    clear(s.frame)
    slide(s.frame, mic)
    rfft2(fft, s.far_frame, s.frame, s.x_re[head], s.x_im[head], s.d_re, s.d_im)
    row = (head + s.position[OFFSET]) & (s.x_re.shape[0] - 1)
    finish_estimates(
        s.x_re[row], s.x_im[row], s.w_re[0], s.w_im[0], s.c[0], s.z_re[0], s.z_im[0], s.prior[0],
        s.y_re, s.y_im, s.u_re, s.u_im, s.missed, s.shadow_power,
    )  # fmt: skip
    watch_clipping(s.clip, mic)
    irfft2(fft, s.y_re, s.y_im, s.u_re, s.u_im, s.frame, s.other_frame)
    main = find_error(s.clip, mic, s.frame, s.estimate)
    shadow = find_error(s.clip, mic, s.other_frame, s.shadow_estimate)
    rfft2(fft, s.frame, s.other_frame, s.e_re, s.e_im, s.v_re, s.v_im)
    verdict = compare(s.energy, s.pace[ENERGY_KEEP], dot(mic, mic), main, shadow) if adapt else 0
    s.position[JUMPED] = verdict in (UP, LOST)
    if verdict == LOST:
        forget_path(s)
    elif verdict == UP:
        copy_up(s)
    elif verdict == DOWN:
        copy_rows(s.w_re, s.z_re)
        copy_rows(s.w_im, s.z_im)
        copy(s.e_re, s.v_re)
        copy(s.e_im, s.v_im)
    guard(s.energy, s.pace[GUARD_KEEP], mic, s.estimate, out)


@realtime
def learn_echo(s: LinearEcho, mic: Floats, near: np.float32, heard: bool, adapt: bool) -> None:
    """What the block that was subtracted teaches. *near* is p; *heard* whether the far end is; with
    *adapt* false the filters only follow the clock. What is known of the next block's estimates is then in their arrays."""
    if not adapt:
        clear(s.step)
        update_main(s, _ZERO)
        update_shadow(s)
        s.anchor[ROW] = -1
        return
    pace, block = s.pace, mic.shape[0]
    bends = s.energy[MAIN] < _BENDS * s.energy[MIC]
    find_delay(s.delay, s.x_re, s.x_im, s.position[HEAD], s.d_re, s.d_im, bends)
    proven = bends or s.energy[HAS_CANCELLED] > _ZERO
    begin_at(s, wanted_offset(s.delay.found, s.tap_energy, s.position[OFFSET], proven))

    trust = _CLIPPED_TRUST if peak(mic) > _CLIPPED else _ONE
    learn_curve(s.curve, mic, s.estimate, trust * (_ONE - near) if bends else _ZERO)
    kalman_gain(s.step, s.error_power, s.missed, s.e_re, s.e_im, pace[ERROR_KEEP], near, trust)
    measure_delay(s.drift, s.e_re, s.e_im, s.y_re, s.y_im, s.error_power, block, pace[DRIFT_KEEP])
    update_main(s, smoothed(pace[WANDER_NEAR], pace[WANDER], near if heard else _ONE))
    lms_gain(s.step, s.shadow_power, s.v_re, s.v_im)
    update_shadow(s)
    constrain(s)
    if s.position[JUMPED] != 0:
        s.anchor[ROW] = -1
    watch_slide(
        s.drift, s.anchor, s.anchor_re, s.anchor_im, s.w_re, s.w_im, s.tap_energy, s.position[OFFSET], block
    )  # fmt: skip
    if s.energy[MAIN] < CANCELS * s.energy[MIC]:
        follow_delay(s.drift, block, pace[DRIFT_GAIN])
    fill_turn(s.turn_cos, s.turn_sin, s.drift[DRIFT], block)


@realtime
def update_main(s: LinearEcho, wander: np.float32) -> None:
    """The main filter by one step; it turns with the clock even if the step is 0."""
    kalman_update(
        s.x_re, s.x_im, s.position[HEAD] + s.position[OFFSET], s.w_re, s.w_im, s.c, s.depth, s.z_re.shape[0],
        s.e_re, s.e_im, s.step, wander, s.turn_cos, s.turn_sin, s.y_re, s.y_im, s.u_re, s.u_im, s.missed,
    )  # fmt: skip


@realtime
def update_shadow(s: LinearEcho) -> None:
    """The shadow filter by one step, after the main filter."""
    lms_update(
        s.x_re, s.x_im, s.position[HEAD] + s.position[OFFSET], s.z_re, s.z_im, s.prior,
        s.v_re, s.v_im, s.step, s.turn_cos, s.turn_sin, s.u_re, s.u_im, s.shadow_power,
    )  # fmt: skip


@realtime
def constrain(s: LinearEcho) -> None:
    """One partition of each filter is cut to its taps, but for the little that a cut depth spreads behind them; the main filter's
    shows where the direct path is."""
    main, shadow = s.position[TURN], s.position[SHADOW_TURN]
    add_partitions(s, main, shadow, -_ONE)
    irfft2(s.fft, s.w_re[main], s.w_im[main], s.z_re[shadow], s.z_im[shadow], s.frame, s.other_frame)
    s.tap_energy[main] = cut_taps(s.frame)
    cut_taps(s.other_frame)
    find_direct_path(s.curve, s.frame, main, s.position[OFFSET], s.tap_energy)
    rfft2(s.fft, s.frame, s.other_frame, s.w_re[main], s.w_im[main], s.z_re[shadow], s.z_im[shadow])
    cut_depth(s.w_re, s.w_im, s.c, s.fresh, main, s.depth)
    add_partitions(s, main, shadow, _ONE)
    s.position[TURN] = (main + 1) % s.w_re.shape[0]
    s.position[SHADOW_TURN] = (shadow + 1) % s.z_re.shape[0]


@realtime
def add_partitions(s: LinearEcho, main: int, shadow: int, sign: np.float32) -> None:
    """What a partition of each filter will return of the next block, added to its sums or, with *sign* -1, taken out. The first
    one's is not in them yet."""
    before, mask = s.position[HEAD] + s.position[OFFSET] - 1, s.x_re.shape[0] - 1
    if main > 0:
        row = (before + main) & mask
        add_product(s.x_re[row], s.x_im[row], s.w_re[main], s.w_im[main], sign, s.y_re, s.y_im)
        if main >= s.z_re.shape[0]:
            add_product(s.x_re[row], s.x_im[row], s.w_re[main], s.w_im[main], sign, s.u_re, s.u_im)
    if shadow > 0:
        row = (before + shadow) & mask
        add_product(s.x_re[row], s.x_im[row], s.z_re[shadow], s.z_im[shadow], sign, s.u_re, s.u_im)


@realtime
def copy_up(s: LinearEcho) -> None:
    """The shadow filter, its estimate and its error become the main filter's. One that estimates next to nothing, as after a mute,
    is doubted in its later partitions too: their variance has gone with what they were."""
    copy_rows(s.z_re, s.w_re)
    copy_rows(s.z_im, s.w_im)
    explains = s.energy[ESTIMATE] > _EXPLAINS * s.energy[GUARD_MIC]
    stop = s.z_re.shape[0] if explains else s.w_re.shape[0]
    doubt(s.c, s.prior, stop, s.shadow_power, s.v_re, s.v_im)
    # the step divides by S: it has to be that of this very c
    sum_missed(s.x_re, s.x_im, s.position[HEAD] + s.position[OFFSET], s.c, s.depth, s.missed)
    copy(s.u_re, s.y_re)
    copy(s.u_im, s.y_im)
    copy(s.v_re, s.e_re)
    copy(s.v_im, s.e_im)
    copy(s.shadow_estimate, s.estimate)


@realtime
def forget_path(s: LinearEcho) -> None:
    """Both filters begin anew; this block goes through as it came."""
    for rows in (s.w_re, s.w_im, s.z_re, s.z_im):
        clear_rows(rows)
    for line in (s.y_re, s.y_im, s.u_re, s.u_im, s.estimate, s.shadow_estimate):
        clear(line)
    copy(s.d_re, s.e_re)
    copy(s.d_im, s.e_im)
    copy(s.d_re, s.v_re)
    copy(s.d_im, s.v_im)
    doubt(s.c, s.prior, s.w_re.shape[0], s.shadow_power, s.e_re, s.e_im)
    sum_missed(s.x_re, s.x_im, s.position[HEAD] + s.position[OFFSET], s.c, s.depth, s.missed)


@realtime
def begin_at(s: LinearEcho, offset: int) -> None:
    """The filters move to where the echo begins; the shadow takes the main filter's first partitions."""
    by = s.position[OFFSET] - offset
    if by == 0:
        return
    move_filter(s.w_re, s.w_im, by)
    move_variance(s.c, s.fresh, s.tap_energy, by)
    for p in range(s.w_re.shape[0]):
        cut_depth(s.w_re, s.w_im, s.c, s.fresh, p, s.depth)
    copy_rows(s.w_re, s.z_re)
    copy_rows(s.w_im, s.z_im)
    s.position[OFFSET] = offset
    sum_missed(s.x_re, s.x_im, s.position[HEAD] + offset, s.c, s.depth, s.missed)
