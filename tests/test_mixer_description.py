"""The [kernel] section of a codec: each rule of it, broken once, and which back end a board gets."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "descriptions"))
from marked import CODEC, codec_problems, replaced, take_mark

from firmware_py import hardware, load_board
from firmware_py.descriptions import load_codec
from firmware_py.device import Device
from firmware_py.errors import BusError, PcmError
from firmware_py.mixer import KernelCodec, plan_controls
from firmware_py.pcm.cards import Card

BROKEN = [
    ({'high_pass = { controls = ["ADC High Pass': '@@high_pas = { controls = ["ADC High Pass'},
     "kernel.controls.high_pas: the codec has no such control: did you mean 'high_pass'?"),
    ({'alc = { controls = ["ALC Function"] }': 'alc = { controls = ["ALC Function"] }\n@@line_out.choices.on = {}'},
     "kernel.controls.line_out: the codec has no such control: the WM8960 has no line outputs; its headphone outputs do for them"),
    ({'[kernel.absent]\n': '[kernel.absent]\n@@alc = "no"\n'},
     "kernel.absent.alc: is among the controls too"),
    ({'[kernel.absent]\n': '[kernel.fixed]\n@@mic_bias = "half"\n[kernel.absent]\n'},
     "kernel.fixed.mic_bias: 'half' is none of off, on"),
    ({'speaker.choices.both = {}': 'speaker.choices.@@all = {}'},
     "kernel.controls.speaker.choices.all: 'all' is none of off, left, right, both"),
    ({'pga_db = { controls = ["Capture Volume"] }': 'pga_db = { @@controls = ["Capture Volume", "Capture", "Volume"] }'},
     "kernel.controls.pga_db.controls: 2 fields cannot be dealt out to 3 mixer controls"),
    ({'alc = { controls = ["ALC Function"] }': 'alc = { controls = ["ALC Function"] }\ninput_gain_db = { @@controls = ["Gain"] }'},
     "kernel.controls.input_gain_db.controls: the codec's control has no fields; see its `sum_of`"),
    ({'down_from = 15 }': '@@down_from = 15, linear = { first = 0, step = -1.5, last = 15 } }'},
     "kernel.controls.alc_target_dbfs.down_from: a control counts in one way, and `linear` is there already"),
    ({'down_from = 15 }': 'linear = { first = 0, @@step = 0, last = 15 } }'},
     "kernel.controls.alc_target_dbfs.linear.step: is 0, so all numbers would mean the same"),
    ({'"ADC Data Output Select" = 0': '@@"ADC Data Output Select" = -1'},
     "kernel.set.ADC Data Output Select: -1 is no number of a mixer control: whole, from 0 on"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "message"), BROKEN, ids=[message.partition(": ")[0] for _, message in BROKEN])
def test_a_section_that_says_what_cannot_be_is_refused(tmp_path, edits, message):
    head, mark, section = CODEC.partition("[kernel]")
    text, place = take_mark(head + mark + replaced(section, edits))
    assert codec_problems(tmp_path, text) == [f"wm8960.toml:{place}: {message}"]


def test_numbers_of_a_control_that_counts_in_its_own_way(tmp_path):
    """Level 8 of "0 dBFS downwards in steps of 1.5 dB" is what the codec's own field calls 7."""
    file = tmp_path / "wm8960.toml"
    file.write_text(replaced(CODEC, {"down_from = 15 }": "linear = { first = 0, step = -1.5, last = 15 } }"}))
    planned = plan_controls(load_codec(file), {"alc": True, "alc_target_dbfs": -12.0}, 24_000_000)
    assert next(move.after for move in planned.moves if move.control == "ALC Target") == (8,)


# Which back end.


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(hardware, "owner", lambda number, address: "wm8960")
    return monkeypatch


def test_a_board_whose_codec_has_its_driver_gets_the_kernels_back_end_and_that_drivers_card(driven):
    opened: list[tuple[object, ...]] = []
    driven.setattr(hardware, "driver_card", lambda dai: Card("wm8960soundcard", dai, 1, True, True))
    driven.setattr(hardware, "open_pcm", lambda *asked: opened.append(asked))
    driven.setattr(hardware, "GpioPins", lambda board: type("Pins", (), {"close": lambda self: None})())
    driven.setattr(hardware, "LinuxI2C", lambda number: pytest.fail("the bus is not ours"))
    driven.setattr(hardware, "Device", lambda board, **given: given)
    driven.setattr(hardware, "warn_once", lambda text: opened.append((text,)))
    given = hardware.open_device("respeaker-2mic-v1")
    assert isinstance(given["codec"], KernelCodec)
    assert "bus" not in given
    assert opened[1] == ("hw:CARD=wm8960soundcard,DEV=0", "hw:CARD=wm8960soundcard,DEV=0", None)
    assert "owned by the kernel driver 'wm8960'" in str(opened[0][0])


@pytest.mark.parametrize("board", ["audio-injector-stereo", "codec-zero", "respeaker-2mic-v2"])
def test_a_driver_of_another_codec_is_refused_by_both_names(driven, board):
    theirs = load_board(board).codec.kernel.name
    with pytest.raises(BusError, match=f"driver 'wm8960', but {board} has a .*, whose driver is '{theirs}'") as caught:
        hardware.open_device(board)
    assert caught.value.errno == errno.EBUSY


def test_a_driver_without_a_card_is_an_error_before_anything_is_opened(driven):
    with pytest.raises(PcmError, match="no sound card has a stream 'wm8960-hifi' yet"):
        hardware.open_device("respeaker-2mic-v1")


def test_a_stage_without_bus_and_codec_is_a_mistake_of_the_caller(board):
    with pytest.raises(TypeError, match="a bus, or a codec"):
        Device(board, pcm=None, pins=None)
