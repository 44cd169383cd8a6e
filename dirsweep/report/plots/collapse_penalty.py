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

from dirsweep.analysis.label_errors import (
    Gain,
    NamedPredictions,
    PointPredictions,
    base_and_best_predictions,
    binned,
    deviation_over_seeds,
    gain_over_base,
    mean_over_seeds,
    nice_edges,
)
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import gain_note, joined, starred
from dirsweep.report.figure_parts import base_and_best_colors, draw_band_line, draw_gain_bars
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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


@dataclass(frozen=True)
class CollapsePenalty:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        edges: (B + 1,) bins of the predicted value, label unit.
        width: labels nearer to the prediction than this are not counted, label unit.
        lines: the baseline and the best point; one where they are the same.
        gain: P of the baseline minus P of the best; None for one line.
    """

    unit: str
    edges: Floats
    width: float
    lines: list[PenaltyLine]
    gain: Gain | None


def numbers(run: Run, study: str) -> CollapsePenalty:
    """Compute P(y) of the baseline and the best point on test.

    Raises:
        EmptyPlotError: there are no label bins, no test predictions, or no wrong prediction.
    """
    bins, found = run.bins(), base_and_best_predictions(run, study)
    if bins is None:
        raise EmptyPlotError("the run has no label bins")
    if not found:
        raise EmptyPlotError("there are no test predictions")
    # predictions beyond the label range belong to its first or last bin
    edges = nice_edges(float(bins.edges[0]), float(bins.edges[-1]))
    lines = [_line(item, bins, edges) for item in found]
    if not any(np.isfinite(line.by_seed).any() for line in lines):
        raise EmptyPlotError("no prediction is wrong by more than one bin")
    gain = gain_over_base([line.by_seed for line in lines], found)
    return CollapsePenalty(label_unit_of(run), edges, bins.width, lines, gain)


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
    """Draw P over the predicted value, and below it the difference of the two points."""
    with style.styled():
        ratios = [3] if numbers.gain is None else [3, 1.6]
        figure = style.new_figure(8.0, 1.3 * sum(ratios))
        column = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        grid = list(np.atleast_1d(column))
        _draw_lines(grid[0], numbers)
        if numbers.gain is not None:
            draw_gain_bars(grid[1], numbers.edges, numbers.gain.values)
            grid[1].set_ylabel(with_unit("gain", numbers.unit))
        grid[-1].set_xlabel(with_unit("predicted value y", numbers.unit))
        figure.align_ylabels(grid)
        meaning = (
            "P(y): mean error of test samples predicted as y whose label is more than "
            f"{numbers.width:g} away"
        )
        style.note(figure, joined([meaning, gain_note(numbers.gain)], "\n"))
        return figure


def _draw_lines(axes: Axes, numbers: CollapsePenalty) -> None:
    centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
    colors = base_and_best_colors(len(numbers.lines))
    for line, color, marker in zip(numbers.lines, colors, style.MARKERS, strict=False):
        label = style.wrapped(starred(line.label, line.chosen), 60, 2)
        summary = f"expected {line.expected:.3g}, {line.share:.0%} of the samples"
        mean, deviation = mean_over_seeds(line.by_seed), deviation_over_seeds(line.by_seed)
        draw_band_line(
            axes, centres, mean, deviation, color=color, marker=marker, label=f"{label}: {summary}"
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel(with_unit("penalty P(y)", numbers.unit))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)


PLOT = Plot(
    title="Collapse penalty",
    caption=(
        "Error of the test samples that are wrongly predicted as y, by predicted value, of the "
        "baseline and the best point. After ConR (Keramati et al., ICLR 2024), Fig. 7(b)."
    ),
    order=30,
    numbers=numbers,
    draw=draw,
)
