"""TPE whose cost does not grow with the number of trials: it learns from the best and the latest.

Optuna's TPE looks at every ended trial for each new one. It models the best (at most 25) as good
and all others as bad, with weights that fall linearly with age; the oldest of thousands hardly
count, and cost as much as the latest.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Container
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

#: of the trials that TPE learns from, one in BEST_IN is chosen by its value, the others by recency
BEST_IN = 5
#: states of trials that TPE learns from, besides running ones
LEARNT_FROM = (TrialState.COMPLETE, TrialState.PRUNED)


class BoundedTPESampler(TPESampler):
    """Optuna's TPE on a part of the history; with several objectives it learns from all of it.

    Args:
        history: number of complete and pruned trials to learn from: a fifth of them the best, the
            others the latest; None: all.
        more: arguments of Optuna's ``TPESampler``.
    """

    def __init__(self, *, history: int | None, **more: Any) -> None:
        super().__init__(**more)
        self.history = history
        self._ended = _EndedTrials()
        self._view: tuple[int, _BoundedStudy] | None = None

    def follow(self, earlier: object) -> None:
        """Take over what an earlier sampler of the same study has noted of its trials."""
        if isinstance(earlier, BoundedTPESampler):
            self._ended = earlier._ended

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """See Optuna."""
        found: dict[str, BaseDistribution] = super().infer_relative_search_space(
            self._bounded(study, trial), trial
        )
        return found

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See Optuna."""
        drawn: dict[str, Any] = super().sample_relative(
            self._bounded(study, trial), trial, search_space
        )
        return drawn

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """See Optuna."""
        return super().sample_independent(
            self._bounded(study, trial), trial, param_name, param_distribution
        )

    def _bounded(self, study: Study, trial: FrozenTrial) -> Any:
        """Return the study that Optuna's TPE sees while it draws a trial's parameters."""
        if self.history is None or len(study.directions) > 1:
            return study
        if self._view is None or self._view[0] != trial.number:
            self._view = trial.number, _BoundedStudy(study, self)
        return self._view[1]

    def chosen(self, trials: list[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
        """Return the trials to look at, in order; all that have not ended are among them.

        Args:
            trials: all of a study's, each at its number.
            direction: of the study.
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


class _EndedTrials:
    """A study's trials by their results; each is read once.

    Attributes:
        numbers: of the trials to learn from, ascending.
        by_worth: of the complete ones: ((sum of broken constraints, cost), number), ascending.
        open: numbers of those that have not ended.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.by_worth: list[tuple[tuple[float, float], int]] = []
        self.open: set[int] = set()
        self.num_seen = 0

    def update(self, trials: list[FrozenTrial], direction: StudyDirection) -> None:
        """Note what is new in ``trials``: all of a study's, each at its number."""
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


class _BoundedStudy:
    """A study with a part of its ended trials."""

    def __init__(self, study: Study, sampler: BoundedTPESampler) -> None:
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
