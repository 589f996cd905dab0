"""Four clients do anything in any order, on a stage that fails, with jacks that are pulled: what stays true all the time.

What is believed of the sessions is computed here once more, from what each of them says of itself and from the order of
their activations, and compared with what the stage was told. Some clients answer an End by activating at once.
"""

from collections.abc import Callable

from fake_stage import FakeStage, with_ports
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware_py import Category, Mode, effective_mode, load_board
from firmware_py.audio import (
    AudioSessionError,
    AVErrorCode,
    Conductor,
    ErrorCode,
    InterruptionState,
    OverrideRoute,
    PropertyID,
    Session,
    SessionState,
)

TELEPHONE = with_ports(
    load_board("respeaker-2mic-v1"),
    microphone="input builtInMic",
    headset="input headsetMic",
    line="input lineIn",
    speaker="output builtInSpeaker",
    receiver="output builtInReceiver",
    headphones="output headphones",
)

CLIENTS = {  # name: priority, profile, activates itself at End
    "music":  (0, "c-api", False),
    "game":   (0, "c-api", True),
    "guide":  (0, "avfoundation", False),
    "call":   (5, "avfoundation", True),
}  # fmt: skip

LISTENABLE = [
    PropertyID.AUDIO_ROUTE_CHANGE,
    PropertyID.AUDIO_INPUT_AVAILABLE,
    PropertyID.CURRENT_HARDWARE_OUTPUT_VOLUME,
    PropertyID.CURRENT_HARDWARE_INPUT_NUMBER_CHANNELS,
    PropertyID.INPUT_GAIN_SCALAR,
    PropertyID.SERVER_DIED,
]


class Client:
    """An application that writes down what it is told, and checks that it may be told so now."""

    def __init__(self, conductor: Conductor, stage: FakeStage, name: str) -> None:
        priority, profile, self.eager = CLIENTS[name]
        self.priority, self.conductor, self.stage = priority, conductor, stage
        self.session: Session = conductor.session(name, priority=priority, profile=profile)
        self.interruptions = 0
        self.begins = 0
        self.waiting = False
        self.gone = False
        self.removed: set[PropertyID] = set(LISTENABLE)
        self.heed()

    def heed(self) -> None:
        self.session.set_interruption_listener(self.told)
        self.session.on_change(self.entered)

    def entered(self, state: SessionState) -> None:
        assert not self.conductor.lock.locked()
        assert not self.gone
        self.interruptions += state is SessionState.INTERRUPTED

    def told(self, state: InterruptionState) -> None:
        assert not self.conductor.lock.locked()
        assert not self.gone
        if state is InterruptionState.BEGIN:
            assert self.session.name not in self.stage.gains_db or self.session.active
            self.begins += 1
            self.waiting = True
            return
        assert self.waiting, "an End without a Begin"
        assert self.session.state is SessionState.INACTIVE
        assert self.session.interruption_type
        self.waiting = False
        if self.eager:
            self.activate()

    def activate(self) -> None:
        self.session.activate()

    def noticed(self, data: object, property: PropertyID, value: object) -> None:
        assert not self.conductor.lock.locked()
        assert not self.gone
        assert property not in self.removed, "told after removal"


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stage = FakeStage(TELEPHONE)
        self.listener_errors: list[Exception] = []
        self.conductor = Conductor(self.stage, on_listener_error=self.listener_errors.append)
        self.clients = {name: Client(self.conductor, self.stage, name) for name in CLIENTS}
        self.connected = {"microphone", "speaker", "receiver"}

    def picture(self) -> list:
        return [
            (c.session.state, c.session.category, c.session.mode, c.session.mix_with_others, c.session.duck_others,
             c.session.bluetooth_input, c.session.default_to_speaker, c.session.preferred_rate_hz, c.session.io_running)
            for c in self.clients.values()
        ]  # fmt: skip

    def attempt(self, act: Callable[[], object]) -> None:
        """A refusal changes nothing, except for the two that say so."""
        before, setup, gains = self.picture(), self.stage.setup, dict(self.stage.gains_db)
        refusal = ""
        try:
            act()
        except AudioSessionError as error:
            refusal = str(error)
        self.stage.fails = set()
        if refusal and not refusal.startswith("inactive, but"):
            assert self.picture() == before, refusal
            assert (self.stage.setup, self.stage.gains_db) == (setup, gains), refusal

    # What clients do.

    names = st.sampled_from(list(CLIENTS))

    @rule(name=names)
    def activate(self, name: str) -> None:
        self.attempt(self.clients[name].activate)

    @rule(
        name=names, category=st.sampled_from([Category.PLAY_AND_RECORD, Category.MEDIA_PLAYBACK]), mixing=st.booleans()
    )
    def take(self, name: str, category: Category, mixing: bool) -> None:
        self.set_category(name, category, None)
        self.set_option(name, "mix_with_others", mixing)
        self.activate(name)

    @rule(name=names, notify=st.booleans())
    def hand_over(self, name: str, notify: bool) -> None:
        """Somebody else, who does not mix, takes the board and gives it back."""
        with self.conductor.session("passer-by", priority=1) as session:
            self.attempt(session.activate)
            self.activate(name)
            self.attempt(lambda: session.deactivate(notify_others=notify))

    @rule(name=names, notify=st.booleans())
    def deactivate(self, name: str, notify: bool) -> None:
        self.attempt(lambda: self.clients[name].session.deactivate(notify_others=notify))

    @rule(name=names)
    def press(self, name: str) -> None:
        self.attempt(self.clients[name].session.toggle)

    @rule(name=names, category=st.sampled_from(Category), mode=st.none() | st.sampled_from(Mode))
    def set_category(self, name: str, category: Category, mode: Mode | None) -> None:
        self.attempt(lambda: self.clients[name].session.set_category(category, mode=mode))

    @rule(name=names, mode=st.sampled_from(Mode))
    def set_mode(self, name: str, mode: Mode) -> None:
        self.attempt(lambda: self.clients[name].session.set_mode(mode))

    @rule(
        name=names,
        option=st.sampled_from(["mix_with_others", "duck_others", "default_to_speaker", "bluetooth_input"]),
        on=st.booleans(),
    )
    def set_option(self, name: str, option: str, on: bool) -> None:
        self.attempt(lambda: setattr(self.clients[name].session, option, on))

    @rule(name=names, rate_hz=st.sampled_from([None, 8_000.0, 44_100.0, -1.0]))
    def prefer_rate(self, name: str, rate_hz: float | None) -> None:
        self.attempt(lambda: setattr(self.clients[name].session, "preferred_rate_hz", rate_hz))

    @rule(name=names, gain=st.floats(-1.0, 2.0))
    def set_gain(self, name: str, gain: float) -> None:
        self.attempt(lambda: setattr(self.clients[name].session, "input_gain", gain))

    @rule(name=names, route=st.sampled_from(OverrideRoute))
    def override(self, name: str, route: OverrideRoute) -> None:
        self.attempt(lambda: self.clients[name].session.override_route(route))

    @rule(name=names, port=st.sampled_from(list(TELEPHONE.ports)))
    def select(self, name: str, port: str) -> None:
        session = self.clients[name].session
        self.attempt(
            lambda: (session.select_input if TELEPHONE.ports[port].kind == "input" else session.select_output)(port)
        )

    @rule(name=names, on=st.booleans())
    def run_audio(self, name: str, on: bool) -> None:
        session = self.clients[name].session
        self.attempt(session.io_started if on else session.io_stopped)

    @rule(name=names)
    def confirm(self, name: str) -> None:
        self.attempt(self.clients[name].session.confirm_interruption)

    @rule(name=names, property=st.sampled_from(LISTENABLE))
    def listen(self, name: str, property: PropertyID) -> None:
        client = self.clients[name]
        client.removed.discard(property)
        client.session.add_listener(property, client.noticed)

    @rule(name=names, property=st.sampled_from(LISTENABLE))
    def stop_listening(self, name: str, property: PropertyID) -> None:
        client = self.clients[name]
        client.session.remove_listener(property, client.noticed)
        client.removed.add(property)

    @rule(name=names)
    def die(self, name: str) -> None:
        client = self.clients[name]
        client.session.abandon()
        client.gone = True
        client.session.abandon()
        self.clients[name] = Client(self.conductor, self.stage, name)

    # What the world does.

    @rule(port=st.sampled_from(list(TELEPHONE.ports)), present=st.booleans())
    def plug(self, port: str, present: bool) -> None:
        self.conductor.plugged(port, present)
        (self.connected.add if present else self.connected.discard)(port)
        self.stage.fails = set()

    @rule(volume=st.floats(0.0, 1.0))
    def turn(self, volume: float) -> None:
        self.stage.output_volume = volume
        self.conductor.refresh()

    @rule(fails=st.sets(st.sampled_from(["start", "change", "stop"]), min_size=1))
    def break_stage(self, fails: set[str]) -> None:
        """Until somebody has tried something."""
        self.stage.fails = fails

    @precondition(lambda self: len(self.active) > 2)
    @rule()
    def service_dies(self) -> None:
        self.stage.setup, self.stage.gains_db = None, {}
        self.conductor.server_died()
        for client in self.clients.values():
            assert client.session.state is SessionState.INACTIVE
            client.session.reinitialize()
            client.removed = set(LISTENABLE)
            client.waiting = False
            client.heed()

    # What stays true.

    @property
    def active(self) -> list[Client]:
        return [client for client in self.clients.values() if client.session.active]

    @invariant()
    def at_most_one_active_session_does_not_mix(self) -> None:
        assert sum(not mixable(client.session) for client in self.active) <= 1

    @invariant()
    def the_stage_sounds_exactly_while_somebody_is_active(self) -> None:
        assert (self.stage.setup is not None) == bool(self.active)
        assert set(self.stage.gains_db) == {client.session.name for client in self.active}

    @invariant()
    def the_stage_has_the_setup_of_the_one_who_decides(self) -> None:
        if not self.active:
            assert self.conductor.deciding is None
            return
        turns = {name: standing.turn for name, standing in self.conductor.scene.sessions.items()}
        first = max(
            (client for client in self.active),
            key=lambda c: (c.priority, c.session.category.records, not mixable(c.session), turns[c.session.name]),
        )
        session, setup = first.session, self.stage.setup
        assert setup is not None
        assert session.decides
        assert (setup.mode, setup.category) == (effective_mode(session.mode, session.category), session.category)
        assert setup.preferred_rate_hz == session.preferred_rate_hz
        for port, used in ((setup.source, session.category.records), (setup.destination, session.category.plays)):
            assert port is None or (used and port.name in self.connected)
        assert (setup.source is not None) == (session.category.records and has(self.connected, "input"))
        assert (setup.destination is not None) == (session.category.plays and has(self.connected, "output"))

    @invariant()
    def somebody_who_ducks_is_loud_and_the_others_are_not(self) -> None:
        ducking = any(client.session.duck_others for client in self.active)
        for client in self.active:
            gain_db = self.stage.gains_db[client.session.name]
            if client.session.category is Category.AUDIO_PROCESSING:
                assert gain_db is None
            else:
                assert gain_db == (-20.0 if ducking and not client.session.duck_others else 0.0)

    @invariant()
    def every_interruption_was_told_once(self) -> None:
        for client in self.clients.values():
            assert client.begins == client.interruptions

    @invariant()
    def nobody_active_or_interrupted_moves_audio_unasked(self) -> None:
        assert all(client.session.active for client in self.clients.values() if client.session.io_running)

    @invariant()
    def no_listener_was_wronged(self) -> None:
        refusals = (ErrorCode.INCOMPATIBLE_CATEGORY, ErrorCode.UNSPECIFIED, ErrorCode.NO_HARDWARE,
                    AVErrorCode.INSUFFICIENT_PRIORITY)  # fmt: skip
        for error in self.listener_errors:
            assert isinstance(error, AudioSessionError), repr(error)
            assert error.code in refusals, error


def mixable(session: Session) -> bool:
    return session.mix_with_others or session.category is Category.AMBIENT_SOUND


def has(connected: set[str], kind: str) -> bool:
    return any(TELEPHONE.ports[name].kind == kind for name in connected)


Sessions.TestCase.settings = settings(max_examples=220, stateful_step_count=50, deadline=None, derandomize=True)
TestSessions = Sessions.TestCase
