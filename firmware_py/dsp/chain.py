"""What happens to one block of sound in a mode: the playback path, then the capture path. Knows no board or session, and of a
card its timing.

    playback:  down -> equaliser -> limiter -> (far history) -> interpolator -> resampler -> frames for the card
    capture:   frames from the card -> decimator -> high-pass -> canceller (far history) -> automatic gain -> limiter -> up

The reference is taken behind everything that changes the playback signal, so the canceller sees what the loudspeaker is given.
A mode that leaves a stage out leaves it out here: a stage switched off costs nothing and delays nothing.

Where the card runs at a multiple of the mode's rate, decimator and interpolator stand at its edge. Where its playback has a clock
of its own, what is written is resampled from the microphone's clock to that of the loudspeaker: the reference, taken before,
is in the microphone's clock already, and the queue of the card stays as full as it was.
Kernels get every array they touch in a `ChainState`; the object builds it from a mode's profile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp.biquad import BiquadCascade, biquad_cascade, high_pass, voice_eq
from firmware_py.dsp.clocks import RATIO, ClockFollower, ClockState, follow_clocks, restart
from firmware_py.dsp.dynamics import AutomaticGain, Limiter, auto_gain, limit
from firmware_py.dsp.echo import FREEZE_BLOCKS, EchoCanceller, EchoState, cancel_echo
from firmware_py.dsp.frames import pick, to_float, to_int
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.linear_echo import OFFSET as BEGINNING
from firmware_py.dsp.near_end import NEAR
from firmware_py.dsp.rates import ROUND_TRIP_FRAMES, Decimator, Interpolator, RateState, decimate, interpolate
from firmware_py.dsp.resample import LATENCY_FRAMES, SLACK, Resampler, ResamplerState, resample
from firmware_py.dsp.state import State
from firmware_py.dsp.vectors import copy
from firmware_py.modes import Profile
from firmware_py.pcm import CAPTURED, CAPTURED_NS, OFFSET, PLAYED, PLAYED_NS, TWO_CLOCKS

(
    CANCEL, LEVEL, LIMIT, LIMIT_PLAYBACK,
    FACTOR, STRETCH, INSIDE,
    DELAY, HEAD, CLIPPED, PROCESSED, WRITTEN, WORDS,
) = range(13)  # fmt: skip
"""Words of a chain.

CANCEL, LEVEL, LIMIT, LIMIT_PLAYBACK   switches
FACTOR      frames of the card to one of the mode
STRETCH     1 where playback is resampled to a clock of its own
INSIDE      frames by which decimator and interpolator delay the echo
DELAY       of the reference: frames from processing one to hearing it
HEAD        frames that the far history has taken
CLIPPED     samples that came clipped
PROCESSED, WRITTEN   frames of the card since it started: taken from capture, made for playback
"""

SPARE_FRAMES = 3 * SLACK
"""Frames by which what is made for the card in a block may exceed the block."""

HISTORY_S = 0.5
"""Longest delay between writing a frame and hearing it that the reference can be held back for."""

Float32 = NDArray[np.float32]


class ChainState(State):
    """Every array of a chain. n is the block, c the channels of the application: 1 in the chat modes, else 2; N is FACTOR * n."""

    words: NDArray[np.int64]
    down: Float32  # [n, c] from the application
    up: Float32  # [n, c] to the application
    stereo: Float32  # [n, 2] between a path and the card's edge
    wide: Float32  # [N, 2] the same at the card's rate
    stretched: Float32  # [N + spare, 2] the same in the clock of playback
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
    decimator: RateState
    interpolator: RateState
    resampler: ResamplerState
    clocks: ClockState
    echo: EchoState


@realtime
def play(state, frames):
    """Turn state.down into *frames* (int32[N + spare, 2]) for the card, and remember it as far end. Returns how many were made."""
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
    mask, head = state.history.shape[0] - 1, words[HEAD]
    for i in range(stereo.shape[0]):
        state.history[(head + i) & mask] = np.float32(0.5) * (stereo[i, 0] + stereo[i, 1])
    words[HEAD] = head + stereo.shape[0]
    made = state.wide.shape[0]
    if words[FACTOR] == 1 and words[STRETCH] == 0:
        to_int(stereo, frames[:made])
        return made
    if words[FACTOR] == 1:
        copy(stereo.reshape(-1), state.wide.reshape(-1))
    else:
        interpolate(state.interpolator, stereo, state.wide)
    if words[STRETCH] == 0:
        to_int(state.wide, frames[:made])
        return made
    made = resample(state.resampler, state.wide, state.clocks.words[RATIO], state.stretched)
    to_int(state.stretched[:made], frames[:made])
    words[WRITTEN] += made
    return made


@realtime
def capture(state, frames):
    """Turn *frames* (int32[N, 2]) of the card into state.up. Call before `play` of the same block."""
    words, stereo, up = state.words, state.stereo, state.up
    words[PROCESSED] += frames.shape[0]
    if words[FACTOR] == 1:
        words[CLIPPED] += to_float(frames, stereo)
    else:
        words[CLIPPED] += to_float(frames, state.wide)
        decimate(state.decimator, state.wide, stereo)
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
def align(state, preroll_frames, timing):
    """Before a period: where the reference is, by what the card says of its start and of its clocks (`Pcm.timing`)."""
    words = state.words
    words[STRETCH] = timing[TWO_CLOCKS]
    late = preroll_frames + timing[OFFSET] + (LATENCY_FRAMES if words[STRETCH] != 0 else 0)
    late = late // words[FACTOR] + words[INSIDE]
    words[DELAY] = min(max(late, state.stereo.shape[0]), state.history.shape[0] - state.stereo.shape[0])
    if words[STRETCH] != 0:
        written = words[WRITTEN] - state.resampler.due[0]  # to the fraction of a frame
        follow_clocks(
            state.clocks,
            timing[CAPTURED],
            timing[CAPTURED_NS],
            timing[PLAYED],
            timing[PLAYED_NS],
            words[PROCESSED],
            written,
        )


@realtime
def far_end_begins(state, in_hand):
    """The card has started again, and counts anew: of what was written the last *in_hand* frames of the card are still to come."""
    forget_far_end(state, in_hand)
    state.words[PROCESSED] = state.words[WRITTEN] = 0
    restart(state.clocks)


@realtime
def forget_far_end(state, in_hand):
    """Nothing of what was written is heard any more but the last *in_hand* frames of the card, and nothing is learnt until a
    tail of silence has passed."""
    words = state.words
    mask, keep = state.history.shape[0] - 1, in_hand // words[FACTOR]
    for i in range(keep, state.history.shape[0]):
        state.history[(words[HEAD] - 1 - i) & mask] = 0.0
    state.echo.control[FREEZE_BLOCKS] = state.echo.linear.prior.shape[0] + state.echo.linear.position[BEGINNING]


class Chain:
    """The stages of a mode, their buffers made once. *factor*: frames of the card to one of the mode."""

    def __init__(self, profile: Profile, factor: int = 1) -> None:
        self.profile, self.factor = profile, factor
        rate_hz, block, channels = profile.rate_hz, profile.period_frames, profile.channels
        if (profile.cancels_echo and channels != 1) or (profile.agc_range_db and not profile.cancels_echo):
            raise ValueError("a canceller needs one channel, and a gain behind it needs a canceller to tell who talks")
        if profile.cancels_echo:
            self.echo = EchoCanceller(
                rate_hz=rate_hz,
                block_frames=block,
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
        words = np.zeros(WORDS, np.int64)
        words[CANCEL] = profile.cancels_echo
        words[LEVEL] = profile.agc_range_db > 0.0
        words[LIMIT] = profile.limiter_dbfs is not None
        words[LIMIT_PLAYBACK] = profile.playback_limiter
        words[FACTOR] = factor
        words[INSIDE] = ROUND_TRIP_FRAMES if factor > 1 else 0
        words[DELAY] = profile.preroll_frames
        self._clocks = ClockFollower(factor * rate_hz)
        converted = max(factor, 2)  # a factor of 1 converts nothing, but the compiled loop wants the arrays
        self.state = ChainState(
            words=words,
            down=np.zeros((block, channels), np.float32),
            up=np.zeros((block, channels), np.float32),
            stereo=np.zeros((block, 2), np.float32),
            wide=np.zeros((factor * block, 2), np.float32),
            stretched=np.zeros((factor * block + SPARE_FRAMES, 2), np.float32),
            mic=np.zeros(block, np.float32),
            far=np.zeros(block, np.float32),
            clean=np.zeros(block, np.float32),
            history=np.zeros(1 << int(HISTORY_S * rate_hz).bit_length(), np.float32),
            high_pass=filter_in.coefficients,
            high_pass_memory=filter_in.state,
            equaliser=filter_out.coefficients,
            equaliser_memory=filter_out.state,
            level=level.words,
            limiter=Limiter(rate_hz, profile.limiter_dbfs or 0.0).words,
            playback_limiter=Limiter(rate_hz).words,
            decimator=Decimator(converted, 2).state,
            interpolator=Interpolator(converted, 2).state,
            resampler=Resampler(2).state,
            clocks=self._clocks.state,
            echo=self.echo.kernel_state,
        )

    @property
    def latency_frames(self) -> int:
        """Of the mode: from the card to the application."""
        return (self.echo.latency_frames if self.profile.cancels_echo else 0) + int(self.state.words[INSIDE]) // 2

    @property
    def playback_latency_frames(self) -> int:
        """Of the mode: from the application to the card."""
        stretched = LATENCY_FRAMES // self.factor if self.state.words[STRETCH] else 0
        return int(self.state.words[INSIDE] - self.state.words[INSIDE] // 2) + stretched

    @property
    def drift_ppm(self) -> float:
        """By how much the clock of playback is ahead of that of capture; 0 where there is one clock."""
        return self._clocks.drift_ppm if self.state.words[STRETCH] else 0.0

    def take_over(self, other: Chain) -> None:
        """What a chain knows of the card that runs on beside both, and what it has counted."""
        mine, its = self.state, other.state
        for to, come_from in (
            (mine.clocks.words, its.clocks.words), (mine.clocks.counts, its.clocks.counts),
            (mine.resampler.due, its.resampler.due), (mine.resampler.line, its.resampler.line),
        ):  # fmt: skip
            to[:] = come_from
        counted = [PROCESSED, WRITTEN, CLIPPED]
        mine.words[counted] = its.words[counted]

    def fits(self, other: Chain) -> bool:
        """Whether this one can take the place of another beside a card that runs on."""
        return self._shape == other._shape

    @property
    def _shape(self) -> tuple[int, ...]:
        profile = self.profile
        return self.factor, profile.rate_hz, profile.period_frames, profile.preroll_frames, profile.channels
