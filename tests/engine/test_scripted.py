"""The scripted card keeps its word: what is written in the script happens, when it is to, and nothing else."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from scripted import Echo, Event, ScriptedPcm

from firmware_py.errors import PcmError
from firmware_py.pcm import CAPTURED, CAPTURED_NS, OFFSET, PLAYED, PLAYED_NS, TWO_CLOCKS

RATE_HZ, PERIOD, PREROLL = 16_000, 128, 176


class Program:
    """Plays noise; keeps what it hears and every answer it gets; recovers when told of an interruption."""

    def __init__(self, *events: Event, seed: int = 0, **card: object) -> None:
        self.pcm = ScriptedPcm(events, **card)
        self.pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
        self.answers: list[int] = []
        self.lost: list[int] = []
        self._heard: list[np.ndarray] = []
        self._played: list[np.ndarray] = []
        self._noise = np.random.default_rng(seed)

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate(self._heard)

    @property
    def played(self) -> np.ndarray:
        return np.concatenate(self._played)

    def run(self, periods: int) -> Program:
        buffer = np.zeros((PERIOD, 2), np.int32)
        for _ in range(periods):
            self.answers.append(self.pcm.read_into(buffer))
            if self.answers[-1] < 0:
                self.lost.append(self.pcm.recover(PREROLL))
                continue
            self._heard.append(buffer.copy())
            block = self._noise.integers(-(2**30), 2**30, (PERIOD, 2)).astype(np.int32)
            self.answers.append(self.pcm.write_from(block))
            if self.answers[-1] < 0:
                self.lost.append(self.pcm.recover(PREROLL - PERIOD))
                self.answers.append(self.pcm.write_from(block))
            self._played.append(block)
        return self


def ticks(capture_ticks: np.ndarray) -> np.ndarray:
    return capture_ticks.astype(float)


def test_nothing_happens_that_is_not_in_the_script():
    assert Program().run(1000).answers == [PERIOD] * 2000


@pytest.mark.parametrize(
    ("event", "answers", "lost"),
    [
        (Event("read", 2, (-errno.EPIPE,), 500),             [-errno.EPIPE],         [500]),     # told, 500 frames later
        (Event("read", 2, (-errno.EPIPE,)),                  [-errno.EPIPE],         [0]),
        (Event("read", 2, late_frames=5000),                 [-errno.EPIPE],         [5000]),    # more than the buffer holds
        (Event("read", 2, late_frames=20),                   [],                     []),        # still in time
        (Event("write", 2, (-errno.EPIPE,)),                 [-errno.EPIPE],         [0]),
        (Event("write", 2, late_frames=100),                 [-errno.EPIPE],         [100]),     # 48 frames were queued
        (Event("read", 2, (-errno.ESTRPIPE,), 9000),         [-errno.ESTRPIPE],      [9000]),
        (Event("read", 2, (1, -errno.EINTR, -errno.EAGAIN)), [],                     []),
        (Event("write", 2, (-errno.EAGAIN, 127)),            [],                     []),
    ],
)  # fmt: skip
def test_an_event_happens_once_and_costs_what_it_costs(event, answers, lost):
    program = Program(event).run(20)
    assert [answer for answer in program.answers if answer != PERIOD] == answers
    assert program.lost == lost


def test_a_card_that_is_unplugged_answers_nothing_else_until_it_is_back_at_the_third_opening():
    program = Program(
        Event("read", 3, (-errno.ENODEV,)), Event("open", 1, (-errno.ENODEV,)), Event("start", 1, (-errno.EIO,))
    )
    program.run(5)
    assert program.answers[6:] == [-errno.ENODEV] * 2
    assert program.lost == [-errno.ENODEV] * 2
    for number in (errno.ENODEV, errno.EIO):
        with pytest.raises(PcmError) as refused:
            program.pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
        assert refused.value.errno == number
        assert program.pcm.handles == 0
    program.pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
    assert program.run(3).answers[-6:] == [PERIOD] * 6


def test_a_recovery_can_be_refused_too():
    program = Program(Event("read", 1, (-errno.ESTRPIPE,)), Event("recover", 0, (-errno.ESTRPIPE,))).run(4)
    assert program.lost == [-errno.ESTRPIPE, 0]
    assert program.answers[-2:] == [PERIOD, PERIOD]


def test_what_is_heard_is_what_was_played_through_the_echos_filter():
    fir = (0.5, 0.0, -0.25)
    program = Program(echo=Echo(40, fir), start_offset_frames=9).run(30)
    delay = PREROLL + 9 + 40
    expected = np.apply_along_axis(np.convolve, 0, program.played.astype(float), fir)[: len(program.heard) - delay]
    assert program.pcm.timing[OFFSET] == 9
    np.testing.assert_array_equal(program.heard[:delay], 0)
    np.testing.assert_allclose(program.heard[delay:], expected, atol=1.0)


def test_an_echo_goes_on_across_an_opening_as_silence():
    program = Program(echo=Echo(40)).run(5)
    program.pcm.open(48_000, 960, preroll_frames=960)
    buffer = np.ones((960, 2), np.int32)
    assert program.pcm.read_into(buffer) == 960
    assert not buffer.any()


def test_near_sound_is_that_of_the_moment_and_an_overrun_leaves_out_as_much_as_it_says():
    program = Program(Event("read", 2, (-errno.EPIPE,), 300), near=ticks).run(5)
    expected = np.r_[: 2 * PERIOD, 2 * PERIOD + 300 : 4 * PERIOD + 300]
    np.testing.assert_array_equal(program.heard[:, 0], expected)


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_two_clocks_move_the_echo_by_what_their_difference_makes(ppm):
    periods = 1200  # 9.6 s
    program = Program(echo=Echo(64), playback_ppm=ppm)
    assert program.pcm.timing[TWO_CLOCKS] == 1
    program.pcm.recover(PREROLL + PERIOD)  # room for the clock that is fast
    program.run(periods)
    assert program.lost == []
    block = slice(-4 * PERIOD, -2 * PERIOD)
    heard, played = program.heard[block, 0].astype(float), program.played[:, 0].astype(float)
    begin = len(program.heard) - 4 * PERIOD - (PREROLL + PERIOD) - 64
    match = [played[begin + lag : begin + lag + 2 * PERIOD] @ heard for lag in range(-60, 60)]
    drift = int(np.argmax(np.abs(match))) - 60
    assert drift == pytest.approx(ppm * 1e-6 * periods * PERIOD, abs=1.0)


def test_time_stamps_tell_the_two_clocks_apart_and_jitter_by_no_more_than_they_may():
    program = Program(capture_ppm=50.0, playback_ppm=-100.0, jitter_ns=200_000)
    program.pcm.recover(8 * PERIOD)
    stamps = np.array([program.run(1).pcm.timing[: PLAYED_NS + 1].copy() for _ in range(2000)])
    for count, when, ppm in ((CAPTURED, CAPTURED_NS, 50.0), (PLAYED, PLAYED_NS, -100.0)):
        rate, _ = np.polyfit(stamps[:, when] - stamps[0, when], stamps[:, count], 1)
        assert (rate * 1e9 / RATE_HZ - 1.0) * 1e6 == pytest.approx(ppm, abs=5.0)
    true_ns = program.pcm.driver.now_ns
    assert abs(stamps[-1, CAPTURED_NS] - true_ns) <= 200_000


def test_clocks_that_differ_run_a_queue_dry_in_the_end():
    program = Program(playback_ppm=1000.0).run(1000)
    assert -errno.EPIPE in program.answers


def test_an_echo_that_would_have_to_be_heard_before_it_is_played_is_a_mistake():
    with pytest.raises(ValueError, match="at least 16 frames"):
        ScriptedPcm(echo=Echo(3), capture_ppm=10.0)
