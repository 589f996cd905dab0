"""`audiohat bench engine`, as far as a test may say: what is measured is there; how late it was is for whoever reads it."""

import json

import pytest

from firmware_py.cli import main
from hil.bench.lateness import WAYS
from hil.bench.paced import CompiledCard, InterpretedCard


def test_the_benchmark_prints_each_way_with_its_figures(capsys):
    assert main(["bench", "engine", "--seconds", "0.3", "--rounds", "1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {*WAYS, "start"}
    for name in WAYS:
        assert {"period_us", "p50_us", "p99_us", "max_us", "missed", "periods"} == set(printed[name])
        assert printed[name]["period_us"] == 4000.0
        assert printed[name]["periods"] > 0
    assert printed["start"]["first_period_s"] > 0.0
    assert printed["start"]["resident_mb"] < 180.0


@pytest.mark.parametrize("card", [CompiledCard, InterpretedCard])
def test_a_paced_card_is_never_early_and_counts_every_period(card):
    pcm = card(1000)
    way = {CompiledCard: "production", InterpretedCard: "pyalsaaudio"}[card]
    late_us = WAYS[way](0.2)
    assert 0 < len(late_us) <= 60
    assert late_us.min() >= 0.0
    assert len(pcm.lateness_us) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bench"],                              "required: PART"),
        (["bench", "engin"],                     "invalid choice: 'engin'"),
        (["bench", "engine", "--seconds", "0"],  "a number of seconds from 0.1 to 3600"),
        (["bench", "engine", "--seconds", "x"],  "x: a number of seconds from 0.1 to 3600"),
        (["bench", "engine", "--rounds", "1.5"], "1.5: a number of rounds from 1 to 1000"),
        (["bench", "engine", "--rounds", "-1"],  "a number of rounds from 1 to 1000"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
