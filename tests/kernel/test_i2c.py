"""The I2C back end and smbus2 on a kernel's bus, with a witness on the wire."""

from __future__ import annotations

import errno
import os
import time

import pytest
from devices import I2C_BUS, modprobe
from smbus2 import SMBus, i2c_msg

from firmware_py.bus import RETRIES, LinuxI2C, owner
from firmware_py.errors import BusError

CODEC = 0x1A
RESET = bytes((0x1E, 0x00))


@pytest.fixture
def wire(plug):
    """One write-only codec."""
    return plug(chips=[CODEC], write_only=[CODEC])


@pytest.fixture
def bus():
    bus = LinuxI2C(I2C_BUS)
    yield bus
    bus.close()


@pytest.fixture
def driven(wire):
    """The codec, in the hands of the kernel's driver."""
    modprobe("snd-soc-wm8960")
    folder = wire.declare("wm8960", CODEC)
    assert (folder / "driver").exists()
    wire.log()
    return wire


@pytest.mark.parametrize(
    ("data",               "line"),
    [
        (RESET,            "1a W 1e 00"),        # a WM8960's reset
        (b"\x05\x59",      "1a W 05 59"),        # nine bits: the ninth lies in the address byte
        (b"\x00",          "1a W 00"),
        (bytes(range(33)), "1a W " + bytes(range(33)).hex(" ")),    # one more than SMBus would take
    ],
    ids=["reset", "nine bits", "one byte", "thirty-three"],
)  # fmt: skip
def test_a_write_arrives_byte_for_byte(wire, bus, data, line):
    bus.write(CODEC, data)
    assert wire.log() == [line]


@pytest.mark.parametrize("address", [0x18, 0x30])
def test_a_chip_that_is_not_there_is_tried_three_times_and_named(wire, bus, address):
    with pytest.raises(BusError, match=rf"bus {I2C_BUS}, address {address:#x}: no acknowledge") as caught:
        bus.write(address, RESET)
    assert caught.value.errno == errno.EREMOTEIO
    assert wire.log() == [f"{address:x} W error 121"] * RETRIES


@pytest.mark.parametrize("error", [errno.EREMOTEIO, errno.ETIMEDOUT, errno.ENXIO, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("faults", range(1, RETRIES))
def test_a_passing_fault_is_not_noticed(wire, bus, faults, error):
    wire.fail_next(faults, error)
    bus.write(CODEC, RESET)
    assert wire.log() == [f"1a W error {error}"] * faults + ["1a W 1e 00"]


def test_a_fault_that_stays_is_given_up_after_the_last_retry_and_costs_nothing_later(wire, bus):
    wire.fail_next(RETRIES, errno.ETIMEDOUT)
    begun_s = time.monotonic()
    with pytest.raises(BusError) as caught:
        bus.write(CODEC, RESET)
    assert caught.value.errno == errno.ETIMEDOUT
    assert 0.006 <= time.monotonic() - begun_s < 0.05  # pauses of 2 and 4 ms
    bus.write(CODEC, RESET)
    assert wire.log() == ["1a W error 110"] * RETRIES + ["1a W 1e 00"]


def test_an_error_that_no_retry_mends_is_raised_at_once(wire, bus):
    wire.fail_next(1, errno.EOPNOTSUPP)
    with pytest.raises(BusError, match=os.strerror(errno.EOPNOTSUPP)):
        bus.write(CODEC, RESET)
    assert wire.log() == ["1a W error 95"]


def test_a_write_only_chip_does_not_acknowledge_a_read(wire, bus):
    with pytest.raises(BusError) as caught:
        bus.read(CODEC, 2)
    assert caught.value.errno == errno.EREMOTEIO
    assert wire.log() == ["1a R error 121"] * RETRIES


@pytest.mark.parametrize(
    ("address", "wide",  "register",  "value"),
    [
        (0x18,    False, b"\x20",     b"\x05"),
        (0x18,    False, b"\x20",     b"\x05\x06\x07"),    # the register's number counts on
        (0x0A,    True,  b"\x00\x14", b"\x60\x08"),        # an SGTL5000's: sixteen bits and sixteen bits
    ],
)  # fmt: skip
def test_what_was_written_is_read_back_by_a_combined_transfer(plug, address, wide, register, value):
    wire = plug(chips=[address], wide=[address] if wide else ())
    answer = i2c_msg.read(address, len(value))
    with SMBus(I2C_BUS) as smbus:
        smbus.i2c_rdwr(i2c_msg.write(address, register + value))
        smbus.i2c_rdwr(i2c_msg.write(address, register), answer)
    assert bytes(answer) == value
    name, sent = f"{address:02x}", register.hex(" ")
    assert wire.log() == [f"{name} W {sent} {value.hex(' ')}", f"{name} W {sent}", f"{name} R {value.hex(' ')}"]


def test_a_message_that_fails_ends_its_transfer(wire):
    with SMBus(I2C_BUS) as smbus, pytest.raises(OSError, match=os.strerror(errno.EREMOTEIO)):
        smbus.i2c_rdwr(i2c_msg.write(CODEC, RESET), i2c_msg.read(CODEC, 1), i2c_msg.write(CODEC, RESET))
    assert wire.log() == ["1a W 1e 00", "1a R error 121"]


def test_the_kernel_refuses_plain_smbus_on_a_driven_chip(driven):
    with SMBus(I2C_BUS) as smbus, pytest.raises(OSError, match=os.strerror(errno.EBUSY)):
        smbus.write_byte_data(CODEC, 0x1E, 0)
    assert driven.log() == []


def test_the_kernel_would_let_i2c_rdwr_through_to_a_driven_chip(driven):
    with SMBus(I2C_BUS) as smbus:
        smbus.i2c_rdwr(i2c_msg.write(CODEC, RESET))
    assert driven.log() == ["1a W 1e 00"]


def test_a_driven_chip_is_refused_by_its_drivers_name_before_a_byte_is_sent(driven, bus):
    with pytest.raises(BusError, match=r"owned by the kernel driver 'wm8960'; load this board's overlay") as caught:
        bus.write(CODEC, RESET)
    with pytest.raises(BusError, match="wm8960"):
        bus.read(CODEC, 1)
    assert caught.value.errno == errno.EBUSY
    assert driven.log() == []


def test_a_driver_that_comes_while_the_bus_is_open_is_noticed(wire, bus):
    bus.write(CODEC, RESET)
    modprobe("snd-soc-wm8960")
    wire.declare("wm8960", CODEC)
    wire.log()
    with pytest.raises(BusError, match="wm8960"):
        bus.write(CODEC, RESET)
    assert wire.log() == []


def test_a_driver_that_goes_frees_the_chip(driven, bus):
    driven.withdraw(CODEC)
    driven.log()
    assert owner(I2C_BUS, CODEC) is None
    bus.write(CODEC, RESET)
    assert driven.log() == ["1a W 1e 00"]


def test_a_chip_that_is_declared_but_has_no_driver_is_ours(wire, bus):
    wire.declare("nobodys-codec", CODEC)
    bus.write(CODEC, RESET)
    assert wire.log() == ["1a W 1e 00"]
