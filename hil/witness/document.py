"""A recording as it is kept: JSON, a line for each control and each scenario, the same bytes whenever it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hil.witness.reduce import Reduced, decibels, reduced, relation, set_along
from hil.witness.writes import Bus, Pause, Write, follow

_PHASES = ("controls", "calls", "open", "hw_params", "prepare", "close")
_BEFORE_SOUND = ("calls", "open", "hw_params", "prepare")


def document(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the recorder told, reduced."""
    bus = Bus.named(told["bus"])
    known = {int(register, 16): int(value, 16) for register, value in told["registers"].items()}
    registers = dict.fromkeys(range(0x400), 0) | known if bus.number_bits % 8 == 0 else dict(known)  # it began empty
    follow(bus.read(told["unwired"]), registers)
    controls = [reduced(control, bus, registers) for control in told["controls"]]
    widgets = {w["name"]: (int(w["register"], 16), int(w["mask"], 16)) for w in told["widgets"] if "register" in w}
    explained = _explained(controls, widgets)
    described = sorted(
        (_control(control, bus, explained) for control in controls), key=lambda one: (one["name"], one.get("index", 0))
    )
    head = {name: told[name] for name in ("codec", "kernel", "driver", "device", "dai", "bus")}
    return {
        **head,
        "probe": bus.text(bus.read(told["probe"])),
        "card": bus.text(bus.read(told["card"])),
        "registers": bus.text(Write(register, known[register]) for register in sorted(known)),
        "volatile": " ".join(bus.number_text(register) for register in _volatile(told["access"])),
        "widgets": {name: bus.text([Write(*widgets[name])]) for name in sorted(widgets)},
        "controls": described,
        **_scenarios(told["scenarios"], bus),
    }


def text(recording: Mapping[str, Any]) -> str:
    """As it is written to a file."""
    sections = []
    for name, section in recording.items():
        if name != "widgets" and isinstance(section, dict):
            lines = ",\n".join(f"{_dense(key)}: {_dense(value)}" for key, value in section.items())
            sections.append(f"{_dense(name)}: {{\n{lines}\n}}")
        elif isinstance(section, list):
            sections.append(f"{_dense(name)}: [\n" + ",\n".join(map(_dense, section)) + "\n]")
        else:
            sections.append(f"{_dense(name)}: {_dense(section)}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _dense(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _volatile(access: Sequence[str]) -> list[int]:
    rows = [line.replace(":", "").split() for line in access]
    return sorted(int(row[0], 16) for row in rows if row[3] == "y")


def _explained(controls: Sequence[Reduced], widgets: Mapping[str, tuple[int, int]]) -> dict[int, int]:
    masks: dict[int, int] = {}
    for register, mask in [(one.register, one.mask) for control in controls for one in control.fields] + [
        *widgets.values()
    ]:
        masks[register] = masks.get(register, 0) | mask
    return masks


def _control(control: Reduced, bus: Bus, explained: dict[int, int]) -> dict[str, Any]:
    told = control.told
    entry: dict[str, Any] = {"name": told["name"]}
    if told["index"]:
        entry["index"] = told["index"]
    entry |= {"kind": told["kind"], "channels": told["channels"]}
    entry |= {"items": told["items"]} if told["items"] else {"range": [told["minimum"], told["maximum"]]}
    if told["tlv"]:
        entry["db"] = decibels(told["tlv"], told["minimum"], told["maximum"])
    entry["first"] = told["first"]
    entry["moves"] = [
        [
            one.channel,
            bus.number_text(one.register),
            one.msb,
            one.lsb,
            relation(one.codes),
            set_along(control, one, explained),
        ]
        for one in control.fields
    ]
    if len(control.order) > 1:
        entry["order"] = [bus.number_text(register) for register in control.order]
    if refused := [step.values for step in control.steps if step.errno]:
        entry["refused"] = refused
    if control.unexplained:
        entry["steps"] = [[step.values, bus.text(step.said)] for step in control.unexplained]
    return entry


def _scenarios(told: Sequence[Mapping[str, Any]], bus: Bus) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {name: {} for name in ("formats", "widths", "clocks", "calls", "power")}
    for one in told:
        phases = _phases(one, bus)
        refused = "refused {} {}".format(*one["refused"]) if "refused" in one else ""
        if one["group"] == "power":
            entry: Any = {phase: bus.text(said) for phase, said in phases.items() if said} | {"on": one.get("on", [])}
            if refused:
                entry["refused"] = refused
        else:
            said = [write for phase in _BEFORE_SOUND for write in phases.get(phase, ())]
            entry = refused or bus.text(said)
        groups[one["group"]][one["name"]] = entry
    return {name: group for name, group in groups.items() if group}


def _phases(told: Mapping[str, Any], bus: Bus) -> dict[str, list[Write | Pause]]:
    phases: dict[str, list[Write | Pause]] = {}
    last_us: int | None = None
    for phase in _PHASES:
        if log := told.get(phase, []):
            phases[phase] = bus.read(log, told["closed_us"] if phase == "close" else last_us)
            last_us = log[-1][0]
    return phases
