"""Number of labels per bin and the bins' shot regions: training split above, test split below.

It is drawn once per run, with its first study. Zero-shot bins, without a single training label, are
marked and shaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.label_errors import Span, zero_shot_spans
from dirsweep.report import figure_style as style
from dirsweep.report.axis_labels import label_unit_of, with_unit
from dirsweep.report.figure_notes import ZERO_SHOT, joined
from dirsweep.report.figure_parts import shade_zero_shot
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
        zero_shot: (B,) no training label, but some in validation or test.
        spans: stretches of such bins, label unit.
    """

    unit: str
    edges: NDArray[np.float64]
    counts: dict[str, NDArray[np.int64]]
    regions: NDArray[np.str_]
    zero_shot: NDArray[np.bool_]
    spans: list[Span]


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
        zero_shot=(bins.train == 0) & (bins.test + bins.val > 0),
        spans=zero_shot_spans(bins),
    )


def draw(numbers: LabelHistogram) -> Figure:
    """Draw one axes per split, bars in the colours of the regions."""
    with style.styled():
        figure = style.new_figure(8.0, 4.6)
        grid = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        for axes, (split, counts) in zip(grid, numbers.counts.items(), strict=True):
            _draw_bars(axes, numbers, counts, legend=split == "training")
            axes.set_ylabel(f"{split} samples")
        if numbers.zero_shot.any():
            _mark_zero_shot(grid[0], numbers)
        grid[0].legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, columnspacing=1.2, handlelength=1.2
        )
        grid[1].set_xlabel(with_unit("label", numbers.unit))
        figure.align_ylabels(list(grid))
        shade_zero_shot(grid, numbers.spans)
        note = f"{len(numbers.regions)} bins; regions by the number of training labels in a bin"
        style.note(figure, joined([note, ZERO_SHOT if numbers.spans else ""]))
        return figure


def _draw_bars(
    axes: Axes, numbers: LabelHistogram, counts: NDArray[np.int64], *, legend: bool
) -> None:
    width = float(numbers.edges[1] - numbers.edges[0])
    for region in ("many", "median", "few", "zero"):
        inside = numbers.regions == region
        num_labels, num_bins = int(counts[inside].sum()), int(inside.sum())
        if not num_bins or (region == "zero" and not num_labels):
            continue
        axes.bar(
            numbers.edges[:-1][inside],
            counts[inside],
            width=width * 0.92,
            align="edge",
            color=style.REGION_COLORS[region],
            label=f"{region}: {num_labels:,} in {num_bins} bins" if legend else None,
        )


def _mark_zero_shot(axes: Axes, numbers: LabelHistogram) -> None:
    centres = (numbers.edges[:-1] + numbers.edges[1:]) / 2
    axes.plot(
        centres[numbers.zero_shot],
        np.zeros(int(numbers.zero_shot.sum())),
        "x",
        color=style.RED,
        markersize=4,
        clip_on=False,
        label="zero-shot",
        zorder=4,
    )


PLOT = Plot(
    title="Labels",
    caption="Number of training and test labels per bin, coloured by shot region.",
    order=60,
    numbers=numbers,
    draw=draw,
)
