"""The C API's functions on a simulated board: bytes in, registers out."""

import struct

import pytest

from firmware_py import audiosession
from firmware_py.audio.constants import fourcc
from hil.bench import VirtualBench

NO_ERROR = 0


def code(characters: str) -> bytes:
    return struct.pack("=I", fourcc(characters))


def test_an_application_in_c_s_manner_gets_voice_chat_into_the_codec(bench: VirtualBench):
    audiosession.attach(bench.device.conductor, "application")
    assert audiosession.set_active(True) == fourcc("!ini")
    assert audiosession.initialize() == NO_ERROR
    assert audiosession.initialize() == fourcc("init")
    assert audiosession.set_property(fourcc("acat"), code("plar")) == NO_ERROR
    assert audiosession.set_property(fourcc("mode"), code("vcct")) == NO_ERROR
    assert audiosession.get_property(fourcc("cblu"), 4) == (NO_ERROR, struct.pack("=I", 1))
    assert audiosession.set_active(True) == NO_ERROR
    assert (bench.mode, bench.mismatches()) == ("voiceChat", [])
    assert audiosession.get_property(fourcc("chsr"), 8) == (NO_ERROR, struct.pack("=d", 16_000.0))
    assert audiosession.set_property(fourcc("mode"), code("msmt")) == fourcc("pty?")
    assert bench.mode == "voiceChat"
    assert audiosession.set_active_with_flags(False, 1) == NO_ERROR
    assert bench.chip.mic_bias_v["MICBIAS"] == 0.0


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda: audiosession.initialize(),                                fourcc("ini?")),
        (lambda: audiosession.set_active(True),                            fourcc("!ini")),
        (lambda: audiosession.set_active_with_flags(False, 1),             fourcc("!ini")),
        (lambda: audiosession.get_property_size(fourcc("mode"))[0],        fourcc("!ini")),
        (lambda: audiosession.get_property(fourcc("mode"), 4)[0],          fourcc("!ini")),
        (lambda: audiosession.set_property(fourcc("mode"), code("dflt")),  fourcc("!ini")),
        (lambda: audiosession.add_property_listener(1, print),             fourcc("!ini")),
        (lambda: audiosession.remove_property_listener_with_user_data(1, print), fourcc("!ini")),
    ],
)  # fmt: skip
def test_without_a_board_nothing_can_be_initialised(monkeypatch, call, answer):
    monkeypatch.setattr(audiosession, "_attached", None)
    assert call() == answer
