"""Boards: which there are, what they are, what is wrong with their files, and how their codec comes to a mode.

    audiohat board list
    audiohat board show respeaker-2mic-v1
    audiohat board check                            every file of the search path; or the files and folders that are named
    audiohat board plan codec-zero --mode VoiceChat --from Default

None of these touches hardware. A board is a name, or the path of its file. The folders that are searched, the first one wins:
those of $AUDIOHAT_BOARDS, ~/.config/audiohat/boards, /etc/audiohat/boards, and the boards that came with the program.

Other packages bring subcommands of their own: modules as for `audiohat.commands`, entry points of group `audiohat.board`.
They are loaded when they are called, so that a broken one costs nobody else anything.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from firmware_py.board import Board, CodecDescription
from firmware_py.cli import PASS, USAGE
from firmware_py.cli.described import board_facts, codec_facts, print_board, print_codec
from firmware_py.cli.tables import console, print_json, table
from firmware_py.codec import Plan, Poll, Wait, Write
from firmware_py.descriptions import load_board
from firmware_py.descriptions.checkup import Checked, Reader, check_files
from firmware_py.descriptions.reader import Problem, Problems, printable
from firmware_py.descriptions.shelf import named_files, search_path, shown
from firmware_py.errors import FirmwareError
from firmware_py.explain import impossible, mode_plan
from firmware_py.modes import PROFILES, Category, Mode, effective_mode, named

HELP = "list, show and check boards; the plan by which a codec comes to a mode"
GROUP = "audiohat.board"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")

    def add(name: str, act: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, parents=[common], help=help, description=help)
        action.set_defaults(act=act)
        return action

    add("list", _list, "every board that is found, and which modes its codec does whole")
    one = add("show", _show, "a board as it was read: wiring, clock, panel, and what its codec can and cannot do")
    one.add_argument("name", metavar="NAME")
    some = add("check", _check, "all that is wrong with boards and codecs, and with any mode on any of them")
    some.add_argument("paths", metavar="PATH", nargs="*", help="file, or folder with codecs/ in it; default: all")
    steps = add("plan", _plan, "the registers that bring a board to a mode, as bytes on the wire")
    steps.add_argument("name", metavar="NAME")
    steps.add_argument("--mode", required=True, metavar="MODE", help="as Measurement")
    steps.add_argument(
        "--category", default=str(Category.PLAY_AND_RECORD), metavar="NAME", help="default playAndRecord"
    )
    start = steps.add_mutually_exclusive_group()
    start.add_argument("--from", dest="previous", metavar="MODE", help="start in this mode, in the same category")
    start.add_argument("--cold", action="store_true", help="start where nothing is known of the codec: with a reset")
    start.add_argument("--warm", action="store_true", help="start after a reset and in standby (default)")

    for point in sorted(entry_points(group=GROUP)):
        help = f"brought by {point.value.partition('.')[0]}; see its own --help"
        _load_when_called(actions.add_parser(point.name, help=help), point)


def run(options: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    code: int = options.act(options)
    return code


def _load_when_called(parser: argparse.ArgumentParser, point: EntryPoint) -> None:
    """Let a module say what its subcommand takes once this is asked of it, and not before."""
    parse = parser.parse_known_args

    def load_and_parse(*arguments: Any, **named: Any) -> Any:
        try:
            module = point.load()
            module.add_arguments(parser)
            parser.set_defaults(act=module.run)
        except Exception as error:
            if os.environ.get("AUDIOHAT_TRACEBACK"):
                raise
            why = f"{type(error).__name__}: {error}"
            if isinstance(error, ImportError):
                why += "; what belongs to the rig needs pip install 'audiohat[bench]'"
            raise FirmwareError(f"audiohat board {point.name} cannot be loaded from {point.value}: {why}") from error
        parser.description, parser.formatter_class = module.__doc__, argparse.RawDescriptionHelpFormatter
        return parse(*arguments, **named)

    parser.parse_known_args = load_and_parse  # type: ignore[method-assign]  # argparse has no other place for this


# --- list -----------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    searched = search_path()
    reader = Reader(searched)
    boards = [(files[0], reader.file(files[0]), files[1:]) for files in named_files(searched).values()]
    if options.json:
        print_json([_listed(file, checked, hidden) for file, checked, hidden in boards])
    else:
        _print_list(searched, boards)
    return USAGE if any(_refusal(checked) for _, checked, _ in boards) else PASS


def _refusal(checked: Checked) -> str:
    """Why a file that should be a board's is none; empty if it is one."""
    if checked.board:
        return ""
    return str(checked.obstacles[0]) if checked.obstacles else f"{shown(checked.file)}: describes a codec, no board"


def _listed(file: Path, checked: Checked, hidden: Sequence[Path]) -> dict[str, object]:
    facts: dict[str, object] = {"name": printable(file.stem), "file": shown(file), "hides": [shown(h) for h in hidden]}
    board = checked.board
    if board is None:
        return {**facts, "error": _refusal(checked), "errors": len(checked.obstacles)}
    return facts | {
        "title": board.title, "codec": board.codec.name, "i2c_bus": board.i2c_bus, "i2c_address": board.i2c_address,
        "modes": dict(_shortcomings(board)),
    }  # fmt: skip


def _shortcomings(board: Board) -> Iterator[tuple[Mode, list[str]]]:
    """Every mode, with what this codec does otherwise, a sentence each: recording and playing at once."""
    for mode in Mode:
        try:
            yield mode, list(mode_plan(board, mode, Category.PLAY_AND_RECORD).missing)
        except FirmwareError as error:
            yield mode, [f"impossible: {error}"]


def _print_list(searched: Sequence[Path], boards: Sequence[tuple[Path, Checked, Sequence[Path]]]) -> None:
    for folder in searched:
        rows = table("board", "codec", "I2C", "modes", title=shown(folder), first_wraps=True)
        refusals = []
        for file, checked, hidden in boards:
            if folder in {path.parent for path in hidden}:
                rows.add_row(printable(file.stem), "", "", f"not used: {shown(file)} comes first")
            if file.parent != folder:
                continue
            if board := checked.board:
                name = f"{board.name}\n  {board.title}"
                rows.add_row(name, board.codec.title, f"0x{board.i2c_address:02x}", _whole(dict(_shortcomings(board))))
            else:
                rows.add_row(printable(file.stem), "", "", "unusable, see below")
                more = len(checked.obstacles) - 1
                refusals.append(_refusal(checked) + (f" (and {more} more: audiohat board check)" if more > 0 else ""))
        if rows.row_count:
            console().print(rows)
            for refusal in refusals:
                console().print(f"  {refusal}")
    console().print(
        "In brackets: in how many sentences the codec does otherwise than the mode asks; `audiohat board plan` says them."
    )


def _whole(shortcomings: Mapping[Mode, list[str]]) -> str:
    """The modes by how much of them this codec does: whole, or with so many sentences to say."""
    short = [f"{mode}({len(sentences)})" for mode, sentences in shortcomings.items() if sentences]
    if not short:
        return "all whole"
    return f"{len(shortcomings) - len(short)} of {len(shortcomings)} whole\n{', '.join(short)}"


# --- show -----------------------------------------------------------------------------------------------------------


def _show(options: argparse.Namespace) -> int:
    board = load_board(options.name)
    if options.json:
        print_json({**board_facts(board), "codec": codec_facts(board)})
    else:
        print_board(board)
        print_codec(board)
    return PASS


# --- check ----------------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    paths = [Path(os.path.expanduser(path)) for path in options.paths]
    checked = check_files(paths)
    problems = [problem for file in checked for problem in (*file.problems, *_in_a_mode(file))]
    if options.json:
        print_json([_problem(problem) for problem in problems])
    else:
        for problem in problems:
            print(problem)
        files = {problem.file for problem in problems}
        boards = sum(isinstance(file.facts, Board) for file in checked)
        codecs = sum(isinstance(file.facts, CodecDescription) for file in checked)
        verdict = f"{len(problems)} mistakes in {len(files)} files" if problems else "nothing is wrong"
        print(f"{boards} boards, {codecs} codecs: {verdict}", file=sys.stderr)
    return USAGE if problems else PASS


def _in_a_mode(checked: Checked) -> list[Problem]:
    """What is only found when a mode asks for it, told of the board: it is the board that brings codec and mode together."""
    if checked.board is None:
        return []
    problems = Problems(shown(checked.file), checked.text)
    for mode, reason in impossible(checked.board):
        problems.add(("modes", str(mode)), f"{checked.board.name} cannot do this mode: {reason}")
    return problems.found()


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": printable(problem.file), "line": problem.line or None, "column": problem.column or None,
        "key": printable(problem.key), "message": printable(problem.message),
    }  # fmt: skip


# --- plan -----------------------------------------------------------------------------------------------------------


def _plan(options: argparse.Namespace) -> int:
    mode, category = named(Mode, options.mode), named(Category, options.category)
    previous = named(Mode, options.previous) if options.previous else None
    board = load_board(options.name)
    effective = effective_mode(mode, category)
    plan = mode_plan(board, mode, category, cold=options.cold, previous=previous)
    start = f"the codec is in {effective_mode(previous, category)}" if previous else "the codec has been reset"
    start = "nothing is known of the codec" if options.cold else start
    if options.json:
        print_json({
            "board": board.name, "i2c_bus": board.i2c_bus, "i2c_address": board.i2c_address, "mode": mode,
            "effective": effective, "category": category, "start": start, "settings": plan.settings,
            "steps": [_step(board.codec, step) for step in plan.steps], "missing": plan.missing,
            "compromises": plan.compromises, "writes": len(plan.writes), "wait_ms": round(plan.wait_s * 1e3, 3),
        })  # fmt: skip
    else:
        acts = "" if effective is mode else f", which behaves as {effective} there"
        out = console()
        out.print(f"{PROFILES[mode].title} in {category} on {board.name}{acts}; {start}.")
        _print_plan(board, plan)
    return PASS


def _print_plan(board: Board, plan: Plan) -> None:
    out = console()
    asked = table("control", "value")
    for name, value in plan.settings.items():
        came_to = f", comes to {plan.compromises[name]:.3g}" if name in plan.compromises else ""
        lacks = " (it has none)" if name in board.codec.absent else ""
        asked.add_row(name, f"{_word(value)}{came_to}{lacks}")
    out.print(asked)
    for sentence in plan.missing:
        out.print(f"missing: {sentence}")
    out.print(f"On the wire to 0x{board.i2c_address:02x} of I2C bus {board.i2c_bus}:")
    steps = table("bytes", "register", "word", "what it means")
    for step in plan.steps:
        steps.add_row(*_row(board.codec, step))
    out.print(steps)
    out.print(f"{len(plan.writes)} writes, {plan.wait_s * 1e3:.0f} ms of waiting")


def _row(codec: CodecDescription, step: Write | Wait | Poll) -> tuple[str, str, str, str]:
    match step:
        case Write():
            register = step.register
            before = "" if step.before is None else f"{register.word(step.before)} -> "
            meaning = str(step).partition(f"-> {register.word(step.word)}")[2].strip()
            return _bytes(codec, step), register.name, f"{before}{register.word(step.word)}", meaning
        case Wait():
            return "", "", f"{step.seconds * 1e3:g} ms", f"wait: {step.reason}"
        case Poll():
            ask = codec.map.wire.address_bytes(step.register.address).hex(" ")
            return f"{ask} read", step.register.name, "", str(step)


def _step(codec: CodecDescription, step: Write | Wait | Poll) -> dict[str, object]:
    match step:
        case Write():
            return {
                "register": step.register.name, "page": step.register.page, "address": step.register.address,
                "before": step.before, "word": step.word, "bytes": _bytes(codec, step), "text": str(step),
            }  # fmt: skip
        case Wait():
            return {"wait_ms": round(step.seconds * 1e3, 3), "reason": step.reason}
        case Poll():
            return {
                "poll": f"{step.register.name}.{step.name}", "page": step.register.page, "address": step.register.address,
                "bytes": codec.map.wire.address_bytes(step.register.address).hex(" "), "until": step.code,
                "every_ms": round(step.every_s * 1e3, 3), "timeout_ms": round(step.timeout_s * 1e3, 3),
                "reason": step.reason, "else": [_step(codec, write) for write in step.otherwise],
            }  # fmt: skip


def _bytes(codec: CodecDescription, write: Write) -> str:
    return codec.map.wire.write_bytes(write.register.address, write.word).hex(" ")


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
