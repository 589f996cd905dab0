"""A HAT as a person meets it: a board's sessions, and the panel that switches one of them on. Wires them; decides nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from firmware_py.audio import Conductor
from firmware_py.board import Board
from firmware_py.bus import Bus
from firmware_py.codec import BackEnd
from firmware_py.errors import FirmwareError
from firmware_py.leds import PanelState
from firmware_py.panel import Panel
from firmware_py.pcm import Pcm
from firmware_py.pins import Pins
from firmware_py.stage import BoardStage

_log = logging.getLogger(__name__)

WATCH_S = 0.25
"""How often the card is looked after."""


class Device:
    """Stage, sessions and panel of one board, on a bus or with a codec (see `BoardStage`). The button's session is "device".

    `recording` is what the LEDs are told while an application writes a file. `release` is called last, by `close`.
    """

    def __init__(
        self,
        board: Board,
        *,
        bus: Bus | None = None,
        codec: BackEnd | None = None,
        pcm: Pcm,
        pins: Pins,
        sleep: Callable[[float], None] = time.sleep,
        threaded: bool = True,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.stage = BoardStage(board, bus=bus, codec=codec, pcm=pcm, sleep=sleep, threaded=threaded)
        self.conductor = Conductor(self.stage)
        self.session = self.conductor.session("device")
        self.recording = False
        self._release = release
        self._activating = False
        self.panel = Panel(pins, on_press=self._press, state=self.panel_state)

    def panel_state(self) -> PanelState:
        """What the LEDs show: the button's own session, and what went wrong with the board."""
        if self._activating:
            return PanelState.ACTIVATING
        if self.session.active:
            return PanelState.RECORDING if self.recording else PanelState.ACTIVE
        return PanelState.FAULT if self.conductor.fault else PanelState.INACTIVE

    def watch(self, stop: threading.Event) -> None:
        """Look after the card until *stop* is set: what was cut off by its loss comes back with it."""
        while not stop.wait(WATCH_S):
            try:
                self.conductor.tend()
            except Exception:  # nobody is above this thread, and tomorrow's card is to be found, too
                _log.exception("looking after the card failed in a way that is our fault")

    def close(self) -> None:
        """Every session is over, and the codec has no power."""
        try:
            self.session.deactivate()
        finally:
            try:
                self.stage.close()
            finally:
                self._release()

    def _press(self) -> None:
        self._activating = not self.session.active
        with suppress(FirmwareError):  # dark LEDs are no reason not to answer the button
            self.panel.refresh()
        try:
            with suppress(FirmwareError):  # the conductor keeps what the stage failed at, and the LEDs show it
                self.session.toggle()
        finally:
            self._activating = False
