"""Descriptions of codecs beside the kernel's drivers; and a description that is spoiled is found out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from firmware_py.board import ClockRow, CodecDescription
from firmware_py.descriptions import load_codec
from firmware_py.registers import Field, Linear, Names, Register, Steps, Wire
from hil.bench.witness import Comparison, compare, compared
from hil.bench.witness_findings import AGREED, CONTRADICTED, KNOWN, SILENT, UNDESCRIBED
from hil.bench.witness_known import KNOWN_ERRORS
from hil.witness import load, recorded

DESCRIBED = {file.stem for file in (Path(__file__).parents[2] / "boards" / "codecs").glob("*.toml")}


@pytest.fixture(scope="module", params=recorded())
def comparison(request) -> Comparison:
    if request.param not in DESCRIBED:
        pytest.skip(f"not tested: boards/codecs has no {request.param}.toml")
    return compare(request.param)


def test_no_driver_contradicts_a_description_without_a_known_reason(comparison):
    assert [finding.sentence for finding in comparison.contradictions] == []


def test_every_field_has_a_verdict_and_many_are_witnessed(comparison):
    assert [field.field for field in comparison.fields] == load_codec(comparison.codec).map.field_paths
    assert comparison.count(AGREED) > len(comparison.fields) / 4


def test_every_known_error_of_a_driver_is_met(comparison):
    met = {(finding.aspect, finding.detail, finding.reason) for finding in comparison.known}
    assert met == {(one.aspect, one.detail, one.reason) for one in KNOWN_ERRORS if one.codec == comparison.codec}


def test_a_comparison_is_json(comparison):
    assert msgspec.json.decode(msgspec.json.encode(comparison), type=Comparison) == comparison


# --- spoiled: the WM8960 ---------------------------------------------------------------------------------------------

WHOLE = load_codec("wm8960")
RECORDING = load("wm8960")
PLAIN = compared(WHOLE, RECORDING)


def with_registers(change: Callable[[Register], Register]) -> CodecDescription:
    registers = {name: change(register) for name, register in WHOLE.map.registers.items()}
    return replace(WHOLE, map=replace(WHOLE.map, registers=registers))


def with_field(path: str, field: Field | None) -> CodecDescription:
    """One field another, or none."""

    def change(register: Register) -> Register:
        if register.name != path.partition(".")[0]:
            return register
        fields = {n: f for n, f in register.fields.items() if n != path.partition(".")[2]}
        return replace(register, fields=fields | ({field.name: field} if field else {}))

    return with_registers(change)


def objections(codec: CodecDescription) -> list[str]:
    return [finding.subject for finding in compared(codec, RECORDING).contradictions]


def fields_with(aspect: str) -> list[str]:
    return [finding.subject for finding in PLAIN.findings if (finding.aspect, finding.verdict) == (aspect, AGREED)]


DECIBELS = [p for p in dict.fromkeys(fields_with("scale")) if isinstance(WHOLE.map.find(p)[1].scale, Linear)]
WIDE = [
    finding.subject
    for finding in PLAIN.findings
    if (finding.aspect, finding.verdict, finding.detail) == ("bits", AGREED, "")
    and WHOLE.map.find(finding.subject)[1].msb > WHOLE.map.find(finding.subject)[1].lsb
]
SWITCHES = dict.fromkeys([*fields_with("polarity"), *fields_with("widget")])


@pytest.mark.parametrize("steps", [-1, 1])
@pytest.mark.parametrize("path", DECIBELS)
def test_decibels_that_are_wrong_by_a_step_are_contradicted(path, steps):
    field = WHOLE.map.find(path)[1]
    assert isinstance(field.scale, Linear)
    wrong = replace(field.scale, first=field.scale.first + steps * field.scale.step)
    assert objections(with_field(path, replace(field, scale=wrong))) == [path]


@pytest.mark.parametrize("path", DECIBELS)
def test_decibels_that_run_the_other_way_are_contradicted(path):
    field = WHOLE.map.find(path)[1]
    assert isinstance(field.scale, Linear)
    low, high = field.scale.codes
    wrong = replace(field.scale, first=field.scale.at(high) + field.scale.step * low, step=-field.scale.step)
    assert path in objections(with_field(path, replace(field, scale=wrong)))


@pytest.mark.parametrize("path", SWITCHES)
def test_a_switch_that_is_the_other_way_round_is_contradicted(path):
    field = WHOLE.map.find(path)[1]
    assert isinstance(field.scale, Names)
    wrong = Names({name: 1 - code for name, code in field.scale.values.items()})
    assert objections(with_field(path, replace(field, scale=wrong))) == [path]


@pytest.mark.parametrize("bits", [-1, 1])
@pytest.mark.parametrize("path", WIDE)
def test_a_field_that_is_moved_by_a_bit_is_contradicted(path, bits):
    field = WHOLE.map.find(path)[1]
    moved = replace(field, msb=field.msb + bits, lsb=field.lsb + bits)
    if moved.lsb < 0:
        pytest.skip("there is no bit below")
    assert path in objections(with_field(path, moved))


def test_a_switch_that_is_moved_to_a_bit_of_nothing_leaves_the_driver_moving_what_is_not_described():
    moved = replace(WHOLE.map.find("NOISEG.NGAT")[1], msb=1, lsb=1)
    found = compared(with_field("NOISEG.NGAT", moved), RECORDING)
    assert [(f.subject, f.witness) for f in found.findings if f.verdict == UNDESCRIBED] == [
        ("NOISEG", "Noise Gate Switch")
    ]


@pytest.mark.parametrize("path", dict.fromkeys(fields_with("latch")))
def test_a_latch_that_is_left_out_is_contradicted(path):
    assert path.partition(".")[0] in objections(with_field(path, None))


def test_a_latch_that_the_driver_never_sets_is_contradicted():
    strobe = Field("NOTHING", 7, 7, WHOLE.map.find("LDAC.DACVU")[1].scale, latch="input")
    assert set(objections(with_field("INBMIX1.NOTHING", strobe))) == {"INBMIX1.NOTHING"}


@pytest.mark.parametrize(
    ("table", "spoiled", "why"),
    [
        ("clocks", {"PLL1.PLLN": 9},               "another PLL"),
        ("clocks", {"PLL2.PLLK_23_16": 0x32},      "another PLL by a 256th"),
        ("rates",  {"CLOCK1.DACDIV": "/2"},        "another rate"),
        ("rates",  {"ADDCTL3.ADC_ALC_SR": "8k"},   "the ALC counts by another rate"),
    ],
)  # fmt: skip
def test_a_clock_row_with_a_wrong_value_is_contradicted(table: str, spoiled: Mapping[str, str | int], why: str):
    rows: tuple[ClockRow, ...] = getattr(WHOLE, table)
    wrong = replace(rows[0], set={**rows[0].set, **spoiled})
    found = objections(replace(WHOLE, **{table: (wrong, *rows[1:])}))
    assert {subject.partition(" ")[0] for subject in found} == {"clocks"}, why


def test_a_wrong_reset_word_is_contradicted():
    assert objections(
        with_registers(lambda one: replace(one, reset=0x07C) if one.name == "ALC1" else one)
    ) == ["ALC1"]  # fmt: skip


def test_another_wire_is_contradicted():
    assert "wire" in objections(replace(WHOLE, map=replace(WHOLE.map, wire=Wire("8+8", readable=False))))


def test_a_name_at_another_code_is_contradicted():
    field = WHOLE.map.find("ALC1.ALCSEL")[1]
    wrong = replace(field, scale=Names({"off": 0, "left": 1, "right": 2, "stereo": 3}))
    assert objections(with_field("ALC1.ALCSEL", wrong)) == ["ALC1.ALCSEL"]


@pytest.mark.parametrize(
    ("path", "names", "aspect"),
    [
        ("IFACE1.MS",  {"first": 0, "second": 1}, "provider"),
        ("IFACE1.LRP", {"plain": 0, "other": 1},  "format"),
    ],
)  # fmt: skip
def test_a_field_of_which_no_name_can_be_compared_is_not_witnessed(path, names, aspect):
    found = compared(with_field(path, replace(WHOLE.map.find(path)[1], scale=Names(names))), RECORDING)
    assert {(f.aspect, f.verdict) for f in found.findings if f.subject == path} == {(aspect, SILENT)}
    assert next(field.verdict for field in found.fields if field.field == path) == SILENT


def test_a_field_that_moves_with_the_format_and_is_called_by_none_is_not_witnessed():
    found, path = compare("sgtl5000"), "CHIP_I2S_CTRL.LRALIGN"
    assert [(f.aspect, f.verdict) for f in found.findings if f.subject == path] == [("format", SILENT)]
    assert next(field.verdict for field in found.fields if field.field == path) == SILENT


def test_of_items_in_a_unit_that_is_not_ours_only_the_bits_agree():
    codec, path = load_codec("da7212"), "DAC_FILTERS5.DAC_SOFTMUTE_RATE"
    assert isinstance(codec.map.find(path)[1].scale, Steps)
    found = compare("da7212").findings
    about = {f.aspect: (f.verdict, f.detail.partition(";")[0]) for f in found if f.subject == path}
    assert about == {"bits": (AGREED, ""), "names": (SILENT, "only its bits agree")}


def test_a_known_error_excuses_no_other_difference():
    codec, path = load_codec("da7212"), "DAC_L_GAIN.DAC_L_DIGITAL_GAIN"
    register, field = codec.map.find(path)
    assert isinstance(field.scale, Linear)
    spoiled = replace(field, scale=replace(field.scale, first=field.scale.first + 0.75))
    registers = {register.name: replace(register, fields={**register.fields, field.name: spoiled})}
    wrong = replace(codec, map=replace(codec.map, registers={**codec.map.registers, **registers}))
    assert path in [finding.subject for finding in compared(wrong, load("da7212")).contradictions]


def test_where_a_driver_is_known_to_be_wrong_the_verdict_says_so():
    verdict = next(field for field in PLAIN.fields if field.field == "DACCTL1.ADCHPD")
    assert (verdict.verdict, verdict.witnesses) == (KNOWN, ("ADC High Pass Filter Switch",))
    assert CONTRADICTED not in {finding.verdict for finding in PLAIN.findings}
