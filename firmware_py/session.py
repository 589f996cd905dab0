"""An audio session on one board: category, mode, and whether it is active. The words are Apple's.

Misuse of a mode is no error: a mode that its category does not admit behaves as Default, and stays readable as asked.
Mode and category change only while the session is inactive. Activation decides everything first, then writes the codec, then
starts the streams; when any of it fails the codec is quiet, the session inactive, and the error says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from firmware_py.board import Board, Port
from firmware_py.bus import Bus
from firmware_py.codec import Codec, Plan
from firmware_py.engine import Engine
from firmware_py.errors import FirmwareError, SessionError
from firmware_py.modes import PROFILES, Category, Mode, Profile, effective_mode
from firmware_py.pcm import Pcm
from firmware_py.settings import codec_settings


class SessionState(StrEnum):
    """Where a session stands."""

    INACTIVE = "inactive"
    ACTIVATING = "activating"
    ACTIVE = "active"


class Session:
    """One user of a board.

    with Session(board, bus=bus, pcm=pcm) as session:
        session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
        session.activate()
        session.engine.run()
    """

    def __init__(self, board: Board, *, bus: Bus, pcm: Pcm, sleep: Callable[[float], None] = time.sleep) -> None:
        self.board = board
        self.codec = Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=sleep)
        self.fault: FirmwareError | None = None
        self._pcm = pcm
        self._category, self._mode = Category.SOLO_AMBIENT_SOUND, Mode.DEFAULT
        self._state = SessionState.INACTIVE
        self._engine: Engine | None = None
        self._listeners: list[Callable[[SessionState], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def state(self) -> SessionState:
        return self._state

    @property
    def category(self) -> Category:
        return self._category

    @property
    def mode(self) -> Mode:
        """The mode that was asked for."""
        return self._mode

    @property
    def effective_mode(self) -> Mode:
        """The mode that acts: Default, where the category does not admit the one asked for."""
        return effective_mode(self._mode, self._category)

    @property
    def profile(self) -> Profile:
        """What the effective mode promises."""
        return PROFILES[self.effective_mode]

    @property
    def engine(self) -> Engine:
        """The running engine. SessionError while inactive."""
        if self._engine is None:
            raise SessionError("the session is inactive; activate it first")
        return self._engine

    @property
    def input(self) -> Port:
        return self.board.port("input")

    @property
    def output(self) -> Port:
        return self.board.port("output")

    def set_category(self, category: Category, *, mode: Mode | None = None) -> None:
        """Choose what the session is for, and optionally how. SessionError while active."""
        self._refuse_while_active("the category")
        self._category = Category(category)
        self._mode = self._mode if mode is None else Mode(mode)

    def set_mode(self, mode: Mode) -> None:
        """Ask for a mode. SessionError while active."""
        self._refuse_while_active("the mode")
        self._mode = Mode(mode)

    def plan(self) -> Plan:
        """What activation would write now. Touches nothing."""
        settings = codec_settings(
            self.board, self.effective_mode, self.profile, self._category, source=self.input, destination=self.output
        )
        return self.codec.plan(settings)

    def activate(self) -> None:
        """Program the codec for the effective mode and start the streams. Active already: nothing happens.

        Raises
        ------
        ModeChangeFailed
            The codec did not take a write.
        PcmError
            The card refuses the rate or the period.
        """
        if self._state is SessionState.ACTIVE:
            return
        self.fault = None
        self._enter(SessionState.ACTIVATING)
        try:
            plan = self.plan()
            engine = Engine(self._pcm, self.profile)
            self.codec.apply(plan)
            try:
                engine.open()
            except BaseException:
                self._quieten()
                raise
        except BaseException as error:
            self.fault = error if isinstance(error, FirmwareError) else None
            self._enter(SessionState.INACTIVE)
            raise
        self._engine = engine
        self._enter(SessionState.ACTIVE)

    def deactivate(self) -> None:
        """Mute the codec, take the mic bias away, stop the streams. Inactive already: nothing happens."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        try:
            self._quieten()
        except FirmwareError as error:
            self.fault = error
            raise
        finally:
            engine.stop()
            engine.close()
            self._enter(SessionState.INACTIVE)

    def toggle(self) -> None:
        """What the button does."""
        if self._state is SessionState.ACTIVE:
            self.deactivate()
        else:
            self.activate()

    def close(self) -> None:
        """Deactivate, and power the codec down."""
        try:
            self.deactivate()
        finally:
            if self.codec.words is not None:
                self.codec.apply(self.codec.plan({}, "off"))

    def on_change(self, listener: Callable[[SessionState], None]) -> None:
        """Call *listener* with each state the session enters."""
        self._listeners.append(listener)

    def _quieten(self) -> None:
        self.codec.apply(self.codec.plan({}, "standby"))

    def _enter(self, state: SessionState) -> None:
        self._state = state
        for listener in self._listeners:
            listener(state)

    def _refuse_while_active(self, what: str) -> None:
        if self._state is not SessionState.INACTIVE:
            raise SessionError(
                f"{what} changes only while the session is inactive; it is {self._state}: deactivate it first"
            )
