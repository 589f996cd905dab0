"""The control bus: bytes to a chip and from it. A contract of two methods, and Linux's I2C behind it.

Whether a chip is ours to talk to is asked in sysfs before the first transfer: the kernel's own test (EBUSY) is made when the
address is set, never for I2C_RDWR, and not again when a driver is bound later.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from firmware_py.errors import BusError

RETRIES = 3
SYSFS = Path("/sys/bus/i2c/devices")
_TRANSIENT = frozenset({errno.EREMOTEIO, errno.ETIMEDOUT, errno.ENXIO, errno.EIO})


class Bus(Protocol):
    """Seven-bit addresses, right-aligned. Both methods raise OSError; EREMOTEIO is 'not acknowledged'.

    A read may write first, in one transfer (a repeated start between): the register that is to be read.
    """

    def write(self, address: int, data: bytes) -> None: ...

    def read(self, address: int, count: int, after: bytes = b"") -> bytes: ...


class LinuxI2C:
    """/dev/i2c-N through smbus2. A transfer that is not acknowledged is tried again; a chip with a driver is refused."""

    def __init__(self, number: int, *, sysfs: Path = SYSFS, pause: Callable[[float], None] = time.sleep) -> None:
        import smbus2  # only a machine with an I2C bus needs it

        self._number, self._sysfs, self._pause = number, sysfs, pause
        self._message = smbus2.i2c_msg
        try:
            self._bus = smbus2.SMBus(number)
        except OSError as error:
            hint = (
                "add your user to group i2c"
                if error.errno == errno.EACCES
                else "enable it: dtparam=i2c_arm=on in config.txt"
            )
            raise BusError(error.errno, f"/dev/i2c-{number}: {error.strerror}; {hint}") from error

    def write(self, address: int, data: bytes) -> None:
        self._transfer(address, self._message.write(address, list(data)))

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        answer = self._message.read(address, count)
        self._transfer(address, *([self._message.write(address, list(after))] if after else []), answer)
        return bytes(answer)

    def close(self) -> None:
        self._bus.close()

    def _transfer(self, address: int, *messages: Any) -> None:
        self._refuse_if_owned(address)
        for attempt in range(1, RETRIES + 1):
            try:
                self._bus.i2c_rdwr(*messages)
                return
            except OSError as error:
                if error.errno not in _TRANSIENT or attempt == RETRIES:
                    why = "no acknowledge; is the HAT seated, and its overlay loaded?"
                    if error.errno not in _TRANSIENT:
                        why = error.strerror or str(error)
                    raise BusError(error.errno, f"{self._name(address)}: {why}") from error
                self._pause(0.002 * attempt)

    def _name(self, address: int) -> str:
        return f"I2C bus {self._number}, address 0x{address:02x}"

    def _refuse_if_owned(self, address: int) -> None:
        driver = owner(self._number, address, self._sysfs)
        if driver:
            raise BusError(
                errno.EBUSY,
                f"{self._name(address)} is owned by the kernel driver {driver!r}; "
                "load this board's overlay from overlays/ instead of the stock one",
            )


def owner(number: int, address: int, sysfs: Path = SYSFS) -> str | None:
    """Name of the kernel driver that is bound to a chip, None if there is none."""
    driver = sysfs / f"{number}-{address:04x}" / "driver"
    return driver.resolve().name if driver.exists() else None
