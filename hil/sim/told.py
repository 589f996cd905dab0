"""What a chip's rules say about what was done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_Deed = TypeVar("_Deed")


class Told:
    """Sentences, each once, in the order in which they became true."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def note(self, sentence: str) -> None:
        """This is true now."""
        self._sentences[sentence] = None

    def tell(self, found: Iterable[str]) -> None:
        """These are true now."""
        self._sentences.update(dict.fromkeys(found))

    def judge(self, rules: Iterable[Callable[[_Deed], Iterable[str]]], deed: _Deed) -> None:
        """What rules say of one deed."""
        for rule in rules:
            self.tell(rule(deed))

    def told(self) -> list[str]:
        """All of it so far."""
        return list(self._sentences)
