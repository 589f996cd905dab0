"""The benchmark of descriptions has a figure for everything that it promises; how large it is, is the machine's affair."""

import json
from pathlib import Path

from firmware_py.cli import main

BOARDS = Path(__file__).parents[2] / "boards"


def test_the_benchmark_reads_every_board_and_prints_its_figures(capsys):
    assert main(["bench", "descriptions", "--rounds", "1", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    assert cost["boards"] == len(list(BOARDS.glob("*.toml")))
    assert 0.0 < cost["read_ms"] < cost["check_ms"]
    assert 0.0 < cost["plan_ms"] <= cost["worst_plan_ms"]
    assert main(["bench", "descriptions", "--rounds", "1"]) == 0
    assert "one plan: " in capsys.readouterr().out
