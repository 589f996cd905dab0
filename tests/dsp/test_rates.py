"""Rate conversion by whole factors, against closed forms and against its plain form in double precision."""

from itertools import pairwise

import numpy as np
import pytest

from firmware_py.dsp.rates import (
    LARGEST_FACTOR,
    ROUND_TRIP_FRAMES,
    TAPS,
    Decimator,
    Interpolator,
    low_pass_taps,
)

LOW_HZ = 16_000
FACTORS = [2, 3, 6]
SETTLED = 2 * TAPS  # low frames


def noise(frames, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


def sine(hz, rate_hz, frames, late_frames=0.0):
    return np.sin(2 * np.pi * hz * (np.arange(frames) - late_frames) / rate_hz)[:, None]


def down(factor, x):
    x = x.astype(np.float32)
    return Decimator(factor, x.shape[1]).process(x, np.empty((len(x) // factor, x.shape[1]), np.float32))


def up(factor, x):
    x = x.astype(np.float32)
    return Interpolator(factor, x.shape[1]).process(x, np.empty((len(x) * factor, x.shape[1]), np.float32))


def db(ratio):
    return 20 * np.log10(np.abs(ratio) + 1e-30)


def amplitude(x, hz, rate_hz):
    """Of the tone of that frequency in *x*, which lasts a whole number of its cycles."""
    return 2 * np.abs(np.mean(x * np.exp(-2j * np.pi * hz * np.arange(len(x)) / rate_hz)))


@pytest.mark.parametrize("hz", [50, 1000, 3100, 7000])
@pytest.mark.parametrize("factor", FACTORS)
def test_a_sine_goes_down_as_it_is_and_as_late_as_promised(factor, hz):
    heard = down(factor, sine(hz, LOW_HZ * factor, 1000 * factor))
    truth = sine(hz, LOW_HZ, 1000, Decimator(factor).latency_frames)
    np.testing.assert_allclose(heard[SETTLED:], truth[SETTLED:], atol=2e-3)  # 0.015 dB


@pytest.mark.parametrize("hz", [50, 1000, 3100, 7000])
@pytest.mark.parametrize("factor", FACTORS)
def test_a_sine_goes_up_as_it_is_and_as_late_as_promised(factor, hz):
    heard = up(factor, sine(hz, LOW_HZ, 1000))
    late = Interpolator(factor).latency_frames * factor
    truth = sine(hz, LOW_HZ * factor, 1000 * factor, late)
    np.testing.assert_allclose(heard[SETTLED * factor :], truth[SETTLED * factor :], atol=2e-3)


@pytest.mark.parametrize("factor", [*FACTORS, LARGEST_FACTOR])
def test_up_and_down_again_delays_by_whole_frames_and_by_less_than_2_ms(factor):
    x = np.zeros((200, 1))
    x[50] = 1
    back = down(factor, up(factor, x))[:, 0]
    centre = 50 + ROUND_TRIP_FRAMES
    assert np.argmax(back) == centre
    np.testing.assert_allclose(back[centre - 40 : centre + 41], back[centre - 40 : centre + 41][::-1], atol=1e-6)
    together = Decimator(factor).latency_frames + Interpolator(factor).latency_frames
    assert together == pytest.approx(ROUND_TRIP_FRAMES)
    assert together / LOW_HZ < 2e-3


@pytest.mark.parametrize("hz", [300, 1000, 7000])
def test_up_and_down_again_is_the_same_sound_within_3_hundredths_of_a_db(hz):
    back = down(3, up(3, sine(hz, LOW_HZ, 1000)))[SETTLED:]
    truth = sine(hz, LOW_HZ, 1000, ROUND_TRIP_FRAMES)[SETTLED:]
    assert db(np.std(back) / np.std(truth)) == pytest.approx(0, abs=0.03)
    np.testing.assert_allclose(back, truth, atol=3.5e-3)


@pytest.mark.parametrize("factor", range(2, LARGEST_FACTOR + 1))
def test_the_filter_is_flat_to_7_khz_and_closed_from_9_khz_at_16_khz(factor):
    response = np.abs(np.fft.rfft(low_pass_taps(factor), 1 << 16))
    hz = np.arange(len(response)) * factor * LOW_HZ / (1 << 16)
    assert np.abs(db(response[hz <= 7000])).max() < 0.015
    assert db(response[hz >= 9000]).max() < -81


@pytest.mark.parametrize("factor", FACTORS)
def test_what_would_fold_back_is_80_db_down(factor):
    for hz in np.linspace(9000, LOW_HZ * factor / 2, 17):
        heard = down(factor, sine(hz, LOW_HZ * factor, 600 * factor, late_frames=0.3))[SETTLED:]
        assert db(np.abs(heard).max()) < -80, f"{hz:.0f} Hz"


@pytest.mark.parametrize("factor", FACTORS)
def test_images_are_80_db_below_the_tone(factor):
    rate_hz = LOW_HZ * factor
    for hz in (100, 1000, 3900, 7000):
        heard = up(factor, sine(hz, LOW_HZ, 320 + SETTLED))[SETTLED * factor :, 0]
        assert amplitude(heard, hz, rate_hz) == pytest.approx(1, abs=2e-3)
        for image_hz in (k * LOW_HZ + side * hz for k in range(1, factor) for side in (-1, 1)):
            assert db(amplitude(heard, image_hz, rate_hz)) < -80, f"{hz} Hz at {image_hz} Hz"


@pytest.mark.parametrize("factor", [*FACTORS, LARGEST_FACTOR])
def test_a_constant_stays_the_same_constant_both_ways(factor):
    constant = np.full((TAPS * 4, 1), 0.5)
    np.testing.assert_allclose(up(factor, constant)[SETTLED * factor :], 0.5, rtol=1e-5)
    np.testing.assert_allclose(down(factor, np.repeat(constant, factor, axis=0))[SETTLED:], 0.5, rtol=1e-5)


def test_silence_in_is_silence_out():
    assert not np.any(down(3, np.zeros((600, 2))))
    assert not np.any(up(3, np.zeros((200, 2))))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("factor", FACTORS)
def test_the_kernels_agree_with_the_plain_form_in_float64(factor, channels):
    taps = low_pass_taps(factor)
    low, high = noise(300, channels), noise(300 * factor, channels, seed=1)
    stuffed = np.zeros((300 * factor, channels))
    stuffed[::factor] = low
    for channel in range(channels):
        plain_down = np.convolve(high[:, channel], taps)[: len(high)][factor - 1 :: factor]
        plain_up = factor * np.convolve(stuffed[:, channel], taps)[: len(high)]
        np.testing.assert_allclose(down(factor, high)[:, channel], plain_down, atol=1e-6)
        np.testing.assert_allclose(up(factor, low)[:, channel], plain_up, atol=1e-6)


@pytest.mark.parametrize("factor", FACTORS)
def test_periods_of_any_length_sound_like_one_long_period(factor):
    low, high = noise(700, 2), noise(700 * factor, 2)
    decimator, interpolator = Decimator(factor, 2), Interpolator(factor, 2)
    cuts = [0, 1, 2, 30, 30, 61, 189, 317, 600, 699, 700]
    pieces_down, pieces_up = [], []
    for a, b in pairwise(cuts):
        piece = np.ascontiguousarray(high[a * factor : b * factor])
        pieces_down.append(decimator.process(piece, np.empty((b - a, 2), np.float32)))
        pieces_up.append(interpolator.process(low[a:b], np.empty(((b - a) * factor, 2), np.float32)))
    np.testing.assert_allclose(np.vstack(pieces_down), down(factor, high), atol=1e-6)
    np.testing.assert_allclose(np.vstack(pieces_up), up(factor, low), atol=1e-6)


def test_channels_do_not_leak_into_each_other():
    x = np.zeros((300, 2))
    x[7, 1] = 1
    for heard in (down(3, x), up(3, x)):
        assert np.any(heard[:, 1])
        assert not np.any(heard[:, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_sample_is_gone_after_the_length_of_the_filter(bad):
    x = noise(300, 1)
    x[10] = bad
    assert np.all(np.isfinite(down(3, x)[10 // 3 + TAPS :]))
    assert np.all(np.isfinite(up(3, x)[(10 + TAPS) * 3 :]))


def test_after_a_reset_nothing_of_the_past_is_heard():
    decimator, interpolator = Decimator(3), Interpolator(3, 1)
    x, few, many = noise(90, 1), np.empty((30, 1), np.float32), np.empty((270, 1), np.float32)
    first_down, first_up = decimator.process(x, few).copy(), interpolator.process(x, many).copy()
    decimator.reset()
    interpolator.reset()
    np.testing.assert_array_equal(decimator.process(x, few), first_down)
    np.testing.assert_array_equal(interpolator.process(x, many), first_up)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: Decimator(1),                                                "factor: 1, need a whole number from 2"),
        (lambda: Interpolator(13),                                            "factor: 13, .* to 12"),
        (lambda: Interpolator(3, 0),                                          "channels: 0"),
        (lambda: Decimator(3).process(noise(9, 1), noise(4, 1)),              r"x: .*float32\[12, 1\]"),
        (lambda: Decimator(3).process(noise(9, 2), noise(3, 2)),              r"out: .*float32\[n, 1\]"),
        (lambda: Interpolator(3).process(noise(3, 1), noise(9, 1)),           r"x: .*float32\[n, 2\]"),
        (lambda: Interpolator(3).process(noise(3, 2), noise(8, 2)),           r"out: .*float32\[9, 2\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_answered_with_what_can(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        wrong()
