"""A codec that nobody has ever made, and a board with it, from a folder alone: nothing of the product knows of either."""

import json
from pathlib import Path

import pytest
from invented import ADDRESS, BOARD, CAL, CLOCK, CODEC, FILTER, GAIN, POWER, SOFT, Xc88

from firmware_py.cli import main
from firmware_py.codec import Codec
from firmware_py.descriptions import load_board
from firmware_py.errors import ModeChangeFailed
from firmware_py.explain import mode_plan
from firmware_py.modes import Category, Mode


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, with a codec and a board."""
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "xc88.toml").write_text(CODEC)
    (tmp_path / "my-hat.toml").write_text(BOARD)
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(tmp_path))
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    assert main(["board", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def powered(chip: Xc88) -> Codec:
    board = load_board("my-hat")
    return Codec(board.codec, chip, board.i2c_address, board.mclk_hz, sleep=lambda seconds: None)


def test_it_is_listed_with_what_it_lacks_and_nothing_is_wrong_with_it(folder, capsys):
    (mine,) = (board for board in printed(capsys, "list") if board["name"] == "my-hat")
    assert (mine["codec"], mine["i2c_address"], mine["file"]) == ("xc88", ADDRESS, str(folder / "my-hat.toml"))
    assert "the XC88 has no alc" in mine["modes"]["default"]
    assert mine["modes"]["measurement"] == []
    assert printed(capsys, "check", str(folder)) == []


def test_its_plan_as_bytes_brings_the_chip_into_the_mode(capsys):
    plan = printed(capsys, "plan", "my-hat", "--mode", "VoiceChat", "--cold")
    chip = Xc88()
    for step in plan["steps"]:
        if "poll" in step:
            for _ in range(round(step["timeout_ms"] / step["every_ms"])):
                (word,) = chip.read(plan["i2c_address"], 1, bytes.fromhex(step["bytes"]))
                if word & 1 == step["until"]:
                    break
            assert word & 1 == 1
        elif "bytes" in step:
            chip.write(plan["i2c_address"], bytes.fromhex(step["bytes"]))
    assert chip.words[POWER] == 0b1111
    assert chip.words[CLOCK] == 0x82  # provider, 16 kHz
    assert chip.words[GAIN] == round(-18.35 + 3.01 + 38.0 - 1.0)
    assert chip.words[FILTER] == 0b01  # high-pass, and sound


@pytest.mark.parametrize("mode", Mode)
def test_the_codec_applies_each_mode_and_the_chip_holds_what_was_meant(mode):
    chip, board = Xc88(), load_board("my-hat")
    codec = powered(chip)
    codec.apply(mode_plan(board, mode, Category.PLAY_AND_RECORD, cold=True))
    assert codec.differences() == []
    assert chip.written[0] == bytes([SOFT, 0xA5])
    assert chip.written.count(bytes([CAL, 1])) == 1
    assert chip.words[CAL] == 0
    chip.words[GAIN] ^= 1
    assert len(codec.differences()) == 1


def test_from_mode_to_mode_nothing_is_calibrated_and_only_what_differs_is_written():
    chip, board = Xc88(), load_board("my-hat")
    codec = powered(chip)
    codec.apply(mode_plan(board, Mode.DEFAULT, Category.PLAY_AND_RECORD, cold=True))
    chip.written.clear()
    codec.apply(mode_plan(board, Mode.MEASUREMENT, Category.PLAY_AND_RECORD, previous=Mode.DEFAULT))
    assert [data[0] for data in chip.written] == [GAIN, FILTER]
    codec.apply(codec.plan({}, "off"))
    assert chip.words[POWER] == 0


def test_a_chip_that_is_never_ready_is_not_brought_into_the_mode():
    chip, board = Xc88(calibrates=False), load_board("my-hat")
    codec = powered(chip)
    with pytest.raises(ModeChangeFailed, match=r"R22 STATUS.*find their zero: it did not happen within 50 ms"):
        codec.apply(mode_plan(board, Mode.DEFAULT, Category.PLAY_AND_RECORD, cold=True))
    assert chip.words[POWER] & 0b0110 == 0
