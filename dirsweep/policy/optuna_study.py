"""One searched study: Optuna's ask and tell, with what was asked written to the ledger and rebuilt
from there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from dirsweep.config.ranges import Range
from dirsweep.config.space import SearchSpace
from dirsweep.config.study import StudySpec
from dirsweep.policy.bounded_tpe import LatelyTPESampler
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
    """An Optuna study in memory; its truth is the ledger.

    Args:
        name: the run's name and the study's key; shown by whatever opens an export.
        spec: space and sampler.
        directions: ``minimize`` or ``maximize``, one per objective.
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

    # asking

    def ask(self, index: int) -> dict[str, Any]:
        """The overrides of a new point, numbered ``index`` in its study."""
        sampler = self._sampler(index)
        if isinstance(sampler, LatelyTPESampler):
            sampler.follow(self.study.sampler)
        self.study.sampler = sampler
        trial = self.study.ask()
        self.open[index] = trial
        return self._sample(trial)

    def ask_for(self, index: int, overrides: Mapping[str, Any]) -> bool:
        """Make a given point known to the sampler, if the space holds it; False when it does
        not.
        """
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
        """What the ledger keeps of an open point."""
        trial = self.open[index]
        frozen = self.study._storage.get_trial(trial._trial_id)
        of_study = self.study._storage.get_study_system_attrs(self.study._study_id)
        return SamplerState(
            params=dict(trial.params),
            distributions=distributions_to_json(trial.distributions),
            system_attrs={"trial": plain(frozen.system_attrs), "study": plain(of_study)},
        )

    # telling

    def report(self, index: int, epoch: int, value: float) -> None:
        """An intermediate value: the best so far after ``epoch`` (from 0). An epoch's first report
        counts.
        """
        trial = self.open.get(index)
        if trial is not None and math.isfinite(value):
            known = self.study._storage.get_trial(trial._trial_id).intermediate_values
            if epoch + 1 not in known:
                trial.report(value, epoch + 1)

    def tell(self, index: int, verdict: Verdict) -> None:
        """What a point came to. Raises nothing: a value that is not finite is told as FAIL."""
        for epoch, value in verdict.by_epoch.items():
            self.report(index, epoch, value)
        trial = self.open.pop(index, None)
        if trial is None:
            return
        verdict = verdict.checked()
        for name, violation in verdict.constraints.items():
            trial.set_constraint(name, violation)
        self.study.tell(trial, verdict.values, state=verdict.state)

    # rebuilding

    def restore(self, index: int, saved: SamplerState, verdict: Verdict | None) -> None:
        """Bring back a point from the ledger: with what it came to, or still open."""
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
        """Tell of a point that was trained elsewhere; False when the space does not hold it."""
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
    """Key -> (value in Optuna's terms, range) of a point; None when ``space`` does not hold it."""
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
    """A trial as Optuna keeps it; without a verdict it is RUNNING."""
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
