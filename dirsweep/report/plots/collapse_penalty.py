r"""The collapse penalty P(y) of ConR: how wrong those samples are that are predicted as y but do
not belong there.

.. math:: P(y) = \frac{1}{N_y} \sum_i |\hat y_i - y_i| \quad \text{over } i:\ \hat y_i \simeq y,\ y_i \not\simeq y

Source: Keramati et al., ICLR 2024, Appendix A.1, Figs. 6(c) and 7(b). The paper leaves open when
    two values are
similar; here a prediction is similar to y when it lies in y's bin of the benchmark, and a label is
not when it lies more than one bin's width from the prediction. The expected value is the mean of P
over the bins that received such a prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.plots import _style as style
from dirsweep.report.plots._per_label import Tested, binned, deviation_of, mean_of, nice_edges
from dirsweep.report.plots.per_label_error import compared, gain_bars, gain_over_base
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PenaltyLine:
    """One point.

    Attributes:
        by_seed: (K, B) P per seed and bin of the predicted value, label unit; NaN where no wrong
            prediction fell.
        expected: mean over bins of the benchmark and seeds, label unit.
        share: of the test samples, how many are counted, between 0 and 1.
    """

    label: str
    by_seed: NDArray[np.float64]
    expected: float
    share: float


@dataclass(frozen=True)
class CollapsePenalty:
    """What ``draw`` needs.

    Attributes:
        edges: (B + 1,) bins of the predicted value, label unit.
        width: labels nearer to the prediction than this are not counted, label unit.
        lines: the base and the best; only one when they are the same.
        gain: (B,) P of the base minus P of the best, over the seeds both have; None for one line.
        gain_note: over which seeds it is, where not over all of both.
    """

    title: str
    synthetic: bool
    edges: NDArray[np.float64]
    width: float
    lines: list[PenaltyLine]
    gain: NDArray[np.float64] | None
    gain_note: str


def numbers(run: Run, study: str) -> CollapsePenalty | None:
    """P(y) of the base and the best point on test; None without test predictions or label bins."""
    bins, found = run.bins(), compared(run, study)
    if bins is None or not found:
        return None
    # predictions beyond the label range belong to its first or last bin
    edges = nice_edges(float(bins.edges[0]), float(bins.edges[-1]))
    lines = []
    for label, of in found:
        collapsed = collapsed_errors(of, bins.width)
        fine = binned(collapsed, of.preds, bins.edges)
        share = float(np.isfinite(collapsed).sum() / np.isfinite(of.preds).sum())
        expected = float(np.nanmean(fine)) if np.isfinite(fine).any() else 0.0
        lines.append(PenaltyLine(label, binned(collapsed, of.preds, edges), expected, share))
    if not any(np.isfinite(line.by_seed).any() for line in lines):
        return None
    gain, note = gain_over_base([line.by_seed for line in lines], [of for _, of in found])
    title = f"collapse penalty · {study} · {run.name}"
    return CollapsePenalty(title, run.synthetic, edges, bins.width, lines, gain, note)


def collapsed_errors(of: Tested, width: float) -> NDArray[np.float64]:
    """(K, S) absolute errors of the samples whose label lies more than ``width`` from their
    prediction, else NaN.
    """
    errors = of.errors
    return np.where(errors > width, errors, np.nan)


def draw(numbers: CollapsePenalty) -> Figure:
    """P over the predicted value, the difference of the two below."""
    with style.styled():
        ratios = [3] if numbers.gain is None else [3, 1.6]
        figure = style.new_figure(
            8.0, 1.3 * sum(ratios), title=numbers.title, synthetic=numbers.synthetic
        )
        grid = list(
            np.atleast_1d(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
        )
        centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
        colors = (style.GREY, style.BLUE) if len(numbers.lines) == 2 else (style.BLUE,)
        for line, color, marker in zip(numbers.lines, colors, style.MARKERS, strict=False):
            mean, deviation = mean_of(line.by_seed), deviation_of(line.by_seed)
            filled = np.isfinite(mean)
            grid[0].fill_between(
                centres[filled],
                (mean - deviation)[filled],
                (mean + deviation)[filled],
                color=color,
                alpha=0.15,
                linewidth=0,
            )
            said = f"expected {line.expected:.3g}, {line.share:.0%} of the samples"
            grid[0].plot(
                centres[filled],
                mean[filled],
                color=color,
                marker=marker,
                label=f"{style.wrapped(line.label, 60, 2)}: {said}",
            )
        grid[0].set_ylim(bottom=0)
        grid[0].set_ylabel("penalty P(y), label unit")
        grid[0].legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1)
        if numbers.gain is not None:
            gain_bars(grid[1], numbers.edges, numbers.gain)
            grid[1].set_ylabel("gain")
        grid[-1].set_xlabel("predicted value y")
        figure.align_ylabels(grid)
        said = f"mean error of test samples predicted as y whose label is more than {numbers.width:g} away"
        style.note(figure, "\n".join(part for part in (said, numbers.gain_note) if part))
        return figure
