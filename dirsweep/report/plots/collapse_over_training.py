"""The expected collapse penalty E[P(y)] epoch by epoch, on validation, base and best: ConR, Fig.
6(c).

Source: Keramati et al., ICLR 2024, Appendix A.1; what P(y) is stands in ``collapse_penalty``. The
    trainer takes it from
each epoch's validation predictions. The paper shows training; predictions of every training epoch
are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.selection import base_and_best
from dirsweep.report.plots import _style as style
from dirsweep.report.plots._per_epoch import Curve, best_epochs, by_trial, curve_of
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = "val_collapse_penalty_all"


@dataclass(frozen=True)
class CollapseOverTraining:
    """What ``draw`` needs; ``curves``: the base and the best, only one when they are the same,
    label unit.
    """

    title: str
    synthetic: bool
    curves: list[Curve]


def numbers(run: Run, study: str) -> CollapseOverTraining | None:
    """E[P(y)] per epoch; None for runs of before it was recorded, vector labels, or a single
    validated epoch.
    """
    table, compared = run.epochs(), base_and_best(run, study)
    if COLUMN not in table.schema.names:
        return None
    complete, chosen = complete_trials(run, study), best_epochs(run.trials())
    trials = {point.index: list(complete.get(point.index, {}).values()) for point in compared}
    steps = by_trial(table, COLUMN, [trial for found in trials.values() for trial in found])
    curves = [
        curve
        for point in compared
        if (
            curve := curve_of(
                point, trials[point.index], steps, chosen, rank=int(point is not compared[-1])
            )
        )
        is not None
    ]
    if not any(len(curve.epochs) > 1 for curve in curves):
        return None
    return CollapseOverTraining(
        f"collapse penalty over training · {study} · {run.name}", run.synthetic, curves
    )


def draw(numbers: CollapseOverTraining) -> Figure:
    """Lines with the seeds' range, a ring at the chosen epoch."""
    from matplotlib.ticker import MaxNLocator

    with style.styled():
        figure = style.new_figure(8.0, 4.2, title=numbers.title, synthetic=numbers.synthetic)
        axes = figure.subplots()
        for curve in numbers.curves:
            color = style.BLUE if curve.rank == 0 else style.GREY
            axes.fill_between(
                curve.epochs + 1, curve.low, curve.high, color=color, alpha=0.15, linewidth=0
            )
            axes.plot(
                curve.epochs + 1,
                curve.mean,
                color=color,
                label=style.wrapped(("★ " if curve.rank == 0 else "") + curve.label, 60, 2),
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
        axes.set_ylabel("E[P(y)], validation, label unit")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)
        said = ["★ best by validation; ring: the chosen epoch, mean over seeds"]
        if any(curve.num_seeds > 1 for curve in numbers.curves):
            said.insert(0, "line: mean over seeds, band: their range")
        style.note(figure, "; ".join(said))
        return figure
