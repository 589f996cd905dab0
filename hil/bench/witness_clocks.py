"""Clock tables beside the words that a driver writes for the same clock and rate.

Some drivers have tables, and ours must be equal. Two search for a solution themselves, and may find another than ours: there both
are read with the meanings of our fields, and both must come to the rate that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from firmware_py.board import ClockRow, CodecDescription
from firmware_py.registers import Field, Register
from hil.bench.witness_findings import SILENT, Finding, agreed, contradicted
from hil.bench.witness_state import Group, Scene
from hil.witness import Recording

_PPM = 50.0

Read = Callable[[str], float]
"""A field's number by its path; of a text such as "/1.5", 1.5."""


def compare_clocks(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    """Every row of the clock table with every row of the rate table that goes with it."""
    group = Group.of(recording, "clocks")
    refused = {name for name, said in recording.clocks.items() if isinstance(said, str)}
    moving = {f"{register.name}.{field.name}" for register, field in group.moving(codec)} - _by_width(codec, recording)
    for clock in codec.clocks:
        for rate in (rate for rate in codec.rates if rate.sysclk_hz == clock.sysclk_hz):
            asked = f"{clock.mclk_hz} {rate.rate_hz}"
            scenes = [scene for scene in group.scenes if scene.name.startswith(f"{asked} ")]
            if scenes:
                yield from _row(codec, clock, rate, scenes, moving)
            else:
                said = "the driver refuses it" if any(name.startswith(f"{asked} ") for name in refused) else ""
                yield Finding(f"clocks {asked}", "clock", SILENT, "", said)


def _row(
    codec: CodecDescription, clock: ClockRow, rate: ClockRow, scenes: list[Scene], moving: set[str]
) -> Iterator[Finding]:
    asked = f"{clock.mclk_hz} {rate.rate_hz}"
    ours = {
        path: codec.map.find(path)[1].scale.encode(value) for path, value in {**clock.set, **rate.set}.items()
    }
    formula = _FORMULAS.get(codec.name)
    if formula is not None:
        made_hz = formula(_reader(codec, {**_standing(codec), **ours}), float(clock.mclk_hz or 0))
        if _off(made_hz, rate.rate_hz):
            yield contradicted(f"clocks {asked}", "clock", "arithmetic", f"{rate.rate_hz} Hz asked", f"{made_hz:.2f} Hz")
            return
    compared, differing = 0, {}
    for scene in scenes:
        for path, code in ours.items():
            register, field = codec.map.find(path)
            if not _touched(path, register, scene, moving):
                continue
            compared += 1
            if (theirs := scene.code(register, field)) != code:
                differing.setdefault(path, (scene.name, theirs, code))
    if not differing:
        yield agreed(f"clocks {asked}", "clock", "clocks", f"{compared} words" if compared else "nothing moves")
        return
    if formula is not None:
        for scene in scenes:
            made_hz = formula(_reader(codec, _codes(codec, scene)), float(clock.mclk_hz or 0))
            if _off(made_hz, rate.rate_hz):
                yield contradicted(
                    f"clocks {asked}", "clock", f"clocks: {scene.name}", f"by our fields {made_hz:.2f} Hz", "another way"
                )
                return
        yield agreed(f"clocks {asked}", "clock", "clocks", f"another way to the same rate; other: {', '.join(differing)}")
        return
    for path, (name, theirs, code) in differing.items():
        scale = codec.map.find(path)[1].scale
        yield replace(
            contradicted(path, "clock", f"clocks: {name}", scale.text(theirs), scale.text(code)), subject=f"clocks {asked}: {path}"
        )


def _touched(path: str, register: Register, scene: Scene, moving: set[str]) -> bool:
    """Whether a driver says anything with this field: one that it moves, or that follows from what it wrote."""
    return path in moving and register.page == 0 and (register.address in scene.written or register.address in scene.registers)


def _by_width(codec: CodecDescription, recording: Recording) -> set[str]:
    """Fields that follow the word length: a driver makes as many bit clocks as it has bits, we always make 32 a word."""
    by: dict[str, Scene] = {}
    group = Group.of(recording, "widths")
    for scene in group.scenes:
        by[scene.name] = scene
    found = set()
    for direction in ("play", "capture"):
        few, many = by.get(f"{direction} S16 2"), by.get(f"{direction} S32 2")
        if few is None or many is None:
            continue
        for register, field in group.moving(codec):
            if few.code(register, field) != many.code(register, field):
                found.add(f"{register.name}.{field.name}")
    return found


def _standing(codec: CodecDescription) -> dict[str, int]:
    """What our sequence for sound always sets, and reset words for the rest."""
    codes = {
        f"{register.name}.{field.name}": field.extract(register.reset or 0)
        for register in codec.map.registers.values()
        for field in register.fields.values()
    }
    for step in codec.sequences["active"]:
        for path, value in step.set.items():
            codes[path] = codec.map.find(path)[1].scale.encode(value)
    return codes


def _codes(codec: CodecDescription, scene: Scene) -> dict[str, int]:
    return {
        f"{register.name}.{field.name}": scene.code(register, field)
        for register in codec.map.registers.values()
        if register.page == 0
        for field in register.fields.values()
    }


def _reader(codec: CodecDescription, codes: Mapping[str, int]) -> Read:
    def read(path: str) -> float:
        field: Field = codec.map.find(path)[1]
        text = field.scale.text(codes[path])
        return float(text.removeprefix("/")) if text.startswith("/") else float(codes[path])

    return read


def _off(made_hz: float, asked_hz: int | None) -> bool:
    return asked_hz is None or abs(made_hz / asked_hz - 1.0) > _PPM * 1e-6


def _wm8960_hz(read: Read, mclk_hz: float) -> float:
    """Data sheet, 'clocking and sample rates': PLL / 4, system clock, / 256, DAC's divider."""
    fraction = (read("PLL2.PLLK_23_16") * 65536 + read("PLL3.PLLK_15_8") * 256 + read("PLL4.PLLK_7_0")) / (1 << 24)
    pll_hz = mclk_hz / read("PLL1.PLLPRESCALE") * (read("PLL1.PLLN") + fraction * read("PLL1.SDM")) / 4
    return (pll_hz if read("CLOCK1.CLKSEL") else mclk_hz) / read("CLOCK1.SYSCLKDIV") / 256 / read("CLOCK1.DACDIV")


def _tlv320aic3104_hz(read: Read, mclk_hz: float) -> float:
    """Data sheet, 'audio clock generation': MCLK / (128 Q), or MCLK K R / (2048 P); then the ADC's divider and dual rate."""
    if read("PLL_A.PLL_EN"):
        fraction = (read("PLL_C.PLL_D_13_6") * 64 + read("PLL_D.PLL_D_5_0")) / 10_000
        reference_hz = mclk_hz * (read("PLL_B.PLL_J") + fraction) * (read("OVERFLOW_PLL_R.PLL_R") or 16)
        reference_hz /= 2048 * read("PLL_A.PLL_P")
    else:
        reference_hz = mclk_hz / (128 * read("PLL_A.PLL_Q"))
    return reference_hz / read("SAMPLE_RATE.ADC_FS_DIV") * (1 + read("DATA_PATH.DUAL_RATE_ADC"))


_FORMULAS: Mapping[str, Callable[[Read, float], float]] = {
    "wm8960": _wm8960_hz, "tlv320aic3104": _tlv320aic3104_hz,
}  # fmt: skip
