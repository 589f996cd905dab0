"""What a listener would notice of the echo canceller: echo, talker, noise, delay, and what no input may do
to it."""

import numpy as np
import pytest

from firmware_py.dsp.echo import FREEZE_BLOCKS, EchoCanceller, cancel_echo

SIZES = [
    (16000, 64),
    (16000, 128),
    (16000, 256),
    (16000, 160),  # 10 ms
    (48000, 256),
    (48000, 512),
]


def speech_like(rng, frames, rate_hz):
    """Noise with the spectrum of a voice, low-passed at 700 Hz or so, in syllables and pauses; peaks near
    -12 dBFS."""
    noise = rng.standard_normal(frames)
    pole = np.exp(-2 * np.pi * 700 / rate_hz)
    shape = pole ** np.arange(200) * (1 - pole)
    syllable = rate_hz // 6
    loudness = rng.uniform(0, 1, frames // syllable + 2) * (rng.uniform(size=frames // syllable + 2) > 0.3)
    envelope = np.interp(np.arange(frames) / syllable, np.arange(len(loudness)), loudness)
    voiced = np.convolve(noise, shape)[:frames] * envelope
    return (0.25 * voiced / (np.abs(voiced).max() + 1e-9)).astype(np.float32)


def room(rng, rate_hz, delay_s=0.004, t60_s=0.25, gain=0.5):
    """A direct path, then an exponentially dying tail."""
    frames = int(0.15 * rate_hz)
    tail = rng.standard_normal(frames) * 10 ** (-3 * np.arange(frames) / (t60_s * rate_hz))
    tail[0] = 3.0
    return np.concatenate([np.zeros(int(delay_s * rate_hz)), gain * tail / np.sqrt((tail**2).sum())])


def echo_of(far, response):
    size = 1 << int(np.ceil(np.log2(len(far) + len(response))))
    spectrum = np.fft.rfft(far.astype(float), size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(far)]


def db(numerator, denominator):
    return 10 * np.log10(
        (np.square(numerator, dtype=float).sum() + 1e-15) / (np.square(denominator, dtype=float).sum() + 1e-15)
    )


def cancelled(canceller, mic, far):
    frames = len(mic) // canceller.block_frames * canceller.block_frames
    out = np.zeros(frames, np.float32)
    canceller.process(mic[:frames].astype(np.float32), far[:frames].astype(np.float32), out)
    return out


@pytest.mark.parametrize(("rate_hz", "block_frames"), SIZES)
def test_the_echo_of_speech_is_gone_in_seconds_at_every_size(rate_hz, block_frames):
    rng = np.random.default_rng(1)
    far = speech_like(rng, 5 * rate_hz, rate_hz)
    mic = echo_of(far, room(rng, rate_hz)) + 1e-5 * rng.standard_normal(len(far))
    late = slice(3 * rate_hz, 4 * rate_hz + rate_hz // 2)
    linear = EchoCanceller(rate_hz=rate_hz, block_frames=block_frames, suppress=False)
    assert db(mic[late], cancelled(linear, mic, far)[late]) > 18
    assert linear.state.converged
    full = EchoCanceller(rate_hz=rate_hz, block_frames=block_frames)
    assert db(mic[late], cancelled(full, mic, far)[late]) > 38
    assert full.state.erle_db > 30
    assert abs(full.state.drift_ppm) < 20


@pytest.mark.parametrize("level_db", [0, -20, -40])
def test_the_echo_goes_whatever_the_level(level_db):
    rng = np.random.default_rng(4)
    gain = 10 ** (level_db / 20)
    far = gain * speech_like(rng, 4 * 16000, 16000)
    mic = echo_of(far, room(rng, 16000))
    out = cancelled(EchoCanceller(rate_hz=16000, block_frames=128), mic, far)
    assert db(mic[32000:], out[32000:]) > 30


@pytest.mark.parametrize(("rate_hz", "block_frames"), SIZES)
@pytest.mark.parametrize("headphones", [False, True])
def test_a_talker_without_echo_passes_untouched_and_late_by_the_latency(rate_hz, block_frames, headphones):
    rng = np.random.default_rng(2)
    near = speech_like(rng, 3 * rate_hz, rate_hz)
    far = speech_like(rng, 3 * rate_hz, rate_hz) if headphones else np.zeros_like(near)
    canceller = EchoCanceller(rate_hz=rate_hz, block_frames=block_frames)
    out = cancelled(canceller, near, far)
    late = canceller.latency_frames
    assert late == block_frames
    assert abs(db(out[late:], near[: len(out) - late])) < (1.0 if headphones else 0.5)
    assert db(near[: len(out) - late], out[late:] - near[: len(out) - late]) > (10 if headphones else 20)


def test_in_double_talk_the_talker_stays_and_the_echo_goes():
    rng = np.random.default_rng(3)
    far, near = (speech_like(rng, 8 * 16000, 16000) for _ in range(2))
    near[: 4 * 16000] = 0
    echo = echo_of(far, room(rng, 16000, gain=1.0))
    out = cancelled(EchoCanceller(rate_hz=16000, block_frames=128), near + echo, far)
    talk, heard = near[4 * 16000 : -128], out[4 * 16000 + 128 :]
    gain = float(talk @ heard) / float(talk @ talk)
    assert abs(20 * np.log10(gain)) < 1.0
    assert db(talk, heard - gain * talk) > db(talk, echo[4 * 16000 : -128]) + 8


def test_without_suppression_there_is_no_latency_and_no_far_end_means_no_change():
    rng = np.random.default_rng(5)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128, suppress=False)
    near = speech_like(rng, 16000, 16000)
    assert canceller.latency_frames == 0
    assert np.array_equal(cancelled(canceller, near, np.zeros_like(near)), near[: 125 * 128])


def test_a_bypass_is_the_microphone_as_late_as_ever():
    rng = np.random.default_rng(6)
    mic, far = (speech_like(rng, 12800, 16000) for _ in range(2))
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    canceller.bypass(True)
    assert np.array_equal(cancelled(canceller, mic, far)[128:], mic[:-128])


def test_a_frozen_filter_keeps_cancelling_and_does_not_unlearn():
    rng = np.random.default_rng(7)
    far = speech_like(rng, 6 * 16000, 16000)
    echo = echo_of(far, room(rng, 16000)).astype(np.float32)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128, suppress=False)
    half = 375 * 128
    cancelled(canceller, echo[:half], far[:half])
    canceller.freeze(True)
    learnt = canceller.kernel_state.linear.w_re.copy()
    cancelled(canceller, np.zeros(half, np.float32), far[:half])  # the loudspeaker is unplugged
    assert np.abs(canceller.kernel_state.linear.w_re - learnt).max() < 1e-2 * np.abs(learnt).max()
    out = cancelled(canceller, echo[half:], far[half:])
    assert db(echo[half + 4000 : half + len(out)], out[4000:]) > 15


def test_a_freeze_of_three_blocks_ends_after_three_blocks():
    rng = np.random.default_rng(8)
    far = speech_like(rng, 16000, 16000) + 0.01
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    canceller.kernel_state.control[FREEZE_BLOCKS] = 3
    filled = []
    for start in range(0, 6 * 128, 128):
        cancelled(canceller, 0.5 * far[start : start + 128], far[start : start + 128])
        filled.append(bool(canceller.kernel_state.linear.w_re.any()))
    assert filled == [False, False, False, True, True, True]


def test_reset_forgets_the_room_but_not_the_switches():
    rng = np.random.default_rng(9)
    far = speech_like(rng, 2 * 16000, 16000)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    fresh = cancelled(canceller, 0.5 * far, far)
    canceller.reset()
    assert np.array_equal(cancelled(canceller, 0.5 * far, far), fresh)
    canceller.bypass(True)
    canceller.reset()
    assert np.array_equal(cancelled(canceller, far, far)[128:], far[: len(fresh) - 128])


NASTY = {
    "NaN": lambda n: np.full(n, np.nan),
    "infinity": lambda n: np.full(n, np.inf),
    "a huge number": lambda n: np.full(n, 1e30),
    "full scale square": lambda n: np.sign(np.sin(np.arange(n) / 7) + 1e-9),
    "DC": lambda n: np.full(n, 0.7),
    "clicks": lambda n: (np.arange(n) % 997 == 0).astype(float),
    "silence": np.zeros,
    "denormals": lambda n: np.full(n, 1e-41),
}


@pytest.mark.parametrize("where", ["mic", "far", "both"])
@pytest.mark.parametrize("name", NASTY)
def test_no_input_poisons_the_canceller(name, where):
    rng = np.random.default_rng(10)
    far = speech_like(rng, 4 * 16000, 16000)
    mic = echo_of(far, room(rng, 16000)).astype(np.float32)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    nasty = NASTY[name](8000).astype(np.float32)
    silence = np.zeros(8000, np.float32)
    for m, f in (
        (mic[:16000], far[:16000]),
        (nasty if where != "far" else silence, nasty if where != "mic" else silence),
    ):
        assert np.isfinite(cancelled(canceller, m, f)).all()
    out = cancelled(canceller, mic[16000:], far[16000:])
    assert np.isfinite(out).all()
    assert db(mic[48000:], out[32000:]) > 20  # it has found back


@pytest.mark.parametrize("suppress", [True, False])
def test_whatever_comes_in_no_more_than_3_db_above_it_goes_out(suppress):
    """Sounds of random kinds, levels and echo paths, 100 ms each. The output is compared with the louder of
    this and the last 100 ms of microphone: a filter that is told to forget at once could not cancel."""
    rng = np.random.default_rng(12)
    kinds = [
        lambda n: rng.standard_normal(n) * 0.2,
        lambda n: np.sin(np.arange(n) * rng.uniform(0.01, 3)),
        lambda n: np.zeros(n),
        lambda n: np.sign(rng.standard_normal(n)),
        lambda n: speech_like(rng, n, 16000),
    ]
    canceller = EchoCanceller(rate_hz=16000, block_frames=128, suppress=suppress)
    window = 13 * 128
    before, worst_db, played = np.zeros(window), -99.0, np.zeros(2 * window)
    for _ in range(400):
        far = 10 ** rng.uniform(-3, 0) * kinds[rng.integers(len(kinds))](window)
        played = np.concatenate([played[window:], far])
        echo = played[window - 40 : -40] * rng.choice([0.0, 0.5, -1.0])
        near = 10 ** rng.uniform(-3, 0) * kinds[rng.integers(len(kinds))](window) * rng.choice([0.0, 1.0])
        mic = np.clip(echo + near, -1, 1)
        out = cancelled(canceller, mic, far)
        loudest = max(db(mic, np.ones(window)), db(before, np.ones(window)))
        if loudest > -60:
            worst_db = max(worst_db, db(out, np.ones(window)) - loudest)
        before = mic
    assert worst_db < 3.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate_hz": 0, "block_frames": 128}, "positive"),
        ({"rate_hz": 16000, "block_frames": 1024}, "1 to 32 ms"),
        ({"rate_hz": 16000, "block_frames": 112}, "2, 3 and 5"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": 2.0}, "a block to 1 s"),
        ({"rate_hz": 16000, "block_frames": 128, "noise_reduction_db": -3.0}, "0 to 40"),
    ],
)
def test_a_canceller_that_cannot_be_says_what_could(arguments, message):
    with pytest.raises(ValueError, match=message):
        EchoCanceller(**arguments)


@pytest.mark.parametrize(
    ("mic", "far", "message"),
    [
        (np.zeros(128), np.zeros(128, np.float32), "float32"),
        (np.zeros(100, np.float32), np.zeros(100, np.float32), "multiple of 128"),
        (np.zeros(128, np.float32), np.zeros(256, np.float32), "equal"),
        (np.zeros((128, 2), np.float32), np.zeros(128, np.float32), "one channel"),
    ],
)
def test_a_block_that_cannot_be_processed_is_refused_with_what_would_be_right(mic, far, message):
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    with pytest.raises(ValueError, match=message):
        canceller.process(mic, far, np.zeros(len(mic), np.float32))


def test_one_compilation_serves_every_size():
    silence = np.zeros(960, np.float32)
    for rate_hz, block_frames in SIZES:
        EchoCanceller(rate_hz=rate_hz, block_frames=block_frames).process(
            silence[:block_frames], silence[:block_frames], np.zeros(block_frames, np.float32)
        )
    assert len(cancel_echo.signatures) == 1
