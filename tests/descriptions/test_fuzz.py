"""Whatever a description holds, it is loaded or refused in our own words, and what is loaded comes to a plan or is refused as well.

5020 cases, counted: 1740 spoiled texts and 3280 spoiled documents. Of these 3040 go on to a plan for every mode if they are
loaded, which 926 are: 502 of 1740 boards, 424 of 1300 codecs. The shipped codec is long, so its cases are few; the invented one
has the whole language in little.
"""

import contextlib
import pickle
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import invented
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marked import BOARD, CODEC

from firmware_py.board import Board
from firmware_py.cli.described import board_facts, codec_facts
from firmware_py.codec import plan
from firmware_py.descriptions import board_from, codec_from, load_codec
from firmware_py.descriptions.reader import read_toml
from firmware_py.errors import DescriptionError, FirmwareError
from firmware_py.explain import impossible, mode_plan
from firmware_py.modes import Category, Mode


def cases(count: int) -> settings:
    return settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


CODEC_DATA, BOARD_DATA = tomllib.loads(CODEC), tomllib.loads(BOARD)
SMALL_CODEC = tomllib.loads(invented.CODEC)
SMALL_BOARD = tomllib.loads(invented.BOARD) | {
    "rates_hz": [48_000, 16_000],
    "defaults": {"headphone_gain_db": -20.0},
    "modes": {"voiceChat": {"input_gain_db": 20.0, "high_pass": False}, "default": {"headphone_gain_db": -6.0}},
}
SHIPPED_CODEC = codec_from(CODEC_DATA, "wm8960.toml")
INVENTED_CODEC = codec_from(SMALL_CODEC, "xc88.toml")

SCRAPS = st.sampled_from(
    ["", "[", "]", "{", "}", "=", ".", ",", '"', "'", '"""', "\n", "#", "-", "inf", "nan", "1e999", "0x", "7", "\\",
     "true", "off", "[[clocks]]\n", "[registers.X]\n", "\x00", "ä", "9" * 30, "fields", "9:0", "1979-05-27"]
)  # fmt: skip
GROSS = ("replace", "exchange", "remove", "add")
FINE = ("bend", "bend", "bend", "bend", "bend", "exchange", "remove", "replace")
ODD = st.one_of(
    st.none().map(lambda _: {}),
    st.booleans(),
    st.integers(-3, 600),
    st.sampled_from([10**30, -(10**30), 2**53, 2**64, 0x1A, 48_000, 16_000, 44_100]),
    st.floats(),
    st.floats(-100.0, 100.0),
    st.text(max_size=6),
    st.sampled_from(
        ["LINVOL.IPVU", "POWER1.MICB", "LINVOL", "pga_db", "clock", "on", "off", "unknown", "samples", "both"]
    ),
    st.sampled_from(["8:0", "0:8", "99999:0", "0:0", "7", "1:300"]),
    st.lists(st.one_of(st.integers(0, 9), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(0, 9), st.just({})), max_size=2),
)


@st.composite
def spoiled_texts(draw: st.DrawFn, text: str) -> str:
    """The text with a few pieces cut out, doubled or replaced by scraps."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        text = text[:start] + draw(st.one_of(SCRAPS, st.just(text[start:end] * 2))) + text[end:]
    return text


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """All containers of a document with each of their keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from nodes(value[key])


NUMBERS = st.one_of(
    st.integers(-3, 300), st.floats(-130.0, 130.0), st.sampled_from([0, 1, 8_000, 16_000, 44_100, 48_000])
)


@st.composite
def spoiled_data(draw: st.DrawFn, data: dict[str, Any], kinds: Sequence[str] = GROSS) -> dict[str, Any]:
    """The document with a few values spoiled, in one of these kinds each.

    remove, add, replace   by whatever
    exchange               by another value of the document
    bend                   a number by a number, a word by another one that stands at such a key
    """
    data = pickle.loads(pickle.dumps(data))
    for _ in range(draw(st.integers(1, 3))):
        places = list(nodes(data))
        container, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(kinds)):
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(st.text(max_size=6))] = draw(ODD)
            case "exchange":
                other, its = places[draw(st.integers(0, len(places) - 1))]
                container[key] = pickle.loads(pickle.dumps(other[its]))
            case "bend":
                _bend(draw, places)
            case _:
                container[key] = draw(ODD)
    return data


def _bend(draw: st.DrawFn, places: list[tuple[Any, Any]]) -> None:
    leaves = [(c, k) for c, k in places if isinstance(c[k], int | float | str) and k not in ("title", "source", "note")]
    container, key = leaves[draw(st.integers(0, len(leaves) - 1))]
    if isinstance(container[key], str):
        alike = [c[k] for c, k in leaves if isinstance(c[k], str) and k == key]
        container[key] = alike[draw(st.integers(0, len(alike) - 1))]
    else:
        container[key] = draw(NUMBERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoiled")


def complaints(load: Callable[[Path], object], file: Path, text: str) -> list[str]:
    """The lines in which a file is refused; none if it is loaded. Any other error is a failure of the test."""
    file.write_text(text, encoding="utf-8")
    try:
        load(file)
    except DescriptionError as refusal:
        return str(refusal).splitlines()
    return []


def goes_on(board: Board) -> None:
    """A board that was loaded: shown, and brought to every mode in every way, or refused in our own words."""
    msgspec.json.encode({**board_facts(board), "codec": codec_facts(board)})
    refused = {mode for mode, reason in impossible(board) if reason}
    assert refused <= set(Mode)
    with contextlib.suppress(FirmwareError):
        str(mode_plan(board, Mode.VOICE_CHAT, Category.PLAY_AND_RECORD, previous=Mode.DEFAULT))
        assert Mode.VOICE_CHAT not in refused
    for sequence in ("standby", "off"):
        with contextlib.suppress(FirmwareError):
            str(plan(board.codec, None, {}, sequence, board.mclk_hz))


@cases(40)
@given(text=spoiled_texts(CODEC))
def test_a_spoiled_codec_file_is_loaded_or_refused(folder: Path, text: str) -> None:
    file = folder / "wm8960.toml"
    assert all(line.startswith(f"{file}:") for line in complaints(load_codec, file, text))


@cases(700)
@given(text=spoiled_texts(invented.CODEC))
def test_a_spoiled_small_codec_file_is_loaded_or_refused(folder: Path, text: str) -> None:
    file = folder / "xc88.toml"
    assert all(line.startswith(f"{file}:") for line in complaints(load_codec, file, text))


@cases(1000)
@given(text=spoiled_texts(BOARD))
def test_a_spoiled_board_file_is_loaded_or_refused(folder: Path, text: str) -> None:
    def load(file: Path) -> Board:  # as load_board, but the codec is not read every time
        data, text = read_toml(file, str(file))
        return board_from(data, SHIPPED_CODEC, str(file), text)

    file = folder / "respeaker-2mic-v1.toml"
    assert all(line.startswith(f"{file}:") for line in complaints(load, file, text))


@cases(40)
@given(data=spoiled_data(CODEC_DATA))
def test_spoiled_codec_data_are_taken_or_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(DescriptionError):
        codec_from(data, "wm8960.toml")


@cases(200)
@given(data=spoiled_data(BOARD_DATA))
def test_spoiled_board_data_are_taken_or_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(DescriptionError):
        board_from(data, SHIPPED_CODEC, "respeaker-2mic-v1.toml")


@cases(1300)
@given(data=spoiled_data(SMALL_CODEC, FINE))
def test_a_board_with_a_spoiled_codec_comes_to_plans_or_is_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(DescriptionError):
        goes_on(board_from(SMALL_BOARD, codec_from(data, "spoiled.toml"), "my-hat.toml"))


@cases(1740)
@given(data=spoiled_data(SMALL_BOARD, FINE))
def test_a_spoiled_board_comes_to_plans_or_is_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(DescriptionError):
        goes_on(board_from(data, INVENTED_CODEC, "my-hat.toml"))
