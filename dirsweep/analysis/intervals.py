"""Means over seeds with their 95 % intervals, point by point.

Everything here is about complete trials. A region's samples are those whose label lies in a bin of
that region (``bins.arrow``); metrics are recomputed from the predictions. Without predictions or
bins only the spread over seeds in the trials table is left, and ``basis`` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Basis,
    Measured,
    Resampling,
    SeedValues,
    basis_of,
    columns_of,
    measure,
    rng_for_trials,
)
from dirsweep.analysis.resampling import bounds
from dirsweep.analysis.uncertainty import Uncertainty, uncertainty
from dirsweep.domain import MetricColumn, metric_of
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Interval:
    """The mean of one metric of one point over its seeds, with its 95 % interval.

    Attributes:
        study: its key in the sweep file.
        point: index of the point in the study; -1 for a mean over several points.
        label: how the point differs from the base.
        split: ``test`` or ``val``.
        metric: name of the metric.
        region: shot region.
        mean: over seeds.
        deviation: sample deviation over seeds; None for one seed.
        num_seeds: number of seeds.
        num_samples: number of samples; 0 without predictions.
        low: lower end of the interval; None where there is none.
        high: upper end of the interval; None where there is none.
        basis: what the interval takes into account.
        by_seed: seed -> value.
        trial_ids: the trials behind it.
        synthetic: whether the numbers come from a synthetic benchmark.
    """

    study: str
    point: int
    label: str
    split: str
    metric: str
    region: str
    mean: float
    deviation: float | None
    num_seeds: int
    num_samples: int
    low: float | None
    high: float | None
    basis: Basis
    by_seed: dict[int, float]
    trial_ids: tuple[str, ...]
    synthetic: bool

    @property
    def higher_is_better(self) -> bool:
        """Whether larger values of the metric are better."""
        return metric_of(self.metric).higher_is_better


def intervals(
    run: Run,
    study: str,
    column: MetricColumn | None = None,
    *,
    points: Collection[int] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Interval]:
    """Return mean, deviation and 95 % interval of every point that has the metric.

    The interval is that of a hierarchical bootstrap over seeds and samples (``uncertainty``): where
    the mean would lie with other seeds and another test split of the same kind. From one seed the
    interval is over samples only.

    Args:
        run: the run.
        study: its key in the sweep file.
        column: by default the test metric of the sweep's objective over all samples. The metric is
            one of ``resampling.METRICS`` (``macro_mae`` is the per-label MAE) or any of the tables.
        points: indices; all by default.
        resampling: number of draws and seed.

    Returns:
        One interval per point, in the order in which the points were proposed.
    """
    column = columns_of(run, regions=("all",))[0] if column is None else column
    measured = measure(run, study, column, points=points, resampling=resampling)
    chosen = [index for index in measured.values if points is None or index in points]
    return [interval_of(measured, index, seed=resampling.seed) for index in chosen]


def interval_of(measured: Measured, index: int, *, seed: int = 0) -> Interval:
    """Return the interval of one measured point."""
    by_seed = measured.values[index]
    sample = measured.of_point(index)
    trials = tuple(measured.trials[index].values())
    found = uncertainty(
        sample.values,
        sample.draws,
        num_samples=measured.num_samples,
        rng=rng_for_trials(seed, "seeds", trials),
        limits=bounds(measured.column.metric),
        seeds=None if measured.pool is None else measured.pool.of_mean(trials, sample.values),
    )
    return _interval(
        measured,
        index,
        measured.points[index].label,
        by_seed=dict(by_seed),
        trial_ids=trials,
        estimate=(sample, found),
    )


def interval_of_mean(
    measured: Measured, indices: Sequence[int], *, seed: int = 0
) -> Interval | None:
    """Return the interval of the mean of several points.

    It is over the seeds that all of the points have; None when they share none.
    """
    if len(indices) == 1:
        return interval_of(measured, indices[0], seed=seed)
    seeds = measured.common_seeds(indices)
    if not seeds:
        return None
    sample = measured.mean_of(indices, seeds)
    found = uncertainty(
        sample.values,
        sample.draws,
        num_samples=measured.num_samples,
        rng=rng_for_trials(seed, "mean", measured.trial_ids(indices, seeds)),
        limits=bounds(measured.column.metric),
    )
    return _interval(
        measured,
        -1,
        f"mean of {len(indices)} points",
        by_seed=dict(zip(seeds, sample.values.tolist(), strict=True)),
        trial_ids=measured.trial_ids(indices, seeds),
        estimate=(sample, found),
    )


def _interval(
    measured: Measured,
    point: int,
    label: str,
    *,
    by_seed: dict[int, float],
    trial_ids: tuple[str, ...],
    estimate: tuple[SeedValues, Uncertainty | None],
) -> Interval:
    sample, found = estimate
    sampled = sample.draws is not None
    return Interval(
        study=measured.study,
        point=point,
        label=label,
        split=measured.column.split,
        metric=measured.column.metric,
        region=measured.column.region,
        mean=float(sample.values.mean()),
        deviation=float(sample.values.std(ddof=1)) if sample.num > 1 else None,
        num_seeds=sample.num,
        num_samples=measured.num_samples if sampled else 0,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        basis="none" if found is None else basis_of(sample.num, sampled),
        by_seed=by_seed,
        trial_ids=trial_ids,
        synthetic=measured.synthetic,
    )
