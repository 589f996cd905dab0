"""What a board's stage needs of a codec, whoever owns its registers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from firmware_py.codec.plan import Plan
from firmware_py.registers import Value


class BackEnd(Protocol):
    """A codec that comes to settings by a plan. `Codec` writes registers; `firmware_py.mixer` asks the kernel's driver."""

    @property
    def owner(self) -> str:
        """Who writes the codec's registers: "registers" (we do), or "kernel"."""

    @property
    def words(self) -> Mapping[str, int | None] | None:
        """Register name -> word, as far as we know; None while nothing is known."""

    @property
    def applied(self) -> Plan | None:
        """The last plan that was applied whole."""

    @property
    def touched(self) -> bool:
        """Whether anything was ever written."""

    def plan(self, settings: Mapping[str, Value], sequence: str = "active") -> Plan:
        """The way from the present state to *settings*. Changes nothing. FirmwareError where there is none."""

    def apply(self, plan: Plan) -> None:
        """Do it. ModeChangeFailed: something was refused, and the message says what stands now."""
