"""From TOML to `CodecDescription`. Reads shapes only; whether they agree with each other is for `checks`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from firmware_py.board import ClockRow, CodecDescription, Control, Step
from firmware_py.descriptions.checks import REGISTER_CHECKS
from firmware_py.descriptions.reader import Problems, Table
from firmware_py.descriptions.references import REFERENCE_CHECKS
from firmware_py.registers import (
    WIRES,
    Field,
    Geometric,
    Linear,
    Names,
    Raw,
    Register,
    RegisterMap,
    Scale,
    Steps,
    Value,
    Wire,
)

SEQUENCES = ("active", "standby", "off")
SCALES = ("linear", "geometric", "steps", "values", "codes", "latch")
SWITCH = {"off": 0, "on": 1}


def codec_from(data: Mapping[str, Any], file: str, text: str | None = None) -> CodecDescription:
    """The codec that *data*, the content of a TOML file, describes.

    `text` is the file's own, from which messages take line and column.

    Raises
    ------
    DescriptionError
        One line for every problem in the data.
    """
    problems = Problems(file, text)
    codec = _read_codec(Table(data, (), problems))
    for check in (*REGISTER_CHECKS, *REFERENCE_CHECKS):
        check(codec, problems)
    problems.raise_if_any()
    return codec


def _read_codec(top: Table) -> CodecDescription:
    """A codec as far as it can be read; what cannot is left out and noted."""
    bus, reset, sequences = top.table("bus"), top.table("reset"), top.table("sequences")
    wire = Wire(bus.choice("wire", WIRES), bus.flag("readable"))
    registers = {name: _register(name, table) for name, table in top.table("registers").each()}
    absent = top.table("absent", required=False)
    codec = CodecDescription(
        name=top.text("name"),
        title=top.text("title"),
        source=top.text("source"),
        map=RegisterMap(wire, registers),
        addresses=_addresses(bus),
        reset=(reset.text("register"), reset.whole("word", 0, 2**wire.data_bits - 1)),
        controls={name: _control(name, table) for name, table in top.table("controls").each()},
        absent={name: absent.text(name) for name in absent.keys},
        defaults=top.values("defaults"),
        sequences={name: tuple(_step(t, registers) for t in sequences.tables(name)) for name in SEQUENCES},
        clocks=tuple(_clock_row(table, "mclk_hz", "sysclk_hz") for table in top.tables("clocks")),
        rates=tuple(_clock_row(table, "sysclk_hz", "rate_hz") for table in top.tables("rates")),
        full_scale_dbv=top.number("full_scale_dbv"),
        file=top.problems.file,
    )
    for table in (bus, reset, sequences, top):
        table.finish()
    return codec


def _addresses(bus: Table) -> tuple[int, ...]:
    addresses = bus.numbers("addresses")
    for index, address in enumerate(addresses):
        if not 0x08 <= address <= 0x77 or address != int(address):
            bus.problems.add((*bus.path, "addresses", index), "is not a 7-bit I2C address, 0x08 ... 0x77")
    return tuple(map(int, addresses))


def _register(name: str, table: Table) -> Register:
    _check_name(name, table)
    reset = None if table.says("reset", "unknown") else table.whole("reset", 0, 2**16 - 1, ' or "unknown"')
    fields = {}
    for field_name, field_table in table.table("fields", required=False).each():
        field = _field(field_name, field_table)
        if not table.problems.broken(*field_table.path):
            fields[field_name] = field
    register = Register(name, table.whole("address", 0, 2**16 - 1), reset, fields, table.text("source", ""))
    table.finish()
    return register


def _field(name: str, table: Table) -> Field:
    _check_name(name, table)
    msb, lsb = _range(table, "bits", 63, descending=True)
    said = [key for key in SCALES if key in table]
    if len(said) > 1:
        table.wrong(said[1], f"a field has one meaning, and {said[0]!r} is there already")
    latch = table.text("latch") if "latch" in table else None
    scale = _scale(said[0] if said else "", table, msb - lsb + 1)
    field = Field(name, msb, lsb, scale, latch, table.text("source", ""))
    table.finish()
    return field


def _scale(kind: str, table: Table, bits: int) -> Scale:
    everything = (0, 2**bits - 1)
    if kind == "values":
        names = table.table("values")
        return Names({name: names.whole(name, 0, 2**16 - 1) for name in names.keys})
    if kind in ("linear", "geometric", "steps"):
        inner = table.table(kind)
        unit = inner.text("unit")
        scale: Scale
        if kind == "steps":
            values = inner.numbers("values")
            scale = Steps(unit, (0, max(0, len(values) - 1)), None, values)
        else:
            codes = _range(inner, "codes", 2**16 - 1) if "codes" in inner else everything
            mute = inner.whole("mute", 0, 2**16 - 1) if "mute" in inner else None
            first = inner.number("first")
            if kind == "linear":
                scale = Linear(unit, codes, mute, first, inner.number("step"))
            else:
                scale = Geometric(unit, codes, mute, first, inner.number("ratio"), inner.flag("zero", False))
        inner.finish()
        return scale
    if kind == "codes":
        return Raw(_range(table, "codes", 2**16 - 1))
    return Names(SWITCH) if bits == 1 and kind != "latch" else Raw(everything)


def _range(table: Table, key: str, highest: int, descending: bool = False) -> tuple[int, int]:
    """A run of bits "7:4" (highest first), a run of codes "0:10" (lowest first), or a single one "8"."""
    example = 'such as "7:4" or "8"' if descending else 'such as "0:10"'
    text = table.text(key, hint=f" {example}")
    match = re.fullmatch(r"(\d{1,5})(?::(\d{1,5}))?", text, re.ASCII)
    if not match:
        if text:
            table.wrong(key, f"{text!r} is no range {example}")
        return 0, 0
    first, last = int(match[1]), int(match[2] or match[1])
    if max(first, last) > highest:
        table.wrong(key, f"{text!r} goes beyond {highest}")
    elif first < last if descending else first > last:
        table.wrong(key, f"{text!r} is the wrong way round; write {last}:{first}")
    else:
        return first, last
    return 0, 0


def _check_name(name: str, table: Table) -> None:
    if not re.fullmatch(r"\w+", name, re.ASCII):
        table.problems.add(table.path, "is no name for a register or field: letters, digits and _ only")


def _control(name: str, table: Table) -> Control:
    words: dict[Value, Value] = dict(table.values("words").items())
    for word, state in (("on", True), ("off", False)):
        if word in words:
            words[state] = words[word]  # a mode says True where a description says "on"
    sum_of = table.texts("sum_of", ())
    control = Control(
        name=name,
        fields=table.texts("fields", ()) if sum_of else table.texts("fields"),
        words=words,
        sum_of=sum_of,
        above=table.text("above") if "above" in table else None,
    )
    if sum_of and control.fields:
        table.wrong("sum_of", "a control has either `fields` or `sum_of`")
    if not sum_of and control.fields == () and not table.problems.broken(*table.path, "fields"):
        table.wrong("fields", "is empty; a control sets something")
    table.finish()
    return control


def _step(table: Table, registers: Mapping[str, Register]) -> Step:
    guard: list[str] = []
    for path in table.texts("guard", ()):
        fields = registers[path].fields.values() if path in registers else ()
        guard += [f"{path}.{f.name}" for f in fields if not f.latch] if path in registers else [path]
    step = Step(
        note=table.text("note"),
        set=_assignments(table),
        apply=table.texts("apply", ()),
        guard=tuple(guard),
        wait_ms=table.number("wait_ms", 0.0),
        forget=table.texts("forget", ()),
    )
    if not 0.0 <= step.wait_ms <= 10_000.0:
        table.wrong("wait_ms", f"{step.wait_ms:g} is outside 0 ... 10000")
    table.finish()
    return step


def _assignments(table: Table) -> dict[str, Value]:
    """`set.REGISTER.FIELD = value`, as "REGISTER.FIELD" -> value."""
    return {
        f"{register}.{field}": fields.value(field)
        for register, fields in table.table("set", required=False).each()
        for field in fields.keys
    }


def _clock_row(table: Table, source: str, result: str) -> ClockRow:
    frequencies = {key: table.whole(key, 1, 10**9) for key in (source, result)}
    row = ClockRow(set=_assignments(table), **frequencies)
    table.finish()
    return row
