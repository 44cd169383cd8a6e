"""Optuna's ask and tell for one study; what was asked is kept in the log and rebuilt from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from dirsweep.config.ranges import Range
from dirsweep.config.sampler import SamplerName, SamplerSpec
from dirsweep.config.space import SearchSpace
from dirsweep.config.study import StudySpec
from dirsweep.domain import is_undefined
from dirsweep.policy.bounded_tpe import BoundedTPESampler
from dirsweep.policy.samplers import (
    distribution_of,
    distributions_from_json,
    distributions_to_json,
    make_sampler,
    optuna_value,
    plain,
    suggest,
)
from dirsweep.policy.verdict import Verdict
from dirsweep.policy.worst_values import WorstValues
from dirsweep.run.events import SamplerState

Key = TypeVar("Key")

#: samplers that ignore pruned trials, without an argument to change that
IGNORE_PRUNED: tuple[SamplerName, ...] = ("gp", "nsga2", "nsga3")


class SampledStudy:
    """An Optuna study in memory, which can be rebuilt from the log.

    Args:
        name: the sweep's name and the study's key.
        spec: space and sampler.
        directions: ``minimize`` or ``maximize``, one per objective.
        constrained: whether points have constraints.

    Attributes:
        open: index of a point -> Optuna's trial, until it is told.

    Raises:
        SpecError: Optuna refuses the sampler's arguments.
    """

    def __init__(
        self, name: str, spec: StudySpec, directions: Sequence[str], *, constrained: bool = False
    ) -> None:
        assert spec.space is not None
        self.spec, self.space, self.sampler = spec, spec.space, spec.sampler
        self._constrained = constrained
        self.study = optuna.create_study(
            study_name=name, directions=list(directions), sampler=make_sampler(self.sampler)
        )
        self._asked_before = self.study.sampler
        self.open: dict[int, Trial] = {}
        self.worst = WorstValues(self.study.directions)
        self._num_trials = 0
        #: Optuna's numbers of withdrawn trials
        self.withdrawn: set[int] = set()

    # ---- asking

    def ask(self, index: int, attempt: int = 0, *, at_random: bool = False) -> dict[str, Any]:
        """Return the overrides of a new point with this index in its study.

        Args:
            index: of the point.
            attempt: how many proposals for it have been withdrawn.
            at_random: whether the point is drawn at random, whatever the sampler.
        """
        spec = SamplerSpec(name="random", seed=self.sampler.seed) if at_random else self.sampler
        sampler = make_sampler(spec, index, attempt)
        if isinstance(sampler, BoundedTPESampler):
            sampler.follow(self._asked_before)
        if not at_random:
            self._asked_before = sampler
        self.study.sampler = sampler
        self.open[index] = trial = self._ask()
        return self._sample(trial)

    def _ask(self) -> Trial:
        self._num_trials += 1
        return self.study.ask()

    def withdraw(self, index: int) -> None:
        """Withdraw an open point that is not to be trained; samplers ignore it from then.

        It is not in the log, but the numbers of later trials count it (see ``state_of``).
        """
        trial = self.open.pop(index)
        self.study.tell(trial, state=TrialState.FAIL)
        self.withdrawn.add(trial.number)

    def ask_for(self, index: int, overrides: Mapping[str, Any]) -> bool:
        """Make a given point known to the sampler; return False if the space does not hold it."""
        params = params_of(self.space, overrides)
        if params is None:
            return False
        self.study.enqueue_trial({key: value for key, (value, _) in params.items()})
        trial = self._ask()
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
        attrs = {"trial": plain(frozen.system_attrs), "study": plain(of_study)}
        if self.withdrawn:
            attrs["number"] = trial.number
        return SamplerState(
            params=dict(trial.params),
            distributions=distributions_to_json(trial.distributions),
            system_attrs=attrs,
        )

    # ---- telling

    def tell(self, index: int, verdict: Verdict) -> None:
        """Tell the sampler the result of a point, see ``_as_told``."""
        trial = self.open.pop(index, None)
        if trial is None:
            return
        told = self._as_told(verdict)
        for epoch, value in _finite(told.by_epoch).items():
            trial.report(value, epoch + 1)
        for name, violation in _finite(told.constraints).items():
            trial.set_constraint(name, violation)
        self.study.tell(trial, told.values, state=told.state)
        self._note(trial.number, verdict, told)

    def _as_told(self, verdict: Verdict) -> Verdict:
        """Return a verdict in a form that the sampler learns from.

        Failures of the machine are told as FAIL, which samplers ignore. A point that failed by its
        own fault is the worst there is: PRUNED without any value for a sampler that learns from
        pruned trials, else COMPLETE with the worst values (see ``WorstValues``). To a sampler that
        ignores pruned trials, these are COMPLETE with their last value; not where there are
        constraints, which nobody measured for them.
        """
        verdict = verdict.checked()
        if verdict.own_fault:
            if self._learns_from_pruned:
                return Verdict(TrialState.PRUNED, None, {}, verdict.constraints)
            worst = tuple(self.worst.values)
            return Verdict(TrialState.COMPLETE, worst, {}, verdict.constraints)
        ignored = self.sampler.name in IGNORE_PRUNED and not self._constrained
        is_pruned = verdict.state is TrialState.PRUNED
        if is_pruned and ignored and (values := _finite(verdict.by_epoch)):
            return replace(verdict, state=TrialState.COMPLETE, values=(values[max(values)],))
        return verdict

    @property
    def _learns_from_pruned(self) -> bool:
        return self.sampler.name == "tpe" and len(self.study.directions) == 1

    def _note(self, number: int, verdict: Verdict, told: Verdict) -> None:
        """Note the result of a trial, and update the worst values."""
        if told.state is not TrialState.FAIL:
            failed = verdict.checked().own_fault
            self.worst.note(number, told.values, told.constraints, failed=failed)
        if self.worst.stale:
            self.worst.apply(self.study.get_trials(deepcopy=False))

    # ---- rebuilding

    def restore(
        self, index: int, known: KnownParameters, verdict: Verdict | None, attrs: Mapping[str, Any]
    ) -> None:
        """Bring back a point of the log: with its verdict, or still open.

        Args:
            index: of the point.
            known: its parameters in the space as it is now.
            verdict: what it came to; None where it is still open.
            attrs: Optuna's own attributes; empty where the space has changed since.
        """
        while self._num_trials < attrs.get("number", 0):
            self.withdrawn.add(self._num_trials)
            self._add({}, {}, Verdict(TrialState.FAIL), {})
        self._add(dict(known.params), dict(known.distributions), verdict, attrs.get("trial", {}))
        for key, item in attrs.get("study", {}).items():
            self.study._storage.set_study_system_attr(self.study._study_id, key, item)
        if verdict is None:
            trial_id = self.study._storage.get_trial_id_from_study_id_trial_number(
                self.study._study_id, self._num_trials - 1
            )
            self.open[index] = Trial(self.study, trial_id)

    def add(self, overrides: Mapping[str, Any], verdict: Verdict) -> bool:
        """Tell of a point of another run; return False if the space does not hold it."""
        params = params_of(self.space, overrides)
        if params is None:
            return False
        distributions = {key: distribution_of(found) for key, (_, found) in params.items()}
        self._add({key: value for key, (value, _) in params.items()}, distributions, verdict, {})
        return True

    def _add(
        self,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        verdict: Verdict | None,
        system_attrs: dict[str, Any],
    ) -> None:
        """Add a trial that was proposed earlier."""
        told = None if verdict is None else self._as_told(verdict)
        self.study.add_trial(frozen_trial(params, distributions, told, system_attrs))
        self._num_trials += 1
        if verdict is not None and told is not None:
            self._note(self._num_trials - 1, verdict, told)


@dataclass(frozen=True)
class KnownParameters:
    """A point of the log in the terms of a space.

    Attributes:
        params: parameter -> value, in Optuna's terms.
        distributions: one per parameter.
        unchanged: whether the space proposed the point as it is now.
    """

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    unchanged: bool


def known_parameters(
    space: SearchSpace,
    saved: SamplerState,
    overrides: Mapping[str, Any],
    config: Mapping[str, Any] | None,
) -> KnownParameters | None:
    """Find a point of the log in a space, which may have changed since it was proposed.

    Args:
        space: as it is now.
        saved: what the log keeps of the point.
        overrides: of the point.
        config: its resolved configuration.

    Returns:
        Its parameters; None where the space does not hold it any more.
    """
    distributions = distributions_from_json(saved.distributions)
    params = params_of(space, overrides)
    if params is not None:
        here = {key: distribution_of(found) for key, (_, found) in params.items()}
        if here == distributions:
            return KnownParameters(saved.params, distributions, unchanged=True)
    located = None if config is None else space.locate(config)
    if located is not None:
        params = params_of(space, located)
    if params is None:
        return None
    return KnownParameters(
        {key: value for key, (value, _) in params.items()},
        {key: distribution_of(found) for key, (_, found) in params.items()},
        unchanged=False,
    )


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
    distributions: dict[str, BaseDistribution],
    verdict: Verdict | None,
    system_attrs: dict[str, Any],
    user_attrs: dict[str, Any] | None = None,
) -> FrozenTrial:
    """Return a trial as Optuna keeps it.

    Args:
        params: parameter -> value, in Optuna's terms.
        distributions: one per parameter.
        verdict: on the point; without one the trial is RUNNING.
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
    by_epoch = {epoch + 1: value for epoch, value in _finite(verdict.by_epoch).items()}
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
        constraints=_finite(verdict.constraints),
    )


def _finite(values: Mapping[Key, float]) -> dict[Key, float]:
    """Return the defined ones among values."""
    return {key: value for key, value in values.items() if not is_undefined(value)}
