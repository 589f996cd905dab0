"""The real FFT of the kernels, against numpy's in double precision."""

import numpy as np
import pytest

from firmware_py.dsp.fft import irfft, real_fft, rfft

LENGTHS = [
    128,  # 64 points: powers of four only
    256,  # a pass of radix 2 at the end
    512,
    1024,
    320,  # 10 ms blocks at 16 kHz: a factor of 5
    960,  # at 48 kHz: factors of 5 and 3
    4,  # one pass
]


def spectrum_of(signal, padding=0):
    frames = len(signal)
    re, im = np.zeros((2, frames // 2 + 1 + padding), np.float32)
    rfft(real_fft(frames), signal, re, im)
    return re, im


@pytest.mark.parametrize("frames", LENGTHS)
def test_the_spectrum_is_numpys_within_rounding(frames):
    signal = np.random.default_rng(frames).standard_normal(frames).astype(np.float32)
    re, im = spectrum_of(signal)
    truth = np.fft.rfft(signal.astype(np.float64))
    assert np.abs(re + 1j * im - truth).max() < 1e-6 * np.abs(truth).max()


@pytest.mark.parametrize("frames", LENGTHS)
def test_the_inverse_is_numpys_within_rounding(frames):
    rng = np.random.default_rng(frames)
    re, im = rng.standard_normal((2, frames // 2 + 1)).astype(np.float32)
    signal = np.zeros(frames, np.float32)
    irfft(real_fft(frames), re, im, signal)
    truth = np.fft.irfft(re.astype(np.float64) + 1j * im)
    assert np.abs(signal - truth).max() < 1e-6 * np.abs(truth).max()


@pytest.mark.parametrize("k", [0, 1, 7, 64, 127, 128])
def test_a_cosine_lands_in_its_own_bin_alone(k):
    re, im = spectrum_of(np.cos(2 * np.pi * k * np.arange(256) / 256).astype(np.float32))
    expected = np.zeros(129)
    expected[k] = 256 if k in (0, 128) else 128
    assert np.abs(re - expected).max() < 1e-4
    assert np.abs(im).max() < 1e-4


def test_energy_is_the_same_in_time_and_frequency():
    signal = np.random.default_rng(3).standard_normal(512).astype(np.float32)
    re, im = spectrum_of(signal)
    power = (re**2 + im**2).astype(np.float64)
    assert 2 * power.sum() - power[0] - power[-1] == pytest.approx(512 * float(signal @ signal), rel=1e-5)


def test_padding_behind_the_spectrum_is_left_alone():
    re, im = spectrum_of(np.ones(256, np.float32), padding=15)
    assert not re[129:].any()
    assert not im[129:].any()


@pytest.mark.parametrize("frames", [255, 2, 0, 2 * 7, 2 * 121])
def test_a_length_with_other_factors_is_refused(frames):
    with pytest.raises(ValueError, match="product of 2, 3 and 5"):
        real_fft(frames)
