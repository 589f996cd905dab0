"""Each rule of a board, broken once: the message says where, what, and what would be right."""

from pathlib import Path

import pytest
from marked import BOARD, CODEC, board_problems, replaced, take_mark

from firmware_py.descriptions.wiring import BOARD_CHECKS

# rule
#     what stands in the file: what is written instead (@@ where the message has to point)
#     the message
BROKEN = [
    ("board_is_named_as_its_file",
     {'name = "respeaker-2mic-v1"': '@@name = "my-hat"'},
     "name: 'my-hat' is not the file's name; write 'respeaker-2mic-v1', or name the file my-hat.toml"),
    ("board_has_its_codec",
     {"address = 0x1a": "@@address = 0x1b"},
     "i2c.address: WM8960 cannot answer here; it does at 0x1a"),
    ("board_has_its_codec",
     {"mclk_hz = 24_000_000": "@@mclk_hz = 26_000_000"},
     "mclk_hz: WM8960 has no clock row for 26000000 Hz; it has 11289600, 12000000, 12288000, 24000000"),
    ("board_has_its_codec",
     {"mclk_hz": "rates_hz = [48_000, @@96_000]\nmclk_hz"},
     "rates_hz[1]: WM8960 cannot make this from 24000000 Hz; "
     "it can make 8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000"),
    ("board_names_real_controls",
     {"[leds]": "[defaults]\n@@speaker_gain = 0.0\n[leds]"},
     "defaults.speaker_gain: WM8960 has no such control: did you mean 'speaker_gain_db' or 'speaker'?"),
    ("board_names_real_controls",
     {"[leds]": "[defaults]\n@@speaker_gain_db = 7.0\n[leds]"},
     "defaults.speaker_gain_db: 7 dB is outside -73 ... 6 dB"),
    ("board_names_real_controls",
     {"[leds]": "[defaults]\n@@high_pass = true\n[leds]"},
     "defaults.high_pass: is decided by the mode; a board may override it in [modes.NAME]"),
    ("board_names_real_controls",
     {"[leds]": "[modes.voiceChat]\n@@input_gain_db = 70.0\n[leds]"},
     "modes.voiceChat.input_gain_db: 70 is outside -17.25 ... 59"),
    ("board_names_real_controls",
     {'{ speaker = "left" }': '{ @@speaker = "center" }'},
     "ports.speaker.set.speaker: 'center' is none of off, left, right, both"),
    ("modes_exist",
     {"[leds]": "[modes.@@voicechat]\n[leds]"},
     "modes.voicechat: there is no such mode; did you mean 'voiceChat'?"),
    ("board_covers_the_active_sequence",
     {"[leds]": "[@@defaults]\n[leds]"},
     "defaults: nothing is said of adc_gain_db, speaker_gain_db"),
    ("ports_open_what_is_shut",
     {"[ports.microphone]": "[@@ports.microphone]", 'kind = "input"\ntype = "builtInMic"': 'kind = "output"\ntype = "lineOut"'},
     "ports: there is no input"),
    ("ports_open_what_is_shut",
     {'{ speaker = "left" }': "{ @@speaker_gain_db = 6.0 }"},
     'ports.speaker.set.speaker_gain_db: a port switches on what [defaults] has as "off"'),
    ("card_is_an_id",
     {"mclk_hz": '@@card = "my audio hat"\nmclk_hz'},
     "card: 'my audio hat' is no ALSA card id: at most 15 letters, digits, _ and -"),
    ("card_is_an_id",
     {"mclk_hz": "@@overlay = '../audiohat'\nmclk_hz"},
     "overlay: '../audiohat' is no overlay's name: letters, digits, _ and -"),
    ("lines_are_free",
     {"gpio = 17": "@@gpio = 28"},
     "buttons[0].gpio: the header has GPIO2 ... GPIO27, not this"),
    ("lines_are_free",
     {"gpio = 17": "@@gpio = 18"},
     "buttons[0].gpio: GPIO18 is taken by I2S"),
    ("lines_are_free",
     {"gpio = 17": "gpio = 11", "clock_gpio = 11": "@@clock_gpio = 11"},
     "leds.clock_gpio: GPIO11 is taken by button 'user'"),
]  # fmt: skip

# rule: what the codec's file must not preset, or the rule cannot be broken
NOT_PRESET = {"board_covers_the_active_sequence": {"speaker_gain_db = 0.0": "", "adc_gain_db = 0.0": ""}}


@pytest.mark.parametrize(("rule", "edits", "message"), BROKEN)
def test_a_broken_rule_is_told_with_its_place(tmp_path: Path, rule: str, edits: dict[str, str], message: str) -> None:
    text, place = take_mark(replaced(BOARD, edits))
    codec = replaced(CODEC, NOT_PRESET.get(rule, {}))
    assert board_problems(tmp_path, text, codec) == [f"respeaker-2mic-v1.toml:{place}: {message}"]


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _, _ in BROKEN} == {check.__name__ for check in BOARD_CHECKS}


def test_a_codec_that_nobody_has_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text, place = take_mark(replaced(BOARD, {'codec = "wm8960"': '@@codec = "wm896"'}))
    message = "codec: no codec is named 'wm896'; did you mean 'wm8960'?"
    assert board_problems(tmp_path, text) == [f"respeaker-2mic-v1.toml:{place}: {message}"]


def test_an_input_has_the_type_of_an_input(tmp_path: Path) -> None:
    text, place = take_mark(replaced(BOARD, {'type = "builtInMic"': '@@type = "headphones"'}))
    message = "ports.microphone.type: 'headphones' is not possible; known: builtInMic, headsetMic, lineIn"
    assert board_problems(tmp_path, text) == [f"respeaker-2mic-v1.toml:{place}: {message}"]


def test_what_is_wrong_with_the_codec_is_told_of_the_codecs_file(tmp_path: Path) -> None:
    codec = replaced(CODEC, {'name = "wm8960"': "name = 8960"})
    line = codec[: codec.index("name = 8960")].count("\n") + 1
    message = "name: is a number; it must be text"
    assert board_problems(tmp_path, BOARD, codec) == [f"codecs/wm8960.toml:{line}:1: {message}"]


def test_leds_may_be_a_chain_or_have_a_line_each(tmp_path: Path) -> None:
    chain = 'kind = "apa102"\ncount = 3\ndata_gpio = 10\nclock_gpio = 11\n'
    plain = BOARD.replace(f"[leds]\n{chain}", '[[leds]]\nname = "red"\ngpio = 24\ncolour = "red"\nactve = "low"\n')
    assert board_problems(tmp_path, plain)[0].endswith("leds[0].actve: is not known here; did you mean 'active'?")
