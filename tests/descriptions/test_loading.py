"""Finding and reading the files: what is shipped, what is searched, what cannot be read."""

import os
import re
from pathlib import Path

import pytest
from marked import BOARD, BOARDS, CODEC

from firmware_py.codec import plan
from firmware_py.descriptions import board_names, load_board, load_codec
from firmware_py.errors import DescriptionError, UnknownNameError
from firmware_py.modes import PROFILES, Category
from firmware_py.settings import codec_settings

NAMES = sorted(path.stem for path in BOARDS.glob("*.toml"))


@pytest.fixture
def own_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, searched before all others."""
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_board_has_nothing_to_complain_of(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert board.codec.rates_at(board.mclk_hz)


def test_all_shipped_boards_are_offered() -> None:
    assert set(NAMES) <= set(board_names())


@pytest.mark.parametrize("readme", [BOARDS.parent / "README.md", BOARDS / "README.md"], ids=["README", "boards/README"])
def test_a_board_printed_in_a_readme_loads_as_it_stands_and_takes_every_mode(tmp_path: Path, readme: Path) -> None:
    examples = re.findall(r"^```toml\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        (tmp_path / "my-hat.toml").write_text(example)
        board = load_board(tmp_path / "my-hat.toml")
        source, destination = board.port("input"), board.port("output")
        for mode, profile in PROFILES.items():
            settings = codec_settings(
                board, mode, profile, Category.PLAY_AND_RECORD, source=source, destination=destination
            )
            assert plan(board.codec, None, settings, "active", board.mclk_hz).writes


def test_a_board_need_not_say_what_its_codec_presets_but_may(tmp_path: Path) -> None:
    file = tmp_path / "respeaker-2mic-v1.toml"
    file.write_text(BOARD.replace("[leds]", "[defaults]\nheadphone_gain_db = -20.0\n[leds]"))
    presets = load_codec("wm8960").defaults
    assert presets["headphone_gain_db"] == -12.0
    assert load_board(file).defaults == {**presets, "headphone_gain_db": -20.0}


def test_the_overlay_bears_the_boards_name_unless_it_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "my-hat.toml"
    file.write_text(mine := BOARD.replace('"respeaker-2mic-v1"', '"my-hat"'))
    assert (load_board(file).overlay, load_board(file).card) == ("my-hat", "audiohat")
    file.write_text(mine.replace("mclk_hz", 'card = "mine"\noverlay = "respeaker-2mic-v1"\nmclk_hz'))
    assert (load_board(file).overlay, load_board(file).card) == ("respeaker-2mic-v1", "mine")


def test_every_shipped_board_has_its_overlay() -> None:
    overlays = {file.stem for file in (BOARDS.parent / "overlays").glob("*.dts")}
    assert {load_board(name).overlay for name in NAMES} <= overlays


def test_a_board_whose_name_no_overlay_can_have_is_told_at_its_name(tmp_path: Path) -> None:
    file = tmp_path / "my hat.toml"
    file.write_text(BOARD.replace('"respeaker-2mic-v1"', '"my hat"'))
    with pytest.raises(DescriptionError, match=":3:1: name: 'my hat' is no overlay's name"):
        load_board(file)


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no board is named 'respeaker-2mic'; did you mean .*'respeaker-2mic-v1'"
    ):
        load_board("respeaker-2mic")
    with pytest.raises(UnknownNameError, match="no codec is named 'wm8961'; did you mean 'wm8960'"):
        load_codec("wm8961")


def test_a_board_of_ones_own_comes_before_the_shipped_one(own_boards: Path) -> None:
    (own_boards / "respeaker-2mic-v1.toml").write_text(BOARD.replace('title = "', 'title = "My '))
    assert load_board("respeaker-2mic-v1").title.startswith("My ")


def test_a_codec_beside_the_board_comes_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "wm8960.toml").write_text(CODEC.replace('title = "', 'title = "My '))
    (tmp_path / "respeaker-2mic-v1.toml").write_text(BOARD)
    assert load_board(tmp_path / "respeaker-2mic-v1.toml").codec.title == "My WM8960"


def test_a_folder_that_is_not_there_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUDIOHAT_BOARDS", f"{tmp_path}/none:{tmp_path}/neither")
    assert "respeaker-2mic-v1" in board_names()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name = ", ":1:8: is not TOML: Invalid value"),
        (b"a = 1\na = 2\n", ":2:6: is not TOML: Cannot overwrite a value"),
        (b"a = 1\nb = '", ":2:6: is not TOML: "),
        (b"a = 1\nb = '\xff'", ":2:6: byte 0xff is not UTF-8"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (b"a = " + b"9" * 5_000, "is not TOML: Exceeds the limit"),
        (b"#" * 300_001, "is larger than 300000 bytes"),
        (b"", ":1:1: name: is missing; it must be text"),
        (b"registers = 5", ":1:1: registers: is a number; it must be a table"),
        (b"full_scale_dbv = " + b"9" * 400, "is beyond all measure"),
        (b"title = 'a\\b\x1bc'", "is not TOML: "),
    ],
)
def test_a_file_that_is_no_description_is_answered_in_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "chip.toml"
    file.write_bytes(content)
    with pytest.raises(DescriptionError) as refusal:
        load_codec(file)
    assert says in str(refusal.value)
    assert all(line.startswith(str(file)) for line in str(refusal.value).splitlines())


def test_what_is_no_file_is_answered_in_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path, says in (
        (tmp_path / "none.toml", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: it is not a regular file"),
        (tmp_path / "pipe.toml", "cannot be read: it is not a regular file"),
    ):
        with pytest.raises(DescriptionError, match=says):
            load_board(path)
