"""Who wants to be told, and the post that tells them: in order, one after another, never while the lock is held.

A notice is put into the queue under the lock, by whoever changed something; it is handed over by the same thread once the
lock is free, or by the thread that is handing over already. So a listener may call back into the API: what that causes is
told after the listener has returned. A listener that raises is reported and changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware_py.audio.constants import (
    PROPERTIES,
    AudioSessionError,
    ErrorCode,
    InterruptionState,
    InterruptionType,
    PropertyID,
)
from firmware_py.audio.scene import SessionState

PropertyCallback = Callable[[Any, PropertyID, Any], None]
"""Gets the data given with it, the property, and its new value."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Listener:
    """One registration. Two of the same key are the same registration; equal by identity otherwise."""

    property: PropertyID
    callback: PropertyCallback
    data: Any

    def is_for(self, property: PropertyID, callback: PropertyCallback, data: Any) -> bool:
        """Bound methods are new objects each time they are named, so callbacks compare by ==; data is what it is."""
        return self.property is property and self.callback == callback and self.data is data


class Audience:
    """Who listens to one session."""

    def __init__(self, lock: threading.Lock) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.state_listeners: tuple[Callable[[SessionState], None], ...] = ()
        self._lock = lock
        self._interruption_listener: Callable[[InterruptionState], None] | None = None
        self._ending: tuple[int, InterruptionType] | None = None  # thread that is inside End, and its type

    def add_listener(self, property: PropertyID, callback: PropertyCallback, data: Any = None) -> None:
        """Call `callback(data, property, value)` at each change. The same three again are one registration.

        AudioSessionError `pty?`: the property is never told.
        """
        if "L" not in PROPERTIES[PropertyID(property)].access:
            raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"{property.name} has no listeners; read it")
        with self._lock:
            if not any(listener.is_for(property, callback, data) for listener in self.listeners):
                self.listeners += (Listener(property, callback, data),)

    def remove_listener(self, property: PropertyID, callback: PropertyCallback, data: Any = None) -> None:
        """Not called again, except where another thread is inside it just now. None of that key: nothing to do."""
        with self._lock:
            self.listeners = tuple(each for each in self.listeners if not each.is_for(property, callback, data))

    def set_interruption_listener(self, listener: Callable[[InterruptionState], None] | None) -> None:
        """Who is told of Begin, when the audio has stopped already, and of End. One at most."""
        with self._lock:
            self._interruption_listener = listener

    def on_change(self, listener: Callable[[SessionState], None]) -> None:
        """Call *listener* with each state the session enters, for lamps and logs."""
        with self._lock:
            self.state_listeners += (listener,)

    def dismiss(self) -> None:
        """Nobody listens any more."""
        with self._lock:
            self.listeners, self.state_listeners, self._interruption_listener = (), (), None

    @property
    def interruption_type(self) -> InterruptionType:
        """Whether to resume. Only inside the interruption listener during End; AudioSessionError `pty?` elsewhere."""
        ending = self._ending
        if ending is None or ending[0] != threading.get_ident():
            raise AudioSessionError(
                ErrorCode.UNSUPPORTED_PROPERTY, "an interruption has a type only inside the listener, at its end"
            )
        return ending[1]

    def interrupted(self, state: InterruptionState, kind: InterruptionType | None = None) -> None:
        """The post calls this to tell the interruption listener."""
        listener = self._interruption_listener
        if listener is None:
            return
        self._ending = (threading.get_ident(), kind) if kind else None
        try:
            listener(state)
        finally:
            self._ending = None


@dataclass(frozen=True)
class Notice:
    """Something to tell: `wanted` is asked under the lock just before `tell` is called without it."""

    tell: Callable[[], None]
    wanted: Callable[[], bool]


def log_error(error: Exception) -> None:
    """What happens to a listener's exception unless somebody wants it."""
    _log.error("a listener raised; the audio session goes on", exc_info=error)


class Post:
    """The queue of notices of one board, and the only one who calls listeners."""

    def __init__(self, lock: threading.Lock, on_error: Callable[[Exception], None] = log_error) -> None:
        self._lock = lock
        self._on_error = on_error
        self._queue: deque[Notice] = deque()
        self._delivering = False

    def put(self, notice: Notice) -> None:
        """The lock is held."""
        self._queue.append(notice)

    def deliver(self) -> None:
        """Hand over everything, unless somebody does so already. The lock is not held."""
        with self._lock:
            if self._delivering:
                return
            self._delivering = True
        try:
            while (notice := self._next()) is not None:
                try:
                    notice.tell()
                except Exception as error:
                    self._on_error(error)
        except BaseException:
            self._delivering = False  # an interrupt from the keyboard; the rest goes out with the next change
            raise

    def _next(self) -> Notice | None:
        """The next one that is wanted. With none left, the delivery ends under the same lock: none is forgotten."""
        with self._lock:
            while self._queue:
                notice = self._queue.popleft()
                if notice.wanted():
                    return notice
            self._delivering = False
            return None
