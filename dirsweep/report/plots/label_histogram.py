"""Number of labels per bin and the bins' shot regions: training split above, test split below.

It is drawn once per run, with its first study. Label ranges that ``benchmark.zero_shot`` takes out
of training are zero-shot and shaded; so are, in another colour, tested bins that merely have no
training label, which count as few-shot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.label_errors import Span, empty_spans, zero_shot_spans
from dirsweep.domain import plural
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import sentences, spans_note
from dirsweep.report.figure_parts import legend_above, shade_spans
from dirsweep.report.plot import EmptyPlotError, Plot
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LabelHistogram:
    """What ``draw`` needs.

    Attributes:
        unit: unit of the labels; empty where unknown.
        edges: (B + 1,) label unit.
        counts: split -> (B,) labels.
        regions: (B,) ``many``, ``median``, ``few``, ``zero``.
        zero_shot: label ranges that training leaves out on purpose, label unit.
        empty: other stretches without a training label, label unit.
    """

    unit: str
    edges: NDArray[np.float64]
    counts: dict[str, NDArray[np.int64]]
    regions: NDArray[np.str_]
    zero_shot: list[Span]
    empty: list[Span]


def numbers(run: Run, study: str) -> LabelHistogram:
    """Count the labels per bin.

    Raises:
        EmptyPlotError: the study is not the run's first, or the run has no label bins.
    """
    bins = run.bins()
    if bins is None:
        raise EmptyPlotError("the run has no label bins")
    if study != run.studies[0]:
        raise EmptyPlotError("it is drawn with the first study of a run")
    return LabelHistogram(
        unit=label_unit_of(run),
        edges=bins.edges,
        counts={"training": bins.train, "test": bins.test},
        regions=bins.regions,
        zero_shot=zero_shot_spans(bins),
        empty=empty_spans(bins),
    )


def draw(numbers: LabelHistogram) -> Figure:
    """Draw one axes per split, bars in the colours of the regions."""
    with style.styled():
        figure = style.new_figure(style.NARROW, 4.8)
        grid = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        for axes, (split, counts) in zip(grid, numbers.counts.items(), strict=True):
            _draw_bars(axes, numbers, counts, legend=split == "training")
            axes.set_ylabel(f"{split} samples")
        _, labels = grid[0].get_legend_handles_labels()
        legend_above(grid[0], labels, style.NARROW - 1)
        grid[1].set_xlabel(with_unit("label", numbers.unit))
        figure.align_ylabels(list(grid))
        shade_spans(grid, numbers.zero_shot, numbers.empty)
        used = np.flatnonzero(sum(numbers.counts.values()))
        if len(used):
            grid[1].set_xlim(numbers.edges[used[0]], numbers.edges[used[-1] + 1])
        return figure


def _draw_bars(
    axes: Axes, numbers: LabelHistogram, counts: NDArray[np.int64], *, legend: bool
) -> None:
    width = float(numbers.edges[1] - numbers.edges[0])
    for region in ("many", "median", "few", "zero"):
        inside = numbers.regions == region
        num_labels, num_bins = int(counts[inside].sum()), int(inside.sum())
        if not num_bins:
            continue
        axes.bar(
            numbers.edges[:-1][inside],
            counts[inside],
            width=width * 0.92,
            align="edge",
            color=style.REGION_COLORS[region],
            label=f"{region}: {num_labels:,} in {plural(num_bins, 'bin')}" if legend else None,
        )


def caption(numbers: LabelHistogram) -> str:
    """Say what is drawn."""
    return sentences(
        "Number of training labels (above) and test labels (below) in each of the "
        f"{len(numbers.regions)} label bins. The colour is the shot region of a bin, which the "
        "number of its training labels decides; the legend counts training labels and bins of "
        "each region.",
        spans_note(numbers.zero_shot, numbers.empty),
    )


PLOT = Plot(
    title="Labels",
    caption=caption,
    order=60,
    numbers=numbers,
    draw=draw,
    dimensionless=("training samples", "test samples"),
)
