"""Expected collapse penalty E[P(y)] on validation, epoch by epoch: ConR, Fig. 6(c).

Source: Keramati et al., ICLR 2024, Appendix A.1; ``collapse_penalty`` defines P(y). The trainer
computes it from each epoch's validation predictions. The paper shows training; predictions of every
training epoch are not stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.epoch_curves import Curve, epoch_values
from dirsweep.analysis.measurements import complete_trials
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
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
    from matplotlib.figure import Figure

COLUMN = "val_collapse_penalty_all"


@dataclass(frozen=True)
class CollapseOverTraining:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        curves: one per compared point; the best by validation has rank 0.
        points_note: which points are compared.
        width: largest distance between similar values, 1 / omega, label unit; None for runs of
            earlier builds, whose epochs have P over bins.
    """

    unit: str
    curves: list[Curve]
    points_note: str
    width: float | None


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> CollapseOverTraining:
    """Read E[P(y)] per epoch.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point.

    Raises:
        EmptyPlotError: the trials did not record it, or validated a single epoch.
    """
    compared = compared or compared_points(run, study)
    complete = complete_trials(run, study)
    trials = {p.index: list(complete.get(p.index, {}).values()) for p in compared.points}
    values = epoch_values(run, COLUMN, [trial for found in trials.values() for trial in found])
    if values is None:
        raise EmptyPlotError("the trials did not record the collapse penalty")
    curves = []
    for point in compared.points:
        rank = int(not compared.is_best(point))
        curve = values.curve(point, trials[point.index], rank=rank)
        if curve is not None:
            curves.append(curve)
    if not any(len(curve.epochs) > 1 for curve in curves):
        raise EmptyPlotError("no trial recorded the collapse penalty of two epochs")
    width = run.manifest.benchmark.similar_within
    return CollapseOverTraining(label_unit_of(run), curves, points_note(compared), width)


def draw(numbers: CollapseOverTraining) -> Figure:
    """Draw lines with the range of the seeds and a ring at the chosen epoch."""
    with style.styled():
        figure = style.new_figure(style.NARROW, 4.4)
        axes = figure.subplots()
        labels = []
        for curve, color in zip(
            numbers.curves, comparison_colors(len(numbers.curves)), strict=True
        ):
            labels.append(style.wrapped(starred(curve.label, curve.rank == 0), 60, 2))
            draw_epoch_curve(axes, curve, band_alpha=0.15, color=color, label=labels[-1])
        label_epochs(axes)
        axes.set_ylabel(with_unit("expected collapse penalty E[P(y)]", numbers.unit))
        legend_above(axes, labels, style.NARROW - 1)
        return figure


def caption(numbers: CollapseOverTraining) -> str:
    """Say what is drawn."""
    counted = "as y although their label is more than one label bin away"
    if numbers.width is not None:
        counted = f"within {numbers.width:g} of y although their label is farther from it"
    return sentences(
        "Expected collapse penalty E[P(y)] on the validation split after each epoch; lower is "
        f"better. P(y) is the mean absolute error of the samples that are predicted {counted}, "
        "and E[P(y)] its mean over the label bins. A ring marks the epoch that validation "
        "chose (mean over seeds).",
        seeds_note((curve.num_seeds for curve in numbers.curves), "range"),
        numbers.points_note,
    )


PLOT = Plot(
    title="Collapse penalty over training",
    caption=caption,
    source="After ConR (Keramati et al., ICLR 2024), Fig. 6(c).",
    order=20,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("epochs trained",),
)
