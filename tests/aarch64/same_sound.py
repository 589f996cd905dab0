"""What the kernels make of fixed sounds here equals what they made of them on another instruction set.

AUDIOHAT_NATIVE names the recording of that other machine, which scenes.py has made.
Not collected by itself: `make aarch64` names it, see hil.aarch64. So may a Raspberry Pi.
"""

import os

import numpy as np
import pytest
import scenes

ADAPTIVE = ["linear canceller", "canceller", *[f"{name}, up" for name in scenes.CHATS]]
QUARTER_S = 0.25
SILENCE_DB = -90.0


@pytest.fixture(scope="module")
def native():
    if "AUDIOHAT_NATIVE" not in os.environ:
        pytest.skip("AUDIOHAT_NATIVE names no recording to compare with")
    with np.load(os.environ["AUDIOHAT_NATIVE"]) as recorded:
        return dict(recorded)


@pytest.fixture(scope="module")
def here(native):
    found = scenes.results(native)
    if "AUDIOHAT_HERE" in os.environ:
        np.savez(os.environ["AUDIOHAT_HERE"], **found)
    return found


def difference(x, y):
    """Largest difference against the largest value."""
    return np.abs(x.astype(complex) - y).max() / np.abs(y.astype(complex)).max()


@pytest.mark.parametrize(
    ("result", "tolerance"),
    [
        ("words to float",            0.0),   # times a power of two: nothing to round
        ("float to words",            0.0),   # rounded once, to nearest
        ("samples clipped and lost",  0.0),   # counts
        *[(f"spectrum of {size}",     1e-6) for size in scenes.FFT_FRAMES],   # five passes of 6e-8, products fused or not
        *[(f"signal of {size}",       1e-6) for size in scenes.FFT_FRAMES],
        ("voice equaliser",           2e-7),  # float64 inside; the last rounding may go the other way
        ("a third of the rate",       1e-6),  # 32 products each
        ("three times the rate",      1e-6),
        ("a rate 200 ppm higher",     1e-6),  # 44
        ("ratio between two clocks",  1e-9),  # float64, which is fed back for half a minute
        ("drift between two clocks",  1e-6),
        ("limiter",                   2e-7),
        ("automatic gain",            2e-7),  # its log10 and exp are another C library's
        ("VoiceChat, down",           2e-7),  # equaliser and limiter again
        ("GameChat, down",            2e-7),
    ],
)  # fmt: skip
def test_a_kernel_without_memory_of_its_errors_gives_the_same(here, native, result, tolerance):
    assert difference(here[result], native[result]) <= tolerance


@pytest.mark.parametrize("result", ADAPTIVE)
def test_what_adapts_starts_alike(here, native, result):
    """Over the first half second within one step of 20 bits: a filter that learns feeds its roundings back."""
    start = len(native[result]) // 8
    assert np.abs(here[result][:start] - native[result][:start]).max() <= 2.0**-20


@pytest.mark.parametrize("result", ADAPTIVE)
def test_what_adapts_is_as_loud_in_every_quarter_second(here, native, result):
    """The same microphone goes in, so equal levels of what comes out are equal ERLE, for as long as nobody talks."""
    there_db, here_db = levels_db(native[result]), levels_db(here[result])
    audible = there_db > SILENCE_DB
    assert audible.sum() > 8
    assert np.abs(here_db - there_db)[audible].max() < 0.1


def levels_db(sound):
    quarters = np.array_split(sound.astype(np.float64), round(scenes.SCENE_S / QUARTER_S))
    return np.array([10 * np.log10(np.mean(quarter**2) + 1e-20) for quarter in quarters])
