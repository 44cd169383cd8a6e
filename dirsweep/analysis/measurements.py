"""A study's metrics by point and seed, with draws of the samples: what every statistic of the
report starts from.
"""

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

from dirsweep.analysis import resampling
from dirsweep.analysis.objectives import (
    points_of as points_of,
)  # this is where those who measure look for it
from dirsweep.analysis.summaries import PointSummary
from dirsweep.analysis.uncertainty import Prior, prior_of
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run

Floats = NDArray[np.float64]
#: what an interval takes into account: both; the test samples alone (one seed); the seeds alone (no
#: predictions)
Basis = Literal["seeds and samples", "samples", "seeds", "none"]

#: draws of the test samples
NUM_RESAMPLES = 2000
_KEPT = 6

NOTES: Mapping[Basis, str] = {
    "seeds and samples": "",
    "samples": "one seed: how much seeds differ is unknown, the interval is over the split's samples only",
    "seeds": "over seeds only: no predictions, or no label bins to tell regions by",
    "none": "one seed and no predictions: no interval",
}


@dataclass(frozen=True)
class Measured:
    """One metric of every point of a study, by seed, with its draws.

    Attributes:
        points: index -> summary; points with at least one value.
        trials: point -> seed -> trial, complete ones only.
        values: point -> seed -> value.
        draws: (R, T) the metric of each trial under each draw of the samples, float32 to save
            memory; None without predictions.
        columns: trial -> column of ``draws``.
        num_samples: of the split that lie in the region.
    """

    study: str
    split: str
    metric: str
    region: str
    points: dict[int, PointSummary]
    trials: dict[int, dict[int, str]]
    values: dict[int, dict[int, float]]
    draws: NDArray[np.floating] | None
    columns: dict[str, int]
    num_samples: int
    synthetic: bool

    def array(self, point: int, seeds: Iterable[int]) -> Floats:
        """(K,) values of these seeds."""
        return np.array([self.values[point][seed] for seed in seeds], dtype=np.float64)

    def draws_of(self, point: int, seeds: Iterable[int]) -> Floats | None:
        """(R, K) draws of these seeds; None unless every one of them has some."""
        return self.mean_draws([point], list(seeds))

    def mean_draws(self, points: Sequence[int], seeds: Sequence[int]) -> Floats | None:
        """(R, K) draws of these seeds, each the mean over the points; None unless every trial has
        some.
        """
        trials = [self.trials[point][seed] for point in points for seed in seeds]
        if self.draws is None or not all(trial in self.columns for trial in trials):
            return None
        drawn = self.draws[:, [self.columns[trial] for trial in trials]].reshape(
            len(self.draws), len(points), -1
        )
        mean: Floats = drawn.mean(axis=1, dtype=np.float64)
        return mean

    @cached_property
    def prior(self) -> Prior | None:
        """How much seeds of a point differ, as far as the points agree about it."""
        groups = [list(found.values()) for found in self.values.values() if len(found) > 1]
        return prior_of(
            [float(np.var(group, ddof=1)) for group in groups], [len(g) - 1 for g in groups]
        )

    @cached_property
    def paired_prior(self) -> Prior | None:
        """The same without what a seed does to all points alike; a paired difference has twice this
        variance.

        Of the points that have the most frequent set of seeds.
        """
        sets = [tuple(found) for found in self.values.values()]
        seeds = max(set(sets), key=lambda found: (sets.count(found), found), default=())
        table = np.array(
            [list(found.values()) for found in self.values.values() if tuple(found) == seeds]
        )
        if len(seeds) < 2 or len(table) < 3:
            return None
        rest = table - table.mean(axis=1, keepdims=True)
        rest -= rest.mean(axis=0)
        df = (len(seeds) - 1) * (1 - 1 / len(table))
        variances = np.square(rest).sum(axis=1) / df
        # what the difference at hand says itself is not counted again
        most = float((len(seeds) - 1) * (len(table) - 2))
        return prior_of(variances.tolist(), [df] * len(table), most=most)

    def basis(self, num_seeds: int, sampled: bool) -> Basis:
        """What an interval over so many seeds can take into account."""
        if num_seeds > 1:
            return "seeds and samples" if sampled else "seeds"
        return "samples" if sampled else "none"


def complete_trials(run: Run, study: str) -> dict[int, dict[int, str]]:
    """Point -> seed -> trial, complete ones only."""

    def make() -> dict[int, dict[int, str]]:
        found: dict[int, dict[int, str]] = {}
        table = run.trials().select(["study", "point", "seed", "status", "trial_id"])
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if row[0] == study and row[3] == "complete":
                found.setdefault(row[1], {})[row[2]] = row[4]
        return found

    return run.once(("complete", study), make)


def configs_of(run: Run, study: str) -> dict[int, dict[str, Any]]:
    """Point -> resolved configuration, nested; points whose trials never began may lack one."""
    table = run.trials().select(["study", "point", "config"])
    found: dict[int, dict[str, Any]] = {}
    for name, point, config in zip(*(column.to_pylist() for column in table.columns), strict=True):
        if name == study and point not in found and config is not None:
            found[point] = json.loads(config)
    return found


def measure(
    run: Run,
    study: str,
    metric: str | None = None,
    region: str = "all",
    *,
    split: str = "test",
    points: Collection[int] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Measured:
    """One metric of a study's points by seed, with draws of the samples. The last few are kept.

    Args:
        points: only these get draws, which take the time; values are of all, for what they know
            about seeds.
    """
    metric = run.objective[0] if metric is None else metric
    if points is not None and set(points) >= set(complete_trials(run, study)):
        points = None  # all of them, however they were asked for
    key = (
        "measured",
        study,
        metric,
        region,
        split,
        None if points is None else tuple(sorted(points)),
        num_resamples,
        seed,
    )
    known: Measured | None = run.memo.pop(key, None)
    if known is None:
        known = _measure(run, study, metric, region, split, points, num_resamples, seed)
        older = [name for name in run.memo if name[0] == "measured"]
        for name in older[: max(0, len(older) - _KEPT + 1)]:
            del run.memo[name]
    run.memo[key] = known  # the one used last goes last
    return known


def rng_for(seed: int, *words: str) -> np.random.Generator:
    """A generator of its own for each purpose: what one figure draws does not depend on which
    others were asked for.
    """
    return np.random.default_rng([seed, *(zlib.crc32(word.encode()) for word in words)])


def _measure(
    run: Run,
    study: str,
    metric: str,
    region: str,
    split: str,
    points: Collection[int] | None,
    num_resamples: int,
    seed: int,
) -> Measured:
    column = MetricColumn(split, metric, region).name
    summaries = {point.index: point for point in points_of(run, study) if not point.preliminary}
    trials = {
        index: seeds for index, seeds in complete_trials(run, study).items() if index in summaries
    }
    values = {
        index: dict(summaries[index].metrics[column].by_seed)
        if column in summaries[index].metrics
        else {}
        for index in sorted(trials)
    }
    predicted = run.predicted(split)
    inside = predicted.inside(region)
    computable = metric in resampling.METRICS and (
        not metric.startswith("macro_") or predicted.bins is not None
    )
    whole = {
        trial for seeds in trials.values() for trial in seeds.values() if predicted.whole(trial)
    }
    drawn = sorted(
        trial
        for index, seeds in trials.items()
        if points is None or index in points
        for trial in set(seeds.values()) & whole
    )
    draws: NDArray[np.floating] | None = None
    num_samples = 0
    if inside is not None and inside.any() and whole and computable:
        labels = predicted.labels[inside]
        bins = None if predicted.bins is None else predicted.bins[inside]
        num_samples = len(labels)

        def preds(names: Collection[str]) -> Floats:
            rows = np.array([predicted.rows[name] for name in names])
            found: Floats = predicted.preds[np.ix_(rows, np.flatnonzero(inside))]
            return found

        names = sorted(whole)
        exact = dict(
            zip(
                names, resampling.observed(metric, labels, preds(names), bins).tolist(), strict=True
            )
        )
        for index, seeds in trials.items():
            found = {number: exact[trial] for number, trial in seeds.items() if trial in exact}
            values[index] |= {
                number: value for number, value in found.items() if math.isfinite(value)
            }
        if drawn:
            counts = resampling.sample_counts(
                num_samples, num_resamples, rng_for(seed, "samples", split, region)
            )
            drawn = list(dict.fromkeys(drawn))
            draws = resampling.replicates(metric, labels, preds(drawn), counts, bins).astype(
                np.float32
            )
    values = {index: dict(sorted(found.items())) for index, found in values.items() if found}
    trials = {
        index: {
            number: trials[index][number] for number in values[index] if number in trials[index]
        }
        for index in values
    }
    return Measured(
        study=study,
        split=split,
        metric=metric,
        region=region,
        points={index: summaries[index] for index in values},
        trials=trials,
        values=values,
        draws=draws,
        columns={} if draws is None else {trial: number for number, trial in enumerate(drawn)},
        num_samples=num_samples,
        synthetic=run.synthetic,
    )
