"""Controls of a driver beside the fields of a description: which bits, which decibels, which names, which way round."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from firmware_py.board import CodecDescription
from firmware_py.registers import Decibel, Field, Names, Quantity, Raw, Register
from hil.bench.witness_findings import SILENT, UNDESCRIBED, Finding, agreed, contradicted
from hil.witness import Control, Move, Recording

_EXACT_DB, _ROUNDED_DB = 0.05, 0.005
"""A driver's scale is told in hundredths: its first value, and each of its steps."""

_YES = {"on", "unmuted", "enabled", "powered", "up", "running"}
_NO = {"off", "muted", "disabled", "bypassed", "down"}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_SAME_WORD = {
    "none": "off", "noinversion": "off", "normal": "off", "disabled": "off", "leftinverted": "left", "rightinverted": "right",
    "stereoinversion": "both", "linvert": "left", "rinvert": "right", "lrinvert": "both",
}  # fmt: skip


_IN_OUR_UNIT = {
    ("dB", "dB"): 1.0, ("dB", "dBFS"): 1.0, ("ms", "ms"): 1.0, ("s", "ms"): 1e3, ("us", "ms"): 1e-3,
    ("Hz", "Hz"): 1.0, ("Hz", "Hz at 8 kHz"): 1.0, ("kHz", "Hz"): 1e3, ("%", "%"): 1.0, ("/fs", "samples"): 1.0,
}  # fmt: skip


def compare_controls(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    """Everything that moving its controls has shown."""
    registers = {(r.page, r.address): r for r in codec.map.registers.values()}
    for control in recording.controls.values():
        for move in control.moves:
            register = registers.get((0, move.register))
            if register is None:
                yield Finding(
                    f"register {move.register:#04x}",
                    "bits",
                    UNDESCRIBED,
                    control.name,
                    f"bits {_bits(move.msb, move.lsb)}",
                )
            else:
                yield from _moved(register, control, move)
                yield from _latched(register, control, move)


def _moved(register: Register, control: Control, move: Move) -> Iterator[Finding]:
    mask = _mask(move)
    described = sum(field.mask for field in register.fields.values())
    if mask & ~described and not mask & described:
        yield Finding(register.name, "bits", UNDESCRIBED, control.name, f"bits {_bits(move.msb, move.lsb)}")
    for field in register.fields.values():
        subject = f"{register.name}.{field.name}"
        if not field.mask & mask:
            continue
        if mask & ~field.mask & ~described or (mask & ~field.mask and field.mask & ~mask):
            yield contradicted(subject, "bits", control.name, _bits(move.msb, move.lsb), _bits(field.msb, field.lsb))
        elif mask & ~field.mask:
            yield agreed(subject, "bits", control.name, f"with its neighbours, as bits {_bits(move.msb, move.lsb)}")
        else:
            part = "" if mask == field.mask else f"of these bits, {_bits(move.msb, move.lsb)}"
            yield agreed(subject, "bits", control.name, part)
            yield from _meant(subject, field, control, move)


def _meant(subject: str, field: Field, control: Control, move: Move) -> Iterator[Finding]:
    """The meaning of each code, where the driver says one."""
    codes = {value: code << move.lsb - field.lsb for value, code in move.codes.items()}
    if move.db is not None and isinstance(field.scale, Quantity) and field.scale.unit.startswith("dB"):
        yield from _decibels(subject, field.scale, control, move, codes)
    elif control.items:
        yield from _names(subject, field, control, codes)
    elif isinstance(field.scale, Names) and (control.minimum, control.maximum) == (0, 1) and field.mask == _mask(move):
        yield from _polarity(subject, field.scale, control, codes)
    elif isinstance(field.scale, Raw) and (beyond := [c for c in codes.values() if c > field.scale.codes[1]]):
        yield contradicted(
            subject, "range", control.name, f"codes up to {max(beyond)}", f"up to {field.scale.codes[1]}"
        )


def _decibels(subject: str, scale: Quantity, control: Control, move: Move, codes: dict[int, int]) -> Iterator[Finding]:
    assert move.db is not None
    # What lies below something is told without its sign.
    unsigned = any(word in control.name for word in ("Attenuation", "Threshold"))
    wrong, compared = [], 0
    for value, theirs in move.db.items():
        if value not in codes:
            continue
        code = codes[value]
        tolerance_db = _EXACT_DB + _ROUNDED_DB * (value - control.minimum)
        if scale.silent(code):  # a driver's scale may go on downwards where the chip is silent already
            right = theirs is None or theirs <= scale.bounds[0] + tolerance_db
        elif not scale.codes[0] <= code <= scale.codes[1]:
            continue  # the chip has no such code, or takes it for the last one
        else:
            compared += 1
            ours = abs(scale.at(code)) if unsigned else scale.at(code)
            if isinstance(scale, Decibel):  # an amplitude in whole numbers, cut or rounded
                tolerance_db += abs(scale.at(code + 1) - scale.at(code))
            right = theirs is not None and abs(ours - (abs(theirs) if unsigned else theirs)) <= tolerance_db
        if not right:
            wrong.append((code, "mute" if theirs is None else f"{theirs:g} dB", scale.text(code)))
    if wrong:
        (first, does, says), (last, at_last, says_last) = wrong[0], wrong[-1]
        yield contradicted(
            subject,
            "scale",
            control.name,
            f"{does} at code {first}, {at_last} at {last}",
            f"{says}, {says_last}; {len(wrong)} codes differ",
        )
    else:
        yield agreed(subject, "scale", control.name, f"{compared} codes")


def _names(subject: str, field: Field, control: Control, codes: dict[int, int]) -> Iterator[Finding]:
    """Texts that can be compared are; of the others it is said which stands beside which."""
    pairs, compared = [], 0
    texts = {code: control.items[value] for value, code in codes.items()}
    for code, theirs in texts.items():
        says, scale = field.scale.text(code), field.scale
        same: bool | None = _plain(says) == _plain(theirs)
        if isinstance(scale, Names):
            namesakes = [known for name, known in scale.values.items() if _alike(name, theirs)]
            if namesakes and not {other for other, text in texts.items() if text == theirs} & set(namesakes):
                yield contradicted(subject, "names", control.name, f"{theirs!r} is code {code}", f"code {namesakes[0]}")
                return
            same = same or bool(namesakes)
        elif isinstance(scale, Quantity) and not same:
            same = _same_quantity(scale, code, theirs)
            if same is False:
                yield contradicted(subject, "names", control.name, f"{theirs!r} at code {code}", says)
                return
        compared += bool(same)
        if _plain(says) != _plain(theirs):
            pairs.append(f"{says} = {theirs!r}")
    if compared:
        yield agreed(subject, "names", control.name, "; ".join(pairs))
    else:
        yield Finding(subject, "names", SILENT, control.name, "; ".join(["only its bits agree", *pairs]))


def _alike(ours: str, theirs: str) -> bool:
    """The same name; or every word, or else every number, of one is in the other."""
    words = [_words(text) for text in (ours, theirs)]
    numbers = [set(_NUMBER.findall(text)) for text in (ours, theirs)]
    return _plain(ours) == _plain(theirs) or any(bool(a and b) and (a <= b or b <= a) for a, b in (words, numbers))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower().replace("_", " ")))


def _same_quantity(scale: Quantity, code: int, text: str) -> bool | None:
    """A driver rounds what it prints; None: what is in no unit that we have tells nothing."""
    spoken, ours = re.search(rf"({_NUMBER.pattern})\s*(dB|ms|us|s|Hz|kHz|%|/fs)(?!\w)", text), scale.decode(code)
    factor = _IN_OUR_UNIT.get((spoken[2], scale.unit)) if spoken else None
    if spoken is None or factor is None or not isinstance(ours, float | int) or not math.isfinite(ours):
        return None
    return math.isclose(ours, float(spoken[1]) * factor, rel_tol=0.05, abs_tol=_EXACT_DB)


def _polarity(subject: str, scale: Names, control: Control, codes: dict[int, int]) -> Iterator[Finding]:
    """A switch that is on is what its field calls on; for a mute, what it calls muted."""
    name = str(scale.decode(codes[1])).lower()
    is_yes = name in _YES or (False if name in _NO else None)
    if is_yes is None:
        return
    mutes = "muted" in scale.values and "mute" in control.name.lower()
    if is_yes != mutes:
        yield agreed(subject, "polarity", control.name)
    else:
        yield contradicted(subject, "polarity", control.name, f"switched on is code {codes[1]}", f"that is {name!r}")


def _latched(register: Register, control: Control, move: Move) -> Iterator[Finding]:
    """What is set along with a control lets its value through: our latches, or the reset word's ones."""
    if latch := register.latch:
        subject = f"{register.name}.{latch.name}"
        if move.with_bits & register.strobes:
            yield agreed(subject, "latch", control.name)
        elif not _mask(move) & register.strobes and move.db is not None:
            yield contradicted(subject, "latch", control.name, "sets no such bit along", f"bit {latch.msb} is a strobe")
    described = sum(field.mask for field in register.fields.values())
    strange = move.with_bits & ~described & ~(register.reset or 0)
    if strange and move.db is not None:
        yield contradicted(
            register.name, "latch", control.name, f"sets {register.word(strange)} along", "knows no such strobe"
        )


def _plain(text: str) -> str:
    plain = re.sub(r"[^a-z0-9.]", "", text.lower())
    return _SAME_WORD.get(plain, plain)


def _mask(move: Move) -> int:
    return (1 << move.msb + 1) - (1 << move.lsb)


def _bits(msb: int, lsb: int) -> str:
    return str(msb) if msb == lsb else f"{msb}:{lsb}"
