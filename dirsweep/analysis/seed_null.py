"""The null control: how far apart seeds of the same point are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from dirsweep.analysis.measurements import measure, rng_for
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class SeedNull:
    """What seeds alone do to a metric: the null control of every comparison.

    Attributes:
        study, split, metric, region: of what.
        differences: sorted sizes of the differences between two seeds of the same point, all pairs
            of all points.
        deviation: pooled over points, sample deviation of one seed; None when no point has two
            seeds.
        df: degrees of freedom behind it.
        num_seeds: the most frequent number of seeds per point.
        num_points: complete points of the study.
        largest_by_chance: two points that differ in nothing but their seeds, each a mean over
            ``num_seeds``, differ by less than this in 95 of 100 cases.
        best_by_chance: the best of ``num_points`` points that differ in nothing but their seeds is
            better than their mean by this on average.
        trial_ids: the trials behind it.
        synthetic: whether the figures come from a made-up benchmark.
    """

    study: str
    split: str
    metric: str
    region: str
    differences: tuple[float, ...]
    deviation: float | None
    df: int
    num_seeds: int
    num_points: int
    largest_by_chance: float | None
    best_by_chance: float | None
    trial_ids: tuple[str, ...]
    synthetic: bool


def seed_null(
    run: Run,
    study: str,
    metric: str | None = None,
    region: str = "all",
    *,
    split: str = "test",
    seed: int = 0,
) -> SeedNull:
    """Seeds of the same point against each other: differences that mean nothing, and how large they
    are.
    """
    measured = measure(run, study, metric, region, split=split, seed=seed)
    groups = [np.array(list(values.values())) for values in measured.values.values()]
    several = [group for group in groups if len(group) > 1]
    pairs = [abs(float(a - b)) for group in several for a, b in combinations(group, 2)]
    df = sum(len(group) - 1 for group in several)
    deviation = (
        float(np.sqrt(sum((len(g) - 1) * g.var(ddof=1) for g in several) / df)) if df else None
    )
    counts = [len(group) for group in groups]
    num_seeds = max(set(counts), key=lambda count: (counts.count(count), count)) if counts else 0
    largest = best = None
    if deviation is not None:
        largest = float(stats.t.ppf(0.975, df)) * deviation * float(np.sqrt(2 / num_seeds))
        normal = rng_for(seed, "best of").standard_normal((2000, len(groups)))
        best = (
            deviation
            / float(np.sqrt(num_seeds))
            * float((normal.max(axis=1) - normal.mean(axis=1)).mean())
        )
    return SeedNull(
        study=study,
        split=split,
        metric=measured.metric,
        region=region,
        differences=tuple(sorted(pairs)),
        deviation=deviation,
        df=df,
        num_seeds=num_seeds,
        num_points=len(groups),
        largest_by_chance=largest,
        best_by_chance=best,
        trial_ids=tuple(
            t
            for i, seeds in measured.trials.items()
            if len(measured.values[i]) > 1
            for t in seeds.values()
        ),
        synthetic=run.synthetic,
    )
