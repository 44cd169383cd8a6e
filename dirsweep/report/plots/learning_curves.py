"""The objective on validation by epoch, one line per point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.analysis.compared_points import ComparedPoints
from dirsweep.analysis.epoch_curves import Curve, counted_trials, epoch_values
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.summaries import PointSummary, best_point, sorted_by_objective
from dirsweep.domain import MetricColumn, plural
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import column_label
from dirsweep.report.figure_notes import points_note, seeds_note, sentences, starred
from dirsweep.report.figure_parts import draw_epoch_curve, label_epochs
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: points with a colour of their own, the best by validation; all others are grey
MAX_COLORED = 6


@dataclass(frozen=True)
class LearningCurves:
    """What ``draw`` needs.

    Attributes:
        y_label: metric and unit.
        curves: best point first.
        has_best: whether the first curve is that of the best complete point.
        points_note: which points are compared; empty for all of the study.
    """

    y_label: str
    curves: list[Curve]
    has_best: bool
    points_note: str = ""


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> LearningCurves:
    """Read every point's validation metric per epoch.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: points with a curve each, as in ConR, Fig. 6(b); by default all of the study.

    Raises:
        EmptyPlotError: no trial recorded the objective of two epochs.
    """
    objective = objective_of(run, study)
    if says_nothing(run, objective):
        raise EmptyPlotError("the objective is a correlation of fewer than three samples")
    points = points_of(run, study) if compared is None else compared.points
    trials = [trial for point in points for trial in point.trial_ids.values()]
    values = epoch_values(run, objective.name, trials)
    if values is None:
        raise EmptyPlotError(f"the trials did not record {objective.name} per epoch")
    curves: list[Curve] = []
    for point in sorted_by_objective(points, objective):
        counted = counted_trials(point, objective.name)
        curve = values.curve(point, counted, rank=len(curves))
        if curve is not None:
            curves.append(curve)
    if not any(len(curve.epochs) > 1 for curve in curves):
        raise EmptyPlotError("no trial validated two epochs")
    return LearningCurves(
        y_label=column_label(run, objective),
        curves=curves,
        has_best=_has_best(points, objective, compared),
        points_note="" if compared is None else points_note(compared),
    )


def _has_best(
    points: Sequence[PointSummary], objective: MetricColumn, compared: ComparedPoints | None
) -> bool:
    """Whether the best of these points is the best complete point of the study."""
    best = best_point(points, objective)
    return best is not None and (compared is None or compared.is_best(best))


def draw(numbers: LearningCurves) -> Figure:
    """Draw lines with the range of the seeds, the best points in colour."""
    with style.styled():
        colored, grey = numbers.curves[:MAX_COLORED], numbers.curves[MAX_COLORED:]
        figure = style.new_figure(style.NARROW, 5.0)
        axes = figure.subplots()
        for curve in grey:
            axes.plot(curve.epochs + 1, curve.mean, color=style.LIGHT, linewidth=0.9, zorder=1)
        for curve in reversed(colored):
            _draw_colored(axes, curve, best=curve.rank == 0 and numbers.has_best)
        label_epochs(axes)
        axes.set_ylabel(numbers.y_label)
        _skip_first_epochs(axes, colored)
        handles, labels = axes.get_legend_handles_labels()
        title = "best first"
        figure.legend(
            handles[::-1], labels[::-1], loc="outside right center", title=title, alignment="left"
        )
        return figure


def caption(numbers: LearningCurves) -> str:
    """Say what is drawn."""
    num_grey = len(numbers.curves) - MAX_COLORED
    star = " (★)" if numbers.has_best else ""
    return sentences(
        "The objective on the validation split after each epoch, one line per point, the best "
        f"by validation first{star}. A ring marks the epoch that validation chose (mean over "
        "seeds).",
        seeds_note((curve.num_seeds for curve in numbers.curves), "range"),
        f"The {MAX_COLORED} best points are in colour, {plural(num_grey, 'other')} in grey."
        if num_grey > 0
        else "",
        numbers.points_note,
    )


def _draw_colored(axes: Axes, curve: Curve, *, best: bool) -> None:
    label = starred(curve.label, best) + (" (pruned)" if curve.pruned else "")
    draw_epoch_curve(
        axes,
        curve,
        band_alpha=0.12,
        color=style.LINES[curve.rank],
        linewidth=2.6 if best else 1.6,
        zorder=3 if best else 2,
        label=style.wrapped(label, 28, 3),
        marker="o" if len(curve.epochs) == 1 else None,
    )


def _skip_first_epochs(axes: Axes, curves: Sequence[Curve]) -> None:
    """Fit the y axis to later epochs, because the first ones would flatten everything else."""
    later = []
    for curve in curves:
        shown = np.arange(len(curve.epochs)) >= len(curve.epochs) // 10
        later += [curve.low[shown], curve.high[shown]]
    values = np.concatenate(later)
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)


PLOT = Plot(
    title="Learning curves",
    caption=caption,
    order=70,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("epochs trained",),
    after_run=True,
)
