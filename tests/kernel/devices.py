"""The far side of the guest's devices: what the chips on the I2C bus were told, what is wired to the GPIO header."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

I2C_BUS = 1

_I2C = Path("/sys/bus/i2c/devices")
_WITNESS = Path("/sys/kernel/debug/bench_i2c")
_HEADER = Path("/sys/kernel/config/gpio-sim/header")


def modprobe(*words: str) -> None:
    """Load (or with -r unload) a module; a refusal says what modprobe said."""
    done = subprocess.run(["modprobe", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"modprobe {' '.join(words)}: {done.stderr}"


class Wire:
    """I2C bus 1 with chips on it. Leaving it frees the chips of their drivers."""

    def __init__(
        self,
        chips: Sequence[int] = (0x1A,),
        write_only: Sequence[int] = (),
        wide: Sequence[int] = (),
        self_clearing: Sequence[int] = (),
        mclk_hz: int = 0,
        stamps: bool = False,
    ) -> None:
        lists = {"chips": chips, "write_only": write_only, "wide": wide, "self_clearing": self_clearing}
        given = [f"{name}={','.join(map(hex, some))}" for name, some in lists.items() if some]
        modprobe("-r", "bench_i2c")
        modprobe("bench_i2c", f"bus={I2C_BUS}", f"mclk_hz={mclk_hz}", f"stamps={stamps:d}", *given)
        self._declared: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        for address in tuple(self._declared):
            self.withdraw(address)

    def log(self) -> list[str]:
        """The messages since the last look, a line each: '1a W 0f 00', '30 W error 121'; with stamps, microseconds first."""
        lines = (_WITNESS / "log").read_text().splitlines()
        (_WITNESS / "log").write_text("\n")
        return lines

    def fail_next(self, messages: int, error: int) -> None:
        """Let the next messages fail, whoever they are for."""
        (_WITNESS / "fail_errno").write_text(str(error))
        (_WITNESS / "fail_next").write_text(str(messages))

    def declare(self, kind: str, address: int) -> Path:
        """Tell the kernel what a chip is; a driver that knows it is bound to it. Returns the device's folder."""
        (_I2C / f"i2c-{I2C_BUS}" / "new_device").write_text(f"{kind} {address:#x}")
        self._declared.append(address)
        return _I2C / f"{I2C_BUS}-{address:04x}"

    def withdraw(self, address: int) -> None:
        """Take the declaration back, and the driver off."""
        (_I2C / f"i2c-{I2C_BUS}" / "delete_device").write_text(f"{address:#x}")
        self._declared.remove(address)


class Header:
    """The 28 GPIO lines of a Raspberry Pi's header, simulated by the kernel; `held` lines are the kernel's own."""

    def __init__(self, held: Sequence[int] = ()) -> None:
        bank = _HEADER / "bank0"
        with ExitStack() as made:
            for folder in (_HEADER, bank):
                _make(made, folder)
            (bank / "num_lines").write_text("28")
            (bank / "label").write_text("pinctrl-bcm2711")
            for gpio in held:
                for folder in (bank / f"line{gpio}", bank / f"line{gpio}" / "hog"):
                    _make(made, folder)
                (bank / f"line{gpio}" / "hog" / "name").write_text("a driver")
                (bank / f"line{gpio}" / "hog" / "direction").write_text("input")
            (_HEADER / "live").write_text("1")
            made.callback((_HEADER / "live").write_text, "0")
            device, chip = (
                (folder / name).read_text().strip() for folder, name in ((_HEADER, "dev_name"), (bank, "chip_name"))
            )
            assert chip == "gpiochip0", f"{chip}: gpiozero looks for a 4B's header at gpiochip0"
            self._lines = Path("/sys/devices/platform") / device / chip
            self._made = made.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self._made.close()

    def put(self, gpio: int, high: bool) -> None:
        """Set what is wired to an input."""
        (self._lines / f"sim_gpio{gpio}" / "pull").write_text("pull-up" if high else "pull-down")

    def level(self, gpio: int) -> bool:
        """Whether a line is high."""
        return (self._lines / f"sim_gpio{gpio}" / "value").read_text().strip() == "1"


def _make(made: ExitStack, folder: Path) -> None:
    folder.mkdir()
    made.callback(folder.rmdir)
