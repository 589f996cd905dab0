"""A virtual board in real time: the world is never ahead of the wall, and does not race after it."""

from collections.abc import Iterator

import numpy as np
import pytest

from firmware_py import Mode
from firmware_py.errors import FirmwareError
from firmware_py.hardware import HasFinger, open_device
from firmware_py.modes import Category
from hil.bench import live, virtual

PERIOD = np.zeros((128, 2), np.int32)


@pytest.fixture
def device() -> Iterator[live.LiveDevice]:
    """In VoiceChat, with its periods stopped: the test moves them."""
    device = live.device("respeaker-2mic-v1")
    device.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    device.session.activate()
    device.stage.engine.stop()
    yield device
    device.close()


def test_no_period_is_captured_before_it_is_due(device):
    before_s = device.world.time_s
    for _ in range(20):
        assert device.pcm.read_into(PERIOD) == 128
        assert device.pcm.behind_s >= 0.0
    assert device.world.time_s - before_s == pytest.approx(20 * 128 / 16_000, rel=1e-3)


def test_a_codecs_pause_lasts_as_long_in_the_world_as_it_was_asked_for(device):
    before_s = device.world.time_s
    device.pcm.sleep(0.05)
    assert device.world.time_s - before_s >= 0.05


def test_a_machine_that_was_suspended_does_not_make_good_the_night(device):
    device.pcm._began_s -= 3600.0
    before_s = device.world.time_s
    assert device.pcm.read_into(PERIOD) == 128
    assert device.world.time_s - before_s == pytest.approx(128 / 16_000, rel=1e-3)
    assert device.pcm.behind_s < 3600.0 / 2


def test_a_virtual_device_has_a_finger_and_a_name():
    device = open_device("virtual:respeaker-2mic-v1")
    assert isinstance(device, HasFinger)
    assert device.stage.board.name == "respeaker-2mic-v1"


def test_a_board_that_nobody_has_modelled_is_refused(monkeypatch):
    monkeypatch.setattr(virtual, "HATS", {})
    with pytest.raises(FirmwareError, match="no model of this board"):
        live.device("respeaker-2mic-v1")
