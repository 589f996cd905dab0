"""What sounds, as the sessions see it: one setup at a time, started, changed and stopped. A contract, no hardware.

The real one programs the codec and runs the streams; the tests have one that only remembers. A stage knows nothing of
sessions but the names under which they are mixed, and never calls back from inside one of these methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from firmware_py.board import Board, Port
from firmware_py.errors import FirmwareError
from firmware_py.modes import Category, Mode


@dataclass(frozen=True)
class Setup:
    """Everything the hardware is asked for, as one value.

    mode                the effective one
    source, destination None where the category does not record or play, or nothing is plugged in
    preferred_rate_hz   a hint; None leaves it to the mode
    preferred_buffer_s  a hint; one period, None leaves it to the mode
    input_gain          0 is the lowest analogue gain of the source, 1 the highest; None leaves it to the mode
    """

    mode: Mode
    category: Category
    source: Port | None
    destination: Port | None
    preferred_rate_hz: float | None = None
    preferred_buffer_s: float | None = None
    input_gain: float | None = None


class Stage(Protocol):
    """The hardware of one board. Called under the conductor's lock, by one thread at a time; properties by any thread."""

    @property
    def board(self) -> Board: ...

    def start(self, setup: Setup) -> None:
        """From silence; may take long. Raises FirmwareError, and then it is still silent."""

    def change(self, setup: Setup) -> None:
        """While sounding: another mode, route, hint or gain. Raises FirmwareError, and then the old setup sounds on."""

    def stop(self) -> None:
        """Silence, and no bias on the microphone. It has stopped even if it raises FirmwareError."""

    def mix(self, gains_db: Mapping[str, float | None]) -> None:
        """Playback gain of each session by name. Absent or None: not heard and not fed, from this moment. Does not fail.

        Called while sounding, and with {} before every stop.
        """

    @property
    def failure(self) -> FirmwareError | None:
        """What ended the sound unasked, as when a card was unplugged; None while all is well, or silent."""

    def answers(self) -> bool:
        """While silent after a failure: whether a start has a chance."""

    # Truths of the present setup; while silent, what the last one left or the next one is likely to give.

    @property
    def rate_hz(self) -> float: ...

    @property
    def buffer_s(self) -> float: ...

    @property
    def input_latency_s(self) -> float: ...

    @property
    def output_latency_s(self) -> float: ...

    @property
    def input_channels(self) -> int: ...

    @property
    def output_channels(self) -> int: ...

    @property
    def output_volume(self) -> float: ...

    @property
    def input_gain_available(self) -> bool: ...

    @property
    def input_gain(self) -> float: ...
