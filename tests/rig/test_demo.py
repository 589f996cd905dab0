"""The demo as a person runs it: files, table, JSON, exit codes, and what a wrong register does to it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
MODES = ["default", "voiceChat", "videoRecording", "measurement", "gameChat"]


def audiohat(*arguments: str, boards: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUDIOHAT_BOARDS": str(boards or "")}
    return subprocess.run(
        [sys.executable, "-m", "firmware_py", *arguments], capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    out = tmp_path_factory.mktemp("demo")
    return audiohat("demo", "--json", "--out", str(out)), out


def test_every_mode_of_the_shipped_board_keeps_its_promise(demo):
    result, _ = demo
    failed = [
        f"{mode} {row['name']}: {row['value']} not in {row['lower']} ... {row['upper']} {row['note']}"
        for mode, certificate in json.loads(result.stdout)["modes"].items()
        for row in certificate["measurements"]
        if row["verdict"] != "pass"
    ]
    assert failed == []
    assert result.returncode == 0


def test_the_json_has_every_mode_with_rows_that_carry_limit_verdict_and_source(demo):
    certificate = json.loads(demo[0].stdout)
    assert certificate["board"] == "respeaker-2mic-v1"
    assert list(certificate["modes"]) == MODES
    for mode in certificate["modes"].values():
        assert mode["verdict"] == "pass"
        for row in mode["measurements"]:
            assert {"name", "value", "unit", "lower", "upper", "verdict", "source"} <= set(row)
            assert row["source"]


def test_what_is_not_measured_yet_is_said_in_results_and_report(demo):
    notes = json.loads(demo[0].stdout)["notes"]
    assert any("50 ppm" in note for note in notes)
    assert "50 ppm" in (demo[1] / "report.html").read_text()


def test_the_files_are_all_there_and_nothing_else(demo):
    names = sorted(path.name for path in demo[1].iterdir())
    assert names == ["report.html", "results.json", "voice-chat-mic.wav", "voice-chat-out.wav"]
    assert json.loads((demo[1] / "results.json").read_text()) == json.loads(demo[0].stdout)


def test_the_recordings_let_one_hear_the_echo_go(demo):
    (mic, rate), (out, _) = (soundfile.read(demo[1] / f"voice-chat-{name}.wav") for name in ("mic", "out"))
    far_alone = slice(6 * rate, 11 * rate)
    assert 20 * np.log10(np.std(mic[far_alone]) / np.std(out[far_alone])) > 20
    talker_alone = slice(14 * rate, 19 * rate)
    assert 20 * np.log10(np.std(out[talker_alone]) / np.std(mic[talker_alone])) > -3


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "boards", tmp_path / "boards"))


def spoil(boards: Path, line: str, wrong: str) -> None:
    path = boards / "codecs" / "wm8960.toml"
    text = path.read_text()
    assert text.count(line) == 1, line
    path.write_text(text.replace(line, wrong))


@pytest.mark.parametrize(
    ("line", "wrong", "rows"),
    [
        ('fields.MICB    = { bits = "1"', 'fields.MICB    = { bits = "0"', {"mic_bias_v"}),
        ("enabled = 0, disabled = 1", "enabled = 1, disabled = 0", {"register_mismatches", "low_end_5hz_db"}),
    ],
    ids=["the mic bias bit", "the polarity of the high-pass"],
)
def test_a_wrong_register_is_measured(boards, tmp_path, line, wrong, rows):
    spoil(boards, line, wrong)
    result = audiohat("demo", "--json", "--out", str(tmp_path / "out"), boards=boards)
    measured = json.loads(result.stdout)["modes"]["measurement"]["measurements"]
    assert rows <= {row["name"] for row in measured if row["verdict"] == "fail"}
    assert result.returncode == 1


def flac(path: Path, samples: np.ndarray, rate: int = 16_000) -> str:
    soundfile.write(path, samples, rate)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--board", "respeaker-2mic"],      2, "did you mean 'respeaker-2mic-v"),
        (["--room", "offices"],              2, "did you mean 'office'"),
        (["--far", "nobody.wav"],            2, "nobody.wav: there is no such file"),
        (["--near", "/dev/null"],            2, "/dev/null"),
        (["--out", "/proc/results"],         2, "/proc"),
        (["--volume", "11"],                 2, "unrecognized arguments: --volume 11"),
        (["--board", "/etc/passwd"],         2, "/etc/passwd"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_bad_input_is_answered_with_one_sentence(tmp_path, arguments, code, says):
    result = audiohat("demo", *(arguments if "--out" in arguments else [*arguments, "--out", str(tmp_path / "out")]))
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros(0), "holds no samples"),
        (np.zeros(1600), "half a second"),
        (np.zeros(32_000), "silent"),
    ],
)
def test_a_voice_that_is_none_is_refused(tmp_path, samples, says):
    result = audiohat("demo", "--far", flac(tmp_path / "voice.wav", samples), "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert says in result.stderr


def test_a_broken_description_is_refused_with_its_place(boards, tmp_path):
    (boards / "codecs" / "wm8960.toml").write_text("name = 'wm8960\n")
    result = audiohat("demo", "--out", str(tmp_path / "out"), boards=boards)
    assert result.returncode == 2
    assert "wm8960.toml:2:1: is not TOML" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_command_is_answered_with_the_nearest():
    result = audiohat("dmeo")
    assert result.returncode == 2
    assert "did you mean 'demo'?" in result.stderr
