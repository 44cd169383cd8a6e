"""Pareto front: the points that no other point dominates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dirsweep.domain.metrics import Direction


def non_dominated(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the rows that no other row dominates.

    A row dominates another one when it is at least as good in every column and better in one.
    Equal rows do not dominate each other, so both are marked.

    Args:
        costs: (P, K), less is better, no NaN.

    Returns:
        (P,) bool.
    """
    kept = np.ones(len(costs), dtype=np.bool_)
    if costs.ndim == 2 and costs.shape[1] == 2:
        return _non_dominated_pairs(costs)
    # one row at a time: (P, P, K) at once would take gigabytes for a long search
    for row, cost in enumerate(costs):
        no_worse = (costs <= cost).all(axis=1)
        better = (costs < cost).any(axis=1)
        kept[row] = not (no_worse & better).any()
    return kept


def _non_dominated_pairs(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``non_dominated`` for (P, 2) by sorting, P log P instead of P^2."""
    order = np.lexsort((costs[:, 1], costs[:, 0]))
    first, second = costs[order, 0], costs[order, 1]
    # in the order of ascending first costs a row is dominated by a smaller or equal second cost
    # before it
    smallest_before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
    kept = second < smallest_before
    kept[:1] = True
    equal = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    for row in np.flatnonzero(equal) + 1:
        kept[row] = kept[row - 1]
    front = np.zeros(len(costs), dtype=np.bool_)
    front[order] = kept
    return front


def pareto_front(
    values: Sequence[Sequence[float | None]],
    directions: Sequence[Direction],
    feasible: Sequence[bool] | None = None,
) -> tuple[int, ...]:
    """Find the points that no other point dominates, see ``non_dominated``.

    Args:
        values: P points, each with one value per objective; a point with an undefined value
            is never on the front.
        directions: one per objective.
        feasible: P flags, which points satisfy the constraints; the others neither stay nor
            dominate. None: all do.

    Returns:
        The positions of the points on the front, ascending.
    """
    if not len(values):
        return ()
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    rows = [[np.nan if value is None else value for value in point] for point in values]
    costs = np.array(rows, dtype=np.float64) * signs  # (P, K)
    allowed = np.isfinite(costs).all(axis=1)
    if feasible is not None:
        allowed &= np.asarray(feasible, dtype=np.bool_)
    candidates = np.flatnonzero(allowed)
    return tuple(int(index) for index in candidates[non_dominated(costs[candidates])])
