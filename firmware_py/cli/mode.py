"""The five modes: what they are, what they mean on a board, and which one is set.

    audiohat mode list
    audiohat mode explain voiceChat
    audiohat mode diff default measurement
    audiohat mode set voiceChat --category playAndRecord      of the button's session, on the board that is served
    audiohat mode get

`list`, `explain` and `diff` need no server. Where none runs, `set` and `get` with --board virtual:NAME take a virtual board
of their own, and `set` prints the plan by which its codec came to the mode. Modes are spelled as Apple spells them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from firmware_py.audio import AudioSessionError
from firmware_py.board import Board
from firmware_py.cli import NO_HARDWARE, PASS
from firmware_py.cli.session import add_server_arguments, complain, exit_code, show, warn_of_misuse
from firmware_py.cli.tables import print_json, width
from firmware_py.descriptions import load_board
from firmware_py.explain import Measured, Row, difference, explain, measured
from firmware_py.hardware import DEFAULT_BOARD, open_device, split_name
from firmware_py.modes import PROFILES, Category, Mode, named
from firmware_py.serve import Client, NoServer
from firmware_py.serve import protocol as p
from firmware_py.serve.answers import Answers

HELP = "list, explain and compare the modes; get and set that of a session"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    on_board = argparse.ArgumentParser(add_help=False)
    on_board.add_argument("--board", default=DEFAULT_BOARD, metavar="NAME", help=f"default {DEFAULT_BOARD}")
    on_board.add_argument(
        "--category", default=str(Category.PLAY_AND_RECORD), metavar="NAME", help="default playAndRecord"
    )
    served = argparse.ArgumentParser(add_help=False)
    add_server_arguments(served)
    served.add_argument("--session", default="device", metavar="NAME", help="default: device, the button's")

    actions.add_parser("list", parents=[common], help="the five modes")
    one = actions.add_parser("explain", parents=[common, on_board], help="what a mode means on a board")
    one.add_argument("mode", metavar="MODE")
    one.add_argument("--cold", action="store_true", help="the plan for a codec of which nothing is known")
    two = actions.add_parser("diff", parents=[common, on_board], help="blocks and registers in which two modes differ")
    two.add_argument("mode", metavar="MODE")
    two.add_argument("other", metavar="OTHER")
    actions.add_parser("get", parents=[common, served], help="the mode of a session")
    put = actions.add_parser("set", parents=[common, served], help="set the mode of a session")
    put.add_argument("mode", metavar="MODE")
    put.add_argument("--category", metavar="NAME", help="set the category, too")


def run(options: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    try:
        _ACTIONS[options.action](options)
    except NoServer as error:
        return complain(error, NO_HARDWARE)
    except AudioSessionError as error:
        return complain(error, exit_code(error))
    return PASS


def _list(options: argparse.Namespace) -> None:
    if options.json:
        print_json({
            mode: {
                "title": profile.title,
                "promise": profile.promise,
                "categories": sorted(profile.categories),
                "rate_hz": profile.rate_hz,
                "period_frames": profile.period_frames,
            }
            for mode, profile in PROFILES.items()
        })  # fmt: skip
        return
    table = Table("mode", "rate, period", "categories", "promise", box=SIMPLE_HEAD)
    for mode, profile in PROFILES.items():
        stream = f"{profile.rate_hz / 1e3:g} kHz, {profile.period_frames / profile.rate_hz * 1e3:.1f} ms"
        categories = "all" if profile.categories == frozenset(Category) else "\n".join(sorted(profile.categories))
        table.add_row(mode, stream, categories, profile.promise)
    _console().print(table)


def _explain(options: argparse.Namespace) -> None:
    board, mode = _board(options), named(Mode, options.mode)
    told = explain(board, mode, named(Category, options.category), cold=options.cold)
    found = measured(board.name, told.effective)
    if options.json:
        print_json({
            "board": told.board, "mode": told.mode, "effective": told.effective, "category": told.category,
            "promise": told.promise, "blocks": told.blocks, "missing": told.missing,
            "settings": told.plan.settings, "plan": str(told.plan).splitlines(), "measured": found,
        })  # fmt: skip
        return
    console = _console()
    acts = "" if told.effective is mode else f", which behaves as {told.effective} there"
    console.print(
        f"[b]{PROFILES[mode].title}[/] in {told.category} on {told.board}{acts}: {told.promise}", highlight=False
    )
    table = Table("block", "", "how much", box=SIMPLE_HEAD)
    for block in told.blocks:
        table.add_row(block.name, "on" if block.on else "off", block.detail)
    console.print(table)
    for sentence in told.missing:
        console.print(f"missing: {sentence}", highlight=False)
    start = "nothing is known of the codec" if options.cold else "the codec has been reset"
    console.print(f"Registers, when {start}:\n")
    print("\n".join(str(step) for step in told.plan.steps))
    console.print(_measured_table(found) if found else "\nNot measured yet: audiohat demo")


def _diff(options: argparse.Namespace) -> None:
    board, a, b = _board(options), named(Mode, options.mode), named(Mode, options.other)
    blocks, registers = difference(board, a, b, named(Category, options.category))
    if options.json:
        print_json({"board": board.name, "a": a, "b": b, "blocks": blocks, "registers": registers})
        return
    for heading, rows in (("block", blocks), ("register", registers)):
        table = Table(heading, str(a), str(b), box=SIMPLE_HEAD)
        for row in rows:
            table.add_row(row.what, row.a, row.b)
        _console().print(table if rows else f"no {heading} differs")


def _get(options: argparse.Namespace) -> None:
    facts, _ = _ask(options, {})
    show(facts, as_json=options.json)


def _set(options: argparse.Namespace) -> None:
    wishes = {"mode": str(named(Mode, options.mode))}
    if options.category:
        wishes["category"] = str(named(Category, options.category))
    facts, plan = _ask(options, wishes)
    if plan and not options.json:
        print(plan)
    show({**facts, "plan": plan.splitlines()} if plan else facts, as_json=options.json)
    warn_of_misuse(facts)


def _ask(options: argparse.Namespace, wishes: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Facts of the session after *wishes* came true; and, on a virtual board of our own, the plan that it then took."""
    try:
        with Client(options.socket, board=options.board) as client:
            if wishes:
                return client.call("session.set", name=options.session, **wishes), ""
            return client.call("session.get", name=options.session), ""
    except NoServer:
        if not options.board or not split_name(options.board)[0]:
            raise
    answers = Answers(open_device(options.board), options.board, lambda event: None)
    try:
        if not wishes:
            return answers.answer(p.SessionGet(id=0, name=options.session), set()), ""
        answers.answer(p.SessionSet(id=0, name=options.session, **wishes), set())
        facts = answers.answer(p.SessionActivate(id=0, name=options.session), set())
        return facts, str(answers.answer(p.Status(id=0), set())["plan"])
    finally:
        answers.close()


def _board(options: argparse.Namespace) -> Board:
    """A virtual board is described as the real one is."""
    return load_board(split_name(options.board)[1])


def _measured_table(found: Measured) -> Table:
    title = f"Measured {found.started} on the bench {found.bench}: {found.verdict}"
    table = Table("measurement", "value", "limit", "verdict", title=title, title_justify="left", box=SIMPLE_HEAD)
    for row in found.rows:
        value = "-" if row.value is None else f"{row.value:.4g} {row.unit}"
        table.add_row(row.title, value, _limit(row), row.verdict)
    return table


def _limit(row: Row) -> str:
    if row.lower is not None and row.upper is not None:
        return f"{row.lower:.4g} ... {row.upper:.4g}"
    if row.lower is not None:
        return f">= {row.lower:.4g}"
    return "" if row.upper is None else f"<= {row.upper:.4g}"


def _console() -> Console:
    return Console(width=width())


_ACTIONS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "list": _list,
    "explain": _explain,
    "diff": _diff,
    "get": _get,
    "set": _set,
}
