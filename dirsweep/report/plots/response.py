"""The objective over what a study varies.

Numbers varied alone give curves, names a list of points, a search scatters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.responses import Panel, Series, planned_panels, search_panels
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import best_point, short_key, varied_keys
from dirsweep.domain import REGIONS, MetricColumn
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, metric_label, region_label
from dirsweep.report.figure_notes import sentences, starred
from dirsweep.report.figure_parts import draw_star, hide_unused, legend_above
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches; panels beside each other -> width of the figure
WIDTHS = {1: style.NARROW, 2: 10.0, 3: 14.0}
PANEL_HEIGHT = 3.4
LIST_WIDTH = 12.0


@dataclass(frozen=True)
class Response:
    """What ``draw`` needs.

    Attributes:
        y_label: metric and unit.
        panels: curves and scatters first, a list of points last.
        region_names: region -> its name, with its number of samples where they are few.
        higher_is_better: direction of the metric.
        several_seeds: whether a point has more than one seed.
        searched: whether a sampler proposed the points.
        num_keys: keys that the study varies.
    """

    y_label: str
    panels: list[Panel]
    region_names: dict[str, str]
    higher_is_better: bool
    several_seeds: bool
    searched: bool
    num_keys: int


def numbers(run: Run, study: str) -> Response:
    """Collect validation values of the objective's metric over what the study varies.

    Raises:
        EmptyPlotError: no point has a value.
    """
    objective = objective_of(run, study)
    if says_nothing(run, objective):
        raise EmptyPlotError("the objective is a correlation of fewer than three samples")
    points = [point for point in points_of(run, study) if objective.name in point.metrics]
    if not points:
        raise EmptyPlotError(f"no point has a value of {objective.name}")
    best = best_point(points, objective)
    scattered = searched(run, study) and len(points) > 3
    panels = (search_panels if scattered else planned_panels)(points, objective, best)
    columns: dict[str, MetricColumn] = {
        region: objective._replace(region=region) for region in REGIONS
    }
    panels = [_without_correlations_of_few(run, panel, columns) for panel in panels]
    # lines or panels of regions name them
    by_region = any(series.name in columns for panel in panels for series in panel.series)
    region = None if by_region else objective.region
    return Response(
        y_label=metric_label("val", objective.metric, label_unit_of(run), region=region),
        panels=panels,
        region_names={name: region_label(run, column) for name, column in columns.items()},
        higher_is_better=objective.higher_is_better,
        several_seeds=max(point.num_seeds for point in points) > 1,
        searched=scattered,
        num_keys=len(varied_keys(points)),
    )


def _without_correlations_of_few(
    run: Run, panel: Panel, columns: Mapping[str, MetricColumn]
) -> Panel:
    """Leave out regions whose correlation is one of fewer than three samples."""
    kept = [
        series
        for series in panel.series
        if series.name not in columns or not says_nothing(run, columns[series.name])
    ]
    return replace(panel, series=kept)


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
            _draw_grid(parts[0], plotted, (down, across), numbers)
        for part, panel in zip(parts[1 if plotted else 0 :], lists, strict=True):
            _draw_list(part, panel, numbers)
        return figure


def caption(numbers: Response) -> str:
    """Say what is drawn."""
    kinds = {panel.kind for panel in numbers.panels}
    listed = next((panel for panel in numbers.panels if panel.kind == "dots"), None)
    better = "higher" if numbers.higher_is_better else "lower"
    what = "The objective's metric on the validation split over everything that the study varies"
    num_scatters = len(numbers.panels) if numbers.searched else numbers.num_keys
    left_out = ""
    if listed is not None and listed.num_points > len(listed.labels):
        left_out = f"Listed are the best {len(listed.labels)} of {listed.num_points} points."
    elif num_scatters < numbers.num_keys:
        left_out = f"Drawn are the first {num_scatters} of {numbers.num_keys} keys."
    return sentences(
        f"{what}; {better} is better, and ★ is the best point by validation.",
        "A panel shows what one number does while everything else is as in the base."
        if "curve" in kinds
        else "",
        "A panel shows one key and all points, while the other keys vary as well; hollow dots are "
        "pruned points."
        if numbers.searched
        else "",
        left_out,
        "Marks are means over seeds, bands or bars their sample deviation, small dots single seeds."
        if numbers.several_seeds
        else "",
    )


def _list_height(panel: Panel) -> float:
    """Inches that a list of points takes."""
    num_breaks = sum(style.wrapped(label).count("\n") for label in panel.labels)
    return 1.1 + 0.32 * len(panel.labels) + 0.17 * num_breaks


def _draw_grid(
    part: Figure, panels: Sequence[Panel], shape: tuple[int, int], numbers: Response
) -> None:
    grid = part.subplots(*shape, squeeze=False, sharey=len(panels) > 1)
    for axes, panel in zip(grid.flat, panels, strict=False):
        if panel.kind == "scatter":
            _draw_scatter(axes, panel)
        else:
            inches = WIDTHS[shape[1]] / shape[1] - 1
            _draw_curve(axes, panel, numbers.region_names, inches)
    for axes in grid[:, 0]:
        axes.set_ylabel(numbers.y_label)
    hide_unused(list(grid.flat), len(panels))


def _draw_curve(axes: Axes, panel: Panel, region_names: Mapping[str, str], inches: float) -> None:
    by_region = all(series.name in style.REGION_COLORS for series in panel.series)
    for number, series in enumerate(panel.series):
        color = style.LINES[number % len(style.LINES)]
        if by_region:
            color = style.REGION_COLORS[series.name]
        marker = style.MARKERS[number % len(style.MARKERS)]
        means, deviations = _means_and_deviations(series)
        low, high = np.subtract(means, deviations), np.add(means, deviations)
        axes.fill_between(series.x, low, high, color=color, alpha=0.13, linewidth=0)
        label = region_names.get(series.name, series.name)
        axes.plot(series.x, means, color=color, marker=marker, label=label)
        _draw_single_seeds(axes, _single_seeds(series), color, alpha=0.6)
    _draw_best(axes, panel)
    every_x = sorted({x for series in panel.series for x in series.x})
    if style.use_log(every_x):
        style.plain_ticks(axes, every_x)
    axes.margins(x=0.04, y=0.12)
    axes.set_xlabel(short_key(panel.key))
    if len(panel.series) > 1:
        _, labels = axes.get_legend_handles_labels()
        legend_above(axes, labels, inches)


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


def _draw_list(part: Figure, panel: Panel, numbers: Response) -> None:
    """Draw the regions side by side, the labels once at the left."""
    grid = part.subplots(1, len(panel.series), squeeze=False, sharey=True)[0]
    for axes, series in zip(grid, panel.series, strict=True):
        _draw_rows(axes, series, numbers.region_names.get(series.name, series.name))
        axes.set_ylim(len(panel.labels) - 0.5, -0.5)
        axes.set_xlabel(numbers.y_label)
    best = None if panel.best is None else int(panel.best[1])
    labels = [style.wrapped(starred(text, row == best)) for row, text in enumerate(panel.labels)]
    grid[0].set_yticks(range(len(labels)), labels)
    grid[0].set_ylabel("point")
    if best is not None:
        grid[0].get_yticklabels()[best].set_fontweight("bold")


def _draw_rows(axes: Axes, series: Series, title: str) -> None:
    color = style.REGION_COLORS.get(series.name, style.BLUE)
    means, deviations = _means_and_deviations(series)
    low, high = np.subtract(means, deviations), np.add(means, deviations)
    axes.hlines(series.x, low, high, color=color, linewidth=1.6)
    places = [(value, row) for row, value in _single_seeds(series)]
    _draw_single_seeds(axes, places, color, alpha=0.5)
    axes.plot(means, series.x, "o", color=color, markersize=5.5)
    axes.set_title(title, loc="left")
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)


PLOT = Plot(
    title="Response",
    caption=caption,
    order=10,
    numbers=numbers,
    draw=draw,
    dimensionless=("point",),
    after_run=True,
)
