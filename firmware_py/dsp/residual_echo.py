"""What the linear canceller leaves, turned down: residual echo and steady noise, bin by bin.

Frames of 2B under a square-root Hann window, hop B; the output is one block late. In bands of four bins the
power of the residual echo is modelled from two things the linear stage knows, its estimate Y and S, the
echo it may miss:

    R = 2^(leak + slope * level) Ys + 2^trust S     Ys: |Y|^2 with the release of a room
    N = 1.6 min PM over 0.8 to 1.6 s                PM: smoothed |E|^2. Martin, IEEE Trans. SAP 9(5), 2001

leak, slope (louder far end, more distortion) and trust are learnt as quantiles of |E|^2 / Ys and |E|^2 / S
with steps of fixed size: a talker, however loud, moves them by no more than a whisper does. That Y leaks
into E by a slowly varying factor is the idea of Valin & Collings (arXiv 1602.08609).

near_end says with what probability p somebody talks, and p how far to mistrust R: alone, the echo is over-estimated by
17 dB; under a talker it is nearly taken at its word, and in between in proportion, in decibels:

    D  = beta_Y 2^(leak + slope * level) Ys + beta_S 2^trust S + nu N      beta_Y from 48 to 1.3 as p goes from 0 to 1
    xi = alpha A / D + (1 - alpha) max(|E|^2 / D - 1, 0)                   A: |output|^2 of the last block
    G  = max(xi / (1 + xi), floor sqrt(min(N / |E|^2, 1)))

A decision-directed Wiener gain (Ephraim & Malah, IEEE Trans. ASSP 32(6), 1984) over a floor that lies at the noise less
the reduction asked for, so what is suppressed becomes the room's own quiet and not a hole. Noise is hardly turned down
under a talker, whom it would cost more than it gains.

It draws no comfort noise, models no late reverberation, and does not touch level otherwise (that is the
AGC's).
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.fft import RealFft, irfft, rfft2
from firmware_py.dsp.jit import INDEX, realtime
from firmware_py.dsp.linear_echo import REFERENCE_BLOCK_S
from firmware_py.dsp.near_end import (
    FALL_KEEP,
    LEVEL,
    LEVEL_STEP,
    LEVELS,
    NEAR,
    RISE_KEEP,
    SPEECH_STOP_HZ,
    USUAL_LEVEL,
    USUAL_STEP,
    echo_rules,
    explain,
    judge,
    unexplained,
    weigh_level,
)
from firmware_py.dsp.simd import larger, load4, root, smaller, splat4, spread, store
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints, clear, copy, limited, slide, smoothed

MINIMUM_S = 0.8  # length of each of the two windows of the noise's minimum
SETTLING_S = 0.24  # the first verdicts on the near end are guesses; no filter sees them

# ResidualEcho.pace, constants per block, scaled to how long this block lasts: what is kept or moved per block;
# alpha of the decision-directed rule; nu; and the amplitude of the noise that always stays
ECHO_RELEASE, NOISE_KEEP, MEMORY, MEMORY_NEAR, LEAK_STEP, NOISE_WEIGHT, FLOOR = range(7)
# ResidualEcho.span: MINIMUM_S in blocks, SPEECH_STOP_HZ in bands, SETTLING_S in blocks
WINDOW, STOP_BAND, SETTLING = range(3)
# ResidualEcho.tally
BLOCKS, WINDOW_BLOCKS = range(2)

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_FLOOR = np.float32(1e-10)
_LOUD = np.float32(1e30)
_NOISE_BIAS = np.float32(1.6)
_ECHO_RULES, _MISSED_RULES = np.float32(8.0), np.float32(4.0)  # times the noise
_LEAK_START, _LEAK_LOW, _LEAK_HIGH = np.float32(-4.5), np.float32(-8.0), np.float32(-2.0)
_SLOPE_HIGH, _SLOPE_SHARE = np.float32(3.0), np.float32(0.3)
_TRUST_START, _TRUST_LOW = np.float32(-1.0), np.float32(-6.0)
_LEAK_UP, _LEAK_DOWN, _TRUST_UP, _TRUST_DOWN = (np.float32(x) for x in (0.4, 0.6, 0.3, 0.7))  # quantiles
_FAR_OFF = np.float32(4.0)  # times what is expected: the leak takes double steps
_ECHO_WEIGHT, _MISSED_WEIGHT, _WEIGHT_NEAR = (np.float32(np.log2(beta)) for beta in (48.0, 8.0, 1.3))
_NOISE_WEIGHT_NEAR = np.float32(0.05)  # of the noise weight


class ResidualEcho(State):
    """State and workspace. K bins, padded as in LinearEcho; bands are K / 4 of four bins, padding included."""

    pace: Floats  # ECHO_RELEASE and so on
    near_pace: Floats  # see near_end
    span: Ints  # WINDOW, STOP_BAND, SETTLING
    window: Floats  # [2B]
    e_frame: Floats  # [2B] the last two blocks of the linear stage's output
    y_frame: Floats  # [2B] and of its estimate
    frame: Floats  # [2B] workspace
    other_frame: Floats  # [2B]
    overlap: Floats  # [B] what the last frame adds to the next block
    e_re: Floats  # [K] spectra
    e_im: Floats
    y_re: Floats
    y_im: Floats
    error: Floats  # [K] |E|^2
    echo: Floats  # [K] Ys
    missed: Floats  # [K] S, the larger of the last two blocks
    last_missed: Floats
    smooth: Floats  # [K] PM
    minimum: Floats  # [K] of PM in this window
    last_minimum: Floats  # and in the one before
    noise: Floats  # [K] N
    passed: Floats  # [K] G^2 |E|^2 of the last block
    error_band: Floats  # [bands] sums over the bins of a band
    echo_band: Floats
    missed_band: Floats
    noise_band: Floats
    residual_band: Floats  # [bands] R
    echo_gain: Floats  # [bands] 2^(leak + slope level)
    missed_gain: Floats  # [bands] 2^trust
    leak: Floats  # [bands] log2
    slope: Floats  # [bands] log2 per 3 dB of far level
    trust: Floats  # [bands] log2
    usual: Floats  # [LEVELS] evidence that the echo alone gives
    verdict: Floats  # see near_end
    tally: Ints  # BLOCKS since the start, WINDOW_BLOCKS in this minimum window


def residual_echo(rate_hz: int, block_frames: int, noise_reduction_db: float) -> ResidualEcho:
    """A suppressor that has heard nothing. Steady noise is turned down by *noise_reduction_db* at most; 0
    leaves it."""
    bins = -(-(block_frames + 1) // 8) * 8
    bands = bins // 4
    blocks = block_frames / rate_hz / REFERENCE_BLOCK_S
    band_hz = 4 * rate_hz / (2 * block_frames)

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    pace = zeros(7)
    pace[[ECHO_RELEASE, NOISE_KEEP, MEMORY, MEMORY_NEAR]] = np.array([0.75, 0.8, 0.9, 0.4]) ** blocks
    pace[LEAK_STEP] = 0.06 * blocks
    pace[NOISE_WEIGHT] = min(1.0, noise_reduction_db / 8.0)
    pace[FLOOR] = 10 ** (-noise_reduction_db / 20)
    near_pace = zeros(4)
    near_pace[[RISE_KEEP, FALL_KEEP]] = np.array([0.75, 0.85]) ** blocks
    near_pace[[LEVEL_STEP, USUAL_STEP]] = np.array([0.01, 0.005]) * blocks
    blocks_per_s = rate_hz / block_frames
    span = [
        round(MINIMUM_S * blocks_per_s),
        min(SPEECH_STOP_HZ, rate_hz / 2) // band_hz,
        round(SETTLING_S * blocks_per_s),
    ]
    lines = ("e_re", "e_im", "y_re", "y_im", "error", "echo", "missed", "last_missed", "smooth", "noise", "passed")
    kinds = ("error_band", "echo_band", "missed_band", "noise_band", "residual_band")
    state = ResidualEcho(
        pace=pace,
        near_pace=near_pace,
        span=np.array(span, np.int64),
        window=np.sin(np.pi * (np.arange(2 * block_frames) + 0.5) / (2 * block_frames)).astype(np.float32),
        **{name: zeros(2 * block_frames) for name in ("e_frame", "y_frame", "frame", "other_frame")},
        overlap=zeros(block_frames),
        **{name: zeros(bins) for name in lines},
        minimum=np.full(bins, _LOUD),
        last_minimum=np.full(bins, _LOUD),
        **{name: zeros(bands) for name in (*kinds, "echo_gain", "missed_gain", "slope")},
        leak=np.full(bands, _LEAK_START),
        trust=np.full(bands, _TRUST_START),
        usual=zeros(LEVELS),
        verdict=zeros(4),
        tally=np.zeros(2, np.int64),
    )
    state.verdict[USUAL_LEVEL] = 2.0 * np.log2(0.05)  # speech at -26 dBFS, until the far end has been heard
    return state


@realtime
def weigh_residual(
    s: ResidualEcho, fft: RealFft, clean: Floats, estimate: Floats, missed: Floats,
    level: np.float32, jumped: bool, adapt: bool,
) -> None:  # fmt: skip
    """What one block is made of; s.verdict says who talks. *clean* and *estimate* are the linear stage's output and echo
    estimate, *missed* its S, *level* the far end's peak as the room weighs it, *jumped* true when its estimate was found
    anew. With *adapt* false nothing is learnt."""
    pace, verdict = s.pace, s.verdict
    fill_frame(s.e_frame, clean, s.window, s.frame)
    fill_frame(s.y_frame, estimate, s.window, s.other_frame)
    rfft2(fft, s.frame, s.other_frame, s.e_re, s.e_im, s.y_re, s.y_im)
    powers(s.e_re, s.e_im, s.y_re, s.y_im, missed, s.error, s.echo, s.missed, s.last_missed, pace[ECHO_RELEASE])
    if adapt:
        track_noise(s.error, s.smooth, s.minimum, s.last_minimum, s.noise, s.tally, pace[NOISE_KEEP], s.span[WINDOW])
    band_sums(s.error, s.error_band)
    band_sums(s.echo, s.echo_band)
    band_sums(s.missed, s.missed_band)
    band_sums(s.noise, s.noise_band)
    weigh_level(verdict, level, s.near_pace[LEVEL_STEP])
    if jumped:
        clear(s.trust)
    explain(
        s.echo_gain, s.missed_gain, s.residual_band, s.leak, s.slope, s.trust, verdict[LEVEL], s.echo_band, s.missed_band
    )  # fmt: skip
    evidence = unexplained(s.error_band, s.residual_band, s.noise_band, s.span[STOP_BAND])
    ruled = echo_rules(s.echo_band, s.noise_band, s.span[STOP_BAND])
    judge(verdict, s.usual, evidence, ruled, s.near_pace, adapt)
    if adapt:
        track_leaks(
            s.leak, s.slope, s.echo_gain, s.error_band, s.echo_band, s.noise_band,
            verdict[LEVEL], verdict[NEAR], pace[LEAK_STEP],
        )  # fmt: skip
        track_trust(s.trust, s.missed_gain, s.error_band, s.missed_band, s.noise_band, verdict[NEAR], pace[LEAK_STEP])
    s.tally[BLOCKS] += 1


@realtime
def shape_output(s: ResidualEcho, fft: RealFft, out: Floats) -> None:
    """The block before, with residual echo and noise turned down."""
    near = s.verdict[NEAR]
    weigh_bands(s.echo_gain, s.missed_gain, near)
    apply_gain(
        s.e_re, s.e_im, s.error, s.echo, s.missed, s.noise, s.passed, s.echo_gain, s.missed_gain,
        s.pace[NOISE_WEIGHT] * smoothed(_NOISE_WEIGHT_NEAR, _ONE, near),
        smoothed(s.pace[MEMORY_NEAR], s.pace[MEMORY], near), s.pace[FLOOR],
    )  # fmt: skip
    irfft(fft, s.e_re, s.e_im, s.frame)
    overlap_add(s.frame, s.window, s.overlap, out)


@realtime
def fill_frame(history: Floats, block: Floats, window: Floats, frame: Floats) -> None:
    """The last two blocks under the window."""
    slide(history, block)
    for i in range(frame.shape[0]):
        frame[i] = window[i] * history[i]


@realtime
def powers(
    e_re: Floats, e_im: Floats, y_re: Floats, y_im: Floats, new_missed: Floats,
    error: Floats, echo: Floats, missed: Floats, last_missed: Floats, release: np.float32,
) -> None:  # fmt: skip
    """|E|^2, the echo with its release, and S over the two blocks of the frame."""
    for k in range(error.shape[0]):
        error[k] = e_re[k] * e_re[k] + e_im[k] * e_im[k]
        echo[k] = larger(y_re[k] * y_re[k] + y_im[k] * y_im[k], release * echo[k])
        missed[k] = larger(new_missed[k], last_missed[k])
        last_missed[k] = new_missed[k]


@realtime
def track_noise(
    error: Floats, smooth: Floats, minimum: Floats, last_minimum: Floats, noise: Floats,
    tally: Ints, keep: np.float32, window_blocks: int,
) -> None:  # fmt: skip
    """Noise as the minimum of the smoothed power over this window and the last."""
    for k in range(error.shape[0]):
        smooth[k] = smoothed(smooth[k], error[k], keep)
        minimum[k] = smaller(minimum[k], smooth[k])
        noise[k] = _NOISE_BIAS * smaller(minimum[k], last_minimum[k])
    tally[WINDOW_BLOCKS] += 1
    if tally[WINDOW_BLOCKS] >= window_blocks:
        tally[WINDOW_BLOCKS] = 0
        copy(minimum, last_minimum)
        copy(smooth, minimum)


@realtime
def band_sums(power: Floats, band: Floats) -> None:
    """band[b] = power of its four bins"""
    for b in range(band.shape[0]):
        band[b] = power[4 * b] + power[4 * b + 1] + power[4 * b + 2] + power[4 * b + 3]


@realtime
def track_leaks(
    leak: Floats, slope: Floats, gain: Floats, error: Floats, echo: Floats, noise: Floats,
    level: np.float32, near: np.float32, step: np.float32,
) -> None:  # fmt: skip
    """Quantile steps of leak and slope where the echo rules. Both directions slow down under a talker: were only the way up
    to slow, p = 1 would drive the leak down, and a low leak keeps p at 1."""
    up = step * _LEAK_UP * (_ONE - np.float32(0.9) * near)
    down = -step * _LEAK_DOWN * (_ONE - np.float32(0.8) * near)
    for b in range(leak.shape[0]):
        residual = larger(error[b] - noise[b], np.float32(0.1) * noise[b]) + _FLOOR
        expected = gain[b] * echo[b]
        move = up if residual > expected else down
        far_off = residual > _FAR_OFF * expected or expected > _FAR_OFF * residual
        move = move + move if far_off else move
        move = move if echo[b] > _ECHO_RULES * noise[b] + _FLOOR else _ZERO
        leak[b] = limited(leak[b] + move, _LEAK_LOW, _LEAK_HIGH)
        slope[b] = limited(slope[b] + _SLOPE_SHARE * level * move, _ZERO, _SLOPE_HIGH)


@realtime
def track_trust(
    trust: Floats, gain: Floats, error: Floats, missed: Floats, noise: Floats, near: np.float32, step: np.float32
) -> None:
    """Quantile steps of the trust in S, where S would be heard."""
    up = step * _TRUST_UP * (_ONE - np.float32(0.9) * near)
    down = -step * _TRUST_DOWN
    for b in range(trust.shape[0]):
        residual = larger(error[b] - noise[b], np.float32(0.1) * noise[b]) + _FLOOR
        move = up if residual > gain[b] * missed[b] else down
        move = move if missed[b] > _MISSED_RULES * noise[b] + _FLOOR else _ZERO
        trust[b] = limited(trust[b] + move, _TRUST_LOW, _ZERO)


@realtime
def weigh_bands(echo_gain: Floats, missed_gain: Floats, near: np.float32) -> None:
    """Both gains times their over-estimate at this p."""
    echo_weight = np.float32(np.exp2(smoothed(_WEIGHT_NEAR, _ECHO_WEIGHT, near)))
    missed_weight = np.float32(np.exp2(smoothed(_WEIGHT_NEAR, _MISSED_WEIGHT, near)))
    for b in range(echo_gain.shape[0]):
        echo_gain[b] *= echo_weight
        missed_gain[b] *= missed_weight


@realtime
def apply_gain(
    e_re: Floats, e_im: Floats, error: Floats, echo: Floats, missed: Floats, noise: Floats, passed: Floats,
    echo_gain: Floats, missed_gain: Floats, noise_weight: np.float32, memory: np.float32, floor: np.float32,
) -> None:  # fmt: skip
    """G on a spectrum, a band at a time."""
    tiny, one, none = splat4(_FLOOR), splat4(_ONE), splat4(_ZERO)
    weight, keep, new, least = splat4(noise_weight), splat4(memory), splat4(_ONE - memory), splat4(floor)
    for b in range(echo_gain.shape[0]):
        k = 4 * b
        power, quiet = load4(error, k), load4(noise, k)
        unwanted = spread(echo_gain, b, one) * load4(echo, k) + spread(missed_gain, b, one) * load4(missed, k)
        over = one / (unwanted + weight * quiet + tiny)
        ratio = keep * load4(passed, k) * over + new * larger(power * over - one, none)
        gain = larger(ratio / (one + ratio), least * root(quiet / larger(power + tiny, quiet)))
        store(passed, k, gain * gain * power)
        store(e_re, k, gain * load4(e_re, k))
        store(e_im, k, gain * load4(e_im, k))


@realtime
def overlap_add(frame: Floats, window: Floats, overlap: Floats, out: Floats) -> None:
    """The frame, windowed again, added to what the last one left."""
    block = out.shape[0] & INDEX
    for i in range(block):
        out[i] = overlap[i] + window[i] * frame[i]
        overlap[i] = window[block + i] * frame[block + i]
