"""A card's mixer controls through pyalsaaudio, and which card a driver made.

pyalsaaudio speaks of simple elements: "ADC High Pass Filter" for what the driver calls "ADC High Pass Filter Switch". It moves
volumes, switches and items; of an element with items only the first channel. Of volumes and
switches it does not tell what a driver refuses, and an element that stays open goes on showing what was asked for: so each look
opens it anew. What fails on the driver's bus stays hidden even so: the driver's own copy has changed by then.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alsaaudio

from firmware_py.errors import PcmError
from firmware_py.mixer.plan import State
from firmware_py.pcm.cards import PROC, Card, cards, number_of

_SUFFIXES = (
    " Playback Switch", " Playback Volume", " Capture Switch", " Capture Volume", " Switch", " Volume",
)  # fmt: skip
_STREAM = re.compile(r"^(\d+)-\d+: (.*?) : ", re.MULTILINE)


def element_of(control: str) -> str:
    """Name of the simple element that a driver's control is a part of.

    >>> element_of("ADC High Pass Filter Switch"), element_of("Headphone Playback Volume"), element_of("ALC Attack")
    ('ADC High Pass Filter', 'Headphone', 'ALC Attack')
    """
    for suffix in _SUFFIXES:
        if control.endswith(suffix) and control != suffix:
            return control.removesuffix(suffix)
    return control


class AlsaMixer:
    """The mixer controls of the card with that id."""

    def __init__(self, card: str) -> None:
        self._device = f"hw:CARD={card}"

    def read(self, names: Iterable[str]) -> dict[str, State]:
        try:
            known = set(alsaaudio.mixers(device=self._device))
        except alsaaudio.ALSAAudioError as error:
            raise self._refusal("its mixer", error) from error
        return {name: self._read(name) for name in names if element_of(name) in known}

    def write(self, name: str, levels: tuple[int, ...]) -> None:
        with self._element(name) as element:
            if element.getenum():
                element.setenum(levels[0])
                return
            for channel, level in enumerate(levels):
                if not _is_switch(name, element):
                    element.setvolume(level, channel, _direction(name), alsaaudio.VOLUME_UNITS_RAW)
                elif _is_capture(name):
                    element.setrec(level, channel)
                else:
                    element.setmute(not level, channel)

    def _read(self, name: str) -> State:
        with self._element(name) as element:
            if enum := element.getenum():
                now, items = enum
                return State((items.index(now),), tuple(items))
            if not _is_switch(name, element):
                return State(tuple(element.getvolume(_direction(name), alsaaudio.VOLUME_UNITS_RAW)))
            if _is_capture(name):
                return State(tuple(element.getrec()))
            return State(tuple(int(not muted) for muted in element.getmute()))

    @contextmanager
    def _element(self, name: str) -> Iterator[Any]:
        try:
            element = alsaaudio.Mixer(element_of(name), device=self._device)
            try:
                yield element
            finally:
                element.close()
        except alsaaudio.ALSAAudioError as error:
            raise self._refusal(repr(name), error) from error

    def _refusal(self, what: str, error: Exception) -> PcmError:
        number = number_of(error)
        hint = "; add this user to group audio" if number in (errno.EACCES, errno.EPERM) else ""
        return PcmError(number, f"{self._device}, {what}: {str(error).partition(' [')[0]}{hint}")


def driver_card(dai: str, proc: Path = PROC) -> Card:
    """The one card with a stream of that digital audio interface, as drivers name them: "wm8960-hifi".

    Raises
    ------
    PcmError
        There is none yet, or there are several.
    """
    try:
        listed = (proc / "pcm").read_text(errors="replace")
    except OSError:  # a kernel without sound
        listed = ""
    stream = re.compile(rf"(^|.* ){re.escape(dai)}-\d+")  # "a name of the card's own wm8960-hifi-0"
    numbers = {int(index) for index, name in _STREAM.findall(listed) if stream.fullmatch(name)}
    found = [card for card in cards(proc) if card.index in numbers]
    if len(found) == 1:
        return found[0]
    if not found:
        raise PcmError(errno.ENODEV, f"no sound card has a stream {dai!r} yet; `dmesg` tells what its driver waits for")
    raise PcmError(
        errno.ENOTUNIQ, f"{', '.join(card.id for card in found)} all have a stream {dai!r}; unplug all but one"
    )


def _is_capture(name: str) -> bool:
    return name.endswith(("Capture Switch", "Capture Volume"))


def _is_switch(name: str, element: Any) -> bool:
    """An element may have a volume and a switch; the driver's name says which is meant, if anything does."""
    return name.endswith(" Switch") or not (name.endswith(" Volume") or element.volumecap())


def _direction(name: str) -> int:
    capture: int = alsaaudio.PCM_CAPTURE
    playback: int = alsaaudio.PCM_PLAYBACK
    return capture if _is_capture(name) else playback
