"""Follower and resampler together: what a microphone on one clock hears of a loudspeaker on another, for ten minutes.

What is played is known at every time: the written frames, joined by an interpolation in double precision, exact to -140 dB for
the low-passed noise in use. The echo is that at the microphone's sampling times, 12 dB down.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from two_cards import EXACT, TREMBLING, TwoCards

from firmware_py.dsp.clocks import RATIO, ClockFollower, follow_clocks
from firmware_py.dsp.jit import realtime
from firmware_py.dsp.resample import LATENCY_FRAMES, SLACK, Resampler, resample

RATE_HZ, PERIOD, MINUTES = 16_000, 128, 10
LOOP = 2048  # the far end says the same again after so many frames: any such window holds every frequency whole
ECHO, PREROLL, WAY = 0.25, 300, 40  # -12 dB; frames queued at the start; frames from loudspeaker to microphone


def far_end():
    """float32[LOOP, 1] noise below 3 kHz at -20 dBFS, periodic."""
    spectrum = np.exp(2j * np.pi * np.random.default_rng(5).random(LOOP // 2 + 1))
    spectrum[np.arange(LOOP // 2 + 1) > LOOP * 3000 // RATE_HZ] = 0
    spectrum[0] = 0
    x = np.fft.irfft(spectrum)
    return (0.1 * x / np.std(x))[:, None].astype(np.float32)


@realtime
def _converse(clocks, resampler, far, captured, captured_ns, played, played_ns, written, counts):
    """The loop: follow, resample a period, write it. *counts* [periods]: frames written before each period."""
    made, n, start = 0, far.shape[1], 0
    for k in range(captured.shape[0]):
        counts[k] = made
        follow_clocks(clocks, captured[k], captured_ns[k], played[k], played_ns[k], start, made - resampler.due[0])
        made += resample(resampler, far[k % far.shape[0]], clocks.words[RATIO], written[made : made + n + SLACK])
        start += n


@dataclass
class Conversation:
    """What was written in ten minutes, and when it was heard."""

    cards: TwoCards
    far: np.ndarray
    written: np.ndarray  # with the preroll in front
    counts: np.ndarray

    @classmethod
    def of(cls, cards):
        far = far_end()
        frames = len(cards.played) * PERIOD
        written = np.zeros((PREROLL + int(frames * 1.002), 1), np.float32)
        counts = np.zeros(len(cards.played), np.int64)
        _converse(
            ClockFollower(RATE_HZ).state, Resampler(1).state, far.reshape(-1, PERIOD, 1),
            cards.captured, cards.captured_ns, cards.played, cards.played_ns, written[PREROLL:], counts,
        )  # fmt: skip
        return cls(cards, far[:, 0], written[:, 0].astype(float), counts)

    @property
    def queue(self):
        """Frames that the card still has, when a period is about to be written."""
        return PREROLL + self.counts - self.cards.spoken

    def echo(self, first):
        """The LOOP captured frames from *first* on."""
        heard_s = (np.arange(first, first + LOOP) - WAY) / (RATE_HZ * (1 + 30e-6))
        position = self.cards.played_hz * (heard_s - self.cards.offset_s)
        whole = np.floor(position).astype(int)
        near = np.arange(-31, 33)
        t = near - (position - whole)[:, None]
        return ECHO * np.sum(np.sinc(t) * np.exp(-(t**2) / 72) * self.written[whole[:, None] + near], axis=1)

    def delay(self, first):
        """Frames by which the echo is later than the far end, and its gain: from the phases of a whole loop, by least squares."""
        x = np.fft.rfft(np.roll(self.far, -first))
        y = np.fft.rfft(self.echo(first))
        w = 2 * np.pi * np.arange(len(x)) / LOOP
        frames = float(np.argmax(np.fft.irfft(y * np.conj(x))))
        for _ in range(2):
            cross = y * np.conj(x) * np.exp(1j * w * frames)
            frames -= np.sum(w * np.abs(cross) * np.angle(cross)) / np.sum(w**2 * np.abs(cross))
        return frames, np.abs(np.sum(cross)) / np.sum(np.abs(x) ** 2)


@pytest.mark.parametrize("ppm", [-500, 500])
@pytest.mark.parametrize(
    ("stamps", "slide_fps", "wander_frames"),
    [
        (EXACT,     0.003, 0.3),
        (TREMBLING, 0.010, 1.0),
    ],
    ids=["exact stamps", "stamps that tremble by 1 ms"],
)  # fmt: skip
def test_the_echo_keeps_its_delay_and_the_queue_its_level(stamps, slide_fps, wander_frames, ppm):
    talk = Conversation.of(TwoCards(RATE_HZ, PERIOD, ppm, 60 * MINUTES, stamps, seed=2))
    assert talk.queue[1:].min() > PREROLL - PERIOD - 0.0025 * RATE_HZ
    assert talk.queue.max() < PREROLL + PERIOD + 0.0025 * RATE_HZ
    every_s = 10
    seconds = np.arange(10, 60 * MINUTES - 5, every_s)
    delays, gains = np.array([talk.delay(int(s) * RATE_HZ) for s in seconds]).T
    settled = delays[seconds >= 150]
    assert np.abs(np.diff(settled)).max() / every_s < slide_fps  # the canceller follows 0.02 with ease
    assert np.ptp(settled) < wander_frames
    np.testing.assert_allclose(20 * np.log10(gains[seconds >= 150]), -12.04, atol=0.02)
    unmoved = PREROLL + WAY + LATENCY_FRAMES + talk.cards.offset_s * RATE_HZ
    assert abs(settled[-1] - unmoved) < 2 + wander_frames


def test_without_the_follower_the_same_echo_slides_by_8_frames_a_second():
    cards = TwoCards(RATE_HZ, PERIOD, 500, 20)
    cards.played_ns[:] = 0  # no stamps: the ratio stays 1
    talk = Conversation.of(cards)
    (early, _), (late, _) = talk.delay(5 * RATE_HZ), talk.delay(10 * RATE_HZ)
    assert (early - late) / 5 == pytest.approx(8, abs=0.05)
