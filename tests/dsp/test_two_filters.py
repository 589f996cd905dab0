"""Which filter is believed, and when; what doubt and the guard do with a filter that is not."""

import numpy as np
import pytest

from firmware_py.dsp.clipping import LARGEST, REPEATS
from firmware_py.dsp.two_filters import (
    CROSS,
    DOWN,
    ESTIMATE,
    GUARD_ERROR,
    GUARD_MIC,
    HAS_CANCELLED,
    LOST,
    MAIN,
    MIC,
    SHADOW,
    SHARE,
    UP,
    compare,
    doubt,
    find_error,
    guard,
)

B = 128
KEEP = np.float32(0.95)


def past(mic, main, shadow, has_cancelled=False):
    """What a canceller remembers; the guard is content."""
    energy = np.zeros(9, np.float32)
    energy[[MIC, MAIN, SHADOW, SHARE, HAS_CANCELLED]] = mic, main, shadow, 1, has_cancelled
    energy[[GUARD_MIC, GUARD_ERROR, CROSS, ESTIMATE]] = 1, 2, 3, 4
    return energy


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        # mic, main, shadow, has cancelled    mic, main, shadow
        ((1.0, 0.50, 0.50, False), (1.0, 0.50, 0.50),  0),     # equals
        ((1.0, 0.50, 0.20, False), (1.0, 0.50, 0.20),  UP),    # the shadow is better by more than half, past and present
        ((1.0, 0.50, 0.30, False), (1.0, 0.50, 0.30),  0),     # by less than half
        ((1.0, 0.50, 0.20, False), (1.0, 0.50, 0.51),  0),     # the past says so, this block does not
        ((1.0, 0.50, 0.50, False), (1.0, 0.50, 0.01),  0),     # this block says so, the past does not
        ((1.0, 4.00, 0.95, False), (1.0, 4.00, 0.95),  0),     # better than the main filter, hardly than none
        ((1.0, 4.00, 0.85, False), (1.0, 4.00, 0.85),  UP),
        ((1.0, 0.40, 0.50, False), (1.0, 0.40, 0.50),  DOWN),  # the main filter is better by a tenth
        ((1.0, 0.48, 0.50, False), (1.0, 0.48, 0.50),  0),     # by less
        ((1.0, 0.40, 0.50, False), (1.0, 0.51, 0.50),  0),     # the past says so, this block does not
        ((1.0, 0.50, 0.50, False), (1.0, 0.01, 0.50),  0),     # this block says so, the past does not
        ((1.0, 2.00, 4.00, False), (1.0, 2.00, 4.00),  DOWN),  # the better of two bad ones
        ((1.0, 1.50, 1.50, True),  (1.0, 1.50, 1.50),  LOST),  # both make the microphone louder, and once did not
        ((1.0, 1.50, 1.50, False), (1.0, 1.50, 1.50),  0),     # the main filter has never cancelled: it may be learning
        ((1.0, 1.50, 1.50, True),  (1.0, 0.95, 1.50),  0),     # this block it does not make louder
        ((1.0, 1.20, 1.50, True),  (1.0, 1.20, 1.50),  DOWN),  # not loud enough
        ((1.0, 1.50, 1.20, True),  (1.0, 1.50, 1.20),  0),     # nor the shadow
        ((1.0, 1.00, 1.00, True),  (1.0, 1.90, 1.90),  0),     # one block is no past
        ((1.0, 2.00, 0.50, True),  (1.0, 2.00, 0.50),  UP),    # the shadow knows the way: no need to begin anew
        ((0.0, 0.00, 0.00, True),  (0.0, 0.00, 0.00),  0),     # silence
    ],
)  # fmt: skip
def test_past_and_present_together_say_whom_to_believe(before, now, verdict):
    energy = past(*before)
    assert compare(energy, KEEP, *(np.float32(value) for value in now)) == verdict


def test_energies_are_smoothed_and_who_is_copied_takes_over_the_others_past():
    mic, main, shadow = (np.float32(value) for value in (3.0, 2.0, 0.1))
    energy = past(1.0, 0.5, 0.6)
    assert compare(energy, KEEP, mic, main, shadow) == 0
    assert energy[[MIC, MAIN, SHADOW]] == pytest.approx([1.1, 0.575, 0.575])
    energy = past(1.0, 0.5, 0.2)
    assert compare(energy, KEEP, mic, main, shadow) == UP
    assert energy[MAIN] == energy[SHADOW] == pytest.approx(0.195)
    energy = past(1.0, 0.2, 0.5)
    assert compare(energy, KEEP, mic, shadow, main) == DOWN
    assert energy[MAIN] == energy[SHADOW] == pytest.approx(0.195)


def test_a_filter_has_cancelled_once_its_error_lies_6_db_below_the_microphone():
    energy = past(1.0, 0.27, 0.27)
    compare(energy, KEEP, np.float32(1), np.float32(0.27), np.float32(0.27))
    assert energy[HAS_CANCELLED] == 0
    energy = past(1.0, 0.23, 0.23)
    compare(energy, KEEP, np.float32(1), np.float32(0.23), np.float32(0.23))
    assert energy[HAS_CANCELLED] == 1
    compare(energy, KEEP, np.float32(1), np.float32(1.0), np.float32(1.0))
    assert energy[HAS_CANCELLED] == 1  # it is not forgotten


def test_a_path_that_is_lost_is_lost_once():
    energy = past(1.0, 2.0, 2.0, has_cancelled=True)
    loud = np.float32(1), np.float32(2), np.float32(2)
    assert compare(energy, KEEP, *loud) == LOST
    assert energy[MAIN] == energy[SHADOW] == energy[MIC]
    assert energy[GUARD_ERROR] == energy[GUARD_MIC]
    assert energy[CROSS] == energy[ESTIMATE] == 0
    assert [compare(energy, KEEP, *loud) for _ in range(200)] == [0] * 200


def test_no_path_is_lost_before_the_past_agrees():
    """Both filters fail from one block to the next: at an error of twice the microphone it takes 0.06 s to be sure."""
    energy = past(1.0, 0.01, 0.01, has_cancelled=True)
    verdicts = [compare(energy, KEEP, np.float32(1), np.float32(2), np.float32(2)) for _ in range(30)]
    expected = next(n for n in range(1, 30) if 2 - 1.99 * 0.95**n > 1.3)
    assert verdicts[: expected - 1] == [0] * (expected - 1)
    assert verdicts[expected - 1] == LOST
    assert expected * 0.008 > 0.1


def test_a_talker_loses_no_path():
    """He is in the microphone and in the error alike, at any level: the error is never the louder for him."""
    energy, rng = past(1.0, 0.01, 0.01, has_cancelled=True), np.random.default_rng(2)
    for talker in rng.exponential(size=300) * 10.0 ** rng.uniform(-3, 3, 300):
        echo = np.float32(talker + 1.0)
        assert compare(energy, KEEP, echo, np.float32(talker + 0.01), np.float32(talker + 0.01)) != LOST


@pytest.mark.parametrize("stop", [1, 3, 6])
@pytest.mark.parametrize("missing", [0.0, 0.01, 0.1, 10.0])
def test_doubt_raises_the_variance_to_three_times_what_the_error_says_is_missing_and_no_further_than_one(stop, missing):
    rng = np.random.default_rng(stop)
    c, prior = rng.uniform(0, 0.3, (6, 48)).astype(np.float32), (0.92 ** np.arange(6)).astype(np.float32)
    far, v_re, v_im = rng.uniform(0.5, 2, (3, 48)).astype(np.float32)
    far *= (v_re**2 + v_im**2).sum() / far.sum() / max(missing, 1e-9)
    if not missing:
        v_re[:] = v_im[:] = 0
    before = c.copy()
    doubt(c, prior, stop, far, v_re, v_im)
    expected = np.maximum(before[:stop], np.minimum(3 * missing * prior[:stop, None], 1))
    assert np.allclose(c[:stop], expected, rtol=1e-5)
    assert np.array_equal(c[stop:], before[stop:])


def test_doubt_without_a_far_end_is_a_number():
    c, silence = np.full((2, 16), 0.1, np.float32), np.zeros(16, np.float32)
    doubt(c, np.ones(2, np.float32), 2, silence, silence, silence)
    assert np.array_equal(c, np.full((2, 16), 0.1, np.float32))
    doubt(c, np.ones(2, np.float32), 2, silence, silence + 1, silence)
    assert np.array_equal(c, np.ones((2, 16), np.float32))


def noise(seed):
    return np.random.default_rng(seed).standard_normal(B).astype(np.float32)


def guarded(energy, mic, estimate, blocks):
    out = np.zeros(B, np.float32)
    for _ in range(blocks):
        guard(energy, np.float32(0.85), mic, estimate, out)
    return out


def ready():
    energy = np.zeros(9, np.float32)
    energy[SHARE] = 1
    return energy


def test_a_good_estimate_is_subtracted_whole():
    mic = noise(1)
    estimate = 0.9 * mic
    assert np.allclose(guarded(ready(), mic, estimate, 1), 0.1 * mic, atol=1e-6)


@pytest.mark.parametrize(("gain", "share"), [(3.0, 1 / 3), (-2.0, 0.0), (2.1, 1.0), (2.5, 0.4), (100.0, 0.01)])
def test_of_an_estimate_that_makes_the_microphone_louder_only_the_best_share_is_subtracted(gain, share):
    """(1 - gain)^2 is what stays of the energy; 1.5 is too much."""
    mic, energy = noise(2), ready()
    out = guarded(energy, mic, np.float32(gain) * mic, 100)
    assert energy[SHARE] == pytest.approx(share, abs=1e-3)
    assert np.allclose(out, (1 - share * gain) * mic, atol=2e-3 * abs(gain))


def test_an_estimate_of_another_sound_is_turned_down_to_nothing():
    mic, estimate, energy = noise(3), 4 * noise(4), ready()
    estimate -= (mic @ estimate) / (mic @ mic) * mic
    out = guarded(energy, mic, estimate, 50)
    assert energy[SHARE] == pytest.approx(0, abs=1e-4)
    assert np.allclose(out, mic, atol=1e-3)


def test_the_share_changes_over_32_frames_without_a_step():
    mic, energy = np.full(B, 0.1, np.float32), ready()
    estimate, out = np.full(B, -1, np.float32), np.zeros(B, np.float32)
    guard(energy, np.float32(0.85), mic, estimate, out)
    share = out - 0.1
    assert energy[SHARE] == 0
    assert np.allclose(share[:32], 1 - np.arange(1, 33) / 32, atol=1e-6)
    assert np.allclose(share[32:], 0, atol=1e-6)
    guard(energy, np.float32(0), mic, np.float32(0.5) * mic, out)  # it comes back the same way
    assert np.allclose(out, mic - np.minimum(np.arange(1, B + 1) / 32, 1) * 0.5 * mic, atol=1e-6)


def test_the_guards_memory_is_smoothed_energy():
    mic, estimate, energy = noise(5), noise(6), past(0, 0, 0)
    guarded(energy, mic, estimate, 1)
    d, y = mic.astype(float), estimate.astype(float)
    expected = [
        0.85 * a + 0.15 * b for a, b in zip((1, 2, 3, 4), (d @ d, (d - y) @ (d - y), d @ y, y @ y), strict=True)
    ]
    assert energy[[GUARD_MIC, GUARD_ERROR, CROSS, ESTIMATE]] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("block", [64, 128, 160, 384])
def test_the_error_is_the_microphone_less_the_second_half_of_the_frame(block):
    rng = np.random.default_rng(block)
    mic, frame = (rng.standard_normal(n).astype(np.float32) for n in (block, 2 * block))
    before, estimate = frame.copy(), np.full(block, np.nan, np.float32)
    energy = find_error(np.zeros(2, np.float32), mic, frame, estimate)
    assert np.array_equal(estimate, before[block:])
    assert not frame[:block].any()
    assert np.array_equal(frame[block:], mic - estimate)
    assert energy == pytest.approx(((mic - estimate).astype(float) ** 2).sum(), rel=1e-5)


def test_where_the_microphone_clips_and_the_estimate_lies_beyond_there_is_no_error():
    sound = (0.9 * np.sin(np.arange(B) / 5)).astype(np.float32)
    mic = np.clip(sound, -0.5, 0.5)
    clip, estimate = np.zeros(2, np.float32), np.zeros(B, np.float32)
    clip[LARGEST], clip[REPEATS] = 0.5, 10
    frame = np.concatenate([np.zeros(B, np.float32), sound])
    assert find_error(clip, mic, frame, estimate) == 0
    assert np.array_equal(estimate, mic)
    clip[REPEATS] = 0  # a converter of which nothing is known
    frame = np.concatenate([np.zeros(B, np.float32), sound])
    assert find_error(clip, mic, frame, estimate) == pytest.approx(((mic - sound).astype(float) ** 2).sum(), rel=1e-5)
    assert np.array_equal(estimate, sound)
