"""Several processes and one board: who interrupts whom, who is told, and what is left when one of them dies."""

import signal
from dataclasses import fields
from pathlib import Path

import pytest
from served import PATIENCE_S, Holder, Wire

from firmware_py.audio import AudioSessionError, AVErrorCode, ErrorCode, InterruptionState, SessionState
from firmware_py.engine import Statistics
from firmware_py.modes import Category, Mode
from firmware_py.serve import Client, ServerError
from firmware_py.serve import protocol as p

MUSIC = ("--category", "mediaPlayback", "--activate")
CALL = ("--priority", "10", "--category", "PLAYANDRECORD", "--mode", "voicechat", "--activate")


def interruptions(holder: Holder) -> list[tuple[str, bool | None]]:
    return [(e["state"], e["should_resume"]) for e in holder.heard if e.get("event") == "interruption"]


def test_a_call_interrupts_music_once_and_gives_the_board_back_with_a_hint(path, client):
    music = Holder(path, "music", *MUSIC)
    call = Holder(path, "call", *CALL)
    music.hear_event("state", state="interrupted")
    assert client.existing("call").facts()["decides"]
    client.existing("call").deactivate(notify_others=True)
    music.hear_event("interruption", state="end")
    assert interruptions(music) == [("begin", None), ("end", True)]
    client.existing("music").activate()
    music.hear_event("mode", effective="default")
    assert interruptions(music) == [("begin", None), ("end", True)]
    client.watch()
    assert call.end(signal.SIGINT) == 5
    assert music.end(signal.SIGINT) == 5
    list(until(client, p.ModeEvent, session=None))
    assert [facts["name"] for facts in client.sessions()] == ["device"]


def test_music_is_not_told_to_resume_by_a_call_that_says_so(path, client):
    music = Holder(path, "music", *MUSIC)
    call = client.session("call", priority=10, category="playAndRecord", mode="voiceChat")
    call.activate()
    call.deactivate()
    assert music.hear_event("interruption", state="end")["should_resume"] is False
    music.end(signal.SIGINT)


def test_a_client_that_is_killed_leaves_no_session_and_the_other_resumes(path, client):
    music = Holder(path, "music", *MUSIC)
    call = Holder(path, "call", *CALL)
    music.hear_event("interruption", state="begin")
    call.end(signal.SIGKILL)
    assert music.hear_event("interruption", state="end")["should_resume"] is True
    client.existing("music").activate()
    assert {facts["name"] for facts in client.sessions()} == {"device", "music"}
    music.end(signal.SIGKILL)


def test_a_client_that_is_killed_while_it_sounds_leaves_the_board_silent(path, client):
    client.watch()
    Holder(path, "call", *CALL).end(signal.SIGKILL)
    modes = [event.effective for event in until(client, p.ModeEvent, session=None) if isinstance(event, p.ModeEvent)]
    assert modes == ["voiceChat", None]
    assert client.status()["sounding"] is False


def test_a_lower_priority_is_refused_and_nothing_changes(client, other):
    call = client.session("call", priority=10, category="playAndRecord", mode="voiceChat")
    call.activate()
    music = other.session("music", category="mediaPlayback")
    with pytest.raises(AudioSessionError, match="higher priority") as refused:
        music.activate()
    assert refused.value.code is ErrorCode.INCOMPATIBLE_CATEGORY
    assert str(refused.value).count("[!cat]") == 1
    assert (call.state, music.state) == (SessionState.ACTIVE, SessionState.INACTIVE)


def test_a_session_of_the_newer_profile_gets_the_newer_code(client, other):
    client.session("call", priority=10, category="playAndRecord").activate()
    with pytest.raises(AudioSessionError) as refused:
        other.session("music", profile="avfoundation", category="mediaPlayback").activate()
    assert refused.value.code is AVErrorCode.INSUFFICIENT_PRIORITY


def test_sessions_that_mix_sound_together(client, other):
    one = client.session("one", category="mediaPlayback", mix_with_others=True)
    two = other.session("two", category="mediaPlayback", duck_others=True)
    one.activate()
    two.activate()
    assert (one.state, two.state) == (SessionState.ACTIVE, SessionState.ACTIVE)
    assert two.facts()["mix_with_others"]


def test_listeners_are_called_and_may_call_back(client, other):
    music = client.session("music", category="mediaPlayback")
    told: list[tuple[InterruptionState, bool | None]] = []
    states: list[SessionState] = []

    def listener(state: InterruptionState, should_resume: bool | None) -> None:
        told.append((state, should_resume))
        if should_resume:
            music.activate()

    music.set_interruption_listener(listener)
    music.on_change(states.append)
    music.activate()
    other.watch()
    call = other.session("call", category="playAndRecord")
    call.activate()
    call.abandon()
    list(until(other, p.ModeEvent, session="music"))
    assert told == [(InterruptionState.BEGIN, None), (InterruptionState.END, True)]
    assert music.active


def test_a_name_is_taken_while_its_session_lives(client, other):
    session = client.session("intercom")
    with pytest.raises(AudioSessionError, match="named 'intercom' already") as refused:
        other.session("intercom")
    assert refused.value.code is ErrorCode.ALREADY_INITIALIZED
    session.abandon()
    with other.session("intercom") as again:
        assert again.state is SessionState.INACTIVE


def test_only_its_owner_abandons_a_session(client, other):
    client.session("mine")
    with pytest.raises(ServerError, match="not of this connection") as refused:
        other.existing("mine").abandon()
    assert refused.value.code == "not-yours"
    with pytest.raises(ServerError, match="'device'"):
        other.existing("device").abandon()


def test_a_refused_wish_changes_nothing_not_even_what_came_before_it(client):
    session = client.session("a", category="mediaPlayback", mix_with_others=True)
    before = session.facts()
    with pytest.raises(AudioSessionError, match="positive"):
        session.set(category="playAndRecord", mode="voiceChat", preferred_rate_hz=-1.0)
    with pytest.raises(ServerError, match="did you mean 'voiceChat'"):
        session.set(category="playAndRecord", mode="voiceChatt")
    assert session.facts() == before


def test_a_session_that_could_not_have_its_wishes_was_never_there(client):
    with pytest.raises(AudioSessionError):
        client.session("a", category="recordAudio", mix_with_others=True)
    with pytest.raises(ServerError, match="no session is named 'a'"):
        client.existing("a")


def test_what_is_asked_for_and_what_is_there_are_both_told(client):
    session = client.session("a", category="playAndRecord", preferred_rate_hz=16_000)
    session.set_mode("GameChat")
    session.activate()
    facts = session.facts()
    assert (facts["preferred_rate_hz"], facts["rate_hz"]) == (16_000, 48_000)  # the canceller keeps its rate
    assert session.mode is session.effective_mode is Mode.GAME_CHAT
    assert facts["buffer_s"] == pytest.approx(256 / 48_000)
    with pytest.raises(AudioSessionError, match="only while the session is inactive") as refused:
        session.set_mode(Mode.DEFAULT)
    assert refused.value.code is ErrorCode.UNSUPPORTED_PROPERTY
    session.deactivate()
    session.set_category(Category.MEDIA_PLAYBACK)
    assert (session.category, session.mode, session.effective_mode) == ("mediaPlayback", "gameChat", "default")
    assert session.facts()["input_gain"] is None


def test_gain_and_override_are_set_by_themselves(client):
    session = client.session("a", category="playAndRecord", mode="voiceChat")
    session.activate()
    session.set(input_gain=0.5)
    assert session.facts()["input_gain"] == pytest.approx(0.5)
    session.set(override="speaker")
    with pytest.raises(ServerError, match="set input_gain by itself"):
        session.set(input_gain=0.5, duck_others=True)


def test_headphones_that_are_plugged_in_become_the_route_of_who_sounds(client):
    session = client.session("music", category="mediaPlayback")
    session.activate()
    client.call("plug", port="headphones", present=True)
    *_, event = until(client, p.RouteEvent)
    assert (event.reason, event.current["output"]) == ("new_device_available", "headphones")
    client.call("plug", port="headphones", present=False)
    assert session.facts()["route"] == {"input": None, "output": "speaker"}
    with pytest.raises(ServerError, match="did you mean 'headphones'"):
        client.call("plug", port="headphone", present=True)


def test_the_button_switches_the_devices_session(client):
    client.watch()
    for state in ("active", "inactive"):
        client.call("press")
        list(until(client, p.StateEvent, session="device", state=state))


def test_the_status_tells_what_sounds_and_by_which_writes(client):
    client.session("call", category="playAndRecord", mode="voiceChat").activate()
    status = client.status()
    assert (status["deciding"], status["effective"], status["rate_hz"]) == ("call", "voiceChat", 16_000)
    assert status["route"] == {"input": "microphone", "output": "speaker"}
    assert "mic_bias = True" in status["plan"]
    assert status["fault"] is None
    assert set(status["statistics"]) == {field.name for field in fields(Statistics)}


def test_a_reader_that_does_not_read_loses_events_and_is_told_how_many(path: Path, client):
    for number in range(60):
        client.session(f"session {number}", category="mediaPlayback")
    with Wire(path) as idle:
        assert idle.ask("watch")["ok"]
        for number in range(100):
            client.call("plug", port="headphones", present=number % 2 == 0)
        heard = 0
        while (event := idle.hear()) is not None and event.get("event") != "dropped":
            heard += 1
        assert event is not None
        assert event["count"] > 0
        assert heard > 60
        assert idle.ask("hello")["ok"]


def until(client: Client, kind: type[p.Event], **facts: object):
    """Events up to the first of that kind with these facts."""
    for event in client.events(PATIENCE_S):
        yield event
        if isinstance(event, kind) and all(getattr(event, name) == value for name, value in facts.items()):
            return
    raise AssertionError(f"no {kind.__name__} {facts} came")
