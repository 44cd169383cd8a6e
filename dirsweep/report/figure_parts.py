"""Parts of figures that several plots draw."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dirsweep.analysis.epoch_curves import Curve
from dirsweep.analysis.label_errors import (
    Floats,
    Gain,
    Span,
    deviation_over_seeds,
    mean_over_seeds,
)
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import with_unit
from dirsweep.report.figure_layout import MOVABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: of a panel in a grid, inches
PANEL_WIDTH = 3.9
#: square panels side by side
MOST_SQUARES = 3


def comparison_colors(num: int) -> list[str]:
    """Return the colours of compared points: grey for the first, the best's for a single one."""
    if num == 1:
        return [style.BLUE]
    others = [style.LINES[number % len(style.LINES)] for number in range(num - 1)]
    return [style.GREY, *others]


def shade_spans(grid: Iterable[Axes], zero_shot: Sequence[Span], empty: Sequence[Span]) -> None:
    """Shade the label ranges without training labels in all axes."""
    colors = ((zero_shot, style.REGION_COLORS["zero"], 0.22), (empty, style.LIGHT, 0.3))
    for axes in grid:
        for spans, color, alpha in colors:
            for low, high in spans:
                axes.axvspan(low, high, color=color, alpha=alpha, linewidth=0, zorder=0.5)


def draw_gain_bars(axes: Axes, edges: Floats, gain: Floats) -> None:
    """Draw bars from zero, gains in the colour of better and losses in that of worse."""
    filled = np.isfinite(gain)
    colors = np.where(gain[filled] >= 0, style.BETTER, style.WORSE)
    centres = (edges[1:] + edges[:-1]) / 2
    axes.bar(centres[filled], gain[filled], width=np.diff(edges)[filled] * 0.9, color=list(colors))
    axes.axhline(0, color=style.INK, linewidth=0.8)


@dataclass(frozen=True)
class ComparedLine:
    """One point in a figure of lines and gains.

    Attributes:
        label: how the point differs from the base.
        entry: its entry in the legend.
        by_seed: (K, B), one row per seed; NaN where a bin is empty.
    """

    label: str
    entry: str
    by_seed: Floats


def draw_lines_and_gains(
    column: Sequence[Axes],
    edges: Floats,
    lines: Sequence[ComparedLine],
    gains: Sequence[Gain],
    unit: str,
) -> None:
    """Draw compared points as lines, and below them the gain of each further point.

    Args:
        column: axes below each other, at least one more than gains.
        edges: (B + 1,) along x, label unit.
        lines: of the points; gains are over the first.
        gains: of (B,) values each.
        unit: of lines and gains; empty where unknown.
    """
    _draw_lines(column[0], edges, lines)
    for axes, gain, line in zip(column[1:], gains, lines[1:], strict=False):
        draw_gain_bars(axes, edges, gain.values)
        axes.set_ylabel(with_unit("gain", unit))
        if len(gains) > 1:
            axes.set_title(style.wrapped(line.label, 70, 1), loc="left")


def _draw_lines(axes: Axes, edges: Floats, lines: Sequence[ComparedLine]) -> None:
    """Draw lines from zero, with bands over seeds and a legend above."""
    centres = (edges[1:] + edges[:-1]) / 2
    looks = zip(comparison_colors(len(lines)), itertools.cycle(style.MARKERS), strict=False)
    for line, (color, marker) in zip(lines, looks, strict=True):
        mean, deviation = mean_over_seeds(line.by_seed), deviation_over_seeds(line.by_seed)
        own = {"color": color, "marker": marker, "label": line.entry}
        _draw_band_line(axes, centres, mean, deviation, **own)
    axes.set_ylim(bottom=0)
    legend_above(axes, [line.entry for line in lines], style.NARROW - 1)


def _draw_band_line(
    axes: Axes, places: Floats, mean: Floats, deviation: Floats, **line_style: Any
) -> None:
    """Draw a line where it has values, with a band of one deviation on both sides."""
    filled = np.isfinite(mean)
    low, high = (mean - deviation)[filled], (mean + deviation)[filled]
    color = line_style["color"]
    axes.fill_between(places[filled], low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(places[filled], mean[filled], **line_style)


def draw_epoch_curve(axes: Axes, curve: Curve, *, band_alpha: float, **line_style: Any) -> None:
    """Draw a curve over epochs with the range of its seeds and a ring at the chosen epoch."""
    color = line_style["color"]
    epochs = curve.epochs + 1
    axes.fill_between(epochs, curve.low, curve.high, color=color, alpha=band_alpha, linewidth=0)
    axes.plot(epochs, curve.mean, **line_style)
    if curve.chosen is None:
        return
    height = float(np.interp(curve.chosen, curve.epochs, curve.mean))
    axes.plot(
        [curve.chosen + 1],
        [height],
        "o",
        markersize=8,
        markerfacecolor="white",
        markeredgecolor=color,
        markeredgewidth=1.8,
        zorder=4,
    )


def label_epochs(axes: Axes) -> None:
    """Label an axis of epochs with whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epochs trained")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_star(axes: Axes, x: float, y: float, **line_style: Any) -> None:
    """Draw the star of the best point by validation."""
    own = {"markersize": 15, "color": style.YELLOW, "markeredgecolor": style.INK, "zorder": 5}
    axes.plot([x], [y], "*", **{**own, **line_style})


def number_point(axes: Axes, text: str, x: float, y: float) -> None:
    """Write a number beside a point; it moves where it would overlap another one."""
    note = axes.annotate(text, (x, y), xytext=(6, 5), textcoords="offset points")
    note.set(fontsize=style.SMALL_SIZE, gid=MOVABLE, in_layout=False)


@dataclass(frozen=True)
class PanelGrid:
    """A figure with a grid of panels on common axes.

    Attributes:
        figure: the figure.
        panels: row by row.
        left: the first panel of each row.
        bottom: the last panel of each column.
    """

    figure: Figure
    panels: list[Axes]
    left: list[Axes]
    bottom: list[Axes]


def grid_of_panels(num: int, height: float, most_across: int = 3) -> PanelGrid:
    """Create a figure with a grid of panels on common axes.

    Args:
        num: number of panels.
        height: of a panel, inches.
        most_across: panels side by side, at most.
    """
    across = min(num, most_across if num > 4 else 2)
    down = -(-num // across)
    width = max(style.NARROW, PANEL_WIDTH * across + 0.6)
    figure = style.new_figure(width, 0.8 + height * down)
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    listed = list(grid.flat)
    hide_unused(listed, num)
    bottom = listed[max(0, num - across) : num]
    for axes in bottom:
        axes.tick_params(axis="x", labelbottom=True)
    return PanelGrid(figure, listed[:num], listed[:num:across], bottom)


def grid_of_squares(num: int, x_label: str, y_label: str) -> PanelGrid:
    """Create a figure with a grid of square panels without ticks.

    Args:
        num: number of panels.
        x_label: of every panel.
        y_label: of the first panel in each row.
    """
    down = -(-num // MOST_SQUARES)
    across = -(-num // down)  # four panels are two by two
    figure = style.new_figure(max(4.8, 0.9 + 3.8 * across), 0.8 + 4.0 * down)
    listed = list(figure.subplots(down, across, squeeze=False).flat)
    hide_unused(listed, num)
    for axes in listed[:num]:
        axes.grid(visible=False)
        axes.set(xticks=[], yticks=[], xlabel=x_label)
    for axes in listed[:num:across]:
        axes.set_ylabel(y_label)
    return PanelGrid(figure, listed[:num], listed[:num:across], listed[max(0, num - across) : num])


def hide_unused(grid: Sequence[Axes], num_used: int) -> None:
    """Hide the axes of a grid that have no content."""
    for axes in grid[num_used:]:
        axes.set_visible(False)


def legend_above(
    axes: Axes, labels: Sequence[str], inches: float, *, has_title: bool = False
) -> None:
    """Put the legend above the axes, in as many columns as fit.

    Args:
        axes: where.
        labels: its entries.
        inches: room for it.
        has_title: whether it must leave room for a title of the axes.
    """
    longest = max((len(line) for label in labels for line in label.split("\n")), default=1)
    # a handle and its gaps take as much room as seven characters
    columns = style.characters(inches, style.SMALL_SIZE) // (longest + 7)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=max(1, min(len(labels), columns)),
        columnspacing=1.2,
        handlelength=1.6,
        borderaxespad=2.4 if has_title else 0.5,
    )
