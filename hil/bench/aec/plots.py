"""A scene or a recording as one picture: how loud the echo is before and after over time, and both spectrograms.

PNG, drawn without a display. Times of double talk are shaded, a change of the path is a line. Not a measure: the figures are in
the table; this shows where they come from. A file is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.signal import spectrogram

from hil.analysis import level_over_time
from hil.bench.aec.cancellers import Floats
from hil.whole import written_whole

_LOWEST_DB, _HIGHEST_DB = -100.0, 0.0
_RANGE_DB: Final = 80.0  # of a spectrogram, below the loudest of the microphone
_MIC, _NEAR, _SPAN = "#8a8f98", "#2e8540", "#f2d9a6"
_COLOURS: Final = ("#1f5fbf", "#c0392b", "#7d3cb5", "#d08700", "#00838f")
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e5e8",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
}


@dataclass(frozen=True)
class Picture:
    """What is drawn. *outputs* are aligned to the microphone; the first one's spectrogram is shown."""

    title: str
    rate_hz: int
    mic: Floats
    outputs: Mapping[str, Floats]
    near: Floats | None = None
    near_s: tuple[float, float] | None = None
    change_s: float | None = None


def draw(path: Path, picture: Picture) -> None:
    """Write the picture to *path*."""
    first, out = next(iter(picture.outputs.items()))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10.0, 8.2), layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        levels, before, after = figure.subplots(3, 1, sharex=True, height_ratios=[1.5, 1.0, 1.0])
        figure.suptitle(picture.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        _levels(levels, picture)
        loudest = _spectrum(picture.mic, picture.rate_hz)[2].max()
        _spectrogram(before, "microphone", picture.mic, picture.rate_hz, float(loudest))
        image = _spectrogram(after, first, out, picture.rate_hz, float(loudest))
        after.set_xlabel("time in s")
        figure.colorbar(image, ax=[before, after], label="dB below the loudest of the microphone", pad=0.01, aspect=35)
        with written_whole(path) as file:
            figure.savefig(file, format="png")


def _levels(axes: Axes, picture: Picture) -> None:
    curves: list[tuple[str, Floats, str, float]] = [("microphone", picture.mic, _MIC, 1.6)]
    if picture.near is not None and np.any(picture.near):
        curves.append(("near end alone", picture.near, _NEAR, 1.0))
    for (name, x), colour in zip(picture.outputs.items(), _COLOURS, strict=False):
        curves.append((name, x, colour, 1.3 if colour == _COLOURS[0] else 0.9))
    if picture.near_s is not None:
        axes.axvspan(*picture.near_s, color=_SPAN, alpha=0.4, lw=0, label="near end talks")
    if picture.change_s is not None:
        axes.axvline(picture.change_s, color="black", lw=0.8, ls="--", label="the path changes")
    for name, x, colour, width in curves:
        track = level_over_time(x, picture.rate_hz, 0.1)
        level = np.maximum(np.where(np.isfinite(track.value_db), track.value_db, _LOWEST_DB), _LOWEST_DB)
        axes.plot(track.time_s, level, color=colour, lw=width, label=name)
    axes.set_ylim(_LOWEST_DB, _HIGHEST_DB)
    axes.set_xlim(0.0, picture.mic.size / picture.rate_hz)
    axes.set_ylabel("level in dBFS, 100 ms")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handlelength=1.6)


def _spectrum(x: Floats, rate_hz: int) -> tuple[Any, Any, Any]:
    window = 1 << max(6, round(float(np.log2(0.032 * rate_hz))))
    frequency, time_s, power = spectrogram(x.astype(np.float64), rate_hz, "hann", window, window // 2)
    return frequency, time_s, 10.0 * np.log10(power + 1e-20)


def _spectrogram(axes: Axes, name: str, x: Floats, rate_hz: int, loudest_db: float) -> Any:
    frequency, time_s, level = _spectrum(x, rate_hz)
    mesh = axes.pcolormesh(
        time_s,
        frequency / 1e3,
        level - loudest_db,
        vmin=-_RANGE_DB,
        vmax=0.0,
        cmap="magma",
        shading="auto",
        rasterized=True,
    )
    axes.grid(False)
    axes.set_ylabel("kHz")
    axes.set_title(name, loc="left", fontsize=9.5)
    return mesh
