"""The null control of every comparison: how far apart seeds of the same point are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Floats,
    Resampling,
    columns_of,
    measure,
    rng_for,
)
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class SeedNull:
    """What seeds alone do to a metric.

    Attributes:
        study: its key in the sweep file.
        split: ``test`` or ``val``.
        metric: name of the metric.
        region: shot region.
        differences: absolute differences between two seeds of the same point, all pairs of all
            points, ascending.
        deviation: sample deviation of one seed, pooled over points; None when no point has two
            seeds.
        df: its degrees of freedom.
        num_seeds: the most frequent number of seeds per point.
        seed_counts: the different numbers of seeds per point, ascending.
        num_points: complete points of the study.
        largest_by_chance: two points that differ in nothing but their seeds, each a mean over
            ``num_seeds``, differ by less than this in 95 of 100 cases.
        best_by_chance: the best of ``num_points`` points that differ in nothing but their seeds is
            better than their mean by this on average.
        trial_ids: the trials behind it.
        synthetic: whether the numbers come from a synthetic benchmark.
    """

    study: str
    split: str
    metric: str
    region: str
    differences: tuple[float, ...]
    deviation: float | None
    df: int
    num_seeds: int
    seed_counts: tuple[int, ...]
    num_points: int
    largest_by_chance: float | None
    best_by_chance: float | None
    trial_ids: tuple[str, ...]
    synthetic: bool


def seed_null(
    run: Run,
    study: str,
    column: MetricColumn | None = None,
    *,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> SeedNull:
    """Compare seeds of the same point with each other.

    Args:
        run: the run.
        study: its key in the sweep file.
        column: by default the test metric of the sweep's objective over all samples.
        resampling: number of draws and seed.
    """
    column = columns_of(run, regions=("all",))[0] if column is None else column
    measured = measure(run, study, column, resampling=resampling)
    groups = [np.array(list(values.values())) for values in measured.values.values()]
    several = [group for group in groups if len(group) > 1]
    pairs = [abs(float(a - b)) for group in several for a, b in combinations(group, 2)]
    deviation, df = pooled_deviation(several)
    num_seeds = _most_frequent([len(group) for group in groups])
    largest = best = None
    if deviation is not None:
        largest = float(stats.t.ppf(0.975, df)) * deviation * float(np.sqrt(2 / num_seeds))
        rng = rng_for(resampling.seed, "best of")
        best = deviation / float(np.sqrt(num_seeds)) * _expected_best(len(groups), rng)
    return SeedNull(
        study=study,
        split=column.split,
        metric=column.metric,
        region=column.region,
        differences=tuple(sorted(pairs)),
        deviation=deviation,
        df=df,
        num_seeds=num_seeds,
        seed_counts=tuple(sorted({len(group) for group in groups})),
        num_points=len(groups),
        largest_by_chance=largest,
        best_by_chance=best,
        trial_ids=tuple(
            trial
            for index, seeds in measured.trials.items()
            if len(measured.values[index]) > 1
            for trial in seeds.values()
        ),
        synthetic=run.synthetic,
    )


def pooled_deviation(groups: Sequence[Floats]) -> tuple[float | None, int]:
    """Return the deviation within groups of two or more values, and its degrees of freedom."""
    df = sum(len(group) - 1 for group in groups)
    if not df:
        return None, 0
    squares = sum((len(group) - 1) * group.var(ddof=1) for group in groups)
    return float(np.sqrt(squares / df)), df


def _most_frequent(counts: Sequence[int]) -> int:
    """The most frequent count, of equally frequent ones the largest; 0 without any."""
    return max(set(counts), key=lambda count: (counts.count(count), count), default=0)


def _expected_best(num: int, rng: np.random.Generator) -> float:
    """Mean distance of the largest of ``num`` standard normal values from their mean."""
    normal = rng.standard_normal((2000, num))
    return float((normal.max(axis=1) - normal.mean(axis=1)).mean())
