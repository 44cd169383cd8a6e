"""The verdict on a point, in Optuna's terms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from optuna.trial import TrialState

from dirsweep.config.sweep import SweepSpec
from dirsweep.domain import is_undefined
from dirsweep.policy.tracked_trial import TrackedTrial, mean_of
from dirsweep.run.results import goals_of


@dataclass(frozen=True)
class Verdict:
    """The result of a point, in Optuna's terms.

    Attributes:
        state: COMPLETE, PRUNED or FAIL.
        values: one per objective, when COMPLETE.
        by_epoch: epoch (from 0) -> best value so far; empty where there are several objectives.
        constraints: name -> violation; <= 0 where the constraint is satisfied, infinite where its
            metric is undefined.
        own_fault: whether the point itself is to blame for a FAIL: a divergence, an undefined
            objective. A failure of the machine says nothing about the point.
    """

    state: TrialState
    values: tuple[float, ...] | None = None
    by_epoch: Mapping[int, float] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    own_fault: bool = False

    def checked(self) -> Verdict:
        """Return the same, or a failure where a value is undefined.

        Optuna would leave such a trial RUNNING for ever.
        """
        if self.state is not TrialState.COMPLETE:
            return self
        if self.values is None or not all(map(math.isfinite, self.values)):
            return Verdict(TrialState.FAIL, None, self.by_epoch, self.constraints, own_fault=True)
        return self

    @property
    def feasible(self) -> bool:
        """Whether no constraint is known to be broken."""
        return all(violation <= 0 for violation in self.constraints.values())


class Judge:
    """Judges the points of one study: objectives and constraints, each in the mean over the seeds.

    Attributes:
        goals: objectives and constraints of the study.
        reports: whether epochs say something about the objective: only where it is the sweep's
            own, which chooses the best epoch.
    """

    def __init__(self, spec: SweepSpec, study: str) -> None:
        self.goals = goals_of(spec, study)
        self.reports = self.goals.objectives == (spec.objective,)

    def verdict(
        self, trials: Sequence[TrackedTrial], base: Sequence[TrackedTrial]
    ) -> Verdict | None:
        """Judge a point.

        A point is PRUNED or FAIL as soon as one of its trials is; it is to blame for a FAIL as
        soon as it is for one of them. A constraint relative to the base is skipped where the base
        has no result because it failed.

        Args:
            trials: of the point, those of the study's own seeds.
            base: those of the base point; none where it is not planned.

        Returns:
            None until every trial has ended, and those of the base where a constraint is relative
            to it.
        """
        needed = [*trials, *(base if self.goals.needs_base else ())]
        if not all(trial.ended for trial in needed):
            return None
        by_epoch = self._means_by_epoch(trials)
        statuses = {trial.status for trial in trials}
        if any(trial.own_fault for trial in trials):
            return self._failed(mean_of(base), by_epoch)
        if "failed" in statuses or any(trial.never_trained for trial in trials):
            return Verdict(TrialState.FAIL, None, by_epoch)
        if statuses & {"pruned", "stopped"}:
            return self._cut_short(mean_of(base), by_epoch)
        return self.complete(mean_of(trials), mean_of(base), by_epoch)

    def _cut_short(self, base: Mapping[str, float], by_epoch: Mapping[int, float]) -> Verdict:
        if len(self.goals.objectives) > 1:  # Optuna has no PRUNED there
            return Verdict(TrialState.FAIL, None, by_epoch)
        if by_epoch and is_undefined(by_epoch[max(by_epoch)]):
            return self._failed(base, by_epoch)
        return Verdict(TrialState.PRUNED, None, by_epoch)

    def _failed(self, base: Mapping[str, float], by_epoch: Mapping[int, float]) -> Verdict:
        """Return the verdict on a point that failed by its own fault.

        It has the constraints of complete points: samplers need the same ones for all.
        """
        broken = self.goals.violations({}, base)  # all infinite
        return Verdict(TrialState.FAIL, None, by_epoch, broken, own_fault=True)

    def complete(
        self,
        means: Mapping[str, float],
        base: Mapping[str, float],
        by_epoch: Mapping[int, float] | None = None,
    ) -> Verdict:
        """Judge a complete point by its means; FAIL where an objective is undefined."""
        values = tuple(means.get(objective.column, math.nan) for objective in self.goals.objectives)
        if any(is_undefined(value) for value in values):
            return self._failed(base, by_epoch or {})
        violations = self.goals.violations(means, base)
        return Verdict(TrialState.COMPLETE, values, by_epoch or {}, violations)

    def _means_by_epoch(self, trials: Sequence[TrackedTrial]) -> dict[int, float]:
        """Average the trials at every epoch that all of them have reached."""
        if not self.reports or not trials:
            return {}
        reached = set.intersection(*(set(trial.best_by_epoch) for trial in trials))
        return {
            epoch: sum(trial.best_by_epoch[epoch] for trial in trials) / len(trials)
            for epoch in sorted(reached)
        }
