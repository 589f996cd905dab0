"""Two sound cards with a clock each, in closed form: what they are at, what they say, and a loop that runs between them."""

from dataclasses import dataclass

import numpy as np

from firmware_py.dsp.clocks import DOUBT_PPM, FILL, PPM, RATIO, ClockFollower, follow_clocks
from firmware_py.dsp.jit import realtime

SETTINGS = [(48_000, 256), (16_000, 128), (48_000, 1024)]  # rate in Hz, period in frames
STARTED_NS = 10**15


@dataclass(frozen=True)
class Stamps:
    """How a card tells where it is: its position moves in grains, its clock reading trembles, the loop asks late."""

    trembling_s: float = 0.0  # width of the uniform distribution, of both cards' stamps
    grain_s: float = 0.0  # of both cards' positions; one frame at least
    whole_periods: bool = False  # grains of a period
    late_s: float = 100e-6  # the loop asks up to this late
    wild: float = 1e-3  # this part of the stamps is 20 ms off


EXACT = Stamps()
TREMBLING = Stamps(trembling_s=1e-3)
GRAINS = Stamps(grain_s=1e-3, late_s=1e-3)
PERIODS = Stamps(whole_periods=True, late_s=1e-3)


class TwoCards:
    """What the loop reads in each period: `captured`, `played` and their `_ns`; and the truth: `heard`, `spoken` in real frames."""

    def __init__(self, rate_hz, period, ppm, seconds, stamps=EXACT, seed=0, step_ppm=0.0, step_s=0.0):
        rng = np.random.default_rng(seed)
        capture_hz = rate_hz * (1 + 30e-6)  # neither card runs like the computer
        grain = period if stamps.whole_periods else max(1, round(stamps.grain_s * rate_hz))
        self.rate_hz, self.period = rate_hz, period
        self.played_hz = capture_hz * (1 + ppm * 1e-6)
        self.offset_s = rng.uniform(0, period / rate_hz)  # playback started later
        asked = np.arange(1, int(seconds * rate_hz / period) + 1) * period / capture_hz
        asked += rng.uniform(0, stamps.late_s, len(asked))
        then = asked + 5e-6
        self.seconds = asked
        self.heard = capture_hz * then
        self.spoken = self.played_hz * (then - self.offset_s) + step_ppm * 1e-6 * capture_hz * np.maximum(
            then - step_s, 0
        )
        self.true_ppm = ppm + step_ppm * (then > step_s)
        self.captured = (np.floor(capture_hz * asked / grain) * grain).astype(np.int64)
        self.played = np.maximum(np.floor(self.spoken / grain) * grain, 0).astype(np.int64)
        self.captured_ns = self._stamped(asked, stamps, rng)
        self.played_ns = self._stamped(then, stamps, rng)

    @staticmethod
    def _stamped(true_s, stamps, rng):
        error_s = stamps.trembling_s * rng.uniform(-0.5, 0.5, len(true_s))
        error_s += 20e-3 * rng.choice([-1, 1], len(true_s)) * (rng.random(len(true_s)) < stamps.wild)
        return STARTED_NS + np.rint((true_s + error_s) * 1e9).astype(np.int64)


@realtime
def _run(clocks, period, captured, captured_ns, played, played_ns, made, log):
    for k in range(captured.shape[0]):
        follow_clocks(clocks, captured[k], captured_ns[k], played[k], played_ns[k], k * period, made[0])
        log[k, 0] = clocks.words[RATIO]
        log[k, 1] = clocks.words[PPM]
        log[k, 2] = clocks.words[FILL]
        log[k, 3] = clocks.words[DOUBT_PPM]
        log[k, 4] = made[0]
        made[0] += period * clocks.words[RATIO]


class Followed:
    """A loop that writes what the follower asks for; and what comes of it, period by period."""

    def __init__(self, cards, follower=None):
        self.cards = cards
        self.follower = follower or ClockFollower(cards.rate_hz)
        log = np.empty((len(cards.played), 5))
        _run(
            self.follower.state,
            cards.period,
            cards.captured,
            cards.captured_ns,
            cards.played,
            cards.played_ns,
            np.zeros(1),
            log,
        )
        self.ratio, self.ppm, self.fill, self.doubt_ppm, made = log.T
        waiting = cards.heard - np.arange(len(made)) * cards.period
        queue = made + waiting * self.ratio - cards.spoken
        self.gained = queue - queue[0]  # the truth that `fill` estimates

    def since(self, seconds):
        return slice(int(np.searchsorted(self.cards.seconds, seconds)), None)

    @property
    def ppm_error(self):
        return np.abs(self.ppm - self.cards.true_ppm)

    @property
    def slide_fps(self):
        """Frames a second by which the echo's delay changes."""
        return np.abs(self.ratio - 1 - self.cards.true_ppm * 1e-6) * self.cards.rate_hz

    @property
    def slew_ppm_per_s(self):
        """Change of the ratio in each second."""
        each = max(1, self.cards.rate_hz // self.cards.period)
        return np.abs(np.diff(self.ratio[::each])) * 1e6
