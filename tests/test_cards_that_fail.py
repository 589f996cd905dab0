"""A device on a card that refuses, grants something else, vanishes or comes back: one sentence, and a codec that is muted."""

import errno
import threading
from typing import Any

import pytest
from engine.scripted import Event, ScriptedPcm

from firmware_py import Board, Category, Mode, SessionState
from firmware_py.audio import AudioSessionError
from firmware_py.device import Device
from firmware_py.errors import PcmError
from firmware_py.leds import PanelState
from firmware_py.pcm.alsa import AlsaPcm
from hil.bench import VirtualBench

GONE, STUCK = -errno.ENODEV, -errno.EIO


class Desk:
    """A real codec model and panel, and a card with a script."""

    def __init__(self, board: Board, *events: Event, threaded: bool = False, pcm: Any = None) -> None:
        bench = VirtualBench(board)
        self.chip, self.pcm = bench.chip, pcm or ScriptedPcm(events)
        pins = bench.device.panel._pins
        self.device = Device(board, bus=bench.chip, pcm=self.pcm, pins=pins, sleep=bench.world.wait, threaded=threaded)
        self.session = self.device.session
        self.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)

    @property
    def muted(self) -> bool:
        state = self.chip.state()
        return state["dac_gain_db"] == [None, None] and not any(state["mic_bias_v"].values())


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (Event("open", 0, (-errno.EBUSY,)),  "does not open: EBUSY"),
        (Event("open", 0, (GONE,)),          "does not open: ENODEV"),
        (Event("start", 0, (GONE,)),         "does not start: ENODEV"),    # vanishes while it is being opened
        (Event("read", 0, (STUCK,)),         "no frame clock comes from the codec"),
        (Event("read", 0, (GONE,)),          "the card has gone"),
    ],
)  # fmt: skip
def test_a_card_that_fails_at_once_leaves_the_session_inactive_and_the_codec_muted(board, event, sentence, threaded):
    desk = Desk(board, event, threaded=threaded)
    with pytest.raises(AudioSessionError, match=sentence) as refusal:
        desk.session.activate()
    assert "\n" not in str(refusal.value)
    assert desk.session.state is SessionState.INACTIVE
    assert desk.muted
    assert desk.pcm.handles == 0
    assert desk.device.panel_state() is PanelState.FAULT


def test_a_rate_that_the_card_has_not_is_a_refusal(board, monkeypatch):
    desk = Desk(board)

    def refuse(*_: object, **__: object) -> None:
        raise PcmError(errno.ENOTSUP, "hw:x (capture): 16000 Hz asked, 48000 granted")

    monkeypatch.setattr(desk.pcm, "open", refuse)
    with pytest.raises(AudioSessionError, match="16000 Hz asked, 48000 granted"):
        desk.session.activate()
    assert desk.muted


@pytest.mark.parametrize(
    "event", [Event("open", 1, (-errno.EBUSY,)), Event("start", 1, (GONE,)), Event("read", 40, (STUCK,))]
)
def test_a_change_that_the_card_refuses_leaves_the_old_mode_sounding(board, event):
    desk = Desk(board)
    player = desk.device.conductor.session("player", profile="avfoundation")
    player.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    player.activate()
    desk.device.stage.engine.run(5)
    if event.call == "read":
        event = Event("read", desk.pcm.calls["read"] + 3, event.answers)  # 3: the fade that leaves
    desk.pcm.script(event)
    with pytest.raises(AudioSessionError):
        player.set_mode(Mode.GAME_CHAT)
    assert (player.state, desk.device.stage.setup.mode) == (SessionState.ACTIVE, Mode.VOICE_CHAT)
    assert desk.chip.state()["capture_rate_hz"] == pytest.approx(16_000, rel=1e-4)
    desk.device.stage.engine.run(5)


class TakenAway(AlsaPcm):
    """libasound's null device, until somebody else has it."""

    def __init__(self) -> None:
        super().__init__("null")
        self.taken = False

    def open(self, *format: int, **preroll: int) -> None:
        if self.taken:
            self.close()
            raise PcmError(errno.EBUSY, "null (capture): another program holds it")
        super().open(*format, **preroll)


def test_a_change_whose_way_back_fails_too_is_a_lost_card_and_no_crash(board):
    desk = Desk(board, threaded=True, pcm=TakenAway())
    player = desk.device.conductor.session("player", profile="avfoundation")
    player.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    player.activate()
    desk.pcm.taken = True
    with pytest.raises(AudioSessionError, match="another program holds it"):
        player.set_mode(Mode.GAME_CHAT)
    desk.device.conductor.tend()
    assert player.state is SessionState.INTERRUPTED
    assert desk.muted
    desk.pcm.taken = False
    desk.device.conductor._failed_s = -1e9  # the pause is over
    desk.device.conductor.tend()
    assert player.state is SessionState.ACTIVE
    desk.device.close()


def test_a_card_that_is_unplugged_and_back_sounds_again_by_itself(board):
    desk = Desk(board, *(Event("open", n, (GONE,)) for n in range(1, 4)), threaded=True)
    desk.session.activate()
    told: list[SessionState] = []
    desk.session.on_change(told.append)
    desk.pcm.script(Event("read", desk.pcm.calls["read"] + 5000, (GONE,)))
    stop = threading.Event()
    watch = threading.Thread(target=desk.device.watch, args=(stop,))
    watch.start()
    try:
        for _ in range(400):
            if told == [SessionState.INTERRUPTED, SessionState.ACTIVE]:
                break
            threading.Event().wait(0.025)
        assert told == [SessionState.INTERRUPTED, SessionState.ACTIVE]
        before = desk.device.stage.engine.statistics.periods
        threading.Event().wait(0.1)
        assert desk.device.stage.engine.statistics.periods > before
    finally:
        stop.set()
        watch.join()
        desk.device.close()


def test_a_gain_is_set_without_the_canceller_forgetting_the_room(board):
    desk = Desk(board)
    desk.session.activate()
    engine, chain = desk.device.stage.engine, desk.device.stage.engine.chain
    desk.session.input_gain = 0.4
    assert desk.device.stage.engine is engine
    assert engine.chain is chain
    assert desk.pcm.calls["open"] == 1


def test_between_modes_of_one_rate_and_period_the_card_stays_open(board):
    desk = Desk(board)
    player = desk.device.conductor.session("player", profile="avfoundation")
    player.set_category(Category.PLAY_AND_RECORD, mode=Mode.DEFAULT)
    player.activate()
    chain = desk.device.stage.engine.chain
    player.set_mode(Mode.MEASUREMENT)
    assert desk.pcm.calls["open"] == 1
    assert desk.device.stage.engine.chain is not chain
    assert desk.chip.state()["high_pass"] is False
