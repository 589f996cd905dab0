"""Two sessions on one board, by what the loudspeaker says: mixing, ducking, interruption."""

import numpy as np
import pytest

from firmware_py import Board, Category, Mode
from firmware_py.audio import AudioSessionError, InterruptionState
from firmware_py.audio.scene import DUCKED_DB, MOST_ACTIVE
from hil.analysis import level_dbov
from hil.bench import VirtualBench


@pytest.fixture
def bench(board: Board):
    bench = VirtualBench(board)
    yield bench
    bench.close()


def player(bench: VirtualBench, name: str, *, mixing: bool, priority: int = 0):
    session = bench.device.conductor.session(name, priority=priority)
    session.set_category(Category.MEDIA_PLAYBACK, mode=Mode.MEASUREMENT)
    session.mix_with_others = mixing
    session.activate()
    return session


def tone_level(bench: VirtualBench, name: str, frequency_hz: float) -> float:
    """Level at the loudspeaker of a tone that only the named session plays."""
    engine, rate = bench.stage.engine, bench.profile.rate_hz
    tone = 0.1 * np.sin(2 * np.pi * frequency_hz * np.arange(rate // 2) / rate).astype(np.float32)
    engine.line(name).write(np.repeat(tone[:, None], bench.profile.channels, axis=1))
    with bench.world.recording() as tape:
        engine.run(len(tone) // bench.profile.period_frames)
    return level_dbov(tape.speaker_v[len(tape.speaker_v) // 2 :])


def test_two_that_mix_are_both_heard(bench):
    player(bench, "music", mixing=True)
    player(bench, "cue", mixing=True)
    assert tone_level(bench, "music", 1000) > -30.0
    assert tone_level(bench, "cue", 1000) > -30.0


def test_a_ducked_session_is_20_db_quieter_as_long_as_the_other_is_active(bench):
    player(bench, "music", mixing=True)
    before = tone_level(bench, "music", 1000)
    voice = bench.device.conductor.session("voice")
    voice.set_category(Category.MEDIA_PLAYBACK, mode=Mode.MEASUREMENT)
    voice.duck_others = True
    voice.activate()
    assert tone_level(bench, "music", 1000) == pytest.approx(before + DUCKED_DB, abs=0.2)
    voice.deactivate()
    assert tone_level(bench, "music", 1000) == pytest.approx(before, abs=0.2)


def test_an_interrupted_session_is_silent_before_it_is_told(bench):
    music = player(bench, "music", mixing=False)
    heard_at_begin = []
    line = bench.stage.engine.line("music")
    line.write(np.full((4096, 2), 0.1, np.float32))

    def told(state: InterruptionState) -> None:
        with bench.world.recording() as tape:
            bench.stage.engine.run(8)
        heard_at_begin.append((state, float(np.std(tape.speaker_v))))

    music.set_interruption_listener(told)
    player(bench, "call", mixing=False)
    ((state, heard),) = heard_at_begin
    assert state is InterruptionState.BEGIN
    assert heard < 1e-3


def test_both_hear_the_microphone_while_they_mix(bench):
    for name in ("one", "two"):
        session = bench.device.conductor.session(name)
        session.set_category(Category.PLAY_AND_RECORD, mode=Mode.MEASUREMENT)
        session.mix_with_others = True
        session.activate()
    engine = bench.stage.engine
    engine.line("one").drain()
    engine.line("two").drain()
    engine.run(5)
    np.testing.assert_array_equal(engine.line("one").read(5120), engine.line("two").read(5120))


def test_one_session_too_many_is_refused_and_the_others_play_on(bench):
    for number in range(MOST_ACTIVE):
        player(bench, f"player {number}", mixing=True)
    with pytest.raises(AudioSessionError, match="end one first"):
        player(bench, "late", mixing=True)
    assert tone_level(bench, "player 0", 1000) > -30.0
