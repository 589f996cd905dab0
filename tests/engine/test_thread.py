"""The engine in a thread of its own, on a card that is as fast as it can be."""

import threading

import numpy as np
import pytest

from firmware_py import Board, Category, Mode
from firmware_py.device import Device
from hil.bench import VirtualBench


@pytest.fixture
def device(board: Board):
    bench = VirtualBench(board)
    device = Device(board, bus=bench.chip, pcm=bench.pcm, pins=bench.device.panel._pins, sleep=bench.world.wait)
    device.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    yield device
    device.close()


def test_periods_go_on_by_themselves_until_the_session_ends(device):
    device.session.activate()
    engine = device.stage.engine
    before = engine.statistics.periods
    assert engine.running
    threading.Event().wait(0.05)
    assert engine.statistics.periods > before
    device.session.deactivate()
    assert not engine.running


def test_sound_reaches_the_session_and_comes_from_it(device):
    device.session.activate()
    line = device.stage.engine.line("device")
    line.write(np.zeros((1600, 1), np.float32))
    for _ in range(200):
        if len(line.read(1)):
            return
        threading.Event().wait(0.01)
    raise AssertionError("nothing was captured")


def test_a_card_that_goes_away_ends_the_loop_and_is_remembered(device, monkeypatch):
    device.session.activate()
    engine = device.stage.engine
    monkeypatch.setattr(engine._pcm, "read_into", lambda frames: -19)
    for _ in range(200):
        if not engine.running:
            break
        threading.Event().wait(0.01)
    assert "the card has gone" in str(engine.failure)


def test_a_mode_change_under_a_running_loop_leaves_it_running(device):
    player = device.conductor.session("player", profile="avfoundation")
    player.set_category(Category.PLAY_AND_RECORD, mode=Mode.DEFAULT)
    player.activate()
    for mode in (Mode.VOICE_CHAT, Mode.MEASUREMENT, Mode.GAME_CHAT, Mode.DEFAULT):
        player.set_mode(mode)
        assert device.stage.engine.running
        assert device.stage.setup.mode is mode
    player.abandon()
