"""`audiohat cards`, on machines that are described by files."""

import json
from pathlib import Path

import pytest

from firmware_py.cli import cards as command
from firmware_py.cli import main
from firmware_py.pcm import cards
from firmware_py.pcm.cards import Card


def test_a_machine_without_cards_says_what_to_look_at_and_ends_with_3(capsys, monkeypatch):
    monkeypatch.setattr(command, "cards", lambda: [])
    assert main(["cards"]) == 3
    assert "is the HAT seated" in capsys.readouterr().err


def test_a_card_that_cannot_be_opened_is_listed_with_the_reason(capsys, monkeypatch):
    monkeypatch.setattr(command, "cards", lambda: [Card("nothere", "A HAT", 7, True, False)])
    assert main(["cards", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["id"] == "nothere"
    assert "no sound card is named 'nothere'" in listed["playback"]["refused"]
    assert "capture" not in listed
    assert main(["cards"]) == 0
    assert "nothere" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "--- no soundcards ---\n", "\x00\xff garbage \n"])
def test_a_list_that_has_none_or_is_rubbish_is_an_empty_list(tmp_path: Path, text: str):
    (tmp_path / "cards").write_text(text)
    (tmp_path / "pcm").write_text(text)
    assert cards.cards(tmp_path) == []
