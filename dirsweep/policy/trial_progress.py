"""A trial as the search sees it, and what the trials of a point come to together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from optuna.trial import TrialState

from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialSpec
from dirsweep.policy.optuna_study import Result
from dirsweep.run.results import goals_of, mean_metrics
from dirsweep.run.tables import Outcome

State = Literal["waiting", "running", "complete", "pruned", "stopped", "failed", "interrupted"]
ENDED = ("complete", "pruned", "stopped", "failed")


@dataclass
class Entry:
    """A trial and everything that waits for it."""

    trial: TrialSpec
    points: list[Point]
    state: State = "waiting"
    outcome: Outcome | None = None
    #: best objective so far by epoch
    by_epoch: dict[int, float] = field(default_factory=dict)
    epochs_done: int = 0
    #: of the last epoch that was seen
    seconds_per_epoch: float | None = None
    #: of work in earlier sessions, while it has not ended
    earlier_s: float = 0.0
    #: by the budget's clock
    begun_at: float | None = None

    @property
    def point(self) -> Point:
        """The point that asked for it first."""
        return self.points[0]

    def note_epoch(self, row: Mapping[str, Any]) -> None:
        """Take how far it is and how fast it goes."""
        self.epochs_done = max(self.epochs_done, int(row["epoch"]) + 1)
        self.seconds_per_epoch = row.get("epoch_time_s") or self.seconds_per_epoch

    @property
    def ended(self) -> bool:
        """Whether it will not be trained any further."""
        return self.state in ENDED


class Judge:
    """What the points of one study come to: objectives and constraints, each in the mean over the
    seeds.

    Attributes:
        reports: whether epochs say something about the objective: only where it is the sweep's own.
        needs_base: whether a constraint counts from the base's result.
    """

    def __init__(self, spec: SweepSpec, study: str) -> None:
        self.goals = goals_of(spec, study)
        self.objectives, self.constraints = self.goals.objectives, self.goals.constraints
        self.reports = self.objectives == (spec.objective,)
        self.needs_base = self.goals.needs_base

    def result(self, entries: Sequence[Entry], base: Sequence[Entry]) -> Result | None:
        """None until every trial of the point has ended, and those of the base where a constraint
        counts from it.

        A point is PRUNED or FAIL as soon as one of its trials is. Without a result of the base (it
        failed), its constraints are passed over.
        """
        needed = [*entries, *(base if self.needs_base else ())]
        if not all(entry.ended for entry in needed):
            return None
        epochs = (
            set.intersection(*(set(entry.by_epoch) for entry in entries))
            if self.reports and entries
            else set()
        )
        by_epoch = {
            e: sum(entry.by_epoch[e] for entry in entries) / len(entries) for e in sorted(epochs)
        }
        states = {entry.state for entry in entries}
        if "failed" in states or (states & {"pruned", "stopped"} and len(self.objectives) > 1):
            return Result(
                TrialState.FAIL, None, by_epoch
            )  # Optuna has no PRUNED with several objectives
        if states & {"pruned", "stopped"}:
            return Result(TrialState.PRUNED, None, by_epoch)
        return self.complete(mean_of(entries), mean_of(base), by_epoch)

    def complete(
        self,
        means: Mapping[str, float],
        base: Mapping[str, float],
        by_epoch: Mapping[int, float] | None = None,
    ) -> Result:
        """A complete point's result from its means and the base's; FAIL where it lacks a metric
        that is looked at.
        """
        values = [
            means[objective.column] for objective in self.objectives if objective.column in means
        ]
        violations = self.goals.violations(means, base)
        measured = all(map(math.isfinite, violations.values()))
        if not measured or len(values) < len(self.objectives):
            return Result(TrialState.FAIL, None, by_epoch or {})
        return Result(TrialState.COMPLETE, tuple(values), by_epoch or {}, violations)


def value_for_race(entry: Entry, column: str) -> float | None:
    """What a trial counts for in a comparison: NaN when it came to nothing, None when it has not
    ended.
    """
    if not entry.ended:
        return None
    value = (
        entry.outcome.metrics.get(column)
        if entry.state == "complete" and entry.outcome is not None
        else None
    )
    return math.nan if value is None else value


def mean_of(entries: Sequence[Entry]) -> dict[str, float]:
    """Average the trials of a point, see ``run.results.mean_metrics``."""
    return mean_metrics([entry.outcome for entry in entries])
