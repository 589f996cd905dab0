"""The echo canceller: one kernel for the period loop, one object for everyone else.

A block of microphone and the block of far end that was playing while it was recorded go in, the near end
comes out: linear_echo subtracts what the room returns of the far end, residual_echo weighs what is left, near_end
says whether somebody talks; only then the filters learn from the block, and what is left is turned down.

Blocks are what the session's period is; their length and the rate set sizes, not types, so one compilation
serves every mode. Whatever happens, the output is never louder than the microphone by more than 3 dB for
more than a moment. Samples that are not numbers, or lie far outside full scale, count as silence: nothing a
driver delivers can poison the filter.

The far end may reach the microphone up to a quarter of a second late, by an unknown and a changing delay, and from another
clock. It does not resample, and has no opinion on levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numba import types

from firmware_py.dsp.bulk_delay import CONFIDENCE
from firmware_py.dsp.clock_drift import DRIFT
from firmware_py.dsp.complex_fft import radices
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.linear_echo import HEAD, JUMPED, OFFSET, LinearEcho, learn_echo, linear_echo, subtract_echo
from firmware_py.dsp.near_end import AUDIBLE, NEAR
from firmware_py.dsp.residual_echo import BLOCKS, SETTLING, ResidualEcho, residual_echo, shape_output, weigh_residual
from firmware_py.dsp.simd import larger
from firmware_py.dsp.state import State, StateType
from firmware_py.dsp.vectors import Floats, Ints, copy, dot, peak, smoothed

TAIL_S = 0.192  # of a living room, down to what residual_echo takes off
LOWEST_RATE_HZ = 8000  # where the search for the delay ends
METER_S = 1.0  # memory of the ERLE meter, of far-end-only sound

# EchoState.control: what another thread may write. FREEZE_BLOCKS counts itself down.
FREEZE, FREEZE_BLOCKS, BYPASS, LINEAR_ONLY = range(4)
# EchoState.bound: smoothed energies of microphone and output
BOUND_MIC, BOUND_OUT = range(2)
# EchoState.meter: energies while only the far end sounds, of microphone, linear output, output
METER_MIC, METER_LINEAR, METER_OUT = range(3)

_FLOAT32 = np.dtype(np.float32)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_OVERLOAD = np.float32(8.0)  # 18 dB beyond full scale is no sound
_BOUND, _BOUND_KEEP = np.float32(1.9), np.float32(0.5)


class EchoState(State):
    """All that the kernels touch, in two parts and what joins them."""

    control: Ints  # FREEZE, FREEZE_BLOCKS, BYPASS, LINEAR_ONLY
    linear: LinearEcho
    residual: ResidualEcho
    mic: Floats  # [B] the microphone as the kernels see it
    far: Floats  # [B]
    last_mic: Floats  # [B] the microphone, as late as the output is
    clean: Floats  # [B] output of the linear stage
    bound: Floats  # BOUND_MIC, BOUND_OUT
    meter: Floats  # METER_MIC, METER_LINEAR, METER_OUT
    meter_keep: Floats  # [1]


Kernel = Callable[[EchoState, Floats, Floats, Floats], None]


@dataclass(frozen=True, slots=True)
class EchoStatus:
    """How the canceller is doing; erle_db and converged over about the last second in which only the far end sounded."""

    erle_db: float  # echo return loss enhancement, microphone over output; 0 until the far end has sounded
    near_probability: float  # that the near end talks now
    converged: bool  # the linear filter alone takes off 10 dB
    drift_ppm: float  # by how much the echo falls behind; 0 when one clock drives both directions
    delay_s: float  # from the far end to the strongest tap of the echo path; 0 until something has been learnt
    confidence: float  # 0 to 1, that the echo begins where the filters begin; fades while the far end is silent


@realtime
def cancel_echo(state: EchoState, mic: Floats, far: Floats, out: Floats) -> None:
    """One block of B frames, float32 at full scale 1. *out* may be *mic*."""
    control, linear, residual = state.control, state.linear, state.residual
    copy(state.mic, state.last_mic)
    take_sound(mic, state.mic)
    take_sound(far, state.far)
    adapt = control[FREEZE] == 0 and control[FREEZE_BLOCKS] == 0
    control[FREEZE_BLOCKS] = max(control[FREEZE_BLOCKS] - 1, 0)

    subtract_echo(linear, state.mic, state.far, adapt, state.clean)
    level = far_level(linear.far_peak, linear.position[HEAD] + linear.position[OFFSET], linear.tap_energy)
    jumped = linear.position[JUMPED] != 0
    weigh_residual(residual, linear.fft, state.clean, linear.estimate, linear.missed, level, jumped, adapt)
    settled = residual.tally[BLOCKS] > residual.span[SETTLING]
    learn_echo(linear, state.mic, residual.verdict[NEAR] if settled else _ZERO, level > AUDIBLE, adapt)
    if control[LINEAR_ONLY] != 0:
        copy(state.clean, out)
        copy(state.mic, state.last_mic)
    else:
        shape_output(residual, linear.fft, out)
    bound_output(state.bound, state.last_mic, out)

    if level > AUDIBLE and residual.verdict[NEAR] < np.float32(0.5):
        meter, keep = state.meter, state.meter_keep[0]
        meter[METER_MIC] = smoothed(meter[METER_MIC], dot(state.mic, state.mic), keep)
        meter[METER_LINEAR] = smoothed(meter[METER_LINEAR], dot(state.clean, state.clean), keep)
        meter[METER_OUT] = smoothed(meter[METER_OUT], dot(out, out), keep)
    if control[BYPASS] != 0:
        copy(state.last_mic, out)


@realtime
def take_sound(samples: Floats, target: Floats) -> None:
    """Copy, with silence for what is no sound. A NaN fails every comparison."""
    for i in range(target.shape[0]):
        target[i] = samples[i] if abs(samples[i]) <= _OVERLOAD else _ZERO


@realtime
def bound_output(bound: Floats, mic: Floats, out: Floats) -> None:
    """Turn a block down where the smoothed energy of *out* would pass that of *mic* by 3 dB: the linear
    stage's guard needs some blocks to notice that a path has gone."""
    bound[BOUND_MIC] = smoothed(bound[BOUND_MIC], dot(mic, mic), _BOUND_KEEP)
    loud = dot(out, out)
    allowed = max((_BOUND * bound[BOUND_MIC] - _BOUND_KEEP * bound[BOUND_OUT]) / (_ONE - _BOUND_KEEP), _ZERO)
    if loud > allowed:
        gain = np.sqrt(allowed / loud)
        for i in range(out.shape[0]):
            out[i] *= gain
        loud = allowed
    bound[BOUND_OUT] = smoothed(bound[BOUND_OUT], loud, _BOUND_KEEP)


@realtime
def far_level(far_peak: Floats, start: int, tap_energy: Floats) -> np.float32:
    """Loudest far-end block as the room returns it: each block's peak, weighted by the filter's partition
    that meets it."""
    loudest, level = peak(tap_energy), _ZERO
    for p in range(tap_energy.shape[0]):
        weight = tap_energy[p] / loudest if loudest > _ZERO else _ONE
        heard = far_peak[(start + p) & (far_peak.shape[0] - 1)]
        level = larger(level, weight * heard * heard)
    return np.float32(np.sqrt(level))


@cache
def compiled_for(state: StateType) -> Kernel:
    """cancel_echo for float32 in C order: to look up types at every call takes up to a third as long as the block."""
    line = types.Array(types.float32, 1, "C")
    cancel_echo.compile((state, line, line, line))
    kernel: Kernel = cancel_echo.get_overload((state, line, line, line))
    return kernel


def fitting_blocks(rate_hz: int) -> list[int]:
    """Frames in a block of 4 to 16 ms that a Fourier transform of two blocks takes."""
    shortest, longest = math.ceil(0.004 * rate_hz / 8 - 1e-9), int(0.016 * rate_hz / 8 + 1e-9)
    return [8 * n for n in range(shortest, longest + 1) if radices(16 * n)]


class EchoCanceller:
    """Cancels echo in blocks. Not for two threads at once; freeze and bypass may come from another."""

    def __init__(
        self,
        *,
        rate_hz: int,
        block_frames: int,
        tail_s: float | None = None,
        suppress: bool = True,
        noise_reduction_db: float = 16.0,
    ) -> None:
        """*tail_s*: how long the room answers, a multiple of the block; 192 ms, or the next multiple, unless said. A delay
        before it does not count. *suppress* false leaves the linear stage alone, without latency. *noise_reduction_db*: by
        how much steady noise may be turned down, 0 leaves it. ValueError says what would be right."""
        if rate_hz < LOWEST_RATE_HZ:
            raise ValueError(f"echo canceller: a rate of {rate_hz} Hz; it must be 8000 or more, such as 16000 or 48000")
        fitting = fitting_blocks(rate_hz)
        if block_frames not in fitting:
            raise ValueError(
                f"echo canceller: blocks of {block_frames} frames at {rate_hz} Hz; they must last 4 to 16 ms and be a multiple "
                f"of 8 with no other factors than 2, 3 and 5, such as {min(fitting, key=lambda n: abs(n - block_frames))}"
            )
        block_s = block_frames / rate_hz
        blocks = math.ceil(TAIL_S / block_s - 1e-6) if tail_s is None else tail_s / block_s
        if not (blocks > 0.5 and blocks * block_s <= 1.0 + 1e-6):  # nor is what is no number
            raise ValueError(f"echo canceller: a tail of {tail_s} s; it must be a block to 1 s, such as {TAIL_S}")
        if abs(blocks - round(blocks)) > 0.001:
            lower, upper = math.floor(blocks) * block_s, math.ceil(blocks) * block_s
            raise ValueError(
                f"echo canceller: a tail of {tail_s} s is no multiple of the block; "
                f"{lower:.6g} or {upper:.6g} s are, {math.floor(blocks)} or {math.ceil(blocks)} blocks"
            )
        if not 0.0 <= noise_reduction_db <= 40.0:
            raise ValueError(f"echo canceller: noise reduction of {noise_reduction_db} dB; it must be 0 to 40")
        self.rate_hz = rate_hz
        self.block_frames = block_frames
        self.tail_s = round(blocks) * block_s
        self._partitions = round(blocks)
        self._suppress = suppress
        self._noise_reduction_db = noise_reduction_db
        self._shape = (block_frames,)
        self._state = self._new_state()

    def _new_state(self) -> EchoState:
        blocks_per_s = self.rate_hz / self.block_frames
        mic, far, last_mic, clean = (np.zeros(self.block_frames, np.float32) for _ in range(4))
        return EchoState(
            control=np.array([0, 0, 0, not self._suppress], np.int64),
            linear=linear_echo(self.rate_hz, self.block_frames, self._partitions),
            residual=residual_echo(self.rate_hz, self.block_frames, self._noise_reduction_db),
            mic=mic,
            far=far,
            last_mic=last_mic,
            clean=clean,
            bound=np.zeros(2, np.float32),
            meter=np.zeros(3, np.float32),
            meter_keep=np.array([math.exp(-1.0 / (METER_S * blocks_per_s))], np.float32),
        )

    def process(self, mic: Floats, far: Floats, out: Floats) -> None:
        """Cancel the echo of *far* in *mic* into *out* (which may be *mic*): float32, full scale 1, equal
        lengths, whole blocks. A frame of *far* is what played when the same frame of *mic* was recorded."""
        if (  # equal types that are not the same are rare, and only slower
            mic.dtype is far.dtype is out.dtype is _FLOAT32
            and mic.shape == far.shape == out.shape == self._shape
            and mic.flags.carray and far.flags.carray and out.flags.carray
        ):  # fmt: skip
            self._compiled(self._state, mic, far, out)
            return
        self._check(mic, far, out)
        cancelled = np.empty(self.block_frames, np.float32)
        for start in range(0, len(mic), self.block_frames):
            block = slice(start, start + self.block_frames)
            self._compiled(self._state, np.array(mic[block]), np.array(far[block]), cancelled)
            out[block] = cancelled

    @cached_property
    def _compiled(self) -> Kernel:
        return compiled_for(self._state.numba_type)

    def _check(self, mic: Floats, far: Floats, out: Floats) -> None:
        """Refuse what cannot be processed."""
        for name, samples in (("mic", mic), ("far", far), ("out", out)):
            if samples.dtype != np.float32 or samples.ndim != 1:
                advice = "; int16 becomes that by .astype(np.float32) / 32768" if samples.dtype == np.int16 else ""
                raise ValueError(
                    f"echo canceller: {name} is {samples.dtype}{list(samples.shape)}; it must be float32, one channel{advice}"
                )
        if not out.flags.writeable:
            raise ValueError("echo canceller: out is read-only; give an array that can be written, such as a copy")
        frames = len(mic)
        if frames == 0 or len(far) != frames or len(out) != frames or frames % self.block_frames:
            raise ValueError(
                f"echo canceller: {frames} frames of mic, {len(far)} of far, {len(out)} of out; "
                f"they must be equal and a multiple of {self.block_frames}, at the {self.rate_hz} Hz it was made for"
            )

    def reset(self) -> None:
        """Forget room, noise and talker. Freeze and bypass stay as they are."""
        fresh = self._new_state()
        fresh.control[:] = self._state.control
        _overwrite(self._state, fresh)

    def freeze(self, on: bool) -> None:
        """Stop, or resume, learning; what is learnt goes on being subtracted."""
        self._state.control[FREEZE] = on

    def bypass(self, on: bool) -> None:
        """Pass the microphone through, as late as the output would be; learning goes on."""
        self._state.control[BYPASS] = on

    @property
    def kernel_state(self) -> EchoState:
        """What cancel_echo takes. Sizes are this canceller's; the type is every canceller's."""
        return self._state

    @property
    def latency_frames(self) -> int:
        """By how much *out* is later than *mic*: one block with suppression, none without."""
        return self.block_frames if self._suppress else 0

    @property
    def state(self) -> EchoStatus:
        mic, linear, out = (float(energy) + 1e-12 for energy in self._state.meter)
        return EchoStatus(
            erle_db=10.0 * math.log10(mic / out),
            near_probability=float(self._state.residual.verdict[NEAR]),
            converged=linear < 0.1 * mic,
            drift_ppm=1e6 * float(self._state.linear.drift[DRIFT]) / self.block_frames,
            delay_s=self._delay_s(),
            confidence=float(self._state.linear.delay.found[CONFIDENCE]),
        )

    def _delay_s(self) -> float:
        linear = self._state.linear
        strongest = int(np.argmax(linear.tap_energy))
        if linear.tap_energy[strongest] == 0.0:
            return 0.0
        bins = slice(0, self.block_frames + 1)
        taps = np.fft.irfft(linear.w_re[strongest, bins] + 1j * linear.w_im[strongest, bins])[: self.block_frames]
        blocks = int(linear.position[OFFSET]) + strongest
        return float(blocks * self.block_frames + np.argmax(np.abs(taps))) / self.rate_hz


def _overwrite(target: State, source: State) -> None:
    """The values of *source* in the arrays of *target*: kernels that hold it need not be told."""
    for name in type(target).__annotations__:
        field, value = getattr(target, name), getattr(source, name)
        if isinstance(field, State):
            _overwrite(field, value)
        else:
            field[...] = value
