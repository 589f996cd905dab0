"""What answers on the bus, against what the description means: three codecs share an address."""

import errno

import pytest

from firmware_py.codec.identity import contradiction
from firmware_py.descriptions import load_codec
from hil.bench.virtual import CHIPS, ChipBus


class Empty:
    """A bus with nothing on it."""

    def write(self, address: int, data: bytes) -> None:
        raise OSError(errno.EREMOTEIO, "no acknowledge")

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        raise OSError(errno.EREMOTEIO, "no acknowledge")


def chip(name: str) -> ChipBus:
    found = CHIPS[name]()
    found.wait(0.1)
    return ChipBus(found)


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_a_codec_is_taken_for_itself(name):
    codec = load_codec(name)
    assert contradiction(codec, chip(name), codec.addresses[0]) == ""


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_of_an_empty_socket_nothing_is_said(name):
    codec = load_codec(name)
    assert contradiction(codec, Empty(), codec.addresses[0]) == ""


@pytest.mark.parametrize("meant", ["wm8960", "wm8731"])
def test_a_chip_that_can_be_read_is_no_wolfson_codec(meant):
    da7212 = chip("da7212")
    with pytest.raises(OSError, match="standby"):
        da7212.read(0x1A, 1)  # it wakes up by that
    assert "answers a read" in contradiction(load_codec(meant), da7212, 0x1A)


def test_two_chips_that_cannot_be_read_cannot_be_told_apart():
    assert contradiction(load_codec("wm8960"), chip("wm8731"), 0x1A) == ""


def test_another_chip_than_the_described_shows_in_its_identity():
    class Other(Empty):
        def read(self, address: int, count: int, after: bytes = b"") -> bytes:
            return b"\x00" * count

    said = contradiction(load_codec("sgtl5000"), Other(), 0x0A)
    assert "CHIP_ID reads 0x0000" in said
    assert "0xa000" in said
