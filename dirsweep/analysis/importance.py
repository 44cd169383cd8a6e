"""Importance of parameters for the objective on validation: PED-ANOVA and fANOVA.

With few points a parameter without any effect gets a large share, too: the shares add up to one,
whether there is something to explain or not. So a permutation test stands beside them, which says
whether the effect of a parameter is beyond chance.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from dirsweep.analysis import chance, fanova
from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.multiple_testing import ALPHA
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.parameters import ABSENT, encoded, encoded_range, parameters_of
from dirsweep.analysis.selection import searched
from dirsweep.domain import plural
from dirsweep.run.reader import Run

#: points from which on importances are computed
MIN_POINTS = 4
#: shuffles behind a p-value
NUM_SHUFFLES = 1999
#: consecutive points of a search that are shuffled among themselves: a sampler moves towards good
#: points, so that the values of every parameter change with time as the objective does
BLOCK = 10
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
        num_points: complete points that have the key; the shares come from them.
        p: corrected p-value of its main effect, from shuffled points; None where it was not tested.
    """

    key: str
    ped_anova: float | None
    fanova: float | None
    num_points: int
    p: float | None = None

    @property
    def matters(self) -> bool:
        """Whether its effect is beyond chance."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True)
class ImportanceBasis:
    """What the importances of a study come from.

    Attributes:
        num_points: complete points that have a value of the objective.
        num_trials: trials behind them.
        num_proposed: points of the study.
        left_out: key -> why it has no importance.
    """

    num_points: int
    num_trials: int
    num_proposed: int
    left_out: dict[str, str]


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
    those. Keys that stand out from chance come first.

    Args:
        run: the run.
        study: its key in the sweep file.
        seed: of the random forest and of the shuffles.

    Returns:
        One row per key; empty for fewer than ``MIN_POINTS`` complete points.
    """
    return run.once(("importances", study, seed), lambda: _importances(run, study, seed))


def importance_basis(run: Run, study: str) -> ImportanceBasis:
    """Return what the importances of a study come from, and what is left out."""
    parameters, proposed = parameters_of(run, study), points_of(run, study)
    counted = {item.key: item for item in importances(run, study)}
    left_out = {}
    for key in parameters.distributions():
        num = sum(parameters.value(point, key) is not ABSENT for point in parameters.points)
        if num < MIN_POINTS:
            left_out[key] = (
                f"in {num} of {plural(len(parameters.points), 'point')}, {MIN_POINTS} are needed"
            )
        elif key in counted and counted[key].fanova is None:
            left_out[key] = "the objective is the same in all its points"
    return ImportanceBasis(
        num_points=len(parameters.points),
        num_trials=sum(point.num_seeds for point in parameters.points),
        num_proposed=len(proposed),
        left_out=left_out,
    )


def _importances(run: Run, study: str, seed: int) -> list[Importance]:
    rebuilt = rebuilt_study(run, study)
    trials = rebuilt.trials
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    if len(trials) < MIN_POINTS:
        return []
    block = BLOCK if searched(run, study) else len(trials)
    by_points: dict[tuple[int, ...], list[str]] = {}
    for key in keys:
        numbers = tuple(trial.number for trial in trials if key in trial.params)
        by_points.setdefault(numbers, []).append(key)
    found = []
    for numbers, own in by_points.items():
        with_key = [trials[number] for number in numbers]
        common = [key for key in keys if all(key in trial.params for trial in with_key)]
        group = _Group(with_key, common, own, rebuilt.direction, block, seed, len(by_points))
        found += group.importances()
    return sorted(
        found,
        key=lambda item: (not item.matters, -(item.fanova or 0.0), -(item.ped_anova or 0.0)),
    )


@dataclass(frozen=True)
class _Group:
    """Keys that exist in the same points.

    Attributes:
        trials: the points.
        keys: every key that all of them have.
        own: those of them that no other point has.
        direction: of the objective.
        block: consecutive points that are shuffled among themselves.
        seed: of forest and shuffles.
        num_groups: of the study; p-values are corrected for it.
    """

    trials: Sequence[FrozenTrial]
    keys: Sequence[str]
    own: Sequence[str]
    direction: optuna.study.StudyDirection
    block: int
    seed: int
    num_groups: int

    def importances(self) -> list[Importance]:
        """Return the importance of each own key."""
        num = len(self.trials)
        if num < MIN_POINTS:
            return [Importance(key, None, None, num) for key in self.own]
        values = np.array([self._encoded(trial) for trial in self.trials])  # (N, K)
        objective = np.array([trial.value for trial in self.trials], dtype=np.float64)
        bounds = [encoded_range(self.trials[0].distributions[key]) for key in self.keys]
        shares = fanova.shares(values, objective, np.array(bounds), seed=self.seed)
        if shares is None:
            return [Importance(key, None, None, num) for key in self.own]
        fanovas = dict(zip(self.keys, shares.tolist(), strict=True))
        ped_anovas = self._ped_anova()
        own_values = [values[:, self.keys.index(key)] for key in self.own]
        orders = chance.shuffles(num, self.block, NUM_SHUFFLES, seed=self.seed)
        ps = np.minimum(1.0, chance.p_values(objective, own_values, orders) * self.num_groups)
        return [
            Importance(key, ped_anovas.get(key), fanovas[key], num, float(p))
            for key, p in zip(self.own, ps, strict=True)
        ]

    def _encoded(self, trial: FrozenTrial) -> list[float]:
        return [encoded(trial.params[key], trial.distributions[key]) for key in self.keys]

    def _ped_anova(self) -> dict[str, float]:
        """Return key -> share by PED-ANOVA; empty where it cannot be computed."""
        quantile = min(0.5, max(_BEST_SHARE, _MIN_BEST / len(self.trials)))
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile)
        with _quiet():
            part = optuna.create_study(direction=self.direction)
            for trial in self.trials:
                part.add_trial(self._with_common_keys(trial))
            try:
                found = evaluator.evaluate(part)
            except (RuntimeError, ValueError):
                return {}
        total = sum(found.values())
        if not (math.isfinite(total) and total > 0):
            return {}
        return {key: value / total for key, value in found.items()}

    def _with_common_keys(self, trial: FrozenTrial) -> FrozenTrial:
        return create_trial(
            state=TrialState.COMPLETE,
            value=trial.value,
            params={key: trial.params[key] for key in self.keys},
            distributions={key: trial.distributions[key] for key in self.keys},
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's warnings about experimental parts and unusual choices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        yield
