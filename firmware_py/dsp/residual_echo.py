"""What the linear canceller leaves, turned down: residual echo and steady noise, bin by bin, and a verdict
on who is talking.

Frames of 2B under a square-root Hann window, hop B; the output is one block late. In bands of four bins the
power of the residual echo is modelled from two things the linear stage knows, its estimate Y and S, the
echo it may miss:

    R = 2^(leak + slope * level) Ys + 2^trust S     Ys: |Y|^2 with the release of a room
    N = 1.6 min PM over 0.8 to 1.6 s                PM: smoothed |E|^2. Martin, IEEE Trans. SAP 9(5), 2001

leak, slope (louder far end, more distortion) and trust are learnt as quantiles of |E|^2 / Ys and |E|^2 / S
with steps of fixed size: a talker, however loud, moves them by no more than a whisper does. That Y leaks
into E by a slowly varying factor is the idea of Valin & Collings (arXiv 1602.08609).

    v = log2(E / (R + 2 N)) per band                positive where neither echo nor noise explains E
    p = probability that the near end talks: mean v over the speech bands, less the usual at this far level

p decides how far to mistrust R: alone, the echo is over-estimated by 14 dB; under a talker it is taken at
its word. The gain is decision-directed Wiener (Ephraim & Malah, IEEE Trans. ASSP 32(6), 1984) over a floor
that lies at the noise less the reduction asked for, so what is suppressed becomes the room's own quiet and
not a hole. One block later p also steadies the linear filter.

It draws no comfort noise, models no late reverberation, and does not touch level otherwise (that is the
AGC's).
"""

from __future__ import annotations

import numpy as np

from firmware_py.dsp.fft import RealFft, irfft, rfft
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.linear_echo import REFERENCE_BLOCK_S
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import Floats, Ints, clear, copy, slide, smoothed

SPEECH_HZ = (250.0, 5000.0)  # bands that testify for a talker
MINIMUM_S = 0.8  # length of each of the two windows of the noise's minimum

# ResidualEcho.pace, constants per block, scaled to how long this block lasts: what is kept or moved per block;
# alpha of the decision-directed rule; nu; and the amplitude of the noise that always stays
ECHO_RELEASE, NOISE_KEEP, RISE_KEEP, FALL_KEEP, MEMORY, MEMORY_NEAR = range(6)
LEVEL_STEP, LEAK_STEP, USUAL_STEP, NOISE_WEIGHT, FLOOR = range(6, 11)
# ResidualEcho.span: MINIMUM_S in blocks, SPEECH_HZ in bands
WINDOW, FIRST_BAND, STOP_BAND = range(3)
# ResidualEcho.verdict
NEAR, EVIDENCE, LEVEL, USUAL_LEVEL = range(4)
# ResidualEcho.tally
BLOCKS, WINDOW_BLOCKS = range(2)

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_FLOOR = np.float32(1e-10)
_LOUD = np.float32(1e30)
_AUDIBLE = np.float32(0.002)  # far end, -54 dBFS
_NOISE_BIAS = np.float32(1.6)
_ECHO_RULES, _MISSED_RULES = np.float32(8.0), np.float32(4.0)  # times the noise
_LEVELS = 6  # classes of far level, 3 dB each
_LEAK_LOW, _LEAK_HIGH, _SLOPE_HIGH, _TRUST_LOW = np.float32(-8.0), np.float32(-2.0), np.float32(3.0), np.float32(-6.0)
_NEAR_LOW, _NEAR_HIGH = np.float32(0.3), np.float32(1.0)
_ECHO_WEIGHT, _ECHO_WEIGHT_NEAR = np.float32(24.0), np.float32(1.0)
_NOISE_WEIGHT_NEAR = np.float32(0.05)  # of the noise weight


class ResidualEcho(State):
    """State and workspace. K bins, padded as in LinearEcho; bands are K / 4 of four bins, padding included."""

    pace: Floats  # ECHO_RELEASE and so on
    span: Ints  # WINDOW, FIRST_BAND, STOP_BAND
    window: Floats  # [2B]
    e_frame: Floats  # [2B] the last two blocks of the linear stage's output
    y_frame: Floats  # [2B] and of its estimate
    frame: Floats  # [2B] workspace
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
    leak: Floats  # [bands] log2
    slope: Floats  # [bands] log2 per 3 dB of far level
    trust: Floats  # [bands] log2
    usual: Floats  # [levels] evidence that the echo alone gives
    verdict: Floats  # NEAR = p, EVIDENCE, far LEVEL against the usual in 3 dB, USUAL_LEVEL
    tally: Ints  # BLOCKS since the start, WINDOW_BLOCKS in this minimum window


def residual_echo(rate_hz: int, block_frames: int, noise_reduction_db: float) -> ResidualEcho:
    """A suppressor that has heard nothing. Steady noise is turned down by *noise_reduction_db* at most; 0
    leaves it."""
    bins = -(-(block_frames + 1) // 16) * 16
    bands = bins // 4
    blocks = block_frames / rate_hz / REFERENCE_BLOCK_S
    band_hz = 4 * rate_hz / (2 * block_frames)

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    pace = zeros(11)
    keeps = [ECHO_RELEASE, NOISE_KEEP, RISE_KEEP, FALL_KEEP, MEMORY, MEMORY_NEAR]
    pace[keeps] = np.array([0.75, 0.8, 0.5, 0.6, 0.9, 0.4]) ** blocks
    pace[[LEVEL_STEP, LEAK_STEP, USUAL_STEP]] = np.array([0.01, 0.12, 0.005]) * blocks
    pace[NOISE_WEIGHT] = min(1.0, noise_reduction_db / 8.0)
    pace[FLOOR] = 10 ** (-noise_reduction_db / 20)
    span = [
        round(MINIMUM_S * rate_hz / block_frames),
        np.ceil(SPEECH_HZ[0] / band_hz),
        min(SPEECH_HZ[1], rate_hz / 2) // band_hz,
    ]
    state = ResidualEcho(
        pace=pace,
        span=np.array(span, np.int64),
        window=np.sin(np.pi * (np.arange(2 * block_frames) + 0.5) / (2 * block_frames)).astype(np.float32),
        e_frame=zeros(2 * block_frames),
        y_frame=zeros(2 * block_frames),
        frame=zeros(2 * block_frames),
        overlap=zeros(block_frames),
        e_re=zeros(bins),
        e_im=zeros(bins),
        y_re=zeros(bins),
        y_im=zeros(bins),
        error=zeros(bins),
        echo=zeros(bins),
        missed=zeros(bins),
        last_missed=zeros(bins),
        smooth=zeros(bins),
        minimum=np.full(bins, _LOUD),
        last_minimum=np.full(bins, _LOUD),
        noise=zeros(bins),
        passed=zeros(bins),
        error_band=zeros(bands),
        echo_band=zeros(bands),
        missed_band=zeros(bands),
        noise_band=zeros(bands),
        leak=np.full(bands, _LEAK_HIGH),
        slope=zeros(bands),
        trust=zeros(bands),
        usual=zeros(_LEVELS),
        verdict=zeros(4),
        tally=np.zeros(2, np.int64),
    )
    state.verdict[USUAL_LEVEL] = 2.0 * np.log2(0.05)  # speech at -26 dBFS, until the far end has been heard
    return state


@realtime
def suppress_residual(
    s: ResidualEcho, fft: RealFft, clean: Floats, estimate: Floats, missed: Floats,
    level: np.float32, jumped: bool, adapt: bool, out: Floats,
) -> None:  # fmt: skip
    """One block. *clean* and *estimate* are the linear stage's output and echo estimate, *missed* its S,
    *level* the far end's peak as the room weighs it, *jumped* true when the shadow filter took over. With
    *adapt* false nothing is learnt."""
    pace, verdict = s.pace, s.verdict
    fill_frame(s.e_frame, clean, s.window, s.frame)
    rfft(fft, s.frame, s.e_re, s.e_im)
    fill_frame(s.y_frame, estimate, s.window, s.frame)
    rfft(fft, s.frame, s.y_re, s.y_im)
    powers(s.e_re, s.e_im, s.y_re, s.y_im, missed, s.error, s.echo, s.missed, s.last_missed, pace[ECHO_RELEASE])
    if adapt:
        track_noise(s.error, s.smooth, s.minimum, s.last_minimum, s.noise, s.tally, pace[NOISE_KEEP], s.span[WINDOW])
    band_sums(s.error, s.error_band)
    band_sums(s.echo, s.echo_band)
    band_sums(s.missed, s.missed_band)
    band_sums(s.noise, s.noise_band)
    weigh_level(verdict, level, pace[LEVEL_STEP])
    if jumped:
        clear(s.trust)
    find_near_end(
        verdict, s.usual, s.error_band, s.echo_band, s.missed_band, s.noise_band, s.leak, s.slope, s.trust,
        pace, s.span, adapt,
    )  # fmt: skip
    if adapt:
        track_leaks(
            s.leak, s.slope, s.trust, s.error_band, s.echo_band, s.missed_band, s.noise_band,
            verdict[LEVEL], verdict[NEAR], pace[LEAK_STEP], s.tally[BLOCKS] & 1,
        )  # fmt: skip
    apply_gain(
        s.e_re, s.e_im, s.error, s.echo, s.missed, s.noise, s.passed, s.leak, s.slope, s.trust,
        verdict[LEVEL], verdict[NEAR], pace,
    )  # fmt: skip
    irfft(fft, s.e_re, s.e_im, s.frame)
    overlap_add(s.frame, s.window, s.overlap, out)
    s.tally[BLOCKS] += 1


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
        echo[k] = max(y_re[k] * y_re[k] + y_im[k] * y_im[k], release * echo[k])
        missed[k] = max(new_missed[k], last_missed[k])
        last_missed[k] = new_missed[k]


@realtime
def track_noise(
    error: Floats, smooth: Floats, minimum: Floats, last_minimum: Floats, noise: Floats,
    tally: Ints, keep: np.float32, window_blocks: int,
) -> None:  # fmt: skip
    """Noise as the minimum of the smoothed power over this window and the last."""
    for k in range(error.shape[0]):
        smooth[k] = smoothed(smooth[k], error[k], keep)
        minimum[k] = min(minimum[k], smooth[k])
        noise[k] = _NOISE_BIAS * min(minimum[k], last_minimum[k])
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
def weigh_level(verdict: Floats, level: np.float32, step: np.float32) -> None:
    """Far level against its slow mean, in 3 dB, at most three either way."""
    units = _TWO * np.float32(np.log2(level + np.float32(1e-6)))
    if level > _AUDIBLE:
        verdict[USUAL_LEVEL] += step * (units - verdict[USUAL_LEVEL])
    verdict[LEVEL] = min(max(units - verdict[USUAL_LEVEL], np.float32(-3.0)), np.float32(3.0))


@realtime
def find_near_end(
    verdict: Floats, usual: Floats, error: Floats, echo: Floats, missed: Floats, noise: Floats,
    leak: Floats, slope: Floats, trust: Floats, pace: Floats, span: Ints, adapt: bool,
) -> None:  # fmt: skip
    """p, from how far the residual in the speech bands exceeds what echo and noise explain."""
    evidence, echoing, level = _ZERO, 0, verdict[LEVEL]
    bands = span[STOP_BAND] - span[FIRST_BAND]
    for b in range(span[FIRST_BAND], span[STOP_BAND]):
        residual = np.exp2(leak[b] + slope[b] * level) * echo[b] + np.exp2(trust[b]) * missed[b]
        excess = np.float32(np.log2((error[b] + _FLOOR) / (residual + _TWO * noise[b] + _FLOOR)))
        evidence += min(max(excess, _ZERO), np.float32(5.0))
        if echo[b] > _ECHO_RULES * noise[b] + _FLOOR:
            echoing += 1
    evidence /= np.float32(bands)
    if echoing > 0.4 * bands:
        grade = min(max(int(level + np.float32(3.0)), 0), _LEVELS - 1)
        unusual = max(evidence - usual[grade], _ZERO)
        if adapt:
            up = np.float32(0.75) * (_ONE - np.float32(0.95) * verdict[NEAR])
            usual[grade] += pace[USUAL_STEP] * (up if evidence > usual[grade] else np.float32(-0.25))
            usual[grade] = min(max(usual[grade], _ZERO), _TWO)
        evidence = unusual
    keep = pace[RISE_KEEP] if evidence > verdict[EVIDENCE] else pace[FALL_KEEP]
    verdict[EVIDENCE] = smoothed(verdict[EVIDENCE], evidence, keep)
    verdict[NEAR] = min(max((verdict[EVIDENCE] - _NEAR_LOW) / (_NEAR_HIGH - _NEAR_LOW), _ZERO), _ONE)


@realtime
def track_leaks(
    leak: Floats, slope: Floats, trust: Floats, error: Floats, echo: Floats, missed: Floats, noise: Floats,
    level: np.float32, near: np.float32, step: np.float32, parity: int,
) -> None:  # fmt: skip
    """Quantile steps of leak, slope and trust, every other band. Both directions slow down under a talker:
    were only the way up to slow, p = 1 would drive the leak down, and a low leak keeps p at 1."""
    up = np.float32(1.0) - np.float32(0.9) * near
    down = np.float32(1.0) - np.float32(0.8) * near
    for b in range(parity, leak.shape[0], 2):
        residual = max(error[b] - noise[b], np.float32(0.1) * noise[b]) + _FLOOR
        if echo[b] > _ECHO_RULES * noise[b] + _FLOOR:
            off = np.float32(np.log2(residual / echo[b])) - (leak[b] + slope[b] * level)
            move = step * (np.float32(0.4) * up if off > _ZERO else np.float32(-0.6) * down)
            if abs(off) > _TWO:
                move *= _TWO
            leak[b] = min(max(leak[b] + move, _LEAK_LOW), _LEAK_HIGH)
            slope[b] = min(max(slope[b] + np.float32(0.3) * level * move, _ZERO), _SLOPE_HIGH)
        if missed[b] > _MISSED_RULES * noise[b] + _FLOOR:
            off = np.float32(np.log2(residual / missed[b])) - trust[b]
            move = step * (np.float32(0.3) * up if off > _ZERO else np.float32(-0.7))
            trust[b] = min(max(trust[b] + move, _TRUST_LOW), _ZERO)


@realtime
def apply_gain(
    e_re: Floats, e_im: Floats, error: Floats, echo: Floats, missed: Floats, noise: Floats, passed: Floats,
    leak: Floats, slope: Floats, trust: Floats, level: np.float32, near: np.float32, pace: Floats,
) -> None:  # fmt: skip
    """Decision-directed Wiener gain over a floor at the noise less its reduction."""
    echo_weight = smoothed(_ECHO_WEIGHT_NEAR, _ECHO_WEIGHT, near)
    noise_weight = pace[NOISE_WEIGHT] * smoothed(_NOISE_WEIGHT_NEAR, _ONE, near)
    memory = smoothed(pace[MEMORY_NEAR], pace[MEMORY], near)
    for b in range(leak.shape[0]):
        echo_leak = echo_weight * np.float32(np.exp2(leak[b] + slope[b] * level))
        missed_leak = echo_weight * np.float32(np.exp2(trust[b]))
        for k in range(4 * b, 4 * b + 4):
            unwanted = echo_leak * echo[k] + missed_leak * missed[k] + noise_weight * noise[k] + _FLOOR
            ratio = memory * passed[k] / unwanted + (_ONE - memory) * max(error[k] / unwanted - _ONE, _ZERO)
            floor = pace[FLOOR] * np.sqrt(min(noise[k] / (error[k] + _FLOOR), _ONE))
            gain = max(ratio / (_ONE + ratio), floor)
            passed[k] = gain * gain * error[k]
            e_re[k] *= gain
            e_im[k] *= gain


@realtime
def overlap_add(frame: Floats, window: Floats, overlap: Floats, out: Floats) -> None:
    """The frame, windowed again, added to what the last one left."""
    block = out.shape[0]
    for i in range(block):
        out[i] = overlap[i] + window[i] * frame[i]
        overlap[i] = window[block + i] * frame[block + i]
