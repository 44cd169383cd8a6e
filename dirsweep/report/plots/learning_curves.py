"""The objective on validation, epoch by epoch, one line per point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import aims_of
from dirsweep.analysis.summaries import best_point, sorted_by_objective
from dirsweep.domain import metric_of
from dirsweep.report.plots import _style as style
from dirsweep.report.plots._per_epoch import Curve, best_epochs, by_trial, counted, curve_of
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: points with a colour of their own, the best by validation; the rest is grey
MAX_COLORED = 6


@dataclass(frozen=True)
class LearningCurves:
    """What ``draw`` needs; ``curves`` in the order of merit."""

    title: str
    y_label: str
    synthetic: bool
    curves: list[Curve]
    has_best: bool


def numbers(run: Run, study: str) -> LearningCurves | None:
    """Every point's validation metric per epoch; None when nobody validated more than once."""
    objective = aims_of(run, study).objective
    table = run.epochs()
    if objective.name not in table.schema.names:
        return None
    points = points_of(run, study)
    steps = by_trial(
        table, objective.name, [trial for point in points for trial in point.trial_ids.values()]
    )
    chosen = best_epochs(run.trials())
    curves: list[Curve] = []
    for point in sorted_by_objective(points, objective):
        curve = curve_of(point, counted(point, objective.name), steps, chosen, rank=len(curves))
        if curve is not None:
            curves.append(curve)
    if not any(len(curve.epochs) > 1 for curve in curves):
        return None
    return LearningCurves(
        title=f"{study} · {run.name}",
        y_label=f"validation {metric_of(objective.metric).title}, {objective.region}",
        synthetic=run.synthetic,
        curves=curves,
        has_best=best_point(points, objective) is not None,
    )


def draw(numbers: LearningCurves) -> Figure:
    """Lines with the seeds' range, the best points in colour, a ring at each one's chosen epoch."""
    from matplotlib.ticker import MaxNLocator

    with style.styled():
        colored = numbers.curves[:MAX_COLORED]
        figure = style.new_figure(9.0, 4.6, title=numbers.title, synthetic=numbers.synthetic)
        axes = figure.subplots()
        for curve in numbers.curves[MAX_COLORED:]:
            axes.plot(curve.epochs + 1, curve.mean, color=style.LIGHT, linewidth=0.9, zorder=1)
        for curve in reversed(colored):
            color = style.LINES[curve.rank]
            first = curve.rank == 0 and numbers.has_best
            axes.fill_between(
                curve.epochs + 1, curve.low, curve.high, color=color, alpha=0.12, linewidth=0
            )
            axes.plot(
                curve.epochs + 1,
                curve.mean,
                color=color,
                linewidth=2.6 if first else 1.6,
                zorder=3 if first else 2,
                label=style.wrapped(("★ " if first else "") + curve.label, 28, 3),
                marker="o" if len(curve.epochs) == 1 else None,
            )
            if curve.chosen is not None:
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
        axes.set_xlabel("epochs trained")
        axes.set_ylabel(numbers.y_label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _cut_the_start(axes, colored)
        handles, labels = axes.get_legend_handles_labels()
        rest = len(numbers.curves) - len(colored)
        title = "best by validation first" + (
            f"\ngrey: {rest} more point{'s' if rest > 1 else ''}" if rest else ""
        )
        figure.legend(
            handles[::-1], labels[::-1], loc="outside right center", title=title, alignment="left"
        )
        note = "ring: the chosen epoch, mean over seeds"
        if any(curve.num_seeds > 1 for curve in numbers.curves):
            note = f"line: mean over seeds, band: their range; {note}"
        figure.supxlabel(note, fontsize=8.5, color=style.GREY, x=0.01, ha="left")
        return figure


def _cut_the_start(axes: object, curves: list[Curve]) -> None:
    """Leave out of the picture what only the first epochs show: they would flatten everything after
    them.
    """
    after = np.concatenate(
        [
            np.concatenate([c.low, c.high])[
                np.tile(np.arange(len(c.epochs)) >= len(c.epochs) // 10, 2)
            ]
            for c in curves
        ]
    )
    low, high = float(after.min()), float(after.max())
    margin = 0.06 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)  # type: ignore[attr-defined]
