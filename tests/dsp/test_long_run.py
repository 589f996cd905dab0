"""The linear canceller for as long as a session lasts, between two clocks. A run of hours is asked for by AUDIOHAT_LONG=10h."""

import os

import numpy as np
import pytest

from firmware_py.dsp.echo import EchoCanceller, cancel_echo

RATE, B = 16000, 128
MINUTE = 60 * RATE // B * B
PPM, TURN_MIN = 200.0, 20  # 240 ms in 20 minutes, and back
FIRST_DELAY_S = 0.004
FINER = 16  # a straight line between samples of 256 kHz is wrong by 46 dB less than an 8 kHz tone, by 70 less than a 2 kHz one

LEAST_TURNED_DB, LEAST_DB = 17.0, 21.5  # measured: 18.2, 22.7

LONG_MIN = [60 * int(hours.removesuffix("h")) for hours in os.environ.get("AUDIOHAT_LONG", "").split()]


class TwoClocks:
    """A far end that repeats itself after 8 s, in syllables and pauses, and its echo in a room, at any fraction of a frame."""

    def __init__(self, rng):
        self.frames = 1 << 17
        spectrum = np.fft.rfft(rng.standard_normal(self.frames))
        hertz = np.fft.rfftfreq(self.frames, 1 / RATE)
        syllables = np.interp(
            np.arange(self.frames) / (RATE / 6), np.arange(52), np.resize(rng.uniform(0.05, 1, 50), 52)
        )
        voiced = np.fft.irfft(spectrum / (1 + (hertz / 700) ** 2)) * syllables
        self.far = (0.25 * voiced / np.abs(voiced).max()).astype(np.float32)
        tail = rng.standard_normal(2400) * 10 ** (-3 * np.arange(2400) / (0.25 * RATE))
        tail[0] = 12.0  # the direct path
        response = 0.5 * tail / np.sqrt(tail @ tail)
        echo = np.fft.rfft(self.far) * np.fft.rfft(response, self.frames)
        fine = FINER * np.fft.irfft(echo, FINER * self.frames)
        self.echo = np.append(fine, fine[0]).astype(np.float32)
        self.slope = np.diff(self.echo)
        self.noise = (1e-5 * rng.standard_normal(RATE + 1)).astype(np.float32)

    def stretch(self, first, delay_s, ppm, frames):
        """*frames* of microphone and of far end from *first* on; the echo is *delay_s* late at *first*, and falls behind."""
        time = first + np.arange(frames)
        late = RATE * delay_s + 1e-6 * ppm * np.arange(frames)
        place = (FINER * (time - late)) % (FINER * self.frames)
        at = place.astype(np.int64)
        mic = self.echo[at] + (place - at).astype(np.float32) * self.slope[at] + self.noise[time % self.noise.size]
        return mic, self.far[time % self.frames]


def erle_by_minute(minutes):
    """dB of each minute, microphone over linear output; the delay at the end, as it is and as it is told."""
    clocks = TwoClocks(np.random.default_rng(1))
    canceller = EchoCanceller(rate_hz=RATE, block_frames=B, suppress=False)
    state, delay_s, curve_db, out = canceller.kernel_state, FIRST_DELAY_S, [], np.empty(MINUTE, np.float32)
    for minute in range(minutes):
        ppm = PPM if minute // TURN_MIN % 2 == 0 else -PPM
        mic, far = clocks.stretch(minute * MINUTE, delay_s, ppm, MINUTE)
        delay_s += 1e-6 * ppm * MINUTE / RATE
        for start in range(0, MINUTE, B):
            cancel_echo(state, mic[start : start + B], far[start : start + B], out[start : start + B])
        curve_db.append(float(10 * np.log10((mic @ mic) / (out @ out))))
    return np.array(curve_db), delay_s, canceller.state


@pytest.mark.parametrize("ppm", [-150.0, -20.0, 20.0, 60.0, 150.0])
def test_the_drift_is_told_in_ppm(ppm):
    clocks = TwoClocks(np.random.default_rng(2))
    canceller = EchoCanceller(rate_hz=RATE, block_frames=B)
    mic, far = clocks.stretch(0, 0.02, ppm, 15 * RATE)
    canceller.process(mic, far, np.empty_like(mic))
    assert canceller.state.drift_ppm == pytest.approx(ppm, abs=2.0)


@pytest.mark.parametrize("minutes", [2 * TURN_MIN, *LONG_MIN])
def test_between_two_clocks_no_minute_is_worse_than_another(minutes):
    curve_db, delay_s, told = erle_by_minute(minutes)
    told_db = f"dB by minute: {np.array2string(curve_db, precision=1)}"
    turned = np.arange(minutes) % TURN_MIN == 0  # at the start, and when the slide changes its direction at once
    assert curve_db[turned].min() > LEAST_TURNED_DB, told_db
    assert curve_db[~turned].min() > LEAST_DB, told_db
    assert np.median(curve_db[-TURN_MIN + 1 :]) > np.median(curve_db[1:TURN_MIN]) - 1.0, told_db  # nothing wears out
    assert abs(told.delay_s - delay_s) < 0.002
    assert abs(abs(told.drift_ppm) - PPM) < 5.0
