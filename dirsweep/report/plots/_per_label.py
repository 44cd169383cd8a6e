"""Test errors over the label range: what several plots share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.frames import PointSummary
from dirsweep.report.measured import complete_trials
from dirsweep.report.plots import _style as style
from dirsweep.store.bins import Bins
from dirsweep.store.reader import Run

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
    """

    labels: Floats
    preds: Floats

    @property
    def errors(self) -> Floats:
        """(K, S) absolute errors."""
        return np.abs(self.preds - self.labels)


def tested(run: Run, point: PointSummary) -> Tested | None:
    """The point's test predictions; None when no complete seed has any."""
    found = run.predicted("test")
    trials = complete_trials(run, point.study).get(point.index, {}).values()
    rows = [found.rows[trial] for trial in trials if trial in found.rows]
    known = np.isfinite(found.labels)
    if not rows or not known.any():
        return None
    preds = found.preds[rows][:, known]
    preds = preds[np.isfinite(preds).any(axis=1)]
    return Tested(found.labels[known], preds) if len(preds) else None


def zero_shot_spans(bins: Bins | None) -> list[tuple[float, float]]:
    """(low, high) of every stretch of bins without a training label, from the first that is tested on to the last."""
    if bins is None:
        return []
    steps = np.diff(np.concatenate([[0], (bins.train == 0).astype(np.int8), [0]]))
    stretches = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    tested = [start + np.flatnonzero((bins.val + bins.test)[start:end]) for start, end in stretches]
    return [(float(bins.edges[of[0]]), float(bins.edges[of[-1] + 1])) for of in tested if len(of)]


def shade_zero_shot(grid: Iterable[Axes], spans: Sequence[tuple[float, float]]) -> str:
    """Shade the spans in all axes. Returns: what to say of it below the figure, empty without spans."""
    for axes in grid:
        for low, high in spans:
            axes.axvspan(low, high, color=style.REGION_COLORS["zero"], alpha=0.16, linewidth=0, zorder=0.5)
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
        places: (S,) or (K, S), where each value lies; outside the edges it falls into the first or last bin.
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
