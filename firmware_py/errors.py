"""Every error of ours, in one tree. Each is also the Python error a reader would catch. Imports nothing.

    FirmwareError
        DescriptionError (ValueError)      a TOML file says what cannot be
        UnknownNameError (LookupError)     no board, mode, room ... of that name; the nearest ones are offered
        BusError (OSError)                 the codec did not answer, or is not ours to talk to
        PinError (OSError)                 a GPIO line cannot be had
        PcmError (OSError)                 the sound card refuses, or has gone
        SessionError (RuntimeError)        not in this state
            ModeChangeFailed               a write failed; says at which step, and what sounds now

A message says where, what is wrong, and what would be right or what to do.
An xrun is not an error: it is counted in the engine's statistics.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FirmwareError(Exception):
    """Base of all errors that this project raises on purpose."""


class DescriptionError(FirmwareError, ValueError):
    """A description of a codec or board contradicts itself. Carries every problem found, one a line."""


class UnknownNameError(FirmwareError, LookupError):
    """Something was asked for by a name that nothing has."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(f"no {kind} is named {name!r}; {nearest(name, known)}")


class _SystemFault(FirmwareError, OSError):
    """An error with an errno for programs and a sentence for people; only the sentence is shown."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class BusError(_SystemFault):
    """A transfer on the control bus failed."""


class PinError(_SystemFault):
    """A GPIO line or its SPI cannot be used."""


class PcmError(_SystemFault):
    """A PCM cannot be opened, does not run, or has gone."""


class SessionError(FirmwareError, RuntimeError):
    """The session is not in a state that allows this."""


class ModeChangeFailed(SessionError):
    """A plan failed half-way. The message says at which step, and what the codec does now."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Answer a wrong name with the right ones.

    >>> nearest("VoiceCaht", ["voiceChat", "default"])
    "did you mean 'voiceChat'?"
    """
    known = list(known)
    by_folded = {k.casefold(): k for k in known}
    close = [by_folded[c] for c in difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)]
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "known: " + ", ".join(known) if known else "there are none"
