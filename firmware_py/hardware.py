"""Boards by name, with everything that drives them: "respeaker-2mic-v1" is the real one, "virtual:respeaker-2mic-v1" a simulated.

The product knows no simulation: whoever has one registers an entry point of group `audiohat.benches` under the word before
the colon, a function that takes a board's name and returns a Device.
"""

from __future__ import annotations

import errno
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from firmware_py.descriptions import load_board
from firmware_py.device import Device
from firmware_py.errors import FirmwareError, PcmError, nearest

DEFAULT_BOARD = "respeaker-2mic-v1"
GROUP = "audiohat.benches"


@runtime_checkable
class HasFinger(Protocol):
    """What a virtual device has and a real one has not: its button can be pressed from here."""

    def press_button(self) -> None:
        """Press and release; returns when the finger is gone. The panel's thread handles it."""


def split_name(name: str) -> tuple[str, str]:
    """Bench and board of a name; the bench of a real board is "".

    >>> split_name("virtual:respeaker-2mic-v1"), split_name("respeaker-2mic-v1")
    (('virtual', 'respeaker-2mic-v1'), ('', 'respeaker-2mic-v1'))
    """
    bench, _, board = name.rpartition(":")
    return bench, board


def open_device(name: str) -> Device:
    """The device of that name; its panel is not served yet (`device.panel.run` does).

    Raises
    ------
    UnknownNameError, DescriptionError
        No board has that name, or its description is wrong.
    PcmError
        The board is a real one: nothing drives a real sound card yet.
    FirmwareError
        No bench of that name is installed.
    """
    bench, board = split_name(name)
    if not bench:
        load_board(board)  # a wrong name is the first thing to say
        raise PcmError(
            errno.ENODEV,
            f"{board}: real sound cards are not driven yet; use the simulated one: --board virtual:{board}",
        )
    benches = {point.name: point for point in entry_points(group=GROUP)}
    if bench not in benches:
        raise FirmwareError(f"no bench is named {bench!r}; {nearest(bench, benches)}")
    try:
        make = benches[bench].load()
    except ImportError as error:
        raise FirmwareError(
            f"{bench} boards need {error.name}, which is not installed: pip install 'audiohat[bench]'"
        ) from error
    device: Device = make(board)
    return device
