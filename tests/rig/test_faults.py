"""Mistakes in a description: that each kind is made, that the healthy board is taken for healthy, and that bad ones are seen.

The whole suite of a board is a command (`audiohat board faults`); here a sample of every kind is tried on every board.
"""

from collections import Counter
from dataclasses import replace

import pytest

from firmware_py.descriptions import board_names, load_board
from firmware_py.registers import Linear, Names
from hil.bench.faults import Journey, judge, travel
from hil.bench.mutations import KINDS, Mutation, mutations
from hil.sim.hats import HATS

BOARDS = sorted(HATS.keys() & set(board_names()))
SAMPLE = 11  # every eleventh mistake


def test_there_is_a_model_of_every_board() -> None:
    assert set(BOARDS) == {"adafruit-braincraft", "adafruit-voice-bonnet", "audio-injector-stereo", "codec-zero",
                           "iqaudio-codec-zero", "keyestudio-ks0314", "respeaker-2mic-v1", "respeaker-2mic-v2",
                           "waveshare-wm8960"}  # fmt: skip


@pytest.mark.parametrize("name", BOARDS)
def test_the_healthy_board_is_as_promised_at_every_stop(name):
    journey = Journey(load_board(name))
    record = travel(journey, journey.board)
    assert (record.by, record.evidence) == ("", "")
    again = travel(journey, journey.board)
    assert again.log == record.log


@pytest.mark.parametrize("name", ["respeaker-2mic-v1", "respeaker-2mic-v2", "codec-zero", "audio-injector-stereo"])
def test_most_mistakes_of_a_sample_are_noticed(name):
    journey = Journey(load_board(name))
    healthy = travel(journey, journey.board)
    sample = list(mutations(journey.board.codec, journey.used()))[::SAMPLE]
    verdicts = Counter(judge(journey, healthy, mutation).verdict for mutation in sample)
    assert verdicts["caught"] >= 0.9 * (verdicts["caught"] + verdicts["escaped"]), verdicts
    assert verdicts["caught"] > len(sample) / 2


def test_every_kind_of_mistake_is_made(board):
    made = Counter(mutation.kind for mutation in mutations(board.codec, Journey(board).used()))
    assert set(made) == set(KINDS)
    assert all(made[kind] >= 2 for kind in KINDS)


def spoiled(board, path: str, **wrong) -> Mutation:
    """A mistake in one field's scale, or in the field itself."""
    register, field = board.codec.map.find(path)
    changed = replace(field, **wrong) if wrong.keys() <= {"msb", "lsb", "latch"} else field
    changed = replace(changed, scale=replace(field.scale, **wrong)) if changed is field else changed
    registers = {**board.codec.map.registers}
    registers[register.name] = replace(register, fields={**register.fields, field.name: changed})
    return Mutation("scale", path, "", replace(board.codec, map=replace(board.codec.map, registers=registers)))


@pytest.mark.parametrize(
    ("path", "wrong", "by", "says"),
    [
        ("LINVOL.LINVOL", {"step": 1.125}, "promise", "left input gain"),
        ("DACCTL1.ADCHPD", {"values": {"enabled": 1, "disabled": 0}}, "promise", "high_pass"),
        ("LOUT2.LOUT2VOL", {"msb": 7, "lsb": 1}, "description", "overlap"),
        (
            "IFACE1.FORMAT",
            {"values": {"right_justified": 0, "left_justified": 2, "i2s": 1, "dsp": 3}},
            "promise",
            "interface",
        ),
    ],
)
def test_who_notices_a_mistake_and_how_is_said(board, path, wrong, by, says):
    journey = Journey(board)
    assert isinstance(board.codec.map.find(path)[1].scale, Linear | Names)
    trial = judge(journey, travel(journey, board), spoiled(board, path, **wrong))
    assert (trial.verdict, trial.by) == ("caught", by)
    assert says in trial.evidence


def test_a_field_that_no_mode_uses_is_no_mistake_of_this_board(board):
    assert "IFACE2.DACCOMP" in board.codec.map.field_paths
    assert "IFACE2.DACCOMP" not in Journey(board).used()


def test_a_description_that_writes_the_same_bytes_is_equivalent(board):
    journey = Journey(board)
    same = Mutation("latch", "LINVOL", "the other channel's strobe moves both", board.codec)
    trial = judge(journey, travel(journey, board), same)
    assert trial.verdict == "equivalent"
    assert "same bytes" in trial.evidence
