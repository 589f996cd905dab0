"""A loop that locks: it needs its settings, and time."""

from __future__ import annotations


class Lock:
    """Locks after `lock_s` of unchanged settings; any change while it runs starts that again."""

    def __init__(self, lock_s: float) -> None:
        self._lock_s = lock_s
        self._setting: tuple[object, ...] | None = None
        self._held_s = 0.0

    def follow(self, setting: tuple[object, ...] | None) -> None:
        """None does not run; unchanged settings keep the lock."""
        if setting != self._setting:
            self._setting, self._held_s = setting, 0.0

    def wait(self, seconds: float) -> bool:
        """Time passes; True at the moment of locking."""
        was_locked = self.locked
        self._held_s += seconds
        return self.locked and not was_locked

    @property
    def steady_s(self) -> float:
        """How long it has run with these settings; 0 when it does not run."""
        return self._held_s if self._setting is not None else 0.0

    @property
    def locks_in_s(self) -> float:
        """Time left until it locks; 0 when it has, or never will."""
        return 0.0 if self.locked or self._setting is None else self._lock_s - self._held_s

    @property
    def locked(self) -> bool:
        """The output is usable."""
        return self._setting is not None and self._held_s >= self._lock_s - 1e-9
