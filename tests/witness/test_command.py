"""`audiohat board witness`: its table, its JSON, and its exit codes."""

import argparse
import json
import os
from pathlib import Path

import pytest

from firmware_py.cli import FAIL, PASS
from firmware_py.errors import UnknownNameError
from hil.bench import witness_command

SHIPPED = Path(__file__).parents[2] / "boards" / "codecs" / "wm8960.toml"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    witness_command.add_arguments(parser)
    return witness_command.run(parser.parse_args(words))


@pytest.fixture
def spoiled(tmp_path, monkeypatch):
    """A WM8960 whose headphone volume is described a decibel too loud."""
    right, wrong = "first = -121, step = 1", "first = -120, step = 1"
    text = SHIPPED.read_text()
    assert right in text
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "wm8960.toml").write_text(text.replace(right, wrong, 1))
    monkeypatch.setenv("AUDIOHAT_BOARDS", f"{tmp_path}{os.pathsep}")


def test_a_codec_that_agrees_is_a_row_and_passes(capsys):
    assert run("wm8960") == PASS
    out = " ".join(capsys.readouterr().out.split())
    assert "not witnessed" in out
    assert "wm8960: driver known to be wrong: ADC High Pass Filter Switch: its switch sets the bit that disables" in out


def test_as_json_it_is_every_finding(capsys):
    assert run("wm8731", "--json") == PASS
    (one,) = json.loads(capsys.readouterr().out)
    assert one["codec"] == "wm8731"
    (wire,) = [finding for finding in one["findings"] if finding["subject"] == "wire"]
    assert (wire["verdict"], wire["witness"]) == ("agreed", "bus")


def test_a_contradiction_is_a_sentence_and_a_failure(spoiled, capsys):
    assert run("wm8960") == FAIL
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "wm8960: LOUT1.LOUT1VOL, scale (Headphone Playback Volume): contradicted, the driver: -73 dB at code 48" in out
    )


def test_a_codec_that_nobody_recorded_is_refused_with_those_that_are():
    with pytest.raises(UnknownNameError, match="wm8960"):
        run("wm8961")
