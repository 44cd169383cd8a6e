"""Test errors over the label range, point by point and seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.compared_points import ComparedPoints
from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.summaries import PointSummary
from dirsweep.run.bins import Bins
from dirsweep.run.reader import Run

Floats = NDArray[np.float64]
#: (low, high) in label unit
Span = tuple[float, float]

#: number of bins over the label range, approximately
NUM_BINS = 25


@dataclass(frozen=True)
class PointPredictions:
    """Test predictions of one point.

    Attributes:
        labels: (S,) label unit.
        preds: (K, S) one row per seed, label unit; NaN where a trial has none.
        seeds: (K,) of the rows.
    """

    labels: Floats
    preds: Floats
    seeds: tuple[int, ...] = ()

    @property
    def errors(self) -> Floats:
        """(K, S) absolute errors, label unit."""
        return np.abs(self.preds - self.labels)


@dataclass(frozen=True)
class NamedPredictions:
    """Test predictions of a point with its name.

    Attributes:
        label: how the point differs from the base.
        chosen: whether validation chose it.
        predictions: its test predictions.
    """

    label: str
    chosen: bool
    predictions: PointPredictions


def point_predictions(run: Run, point: PointSummary) -> PointPredictions | None:
    """Return a point's test predictions; None when no complete seed has any."""
    found = run.predicted("test")
    trials = complete_trials(run, point.study).get(point.index, {})
    rows = {seed: found.rows[trial] for seed, trial in trials.items() if trial in found.rows}
    known = np.isfinite(found.labels)
    if not rows or not known.any():
        return None
    preds = found.preds[list(rows.values())][:, known]
    filled = np.flatnonzero(np.isfinite(preds).any(axis=1))
    if not len(filled):
        return None
    seeds = list(rows)
    return PointPredictions(found.labels[known], preds[filled], tuple(seeds[row] for row in filled))


def named_predictions(run: Run, compared: ComparedPoints) -> list[NamedPredictions]:
    """Return the predictions of the points that a figure compares, without those that have none."""
    found = []
    for point in compared.points:
        predictions = point_predictions(run, point)
        if predictions is not None:
            found.append(NamedPredictions(point.label, compared.is_best(point), predictions))
    return found


@dataclass(frozen=True)
class Gain:
    """How much less of something one point has than another, bin by bin.

    Attributes:
        values: (B,) mean of the first minus mean of the second; NaN where a bin is empty.
        num_common: seeds that both have, over which the means are; where it is 0 each mean is over
            the point's own seeds.
        all_seeds: whether both points have exactly the common seeds.
    """

    values: Floats
    num_common: int
    all_seeds: bool


def gain_of(without: Floats, with_: Floats, seeds: tuple[Sequence[int], Sequence[int]]) -> Gain:
    """Compare two points over the seeds that both have.

    Args:
        without: (K, B) one row per seed; NaN where a bin is empty.
        with_: (L, B) the same of the point that is subtracted.
        seeds: of the rows of both.
    """
    common = set(seeds[0]) & set(seeds[1])
    means = []
    for rows, own in zip((without, with_), seeds, strict=True):
        chosen = rows[[seed in common for seed in own]] if common else rows
        means.append(mean_over_seeds(chosen))
    all_seeds = {len(without), len(with_)} == {len(common)}
    return Gain(means[0] - means[1], len(common), all_seeds)


def gains_over_first(by_seed: Sequence[Floats], of: Sequence[NamedPredictions]) -> list[Gain]:
    """Return what each further point has less than the first; empty for one point."""
    first = of[0].predictions.seeds
    others = zip(by_seed[1:], of[1:], strict=True)
    return [gain_of(by_seed[0], own, (first, item.predictions.seeds)) for own, item in others]


def zero_shot_spans(bins: Bins | None) -> list[Span]:
    """Return the label ranges that ``benchmark.zero_shot`` takes out of training."""
    return [] if bins is None else _stretches(bins, bins.regions == "zero")


def empty_spans(bins: Bins | None) -> list[Span]:
    """Return the tested stretches of bins that have no training label and count as few-shot."""
    if bins is None:
        return []
    return _stretches(bins, (bins.train == 0) & (bins.regions != "zero"))


def _stretches(bins: Bins, inside: NDArray[np.bool_]) -> list[Span]:
    """Neighbouring bins as one span each, from the first tested bin to the last."""
    steps = np.diff(np.concatenate([[0], inside.astype(np.int8), [0]]))
    stretches = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    tested = [start + np.flatnonzero((bins.val + bins.test)[start:end]) for start, end in stretches]
    return [(float(bins.edges[of[0]]), float(bins.edges[of[-1] + 1])) for of in tested if len(of)]


def nice_edges(low: float, high: float) -> Floats:
    """Return about ``NUM_BINS`` bins over [low, high].

    Their width is 1, 2 or 5 times a power of ten.
    """
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    raw = (high - low) / NUM_BINS
    power = 10.0 ** np.floor(np.log10(raw))
    width = power * min((1, 2, 5, 10), key=lambda step: abs(np.log(step * power / raw)))
    # a label on the highest edge belongs to the last bin
    first, last = np.floor(low / width + 1e-9), np.ceil(high / width - 1e-9)
    return np.asarray(width * np.arange(first, last + 1))


def binned(values: Floats, places: Floats, edges: Floats) -> Floats:
    """Average values by bin.

    Args:
        values: (K, S); NaN counts in no bin.
        places: (S,) or (K, S), where each value belongs; outside the edges it counts in the first
            or last bin.
        edges: (B + 1,) ascending.

    Returns:
        (K, B), NaN where a bin is empty.
    """
    num = len(edges) - 1
    places = np.broadcast_to(places, values.shape)
    known = np.isfinite(values) & np.isfinite(places)
    codes = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, num - 1)
    codes = (codes + num * np.arange(len(values))[:, None])[known]
    counts = np.bincount(codes, minlength=num * len(values))
    sums = np.bincount(codes, weights=values[known], minlength=num * len(values))
    means = np.full(num * len(values), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.reshape(len(values), num)


def mean_over_seeds(by_seed: Floats) -> Floats:
    """Return the (B,) mean of (K, B) over the seeds that have a value; NaN where none has."""
    known = np.isfinite(by_seed)
    counts = known.sum(axis=0)
    means = np.full(by_seed.shape[1], np.nan)
    np.divide(np.where(known, by_seed, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
    return means


def deviation_over_seeds(by_seed: Floats) -> Floats:
    """Return the (B,) sample deviation of (K, B) over seeds; 0 for fewer than two values."""
    known = np.isfinite(by_seed)
    counts = known.sum(axis=0)
    squares = np.where(known, by_seed - mean_over_seeds(by_seed), 0.0) ** 2
    deviations = np.zeros(by_seed.shape[1])
    np.divide(squares.sum(axis=0), counts - 1, out=deviations, where=counts > 1)
    return np.sqrt(deviations)
