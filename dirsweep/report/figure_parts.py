"""Parts of figures that several plots draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dirsweep.analysis.epoch_curves import Curve
from dirsweep.analysis.label_errors import Floats, Span
from dirsweep.report import figure_style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def base_and_best_colors(num: int) -> Sequence[str]:
    """Return the colours of the baseline and the best point; of one point the best's."""
    return (style.GREY, style.BLUE) if num == 2 else (style.BLUE,)


def shade_zero_shot(grid: Iterable[Axes], spans: Sequence[Span]) -> None:
    """Shade the zero-shot stretches of the label range in all axes."""
    color = style.REGION_COLORS["zero"]
    for axes in grid:
        for low, high in spans:
            axes.axvspan(low, high, color=color, alpha=0.16, linewidth=0, zorder=0.5)


def draw_gain_bars(axes: Axes, edges: Floats, gain: Floats) -> None:
    """Draw bars from zero, gains in one colour and losses in another."""
    filled = np.isfinite(gain)
    colors = np.where(gain[filled] >= 0, style.GREEN, style.RED)
    centres = (edges[1:] + edges[:-1]) / 2
    axes.bar(centres[filled], gain[filled], width=np.diff(edges)[filled] * 0.9, color=list(colors))
    axes.axhline(0, color=style.INK, linewidth=0.8)


def draw_band_line(
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


def draw_star(axes: Axes, x: float, y: float, **line_style: Any) -> None:
    """Draw the star of the best point by validation."""
    own = {"markersize": 15, "color": style.YELLOW, "markeredgecolor": style.INK, "zorder": 5}
    axes.plot([x], [y], "*", **{**own, **line_style})


def hide_unused(grid: Sequence[Axes], num_used: int) -> None:
    """Hide the axes of a grid that have no content."""
    for axes in grid[num_used:]:
        axes.set_visible(False)
