"""Interactions: pairs of parameters that together do more, or less, than the sum of both.

Everything is about the objective on the validation split, as the search saw it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dirsweep.analysis.importance import MIN_POINTS, importances
from dirsweep.analysis.measurements import Floats
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.parameters import ABSENT, StudyParameters, encoded, parameters_of
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

#: points of a search from which on a forest is fitted
MIN_SEARCHED_POINTS = 10
#: parameters that are paired, the most important ones
MAX_PAIRED = 5
#: values of a parameter in a marginal, points that a marginal averages over, trees of the forest
_GRID, _BACKGROUND, _TREES = 8, 96, 48


@dataclass(frozen=True)
class Interaction:
    """The interaction of two keys.

    Attributes:
        keys: dotted.
        share: share of the objective's variance that the pair explains beyond both main effects,
            in [0, 1].
        basis: grid: from the means of all combinations. forest: from a random forest over the
            searched points.
        num_points: number of points behind it.
    """

    keys: tuple[str, str]
    share: float
    basis: Literal["grid", "forest"]
    num_points: int


def interactions(run: Run, study: str, *, seed: int = 0) -> list[Interaction]:
    """Return the interactions of pairs of keys, the strongest first.

    They follow functional ANOVA of second order (Hutter, Hoos and Leyton-Brown, ICML 2014): on a
    grid exactly, with equal weights; of a search by Monte Carlo over a random forest, for the
    ``MAX_PAIRED`` most important keys.

    Args:
        run: the run.
        study: its key in the sweep file.
        seed: of the random forest.

    Returns:
        One row per pair; empty for keys varied one at a time, which show nothing about pairs.
    """
    parameters = parameters_of(run, study)
    column = objective_of(run, study).name
    means = np.array([point.mean(column) for point in parameters.points], dtype=np.float64)
    keys = [key for key in parameters.distributions() if _in_every_point(parameters, key)]
    if len(means) < MIN_POINTS or len(keys) < 2:
        return []
    if not parameters.searched:
        return _strongest_first(_on_grids(parameters, keys, means))
    if len(means) < MIN_SEARCHED_POINTS:
        return []
    ranked = [item.key for item in importances(run, study, seed=seed) if item.key in keys]
    return _strongest_first(_in_forest(parameters, ranked[:MAX_PAIRED], means, seed))


def _in_every_point(parameters: StudyParameters, key: str) -> bool:
    return all(parameters.value(point, key) is not ABSENT for point in parameters.points)


def _codes(parameters: StudyParameters, key: str) -> list[str]:
    return [json.dumps(parameters.value(point, key)) for point in parameters.points]


def _strongest_first(found: list[Interaction]) -> list[Interaction]:
    return sorted(found, key=lambda item: -item.share)


def _on_grids(parameters: StudyParameters, keys: Sequence[str], means: Floats) -> list[Interaction]:
    """The pairs of which every combination of values was measured."""
    codes = {key: _codes(parameters, key) for key in keys}
    pairs = [_on_grid(pair, codes, means) for pair in combinations(keys, 2)]
    return [pair for pair in pairs if pair is not None]


def _share_of(cells: Floats, variance: float) -> float:
    """Share of the variance that the cells explain beyond the effects of rows and columns."""
    rest = cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0) + cells.mean()
    return min(1.0, float(np.square(rest).mean()) / variance)


def _on_grid(
    keys: tuple[str, str], codes: Mapping[str, list[str]], means: Floats
) -> Interaction | None:
    """None unless every combination of the two keys' values was measured."""
    rows, columns = (list(dict.fromkeys(codes[key])) for key in keys)
    if len(rows) < 2 or len(columns) < 2:
        return None
    sums, counts = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)))
    places = (
        [rows.index(code) for code in codes[keys[0]]],
        [columns.index(code) for code in codes[keys[1]]],
    )
    np.add.at(sums, places, means)
    np.add.at(counts, places, 1)
    variance = float(means.var())
    if not counts.all() or variance == 0:
        return None
    return Interaction(keys, _share_of(sums / counts, variance), "grid", len(means))


def _in_forest(
    parameters: StudyParameters, keys: Sequence[str], means: Floats, seed: int
) -> list[Interaction]:
    from sklearn.ensemble import RandomForestRegressor  # slow to import

    distributions = [parameters.distributions()[key] for key in keys]
    values = np.array(
        [
            [
                encoded(parameters.value(point, key), of)
                for key, of in zip(keys, distributions, strict=True)
            ]
            for point in parameters.points
        ]
    )
    forest = RandomForestRegressor(n_estimators=_TREES, random_state=seed, min_samples_leaf=2)
    forest.fit(values, means)
    rng = np.random.default_rng(seed)
    grids = [_grid(of) for of in distributions]
    background = np.stack([rng.choice(_grid(of, 64), _BACKGROUND) for of in distributions], axis=1)
    variance = float(forest.predict(background).var())
    if variance == 0:
        return []
    found = []
    for pair in combinations(range(len(keys)), 2):
        cells = _marginal(forest, background, pair, grids)
        share = _share_of(cells, variance)
        found.append(Interaction((keys[pair[0]], keys[pair[1]]), share, "forest", len(means)))
    return found


def _marginal(
    forest: RandomForestRegressor,
    background: NDArray[np.float64],
    columns: tuple[int, int],
    grids: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Mean prediction over the background at every combination of two columns' grids."""
    combined = np.meshgrid(*(grids[column] for column in columns), indexing="ij")
    mesh = np.stack([part.ravel() for part in combined], axis=1)  # (G, 2)
    rows = np.repeat(background[None], len(mesh), axis=0)  # (G, R, D)
    rows[:, :, list(columns)] = mesh[:, None, :]
    shape = [len(grids[column]) for column in columns]
    predicted = forest.predict(rows.reshape(-1, background.shape[1]))
    found: NDArray[np.float64] = predicted.reshape(*shape, -1).mean(axis=-1)
    return found


def _grid(distribution: BaseDistribution, num: int = _GRID) -> NDArray[np.float64]:
    if isinstance(distribution, CategoricalDistribution):
        return np.arange(len(distribution.choices), dtype=np.float64)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    ends = [encoded(end, distribution) for end in (distribution.low, distribution.high)]
    return np.linspace(ends[0], ends[1], num)
