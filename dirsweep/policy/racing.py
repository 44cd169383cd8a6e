"""Racing: more seeds only for points that are not yet distinguished from the best one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dirsweep.policy.sweep_view import SweepView


@dataclass(frozen=True)
class Standing:
    """How far a race has come.

    Attributes:
        num_seeds: seeds of each point compared.
        best: the point with the best mean; None when no point has all its values.
        open: the points not yet distinguished from it, in their order.
        wanted: points that need their next seed before the race can continue; none: it is over,
            or waits for trials.
    """

    num_seeds: int
    best: int | None
    open: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()


def standing_of(view: SweepView, study: str) -> Standing | None:
    """Return where a study's race stands.

    Args:
        view: the sweep.
        study: its key in the sweep file.

    Returns:
        None where the study does not race, or waits for points or trials.
    """
    racing = view.spec.studies[study].racing
    if racing is None or view.num_open_points(study):
        return None
    objective = view.judges[study].goals.objectives[0]
    values = {
        index: [trial.value(objective.column) for trial in view.racing_trials_of(study, index)]
        for index in _racers(view, study)
    }
    if any(value is None for row in values.values() for value in row):
        return None
    return race(
        values,
        num_seeds=len(view.spec.seeds_of(study)),
        max_seeds=racing.max_seeds,
        confidence=racing.confidence,
        minimize=not objective.higher_is_better,
    )


def next_seed(view: SweepView, study: str, index: int) -> int:
    """Return the seed of the next trial that a race adds to a point."""
    racing = view.spec.studies[study].racing
    assert racing is not None
    seeds = seeds_of_race(view.spec.seeds_of(study), racing.max_seeds)
    return seeds[len(view.racing_trials_of(study, index))]


def _racers(view: SweepView, study: str) -> list[int]:
    """Return the points that satisfy the study's constraints; all of them where none does."""
    indices = list(view.points[study])
    if not view.judges[study].goals.constraints:
        return indices
    verdicts = {index: view.verdict(study, index) for index in indices}
    feasible = [index for index, found in verdicts.items() if found and found.feasible]
    return feasible or indices


def seeds_of_race(seeds: Sequence[int], max_seeds: int) -> tuple[int, ...]:
    """Return the study's seeds, then the integers after their largest, ``max_seeds`` in all."""
    return (*seeds, *range(max(seeds) + 1, max(seeds) + 1 + max_seeds - len(seeds)))


def race(
    values: Mapping[int, Sequence[float | None]],
    *,
    num_seeds: int,
    max_seeds: int,
    confidence: float,
    minimize: bool = True,
) -> Standing:
    """Replay a race from its start; the same values give the same standing.

    In each round all points in the race have equally many seeds. The one with the best mean is
    compared with each of the others by a one-sided paired t-test over the seeds. A point leaves
    for good if it is worse with at least ``confidence``, equals the best on every seed, or lacks a
    value. The others get one seed more.

    Args:
        values: point -> objective by seed, in the order of the seeds; NaN where the trial came to
            nothing, None (or nothing, at the end) where it has not ended.
        num_seeds: of the first round, >= 2.
        max_seeds: of the last round.
        confidence: in (0.5, 1); of each single comparison, not corrected for their number.
        minimize: whether less is better.
    """
    sign = 1.0 if minimize else -1.0
    racers = sorted(values)
    for count in range(num_seeds, max_seeds + 1):
        seen = {point: _first(values[point], count) for point in racers}
        if any(None in row for row in seen.values()):
            best = _best(seen, count - 1, sign)
            wanted = _short_of(values, racers, count)
            return Standing(count - 1, best, _others(racers, best), wanted)
        best = _best(seen, count, sign)
        if best is None:
            return Standing(count, None)
        racers = _remaining(seen, best, sign, confidence)
        if len(racers) == 1:
            break
    return Standing(count, best, _others(racers, best))


def _remaining(
    seen: Mapping[int, Sequence[float | None]], best: int, sign: float, confidence: float
) -> list[int]:
    """Return the best point and those that a round does not distinguish from it."""
    return [
        point
        for point, row in seen.items()
        if point == best
        or (_all_finite(row) and not _distinguished(row, seen[best], sign, confidence))
    ]


def _short_of(
    values: Mapping[int, Sequence[float | None]], racers: Sequence[int], count: int
) -> tuple[int, ...]:
    """Return the points that have not got their ``count``-th trial yet."""
    return tuple(point for point in racers if len(values[point]) < count)


def _first(row: Sequence[float | None], count: int) -> list[float | None]:
    """Return the first ``count`` values, with None for those that are missing."""
    return [*row[:count], *[None] * (count - len(row))]


def _all_finite(row: Sequence[float | None]) -> bool:
    return all(value is not None and math.isfinite(value) for value in row)


def _others(racers: Sequence[int], best: int | None) -> tuple[int, ...]:
    return tuple(point for point in racers if point != best)


def _best(seen: Mapping[int, Sequence[float | None]], count: int, sign: float) -> int | None:
    """Return the point with the best mean over its first ``count`` seeds; of equals the first."""
    means = {
        p: sign * float(np.mean([math.nan if v is None else v for v in row[:count]]))
        for p, row in seen.items()
    }
    finite = {point: mean for point, mean in means.items() if math.isfinite(mean)}
    return min(finite, key=lambda point: (finite[point], point)) if finite else None


def _distinguished(
    row: Sequence[float | None], best: Sequence[float | None], sign: float, confidence: float
) -> bool:
    """Return whether a point is worse than the best with that confidence, or equals it."""
    from scipy.special import stdtr  # half a second that few sweeps need

    differences = sign * (np.asarray(row, dtype=float) - np.asarray(best, dtype=float))
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0.0:
        return mean >= 0.0
    t = mean / (deviation / math.sqrt(len(differences)))
    return bool(stdtr(len(differences) - 1, t) >= confidence)
