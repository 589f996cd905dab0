"""`audiohat session` and `audiohat mode` as a person types them: results on stdout, sentences on stderr, exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_py.cli import main, session
from firmware_py.serve import client

BOARD = "virtual:respeaker-2mic-v1"
MODES = ["default", "voiceChat", "videoRecording", "measurement", "gameChat"]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]):
    """Type a command; exit code, stdout and stderr."""

    def type_(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit:  # argparse leaves this way
            code = int(exit.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return type_


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server where one is looked for."""
    monkeypatch.setenv("AUDIOHAT_SOCKET", str(tmp_path / "nobody.sock"))


def test_the_list_has_the_five_modes_in_their_order(typed):
    code, out, _ = typed("mode", "list", "--json")
    assert code == 0
    assert list(json.loads(out)) == MODES
    assert json.loads(out)["voiceChat"]["categories"] == ["playAndRecord"]
    _, table, _ = typed("mode", "list")
    assert all(mode in table for mode in MODES)


@pytest.mark.parametrize("spelling", ["VoiceChat", "voiceChat", "VOICECHAT"])
def test_a_mode_is_explained_however_it_is_capitalised(typed, spelling):
    code, out, _ = typed("mode", "explain", spelling, "--board", BOARD, "--json")
    told = json.loads(out)
    assert (code, told["mode"], told["board"]) == (0, "voiceChat", "respeaker-2mic-v1")
    assert {"name": "echo canceller", "on": True, "detail": "tail 192 ms"} in told["blocks"]
    assert any("ADC_ALC_SR=16k" in line for line in told["plan"])


def test_an_explanation_without_certificate_says_how_to_get_one(typed, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    code, out, _ = typed("mode", "explain", "Measurement")
    assert code == 0
    assert "Not measured yet: audiohat demo" in out


def test_a_difference_is_of_blocks_and_registers(typed):
    code, out, _ = typed("mode", "diff", "default", "measurement", "--json")
    told = json.loads(out)
    assert code == 0
    assert "codec high-pass" in [row["what"] for row in told["blocks"]]
    assert "R5 DACCTL1" in [row["what"] for row in told["registers"]]
    assert "no register differs" in typed("mode", "diff", "default", "default")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["mode", "explain", "voicechta"],                      2, "did you mean 'voiceChat'"),
        (["mode", "explain", "default", "--category", "play"],  2, "no category is named 'play'"),
        (["mode", "explain", "default", "--board", "respeaker"], 2, "respeaker-2mic-v1"),
        (["mode", "diff", "default"],                           2, "required: OTHER"),
        (["mode"],                                              2, "required: ACTION"),
        (["mode", "get"],                                       3, "start one: audiohat serve"),
        (["mode", "get", "--board", "respeaker-2mic-v1"],       3, "start one: audiohat serve --board respeaker-2mic-v1"),
        (["mode", "set", "gamechatt", "--board", BOARD],        2, "did you mean 'gameChat'"),
        (["session", "list"],                                   3, "start one: audiohat serve"),
        (["session", "create", "music"],                        3, "start one: audiohat serve"),
        (["session", "activate"],                               2, "required: NAME"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_what_cannot_be_done_is_answered_with_one_sentence(typed, nobody, arguments, code, says):
    given, out, err = typed(*arguments)
    assert (given, out) == (code, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_mode_can_be_set_on_a_virtual_board_of_ones_own(typed, nobody):
    code, out, err = typed("mode", "set", "voicechat", "--category", "playandrecord", "--board", BOARD)
    assert (code, err) == (0, "")
    assert "ADC_ALC_SR=16k" in out
    assert out.splitlines()[-1].startswith("device           active, decides: playAndRecord, voiceChat")


def test_a_mode_whose_category_does_not_admit_it_is_set_and_said_to_be_default(typed, path):
    code, out, err = typed("mode", "set", "voiceChat", "--category", "mediaPlayback", "--socket", path, "--json")
    assert code == 0
    assert (json.loads(out)["mode"], json.loads(out)["effective_mode"]) == ("voiceChat", "default")
    assert "playAndRecord only; here Default acts" in err


def test_the_mode_of_the_button_is_set_and_read_over_the_socket(typed, path):
    assert typed("mode", "set", "GameChat", "--category", "playAndRecord", "--socket", path)[0] == 0
    code, out, _ = typed("mode", "get", "--socket", path)
    assert (code, out) == (0, "device           inactive: playAndRecord, gameChat; microphone to speaker; priority 0\n")


def test_sessions_are_switched_by_name_and_a_sounding_mode_stays(typed, path):
    typed("mode", "set", "default", "--category", "mediaPlayback", "--socket", path)
    code, out, _ = typed("session", "activate", "device", "--socket", path, "--json")
    assert (code, json.loads(out)["state"]) == (0, "active")
    code, out, err = typed("mode", "set", "measurement", "--socket", path)
    assert (code, out) == (2, "")
    assert "only while the session is inactive" in err
    code, out, _ = typed("session", "deactivate", "device", "--notify-others", "--socket", path)
    assert (code, out.split(":")[0]) == (0, "device           inactive")


def test_the_list_shows_who_decides(typed, path, client):
    client.session("music", category="mediaPlayback", priority=3).activate()
    code, out, _ = typed("session", "list", "--socket", path)
    assert code == 0
    assert "music            active, decides: mediaPlayback, default; speaker; priority 3" in out.splitlines()
    _, lines, _ = typed("session", "list", "--socket", path, "--json")
    assert [json.loads(line)["name"] for line in lines.splitlines()] == ["device", "music"]


def test_an_unknown_session_is_answered_with_the_nearest(typed, path):
    code, out, err = typed("session", "activate", "devise", "--socket", path)
    assert (code, out) == (2, "")
    assert "did you mean 'device'" in err


def test_a_session_can_be_held_on_a_virtual_board_that_nobody_serves(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "AUDIOHAT_SOCKET"}
    environment["XDG_RUNTIME_DIR"] = str(tmp_path)
    command = [sys.executable, "-m", "firmware_py", "session", "create", "alone", "--board", BOARD, "--activate"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as held:
        assert "alone" in held.stdout.readline()
        held.send_signal(signal.SIGINT)
        held.communicate(timeout=60)
    assert held.returncode == 5


def test_a_server_that_still_prepares_its_kernels_is_waited_for(monkeypatch):
    monkeypatch.setattr(client, "ANSWER_S", 0.3)  # loading them takes longer, and compiling them longer than 30 s
    with session._served_meanwhile(BOARD) as socket, client.Client(socket) as greeted:
        assert greeted.board == BOARD
