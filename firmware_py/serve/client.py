"""The sessions of a served board, from another process, with the verbs of `audio.Session`.

    with Client() as client:
        session = client.session("intercom", priority=10)
        session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
        session.set_interruption_listener(lambda state, should_resume: ...)
        session.activate()

Calls block, and any thread may make them. One thread of the client's own reads the socket; another, made when the first
listener comes, calls listeners, one after another, so that they may call back. A session lives as long as its client.
"""

from __future__ import annotations

import errno
import itertools
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from firmware_py.audio import AudioSessionError, AVErrorCode, ErrorCode, InterruptionState, SessionState
from firmware_py.audio.constants import fourcc
from firmware_py.errors import FirmwareError
from firmware_py.hardware import DEFAULT_BOARD
from firmware_py.modes import Category, Mode
from firmware_py.serve import protocol as p
from firmware_py.serve.place import socket_candidates

ANSWER_S = 30.0
"""A server that has not answered for this long hangs: no plan of a codec waits so long."""

EVENTS = 4096
"""Events that wait for `events`; then the oldest are forgotten."""


class NoServer(FirmwareError, ConnectionError):
    """Nobody serves the board, or the server went away."""


class ServerError(FirmwareError):
    """The server said no, with one of `protocol.Code`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """A connection to a server: that of *socket*, else that of *board*, else that of the only board that is served.

    Raises
    ------
    NoServer
        There is none, or there are several and no board was named.
    """

    def __init__(self, socket: Path | str | None = None, *, board: str | None = None) -> None:
        self._socket = _connect([Path(socket)] if socket else socket_candidates(board), board)
        self._events: queue.Queue[p.AnyEvent | None] = queue.Queue(EVENTS)
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any] | None]] = {}
        self._ids = itertools.count(1)
        self._sending = threading.Lock()
        self._listeners: list[Callable[[p.AnyEvent], None]] = []
        self._over = False
        self._reader = threading.Thread(target=self._read, name="audiohat client", daemon=True)
        self._teller: threading.Thread | None = None
        self._reader.start()
        try:
            greeting = self.call("hello", protocol=p.VERSION)
        except BaseException:
            self.close()
            raise
        self.board: str = greeting["board"]
        self.version: str = greeting["version"]
        self.server_pid: int = greeting["pid"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go; the sessions that this client made are abandoned."""
        with suppress(OSError):  # the server went first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def call(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Raises
        ------
        AudioSessionError
            Refused, with Apple's code.
        ServerError
            Refused for another reason.
        NoServer
            The server went away, or hangs.
        """
        number, answer = next(self._ids), queue.SimpleQueue[dict[str, Any] | None]()
        self._answers[number] = answer
        try:
            with self._sending:
                if self._over:
                    raise _gone()
                self._socket.sendall(msgspec.json.encode({"id": number, "op": op, **fields}) + b"\n")
            said = answer.get(timeout=ANSWER_S)
        except queue.Empty:
            raise NoServer(f"the server has not answered {op} for {ANSWER_S:g} s") from None
        except OSError as error:
            raise _gone() from error
        finally:
            del self._answers[number]
        if said is None:
            raise _gone()
        if not said["ok"]:
            raise _error(said["error"]["code"], said["error"]["message"])
        return {field: value for field, value in said.items() if field not in ("id", "ok")}

    def session(self, name: str, *, priority: int = 0, profile: str = "c-api", **wishes: Any) -> RemoteSession:
        """A new session, inactive. *wishes*: what `session.create` takes, as category="playAndRecord"."""
        self.call("session.create", name=name, priority=priority, profile=profile, **wishes)
        return RemoteSession(self, name)

    def existing(self, name: str) -> RemoteSession:
        """A session that somebody has made already. ServerError if there is none of that name."""
        self.call("session.get", name=name)
        return RemoteSession(self, name)

    def sessions(self) -> list[dict[str, Any]]:
        """Facts about every session of the board."""
        return list(self.call("session.list")["sessions"])

    def status(self) -> dict[str, Any]:
        """What the board does now."""
        return self.call("status")

    def watch(self) -> None:
        """From here on, events of every session and of the board."""
        self.call("watch")

    def events(self, timeout_s: float | None = None) -> Iterator[p.AnyEvent]:
        """Events as they come; ends with the connection, or when none has come for so long.

        A client that has listeners has no events left for this.
        """
        while True:
            try:
                event = self._events.get(timeout=timeout_s)
            except queue.Empty:
                return
            if event is None:
                self._put(None)  # for whoever else waits
                return
            yield event

    def on_event(self, listener: Callable[[p.AnyEvent], None]) -> None:
        """Call *listener* with every event, in a thread of the client's."""
        self._listeners.append(listener)
        if self._teller is None:
            self._teller = threading.Thread(target=self._tell, name="audiohat events", daemon=True)
            self._teller.start()

    def _tell(self) -> None:
        for event in self.events():
            for listener in self._listeners:
                listener(event)

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._take(line)
        except OSError:
            pass  # the same as an end
        finally:
            with self._sending:
                self._over = True
            for answer in list(self._answers.values()):
                answer.put(None)
            self._put(None)

    def _take(self, line: bytes) -> None:
        said = msgspec.json.decode(line)
        if "event" not in said:
            if answer := self._answers.get(said["id"]):
                answer.put(said)
            return
        with suppress(msgspec.ValidationError):  # an event of a later version
            self._put(p.read_event(line))

    def _put(self, event: p.AnyEvent | None) -> None:
        while True:
            try:
                self._events.put_nowait(event)
                return
            except queue.Full:
                self._events.get_nowait()


class RemoteSession:
    """A session of a served board. What it holds is on the server; every property asks there."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self._client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def __repr__(self) -> str:
        return f"<RemoteSession {self.name!r}>"

    def activate(self) -> None:
        """Take the board. AudioSessionError as for `audio.Session.activate`."""
        self._call("activate")

    def deactivate(self, *, notify_others: bool = False) -> None:
        """Give the board back; those that were interrupted should resume if `notify_others`."""
        self._call("deactivate", notify_others=notify_others)

    def abandon(self) -> None:
        """Forget the session. ServerError `not-yours` for one of another client."""
        self._call("abandon")

    def set(self, **wishes: Any) -> None:
        """Change what it asks for, all or nothing: what `session.set` takes."""
        self._call("set", **wishes)

    def set_category(self, category: Category | str, *, mode: Mode | str | None = None) -> None:
        """What the session is for; the options fall back."""
        self.set(category=str(category), **({} if mode is None else {"mode": str(mode)}))

    def set_mode(self, mode: Mode | str) -> None:
        """How the session is to sound."""
        self.set(mode=str(mode))

    def facts(self) -> dict[str, Any]:
        """All that `session.get` tells."""
        return self._call("get")

    @property
    def state(self) -> SessionState:
        """Inactive, active or interrupted."""
        return SessionState(self.facts()["state"])

    @property
    def active(self) -> bool:
        """Whether it has the board, alone or with others."""
        return self.state is SessionState.ACTIVE

    @property
    def category(self) -> Category:
        """What it is for."""
        return Category(self.facts()["category"])

    @property
    def mode(self) -> Mode:
        """The mode that was asked for."""
        return Mode(self.facts()["mode"])

    @property
    def effective_mode(self) -> Mode:
        """The mode that acts where this session decides."""
        return Mode(self.facts()["effective_mode"])

    def set_interruption_listener(self, listener: Callable[[InterruptionState, bool | None], None]) -> None:
        """Called with the state, and at the end with whether to resume."""

        def told(event: p.AnyEvent) -> None:
            if isinstance(event, p.InterruptionEvent) and event.session == self.name:
                listener(InterruptionState[event.state.upper()], event.should_resume)

        self._client.on_event(told)

    def on_change(self, listener: Callable[[SessionState], None]) -> None:
        """Called with each state that the session enters."""

        def told(event: p.AnyEvent) -> None:
            if isinstance(event, p.StateEvent) and event.session == self.name:
                listener(SessionState(event.state))

        self._client.on_event(told)

    def _call(self, verb: str, **fields: Any) -> dict[str, Any]:
        return self._client.call(f"session.{verb}", name=self.name, **fields)


def _connect(paths: list[Path], board: str | None) -> socket.socket:
    """A connected socket: the first that answers, which must be the only one where no board was named."""
    answering: dict[Path, socket.socket] = {}
    denied: list[Path] = []
    for path in paths:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(path))
        except OSError as error:  # nobody there; a path that is too long is nobody, too
            line.close()
            if error.errno in (errno.EACCES, errno.EPERM):
                denied.append(path)
        else:
            answering[path] = line
    first = next(iter(answering.values()), None)
    for line in answering.values():
        if line is not first:
            line.close()
    if first is None:
        if denied:
            raise NoServer(f"{denied[0]}: this user may not use it; add it to group audio")
        name = board or f"virtual:{DEFAULT_BOARD}"
        raise NoServer(f"no server runs for {board or 'any board'}; start one: audiohat serve --board {name}")
    if board is None and len(answering) > 1:
        first.close()
        served = ", ".join(path.stem for path in answering)
        raise NoServer(f"several boards are served ({served}); say which: --board NAME")
    return first


def _gone() -> NoServer:
    return NoServer("the server has gone; the sessions of this client are over")


def _error(code: str, message: str) -> FirmwareError:
    try:
        number = fourcc(code)
    except ValueError:
        return ServerError(code, message)
    for kind in (ErrorCode, AVErrorCode):
        if number in [int(each) for each in kind]:
            return AudioSessionError(kind(number), message)
    return ServerError(code, message)
