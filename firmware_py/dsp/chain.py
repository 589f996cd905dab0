"""What happens to one period of sound in a mode: the playback path, then the capture path. Knows no card, board or session.

    playback:  down -> equaliser -> limiter -> frames for the card, and into the far history
    capture:   frames from the card -> high-pass -> canceller (far history) -> automatic gain -> limiter -> up

The reference is taken behind everything that changes the playback signal, so the canceller sees what the loudspeaker is given.
A mode that leaves a stage out leaves it out here: a stage switched off costs nothing and delays nothing.
Kernels get every array they touch in a `ChainState`; the object builds it from a mode's profile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.biquad import BiquadCascade, biquad_cascade, high_pass, voice_eq
from firmware_py.dsp.dynamics import AutomaticGain, Limiter, auto_gain, limit
from firmware_py.dsp.echo import FREEZE_BLOCKS, EchoCanceller, EchoState, cancel_echo
from firmware_py.dsp.frames import pick, to_float, to_int
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.residual_echo import NEAR
from firmware_py.dsp.state import State
from firmware_py.modes import Profile

CANCEL, LEVEL, LIMIT, LIMIT_PLAYBACK, DELAY, HEAD, CLIPPED, WORDS = range(8)
"""Words of a chain: four switches, the reference's delay in frames, the history's head, and samples that came clipped."""

HISTORY_S = 0.5
"""Longest delay between writing a frame and hearing it that the reference can be held back for."""

Float32 = NDArray[np.float32]


class ChainState(State):
    """Every array of a chain. n is the period, c the channels of the application: 1 in the chat modes, else 2."""

    words: NDArray[np.int64]
    down: Float32  # [n, c] from the application
    up: Float32  # [n, c] to the application
    stereo: Float32  # [n, 2] between a path and the card
    mic: Float32  # [n]
    far: Float32  # [n]
    clean: Float32  # [n]
    history: Float32  # [power of two] what was played, newest at words[HEAD] - 1
    high_pass: NDArray[np.float64]
    high_pass_memory: NDArray[np.float64]
    equaliser: NDArray[np.float64]
    equaliser_memory: NDArray[np.float64]
    level: NDArray[np.float64]
    limiter: NDArray[np.float64]
    playback_limiter: NDArray[np.float64]
    echo: EchoState


@realtime
def play(state, frames):
    """Turn state.down into *frames* (int32[n, 2]) for the card, and remember it as far end."""
    words, stereo = state.words, state.stereo
    biquad_cascade(state.equaliser, state.equaliser_memory, state.down, state.down)
    if words[LIMIT_PLAYBACK]:
        limit(state.playback_limiter, state.down)
    if state.down.shape[1] == 1:
        for i in range(stereo.shape[0]):
            stereo[i, 0] = state.down[i, 0]
            stereo[i, 1] = state.down[i, 0]
    else:
        for i in range(stereo.shape[0]):
            stereo[i, 0] = state.down[i, 0]
            stereo[i, 1] = state.down[i, 1]
    to_int(stereo, frames)
    mask, head = state.history.shape[0] - 1, words[HEAD]
    for i in range(stereo.shape[0]):
        state.history[(head + i) & mask] = np.float32(0.5) * (stereo[i, 0] + stereo[i, 1])
    words[HEAD] = head + stereo.shape[0]


@realtime
def capture(state, frames):
    """Turn *frames* (int32[n, 2]) of the card into state.up. Call before `play` of the same period."""
    words, stereo, up = state.words, state.stereo, state.up
    words[CLIPPED] += to_float(frames, stereo)
    if up.shape[1] == 2:
        biquad_cascade(state.high_pass, state.high_pass_memory, stereo, up)
        if words[LIMIT]:
            limit(state.limiter, up)
        return
    pick(stereo, 0, state.mic)
    for i in range(up.shape[0]):
        up[i, 0] = state.mic[i]
    biquad_cascade(state.high_pass, state.high_pass_memory, up, up)
    if words[CANCEL]:
        mask, start = state.history.shape[0] - 1, words[HEAD] - words[DELAY]
        for i in range(up.shape[0]):
            state.mic[i] = up[i, 0]
            state.far[i] = state.history[(start + i) & mask]
        cancel_echo(state.echo, state.mic, state.far, state.clean)
    else:
        for i in range(up.shape[0]):
            state.clean[i] = up[i, 0]
    if words[LEVEL]:
        auto_gain(state.level, state.clean, state.echo.residual.verdict[NEAR])
    for i in range(up.shape[0]):
        up[i, 0] = state.clean[i]
    if words[LIMIT]:
        limit(state.limiter, up)


@realtime
def forget_far_end(state):
    """After an xrun: what was written has not been heard, and nothing is learnt until a tail of silence has passed."""
    for i in range(state.history.shape[0]):
        state.history[i] = 0.0
    state.echo.control[FREEZE_BLOCKS] = state.echo.linear.prior.shape[0]


class Chain:
    """The stages of a mode, their buffers made once."""

    def __init__(self, profile: Profile) -> None:
        rate_hz, period, channels = profile.rate_hz, profile.period_frames, profile.channels
        if profile.cancels_echo:
            self.echo = EchoCanceller(
                rate_hz=rate_hz,
                block_frames=period,
                tail_s=profile.echo_tail_s,
                noise_reduction_db=profile.noise_reduction_db,
            )
        else:  # never called, but the compiled loop wants the arrays
            self.echo = EchoCanceller(rate_hz=16_000, block_frames=64, tail_s=0.008)
        corner = profile.voice_high_pass_hz
        filter_in = BiquadCascade(high_pass(corner, rate_hz) if corner else np.zeros((0, 5)), channels)
        filter_out = BiquadCascade(voice_eq(rate_hz) if profile.voice_playback else np.zeros((0, 5)), channels)
        level = AutomaticGain(
            rate_hz,
            profile.agc_target_dbfs,
            max_gain_db=profile.agc_range_db,
            min_gain_db=-profile.agc_range_db,
        )
        if (profile.cancels_echo and channels != 1) or (profile.agc_range_db and not profile.cancels_echo):
            raise ValueError("a canceller needs one channel, and a gain behind it needs a canceller to tell who talks")
        self.latency_frames = self.echo.latency_frames if profile.cancels_echo else 0
        words = np.zeros(WORDS, np.int64)
        words[CANCEL] = profile.cancels_echo
        words[LEVEL] = profile.agc_range_db > 0.0
        words[LIMIT] = profile.limiter_dbfs is not None
        words[LIMIT_PLAYBACK] = profile.playback_limiter
        words[DELAY] = profile.preroll_frames
        self.state = ChainState(
            words=words,
            down=np.zeros((period, channels), np.float32),
            up=np.zeros((period, channels), np.float32),
            stereo=np.zeros((period, 2), np.float32),
            mic=np.zeros(period, np.float32),
            far=np.zeros(period, np.float32),
            clean=np.zeros(period, np.float32),
            history=np.zeros(1 << int(HISTORY_S * rate_hz).bit_length(), np.float32),
            high_pass=filter_in.coefficients,
            high_pass_memory=filter_in.state,
            equaliser=filter_out.coefficients,
            equaliser_memory=filter_out.state,
            level=level.words,
            limiter=Limiter(rate_hz, profile.limiter_dbfs or 0.0).words,
            playback_limiter=Limiter(rate_hz).words,
            echo=self.echo.kernel_state,
        )
