"""Which points are worth looking at when several objectives count: those that no other point beats
in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pareto_front(
    values: Sequence[Sequence[float | None]],
    directions: Sequence[str],
    feasible: Sequence[bool] | None = None,
) -> tuple[int, ...]:
    """The positions of the points that no other point dominates, in the given order.

    A point dominates another one when it is at least as good in every objective and better in one.
    Equal points do not dominate each other, so both stay.

    Args:
        values: N points, each with one value per objective; a point with a missing value or NaN is
            never on the front.
        directions: ``minimize`` or ``maximize``, one per objective.
        feasible: N flags, which points keep to the constraints; the others neither stay nor
            dominate. None: all do.
    """
    if not len(values):
        return ()
    sign = np.array([{"minimize": 1.0, "maximize": -1.0}[direction] for direction in directions])
    costs = (
        np.array([[np.nan if v is None else v for v in point] for point in values], dtype=float)
        * sign
    )  # (N, K)
    allowed = ~np.isnan(costs).any(axis=1)
    if feasible is not None:
        allowed &= np.asarray(feasible, dtype=bool)
    candidates = np.flatnonzero(allowed)
    kept = []
    for (
        index
    ) in candidates:  # a row at a time: N x N x K at once would be gigabytes for a long search
        no_worse = (costs[candidates] <= costs[index]).all(axis=1)
        better = (costs[candidates] < costs[index]).any(axis=1)
        if not (no_worse & better).any():
            kept.append(int(index))
    return tuple(kept)
