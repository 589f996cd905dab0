"""The measures of a canceller on signals of which the answer is known."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from hil.bench.aec.measures import echo_reduction_db, image, largest_gain_db, near_level_db, sdr_db, time_to_s

RATE = 16_000


def noise(seed, seconds=2.0):
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def everywhere(x):
    return np.ones(x.size, dtype=bool)


@pytest.mark.parametrize("down_db", [10.0, 20.0])
def test_the_time_to_a_level_is_when_the_gain_falls_below_it(down_db):
    mic = 0.1 * noise(1, 6.0)
    time_s = np.arange(mic.size) / RATE
    falling = mic * 10.0 ** (-np.minimum(time_s * 10.0, 40.0) / 20.0)  # 10 dB each second
    found = time_to_s(mic, falling, RATE, everywhere(mic), down_db, 0.0, 6.0)
    assert found == pytest.approx(down_db / 10.0 - 0.1, abs=0.06)  # 0.2 s at 10 dB/s are level-down in their middle


def test_the_time_to_a_level_begins_where_it_is_told_and_never_is_nan():
    mic = 0.1 * noise(2, 8.0)
    out = mic.copy()
    out[4 * RATE :] *= 0.05
    assert time_to_s(mic, out, RATE, everywhere(mic), 20.0, 3.0, 8.0) == pytest.approx(1.0, abs=0.06)
    assert np.isnan(time_to_s(mic, mic, RATE, everywhere(mic), 10.0, 0.0, 8.0))


def test_a_gap_in_the_echo_is_no_convergence():
    mic = 0.1 * noise(3, 6.0)
    mask = everywhere(mic)
    mask[RATE : 3 * RATE] = False
    out = np.where(mask, mic, 0.0)
    assert np.isnan(time_to_s(mic, out, RATE, mask, 10.0, 0.0, 6.0))


def test_what_is_filtered_within_16_ms_is_image_and_what_is_not_is_the_rest():
    near, other = noise(4), noise(5)
    response = np.zeros(200)
    response[[0, 40, 150]] = 0.7, -0.4, 0.3
    filtered = fftconvolve(near, response)[: near.size]
    rest = filtered - image(near, filtered, RATE)
    assert rest @ rest < 1e-4 * (filtered @ filtered)
    wanted_db = 10.0 * np.log10((filtered @ filtered) / (0.1 * other @ (0.1 * other)))
    assert sdr_db(near, filtered + 0.1 * other, RATE) == pytest.approx(wanted_db, abs=0.1)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
def test_the_sdr_of_a_mixture_is_the_one_it_was_mixed_with(snr_db):
    near, other = noise(6, 4.0), noise(7, 4.0)
    mixed = near + other * 10.0 ** (-snr_db / 20.0)
    # 256 free coefficients fit 256 / 64000 of the noise, too
    assert sdr_db(near, mixed, RATE) == pytest.approx(snr_db, abs=0.5)


@pytest.mark.parametrize(("gain", "late"), [(1.0, 0), (0.5, 10), (2.0, 100), (0.5, -20)])
def test_the_talkers_level_is_his_gain_whenever_he_arrives(gain, late):
    near = noise(8)
    out = gain * np.roll(near, late) + 0.05 * noise(9)
    assert near_level_db(near, out, RATE) == pytest.approx(20.0 * np.log10(gain), abs=0.1)


def test_a_talker_who_is_gone_is_far_below_himself():
    assert near_level_db(noise(10), noise(11), RATE) < -18.0
    assert np.isnan(near_level_db(noise(10), np.zeros(2 * RATE), RATE))


@pytest.mark.parametrize("share", [1.0, 0.1, 0.01])
def test_the_echo_reduction_is_that_of_the_echo_whatever_the_talker_does(share):
    echo, near = noise(12), 3.0 * noise(13)
    out = near + share * echo
    assert echo_reduction_db(echo, near + echo, out, RATE) == pytest.approx(-20.0 * np.log10(share), abs=0.3)


def test_the_largest_gain_is_that_of_the_worst_tenth_of_a_second():
    mic = 0.1 * noise(14)
    out = 0.1 * mic
    out[RATE : RATE + RATE // 10] = 2.0 * mic[RATE : RATE + RATE // 10]
    assert largest_gain_db(mic, out, RATE) == pytest.approx(20.0 * np.log10(2.0), abs=1e-6)
    mic[RATE : RATE + RATE // 10] *= 1e-4  # a microphone that hears nothing does not count
    assert largest_gain_db(mic, out, RATE) == pytest.approx(-20.0, abs=1e-6)
    assert np.isnan(largest_gain_db(np.zeros(RATE), out[:RATE], RATE))
