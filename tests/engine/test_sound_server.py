"""The engine in real time, on libasound, without a sound card: a sound server keeps the pace, and hands back what it is given.

It proves that the loop keeps time and loses nothing; not what hardware does: a server has no xruns of the hardware's kind.
Longer talks where AUDIOHAT_REAL_TIME_S names their seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.heap import build_counter
from numpy.typing import NDArray
from sound_server import missing, sound_server
from talks import PROFILES_HERE, RATES_HZ, TALKS

from firmware_py import Mode

SECONDS = float(os.environ.get("AUDIOHAT_REAL_TIME_S", "8"))
SETTLED_S = 1.0
COMPILED_S = 600.0  # within which all kernels are, on a busy machine
PACE = 0.01
ECHO_S = 0.025
LOSS_DB = 25.0

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not tested: the engine in real time: {missing()}")

Talk = dict[str, Any]
Talks = Mapping[str, Talk]


def talks_in(*modes: Mode) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [name for name, (_, mode) in TALKS.items() if mode in modes])


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Talks:
    """Every talk has been held, in a process that libraries of a sound server are loaded into."""
    folder, script = tmp_path_factory.mktemp("talks"), Path(__file__).parent / "talks.py"
    with sound_server(**RATES_HZ) as environment:
        subprocess.run(
            [sys.executable, script, folder, str(SECONDS)],
            env={**environment, "LD_PRELOAD": str(build_counter(folder))},
            check=True,
            timeout=COMPILED_S + 2.0 * SECONDS * len(TALKS),
        )
    return {name: dict(np.load(folder / f"{name}.npz")) for name in TALKS}


@talks_in(Mode.DEFAULT, Mode.VOICE_CHAT)
def test_as_many_periods_pass_as_time_does(talks: Talks, name: str) -> None:
    profile = PROFILES_HERE[TALKS[name][1]]
    times_s, periods = talks[name]["passed"][talks[name]["passed"][:, 0] > SETTLED_S].T
    pace, _ = np.polyfit(times_s, periods * profile.period_frames / profile.rate_hz, 1)
    assert abs(pace - 1.0) < PACE


@talks_in(Mode.DEFAULT, Mode.VOICE_CHAT)
def test_no_xrun_is_counted_and_the_loop_goes_on_until_it_is_stopped(talks: Talks, name: str) -> None:
    assert talks[name]["failure"] == ""
    assert talks[name]["xruns"] == 0


@talks_in(Mode.DEFAULT, Mode.VOICE_CHAT)
def test_a_talk_that_was_stopped_leaves_no_thread_and_nothing_open(talks: Talks, name: str) -> None:
    assert talks[name]["left_open"] == ""


@talks_in(Mode.DEFAULT)
def test_every_frame_comes_back_once_and_in_its_place(talks: Talks, name: str) -> None:
    down, up = talks[name]["down"], talks[name]["up"]
    echo_frames, ramp = echo_of(talks[name]), PROFILES_HERE[Mode.DEFAULT].period_frames
    assert talks[name]["late_frames"] == 0, "the test itself came late"
    assert len(up) > (SECONDS - SETTLED_S) * PROFILES_HERE[Mode.DEFAULT].rate_hz
    np.testing.assert_array_equal(up[:echo_frames], 0.0)
    np.testing.assert_array_equal(up[echo_frames + ramp :], down[ramp : len(up) - echo_frames])


@talks_in(Mode.DEFAULT)
def test_the_echo_comes_after_its_reference_and_soon(talks: Talks, name: str) -> None:
    late_frames = echo_of(talks[name]) - int(talks[name]["delay_frames"])
    assert 0 <= late_frames < ECHO_S * PROFILES_HERE[Mode.DEFAULT].rate_hz


@talks_in(Mode.VOICE_CHAT)
def test_an_echo_that_is_a_fifth_of_a_second_late_is_cancelled(talks: Talks, name: str) -> None:
    rate_hz = PROFILES_HERE[Mode.VOICE_CHAT].rate_hz
    assert talks[name]["delay_frames"] == pytest.approx(0.2 * rate_hz, rel=0.2)
    assert power_db(talks[name]["down"]) - power_db(talks[name]["up"][-2 * rate_hz :]) > LOSS_DB


@pytest.mark.parametrize("name", [name for name in TALKS if name == f"AlsaPcm {Mode.VOICE_CHAT}"])
def test_periods_that_go_through_a_sound_server_ask_nothing_of_the_heap(talks: Talks, name: str) -> None:
    assert talks[name]["heap_calls"] == 0


def echo_of(talk: Talk) -> int:
    """Frames by which what was played comes back later: by a few in the middle that are like no others."""
    down, middle = talk["down"], len(talk["up"]) // 2
    heard = talk["up"][middle : middle + 8]
    begins = np.flatnonzero((down == heard[0]).all(axis=1))
    (found,) = [begin for begin in begins.tolist() if np.array_equal(down[begin : begin + len(heard)], heard)]
    return middle - int(found)


def power_db(signal: NDArray[np.float32]) -> float:
    return float(10.0 * np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-20))
