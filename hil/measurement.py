"""What was measured, what was asked, and whether that is the same: the rig's results as frozen facts.

Not the measuring (`hil.analysis`, `hil.response`) and not the table of limits (`hil.limits`). A verdict is
derived from the value and its bounds in one place and cannot be set by hand. Nothing measured is a fail; what
a bench cannot measure is "not tested" and has to be said so with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from numpy.typing import ArrayLike

from hil.analysis import as_signal

Verdict = Literal["pass", "fail", "not tested"]


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What one mode asks of one quantity. Bounds are inclusive; None is unbounded on that side.

    `standard` is "std" when the bound stands in the cited text and "own" when it is ours; `source` says which
    text.
    """

    name: str
    title: str
    unit: str
    lower: float | None
    upper: float | None
    source: str
    standard: Literal["std", "own"]

    @property
    def is_information(self) -> bool:
        """Whether the value is only reported."""
        return self.lower is None and self.upper is None

    def holds(self, value: float) -> bool:
        """Whether *value* lies within the bounds; NaN and infinities never do."""
        return (
            math.isfinite(value)
            and (self.lower is None or value >= self.lower)
            and (self.upper is None or value <= self.upper)
        )


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a certificate. Made by `of` or `not_tested`, so that verdict and value cannot disagree."""

    name: str
    title: str
    value: float | None
    unit: str
    lower: float | None
    upper: float | None
    verdict: Verdict
    source: str
    standard: Literal["std", "own"]
    note: str = ""

    @classmethod
    def of(cls, limit: Limit, value: float | None, note: str = "") -> Measurement:
        """Judge *value*. None, NaN or infinite means that the measurement was tried and gave nothing: a
        fail."""
        if value is None or not math.isfinite(value):
            return cls._row(limit, None, "fail", note or "nothing could be measured")
        return cls._row(limit, float(value), "pass" if limit.holds(value) else "fail", note)

    @classmethod
    def not_tested(cls, limit: Limit, reason: str) -> Measurement:
        """This bench cannot measure that; *reason* says why, and is not optional."""
        if not reason:
            raise ValueError(f"{limit.name}: say why it is not tested")
        return cls._row(limit, None, "not tested", reason)

    @classmethod
    def _row(cls, limit: Limit, value: float | None, verdict: Verdict, note: str) -> Measurement:
        return cls(
            name=limit.name, title=limit.title, value=value, unit=limit.unit,
            lower=limit.lower, upper=limit.upper, verdict=verdict,
            source=limit.source, standard=limit.standard, note=note,
        )  # fmt: skip

    @property
    def is_information(self) -> bool:
        """Whether the row has no bounds: it is reported, and proves only that it could be measured."""
        return self.lower is None and self.upper is None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Curves over one axis. `series` maps a curve's label to its values, as many as `x`; None is a gap.

    A label that begins with "limit" is drawn as a bound, not as a curve.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    series: dict[str, tuple[float | None, ...]]
    x_log: bool = False

    @classmethod
    def of(
        cls, name: str, title: str, *, x_label: str, y_label: str, x: ArrayLike,
        series: Mapping[str, ArrayLike], x_log: bool = False,
    ) -> Trace:  # fmt: skip
        """From arrays; what is not finite becomes a gap. ValueError for a curve not as long as *x*."""
        axis = as_signal(x)
        curves: dict[str, tuple[float | None, ...]] = {}
        for label, values in series.items():
            curve = as_signal(values)
            if curve.size != axis.size:
                raise ValueError(f"trace {name}: {label!r} has {curve.size} points, the axis has {axis.size}")
            curves[label] = tuple(v if math.isfinite(v) else None for v in curve.tolist())
        return cls(
            name=name, title=title, x_label=x_label, y_label=y_label,
            x=tuple(axis.tolist()), series=curves, x_log=x_log,
        )  # fmt: skip


class RegisterDifference(msgspec.Struct, frozen=True):
    """A register that this mode sets otherwise than Default does."""

    register: str
    default: str
    here: str
    meaning: str


class ModeResult(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured in one mode, and what the mode did to get there."""

    mode: str
    title: str
    measurements: tuple[Measurement, ...]
    promise: str = ""
    writes: tuple[str, ...] = ()
    differs_from_default: tuple[RegisterDifference, ...] = ()
    traces: tuple[Trace, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Fail if any measurement fails, "not tested" if none was tried, else pass."""
        return _together([m.verdict for m in self.measurements])


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What one board on one bench was measured to do. `started` is ISO 8601; `modes` is keyed by mode
    name."""

    board: str
    bench: str
    started: str
    modes: dict[str, ModeResult]
    speed_x_realtime: float | None = None
    version: str = ""
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Fail if any mode fails, "not tested" if none was tried, else pass."""
        return _together([result.verdict for result in self.modes.values()])

    def rows(self, verdict: Verdict) -> list[tuple[ModeResult, Measurement]]:
        """Every measurement with that verdict, with its mode, in order."""
        return [(r, m) for r in self.modes.values() for m in r.measurements if m.verdict == verdict]

    def to_builtins(self) -> dict[str, Any]:
        """As plain dicts and lists, verdicts of modes and of the whole included. No NaN, no infinities."""
        plain: dict[str, Any] = {"verdict": self.verdict, **msgspec.to_builtins(self)}
        plain["modes"] = {
            mode: {"verdict": result.verdict, **msgspec.to_builtins(result)} for mode, result in self.modes.items()
        }
        return plain

    def to_json(self, indent: int = 2) -> str:
        """As JSON text (RFC 8259: what could not be measured is null)."""
        return msgspec.json.format(msgspec.json.encode(self.to_builtins()), indent=indent).decode()


def _together(verdicts: list[Verdict]) -> Verdict:
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts else "not tested"
