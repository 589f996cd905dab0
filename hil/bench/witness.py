"""A description of a codec beside the recording of the kernel's driver for it: field by field, word by word, offline.

compare("wm8960").contradictions       []
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firmware_py.board import CodecDescription
from firmware_py.descriptions import load_codec
from firmware_py.registers import Register
from hil.bench.witness_clocks import compare_clocks
from hil.bench.witness_fields import compare_controls
from hil.bench.witness_findings import AGREED, CONTRADICTED, KNOWN, SILENT, UNDESCRIBED, Finding, agreed, contradicted
from hil.bench.witness_known import with_known
from hil.bench.witness_state import Group
from hil.bench.witness_streams import compare_streams
from hil.witness import Recording, Write, load


@dataclass(frozen=True)
class FieldVerdict:
    """All findings about one field of a description, in one word."""

    field: str
    verdict: str
    witnesses: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """A codec's description and what its driver does."""

    codec: str
    kernel: str
    fields: tuple[FieldVerdict, ...]
    findings: tuple[Finding, ...]

    @property
    def contradictions(self) -> list[Finding]:
        """Those that have no reason yet."""
        return [finding for finding in self.findings if finding.verdict == CONTRADICTED]

    @property
    def known(self) -> list[Finding]:
        """Those where the driver is known to be wrong."""
        return [finding for finding in self.findings if finding.verdict == KNOWN]

    @property
    def undescribed(self) -> list[Finding]:
        """What a driver moves and we do not describe."""
        return [finding for finding in self.findings if finding.verdict == UNDESCRIBED]

    def count(self, verdict: str) -> int:
        """Fields of that verdict."""
        return sum(field.verdict == verdict for field in self.fields)


def compare(codec_name: str) -> Comparison:
    """The description of that name with its recording.

    Raises
    ------
    UnknownNameError, DescriptionError
        There is no such description, or it is wrong.
    ValueError
        There is no recording of that codec.
    """
    return compared(load_codec(codec_name), load(codec_name))


def compared(codec: CodecDescription, recording: Recording) -> Comparison:
    """Any description with any recording."""
    findings = tuple(with_known(recording.codec, _findings(codec, recording)))
    return Comparison(
        codec.name, recording.kernel, tuple(_verdict(path, findings) for path in codec.map.field_paths), findings
    )


def _findings(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    wire = codec.map.wire.kind
    right = wire == recording.bus
    yield agreed("wire", "wire", "bus") if right else contradicted("wire", "wire", "bus", recording.bus, wire)
    unwritten = _unwritten(recording)
    for register in codec.map.registers.values():
        if register.page == 0:
            yield from _reset(register, unwritten)
            yield from _volatile(register, recording)
    yield from compare_controls(codec, recording)
    yield from compare_streams(codec, recording)
    yield from compare_clocks(codec, recording)


def _reset(register: Register, unwritten: dict[int, int]) -> Iterator[Finding]:
    word = unwritten.get(register.address)
    if word is None or register.reset is None:
        return
    if word == register.reset:
        yield agreed(register.name, "reset", "table")
    else:
        yield contradicted(register.name, "reset", "table", register.word(word), register.word(register.reset))


def _unwritten(recording: Recording) -> dict[int, int]:
    """A driver's table of reset words, where it has not written yet: neither at its probe nor, before it, to its cache alone."""
    scenes = Group.of(recording, "clocks").scenes
    later = frozenset.intersection(*(scene.written for scene in scenes)) if scenes else frozenset()
    at_once = {one.register for one in (*recording.probe, *recording.card) if isinstance(one, Write)}
    touched = at_once | later | recording.volatile
    return {register: word for register, word in recording.registers.items() if register not in touched}


def _volatile(register: Register, recording: Recording) -> Iterator[Finding]:
    if register.address not in recording.volatile or not register.fields:
        return
    if register.fleeting:
        yield agreed(register.name, "volatile", "table")
    else:
        yield contradicted(
            register.name, "volatile", "table", "never trusts its cache here", "no field moves by itself"
        )


def _verdict(path: str, findings: tuple[Finding, ...]) -> FieldVerdict:
    """The worst that was said of a field; of its register alone nothing follows for it."""
    about = [finding for finding in findings if finding.subject == path or finding.subject.endswith(f": {path}")]
    for verdict in (CONTRADICTED, KNOWN, AGREED):
        if witnesses := tuple(dict.fromkeys(finding.witness for finding in about if finding.verdict == verdict)):
            return FieldVerdict(path, verdict, witnesses)
    return FieldVerdict(path, SILENT, ())
