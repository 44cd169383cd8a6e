r"""The variance between seeds, pooled over all points of a run.

From three seeds a variance is poorly known. The points of a run inform each other about its likely
size, but they need not all have the same: one that diverges now and then has a hundred times the
variance of the others. A point's variance is therefore one of the pool, or one of its own:

.. math::
    s_p^2 \sim (1 - \epsilon) \, v \, F(f_p, d) + \epsilon \, \mathrm{Own}(f_p), \qquad
    \epsilon = \min(0.3, 5 / P)

with :math:`s_p^2` the variance of point p with :math:`f_p` degrees of freedom, :math:`v` the likely
variance and :math:`d` the degrees of freedom that this knowledge is worth: an inverse gamma prior
(Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004), made robust against
outlying variances (as in Phipson et al., Annals of Applied Statistics 10, 2016, but by a mixture:
a handful of points has no winsorized moments). ``Own`` is the distribution of :math:`s_p^2` where
the logarithm of the true variance is uniform from :math:`5 v` to :math:`1000 v`; about five of the
P points are expected to be of this kind, which is many, to be on the safe side. :math:`v` and
:math:`d` are posterior means over a grid. The prior of :math:`d` falls with :math:`1 / d`, because
a few points cannot tell how much variances differ, and :math:`d` is reduced by the share of the two
points that are compared.

An interval or p-value is a mixture in the same way: with the probability that a variance in the
comparison is one of its own, it is Student's without any pool. So it is never far from valid.

The pool is of one metric, region and split, over all points of all studies of the run, each
configuration once. It does not depend on which points are compared, so a pair of points has the
same interval and p-value wherever it is printed.

``dirsweep bench statistics`` measures coverage, false positives and power.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import special

from dirsweep.analysis.uncertainty import Alternative, Floats, Variance, sum_of, variance_of_mean

#: from fewer points nothing is said about the variance of another one
MIN_POINTS = 4
#: prior probability that a point's variance is one of its own, at most
_MAX_OWN = 0.3
#: expected number of points whose variance is one of its own
_NUM_OWN = 5
#: range of a variance of its own, in units of the pool's
_OWN_RATIOS = (5.0, 1000.0)
#: smaller ratios of a variance to the pool's count as this
_SMALLEST_RATIO = 1e-6
#: grid of the degrees of freedom d
_DFS: Floats = np.array([1, 1.5, 2, 3, 4, 6, 9, 14, 20, 40, 100], dtype=np.float64)
#: grid of the variance v, in units of the points' median variance
_SCALES: Floats = np.exp(np.linspace(-2.4, 2.4, 33))
#: passes that alternate between what a seed does to all points and the points' variances
_NUM_PASSES = 8
#: points with fewer degrees of freedom say nothing about their variance
_MIN_DF = 0.1


class WeightedPoint(NamedTuple):
    """A point in a sum of points.

    Attributes:
        weight: its factor.
        trials: of the point.
    """

    weight: float
    trials: Collection[str]


class PointVariance(NamedTuple):
    """The variance between seeds of one point, without what a seed does to all points alike.

    Attributes:
        estimate: from the point's own values.
        own: probability that the variance is not one of the pool.
    """

    estimate: Variance
    own: float


@dataclass(frozen=True)
class SeedPool:
    """What the points of a run say about the variance between seeds of one metric.

    Attributes:
        variance: likely variance of one point, without what a seed does to all points alike, and
            the degrees of freedom that this knowledge is worth for a difference of two points.
        common: variance of what a seed does to all points alike.
        points: trial -> variance of its point.
        num_points: points that the pool is estimated from.
    """

    variance: Variance
    common: Variance
    points: Mapping[str, PointVariance]
    num_points: int

    def of_contrast(self, points: Sequence[WeightedPoint], values: Floats) -> list[Alternative]:
        """Return how large the variance of a weighted sum of points may be.

        Args:
            points: of the sum; at least one has a weight other than 0. The weights sum to 0, so
                that what a seed does to all points cancels.
            values: (K,) of the sum, by seed; not all equal.
        """
        total = sum(point.weight**2 for point in points)
        expected = self.variance.variance * total
        observed, df = float(values.var(ddof=1)), float(len(values) - 1)
        ratios, dfs = np.array([observed / expected]), np.array([df])
        own = _own_probabilities(ratios, dfs, self.variance.df, _prior_probability(self.num_points))
        pooled = 1 - float(own[0])
        for point in points:
            share = point.weight**2 / total
            pooled *= (1 - self._own_probability(point.trials)) ** (2 * share)
        moderated = _moderated(Variance(observed, df), Variance(expected, self.variance.df))
        alone = Variance(max(observed, moderated.variance), df)
        return [
            Alternative(pooled, _divided(moderated, len(values))),
            Alternative(1 - pooled, _divided(alone, len(values))),
        ]

    def of_mean(self, trials: Collection[str], values: Floats) -> list[Alternative]:
        """Return how large the variance of one point's mean may be.

        Args:
            trials: of the point.
            values: (K,) of the point, by seed.
        """
        alone = variance_of_mean(values)
        point = next((self.points[trial] for trial in trials if trial in self.points), None)
        if point is None or len(values) < 2:
            return [Alternative(1.0, alone)]
        moderated = _moderated(point.estimate, self.variance)
        pooled = _divided(sum_of([moderated, self.common]), len(values))
        return [Alternative(1 - point.own, pooled), Alternative(point.own, alone)]

    def _own_probability(self, trials: Collection[str]) -> float:
        return next((self.points[trial].own for trial in trials if trial in self.points), 0.0)

    def renamed(self, prefix: str) -> SeedPool:
        """Return the pool with a prefix before the names of trials."""
        points = {f"{prefix}{trial}": point for trial, point in self.points.items()}
        return replace(self, points=points)

    def joined(self, other: SeedPool) -> SeedPool:
        """Return a pool for comparisons between the points of two runs."""
        return SeedPool(
            variance=_between(self.variance, other.variance),
            common=_between(self.common, other.common),
            points={**self.points, **other.points},
            num_points=min(self.num_points, other.num_points),
        )


def _between(one: Variance, other: Variance) -> Variance:
    return Variance((one.variance + other.variance) / 2, min(one.df, other.df))


def _moderated(observed: Variance, expected: Variance) -> Variance:
    """Draw a variance towards the expected one, each weighted by its degrees of freedom."""
    df = observed.df + expected.df
    return Variance((observed.df * observed.variance + expected.df * expected.variance) / df, df)


def _divided(variance: Variance, num: int) -> Variance:
    """The variance of the mean over ``num`` seeds."""
    return variance._replace(variance=variance.variance / num)


def pool_of(rows: Iterable[SeedRow]) -> SeedPool | None:
    """Estimate the pool from the values of all points.

    Args:
        rows: the points; those of one seed are left out, and those that share trials are joined.

    Returns:
        The pool; None from fewer than ``MIN_POINTS`` points whose seeds differ.
    """
    several = [row for row in distinct_rows(rows) if len(row.values) > 1]
    if len(several) < MIN_POINTS:
        return None
    seeds = sorted({seed for row in several for seed in row.values})
    table = np.array([[row.values.get(seed, np.nan) for seed in seeds] for row in several])
    separate = _separate(table)
    usable = np.flatnonzero((separate.variances > 0) & (separate.dfs > _MIN_DF))
    num = len(usable)
    if num < MIN_POINTS:
        return None
    variances, dfs = separate.variances[usable], separate.dfs[usable]
    variance, df = _fit(variances, dfs)
    df *= 1 - 2 / num
    ratios = variances / variance
    probabilities = _own_probabilities(ratios, dfs, df, _prior_probability(num))
    points: dict[str, PointVariance] = {}
    for place, estimate, row_df, own in zip(usable, variances, dfs, probabilities, strict=True):
        found = PointVariance(Variance(float(estimate), float(row_df)), float(own))
        points |= dict.fromkeys(several[place].trials.values(), found)
    common = max(0.0, float(np.var(separate.shifts, ddof=1)) - variance / num)
    return SeedPool(
        variance=Variance(variance, df),
        common=Variance(common, float(len(seeds) - 1)),
        points=points,
        num_points=num,
    )


@dataclass(frozen=True)
class _Rows:
    """The values without the points' means and without what seeds do to all points.

    Attributes:
        variances: (P,) between seeds.
        dfs: (P,) their degrees of freedom.
        shifts: (K,) what each seed does to all points alike.
    """

    variances: Floats
    dfs: Floats
    shifts: Floats


def _separate(values: Floats) -> _Rows:
    """Separate (P, K) values, NaN where a point lacks a seed, into points, seeds and the rest.

    A point of large variance has little weight in what is taken for a seed's effect, so that it
    does not spread to the others.
    """
    given = ~np.isnan(values)
    counts = given.sum(axis=1)
    shifts = np.nanmedian(values - np.nanmean(values, axis=1, keepdims=True), axis=0)
    weights = np.full(len(values), 1 / len(values))
    variances = dfs = np.ones(len(values))
    for _ in range(_NUM_PASSES):
        centred = values - np.nanmean(values - shifts, axis=1, keepdims=True)
        squares = np.nansum(np.square(centred - shifts), axis=1)
        column_weights = given.T @ weights  # (K,)
        free = (given * (1 - weights[:, None] / column_weights)).sum(axis=1)
        dfs = np.maximum(free * (counts - 1) / counts, 1e-9)
        variances = squares / dfs
        typical = float(np.median(variances)) or float(variances.mean()) or 1.0
        weights = 1 / (variances + typical)
        weights /= weights.sum()
        shifts = np.nansum(weights[:, None] * centred, axis=0) / (given.T @ weights)
    return _Rows(variances, dfs, shifts)


def _fit(variances: Floats, dfs: Floats) -> tuple[float, float]:
    """Return the posterior means of the pool's variance and of its degrees of freedom."""
    typical = float(np.median(variances))
    ratios = variances[:, None] / (typical * _SCALES)  # (P, V)
    before = _prior_probability(len(variances))
    own = before * _own_density(ratios, dfs[:, None])
    logs = np.empty((len(_SCALES), len(_DFS)))
    for place, df in enumerate(_DFS):
        pooled = (1 - before) * _pooled_density(ratios, dfs[:, None], float(df))
        logs[:, place] = np.log(pooled + own).sum(axis=0)
    logs -= len(variances) * np.log(_SCALES)[:, None] + np.log(_DFS)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    variance = typical * float(np.exp(weights.sum(axis=1) @ np.log(_SCALES)))
    return variance, float(1 / (weights.sum(axis=0) @ (1 / _DFS)))


def _prior_probability(num_points: int) -> float:
    """Probability that a point's variance is one of its own, before it was seen."""
    return min(_MAX_OWN, _NUM_OWN / num_points)


def _pooled_density(ratios: Floats, dfs: Floats, pool_df: float) -> Floats:
    """Density of a variance in units of the pool's, where it is one of the pool: F(f, d)."""
    safe, half = np.maximum(ratios, _SMALLEST_RATIO), dfs / 2
    logs = half * np.log(dfs / pool_df) + (half - 1) * np.log(safe)
    logs -= (dfs + pool_df) / 2 * np.log1p(dfs * safe / pool_df)
    density: Floats = np.exp(logs - special.betaln(half, pool_df / 2))
    return density


def _own_density(ratios: Floats, dfs: Floats) -> Floats:
    """The same where the variance is one of its own: log-uniform in ``_OWN_RATIOS``."""
    safe, half = np.maximum(ratios, _SMALLEST_RATIO), dfs / 2
    low, high = _OWN_RATIOS
    # the upper end of the range is ignored, so that no variance is too large for it
    density: Floats = special.gammainc(half, half * safe / low) / (np.log(high / low) * safe)
    return density


def _own_probabilities(ratios: Floats, dfs: Floats, pool_df: float, before: float) -> Floats:
    """Probability that each of the variances, in units of the pool's, is one of its own.

    ``before`` is the probability before the variance was seen.
    """
    own = before * _own_density(ratios, dfs)
    pooled = (1 - before) * _pooled_density(ratios, dfs, pool_df)
    found: Floats = own / (own + pooled)
    return found


@dataclass(frozen=True)
class SeedRow:
    """The seeds of one point.

    Attributes:
        trials: seed -> trial.
        values: seed -> value.
    """

    trials: Mapping[int, str]
    values: Mapping[int, float]


def distinct_rows(rows: Iterable[SeedRow]) -> list[SeedRow]:
    """Join rows that share trials: one configuration that several studies have."""
    found: list[SeedRow] = []
    place_of: dict[str, int] = {}
    for row in rows:
        known = (place_of[trial] for trial in row.trials.values() if trial in place_of)
        place = next(known, len(found))
        if place == len(found):
            found.append(row)
        else:
            both = found[place]
            found[place] = SeedRow({**both.trials, **row.trials}, {**both.values, **row.values})
        place_of |= dict.fromkeys(row.trials.values(), place)
    return found
