"""The objective over what a study varies.

Numbers varied alone give curves, names a list of points, a search scatters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.responses import Panel, Series, planned_panels, search_panels
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import best_point, short_key
from dirsweep.domain import REGIONS
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, metric_label
from dirsweep.report.figure_notes import starred
from dirsweep.report.figure_parts import draw_star, hide_unused
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches; panels beside each other -> width of the figure
WIDTHS = {1: 7.0, 2: 9.0, 3: 12.0}
PANEL_HEIGHT = 3.4
LIST_WIDTH = 10.0


@dataclass(frozen=True)
class Response:
    """What ``draw`` needs.

    Attributes:
        y_label: metric and unit.
        panels: curves and scatters first, a list of points last.
        note: how to read the figure.
    """

    y_label: str
    panels: list[Panel]
    note: str


def numbers(run: Run, study: str) -> Response:
    """Collect validation values of the objective's metric over what the study varies.

    Raises:
        EmptyPlotError: no point has a value.
    """
    objective = objective_of(run, study)
    points = [point for point in points_of(run, study) if objective.name in point.metrics]
    if not points:
        raise EmptyPlotError(f"no point has a value of {objective.name}")
    best = best_point(points, objective)
    notes = [f"{'higher' if objective.higher_is_better else 'lower'} is better"]
    if max(point.num_seeds for point in points) > 1:
        notes.append("mean ± sample deviation over seeds; small marks: single seeds")
    if searched(run, study) and len(points) > 3:
        panels = search_panels(points, objective, best)
        notes.append("★ best by validation; hollow: pruned")
    else:
        panels = planned_panels(points, objective, best)
        notes.append("★ best by validation")
    # lines or panels of regions name them
    by_region = any(series.name in REGIONS for panel in panels for series in panel.series)
    region = None if by_region else objective.region
    y_label = metric_label("val", objective.metric, label_unit_of(run), region=region)
    return Response(y_label, panels, "; ".join(notes))


# ---- drawing


def draw(numbers: Response) -> Figure:
    """Draw the panels, three to a row, and the list of points below them."""
    with style.styled():
        plotted = [panel for panel in numbers.panels if panel.kind != "dots"]
        lists = [panel for panel in numbers.panels if panel.kind == "dots"]
        across = min(3, len(plotted)) or 1
        down = -(-len(plotted) // across)
        heights = [PANEL_HEIGHT * down] if plotted else []
        heights += [_list_height(panel) for panel in lists]
        width = max(WIDTHS[across] if plotted else 0.0, LIST_WIDTH if lists else 0.0)
        figure = style.new_figure(width, 0.9 + sum(heights))
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        if plotted:
            _draw_grid(parts[0], plotted, (down, across), numbers.y_label)
        for part, panel in zip(parts[1 if plotted else 0 :], lists, strict=True):
            _draw_list(part, panel, numbers.y_label)
        style.note(figure, numbers.note)
        return figure


def _list_height(panel: Panel) -> float:
    """Inches that a list of points takes."""
    num_breaks = sum(style.wrapped(label).count("\n") for label in panel.labels)
    return 1.1 + 0.32 * len(panel.labels) + 0.17 * num_breaks


def _draw_grid(part: Figure, panels: Sequence[Panel], shape: tuple[int, int], y_label: str) -> None:
    grid = part.subplots(*shape, squeeze=False, sharey=len(panels) > 1)
    for axes, panel in zip(grid.flat, panels, strict=False):
        if panel.kind == "scatter":
            _draw_scatter(axes, panel)
        else:
            _draw_curve(axes, panel)
    for axes in grid[:, 0]:
        axes.set_ylabel(y_label)
    hide_unused(list(grid.flat), len(panels))


def _draw_curve(axes: Axes, panel: Panel) -> None:
    by_region = all(series.name in style.REGION_COLORS for series in panel.series)
    for number, series in enumerate(panel.series):
        color = style.LINES[number % len(style.LINES)]
        if by_region:
            color = style.REGION_COLORS[series.name]
        marker = style.MARKERS[number % len(style.MARKERS)]
        means, deviations = _means_and_deviations(series)
        low, high = np.subtract(means, deviations), np.add(means, deviations)
        axes.fill_between(series.x, low, high, color=color, alpha=0.13, linewidth=0)
        axes.plot(series.x, means, color=color, marker=marker, label=series.name)
        _draw_single_seeds(axes, _single_seeds(series), color, alpha=0.6)
    _draw_best(axes, panel)
    every_x = sorted({x for series in panel.series for x in series.x})
    if style.use_log(every_x):
        style.plain_ticks(axes, every_x)
    axes.margins(x=0.04, y=0.12)
    axes.set_xlabel(short_key(panel.key))
    if len(panel.series) > 1:
        axes.legend(
            ncols=min(4, len(panel.series)),
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            columnspacing=1.2,
            handlelength=1.6,
            handletextpad=0.4,
        )


def _means_and_deviations(series: Series) -> tuple[list[float], list[float]]:
    return [spread.mean for spread in series.ys], [spread.deviation or 0.0 for spread in series.ys]


def _single_seeds(series: Series) -> list[tuple[float, float]]:
    """(x, value) of every seed of the points that have several."""
    return [
        (x, value)
        for x, spread in zip(series.x, series.ys, strict=True)
        if spread.num > 1
        for value in spread.by_seed.values()
    ]


def _draw_single_seeds(
    axes: Axes, places: Sequence[tuple[float, float]], color: str, alpha: float
) -> None:
    if places:
        axes.plot(*zip(*places, strict=True), ".", color=color, markersize=3, alpha=alpha)


def _draw_best(axes: Axes, panel: Panel) -> None:
    if panel.best is None:
        return
    name, x = panel.best
    # a scatter has many points at one x (a choice): the best of them is meant
    values = [
        spread.mean
        for series in panel.series
        if series.name == name
        for place, spread in zip(series.x, series.ys, strict=True)
        if place == x
    ]
    if values:
        draw_star(axes, x, max(values) if panel.higher_is_better else min(values))


def _draw_scatter(axes: Axes, panel: Panel) -> None:
    for series in panel.series:
        axes.scatter(
            series.x,
            [spread.mean for spread in series.ys],
            s=26,
            facecolors="none" if series.name == "pruned" else style.BLUE,
            edgecolors=style.BLUE,
            alpha=0.75,
            linewidths=1.0,
        )
    _draw_best(axes, panel)
    every_x = [x for series in panel.series for x in series.x]
    if panel.labels:
        names = [style.wrapped(label, 12) for label in panel.labels]
        axes.set_xticks(range(len(names)), names)
    elif style.use_log(every_x):
        style.plain_ticks(axes, every_x, planned=False)
    axes.margins(0.08)
    axes.set_xlabel(short_key(panel.key))


def _draw_list(part: Figure, panel: Panel, value_label: str) -> None:
    """Draw the regions side by side, the labels once at the left."""
    grid = part.subplots(1, len(panel.series), squeeze=False, sharey=True)[0]
    for axes, series in zip(grid, panel.series, strict=True):
        _draw_rows(axes, series)
        axes.set_ylim(len(panel.labels) - 0.5, -0.5)
        axes.set_xlabel(value_label)
    best = None if panel.best is None else int(panel.best[1])
    labels = [style.wrapped(starred(text, row == best)) for row, text in enumerate(panel.labels)]
    grid[0].set_yticks(range(len(labels)), labels)
    grid[0].set_ylabel("point")
    if best is not None:
        grid[0].get_yticklabels()[best].set_fontweight("bold")
    if panel.num_points > len(panel.labels):
        title = f"the best {len(panel.labels)} of {panel.num_points} points"
        part.suptitle(title, fontsize=10, x=0.01, ha="left")


def _draw_rows(axes: Axes, series: Series) -> None:
    color = style.REGION_COLORS.get(series.name, style.BLUE)
    means, deviations = _means_and_deviations(series)
    low, high = np.subtract(means, deviations), np.add(means, deviations)
    axes.hlines(series.x, low, high, color=color, linewidth=1.6)
    places = [(value, row) for row, value in _single_seeds(series)]
    _draw_single_seeds(axes, places, color, alpha=0.5)
    axes.plot(means, series.x, "o", color=color, markersize=5.5)
    axes.set_title(series.name, loc="left", color=color)
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)


PLOT = Plot(
    title="Response",
    caption="The objective on the validation split over everything that the study varies.",
    order=10,
    numbers=numbers,
    draw=draw,
    after_run=True,
)
