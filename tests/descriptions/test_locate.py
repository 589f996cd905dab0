"""Lines and columns of TOML keys, against texts whose places can be counted by eye, and against the shipped files."""

import tomllib
from collections.abc import Iterator

import pytest
from marked import BOARD, CODEC

from firmware_py.descriptions.locate import KeyPath, locate


def paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """All key paths of a parsed document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("a = 1", ("a",), (1, 1)),
        ("# c\n\n  a = 1", ("a",), (3, 3)),
        ("a.b.c = 1", ("a", "b", "c"), (1, 5)),
        ("[t]\na = 1", ("t", "a"), (2, 1)),
        ("[t.u]\na = 1", ("t", "u"), (1, 4)),
        ("a = { b = 1, c = { d = 2 } }", ("a", "c", "d"), (1, 20)),
        ("a = [1, 2, 3]", ("a", 2), (1, 12)),
        ("a = [\n  1, # one\n  2,\n]", ("a", 1), (3, 3)),
        ("a = [{ b = 1 }, { b = 2 }]", ("a", 1, "b"), (1, 19)),
        ("[[t]]\na = 1\n[[t]]\na = 2", ("t", 1, "a"), (4, 1)),
        ("[[t]]\n[[t]]\n[t.u]\na = 2", ("t", 1, "u", "a"), (4, 1)),
        ("[[t]]\n[[t.u]]\n[[t.u]]\na = 2", ("t", 0, "u", 1, "a"), (4, 1)),
        ("\"a b\" = 1\n'c.d' = 2", ("c.d",), (2, 1)),
        ('a = "x = 1 # {["\nb = 2', ("b",), (2, 1)),
        ('a = """\nb = 1\n"""\nc = 2', ("c",), (4, 1)),
        ("a = '''it's\n'''\nc = 2", ("c",), (3, 1)),
        ('a = """x\\"""" # "\nc = 2', ("c",), (2, 1)),
        ("a = 1979-05-27 07:32:00\nb = 2", ("b",), (2, 1)),
        ("3D = 1\n1.5 = 2", ("1", "5"), (2, 3)),
        ('"\\u00e4" = 1', ("ä",), (1, 1)),
    ],
)
def test_a_key_stands_where_it_stands(text: str, path: KeyPath, place: tuple[int, int]) -> None:
    assert path in set(paths(tomllib.loads(text)))
    assert locate(text)[path] == place


@pytest.mark.parametrize("text", [CODEC, BOARD])
def test_every_key_of_the_shipped_files_is_found_at_its_own_letters(text: str) -> None:
    places, lines = locate(text), text.splitlines()
    for path in paths(tomllib.loads(text)):
        line, column = places[path]
        if isinstance(path[-1], str):
            assert lines[line - 1][column - 1 :].lstrip('"').startswith(path[-1]), path
