"""From what is asked (neutral names, physical values) to what the fields hold: shares, offsets, rows of clock tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_py.board import CodecDescription, Control, Step
from firmware_py.errors import DescriptionError
from firmware_py.registers import Quantity, Value

Codes = dict[str, int]
"""Field path -> code."""


def resolve(codec: CodecDescription, settings: Mapping[str, Value], mclk_hz: int) -> dict[str, Codes]:
    """Control name -> field path -> code, for every setting; and the rows of the clock tables as "clock" and "rate"."""
    values = dict(settings)
    for name, value in settings.items():
        control = codec.controls.get(name)
        if control is None and name != "rate_hz" and name not in codec.absent:
            raise DescriptionError(f"{codec.file or codec.name}: {codec.title} has no control {name!r}")
        if control is not None and control.sum_of:
            values |= zip(control.sum_of, _share(codec, control, _number(name, value)), strict=True)
    for name, value in values.items():
        control = codec.controls.get(name)
        if control is not None and control.above in values:
            values[name] = _number(name, value) + _number(control.above, values[control.above])
    rate_hz = _number("rate_hz", values.get("rate_hz", 0.0))
    resolved = {name: _codes(codec, codec.controls[name], values, rate_hz) for name in values if name in codec.controls}
    return resolved | (_clocks(codec, int(rate_hz), mclk_hz) if rate_hz else {})


def targets(codec: CodecDescription, step: Step, resolved: Mapping[str, Codes]) -> Codes:
    """Field path -> code for one step; controls that nobody set are left alone."""
    codes = {path: codec.map.find(path)[1].scale.encode(value) for path, value in step.set.items()}
    for name in step.apply:
        codes |= resolved.get(name, {})
    return codes


def _codes(codec: CodecDescription, control: Control, values: Mapping[str, Value], rate_hz: float) -> Codes:
    """The fields of one control, as codes."""
    name, value = control.name, values[control.name]
    if control.on is not None and value in (True, "on"):
        value = values.get(control.on, value)
    if control.choices:
        if value not in control.choices:
            known = ", ".join(word for word in control.choices if isinstance(word, str))
            raise DescriptionError(f"{codec.title}: {name}: {value!r} is none of {known}")
        return {path: encode(codec, name, path, given) for path, given in control.choices[value].items()}
    codes = {}
    for index, path in enumerate(control.fields):
        scale = codec.map.find(path)[1].scale
        asked = control.words.get(value, value) if isinstance(value, bool | str) else value  # 0.0 is not "off"
        if isinstance(scale, Quantity) and not isinstance(asked, str | bool):
            asked += control.offsets[index] if control.offsets else 0.0
            asked *= rate_hz / 1e3 if scale.unit == "samples" else 1.0
            if control.nearest:
                codes[path] = scale.nearest(asked)
                continue
        codes[path] = encode(codec, name, path, asked)
    return codes


def _clocks(codec: CodecDescription, rate_hz: int, mclk_hz: int) -> dict[str, dict[str, int]]:
    for clock in codec.clocks:
        for rate in codec.rates:
            if clock.mclk_hz == mclk_hz and rate.rate_hz == rate_hz and rate.sysclk_hz == clock.sysclk_hz:
                return {
                    name: {path: encode(codec, name, path, value) for path, value in row.set.items()}
                    for name, row in (("clock", clock), ("rate", rate))
                }
    able = ", ".join(map(str, codec.rates_at(mclk_hz))) or "no rate at all"
    raise DescriptionError(f"{codec.title} cannot make {rate_hz} Hz from a clock of {mclk_hz} Hz; it can make {able}")


def gain_range_db(codec: CodecDescription, name: str) -> tuple[float, float]:
    """Lowest and highest gain of a control. DescriptionError if it has none in dB."""
    control = codec.controls.get(name)
    parts = control.sum_of or (name,) if control else ()
    scales = [codec.map.find(codec.controls[part].fields[0])[1].scale for part in parts]
    bounds = [scale.bounds for scale in scales if isinstance(scale, Quantity)]
    if not bounds or len(bounds) != len(scales):
        raise DescriptionError(f"{codec.file or codec.name}: {codec.title} has no control {name!r} in dB")
    return sum(low for low, _ in bounds), sum(high for _, high in bounds)


def _share(codec: CodecDescription, control: Control, total: float) -> tuple[float, float]:
    """Split a gain: the coarse step nearest to the total from which the fine control can reach it."""
    coarse, fine = control.sum_of
    steps, rest = (codec.map.find(codec.controls[part].fields[0])[1].scale for part in (coarse, fine))
    if not isinstance(steps, Quantity) or not isinstance(rest, Quantity):
        raise DescriptionError(f"{codec.title}: {control.name}: {coarse} and {fine} must both be in dB")
    low, high = rest.bounds
    options = [steps.at(code) for code in range(steps.codes[0], steps.codes[1] + 1)]
    least, most = min(options) + low, max(options) + high
    if control.nearest:
        total = min(max(total, least), most)
    reachable = [option for option in options if low <= total - option <= high]
    if not reachable:
        raise DescriptionError(f"{codec.title}: {control.name} {total:g} dB is outside {least:g} ... {most:g} dB")
    best = min(reachable, key=lambda option: abs(total - option))
    return best, total - best


def encode(codec: CodecDescription, name: str, path: str, value: Value) -> int:
    """The code of *value* in a field; DescriptionError says that it was for *name*."""
    try:
        return codec.map.find(path)[1].scale.encode(value)
    except ValueError as error:
        raise DescriptionError(f"{codec.title}: {name} ({path}): {error}") from error


def _number(name: str, value: Value) -> float:
    if isinstance(value, str | bool):
        raise DescriptionError(f"{name} must be a number, not {value!r}")
    return float(value)
