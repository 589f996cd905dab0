"""Several sessions on one board: who decides, who waits for whom, what a failing stage leaves, and how it is told."""

import threading

import pytest
from fake_stage import FakeStage, with_ports

from firmware_py import Category, Mode
from firmware_py.audio import (
    AudioSessionError,
    AudioSessionServices,
    Conductor,
    ErrorCode,
    InterruptionState,
    InterruptionType,
    OverrideRoute,
    PropertyID,
    Session,
    SessionState,
)
from firmware_py.audio.constants import CategoryCode
from firmware_py.errors import BusError, UnknownNameError

BEGIN, END = InterruptionState.BEGIN, InterruptionState.END
RESUME = InterruptionType.SHOULD_RESUME
VOLUME = PropertyID.CURRENT_HARDWARE_OUTPUT_VOLUME


def user(conductor: Conductor, name: str, category: Category = Category.MEDIA_PLAYBACK, **kind) -> Session:
    session = conductor.session(name, **kind)
    session.set_category(category)
    return session


def active(conductor: Conductor, name: str, *rest, **kind) -> Session:
    session = user(conductor, name, *rest, **kind)
    session.activate()
    return session


def diary(session: Session) -> list:
    told: list = []
    session.set_interruption_listener(lambda state: told.append(session.interruption_type if state is END else state))
    return told


def code_of(act) -> int:
    with pytest.raises(AudioSessionError) as caught:
        act()
    return caught.value.code


# Who decides.


def test_the_higher_priority_decides_whenever_it_came(conductor, stage):
    alarm = active(conductor, "alarm", Category.AMBIENT_SOUND, priority=5)
    music = active(conductor, "music")
    assert (alarm.decides, music.decides) == (True, False)
    assert stage.setup.category is Category.AMBIENT_SOUND
    alarm.deactivate()
    assert music.decides


def test_a_cue_in_passing_does_not_take_the_microphone_from_a_call(conductor, stage):
    call = active(conductor, "call", Category.PLAY_AND_RECORD)
    active(conductor, "cue", Category.AMBIENT_SOUND)
    assert call.decides
    assert stage.setup.source.name == "microphone"
    assert stage.gains_db == {"call": 0.0, "cue": 0.0}


@pytest.mark.parametrize("other", [Category.AMBIENT_SOUND, Category.MEDIA_PLAYBACK])
def test_a_call_that_mixes_keeps_its_microphone_beside_whoever_comes_later(conductor, stage, other):
    call = user(conductor, "call", Category.PLAY_AND_RECORD)
    call.mix_with_others = True
    call.activate()
    active(conductor, "other", other)
    assert call.decides
    assert stage.setup.source.name == "microphone"


def test_among_equals_the_latest_decides(conductor):
    first, second = (user(conductor, name, Category.AMBIENT_SOUND) for name in "ab")
    first.activate()
    second.activate()
    assert conductor.deciding == "b"
    first.deactivate()
    first.activate()
    assert conductor.deciding == "a"


# Who waits for whom.


def test_the_interrupted_come_back_one_after_another(conductor):
    music, guide = active(conductor, "music"), user(conductor, "guide")
    music_told, guide_told = diary(music), diary(guide)
    guide.activate()
    call = active(conductor, "call", Category.PLAY_AND_RECORD, priority=1)
    call.deactivate(notify_others=True)
    assert (music_told, guide_told) == ([BEGIN], [BEGIN, RESUME])
    guide.activate()
    guide.deactivate(notify_others=True)
    assert music_told == [BEGIN, RESUME]


def test_who_waits_for_a_session_that_gives_up_waits_for_the_next_one_in_the_way(conductor):
    music = active(conductor, "music")
    told = diary(music)
    guide = active(conductor, "guide")
    call = active(conductor, "call")
    guide.deactivate(notify_others=True)
    assert told == [BEGIN]
    call.deactivate(notify_others=True)
    assert told == [BEGIN, RESUME]


def test_when_a_client_dies_those_it_interrupted_should_resume(conductor, stage):
    music = active(conductor, "music")
    told = diary(music)
    with user(conductor, "call") as call:
        call.activate()
        call.io_started()
    assert told == [BEGIN, RESUME]
    assert stage.setup is None
    assert code_of(call.activate) == ErrorCode.NOT_INITIALIZED


def test_who_stops_mixing_while_active_interrupts_or_is_refused(conductor):
    music = active(conductor, "music")
    told = diary(music)
    guide = user(conductor, "guide")
    guide.mix_with_others = True
    guide.activate()
    guide.mix_with_others = False
    assert (told, music.state, guide.active) == ([BEGIN], SessionState.INTERRUPTED, True)

    guide.mix_with_others = True
    active(conductor, "call", priority=5)
    assert code_of(lambda: setattr(guide, "mix_with_others", False)) == ErrorCode.INCOMPATIBLE_CATEGORY
    assert guide.mix_with_others


def test_an_end_is_not_told_to_who_came_back_by_itself(conductor):
    music = active(conductor, "music")
    told = diary(music)
    call = active(conductor, "call")
    music.on_change(lambda state: music.activate() if state is SessionState.INACTIVE else None)
    call.deactivate(notify_others=True)
    assert told == [BEGIN]
    assert music.active


def test_two_living_sessions_cannot_have_one_name_and_a_dead_one_stays_dead(conductor):
    old = conductor.session("app")
    assert code_of(lambda: conductor.session("app")) == ErrorCode.ALREADY_INITIALIZED
    old.abandon()
    new = conductor.session("app")
    assert code_of(old.activate) == ErrorCode.NOT_INITIALIZED
    assert code_of(lambda: old.state) == ErrorCode.NOT_INITIALIZED
    old.abandon()
    assert new.state is SessionState.INACTIVE


# A failing stage.


def test_a_refused_activation_leaves_the_other_one_sounding_and_untold(conductor, stage):
    music = active(conductor, "music")
    told, setup = diary(music), stage.setup
    call = user(conductor, "call", Category.PLAY_AND_RECORD)
    stage.fails = {"change"}
    assert code_of(call.activate) == ErrorCode.UNSPECIFIED
    assert isinstance(conductor.fault, BusError)
    assert (told, music.active, call.active) == ([], True, False)
    assert (stage.setup, stage.gains_db) == (setup, {"music": 0.0})
    stage.fails = set()
    call.activate()
    assert conductor.fault is None


def test_a_refused_start_leaves_silence(conductor, stage):
    stage.fails = {"start"}
    music = user(conductor, "music")
    assert code_of(music.activate) == ErrorCode.UNSPECIFIED
    assert (music.state, stage.setup) == (SessionState.INACTIVE, None)


def test_a_stop_that_fails_is_told_and_has_stopped(conductor, stage):
    music = active(conductor, "music")
    stage.fails = {"stop"}
    assert code_of(music.deactivate) == ErrorCode.UNSPECIFIED
    assert (music.state, stage.setup) == (SessionState.INACTIVE, None)


def test_who_cannot_leave_the_others_in_order_stays_active_unless_dead(conductor, stage):
    cue = active(conductor, "cue", Category.AMBIENT_SOUND)
    told = diary(cue)
    call = active(conductor, "call", Category.PLAY_AND_RECORD)
    stage.fails = {"change"}
    assert code_of(call.deactivate) == ErrorCode.UNSPECIFIED
    assert (call.active, set(stage.gains_db)) == (True, {"call", "cue"})
    call.abandon()
    assert (told, cue.state, stage.setup) == ([BEGIN], SessionState.INTERRUPTED, None)
    stage.fails = set()
    cue.activate()
    assert cue.active


def test_when_the_stage_cannot_follow_a_jack_it_falls_silent_and_everybody_is_told(conductor, stage):
    music = active(conductor, "music")
    told = diary(music)
    stage.fails = {"change"}
    conductor.plugged("headphones", True)
    assert (told, stage.setup, music.state) == ([BEGIN], None, SessionState.INTERRUPTED)
    assert isinstance(conductor.fault, BusError)


def test_a_bug_in_the_stage_leaves_the_states_true(conductor, stage, monkeypatch):
    music = active(conductor, "music")
    call = user(conductor, "call", Category.PLAY_AND_RECORD)

    def crash(setup: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stage, "change", crash)
    with pytest.raises(ZeroDivisionError):
        call.activate()
    assert (music.active, call.active, stage.gains_db) == (True, False, {"music": 0.0})


# Ports.


def test_an_input_is_selected_by_its_number_and_only_if_it_is_there(conductor):
    told = []
    api = AudioSessionServices(conductor, "app")
    api.initialize()
    api.set_property(PropertyID.AUDIO_CATEGORY, int(CategoryCode.RECORD_AUDIO).to_bytes(4, "little"))
    api.add_property_listener(PropertyID.INPUT_SOURCES, lambda data, id, size, value: told.append((size, value)))
    microphone = {"input source ID": 1, "input source name": "microphone"}
    line = {"input source ID": 3, "input source name": "line"}
    assert api.set_property_object(PropertyID.INPUT_SOURCE, 3) == ErrorCode.UNSUPPORTED_PROPERTY
    conductor.plugged("line", True)
    assert told == [(8, [line, microphone])]
    assert api.get_property_object(PropertyID.INPUT_SOURCES) == (0, [line, microphone])
    assert api.get_property_object(PropertyID.INPUT_SOURCE) == (0, 3)
    assert api.set_property_object(PropertyID.INPUT_SOURCE, 1) == 0
    assert api.get_property_object(PropertyID.INPUT_SOURCE) == (0, 1)
    assert api.get_property(PropertyID.INPUT_SOURCE, 8) == (0, bytes(8))


def test_without_an_input_the_list_is_empty_and_the_values_are_refused(conductor):
    music = user(conductor, "music")
    assert music.input_sources == []
    for value in ("input_channels", "input_latency_s", "input_gain_available"):
        assert code_of(lambda value=value: getattr(music, value)) == ErrorCode.INCOMPATIBLE_CATEGORY


def test_a_port_that_the_board_has_not_is_answered_with_those_it_has(conductor):
    with pytest.raises(UnknownNameError, match="headphones"):
        conductor.plugged("headphone", True)


def test_on_a_real_hat_headphones_are_used_once_somebody_says_they_are_there(board):
    conductor = Conductor(FakeStage(board))
    music = active(conductor, "music")
    assert music.route.destination.type == "builtInSpeaker"
    conductor.plugged("headphones", True)
    assert music.route.destination.type == "headphones"


def test_other_audio_plays_only_if_somebody_else_does(conductor):
    recorder, music = (
        user(conductor, "recorder", Category.RECORD_AUDIO),
        user(conductor, "music", Category.AMBIENT_SOUND),
    )
    music.activate()
    recorder.activate()
    assert (recorder.other_audio_playing, music.other_audio_playing) == (True, False)


def test_an_override_is_over_after_deactivation_and_after_a_choice_of_port(conductor):
    call = user(conductor, "call", Category.PLAY_AND_RECORD)
    for end in (lambda: (call.deactivate(), call.activate()), lambda: call.select_input("microphone")):
        call.activate()
        call.override_route(OverrideRoute.SPEAKER)
        assert call.route.destination.name == "speaker"
        end()
        assert call.route.destination.name == "receiver"


def test_a_board_without_a_speaker_cannot_be_overridden_to_it(board):
    conductor = Conductor(FakeStage(with_ports(board, microphone="input builtInMic", headphones="output headphones")))
    call = user(conductor, "call", Category.PLAY_AND_RECORD)
    assert code_of(lambda: call.override_route(OverrideRoute.SPEAKER)) == ErrorCode.NO_HARDWARE


def test_a_gain_is_set_only_while_active(conductor):
    recorder = user(conductor, "recorder", Category.RECORD_AUDIO)
    assert code_of(lambda: setattr(recorder, "input_gain", 0.5)) == ErrorCode.NOT_ACTIVE


# Telling.


def test_one_callback_with_two_pieces_of_data_is_two_registrations(conductor, stage):
    music, told, a, b = user(conductor, "music"), [], ["same"], ["same"]

    def listener(data: list, property: PropertyID, value: float) -> None:
        told.append(data)

    for data in (a, b, a):
        music.add_listener(VOLUME, listener, data)
    music.remove_listener(VOLUME, listener, a)
    stage.output_volume = 0.9
    conductor.refresh()
    assert len(told) == 1
    assert told[0] is b


def test_a_listener_may_use_the_api_from_another_thread_while_it_is_told(conductor):
    music, other = active(conductor, "music"), user(conductor, "other", Category.AMBIENT_SOUND)

    def listener(state: InterruptionState) -> None:
        helper = threading.Thread(target=other.activate)
        helper.start()
        helper.join(timeout=10.0)
        assert not helper.is_alive(), "the lock is held while a listener is called"

    music.set_interruption_listener(listener)
    active(conductor, "call")
    assert other.active


def test_what_a_listener_causes_is_told_after_it_has_returned(conductor):
    order = []
    music, call = active(conductor, "music"), user(conductor, "call")

    def music_told(state: InterruptionState) -> None:
        order.append("music, in")
        music.activate()
        order.append("music, out")

    music.set_interruption_listener(music_told)
    call.set_interruption_listener(lambda state: order.append("call"))
    call.activate()
    assert order == ["music, in", "music, out", "call"]


def test_a_listener_removed_by_another_is_not_told_any_more(conductor, stage):
    music, told = user(conductor, "music"), []

    def second(data: object, property: PropertyID, value: float) -> None:
        told.append("second")

    def first(data: object, property: PropertyID, value: float) -> None:
        told.append("first")
        music.remove_listener(VOLUME, second)

    music.add_listener(VOLUME, first)
    music.add_listener(VOLUME, second)
    stage.output_volume = 0.9
    conductor.refresh()
    assert told == ["first"]


def test_a_listener_that_raises_is_reported_and_changes_nothing(telephone):
    errors: list[Exception] = []
    conductor = Conductor(FakeStage(telephone), on_listener_error=errors.append)
    music, told = active(conductor, "music"), []

    def broken(state: InterruptionState) -> None:
        raise ZeroDivisionError

    music.set_interruption_listener(broken)
    music.on_change(told.append)
    call = active(conductor, "call")
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert (call.active, told) == (True, [SessionState.INTERRUPTED])


def test_the_type_is_not_readable_from_another_thread_inside_end(conductor):
    music, codes = active(conductor, "music"), []

    def listener(state: InterruptionState) -> None:
        if state is END:
            helper = threading.Thread(target=lambda: codes.append(code_of(lambda: music.interruption_type)))
            helper.start()
            helper.join(timeout=10.0)

    music.set_interruption_listener(listener)
    active(conductor, "call").deactivate()
    assert codes == [ErrorCode.UNSUPPORTED_PROPERTY]


def test_many_threads_leave_one_session_or_none_and_every_begin_told(telephone):
    stage = FakeStage(telephone)
    conductor = Conductor(stage)
    sessions = [user(conductor, f"s{number}") for number in range(4)]
    begun, entered = [0] * 4, [0] * 4
    for number, session in enumerate(sessions):

        def told(state: InterruptionState, number: int = number) -> None:
            begun[number] += state is BEGIN

        def changed(state: SessionState, number: int = number) -> None:
            entered[number] += state is SessionState.INTERRUPTED

        session.set_interruption_listener(told)
        session.on_change(changed)

    def hammer(session: Session) -> None:
        for turn in range(100):
            session.activate()
            if turn % 3 == 0:
                session.deactivate(notify_others=True)

    threads = [threading.Thread(target=hammer, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = [session.name for session in sessions if session.active]
    assert len(now) <= 1
    assert (list(stage.gains_db), stage.setup is not None) == (now, bool(now))
    assert begun == entered


def test_an_unknown_name_of_a_mode_is_answered_with_the_nearest(conductor):
    session = user(conductor, "app", Category.PLAY_AND_RECORD)
    with pytest.raises(AudioSessionError, match="did you mean 'voiceChat'"):
        session.set_mode("voiceCaht")
    assert session.mode is Mode.DEFAULT
