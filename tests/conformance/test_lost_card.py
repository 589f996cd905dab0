"""A card is unplugged under its sessions, and comes back: what they are told, and who sounds again."""

from itertools import pairwise

import pytest
from fake_stage import FakeStage

from firmware_py import Category
from firmware_py.audio import AudioSessionError, Conductor, InterruptionState, InterruptionType, Session, SessionState
from firmware_py.errors import PcmError

BEGIN, RESUME = InterruptionState.BEGIN, InterruptionType.SHOULD_RESUME
ACTIVE, INACTIVE, INTERRUPTED = SessionState.ACTIVE, SessionState.INACTIVE, SessionState.INTERRUPTED


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def conductor(stage: FakeStage, clock: Clock) -> Conductor:
    return Conductor(stage, clock=clock)


def active(conductor: Conductor, name: str, category: Category = Category.PLAY_AND_RECORD, **kind) -> Session:
    session = conductor.session(name, **kind)
    session.set_category(category)
    session.activate()
    return session


def unplug(stage: FakeStage, conductor: Conductor) -> None:
    stage.card_is_there = False
    stage.failure = PcmError(19, "the sound card stopped: the card has gone")
    conductor.tend()


def plug_in(stage: FakeStage, conductor: Conductor) -> None:
    stage.card_is_there = True
    conductor.tend()


def diary(session: Session) -> list:
    told: list = []
    session.set_interruption_listener(
        lambda state: told.append(session.interruption_type if state is InterruptionState.END else state)
    )
    return told


def test_a_card_that_goes_interrupts_its_session_and_the_stage_is_silent(conductor, stage):
    call = active(conductor, "call")
    told = diary(call)
    unplug(stage, conductor)
    assert (call.state, told, stage.setup) == (INTERRUPTED, [BEGIN], None)
    assert "the card has gone" in str(conductor.fault)


def test_a_card_that_is_back_brings_its_session_back_and_says_so(conductor, stage):
    call = active(conductor, "call")
    told = diary(call)
    unplug(stage, conductor)
    conductor.tend()
    assert call.state is INTERRUPTED
    plug_in(stage, conductor)
    assert (call.state, told, conductor.fault) == (ACTIVE, [BEGIN, RESUME], None)
    assert stage.setup is not None
    assert stage.gains_db == {"call": 0.0}


def test_all_that_sounded_together_come_back_together_in_their_order(conductor, stage):
    music = active(conductor, "music", Category.AMBIENT_SOUND)
    call = active(conductor, "call")
    unplug(stage, conductor)
    plug_in(stage, conductor)
    assert (music.state, call.state, conductor.deciding) == (ACTIVE, ACTIVE, "call")


def test_who_gave_up_meanwhile_does_not_come_back(conductor, stage):
    call, music = active(conductor, "call"), active(conductor, "music", Category.AMBIENT_SOUND)
    unplug(stage, conductor)
    call.deactivate()
    plug_in(stage, conductor)
    assert (call.state, music.state) == (INACTIVE, ACTIVE)


def test_who_died_meanwhile_is_not_missed(conductor, stage):
    active(conductor, "call").set_interruption_listener(None)
    unplug(stage, conductor)
    conductor.session("other")
    conductor.forget(conductor._clients["call"])
    plug_in(stage, conductor)
    assert stage.setup is None


def test_who_starts_the_card_by_hand_is_not_disturbed_by_the_others(conductor, stage):
    call = active(conductor, "call")
    unplug(stage, conductor)
    stage.card_is_there = True
    alarm = active(conductor, "alarm")
    conductor.tend()
    conductor.tend()
    assert (alarm.state, call.state) == (ACTIVE, INTERRUPTED)
    alarm.deactivate()
    conductor.tend()
    assert call.state is ACTIVE  # a cue in passing does not cost a call


def test_one_that_may_not_come_back_does_not_keep_the_others_away(conductor, stage):
    news = active(conductor, "news", Category.AMBIENT_SOUND, priority=5)
    call = active(conductor, "call")
    unplug(stage, conductor)
    news.set_category(Category.PLAY_AND_RECORD)  # it does not mix any more, and is the more important
    plug_in(stage, conductor)
    assert (news.state, call.state) == (ACTIVE, INTERRUPTED)


def test_a_card_that_dies_soon_after_each_start_is_started_ever_more_seldom(conductor, stage, clock):
    active(conductor, "call")
    starts: list[float] = []
    for _ in range(400):
        before = stage.log.count("start")
        conductor.tend()
        if stage.log.count("start") > before:
            starts.append(clock.now_s)
        if stage.setup and (not starts or clock.now_s - starts[-1] > 2.0):
            stage.failure = PcmError(5, "the sound card stopped")
        clock.now_s += 0.25
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses == sorted(pauses)
    assert max(pauses) > 10.0


def test_a_start_that_fails_again_is_tried_again_later_and_seldom(conductor, stage, clock):
    call = active(conductor, "call")
    unplug(stage, conductor)
    stage.card_is_there, stage.fails = True, {"start"}
    starts: list[float] = []
    for _ in range(400):
        before = stage.log.count("start")
        conductor.tend()
        if stage.log.count("start") > before:
            starts.append(clock.now_s)
        clock.now_s += 0.25
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert len(starts) >= 3
    assert pauses == sorted(pauses)
    assert max(pauses) == pytest.approx(10.0, abs=0.3)
    stage.fails = set()
    clock.now_s += 10.0
    conductor.tend()
    assert call.state is ACTIVE


def test_a_press_while_the_card_is_away_is_refused_with_the_reason(conductor, stage):
    call = active(conductor, "call")
    unplug(stage, conductor)
    stage.fails = {"start"}
    with pytest.raises(AudioSessionError, match="no acknowledge at start"):
        call.activate()
    assert call.state is INTERRUPTED


def test_nothing_is_asked_of_a_stage_that_is_well(conductor, stage):
    active(conductor, "call")
    log = list(stage.log)
    for _ in range(10):
        conductor.tend()
    assert stage.log == log
