"""A HAT as a person meets it: a session, and the panel that switches it on. Wires the two; decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from firmware_py.board import Board
from firmware_py.bus import Bus
from firmware_py.errors import FirmwareError
from firmware_py.leds import PanelState
from firmware_py.panel import Panel
from firmware_py.pcm import Pcm
from firmware_py.pins import Pins
from firmware_py.session import Session, SessionState


class Device:
    """Session and panel of one board. `recording` is what the LEDs are told while an application writes a file."""

    def __init__(
        self, board: Board, *, bus: Bus, pcm: Pcm, pins: Pins, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.session = Session(board, bus=bus, pcm=pcm, sleep=sleep)
        self.panel = Panel(pins, on_press=self._press, state=self._panel_state)
        self.recording = False
        self.session.on_change(lambda state: self.panel.refresh())

    def close(self) -> None:
        self.session.close()

    def _press(self) -> None:
        with suppress(FirmwareError):  # the session keeps it as its fault, and the LEDs show it
            self.session.toggle()

    def _panel_state(self) -> PanelState:
        if self.session.state is SessionState.ACTIVATING:
            return PanelState.ACTIVATING
        if self.session.state is SessionState.ACTIVE:
            return PanelState.RECORDING if self.recording else PanelState.ACTIVE
        return PanelState.FAULT if self.session.fault else PanelState.INACTIVE
