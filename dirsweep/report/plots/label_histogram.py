"""How many labels each bin has, and which shot region that puts it in: the training split above,
the test split below.

Drawn once per run, with its first study. Bins without a single training label (zero-shot) are
marked and shaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.plots import _style as style
from dirsweep.report.plots._per_label import shade_zero_shot, zero_shot_spans
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LabelHistogram:
    """What ``draw`` needs.

    Attributes:
        edges: (B + 1,) label unit.
        counts: split -> (B,) labels.
        regions: (B,) ``many``, ``median``, ``few``, ``zero``.
        zero_shot: (B,) no training label, but some to be tested on.
        spans: (low, high) of the stretches of such bins, label unit.
    """

    title: str
    synthetic: bool
    edges: NDArray[np.float64]
    counts: dict[str, NDArray[np.int64]]
    regions: NDArray[np.str_]
    zero_shot: NDArray[np.bool_]
    spans: list[tuple[float, float]]


def numbers(run: Run, study: str) -> LabelHistogram | None:
    """Labels per bin; None for any but the first study, and for a run whose bins were not kept."""
    bins = run.bins()
    if bins is None or study != run.studies[0]:
        return None
    benchmark = (run.spec.get("benchmark") or {}).get("name", "")
    return LabelHistogram(
        title=" · ".join(part for part in ("labels", benchmark) if part),
        synthetic=run.synthetic,
        edges=bins.edges,
        counts={"training": bins.train, "test": bins.test},
        regions=bins.regions,
        zero_shot=(bins.train == 0) & (bins.test + bins.val > 0),
        spans=zero_shot_spans(bins),
    )


def draw(numbers: LabelHistogram) -> Figure:
    """One pair of axes per split, bars in the colours of the regions."""
    with style.styled():
        figure = style.new_figure(8.0, 4.6, title=numbers.title, synthetic=numbers.synthetic)
        grid = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        for axes, (split, counts) in zip(grid, numbers.counts.items(), strict=True):
            _bars(axes, numbers, counts, legend=split == "training")
            axes.set_ylabel(f"{split} samples")
        if numbers.zero_shot.any():
            centres = (numbers.edges[:-1] + numbers.edges[1:]) / 2
            grid[0].plot(
                centres[numbers.zero_shot],
                np.zeros(int(numbers.zero_shot.sum())),
                "x",
                color=style.RED,
                markersize=4,
                clip_on=False,
                label="zero-shot",
                zorder=4,
            )
        grid[0].legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, columnspacing=1.2, handlelength=1.2
        )
        grid[1].set_xlabel("label")
        figure.align_ylabels(list(grid))
        shaded = shade_zero_shot(grid, numbers.spans)
        said = f"{len(numbers.regions)} bins; shots by the number of training labels in a bin"
        style.note(figure, "; ".join(part for part in (said, shaded) if part))
        return figure


def _bars(axes: Axes, numbers: LabelHistogram, counts: NDArray[np.int64], *, legend: bool) -> None:
    width = float(numbers.edges[1] - numbers.edges[0])
    for region in ("many", "median", "few", "zero"):
        inside = numbers.regions == region
        if inside.any() and (region != "zero" or counts[inside].any()):
            label = (
                f"{region}: {int(counts[inside].sum()):,} in {int(inside.sum())} bins"
                if legend
                else None
            )
            axes.bar(
                numbers.edges[:-1][inside],
                counts[inside],
                width=width * 0.92,
                align="edge",
                color=style.REGION_COLORS[region],
                label=label,
            )
