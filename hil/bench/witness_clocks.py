"""Clock tables beside the words that a driver writes for the same clock and rate.

Some drivers have tables, and ours must be equal. Others look for a solution themselves, and may find another than ours: there both
are read with the meanings of our fields, and both must come to the rate that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from firmware_py.board import ClockRow, CodecDescription
from hil.bench.witness_findings import SILENT, Finding, agreed, contradicted
from hil.bench.witness_state import Group, Scene
from hil.witness import Recording

_PPM = 50.0

Read = Callable[[str], float]
"""A field's number by its path: of "/1.5" 1.5, of "48k" 48000, of a switch 0 or 1."""
_NUMBER = re.compile(r"/?(\d+(?:\.\d+)?)(k?)(?:fs)?")


def compare_clocks(codec: CodecDescription, recording: Recording) -> Iterator[Finding]:
    """Every row of the clock table with every row of the rate table that goes with it."""
    by_width, standing = _by_width(codec, recording), _standing(codec)
    tables = [_Table(codec, group, by_width) for group in _alike(recording)]
    met: set[str] = set()
    for clock in codec.clocks:
        for rate in (rate for rate in codec.rates if rate.sysclk_hz == clock.sysclk_hz):
            findings = list(_row(codec, clock, rate, tables, standing, met))
            refused = any(name.split()[:2] == [str(clock.mclk_hz), str(rate.rate_hz)] for name in recording.clocks)
            yield from findings or [
                Finding(_subject(clock, rate), "clock", SILENT, "", "the driver refuses it" if refused else "")
            ]
    for path in sorted(met):
        yield agreed(path, "clock", "clocks")


class _Table:
    """Scenarios that differ in clock and rate alone, and the fields that a driver moves in them."""

    def __init__(self, codec: CodecDescription, group: Group, leave_out: set[str]) -> None:
        self.scenes = group.scenes
        self.moving = {f"{register.name}.{field.name}" for register, field in group.moving(codec)} - leave_out

    def asked(self, clock: ClockRow, rate: ClockRow) -> list[Scene]:
        return [scene for scene in self.scenes if scene.words[:2] == [str(clock.mclk_hz), str(rate.rate_hz)]]


def _alike(recording: Recording) -> list[Group]:
    """A codec that does not make the frame clock may follow its jitter: that is another table, and not ours."""
    scenes = [scene for scene in Group.of(recording, "clocks").scenes if scene.words[2] == "codec"]
    kinds = dict.fromkeys(tuple(scene.words[2:]) for scene in scenes)
    return [Group(tuple(scene for scene in scenes if tuple(scene.words[2:]) == kind)) for kind in kinds]


def _subject(clock: ClockRow, rate: ClockRow) -> str:
    return f"clocks {clock.mclk_hz} -> {clock.sysclk_hz} -> {rate.rate_hz}"


def _row(
    codec: CodecDescription,
    clock: ClockRow,
    rate: ClockRow,
    tables: Sequence[_Table],
    standing: Mapping[str, int],
    met: set[str],
) -> Iterator[Finding]:
    subject, mclk_hz = _subject(clock, rate), float(clock.mclk_hz or 0)
    ours = {path: codec.map.find(path)[1].scale.encode(value) for path, value in {**clock.set, **rate.set}.items()}
    formula, in_formula = _FORMULAS.get(codec.name), set[str]()
    if formula is not None:
        made_hz = formula(_reader(codec, {**standing, **ours}.__getitem__, in_formula), mclk_hz)
        if _off(made_hz, rate.rate_hz):
            yield contradicted(subject, "clock", "arithmetic", f"{rate.rate_hz} Hz are asked for", _made(made_hz))
            return
    same, another_way = set[str](), set[str]()
    asked = [(table.moving, scene) for table in tables for scene in table.asked(clock, rate)]
    for moving, scene in asked:
        witness = f"clocks: {scene.name}"
        if formula is not None:
            made_hz = formula(_reader(codec, _held(codec, scene), in_formula), mclk_hz)
            if _off(made_hz, rate.rate_hz):
                yield contradicted(subject, "clock", witness, f"{_made(made_hz)} by our fields", f"{rate.rate_hz} Hz")
                return
            same |= {path for path in in_formula if codec.map.find(path)[0].address in scene.written}
        for path in sorted(moving & ours.keys()):
            register, field = codec.map.find(path)
            theirs, code = scene.code(register, field), ours[path]
            if theirs == code:
                same.add(path)
            elif path in in_formula:
                another_way.add(path)
            else:
                says = field.scale.text(code)
                yield contradicted(f"{subject}: {path}", "clock", witness, field.scale.text(theirs), says)
                return
    met |= same
    if another_way:
        yield agreed(subject, "clock", "clocks", f"another way to the same rate, by {', '.join(sorted(another_way))}")
    elif same:
        yield agreed(subject, "clock", "clocks", f"{len(same)} fields")


def _made(hz: float) -> str:
    return f"makes {hz:.2f} Hz" if hz else "makes no rate"


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


def _held(codec: CodecDescription, scene: Scene) -> Callable[[str], int]:
    return lambda path: scene.code(*codec.map.find(path))


def _reader(codec: CodecDescription, code: Callable[[str], int], seen: set[str]) -> Read:
    def read(path: str) -> float:
        seen.add(path)
        number = _NUMBER.fullmatch(codec.map.find(path)[1].scale.text(code(path)))
        return float(number[1]) * (1000.0 if number[2] else 1.0) if number else float(code(path))

    return read


def _off(made_hz: float, asked_hz: int | None) -> bool:
    return asked_hz is None or abs(made_hz / asked_hz - 1.0) > _PPM * 1e-6


def _wm8960_hz(read: Read, mclk_hz: float) -> float:
    """Data sheet, 'clocking and sample rates': PLL / 4, the system clock's divider, / 256, a converter's divider."""
    fraction = (read("PLL2.PLLK_23_16") * 65536 + read("PLL3.PLLK_15_8") * 256 + read("PLL4.PLLK_7_0")) / (1 << 24)
    pll_hz = mclk_hz / read("PLL1.PLLPRESCALE") * (read("PLL1.PLLN") + fraction * read("PLL1.SDM")) / 4
    system_hz = (pll_hz if read("CLOCK1.CLKSEL") else mclk_hz) / read("CLOCK1.SYSCLKDIV")
    return _both(system_hz / 256, read("CLOCK1.DACDIV"), read("CLOCK1.ADCDIV"))


def _tlv320aic3104_hz(read: Read, mclk_hz: float) -> float:
    """Data sheet, 'audio clock generation': MCLK / (128 Q), or MCLK K R / (2048 P); then a converter's divider and dual rate."""
    fraction = (read("PLL_C.PLL_D_13_6") * 64 + read("PLL_D.PLL_D_5_0")) / 10_000
    factor = (read("PLL_B.PLL_J") + fraction) * (read("OVERFLOW_PLL_R.PLL_R") or 16) * read("PLL_A.PLL_EN")
    divided_hz, multiplied_hz = mclk_hz / (128 * read("PLL_A.PLL_Q")), mclk_hz * factor / (2048 * read("PLL_A.PLL_P"))
    reference_hz = divided_hz if read("CLOCK.CODEC_CLKIN") else multiplied_hz
    dividers = [
        read(f"SAMPLE_RATE.{converter}_FS_DIV") / (1 + read(f"DATA_PATH.DUAL_RATE_{converter}"))
        for converter in ("ADC", "DAC")
    ]
    return _both(reference_hz, *dividers)


def _sgtl5000_hz(read: Read, mclk_hz: float) -> float:
    """Data sheet, CHIP_CLK_CTRL: MCLK counts in SYS_FS, or a PLL of 196.608 or 180.6336 MHz makes all; then the rate's divider."""
    divisor = read("CHIP_PLL_CTRL.INT_DIVISOR") + read("CHIP_PLL_CTRL.FRAC_DIVISOR") / 2048
    pll_hz = mclk_hz / (1 + read("CHIP_CLK_TOP_CTRL.INPUT_FREQ_DIV2")) * divisor
    multiple, system_hz = read("CHIP_CLK_CTRL.MCLK_FREQ"), read("CHIP_CLK_CTRL.SYS_FS")
    powered = read("CHIP_ANA_POWER.PLL_POWERUP") * read("CHIP_ANA_POWER.VCOAMP_POWERUP")
    if multiple == _BY_PLL:
        system_hz *= powered * pll_hz / (180_633_600 if system_hz == 44_100 else 196_608_000)
    elif abs(mclk_hz / multiple / system_hz - 1.0) > _PPM * 1e-6:
        return 0.0
    return system_hz / read("CHIP_CLK_CTRL.RATE_MODE")


def _both(hz: float, dac: float, adc: float) -> float:
    """The rate of both converters; none if they differ."""
    return hz / dac if dac == adc else 0.0


_BY_PLL = 3  # MCLK_FREQ
_FORMULAS: Mapping[str, Callable[[Read, float], float]] = {
    "wm8960": _wm8960_hz, "tlv320aic3104": _tlv320aic3104_hz, "sgtl5000": _sgtl5000_hz,
}  # fmt: skip
