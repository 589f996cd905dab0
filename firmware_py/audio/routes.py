"""Where the sound enters and leaves: which port of a board a session gets. Pure; a jack is an entry in a set of names.

What is plugged in wins over what is built in. PlayAndRecord speaks through the receiver, as one holds a telephone, and
through the speaker where a board has no receiver; every other category that plays uses the speaker. The chat modes prefer
ports made for voices to lines, and take a line where a board has nothing else: a HAT that only has a line must still talk.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from firmware_py.audio.constants import ROUTE_TYPES, AudioSessionError, ErrorCode, Key, OverrideRoute, RouteChangeReason
from firmware_py.audio.wishes import Wishes
from firmware_py.board import Board, Port
from firmware_py.modes import Category, Mode

_BUILT_IN = frozenset({"builtInMic", "builtInSpeaker", "builtInReceiver"})
_LINES = frozenset({"lineIn", "lineOut"})
_VOICE_MODES = frozenset({Mode.VOICE_CHAT, Mode.GAME_CHAT})

_SOURCES = ("headsetMic", "lineIn", "builtInMic")
_LOUD = ("headphones", "lineOut", "builtInSpeaker", "builtInReceiver")
_DISCREET = ("headphones", "lineOut", "builtInReceiver", "builtInSpeaker")


@dataclass(frozen=True)
class Route:
    """One way through a board. A side is None where the category has none, or nothing is plugged in."""

    source: Port | None = None
    destination: Port | None = None

    @property
    def dead(self) -> bool:
        return self.source is None and self.destination is None

    def serves(self, category: Category) -> bool:
        """Whether every direction of this category has a port."""
        records = self.source is not None or not category.records
        return records and (self.destination is not None or not category.plays)

    @property
    def description(self) -> dict[str, list[dict[str, str]]]:
        """The dictionary of kAudioSessionProperty_AudioRouteDescription."""
        return {
            str(key): [{str(Key.ROUTE_TYPE): str(ROUTE_TYPES[port.type])}] if port else []
            for key, port in ((Key.ROUTE_INPUTS, self.source), (Key.ROUTE_OUTPUTS, self.destination))
        }

    @property
    def text(self) -> str:
        """kAudioSessionProperty_AudioRoute, deprecated: the types, joined as newer versions of iOS join them."""
        return "+".join(str(ROUTE_TYPES[port.type]) for port in (self.source, self.destination) if port)


@dataclass(frozen=True)
class RouteChange:
    """What a listener to route changes is told."""

    reason: RouteChangeReason
    previous: Route
    current: Route


def fixed_ports(board: Board) -> frozenset[str]:
    """Names of the ports that are there without being plugged in.

    Those that are built in; and where a board has none such in a direction, all of that direction, for then nobody
    needs to tell us that its only socket is in use.
    """
    built_in = {name for name, port in board.ports.items() if port.type in _BUILT_IN}
    directions = {board.ports[name].kind for name in built_in}
    return frozenset(built_in | {name for name, port in board.ports.items() if port.kind not in directions})


def sources(board: Board, connected: Set[str], wishes: Wishes) -> list[Port]:
    """Ports that could serve as input now, the usual one first."""
    return _ranked(board, connected, "input", _SOURCES, wishes) if wishes.category.records else []


def destinations(board: Board, connected: Set[str], wishes: Wishes) -> list[Port]:
    """Ports that could serve as output now, the usual one first."""
    if not wishes.category.plays:
        return []
    discreet = wishes.category is Category.PLAY_AND_RECORD and not wishes.default_to_speaker
    return _ranked(board, connected, "output", _DISCREET if discreet else _LOUD, wishes)


def choose(board: Board, connected: Set[str], wishes: Wishes) -> Route:
    """The route of a session with these wishes: override first, then its choice of port, then the usual order."""
    inputs, outputs = sources(board, connected, wishes), destinations(board, connected, wishes)
    source = _pick(inputs, wishes.source)
    destination = _pick(outputs, wishes.destination)
    if wishes.override is OverrideRoute.SPEAKER:
        # A call taken to the loudspeaker leaves the headset as a whole.
        destination = _of_type(outputs, "builtInSpeaker") or destination
        source = _of_type(inputs, "builtInMic") or source
    return Route(source, destination)


def port_id(board: Board, port: Port) -> int:
    """The number by which the C API selects a port: its place among the board's ports of its kind, from 1."""
    return [name for name, _ in _of_kind(board, port.kind)].index(port.name) + 1


def port_by_id(board: Board, kind: str, number: int) -> Port:
    """The port of that number. AudioSessionError `pty?` where there is none."""
    for place, (_, port) in enumerate(_of_kind(board, kind), start=1):
        if place == number:
            return port
    raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"no {kind} of {board.name} has number {number!r}")


def _of_kind(board: Board, kind: str) -> Iterator[tuple[str, Port]]:
    return ((name, port) for name, port in board.ports.items() if port.kind == kind)


def _ranked(board: Board, connected: Set[str], kind: str, order: tuple[str, ...], wishes: Wishes) -> list[Port]:
    voice = wishes.effective_mode in _VOICE_MODES
    present = [port for name, port in _of_kind(board, kind) if name in connected]
    return sorted(present, key=lambda port: (voice and port.type in _LINES, order.index(port.type)))


def _pick(ports: list[Port], name: str | None) -> Port | None:
    return next((port for port in ports if port.name == name), ports[0] if ports else None)


def _of_type(ports: list[Port], kind: str) -> Port | None:
    return next((port for port in ports if port.type == kind), None)
