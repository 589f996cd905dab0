"""The real FFT of the kernels, against numpy's in double precision."""

import numpy as np
import pytest

from firmware_py.dsp.fft import irfft, irfft2, real_fft, rfft, rfft2

LENGTHS = [
    128,   # 4 ms at 16 kHz: singles of 64 points, fours only
    256,   # 8 ms: 128 points, a first pass of radix 8; pairs of fours only
    512,   # 16 ms, and the other way round
    1024,
    160,   # 5 ms: a factor of 5
    320,   # 10 ms
    384,   # 4 ms at 48 kHz: a factor of 3
    480,   # 5 ms: factors of 3 and 5
    768,   # 8 ms
    960,   # 10 ms
    1536,  # 16 ms
    240,   # 7.5 ms at 16 kHz: singles of 8 * 15 points, whose first pass does not come out even
    720,   # 7.5 ms at 48 kHz: a factor of 9
    32,    # the shortest
    48,
]  # fmt: skip


def off(found, truth):
    """RMS error, relative to the RMS of the truth."""
    return np.sqrt(np.mean(np.abs(found - truth) ** 2) / np.mean(np.abs(truth) ** 2))


def noise(frames, signals=2):
    return np.random.default_rng(frames).standard_normal((signals, frames)).astype(np.float32)


def spectrum_of(signal, padding=0):
    frames = len(signal)
    re, im = np.zeros((2, frames // 2 + 1 + padding), np.float32)
    rfft(real_fft(frames), signal, re, im)
    return re, im


@pytest.mark.parametrize("frames", LENGTHS)
def test_the_spectrum_is_numpys_within_rounding(frames):
    signal = noise(frames)[0]
    re, im = spectrum_of(signal)
    assert off(re + 1j * im, np.fft.rfft(signal.astype(np.float64))) < 3e-7


@pytest.mark.parametrize("frames", LENGTHS)
def test_the_inverse_is_numpys_within_rounding(frames):
    re, im = noise(frames)[:, : frames // 2 + 1].copy()
    signal = np.zeros(frames, np.float32)
    irfft(real_fft(frames), re, im, signal)
    assert off(signal, np.fft.irfft(re.astype(np.float64) + 1j * im)) < 3e-7


@pytest.mark.parametrize("frames", LENGTHS)
def test_a_pair_of_signals_has_the_spectra_of_each(frames):
    a, b = noise(frames)
    a_re, a_im, b_re, b_im = np.zeros((4, frames // 2 + 1), np.float32)
    rfft2(real_fft(frames), a, b, a_re, a_im, b_re, b_im)
    assert off(a_re + 1j * a_im, np.fft.rfft(a.astype(np.float64))) < 3e-7
    assert off(b_re + 1j * b_im, np.fft.rfft(b.astype(np.float64))) < 3e-7


@pytest.mark.parametrize("frames", LENGTHS)
def test_a_pair_of_spectra_has_the_signals_of_each(frames):
    a_re, a_im, b_re, b_im = noise(frames, 4)[:, : frames // 2 + 1].copy()
    a, b = np.zeros((2, frames), np.float32)
    irfft2(real_fft(frames), a_re, a_im, b_re, b_im, a, b)
    assert off(a, np.fft.irfft(a_re.astype(np.float64) + 1j * a_im)) < 3e-7
    assert off(b, np.fft.irfft(b_re.astype(np.float64) + 1j * b_im)) < 3e-7


@pytest.mark.parametrize("frames", LENGTHS)
def test_imaginary_parts_of_the_first_and_the_last_bin_do_not_count(frames):
    fft, spectra = real_fft(frames), noise(frames, 4)[:, : frames // 2 + 1].copy()
    real_ends = spectra.copy()
    real_ends[1::2, [0, -1]] = 0
    found = np.zeros((2, 3, frames), np.float32)
    for (a_re, a_im, b_re, b_im), (single, a, b) in zip((spectra, real_ends), found, strict=True):
        irfft(fft, a_re, a_im, single)
        irfft2(fft, a_re, a_im, b_re, b_im, a, b)
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("frames", LENGTHS)
def test_of_a_real_signal_the_first_and_the_last_bin_are_real(frames):
    a, b = noise(frames)
    ims = np.zeros((3, frames // 2 + 1), np.float32)
    re, fft = np.zeros((2, frames // 2 + 1), np.float32), real_fft(frames)
    rfft(fft, a, re[0], ims[0])
    rfft2(fft, a, b, re[0], ims[1], re[1], ims[2])
    assert not ims[:, [0, -1]].any()


def test_of_a_pair_one_signal_hears_the_other_no_louder_than_rounding_noise():
    loud, silent = noise(512)[0], np.zeros(512, np.float32)
    a_re, a_im, b_re, b_im = np.zeros((4, 257), np.float32)
    rfft2(real_fft(512), loud, silent, a_re, a_im, b_re, b_im)
    leak = np.mean(b_re.astype(float) ** 2 + b_im**2) / np.mean(a_re**2 + a_im**2)
    assert 10 * np.log10(leak) < -135


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


@pytest.mark.parametrize("frames", LENGTHS)
def test_what_lies_behind_signals_and_spectra_is_left_alone(frames):
    fft, bins = real_fft(frames), frames // 2 + 1
    signals, spectra = np.full((2, frames + 16), 7, np.float32), np.full((4, bins + 15), 7, np.float32)
    rfft(fft, signals[0], *spectra[:2])
    rfft2(fft, *signals, *spectra)
    irfft(fft, *spectra[:2], signals[0])
    irfft2(fft, *spectra, *signals)
    assert (signals[:, frames:] == 7).all()
    assert (spectra[:, bins:] == 7).all()


@pytest.mark.parametrize("frames", LENGTHS)
def test_what_lies_around_a_signal_is_not_heard(frames):
    fft, signals = real_fft(frames), np.full((2, frames + 32), np.nan, np.float32)
    spectra = np.zeros((4, frames // 2 + 1), np.float32)
    signals[:, 16:-16] = noise(frames)
    a, b = (line[16:-16] for line in signals)
    rfft(fft, a, *spectra[:2])
    assert np.isfinite(spectra[:2]).all()
    rfft2(fft, a, b, *spectra)
    assert np.isfinite(spectra).all()


@pytest.mark.parametrize("frames", [255, 0, 16, 40, 2 * 8 * 7, 2 * 8 * 121])
def test_a_length_with_other_factors_is_refused(frames):
    with pytest.raises(ValueError, match="multiple of 16, at least 32, and a product of 2, 3 and 5 only"):
        real_fft(frames)
