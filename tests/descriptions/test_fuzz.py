"""Whatever a description holds, it is loaded or refused in our own words."""

import contextlib
import copy
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marked import BOARD, CODEC

from firmware_py.descriptions import board_from, codec_from, load_board, load_codec
from firmware_py.errors import DescriptionError

QUICK = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
CODEC_DATA, BOARD_DATA = tomllib.loads(CODEC), tomllib.loads(BOARD)
SHIPPED_CODEC = codec_from(CODEC_DATA, "wm8960.toml")

SCRAPS = st.sampled_from(
    ["", "[", "]", "{", "}", "=", ".", ",", '"', "'", '"""', "\n", "#", "-", "inf", "nan", "1e999", "0x", "7", "\\",
     "true", "off", "[[clocks]]\n", "[registers.X]\n", "\x00", "ä", "9" * 30, "fields", "9:0", "1979-05-27"]
)  # fmt: skip
ODD = st.one_of(
    st.none().map(lambda _: {}),
    st.booleans(),
    st.integers(-3, 600),
    st.sampled_from([10**30, -(10**30), 2**53, 2**64]),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["LINVOL.IPVU", "POWER1.MICB", "LINVOL", "pga_db", "clock", "on", "unknown"]),
    st.sampled_from(["8:0", "0:8", "99999:0"]),
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


@st.composite
def spoiled_data(draw: st.DrawFn, data: dict[str, Any]) -> dict[str, Any]:
    """The document with a few values replaced, keys removed or keys added."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(list(nodes(data))))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(st.text(max_size=6))] = draw(ODD)
            case _:
                container[key] = draw(ODD)
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoiled")


def complaints(load: Callable[[Path], object], file: Path) -> list[str]:
    """The lines in which a file is refused; none if it is loaded. Any other error is a failure of the test."""
    try:
        load(file)
    except DescriptionError as refusal:
        return str(refusal).splitlines()
    return []


@QUICK
@given(text=spoiled_texts(CODEC))
def test_a_spoiled_codec_file_is_loaded_or_refused(folder: Path, text: str) -> None:
    file = folder / "wm8960.toml"
    file.write_text(text, encoding="utf-8")
    assert all(line.startswith(f"{file}:") for line in complaints(load_codec, file))


@QUICK
@given(text=spoiled_texts(BOARD))
def test_a_spoiled_board_file_is_loaded_or_refused(folder: Path, text: str) -> None:
    file = folder / "respeaker-2mic-v1.toml"
    file.write_text(text, encoding="utf-8")
    assert all(line.startswith(f"{file}:") for line in complaints(load_board, file))


@QUICK
@given(data=spoiled_data(CODEC_DATA))
def test_spoiled_codec_data_are_taken_or_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(DescriptionError):
        codec_from(data, "wm8960.toml")


@QUICK
@given(data=spoiled_data(BOARD_DATA))
def test_spoiled_board_data_are_taken_or_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(DescriptionError):
        board_from(data, SHIPPED_CODEC, "respeaker-2mic-v1.toml")
