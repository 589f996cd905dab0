"""The guest's side of the witness: one driver on the bench bus, every control moved, every scenario played; what was written.

    python -m hil.witness.recorder wm8731 raw.json         (in the guest of hil.kernel, as root)

It interprets nothing: hil.witness.reduce does. It knows no register of any chip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smbus2 import SMBus, i2c_msg

from hil.witness.alsa import Control, Mixer, Stream
from hil.witness.drivers import DRIVERS, Driver
from hil.witness.scenarios import MCLK_HZ, Scenario, scenarios

BUS = 1
_DEBUG = Path("/sys/kernel/debug")
_LOG, _DO = _DEBUG / "bench_i2c/log", _DEBUG / "bench_card/do"
_ADAPTER = Path(f"/sys/bus/i2c/devices/i2c-{BUS}")
_CARD_DRIVER = Path("/sys/bus/platform/drivers/bench-card")
_MCLK = Path("/sys/module/bench_i2c/parameters/mclk_hz")
_MOST_VALUES, _SAMPLES = 1200, 300
# The guest's time is virtual: it costs nothing to wait until a driver has long been silent.
_SHORT_S, _PLAYED_S, _SILENT_S = 0.05, 1.0, 7.0
# A kernel's timers of 4 to 32 s end on multiples of 512 ticks (a wheel of 64 slots, each level eight times coarser), of 1 ms here.
# From one such point to the next all pauses are alike, the five seconds before a driver powers down too.
_GRID_S = 0.512

Log = list[list[Any]]
"""Messages: time in microseconds, W or R, the bytes in hexadecimal ('' if it was not acknowledged)."""


class Bench:
    """A driver with its chip on the bus, and a card around it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.device = f"{BUS}-{driver.address:04x}"
        self.component = f"{driver.component}.{self.device}"
        address = f"{driver.address:#x}"
        kinds = {"7+9": [f"write_only={address}"], "16+16": [f"wide={address}"]}.get(driver.bus, [])
        clears = [f"{driver.address << 16 | register << 8 | bits:#x}" for register, bits in driver.self_clearing]
        if clears:
            kinds.append(f"self_clearing={','.join(clears)}")
        _modprobe("-r", "bench_i2c")
        _modprobe("bench_i2c", f"bus={BUS}", f"chips={address}", f"mclk_hz={MCLK_HZ}", "stamps=1", *kinds)
        _modprobe(driver.module)

    def probe(self) -> tuple[Log, Log]:
        """The chip is declared, then a card is made: what the driver writes at either."""
        self._forget()
        (_ADAPTER / "new_device").write_text(f"{self._driver.device} {self._driver.address:#x}")
        if not (_ADAPTER.parent / self.device / "driver").exists():
            raise RuntimeError(f"{self._driver.module} does not take a {self._driver.device}")
        probed = take_log()
        if _CARD_DRIVER.exists():
            (_CARD_DRIVER / "bind").write_text("bench-card")
        else:
            routes = ["routes=" + f'"{";".join(self._driver.routes)}"'] if self._driver.routes else []
            _modprobe("bench_card", f"codec={self.component}", f"dai={self._driver.dai}", *routes)
        time.sleep(_SHORT_S)
        return probed, take_log()

    def again(self, mclk_hz: int = MCLK_HZ) -> None:
        """The same from the beginning, at a point of time that is like any other."""
        self.withdraw()
        _MCLK.write_text(str(mclk_hz))
        settle()
        self.probe()

    def withdraw(self) -> None:
        """No card and no driver."""
        (_CARD_DRIVER / "unbind").write_text("bench-card")
        (_ADAPTER / "delete_device").write_text(f"{self._driver.address:#x}")

    def close(self) -> None:
        """Leave the guest as it was."""
        self.withdraw()
        _modprobe("-r", "bench_card")

    def card(self) -> int:
        """The card's number."""
        lines = Path("/proc/asound/cards").read_text().splitlines()
        return next(int(line.split()[0]) for line in lines if "[bench " in line)

    def _forget(self) -> None:
        """A chip that can be read is empty again, but for what its driver looks for."""
        if self._driver.bus != "7+9":
            nothing = bytes(2 + 0x200) if self._driver.bus == "16+16" else bytes(1 + 0x100)
            with SMBus(BUS) as smbus:
                for contents in filter(None, (nothing, self._driver.contents)):
                    smbus.i2c_rdwr(i2c_msg.write(self._driver.address, contents))
        take_log()

    def registers(self) -> dict[str, str]:
        """What the driver believes the chip to hold, from its cache alone, in hexadecimal."""
        take_log()
        lines = (_DEBUG / "regmap" / self.device / "registers").read_text().splitlines()
        asked = {sent for _, kind, sent in take_log() if kind == "W"}
        known = {}
        for line in lines:
            register, _, value = line.replace(" ", "").partition(":")
            number = int(register, 16)
            wide = f"{number:04x}" if self._driver.bus == "16+16" else f"{number:02x}"
            if "X" not in value and wide not in asked:
                known[register] = value
        return known

    def access(self) -> list[str]:
        """A line per register: number, and y or n for readable, writeable, volatile, precious."""
        return (_DEBUG / "regmap" / self.device / "access").read_text().splitlines()

    def widgets(self) -> list[dict[str, Any]]:
        """What DAPM powers: names, their bits, and whether they are on."""
        found: list[dict[str, Any]] = []
        for path in sorted((_DEBUG / "asoc/bench" / self.component / "dapm").iterdir()):
            if path.name == "bias_level":
                continue
            head = path.read_text().partition("\n")[0].removeprefix(path.name)
            widget: dict[str, Any] = {"name": path.name, "on": head.startswith(": On")}
            if " - R" in head:
                widget["register"] = head.partition("(")[2].partition(")")[0]
                widget["mask"] = head.partition("mask ")[2].split()[0]
            found.append(widget)
        return found


def take_log() -> Log:
    """The messages since the last look."""
    lines = _LOG.read_text().splitlines()
    _LOG.write_text("\n")
    log: Log = []
    for line in lines:
        stamp, _, kind, *rest = line.split()
        log.append([int(stamp), kind, "" if rest[:1] == ["error"] else "".join(rest)])
    return log


def settle() -> None:
    """Wait for the next point of the timers' grid: what then takes time takes the same time, whenever it is."""
    time.sleep(_GRID_S - time.monotonic() % _GRID_S)


def do(calls: str) -> int:
    """Call the codec's driver as a machine's driver would. Returns 0 or the errno of a refusal."""
    try:
        _DO.write_text(calls)
    except OSError as refused:
        return refused.errno or -1
    return 0


def moved(mixer: Mixer, control: Control) -> dict[str, Any]:
    """A control by itself, and each step of its way through all its values: [values, errno, log]."""
    first = mixer.get(control)
    steps = []
    settle()
    take_log()
    for values in _walk(control):
        errno = mixer.put(control, values)
        steps.append([values, errno, take_log()])
    mixer.put(control, first)
    return {**asdict(control), "first": first, "steps": steps, "restored": take_log()}


def _walk(control: Control) -> Iterator[list[int]]:
    """All channels together from the lowest value upwards; then, of two, each alone, the other at its lowest."""
    low, high = control.minimum, control.maximum
    values = list(range(low, high + 1))
    if len(values) > _MOST_VALUES:
        some = range(low, high, len(values) // _SAMPLES)
        values = sorted({*some, high, *(low + (1 << bit) for bit in range((high - low).bit_length()))})
    yield from ([value] * control.channels for value in values)
    if control.channels == 2:
        yield [low, low]
        yield from ([value, low] for value in values)
        yield [low, low]
        yield from ([low, value] for value in values)


def played(bench: Bench, scenario: Scenario) -> dict[str, Any]:
    """A scenario on a new chip: a log for each of its phases, and the first refusal."""
    bench.again(scenario.mclk_hz)
    told: dict[str, Any] = {"group": scenario.group, "name": scenario.name}
    if scenario.controls:
        _set(bench, scenario.controls)
        told["controls"] = take_log()
    errno = do(scenario.calls) if scenario.calls else 0
    told["calls"] = take_log()
    if errno or not scenario.stream:
        return {**told, "refused": ["calls", errno]} if errno else told
    try:
        stream = Stream(bench.card(), scenario.capture)
    except OSError as refused:
        return {**told, "refused": ["open", refused.errno]}
    told["open"] = take_log()
    errno = stream.set_up(scenario.rate_hz, scenario.sample_format, scenario.channels)
    told["hw_params"] = take_log()
    if errno:
        told["refused"] = ["hw_params", errno]
    else:
        errno = stream.prepare()
        if scenario.group == "power":
            time.sleep(_PLAYED_S)
            told["on"] = [widget["name"] for widget in bench.widgets() if widget["on"]]
        told["prepare"] = take_log()
        if errno:
            told["refused"] = ["prepare", errno]
    told["closed_us"] = time.monotonic_ns() // 1000
    stream.close()
    if scenario.group == "power":
        time.sleep(_SILENT_S)
        told["close"] = take_log()
    return told


def _set(bench: Bench, controls: Sequence[tuple[str, int | str]]) -> None:
    mixer = Mixer(bench.card())
    known = {control.name: control for control in mixer.controls()}
    for name, value in controls:
        control = known[name]
        number = control.items.index(value) if isinstance(value, str) else value
        if errno := mixer.put(control, [number] * control.channels):
            raise OSError(errno, f"{name} = {value}: {os.strerror(errno)}")
    mixer.close()


def record(codec: str) -> dict[str, Any]:
    """All that one driver says."""
    driver = DRIVERS[codec]
    bench = Bench(driver)
    bench.probe()  # the first of a guest has to wait for modules; the second is like all others
    bench.withdraw()
    settle()
    probe, card = bench.probe()
    told: dict[str, Any] = {
        "codec": codec,
        "kernel": os.uname().release,
        **_said_of(driver),
        "probe": probe,
        "card": card,
    }
    told |= {"registers": bench.registers(), "access": bench.access(), "widgets": bench.widgets()}
    settle()
    do("unwired" + (f"; force {driver.forced}" if driver.forced else ""))
    told["unwired"] = take_log()
    mixer = Mixer(bench.card())
    told["controls"] = [moved(mixer, control) for control in mixer.controls()]
    mixer.close()
    told["scenarios"] = [played(bench, scenario) for scenario in scenarios(codec)]
    bench.close()
    return told


def _said_of(driver: Driver) -> dict[str, str]:
    return {"driver": driver.module, "device": driver.device, "dai": driver.dai, "bus": driver.bus}


def _modprobe(*words: str) -> None:
    subprocess.run(["modprobe", *words], check=True)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(record(sys.argv[1])))
