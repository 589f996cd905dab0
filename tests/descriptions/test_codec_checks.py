"""Each rule of a codec's description, broken once: the message says where, what, and what would be right."""

from pathlib import Path

import pytest
from marked import CODEC, codec_problems, replaced, take_mark

from firmware_py.descriptions.checks import REGISTER_CHECKS
from firmware_py.descriptions.references import REFERENCE_CHECKS

# rule
#     what stands in the file: what is written instead (@@ where the message has to point)
#     the message
BROKEN = [
    ("addresses_unique",
     {"address = 0x01\n": "@@address = 0x00\n"},
     "registers.RINVOL.address: 0x00 is the address of LINVOL already"),
    ("addresses_unique",
     {"address = 0x01\n": "@@address = 0x80\n"},
     "registers.RINVOL.address: 0x80 is beyond 0x7f, the last address on this wire"),
    ("bits_within_word",
     {'LINVOL  = { bits = "5:0"': 'LINVOL  = { @@bits = "9:0"'},
     "registers.LINVOL.fields.LINVOL.bits: bits 9:0 do not fit a 9-bit word; use 8 ... 0"),
    ("fields_do_not_overlap",
     {'fields.VREF    = { bits = "6"': 'fields.VREF    = { @@bits = "7"'},
     "registers.POWER1.fields.VREF.bits: bits 7 overlap VMIDSEL, which has 8:7"),
    ("reset_fits_word",
     {"reset = 0x07b": "@@reset = 0x27b"},
     "registers.ALC1.reset: 0x27b is wider than the word; the highest is 0x1ff"),
    ("reset_fits_word",
     {"reset = 0x0ff": "@@reset = 0x1ff"},
     "registers.LDAC.reset: 0x1ff has a strobe in it, and a strobe is not remembered"),
    ("values_fit_field",
     {"disabled = 1": "@@disabled = 2"},
     "registers.DACCTL1.fields.ADCHPD.values.disabled: 2 does not fit bits 0; the highest code is 1"),
    ("values_distinct",
     {"disabled = 1": "@@disabled = 0"},
     "registers.DACCTL1.fields.ADCHPD.values.disabled: 0 is called 'enabled' already"),
    ("scale_codes_fit",
     {'fields.ATK     = { bits = "3:0", ': 'fields.ATK     = { bits = "1:0", @@'},
     "registers.ALC3.fields.ATK.geometric: code 10 does not fit bits 1:0; the highest is 3"),
    ("scale_codes_fit",
     {'linear = { unit = "dB", first = -127.5, step = 0.5': '@@geometric = { unit = "dB", first = 1, ratio = 1e9'},
     "registers.LDAC.fields.LDACVOL.geometric: is not a number at every code of 1 ... 255"),
    ("scale_codes_fit",
     {'codes = "1:255", mute = 0': 'codes = "1:255", @@mute = 7'},
     "registers.LDAC.fields.LDACVOL.linear.mute: code 7 must lie outside 1 ... 255, and fit the bits"),
    ("scale_codes_fit",
     {'codes = "6:12"': '@@codes = "6:16"'},
     "registers.PLL1.fields.PLLN.codes: code 16 does not fit bits 3:0; the highest is 15"),
    ("scales_rise_or_fall",
     {"first = -127.5, step = 0.5": "first = -127.5, @@step = 0"},
     "registers.LDAC.fields.LDACVOL.linear.step: is 0, so all codes would mean the same"),
    ("scales_rise_or_fall",
     {"first = 24, ratio = 2": "@@first = -24, ratio = 2"},
     "registers.ALC3.fields.DCY.geometric.first: -24 must be above 0"),
    ("scales_rise_or_fall",
     {"first = 24, ratio = 2": "first = 24, @@ratio = 1"},
     "registers.ALC3.fields.DCY.geometric.ratio: 1 must be above 1"),
    ("latches",
     {'"5:0", linear = { unit = "dB", first = -17.25, step = 0.75 }': '"5:0", @@latch = "pga"'},
     "registers.LINVOL.fields.LINVOL.latch: a strobe is one bit, not 5:0"),
    ("latches",
     {'fields.LIZC    = { bits = "6"': 'fields.LIZC    = { bits = "6", @@latch = "pga"'},
     "registers.LINVOL.fields.LIZC.latch: IPVU is the strobe of this register already"),
    ("latches",
     {'fields.L2MO = { bits = "7"': 'fields.L2MO = { bits = "7", @@latch = "mono"'},
     "registers.MONOMIX1.fields.L2MO.latch: no other field of this register waits for this strobe"),
    ("registers_of_the_bus_exist",
     {'register = "RESET"': '@@register = "REST"'},
     "reset.writes[0].register: there is no register 'REST'; did you mean 'RESET'?"),
    ("registers_of_the_bus_exist",
     {"readable = false": 'readable = false\n@@page = "REST"'},
     "bus.page: there is no register 'REST'; did you mean 'RESET'?"),
    ("registers_of_the_bus_exist",
     {"readable = false": 'readable = false\n@@identity = [{ register = "RESET", word = 0, mask = 1 }]'},
     "bus.identity: a chip that answers no read shows nothing"),
    ("self_clearing_fields_are_nothing_else",
     {'SPKVU    = { bits = "8", latch = "speaker"': 'SPKVU    = { bits = "8", latch = "speaker", @@self_clearing = true'},
     "registers.LOUT2.fields.SPKVU.self_clearing: cannot be a latch or volatile as well"),
    ("controls_are_of_the_vocabulary",
     {"[absent]\n": '[absent]\n@@mic_bais_level = "has none"\n'},
     "absent.mic_bais_level: nobody asks for this; did you mean 'mic_bias_level' or 'mic_bias'?"),
    ("controls_are_of_the_vocabulary",
     {"[absent]\n": '[absent]\n@@speaker = "has none"\n'},
     "absent.speaker: is among the controls too"),
    ("controls_are_of_the_vocabulary",
     {"[controls]": "[@@controls]",
     "microphone = { fields": "# microphone = { fields",
     'apply = ["mic_bias_level", "mic_bias", "microphone", ': 'apply = ["mic_bias_level", "mic_bias", '},
     "controls: without microphone; add it, or say in [absent] why there is none"),
    ("controls_name_real_fields",
     {'mic_bias = { fields = ["POWER1.MICB"] }': 'mic_bias = { fields = [@@"POWER1.MICBIAS"] }'},
     "controls.mic_bias.fields[0]: there is no field 'POWER1.MICBIAS'; "
     "did you mean 'POWER1.MICB' or 'POWER3.RMIC' or 'POWER3.LMIC'?"),
    ("controls_name_real_fields",
     {'mic_bias = { fields = ["POWER1.MICB"] }': 'mic_bias = { fields = [@@"LINVOL.IPVU"] }'},
     "controls.mic_bias.fields[0]: LINVOL.IPVU is a strobe; "
     "it goes by itself with the last register of its group"),
    ("controls_name_real_fields",
     {'on = "enabled", off = "disabled"': 'on = "enabled", @@off = "disable"'},
     "controls.high_pass.words.off: 'disable' is none of enabled, disabled"),
    ("controls_name_real_fields",
     {'above = "pga_db"': '@@above = "pga"'},
     "controls.alc_max_gain_db.above: there is no gain 'pga'; did you mean 'pga_db'?"),
    ("defaults_are_for_boards_to_change",
     {"adc_gain_db = 0.0": "@@adc_gain = 0.0"},
     "defaults.adc_gain: no board decides this here; did you mean 'adc_gain_db' or 'dac_gain_db' or 'alc_min_gain_db'?"),
    ("defaults_are_for_boards_to_change",
     {"adc_gain_db = 0.0": "@@high_pass = true"},
     "defaults.high_pass: is decided by the mode"),
    ("defaults_are_for_boards_to_change",
     {'mic_bias_level = "0.9 AVDD"': '@@mic_bias_level = "0.9"'},
     "defaults.mic_bias_level: '0.9' is none of 0.9 AVDD, 0.65 AVDD"),
    ("sequences_name_real_fields_and_controls",
     {'guard = ["POWER1.VREF"]': '@@guard = ["POWER1.VREFF"]'},
     "sequences.active[3].guard: there is no field 'POWER1.VREFF'; "
     "did you mean 'POWER1.VREF' or 'POWER1.AINR' or 'POWER1.ADCR'?"),
    ("sequences_name_real_fields_and_controls",
     {'set.POWER1.VREF = "on"': 'set.POWER1.@@VREF = "up"'},
     "sequences.active[5].set.POWER1.VREF: 'up' is none of off, on"),
    ("sequences_name_real_fields_and_controls",
     {'apply = ["clock"]': 'apply = ["clock", @@"clok"]'},
     "sequences.active[9].apply[1]: there is no control 'clok'; did you mean 'clock'?"),
    ("sequences_name_real_fields_and_controls",
     {'apply = ["playback"]': 'apply = ["playback", @@"input_gain_db"]'},
     "sequences.active[19].apply[1]: 'input_gain_db' is a total; apply 'boost_db' and 'pga_db'"),
    ("sequences_name_real_fields_and_controls",
     {'forget = ["LINVOL", "RINVOL"]': 'forget = ["LINVOL", @@"RVOL"]'},
     "sequences.active[2].forget[1]: there is no register 'RVOL'; did you mean 'RINVOL' or 'LINVOL'?"),
    ("guards_guard_something",
     {'note = "sound"\n': 'note = "sound"\n@@guard = ["ALC1"]\n'},
     "sequences.active[19].guard: no later step that is always taken changes any of these"),
    ("every_control_is_applied",
     {'apply = ["mic_bias_level", "mic_bias", ': 'apply = ["mic_bias_level", ',
     "mic_bias = { fields": "@@mic_bias = { fields"},
     "controls.mic_bias: no step of [[sequences.active]] applies this"),
    ("unknown_reset_registers_fully_written",
     {"reset = 0x1c0": '@@reset = "unknown"'},
     "registers.CLOCK2.reset: is unknown, so every bit needs a field; 0x030 has none"),
    ("unknown_reset_registers_fully_written",
     {'LINMUTE = "muted", LIZC = "off", LINVOL = 0.0': 'LINMUTE = "muted", LINVOL = 0.0',
     'reset = "unknown"': '@@reset = "unknown"'},
     "registers.LINVOL.reset: is unknown, but [[sequences.standby]] does not set LINVOL.LIZC"),
    ("forgotten_registers_are_written_again",
     {'forget = ["LINVOL", "RINVOL"]': 'forget = ["LINVOL", @@"BYPASS1", "RINVOL"]'},
     "sequences.active[2].forget[1]: no later step sets BYPASS1.LB2LO, BYPASS1.LB2LOVOL again"),
    ("clock_rows_can_be_set",
     {'PLLPRESCALE = "/2", PLLN = 8': 'PLLPRESCALE = "/2", @@PLLN = 13'},
     "clocks[0].set.PLL1.PLLN: 13 is outside 6 ... 12"),
    ("clock_rows_can_be_set",
     {"rate_hz = 48_000": "rate_hz = 32_000", '"44.1-48k"\n\n[[rates]]': '"44.1-48k"\n\n[[@@rates]]'},
     "rates[1]: has the frequencies of an earlier row"),
    ("rates_have_a_clock",
     {"sysclk_hz = 12_288_000\nrate_hz = 48": "@@sysclk_hz = 12_000_000\nrate_hz = 48"},
     "rates[0].sysclk_hz: no row of [[clocks]] makes this; they make 11289600, 12288000"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "edits", "message"), BROKEN)
def test_a_broken_rule_is_told_with_its_place(tmp_path: Path, rule: str, edits: dict[str, str], message: str) -> None:
    text, place = take_mark(replaced(CODEC, edits))
    assert f"wm8960.toml:{place}: {message}" in codec_problems(tmp_path, text)


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _, _ in BROKEN} == {check.__name__ for check in (*REGISTER_CHECKS, *REFERENCE_CHECKS)}


# what stands in the file, what is written instead, the message
MISSHAPEN = [
    ('bits = "5:0"', '@@bits = "0:5"',
     "registers.LINVOL.fields.LINVOL.bits: '0:5' is the wrong way round; write 5:0"),
    ('bits = "5:0"', '@@bits = "5-0"',
     "registers.LINVOL.fields.LINVOL.bits: '5-0' is no range such as \"7:4\" or \"8\""),
    ('bits = "5:0"', "@@bits = 5",
     'registers.LINVOL.fields.LINVOL.bits: is a number; it must be text such as "7:4" or "8"'),
    ('latch = "pga"', '@@latch = "pga", values = { off = 0 }',
     "registers.LINVOL.fields.IPVU.latch: a field has one meaning, and 'values' is there already"),
    ("step = 0.75", "@@stepp = 0.75",
     "registers.LINVOL.fields.LINVOL.linear.stepp: is not known here; did you mean 'step'?"),
    ("reset = 0x1c0", '@@reset = "unkown"',
     'registers.CLOCK2.reset: is text; it must be a whole number, 0 ... 65535 or "unknown"'),
    ('wire = "7+9"', '@@wire = "9+7"', "bus.wire: '9+7' is not possible; known: 7+9, 8+8, 16+16"),
    ("readable = false", '@@readable = "no"', "bus.readable: is text; it must be true or false"),
    ("[0x1a]", "[@@0x9a]", "bus.addresses[0]: is not a 7-bit I2C address, 0x08 ... 0x77"),
    ('apply = ["clock"]', "apply = [@@4]", "sequences.active[9].apply[0]: is a number; it must be text"),
    ("wait_ms = 250", "@@wait_ms = -1", "sequences.active[10].wait_ms: -1 is outside 0 ... 10000"),
    ("wait_ms = 250", "@@wait = 250", "sequences.active[10].wait: is not known here; did you mean 'wait_ms'?"),
    ("rate_hz = 8_000", "@@rate_hz = 0", "rates[4].rate_hz: 0 is outside 1 ... 1000000000"),
    ("full_scale_dbv = 0.0", "@@full_scale_dbv = nan", "full_scale_dbv: nan is beyond all measure"),
    ("full_scale_dbv = 0.0", "@@full_scale_dbv = 2020-02-02",
     "full_scale_dbv: is a date or time; it must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MISSHAPEN)
def test_a_value_of_the_wrong_shape_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    text, place = take_mark(replaced(CODEC, {old: new}))
    assert f"wm8960.toml:{place}: {message}" in codec_problems(tmp_path, text)


def test_every_mistake_is_told_in_one_pass(tmp_path: Path) -> None:
    edits = {
        "address = 0x01": "address = 0x00",
        'fields.VREF    = { bits = "6"': 'fields.VREF    = { bits = "6:8"',
        'words = { codec = "provider"': 'words = { codec = "giver"',
        "wait_ms = 250": "wait = 250",
        "rate_hz = 8_000": "rate_hz = 0",
    }
    problems = codec_problems(tmp_path, replaced(CODEC, edits))
    assert len(problems) == len(edits)
    lines = [int(problem.split(":")[1]) for problem in problems]
    assert lines == sorted(lines)


def test_a_field_that_cannot_be_read_is_told_once_although_much_depends_on_it(tmp_path: Path) -> None:
    edits = {'fields.LINVOL  = { bits = "5:0"': 'fields.LINVOL  = { bits = "50"'}
    assert len(codec_problems(tmp_path, replaced(CODEC, edits))) == 1
