r"""Collapse penalty P(y) of ConR: the error of samples wrongly predicted as y.

.. math::
    P(y) = \frac{1}{N_y} \sum_i |\hat y_i - y_i| \quad
    \text{over } i:\ \hat y_i \simeq y,\ y_i \not\simeq y

Source: Keramati et al., ICLR 2024, Appendix A.1, Figs. 6(c) and 7(b). The paper leaves open when
two values are similar; here a prediction is similar to y when it lies in y's bin of the benchmark,
and a label is not when it lies more than one bin's width from the prediction. The expected value is
the mean of P over the bins that received such a prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.label_errors import (
    Gain,
    NamedPredictions,
    PointPredictions,
    binned,
    gains_over_first,
    named_predictions,
    nice_edges,
)
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import gain_note, points_note, seeds_note, sentences, starred
from dirsweep.report.figure_parts import ComparedLine, draw_lines_and_gains
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PenaltyLine:
    """The penalty of one point.

    Attributes:
        label: how the point differs from the base.
        chosen: whether validation chose it.
        by_seed: (K, B) P per seed and bin of the predicted value, label unit; NaN where there is no
            wrong prediction.
        expected: mean over bins of the benchmark and seeds, label unit.
        share: share of the test samples that are counted, between 0 and 1.
    """

    label: str
    chosen: bool
    by_seed: Floats
    expected: float
    share: float

    @property
    def entry(self) -> str:
        """The entry of the legend."""
        label = style.wrapped(starred(self.label, self.chosen), 60, 2)
        expected = style.short_number(self.expected)
        return f"{label}\nE[P(y)] = {expected}, {self.share:.0%} of the samples"


@dataclass(frozen=True)
class CollapsePenalty:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        edges: (B + 1,) bins of the predicted value, label unit.
        width: labels nearer to the prediction than this are not counted, label unit.
        lines: one per compared point.
        gains: P of the first point minus P of each further one.
        points_note: which points are compared.
    """

    unit: str
    edges: Floats
    width: float
    lines: list[PenaltyLine]
    gains: list[Gain]
    points_note: str


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> CollapsePenalty:
    """Compute P(y) on test.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point.

    Raises:
        EmptyPlotError: there are no label bins, no test predictions, or no wrong prediction.
    """
    compared = compared or compared_points(run, study)
    bins, found = run.bins(), named_predictions(run, compared)
    if bins is None:
        raise EmptyPlotError("the run has no label bins")
    if not found:
        raise EmptyPlotError("there are no test predictions")
    # predictions beyond the label range belong to its first or last bin
    edges = nice_edges(float(bins.edges[0]), float(bins.edges[-1]))
    lines = [_line(item, bins, edges) for item in found]
    if not any(np.isfinite(line.by_seed).any() for line in lines):
        raise EmptyPlotError("no prediction is wrong by more than one bin")
    gains = gains_over_first([line.by_seed for line in lines], found)
    note = points_note(compared)
    return CollapsePenalty(label_unit_of(run), edges, bins.width, lines, gains, note)


def _line(item: NamedPredictions, bins: Bins, edges: Floats) -> PenaltyLine:
    predictions = item.predictions
    collapsed = collapsed_errors(predictions, bins.width)
    fine = binned(collapsed, predictions.preds, bins.edges)
    return PenaltyLine(
        label=item.label,
        chosen=item.chosen,
        by_seed=binned(collapsed, predictions.preds, edges),
        expected=float(np.nanmean(fine)) if np.isfinite(fine).any() else 0.0,
        share=float(np.isfinite(collapsed).sum() / np.isfinite(predictions.preds).sum()),
    )


def collapsed_errors(of: PointPredictions, width: float) -> Floats:
    """Return the (K, S) absolute errors above ``width``, and NaN for smaller ones.

    Args:
        of: predictions of one point.
        width: largest distance between similar values, label unit.
    """
    errors = of.errors
    return np.where(errors > width, errors, np.nan)


def draw(numbers: CollapsePenalty) -> Figure:
    """Draw P over the predicted value, and below it the difference of each point to the first."""
    with style.styled():
        ratios = [3, *[1.6 for _ in numbers.gains]]
        figure = style.new_figure(style.NARROW, 0.5 + 1.2 * sum(ratios))
        column = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        grid = list(np.atleast_1d(column))
        lines = [ComparedLine(line.label, line.entry, line.by_seed) for line in numbers.lines]
        draw_lines_and_gains(grid, numbers.edges, lines, numbers.gains, numbers.unit)
        grid[0].set_ylabel(with_unit("collapse penalty P(y)", numbers.unit))
        grid[-1].set_xlabel(with_unit("predicted value y", numbers.unit))
        figure.align_ylabels(grid)
        return figure


def caption(numbers: CollapsePenalty) -> str:
    """Say what is drawn."""
    labels = [line.label for line in numbers.lines]
    return sentences(
        "The collapse penalty P(y) is the mean absolute error of those test samples that are "
        f"predicted as y although their label is more than {numbers.width:g} away; lower is "
        "better. A model that collapses predicts frequent labels for rare ones, and P(y) is large "
        "at the frequent labels. The legend states E[P(y)], the mean of P(y) over the label bins, "
        "and the share of the samples that count.",
        gain_note("P(y)", labels, numbers.gains),
        seeds_note((len(line.by_seed) for line in numbers.lines), "sample deviation"),
        numbers.points_note,
    )


PLOT = Plot(
    title="Collapse penalty",
    caption=caption,
    source="After ConR (Keramati et al., ICLR 2024), Fig. 7(b).",
    order=30,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
)
