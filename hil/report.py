"""A certificate as one HTML file that needs nothing else: no script, no font, no network.

Not the measuring and not the verdict: everything here was decided before. What failed comes first, then what
was not tested and why, then the proofs. Figures take their colours and font from the page, so that they
follow it into the dark and into print; the same certificate gives the same bytes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from hil.measurement import Certificate, Measurement, ModeResult, Trace
from hil.whole import written_whole

RESPONSE = "response"  # the trace that is also drawn for all modes on one axis
_MINUS = "\N{MINUS SIGN}"

_SERIES_COLOURS = 5
_HALF_INCHES, _WIDE_INCHES = (5.6, 2.7), (9.4, 2.9)  # half the width of the page, and all of it
# Matplotlib wants real colours; these stand for the page's custom properties and are exchanged in the SVG.
_INK, _MUTED, _GRID = "#000001", "#000002", "#000003"
_SERIES = tuple(f"#00001{n}" for n in range(_SERIES_COLOURS))
_VARIABLES = {
    _INK: "var(--ink)",
    _MUTED: "var(--muted)",
    _GRID: "var(--line)",
    **{colour: f"var(--series-{n})" for n, colour in enumerate(_SERIES)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _GRID,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.grid": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "lines.linewidth": 1.3,
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


def write_report(path: Path | str, certificate: Certificate) -> None:
    """Write *certificate* to *path*, whole or not at all: an old report survives whatever goes wrong."""
    page = render(certificate)
    with written_whole(Path(path)) as file:
        file.write(page.encode())


def render(certificate: Certificate) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(value=value_text, bounds=bounds_text, margin=margin_text)
    modes = list(certificate.modes.values())
    return environment.get_template("report.html.j2").render(
        certificate=certificate,
        modes=modes,
        rows=_matrix(modes),
        counts=_counts(m for mode in modes for m in mode.measurements),
        failures=certificate.rows("fail"),
        untested=_by_reason(certificate),
        responses=_all_responses(modes),
        figure=lambda trace, wide=False: Markup(svg(trace, wide)),  # the one text that is markup already
    )


def svg(trace: Trace, wide: bool = False) -> str:
    """*trace* as an `<svg>` element with a title for readers that cannot see it."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"{trace.name} {trace.title}"}):
        figure = Figure(figsize=_WIDE_INCHES if wide else _HALF_INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        _curves(axes, trace)
        axes.set_xlabel(trace.x_label)
        axes.set_ylabel(trace.y_label)
        axes.margins(x=0.0, y=0.08)
        axes.tick_params(length=0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 3, 5, 10], min_n_ticks=3))
        if trace.x_log:
            _frequency_axis(axes)
        if len(trace.series) > 1:
            figure.legend(loc="outside upper left", ncols=min(5, len(trace.series)), handlelength=1.4)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(text.getvalue(), trace)


def value_text(measurement: Measurement) -> str:
    """The value to three digits or so, and to as many as it takes not to look better or worse than it is."""
    if measurement.value is None:
        return ""
    value = measurement.value
    decimals = _decimals(value)
    while decimals < 6 and _within(round(value, decimals), measurement) != _within(value, measurement):
        decimals += 1
    return _number(value, decimals)


def bounds_text(measurement: Measurement) -> str:
    """What was asked, as short as it can be said: at least, at most, between, exactly, plus or minus."""
    lower, upper = measurement.lower, measurement.upper
    if lower is None and upper is None:
        return "reported"
    if lower is None or upper is None:
        sign, bound = ("\N{LESS-THAN OR EQUAL TO}", upper) if lower is None else ("\N{GREATER-THAN OR EQUAL TO}", lower)
        assert bound is not None
        return f"{sign} {_bound(bound)}"
    if lower == upper:
        return f"= {_bound(lower)}"
    if lower == -upper:
        return f"\N{PLUS-MINUS SIGN} {_bound(upper)}"
    return f"{_bound(lower)} to {_bound(upper)}"


def margin_text(measurement: Measurement) -> str:
    """How far the value is inside its bounds (negative: outside), in its unit; empty where that says
    nothing."""
    value, lower, upper = measurement.value, measurement.lower, measurement.upper
    if value is None or lower == upper:
        return ""
    margin = min(
        value - lower if lower is not None else float("inf"),
        upper - value if upper is not None else float("inf"),
    )
    return _number(margin, _decimals(margin))


def _within(value: float, measurement: Measurement) -> bool:
    above = measurement.lower is None or value >= measurement.lower
    return above and (measurement.upper is None or value <= measurement.upper)


def _decimals(value: float) -> int:
    if value == round(value) and abs(value) < 1000:
        return 0
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    if "." in text and abs(value) < 0.1:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("0", "-0") else text.replace("-", _MINUS)


def _bound(value: float) -> str:
    return f"{value:.4g}".replace("-", _MINUS)


def _counts(measurements: Iterable[Measurement]) -> dict[str, int]:
    counts = {"pass": 0, "fail": 0, "not tested": 0, "information": 0}
    for m in measurements:
        counts["information" if m.is_information and m.verdict == "pass" else m.verdict] += 1
    return counts


def _matrix(modes: list[ModeResult]) -> list[tuple[Measurement, list[Measurement | None]]]:
    """Per quantity: one measurement to take its title from, then each mode's own, None where it asks
    nothing."""
    names: list[str] = []
    for result in modes:
        place = 0
        for m in result.measurements:
            if m.name not in names:
                names.insert(place, m.name)  # after what it follows in its own mode
            place = names.index(m.name) + 1
    found = {(m.name, result.mode): m for result in modes for m in result.measurements}
    rows = [[found.get((name, result.mode)) for result in modes] for name in names]
    return [(next(m for m in row if m is not None), row) for row in rows]


def _by_reason(certificate: Certificate) -> dict[str, list[str]]:
    """Reason to what it kept from being tested, as "title (mode, mode)"."""
    modes: dict[str, dict[str, list[str]]] = {}
    for result, m in certificate.rows("not tested"):
        modes.setdefault(m.note, {}).setdefault(m.title, []).append(result.title)
    return {
        reason: [f"{title} ({', '.join(where)})" for title, where in titles.items()] for reason, titles in modes.items()
    }


def _all_responses(modes: list[ModeResult]) -> Trace | None:
    """The first curve of every mode's response on one axis; None unless two or more share their
    frequencies."""
    found = {result.title: trace for result in modes for trace in result.traces if trace.name == RESPONSE}
    axes = {trace.x for trace in found.values()}
    if len(found) < 2 or len(axes) != 1:
        return None
    first = next(iter(found.values()))
    return Trace(
        name="responses",
        title="Frequency response of every mode",
        x_label=first.x_label,
        y_label=first.y_label,
        x=first.x,
        x_log=first.x_log,
        series={title: next(iter(trace.series.values())) for title, trace in found.items()},
    )


def _curves(axes: Axes, trace: Trace) -> None:
    drawn = 0
    for label, values in trace.series.items():
        curve = [math.nan if v is None else v for v in values]
        if label.startswith("limit"):
            axes.plot(trace.x, curve, color=_MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label=label)
        else:
            axes.plot(trace.x, curve, color=_SERIES[drawn % _SERIES_COLOURS], label=label)
            drawn += 1
    # A flat curve must look flat: never less than 6 dB (or 6 of whatever it is) from bottom to top.
    bottom, top = axes.get_ylim()
    if top - bottom < 6.0:
        middle = (top + bottom) / 2.0
        axes.set_ylim(middle - 3.0, middle + 3.0)


def _frequency_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [m * 10.0**e for e in range(0, 5) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{t / 1000:g}k" if t >= 1000 else f"{t:g}" for t in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())


def _for_page(document: str, trace: Trace) -> str:
    """The `<svg>` element alone: sized by the page, without ids that two figures could share."""
    element = document[document.index("<svg") :]
    element = re.sub(r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img">', element, count=1)
    element = re.sub(r"<metadata>.*?</metadata>", f"<title>{escape(trace.title)}</title>", element, flags=re.S)
    referenced = set(re.findall(r'(?:url\(|href=")#([^)"]+)', element))
    element = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in referenced else "", element)
    element = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px var(--sans)", element)
    for colour, variable in _VARIABLES.items():
        element = element.replace(colour, variable)
    return element
