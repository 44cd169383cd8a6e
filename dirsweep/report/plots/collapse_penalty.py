r"""Collapse penalty P(y) of ConR: the error of samples wrongly predicted as y.

.. math::
    P(y) = \frac{1}{N_y} \sum_i |\hat y_i - y_i| \quad
    \text{over } i:\ \hat y_i \simeq y,\ y_i \not\simeq y

Source: Keramati et al., ICLR 2024, Appendix A.1, Figs. 6(c) and 7(b). Two values are similar when
they are at most 1 / omega apart (Section 3.2.1), with the omega of the benchmark for every point; y
are the lower ends of its label bins. The expected value is the mean of P over those y with at least
one such sample.
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
    binned,
    gains_over_first,
    named_predictions,
    nice_edges,
)
from dirsweep.domain.collapse import collapse_penalties, collapsed
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import gain_note, points_note, seeds_note, sentences, starred
from dirsweep.report.figure_parts import ComparedLine, draw_lines_and_gains
from dirsweep.report.plot import EmptyPlotError, Plot
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
        by_seed: (K, B) mean of P over the values in each drawn bin, per seed, label unit; NaN where
            no sample counts.
        expected: mean over values and seeds, label unit.
        share: share of the test samples that count at some value, between 0 and 1.
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
        edges: (B + 1,) drawn bins of y, label unit.
        width: largest distance between similar values, 1 / omega, label unit.
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
    edges = nice_edges(float(bins.edges[0]), float(bins.edges[-1]))
    # runs of earlier builds did not record it
    width = run.manifest.benchmark.similar_within or bins.width
    lines = [_line(item, bins.edges[:-1], edges, width) for item in found]
    if not any(np.isfinite(line.by_seed).any() for line in lines):
        raise EmptyPlotError(f"no label is more than {width:g} from what is predicted")
    gains = gains_over_first([line.by_seed for line in lines], found)
    note = points_note(compared)
    return CollapsePenalty(label_unit_of(run), edges, width, lines, gains, note)


def _line(item: NamedPredictions, values: Floats, edges: Floats, width: float) -> PenaltyLine:
    labels, all_preds = item.predictions.labels, item.predictions.preds
    errors = [collapsed(labels, preds, values, width) for preds in all_preds]
    fine = np.array([collapse_penalties(of_seed) for of_seed in errors])  # (K, values)
    counted = sum(int(np.isfinite(of_seed).any(1).sum()) for of_seed in errors)
    return PenaltyLine(
        label=item.label,
        chosen=item.chosen,
        by_seed=binned(fine, values, edges),
        expected=float(np.nanmean(fine)) if np.isfinite(fine).any() else 0.0,
        share=float(counted / np.isfinite(all_preds).sum()),
    )


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
        f"predicted within {numbers.width:g} of y although their label is farther from it; lower "
        "is better. A model that collapses predicts frequent labels for rare ones, and P(y) is "
        "large at the frequent labels. The legend states E[P(y)], the mean of P(y) over the label "
        "bins, and the share of the samples that count.",
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
