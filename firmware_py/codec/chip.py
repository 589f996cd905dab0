"""A codec on a bus: what we believe its registers hold, and how to change them. Decide first, act after.

`plan` is pure: it walks a sequence of the description from the state the chip is in and returns the writes that differ.
`apply` is the only thing that writes. When a write is refused it goes back to the settings that stood before, by a plan again,
so that order rules, latches and waits hold on the way back too.

Some chips answer no reads, so the shadow is the memory of the chip; it never remembers a strobe. What can be read is read where
the description says so (a calibration that ends, a lock), and by `differences`.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from firmware_py.board import CodecDescription
from firmware_py.bus import Bus
from firmware_py.codec.plan import Plan, Poll, Wait, Words, Write, plan, reset_words
from firmware_py.errors import FirmwareError, ModeChangeFailed
from firmware_py.registers import Register, Value

_Answer = TypeVar("_Answer")

NAK_PAUSE_S = 0.005
"""Between two tries of a chip that is waking up."""


class _Refused(Exception):
    """A write was not acknowledged: at which step, and why."""


@dataclass
class Codec:
    """A described chip at an address of a bus. `mclk_hz` is what its clock pin gets; `sleep` lets time pass."""

    description: CodecDescription
    bus: Bus
    address: int
    mclk_hz: int
    sleep: Callable[[float], None] = time.sleep
    owner: ClassVar[str] = "registers"
    _words: Words | None = field(default=None, init=False)  # None: nothing is known, a reset comes first
    _doubtful: set[str] = field(default_factory=set, init=False)  # a write was refused, but may have arrived
    _stands: Plan | None = field(default=None, init=False)  # the last plan that was applied whole
    _touched: bool = field(default=False, init=False)
    _reached: bool = field(default=False, init=False)  # a write was acknowledged since nothing was known

    def plan(self, settings: Mapping[str, Value], sequence: str = "active") -> Plan:
        """Steps from the present state to *settings*, by the named sequence. Touches nothing.

        Raises
        ------
        DescriptionError
            A setting is outside what its field can mean, or a rate has no row in the clock tables.
        """
        return plan(self.description, self._words, settings, sequence, self.mclk_hz, self._doubtful)

    def apply(self, plan: Plan) -> None:
        """Write *plan* to the chip.

        Raises
        ------
        ModeChangeFailed
            A write was refused. On the way to sound the settings that stood before stand again; on the way to silence
            the chip is reset and powered down instead, and only if that is refused too this is raised. The message
            says how it ended; the next plan starts with a reset where nothing is known.
        """
        try:
            self._write(plan)
        except _Refused as error:
            if plan.sequence != "active":
                self._silence(error)
                return
            raise ModeChangeFailed(f"{error}; {self._go_back()}" if self._touched else str(error)) from error
        self._stands = plan

    @property
    def words(self) -> Mapping[str, int | None] | None:
        """The shadow: register name -> word; None while nothing is known."""
        return self._words

    @property
    def applied(self) -> Plan | None:
        """The last plan that was applied whole."""
        return self._stands

    @property
    def touched(self) -> bool:
        """Whether anything was ever written: an untouched chip is not ours to power down."""
        return self._touched

    def forget(self) -> None:
        """Nothing is known of the chip any more (power lost, somebody else wrote): the next plan starts with a reset."""
        self._words = self._stands = None
        self._reached = False
        self._doubtful.clear()

    def _write(self, plan: Plan) -> None:
        if self._is_stale(plan):
            raise FirmwareError(f"{self.description.title}: this plan was made for another state; plan again")
        for number, step in enumerate(plan.steps, 1):
            if isinstance(step, Wait):
                self.sleep(step.seconds)
                continue
            try:
                if isinstance(step, Poll):
                    self._poll(step)
                else:
                    self._put(step)
            except OSError as error:
                register = step.register
                where = f"step {number} of {len(plan.steps)} (R{register.address} {register.name})"
                raise _Refused(f"{self.description.title}, {where}: {error.strerror or error}") from error

    def _put(self, write: Write) -> None:
        """One register, on the wire and in the shadow. OSError when the chip refuses."""
        name = write.register.name
        data = self.description.map.wire.write_bytes(write.register.address, write.word)
        doubted = name in self._doubtful
        self._doubtful.add(name)  # until it is acknowledged: what is interrupted may have arrived
        try:
            self._patiently(lambda: self.bus.write(self.address, data))
        except OSError as error:
            if error.errno != errno.EBUSY:
                self._touched = True
            elif not doubted:  # a chip that is somebody else's was not spoken to
                self._doubtful.discard(name)
            raise
        self._touched = self._reached = True
        self._doubtful.discard(name)
        if write.resets:
            self._words = reset_words(self.description)
        elif self._words is not None:
            self._words |= {name: write.after, **dict.fromkeys(write.forgets)}

    def _poll(self, poll: Poll) -> None:
        """Read until it is so; OSError when it never is and nothing is to be done instead."""
        for left in range(max(1, round(poll.timeout_s / poll.every_s)), 0, -1):
            if poll.met(self.read(poll.register)):
                return
            if left > 1:
                self.sleep(poll.every_s)
        if not poll.otherwise:
            raise OSError(errno.ETIMEDOUT, f"{poll.reason}: it did not happen within {poll.timeout_s * 1e3:.0f} ms")
        for write in poll.otherwise:
            self._put(write)

    def read(self, register: Register) -> int:
        """The word that the chip says the register holds. OSError when it does not answer, or cannot be read at all."""
        wire = self.description.map.wire
        ask = wire.address_bytes(register.address)
        answer = self._patiently(lambda: self.bus.read(self.address, wire.word_bytes, ask))
        return int.from_bytes(answer, "big")

    def differences(self) -> list[str]:
        """Where the chip holds something else than it should, a sentence each; only bits that mean something count."""
        if self._words is None or not self.description.map.wire.readable:
            return []
        found = []
        for name, register in self.description.map.registers.items():
            believed = self._words[name]
            if believed is None or not register.known or register.page:
                continue
            word = self.read(register)
            if wrong := (word ^ believed) & register.known:
                says, meant = register.meaning(word, wrong), register.meaning(believed, wrong)
                found.append(f"R{register.address} {name} reads {register.word(word)}: {says}, not {meant}")
        return found

    def _patiently(self, transfer: Callable[[], _Answer]) -> _Answer:
        """A transfer, tried again where this chip may still be waking up."""
        for _ in range(self.description.map.wire.nak_retries):
            try:
                return transfer()
            except OSError as error:
                if error.errno == errno.EBUSY:
                    raise
                self.sleep(NAK_PAUSE_S)
        return transfer()

    def _is_stale(self, plan: Plan) -> bool:
        """Whether the chip is no longer in the state that a plan starts from."""
        first = {write.register.name: write.before for write in reversed(plan.writes)}
        resets = any(write.resets for write in plan.writes)
        if self._words is None or resets:
            return bool(first) and not resets
        return any(before not in (None, self._words[name]) for name, before in first.items())

    def _go_back(self) -> str:
        """Return to what stood before a failed plan; in words, how that went."""
        if self._words is None:
            if self._reached:
                return "its reset was interrupted; the next activation begins with another"
            return "the codec was not reached, nothing was changed"
        settings, sequence = (self._stands.settings, self._stands.sequence) if self._stands else ({}, "off")
        try:
            self._write(self.plan(settings, sequence))
        except _Refused as error:
            self.forget()
            return f"the way back failed too ({error}); the codec needs a reset, which the next activation gives it"
        return "the settings before stand again" if self._stands else "the codec is powered down again"

    def _silence(self, refusal: _Refused) -> None:
        """A chip that refuses to go quiet step by step is reset and powered down: never back to sound."""
        self.forget()
        if not self._touched:
            raise ModeChangeFailed(str(refusal)) from refusal
        off = self.plan({}, "off")
        try:
            self._write(off)
        except _Refused as error:
            self.forget()
            raise ModeChangeFailed(
                f"{refusal}; a reset was refused too ({error}): the codec may still be on"
            ) from error
        self._stands = off
