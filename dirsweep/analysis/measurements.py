"""A study's metrics by point and seed, with draws of the samples: the input of every statistic."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.objectives import points_of as points_of  # re-exported
from dirsweep.analysis.region_samples import RegionSamples, region_samples
from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.resampling import sample_counts
from dirsweep.analysis.seed_variance import SeedPool, SeedRow, pool_of
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import REGIONS, MetricColumn, is_undefined
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


def study_columns(run: Run, study: str) -> tuple[MetricColumn, ...]:
    """Return the test columns of the metric that a study's points are chosen by, all regions."""
    return columns_of(run, metric=objective_of(run, study).metric)


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
        pool: what all points of the run say about the variance between seeds.
        undefined: point -> complete seeds for which the metric is undefined. Such a point is in no
            other attribute: the mean of its other seeds would look better than it is.
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
    pool: SeedPool | None = None
    undefined: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

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


def rng_for_trials(seed: int, purpose: str, trials: Iterable[str]) -> np.random.Generator:
    """Return a generator that depends on the trials alone, not on where they are reported.

    Args:
        seed: of everything random.
        purpose: of the numbers.
        trials: their ids, in any order; ``0/`` and ``1/`` before an id name one of two runs.
    """
    return rng_for(seed, purpose, *sorted({trial.rpartition("/")[2] for trial in trials}))


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
    table = _values_of(run, study, column)
    samples = _samples_of(run, column)
    chosen = [index for index in table.trials if points is None or index in points]
    every = sorted({trial for index in chosen for trial in table.trials[index].values()})
    drawn = [trial for trial in every if samples is not None and samples.covers(trial)]
    draws: NDArray[np.floating] | None = None
    if samples is not None and drawn:
        draws = _draw(samples, drawn, column, resampling)
    summaries = {point.index: point for point in points_of(run, study)}
    return Measured(
        study=study,
        column=column,
        points={index: summaries[index] for index in table.values},
        trials=table.trials,
        values=table.values,
        draws=draws,
        draw_columns={trial: number for number, trial in enumerate(drawn)},
        num_samples=0 if samples is None else samples.num,
        synthetic=run.synthetic,
        pool=seed_pool(run, column),
        undefined=table.undefined,
    )


@dataclass(frozen=True)
class _Values:
    """One metric of a study's complete points; see ``Measured``."""

    values: dict[int, dict[int, float]]
    trials: dict[int, dict[int, str]]
    undefined: dict[int, tuple[int, ...]]


def _values_of(run: Run, study: str, column: MetricColumn) -> _Values:
    """Return the values, recomputed from the predictions where there are any."""
    return run.once(("values", study, column), lambda: _read_values(run, study, column))


def _read_values(run: Run, study: str, column: MetricColumn) -> _Values:
    summaries = {point.index: point for point in points_of(run, study)}
    trials = {
        index: seeds
        for index, seeds in complete_trials(run, study).items()
        if not summaries[index].preliminary
    }
    recomputed = _recomputed(run, column, trials)
    found = _Values({}, {}, {})
    for index in sorted(trials):
        by_seed = _by_seed(summaries[index], column, trials[index], recomputed)
        undefined = tuple(seed for seed, value in by_seed.items() if is_undefined(value))
        if undefined:
            found.undefined[index] = undefined
        elif by_seed:
            found.values[index] = by_seed
            found.trials[index] = {seed: trials[index][seed] for seed in by_seed}
    return found


def _recomputed(
    run: Run, column: MetricColumn, trials: Mapping[int, Mapping[int, str]]
) -> dict[str, float]:
    """Trial -> metric from its predictions; empty where it is defined for none of them."""
    samples = _samples_of(run, column)
    if samples is None:
        return {}
    every = sorted({trial for seeds in trials.values() for trial in seeds.values()})
    found = samples.observed([trial for trial in every if samples.covers(trial)])
    if column.region != "all" and all(map(is_undefined, found.values())):
        return {}  # labels that are all alike, not constant predictions
    return found


def _by_seed(
    summary: PointSummary,
    column: MetricColumn,
    trials: Mapping[int, str],
    recomputed: Mapping[str, float],
) -> dict[int, float]:
    """Seed -> value of a point, NaN where it is undefined, seeds ascending."""
    tabulated = summary.metrics.get(column.name)
    found = {} if tabulated is None else dict(tabulated.by_seed)
    for seed, trial in trials.items():
        if trial in recomputed and not (seed in found and is_undefined(recomputed[trial])):
            found[seed] = recomputed[trial]
    found |= dict.fromkeys(summary.undefined.get(column.name, ()), math.nan)
    return dict(sorted(found.items()))


def seed_pool(run: Run, column: MetricColumn) -> SeedPool | None:
    """Return what all points of a run say about the variance between seeds of a column.

    It is the same for every study and every set of points that are compared.
    """

    def make() -> SeedPool | None:
        tables = [_values_of(run, study, column) for study in run.studies]
        return pool_of(
            SeedRow(table.trials[index], values)
            for table in tables
            for index, values in table.values.items()
        )

    return run.once(("seed pool", column), make)


def _samples_of(run: Run, column: MetricColumn) -> RegionSamples | None:
    """The column's samples; None without predictions, and where so few mean nothing."""
    return None if says_nothing(run, column) else region_samples(run, column)


def _draw(
    samples: RegionSamples, trials: Sequence[str], column: MetricColumn, settings: Resampling
) -> NDArray[np.floating]:
    rng = rng_for(settings.seed, "samples", column.split, column.region)
    counts = sample_counts(samples.num, settings.num_draws, rng)
    return samples.replicates(trials, counts).astype(np.float32)
