"""Which trials' stored networks a run keeps: those that are, or may become, a study's best.

Every complete trial stores its network, since it is not known yet whether its point wins. As soon
as another point is better on validation, the network goes. Those from which other trials start
stay, for points that are added later; a sweep that stores none keeps them until these have ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dirsweep.domain import is_undefined
from dirsweep.policy.racing import standing_of
from dirsweep.policy.sweep_view import SweepView
from dirsweep.policy.tracked_trial import mean_of
from dirsweep.run.tables import Outcome


@dataclass(frozen=True)
class _Rank:
    """How good a complete point is.

    Attributes:
        index: of the point in its study.
        feasible: whether it satisfies every constraint.
        values: of each objective, less is better; None where one is undefined.
    """

    index: int
    feasible: bool
    values: tuple[float, ...] | None

    def beats(self, other: _Rank) -> bool:
        """Whether the other is not among the best if this point is there."""
        if self.values is None or other.values is None:
            return other.values is None and (self.values is not None or self.index < other.index)
        if self.feasible != other.feasible:
            return self.feasible
        pairs = list(zip(self.values, other.values, strict=True))
        if any(own > others for own, others in pairs):
            return False
        return self.index < other.index or any(own < others for own, others in pairs)


class ModelKeeping:
    """Decides which stored networks are deleted; does no I/O.

    Args:
        view: the sweep.

    Attributes:
        stored: trials whose networks are stored, as far as this session knows.
    """

    def __init__(self, view: SweepView) -> None:
        self.view = view
        self.stored: dict[str, None] = {}  # in the order of their ends
        self._said: set[int] = set()

    @property
    def wanted(self) -> bool:
        """Whether the sweep stores networks."""
        return self.view.spec.store.model != "none"

    def concerns(self, trial_id: str) -> bool:
        """Whether a trial's network is stored: that of every trial, or others start from it.

        Where the sweep stores none, those of an earlier session stay.
        """
        return self.wanted or trial_id in self.view.required_by

    def stored_by(self, trial_id: str) -> None:
        """Note that a trial's network is stored."""
        self.stored[trial_id] = None

    def take_superfluous(self) -> list[str]:
        """Return the trials whose networks are to be deleted; each once."""
        kept = self.view.needed_models
        if self.wanted:  # further points may start from the same trials
            kept |= self.view.required_by.keys()
            kept |= {name for study in self.view.spec.studies for name in self._kept_of(study)}
        superfluous = [trial_id for trial_id in self.stored if trial_id not in kept]
        for trial_id in superfluous:
            del self.stored[trial_id]
        return superfluous

    def too_large(self, outcome: Outcome) -> str | None:
        """Say that a network was left out for its size; once for each number of parameters.

        Args:
            outcome: of a complete trial that was to store its network and did not.
        """
        if outcome.num_parameters is None or outcome.num_parameters in self._said:
            return None
        self._said.add(outcome.num_parameters)
        limit = self.view.spec.store.model_limit
        return (
            f"{self.view.state.name(outcome.trial_id)}: its network is not stored "
            f"({outcome.num_parameters:,} parameters exceed store.model_limit, {limit:g} MiB)"
        )

    # ---- one study

    def _kept_of(self, study: str) -> Iterator[str]:
        """Yield the trials of the points that are or may become the study's best."""
        points = self._points_of(study)
        racing = self._racing_points(study)
        if racing is not None:
            for index in racing:
                yield from points.get(index, ())
            return
        ranks = {index: self._rank(study, index) for index in points}
        known = [rank for rank in ranks.values() if rank is not None]
        for index, trial_ids in points.items():
            rank = ranks[index]
            if rank is None or not any(other.beats(rank) for other in known):
                yield from trial_ids

    def _points_of(self, study: str) -> dict[int, list[str]]:
        """Return the study's points with stored networks: point -> trials."""
        found: dict[int, list[str]] = {}
        for trial_id in self.stored:
            for point in self.view.trials[trial_id].points:
                if point.study == study:
                    found.setdefault(point.index, []).append(trial_id)
        return found

    def _rank(self, study: str, index: int) -> _Rank | None:
        """Return how good a point is; None while that is open."""
        trials = self.view.racing_trials_of(study, index)
        base = self.view.base_trials(study)
        if not all(trial.ended for trial in (*trials, *base)):
            return None
        means = mean_of([trial for trial in trials if trial.status == "complete"])
        goals = self.view.judges[study].goals
        violations = goals.violations(means, mean_of(base))
        feasible = all(violation <= 0 for violation in violations.values())
        return _Rank(index, feasible, self._values(study, means))

    def _values(self, study: str, means: Mapping[str, float]) -> tuple[float, ...] | None:
        objectives = self.view.judges[study].goals.objectives
        if len(objectives) > 1:  # the report's best point is that of the sweep's objective
            objectives = (*objectives, self.view.spec.objective)
        values = [
            objective.cost_sign * means.get(objective.column, math.nan) for objective in objectives
        ]
        return None if any(is_undefined(value) for value in values) else tuple(values)

    def _racing_points(self, study: str) -> tuple[int, ...] | None:
        """Return the points that may still get seeds, and with them another mean.

        None where the study does not race, or its race is over.
        """
        if self.view.spec.studies[study].racing is None:
            return None
        standing = standing_of(self.view, study)
        if standing is not None and not standing.wanted:
            return None
        rounds = self.view.state.races.get(study)
        if not rounds:
            return tuple(self.view.points[study])
        last = rounds[-1]
        return last.open if last.best is None else (last.best, *last.open)
