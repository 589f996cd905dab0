"""Compiling the kernels before they are needed, one by one, so that a person can watch. Compiled ones are only loaded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_py.dsp.chain import Chain, capture, forget_far_end, play
from firmware_py.dsp.echo import cancel_echo
from firmware_py.engine import loop
from firmware_py.engine.mixer import Mixer, pass_over
from firmware_py.modes import PROFILES, Mode
from firmware_py.pcm import TIMING, native
from firmware_py.pcm.entry import ENTRIES


def kernel_parts() -> dict[str, Callable[[], object]]:
    """What there is to compile, in order: the name of a part, and a call that compiles it."""
    profile = PROFILES[Mode.VOICE_CHAT]
    chain = Chain(profile)
    state, frames = chain.state, np.zeros((profile.period_frames, 2), np.int32)
    mixer = Mixer(profile.period_frames, profile.channels)
    control = np.zeros(loop.CONTROLS, np.int64)
    control[loop.CHAIN] = state.address
    return {
        "sound card": native.compiled,
        "playback path": lambda: play(state, frames),
        "echo canceller": lambda: cancel_echo(state.echo, state.mic, state.far, state.clean),
        "capture path": lambda: capture(state, frames),
        "interruptions": lambda: (forget_far_end(state, 0), pass_over(mixer.state, 0)),
        "period loop": lambda: loop.run(
            0, np.zeros(ENTRIES, np.int64), control, np.zeros(loop.STATISTICS, np.int64),
            state, mixer.state, frames, frames, np.zeros(TIMING, np.int64),
        ),
    }  # fmt: skip
