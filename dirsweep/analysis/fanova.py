r"""Share of the variance that each parameter explains by itself: functional ANOVA of first order.

A random forest predicts the objective from the parameters. In every tree the marginal of a
parameter is the mean prediction at each of its values over the whole range of all others, and its
share is the variance of the marginal divided by that of the tree.

Source: Hutter, Hoos and Leyton-Brown, ICML 2014. Logarithmic ranges count by the logarithm, as they
are searched; every choice of a parameter counts the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dirsweep.analysis.measurements import Floats

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree

#: deeper trees fit the noise of single points
NUM_TREES, MAX_DEPTH = 32, 6


class _Leaves(NamedTuple):
    """The boxes into which a tree cuts the space.

    Attributes:
        low: (L, K) lower ends.
        high: (L, K) upper ends.
        values: (L,) predictions.
    """

    low: Floats
    high: Floats
    values: Floats


def shares(values: Floats, objective: Floats, bounds: Floats, *, seed: int) -> Floats | None:
    """Return the share of each parameter.

    Args:
        values: (N, K) parameters of the points, as numbers.
        objective: (N,) what they explain.
        bounds: (K, 2) ends of the ranges.
        seed: of the forest.

    Returns:
        (K,) between 0 and 1, means over the trees; None where no tree sees a difference.
    """
    from sklearn import config_context  # slow to import
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.RandomState(seed)
    inputs = np.ascontiguousarray(values, dtype=np.float32)
    outputs = np.ascontiguousarray(objective, dtype=np.float64)
    found = []
    with config_context(skip_parameter_validation=True):  # there are many small fits
        for _ in range(NUM_TREES):
            drawn = rng.randint(len(outputs), size=len(outputs))
            tree = DecisionTreeRegressor(max_depth=MAX_DEPTH, random_state=rng)
            tree.fit(inputs[drawn], outputs[drawn], check_input=False)
            found.append(tree_shares(tree.tree_, bounds))
    known = [share for share in found if share is not None]
    return np.mean(known, axis=0) if known else None


def tree_shares(tree: Tree, bounds: Floats) -> Floats | None:
    """Return the (K,) shares in one tree; None where all leaves predict the same."""
    return _shares_of(_leaves(tree, bounds), bounds)


def _leaves(tree: Tree, bounds: Floats) -> _Leaves:
    feature, left, right = tree.feature, tree.children_left, tree.children_right
    low = np.tile(bounds[:, 0], (tree.node_count, 1))
    high = np.tile(bounds[:, 1], (tree.node_count, 1))
    for node in np.flatnonzero(feature >= 0):  # parents come before their children
        for child in (left[node], right[node]):
            low[child], high[child] = low[node], high[node]
        high[left[node], feature[node]] = low[right[node], feature[node]] = tree.threshold[node]
    leaf = feature < 0
    return _Leaves(low[leaf], high[leaf], tree.value[leaf].reshape(-1))


def _shares_of(leaves: _Leaves, bounds: Floats) -> Floats | None:
    """The shares; None where all leaves predict the same."""
    spans = bounds[:, 1] - bounds[:, 0]
    parts = (leaves.high - leaves.low) / spans  # (L, K)
    volumes = parts.prod(axis=1)
    mean = float(volumes @ leaves.values)
    centred = leaves.values - mean
    variance = float(volumes @ np.square(centred))
    if variance <= 0:
        return None
    found = np.zeros(len(spans))
    for key in range(len(spans)):
        low, high = leaves.low[:, key], leaves.high[:, key]
        edges = np.unique(np.concatenate([low, high]))
        middles = (edges[1:] + edges[:-1]) / 2
        inside = (low <= middles[:, None]) & (middles[:, None] < high)  # (M, L)
        marginal = inside @ (centred * volumes / parts[:, key])
        found[key] = np.diff(edges) / spans[key] @ np.square(marginal)
    return found / variance
