"""Differences between points, paired over seeds and samples, with corrected p-values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dirsweep.analysis import uncertainty
from dirsweep.analysis.measurements import (
    NOTES,
    NUM_RESAMPLES,
    Basis,
    Floats,
    Measured,
    measure,
    points_of,
    rng_for,
)
from dirsweep.analysis.multiple_testing import holm
from dirsweep.analysis.objectives import default_point
from dirsweep.domain import REGIONS, metric_of
from dirsweep.run.reader import Run

#: significance level: two points are separable when the corrected p-value is below
ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """One point (or the mean of several) minus another, paired over the same seeds and the same
    samples.

    Attributes:
        study: where it stands.
        point, baseline: indices; -1 for a mean over several points.
        label, baseline_label: what they change in the base.
        split, metric, region: of what.
        difference: mean over seeds of point minus baseline; with an error metric below 0 is better.
        low, high: ends of the 95 % interval; None where there is none.
        p: two-sided; None from one seed, which shows nothing about seeds.
        p_corrected: by Holm for ``num_comparisons``.
        num_comparisons: made in one go, over points and regions.
        num_seeds, num_samples: behind it.
        basis: what the interval takes into account.
        paired: False where the two have no seeds in common.
        trial_ids, baseline_trial_ids: behind it.
        synthetic: whether the figures come from a made-up benchmark.
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

    @property
    def better(self) -> bool:
        """Whether the point came out better, separable or not."""
        return self.difference * metric_of(self.metric).cost_sign < 0

    @property
    def separable(self) -> bool:
        """Whether seeds and samples, after the correction, leave no doubt about the sign."""
        return self.p_corrected is not None and self.p_corrected < ALPHA

    @property
    def note(self) -> str:
        """Why the interval is not the usual one; empty when it is."""
        return NOTES[self.basis]


def differences(
    run: Run,
    study: str,
    baseline: int | None = None,
    *,
    metric: str | None = None,
    regions: Sequence[str] = REGIONS,
    split: str = "test",
    points: Collection[int] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[Difference]:
    """Every other point minus the baseline, in every region, corrected for the number of
    comparisons made here.

    Paired: only seeds that both have, on the same draws of the same samples. p-values are
        two-sided, Holm's correction
    runs over all points and regions of the call.

    Args:
        baseline: index of a point; by default the base itself (``default_point``), else the study's
            first point.
        points: indices of those compared with it; all by default.
    """
    complete = [point.index for point in points_of(run, study) if not point.preliminary]
    if baseline is None:
        default = default_point(run, study)
        baseline = default.index if default is not None else next(iter(complete), None)
    if baseline is None:
        return []
    wanted = None if points is None else {*points, baseline}
    found = []
    for region in regions:
        measured = measure(
            run,
            study,
            metric,
            region,
            split=split,
            points=wanted,
            num_resamples=num_resamples,
            seed=seed,
        )
        if baseline in measured.values:
            found += [
                difference_of(measured, index, baseline, seed=seed)
                for index in measured.values
                if index != baseline and (points is None or index in points)
            ]
    return corrected(found)


def corrected(found: Sequence[Difference]) -> list[Difference]:
    """The same with ``p_corrected`` by Holm's method over all of them that have a p-value."""
    ps = [item.p for item in found if item.p is not None]
    adjusted = iter(holm(ps))
    return [
        replace(
            item, p_corrected=None if item.p is None else next(adjusted), num_comparisons=len(ps)
        )
        for item in found
    ]


def difference_of(measured: Measured, index: int, baseline: int, *, seed: int = 0) -> Difference:
    """One point minus another: paired if they share two seeds or all that one of them has, else as
    two groups.
    """
    mine, theirs = measured.values[index], measured.values[baseline]
    common = sorted(set(mine) & set(theirs))
    if len(common) >= 2 or (common and len(common) == min(len(mine), len(theirs))):
        return contrast(measured, {index: 1.0}, {baseline: 1.0}, seed=seed)
    values = measured.array(index, mine), measured.array(baseline, theirs)
    draws = measured.draws_of(index, mine), measured.draws_of(baseline, theirs)
    both = None if draws[0] is None or draws[1] is None else (draws[0], draws[1])
    found = uncertainty.uncertainty_of_two(
        values,
        both,
        num_samples=measured.num_samples,
        rng=rng_for(seed, "pair", f"{index}-{baseline}"),
    )
    num = min(len(mine), len(theirs))
    return _difference(
        measured,
        [index],
        [baseline],
        float(values[0].mean() - values[1].mean()),
        found,
        num,
        both is not None,
        tuple(measured.trials[index].values()),
        tuple(measured.trials[baseline].values()),
        paired=False,
    )


def contrast(
    measured: Measured, plus: Mapping[int, float], minus: Mapping[int, float], *, seed: int = 0
) -> Difference:
    """A weighted mean of points minus another one, over the seeds that all of them have.

    Args:
        plus, minus: point -> weight > 0; each side is divided by its sum. A point may stand on both
            sides.
    Raises: ValueError: a side is empty, or the points have no seed in common.
    """
    involved = {*plus, *minus}
    seeds = (
        sorted(set.intersection(*(set(measured.values[index]) for index in involved)))
        if plus and minus
        else []
    )
    if not seeds:
        raise ValueError(
            "a difference needs points on both sides, and a seed that all of them have"
        )
    sides = []
    net: dict[int, float] = dict.fromkeys(involved, 0.0)
    for sign, side in ((1, plus), (-1, minus)):
        whole = sum(side.values())
        for index, weight in side.items():
            net[index] += sign * weight / whole
        weights = np.array([weight / whole for weight in side.values()])
        draws = [measured.draws_of(index, seeds) for index in side]
        values: Floats = weights @ np.stack([measured.array(index, seeds) for index in side])
        kept = [part for part in draws if part is not None]
        mean = np.tensordot(weights, np.stack(kept), axes=1) if len(kept) == len(draws) else None
        sides.append((values, mean))
    values = sides[0][0] - sides[1][0]
    sampled = None if sides[0][1] is None or sides[1][1] is None else sides[0][1] - sides[1][1]
    words = ",".join(map(str, plus)), ",".join(map(str, minus))
    prior = measured.paired_prior
    if prior is not None:
        prior = prior._replace(variance=prior.variance * sum(weight**2 for weight in net.values()))
    found = uncertainty.uncertainty(
        values,
        sampled,
        num_samples=measured.num_samples,
        rng=rng_for(seed, "contrast", *words),
        prior=prior
        if values.any()
        else None,  # the same trials on both sides: nothing to be uncertain about
    )
    trials = [
        tuple(measured.trials[index][number] for index in side for number in seeds)
        for side in (plus, minus)
    ]
    return _difference(
        measured,
        list(plus),
        list(minus),
        float(values.mean()),
        found,
        len(seeds),
        sampled is not None,
        trials[0],
        trials[1],
        paired=True,
    )


def _difference(
    measured: Measured,
    plus: Sequence[int],
    minus: Sequence[int],
    difference: float,
    found: uncertainty.Uncertainty | None,
    num_seeds: int,
    sampled: bool,
    trial_ids: tuple[str, ...],
    baseline_trial_ids: tuple[str, ...],
    *,
    paired: bool,
) -> Difference:
    def named(side: Sequence[int]) -> tuple[int, str]:
        alone = len(side) == 1
        return (
            (side[0], measured.points[side[0]].label)
            if alone
            else (-1, f"mean of {len(side)} points")
        )

    (point, label), (baseline, baseline_label) = named(plus), named(minus)
    seen_seeds = num_seeds > 1
    return Difference(
        study=measured.study,
        point=point,
        baseline=baseline,
        label=label,
        baseline_label=baseline_label,
        split=measured.split,
        metric=measured.metric,
        region=measured.region,
        difference=difference,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        p=found.p if found is not None and seen_seeds else None,
        p_corrected=None,
        num_comparisons=0,
        num_seeds=num_seeds,
        num_samples=measured.num_samples if sampled else 0,
        basis="none" if found is None else measured.basis(num_seeds, sampled),
        paired=paired,
        trial_ids=trial_ids,
        baseline_trial_ids=baseline_trial_ids,
        synthetic=measured.synthetic,
    )
