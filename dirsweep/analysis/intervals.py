"""Means over seeds with their 95 % intervals, point by point.

Everything here is about complete trials. A region's samples are those whose label lies in a bin of
that region (``bins.arrow``); metrics are recomputed from the predictions. Without predictions or
bins only the spread over seeds in the trials table is left, and ``basis`` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from dirsweep.analysis import resampling, uncertainty
from dirsweep.analysis.measurements import (
    NOTES,
    NUM_RESAMPLES,
    Basis,
    Floats,
    Measured,
    measure,
    rng_for,
)
from dirsweep.domain import metric_of
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Interval:
    """One metric of one point.

    Attributes:
        study, point, label: which point; ``point`` is its index in the study.
        split, metric, region: of what.
        mean: over seeds.
        deviation: sample deviation over seeds; None for one seed.
        num_seeds, num_samples: behind it; 0 samples where predictions are not at hand.
        low, high: ends of the 95 % interval; None where there is none.
        basis: what the interval takes into account; ``NOTES`` has it in words.
        by_seed: seed -> value.
        trial_ids: the trials behind it.
        synthetic: whether the figures come from a made-up benchmark.
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
    def note(self) -> str:
        """Why the interval is not the usual one; empty when it is."""
        return NOTES[self.basis]

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return metric_of(self.metric).higher_is_better


def intervals(
    run: Run,
    study: str,
    metric: str | None = None,
    region: str = "all",
    *,
    split: str = "test",
    points: Collection[int] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[Interval]:
    """Mean, deviation and 95 % interval of every point that has the metric, in the order proposed.

    The interval is that of a hierarchical bootstrap over seeds and samples (``resampling``): where
    the mean would lie with other seeds and another test split of the same kind. One seed gives an
    interval over samples only.

    Args:
        metric: one of ``resampling.METRICS`` (``macro_mae`` is the per-label MAE), or any the
            tables have; by default the objective's.
        region: ``all``, ``many``, ``median``, ``few``.
        split: ``test`` or ``val``.
        points: indices; all by default.
        num_resamples: draws of the samples.
        seed: of everything random here; equal seeds give equal figures.
    """
    measured = measure(
        run,
        study,
        metric,
        region,
        split=split,
        points=points,
        num_resamples=num_resamples,
        seed=seed,
    )
    return [
        interval_of(measured, index, seed)
        for index in measured.values
        if points is None or index in points
    ]


def interval_of(measured: Measured, index: int, seed: int = 0) -> Interval:
    """The interval of one measured point."""
    by_seed = measured.values[index]
    values, draws = measured.array(index, by_seed), measured.draws_of(index, by_seed)
    found = uncertainty.uncertainty(
        values,
        draws,
        num_samples=measured.num_samples,
        rng=rng_for(seed, "seeds", str(index)),
        limits=resampling.bounds(measured.metric),
        prior=measured.prior,
    )
    point = measured.points[index]
    return Interval(
        study=measured.study,
        point=index,
        label=point.label,
        split=measured.split,
        metric=measured.metric,
        region=measured.region,
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else None,
        num_seeds=len(values),
        num_samples=measured.num_samples if draws is not None else 0,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        basis="none" if found is None else measured.basis(len(values), draws is not None),
        by_seed=dict(by_seed),
        trial_ids=tuple(measured.trials[index].values()),
        synthetic=measured.synthetic,
    )


def mean_of(measured: Measured, indices: Sequence[int], *, seed: int = 0) -> Interval | None:
    """The interval of the mean of several points, over the seeds that all of them have; None when
    they share none.
    """
    if len(indices) == 1:
        return interval_of(measured, indices[0], seed)
    seeds = (
        sorted(set.intersection(*(set(measured.values[index]) for index in indices)))
        if indices
        else []
    )
    if not seeds:
        return None
    values: Floats = np.mean([measured.array(index, seeds) for index in indices], axis=0)
    draws = measured.mean_draws(indices, seeds)
    found = uncertainty.uncertainty(
        values,
        draws,
        num_samples=measured.num_samples,
        rng=rng_for(seed, "mean", ",".join(map(str, indices))),
        limits=resampling.bounds(measured.metric),
    )
    return Interval(
        study=measured.study,
        point=-1,
        label=f"mean of {len(indices)} points",
        split=measured.split,
        metric=measured.metric,
        region=measured.region,
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else None,
        num_seeds=len(values),
        num_samples=measured.num_samples if draws is not None else 0,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        basis="none" if found is None else measured.basis(len(values), draws is not None),
        by_seed=dict(zip(seeds, values.tolist(), strict=True)),
        trial_ids=tuple(measured.trials[index][number] for index in indices for number in seeds),
        synthetic=measured.synthetic,
    )
