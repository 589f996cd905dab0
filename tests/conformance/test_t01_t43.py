"""The conformance cases of the audio session contract, by their numbers.

Those about signals (T20 to T25, T27, T28, T35) need a codec and are proved where there is one; here is everything that can
be true or false without sound. T16, T17, T42 and T43 stand here with what sessions owe, not with what registers show.
"""

import struct

import pytest
from fake_stage import FakeStage, with_ports

from firmware_py import Category, Mode
from firmware_py.audio import (
    AudioSessionError,
    AudioSessionServices,
    AVErrorCode,
    Conductor,
    ErrorCode,
    InterruptionState,
    InterruptionType,
    OverrideRoute,
    PropertyID,
    RouteChange,
    RouteChangeReason,
    Session,
    SessionState,
)
from firmware_py.audio.constants import CATEGORIES, MODES, PROPERTIES, CategoryCode, ModeCode, fourcc

AMBIENT, SOLO, PLAYBACK, RECORD, PLAY_AND_RECORD, PROCESSING = (
    Category.AMBIENT_SOUND, Category.SOLO_AMBIENT_SOUND, Category.MEDIA_PLAYBACK,
    Category.RECORD_AUDIO, Category.PLAY_AND_RECORD, Category.AUDIO_PROCESSING,
)  # fmt: skip

BEGIN, END = InterruptionState.BEGIN, InterruptionState.END


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


def status(characters: str) -> int:
    return fourcc(characters)


def put(api: AudioSessionServices, characters: str, value: int) -> int:
    return api.set_property(fourcc(characters), u32(value))


def get(api: AudioSessionServices, characters: str) -> int:
    code, data = api.get_property(fourcc(characters), 4)
    assert code == 0, characters
    return int(struct.unpack("=I", data)[0])


class refused:
    """A block that must be refused with one code."""

    def __init__(self, code: ErrorCode | AVErrorCode) -> None:
        self.code = code

    def __enter__(self) -> None: ...

    def __exit__(self, kind, error, trace) -> bool:
        assert isinstance(error, AudioSessionError), f"not refused: {error!r}"
        assert error.code == self.code, error
        return True


def user(conductor: Conductor, name: str, category: Category = PLAYBACK, mode: Mode = Mode.DEFAULT, **kind) -> Session:
    session = conductor.session(name, **kind)
    session.set_category(category, mode=mode)
    return session


def diary(session: Session) -> list:
    """What a session is told about interruptions: BEGIN, or the type of an END."""
    told: list = []
    session.set_interruption_listener(lambda state: told.append(session.interruption_type if state is END else state))
    return told


def routes_told(session: Session) -> list[RouteChange]:
    told: list[RouteChange] = []
    session.add_listener(PropertyID.AUDIO_ROUTE_CHANGE, lambda data, property, change: told.append(change))
    return told


def through(session: Session) -> tuple[str | None, str | None]:
    route = session.route
    return route.source and route.source.name, route.destination and route.destination.name


# Basics.


def test_t01_before_initialize_every_call_says_so(conductor):
    api = AudioSessionServices(conductor, "app")
    assert {
        api.set_active(True),
        api.set_active_with_flags(False, 1),
        api.get_property(fourcc("mode"), 4)[0],
        api.get_property_size(fourcc("mode"))[0],
        api.set_property(fourcc("mode"), u32(ModeCode.DEFAULT)),
        api.add_property_listener(fourcc("roch"), print),
        api.remove_property_listener_with_user_data(fourcc("roch"), print),
    } == {status("!ini")}


def test_t02_a_second_initialize_is_refused_and_the_first_listener_stays(conductor):
    first, second = [], []
    api = AudioSessionServices(conductor, "app")
    assert api.initialize(lambda data, state: first.append((data, state)), "mine") == 0
    assert api.initialize(lambda data, state: second.append(state)) == status("init")
    assert api.set_active(True) == 0
    user(conductor, "rival").activate()
    assert (first, second) == ([("mine", 1)], [])


def test_t03_a_new_session_is_solo_ambient_and_default(api):
    assert (get(api, "acat"), get(api, "mode")) == (fourcc("solo"), fourcc("dflt"))


@pytest.mark.parametrize("size", [0, 2, 8])
def test_t04_a_mode_of_the_wrong_size_is_refused_and_changes_nothing(api, size):
    assert api.set_property(fourcc("mode"), bytes(size)) == status("!siz")
    assert api.get_property(fourcc("mode"), size)[0] == status("!siz")
    assert get(api, "mode") == fourcc("dflt")


@pytest.mark.parametrize("id", PropertyID)
def test_t05_every_property_tells_its_size(api, id):
    code, size = api.get_property_size(id)
    assert (code, size) == (0, PROPERTIES[id].type.size)
    assert size in (4, 8)


@pytest.mark.parametrize("characters", ["msmt", "vcct", "abcd"])
def test_t06_an_unknown_property_is_refused_also_when_it_is_a_mode(api, characters):
    unknown = fourcc(characters)
    assert api.get_property(unknown, 4)[0] == status("pty?")
    assert api.set_property(unknown, u32(1)) == status("pty?")
    assert api.get_property_size(unknown)[0] == status("pty?")


@pytest.mark.parametrize("id", [id for id, fact in PROPERTIES.items() if "s" not in fact.access])
def test_t07_what_can_only_be_read_cannot_be_set(api, id):
    assert api.set_property(id, bytes(PROPERTIES[id].type.size)) == status("pty?")


@pytest.mark.parametrize("characters", ["ovrd", "roch", "died"])
def test_t07_what_can_only_be_set_or_listened_to_cannot_be_read(api, characters):
    assert api.get_property(fourcc(characters), 4)[0] == status("pty?")
    assert api.get_property_object(fourcc(characters))[0] == status("pty?")


@pytest.mark.parametrize("id", PropertyID)
def test_t08_a_listener_is_taken_exactly_where_the_header_says_so(api, id):
    expected = 0 if "L" in PROPERTIES[id].access else status("pty?")
    assert api.add_property_listener(id, print) == expected
    assert api.remove_property_listener_with_user_data(id, print) == expected


def test_t09_a_listener_is_its_property_its_proc_and_its_data(api, stage, conductor):
    told, a, b = [], ["a"], ["b"]

    def proc(data, id, size, value):
        told.append((data[0], id, size, struct.unpack("=f", value)[0]))

    def turn_volume(volume):
        told.clear()
        stage.output_volume = volume
        conductor.refresh()
        return told

    volume = fourcc("chov")
    for data in (a, a, b):
        assert api.add_property_listener(volume, proc, data) == 0
    assert turn_volume(0.75) == [("a", volume, 4, 0.75), ("b", volume, 4, 0.75)]
    assert api.remove_property_listener_with_user_data(volume, proc, a) == 0
    assert turn_volume(0.25) == [("b", volume, 4, 0.25)]


# Modes.


def test_t10_voice_chat_enables_bluetooth_input(api):
    assert put(api, "acat", CategoryCode.PLAY_AND_RECORD) == 0
    assert get(api, "cblu") == 0
    assert put(api, "mode", ModeCode.VOICE_CHAT) == 0
    assert get(api, "cblu") == 1


@pytest.mark.parametrize("mode", ModeCode)
def test_t11_no_mode_changes_while_active(api, stage, mode):
    put(api, "acat", CategoryCode.PLAY_AND_RECORD)
    put(api, "mode", ModeCode.VIDEO_RECORDING)
    assert api.set_active(True) == 0
    before = list(stage.log)
    assert put(api, "mode", mode) == status("pty?")
    assert get(api, "mode") == fourcc("vrcd")
    assert stage.log == before


def test_t11_avfoundation_changes_the_mode_while_active_and_at_once(conductor, stage):
    session = user(conductor, "app", PLAY_AND_RECORD, Mode.VOICE_CHAT, profile="avfoundation")
    session.activate()
    session.set_mode(Mode.MEASUREMENT)
    assert stage.setup.mode is Mode.MEASUREMENT
    stage.fails = {"change"}
    with refused(ErrorCode.UNSPECIFIED):
        session.set_mode(Mode.GAME_CHAT)
    assert session.mode is stage.setup.mode is Mode.MEASUREMENT


def test_t12_leaving_voice_chat_disables_bluetooth_input_and_keeps_mixing(conductor):
    session = user(conductor, "app", PLAY_AND_RECORD, Mode.VOICE_CHAT, profile="avfoundation")
    session.mix_with_others = session.default_to_speaker = True
    assert session.bluetooth_input
    session.set_mode(Mode.DEFAULT)
    assert (session.bluetooth_input, session.default_to_speaker, session.mix_with_others) == (False, False, True)


@pytest.mark.parametrize("mode", ModeCode)
def test_t13_no_mode_changes_while_the_category_is_set_to_mix(api, mode):
    put(api, "acat", CategoryCode.PLAY_AND_RECORD)
    put(api, "cmix", 1)
    assert put(api, "mode", mode) == status("!cat")
    assert get(api, "mode") == fourcc("dflt")


def test_t14_a_mode_in_audio_processing_is_accepted_and_acts_as_default(api, stage):
    put(api, "acat", CategoryCode.AUDIO_PROCESSING)
    assert put(api, "mode", ModeCode.VOICE_CHAT) == 0
    assert api.set_active(True) == 0
    assert get(api, "mode") == fourcc("vcct")
    assert stage.setup.mode is Mode.DEFAULT
    assert (stage.setup.source, stage.setup.destination) == (None, None)


@pytest.mark.parametrize(
    ("mode", "acts"),
    [                             # Ambient  Solo   Media  Record  PlayAndRecord  Processing
        (ModeCode.DEFAULT,         (True,    True,  True,  True,   True,          True)),
        (ModeCode.VOICE_CHAT,      (False,   False, False, False,  True,          False)),
        (ModeCode.VIDEO_RECORDING, (False,   False, False, True,   True,          False)),
        (ModeCode.MEASUREMENT,     (False,   False, True,  True,   True,          False)),
        (ModeCode.GAME_CHAT,       (False,   False, False, False,  True,          False)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", range(6))
def test_t15_a_mode_acts_in_its_categories_and_as_default_in_any_other(api, stage, mode, acts, column):
    category = list(CategoryCode)[column]
    assert put(api, "acat", category) == put(api, "mode", mode) == api.set_active(True) == 0
    assert get(api, "mode") == mode
    assert stage.setup.category is CATEGORIES[category]
    assert stage.setup.mode is (MODES[mode] if acts[column] else Mode.DEFAULT)


def test_t15_a_category_brings_a_waiting_mode_to_life(conductor, stage):
    session = user(conductor, "app", PLAYBACK, Mode.VOICE_CHAT)
    session.activate()
    assert (session.mode, session.effective_mode, session.bluetooth_input) == (Mode.VOICE_CHAT, Mode.DEFAULT, False)
    session.set_category(PLAY_AND_RECORD)
    assert stage.setup.mode is session.effective_mode is Mode.VOICE_CHAT
    assert session.bluetooth_input


@pytest.mark.parametrize(
    ("deprecated", "modern"), [("uifx", AMBIENT), ("live", PLAYBACK)]
)  # fmt: skip
def test_t15_a_deprecated_category_behaves_as_its_successor_and_reads_as_set(api, stage, deprecated, modern):
    assert put(api, "acat", fourcc(deprecated)) == api.set_active(True) == 0
    assert stage.setup.category is modern
    assert get(api, "acat") == fourcc(deprecated)


@pytest.mark.parametrize("characters", ["acat", "mode", "ovrd"])
def test_t15_a_value_that_does_not_exist_is_refused(api, characters):
    put(api, "acat", CategoryCode.PLAY_AND_RECORD)
    assert put(api, characters, fourcc("????")) == status("pty?")


# Activation.


def test_t16_with_audio_running_the_c_api_refuses_to_deactivate(conductor, stage):
    session = user(conductor, "app")
    session.activate()
    session.io_started()
    with refused(ErrorCode.NOT_ACTIVE):
        session.deactivate()
    assert session.active
    assert stage.setup
    session.io_stopped()
    session.deactivate()
    assert not session.active


def test_t16_with_audio_running_avfoundation_deactivates_and_says_busy(conductor, stage):
    session = user(conductor, "app", profile="avfoundation")
    session.activate()
    session.io_started()
    with refused(AVErrorCode.IS_BUSY):
        session.deactivate()
    assert not session.active
    assert stage.setup is None


@pytest.mark.parametrize(
    ("profile", "code"),
    [("c-api", ErrorCode.INCOMPATIBLE_CATEGORY), ("avfoundation", AVErrorCode.INSUFFICIENT_PRIORITY)],
)
def test_t17_a_higher_priority_refuses_and_nothing_is_written(conductor, stage, profile, code):
    call = user(conductor, "call", PLAY_AND_RECORD, priority=10)
    call.activate()
    call_told, before = diary(call), list(stage.log)
    music = user(conductor, "music", profile=profile)
    with refused(code):
        music.activate()
    assert (music.state, call.state) == (SessionState.INACTIVE, SessionState.ACTIVE)
    assert (call_told, stage.log) == ([], before)


def test_t17_a_higher_priority_does_not_refuse_where_either_of_the_two_mixes(conductor):
    user(conductor, "call", PLAY_AND_RECORD, priority=10).activate()
    cue = user(conductor, "cue", AMBIENT)
    cue.activate()
    assert cue.active
    assert conductor.deciding == "call"


@pytest.mark.parametrize(
    ("flag", "kind"), [(True, InterruptionType.SHOULD_RESUME), (False, InterruptionType.SHOULD_NOT_RESUME)]
)
def test_t18_the_interrupter_says_whether_to_resume(conductor, flag, kind):
    a, b = user(conductor, "a"), user(conductor, "b")
    told = diary(a)
    a.activate()
    b.activate()
    b.deactivate(notify_others=flag)
    assert told == [BEGIN, kind]


def test_t19_the_flag_is_ignored_on_activation(api):
    assert api.set_active_with_flags(True, 1) == 0


# Routes of the chat modes.


def test_t26_voice_chat_uses_the_receiver_unless_told_otherwise(conductor):
    session = user(conductor, "app", PLAY_AND_RECORD, Mode.VOICE_CHAT)
    session.activate()
    assert through(session) == ("microphone", "receiver")
    session.default_to_speaker = True
    assert through(session) == ("microphone", "speaker")
    conductor.plugged("headphones", True)
    conductor.plugged("headset", True)
    assert through(session) == ("headset", "headphones")


@pytest.mark.parametrize("mode", [Mode.VOICE_CHAT, Mode.GAME_CHAT])
def test_t26_chat_modes_leave_the_lines_alone_and_other_modes_use_them(conductor, mode):
    conductor.plugged("line", True)
    conductor.plugged("socket", True)
    assert through(user(conductor, "chat", PLAY_AND_RECORD, mode)) == ("microphone", "receiver")
    assert through(user(conductor, "film", PLAY_AND_RECORD, Mode.VIDEO_RECORDING)) == ("line", "socket")


def test_t26_a_board_without_a_receiver_uses_its_speaker(board):
    conductor = Conductor(FakeStage(board))
    session = user(conductor, "app", PLAY_AND_RECORD, Mode.VOICE_CHAT)
    assert through(session) == ("microphone", "speaker")


def test_t26_a_board_with_nothing_but_lines_talks_through_them(board):
    conductor = Conductor(FakeStage(with_ports(board, line="input lineIn", socket="output lineOut")))
    assert through(user(conductor, "app", PLAY_AND_RECORD, Mode.VOICE_CHAT)) == ("line", "socket")


# Interruptions.


def test_t29_the_audio_has_stopped_before_begin_is_told_once(conductor, stage):
    a, b = user(conductor, "a"), user(conductor, "b", RECORD)
    heard = []
    a.set_interruption_listener(lambda state: heard.append((state, dict(stage.gains_db), a.state, a.io_running)))
    a.activate()
    a.io_started()
    assert stage.gains_db == {"a": 0.0}
    b.activate()
    assert heard == [(BEGIN, {"b": 0.0}, SessionState.INTERRUPTED, False)]
    assert stage.log == ["start", "mix a", "mix ", "change", "mix b"]


def test_t29_a_mixable_session_goes_on_beside_one_that_does_not_mix(conductor, stage):
    cue, music = user(conductor, "cue", AMBIENT), user(conductor, "music")
    told = diary(cue)
    cue.activate()
    music.activate()
    assert (told, set(stage.gains_db)) == ([], {"cue", "music"})


def test_t30_a_confirmed_interruption_never_ends_and_activation_works_later(conductor):
    a, call = user(conductor, "a"), user(conductor, "call", PLAY_AND_RECORD)
    told = diary(a)
    a.activate()
    call.activate()
    call.confirm_interruption()
    call.deactivate(notify_others=True)
    assert (told, a.state) == ([BEGIN], SessionState.INACTIVE)
    a.activate()
    assert a.active


def test_t31_after_end_a_session_is_inactive_until_it_activates_itself(conductor, stage):
    a, b = user(conductor, "a"), user(conductor, "b")
    told = diary(a)
    a.activate()
    b.activate()
    b.deactivate(notify_others=True)
    assert told == [BEGIN, InterruptionType.SHOULD_RESUME]
    assert (a.state, stage.setup, stage.log[-1]) == (SessionState.INACTIVE, None, "stop")
    a.activate()
    assert (a.active, stage.gains_db) == (True, {"a": 0.0})


def test_t31_a_listener_may_activate_its_session_inside_end(conductor):
    a, b = user(conductor, "a"), user(conductor, "b")
    a.set_interruption_listener(lambda state: a.activate() if state is END else None)
    a.activate()
    b.activate()
    b.deactivate(notify_others=True)
    assert a.active


def test_t32_pulled_headphones_are_a_route_change_and_no_interruption(conductor):
    session = user(conductor, "app")
    conductor.plugged("headphones", True)
    session.activate()
    told, changes = diary(session), routes_told(session)
    conductor.plugged("headphones", False)
    assert told == []
    assert session.active
    [change] = changes
    assert change.reason is RouteChangeReason.OLD_DEVICE_UNAVAILABLE == 2
    assert (change.previous.destination.name, change.current.destination.name) == ("headphones", "speaker")


def test_t32_the_c_listener_gets_the_dictionary(api, conductor):
    told = []
    api.add_property_listener(fourcc("roch"), lambda data, id, size, value: told.append((id, size, value)))
    api.set_active(True)
    conductor.plugged("headphones", True)
    assert told == [
        (
            fourcc("roch"),
            8,
            {
                "OutputDeviceDidChange_Reason": 1,
                "OutputDeviceDidChange_OldRoute": "Speaker",
                "ActiveAudioRouteDidChange_OldDetailedRoute": {
                    "RouteDetailedDescription_Inputs": [],
                    "RouteDetailedDescription_Outputs": [{"RouteDetailedDescription_PortType": "Speaker"}],
                },
                "ActiveAudioRouteDidChange_NewDetailedRoute": {
                    "RouteDetailedDescription_Inputs": [],
                    "RouteDetailedDescription_Outputs": [{"RouteDetailedDescription_PortType": "Headphones"}],
                },
            },
        )
    ]


def test_t33_the_type_is_readable_only_inside_end(conductor):
    seen = []

    def listener(data, state):
        seen.append((state, *api.get_property(fourcc("type"), 4)))

    api = AudioSessionServices(conductor, "app")
    api.initialize(listener)
    api.set_active(True)
    rival = user(conductor, "rival")
    rival.activate()
    rival.deactivate(notify_others=True)
    assert seen == [(1, status("pty?"), b""), (0, 0, u32(fourcc("irsm")))]
    assert api.get_property(fourcc("type"), 4)[0] == status("pty?")


# Hardware, routes, mixing.


def test_t34_a_preferred_rate_stays_readable_and_the_current_one_tells_the_truth(api, stage):
    assert api.set_property(fourcc("hwsr"), struct.pack("=d", 44_100.0)) == 0
    assert api.set_active(True) == 0
    assert api.get_property(fourcc("hwsr"), 8) == (0, struct.pack("=d", 44_100.0))
    assert api.get_property(fourcc("chsr"), 8) == (0, struct.pack("=d", 48_000.0))
    assert stage.setup.preferred_rate_hz == 44_100.0


@pytest.mark.parametrize("hint", [-1.0, float("nan"), float("inf")])
def test_t34_a_rate_that_is_none_is_refused(api, hint):
    assert api.set_property(fourcc("hwsr"), struct.pack("=d", hint)) == status("pty?")


@pytest.mark.parametrize(("asked", "reads"), [(-1.0, 0.0), (2.0, 1.0), (0.5, 0.5)])
def test_t36_an_input_gain_is_clamped(api, asked, reads):
    put(api, "acat", CategoryCode.RECORD_AUDIO)
    api.set_active(True)
    assert get(api, "igav") == 1
    assert api.set_property(fourcc("igsc"), struct.pack("=f", asked)) == 0
    assert api.get_property(fourcc("igsc"), 4) == (0, struct.pack("=f", reads))


def test_t36_an_input_gain_that_cannot_be_set_is_refused(api, stage):
    stage.input_gain_available = False
    put(api, "acat", CategoryCode.RECORD_AUDIO)
    api.set_active(True)
    assert get(api, "igav") == 0
    assert api.set_property(fourcc("igsc"), struct.pack("=f", 0.5)) == status("pty?")


def test_t36_the_default_gain_is_back_when_nobody_is_active(conductor, stage):
    session = user(conductor, "app", RECORD)
    session.activate()
    session.input_gain = 0.9
    assert stage.setup.input_gain == 0.9
    session.deactivate()
    session.activate()
    assert stage.setup.input_gain is None


@pytest.fixture
def headset_call(conductor):
    conductor.plugged("headphones", True)
    conductor.plugged("headset", True)
    call = user(conductor, "call", PLAY_AND_RECORD, Mode.VOICE_CHAT)
    call.activate()
    return call


def test_t37_the_speaker_override_moves_output_and_input(headset_call):
    changes = routes_told(headset_call)
    headset_call.override_route(OverrideRoute.SPEAKER)
    assert through(headset_call) == ("microphone", "speaker")
    assert [change.reason for change in changes] == [RouteChangeReason.OVERRIDE] == [4]


def test_t37_the_override_lapses_when_the_headset_is_unplugged(conductor, headset_call):
    headset_call.override_route(OverrideRoute.SPEAKER)
    conductor.plugged("headset", False)
    assert through(headset_call) == ("microphone", "headphones")


def test_t37_the_override_lapses_with_an_interruption(conductor, headset_call):
    headset_call.override_route(OverrideRoute.SPEAKER)
    rival = user(conductor, "rival")
    rival.activate()
    rival.deactivate(notify_others=True)
    headset_call.activate()
    assert through(headset_call) == ("headset", "headphones")


def test_t37_the_override_lapses_when_somebody_else_decides(conductor, headset_call):
    headset_call.mix_with_others = True
    headset_call.override_route(OverrideRoute.SPEAKER)
    alarm = user(conductor, "alarm", priority=5)
    alarm.activate()
    alarm.deactivate()
    assert through(headset_call) == ("headset", "headphones")


@pytest.mark.parametrize(
    ("category", "option", "value"),
    [
        (CategoryCode.MEDIA_PLAYBACK, "ovrd", OverrideRoute.SPEAKER),
        (CategoryCode.RECORD_AUDIO,   "cmix", 1),
        (CategoryCode.MEDIA_PLAYBACK, "cspk", 1),
        (CategoryCode.MEDIA_PLAYBACK, "cblu", 1),
    ],
)  # fmt: skip
def test_t38_an_option_outside_its_category_is_refused(api, category, option, value):
    put(api, "acat", category)
    assert put(api, option, value) == status("!cat")
    if option != "ovrd":
        assert get(api, option) == 0


def test_t38_before_any_category_was_set_the_refusal_says_so(api):
    assert put(api, "cmix", 1) == status("?cat")


def test_t39_ducking_implies_mixing_and_lasts_until_deactivation(conductor, stage):
    music, guide = user(conductor, "music"), user(conductor, "guide")
    guide.duck_others = True
    assert guide.mix_with_others
    music.activate()
    guide.activate()
    assert stage.gains_db == {"music": -20.0, "guide": 0.0}
    guide.io_started()
    guide.io_stopped()
    assert stage.gains_db["music"] == -20.0
    guide.deactivate()
    assert stage.gains_db == {"music": 0.0}


@pytest.mark.parametrize(("category", "mixes"), [(PLAY_AND_RECORD, True), (RECORD, False)])
def test_t39_ducking_implies_mixing_where_mixing_is_an_option(conductor, category, mixes):
    session = user(conductor, "app", category)
    session.duck_others = True
    assert session.mix_with_others is mixes


def test_t40_options_do_not_survive_a_change_of_category(api):
    put(api, "acat", CategoryCode.PLAY_AND_RECORD)
    assert put(api, "cmix", 1) == put(api, "cspk", 1) == 0
    put(api, "acat", CategoryCode.MEDIA_PLAYBACK)
    put(api, "acat", CategoryCode.PLAY_AND_RECORD)
    assert (get(api, "cmix"), get(api, "cspk")) == (0, 0)


def test_t41_an_unplugged_microphone_is_told_with_reason_7(conductor, stage):
    session = user(conductor, "app", RECORD)
    session.activate()
    available, changes = [], routes_told(session)
    session.add_listener(PropertyID.AUDIO_INPUT_AVAILABLE, lambda data, property, value: available.append(value))
    conductor.plugged("microphone", False)
    assert available == [0]
    assert [change.reason for change in changes] == [RouteChangeReason.NO_SUITABLE_ROUTE_FOR_CATEGORY] == [7]
    assert session.active
    assert stage.setup.source is None


def test_t41_nobody_can_start_to_record_without_an_input(conductor):
    conductor.plugged("microphone", False)
    with refused(ErrorCode.NO_HARDWARE):
        user(conductor, "app", RECORD).activate()


def test_t42_after_the_service_died_nothing_works_until_initialised_again(api, conductor, stage):
    told = []
    api.add_property_listener(fourcc("died"), lambda data, id, size, value: told.append((id, size)))
    put(api, "acat", CategoryCode.PLAY_AND_RECORD)
    api.set_active(True)
    stage.setup, stage.gains_db = None, {}
    conductor.server_died()
    assert told == [(fourcc("died"), 4)]
    assert (api.set_active(True), put(api, "duck", 1), stage.setup) == (status("!ini"), status("!ini"), None)
    assert api.initialize() == 0
    assert get(api, "acat") == fourcc("solo")
    assert api.set_active(True) == 0
    assert stage.setup


def test_t43_a_press_during_an_interruption_lights_nothing_until_activation_succeeds(conductor):
    lamp = []
    device, call = user(conductor, "device"), user(conductor, "call", PLAY_AND_RECORD, priority=10)
    device.on_change(lamp.append)
    device.toggle()
    call.activate()
    with refused(ErrorCode.INCOMPATIBLE_CATEGORY):
        device.toggle()
    assert lamp == [SessionState.ACTIVE, SessionState.INTERRUPTED]
    call.deactivate(notify_others=True)
    assert lamp[2:] == [SessionState.INACTIVE]
    device.toggle()
    assert lamp[3:] == [SessionState.ACTIVE]
