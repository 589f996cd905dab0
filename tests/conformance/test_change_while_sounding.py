"""A mode that changes while sound runs, as AVAudioSession allows: no click, no long gap, and the old one stands if it fails."""

import errno

import numpy as np
import pytest

from firmware_py import Board, Category, Mode
from firmware_py.audio import AudioSessionError
from hil.analysis import click_dbfs
from hil.bench import VirtualBench

FULL_SCALE_V = 2.0 * np.sqrt(2.0)  # the bridged loudspeaker output at 0 dB
PAIRS = [(before, after) for before in Mode for after in Mode if before is not after]


@pytest.fixture
def bench(board: Board):
    bench = VirtualBench(board)
    yield bench
    bench.close()


@pytest.fixture
def session(bench: VirtualBench):
    session = bench.device.conductor.session("player", profile="avfoundation")
    session.set_category(Category.PLAY_AND_RECORD)
    yield session
    session.abandon()


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_change_of_mode_clicks_below_40_dbfs_and_is_done_within_200_ms(bench, session, before, after):
    session.set_mode(before)
    session.activate()
    bench.stage.engine.run(20)
    began_s = bench.world.time_s
    with bench.world.recording() as tape:
        session.set_mode(after)
    assert bench.world.time_s - began_s < 0.2
    with bench.world.recording() as later:
        bench.stage.engine.run(10)
    heard = np.concatenate((tape.speaker_v, later.speaker_v)) / FULL_SCALE_V
    assert 20 * np.log10(np.max(np.abs(heard)) + 1e-9) < -40.0  # the loudspeaker is silent to the last bit
    captured = bench.stage.engine.line("player").read(100_000)[:, 0]
    assert click_dbfs(captured - np.mean(captured)) < -40.0
    assert bench.mismatches() == []


def test_a_tone_is_faded_out_and_in_and_not_cut(bench, session):
    session.set_mode(Mode.MEASUREMENT)
    session.activate()
    engine = bench.stage.engine
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(24_000) / 48_000).astype(np.float32)
    engine.line("player").write(np.repeat(tone[:, None], 2, axis=1))
    engine.run(5)
    with bench.world.recording() as tape:
        session.set_mode(Mode.DEFAULT)
    steepest = np.max(np.abs(np.diff(tape.speaker_v)))
    of_the_tone = np.max(np.abs(tape.speaker_v)) * 2 * np.pi * 500 / 48_000
    assert steepest < 1.5 * of_the_tone + 0.02


def refuse_once(bench: VirtualBench, after: int) -> None:
    """Let *after* more writes reach the chip, lose one, and let the rest through."""
    write, countdown = bench.chip.write, iter([False] * after + [True])

    class Bus:
        read = staticmethod(bench.chip.read)

        @staticmethod
        def write(address: int, data: bytes) -> None:
            if next(countdown, False):
                raise OSError(errno.EREMOTEIO, "no acknowledge")
            write(address, data)

    bench.stage.codec.bus = Bus()


@pytest.mark.parametrize("after", range(8))
def test_a_refused_write_leaves_the_old_mode_sounding_and_the_session_true(bench, session, after):
    session.set_mode(Mode.DEFAULT)
    session.activate()
    refuse_once(bench, after)
    with pytest.raises(AudioSessionError, match="no acknowledge"):
        session.set_mode(Mode.VOICE_CHAT)
    assert session.active
    assert session.mode is Mode.DEFAULT
    assert bench.mode == "default"
    assert bench.mismatches() == []
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000).astype(np.float32)
    engine = bench.stage.engine
    engine.line("player").write(np.repeat(tone[:, None], 2, axis=1)[:24_000])
    with bench.world.recording() as tape:
        engine.run(20)
    assert np.std(tape.speaker_v) > 0.05


def test_a_card_that_refuses_the_new_period_leaves_the_old_mode_sounding(bench, session, monkeypatch):
    session.set_mode(Mode.DEFAULT)
    session.activate()
    opened = bench.pcm.open

    def choosy(rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        if rate_hz == 16_000:
            raise OSError(errno.EINVAL, "rate not available")
        opened(rate_hz, period_frames, channels, preroll_frames=preroll_frames)

    monkeypatch.setattr(bench.pcm, "open", choosy)
    with pytest.raises((AudioSessionError, OSError)):
        session.set_mode(Mode.VOICE_CHAT)
    assert bench.mode == "default"
    assert bench.mismatches() == []
    bench.stage.engine.run(3)
