"""Training loss and its terms by epoch: ConR, Fig. 6(a).

The trainer adds up the terms of every step on the device and records their means once per epoch:
the task loss, and each regularizer's term with its weight. What is drawn as the task loss is the
training loss without the regularizers' terms, so it has the weight that ConR gives it.

Source: Keramati et al., ICLR 2024, Appendix A.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.epoch_curves import (
    TASK_LOSS,
    Curve,
    EpochValues,
    epoch_values,
    loss_term_values,
)
from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.summaries import PointSummary
from dirsweep.report import figure_style as style
from dirsweep.report.figure_notes import points_note, seeds_note, sentences, starred
from dirsweep.report.figure_parts import (
    comparison_colors,
    draw_epoch_curve,
    label_epochs,
    legend_above,
)
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PointLoss:
    """The training loss of one point.

    Attributes:
        label: how the point differs from the base.
        total: the training loss per epoch.
        terms: the task loss and each regularizer's weighted term; empty without a regularizer.
    """

    label: str
    total: Curve
    terms: dict[str, Curve]


@dataclass(frozen=True)
class LossCurves:
    """What ``draw`` needs.

    Attributes:
        points: the compared points that recorded a training loss.
        points_note: which points are compared.
    """

    points: list[PointLoss]
    points_note: str


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> LossCurves:
    """Read the training loss and its terms per epoch.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point.

    Raises:
        EmptyPlotError: the trials did not record it, or trained a single epoch.
    """
    compared = compared or compared_points(run, study)
    complete = complete_trials(run, study)
    trials = {p.index: list(complete.get(p.index, {}).values()) for p in compared.points}
    listed = [trial for found in trials.values() for trial in found]
    totals = epoch_values(run, "train_loss", listed)
    if totals is None:
        raise EmptyPlotError("the trials did not record the training loss")
    terms = loss_term_values(run, listed)
    points = []
    for point in compared.points:
        total = totals.curve(point, trials[point.index], rank=int(not compared.is_best(point)))
        if total is not None:
            label = starred(point.label, compared.is_best(point))
            points.append(PointLoss(label, total, _terms(point, trials[point.index], terms)))
    if not any(len(point.total.epochs) > 1 for point in points):
        raise EmptyPlotError("no trial recorded the training loss of two epochs")
    return LossCurves(points, points_note(compared))


def _terms(
    point: PointSummary, trials: Sequence[str], values: Mapping[str, EpochValues]
) -> dict[str, Curve]:
    """The terms of a point's loss; empty where the task loss is the only one."""
    curves = {name: of.curve(point, trials, rank=1) for name, of in values.items()}
    found = {name: curve for name, curve in curves.items() if curve is not None}
    return found if set(found) - {TASK_LOSS} else {}


def draw(numbers: LossCurves) -> Figure:
    """Draw the training losses together, and below them the terms of each point that has some."""
    with style.styled():
        split = [point for point in numbers.points if point.terms]
        heights = [3.0, *(2.0 for _ in split)]
        figure = style.new_figure(style.NARROW, 1.4 + sum(heights))
        column = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
        _draw_totals(column[0, 0], numbers.points)
        colors = _colors(split)
        for axes, point in zip(column[1:, 0], split, strict=True):
            _draw_terms(axes, point, colors)
        if split:
            _explain_terms(column[1, 0], split[0], colors)
        label_epochs(column[-1, 0])
        figure.align_ylabels(list(column[:, 0]))
        return figure


def _draw_totals(axes: Axes, points: Sequence[PointLoss]) -> None:
    labels = []
    for point, color in zip(points, comparison_colors(len(points)), strict=True):
        labels.append(style.wrapped(point.label, 60, 2))
        draw_epoch_curve(axes, point.total, band_alpha=0.15, color=color, label=labels[-1])
    axes.set_ylabel("training loss")
    _scale(axes, [point.total for point in points])
    legend_above(axes, labels, style.NARROW - 1)


def _draw_terms(axes: Axes, point: PointLoss, colors: Mapping[str, str]) -> None:
    """Draw the terms of one point, the task loss first, with no ring: that is above."""
    for name, curve in point.terms.items():
        epochs, color = curve.epochs + 1, colors[name]
        axes.fill_between(epochs, curve.low, curve.high, color=color, alpha=0.15, linewidth=0)
        axes.plot(epochs, curve.mean, color=color, label=name)
    axes.set_title(style.wrapped(point.label, 60, 1), loc="left")
    axes.set_ylabel("loss term")
    _scale(axes, list(point.terms.values()))


def _explain_terms(axes: Axes, shown: PointLoss, colors: Mapping[str, str]) -> None:
    """Put one legend for all panels above the first one, with the terms that it lacks as well."""
    for name, color in colors.items():
        if name not in shown.terms:
            axes.plot([], [], color=color, label=name)
    legend_above(axes, list(colors), style.NARROW - 1, has_title=True)


def _colors(points: Sequence[PointLoss]) -> dict[str, str]:
    """Term -> its colour in every panel."""
    names = dict.fromkeys(name for point in points for name in point.terms)
    return {name: style.LINES[place % len(style.LINES)] for place, name in enumerate(names)}


def _scale(axes: Axes, curves: Sequence[Curve]) -> None:
    """Use a logarithmic axis where a linear one would show the largest values only."""
    values = [float(end) for curve in curves for end in (curve.low.min(), curve.high.max())]
    if style.use_log(values):
        style.plain_ticks(axes, values, planned=False, which="y")


def caption(numbers: LossCurves) -> str:
    """Say what is drawn."""
    split = any(point.terms for point in numbers.points)
    return sentences(
        "Training loss of each epoch, mean over its samples, for labels divided by the "
        "benchmark's scale; it has no unit. Losses of points with different loss functions, "
        "weights or regularizers measure different things: compare their course, not their height.",
        "Below, one panel per point shows the terms that add up to its loss: the task loss and "
        "each regularizer's term with its weight."
        if split
        else "",
        "A ring marks the epoch that validation chose (mean over seeds).",
        seeds_note((point.total.num_seeds for point in numbers.points), "range"),
        numbers.points_note,
    )


PLOT = Plot(
    title="Training loss",
    caption=caption,
    source="After ConR (Keramati et al., ICLR 2024), Fig. 6(a).",
    order=75,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("epochs trained", "training loss", "loss term"),
)
