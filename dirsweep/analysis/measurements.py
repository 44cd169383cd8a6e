"""A study's metrics by point and seed, with draws of the samples: the input of every statistic."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.objectives import points_of as points_of  # re-exported
from dirsweep.analysis.region_samples import RegionSamples, region_samples
from dirsweep.analysis.resampling import sample_counts
from dirsweep.analysis.summaries import PointSummary
from dirsweep.analysis.uncertainty import Prior, prior_of
from dirsweep.domain import REGIONS, MetricColumn
from dirsweep.run.reader import Run

Floats = NDArray[np.float64]
#: what an interval takes into account: seeds and test samples; samples alone (one seed); seeds
#: alone (no predictions)
Basis = Literal["seeds and samples", "samples", "seeds", "none"]

#: measurements kept per run; each holds its draws
_NUM_KEPT = 6


@dataclass(frozen=True)
class Resampling:
    """How the samples of a split are resampled.

    Attributes:
        num_draws: number of draws with replacement, each as large as the split.
        seed: of everything random in a statistic; equal seeds give equal numbers.
    """

    num_draws: int = 2000
    seed: int = 0


DEFAULT_RESAMPLING = Resampling()


def columns_of(
    run: Run,
    *,
    metric: str | None = None,
    regions: Sequence[str] = REGIONS,
    split: str = "test",
) -> tuple[MetricColumn, ...]:
    """Return the columns of one metric, one per region.

    Args:
        run: the run.
        metric: by default the metric of the sweep's objective.
        regions: ``all``, ``many``, ``median``, ``few``, ``zero``.
        split: ``test`` or ``val``.
    """
    metric = run.objective[0] if metric is None else metric
    return tuple(MetricColumn(split, metric, region) for region in regions)


@dataclass(frozen=True)
class SeedValues:
    """One number per seed, with its draws.

    Attributes:
        values: (K,) on the whole split.
        draws: (R, K) under R draws of the samples; None without predictions.
    """

    values: Floats
    draws: Floats | None

    @property
    def num(self) -> int:
        """Number of seeds K."""
        return len(self.values)

    def minus(self, other: SeedValues) -> SeedValues:
        """Subtract the values of the same seeds under the same draws."""
        values = self.values - other.values
        if self.draws is None or other.draws is None:
            return SeedValues(values, None)
        return SeedValues(values, self.draws - other.draws)


@dataclass(frozen=True)
class Measured:
    """One metric of every point of a study, by seed, with its draws.

    Attributes:
        study: its key in the sweep file.
        column: split, metric and region.
        points: index -> summary; points with at least one value.
        trials: point -> seed -> trial, complete ones only.
        values: point -> seed -> value.
        draws: (R, T) the metric of each trial under each draw of the samples, float32 to save
            memory; None without predictions.
        draw_columns: trial -> column of ``draws``.
        num_samples: samples of the split that lie in the region.
        synthetic: whether the numbers come from a synthetic benchmark.
    """

    study: str
    column: MetricColumn
    points: dict[int, PointSummary]
    trials: dict[int, dict[int, str]]
    values: dict[int, dict[int, float]]
    draws: NDArray[np.floating] | None
    draw_columns: dict[str, int]
    num_samples: int
    synthetic: bool

    def of_point(self, point: int, seeds: Iterable[int] | None = None) -> SeedValues:
        """Return the values of a point, by default of all of its seeds."""
        return self.mean_of([point], list(self.values[point] if seeds is None else seeds))

    def mean_of(self, points: Sequence[int], seeds: Sequence[int]) -> SeedValues:
        """Return the mean over several points, seed by seed."""
        arrays = [self._array(point, seeds) for point in points]
        values: Floats = arrays[0] if len(arrays) == 1 else np.mean(arrays, axis=0)
        return SeedValues(values, self._mean_draws(points, seeds))

    def weighted_mean_of(self, weights: Mapping[int, float], seeds: Sequence[int]) -> SeedValues:
        """Return the weighted mean over several points, seed by seed.

        Args:
            weights: point -> weight > 0; they are divided by their sum.
            seeds: seeds that all of the points have.
        """
        total = sum(weights.values())
        shares = np.array([weight / total for weight in weights.values()])
        values: Floats = shares @ np.stack([self._array(point, seeds) for point in weights])
        draws = [self._mean_draws([point], seeds) for point in weights]
        known = [part for part in draws if part is not None]
        if len(known) < len(draws):
            return SeedValues(values, None)
        return SeedValues(values, np.tensordot(shares, np.stack(known), axes=1))

    def common_seeds(self, points: Collection[int]) -> list[int]:
        """Return the seeds that all of the points have, ascending; empty for no points."""
        if not points:
            return []
        return sorted(set.intersection(*(set(self.values[point]) for point in points)))

    def trial_ids(self, points: Iterable[int], seeds: Iterable[int]) -> tuple[str, ...]:
        """Return the trials of these points and seeds, point by point."""
        seeds = list(seeds)
        return tuple(self.trials[point][seed] for point in points for seed in seeds)

    def _array(self, point: int, seeds: Iterable[int]) -> Floats:
        return np.array([self.values[point][seed] for seed in seeds], dtype=np.float64)

    def _mean_draws(self, points: Sequence[int], seeds: Sequence[int]) -> Floats | None:
        """(R, K) means over the points; None unless every trial has draws."""
        trials = self.trial_ids(points, seeds)
        if self.draws is None or not all(trial in self.draw_columns for trial in trials):
            return None
        drawn = self.draws[:, [self.draw_columns[trial] for trial in trials]]
        shaped = drawn.reshape(len(self.draws), len(points), -1)  # (R, P, K)
        mean: Floats = shaped.mean(axis=1, dtype=np.float64)
        return mean

    @cached_property
    def prior(self) -> Prior | None:
        """The variance between seeds of one point that the study's points suggest."""
        groups = [list(found.values()) for found in self.values.values() if len(found) > 1]
        return prior_of(
            [float(np.var(group, ddof=1)) for group in groups], [len(g) - 1 for g in groups]
        )

    @cached_property
    def paired_prior(self) -> Prior | None:
        """The same without what a seed does to all points alike.

        It is estimated from the points that have the most frequent set of seeds. A paired
        difference of two points has twice this variance.
        """
        sets = [tuple(found) for found in self.values.values()]
        seeds = max(set(sets), key=lambda found: (sets.count(found), found), default=())
        table = np.array(
            [list(found.values()) for found in self.values.values() if tuple(found) == seeds]
        )
        if len(seeds) < 2 or len(table) < 3:
            return None
        residuals = table - table.mean(axis=1, keepdims=True)
        residuals -= residuals.mean(axis=0)
        df = (len(seeds) - 1) * (1 - 1 / len(table))
        variances = np.square(residuals).sum(axis=1) / df
        # what the difference at hand says itself is not counted again
        max_df = float((len(seeds) - 1) * (len(table) - 2))
        return prior_of(variances.tolist(), [df] * len(table), max_df=max_df)


def basis_of(num_seeds: int, sampled: bool) -> Basis:
    """Return what an interval can take into account.

    Args:
        num_seeds: number of seeds behind it.
        sampled: whether there are draws of the samples.
    """
    if num_seeds > 1:
        return "seeds and samples" if sampled else "seeds"
    return "samples" if sampled else "none"


def complete_trials(run: Run, study: str) -> dict[int, dict[int, str]]:
    """Return point -> seed -> trial, complete trials only."""

    def make() -> dict[int, dict[int, str]]:
        found: dict[int, dict[int, str]] = {}
        table = run.trials().select(["study", "point", "seed", "status", "trial_id"])
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            name, point, seed, status, trial_id = row
            if name == study and status == "complete":
                found.setdefault(point, {})[seed] = trial_id
        return found

    return run.once(("complete", study), make)


def configs_of(run: Run, study: str) -> dict[int, dict[str, Any]]:
    """Return point -> resolved configuration, nested; points that never started may lack one."""
    table = run.trials().select(["study", "point", "config"])
    found: dict[int, dict[str, Any]] = {}
    for name, point, config in zip(*(column.to_pylist() for column in table.columns), strict=True):
        if name == study and point not in found and config is not None:
            found[point] = json.loads(config)
    return found


def rng_for(seed: int, *purpose: str) -> np.random.Generator:
    """Return a generator for one purpose, independent of what else was computed before."""
    return np.random.default_rng([seed, *(zlib.crc32(word.encode()) for word in purpose)])


def measure(
    run: Run,
    study: str,
    column: MetricColumn,
    *,
    points: Collection[int] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Measured:
    """Measure one metric of a study's points by seed, with draws of the samples.

    The last few results are kept with the run.

    Args:
        run: the run.
        study: its key in the sweep file.
        column: split, metric and region.
        points: indices of the points that get draws, which take the time; all by default. Values
            are always of all points, because priors are estimated from all of them.
        resampling: number of draws and seed.
    """
    if points is not None and set(points) >= set(complete_trials(run, study)):
        points = None  # all points, whichever way they were requested
    chosen = None if points is None else tuple(sorted(points))
    key = ("measured", study, column, chosen, resampling)
    known: Measured | None = run.memo.pop(key, None)
    if known is None:
        known = _measure(run, study, column, points, resampling)
        older = [name for name in run.memo if name[0] == "measured"]
        for name in older[: max(0, len(older) - _NUM_KEPT + 1)]:
            del run.memo[name]
    run.memo[key] = known  # the one used last goes last
    return known


def _measure(
    run: Run,
    study: str,
    column: MetricColumn,
    points: Collection[int] | None,
    resampling: Resampling,
) -> Measured:
    summaries = {point.index: point for point in points_of(run, study) if not point.preliminary}
    trials = {
        index: seeds for index, seeds in complete_trials(run, study).items() if index in summaries
    }
    values = _tabulated(summaries, sorted(trials), column)
    whole = _with_all_predictions(run, column.split, trials)
    samples = region_samples(run, column) if whole else None
    draws: NDArray[np.floating] | None = None
    drawn: list[str] = []
    if samples is not None:
        _replace_by_recomputed(values, trials, samples.observed(sorted(whole)))
        chosen = [index for index in trials if points is None or index in points]
        drawn = sorted({trial for index in chosen for trial in trials[index].values()} & whole)
    if samples is not None and drawn:
        draws = _draw(samples, drawn, column, resampling)
    values = {index: dict(sorted(found.items())) for index, found in values.items() if found}
    return Measured(
        study=study,
        column=column,
        points={index: summaries[index] for index in values},
        trials={
            index: {seed: trials[index][seed] for seed in found if seed in trials[index]}
            for index, found in values.items()
        },
        values=values,
        draws=draws,
        draw_columns={trial: number for number, trial in enumerate(drawn)},
        num_samples=0 if samples is None else samples.num,
        synthetic=run.synthetic,
    )


def _tabulated(
    summaries: Mapping[int, PointSummary], indices: Iterable[int], column: MetricColumn
) -> dict[int, dict[int, float]]:
    """Point -> seed -> value as the trials table has it."""
    spreads = {index: summaries[index].metrics.get(column.name) for index in indices}
    return {
        index: {} if spread is None else dict(spread.by_seed) for index, spread in spreads.items()
    }


def _with_all_predictions(
    run: Run, split: str, trials: Mapping[int, Mapping[int, str]]
) -> set[str]:
    """The trials that have a finite prediction for every sample of the split."""
    predicted = run.predicted(split)
    every = [trial for seeds in trials.values() for trial in seeds.values()]
    return {trial for trial in every if predicted.whole(trial)}


def _replace_by_recomputed(
    values: dict[int, dict[int, float]],
    trials: Mapping[int, Mapping[int, str]],
    recomputed: Mapping[str, float],
) -> None:
    for index, seeds in trials.items():
        for seed, trial in seeds.items():
            value = recomputed.get(trial)
            if value is not None and math.isfinite(value):
                values[index][seed] = value


def _draw(
    samples: RegionSamples, trials: Sequence[str], column: MetricColumn, settings: Resampling
) -> NDArray[np.floating]:
    rng = rng_for(settings.seed, "samples", column.split, column.region)
    counts = sample_counts(samples.num, settings.num_draws, rng)
    return samples.replicates(trials, counts).astype(np.float32)
