from __future__ import annotations

import numpy as np
import pytest

from hil.sim.convolver import Convolver


def stream(convolver, x, period_frames):
    return np.concatenate([convolver.next(block) for block in x.reshape(-1, period_frames)], axis=1)


@pytest.mark.parametrize(
    ("period_frames", "taps"),
    [
        (128, 4_800),
        (128, 1),  # a wire
        (128, 128),  # exactly one partition
        (160, 1_000),  # no power of two
        (97, 640),  # a prime
        (1_024, 300),  # shorter than a period
    ],
)
def test_periods_through_the_convolver_are_the_convolution_of_the_whole(period_frames, taps):
    rng = np.random.default_rng(taps)
    response = rng.standard_normal((2, taps)).astype(np.float32)
    x = rng.standard_normal(60 * period_frames).astype(np.float32)
    heard = stream(Convolver(response, period_frames), x, period_frames)
    for row, taps_of_row in zip(heard, response, strict=True):
        truth = np.convolve(x.astype(np.float64), taps_of_row)[: len(x)]
        assert np.max(np.abs(row - truth)) < 1e-5 * np.max(np.abs(truth))


@pytest.mark.parametrize(("before", "after"), [(2_000, 700), (2_000, 2_000)])
def test_another_response_applies_to_all_that_was_heard_before(before, after):
    rng = np.random.default_rng(5)
    old, new = (rng.standard_normal((2, taps)).astype(np.float32) for taps in (before, after))
    x = rng.standard_normal(40 * 128).astype(np.float32)
    convolver = Convolver(old, 128)
    stream(convolver, x[: 20 * 128], 128)
    convolver.replace(new)
    heard = stream(convolver, x[20 * 128 :], 128)
    truth = np.convolve(x.astype(np.float64), new[1])[20 * 128 : 40 * 128]
    assert np.max(np.abs(heard[1] - truth)) < 1e-5 * np.max(np.abs(truth))


def test_after_the_tail_there_is_silence():
    convolver = Convolver(np.ones((1, 1_000), np.float32), 128)
    convolver.next(np.ones(128, np.float32))
    silence = np.zeros(128, np.float32)
    tail = [np.abs(convolver.next(silence)).max() for _ in range(convolver.tail_periods + 1)]
    assert tail[0] > 1
    assert tail[-1] < 1e-4
