"""Descriptions broken on purpose: a mark in the text says where the message has to point."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_py.descriptions import load_board, load_codec
from firmware_py.errors import DescriptionError

BOARDS = Path(__file__).parents[2] / "boards"
CODEC = (BOARDS / "codecs" / "wm8960.toml").read_text()
BOARD = (BOARDS / "respeaker-2mic-v1.toml").read_text()
MARK = "@@"


def replaced(text: str, edits: dict[str, str]) -> str:
    """*text* with one occurrence of each key replaced; a key must be there, so that no case goes stale."""
    for old, new in edits.items():
        assert old in text, f"the shipped file has no {old!r} any more"
        text = text.replace(old, new, 1)
    return text


def take_mark(text: str) -> tuple[str, str]:
    """The text without its mark, and the mark's place as `line:column`."""
    before, mark, after = text.partition(MARK)
    assert mark, "the case does not say where the message has to point"
    return before + after, f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def codec_problems(folder: Path, text: str) -> list[str]:
    """What loading this text as a codec complains of, without the folder."""
    file = folder / "wm8960.toml"
    file.write_text(text)
    with pytest.raises(DescriptionError) as refusal:
        load_codec(file)
    return [line.removeprefix(f"{folder}/") for line in str(refusal.value).splitlines()]


def board_problems(folder: Path, text: str, codec: str = CODEC) -> list[str]:
    """What loading this text as a board complains of, without the folder."""
    file = folder / "respeaker-2mic-v1.toml"
    file.write_text(text)
    (folder / "codecs").mkdir(exist_ok=True)
    (folder / "codecs" / "wm8960.toml").write_text(codec)
    with pytest.raises(DescriptionError) as refusal:
        load_board(file)
    return [line.removeprefix(f"{folder}/") for line in str(refusal.value).splitlines()]
