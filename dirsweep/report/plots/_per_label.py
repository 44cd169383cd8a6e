"""Test errors over the label range: what several plots share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.summaries import PointSummary
from dirsweep.report.plots import _style as style
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

#: about so many bins over the label range
NUM_BINS = 25


@dataclass(frozen=True)
class Tested:
    """Test predictions of one point.

    Attributes:
        labels: (S,) label unit.
        preds: (K, S) one row per seed; NaN where a trial has none.
        seeds: (K,) of the rows.
    """

    labels: Floats
    preds: Floats
    seeds: tuple[int, ...] = ()

    @property
    def errors(self) -> Floats:
        """(K, S) absolute errors."""
        return np.abs(self.preds - self.labels)


def tested(run: Run, point: PointSummary) -> Tested | None:
    """The point's test predictions; None when no complete seed has any."""
    found = run.predicted("test")
    trials = complete_trials(run, point.study).get(point.index, {})
    rows = {seed: found.rows[trial] for seed, trial in trials.items() if trial in found.rows}
    known = np.isfinite(found.labels)
    if not rows or not known.any():
        return None
    preds = found.preds[list(rows.values())][:, known]
    there = np.flatnonzero(np.isfinite(preds).any(axis=1))
    seeds = list(rows)
    return (
        Tested(found.labels[known], preds[there], tuple(seeds[row] for row in there))
        if len(there)
        else None
    )


def gain_of(
    without: Floats, with_: Floats, seeds: tuple[Sequence[int], Sequence[int]]
) -> tuple[Floats, int]:
    """How much less of something one point has than another, by bin, over the seeds that both have.

    Args:
        without, with_: (K, B) and (L, B) a row per seed; NaN where a bin is empty.
        seeds: of their rows.

    Returns: (B,) mean of ``without`` minus mean of ``with_``, and the number of seeds both have;
        where it is 0 the means are over each one's own.
    """
    common = set(seeds[0]) & set(seeds[1])
    means = [
        mean_of(rows[[seed in common for seed in own]] if common else rows)
        for rows, own in zip((without, with_), seeds, strict=True)
    ]
    return means[0] - means[1], len(common)


def unpaired_words(num_common: int, nums: Iterable[int]) -> str:
    """What to say below a figure of a gain: over which seeds it is; empty where both points have
    the same.
    """
    if not num_common:
        return "gain of the means over each one's own seeds: they have none in common"
    seeds = "the seed" if num_common == 1 else f"the {num_common} seeds"
    return "" if set(nums) == {num_common} else f"gain over {seeds} that both have"


def zero_shot_spans(bins: Bins | None) -> list[tuple[float, float]]:
    """(low, high) of every stretch of bins without a training label, from the first that is tested
    on to the last.
    """
    if bins is None:
        return []
    steps = np.diff(np.concatenate([[0], (bins.train == 0).astype(np.int8), [0]]))
    stretches = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    tested = [start + np.flatnonzero((bins.val + bins.test)[start:end]) for start, end in stretches]
    return [(float(bins.edges[of[0]]), float(bins.edges[of[-1] + 1])) for of in tested if len(of)]


def shade_zero_shot(grid: Iterable[Axes], spans: Sequence[tuple[float, float]]) -> str:
    """Shade the spans in all axes. Returns: what to say of it below the figure, empty without
    spans.
    """
    for axes in grid:
        for low, high in spans:
            axes.axvspan(
                low, high, color=style.REGION_COLORS["zero"], alpha=0.16, linewidth=0, zorder=0.5
            )
    return "shaded: zero-shot, no training label" if spans else ""


def nice_edges(low: float, high: float) -> Floats:
    """About ``NUM_BINS`` bins whose width is 1, 2 or 5 times a power of ten, over [low, high]."""
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    raw = (high - low) / NUM_BINS
    power = 10.0 ** np.floor(np.log10(raw))
    width = power * min((1, 2, 5, 10), key=lambda step: abs(np.log(step * power / raw)))
    # a label on the highest edge belongs to the last bin
    first, last = np.floor(low / width + 1e-9), np.ceil(high / width - 1e-9)
    return np.asarray(width * np.arange(first, last + 1))


def binned(values: Floats, places: Floats, edges: Floats) -> Floats:
    """Mean of ``values`` by bin.

    Args:
        values: (K, S); NaN counts in no bin.
        places: (S,) or (K, S), where each value lies; outside the edges it falls into the first or
            last bin.
        edges: (B + 1,) ascending.

    Returns: (K, B), NaN where a bin is empty.
    """
    num = len(edges) - 1
    places = np.broadcast_to(places, values.shape)
    there = np.isfinite(values) & np.isfinite(places)
    codes = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, num - 1)
    codes = (codes + num * np.arange(len(values))[:, None])[there]
    counts = np.bincount(codes, minlength=num * len(values))
    sums = np.bincount(codes, weights=values[there], minlength=num * len(values))
    means = np.full(num * len(values), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.reshape(len(values), num)


def mean_of(by_seed: Floats) -> Floats:
    """(K, B) -> (B,) mean over the seeds that have a value; NaN where none has."""
    there = np.isfinite(by_seed)
    counts = there.sum(axis=0)
    means = np.full(by_seed.shape[1], np.nan)
    np.divide(np.where(there, by_seed, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
    return means


def deviation_of(by_seed: Floats) -> Floats:
    """(K, B) -> (B,) sample deviation over seeds; 0 where fewer than two have a value."""
    there = np.isfinite(by_seed)
    counts = there.sum(axis=0)
    squares = np.where(there, by_seed - mean_of(by_seed), 0.0) ** 2
    deviations = np.zeros(by_seed.shape[1])
    np.divide(squares.sum(axis=0), counts - 1, out=deviations, where=counts > 1)
    return np.sqrt(deviations)
