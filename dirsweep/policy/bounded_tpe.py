"""TPE whose work does not grow with the number of trials: it learns from the best and from the
latest of them.

Optuna's TPE looks at every ended trial for each new one. It takes the best (at most 25) for what is
good and all the others for what is not, and weighs these down linearly with their age; the oldest
of thousands hardly count, and cost as much as the latest.
"""

from __future__ import annotations

from bisect import insort
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
    """Optuna's TPE on a part of the history. Studies of several objectives are looked at as a
    whole.

    Args:
        history: of so many complete and pruned trials it learns: a fifth of them the best, the
            others the latest;
            None: of all.
        more: as Optuna's ``TPESampler`` takes it.
    """

    def __init__(self, *, history: int | None, **more: Any) -> None:
        super().__init__(**more)
        self.history = history
        self._ended = _Ended()
        self._view: tuple[int, _Lately] | None = None

    def follow(self, earlier: object) -> None:
        """Take over what a sampler of the same study has noted of its trials."""
        if isinstance(earlier, LatelyTPESampler):
            self._ended = earlier._ended

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As Optuna's."""
        found: dict[str, BaseDistribution] = super().infer_relative_search_space(
            self._lately(study, trial), trial
        )
        return found

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As Optuna's."""
        drawn: dict[str, Any] = super().sample_relative(
            self._lately(study, trial), trial, search_space
        )
        return drawn

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As Optuna's."""
        return super().sample_independent(
            self._lately(study, trial), trial, param_name, param_distribution
        )

    def _lately(self, study: Study, trial: FrozenTrial) -> Any:
        """What is shown while a trial's parameters are drawn."""
        if self.history is None or len(study.directions) > 1:
            return study
        if self._view is None or self._view[0] != trial.number:
            self._view = trial.number, _Lately(study, self)
        return self._view[1]

    def chosen(self, trials: list[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
        """Those of a study's trials that are looked at, in their order; what has not ended is among
        them.
        """
        ended = self._ended
        ended.update(trials, direction)
        if self.history is None or len(ended.numbers) <= self.history:
            return trials
        keep = {number for _, number in ended.by_worth[: self.history // BEST_IN]}
        for number in reversed(ended.numbers):
            if len(keep) == self.history:
                break
            keep.add(number)
        return [trials[number] for number in sorted(keep | ended.open)]


class _Ended:
    """A study's trials by what came of them; looked at once each.

    Attributes:
        numbers: of those that are learnt from, ascending.
        by_worth: of the complete ones: ((by how much it breaks its constraints, value where less is
            better), number).
        open: numbers of those that have not ended.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.by_worth: list[tuple[tuple[float, float], int]] = []
        self.open: set[int] = set()
        self.num_seen = 0

    def update(self, trials: list[FrozenTrial], direction: StudyDirection) -> None:
        """Take in what is new in ``trials``, all of a study's, each at its number."""
        self.open.update(range(self.num_seen, len(trials)))
        self.num_seen = len(trials)
        for number in [number for number in self.open if trials[number].state.is_finished()]:
            self.open.remove(number)
            trial = trials[number]
            if trial.state in LEARNT_FROM:
                insort(self.numbers, number)
            if trial.state is TrialState.COMPLETE:
                broken = sum(max(0.0, violation) for violation in trial.constraints.values())
                value = -trial.value if direction is StudyDirection.MAXIMIZE else trial.value
                insort(self.by_worth, ((broken, value), number))


class _Lately:
    """A study as it stands, with a part of its ended trials."""

    def __init__(self, study: Study, sampler: LatelyTPESampler) -> None:
        self._study = study
        self._trials = sampler.chosen(study._get_trials(deepcopy=False), study.direction)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        return [trial for trial in self._trials if states is None or trial.state in states]
