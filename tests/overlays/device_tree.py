"""A device tree as a dictionary, and the tools that make one: dtc compiles, fdtoverlay merges. What it should say is not here."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

Tree = dict[str, dict[str, bytes]]  # a node's path: its properties

TOOLS = ("dtc", "fdtoverlay", "fdtput")
_BEGIN_NODE, _END_NODE, _PROPERTY, _NOTHING, _END = 1, 2, 3, 4, 9


def lacking() -> str:
    """Why no tree can be made on this machine; empty if one can."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"no {', '.join(missing)} here; install device-tree-compiler" if missing else ""


class TreeError(Exception):
    """A tool refused a tree, or was not content with it."""


def compiled(source: str, blob: Path) -> Path:
    """Compile as a user does, but let no warning pass."""
    said = _run(["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", str(blob)], source)
    if said:
        raise TreeError(said)
    return blob


def merged(base: Path, overlay: Path, blob: Path) -> Tree:
    """The base tree with the overlay on it."""
    _run(["fdtoverlay", "-i", str(base), "-o", str(blob), str(overlay)])
    return read(blob.read_bytes())


def load(overlay: Path, parameter: str, value: int) -> None:
    """Give an overlay's parameter a value, as the Raspberry Pi's loader does; only numbers of 32 bits, only at offset 0."""
    for path, name in targets(read(overlay.read_bytes()), parameter):
        _run(["fdtput", "-t", "u", str(overlay), path, name, str(value)])


def read(blob: bytes) -> Tree:
    """A flattened tree, version 17 (Devicetree Specification 0.4, chapter 5)."""
    magic, _, structure, names = struct.unpack_from(">4I", blob)
    if magic != 0xD00DFEED:
        raise TreeError("no flattened device tree")
    tree: Tree = {}
    path: list[str] = []
    at = structure
    while (token := struct.unpack_from(">I", blob, at)[0]) != _END:
        at += 4
        if token == _BEGIN_NODE:
            name = _string(blob, at)
            at += len(name) + 1
            path.append(name)
            tree[_joined(path)] = {}
        elif token == _END_NODE:
            path.pop()
        elif token == _PROPERTY:
            length, name_at = struct.unpack_from(">2I", blob, at)
            at += 8
            tree[_joined(path)][_string(blob, names + name_at)] = blob[at : at + length]
            at += length
        elif token != _NOTHING:
            raise TreeError(f"token {token} at {at}")
        at = (at + 3) & ~3
    return tree


def cells(value: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(value) // 4}I", value)


def strings(value: bytes) -> list[str]:
    return value.decode().rstrip("\0").split("\0") if value else []


def labelled(tree: Tree, label: str) -> str:
    """Path of the node with that label."""
    return strings(tree["/__symbols__"][label])[0]


def pointed_at(tree: Tree, value: bytes) -> str:
    """Path of the node whose phandle this is; empty if there is none."""
    return next((path for path, node in tree.items() if value and node.get("phandle") == value[:4]), "")


def targets(overlay: Tree, parameter: str) -> list[tuple[str, str]]:
    """Nodes and properties that a parameter sets: phandle and "property:0", one after the other."""
    left, found = overlay["/__overrides__"][parameter], []
    while left:
        name, _, rest = left[4:].partition(b"\0")
        found.append((pointed_at(overlay, left), name.decode().removesuffix(":0")))
        left = rest
    return found


def _joined(path: list[str]) -> str:
    return "/".join(path) or "/"


def _string(blob: bytes, at: int) -> str:
    return blob[at : blob.index(b"\0", at)].decode()


def _run(command: list[str], text: str = "") -> str:
    ended = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    if ended.returncode:
        raise TreeError(f"{command[0]}: {ended.stderr}")
    return ended.stderr
