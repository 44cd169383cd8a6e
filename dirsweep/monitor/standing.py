"""How a run stands: trials by status, and the best point, as the tables have them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from dirsweep.domain import REGIONS, MetricColumn, Objective, mean_over_seeds
from dirsweep.policy.sweep_view import SweepView
from dirsweep.run.results import StudyBase, StudyGoals, StudyResults, base_of, goals_of
from dirsweep.run.state import RunState, StudyPoint
from dirsweep.run.tables import Outcome

#: statuses of trials that are still to be trained, or trained on
UNENDED = ("running", "unfinished", "waiting", "interrupted")


@dataclass(frozen=True)
class BestPoint:
    """The point with the best mean over its complete seeds, on validation.

    Attributes:
        study: its key in the sweep file.
        point: index of the point in its study.
        label: what it changes.
        trials: seed -> trial, those that are complete.
        value: mean of the objective.
        regions: mean of the objective's metric by region; None where it is not defined.
    """

    study: str
    point: int
    label: str
    trials: Mapping[int, str]
    value: float
    regions: Mapping[str, float | None]

    @property
    def name(self) -> str:
        """Study, point and seed: ``gamma: gamma=100, seed 0`` or ``..., mean of 3 seeds``."""
        seeds = list(self.trials)
        of = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"
        return f"{self.study}: {self.label}, {of}"


@dataclass(frozen=True)
class Standing:
    """A run's trials by status, and its best point.

    Attributes:
        counts: status -> number of trials; ``waiting`` includes those not yet proposed.
        best: None while no trial is complete.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    best: BestPoint | None = None

    @property
    def total(self) -> int:
        """Number of trials known so far."""
        return sum(self.counts.values())

    @property
    def ended(self) -> dict[str, int]:
        """Status -> number, of the trials that have ended."""
        return {status: num for status, num in self.counts.items() if num and status not in UNENDED}

    @property
    def num_ended(self) -> int:
        """Number of trials that have ended."""
        return sum(self.ended.values())


class PointMeans:
    """Means of a run's points over their complete trials.

    They follow the rules of ``analysis.summaries``, which reads the tables: a point counts from its
    first complete trial on, feasible points go before others, and a mean is undefined where it is
    undefined for a seed.

    Args:
        state: of the run; kept up to date by who writes the log.
        goals: study -> objectives and constraints.
        bases: finds what a study varies.
    """

    def __init__(
        self,
        state: RunState,
        goals: Mapping[str, StudyGoals],
        bases: Callable[[str], StudyBase],
    ) -> None:
        self.state, self.goals = state, goals
        self._bases = bases
        self._outcomes: dict[str, Outcome] = {}
        self._means: dict[tuple[str, int], Mapping[str, float]] = {}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take trials that have ended."""
        for outcome in outcomes:
            self._outcomes[outcome.trial_id] = outcome
            known = self.state.trials.get(outcome.trial_id)
            for key in () if known is None else known.points:
                self._means.pop(key, None)

    def best(self, objective: Objective) -> BestPoint | None:
        """Return the best point by an objective; of equal points the one proposed first."""
        best: StudyPoint | None = None
        best_key = (True, math.inf)
        references = {study: self._reference(study) for study in self.goals}
        for point in self.state.points.values():
            means = self._means_of(point)
            cost = objective.metric_column.cost(means.get(objective.column))
            if point.study not in self.goals or not math.isfinite(cost):
                continue
            violations = self.goals[point.study].violations(means, references[point.study])
            key = (any(violation > 0 for violation in violations.values()), cost)
            if best is None or key < best_key:
                best, best_key = point, key
        return None if best is None else self._best_point(best, objective)

    def _best_point(self, point: StudyPoint, objective: Objective) -> BestPoint:
        means = self._means_of(point)
        regions: dict[str, float | None] = {}
        for region in REGIONS:
            mean = means.get(MetricColumn("val", objective.metric, region).name)
            if mean is not None:
                regions[region] = mean if math.isfinite(mean) else None
        label = self.state.label(point.study, point.index)
        complete = {seed: trial for seed, trial in point.trials.items() if self._complete(trial)}
        value = means[objective.column]
        return BestPoint(point.study, point.index, label, complete, value, regions)

    def _means_of(self, point: StudyPoint) -> Mapping[str, float]:
        """Return column -> mean, on validation, over the complete trials of a point."""
        known = self._means.get(point.key)
        if known is None:
            found = [self._complete(trial_id) for trial_id in point.trial_ids]
            known = _validation_means([outcome.metrics for outcome in found if outcome is not None])
            self._means[point.key] = known
        return known

    def _complete(self, trial_id: str) -> Outcome | None:
        outcome = self._outcomes.get(trial_id)
        return outcome if outcome is not None and outcome.status == "complete" else None

    def _reference(self, study: str) -> Mapping[str, float]:
        """Return the base's means, where a constraint is relative to them."""
        if not self.goals[study].needs_base:
            return {}
        base = partial(self._bases, study)
        results = StudyResults.of_state(self.state, study, self.goals[study], base, self._outcomes)
        return results.reference_means


def _validation_means(metrics: list[dict[str, float | None]]) -> Mapping[str, float]:
    """Return column -> mean over trials, of the validation split."""
    columns = [name for name in metrics[0] if name.startswith("val_")] if metrics else []
    return {name: mean_over_seeds(found.get(name) for found in metrics) for name in columns}


class Scoreboard:
    """The standing of a sweep while a driver works on it.

    Args:
        view: the sweep, kept up to date by the policies.
    """

    def __init__(self, view: SweepView) -> None:
        self.view = view
        goals = {study: goals_of(view.spec, study) for study in view.spec.studies}
        self._means = PointMeans(view.state, goals, partial(base_of, view.spec))
        self._num_seen = 0
        self.new_ends()

    def new_ends(self) -> list[str]:
        """Take the trials whose first end was logged since the last call; return them in order."""
        new = list(islice(self.view.state.ends, self._num_seen, None))
        self._num_seen += len(new)
        found = [self.view.trials[trial_id] for trial_id in new if trial_id in self.view.trials]
        self._means.add(trial.outcome for trial in found if trial.outcome is not None)
        return [trial.trial_id for trial in found]

    def ended(self, outcome: Outcome) -> None:
        """Take the end of a trial; it may have ended before and been trained again."""
        self._means.add([outcome])

    def standing(self) -> Standing:
        """Return how the sweep stands."""
        return Standing(self.view.counts(), self._means.best(self.view.spec.objective))
