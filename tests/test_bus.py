"""The I2C back end, as far as a machine without a bus can tell; the wire itself is tested where there is one."""

from pathlib import Path

import pytest

from firmware_py.bus import LinuxI2C, owner
from firmware_py.errors import BusError


def bind(sysfs: Path, chip: str, driver: str) -> None:
    (sysfs / "drivers" / driver).mkdir(parents=True)
    (sysfs / chip).mkdir()
    (sysfs / chip / "driver").symlink_to(sysfs / "drivers" / driver)


def test_a_chip_with_a_driver_is_recognised_by_the_driver_s_name(tmp_path):
    bind(tmp_path, "1-001a", "wm8960")
    assert owner(1, 0x1A, tmp_path) == "wm8960"


@pytest.mark.parametrize(("number", "address"), [(1, 0x18), (0, 0x1A)])
def test_another_chip_or_another_bus_is_nobody_s(tmp_path, number, address):
    bind(tmp_path, "1-001a", "wm8960")
    assert owner(number, address, tmp_path) is None


def test_a_chip_that_is_declared_but_has_no_driver_is_nobody_s(tmp_path):
    (tmp_path / "1-001a").mkdir()
    assert owner(1, 0x1A, tmp_path) is None


def test_a_bus_that_is_not_there_is_answered_with_what_to_do():
    with pytest.raises(BusError, match=r"/dev/i2c-99: No such file or directory; enable it: dtparam=i2c_arm=on"):
        LinuxI2C(99)
