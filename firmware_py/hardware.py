"""Boards by name, with everything that drives them: "respeaker-2mic-v1" is the real one, "virtual:respeaker-2mic-v1" a simulated.

The product knows no simulation: whoever has one registers an entry point of group `audiohat.benches` under the word before
the colon, a function that takes a board's name and returns a Device.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from firmware_py.board import Board
from firmware_py.bus import LinuxI2C, owner
from firmware_py.codec.identity import contradiction
from firmware_py.descriptions import load_board
from firmware_py.device import Device
from firmware_py.engine import warn_once
from firmware_py.errors import BusError, FirmwareError, PcmError, UnknownNameError, nearest
from firmware_py.mixer import AlsaMixer, KernelCodec, driver_card
from firmware_py.pcm import Pcm
from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pcm.libasound import library
from firmware_py.pcm.portable import PyAlsaPcm
from firmware_py.pins import GpioPins

DEFAULT_BOARD = "respeaker-2mic-v1"
GROUP = "audiohat.benches"

PCMS: Mapping[str, Callable[[str, str | None], Pcm]] = {"libasound": AlsaPcm, "pyalsaaudio": PyAlsaPcm}
"""Ways to a sound card by name, the better one first."""


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


def open_device(
    name: str, *, playback: str | None = None, capture: str | None = None, pcm: str | None = None
) -> Device:
    """The device of that name; its panel is not served yet (`device.panel.run` does), its card not opened.

    playback, capture   ALSA devices, where they are not the board's own card
    pcm                 a way to the card (`PCMS`); None is libasound where it can be used

    Raises
    ------
    UnknownNameError, DescriptionError
        No board has that name, or its description is wrong.
    BusError, PinError
        The bus or the panel of a real board cannot be had, or a driver that we cannot ask has the codec.
    PcmError
        A driver has the codec, and no sound card yet.
    FirmwareError
        No bench of that name is installed.
    """
    bench, board_name = split_name(name)
    if not bench:
        return _real(load_board(board_name), playback, capture, pcm)
    if playback or capture or pcm:
        raise FirmwareError(f"{name} has a simulated card; devices are chosen for real boards")
    benches = {point.name: point for point in entry_points(group=GROUP)}
    if bench not in benches:
        raise FirmwareError(f"no bench is named {bench!r}; {nearest(bench, benches)}")
    try:
        make = benches[bench].load()
    except ImportError as error:
        raise FirmwareError(
            f"{bench} boards need {error.name}, which is not installed: pip install 'audiohat[bench]'"
        ) from error
    device: Device = make(board_name)
    return device


def open_pcm(playback: str, capture: str | None = None, name: str | None = None) -> Pcm:
    """The way to a card by name (`PCMS`); None is libasound, or with a warning pyalsaaudio where libasound lacks what is needed."""
    if name is not None and name not in PCMS:
        raise UnknownNameError("way to a sound card", name, PCMS)
    if name is None:
        try:
            library()
            name = "libasound"
        except PcmError as error:
            if error.errno != errno.ENOSYS:
                raise
            name = "pyalsaaudio"
            warn_once(f"{error}; going on with {name}, which comes late when this machine is busy")
    return PCMS[name](playback, capture)


def _real(board: Board, playback: str | None, capture: str | None, pcm: str | None) -> Device:
    driver = owner(board.i2c_bus, board.i2c_address)
    if driver is not None:
        return _driven(board, driver, playback, capture, pcm)
    capture = capture or playback or f"hw:CARD={board.card},DEV=1"  # our overlay has a device for each direction
    playback = playback or f"hw:CARD={board.card},DEV=0"
    with ExitStack() as opened:
        card = open_pcm(playback, capture, pcm)
        try:
            bus = LinuxI2C(board.i2c_bus)
        except BusError as error:
            if error.errno != errno.ENOENT:
                raise
            hint = f"without a HAT use the simulated one: --board virtual:{board.name}"
            raise BusError(error.errno, f"{error}; {hint}") from error
        opened.callback(bus.close)
        if why := contradiction(board.codec, bus, board.i2c_address):
            raise BusError(errno.ENXIO, f"I2C bus {board.i2c_bus}, {why}; name the board that this is")
        pins = GpioPins(board)
        opened.callback(pins.close)
        return Device(board, bus=bus, pcm=card, pins=pins, release=opened.pop_all().close)


def _driven(board: Board, driver: str, playback: str | None, capture: str | None, pcm: str | None) -> Device:
    """A board whose codec a kernel driver owns: the card is the driver's, and a mode is asked for through its mixer controls."""
    codec, place = board.codec, f"I2C bus {board.i2c_bus}, address 0x{board.i2c_address:02x}"
    if codec.kernel is None or codec.kernel.name != driver:
        reason = f"whose driver is {codec.kernel.name!r}" if codec.kernel else "of whose kernel driver nothing is known"
        raise BusError(
            errno.EBUSY,
            f"{place} is owned by the kernel driver {driver!r}, but {board.name} has a {codec.title} there, {reason}; "
            f"name the board that this is, or load the overlay {board.overlay} instead of the stock one",
        )
    card = driver_card(codec.kernel.dai)
    warn_once(
        f"{place} is owned by the kernel driver {driver!r}: modes are set through the mixer controls of its card {card.id}, "
        "as far as those go; every mode whole needs this board's overlay from overlays/"
    )
    asked = KernelCodec(codec, AlsaMixer(card.id), board.mclk_hz, lambda: owner(board.i2c_bus, board.i2c_address))
    playback = playback or f"hw:CARD={card.id},DEV=0"
    with ExitStack() as opened:
        streams = open_pcm(playback, capture or playback, pcm)
        pins = GpioPins(board)
        opened.callback(pins.close)
        return Device(board, codec=asked, pcm=streams, pins=pins, release=opened.pop_all().close)
