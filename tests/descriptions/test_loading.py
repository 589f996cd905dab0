"""Finding and reading the files: what is shipped, what is searched, what cannot be read."""

import os
from pathlib import Path

import pytest
from marked import BOARD, BOARDS, CODEC

from firmware_py.descriptions import board_names, load_board, load_codec
from firmware_py.errors import DescriptionError, UnknownNameError

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


def test_the_board_in_the_readme_is_a_board(tmp_path: Path) -> None:
    example = (BOARDS / "README.md").read_text().split("```toml\n")[1].split("```")[0]
    defaults = BOARD.split("[defaults]\n")[1].split("\n[")[0]
    (tmp_path / "my-hat.toml").write_text(example + defaults)
    assert load_board(tmp_path / "my-hat.toml").port("output").set == {"speaker": "both"}


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(UnknownNameError, match="no board is named 'respeaker-2mic'; did you mean 'respeaker-2mic-v1'"):
        load_board("respeaker-2mic")
    with pytest.raises(UnknownNameError, match="no codec is named 'wm8961'; did you mean 'wm8960'"):
        load_codec("wm8961")


def test_a_board_of_ones_own_comes_before_the_shipped_one(own_boards: Path) -> None:
    (own_boards / "respeaker-2mic-v1.toml").write_text(BOARD.replace('title = "', 'title = "My '))
    assert load_board("respeaker-2mic-v1").title.startswith("My ")


def test_a_codec_beside_the_board_comes_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "wm8960.toml").write_text(CODEC.replace('title = "', 'title = "My '))
    (tmp_path / "mine.toml").write_text(BOARD)
    assert load_board(tmp_path / "mine.toml").codec.title == "My WM8960"


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
        (b"#" * 1_000_001, "is larger than 1000000 bytes"),
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
