"""The sound cards of this machine: which there are, which one is meant, what it can do, why it cannot be had.

The list is the kernel's own in /proc/asound. Libasound leaves out what this user may not open, and where the card has gone is
just what a user without permission asks.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alsaaudio

from firmware_py.errors import PcmError, nearest

PROC = Path("/proc/asound")
NODES = Path("/dev/snd")

STANDARD_RATES_HZ = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)

_CARD = re.compile(r"^ *(\d+) \[(\S+) *\]: .*? - (.*)$", re.MULTILINE)
_STREAM = re.compile(r"^(\d+)-(\d+): (.*)$", re.MULTILINE)
_DEVICE = re.compile(r"^\w+:(?:CARD=)?([^,]+)")
_MISSING = frozenset({errno.ENODEV, errno.ENOENT, errno.ENXIO})
_ERRNOS = {os.strerror(number): number for number in errno.errorcode}


@dataclass(frozen=True)
class Card:
    """A sound card as the kernel lists it. Its id stays, its index may be another after the next boot."""

    id: str
    name: str
    index: int
    has_playback: bool
    has_capture: bool


@dataclass(frozen=True)
class Capabilities:
    """What one direction of a device can be opened with, as far as pyalsaaudio tells.

    channels, period_frames     empty where the device sets no bound, as a plug-in does
    period_frames               shortest and longest, at 48 kHz and two channels
    """

    rates_hz: tuple[int, ...]
    formats: tuple[str, ...]
    channels: tuple[int, ...]
    period_frames: tuple[int, ...]


def cards(proc: Path = PROC) -> list[Card]:
    """Every sound card, in the kernel's order."""
    listed, pcms = (_text(proc / name) for name in ("cards", "pcm"))
    ways: dict[str, str] = {}
    for index, _, rest in _STREAM.findall(pcms):
        ways[str(int(index))] = ways.get(str(int(index)), "") + rest
    return [
        Card(card_id, name, int(index), "playback " in ways.get(index, ""), "capture " in ways.get(index, ""))
        for index, card_id, name in _CARD.findall(listed)
    ]


def first_device(card: Card, direction: str, proc: Path = PROC) -> str:
    """ALSA's name of the first device of *card* that has "playback" or "capture": a card may have one for each."""
    numbers = [
        int(device) for index, device, rest in _STREAM.findall(_text(proc / "pcm"))
        if int(index) == card.index and f"{direction} " in rest
    ]  # fmt: skip
    return f"hw:CARD={card.id},DEV={min(numbers, default=0)}"


def find(name: str, proc: Path = PROC) -> Card:
    """The card with that id. PcmError offers the nearest ones."""
    known = {card.id: card for card in cards(proc)}
    if name not in known:
        raise PcmError(errno.ENODEV, f"no sound card is named {name!r}; {_offer(name, known)}")
    return known[name]


def card_of(device: str) -> str:
    """Id or index of the card in an ALSA device string, "" where it names none.

    >>> card_of("hw:CARD=audiohat,DEV=0"), card_of("plughw:1,0"), card_of("null")
    ('audiohat', '1', '')
    """
    named = _DEVICE.match(device)
    return named[1] if named else ""


def capabilities(device: str, direction: str = "playback") -> Capabilities:
    """What *device* can do in one direction, "playback" or "capture". PcmError if it cannot be opened."""

    def opened(**asked: int) -> Any:
        kind = alsaaudio.PCM_PLAYBACK if direction == "playback" else alsaaudio.PCM_CAPTURE
        return alsaaudio.PCM(type=kind, mode=alsaaudio.PCM_NONBLOCK, device=device, rate=48_000, channels=2, **asked)

    try:
        pcm = opened(periodsize=1)
        rates, formats = listed_rates(pcm.getrates()), tuple(pcm.getformats())
        if pcm.info()["card_no"] < 0:  # a plug-in sets no bounds: its list of channels would not end
            return Capabilities(rates, formats, (), ())
        channels, shortest = tuple(pcm.getchannels()), pcm.info()["period_size"]
        pcm.close()
        longest = opened(periodsize=1 << 20).info()["period_size"]
    except alsaaudio.ALSAAudioError as error:
        raise refusal(device, direction, number_of(error)) from error
    return Capabilities(rates, formats, channels, (shortest, longest))


def mixer_controls(card: Card) -> list[str]:
    """Names of a card's mixer controls; none where they may not be read."""
    try:
        return list(dict.fromkeys(alsaaudio.mixers(device=f"hw:{card.id}")))
    except alsaaudio.ALSAAudioError:
        return []


def listed_rates(answer: int | tuple[int, int] | list[int]) -> tuple[int, ...]:
    """Standard rates out of what pyalsaaudio's getrates says: one rate, a range, or a list.

    >>> listed_rates(48_000), listed_rates((8_000, 16_000)), listed_rates([44_100, 48_000])
    ((48000,), (8000, 11025, 16000), (44100, 48000))
    """
    if isinstance(answer, tuple):
        return tuple(rate for rate in STANDARD_RATES_HZ if answer[0] <= rate <= answer[1])
    return (answer,) if isinstance(answer, int) else tuple(answer)


def number_of(error: Exception) -> int:
    """The errno in the text of an ALSAAudioError, which has nothing else: "No such device [hw:7]". EIO where it is none."""
    return _ERRNOS.get(str(error).rpartition(" [")[0], errno.EIO)


def refusal(device: str, direction: str, number: int, proc: Path = PROC, nodes: Path = NODES) -> PcmError:
    """Why *device* could not be opened for "playback" or "capture", with that errno: one sentence, and what to do."""
    if number in _MISSING:
        number, why = _missing(device, direction, number, proc, nodes)
    else:
        why = _WHY.get(number, os.strerror(number))
    return PcmError(number, f"{device} ({direction}): {why}")


def _missing(device: str, direction: str, number: int, proc: Path, nodes: Path) -> tuple[int, str]:
    known = {card.id: card for card in cards(proc)}
    name = card_of(device) or device
    card = known.get(name) or next((card for card in known.values() if str(card.index) == name), None)
    if card is None:
        return number, f"no sound card is named {name!r}; {_offer(name, known)}"
    node = nodes / f"controlC{card.index}"
    if not node.exists():
        return number, f"card {card.id} is there but {node} is not; a container needs --device /dev/snd"
    if not os.access(node, os.R_OK | os.W_OK):
        return errno.EACCES, _WHY[errno.EACCES]
    if not card_of(device):
        return number, f"this is a card, not a device; say hw:CARD={card.id},DEV=0"
    if not (card.has_playback if direction == "playback" else card.has_capture):
        return number, f"card {card.id} has no {direction}; name another card for it"
    return number, f"card {card.id} has no such device; hw:CARD={card.id},DEV=0 is its first"


def _offer(name: str, known: dict[str, Card]) -> str:
    return nearest(name, known) if known else "there are none; is the HAT seated, and its overlay loaded?"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # a kernel without sound
        return ""


_WHY = {
    errno.EBUSY: "another program holds it; `fuser -v /dev/snd/*` tells which",
    errno.EAGAIN: "another program holds it; `fuser -v /dev/snd/*` tells which",
    errno.EACCES: "no permission; add this user to group audio (sudo usermod -aG audio $USER) and log in again",
    errno.EPERM: "no permission; add this user to group audio (sudo usermod -aG audio $USER) and log in again",
    errno.EINVAL: "it refuses what was asked for; another rate or period may do",
}
