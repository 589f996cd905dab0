"""What the kernels make of fixed sounds, so that two instruction sets can be compared.

    python tests/aarch64/scenes.py here.npz          sounds and results of this machine, in one file

The sounds are recorded too: noise and sines differ in the last bit between C libraries. A result is a sound's name, what was
done to it, and for the chat modes what the application gets of it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp import frames
from firmware_py.dsp.biquad import BiquadCascade, voice_eq
from firmware_py.dsp.chain import DELAY, Chain, capture, play
from firmware_py.dsp.clocks import PPM, RATIO, ClockFollower, follow_clocks
from firmware_py.dsp.dynamics import AutomaticGain, Limiter
from firmware_py.dsp.echo import EchoCanceller
from firmware_py.dsp.fft import irfft, real_fft, rfft
from firmware_py.dsp.rates import Decimator, Interpolator
from firmware_py.dsp.resample import SLACK, Resampler
from firmware_py.modes import PROFILES, Mode

Array = NDArray[Any]
Arrays = dict[str, Array]

RATE_HZ, BLOCK = 16_000, 128
SCENE_S = 4.0
CHATS = {"VoiceChat": Mode.VOICE_CHAT, "GameChat": Mode.GAME_CHAT}
FFT_FRAMES = (256, 320, 512, 960)  # passes of radix 8 and 4; of 8, 4 and 5; of 4; of 8, 4, 3 and 5


def sounds() -> Arrays:
    """Every sound that `results` works on."""
    rng = np.random.default_rng(20)
    made: Arrays = {
        "words": rng.integers(-(2**31), 2**31, (512, 2)).astype(np.int32),
        "noise": (0.3 * rng.standard_normal((RATE_HZ, 1))).astype(np.float32),
        "too loud": (1.5 * rng.standard_normal((512, 2))).astype(np.float32),
    }
    periods = np.arange(1, 4001) * BLOCK  # of two clocks 100 ppm apart, whose stamps tremble by half a millisecond
    trembling_ns = rng.integers(-250_000, 250_000, (2, periods.size)) + np.rint(periods * (1e9 / RATE_HZ)).astype(
        np.int64
    )
    made["stamps"] = np.stack([periods, trembling_ns[0], np.floor(periods * 1.0001).astype(np.int64), trembling_ns[1]])
    made["words"][:3] = [[2**31 - 1, -(2**31)], [2**31 - 2**8, -(2**31) + 2**8], [0, -1]]
    made["too loud"][:2] = [[np.nan, np.inf], [-np.inf, 1.0]]
    made["far"], made["near"] = (_speech(rng, RATE_HZ) for _ in range(2))
    made["near"][: made["near"].size // 2] = 0.0
    echo = _in_a_room(made["far"], RATE_HZ, delay_frames=40)
    made["mic"] = _to_float32(echo + made["near"] + 1e-4 * rng.standard_normal(echo.size))
    for name, mode in CHATS.items():
        rate_hz, period = PROFILES[mode].rate_hz, PROFILES[mode].period_frames
        far, near = (_speech(rng, rate_hz) for _ in range(2))
        near[: near.size // 2] = 0.0
        chain = Chain(PROFILES[mode])
        played = np.concatenate([_play(chain, block) for block in _blocks(far, period)])
        heard = _in_a_room(played[:, 0] * 2.0**-31, rate_hz, delay_frames=int(chain.state.words[DELAY]) + 40)
        heard += near[: heard.size] + 1e-4 * rng.standard_normal(heard.size)
        card = np.stack([heard, np.zeros(heard.size)], axis=1)
        made[f"{name} far"] = far
        made[f"{name} card"] = (np.rint(np.clip(card, -1.0, 1.0 - 2.0**-23) * 2.0**23) * 2.0**8).astype(np.int32)
    return made


def results(made: Arrays) -> Arrays:
    """What every kernel that is heard makes of the *made* sounds."""
    found: Arrays = {}
    for scene in (_conversions, _transforms, _filter, _rates, _clocks, _gains, _cancellers):
        found |= scene(made)
    for name, mode in CHATS.items():
        found[f"{name}, up"], found[f"{name}, down"] = _whole_chain(mode, made[f"{name} far"], made[f"{name} card"])
    return found


def _conversions(made: Arrays) -> Arrays:
    x, words = np.empty_like(made["too loud"]), np.empty_like(made["words"])
    clipped, lost = frames.to_float(made["words"], x), frames.to_int(made["too loud"], words)
    return {"words to float": x, "float to words": words, "samples clipped and lost": np.array([clipped, lost])}


def _transforms(made: Arrays) -> Arrays:
    found = {}
    for size in FFT_FRAMES:
        fft, signal = real_fft(size), made["noise"][:size, 0].copy()
        re, im, back = np.zeros(size // 2 + 1, np.float32), np.zeros(size // 2 + 1, np.float32), np.zeros_like(signal)
        rfft(fft, signal, re, im)
        irfft(fft, re, im, back)
        found[f"spectrum of {size}"], found[f"signal of {size}"] = re + 1j * im, back
    return found


def _filter(made: Arrays) -> Arrays:
    return {"voice equaliser": BiquadCascade(voice_eq(RATE_HZ), 1).process(made["noise"].copy())}


def _rates(made: Arrays) -> Arrays:
    noise = made["noise"][: RATE_HZ // 3 * 3]
    resampler, stretched = Resampler(1), np.zeros((BLOCK + SLACK, 1), np.float32)
    return {
        "a third of the rate": Decimator(3).process(noise, np.zeros((len(noise) // 3, 1), np.float32)),
        "three times the rate": Interpolator(3, 1).process(noise, np.zeros((len(noise) * 3, 1), np.float32)),
        "a rate 200 ppm higher": np.concatenate(
            [resampler.process(block, 1.0002, stretched).copy() for block in _blocks(noise, BLOCK)]
        ),
    }


def _clocks(made: Arrays) -> Arrays:
    follower, made_frames, found = ClockFollower(RATE_HZ), 0.0, []
    words = follower.state.words
    for captured, captured_ns, played, played_ns in made["stamps"].T.tolist():
        follow_clocks(follower.state, captured, captured_ns, played, played_ns, captured - BLOCK, made_frames)
        made_frames += BLOCK * words[RATIO]
        found.append((words[RATIO], words[PPM]))
    return {"ratio between two clocks": np.array(found)[:, 0], "drift between two clocks": np.array(found)[:, 1]}


def _gains(made: Arrays) -> Arrays:
    limiter, agc = Limiter(RATE_HZ, -12.0), AutomaticGain(RATE_HZ)
    limited, levelled = made["noise"].copy(), made["near"].copy()
    for block in _blocks(limited, BLOCK):
        limiter.process(block)
    for block in _blocks(levelled, BLOCK):
        agc.process(block, 1.0)
    return {"limiter": limited, "automatic gain": levelled}


def _cancellers(made: Arrays) -> Arrays:
    found = {}
    for name, suppress in (("linear canceller", False), ("canceller", True)):
        out = np.zeros_like(made["mic"])
        EchoCanceller(rate_hz=RATE_HZ, block_frames=BLOCK, suppress=suppress).process(made["mic"], made["far"], out)
        found[name] = out
    return found


def _whole_chain(mode: Mode, far: Array, card: Array) -> tuple[Array, Array]:
    """What the application and what the card get, period by period, as the loop does it."""
    chain = Chain(PROFILES[mode])
    up, down = [], []
    for captured, block in zip(_blocks(card, chain.state.mic.size), _blocks(far, chain.state.mic.size), strict=False):
        capture(chain.state, captured)
        up.append(chain.state.up.copy())
        down.append(_play(chain, block))
    return np.concatenate(up), np.concatenate(down)


def _play(chain: Chain, block: Array) -> Array:
    chain.state.down[:, 0] = block
    played = np.zeros((block.size, 2), np.int32)
    play(chain.state, played)
    return played


def _speech(rng: np.random.Generator, rate_hz: int) -> Array:
    """Noise low-passed like a voice, in syllables and pauses, its loudest at -12 dBFS."""
    size, syllable = round(SCENE_S * rate_hz), rate_hz // 6
    pole = np.exp(-2 * np.pi * 700 / rate_hz)
    voice = np.convolve(rng.standard_normal(size), pole ** np.arange(200) * (1 - pole))[:size]
    syllables = rng.uniform(0, 1, size // syllable + 2) * (rng.uniform(size=size // syllable + 2) > 0.3)
    voice *= np.interp(np.arange(size) / syllable, np.arange(syllables.size), syllables)
    return _to_float32(0.25 * voice / np.abs(voice).max())


def _in_a_room(sound: Array, rate_hz: int, delay_frames: int) -> Array:
    """*sound* behind a direct path and a tail of 100 ms that dies by 60 dB in 250 ms."""
    tail = np.random.default_rng(21).standard_normal(rate_hz // 10)
    tail *= 10.0 ** (-3.0 * np.arange(tail.size) / (0.25 * rate_hz))
    tail[0] = 3.0
    response = np.concatenate([np.zeros(delay_frames), 0.5 * tail / np.sqrt((tail**2).sum())])
    return np.convolve(sound, response)[: sound.size]


def _blocks(sound: Array, size: int) -> list[Array]:
    return [sound[start : start + size] for start in range(0, len(sound) - size + 1, size)]


def _to_float32(sound: Array) -> Array:
    return sound.astype(np.float32)


if __name__ == "__main__":
    these = sounds()
    np.savez(sys.argv[1], **these, **results(these))
