"""TPE whose work does not grow with the number of trials: it learns from the best and from the latest of them.

Optuna's TPE looks at every ended trial for each new one. It takes the best (at most 25) for what is good and all the
others for what is not, and weighs these down linearly with their age; the oldest of thousands hardly count, and cost
as much as the latest.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

#: of the trials that are looked at, one in so many is there for its value, the others for their age
BEST_IN = 5
#: what TPE makes use of besides the trials that run; failed ones are not among it
LEARNT_FROM = (TrialState.COMPLETE, TrialState.PRUNED)


class LatelyTPESampler(TPESampler):
    """Optuna's TPE on a part of the history. Studies of several objectives are looked at as a whole.

    Args:
        history: of so many complete and pruned trials it learns: a fifth of them the best, the others the latest;
            None: of all.
        more: as Optuna's ``TPESampler`` takes it.
    """

    def __init__(self, *, history: int | None, **more: Any) -> None:
        super().__init__(**more)
        self.history = history
        self._worth: dict[int, tuple[float, float]] = {}
        self._view: tuple[int, _Lately] | None = None

    def follow(self, earlier: object) -> None:
        """Take over what a sampler of the same study has noted of its trials."""
        if isinstance(earlier, LatelyTPESampler):
            self._worth = earlier._worth

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As Optuna's."""
        found: dict[str, BaseDistribution] = super().infer_relative_search_space(self._lately(study, trial), trial)
        return found

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As Optuna's."""
        drawn: dict[str, Any] = super().sample_relative(self._lately(study, trial), trial, search_space)
        return drawn

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As Optuna's."""
        return super().sample_independent(self._lately(study, trial), trial, param_name, param_distribution)

    def _lately(self, study: Study, trial: FrozenTrial) -> Any:
        """What is shown while a trial's parameters are drawn."""
        if self.history is None or len(study.directions) > 1:
            return study
        if self._view is None or self._view[0] != trial.number:
            self._view = trial.number, _Lately(study, self)
        return self._view[1]

    def chosen(self, trials: list[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
        """Those that are looked at, in their order; trials that have not ended are all among them."""
        ended = [trial for trial in trials if trial.state in LEARNT_FROM]
        if self.history is None or len(ended) <= self.history:
            return trials
        complete = [trial for trial in ended if trial.state is TrialState.COMPLETE]
        by_worth = sorted(complete, key=lambda trial: self._worth_of(trial, direction))
        keep = {trial.number for trial in by_worth[: self.history // BEST_IN]}
        for trial in reversed(ended):
            if len(keep) == self.history:
                break
            keep.add(trial.number)
        return [trial for trial in trials if trial.number in keep or not trial.state.is_finished()]

    def _worth_of(self, trial: FrozenTrial, direction: StudyDirection) -> tuple[float, float]:
        """(by how much it breaks its constraints, its value), less is better; a complete trial changes no more."""
        known = self._worth.get(trial.number)
        if known is None:
            broken = sum(max(0.0, violation) for violation in trial.constraints.values())
            signed = -trial.value if direction is StudyDirection.MAXIMIZE else trial.value
            known = self._worth[trial.number] = (broken, signed)
        return known


class _Lately:
    """A study as it stands, with a part of its ended trials."""

    def __init__(self, study: Study, sampler: LatelyTPESampler) -> None:
        self._study = study
        self._trials = sampler.chosen(study._get_trials(deepcopy=False), study.direction)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return [trial for trial in self._trials if states is None or trial.state in states]
