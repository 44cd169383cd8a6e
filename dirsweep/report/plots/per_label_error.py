"""Test error along the label range: by default the baseline and the best point by validation.

After RankSim (Gong et al., ICML 2022), Fig. 5, and ConR (Keramati et al., ICLR 2024), Fig. 7:
errors above, below them the gain of each further point over the first (above zero it is better),
training labels at the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints, compared_points
from dirsweep.analysis.label_errors import (
    Gain,
    Span,
    binned,
    deviation_over_seeds,
    empty_spans,
    gains_over_first,
    mean_over_seeds,
    named_predictions,
    nice_edges,
    zero_shot_spans,
)
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import (
    gain_note,
    points_note,
    seeds_note,
    sentences,
    spans_note,
    starred,
)
from dirsweep.report.figure_parts import (
    ComparedLine,
    draw_lines_and_gains,
    shade_spans,
)
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ErrorLine:
    """The errors of one point.

    Attributes:
        label: how the point differs from the base.
        chosen: whether validation chose it.
        by_seed: (K, B) mean absolute test error per seed and bin, label unit; NaN where a bin is
            empty.
    """

    label: str
    chosen: bool
    by_seed: Floats

    @property
    def entry(self) -> str:
        """The entry of the legend."""
        return style.wrapped(starred(self.label, self.chosen), 60, 2)

    @property
    def mean(self) -> Floats:
        """(B,) over seeds."""
        return mean_over_seeds(self.by_seed)

    @property
    def deviation(self) -> Floats:
        """(B,) sample deviation over seeds, 0 for one seed."""
        return deviation_over_seeds(self.by_seed)


@dataclass(frozen=True)
class PerLabelError:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        edges: (B + 1,) bins over the test labels, label unit.
        counts: (B,) number of samples.
        counted: the split of ``counts``.
        lines: one per compared point.
        gains: error of the first point minus error of each further one.
        zero_shot: label ranges that training leaves out on purpose, label unit.
        empty: other stretches without a training label, label unit.
        points_note: which points are compared.
    """

    unit: str
    edges: Floats
    counts: NDArray[np.int64]
    counted: str
    lines: list[ErrorLine]
    gains: list[Gain]
    zero_shot: list[Span]
    empty: list[Span]
    points_note: str


def numbers(run: Run, study: str, compared: ComparedPoints | None = None) -> PerLabelError:
    """Average the absolute errors by label bin.

    Args:
        run: the run.
        study: its key in the sweep file.
        compared: by default the baseline and the best point.

    Raises:
        EmptyPlotError: there is no complete point with test predictions.
    """
    compared = compared or compared_points(run, study)
    found = named_predictions(run, compared)
    if not found:
        raise EmptyPlotError("there are no test predictions")
    labels = found[0].predictions.labels
    edges = nice_edges(float(labels.min()), float(labels.max()))
    lines = []
    for item in found:
        errors = binned(item.predictions.errors, item.predictions.labels, edges)
        lines.append(ErrorLine(item.label, item.chosen, errors))
    bins = run.bins()
    counted, counts = _sample_counts(bins, labels, edges)
    return PerLabelError(
        unit=label_unit_of(run),
        edges=edges,
        counts=counts,
        counted=counted,
        lines=lines,
        gains=gains_over_first([line.by_seed for line in lines], found),
        zero_shot=zero_shot_spans(bins),
        empty=empty_spans(bins),
        points_note=points_note(compared),
    )


def _sample_counts(
    bins: Bins | None, labels: Floats, edges: Floats
) -> tuple[str, NDArray[np.int64]]:
    """Training labels per bin; test labels where the run has no label bins."""
    if bins is None:
        return "test", np.histogram(labels, edges)[0].astype(np.int64)
    centres = (bins.edges[1:] + bins.edges[:-1]) / 2
    return "training", np.histogram(centres, edges, weights=bins.train)[0].astype(np.int64)


def draw(numbers: PerLabelError) -> Figure:
    """Draw errors, gains and samples on one label axis."""
    with style.styled():
        ratios = [3, *[1.6 for _ in numbers.gains], 1]
        figure = style.new_figure(style.NARROW, 0.5 + 1.2 * sum(ratios))
        grid = list(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
        centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
        lines = [ComparedLine(line.label, line.entry, line.by_seed) for line in numbers.lines]
        draw_lines_and_gains(grid, numbers.edges, lines, numbers.gains, numbers.unit)
        grid[0].set_ylabel(with_unit("test MAE", numbers.unit))
        grid[-1].bar(centres, numbers.counts, width=np.diff(numbers.edges) * 0.9, color=style.LIGHT)
        grid[-1].set_ylabel(f"{numbers.counted} samples")
        grid[-1].set_xlabel(with_unit("label", numbers.unit))
        figure.align_ylabels(grid)
        shade_spans(grid, numbers.zero_shot, numbers.empty)
        return figure


def caption(numbers: PerLabelError) -> str:
    """Say what is drawn."""
    labels = [line.label for line in numbers.lines]
    return sentences(
        "Mean absolute error of the test samples whose label lies in each bin of the label range; "
        f"lower is better. The grey bars below count the {numbers.counted} samples.",
        gain_note("the error", labels, numbers.gains),
        seeds_note((len(line.by_seed) for line in numbers.lines), "sample deviation"),
        spans_note(numbers.zero_shot, numbers.empty),
        numbers.points_note,
    )


PLOT = Plot(
    title="Error by label",
    caption=caption,
    source=(
        "After RankSim (Gong et al., ICML 2022), Fig. 5, and ConR (Keramati et al., ICLR 2024), "
        "Fig. 7."
    ),
    order=90,
    numbers=numbers,
    numbers_of=numbers,
    draw=draw,
    dimensionless=("training samples", "test samples"),
    after_run=True,
)
