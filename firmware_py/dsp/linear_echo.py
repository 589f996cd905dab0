"""What the room adds to the loudspeaker signal, estimated and subtracted: two adaptive filters and a guard.
Linear, no latency.

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
constraints, of which there is one a block, round robin. q, the wandering of the room, falls with p: a
talker teaches the filter nothing. C_p never grows past |W_p|^2, however long the far end is silent.

*Shadow filter*, normalised LMS on the first partitions, for paths that jump: a Kalman filter that has
settled calls the new path noise (Yang, Enzner, Yang, IEEE Signal Processing Letters 24(12), 2017). The
better of the two is copied onto the other.

*Guard*: when the residual stays louder than the microphone, the estimate is scaled to the share that the
microphone correlates with. It looks at smoothed energies: in double talk single blocks exceed the
microphone by chance.

Between the two stand clipping, which keeps saturated samples out of the error, and clock_drift, which turns
both filters; before them stands loudspeaker, through whose curve the far end goes. It does not suppress
what stays (residual_echo does), and finds a bulk delay only inside its tail.
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.clipping import explain_clipping, watch_clipping
from firmware_py.dsp.clock_drift import DRIFT, fill_turn, follow_delay, measure_delay, turn_filter
from firmware_py.dsp.fft import RealFft, irfft, real_fft, rfft
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.loudspeaker import Loudspeaker, find_direct_path, learn_curve, loudspeaker, shape_far
from firmware_py.dsp.partitioned_filter import (
    add_filtered,
    cut_taps,
    kalman_gain,
    kalman_update,
    lms_gain,
    lms_update,
    store_spectrum,
    sum_missed,
    sum_power,
)
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints, clear, copy, copy_rows, dot, peak, slide, smoothed

REFERENCE_BLOCK_S = 0.008  # the block for which all constants "per block" below are given
SHADOW_SHARE = 0.5  # of the tail; a jump moves the direct path and the first reflections

# LinearEcho.pace, constants per block, scaled to how long this block lasts: how much is kept of PE, of the energies
# that decide who copies whom, of the guard's; q with a silent and with a talking near end; the drift loop's
ERROR_KEEP, ENERGY_KEEP, GUARD_KEEP, WANDER, WANDER_NEAR, DRIFT_KEEP, DRIFT_GAIN = range(7)
# LinearEcho.position
HEAD, TURN, SHADOW_TURN, COPIED_UP = range(4)
# LinearEcho.energy
MIC, MAIN, SHADOW, GUARD_MIC, GUARD_ERROR, CROSS, ESTIMATE, SHARE = range(8)
# which filter is copied onto the other: the shadow onto the main one, or back
UP, DOWN = 1, 2

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_FLOOR = np.float32(1e-9)
_BETTER_UP, _BETTER_DOWN, _WORTHY = np.float32(0.5), np.float32(0.9), np.float32(0.9)
_INFLATION = np.float32(3.0)
_CLIPPED, _CLIPPED_TRUST = np.float32(0.985), np.float32(0.1)
_GUARD = np.float32(1.5)
_CANCELS = np.float32(0.25)  # main over microphone energy: 6 dB
_BENDS = np.float32(0.5)  # the same, from which on a curve can be told
_GLIDE = np.float32(1 / 32)  # the share changes over 32 frames


class LinearEcho(State):
    """State and workspace. K bins are padded with zeros to a multiple of 16; P and ring are rows, one a
    block of far end."""

    fft: RealFft
    pace: Floats  # ERROR_KEEP and so on
    curve: Loudspeaker  # through which the far end goes first
    far_frame: Floats  # [2B] the last two blocks of the far end
    x_re: Floats  # [ring, K] far-end spectra; that of p blocks ago is row (position[HEAD] + p) & (ring - 1)
    x_im: Floats
    x_power: Floats  # [ring, K] |X|^2
    far_peak: Floats  # [ring] loudest sample of each block
    w_re: Floats  # [P, K] main filter
    w_im: Floats
    c: Floats  # [P, K] its error variance
    z_re: Floats  # [PS, K] shadow filter; the main filter's later partitions serve both
    z_im: Floats
    prior: Floats  # [P] how the power of a room's response decays, 1 first
    tap_energy: Floats  # [P] of each partition of the main filter, when it was last constrained
    missed: Floats  # [K] S, what the estimate may miss
    shadow_power: Floats  # [K] sum of prior |X|^2 over the shadow's partitions
    error_power: Floats  # [K] PE
    y_re: Floats  # [K] echo estimates: main
    y_im: Floats
    u_re: Floats  # [K] shadow; first the newest far-end spectrum
    u_im: Floats
    e_re: Floats  # [K] errors: main
    e_im: Floats
    v_re: Floats  # [K] shadow
    v_im: Floats
    step: Floats  # [K] workspace
    frame: Floats  # [2B] workspace
    estimate: Floats  # [B] main echo estimate, from which out is made
    shadow_estimate: Floats  # [B]
    clip: Floats  # see clipping
    drift: Floats  # see clock_drift
    turn_cos: Floats  # [K] by which the filters turn each block
    turn_sin: Floats
    position: Ints  # HEAD, TURN (next partition to constrain), SHADOW_TURN, COPIED_UP (this block)
    energy: Floats  # smoothed block energies: MIC and both residuals, faster GUARD_ ones,
    #                 CROSS = <d, y>, ESTIMATE = <y, y>; SHARE of the estimate that is subtracted


def linear_echo(rate_hz: int, block_frames: int, tail_s: float) -> LinearEcho:
    """A canceller that has heard nothing. *tail_s* is rounded up to whole blocks."""
    partitions = max(2, int(np.ceil(tail_s * rate_hz / block_frames - 1e-6)))
    shadow = max(1, round(SHADOW_SHARE * partitions))
    ring = 1 << int(np.ceil(np.log2(partitions)))
    bins = -(-(block_frames + 1) // 16) * 16
    blocks = block_frames / rate_hz / REFERENCE_BLOCK_S

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    pace = zeros(7)
    pace[[ERROR_KEEP, ENERGY_KEEP, GUARD_KEEP, DRIFT_KEEP]] = np.array([0.9, 0.95, 0.85, 0.98]) ** blocks
    pace[[WANDER, WANDER_NEAR, DRIFT_GAIN]] = np.array([1e-3, 3e-5, 2e-3]) * blocks
    later = np.arange(partitions) * blocks
    variance = zeros(partitions, bins)
    # sums to about 1: an echo as loud as the far end
    variance[:, : block_frames + 1] = (0.1 * blocks * 0.9**later)[:, None]
    state = LinearEcho(
        fft=real_fft(2 * block_frames),
        pace=pace,
        curve=loudspeaker(rate_hz, block_frames, partitions),
        far_frame=zeros(2 * block_frames),
        x_re=zeros(ring, bins),
        x_im=zeros(ring, bins),
        x_power=zeros(ring, bins),
        far_peak=zeros(ring),
        w_re=zeros(partitions, bins),
        w_im=zeros(partitions, bins),
        c=variance,
        z_re=zeros(shadow, bins),
        z_im=zeros(shadow, bins),
        prior=(0.92**later).astype(np.float32),
        tap_energy=zeros(partitions),
        missed=zeros(bins),
        shadow_power=zeros(bins),
        error_power=zeros(bins),
        y_re=zeros(bins),
        y_im=zeros(bins),
        u_re=zeros(bins),
        u_im=zeros(bins),
        e_re=zeros(bins),
        e_im=zeros(bins),
        v_re=zeros(bins),
        v_im=zeros(bins),
        step=zeros(bins),
        frame=zeros(2 * block_frames),
        estimate=zeros(block_frames),
        shadow_estimate=zeros(block_frames),
        clip=zeros(2),
        drift=zeros(3),
        turn_cos=np.ones(bins, np.float32),
        turn_sin=zeros(bins),
        position=np.zeros(4, np.int64),
        energy=zeros(8),
    )
    state.energy[SHARE] = 1.0
    return state


@realtime
def subtract_echo(s: LinearEcho, mic: Floats, far: Floats, near: np.float32, adapt: bool, out: Floats) -> None:
    """One block: out = mic - echo estimate. *near* is p of the block before; with *adapt* false nothing is
    learnt."""
    partitions, early, block = s.w_re.shape[0], s.z_re.shape[0], mic.shape[0]
    fft, pace = s.fft, s.pace
    head = (s.position[HEAD] - 1) & (s.x_re.shape[0] - 1)
    s.position[HEAD] = head
    s.far_peak[head] = peak(far)
    shape_far(s.curve, far)
    slide(s.far_frame, s.curve.shaped)
    rfft(fft, s.far_frame, s.u_re, s.u_im)
    store_spectrum(s.u_re, s.u_im, s.x_re, s.x_im, s.x_power, head)

    first = np.int64(0)  # a literal 0 would be compiled as another type
    clear(s.u_re)
    clear(s.u_im)
    add_filtered(s.u_re, s.u_im, s.x_re, s.x_im, head, s.w_re, s.w_im, early, partitions)
    copy(s.u_re, s.y_re)
    copy(s.u_im, s.y_im)
    add_filtered(s.y_re, s.y_im, s.x_re, s.x_im, head, s.w_re, s.w_im, first, early)
    add_filtered(s.u_re, s.u_im, s.x_re, s.x_im, head, s.z_re, s.z_im, first, early)
    sum_missed(s.missed, s.c, s.x_power, head)
    sum_power(s.shadow_power, s.prior, s.x_power, head, early)

    watch_clipping(s.clip, mic)
    irfft(fft, s.y_re, s.y_im, s.frame)
    main = find_error(s.clip, mic, s.frame, s.estimate)
    rfft(fft, s.frame, s.e_re, s.e_im)
    irfft(fft, s.u_re, s.u_im, s.frame)
    shadow = find_error(s.clip, mic, s.frame, s.shadow_estimate)
    rfft(fft, s.frame, s.v_re, s.v_im)

    verdict = compare(s.energy, pace[ENERGY_KEEP], dot(mic, mic), main, shadow) if adapt else 0
    s.position[COPIED_UP] = verdict == UP
    if verdict == UP:
        copy_rows(s.z_re, s.w_re)
        copy_rows(s.z_im, s.w_im)
        doubt(s.c, s.prior, early, s.shadow_power, s.v_re, s.v_im)
        sum_missed(s.missed, s.c, s.x_power, head)  # the step divides by it: it has to be that of this very c
        copy(s.u_re, s.y_re)
        copy(s.u_im, s.y_im)
        copy(s.v_re, s.e_re)
        copy(s.v_im, s.e_im)
        copy(s.shadow_estimate, s.estimate)
    elif verdict == DOWN:
        copy_rows(s.w_re, s.z_re)
        copy_rows(s.w_im, s.z_im)
        copy(s.e_re, s.v_re)
        copy(s.e_im, s.v_im)
    guard(s.energy, pace[GUARD_KEEP], mic, s.estimate, out)

    if adapt:
        trust = _CLIPPED_TRUST if peak(mic) > _CLIPPED else _ONE
        kalman_gain(s.step, s.error_power, s.missed, s.e_re, s.e_im, pace[ERROR_KEEP], near, trust)
        wander = smoothed(pace[WANDER_NEAR], pace[WANDER], near)
        kalman_update(s.w_re, s.w_im, s.c, s.x_re, s.x_im, s.x_power, head, s.e_re, s.e_im, s.step, wander)
        turn = s.position[TURN]
        irfft(fft, s.w_re[turn], s.w_im[turn], s.frame)
        s.tap_energy[turn] = cut_taps(s.frame)
        find_direct_path(s.curve, s.frame, turn, s.tap_energy)
        rfft(fft, s.frame, s.w_re[turn], s.w_im[turn])
        s.position[TURN] = (turn + 1) % partitions

        lms_gain(s.step, s.shadow_power, s.v_re, s.v_im)
        lms_update(s.z_re, s.z_im, s.prior, s.x_re, s.x_im, head, s.v_re, s.v_im, s.step)
        turn = s.position[SHADOW_TURN]
        irfft(fft, s.z_re[turn], s.z_im[turn], s.frame)
        cut_taps(s.frame)
        rfft(fft, s.frame, s.z_re[turn], s.z_im[turn])
        s.position[SHADOW_TURN] = (turn + 1) % early

        measure_delay(s.drift, s.e_re, s.e_im, s.y_re, s.y_im, s.error_power, block, pace[DRIFT_KEEP])
        if s.energy[MAIN] < _CANCELS * s.energy[MIC]:
            follow_delay(s.drift, block, pace[DRIFT_GAIN])
        fill_turn(s.turn_cos, s.turn_sin, s.drift[DRIFT], block)
        trust *= (_ONE - near) if s.energy[MAIN] < _BENDS * s.energy[MIC] else _ZERO
        learn_curve(s.curve, mic, s.estimate, trust)
    turn_filter(s.w_re, s.w_im, s.turn_cos, s.turn_sin)  # clocks do not stop while nothing is learnt
    turn_filter(s.z_re, s.z_im, s.turn_cos, s.turn_sin)


@realtime
def find_error(clip: Floats, mic: Floats, frame: Floats, estimate: Floats) -> np.float32:
    """The estimate is the half of *frame* that is a linear, not a circular, convolution. Then frame = [0,
    mic - estimate]. Returns the energy of the error."""
    block, energy = mic.shape[0], _ZERO
    for i in range(block):
        estimate[i] = frame[block + i]
    explain_clipping(clip, mic, estimate)
    for i in range(block):
        error = mic[i] - estimate[i]
        frame[i] = _ZERO
        frame[block + i] = error
        energy += error * error
    return energy


@realtime
def compare(energy: Floats, keep: np.float32, mic: np.float32, main: np.float32, shadow: np.float32) -> int:
    """Which filter is to be copied, if any. For a copy both the past and this block, whose energies these
    are, must agree."""
    energy[MIC] = smoothed(energy[MIC], mic, keep)
    energy[MAIN] = smoothed(energy[MAIN], main, keep)
    energy[SHADOW] = smoothed(energy[SHADOW], shadow, keep)
    if shadow < main and energy[SHADOW] < _BETTER_UP * energy[MAIN] and energy[SHADOW] < _WORTHY * energy[MIC]:
        energy[MAIN] = energy[SHADOW]
        return UP
    if main < shadow and energy[MAIN] < _BETTER_DOWN * energy[SHADOW]:
        energy[SHADOW] = energy[MAIN]
        return DOWN
    return 0


@realtime
def doubt(c: Floats, prior: Floats, stop: int, shadow_power: Floats, v_re: Floats, v_im: Floats) -> None:
    """After a copy from the shadow: c rises to what the shadow's error says is still missing."""
    error, far = _ZERO, _FLOOR
    for k in range(shadow_power.shape[0]):
        error += v_re[k] * v_re[k] + v_im[k] * v_im[k]
        far += shadow_power[k]
    gain = error / far
    for p in range(stop):
        least = min(_INFLATION * gain * prior[p], _ONE)
        for k in range(c.shape[1]):
            c[p, k] = max(c[p, k], least)


@realtime
def guard(energy: Floats, keep: np.float32, mic: Floats, estimate: Floats, out: Floats) -> None:
    """out = mic - share * estimate, where the share is 1 unless the residual stays louder than the
    microphone."""
    residual = _ZERO
    for i in range(mic.shape[0]):
        residual += (mic[i] - estimate[i]) * (mic[i] - estimate[i])
    energy[GUARD_MIC] = smoothed(energy[GUARD_MIC], dot(mic, mic), keep)
    energy[GUARD_ERROR] = smoothed(energy[GUARD_ERROR], residual, keep)
    energy[CROSS] = smoothed(energy[CROSS], dot(mic, estimate), keep)
    energy[ESTIMATE] = smoothed(energy[ESTIMATE], dot(estimate, estimate), keep)
    share, before = _ONE, energy[SHARE]
    if energy[GUARD_ERROR] > _GUARD * energy[GUARD_MIC]:
        share = min(max(energy[CROSS] / (energy[ESTIMATE] + _FLOOR), _ZERO), _ONE)
    energy[SHARE] = share
    for i in range(mic.shape[0]):
        glide = min(np.float32(i + 1) * _GLIDE, _ONE)
        out[i] = mic[i] - (before + glide * (share - before)) * estimate[i]
