"""What a mode means on a board, in words: true to the profile, to the plan, and to the certificate that was kept."""

import json
from dataclasses import replace

import pytest

from firmware_py import Board, Category, Mode
from firmware_py.codec import plan
from firmware_py.explain import certificate_file, difference, explain, measured
from hil import demo
from hil.measurement import Certificate, Limit, Measurement, ModeResult

RECORDING = Category.PLAY_AND_RECORD


def blocks(board: Board, mode: Mode, category: Category = RECORDING) -> dict[str, str]:
    return {block.name: str(block) for block in explain(board, mode, category).blocks}


@pytest.mark.parametrize(
    ("mode", "block", "says"),
    [
        (Mode.DEFAULT,         "codec automatic gain", "on, to +12 dB"),
        (Mode.DEFAULT,         "echo canceller",       "off"),
        (Mode.VOICE_CHAT,      "echo canceller",       "on, tail 192 ms"),
        (Mode.VOICE_CHAT,      "codec automatic gain", "off"),
        (Mode.VOICE_CHAT,      "automatic gain",       "on, ±12 dB to -20 dBFS"),
        (Mode.VOICE_CHAT,      "stream",               "on, 16000 Hz, period 128 frames, 8.0 ms"),
        (Mode.VOICE_CHAT,      "latency",              "on, in 16.0 ms, out 3.0 ms"),
        (Mode.VIDEO_RECORDING, "analogue gain",        "on, 94 dB SPL reads -24.35 dBFS"),
        (Mode.MEASUREMENT,     "codec high-pass",      "off"),
        (Mode.MEASUREMENT,     "playback limiter",     "off"),
        (Mode.GAME_CHAT,       "voice high-pass",      "on, 100 Hz"),
    ],
)  # fmt: skip
def test_a_block_does_what_the_mode_promises(board, mode, block, says):
    assert blocks(board, mode)[block].startswith(says)


def test_a_category_that_only_plays_has_no_block_on_the_way_in(board):
    told = blocks(board, Mode.DEFAULT, Category.MEDIA_PLAYBACK)
    assert told["microphone"] == "off"
    assert "microphone bias" not in told


def test_a_misused_mode_is_explained_as_default(board):
    told = explain(board, Mode.VOICE_CHAT, Category.MEDIA_PLAYBACK)
    assert (told.mode, told.effective) == (Mode.VOICE_CHAT, Mode.DEFAULT)
    assert told.blocks == explain(board, Mode.DEFAULT, Category.MEDIA_PLAYBACK).blocks


@pytest.mark.parametrize("mode", Mode)
def test_the_plan_from_standby_ends_where_the_cold_one_does(board, mode):
    warm, cold = explain(board, mode, RECORDING), explain(board, mode, RECORDING, cold=True)
    assert warm.plan.words == cold.plan.words
    assert cold.plan.writes[0].resets
    assert not any(write.resets for write in warm.plan.writes)


def test_what_the_codec_cannot_do_is_said(board):
    codec = replace(
        board.codec,
        absent={"alc": "this chip has no automatic gain: Default runs without"},
        controls={name: c for name, c in board.codec.controls.items() if not name.startswith("alc")},
    )
    told = explain(replace(board, codec=codec, defaults={}), Mode.DEFAULT, RECORDING)
    assert told.missing == ("this chip has no automatic gain: Default runs without",)
    assert str(next(block for block in told.blocks if block.name == "codec automatic gain")) == "off"


def test_modes_differ_in_the_registers_that_a_plan_between_them_writes(board):
    _, registers = difference(board, Mode.VOICE_CHAT, Mode.MEASUREMENT, RECORDING)
    before, after = (explain(board, mode, RECORDING).plan for mode in (Mode.VOICE_CHAT, Mode.MEASUREMENT))
    between = plan(board.codec, before.words, after.settings, "active", board.mclk_hz)
    moved = {
        f"R{write.register.address} {write.register.name}"
        for write in between.writes
        if before.words[write.register.name] != after.words[write.register.name]
    }
    assert {row.what for row in registers} == moved
    assert "R5 DACCTL1" in moved  # the high-pass


def test_a_mode_does_not_differ_from_itself(board):
    assert difference(board, Mode.GAME_CHAT, Mode.GAME_CHAT, RECORDING) == ([], [])


def certificate(value: float) -> Certificate:
    limit = Limit(
        name="erle", title="Echo return loss", unit="dB", lower=20.0, upper=None, source="own", standard="own"
    )
    result = ModeResult(mode="voiceChat", title="VoiceChat", measurements=(Measurement.of(limit, value),))
    return Certificate(
        board="my-hat", bench="virtual, office", started="2026-01-01T00:00:00+00:00", modes={"voiceChat": result}
    )


def test_what_the_demo_measured_is_what_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert measured("my-hat", Mode.VOICE_CHAT) is None
    demo._keep(certificate(value=31.5))
    demo._keep(certificate(value=12.5))
    found = measured("my-hat", Mode.VOICE_CHAT)
    assert found is not None
    assert (found.verdict, found.bench, found.rows[0].value) == ("fail", "virtual, office", 12.5)
    assert measured("my-hat", Mode.DEFAULT) is None
    assert [path.name for path in certificate_file("my-hat").parent.iterdir()] == ["my-hat.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"modes": 3}), "\xff"])
def test_a_certificate_that_cannot_be_read_is_none(monkeypatch, tmp_path, text):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    certificate_file("my-hat").parent.mkdir(parents=True)
    certificate_file("my-hat").write_text(text, encoding="latin-1")
    assert measured("my-hat", Mode.DEFAULT) is None


def test_a_certificate_that_cannot_be_kept_is_a_warning(monkeypatch, tmp_path, capsys):
    (tmp_path / "audiohat").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    demo._keep(certificate(value=31.5))
    assert "was not kept" in capsys.readouterr().err
