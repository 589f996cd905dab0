"""A codec's [kernel] section: what the kernel's own driver can be asked for, and whether that agrees with the codec's controls.

Whether the driver has these mixer controls is not known here: a card tells, and for the tests recordings of the drivers.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_py.board import CodecDescription, DriverControl, KernelDriver
from firmware_py.descriptions.reader import Problems, Table
from firmware_py.descriptions.references import misfit
from firmware_py.errors import nearest
from firmware_py.registers import Linear, Quantity, Value

_STATES = {"on": 1, "off": 0, True: 1, False: 0}


def kernel_driver(table: Table) -> KernelDriver:
    """The driver that *table* describes, as far as it can be read."""
    absent = table.table("absent", required=False)
    driver = KernelDriver(
        name=table.text("driver"),
        dai=table.text("dai"),
        controls={name: _control(inner) for name, inner in table.table("controls").each()},
        set=_levels(table.table("set", required=False)),
        fixed=table.values("fixed"),
        absent={name: absent.text(name) for name in absent.keys},
        guard=table.text("guard") if "guard" in table else None,
        forget=table.texts("forget", ()),
    )
    table.finish()
    return driver


def _control(table: Table) -> DriverControl:
    choices = table.table("choices", required=False)
    words: dict[Value, dict[str, int | str]] = {word: _levels(inner) for word, inner in choices.each()}
    words |= {state: words[word] for word, state in (("on", True), ("off", False)) if word in words}
    control = DriverControl(
        controls=table.texts("controls", () if words else None),
        down_from=table.whole("down_from", 1, 2**16 - 1) if "down_from" in table else None,
        scale=_scale(table.table("linear")) if "linear" in table else None,
        choices=words,
    )
    if control.controls and words:
        table.wrong("choices", "a control has either `controls` or `choices`")
    if control.down_from is not None and control.scale is not None:
        table.wrong("down_from", "a control counts in one way, and `linear` is there already")
    table.finish()
    return control


def _scale(table: Table) -> Quantity:
    """Numbers from 0 to `last`, the first of which means `first`."""
    scale = Linear("", (0, table.whole("last", 1, 2**16 - 1)), None, table.number("first"), table.number("step"))
    if scale.step == 0.0 and not table.problems.broken(*table.path):
        table.wrong("step", "is 0, so all numbers would mean the same")
    table.finish()
    return scale


def _levels(table: Table) -> dict[str, int | str]:
    """Mixer control -> number, or name of an item."""
    found: dict[str, int | str] = {}
    for name in table.keys:
        value = table.value(name)
        level = _STATES[value] if value in ("on", "off", True, False) and not isinstance(value, float) else value
        if isinstance(level, str):
            found[name] = level
        elif level == int(level) and level >= 0:
            found[name] = int(level)
        else:
            table.wrong(name, f"{level:g} is no number of a mixer control: whole, from 0 on")
    return found


def driver_names_real_controls(codec: CodecDescription, problems: Problems) -> None:
    """What the section speaks of is a control of the codec, once, and takes the words."""
    if codec.kernel is None:
        return
    sections = {"controls": codec.kernel.controls, "fixed": codec.kernel.fixed, "absent": codec.kernel.absent}
    for section, names in sections.items():
        for name in names:
            at = ("kernel", section, name)
            if name not in codec.controls:
                reason = codec.absent.get(name) or nearest(name, codec.controls)
                problems.add(at, f"the codec has no such control: {reason}")
            elif section != "controls" and name in codec.kernel.controls:
                problems.add(at, "is among the controls too")
    for name, value in codec.kernel.fixed.items():
        if name in codec.controls and (why := misfit(codec, codec.controls[name], value)):
            problems.add(("kernel", "fixed", name), why)


def driver_controls_are_dealt_out(codec: CodecDescription, problems: Problems) -> None:
    """The fields of a control can be dealt to as many mixer controls; a choice is a word that the control knows."""
    for name, control in (codec.kernel.controls if codec.kernel else {}).items():
        at, neutral = ("kernel", "controls", name), codec.controls.get(name)
        if neutral is None or problems.broken(*at) or problems.broken("controls", name):
            continue
        for word in (word for word in control.choices if isinstance(word, str)):
            if why := misfit(codec, neutral, word):
                problems.add((*at, "choices", word), why)
        if control.controls and not neutral.fields:
            key = "sum_of" if neutral.sum_of else "choices"
            problems.add((*at, "controls"), f"the codec's control has no fields; see its `{key}`")
        elif control.controls and len(neutral.fields) % len(control.controls):
            fields, mixers = len(neutral.fields), len(control.controls)
            problems.add((*at, "controls"), f"{fields} fields cannot be dealt out to {mixers} mixer controls")


KERNEL_CHECKS: tuple[Callable[[CodecDescription, Problems], None], ...] = (
    driver_names_real_controls,
    driver_controls_are_dealt_out,
)
