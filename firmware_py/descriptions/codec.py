"""From TOML to `CodecDescription`. Reads shapes only; whether they agree with each other is for `checks`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from firmware_py.board import ClockRow, CodecDescription, Control, Evidence, Poll, Reset, Step
from firmware_py.descriptions.checks import REGISTER_CHECKS
from firmware_py.descriptions.kernel import KERNEL_CHECKS, kernel_driver
from firmware_py.descriptions.reader import Problems, Table, texts_can_be_printed
from firmware_py.descriptions.references import REFERENCE_CHECKS
from firmware_py.registers import (
    WIRES,
    Decibel,
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
SCALES = ("linear", "geometric", "decibel", "steps", "values", "codes", "latch")
SWITCH = {"off": 0, "on": 1}


def codec_from(data: Mapping[str, Any], file: str, text: str | None = None) -> CodecDescription:
    """The codec that *data*, the content of a TOML file, describes.

    `text` is the file's own, from which messages take line and column.

    Raises
    ------
    DescriptionError
        One line for every problem in the data.
    """
    codec, problems = read_codec(data, file, text)
    problems.raise_if_any()
    return codec


def read_codec(data: Mapping[str, Any], file: str, text: str | None = None) -> tuple[CodecDescription, Problems]:
    """The codec as far as it can be read, and what is wrong with it."""
    problems = Problems(file, text)
    texts_can_be_printed(data, problems)
    codec = _read_codec(Table(data, (), problems))
    check_codec(codec, problems)
    return codec, problems


def check_codec(codec: CodecDescription, problems: Problems) -> None:
    """Note whatever does not agree in a codec that was read, or made otherwise."""
    for check in (*REGISTER_CHECKS, *REFERENCE_CHECKS, *KERNEL_CHECKS):
        check(codec, problems)


def _read_codec(top: Table) -> CodecDescription:
    """A codec as far as it can be read; what cannot is left out and noted."""
    bus, sequences = top.table("bus"), top.table("sequences")
    wire = _wire(bus)
    registers = {name: _register(name, table, wire) for name, table in top.table("registers").each()}
    joined = _joined(top.table("joined", required=False))
    absent = top.table("absent", required=False)
    reader = Assignments(registers, joined)
    codec = CodecDescription(
        name=top.text("name"),
        title=top.text("title"),
        source=top.text("source"),
        map=RegisterMap(wire, registers),
        addresses=_addresses(bus),
        reset=_reset(top.table("reset"), wire),
        controls={name: _control(name, table, reader) for name, table in top.table("controls").each()},
        absent={name: absent.text(name) for name in absent.keys},
        defaults=top.values("defaults"),
        sequences={name: tuple(_step(t, reader) for t in sequences.tables(name)) for name in SEQUENCES},
        clocks=tuple(_clock_row(table, reader, "mclk_hz", "sysclk_hz") for table in top.tables("clocks")),
        rates=tuple(_clock_row(table, reader, "sysclk_hz", "rate_hz") for table in top.tables("rates")),
        full_scale_dbv=top.number("full_scale_dbv"),
        identity=tuple(_evidence(table, wire) for table in bus.tables("identity", required=False)),
        kernel=kernel_driver(top.table("kernel")) if "kernel" in top else None,
        file=top.problems.file,
    )
    for table in (bus, sequences, top):
        table.finish()
    return codec


def _wire(bus: Table) -> Wire:
    return Wire(
        kind=bus.choice("wire", WIRES),
        readable=bus.flag("readable"),
        page=bus.text("page") if "page" in bus else None,
        nak_retries=bus.whole("nak_retries", 0, 20) if "nak_retries" in bus else 0,
        needs_mclk=bus.flag("needs_mclk", False),
    )


def _reset(table: Table, wire: Wire) -> Reset:
    highest = 2**wire.data_bits - 1
    writes = []
    for write in table.tables("writes", required=False):
        writes.append((write.text("register"), write.whole("word", 0, highest)))
        write.finish()
    reset = Reset(tuple(writes), table.number("wait_ms", 0.0), table.flag("defaults", False))
    if not reset.writes and not reset.defaults and not table.problems.broken(*table.path):
        table.wrong("writes", "is missing; say what resets the chip, or `defaults = true` if nothing does")
    _waits(table, reset.wait_ms)
    table.finish()
    return reset


def _evidence(table: Table, wire: Wire) -> Evidence:
    highest = 2**wire.data_bits - 1
    evidence = Evidence(table.text("register"), table.whole("word", 0, highest), table.whole("mask", 1, highest))
    table.finish()
    return evidence


def _addresses(bus: Table) -> tuple[int, ...]:
    addresses = bus.numbers("addresses")
    for index, address in enumerate(addresses):
        if not 0x08 <= address <= 0x77 or address != int(address):
            bus.problems.add((*bus.path, "addresses", index), "is not a 7-bit I2C address, 0x08 ... 0x77")
    return tuple(map(int, addresses))


def _register(name: str, table: Table, wire: Wire) -> Register:
    _check_name(name, table)
    reset = None if table.says("reset", "unknown") else table.whole("reset", 0, 2**16 - 1, ' or "unknown"')
    fields = {}
    for field_name, field_table in table.table("fields", required=False).each():
        field = _field(field_name, field_table)
        if not table.problems.broken(*field_table.path):
            fields[field_name] = field
    register = Register(
        name=name,
        address=table.whole("address", 0, 2**16 - 1),
        reset=reset,
        fields=fields,
        source=table.text("source", ""),
        page=table.whole("page", 0, 255) if "page" in table else 0,
        digits=wire.digits,
    )
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
    field = Field(
        name=name,
        msb=msb,
        lsb=lsb,
        scale=scale,
        latch=latch,
        source=table.text("source", ""),
        self_clearing=table.flag("self_clearing", False),
        volatile=table.flag("volatile", False),
    )
    table.finish()
    return field


def _scale(kind: str, table: Table, bits: int) -> Scale:
    everything = (0, 2**bits - 1)
    if kind == "values":
        names = table.table("values")
        return Names({name: names.whole(name, 0, 2**16 - 1) for name in names.keys})
    if kind in ("linear", "geometric", "decibel", "steps"):
        inner = table.table(kind)
        unit = inner.text("unit")
        scale: Scale
        if kind == "steps":
            values = inner.numbers("values")
            scale = Steps(unit, (0, max(0, len(values) - 1)), None, values)
        else:
            codes = _range(inner, "codes", 2**16 - 1) if "codes" in inner else everything
            mute = inner.whole("mute", 0, 2**16 - 1) if "mute" in inner else None
            first = inner.number("reference" if kind == "decibel" else "first")
            if kind == "decibel":
                scale = Decibel(unit, codes, mute, first)
            elif kind == "linear":
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


class Assignments:
    """Reads `set.REGISTER.FIELD = value` as "REGISTER.FIELD" -> value; `set.NAME = number` where NAME joins fields."""

    def __init__(self, registers: Mapping[str, Register], joined: Mapping[str, tuple[str, ...]]) -> None:
        self.registers, self._joined = registers, joined

    def read(self, table: Table) -> dict[str, Value]:
        """All assignments of a table."""
        found: dict[str, Value] = {}
        for name in table.keys:
            if name in self._joined and not table.is_table(name):
                found |= self._split(table, name)
                continue
            fields = table.table(name)
            found |= {f"{name}.{field}": fields.value(field) for field in fields.keys}
        return found

    def _split(self, table: Table, name: str) -> dict[str, Value]:
        """One number over several fields, the most significant one first."""
        parts = []
        for path in self._joined[name]:
            register, _, field = path.partition(".")
            bits = self.registers[register].fields.get(field) if register in self.registers else None
            if bits is None:
                return {}  # said where they are joined
            parts.append((path, bits.msb - bits.lsb + 1))
        rest = table.whole(name, 0, 2 ** sum(width for _, width in parts) - 1)
        found: dict[str, Value] = {}
        for path, width in reversed(parts):
            found[path], rest = float(rest & (1 << width) - 1), rest >> width
        return dict(reversed(found.items()))

    def paths(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Fields, where a register alone stands for all that it remembers."""
        paths: list[str] = []
        for text in texts:
            register = self.registers.get(text)
            known = register.fields.values() if register else ()
            lasting = [f"{text}.{f.name}" for f in known if not (f.latch or f.self_clearing or f.volatile)]
            paths += lasting if register else [text]
        return tuple(paths)


def _joined(table: Table) -> dict[str, tuple[str, ...]]:
    return {name: table.texts(name) for name in table.keys}


def _control(name: str, table: Table, reader: Assignments) -> Control:
    words, choices = _states(dict(table.values("words").items())), table.table("choices", required=False)
    shapes = [key for key in ("sum_of", "choices", "fields") if key in table]
    if len(shapes) > 1:
        table.wrong(shapes[0], f"a control has either `{shapes[0]}` or `{shapes[1]}`")
    control = Control(
        name=name,
        fields=table.texts("fields", () if shapes else None),
        words=words,
        offsets=table.numbers("offsets") if "offsets" in table else (),
        choices=_states({word: reader.read(choices.table(word)) for word in choices.keys}),
        sum_of=table.texts("sum_of", ()),
        above=table.text("above") if "above" in table else None,
        on=table.text("on") if "on" in table else None,
        nearest=table.flag("nearest", False),
        only_with=table.text("only_with") if "only_with" in table else None,
    )
    if not (control.sum_of or control.choices or control.fields or table.problems.broken(*table.path, "fields")):
        table.wrong("fields", "is empty; a control sets something")
    if control.offsets and len(control.offsets) != len(control.fields):
        table.wrong("offsets", f"has {len(control.offsets)} numbers for {len(control.fields)} fields")
    table.finish()
    return control


_Meaning = TypeVar("_Meaning")


def _states(words: dict[str, _Meaning]) -> dict[Value, _Meaning]:
    """A mode says True where a description says "on"."""
    found: dict[Value, _Meaning] = dict(words.items())
    found |= {state: words[word] for word, state in (("on", True), ("off", False)) if word in words}
    return found


def _step(table: Table, reader: Assignments) -> Step:
    step = Step(
        note=table.text("note"),
        set=reader.read(table.table("set", required=False)),
        apply=table.texts("apply", ()),
        guard=reader.paths(table.texts("guard", ())),
        after=reader.paths(table.texts("after", ())),
        when=table.values("when"),
        together=table.texts("together", ()),
        wait_ms=table.number("wait_ms", 0.0),
        poll=_poll(table.table("poll"), reader) if "poll" in table else None,
        forget=table.texts("forget", ()),
    )
    _waits(table, step.wait_ms)
    table.finish()
    return step


def _poll(table: Table, reader: Assignments) -> Poll:
    poll = Poll(
        path=table.text("field"),
        value=table.value("value"),
        every_ms=table.number("every_ms", 10.0),
        timeout_ms=table.number("timeout_ms", 0.0),
        otherwise=reader.read(table.table("else", required=False)),
    )
    if not 1.0 <= poll.every_ms <= 1000.0:
        table.wrong("every_ms", f"{poll.every_ms:g} is outside 1 ... 1000")
    if not 0.0 <= poll.timeout_ms <= 10_000.0:
        table.wrong("timeout_ms", f"{poll.timeout_ms:g} is outside 0 ... 10000")
    table.finish()
    return poll


def _waits(table: Table, wait_ms: float) -> None:
    if not 0.0 <= wait_ms <= 10_000.0:
        table.wrong("wait_ms", f"{wait_ms:g} is outside 0 ... 10000")


def _clock_row(table: Table, reader: Assignments, source: str, result: str) -> ClockRow:
    frequencies = {key: table.whole(key, 1, 10**9) for key in (source, result)}
    row = ClockRow(set=reader.read(table.table("set", required=False)), **frequencies)
    table.finish()
    return row
