"""A codec that the kernel's driver owns: a mode is asked for through the card's mixer controls. Not a byte goes to the bus.

`plan` reads where the controls stand, and is `plan_controls` from there on; `apply` is the only thing that moves them. Each is
read again afterwards, for a driver may refuse without saying so. When one is refused all go back to where they stood.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from firmware_py.board import CodecDescription
from firmware_py.codec import Plan
from firmware_py.errors import BusError, FirmwareError, ModeChangeFailed
from firmware_py.mixer.plan import (
    Level,
    MixerPlan,
    Move,
    State,
    driver_of,
    mixer_controls,
    plan_controls,
    say,
    way_back,
)
from firmware_py.registers import Value


class Mixer(Protocol):
    """A card's mixer controls, by the names that drivers give them. Both methods raise OSError where the card refuses."""

    def read(self, names: Iterable[str]) -> dict[str, State]:
        """Where these stand; those that the card has not are left out."""

    def write(self, name: str, levels: tuple[int, ...]) -> None:
        """Move one, a number for each channel."""


class _Refused(Exception):
    """A control did not move: at which step, and why."""


@dataclass
class KernelCodec:
    """A described codec behind its driver. `bound` says which driver has it now, None when there is none."""

    description: CodecDescription
    mixer: Mixer
    mclk_hz: int
    bound: Callable[[], str | None]
    _stands: MixerPlan | None = field(default=None, init=False)
    _touched: bool = field(default=False, init=False)

    owner: ClassVar[str] = "kernel"
    words: ClassVar[Mapping[str, int | None] | None] = None
    """The driver has them, and says nothing."""

    def plan(self, settings: Mapping[str, Value], sequence: str = "active") -> MixerPlan:
        """Moves from where the controls stand to *settings*. Changes nothing.

        Raises
        ------
        DescriptionError
            A setting is outside what the codec can mean, or a rate has no row in the clock tables.
        BusError, PcmError
            The driver has gone, or its card cannot be asked.
        """
        states: dict[str, State] = {}
        if sequence == "active":
            self._require_driver()
            states = self.mixer.read(mixer_controls(driver_of(self.description)))
        return plan_controls(self.description, settings, self.mclk_hz, states, sequence)

    def apply(self, plan: Plan) -> None:
        """Move the controls. ModeChangeFailed: one was refused; the message says which, and how the way back ended."""
        if not isinstance(plan, MixerPlan):
            raise FirmwareError(
                f"{self.description.title}: this plan is one for registers, and a kernel driver has them"
            )
        if plan.moves:
            self._require_driver()
            try:
                before = self._stand(plan.moves)
                self._move(plan.moves)
            except _Refused as error:
                raise ModeChangeFailed(f"{error}; {self._go_back(before)}") from error
        self._stands = plan

    @property
    def applied(self) -> MixerPlan | None:
        """The last plan that was applied whole."""
        return self._stands

    @property
    def touched(self) -> bool:
        """Whether a control was ever moved."""
        return self._touched

    def _move(self, moves: tuple[Move, ...]) -> None:
        """All of them in their order; then each is read, and has to be where it was sent."""
        last: dict[str, tuple[str, tuple[Level, ...]]] = {}
        title = self.description.title
        for number, move in enumerate(moves, 1):
            where = f"{title}, step {number} of {len(moves)} ({move.control!r})"
            try:
                self._touched = True
                self.mixer.write(move.control, _numbers(move.after))
            except OSError as error:
                raise _Refused(f"{where}: {error.strerror or error}") from error
            last[move.control] = (where, move.after)
        try:
            found = self.mixer.read(last)
        except OSError as error:
            raise _Refused(f"{title}: whether it took is not to be known: {error.strerror or error}") from error
        for control, (where, levels) in last.items():
            shown = found[control].levels if control in found else ()
            if shown != levels:
                raise _Refused(f"{where}: the driver was asked for {say(levels)} and shows {say(shown) or 'nothing'}")

    def _stand(self, moves: tuple[Move, ...]) -> dict[str, State]:
        """Where the controls of *moves* stand, in their order, and then those of which a way back makes use."""
        driver = driver_of(self.description)
        names = [*(move.control for move in moves), *([driver.guard] if driver.guard else []), *driver.forget]
        found = self.mixer.read(names)
        return {name: found[name] for name in dict.fromkeys(names) if name in found}

    def _go_back(self, before: Mapping[str, State]) -> str:
        """Each control back to where it stood, the first to move as the last one; in words, how that went."""
        left, barred = list(before), set[str]()
        try:
            for move in way_back(driver_of(self.description), before, self.mixer.read(before)):
                try:
                    self.mixer.write(move.control, _numbers(move.after))
                except OSError:
                    barred.add(move.control)
            now = self.mixer.read(before)
            left = [n for n in before if n in barred or n not in now or now[n].levels != before[n].levels]
        except OSError:
            pass
        if not left:
            return "the mixer controls stand where they stood before"
        self._stands = None
        return f"the way back failed too, for {', '.join(map(repr, left))}"

    def _require_driver(self) -> None:
        driver, bound = driver_of(self.description), self.bound()
        if bound != driver.name:
            now = f"and {bound!r} has it" if bound else "and nobody has it"
            raise BusError(
                errno.EBUSY if bound else errno.ENODEV,
                f"{self.description.title}: the kernel driver {driver.name!r} no longer has the codec, {now}; start audiohat again",
            )


def _numbers(levels: tuple[Level, ...]) -> tuple[int, ...]:
    """Levels of a plan that was made for a card: it has asked the card what names mean."""
    return tuple(level for level in levels if isinstance(level, int))
