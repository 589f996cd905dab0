"""Following two clocks: what is found, how soon, how steady the ratio is and how level the queue. Clocks in closed form."""

import numpy as np
import pytest
from two_cards import EXACT, GRAINS, PERIODS, SETTINGS, STARTED_NS, TREMBLING, Followed, Stamps, TwoCards

from firmware_py.dsp.clocks import DOUBT_PPM, FILL, PPM, RATIO, ClockFollower, follow_clocks, restart

DRIFTS_PPM = [-500, -200, -50, 0, 50, 200, 500]


@pytest.mark.parametrize("ppm", DRIFTS_PPM)
@pytest.mark.parametrize(
    ("rate_hz", "period", "stamps", "known_s", "finally_ppm"),
    [
        (48_000,  256, EXACT,     5, 0.15),
        (16_000,  128, EXACT,     8, 0.2),
        (48_000, 1024, EXACT,    10, 0.15),
        (48_000,  256, TREMBLING, 30, 0.5),
        (16_000,  128, TREMBLING, 40, 0.5),  # least squares itself is no better: 125 stamps a second, on two cards
        (48_000, 1024, TREMBLING, 45, 0.6),  # and here 47
        (48_000,  256, GRAINS,   30, 0.5),
        (16_000,  128, GRAINS,   40, 0.6),
        (48_000, 1024, GRAINS,   50, 0.6),
    ],
)  # fmt: skip
def test_the_drift_is_known_within_2_ppm_after_half_a_minute(rate_hz, period, stamps, known_s, finally_ppm, ppm):
    run = Followed(TwoCards(rate_hz, period, ppm, 240, stamps, seed=abs(ppm)))
    assert run.ppm_error[run.since(known_s)].max() < 2
    assert run.ppm_error[run.since(180)].max() < finally_ppm


@pytest.mark.parametrize("ppm", [-500, 500])
@pytest.mark.parametrize(("rate_hz", "period"), SETTINGS)
@pytest.mark.parametrize("stamps", [EXACT, TREMBLING])
def test_a_queue_of_5_ms_keeps_more_than_half_while_500_ppm_are_found(stamps, rate_hz, period, ppm):
    for seed in range(4):
        run = Followed(TwoCards(rate_hz, period, ppm, 120, stamps, seed=seed))
        assert np.abs(run.gained).max() / rate_hz < 2e-3


@pytest.mark.parametrize(
    ("rate_hz", "period", "stamps", "frames", "slide_fps"),
    [
        (48_000,  256, EXACT,     0.5, 0.006),
        (16_000,  128, EXACT,     0.5, 0.003),
        (48_000, 1024, EXACT,     1.0, 0.008),
        (48_000,  256, TREMBLING,   4, 0.025),
        (16_000,  128, TREMBLING,   2, 0.012),
        (48_000, 1024, TREMBLING,   9, 0.035),
    ],
)  # fmt: skip
def test_for_an_hour_the_queue_stays_level_and_the_ratio_still(rate_hz, period, stamps, frames, slide_fps):
    for ppm in (-500, 50):
        run = Followed(TwoCards(rate_hz, period, ppm, 3600, stamps, seed=abs(ppm) + 1))
        settled = run.since(240)
        assert np.abs(run.gained[settled]).max() < frames
        assert run.slide_fps[settled].max() < slide_fps
        assert np.sqrt(np.mean(run.slide_fps[settled] ** 2)) < slide_fps / 3
        assert run.slew_ppm_per_s[120:].max() < 0.5


@pytest.mark.parametrize(("rate_hz", "period"), SETTINGS)
def test_positions_that_move_by_whole_periods_let_the_queue_stray_by_two_of_them_at_most(rate_hz, period):
    # between two jumps such a position says nothing; 50 ppm take 107 s to slide by 256 frames
    for ppm in (-500, -50, 5, 200):
        run = Followed(TwoCards(rate_hz, period, ppm, 1800, PERIODS, seed=abs(ppm)))
        assert np.abs(run.gained).max() < 2.2 * period
        assert run.ppm_error[run.since(900)].max() < 60
        assert run.doubt_ppm[run.since(10)][0] > 20  # and the follower knows that it does not know


@pytest.mark.parametrize("stamps", [EXACT, TREMBLING, GRAINS])
@pytest.mark.parametrize(("rate_hz", "period"), SETTINGS)
def test_two_cards_on_one_clock_keep_a_ratio_of_one(rate_hz, period, stamps):
    for seed in range(5):
        run = Followed(TwoCards(rate_hz, period, 0, 200, stamps, seed=seed))
        assert np.abs(run.ratio - 1).max() < 1.3e-6, "from the first stamp on"
        assert np.abs(run.ratio[run.since(90)] - 1).max() < 1e-6


@pytest.mark.parametrize(
    ("stamps", "known_s", "frames"),
    [
        (EXACT,     30, 20),
        (TREMBLING, 150, 60),
    ],
)  # fmt: skip
def test_a_step_of_20_ppm_is_followed(stamps, known_s, frames):
    run = Followed(TwoCards(48_000, 256, 50, 1200, stamps, step_ppm=20, step_s=400))
    assert run.ppm_error[run.since(399)][0] < 1
    assert run.ppm_error[run.since(400 + known_s)].max() < 2
    assert np.abs(run.gained[run.since(300)]).max() < frames
    assert np.abs(run.gained[run.since(1100)]).max() < 5
    assert run.slew_ppm_per_s[120:].max() <= 1.01


@pytest.mark.parametrize("when_s", [0.0, 0.006, 0.012, 1.0, 100.0])
@pytest.mark.parametrize("off_s", [-0.02, 0.02, 0.9])
def test_one_wild_stamp_is_not_believed(when_s, off_s):
    cards = TwoCards(48_000, 256, 100, 160, Stamps(trembling_s=1e-3, wild=0))
    calm = Followed(cards)
    cards.played_ns[np.searchsorted(cards.seconds, when_s)] += int(off_s * 1e9)
    disturbed = Followed(cards)
    settled = calm.since(max(when_s, 30))
    assert np.abs(disturbed.ppm - calm.ppm)[settled].max() < 0.5
    assert np.abs(disturbed.gained - calm.gained).max() < 20  # frames: 0.4 ms
    assert np.abs(disturbed.gained - calm.gained)[settled].max() < 8


def test_a_queue_that_has_jumped_is_brought_back_slowly():
    cards = TwoCards(48_000, 256, 50, 1500, EXACT)
    later = np.searchsorted(cards.seconds, 300)
    cards.played[later:] -= 48  # 1 ms less played than the line says, for good
    run = Followed(cards)
    assert run.fill[later + 100] == pytest.approx(48, abs=2)
    assert abs(run.fill[-1]) < 1
    assert run.slew_ppm_per_s[120:].max() <= 1.01
    assert run.slide_fps[run.since(301)].max() < 0.5


def test_what_the_queue_has_gained_is_what_the_follower_says():
    run = Followed(TwoCards(48_000, 256, -200, 300, EXACT))
    assert np.abs(run.fill - run.gained)[run.since(20)].max() < 0.5


@pytest.mark.parametrize("silent", ["captured_ns", "played_ns", "both", "far apart"])
def test_without_stamps_nothing_changes(silent):
    run = Followed(TwoCards(48_000, 256, 100, 20))
    state = run.follower.state
    words, counts = state.words.copy(), state.counts.copy()
    stamps = [10**15, 10**15 + 5000]
    if silent == "far apart":
        stamps[1] += 2 * 10**9
    else:
        stamps = [
            0 if silent in (name, "both") else ns for name, ns in zip(("captured_ns", "played_ns"), stamps, strict=True)
        ]
    follow_clocks(state, 123, stamps[0], 456, stamps[1], 789, 1000)
    np.testing.assert_array_equal(state.words, words)
    np.testing.assert_array_equal(state.counts, counts)


def test_after_a_restart_the_rate_is_still_known_and_the_fill_new():
    first = Followed(TwoCards(48_000, 256, 300, 120, TREMBLING))
    ratio = first.follower.ratio
    restart(first.follower.state)
    assert first.follower.ratio == ratio
    assert first.follower.fill_frames == 0
    again = Followed(TwoCards(48_000, 256, 300, 300, TREMBLING, seed=9), first.follower)
    assert again.ppm_error.max() < 1
    assert np.abs(again.ratio - 1 - 300e-6).max() < 5e-6
    assert np.abs(again.gained).max() < 8


@pytest.mark.parametrize("seed", range(4))
def test_no_input_makes_a_word_infinite_or_the_ratio_absurd(seed):
    rng = np.random.default_rng(seed)
    state = ClockFollower(48_000).state
    edges = np.array([0, 1, -1, 2**62, -(2**62), 2**63 - 1, -(2**63), 10**15])
    for _ in range(3000):
        anything = np.where(rng.random(6) < 0.5, rng.choice(edges, 6), rng.integers(-(2**63), 2**63 - 1, 6))
        if rng.random() < 0.7:
            anything[3] = anything[1]  # or it would be refused
        follow_clocks(state, *anything)
        assert np.all(np.isfinite(state.words))
        assert abs(state.words[RATIO] - 1) <= 1e-3 + 1e-12
        assert abs(state.words[PPM]) <= 1000


class PlainFollower:
    """The recursion as the equations have it: vectors and matrices of float64."""

    def __init__(self, rate_hz):
        self.rate = rate_hz
        self.x, self.p = np.zeros(2), np.diag([0.0, 200e-6**2])
        self.noise, self.grain, self.stamps, self.wild = (0.5e-3 * rate_hz) ** 2, 0, 0, 0
        self.ratio, self.fill, self.age = 1.0, 0.0, 0.0

    def follow(self, captured, captured_ns, played, played_ns, processed, written):
        captured = captured + self.rate * (int(played_ns) - int(captured_ns)) * 1e-9
        y = played - captured
        self.stamps += 1
        if self.stamps == 1:
            self.x[0] = self.start = self.y = y
            self.p[0, 0] = (5e-3 * self.rate) ** 2
            self.played, self.processed = played, processed
            return
        frames = processed - self.processed
        self.age += frames / self.rate
        self.measure(y - self.y - self.x[1] * frames, abs(played - self.played), frames)
        self.y, self.played, self.processed = y, played, processed
        self.learn(y, frames)
        self.steer(written - processed + (captured - processed) * (self.ratio - 1), frames / self.rate)

    def measure(self, jump, moved, frames):
        self.grain = np.gcd(self.grain, moved)
        memory = min(self.stamps + 8, 600 * self.rate / frames)
        self.noise += (min(jump**2 / 2, 16 * self.noise + float(self.grain) ** 2 / 2) - self.noise) / memory
        self.noise = max(self.noise, 1.0)

    def learn(self, y, frames):
        r = max(self.noise, float(self.grain) ** 4 / (24 * self.noise))
        f, q = np.array([[1.0, frames], [0.0, 1.0]]), 0.02e-6**2 * frames / self.rate
        self.x = f @ self.x
        self.p = f @ self.p @ f.T + q * np.array([[frames**2 / 3, frames / 2], [frames / 2, 1.0]])
        e = y - self.x[0]
        limit = 4 * np.sqrt(self.p[0, 0] + r)
        self.wild = self.wild + 1 if abs(e) > limit else 0
        if self.wild == 4:
            self.wild, limit = 0, abs(e)
            self.p[0, 0] += e**2
        k = self.p[:, 0] / (self.p[0, 0] + r)
        self.x = self.x + k * np.clip(e, -limit, limit)
        self.p = self.p - np.outer(k, self.p[0])

    def steer(self, ahead, seconds):
        def sure(value, deviation):
            return value * (1 - (4 * deviation / value) ** 2) if abs(value) > 4 * deviation else 0.0

        drift = sure(np.clip(self.x[1], -1e-3, 1e-3), max(np.sqrt(self.p[1, 1]) - 0.2e-6, 0))
        if self.age < 30:
            self.start = self.x[0] - drift * self.age * self.rate
        self.fill = ahead - (self.x[0] - self.start)
        trim = sure(self.fill, np.sqrt(self.p[0, 0])) / (self.rate * np.clip(self.age / 2, 4, 120))
        change = np.clip(drift - trim, -1e-3, 1e-3) - (self.ratio - 1)
        slew = max(1e-6, abs(change) / np.clip(self.age / 2, 0.5, 20)) * seconds
        self.ratio += np.clip(change, -slew, slew)


@pytest.mark.parametrize("stamps", [EXACT, TREMBLING, GRAINS, PERIODS, Stamps(trembling_s=1e-3, wild=0.2)])
def test_the_kernel_agrees_with_the_plain_recursion(stamps):
    cards = TwoCards(48_000, 1024, 120, 60, stamps, seed=3)
    plain, follower, written = PlainFollower(48_000), ClockFollower(48_000), 0.0
    truth, words = [], []
    for k in range(len(cards.played)):
        seen = cards.captured[k], cards.captured_ns[k], cards.played[k], cards.played_ns[k], k * 1024, written
        plain.follow(*seen)
        follow_clocks(follower.state, *seen)
        written += 1024 * plain.ratio
        truth.append([1e6 * (plain.ratio - 1), 1e6 * plain.x[1], plain.fill, 1e6 * np.sqrt(plain.p[1, 1])])
        words.append(follower.state.words[[RATIO, PPM, FILL, DOUBT_PPM]])
    words = (np.array(words) - [1, 0, 0, 0]) * [1e6, 1, 1, 1]
    np.testing.assert_allclose(words, truth, rtol=1e-6, atol=1e-6)


def test_what_the_object_says_is_what_the_words_are():
    follower = Followed(TwoCards(16_000, 128, 100, 10)).follower
    said = [follower.ratio, follower.drift_ppm, follower.fill_frames, follower.doubt_ppm]
    assert said == follower.state.words[[RATIO, PPM, FILL, DOUBT_PPM]].tolist()


@pytest.mark.parametrize("rate_hz", [0, -48_000, 48, float("nan")])
def test_a_rate_that_no_card_has_is_refused(rate_hz):
    with pytest.raises(ValueError, match="need what both cards are set to"):
        ClockFollower(rate_hz)


def test_stamps_may_be_of_any_age():
    assert STARTED_NS > 2**49  # 11 days: in float64 a nanosecond of it still counts
    young, old = (TwoCards(48_000, 256, 77, 20, seed=1) for _ in range(2))
    old.captured_ns += 2**61
    old.played_ns += 2**61
    np.testing.assert_array_equal(Followed(old).ratio, Followed(young).ratio)
