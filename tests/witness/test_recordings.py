"""The recordings of the kernel's drivers: they load, they are whole, and they say what is known in closed form."""

import pytest

from hil.witness import Write, load, recorded
from hil.witness.reduce import decibels, reduced, relation
from hil.witness.writes import Bus, Pause, parse

COUNTS = {"da7212": 102, "es8388": 24, "sgtl5000": 28, "tlv320aic3104": 78, "wm8731": 14, "wm8960": 59}


def test_six_codecs_are_recorded_with_all_their_controls():
    assert {codec: len(load(codec).controls) for codec in recorded()} == COUNTS


@pytest.mark.parametrize(
    ("codec", "control", "register", "msb", "lsb", "codes"),
    [
        ("wm8960", "ADC High Pass Filter Switch", 0x05, 0, 0, {0: 0, 1: 1}),
        ("wm8960", "ALC Target",                  0x11, 3, 0, {value: 15 - value for value in range(16)}),
        ("wm8731", "Sidetone Playback Volume",    0x04, 7, 6, {0: 3, 1: 2, 2: 1, 3: 0}),
        ("da7212", "ToneGen Sinewave1 Freq",      0xB7, 7, 0, {value: value & 255 for value in range(65536)}),
    ],
)  # fmt: skip
def test_a_control_moves_its_bits(codec, control, register, msb, lsb, codes):
    move = load(codec).controls[control].moves[0]
    assert (move.register, move.msb, move.lsb, move.codes) == (register, msb, lsb, codes)


def test_the_volumes_of_a_wm8960_are_written_with_their_update_bit():
    assert [move.with_bits for move in load("wm8960").controls["Headphone Playback Volume"].moves] == [0x100, 0x100]


def test_a_scale_is_silent_where_the_driver_says_so():
    scale = load("wm8731").controls["Master Playback Volume"].moves[0].db
    assert (scale[0], scale[121], scale[127]) == (None, 0.0, 6.0)


def test_every_relation_covers_all_values_that_were_not_refused():
    for codec in recorded():
        for control in load(codec).controls.values():
            for move in control.moves:
                assert set(move.codes) >= set(range(control.minimum, control.maximum + 1)), control.name


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ({0: 0, 1: 1, 2: 2}, "value"),
        ({0: 3, 1: 2, 2: 1}, "3-value"),
        ({-1: 0, 0: 1, 1: 2}, "value+1"),
        ({0: 0, 1: 3}, [0, 3]),
        ({value: value >> 4 & 15 for value in range(256)}, "value>>4&15"),
    ],
)
def test_values_and_codes_have_the_shortest_relation(codes, said):
    assert relation(codes) == said


@pytest.mark.parametrize("text", ["0F=000 ~250 08=1FF", ""])
def test_what_was_written_reads_back(text):
    assert Bus.named("7+9").text(parse(text)) == text


def test_pauses_keep_two_digits_and_reads_are_no_writes():
    log = [[0, "W", "1e00"], [252_300, "W", "0c7f"], [252_400, "W", "0c"], [252_500, "R", ""]]
    assert Bus.named("7+9").read(log) == [Write(15, 0), Pause(250), Write(6, 0x7F)]


def test_the_reducer_finds_an_inverted_field_and_keeps_the_step_that_it_cannot_foretell():
    steps = [[[0], 0, [[0, "W", "053e"]]], [[1], 0, [[0, "W", "05be"], [1, "W", "053c"]]], [[2], 0, [[0, "W", "053a"]]]]
    told = {"channels": 1, "steps": steps, "restored": []}
    found = reduced(told, Bus.named("8+8"), {5: 0x38})
    (one,) = found.fields
    assert (one.register, one.msb, one.lsb, relation(one.codes)) == (5, 2, 1, "3-value")
    assert [step.values for step in found.unexplained] == [(1,)]


def test_a_scale_of_ranges_becomes_straight_pieces():
    ranges = [3, 48, 0, 1, 1, 8, (1 << 32) - 600, 600, 2, 3, 1, 8, 300, 150]
    assert decibels(ranges, 0, 3) == [[0, 1, -6.0, 0.0, 0], [2, 3, 3.0, 4.5, 0]]
