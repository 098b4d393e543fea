"""Trend charts as SVG for the middle of an HTML page: no script, no font, no colour of their own.

Colours are the page's CSS variables, so that a chart follows its light and dark modes, and text is
text, so that the reader's fonts draw it and a search finds it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from markupsafe import Markup, escape

from orchestration.reports.measures import Figures

INCHES = (4.4, 2.0)
HALF_A_DAY = timedelta(hours=12)
# Stand-ins that matplotlib writes, and what the page's CSS makes of them.
COLOURS = {
    "#010101": "var(--chart-ink)",
    "#020202": "var(--chart-grid)",
    "#030303": "var(--series-1)",
    "#040404": "var(--series-2)",
    "#050505": "var(--series-3)",
    "#060606": "var(--series-4)",
}
_INK, _GRID, *SERIES = COLOURS
# No dates, no names of tools, no addresses.
_SILENT = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_STYLE = {
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
}


def trend(signs: Sequence[Figures], start: date, end: date, label: str) -> Markup:
    """One chart of up to two signs of one unit over the whole period; `label` is read aloud."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.dates import AutoDateLocator, DateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # Element ids must differ between the charts of a page, and not between two runs.
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": signs[0].measure}):
        figure = Figure(figsize=INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for sign, colour in zip(signs, SERIES, strict=False):
            _draw(axes, sign, colour)
        # From the first midnight to just before the last, which is a day that is not shown.
        axes.set_xlim(_noon(start) - HALF_A_DAY, _noon(end) + HALF_A_DAY - timedelta(minutes=1))
        axes.set_ylim(*_limits(signs))
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=6))
        pattern = "%m-%d" if (end - start).days <= 366 else "%Y-%m"
        axes.xaxis.set_major_formatter(DateFormatter(pattern))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata=_SILENT)
    return _inline(written.getvalue(), label)


def lines(name: str, days: Sequence[date], figures: Sequence[Sequence[Any]], label: str) -> Markup:
    """One line a series over consecutive days, from zero; gaps where a figure is None."""

    def draw(axes: Any) -> None:
        for values, colour in zip(figures, SERIES, strict=False):
            known = [float("nan") if value is None else float(value) for value in values]
            axes.plot(days, known, color=colour, linewidth=1.4)
        axes.set_ylim(bottom=0)

    return _over_days(name, days, draw, label)


def areas(name: str, days: Sequence[date], figures: Sequence[Sequence[Any]], label: str) -> Markup:
    """Series on top of each other over consecutive days."""

    def draw(axes: Any) -> None:
        known = [[float(value or 0) for value in values] for values in figures]
        axes.stackplot(days, known, colors=SERIES[: len(figures)], alpha=0.75, linewidth=0)

    return _over_days(name, days, draw, label)


def _over_days(name: str, days: Sequence[date], draw: Callable[[Any], None], label: str) -> Markup:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.dates import AutoDateLocator, DateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        draw(axes)
        axes.set_xlim(days[0], days[-1])
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=6))
        axes.xaxis.set_major_formatter(DateFormatter("%m-%d"))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata=_SILENT)
    return _inline(written.getvalue(), label)


def _draw(axes: Any, sign: Figures, colour: str) -> None:
    if sign.reference:
        axes.axhspan(
            float(sign.reference.low), float(sign.reference.high),
            facecolor=colour, alpha=0.13, linewidth=0,
        )  # fmt: skip
    days = [_noon(day.date) for day in sign.days]
    axes.vlines(
        days,
        [float(day.minimum) for day in sign.days],
        [float(day.maximum) for day in sign.days],
        color=colour, alpha=0.45, linewidth=1.4,
    )  # fmt: skip
    axes.plot(
        days, [float(day.mean) for day in sign.days],
        color=colour, linewidth=1.2, marker="o", markersize=3,
    )  # fmt: skip


def _limits(signs: Sequence[Figures]) -> tuple[float, float]:
    """All values and the whole reference range, with a little air."""
    values = [float(v) for sign in signs for v in (sign.minimum, sign.maximum)]
    values += [
        float(v)
        for sign in signs
        if sign.reference
        for v in (sign.reference.low, sign.reference.high)
    ]
    low, high = min(values), max(values)
    air = (high - low) * 0.08 or 1.0
    return low - air, high + air


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12))


def _inline(svg: str, label: str) -> Markup:
    """The <svg> element alone, in the page's colours, sized by the page, with a label."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'\s(?:width|height)="[\d.]+pt"', "", svg, count=2)
    # figure_1, axes_1, ...: the same in every chart
    svg = re.sub(r' id="[A-Za-z.\d]+_\d+"', "", svg)
    for stand_in, variable in COLOURS.items():
        svg = svg.replace(stand_in, variable)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1))
