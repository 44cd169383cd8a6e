"""Where on the label range the error lies: the point chosen on validation beside the base, test
split.

After RankSim (Gong et al., ICML 2022), Fig. 5, and ConR (Keramati et al., ICLR 2024), Fig. 7:
errors above, what the chosen point gains over the base below them (above zero it is better),
training labels at the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.selection import base_and_best
from dirsweep.report.plots import _style as style
from dirsweep.report.plots._per_label import (
    Tested,
    binned,
    deviation_of,
    gain_of,
    mean_of,
    nice_edges,
    shade_zero_shot,
    tested,
    unpaired_words,
    zero_shot_spans,
)
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ErrorLine:
    """One point: (S, B) mean absolute test error per seed and bin, NaN where a bin is empty."""

    label: str
    by_seed: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """(B,) over seeds."""
        return mean_of(self.by_seed)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """(B,) sample deviation over seeds, 0 for one seed."""
        return deviation_of(self.by_seed)


@dataclass(frozen=True)
class PerLabelError:
    """What ``draw`` needs.

    Attributes:
        edges: (B + 1,) bins over the test labels, label unit.
        counts: (B,) samples.
        counted: which split's samples ``counts`` are of.
        lines: the base (or the first point) and the best; only one when they are the same.
        gain: (B,) error of the base minus error of the best, over the seeds both have; None for one
            line.
        gain_note: over which seeds it is, where not over all of both.
        zero_shot: (low, high) of the stretches without a training label, label unit.
    """

    title: str
    synthetic: bool
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    counted: str
    lines: list[ErrorLine]
    gain: NDArray[np.float64] | None
    gain_note: str
    zero_shot: list[tuple[float, float]]


def numbers(run: Run, study: str) -> PerLabelError | None:
    """Binned mean absolute errors; None without a complete point or without test predictions."""
    found = compared(run, study)
    if not found:
        return None
    labels = found[0][1].labels
    edges = nice_edges(float(labels.min()), float(labels.max()))
    lines = [ErrorLine(label, binned(of.errors, of.labels, edges)) for label, of in found]
    gain, gain_note = gain_over_base([line.by_seed for line in lines], [of for _, of in found])
    bins = run.bins()
    if bins is None:
        counted, counts = "test", np.histogram(labels, edges)[0]
    else:
        counted, counts = (
            "training",
            np.histogram((bins.edges[1:] + bins.edges[:-1]) / 2, edges, weights=bins.train)[0],
        )
    return PerLabelError(
        title=f"{study} · {run.name}",
        synthetic=run.synthetic,
        edges=edges,
        counts=counts.astype(np.int64),
        counted=counted,
        lines=lines,
        gain=gain,
        gain_note=gain_note,
        zero_shot=zero_shot_spans(bins),
    )


def compared(run: Run, study: str) -> list[tuple[str, Tested]]:
    """Label and test predictions of the base and of the point chosen on validation, as far as they
    have some.
    """
    chosen = base_and_best(run, study)
    return [
        (("★ " if point is chosen[-1] else "") + point.label, of)
        for point in chosen
        if (of := tested(run, point)) is not None
    ]


def gain_over_base(
    by_seed: Sequence[NDArray[np.float64]], of: Sequence[Tested]
) -> tuple[NDArray[np.float64] | None, str]:
    """(B,) what the second of two points has less than the first, and what to say of its seeds;
    None for one point.
    """
    if len(by_seed) < 2:
        return None, ""
    gain, num_common = gain_of(by_seed[0], by_seed[1], (of[0].seeds, of[1].seeds))
    return gain, unpaired_words(num_common, map(len, by_seed))


def draw(numbers: PerLabelError) -> Figure:
    """Errors, gain and samples on one label axis."""
    with style.styled():
        ratios = [3, 1] if numbers.gain is None else [3, 1.6, 1]
        figure = style.new_figure(
            8.0, 1.2 * sum(ratios), title=numbers.title, synthetic=numbers.synthetic
        )
        grid = list(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
        centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
        _errors(grid[0], numbers.lines, centres)
        if numbers.gain is not None:
            gain_bars(grid[1], numbers.edges, numbers.gain)
            grid[1].set_ylabel("gain")
        grid[-1].bar(centres, numbers.counts, width=np.diff(numbers.edges) * 0.9, color=style.LIGHT)
        grid[-1].set_ylabel(f"{numbers.counted}\nsamples")
        grid[-1].set_xlabel("label")
        figure.align_ylabels(grid)
        shaded = shade_zero_shot(grid, numbers.zero_shot)
        notes = [shaded] if shaded else []
        if any(len(line.by_seed) > 1 for line in numbers.lines):
            notes.append("band: sample deviation over seeds")
        if numbers.gain is not None:
            notes.append("gain: error of the base minus that of ★, above 0 ★ is better")
        said = "; ".join([*notes, "★ best by validation"])
        style.note(figure, "\n".join(part for part in (said, numbers.gain_note) if part))
        return figure


def _errors(axes: Axes, lines: list[ErrorLine], centres: NDArray[np.float64]) -> None:
    colors = (style.GREY, style.BLUE) if len(lines) == 2 else (style.BLUE,)
    for line, color, marker in zip(lines, colors, style.MARKERS, strict=False):
        filled = np.isfinite(line.mean)
        low, high = line.mean - line.deviation, line.mean + line.deviation
        axes.fill_between(
            centres[filled], low[filled], high[filled], color=color, alpha=0.15, linewidth=0
        )
        axes.plot(
            centres[filled],
            line.mean[filled],
            color=color,
            marker=marker,
            label=style.wrapped(line.label, 60, 2),
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mean absolute error, test")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)


def gain_bars(axes: Axes, edges: NDArray[np.float64], gain: NDArray[np.float64]) -> None:
    """Bars from zero: what is gained in one colour, what is lost in another."""
    filled = np.isfinite(gain)
    colors = np.where(gain[filled] >= 0, style.GREEN, style.RED)
    centres = (edges[1:] + edges[:-1]) / 2
    axes.bar(centres[filled], gain[filled], width=np.diff(edges)[filled] * 0.9, color=list(colors))
    axes.axhline(0, color=style.INK, linewidth=0.8)
