"""`audiohat board` as a person types it: results on stdout, sentences on stderr, exit codes; no input leads to a traceback."""

import json
import os
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from rich.cells import cell_len

from firmware_py.cli import board as command
from firmware_py.cli import main, tables
from firmware_py.modes import Mode

BOARDS = Path(__file__).parent.parent / "boards"
SHIPPED = sorted(path.stem for path in BOARDS.glob("*.toml"))
HAT = (BOARDS / "respeaker-2mic-v1.toml").read_text().replace('"respeaker-2mic-v1"', '"my-hat"', 1)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]):
    """Type a command; exit code, stdout and stderr."""

    def type_(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            code = main(["board", *(str(argument) for argument in arguments)])
        except SystemExit as exit:  # argparse leaves this way
            code = int(exit.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return type_


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, searched before all others, and no other but the shipped."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    return folder


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper on which no line is broken."""
    monkeypatch.setattr(tables, "_PAPER_COLUMNS", 400)


# --- list


def test_the_list_has_every_board_with_what_each_mode_lacks(typed, mine):
    code, out, _ = typed("list", "--json")
    told = {board["name"]: board for board in json.loads(out)}
    assert code == 0
    assert sorted(told) == SHIPPED
    assert told["codec-zero"]["codec"] == "da7212"
    assert told["codec-zero"]["i2c_address"] == 0x1A
    assert told["codec-zero"]["file"].endswith("boards/codec-zero.toml")
    assert list(told["codec-zero"]["modes"]) == list(Mode)
    lacks = told["audio-injector-stereo"]["modes"]["default"]
    assert any("WM8731" in sentence for sentence in lacks)
    _, table, _ = typed("list")
    assert all(name in table for name in SHIPPED)
    assert f"default({len(lacks)})" in table


def test_a_broken_board_is_listed_with_its_first_error_and_hides_no_other(typed, mine, wide):
    (mine / "my-hat.toml").write_text(HAT.replace("gpio = 17", "gpio = 18").replace("mclk_hz = 24", "mclk_hz = 25"))
    code, out, _ = typed("list")
    assert code == 2
    assert all(name in out for name in SHIPPED)
    flat = " ".join(out.split())
    assert "my-hat.toml:8:1: mclk_hz: WM8960 has no clock row for 25000000 Hz" in flat
    assert "(and 1 more: audiohat board check)" in flat
    code, out, _ = typed("list", "--json")
    (told,) = (board for board in json.loads(out) if board["name"] == "my-hat")
    assert (code, told["errors"]) == (2, 2)
    assert "mclk_hz: WM8960 has no clock row" in told["error"]


def test_of_two_boards_of_one_name_the_list_says_which_is_used(typed, mine, wide):
    (mine / "codec-zero.toml").write_text(HAT.replace('"my-hat"', '"codec-zero"'))
    code, out, _ = typed("list", "--json")
    (told,) = (board for board in json.loads(out) if board["name"] == "codec-zero")
    assert (code, told["file"], told["codec"]) == (0, str(mine / "codec-zero.toml"), "wm8960")
    assert len(told["hides"]) == 1
    assert told["hides"][0].endswith("boards/codec-zero.toml")
    assert f"not used: {mine}/codec-zero.toml comes first" in typed("list")[1]


@pytest.mark.parametrize("columns", [80, 120])
def test_everything_fits_the_terminal(typed, mine, monkeypatch, columns):
    monkeypatch.setattr(tables, "_PAPER_COLUMNS", columns)
    for arguments in (["list"], ["show", "codec-zero"], ["plan", "codec-zero", "--mode", "voiceChat", "--cold"]):
        code, out, _ = typed(*arguments)
        assert code == 0
        assert max(cell_len(line.rstrip()) for line in out.splitlines()) <= columns
        assert "…" not in out  # nothing is cut off


# --- show


@pytest.mark.parametrize("name", SHIPPED)
def test_a_board_is_shown_as_it_was_read(typed, name):
    code, out, _ = typed("show", name, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["rates_hz"]
    assert {port["kind"] for port in told["ports"].values()} == {"input", "output"}
    for control in told["codec"]["controls"].values():
        assert control.get("words") or control["min"] < control["max"]
    assert typed("show", name)[0] == 0


def test_a_board_is_shown_with_its_wiring_its_panel_and_its_codec_s_ranges(typed, wide):
    _, out, _ = typed("show", "respeaker-2mic-v1")
    flat = " ".join(out.split())
    for said in (
        "bus 1, address 0x1a",
        "24 MHz at MCLK; bit and frame clock by the codec",
        "user: GPIO17, active low, pull up",
        "3 apa102: data GPIO10, clock GPIO11",
        "microphone input, builtInMic, with microphone bias, -38 dBV at 94 dB SPL microphone = on",
        "headphone_gain_db board: -12 -73 ... 6 dB, mute KDW",
        "speaker board: off off, left, right, both VDW",
        "line_out the WM8960 has no line outputs",
        "8, 11.025, 16, 22.05, 24, 32, 44.1, 48 kHz",
    ):
        assert said in flat


def test_what_a_file_says_is_no_markup(typed, mine):
    (mine / "my-hat.toml").write_text(HAT.replace('title = "', 'title = "[red]:smiley: '))
    assert "[red]:smiley: ReSpeaker" in typed("show", "my-hat")[1]
    assert "[red]:smiley: ReSpeaker" in typed("list")[1]


# --- check


def test_nothing_is_wrong_with_what_is_shipped(typed, mine):
    code, out, err = typed("check")
    codecs = len(list((BOARDS / "codecs").glob("*.toml")))
    assert (code, out) == (0, "")
    assert err == f"{len(SHIPPED)} boards, {codecs} codecs: nothing is wrong\n"
    assert typed("check", BOARDS, "--json")[:2] == (0, "[]\n")
    assert typed("check", BOARDS / "codecs" / "wm8960.toml")[2] == "0 boards, 1 codecs: nothing is wrong\n"


def test_every_mistake_of_every_file_is_told_in_one_pass(typed, mine):
    codec = (BOARDS / "codecs" / "wm8731.toml").read_text()
    (mine / "codecs").mkdir()
    (mine / "codecs" / "wm8731.toml").write_text(codec.replace("readable = false", "readable = 7", 1))
    (mine / "broken.toml").write_text("name = \n")
    (mine / "my-hat.toml").write_text(HAT.replace("gpio = 17", "gpio = 18\npul = 3"))
    (mine / "on-it.toml").write_text(
        HAT.replace('"my-hat"', '"on-it"').replace("wm8960", "wm8731").replace("= 17", "= 19")
    )
    code, out, err = typed("check", mine)
    assert code == 2
    assert [line.removeprefix(f"{mine}/").partition(": ")[2] for line in out.splitlines()] == [
        "bus.readable: is a number; it must be true or false",
        "is not TOML: Invalid value",
        "buttons[0].gpio: GPIO18 is taken by I2S",
        "buttons[0].pul: is not known here; did you mean 'pull'?",
        "buttons[0].gpio: GPIO19 is taken by I2S",
    ]
    assert all(re.match(rf"{mine}/[\w/-]+\.toml:\d+:\d+: ", line) for line in out.splitlines())
    assert err.endswith("5 mistakes in 4 files\n")
    code, out, _ = typed("check", mine, "--json")
    assert code == 2
    assert json.loads(out)[3] == {
        "file": f"{mine}/my-hat.toml", "line": HAT[: HAT.index("gpio = 17")].count("\n") + 2, "column": 1,
        "key": "buttons[0].pul", "message": "is not known here; did you mean 'pull'?",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("edits", "place", "says"),
    [
        ({"sensitivity_dbv = -38.0": "sensitivity_dbv = -90.0"}, "", "input_gain_db 74.6603 dB is outside -17.25 ... 59 dB"),
        ({"[leds]": "[modes.default]\nalc_max_gain_db = 60.0\n[leds]"}, "modes.default", "alc_max_gain_db"),
        ({"mclk_hz": "rates_hz = [44_100]\nmclk_hz"}, "", "cannot make 48000 Hz from a clock of 24000000 Hz; it can make 44100"),
    ],
)  # fmt: skip
def test_what_only_a_mode_finds_is_found_and_told_with_board_and_mode(typed, mine, edits, place, says):
    text = HAT
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new, 1)
    (mine / "my-hat.toml").write_text(text)
    assert typed("show", "my-hat")[0] == 0  # by itself it is sound
    code, out, _ = typed("check", mine / "my-hat.toml")
    line = out.splitlines()[0]
    assert code == 2
    assert "modes.default: my-hat cannot do this mode: WM8960" in line
    assert says in line
    at = text[: text.index("modes.default")].count("\n") + 1 if place else 1
    assert line.startswith(f"{mine}/my-hat.toml:{at}:")
    (told,) = (board for board in json.loads(typed("list", "--json")[1]) if board["name"] == "my-hat")
    assert told["modes"]["default"][0].startswith("impossible: ")


def wrong_inputs(folder: Path) -> dict[str, Path]:
    """Files that are none, or no descriptions."""
    written: dict[str, bytes] = {
        "is nested too deeply": b"a = " + b"[" * 100_000,
        "more than 200 dots": b"a." * 100_000 + b"a = 1",
        "larger than 300000 bytes": b"#" * 2_000_000,
        "byte 0xff is not UTF-8; save the file as UTF-8": HAT.encode("utf-16"),
        "byte 0xe4 is not UTF-8": HAT.replace("three LEDs", "drei L\u00e4mpchen").encode("latin-1"),
        "is a NUL byte": HAT.encode("utf-16-le"),
        "codec: is missing": b"",
        "U+001B": HAT.replace("ReSpeaker", "\\u001b[31m").encode(),
        "U+202E": HAT.replace("ReSpeaker", "\u202e").encode(),
        "sensitivity_dbv: nan is beyond all measure": HAT.replace("-38.0", "nan").encode(),
        "sensitivity_dbv: inf is beyond all measure": HAT.replace("-38.0", "inf").encode(),
        "mclk_hz: -1 is outside 1": HAT.replace("24_000_000", "-1").encode(),
        "mclk_hz: a number of more than 20 digits": HAT.replace("24_000_000", "9" * 400).encode(),
        "200 mistakes so far": ('codec = "wm8960"\n' + "".join(f"key{n} = 1\n" for n in range(9_000))).encode(),
    }
    files = {}
    for number, (says, content) in enumerate(written.items()):
        files[says] = folder / f"wrong-{number}.toml"
        files[says].write_bytes(content)
    os.mkfifo(folder / "pipe.toml")
    (folder / "folder.toml").mkdir()
    (folder / "round.toml").symlink_to(folder / "round.toml")
    (folder / "out.toml").symlink_to("/etc/passwd")
    return files | {
        "it is not a regular file": folder / "pipe.toml",
        "has no descriptions": folder / "folder.toml",
        "Too many levels": folder / "round.toml",
        "is not TOML": folder / "out.toml",
        "Not a directory": Path("/dev/null/x.toml"),
        "is not a regular file": Path("/dev/zero"),
        "No such file": folder / "none.toml",
        "File name too long": folder / ("x" * 300 + ".toml"),
    }


def test_wrong_input_is_answered_in_sentences(typed, mine, wide):
    for says, file in wrong_inputs(mine).items():
        code, out, err = typed("check", file)
        assert (code, says in out) == (2, True), (says, out[:300], err)
        if file.name != "folder.toml":
            code, out, err = typed("show", file)
            assert (code, says in err) == (2, True), (says, err[:300])
    code, out, _ = typed("list")  # and all of them in the way
    assert code == 2
    assert all(name in out for name in SHIPPED)
    assert "is a link to /etc/passwd, outside of the folders that are searched" in " ".join(out.split())
    assert typed("check")[0] == 2


def test_two_registers_at_one_address_are_told(typed, mine):
    codec = (BOARDS / "codecs" / "wm8960.toml").read_text()
    (mine / "wm8960.toml").write_text(codec.replace("address = 0x01\n", "address = 0x00\n"))
    code, out, _ = typed("check", mine / "wm8960.toml")
    assert (code, "registers.RINVOL.address: 0x00 is the address of LINVOL already" in out) == (2, True)


def test_a_name_that_utf_8_cannot_have_is_shown_with_a_question_mark(typed, mine):
    with open(os.fsencode(mine) + b"/b\xffd.toml", "w") as file:
        file.write("")
    for arguments in (["list"], ["list", "--json"], ["check"], ["check", "--json"]):
        code, out, _ = typed(*arguments)
        assert (code, "b?d.toml" in out) == (2, True)


# --- plan


def test_a_plan_is_bytes_on_the_wire_waits_and_what_is_missing(typed):
    code, out, _ = typed("plan", "respeaker-2mic-v1", "--mode", "MEASUREMENT", "--cold", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["mode"], told["start"], told["i2c_address"]) == ("measurement", "nothing is known of the codec", 0x1A)
    first = told["steps"][0]
    assert (first["register"], first["bytes"]) == ("RESET", "1e 00")
    assert {"wait_ms": 250.0, "reason": "PLL locks"} in told["steps"]
    assert told["writes"] == sum("bytes" in step for step in told["steps"])
    assert told["settings"]["high_pass"] is False
    _, out, _ = typed("plan", "respeaker-2mic-v1", "--mode", "default")
    assert any(line.split()[:2] == ["1a", "fa"] or "DACCTL1" in line for line in out.splitlines())
    assert "missing: " in out


def test_a_plan_from_another_mode_writes_only_what_differs(typed):
    arguments = ("plan", "respeaker-2mic-v1", "--mode", "measurement", "--json")
    whole, from_default = (json.loads(typed(*arguments, *more)[1]) for more in ([], ["--from", "DEFAULT"]))
    assert from_default["start"] == "the codec is in default"
    assert 0 < from_default["writes"] < whole["writes"]
    same = json.loads(typed(*arguments, "--from", "measurement")[1])
    assert same["writes"] == 0


def test_polls_are_told_with_what_is_read(typed):
    _, out, _ = typed("plan", "codec-zero", "--mode", "default", "--cold", "--json")
    polls = [step for step in json.loads(out)["steps"] if "poll" in step]
    assert all(re.fullmatch("[0-9a-f]{2}", poll["bytes"]) and poll["timeout_ms"] >= 0 for poll in polls)


def test_a_misused_mode_is_planned_as_default(typed):
    _, out, _ = typed("plan", "codec-zero", "--mode", "VoiceChat", "--category", "mediaplayback")
    assert "VoiceChat in mediaPlayback on codec-zero, which behaves as default there" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plan", "codec-zero"],                                           "required: --mode"),
        (["plan", "codec-zero", "--mode", "voicechta"],                    "did you mean 'voiceChat'"),
        (["plan", "codec-zero", "--mode", "default", "--from", "meassure"], "did you mean 'measurement'"),
        (["plan", "codec-zero", "--mode", "default", "--category", "play"], "no category is named 'play'"),
        (["plan", "codec-zreo", "--mode", "default"],                      "did you mean 'codec-zero'"),
        (["plan", "codec-zero", "--mode", "default", "--cold", "--warm"],  "not allowed with argument"),
        (["show", "codec-zreo"],                                           "did you mean 'codec-zero'"),
        (["show"],                                                         "required: NAME"),
        (["show", "wm8960"],                                               "no board is named 'wm8960'"),
        (["show", str(BOARDS / "codecs" / "wm8960.toml")],                 "codec: is missing"),
        ([],                                                               "required: ACTION"),
        (["lits"],                                                         "invalid choice: 'lits'"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else None,
)  # fmt: skip
def test_what_cannot_be_done_is_answered_with_one_sentence(typed, arguments, says):
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


# --- subcommands from elsewhere


@pytest.fixture
def brought(monkeypatch, tmp_path):
    """Subcommands of three packages: one that works, one that is broken, one that is not there."""
    (tmp_path / "brought_well.py").write_text(
        '"""Says how loud."""\n'
        "HELP = 'says how loud'\n"
        "def add_arguments(parser): parser.add_argument('--loud', type=int, required=True)\n"
        "def run(options): print('loud', options.loud); return options.loud\n"
    )
    (tmp_path / "brought_broken.py").write_text("raise RuntimeError('no such thing')\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint(n, f"brought_{n}", command.GROUP) for n in ("well", "broken", "nowhere")]
    monkeypatch.setattr(command, "entry_points", lambda group: points)


def test_a_subcommand_from_elsewhere_runs_with_its_own_arguments(typed, brought):
    assert typed("well", "--loud", "3") == (3, "loud 3\n", "")
    code, out, _ = typed("well", "--help")
    assert (code, "Says how loud." in out, "--loud" in out) == (0, True, True)
    code, _, err = typed("well")
    assert (code, "audiohat board well: the following arguments are required: --loud" in err) == (2, True)


def test_a_broken_subcommand_costs_only_itself(typed, brought):
    for name, why in (("broken", "RuntimeError: no such thing"), ("nowhere", "No module named 'brought_nowhere'")):
        code, out, err = typed(name, "--loud", "3")
        assert (code, out) == (2, "")
        assert f"audiohat board {name} cannot be loaded from brought_{name}: " in err
        assert why in err
        assert len(err.splitlines()) == 1
    assert typed("show", "codec-zero")[0] == 0
    assert typed("--help")[0] == 0
