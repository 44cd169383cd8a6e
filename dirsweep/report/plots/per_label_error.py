"""Test error along the label range: the point chosen on validation and the baseline.

After RankSim (Gong et al., ICML 2022), Fig. 5, and ConR (Keramati et al., ICLR 2024), Fig. 7:
errors above, below them the gain of the chosen point over the baseline (above zero it is better),
training labels at the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.label_errors import (
    Gain,
    Span,
    base_and_best_predictions,
    binned,
    deviation_over_seeds,
    gain_over_base,
    mean_over_seeds,
    nice_edges,
    zero_shot_spans,
)
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import ZERO_SHOT, gain_note, joined, starred
from dirsweep.report.figure_parts import (
    base_and_best_colors,
    draw_band_line,
    draw_gain_bars,
    shade_zero_shot,
)
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
        lines: the baseline and the best point; one where they are the same.
        gain: error of the baseline minus error of the best; None for one line.
        zero_shot: stretches without a training label, label unit.
    """

    unit: str
    edges: Floats
    counts: NDArray[np.int64]
    counted: str
    lines: list[ErrorLine]
    gain: Gain | None
    zero_shot: list[Span]


def numbers(run: Run, study: str) -> PerLabelError:
    """Average the absolute errors by label bin.

    Raises:
        EmptyPlotError: there is no complete point with test predictions.
    """
    found = base_and_best_predictions(run, study)
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
        gain=gain_over_base([line.by_seed for line in lines], found),
        zero_shot=zero_shot_spans(bins),
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
    """Draw errors, gain and samples on one label axis."""
    with style.styled():
        ratios = [3, 1] if numbers.gain is None else [3, 1.6, 1]
        figure = style.new_figure(8.0, 1.2 * sum(ratios))
        grid = list(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
        centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
        _draw_errors(grid[0], numbers, centres)
        if numbers.gain is not None:
            draw_gain_bars(grid[1], numbers.edges, numbers.gain.values)
            grid[1].set_ylabel(with_unit("gain", numbers.unit))
        grid[-1].bar(centres, numbers.counts, width=np.diff(numbers.edges) * 0.9, color=style.LIGHT)
        grid[-1].set_ylabel(f"{numbers.counted}\nsamples")
        grid[-1].set_xlabel(with_unit("label", numbers.unit))
        figure.align_ylabels(grid)
        shade_zero_shot(grid, numbers.zero_shot)
        style.note(figure, _note(numbers))
        return figure


def _draw_errors(axes: Axes, numbers: PerLabelError, centres: Floats) -> None:
    colors = base_and_best_colors(len(numbers.lines))
    for line, color, marker in zip(numbers.lines, colors, style.MARKERS, strict=False):
        label = style.wrapped(starred(line.label, line.chosen), 60, 2)
        draw_band_line(
            axes, centres, line.mean, line.deviation, color=color, marker=marker, label=label
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel(with_unit("test MAE", numbers.unit))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)


def _note(numbers: PerLabelError) -> str:
    several_seeds = any(len(line.by_seed) > 1 for line in numbers.lines)
    parts = [
        ZERO_SHOT if numbers.zero_shot else "",
        "band: sample deviation over seeds" if several_seeds else "",
        "" if numbers.gain is None else "gain: baseline minus ★, above 0 ★ is better",
        "★ best by validation",
    ]
    return joined([joined(parts), gain_note(numbers.gain)], "\n")


PLOT = Plot(
    title="Error by label",
    caption=(
        "Mean absolute test error along the label range, of the baseline and the best point. After "
        "RankSim (Gong et al., ICML 2022), Fig. 5, and ConR (Keramati et al., ICLR 2024), Fig. 7."
    ),
    order=90,
    numbers=numbers,
    draw=draw,
    after_run=True,
)
