"""Expected collapse penalty E[P(y)] on validation, epoch by epoch: ConR, Fig. 6(c).

Source: Keramati et al., ICLR 2024, Appendix A.1; ``collapse_penalty`` defines P(y). The trainer
computes it from each epoch's validation predictions. The paper shows training; predictions of every
training epoch are not stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dirsweep.analysis.epoch_curves import Curve, epoch_values
from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.selection import base_and_best
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import starred
from dirsweep.report.figure_parts import draw_epoch_curve
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
        curves: the baseline and the best point; one where they are the same.
    """

    unit: str
    curves: list[Curve]


def numbers(run: Run, study: str) -> CollapseOverTraining:
    """Read E[P(y)] per epoch.

    Raises:
        EmptyPlotError: the trials did not record it, or validated a single epoch.
    """
    compared = base_and_best(run, study)
    complete = complete_trials(run, study)
    trials = {point.index: list(complete.get(point.index, {}).values()) for point in compared}
    values = epoch_values(run, COLUMN, [trial for found in trials.values() for trial in found])
    if values is None:
        raise EmptyPlotError("the trials did not record the collapse penalty")
    curves = []
    for point in compared:
        curve = values.curve(point, trials[point.index], rank=int(point is not compared[-1]))
        if curve is not None:
            curves.append(curve)
    if not any(len(curve.epochs) > 1 for curve in curves):
        raise EmptyPlotError("no trial recorded the collapse penalty of two epochs")
    return CollapseOverTraining(label_unit_of(run), curves)


def draw(numbers: CollapseOverTraining) -> Figure:
    """Draw lines with the range of the seeds and a ring at the chosen epoch."""
    from matplotlib.ticker import MaxNLocator

    with style.styled():
        figure = style.new_figure(8.0, 4.2)
        axes = figure.subplots()
        for curve in numbers.curves:
            color = style.BLUE if curve.rank == 0 else style.GREY
            label = style.wrapped(starred(curve.label, curve.rank == 0), 60, 2)
            draw_epoch_curve(axes, curve, band_alpha=0.15, color=color, label=label)
        axes.set_xlabel("epochs trained")
        axes.set_ylabel(with_unit("E[P(y)], validation", numbers.unit))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)
        note = "★ best by validation; ring: chosen epoch, mean over seeds"
        if any(curve.num_seeds > 1 for curve in numbers.curves):
            note = f"line: mean over seeds, band: range of the seeds; {note}"
        style.note(figure, note)
        return figure


PLOT = Plot(
    title="Collapse penalty over training",
    caption=(
        "Expected collapse penalty E[P(y)] on the validation split by epoch, of the baseline and "
        "the best point. After ConR (Keramati et al., ICLR 2024), Fig. 6(c)."
    ),
    order=20,
    numbers=numbers,
    draw=draw,
)
