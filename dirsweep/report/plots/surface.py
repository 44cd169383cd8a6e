"""The objective over two numbers varied together, such as gamma and lambda."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import (
    PointSummary,
    best_point,
    number_of,
    short_key,
    varied_keys,
)
from dirsweep.domain import MetricColumn
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import column_label
from dirsweep.report.figure_notes import sentences
from dirsweep.report.figure_parts import draw_star, hide_unused
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

#: pairs of keys that are drawn
MAX_PAIRS = 10
#: regions next to the objective's own
REGIONS = ("all", "few")
#: regions side by side
MAX_ACROSS = 2
#: points of a search from which on values are interpolated between them
MIN_POINTS = 10
#: distinct values of each key from which on they are; there is nothing between choices of a list
MIN_VALUES = 7
#: share of the combinations of a grid that must be measured; factors varied alone fill a cross
MIN_FILLED = 0.6
#: inches of a panel's axes
PANEL_SIZE = (3.3, 2.6)
#: inches of a cell's height from which on its value is printed, if it is wide enough
MIN_HEIGHT = 0.24
#: inches of a cell from which on the star has a corner of its own
MIN_STARRED_CELL = 0.55


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        kind: grid: one cell per pair of values. cloud: one mark per point, filled contours between
            them.
        x_key: dotted key along x.
        y_key: dotted key along y.
        label: metric, region and unit of z.
        region: shot region of z.
        x: (P,) of a cell or point.
        y: (P,) of a cell or point.
        z: (P,) mean over seeds, and in a cell over everything else that the study varies.
        best: x and y of the point chosen on validation; None where it has no numbers there.
    """

    kind: Literal["grid", "cloud"]
    x_key: str
    y_key: str
    label: str
    region: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    best: tuple[float, float] | None


@dataclass(frozen=True)
class Surface:
    """What ``draw`` needs.

    Attributes:
        higher_is_better: direction of the metric.
        across: panels per row.
        panels: row by row.
        averaged: whether cells are means over other keys.
        num_pairs: pairs of keys that were varied together.
    """

    higher_is_better: bool
    across: int
    panels: list[Panel]
    averaged: bool
    num_pairs: int


@dataclass(frozen=True)
class _Measured:
    """The points of a study that a panel shows.

    Attributes:
        points: complete, with a value of the objective.
        best: the best by validation.
        labels: column -> metric, region and unit.
        searched: whether a sampler proposed them.
    """

    points: Sequence[PointSummary]
    best: PointSummary | None
    labels: Mapping[MetricColumn, str]
    searched: bool

    def panels(self, keys: tuple[str, str], columns: Sequence[MetricColumn]) -> list[Panel]:
        """Return the panels of two keys; none where they were not varied together."""
        found = [self.panel(*keys, column) for column in columns]
        return [panel for panel in found if panel is not None]

    def panel(self, x_key: str, y_key: str, column: MetricColumn) -> Panel | None:
        """Return the panel of two keys; None where they were not varied together."""
        rows = []
        for point in self.points:
            x, y = number_of(point, x_key), number_of(point, y_key)
            if column.name in point.metrics and x is not None and y is not None:
                rows.append((x, y, point.metrics[column.name].mean))
        found = _cloud(rows) if self.searched else _cells(rows)
        if found is None:
            return None
        return Panel(
            kind="cloud" if self.searched else "grid",
            x_key=x_key,
            y_key=y_key,
            label=self.labels[column],
            region=column.region,
            x=found[:, 0],
            y=found[:, 1],
            z=found[:, 2],
            best=self._place_of_best(x_key, y_key),
        )

    def _place_of_best(self, x_key: str, y_key: str) -> tuple[float, float] | None:
        if self.best is None:
            return None
        x, y = number_of(self.best, x_key), number_of(self.best, y_key)
        return None if x is None or y is None else (x, y)


def numbers(run: Run, study: str) -> Surface:
    """Collect validation values over every pair of numeric keys.

    Raises:
        EmptyPlotError: no two numbers were varied together.
    """
    objective = objective_of(run, study)
    points = [p for p in points_of(run, study) if not p.preliminary and objective.name in p.metrics]
    columns = [c for c in _columns(points, objective) if not says_nothing(run, c)]
    labels = {column: column_label(run, column) for column in columns}
    best = best_point(points, objective)
    measured = _Measured(points, best, labels, searched(run, study))
    keys = combinations(_numeric_keys(points), 2)
    pairs = [found for pair in keys if (found := measured.panels(pair, columns))]
    panels = [panel for pair in pairs[:MAX_PAIRS] for panel in pair]
    if not panels:
        raise EmptyPlotError("no two numbers were varied together")
    return Surface(
        higher_is_better=objective.higher_is_better,
        across=len(columns),
        panels=panels,
        averaged=len(varied_keys(points)) > 2 and panels[0].kind == "grid",
        num_pairs=len(pairs),
    )


def _columns(points: Sequence[PointSummary], objective: MetricColumn) -> list[MetricColumn]:
    """The objective's column and those of other regions that have values."""
    regions = dict.fromkeys((objective.region, *REGIONS))
    columns = [objective._replace(region=region) for region in regions]
    measured = [
        column for column in columns if any(column.name in point.metrics for point in points)
    ]
    return measured[:MAX_ACROSS]


def _numeric_keys(points: Sequence[PointSummary]) -> list[str]:
    """The varied keys that have two different numbers or more."""
    found = []
    for key in varied_keys(points):
        values = {number_of(point, key) for point in points} - {None}
        if len(values) > 1:
            found.append(key)
    return found


def _cloud(rows: Sequence[tuple[float, float, float]]) -> NDArray[np.float64] | None:
    """(P, 3) x, y and z of the points; None where there are too few to interpolate."""
    if len(rows) < MIN_POINTS:
        return None
    found = np.array(rows)
    fewest_values = min(len(np.unique(found[:, 0])), len(np.unique(found[:, 1])))
    return None if fewest_values < MIN_VALUES else found


def _cells(rows: Sequence[tuple[float, float, float]]) -> NDArray[np.float64] | None:
    """(P, 3) x, y and mean z of every cell; None where the cells are no grid."""
    cells: dict[tuple[float, float], list[float]] = {}
    for x, y, z in rows:
        cells.setdefault((x, y), []).append(z)
    wide, high = len({x for x, _ in cells}), len({y for _, y in cells})
    if wide < 2 or high < 2 or len(cells) < max(4, MIN_FILLED * wide * high):
        return None
    return np.array([(x, y, np.mean(values)) for (x, y), values in cells.items()])


# ---- drawing


def draw(numbers: Surface) -> Figure:
    """Draw pairs of keys below each other and regions side by side; better values are brighter."""
    with style.styled():
        down = -(-len(numbers.panels) // numbers.across)
        figure = style.new_figure(max(style.NARROW, 5.2 * numbers.across), 0.9 + 3.5 * down)
        grid = figure.subplots(down, numbers.across, squeeze=False)
        colors = "cividis" if numbers.higher_is_better else "cividis_r"
        for axes, panel in zip(grid.flat, numbers.panels, strict=False):
            draw_panel = _draw_grid if panel.kind == "grid" else _draw_cloud
            figure.colorbar(draw_panel(axes, panel, colors), ax=axes, label=panel.label)
            axes.set_xlabel(short_key(panel.x_key))
            axes.set_ylabel(short_key(panel.y_key))
            axes.grid(visible=False)
        hide_unused(list(grid.flat), len(numbers.panels))
        return figure


def caption(numbers: Surface) -> str:
    """Say what is drawn."""
    left_out = ""
    if numbers.num_pairs > MAX_PAIRS:
        left_out = f"Drawn are the first {MAX_PAIRS} of {numbers.num_pairs} pairs of keys."
    if numbers.panels[0].kind == "cloud":
        read = (
            "A dot is a point, a surface is interpolated between the points, while other keys vary "
            "as well."
        )
    else:
        others = " and over the other keys" if numbers.averaged else ""
        read = f"A cell is the mean over seeds{others}."
    return sentences(
        "The objective's metric on the validation split over two numbers that were varied "
        f"together; brighter is better, and ★ is the best point by validation. {read}",
        "The colour scale ends where the worst tenth begins.",
        left_out,
    )


def _draw_grid(axes: Axes, panel: Panel, colors: str) -> ScalarMappable:
    xs, ys = np.unique(panel.x), np.unique(panel.y)
    values = np.full((len(ys), len(xs)), np.nan)
    values[np.searchsorted(ys, panel.y), np.searchsorted(xs, panel.x)] = panel.z
    scale = _color_scale(panel.z, colors)
    mesh = axes.pcolormesh(values, cmap=colors, norm=scale, edgecolors="white", linewidth=1.0)
    width, height = PANEL_SIZE[0] / len(xs), PANEL_SIZE[1] / len(ys)
    if height >= MIN_HEIGHT:
        _print_values(axes, mesh, values, room=width)
    axes.set_xticks(np.arange(len(xs)) + 0.5, [f"{x:g}" for x in xs])
    axes.set_yticks(np.arange(len(ys)) + 0.5, [f"{y:g}" for y in ys])
    axes.tick_params(length=0)
    if panel.best is not None and panel.best[0] in xs and panel.best[1] in ys:
        column, row = np.searchsorted(xs, panel.best[0]), np.searchsorted(ys, panel.best[1])
        _mark_best(axes, int(column), int(row), starred=height >= MIN_STARRED_CELL)
    return mesh


def _mark_best(axes: Axes, column: int, row: int, *, starred: bool) -> None:
    """Frame the cell of the best point, with a star in its corner where there is room."""
    from matplotlib.patches import Rectangle

    for color, width in ((style.INK, 4.0), (style.YELLOW, 2.0)):
        frame = Rectangle((column, row), 1, 1, fill=False, edgecolor=color, linewidth=width)
        frame.set(zorder=4, clip_on=False)
        axes.add_patch(frame)
    if starred:
        draw_star(axes, column + 0.14, row + 0.84, markersize=11, clip_on=False)


def _print_values(
    axes: Axes, mesh: ScalarMappable, values: NDArray[np.float64], room: float
) -> None:
    """Print each cell's value in a colour that can be read on the cell's own, if there is room.

    Args:
        axes: where.
        mesh: the cells.
        values: (rows, columns), NaN for a cell without any.
        room: width of a cell, inches.
    """
    places = np.argwhere(np.isfinite(values))
    texts = [style.short_number(values[row, column]) for row, column in places]
    if max(map(len, texts)) + 1 > style.characters(room, style.SMALL_SIZE):
        return
    for (row, column), shown in zip(places, texts, strict=True):
        ink = style.readable_on(mesh.cmap(mesh.norm(values[row, column])))
        text = axes.text(column + 0.5, row + 0.45, shown, color=ink)
        text.set(ha="center", va="center", fontsize=style.SMALL_SIZE)


def _color_scale(values: NDArray[np.float64], colors: str) -> Normalize:
    """Return the scale of the values; a few very bad ones do not stretch it."""
    from matplotlib.colors import Normalize

    low, high = np.quantile(values, (0.0, 0.9) if colors.endswith("_r") else (0.1, 1.0))
    return Normalize(float(low), float(high) if high > low else float(low) + 1e-9, clip=True)


def _draw_cloud(axes: Axes, panel: Panel, colors: str) -> PathCollection:
    scale = _color_scale(panel.z, colors)
    _fill_between(axes, panel, colors, scale)
    dots = axes.scatter(
        panel.x,
        panel.y,
        c=panel.z,
        cmap=colors,
        norm=scale,
        s=22,
        edgecolors=style.INK,
        linewidths=0.5,
    )
    if panel.best is not None:
        draw_star(axes, *panel.best)
    axes.use_sticky_edges = False
    axes.margins(0.06)
    if style.use_log(panel.x.tolist()):
        style.plain_ticks(axes, panel.x.tolist(), planned=False, which="x")
    if style.use_log(panel.y.tolist()):
        style.plain_ticks(axes, panel.y.tolist(), planned=False, which="y")
    return dots


def _fill_between(axes: Axes, panel: Panel, colors: str, scale: Normalize) -> None:
    """Draw filled contours between the points."""
    places = np.stack([_to_unit(panel.x), _to_unit(panel.y)], axis=1)  # (P, 2)
    places, which = np.unique(places, axis=0, return_inverse=True)
    values = np.bincount(which.ravel(), weights=panel.z) / np.bincount(which.ravel())
    steps = np.linspace(0, 1, 40)
    across, up = np.meshgrid(steps, steps)
    try:
        filled = LinearNDInterpolator(places, values)(across, up)
    except QhullError:
        return  # all points lie on one line: there is nothing between them
    levels = np.linspace(scale.vmin or 0.0, scale.vmax or 1.0, 9)
    axes.contourf(
        _from_unit(panel.x, steps),
        _from_unit(panel.y, steps),
        np.ma.masked_invalid(filled),
        levels=levels,
        cmap=colors,
        norm=scale,
        alpha=0.45,
        extend="both",
        antialiased=True,
    )


def _to_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale values to [0, 1], by their logarithms where the axis is logarithmic."""
    scaled = np.log(values) if style.use_log(values.tolist()) else values
    unit: NDArray[np.float64] = (scaled - scaled.min()) / np.ptp(scaled)
    return unit


def _from_unit(values: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale steps in [0, 1] back to the range of the values."""
    low, high = values.min(), values.max()
    if style.use_log(values.tolist()):
        return np.asarray(low * (high / low) ** steps)
    return np.asarray(low + np.ptp(values) * steps)


PLOT = Plot(
    title="Two at a time",
    caption=caption,
    order=110,
    numbers=numbers,
    draw=draw,
)
