"""How the objective answers to two numbers varied together: gamma with lambda, beta with eta, eta
with omega.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import aims_of
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import PointSummary, best_point, value_of, varied_keys
from dirsweep.domain import MetricColumn, metric_of
from dirsweep.report.plots import _style as style
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

#: pairs of keys that are drawn; regions side by side
MAX_PAIRS = 3
REGIONS = ("all", "few")
#: a search needs so many points before anything is interpolated between them
MIN_POINTS = 10
#: and of each key so many different values: between the choices of a list there is nothing
MIN_VALUES = 7


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        kind: grid: one cell per pair of values. cloud: one mark per point, filled contours between
            them.
        x_key, y_key: dotted keys.
        region: of the objective's metric.
        x, y, z: (P,) a cell or a point each; z is the mean over seeds, and over whatever else the
            study varies.
        best: x and y of the point chosen on validation.
    """

    kind: Literal["grid", "cloud"]
    x_key: str
    y_key: str
    region: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    best: tuple[float, float] | None


@dataclass(frozen=True)
class Surface:
    """What ``draw`` needs; ``panels`` row by row."""

    title: str
    synthetic: bool
    value_label: str
    higher_is_better: bool
    across: int
    panels: list[Panel]
    averaged: bool


def numbers(run: Run, study: str) -> Surface | None:
    """Validation values over every pair of numeric keys; None where no two of them were varied
    together.
    """
    objective = aims_of(run, study).objective
    points = [p for p in points_of(run, study) if not p.preliminary and objective.name in p.metrics]
    regions = [
        region
        for region in dict.fromkeys((objective.region, *REGIONS))
        if any(objective._replace(region=region).name in point.metrics for point in points)
    ]
    keys = [
        key
        for key in varied_keys(points)
        if len({x for point in points if (x := number_of(point, key)) is not None}) > 1
    ]
    best = best_point(points, objective)
    panels: list[Panel] = []
    for x_key, y_key in combinations(keys, 2):
        if len(panels) >= MAX_PAIRS * min(2, len(regions)):
            break
        pair = [
            _panel(
                points,
                x_key,
                y_key,
                objective._replace(region=region),
                best,
                cloud=searched(run, study),
            )
            for region in regions[:2]
        ]
        panels += [panel for panel in pair if panel is not None]
    if not panels:
        return None
    return Surface(
        title=f"two at a time · {study} · {run.name}",
        synthetic=run.synthetic,
        value_label=f"validation {metric_of(objective.metric).title}",
        higher_is_better=objective.higher_is_better,
        across=min(2, len(regions)),
        panels=panels,
        averaged=len(varied_keys(points)) > 2 and panels[0].kind == "grid",
    )


def number_of(point: PointSummary, key: str) -> float | None:
    """The point's value of the key where it is a finite number."""
    value = value_of(point, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _panel(
    points: list[PointSummary],
    x_key: str,
    y_key: str,
    column: MetricColumn,
    best: PointSummary | None,
    *,
    cloud: bool,
) -> Panel | None:
    rows = [
        (x, y, point.metrics[column.name].mean)
        for point in points
        if column.name in point.metrics
        and (x := number_of(point, x_key)) is not None
        and (y := number_of(point, y_key)) is not None
    ]
    star = None
    if best is not None:
        at = number_of(best, x_key), number_of(best, y_key)
        star = (at[0], at[1]) if at[0] is not None and at[1] is not None else None
    if cloud:
        if len(rows) < MIN_POINTS:
            return None
        x, y, z = np.array(rows).T
        if min(len(np.unique(x)), len(np.unique(y))) < MIN_VALUES:
            return None
        return Panel("cloud", x_key, y_key, column.region, x, y, z, star)
    cells: dict[tuple[float, float], list[float]] = {}
    for x_value, y_value, value in rows:
        cells.setdefault((x_value, y_value), []).append(value)
    wide, high = len({x for x, _ in cells}), len({y for _, y in cells})
    # factors varied one at a time fill a cross, not a grid
    if wide < 2 or high < 2 or len(cells) < max(4, 0.6 * wide * high):
        return None
    x, y = np.array(list(cells)).T
    return Panel(
        "grid",
        x_key,
        y_key,
        column.region,
        x,
        y,
        np.array([np.mean(v) for v in cells.values()]),
        star,
    )


# ---- drawing


def draw(numbers: Surface) -> Figure:
    """Pairs of keys below each other, regions side by side; the better, the brighter."""
    with style.styled():
        down = -(-len(numbers.panels) // numbers.across)
        figure = style.new_figure(
            4.6 * numbers.across + 0.6,
            0.9 + 3.5 * down,
            title=numbers.title,
            synthetic=numbers.synthetic,
        )
        grid = figure.subplots(down, numbers.across, squeeze=False)
        colors = "cividis" if numbers.higher_is_better else "cividis_r"
        for axes, panel in zip(grid.flat, numbers.panels, strict=False):
            grid_wanted = panel.kind == "grid"
            shown = (
                _draw_grid(axes, panel, colors) if grid_wanted else _draw_cloud(axes, panel, colors)
            )
            figure.colorbar(shown, ax=axes, label=f"{numbers.value_label}, {panel.region}")
            axes.set_xlabel(style.tail(panel.x_key))
            axes.set_ylabel(style.tail(panel.y_key))
            axes.grid(visible=False)
        for axes in list(grid.flat)[len(numbers.panels) :]:
            axes.set_visible(False)
        notes = ["★ best by validation; mean over seeds"]
        if numbers.averaged:
            notes.append("and over the other keys")
        if numbers.panels[0].kind == "cloud":
            notes.append("; surface: interpolated between the points, other keys vary along")
        style.note(figure, " ".join(notes).replace(" ;", ";"))
        return figure


def _draw_grid(axes: Axes, panel: Panel, colors: str) -> ScalarMappable:
    xs, ys = np.unique(panel.x), np.unique(panel.y)
    values = np.full((len(ys), len(xs)), np.nan)
    values[np.searchsorted(ys, panel.y), np.searchsorted(xs, panel.x)] = panel.z
    mesh = axes.pcolormesh(values, cmap=colors, edgecolors="white", linewidth=1.0)
    if values.size <= 80:
        for row, column in np.argwhere(np.isfinite(values)):
            red, green, blue, _ = mesh.cmap(mesh.norm(values[row, column]))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{values[row, column]:.3g}",
                ha="center",
                va="center",
                fontsize=8,
                color="#FEFEFE" if dark else "#010101",
            )
    axes.set_xticks(np.arange(len(xs)) + 0.5, [f"{x:g}" for x in xs])
    axes.set_yticks(np.arange(len(ys)) + 0.5, [f"{y:g}" for y in ys])
    axes.tick_params(length=0)
    if panel.best is not None and panel.best[0] in xs and panel.best[1] in ys:
        at = np.searchsorted(xs, panel.best[0]) + 0.14, np.searchsorted(ys, panel.best[1]) + 0.82
        axes.plot(
            *at, "*", markersize=11, color=style.YELLOW, markeredgecolor=style.INK, clip_on=False
        )
    return mesh


def _draw_cloud(axes: Axes, panel: Panel, colors: str) -> PathCollection:
    from matplotlib.colors import Normalize

    # the best tenth must be told apart; a few very bad points must not stretch the scale
    low, high = np.quantile(panel.z, (0.0, 0.9) if colors.endswith("_r") else (0.1, 1.0))
    scale = Normalize(float(low), float(high) if high > low else float(low) + 1e-9)
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
        axes.plot(
            *panel.best, "*", markersize=15, color=style.YELLOW, markeredgecolor=style.INK, zorder=5
        )
    axes.use_sticky_edges = False
    axes.margins(0.06)
    for which, values in (("x", panel.x.tolist()), ("y", panel.y.tolist())):
        if style.use_log(values):
            style.plain_ticks(axes, values, planned=False, which=which)  # type: ignore[arg-type]
    return dots


def _fill_between(axes: Axes, panel: Panel, colors: str, scale: Normalize) -> None:
    """Filled contours between the points."""
    unit = []
    for values in (panel.x, panel.y):
        scaled = np.log(values) if style.use_log(values.tolist()) else values
        unit.append((scaled - scaled.min()) / np.ptp(scaled))
    places, which = np.unique(np.stack(unit, axis=1), axis=0, return_inverse=True)
    values = np.bincount(which.ravel(), weights=panel.z) / np.bincount(which.ravel())
    steps = np.linspace(0, 1, 40)
    across, up = np.meshgrid(steps, steps)
    filled = LinearNDInterpolator(places, values)(across, up)
    shown = [
        v.min() * (v.max() / v.min()) ** steps
        if style.use_log(v.tolist())
        else v.min() + np.ptp(v) * steps
        for v in (panel.x, panel.y)
    ]
    levels = np.linspace(scale.vmin or 0.0, scale.vmax or 1.0, 9)
    axes.contourf(
        *shown,
        np.ma.masked_invalid(filled),
        levels=levels,
        cmap=colors,
        norm=scale,
        alpha=0.45,
        extend="both",
        antialiased=True,
    )
