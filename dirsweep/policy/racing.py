"""More seeds for those points only whose comparison with the best one is still open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Standing:
    """How far a race has come.

    Attributes:
        num_seeds: with so many seeds, each, the points in the race were compared.
        best: the point with the best mean; None when no point has all its values.
        open: those that are not yet told from it, in their order.
        wanted: points that need their next seed before the race can go on; empty: it is over, or
            waits for trials.
    """

    num_seeds: int
    best: int | None
    open: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()


def seeds_of_race(seeds: Sequence[int], max_seeds: int) -> tuple[int, ...]:
    """The study's own seeds, then the whole numbers after their largest, ``max_seeds`` in all."""
    return (*seeds, *range(max(seeds) + 1, max(seeds) + 1 + max_seeds - len(seeds)))


def race(
    values: Mapping[int, Sequence[float | None]],
    *,
    num_seeds: int,
    max_seeds: int,
    confidence: float,
    minimize: bool = True,
) -> Standing:
    """Replay a race from its start with the values that are there; the same values give the same
    standing.

    In each round all points in the race have equally many seeds. The one with the best mean is
    compared with each of the others by a one-sided paired t-test over the seeds; whoever is worse
    with at least ``confidence`` leaves for good, so does who equals it on every seed, and who lacks
    a value. The rest get one seed more.

    Args:
        values: point -> objective by seed, in the order of the seeds; NaN where the trial came to
            nothing, None (or nothing, at the end) where it has not ended.
        num_seeds: of the first round, >= 2.
        max_seeds: of the last round.
        confidence: in (0.5, 1); of each single comparison, not corrected for their number.
        minimize: whether less is better.
    """
    sign = 1.0 if minimize else -1.0
    alive = sorted(values)
    for count in range(num_seeds, max_seeds + 1):
        seen = {
            point: [_value(values[point], position) for position in range(count)] for point in alive
        }
        if any(value is None for row in seen.values() for value in row):
            wanted = tuple(point for point in alive if len(values[point]) < count)
            best = _best(seen, count - 1, sign)
            return Standing(
                count - 1, best, tuple(point for point in alive if point != best), wanted
            )
        alive = [
            point for point in alive if all(v is not None and math.isfinite(v) for v in seen[point])
        ]
        best = _best(seen, count, sign)
        if best is None:
            return Standing(count, None)
        rivals = [point for point in alive if point != best]
        alive = sorted(
            [best, *(p for p in rivals if not _told_apart(seen[p], seen[best], sign, confidence))]
        )
        if len(alive) == 1:
            break
    return Standing(count, best, tuple(point for point in alive if point != best))


def _value(row: Sequence[float | None], position: int) -> float | None:
    return row[position] if position < len(row) else None


def _best(seen: Mapping[int, Sequence[float | None]], count: int, sign: float) -> int | None:
    """The point with the best mean over its first ``count`` seeds, the first one where several have
    it.
    """
    means = {
        p: sign * float(np.mean([math.nan if v is None else v for v in row[:count]]))
        for p, row in seen.items()
    }
    finite = {point: mean for point, mean in means.items() if math.isfinite(mean)}
    return min(finite, key=lambda point: (finite[point], point)) if finite else None


def _told_apart(
    row: Sequence[float | None], best: Sequence[float | None], sign: float, confidence: float
) -> bool:
    """Whether a point is worse than the best with that confidence, or nothing but its equal."""
    from scipy.special import stdtr  # half a second that few sweeps need

    differences = sign * (np.asarray(row, dtype=float) - np.asarray(best, dtype=float))
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0.0:
        return mean >= 0.0
    t = mean / (deviation / math.sqrt(len(differences)))
    return bool(stdtr(len(differences) - 1, t) >= confidence)
