"""What makes controls, sequences and clock tables agree with the registers they name: each rule one function.

Like the checks of registers, they are silent about what is known to be broken already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from firmware_py.board import ClockRow, CodecDescription, Control, Poll, Step
from firmware_py.descriptions.locate import KeyPath
from firmware_py.descriptions.reader import Problems
from firmware_py.descriptions.vocabulary import CONTROLS, FROM_BOARDS, FROM_MODES, STEP_WORDS
from firmware_py.errors import nearest
from firmware_py.registers import Quantity, Value


def registers_of_the_bus_exist(codec: CodecDescription, problems: Problems) -> None:
    """The registers that reset the chip, select its pages and identify it are described."""
    for index, (name, _) in enumerate(codec.reset.writes):
        if not problems.broken("reset", "writes", index):
            _real_register(codec, problems, ("reset", "writes", index, "register"), name)
    if codec.map.wire.page is not None and not problems.broken("bus", "page"):
        _real_register(codec, problems, ("bus", "page"), codec.map.wire.page)
    for index, evidence in enumerate(codec.identity):
        at = ("bus", "identity", index)
        if not problems.broken(*at):
            _real_register(codec, problems, (*at, "register"), evidence.register)
    if codec.identity and not codec.map.wire.readable:
        problems.add(("bus", "identity"), "a chip that answers no read shows nothing")


def controls_are_of_the_vocabulary(codec: CodecDescription, problems: Problems) -> None:
    """A codec has a control of every neutral name, or says in a sentence why not."""
    for section, names in (("controls", codec.controls), ("absent", codec.absent)):
        for name in names:
            if name not in CONTROLS:
                problems.add((section, name), f"nobody asks for this; {nearest(name, CONTROLS)}")
    for name in codec.absent:
        if name in codec.controls:
            problems.add(("absent", name), "is among the controls too")
    known = {*codec.controls, *codec.absent}
    if missing := ", ".join(name for name in CONTROLS if name not in known):
        problems.add(("controls",), f"without {missing}; add it, or say in [absent] why there is none")


def controls_name_real_fields(codec: CodecDescription, problems: Problems) -> None:
    """What a control sets exists, and takes the words that the control offers."""
    numeric = [name for name in codec.controls if _quantities(codec, name)]
    for name, control in codec.controls.items():
        at = ("controls", name)
        for index, path in enumerate(control.fields):
            _real_field(codec, problems, (*at, "fields", index), path)
        for word in (word for word in control.words if isinstance(word, str)):
            for path in control.fields:
                _value_fits(codec, problems, (*at, "words", word), path, control.words[word])
        for word in (word for word in control.choices if isinstance(word, str)):
            _real_settings(codec, problems, (*at, "choices"), control.choices[word], word)
        for key, other in (("on", control.on), ("only_with", control.only_with)):
            if other is not None and other not in codec.controls:
                problems.add((*at, key), f"there is no control {other!r}; {nearest(other, codec.controls)}")
        if control.sum_of and len(control.sum_of) != 2:
            problems.add((*at, "sum_of"), "must name two controls: the coarse one, then the fine one")
        for key, parts in (("sum_of", control.sum_of), ("above", (control.above,))):
            for part in parts:
                if part and part not in numeric and not problems.broken("controls", part):
                    problems.add((*at, key), f"there is no gain {part!r}; {nearest(part, numeric)}")


def defaults_are_for_boards_to_change(codec: CodecDescription, problems: Problems) -> None:
    """What a codec presets is a control of its own, decided by boards, and takes the value."""
    boards_own = [name for name in codec.controls if name in FROM_BOARDS]
    unread = problems.broken("controls") or problems.broken("registers")
    for name, value in codec.defaults.items():
        if problems.broken("defaults", name):
            continue
        if name in FROM_MODES:
            problems.add(("defaults", name), "is decided by the mode")
        elif name not in boards_own:
            problems.add(("defaults", name), f"no board decides this here; {nearest(name, boards_own)}")
        elif not unread and (why := misfit(codec, codec.controls[name], value)):
            problems.add(("defaults", name), why)


def sequences_name_real_fields_and_controls(codec: CodecDescription, problems: Problems) -> None:
    """Guards, settings and words of every step exist, and the values can be written."""
    known = [*codec.controls, *codec.absent, *STEP_WORDS]
    for at, step, _ in _steps(codec):
        for key, paths in (("guard", step.guard), ("after", step.after)):
            for path in paths:
                _real_field(codec, problems, (*at, key), path)
        for index, name in enumerate(step.together):
            _real_register(codec, problems, (*at, "together", index), name)
        for name, word in step.when.items():
            control = codec.controls.get(name)
            if control is None and name not in codec.absent:
                problems.add((*at, "when", name), f"there is no control {name!r}; {nearest(name, known)}")
            elif control is not None and (why := misfit(codec, control, word)):
                problems.add((*at, "when", name), why)
        _real_settings(codec, problems, at, step.set)
        if step.poll:
            _polls_what_can_be_read(codec, problems, (*at, "poll"), step.poll)
        for index, word in enumerate(step.apply):
            if word not in known:
                problems.add((*at, "apply", index), f"there is no control {word!r}; {nearest(word, known)}")
            elif word in codec.controls and codec.controls[word].sum_of:
                parts = " and ".join(map(repr, codec.controls[word].sum_of))
                problems.add((*at, "apply", index), f"{word!r} is a total; apply {parts}")
        for index, name in enumerate(step.forget):
            _real_register(codec, problems, (*at, "forget", index), name)


def _polls_what_can_be_read(codec: CodecDescription, problems: Problems, at: KeyPath, poll: Poll) -> None:
    if not codec.map.wire.readable:
        problems.add(at, "this chip answers no read")
    else:
        _value_fits(codec, problems, (*at, "field"), poll.path, poll.value)
        for path, value in poll.otherwise.items():
            _value_fits(codec, problems, (*at, "else", *path.split(".", 1)), path, value)


def guards_guard_something(codec: CodecDescription, problems: Problems) -> None:
    """A guarded step has a later step that can change what it guards; else it would never be taken."""
    for at, step, later in _steps(codec):
        if step.guard and not _set_by(codec, later) & set(step.guard) and not problems.broken(*at[:2]):
            problems.add((*at, "guard"), "no later step that is always taken changes any of these")


def every_control_is_applied(codec: CodecDescription, problems: Problems) -> None:
    """The active sequence applies every control; one left out could be asked for and would do nothing."""
    applied = {word for step in codec.sequences["active"] for word in step.apply}
    through = {control.on for control in codec.controls.values() if control.on}
    for name, control in codec.controls.items():
        if problems.broken("sequences") or control.sum_of:
            continue
        if name not in applied | through:
            problems.add(("controls", name), "no step of [[sequences.active]] applies this")
        elif name in applied & through:
            problems.add(("controls", name), "is what another control's `on` means; no step may apply it by itself")


def unknown_reset_registers_fully_written(codec: CodecDescription, problems: Problems) -> None:
    """A register whose reset is not known has all bits described, and is written whole or not at all."""
    word = 2**codec.map.wire.data_bits - 1
    for register in codec.map.registers.values():
        at = ("registers", register.name)
        if register.reset is not None or problems.broken(*at) or not register.known:
            continue
        if rest := word & ~sum(field.mask for field in register.fields.values()):
            problems.add((*at, "reset"), f"is unknown, so every bit needs a field; 0x{rest:03x} has none")
        whole = _settable(codec, register.name)
        for sequence, steps in codec.sequences.items():
            left = whole - _set_by(codec, steps)
            touched = left != whole or sequence == "active"
            if left and touched and not problems.broken("sequences", sequence):
                names = ", ".join(sorted(left))
                problems.add((*at, "reset"), f"is unknown, but [[sequences.{sequence}]] does not set {names}")


def forgotten_registers_are_written_again(codec: CodecDescription, problems: Problems) -> None:
    """A register that a step forgets is written whole by the steps after it."""
    for at, step, later in _steps(codec):
        for index, name in enumerate(step.forget):
            left = _settable(codec, name) - _set_by(codec, later)
            if left and not problems.broken(*at[:2]):
                names = ", ".join(sorted(left))
                problems.add((*at, "forget", index), f"no later step sets {names} again")


def clock_rows_can_be_set(codec: CodecDescription, problems: Problems) -> None:
    """Every row sets real fields to values that they take; no two rows answer the same question."""
    for table, rows in (("clocks", codec.clocks), ("rates", codec.rates)):
        seen = set()
        for index, row in enumerate(rows):
            _real_settings(codec, problems, (table, index), row.set)
            frequencies = (row.mclk_hz, row.sysclk_hz, row.rate_hz)
            if frequencies in seen and not problems.broken(table, index):
                problems.add((table, index), "has the frequencies of an earlier row")
            seen.add(frequencies)


def rates_have_a_clock(codec: CodecDescription, problems: Problems) -> None:
    """The SYSCLK of every rate is one that the clock table makes."""
    made = sorted({row.sysclk_hz for row in codec.clocks if row.sysclk_hz})
    for index, row in enumerate(codec.rates):
        broken = problems.broken("clocks") or problems.broken("rates", index)
        if row.sysclk_hz not in made and not broken:
            known = ", ".join(map(str, made)) or "none"
            problems.add(("rates", index, "sysclk_hz"), f"no row of [[clocks]] makes this; they make {known}")


REFERENCE_CHECKS: tuple[Callable[[CodecDescription, Problems], None], ...] = (
    registers_of_the_bus_exist,
    controls_are_of_the_vocabulary,
    controls_name_real_fields,
    defaults_are_for_boards_to_change,
    sequences_name_real_fields_and_controls,
    guards_guard_something,
    every_control_is_applied,
    unknown_reset_registers_fully_written,
    forgotten_registers_are_written_again,
    clock_rows_can_be_set,
    rates_have_a_clock,
)


def misfit(codec: CodecDescription, control: Control, value: Value) -> str | None:
    """Why *control* cannot be set to *value*, or None if it can, or if its fields do not exist, which is told elsewhere."""
    if not (
        all(_quantities(codec, part) for part in control.sum_of) and all(_exists(codec, p) for p in control.fields)
    ):
        return None
    if control.choices:
        known = ", ".join(word for word in control.choices if isinstance(word, str))
        return None if value in control.choices else f"{value!r} is none of {known}"
    if control.on is not None and value in (True, "on"):
        return None
    if control.sum_of or control.above:
        if isinstance(value, str | bool):
            return f"{value!r} is not a number"
        if control.above:
            return None  # counted from another control, so the sum is known only when that one is set
        bounds = [_quantities(codec, part)[0].bounds for part in control.sum_of]
        low, high = sum(low for low, _ in bounds), sum(high for _, high in bounds)
        return None if low <= value <= high else f"{value:g} is outside {low:g} ... {high:g}"
    words = [word for word in control.words if isinstance(word, str)]
    for index, path in enumerate(control.fields):
        scale, asked = codec.map.find(path)[1].scale, control.words.get(value, value)
        if control.nearest or scale.unit == "samples":  # what that is in codes depends on the rate
            continue
        if control.offsets and not isinstance(asked, str | bool):
            asked += control.offsets[index]
        try:
            scale.encode(asked)
        except ValueError as error:
            return f"{value!r} is none of {', '.join(words)}" if words else str(error)
    return None


def _steps(codec: CodecDescription) -> Iterator[tuple[KeyPath, Step, list[Step]]]:
    """Every step, its place in the file, and the steps after it that are always taken."""
    for name, steps in codec.sequences.items():
        for index, step in enumerate(steps):
            yield ("sequences", name, index), step, [s for s in steps[index + 1 :] if not s.guard]


def _set_by(codec: CodecDescription, steps: Iterable[Step]) -> set[str]:
    """Paths of all fields that these steps may set."""
    rows: Mapping[str, tuple[ClockRow, ...]] = {"clock": codec.clocks, "rate": codec.rates}
    paths: set[str] = set()
    for step in steps:
        paths.update(step.set)
        for word in step.apply:
            paths.update(*(row.set for row in rows.get(word, ())))
            paths.update(codec.controls[word].paths if word in codec.controls else ())
    return paths


def _settable(codec: CodecDescription, register: str) -> set[str]:
    """Paths of a register's fields, the strobe apart; none if there is no such register."""
    fields = codec.map.registers[register].fields.values() if register in codec.map.registers else ()
    return {f"{register}.{f.name}" for f in fields if not (f.latch or f.self_clearing or f.volatile)}


def _real_settings(
    codec: CodecDescription, problems: Problems, at: KeyPath, settings: Mapping[str, Value], key: str = "set"
) -> None:
    for path, value in settings.items():
        _value_fits(codec, problems, (*at, key, *path.split(".", 1)), path, value)


def _value_fits(codec: CodecDescription, problems: Problems, at: KeyPath, path: str, value: Value) -> None:
    if _real_field(codec, problems, at, path):
        try:
            codec.map.find(path)[1].scale.encode(value)
        except ValueError as error:
            problems.add(at, str(error))


def _real_field(codec: CodecDescription, problems: Problems, at: KeyPath, path: str) -> bool:
    """Whether *path* is a field that can be set. If it is not, and this is news, note it at *at*."""
    register, _, name = path.partition(".")
    if problems.broken("registers", register, "fields", name) or problems.broken(*at):
        return False
    try:
        field = codec.map.find(path)[1]
    except KeyError:
        problems.add(at, f"there is no field {path!r}; {nearest(path, codec.map.field_paths)}")
        return False
    if field.latch:
        problems.add(at, f"{path} is a strobe; it goes by itself with the last register of its group")
        return False
    return True


def _real_register(codec: CodecDescription, problems: Problems, at: KeyPath, name: str) -> None:
    if name not in codec.map.registers:
        problems.add(at, f"there is no register {name!r}; {nearest(name, codec.map.registers)}")


def _exists(codec: CodecDescription, path: str) -> bool:
    register, _, field = path.partition(".")
    return register in codec.map.registers and field in codec.map.registers[register].fields


def _quantities(codec: CodecDescription, control: str) -> list[Quantity]:
    """Scales of those fields of a control that hold a quantity."""
    fields = codec.controls[control].fields if control in codec.controls else ()
    scales = [codec.map.find(path)[1].scale for path in fields if _exists(codec, path)]
    return [scale for scale in scales if isinstance(scale, Quantity)]
