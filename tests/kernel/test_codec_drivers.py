"""The kernel's own codec drivers on our bus: who they are, and what they offer on a card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import alsaaudio
import pytest
from devices import I2C_BUS, Wire, modprobe
from smbus2 import SMBus, i2c_msg


@dataclass(frozen=True)
class Driver:
    """One of the kernel's, by its names there: module, kind of chip, driver, digital audio interface."""

    module: str
    kind: str
    address: int
    name: str
    dai: str
    write_only: bool = False
    wide: bool = False
    mclk_hz: int = 12_288_000
    contents: bytes = b""  # what the driver wants to find in the chip
    self_clearing: tuple[int, ...] = ()  # address, register and bits that it waits for to fall back


PART_ID = b"\x00\x00\xa0\x11"  # register 0 of an SGTL5000

DRIVERS = [
    Driver("snd-soc-wm8960",          "wm8960",        0x1A, "wm8960",      "wm8960-hifi",        write_only=True),
    Driver("snd-soc-wm8731-i2c",      "wm8731",        0x1A, "wm8731",      "wm8731-hifi",        write_only=True),
    Driver("snd-soc-sgtl5000",        "sgtl5000",      0x0A, "sgtl5000",    "sgtl5000",           wide=True, contents=PART_ID),
    Driver("snd-soc-tlv320aic3x-i2c", "tlv320aic3104", 0x18, "tlv320aic3x", "tlv320aic3x-hifi"),
    Driver("snd-soc-da7213",          "da7213",        0x1A, "da7213",      "da7213-hifi",        self_clearing=(0x1A2B10,)),
    Driver("snd-soc-es8328-i2c",      "es8388",        0x10, "es8328",      "es8328-hifi-analog"),
]  # fmt: skip


@contextmanager
def bound(plug, driver: Driver) -> Iterator[Wire]:
    only = [driver.address]
    wire = plug(
        chips=only, write_only=only * driver.write_only, wide=only * driver.wide, self_clearing=driver.self_clearing,
        mclk_hz=driver.mclk_hz,
    )  # fmt: skip
    if driver.contents:
        with SMBus(I2C_BUS) as smbus:
            smbus.i2c_rdwr(i2c_msg.write(driver.address, driver.contents))
        wire.log()
    modprobe(driver.module)
    folder = wire.declare(driver.kind, driver.address)
    assert (folder / "driver").resolve().name == driver.name
    yield wire


@contextmanager
def card(driver: Driver) -> Iterator[int]:
    modprobe("bench_card", f"codec={driver.name}.{I2C_BUS}-{driver.address:04x}", f"dai={driver.dai}")
    try:
        yield alsaaudio.cards().index("bench")
    finally:
        modprobe("-r", "bench_card")


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: f"{driver.kind} at {driver.address:#04x}")
def test_the_driver_binds_to_its_chip_and_shows_its_controls_on_a_card(plug, driver, record_property):
    with bound(plug, driver), card(driver) as number:
        controls = alsaaudio.mixers(cardindex=number)
    record_property("controls", len(controls))
    assert len(controls) > 0


def test_a_control_that_moves_is_a_register_that_is_written(plug):
    with bound(plug, DRIVERS[0]) as wire, card(DRIVERS[0]) as number:
        wire.log()
        mixer = alsaaudio.Mixer("Headphone", cardindex=number)
        mixer.setvolume(0x59, units=alsaaudio.VOLUME_UNITS_RAW)
        mixer.close()
        # Registers 2 and 3: seven bits of volume, and "update" with the second at the latest (data sheet, page 61)
        left, right = (bytes.fromhex(line.removeprefix("1a W ")) for line in wire.log())
    assert (left[0] >> 1, left[1] & 0x7F) == (2, 0x59)
    assert (right[0] >> 1, right[1] & 0x7F, right[0] & 1) == (3, 0x59, 1)
