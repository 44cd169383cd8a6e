"""Which parameters matter: PED-ANOVA, fANOVA, and pairs that do more together than apart.

All of it looks at the objective on the validation split, as the search did.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from dirsweep.analysis.measurements import Floats
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.parameters import ABSENT, distributions_of, measured_points, parameter_of
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import PointSummary
from dirsweep.run.reader import Run

#: of fewer points nothing is said about importance
MIN_POINTS = 4
#: pairs are formed of so many parameters, the most important ones
MAX_PAIRED = 5
_GRID, _BACKGROUND, _TREES = 8, 96, 48
#: of fANOVA: deeper trees learn the noise of single points, and take minutes for hundreds of them
FOREST = {"n_trees": 32, "max_depth": 6}


@dataclass(frozen=True)
class Importance:
    """One searched or varied key.

    Attributes:
        key: dotted.
        ped_anova: share of the key in what decides about belonging to the best tenth (at least five
            points), among all keys that exist where it does; None where it could not be computed.
        fanova: share of the objective's variance that the key explains by itself, as a random
            forest sees it.
        num_points: complete points in which the key exists.
    """

    key: str
    ped_anova: float | None
    fanova: float | None
    num_points: int


def rebuilt_study(
    run: Run, study: str, points: Sequence[PointSummary] | None = None
) -> optuna.Study:
    """An Optuna study with one complete trial per complete point, told the mean objective over
    seeds.

    Ranges are those of the sweep's ``space``; of a planned design, from the smallest to the largest
    value.
    """
    objective = objective_of(run, study)
    points = measured_points(run, study) if points is None else points
    direction = objective.direction
    with _quiet():
        rebuilt = optuna.create_study(
            direction=direction, sampler=optuna.samplers.RandomSampler(seed=0)
        )
    found = distributions_of(run, study, points)
    for point in points:
        params = {
            key: value
            for key in found
            if (value := parameter_of(run, study, point, key)) is not ABSENT
        }
        mean = point.mean(objective.name)
        with _quiet():
            rebuilt.add_trial(
                create_trial(
                    state=TrialState.COMPLETE,
                    value=mean,
                    params=params,
                    distributions={key: found[key] for key in params},
                )
            )
    return rebuilt


def importances(run: Run, study: str, *, seed: int = 0) -> list[Importance]:
    """Every varied key, the most important first; empty when fewer than ``MIN_POINTS`` points are
    complete.

    A key that exists in some points only (a parameter of a technique that is on) is judged among
    those.
    """
    return run.once(("importances", study, seed), lambda: _importances(run, study, seed))


def _importances(run: Run, study: str, seed: int) -> list[Importance]:
    points = measured_points(run, study)
    rebuilt = rebuilt_study(run, study, points)
    trials = rebuilt.trials
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    if len(points) < MIN_POINTS or not keys:
        return []
    quantile = min(0.5, max(0.1, 5 / len(points)))
    ped = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile)
    forest = optuna.importance.FanovaImportanceEvaluator(seed=seed, **FOREST)
    shares: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    found = []
    for key in keys:
        with_key = [trial for trial in trials if key in trial.params]
        group = ",".join(str(trial.number) for trial in with_key)
        if group not in shares:
            common = [name for name in keys if all(name in trial.params for trial in with_key)]
            shares[group] = _shares(rebuilt, with_key, common, ped, forest)
        ped_anova, fanova = shares[group].get(key, (None, None))
        found.append(Importance(key, ped_anova, fanova, len(with_key)))
    return sorted(found, key=lambda item: (-(item.fanova or 0.0), -(item.ped_anova or 0.0)))


def _shares(
    whole: optuna.Study,
    trials: Sequence[optuna.trial.FrozenTrial],
    keys: Sequence[str],
    ped: optuna.importance.PedAnovaImportanceEvaluator,
    forest: optuna.importance.FanovaImportanceEvaluator,
) -> dict[str, tuple[float | None, float | None]]:
    if len(trials) < MIN_POINTS:
        return {}
    with _quiet():
        part = optuna.create_study(direction=whole.direction)
        for trial in trials:
            part.add_trial(
                create_trial(
                    state=TrialState.COMPLETE,
                    value=trial.value,
                    params={key: trial.params[key] for key in keys},
                    distributions={key: trial.distributions[key] for key in keys},
                )
            )
        results = []
        for evaluator in (ped, forest):
            try:
                shares = optuna.importance.get_param_importances(
                    part, evaluator=evaluator, normalize=False
                )
            except (RuntimeError, ValueError):  # every value alike: there is no variance to explain
                shares = {}
            results.append(shares)
    whole_ped = sum(results[0].values())
    shares = {key: value / whole_ped for key, value in results[0].items()} if whole_ped > 0 else {}
    return {key: (_finite(shares.get(key)), _finite(results[1].get(key))) for key in keys}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna warns of experimental parts and odd choice values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        yield


# ---- interactions


@dataclass(frozen=True)
class Interaction:
    """How far two keys together do more, or less, than the sum of what each does.

    Attributes:
        keys: dotted.
        share: of the objective's variance that the pair explains beyond both main effects, in [0,
            1].
        basis: grid: from the means of all combinations. forest: from a random forest over the
            searched points.
        num_points: behind it.
    """

    keys: tuple[str, str]
    share: float
    basis: Literal["grid", "forest"]
    num_points: int


def interactions(run: Run, study: str, *, seed: int = 0) -> list[Interaction]:
    """Pairs of keys, the strongest interaction first. One factor at a time says nothing about
    pairs: no rows.

    Functional ANOVA of second order (Hutter, Hoos and Leyton-Brown, ICML 2014): on a grid exactly,
    with equal weights; of a search by Monte Carlo over a random forest, for the ``MAX_PAIRED`` most
    important keys.
    """
    points = measured_points(run, study)
    objective = objective_of(run, study)
    found = distributions_of(run, study, points)
    keys = [
        key
        for key in found
        if all(parameter_of(run, study, point, key) is not ABSENT for point in points)
    ]
    if len(points) < MIN_POINTS or len(keys) < 2:
        return []
    means = np.array([point.mean(objective.name) for point in points], dtype=np.float64)
    codes = {
        key: [json.dumps(parameter_of(run, study, point, key)) for point in points] for key in keys
    }
    if not searched(run, study):
        pairs = [_on_grid(one, other, codes, means) for one, other in combinations(keys, 2)]
        return _strongest([pair for pair in pairs if pair is not None])
    if len(points) < 10:
        return []
    ranked = [item.key for item in importances(run, study, seed=seed) if item.key in keys][
        :MAX_PAIRED
    ]
    return _strongest(_in_forest(run, study, points, ranked, found, means, seed))


def _strongest(found: list[Interaction]) -> list[Interaction]:
    return sorted(found, key=lambda item: -item.share)


def _on_grid(
    one: str, other: str, codes: Mapping[str, list[str]], means: Floats
) -> Interaction | None:
    """None unless every combination of the two keys' values is there."""
    rows, columns = (list(dict.fromkeys(codes[key])) for key in (one, other))
    if len(rows) < 2 or len(columns) < 2:
        return None
    sums, counts = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)))
    place = (
        [rows.index(code) for code in codes[one]],
        [columns.index(code) for code in codes[other]],
    )
    np.add.at(sums, place, means)
    np.add.at(counts, place, 1)
    variance = float(means.var())
    if not counts.all() or variance == 0:
        return None
    cells = sums / counts
    rest = cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0) + cells.mean()
    return Interaction(
        (one, other), min(1.0, float(np.square(rest).mean()) / variance), "grid", len(means)
    )


def _in_forest(
    run: Run,
    study: str,
    points: Sequence[PointSummary],
    keys: Sequence[str],
    distributions: Mapping[str, BaseDistribution],
    means: Floats,
    seed: int,
) -> list[Interaction]:
    from sklearn.ensemble import RandomForestRegressor  # slow to import

    encoded = np.array(
        [
            [_encoded(parameter_of(run, study, point, key), distributions[key]) for key in keys]
            for point in points
        ]
    )
    forest = RandomForestRegressor(n_estimators=_TREES, random_state=seed, min_samples_leaf=2).fit(
        encoded, means
    )
    rng = np.random.default_rng(seed)
    grids = [_grid(distributions[key]) for key in keys]
    background = np.stack(
        [rng.choice(_grid(distributions[key], 64), _BACKGROUND) for key in keys], axis=1
    )
    variance = float(forest.predict(background).var())
    if variance == 0:
        return []

    def marginal(columns: Sequence[int]) -> NDArray[np.float64]:
        """Mean prediction over the background at every combination of the columns' grids."""
        mesh = np.stack(
            [part.ravel() for part in np.meshgrid(*(grids[c] for c in columns), indexing="ij")],
            axis=1,
        )
        rows = np.repeat(background[None], len(mesh), axis=0)
        rows[:, :, list(columns)] = mesh[:, None, :]
        shape = [len(grids[c]) for c in columns]
        found: NDArray[np.float64] = (
            forest.predict(rows.reshape(-1, len(keys))).reshape(*shape, -1).mean(axis=-1)
        )
        return found

    found = []
    for one, other in combinations(range(len(keys)), 2):
        cells = marginal((one, other))
        rest = cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0) + cells.mean()
        share = min(1.0, float(np.square(rest).mean()) / variance)
        found.append(Interaction((keys[one], keys[other]), share, "forest", len(points)))
    return found


def _encoded(value: Any, distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return float(distribution.to_internal_repr(value))
    return math.log(value) if getattr(distribution, "log", False) else float(value)


def _grid(distribution: BaseDistribution, num: int = _GRID) -> NDArray[np.float64]:
    if isinstance(distribution, CategoricalDistribution):
        return np.arange(len(distribution.choices), dtype=np.float64)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    ends = [_encoded(end, distribution) for end in (distribution.low, distribution.high)]
    return np.linspace(ends[0], ends[1], num)
