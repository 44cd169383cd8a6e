"""Whether parameters have an effect: permutation tests of main effects, corrected together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from dirsweep.analysis.measurements import Floats

#: most groups of a parameter's values, and points of a group of numbers, about
MAX_GROUPS, POINTS_PER_GROUP = 5, 4


def shuffles(num: int, block: int, count: int, *, seed: int) -> NDArray[np.intp]:
    """Shuffle points among their neighbours.

    Args:
        num: number of points, in the order in which they were proposed.
        block: consecutive points that change places with each other, at least; ``num`` for all.
        count: number of shuffles.
        seed: of the shuffles.

    Returns:
        (count, num) the point that stands at each place.
    """
    rng = np.random.default_rng(seed)
    parts = np.array_split(np.arange(num), max(1, num // block))
    return np.stack([np.concatenate([rng.permutation(p) for p in parts]) for _ in range(count)])


def groups_of(values: Floats) -> NDArray[np.intp]:
    """Return the (N,) group of each value: itself where there are few, else its quantiles."""
    found, place = np.unique(values, return_inverse=True)
    if len(found) <= MAX_GROUPS:
        return place.astype(np.intp)
    num = min(MAX_GROUPS, max(2, len(values) // POINTS_PER_GROUP))
    edges = np.quantile(values, np.arange(1, num) / num)
    return np.digitize(values, edges)


def main_effects(objective: Floats, groups: NDArray[np.intp]) -> Floats:
    """Return the share of the variance of the objective's ranks that lies between groups.

    Args:
        objective: (..., N) of the points.
        groups: (N,) group of each point.

    Returns:
        (...,) between 0 and 1; 0 where all objectives are equal.
    """
    ranks = rankdata(objective, axis=-1)
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    inside = groups[:, None] == np.unique(groups)  # (N, G)
    between = (np.square(centred @ inside) / inside.sum(axis=0)).sum(axis=-1)
    total = np.square(centred).sum(axis=-1)
    found: Floats = np.divide(between, total, out=np.zeros_like(between), where=total > 0)
    return found


def p_values(objective: Floats, keys: Sequence[Floats], orders: NDArray[np.intp]) -> Floats:
    """Test the main effect of each parameter against shuffled points.

    The p-values are corrected for the number of parameters: where none has an effect, the smallest
    is at most p in a share p of studies. The order as measured counts as one of the shuffles,
    because it is as likely as any other where nothing matters.

    Source: Westfall and Young, Resampling-Based Multiple Testing, Wiley 1993 (minimal p-values).

    Args:
        objective: (N,) of the points.
        keys: (N,) values of each of K parameters.
        orders: (P, N) of ``shuffles``.

    Returns:
        (K,) corrected p-values.
    """
    shuffled = np.vstack([objective, objective[orders]])  # (P + 1, N)
    effects = np.stack([main_effects(shuffled, groups_of(key)) for key in keys], axis=1)
    # share of the orders with an effect as strong; equal ones may differ in the last bit
    falling = rankdata(-np.round(effects, 10), method="max", axis=0) / len(shuffled)  # (P + 1, K)
    smallest = falling.min(axis=1)
    found: Floats = (smallest[:, None] <= falling[0]).mean(axis=0)
    return found
