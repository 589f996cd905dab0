"""One user of a board, in Python's words: what it asks for, what it got, and what it is told.

    with conductor.session("intercom", priority=10) as session:
        session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
        session.set_interruption_listener(lambda state: ...)
        session.activate()

What is asked for and what is there are different attributes (`preferred_rate_hz`, `rate_hz`). The rules are the C API's;
with `profile="avfoundation"` a mode may change while the session is active or mixes, a deactivation while audio runs
succeeds and still raises, and a higher priority refuses with `!pri`.
Every refusal is an AudioSessionError and changes nothing. It holds no state but its listeners: the scene has the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from firmware_py.audio.constants import (
    AudioSessionError,
    AVErrorCode,
    ErrorCode,
    InterruptionType,
    OverrideRoute,
    RouteChangeReason,
)
from firmware_py.audio.listeners import Audience
from firmware_py.audio.routes import Route, destinations, sources
from firmware_py.audio.scene import Scene, SessionState, Standing
from firmware_py.audio.wishes import Wishes
from firmware_py.board import Port
from firmware_py.modes import Category, Mode

if TYPE_CHECKING:
    from firmware_py.audio.conductor import Conductor


class Session(Audience):
    """A session of a board; `Conductor.session` makes them. Any thread may use it."""

    def __init__(self, conductor: Conductor, name: str) -> None:
        super().__init__(conductor.lock)
        self.name = name
        self._conductor = conductor
        self._stage = conductor.stage

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def __repr__(self) -> str:
        return f"<Session {self.name!r}>"

    # Life.

    @property
    def state(self) -> SessionState:
        return self._standing.state

    @property
    def active(self) -> bool:
        return self._standing.active

    @property
    def decides(self) -> bool:
        """Whether the board has this session's category, mode and route now."""
        return self.active and self._conductor.deciding == self.name

    def activate(self, flags: int = 0) -> None:
        """Take the board, interrupting those this session cannot be mixed with. May take long. Active already: nothing.

        Flags are for deactivation; they are tolerated here and ignored, as on iOS.

        AudioSessionError
            `!cat` (avfoundation: `!pri`) somebody of a higher priority is active, and neither mixes;
            `nohw` no port for this category; `!ini` the audio service died; `what` the stage refused.
        """
        self._become(lambda scene: scene.activated(self.name))

    def deactivate(self, *, notify_others: bool = False) -> None:
        """Give the board back. Those this session interrupted get their End, and should resume if `notify_others`.

        An interrupted session gives up its claim. AudioSessionError `!act` while audio runs: the C API refuses,
        AVAudioSession deactivates all the same. `what`: the stage refused to go on without this session, which stays
        active; or it did not stop cleanly, and the session is inactive.
        """
        hint = InterruptionType.SHOULD_RESUME if notify_others else InterruptionType.SHOULD_NOT_RESUME
        cut_off = False

        def step(scene: Scene) -> Scene:
            nonlocal cut_off
            standing = scene.of(self.name)
            if standing.running and not standing.lenient:
                raise AudioSessionError(ErrorCode.NOT_ACTIVE, "audio is running; stop it first")
            cut_off = standing.running
            return scene.deactivated(self.name, hint)

        self._become(step)
        if cut_off:
            raise AudioSessionError(AVErrorCode.IS_BUSY, "inactive, but audio was running; stop it first")

    def toggle(self) -> None:
        """What a button does: active becomes inactive, anything else tries to become active."""
        if self.active:
            self.deactivate(notify_others=True)
        else:
            self.activate()

    def abandon(self) -> None:
        """The client is gone: inactive, silent, forgotten; those it interrupted should resume. Never refused."""
        self._conductor.forget(self)

    def confirm_interruption(self) -> None:
        """What this session interrupted is over for good, as when a call is taken: no End comes to those that wait."""
        self._become(lambda scene: scene.confirmed(self.name))

    def reinitialize(self) -> None:
        """After the audio service died: as new, without any listener. It may be activated again."""
        if not self.expired:
            raise AudioSessionError(ErrorCode.ALREADY_INITIALIZED, "only a session that expired starts anew")
        self.dismiss()
        self._become(lambda scene: scene.renewed(self.name))

    @property
    def expired(self) -> bool:
        """Whether the audio service died since it was initialised."""
        return self._standing.expired

    def io_started(self) -> None:
        """The client moves audio from here. AudioSessionError: `!act` inactive, `!cat` audioProcessing has no audio."""
        self._become(lambda scene: scene.running(self.name, True))

    def io_stopped(self) -> None:
        """The client moves no audio any more. An interruption stops it, too."""
        self._become(lambda scene: scene.running(self.name, False))

    @property
    def io_running(self) -> bool:
        return self._standing.running

    # What it asks for.

    @property
    def category(self) -> Category:
        return self._wishes.category

    @property
    def mode(self) -> Mode:
        """The mode that was asked for."""
        return self._wishes.mode

    @property
    def effective_mode(self) -> Mode:
        """The mode that acts where this session decides: Default, if the category does not admit the one asked for."""
        return self._wishes.effective_mode

    def set_category(self, category: Category, *, mode: Mode | None = None) -> None:
        """What the session is for, also while active; the options fall back. With a mode, the rules of `set_mode` hold."""

        def step(scene: Scene) -> Scene:
            scene = scene.wishing(self.name, lambda wishes: wishes.for_category(category))
            return scene if mode is None else _with_mode(scene, self.name, mode)

        self._become(step)

    def set_mode(self, mode: Mode) -> None:
        """How the session is to sound. AudioSessionError: `pty?` while active, `!cat` while set to mix (C API)."""
        self._become(lambda scene: _with_mode(scene, self.name, mode))

    @property
    def mix_with_others(self) -> bool:
        """Settable in mediaPlayback and playAndRecord; falls back with the category."""
        return self._wishes.mix_with_others

    @mix_with_others.setter
    def mix_with_others(self, on: bool) -> None:
        self._wish(lambda wishes: wishes.mixing_with_others(on))

    @property
    def default_to_speaker(self) -> bool:
        """Speaker instead of receiver. Settable in playAndRecord; falls back with the category and the mode."""
        return self._wishes.default_to_speaker

    @default_to_speaker.setter
    def default_to_speaker(self, on: bool) -> None:
        self._wish(lambda wishes: wishes.defaulting_to_speaker(on))

    @property
    def bluetooth_input(self) -> bool:
        """Settable in recordAudio and playAndRecord; VoiceChat sets it. No board has Bluetooth yet: it is remembered."""
        return self._wishes.bluetooth_input

    @bluetooth_input.setter
    def bluetooth_input(self, on: bool) -> None:
        self._wish(lambda wishes: wishes.with_bluetooth_input(on))

    @property
    def duck_others(self) -> bool:
        """The others are quieter while this session is active. Switches `mix_with_others` on where that is an option."""
        return self._wishes.duck_others

    @duck_others.setter
    def duck_others(self, on: bool) -> None:
        self._wish(lambda wishes: wishes.ducking_others(on))

    @property
    def preferred_rate_hz(self) -> float | None:
        """A hint; `rate_hz` is the truth. None leaves it to the mode."""
        return self._wishes.preferred_rate_hz

    @preferred_rate_hz.setter
    def preferred_rate_hz(self, rate_hz: float | None) -> None:
        self._wish(lambda wishes: wishes.preferring_rate(rate_hz))

    @property
    def preferred_buffer_s(self) -> float | None:
        """A hint; `buffer_s` is the truth. None leaves it to the mode."""
        return self._wishes.preferred_buffer_s

    @preferred_buffer_s.setter
    def preferred_buffer_s(self, buffer_s: float | None) -> None:
        self._wish(lambda wishes: wishes.preferring_buffer(buffer_s))

    def override_route(self, route: OverrideRoute) -> None:
        """Speaker, and built-in microphone, instead of receiver or headset. Cannot be read back.

        Lapses when the route changes, when somebody else decides, on interruption and on deactivation. Only in
        playAndRecord (`!cat`), only on a board with a speaker (`nohw`).
        """
        speakers = any(port.type == "builtInSpeaker" for port in self._conductor.board.ports.values())
        if route == OverrideRoute.SPEAKER and not speakers:
            raise AudioSessionError(ErrorCode.NO_HARDWARE, f"{self._conductor.board.name} has no speaker")
        self._wish(lambda wishes: wishes.overriding(route), RouteChangeReason.OVERRIDE)

    # Routes.

    @property
    def route(self) -> Route:
        """The route in use; while nobody is active, the one this session would get."""
        return self._scene.route(self.name)

    @property
    def input_available(self) -> bool:
        return self._scene.input_available

    @property
    def input_sources(self) -> list[Port]:
        """What could be the input now, the usual one first. Empty where there is none, or the category does not record."""
        scene = self._scene
        return sources(scene.board, scene.connected, self._wishes)

    @property
    def output_destinations(self) -> list[Port]:
        """What could be the output now, the usual one first."""
        scene = self._scene
        return destinations(scene.board, scene.connected, self._wishes)

    def select_input(self, port: str) -> None:
        """Prefer a port of `input_sources` (`pty?`: it is none of them). It is used whenever it is there."""
        self._wish(lambda wishes: wishes.from_port(_offered(port, self.input_sources)), _CONFIGURED)

    def select_output(self, port: str) -> None:
        """Prefer a port of `output_destinations` (`pty?`: it is none of them). It is used whenever it is there."""
        self._wish(lambda wishes: wishes.to_port(_offered(port, self.output_destinations)), _CONFIGURED)

    # What it got: truths of the stage.

    @property
    def rate_hz(self) -> float:
        return self._stage.rate_hz

    @property
    def buffer_s(self) -> float:
        """One period."""
        return self._stage.buffer_s

    @property
    def input_latency_s(self) -> float:
        self._needs("input")
        return self._stage.input_latency_s

    @property
    def output_latency_s(self) -> float:
        self._needs("output")
        return self._stage.output_latency_s

    @property
    def input_channels(self) -> int:
        self._needs("input")
        return self._stage.input_channels

    @property
    def output_channels(self) -> int:
        self._needs("output")
        return self._stage.output_channels

    @property
    def output_volume(self) -> float:
        """0 to 1; people set it, not sessions."""
        self._needs("output")
        return self._stage.output_volume

    @property
    def other_audio_playing(self) -> bool:
        """Whether another session that plays is active."""
        return self._scene.others_play(self.name)

    @property
    def input_gain_available(self) -> bool:
        self._needs("input")
        return self._stage.input_gain_available

    @property
    def input_gain(self) -> float:
        """Of the input in use, for everybody: 0 is the lowest analogue gain, 1 the highest; others are clamped.

        Set while active (`!act`) and where it can be set (`pty?`). The default is back when nobody is active.
        """
        self._gain_can_be_set()
        return self._stage.input_gain

    @input_gain.setter
    def input_gain(self, gain: float) -> None:
        if math.isnan(gain):
            raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, "a gain is a number")

        def step(scene: Scene) -> Scene:
            if not scene.of(self.name).active:
                raise AudioSessionError(ErrorCode.NOT_ACTIVE, "the gain belongs to the input in use; activate first")
            self._gain_can_be_set()
            return scene.with_input_gain(gain)

        self._become(step)

    # Inside.

    @property
    def _scene(self) -> Scene:
        self._conductor.standing(self)
        return self._conductor.scene

    @property
    def _standing(self) -> Standing:
        return self._conductor.standing(self)

    @property
    def _wishes(self) -> Wishes:
        return self._standing.wishes

    def _become(
        self, step: Callable[[Scene], Scene], reason: RouteChangeReason = RouteChangeReason.CATEGORY_CHANGE
    ) -> None:
        self._conductor.become(self, step, reason)

    def _wish(
        self, change: Callable[[Wishes], Wishes], reason: RouteChangeReason = RouteChangeReason.CATEGORY_CHANGE
    ) -> None:
        self._become(lambda scene: scene.wishing(self.name, change), reason)

    def _needs(self, direction: str) -> None:
        category = self.category
        if not (category.records if direction == "input" else category.plays):
            raise AudioSessionError(ErrorCode.INCOMPATIBLE_CATEGORY, f"{category} has no {direction}")

    def _gain_can_be_set(self) -> None:
        self._needs("input")
        if not self._stage.input_gain_available:
            raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, "this input has no gain to set just now")


_CONFIGURED = RouteChangeReason.ROUTE_CONFIGURATION_CHANGE


def _with_mode(scene: Scene, name: str, mode: Mode) -> Scene:
    scene.mode_may_change(name)
    return scene.wishing(name, lambda wishes: wishes.in_mode(mode))


def _offered(name: str, ports: list[Port]) -> str:
    if name not in [port.name for port in ports]:
        offered = ", ".join(port.name for port in ports) or "nothing"
        raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"no port {name!r} is offered now, but {offered}")
    return name
