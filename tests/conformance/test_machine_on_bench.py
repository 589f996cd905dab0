"""The same freedom on a simulated chip and card that fail now and then: what is true of the registers all the time."""

import errno
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmware_py import Category, Mode, load_board
from firmware_py.audio import AudioSessionError, Session
from firmware_py.errors import FirmwareError, PcmError
from hil.bench import VirtualBench

CLIENTS = {"recorder": (0, "c-api"), "intercom": (1, "avfoundation"), "paging": (5, "c-api")}
NAMES = st.sampled_from(sorted(CLIENTS))


class Faults:
    """Between product and bench: loses the n-th write from now, refuses the next opening, once each."""

    def __init__(self, bench: VirtualBench) -> None:
        self._chip, self._open = bench.chip, bench.pcm.open
        self.write_in, self.refuse_open = -1, False

    def write(self, address: int, data: bytes) -> None:
        self.write_in -= 1
        if self.write_in == -1:
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        self._chip.write(address, data)

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        return self._chip.read(address, count)

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        if self.refuse_open:
            self.refuse_open = False
            raise PcmError(errno.EBUSY, "the card is in use")
        self._open(rate_hz, period_frames, channels, preroll_frames=preroll_frames)


class Board(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = VirtualBench(load_board("respeaker-2mic-v1"), room="anechoic")
        self.faults = Faults(self.bench)
        self.bench.stage.codec.bus = self.faults
        self.bench.pcm.open = self.faults.open
        self.clients: dict[str, Session] = {}

    @initialize()
    def arrive(self) -> None:
        for name in CLIENTS:
            self.comes(name)

    def attempt(self, act) -> None:
        with suppress(AudioSessionError):
            act()

    @rule(name=NAMES)
    def comes(self, name: str) -> None:
        if name not in self.clients:
            priority, profile = CLIENTS[name]
            self.clients[name] = self.bench.device.conductor.session(name, priority=priority, profile=profile)

    @rule(name=NAMES)
    def dies(self, name: str) -> None:
        if name in self.clients:
            self.clients.pop(name).abandon()

    @rule(name=NAMES, category=st.sampled_from(Category), mode=st.sampled_from(Mode))
    def chooses(self, name: str, category: Category, mode: Mode) -> None:
        if name in self.clients:
            self.attempt(lambda: self.clients[name].set_category(category, mode=mode))

    @rule(name=NAMES, on=st.booleans())
    def mixes(self, name: str, on: bool) -> None:
        if name in self.clients:
            self.attempt(lambda: setattr(self.clients[name], "mix_with_others", on))

    @rule(name=NAMES)
    def activates(self, name: str) -> None:
        if name in self.clients:
            self.attempt(self.clients[name].activate)

    @rule(name=NAMES, notify=st.booleans())
    def deactivates(self, name: str, notify: bool) -> None:
        if name in self.clients:
            self.attempt(lambda: self.clients[name].deactivate(notify_others=notify))

    @rule(present=st.booleans())
    def headphones(self, present: bool) -> None:
        self.bench.device.conductor.plugged("headphones", present)

    @rule(writes=st.integers(0, 30))
    def loses_a_write(self, writes: int) -> None:
        self.faults.write_in = writes

    @rule()
    def card_is_in_use(self) -> None:
        self.faults.refuse_open = True

    @rule(starved=st.integers(0, 2))
    def time_passes(self, starved: int) -> None:
        if self.bench.stage.sounding:
            self.bench.pcm.starve(starved)
            self.bench.stage.engine.run(3)

    @invariant()
    def the_board_sounds_while_somebody_is_active(self) -> None:
        active = [session for session in self.clients.values() if session.active]
        assert self.bench.stage.sounding == bool(active)

    @invariant()
    def registers_are_those_of_the_effective_mode(self) -> None:
        stage = self.bench.stage
        if not stage.sounding:
            return
        assert stage.setup == self.bench.device.conductor.setup
        deciding = self.clients[self.bench.device.conductor.deciding]
        assert stage.setup.mode is deciding.effective_mode
        remembered = self.bench.chip.state()["faults"]  # a write that was refused leaves a change half done on the way
        found = [phrase for phrase in self.bench.mismatches() if phrase not in remembered]
        assert not found

    @invariant()
    def a_silent_board_gives_no_bias_and_no_sound(self) -> None:
        if not self.bench.stage.sounding and self.faults.write_in < 0 and not self.bench.device.conductor.fault:
            assert self.bench.chip.mic_bias_v["MICBIAS"] == 0.0
            assert self.bench.chip.state()["dac_gain_db"] == [None, None]

    def teardown(self) -> None:
        self.faults.write_in, self.faults.refuse_open = -1, False
        with suppress(FirmwareError):
            self.bench.close()


TestBoard = Board.TestCase
TestBoard.settings = settings(max_examples=150, stateful_step_count=50, deadline=None, derandomize=True)
