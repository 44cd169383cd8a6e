"""Importance of parameters for the objective on validation: PED-ANOVA and fANOVA."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import optuna
from optuna.importance import BaseImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.parameters import ABSENT, parameters_of
from dirsweep.run.reader import Run

#: points from which on importances are computed
MIN_POINTS = 4
#: settings of fANOVA; deeper trees fit the noise of single points and take minutes for hundreds
FOREST = {"n_trees": 32, "max_depth": 6}
#: PED-ANOVA compares the best share of the points, but at least this many, with all
_BEST_SHARE, _MIN_BEST = 0.1, 5


@dataclass(frozen=True)
class Importance:
    """The importance of one searched or varied key.

    Attributes:
        key: dotted.
        ped_anova: share of the key in what decides whether a point is among the best tenth (at
            least five points), among all keys that exist where it does; None where it could not be
            computed.
        fanova: share of the objective's variance that the key explains by itself, according to a
            random forest; None where it could not be computed.
        num_points: complete points that have the key.
    """

    key: str
    ped_anova: float | None
    fanova: float | None
    num_points: int


def rebuilt_study(run: Run, study: str) -> optuna.Study:
    """Build an Optuna study with one complete trial per measured point.

    Args:
        run: the run.
        study: its key in the sweep file.

    Returns:
        The study, told the mean objective over seeds; ``StudyParameters`` gives its ranges.
    """
    objective = objective_of(run, study)
    parameters = parameters_of(run, study)
    direction = "maximize" if objective.higher_is_better else "minimize"
    with _quiet():
        sampler = optuna.samplers.RandomSampler(seed=0)
        rebuilt = optuna.create_study(direction=direction, sampler=sampler)
    distributions = parameters.distributions()
    for point in parameters.points:
        values = {key: parameters.value(point, key) for key in distributions}
        params = {key: value for key, value in values.items() if value is not ABSENT}
        trial = create_trial(
            state=TrialState.COMPLETE,
            value=point.mean(objective.name),
            params=params,
            distributions={key: distributions[key] for key in params},
        )
        with _quiet():
            rebuilt.add_trial(trial)
    return rebuilt


def importances(run: Run, study: str, *, seed: int = 0) -> list[Importance]:
    """Return the importance of every varied key, the most important first.

    A key that exists in some points only (a parameter of a technique that is on) is judged among
    those.

    Args:
        run: the run.
        study: its key in the sweep file.
        seed: of the random forest.

    Returns:
        One row per key; empty for fewer than ``MIN_POINTS`` complete points.
    """
    return run.once(("importances", study, seed), lambda: _importances(run, study, seed))


def _importances(run: Run, study: str, seed: int) -> list[Importance]:
    rebuilt = rebuilt_study(run, study)
    trials = rebuilt.trials
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    if len(trials) < MIN_POINTS:
        return []
    quantile = min(0.5, max(_BEST_SHARE, _MIN_BEST / len(trials)))
    evaluators = (
        optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile),
        optuna.importance.FanovaImportanceEvaluator(seed=seed, **FOREST),
    )
    by_group: dict[tuple[int, ...], dict[str, Shares]] = {}
    found = []
    for key in keys:
        with_key = [trial for trial in trials if key in trial.params]
        group = tuple(trial.number for trial in with_key)
        if group not in by_group:
            common = _common_keys(keys, with_key)
            by_group[group] = _shares(rebuilt.direction, with_key, common, evaluators)
        ped_anova, fanova = by_group[group].get(key, (None, None))
        found.append(Importance(key, ped_anova, fanova, len(with_key)))
    return sorted(found, key=lambda item: (-(item.fanova or 0.0), -(item.ped_anova or 0.0)))


#: of one key: by PED-ANOVA, among all keys, and by fANOVA
Shares = tuple[float | None, float | None]


def _common_keys(keys: Sequence[str], trials: Sequence[FrozenTrial]) -> list[str]:
    return [key for key in keys if all(key in trial.params for trial in trials)]


def _shares(
    direction: optuna.study.StudyDirection,
    trials: Sequence[FrozenTrial],
    keys: Sequence[str],
    evaluators: tuple[BaseImportanceEvaluator, BaseImportanceEvaluator],
) -> dict[str, Shares]:
    """Key -> shares, among trials that all have the keys."""
    if len(trials) < MIN_POINTS:
        return {}
    with _quiet():
        part = optuna.create_study(direction=direction)
        for trial in trials:
            part.add_trial(
                create_trial(
                    state=TrialState.COMPLETE,
                    value=trial.value,
                    params={key: trial.params[key] for key in keys},
                    distributions={key: trial.distributions[key] for key in keys},
                )
            )
        ped_anova, fanova = (_evaluated(part, evaluator) for evaluator in evaluators)
    total = sum(ped_anova.values())
    ped_anova = {key: value / total for key, value in ped_anova.items()} if total > 0 else {}
    return {key: (_finite(ped_anova.get(key)), _finite(fanova.get(key))) for key in keys}


def _evaluated(study: optuna.Study, evaluator: BaseImportanceEvaluator) -> dict[str, float]:
    """Key -> importance; empty where all values are equal, because nothing can be explained."""
    try:
        return dict(
            optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
        )
    except (RuntimeError, ValueError):
        return {}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's warnings about experimental parts and unusual choices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        yield
