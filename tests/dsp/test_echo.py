"""What a listener would notice of the echo canceller: echo, talker, noise, delay, and what no input may do
to it."""

import math

import numpy as np
import pytest

from firmware_py.dsp.echo import FREEZE_BLOCKS, LINEAR_ONLY, EchoCanceller, cancel_echo

SIZES = [
    (16000, 64),
    (16000, 128),
    (16000, 256),
    (16000, 160),  # 10 ms
    (48000, 256),
    (48000, 512),
]
EVERY_SIZE = [
    (rate_hz, block_ms, tail_ms)
    for rate_hz in (16000, 48000)
    for block_ms, tails_ms in ((4, (64, 192, 512)), (8, (64, 192, 512)), (10, (60, 190, 510)), (16, (64, 192, 512)))
    for tail_ms in tails_ms
]


LEAST_EVERYWHERE_DB = 20.0


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


@pytest.mark.parametrize(("rate_hz", "block_ms", "tail_ms"), EVERY_SIZE)
def test_every_block_and_tail_cancels(rate_hz, block_ms, tail_ms):
    """White, in a dry room: what is asked for is not much, but of every size."""
    rng = np.random.default_rng(20)
    far = 0.1 * rng.standard_normal(int(1.6 * rate_hz))
    mic = echo_of(far, room(rng, rate_hz, t60_s=0.12))
    canceller = EchoCanceller(
        rate_hz=rate_hz, block_frames=block_ms * rate_hz // 1000, tail_s=tail_ms / 1000, suppress=False
    )
    assert canceller.tail_s == pytest.approx(tail_ms / 1000)
    out = cancelled(canceller, mic, far)
    late = slice(int(1.2 * rate_hz), len(out))
    assert db(mic[late], out[late]) > LEAST_EVERYWHERE_DB


@pytest.mark.parametrize("rate_hz", [16000, 48000])
@pytest.mark.parametrize("block_ms", [4, 8, 10, 12, 16])
def test_the_tail_is_192_ms_or_the_next_multiple_of_the_block(rate_hz, block_ms):
    canceller = EchoCanceller(rate_hz=rate_hz, block_frames=block_ms * rate_hz // 1000)
    assert 0.192 - 1e-9 <= canceller.tail_s < 0.192 + block_ms / 1000
    assert (1000 * canceller.tail_s / block_ms) % 1 == pytest.approx(0, abs=1e-6)


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


@pytest.mark.parametrize(("rate_hz", "block_frames"), [(16000, 128), (16000, 256), (48000, 512)])
def test_headphones_cost_the_talker_less_than_a_decibel(rate_hz, block_frames):
    """Two voices at the same level, no echo: from the second second on, the middle of seven pairs."""
    lost_db, linear_db = [], []
    for seed in range(2, 9):
        rng = np.random.default_rng(seed)
        near, far = (speech_like(rng, 5 * rate_hz, rate_hz) for _ in range(2))
        whole = cancelled(EchoCanceller(rate_hz=rate_hz, block_frames=block_frames), near, far)[block_frames:]
        linear = cancelled(EchoCanceller(rate_hz=rate_hz, block_frames=block_frames, suppress=False), near, far)
        settled = slice(rate_hz, len(whole))
        lost_db.append(db(near[settled], whole[settled]))
        linear_db.append(db(near[settled], linear[settled]))
    assert abs(np.median(lost_db)) < 1.0, lost_db
    assert np.abs(linear_db).max() < 0.5, linear_db


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
    out = cancelled(canceller, near, np.zeros_like(near))
    assert np.allclose(
        out, near[: len(out)], rtol=0, atol=1e-12
    )  # to the bit, where there is more than -240 dB of talker


def test_the_latency_without_suppression_is_none_with_an_echo_either():
    rng = np.random.default_rng(21)
    far, near = (speech_like(rng, 3 * 16000, 16000) for _ in range(2))
    near[:32000] = 0
    canceller = EchoCanceller(rate_hz=16000, block_frames=128, suppress=False)
    out = cancelled(canceller, near + echo_of(far, room(rng, 16000, gain=0.2)), far)
    talk = near[32000:]
    best = max(range(-200, 201), key=lambda n: float(talk[200:-200] @ out[32000 + 200 + n : len(out) - 200 + n]))
    assert best == 0


def test_linear_only_may_be_switched_while_it_runs():
    rng = np.random.default_rng(22)
    far = speech_like(rng, 2 * 16000, 16000)
    mic = 0.5 * far + 0.01 * speech_like(rng, 2 * 16000, 16000)
    whole = EchoCanceller(rate_hz=16000, block_frames=128)
    linear = EchoCanceller(rate_hz=16000, block_frames=128, suppress=False)
    expected = cancelled(linear, mic, far)
    whole.kernel_state.control[LINEAR_ONLY] = 1
    assert np.array_equal(cancelled(whole, mic, far), expected)
    whole.kernel_state.control[LINEAR_ONLY] = 0
    assert not np.array_equal(cancelled(whole, mic, far), expected)


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


def test_a_bypass_ends_as_if_it_had_not_been():
    rng = np.random.default_rng(23)
    far = speech_like(rng, 4 * 16000, 16000)
    mic = echo_of(far, room(rng, 16000))
    plain, bypassed = (EchoCanceller(rate_hz=16000, block_frames=128) for _ in range(2))
    expected = cancelled(plain, mic, far)
    bypassed.bypass(True)
    cancelled(bypassed, mic[:32000], far[:32000])
    bypassed.bypass(False)
    assert np.array_equal(cancelled(bypassed, mic[32000:], far[32000:]), expected[32000:])  # it has learnt


def test_a_frozen_canceller_learns_nothing_at_all():
    rng = np.random.default_rng(24)
    far = speech_like(rng, 16000, 16000)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128, suppress=False)
    canceller.freeze(True)
    mic = (0.5 * far).astype(np.float32)
    assert np.array_equal(cancelled(canceller, mic, far), mic)
    canceller.freeze(False)
    out = cancelled(canceller, mic, far)
    assert db(mic[8000:], out[8000:]) > 15


def told_after(rng, delay_s, seconds=4.0, rate_hz=16000, block_frames=128):
    """The status after so much noise over a path that is one arrival."""
    far = 0.1 * rng.standard_normal(int(seconds * rate_hz))
    mic = 0.5 * np.concatenate([np.zeros(round(delay_s * rate_hz)), far])[: len(far)]
    canceller = EchoCanceller(rate_hz=rate_hz, block_frames=block_frames)
    cancelled(canceller, mic + 1e-4 * rng.standard_normal(len(far)), far)
    return canceller.state


@pytest.mark.parametrize(("rate_hz", "block_frames"), [(16000, 64), (16000, 128), (16000, 256), (48000, 480)])
@pytest.mark.parametrize("delay_ms", [0, 20, 100, 240])
def test_the_delay_is_told_within_2_ms_after_4_s_of_noise(rate_hz, block_frames, delay_ms):
    told = told_after(np.random.default_rng(25), delay_ms / 1000, 4.0, rate_hz, block_frames)
    assert told.delay_s == pytest.approx(delay_ms / 1000, abs=0.002)
    assert told.confidence > 0.7
    assert told.converged
    assert told.erle_db > 30


def test_before_anything_has_sounded_nothing_is_claimed():
    told = EchoCanceller(rate_hz=16000, block_frames=128).state
    assert (told.erle_db, told.delay_s, told.drift_ppm, told.confidence, told.near_probability) == (0, 0, 0, 0, 0)
    assert not told.converged


def test_there_is_no_confidence_without_an_echo():
    rng = np.random.default_rng(26)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    cancelled(canceller, *(0.1 * rng.standard_normal((2, 3 * 16000))))
    assert canceller.state.confidence < 0.3
    assert not canceller.state.converged


def test_confidence_fades_while_the_far_end_is_silent():
    rng = np.random.default_rng(26)
    far = 0.1 * rng.standard_normal(3 * 16000)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    cancelled(canceller, np.roll(far, 300) * 0.5, far)
    sure = canceller.state.confidence
    cancelled(canceller, 1e-4 * rng.standard_normal(10 * 16000), np.zeros(10 * 16000))
    assert canceller.state.confidence < 0.5 * sure


def test_the_near_probability_is_1_with_a_talker_and_0_without():
    rng = np.random.default_rng(28)
    far, near = speech_like(rng, 6 * 16000, 16000), speech_like(rng, 16000, 16000)
    echo = echo_of(far, room(rng, 16000, gain=0.3)) + 1e-4 * rng.standard_normal(len(far))
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    echo[4 * 16000 : 5 * 16000] += near
    told = np.array([
        (cancelled(canceller, echo[at : at + 128], far[at : at + 128]), canceller.state.near_probability)[1]
        for at in range(0, 6 * 16000, 128)
    ])  # fmt: skip
    assert told[250:500].mean() < 0.05
    assert np.quantile(told[500:625], 0.75) > 0.9
    assert told[700:].mean() < 0.1


def test_it_works_in_place_in_several_blocks_and_on_every_second_sample():
    rng = np.random.default_rng(29)
    far = speech_like(rng, 12800, 16000)
    mic = (0.5 * far).astype(np.float32)
    expected = cancelled(EchoCanceller(rate_hz=16000, block_frames=128), mic, far)

    one_by_one, canceller = mic.copy(), EchoCanceller(rate_hz=16000, block_frames=128)
    for at in range(0, len(mic), 128):
        block = one_by_one[at : at + 128]
        canceller.process(block, far[at : at + 128], block)
    assert np.array_equal(one_by_one, expected)

    in_place = mic.copy()
    EchoCanceller(rate_hz=16000, block_frames=128).process(in_place, far, in_place)
    assert np.array_equal(in_place, expected)

    stereo, canceller = np.stack([mic, far, np.zeros_like(mic)], axis=1), EchoCanceller(rate_hz=16000, block_frames=128)
    for at in range(0, len(mic), 128):
        canceller.process(*stereo[at : at + 128].T)
    assert np.array_equal(stereo[:, 2], expected)
    assert np.array_equal(stereo[:, 0], mic)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    canceller.process(*stereo.T)
    assert np.array_equal(stereo[:, 2], expected)


@pytest.mark.parametrize("jump_ms", [55, 100, -55])
def test_a_jump_of_the_delay_is_recovered(jump_ms):
    rng = np.random.default_rng(30)
    far = speech_like(rng, 9 * 16000, 16000)
    before, after = (echo_of(far, room(np.random.default_rng(31), 16000, d)) for d in (0.070, 0.070 + jump_ms / 1000))
    change = 4 * 16000
    mic = np.concatenate([before[:change], after[change:]]) + 1e-5 * rng.standard_normal(len(far))
    linear = EchoCanceller(rate_hz=16000, block_frames=128, suppress=False)
    out = cancelled(linear, mic, far)
    assert db(mic[change - 16000 : change], out[change - 16000 : change]) > 15
    late = slice(change + 32000, len(out))
    assert db(mic[late], out[late]) > 15
    whole = cancelled(EchoCanceller(rate_hz=16000, block_frames=128), mic, far)
    assert db(mic[late], whole[late]) > 30


@pytest.mark.parametrize("suppress", [True, False])
def test_a_path_that_disappears_leaves_no_noise_behind(suppress):
    """Headphones are plugged in. The microphone is the room's quiet from then on, and soon the output is no louder."""
    rng = np.random.default_rng(32)
    far = speech_like(rng, 8 * 16000, 16000)
    quiet = 1e-4 * rng.standard_normal(len(far))
    mic = echo_of(far, room(rng, 16000)) + quiet
    mic[64000:] = quiet[64000:]
    out = cancelled(EchoCanceller(rate_hz=16000, block_frames=128, suppress=suppress), mic, far)
    for second in (4.2, 5, 6, 7):
        heard = slice(int(second * 16000), int(second * 16000) + 8000)
        assert db(out[heard], mic[heard]) < (1.0 if second > 4.5 else 3.0)


def test_a_path_that_comes_back_is_learnt_again():
    rng = np.random.default_rng(33)
    far = speech_like(rng, 12 * 16000, 16000)
    mic = echo_of(far, room(rng, 16000)) + 1e-5 * rng.standard_normal(len(far))
    mic[4 * 16000 : 7 * 16000] = 1e-4 * rng.standard_normal(3 * 16000)
    out = cancelled(EchoCanceller(rate_hz=16000, block_frames=128, suppress=False), mic, far)
    assert db(mic[10 * 16000 : len(out)], out[10 * 16000 :]) > 18


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
    this and the last 100 ms of microphone: a filter that is told to forget at once could not cancel. What sounded before those,
    36 dB down, is not yet forgotten: the bound halves its memory every block."""
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
    last_db, before_db, worst_db, played = -99.0, -99.0, -99.0, np.zeros(2 * window)
    for _ in range(770):  # 10 010 blocks
        far = 10 ** rng.uniform(-3, 0) * kinds[rng.integers(len(kinds))](window)
        played = np.concatenate([played[window:], far])
        echo = played[window - 40 : -40] * rng.choice([0.0, 0.5, -1.0])
        near = 10 ** rng.uniform(-3, 0) * kinds[rng.integers(len(kinds))](window) * rng.choice([0.0, 1.0])
        mic = np.clip(echo + near, -1, 1)
        out = cancelled(canceller, mic, far)
        loudest = max(db(mic, np.ones(window)), last_db, before_db - 36)
        if loudest > -60:
            worst_db = max(worst_db, db(out, np.ones(window)) - loudest)
        last_db, before_db = db(mic, np.ones(window)), last_db
    assert worst_db < 3.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate_hz": 0, "block_frames": 128}, "8000 or more"),
        ({"rate_hz": 4000, "block_frames": 32}, "8000 or more"),
        ({"rate_hz": 16000, "block_frames": 1024}, "4 to 16 ms.* such as 256"),
        ({"rate_hz": 16000, "block_frames": 48}, "4 to 16 ms"),
        ({"rate_hz": 48000, "block_frames": 128}, "4 to 16 ms.* such as 192"),
        ({"rate_hz": 16000, "block_frames": 264}, "4 to 16 ms"),
        ({"rate_hz": 16000, "block_frames": 0}, "4 to 16 ms"),
        ({"rate_hz": 16000, "block_frames": -128}, "4 to 16 ms"),
        ({"rate_hz": 16000, "block_frames": 112}, "2, 3 and 5, such as 120"),
        ({"rate_hz": 16000, "block_frames": 100}, "multiple of 8.* such as 96"),
        ({"rate_hz": 44100, "block_frames": 441}, "such as 432"),
        ({"rate_hz": 16001, "block_frames": 64}, "such as 72"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": math.nan}, "a block to 1 s"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": math.inf}, "a block to 1 s"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": 2.0}, "a block to 1 s"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": 0.0}, "a block to 1 s"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": -0.1}, "a block to 1 s"),
        ({"rate_hz": 16000, "block_frames": 128, "tail_s": 0.1}, "0.096 or 0.104 s are, 12 or 13 blocks"),
        ({"rate_hz": 16000, "block_frames": 160, "tail_s": 0.192}, "0.19 or 0.2 s are, 19 or 20 blocks"),
        ({"rate_hz": 16000, "block_frames": 128, "noise_reduction_db": -3.0}, "0 to 40"),
    ],
)
def test_a_canceller_that_cannot_be_says_what_could(arguments, message):
    with pytest.raises(ValueError, match=message):
        EchoCanceller(**arguments)


@pytest.mark.parametrize(
    ("mic", "far", "message"),
    [
        (np.zeros(128), np.zeros(128, np.float32), "mic is float64.*float32"),
        (np.zeros(128, np.float32), np.zeros(128), "far is float64"),
        (np.zeros(128, np.int16), np.zeros(128, np.float32), r"mic is int16.*\.astype\(np\.float32\) / 32768"),
        (np.zeros(128, np.float32), np.zeros(128, np.int16), r"far is int16.*\.astype\(np\.float32\) / 32768"),
        (np.zeros(0, np.float32), np.zeros(0, np.float32), "0 frames of mic"),
        (np.zeros(100, np.float32), np.zeros(100, np.float32), "multiple of 128"),
        (np.zeros(128, np.float32), np.zeros(256, np.float32), "equal"),
        (np.zeros((128, 2), np.float32), np.zeros(128, np.float32), "one channel"),
        (np.zeros((1, 128), np.float32), np.zeros(128, np.float32), "one channel"),
    ],
)
def test_a_block_that_cannot_be_processed_is_refused_with_what_would_be_right(mic, far, message):
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    with pytest.raises(ValueError, match=message):
        canceller.process(mic, far, np.zeros(len(mic), np.float32))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.zeros(256, np.float32), "256 of out"),
        (np.zeros(128), "out is float64"),
        (np.zeros(128, np.int16), "out is int16"),
        (np.frombuffer(bytes(512), np.float32), "out is read-only"),
    ],
)
def test_an_output_that_cannot_take_it_is_refused(out, message):
    silence = np.zeros(128, np.float32)
    with pytest.raises(ValueError, match=message):
        EchoCanceller(rate_hz=16000, block_frames=128).process(silence, silence, out)


def test_samples_that_cannot_be_written_or_lie_at_an_odd_address_are_heard_as_any_others():
    rng = np.random.default_rng(33)
    far = speech_like(rng, 12800, 16000)
    mic = (0.5 * far).astype(np.float32)
    expected = cancelled(EchoCanceller(rate_hz=16000, block_frames=128), mic, far)
    canceller, out = EchoCanceller(rate_hz=16000, block_frames=128), np.zeros(12800, np.float32)
    for at in range(0, 12800, 128):
        block = slice(at, at + 128)
        read_only = np.frombuffer(mic[block].tobytes(), np.float32)
        odd = np.frombuffer(b"." + far[block].tobytes(), np.uint8)[1:].view(np.float32)
        assert not read_only.flags.writeable
        assert not odd.flags.aligned
        canceller.process(read_only, odd, out[block])
    assert np.array_equal(out, expected)


def test_a_refused_block_changes_nothing():
    rng = np.random.default_rng(34)
    far = speech_like(rng, 12800, 16000)
    expected = cancelled(EchoCanceller(rate_hz=16000, block_frames=128), 0.5 * far, far)
    canceller = EchoCanceller(rate_hz=16000, block_frames=128)
    with pytest.raises(ValueError, match="equal"):
        canceller.process(far, far[:-128], np.zeros_like(far))
    assert np.array_equal(cancelled(canceller, 0.5 * far, far), expected)


def test_one_compilation_serves_every_size():
    silence = np.zeros(960, np.float32)
    for rate_hz, block_ms, tail_ms in EVERY_SIZE:
        block = block_ms * rate_hz // 1000
        for suppress in (True, False):
            EchoCanceller(rate_hz=rate_hz, block_frames=block, tail_s=tail_ms / 1000, suppress=suppress).process(
                silence[:block], silence[:block], np.zeros(block, np.float32)
            )
    assert len(cancel_echo.signatures) == 1
