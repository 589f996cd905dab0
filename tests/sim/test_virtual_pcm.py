from __future__ import annotations

from errno import EAGAIN, EBADFD, EINVAL, EIO, EPIPE

import numpy as np
import pytest

from hil.sim.hats import HATS
from hil.sim.pcm import CAPTURED, CAPTURED_NS, PLAYED, PLAYED_NS, VirtualPcm
from hil.sim.world import World

PERIOD = 128
HAT = HATS["respeaker-2mic-v1"]


class Program:
    """Writes 1, 2, 3 ... and keeps what comes back over a cable that halves the volts."""

    def __init__(self, world, preroll_frames=PERIOD + 48):
        self.pcm = VirtualPcm(world)
        self.pcm.open(16_000, PERIOD, preroll_frames=preroll_frames)
        self.buffer = np.zeros((PERIOD, 2), np.int32)
        self.heard = np.zeros(0, np.int64)
        self.written = 0

    def read(self):
        answer = self.pcm.read_into(self.buffer)
        if answer > 0:
            self.heard = np.append(self.heard, np.round(self.buffer[:, 0] / 2**15).astype(np.int64))
        return answer

    def write(self):
        count = self.written + 1 + np.arange(PERIOD)
        answer = self.pcm.write_from(np.stack([count, count], axis=1).astype(np.int32) * 2**16)
        if answer > 0:
            self.written += PERIOD
        return answer


@pytest.fixture
def world(wire):
    return World(wire(), HAT, cable_gain_db=20 * np.log10(0.5))


def test_what_is_written_comes_back_after_the_preroll(world):
    program = Program(world)
    assert program.pcm.delay_frames() == PERIOD + 48
    for _ in range(10):
        assert program.read() == PERIOD
        assert program.pcm.delay_frames() == 48
        assert program.write() == PERIOD
    assert np.array_equal(program.heard, np.append(np.zeros(PERIOD + 48), 1 + np.arange(9 * PERIOD - 48)))
    assert (program.pcm.frames_read, program.pcm.frames_written) == (10 * PERIOD, 10 * PERIOD)
    assert program.pcm.underruns == program.pcm.overruns == 0


def test_a_late_program_plays_what_is_left_then_silence_and_is_told_so_until_it_recovers(world):
    program = Program(world)
    program.read()
    program.write()
    program.read()
    assert program.read() == PERIOD
    assert np.array_equal(program.heard[PERIOD:], np.r_[np.zeros(48), 1 + np.arange(PERIOD), np.zeros(80)])
    assert program.pcm.underruns == 1
    assert program.write() == -EPIPE
    assert program.write() == -EPIPE
    program.read()
    assert program.pcm.underruns == 1
    assert program.pcm.recover(48) == 0
    assert program.pcm.delay_frames() == 48
    assert program.write() == PERIOD
    assert program.pcm.delay_frames() == PERIOD + 48


def test_starved_writes_are_dropped_and_each_costs_an_underrun(world):
    program = Program(world)
    program.pcm.starve(2)
    answers = []
    program.read()
    for _ in range(3):
        answers.append(program.write())
        if answers[-1] < 0:
            program.pcm.recover(48)
    assert answers == [-EPIPE, -EPIPE, PERIOD]
    assert program.pcm.underruns == 2
    assert program.pcm.frames_written == PERIOD


def test_an_overrun_loses_exactly_one_period(world):
    program = Program(world)
    answers = []
    for number in range(5):
        if number == 2:
            program.pcm.overrun()
        answers.append(program.read())
        program.write()
    assert answers == [PERIOD, PERIOD, -EPIPE, PERIOD, PERIOD]
    assert program.pcm.overruns == 1
    assert program.pcm.frames_read == 4 * PERIOD
    assert program.pcm.true_seconds == pytest.approx(5 * PERIOD / 16_000)
    assert program.heard[2 * PERIOD] - program.heard[2 * PERIOD - 1] == PERIOD + 1


def test_recovering_tells_what_an_overrun_lost_and_only_once(world):
    program = Program(world)
    program.read()
    program.pcm.overrun()
    assert program.read() == -EPIPE
    assert program.pcm.recover(PERIOD + 48) == PERIOD
    assert program.pcm.recover(PERIOD + 48) == 0


def test_recovering_with_more_silence_than_the_buffer_holds_is_refused_and_changes_nothing(world):
    program = Program(world)
    assert program.pcm.recover(100 * PERIOD) == program.pcm.recover(-1) == -EINVAL
    assert program.pcm.delay_frames() == PERIOD + 48


def test_timing_counts_from_the_last_start_in_world_time(world):
    program = Program(world)
    for _ in range(3):
        program.read()
        program.write()
    assert program.pcm.timing.tolist() == [3 * PERIOD, 24_000_000, 3 * PERIOD, 24_000_000, 0, 0]
    program.pcm.recover(48)
    assert not program.pcm.timing.any()
    program.read()  # runs dry after 48 frames
    assert program.pcm.timing[[CAPTURED, PLAYED]].tolist() == [PERIOD, 48]
    assert program.pcm.timing[CAPTURED_NS] == program.pcm.timing[PLAYED_NS] == 32_000_000


def test_without_a_frame_clock_a_read_fails_and_nothing_is_played(wire):
    program = Program(World(wire(frame_rate_hz=None), HAT))
    assert program.read() == -EIO
    assert program.pcm.delay_frames() == PERIOD + 48
    assert program.pcm.true_seconds == 0


def test_the_card_does_not_know_that_its_clock_is_wrong(wire):
    program = Program(World(wire(frame_rate_hz=15_000.0), HAT))
    for _ in range(15):
        program.read()
        program.write()
    assert program.pcm.rate_hz == 16_000
    assert program.pcm.true_seconds == pytest.approx(15 * PERIOD / 15_000)


def test_a_full_buffer_asks_to_come_again(world):
    program = Program(world, preroll_frames=PERIOD)
    assert [program.write() for _ in range(5)] == [PERIOD] * 4 + [-EAGAIN]


def test_a_closed_card_answers_nothing_and_opens_afresh(world):
    program = Program(world)
    program.read()
    program.pcm.close()
    assert program.read() == program.write() == program.pcm.recover(0) == -EBADFD
    program.pcm.open(16_000, PERIOD, preroll_frames=2 * PERIOD)
    assert program.pcm.frames_read == 0
    assert program.pcm.delay_frames() == 2 * PERIOD


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"channels": 1},                OSError,    "2 channels"),
        ({"rate_hz": 0},                 OSError,    "0 Hz"),
        ({"preroll_frames": PERIOD - 1}, ValueError, "do not hold a period"),
    ],
)  # fmt: skip
def test_a_card_refuses_what_it_cannot_be(world, arguments, error, reason):
    with pytest.raises(error, match=reason):
        VirtualPcm(world).open(**{"rate_hz": 16_000, "period_frames": PERIOD, "preroll_frames": PERIOD} | arguments)


def test_buffers_of_another_shape_or_type_are_refused(world):
    program = Program(world)
    with pytest.raises(ValueError, match=r"int32\[128, 2\], not int16"):
        program.pcm.read_into(np.zeros((PERIOD, 2), np.int16))
    with pytest.raises(ValueError, match=r"not int32\[128\]"):
        program.pcm.write_from(np.zeros(PERIOD, np.int32))
