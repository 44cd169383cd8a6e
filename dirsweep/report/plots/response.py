"""How the objective answers to what a study varies: curves for numbers, dots for names, a scatter
for a search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import aims_of
from dirsweep.analysis.summaries import (
    PointSummary,
    Spread,
    best_point,
    value_of,
    varied_keys,
)
from dirsweep.domain import REGIONS, MetricColumn, metric_of
from dirsweep.report.plots import _style as style
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: panels of one-factor curves per figure; further factors are left to the dots
MAX_PANELS = 9
#: rows of dots; of more points the best are shown
MAX_DOTS = 30


@dataclass(frozen=True)
class Series:
    """One line: ``x[i]`` has the seeds' values ``ys[i]``."""

    name: str
    x: list[float]
    ys: list[Spread]


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        kind: curve: lines over numbers. dots: one row per label. scatter: one mark per point.
        title: above the axes.
        x_label: the varied key, for curve and scatter.
        series: curve and dots: one per region, or one per value of the second factor; scatter: one.
        labels: dots only, one per row; its series have the row numbers as x.
        best: the series and x of the best point by validation.
    """

    kind: Literal["curve", "dots", "scatter"]
    title: str
    x_label: str
    series: list[Series]
    labels: list[str] = field(default_factory=list)
    best: tuple[str, float] | None = None
    higher_is_better: bool = False


@dataclass(frozen=True)
class Response:
    """What ``draw`` needs."""

    title: str
    y_label: str
    synthetic: bool
    panels: list[Panel]
    note: str


def numbers(run: Run, study: str) -> Response | None:
    """Validation values of the objective's metric over what the study varies; None when no point
    has one.
    """
    objective = aims_of(run, study).objective
    points = [point for point in points_of(run, study) if objective.name in point.metrics]
    if not points:
        return None
    best = best_point(points, objective)
    direction = "higher" if objective.higher_is_better else "lower"
    notes = [f"{direction} is better"]
    if max(point.num_seeds for point in points) > 1:
        notes.append("mean ± sample deviation over seeds; small marks: single seeds")
    searched = "space" in ((run.spec.get("studies") or {}).get(study) or {})
    if searched and len(points) > 3:
        panels = _scatter(points, objective, best)
        notes.append("★ best; hollow: pruned")
    else:
        panels = _curves(points, objective, best) or [_dots(points, objective, best)]
        notes.append("★ best by validation")
    # where lines or panels stand for regions they name them
    shared = not any(series.name in REGIONS for panel in panels for series in panel.series)
    return Response(
        title=f"{study} · {run.name}",
        y_label=f"validation {metric_of(objective.metric).title}"
        + (f", {objective.region}" if shared else ""),
        synthetic=run.synthetic,
        panels=panels,
        note="; ".join(notes),
    )


def _numeric(point: PointSummary, key: str) -> float | None:
    value = value_of(point, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _regions(points: list[PointSummary], xs: list[float], objective: MetricColumn) -> list[Series]:
    """One series per shot region that has values; points in the order of x."""
    order = sorted(range(len(points)), key=lambda i: xs[i])
    series = []
    for region in REGIONS:
        column = objective._replace(region=region).name
        there = [i for i in order if column in points[i].metrics]
        if there:
            series.append(
                Series(region, [xs[i] for i in there], [points[i].metrics[column] for i in there])
            )
    return series


def _curves(
    points: list[PointSummary], objective: MetricColumn, best: PointSummary | None
) -> list[Panel]:
    """A panel per numeric factor; for two factors on a grid one panel with a line per value of the
    second.

    Points that the panels cannot place (a factor that is a name) go into a last panel of dots.
    """
    keys = varied_keys(points)
    on_grid = len(keys) == 2 and sum(len(point.overrides) == 2 for point in points) > max(
        3, len(points) // 2
    )
    if on_grid and all(_numeric(point, key) is not None for point in points for key in keys):
        return [_grid(points, keys, objective, best)]
    panels: list[Panel] = []
    placed: set[int] = set()
    for key in keys:
        alone = [
            point
            for point in points
            if set(point.overrides) <= {key} and _numeric(point, key) is not None
        ]
        xs = [x for point in alone if (x := _numeric(point, key)) is not None]
        if len(set(xs)) < 3 or len(panels) == MAX_PANELS:
            continue
        placed |= {point.index for point in alone}
        star = _place(alone, xs, objective, best)
        panels.append(Panel("curve", "", key, _regions(alone, xs, objective), best=star))
    rest = [point for point in points if point.index not in placed]
    if panels and rest:
        base = [point for point in points if not point.overrides and point.index in placed]
        panels.append(_dots([*base, *rest], objective, best))
    return panels


def _place(
    points: list[PointSummary], xs: list[float], objective: MetricColumn, best: PointSummary | None
) -> tuple[str, float] | None:
    """Where the best point's star goes: on the line of the objective's region."""
    there = (
        x
        for point, x in zip(points, xs, strict=True)
        if best is not None and point.index == best.index
    )
    return next(((objective.region, x) for x in there), None)


def _grid(
    points: list[PointSummary], keys: list[str], objective: MetricColumn, best: PointSummary | None
) -> Panel:
    # the factor with more values makes the better axis
    across, beside = sorted(keys, key=lambda key: -len({_numeric(point, key) for point in points}))
    series = []
    for value in sorted({x for point in points if (x := _numeric(point, beside)) is not None}):
        line = [point for point in points if _numeric(point, beside) == value]
        line.sort(key=lambda point: _numeric(point, across) or 0.0)
        xs = [x for point in line if (x := _numeric(point, across)) is not None]
        series.append(
            Series(
                f"{style.tail(beside)} = {value:g}",
                xs,
                [point.metrics[objective.name] for point in line],
            )
        )
    star = None
    if best is not None:
        star = f"{style.tail(beside)} = {_numeric(best, beside):g}", _numeric(best, across) or 0.0
    return Panel("curve", "", across, series, best=star)


def _dots(points: list[PointSummary], objective: MetricColumn, best: PointSummary | None) -> Panel:
    title = ""
    if len(points) > MAX_DOTS:
        sign = -1 if objective.higher_is_better else 1
        chosen = sorted(points, key=lambda point: sign * point.metrics[objective.name].mean)[
            :MAX_DOTS
        ]
        title, points = f"the best {MAX_DOTS} of {len(points)} points", chosen
    rows = [float(row) for row in range(len(points))]
    star = _place(points, rows, objective, best)
    labels = [("(pruned) " if point.preliminary else "") + point.label for point in points]
    return Panel("dots", title, "", _regions(points, rows, objective), labels=labels, best=star)


def _scatter(
    points: list[PointSummary], objective: MetricColumn, best: PointSummary | None
) -> list[Panel]:
    panels = []
    for key in varied_keys(points)[:MAX_PANELS]:
        groups = {
            name: [p for p in points if p.preliminary == pruned and value_of(p, key) is not None]
            for name, pruned in (("complete", False), ("pruned", True))
        }
        numeric = all(
            _numeric(point, key) is not None for group in groups.values() for point in group
        )
        names = (
            sorted({_word(value_of(p, key)) for group in groups.values() for p in group})
            if not numeric
            else []
        )

        def place(point: PointSummary, key: str = key, names: list[str] = names) -> float:
            return (
                float(names.index(_word(value_of(point, key))))
                if names
                else _numeric(point, key) or 0.0
            )

        series = [
            Series(
                name,
                [place(point) for point in group],
                [point.metrics[objective.name] for point in group],
            )
            for name, group in groups.items()
            if group
        ]
        star = (
            ("complete", place(best))
            if best is not None and value_of(best, key) is not None
            else None
        )
        panels.append(
            Panel(
                "scatter",
                "",
                key,
                series,
                labels=names,
                best=star,
                higher_is_better=objective.higher_is_better,
            )
        )
    return panels


def _word(value: object) -> str:
    return "on" if value == {} else str(value)


# ---- drawing


def draw(response: Response) -> Figure:
    """The figure: panels side by side, three to a row."""
    with style.styled():
        curves = [panel for panel in response.panels if panel.kind != "dots"]
        dots = [panel for panel in response.panels if panel.kind == "dots"]
        across = min(3, len(curves)) or 1
        down = -(-len(curves) // across)
        dot_heights = [
            1.1
            + sum(0.2 + 0.17 * style.wrapped(label).count("\n") + 0.12 for label in panel.labels)
            for panel in dots
        ]
        width = {1: 7.0, 2: 9.0, 3: 12.0}[across] if curves else 0.0
        figure = style.new_figure(
            max(width, 10.0 if dots else 0.0),
            0.9 + 3.4 * down + sum(dot_heights),
            title=response.title,
            synthetic=response.synthetic,
        )
        parts = figure.subfigures(
            (1 if curves else 0) + len(dots),
            1,
            height_ratios=[*([3.4 * down] if curves else []), *dot_heights],
            squeeze=False,
        )[:, 0]
        if curves:
            grid = parts[0].subplots(down, across, squeeze=False, sharey=_same_scale(curves))
            for axes, panel in zip(grid.flat, curves, strict=False):
                _draw_scatter(axes, panel) if panel.kind == "scatter" else _draw_curve(axes, panel)
            for axes in grid[:, 0]:
                axes.set_ylabel(response.y_label)
            for axes in list(grid.flat)[len(curves) :]:
                axes.set_visible(False)
        for part, panel in zip(parts[1 if curves else 0 :], dots, strict=True):
            _draw_dots(part, panel, response.y_label)
        figure.supxlabel(response.note, fontsize=8.5, color=style.GREY, x=0.01, ha="left")
        return figure


def _same_scale(panels: list[Panel]) -> bool:
    return len(panels) > 1


def _draw_curve(axes: Axes, panel: Panel) -> None:
    by_region = all(series.name in style.REGION_COLORS for series in panel.series)
    every_x = sorted({x for series in panel.series for x in series.x})
    for number, series in enumerate(panel.series):
        color = (
            style.REGION_COLORS[series.name]
            if by_region
            else style.LINES[number % len(style.LINES)]
        )
        marker = style.MARKERS[number % len(style.MARKERS)]
        means = [spread.mean for spread in series.ys]
        bars = [spread.deviation or 0.0 for spread in series.ys]
        axes.fill_between(
            series.x,
            [m - b for m, b in zip(means, bars, strict=True)],
            [m + b for m, b in zip(means, bars, strict=True)],
            color=color,
            alpha=0.13,
            linewidth=0,
        )
        axes.plot(series.x, means, color=color, marker=marker, label=series.name)
        _single_seeds(axes, series, color)
    _star(axes, panel)
    if style.use_log(every_x):
        style.plain_ticks(axes, every_x)
    axes.margins(x=0.04, y=0.12)
    axes.set_xlabel(style.tail(panel.x_label))
    if len(panel.series) > 1:
        axes.legend(
            ncols=min(4, len(panel.series)),
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            columnspacing=1.2,
            handlelength=1.6,
            handletextpad=0.4,
        )


def _single_seeds(axes: Axes, series: Series, color: str) -> None:
    several = [
        (x, value)
        for x, spread in zip(series.x, series.ys, strict=True)
        if spread.num > 1
        for value in spread.by_seed.values()
    ]
    if several:
        axes.plot(*zip(*several, strict=True), ".", color=color, markersize=3, alpha=0.6)


def _star(axes: Axes, panel: Panel) -> None:
    if panel.best is None:
        return
    name, x = panel.best
    # a scatter has many points at one x (a choice): the best of them is the one
    there = [
        spread.mean
        for series in panel.series
        if series.name == name
        for at, spread in zip(series.x, series.ys, strict=True)
        if at == x
    ]
    if there:
        y = max(there) if panel.higher_is_better else min(there)
        axes.plot(
            [x], [y], "*", markersize=15, color=style.YELLOW, markeredgecolor=style.INK, zorder=5
        )


def _draw_scatter(axes: Axes, panel: Panel) -> None:
    every_x = [x for series in panel.series for x in series.x]
    for series in panel.series:
        fill = "none" if series.name == "pruned" else style.BLUE
        means = [spread.mean for spread in series.ys]
        axes.scatter(
            series.x,
            means,
            s=26,
            facecolors=fill,
            edgecolors=style.BLUE,
            alpha=0.75,
            linewidths=1.0,
        )
    _star(axes, panel)
    if panel.labels:
        axes.set_xticks(
            range(len(panel.labels)), [style.wrapped(label, 12) for label in panel.labels]
        )
    elif style.use_log(every_x):
        style.plain_ticks(axes, every_x, planned=False)
    axes.margins(0.08)
    axes.set_xlabel(style.tail(panel.x_label))


def _draw_dots(part: Figure, panel: Panel, value_label: str) -> None:
    """Regions side by side, the labels once at the left."""
    grid = part.subplots(1, len(panel.series), squeeze=False, sharey=True)[0]
    for axes, series in zip(grid, panel.series, strict=True):
        color = style.REGION_COLORS.get(series.name, style.BLUE)
        means = [spread.mean for spread in series.ys]
        bars = [spread.deviation or 0.0 for spread in series.ys]
        axes.hlines(
            series.x, np.subtract(means, bars), np.add(means, bars), color=color, linewidth=1.6
        )
        several = [
            (value, row)
            for row, spread in zip(series.x, series.ys, strict=True)
            if spread.num > 1
            for value in spread.by_seed.values()
        ]
        if several:
            axes.plot(*zip(*several, strict=True), ".", color=color, markersize=3, alpha=0.5)
        axes.plot(means, series.x, "o", color=color, markersize=5.5)
        axes.set_title(series.name, loc="left", color=color)
        axes.set_ylim(len(panel.labels) - 0.5, -0.5)
        axes.margins(x=0.12)
        axes.set_xlabel(value_label)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.get_major_locator().set_params(nbins=4)
    chosen = None if panel.best is None else int(panel.best[1])
    labels = [
        style.wrapped(f"★ {label}" if row == chosen else label)
        for row, label in enumerate(panel.labels)
    ]
    grid[0].set_yticks(range(len(labels)), labels)
    if chosen is not None:
        grid[0].get_yticklabels()[chosen].set_fontweight("bold")
    if panel.title:
        part.suptitle(panel.title, fontsize=10, x=0.01, ha="left")
