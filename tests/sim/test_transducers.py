from __future__ import annotations

import numpy as np
import pytest

from hil.sim.transducers import Capsules, Loudspeaker, Noise, a_weight, pascal

RATE_HZ = 48_000.0


def sine(rms, frequency_hz, seconds=1.0):
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (rms * np.sqrt(2) * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


def rms(x):
    return np.sqrt(np.mean(np.square(x, dtype=np.float64)))


def distortion(x, frequency_hz):
    """Total harmonic distortion of the last tenth of a second."""
    tail = x[-int(RATE_HZ / 10) :].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(tail))
    first = round(frequency_hz / 10)
    return np.sqrt(np.sum(spectrum[2 * first : 20 * first : first] ** 2)) / spectrum[first]


def awake():
    capsules = Capsules()
    capsules.wait(1.0, bias_v=2.1)
    return capsules


def test_ninety_four_decibels_make_minus_thirty_eight_dbv():
    pressure = np.stack([sine(1.0, 1_000.0), sine(pascal(54), 1_000.0)])
    volts = awake().volts(pressure, 2.1, 1.0)
    assert 20 * np.log10(rms(volts[0])) == pytest.approx(-38.0, abs=0.01)
    assert 20 * np.log10(rms(volts[1])) == pytest.approx(-78.0, abs=0.03)


@pytest.mark.parametrize("bias_v", [0.0, 0.7, 1.49])
def test_a_capsule_without_its_bias_is_dead(bias_v):
    capsules = Capsules()
    assert not capsules.volts(np.ones((2, 128), np.float32), bias_v, 0.008).any()


def test_a_capsule_needs_twenty_milliseconds_to_wake_and_to_die():
    capsules = Capsules()
    capsules.wait(0.005, bias_v=2.1)
    half_awake = capsules.volts(np.ones((2, 1), np.float32), 2.1, 1e-9)[0, 0]
    capsules.wait(0.015, bias_v=2.1)
    woken = capsules.volts(np.ones((2, 1), np.float32), 2.1, 1e-9)[0, 0]
    settled = awake().volts(np.ones((2, 1), np.float32), 2.1, 1e-9)[0, 0]
    assert half_awake < 0.7 * settled
    assert woken == pytest.approx(settled, rel=0.02)
    capsules.wait(0.2, bias_v=0.0)
    assert not capsules.volts(np.ones((2, 1), np.float32), 0.0, 1e-9).any()


@pytest.mark.parametrize(
    ("spl_db", "least", "most"),
    [
        ( 94, 0.00, 1e-5),  # speech and calibrators are clean
        (110, 0.00, 0.005),
        (120, 0.08, 0.12),  # the data sheet's definition of overload: 10 %
    ],
)  # fmt: skip
def test_a_capsule_overloads_softly_at_120_decibels(spl_db, least, most):
    tone = sine(pascal(spl_db), 1_000.0)
    volts = awake().volts(np.stack([tone, tone]), 2.1, 1.0)
    assert least <= distortion(volts[0], 1_000.0) <= most


@pytest.mark.parametrize(
    ("frequency_hz", "spl_db"),
    [
        (1_000, 84.0),
        (180, 81.0),  # -3 dB at the resonance
        (45, 60.0),  # and 12 dB per octave below
    ],
)
def test_the_loudspeaker_makes_84_decibels_at_a_metre_from_one_watt(frequency_hz, spl_db):
    pressure = Loudspeaker(RATE_HZ, distortion=0.0).pressure_pa(sine(2.83, frequency_hz))
    assert 20 * np.log10(rms(pressure[-4_800:]) / pascal(0)) == pytest.approx(spl_db, abs=0.2)


@pytest.mark.parametrize(("asked", "within"), [(0.003, 0.0002), (0.01, 0.001), (0.03, 0.004)])
def test_the_loudspeaker_distorts_as_much_as_it_is_asked_to(asked, within):
    pressure = Loudspeaker(RATE_HZ, asked).pressure_pa(sine(1.0, 1_000.0))
    assert distortion(pressure, 1_000.0) == pytest.approx(asked, abs=within)


def test_without_distortion_twice_the_volts_are_twice_the_pressure():
    volts = np.random.default_rng(1).standard_normal(4_096).astype(np.float32)
    once = Loudspeaker(RATE_HZ, 0.0).pressure_pa(volts)
    assert Loudspeaker(RATE_HZ, 0.0).pressure_pa(2 * volts) == pytest.approx(2 * once, abs=1e-6)


def noise(room_spl_db, rate_hz=RATE_HZ, seed=3, period_frames=4_096):
    source = Noise(rate_hz, period_frames, room_spl_db, 0.058, seed)
    return np.concatenate([source.next() for _ in range(64)], axis=1).astype(np.float64)


def test_the_capsules_hiss_with_thirty_decibels_a_weighted():
    hiss = noise(room_spl_db=-100)[0]
    weighted = np.fft.irfft(np.fft.rfft(hiss) * a_weight(np.fft.rfftfreq(len(hiss), 1 / RATE_HZ)))
    assert 20 * np.log10(rms(weighted) / pascal(0)) == pytest.approx(30.0, abs=0.2)


def test_a_room_is_as_noisy_as_it_says():
    assert 20 * np.log10(rms(noise(60.0)) / pascal(0)) == pytest.approx(60.0, abs=0.5)


def test_low_notes_of_the_room_are_one_at_both_microphones_and_high_ones_are_not():
    left, right = np.fft.rfft(noise(60.0))
    f = np.fft.rfftfreq(64 * 4_096, 1 / RATE_HZ)

    def coherence(low_hz, high_hz):
        band = (f > low_hz) & (f < high_hz)
        power = np.sum(np.abs(left[band]) ** 2) * np.sum(np.abs(right[band]) ** 2)
        return np.abs(np.sum(left[band] * np.conj(right[band]))) / np.sqrt(power)

    assert coherence(100, 300) > 0.95
    assert coherence(5_900, 6_100) < 0.2


def test_noise_is_the_same_for_the_same_seed_only():
    assert np.array_equal(noise(40.0, seed=1), noise(40.0, seed=1))
    assert not np.array_equal(noise(40.0, seed=1), noise(40.0, seed=2))
