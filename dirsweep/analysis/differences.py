"""Differences between points, paired over seeds and samples, with corrected p-values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Basis,
    Measured,
    Resampling,
    basis_of,
    measure,
    points_of,
    rng_for_trials,
    study_columns,
)
from dirsweep.analysis.multiple_testing import ALPHA, holm
from dirsweep.analysis.objectives import default_point
from dirsweep.analysis.seed_variance import WeightedPoint
from dirsweep.analysis.uncertainty import (
    Alternative,
    Floats,
    Uncertainty,
    uncertainty,
    uncertainty_of_two,
)
from dirsweep.domain import MetricColumn, metric_of, plural
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Difference:
    """One point (or the mean of several) minus another, over the same seeds and samples.

    Attributes:
        study: its key in the sweep file.
        point: index of the point; -1 for a mean over several points.
        baseline: index of the point that is subtracted; -1 for a mean over several points.
        label: how the point differs from the base.
        baseline_label: the same for the baseline.
        split: ``test`` or ``val``.
        metric: name of the metric.
        region: shot region.
        difference: mean over seeds of point minus baseline; for an error metric below 0 is better.
        low: lower end of the 95 % interval; None where there is none.
        high: upper end of the 95 % interval; None where there is none.
        p: two-sided p-value, not corrected: the same wherever the difference is reported. None
            from one seed, which says nothing about seeds.
        p_corrected: by Holm for the ``num_comparisons`` of the ``family``.
        num_comparisons: comparisons of the family that have a p-value.
        family: what the p-value is corrected over.
        num_seeds: number of seeds.
        num_samples: number of samples; 0 without predictions.
        basis: what the interval takes into account.
        paired: False where the two have no seeds in common.
        trial_ids: the trials of the point.
        baseline_trial_ids: the trials of the baseline.
        synthetic: whether the numbers come from a synthetic benchmark.
    """

    study: str
    point: int
    baseline: int
    label: str
    baseline_label: str
    split: str
    metric: str
    region: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    num_comparisons: int
    num_seeds: int
    num_samples: int
    basis: Basis
    paired: bool
    trial_ids: tuple[str, ...]
    baseline_trial_ids: tuple[str, ...]
    synthetic: bool
    family: str = ""

    @property
    def better(self) -> bool:
        """Whether the point came out better than the baseline, separable or not."""
        return self.difference * metric_of(self.metric).cost_sign < 0

    @property
    def separable(self) -> bool:
        """Whether the corrected p-value is below ``ALPHA``."""
        return self.p_corrected is not None and self.p_corrected < ALPHA


def differences(
    run: Run,
    study: str,
    baseline: int | None = None,
    *,
    columns: Sequence[MetricColumn] | None = None,
    points: Collection[int] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Difference]:
    """Return every other point minus the baseline, column by column.

    Differences are paired: over the seeds that both points have, on the same draws of the same
    samples. p-values are two-sided and corrected by Holm over all points and columns of the call.

    Args:
        run: the run.
        study: its key in the sweep file.
        baseline: index of a point; by default the base itself (``default_point``), else the study's
            first complete point.
        columns: by default the test metric of the study's objective in every region.
        points: indices of those compared with the baseline; all by default.
        resampling: number of draws and seed.
    """
    baseline = _default_baseline(run, study) if baseline is None else baseline
    if baseline is None:
        return []
    measured_points = None if points is None else {*points, baseline}
    found: list[Difference] = []
    for column in study_columns(run, study) if columns is None else columns:
        measured = measure(run, study, column, points=measured_points, resampling=resampling)
        if baseline not in measured.values:
            continue
        found += [
            difference_of(measured, index, baseline, seed=resampling.seed)
            for index in measured.values
            if index != baseline and (points is None or index in points)
        ]
    label = next(point.label for point in points_of(run, study) if point.index == baseline)
    return corrected(found, f"points of {study} against {label}")


def _default_baseline(run: Run, study: str) -> int | None:
    default = default_point(run, study)
    if default is not None:
        return default.index
    complete = (point.index for point in points_of(run, study) if not point.preliminary)
    return next(complete, None)


def corrected(found: Sequence[Difference], family: str) -> list[Difference]:
    """Fill in ``p_corrected`` by Holm's method over all differences that have a p-value.

    Args:
        found: the family.
        family: what it consists of besides regions, for readers.
    """
    regions = list(dict.fromkeys(item.region for item in found))
    where = plural(len(regions), "region") if len(regions) > 1 else f"region {''.join(regions)}"
    ps = [item.p for item in found if item.p is not None]
    adjusted = iter(holm(ps))
    return [
        replace(
            item,
            p_corrected=None if item.p is None else next(adjusted),
            num_comparisons=len(ps),
            family=f"{family}, {where}",
        )
        for item in found
    ]


def difference_of(measured: Measured, index: int, baseline: int, *, seed: int = 0) -> Difference:
    """Return one point minus another.

    They are paired if they share two seeds or all that one of them has, else compared as two
    independent groups.
    """
    mine, theirs = measured.values[index], measured.values[baseline]
    num_common = len(measured.common_seeds([index, baseline]))
    if num_common >= 2 or (num_common and num_common == min(len(mine), len(theirs))):
        return contrast(measured, {index: 1.0}, {baseline: 1.0}, seed=seed)
    return _unpaired(measured, index, baseline, seed)


def _unpaired(measured: Measured, index: int, baseline: int, seed: int) -> Difference:
    first, second = measured.of_point(index), measured.of_point(baseline)
    trials = tuple(tuple(measured.trials[point].values()) for point in (index, baseline))
    draws = None
    if first.draws is not None and second.draws is not None:
        draws = first.draws, second.draws
    found = uncertainty_of_two(
        (first.values, second.values),
        draws,
        num_samples=measured.num_samples,
        rng=rng_for_trials(seed, "pair", [*trials[0], *trials[1]]),
    )
    estimate = _Estimate(
        difference=float(first.values.mean() - second.values.mean()),
        uncertainty=found,
        num_seeds=min(first.num, second.num),
        sampled=draws is not None,
        paired=False,
    )
    sides = (
        _Side((index,), trials[0]),
        _Side((baseline,), trials[1]),
    )
    return _difference(measured, sides, estimate)


def contrast(
    measured: Measured, plus: Mapping[int, float], minus: Mapping[int, float], *, seed: int = 0
) -> Difference:
    """Return a weighted mean of points minus another one, over the seeds that all points have.

    Args:
        measured: the points' values.
        plus: point -> weight > 0; the weights are divided by their sum.
        minus: the same for what is subtracted. A point may be on both sides.
        seed: of the draws.

    Raises:
        ValueError: a side is empty, or the points have no seed in common.
    """
    seeds = measured.common_seeds({*plus, *minus}) if plus and minus else []
    if not seeds:
        raise ValueError(
            "a difference needs points on both sides, and a seed that all of them have"
        )
    sample = measured.weighted_mean_of(plus, seeds).minus(measured.weighted_mean_of(minus, seeds))
    trials = measured.trial_ids(plus, seeds), measured.trial_ids(minus, seeds)
    # a difference and its opposite have the same p-value, so they are computed as one
    sign = 1.0 if sorted(trials[0]) <= sorted(trials[1]) else -1.0
    found = uncertainty(
        sign * sample.values,
        None if sample.draws is None else sign * sample.draws,
        num_samples=measured.num_samples,
        rng=rng_for_trials(seed, "contrast", [*trials[0], *trials[1]]),
        seeds=_alternatives(measured, _net_weights(plus, minus), sample.values),
    )
    if found is not None and sign < 0:
        found = found._replace(low=-found.high, high=-found.low)
    estimate = _Estimate(
        difference=float(sample.values.mean()),
        uncertainty=found,
        num_seeds=len(seeds),
        sampled=sample.draws is not None,
        paired=True,
    )
    sides = (
        _Side(tuple(plus), trials[0]),
        _Side(tuple(minus), trials[1]),
    )
    return _difference(measured, sides, estimate)


def _net_weights(plus: Mapping[int, float], minus: Mapping[int, float]) -> dict[int, float]:
    """Point -> its weight in the difference; a point on both sides may have 0."""
    net: dict[int, float] = dict.fromkeys({*plus, *minus}, 0.0)
    for sign, side in ((1, plus), (-1, minus)):
        total = sum(side.values())
        for index, weight in side.items():
            net[index] += sign * weight / total
    return net


def _alternatives(
    measured: Measured, net: Mapping[int, float], values: Floats
) -> list[Alternative] | None:
    """How large the variance of a difference may be; None leaves it to the difference itself.

    Without any difference the two sides are the same trials: there is no uncertainty.
    """
    if measured.pool is None or len(values) < 2 or not values.any():
        return None
    points = [
        WeightedPoint(weight, tuple(measured.trials[index].values()))
        for index, weight in net.items()
    ]
    return measured.pool.of_contrast(points, values)


@dataclass(frozen=True)
class _Side:
    """What one side of a difference consists of."""

    points: tuple[int, ...]
    trial_ids: tuple[str, ...]

    def name_in(self, measured: Measured) -> tuple[int, str]:
        """Return index and label; -1 for several points."""
        if len(self.points) > 1:
            return -1, f"mean of {len(self.points)} points"
        return self.points[0], measured.points[self.points[0]].label


@dataclass(frozen=True)
class _Estimate:
    """A difference as a number, before it is labelled."""

    difference: float
    uncertainty: Uncertainty | None
    num_seeds: int
    sampled: bool
    paired: bool


def _difference(measured: Measured, sides: tuple[_Side, _Side], estimate: _Estimate) -> Difference:
    (point, label), (baseline, baseline_label) = (side.name_in(measured) for side in sides)
    found = estimate.uncertainty
    return Difference(
        study=measured.study,
        point=point,
        baseline=baseline,
        label=label,
        baseline_label=baseline_label,
        split=measured.column.split,
        metric=measured.column.metric,
        region=measured.column.region,
        difference=estimate.difference,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        p=found.p if found is not None and estimate.num_seeds > 1 else None,
        p_corrected=None,
        num_comparisons=0,
        num_seeds=estimate.num_seeds,
        num_samples=measured.num_samples if estimate.sampled else 0,
        basis="none" if found is None else basis_of(estimate.num_seeds, estimate.sampled),
        paired=estimate.paired,
        trial_ids=sides[0].trial_ids,
        baseline_trial_ids=sides[1].trial_ids,
        synthetic=measured.synthetic,
    )
