"""Optuna's ask and tell for one study; what was asked is kept in the log and rebuilt from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from dirsweep.config.ranges import Range
from dirsweep.config.space import SearchSpace
from dirsweep.config.study import StudySpec
from dirsweep.policy.bounded_tpe import BoundedTPESampler
from dirsweep.policy.samplers import (
    distribution_of,
    distributions_from_json,
    distributions_to_json,
    make_sampler,
    optuna_value,
    plain,
    seed_of_ask,
    suggest,
)
from dirsweep.policy.verdict import Verdict
from dirsweep.run.events import SamplerState


class SampledStudy:
    """An Optuna study in memory, which can be rebuilt from the log.

    Args:
        name: the sweep's name and the study's key.
        spec: space and sampler.
        directions: ``minimize`` or ``maximize``, one per objective.

    Attributes:
        open: index of a point -> Optuna's trial, until it is told.

    Raises:
        SpecError: Optuna refuses the sampler's arguments.
    """

    def __init__(self, name: str, spec: StudySpec, directions: Sequence[str]) -> None:
        assert spec.space is not None
        self.spec, self.space, self.sampler = spec, spec.space, spec.sampler
        self.study = optuna.create_study(
            study_name=name, directions=list(directions), sampler=self._sampler(0)
        )
        self.open: dict[int, Trial] = {}

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        return make_sampler(self.sampler, seed_of_ask(self.sampler.name, self.sampler.seed, number))

    # ---- asking

    def ask(self, index: int) -> dict[str, Any]:
        """Return the overrides of a new point with this index in its study."""
        sampler = self._sampler(index)
        if isinstance(sampler, BoundedTPESampler):
            sampler.follow(self.study.sampler)
        self.study.sampler = sampler
        trial = self.study.ask()
        self.open[index] = trial
        return self._sample(trial)

    def ask_for(self, index: int, overrides: Mapping[str, Any]) -> bool:
        """Make a given point known to the sampler; return False if the space does not hold it."""
        params = params_of(self.space, overrides)
        if params is None:
            return False
        self.study.enqueue_trial({key: value for key, (value, _) in params.items()})
        trial = self.study.ask()
        self._sample(trial)
        self.open[index] = trial
        return True

    def _sample(self, trial: Trial) -> dict[str, Any]:
        def draw(key: str, found: Range) -> Any:
            return suggest(trial, key, found)

        return self.space.sample(draw)

    def state_of(self, index: int) -> SamplerState:
        """Return what the log keeps of an open point."""
        trial = self.open[index]
        frozen = self.study._storage.get_trial(trial._trial_id)
        of_study = self.study._storage.get_study_system_attrs(self.study._study_id)
        return SamplerState(
            params=dict(trial.params),
            distributions=distributions_to_json(trial.distributions),
            system_attrs={"trial": plain(frozen.system_attrs), "study": plain(of_study)},
        )

    # ---- telling

    def report(self, index: int, epoch: int, value: float) -> None:
        """Report the best value so far after ``epoch`` (from 0); the first report counts."""
        trial = self.open.get(index)
        if trial is not None and math.isfinite(value):
            known = self.study._storage.get_trial(trial._trial_id).intermediate_values
            if epoch + 1 not in known:
                trial.report(value, epoch + 1)

    def tell(self, index: int, verdict: Verdict) -> None:
        """Tell what a point came to; a value that is not finite is told as FAIL."""
        for epoch, value in verdict.by_epoch.items():
            self.report(index, epoch, value)
        trial = self.open.pop(index, None)
        if trial is None:
            return
        verdict = verdict.checked()
        for name, violation in verdict.constraints.items():
            trial.set_constraint(name, violation)
        self.study.tell(trial, verdict.values, state=verdict.state)

    # ---- rebuilding

    def restore(self, index: int, saved: SamplerState, verdict: Verdict | None) -> None:
        """Bring back a point of the log: with its verdict, or still open."""
        distributions = distributions_from_json(saved.distributions)
        attrs = saved.system_attrs
        found = frozen_trial(dict(saved.params), distributions, verdict, attrs.get("trial", {}))
        self.study.add_trial(found)
        for key, item in attrs.get("study", {}).items():
            self.study._storage.set_study_system_attr(self.study._study_id, key, item)
        if verdict is None:
            number = len(self.study.get_trials(deepcopy=False)) - 1
            trial_id = self.study._storage.get_trial_id_from_study_id_trial_number(
                self.study._study_id, number
            )
            self.open[index] = Trial(self.study, trial_id)

    def add(self, overrides: Mapping[str, Any], verdict: Verdict) -> bool:
        """Tell of a point of another run; return False if the space does not hold it."""
        params = params_of(self.space, overrides)
        if params is None:
            return False
        distributions = {key: distribution_of(found) for key, (_, found) in params.items()}
        self.study.add_trial(
            frozen_trial(
                {key: value for key, (value, _) in params.items()}, distributions, verdict, {}
            )
        )
        return True


def params_of(
    space: SearchSpace, overrides: Mapping[str, Any]
) -> dict[str, tuple[Any, Range]] | None:
    """Return a point's parameters.

    Returns:
        Key -> (value in Optuna's terms, range); None if the space does not hold the point.
    """
    params: dict[str, tuple[Any, Range]] = {}

    def look_up(key: str, found: Range) -> Any:
        if key not in overrides or not found.contains(overrides[key]):
            raise LookupError(key)
        params[key] = optuna_value(found, overrides[key]), found
        return overrides[key]

    try:
        return params if set(space.sample(look_up)) == set(overrides) else None
    except LookupError:
        return None


def frozen_trial(
    params: dict[str, Any],
    distributions: dict[str, optuna.distributions.BaseDistribution],
    verdict: Verdict | None,
    system_attrs: dict[str, Any],
    user_attrs: dict[str, Any] | None = None,
) -> FrozenTrial:
    """Return a trial as Optuna keeps it.

    Args:
        params: parameter -> value, in Optuna's terms.
        distributions: one per parameter.
        verdict: what the point came to; without one the trial is RUNNING.
        system_attrs: Optuna's own attributes.
        user_attrs: shown by whatever opens the study.
    """
    if verdict is None:
        return create_trial(
            state=TrialState.RUNNING,
            params=params,
            distributions=distributions,
            system_attrs=system_attrs,
        )
    verdict = verdict.checked()
    by_epoch = {
        epoch + 1: value for epoch, value in verdict.by_epoch.items() if math.isfinite(value)
    }
    values = verdict.values
    if verdict.state is TrialState.PRUNED and by_epoch:
        values = (by_epoch[max(by_epoch)],)  # as telling it would have set it
    return create_trial(
        state=verdict.state,
        values=values,
        params=params,
        distributions=distributions,
        user_attrs=user_attrs,
        system_attrs=system_attrs,
        intermediate_values=by_epoch,
        constraints=dict(verdict.constraints),
    )
