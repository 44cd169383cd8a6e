"""What a study is after, from the plain data of a sweep: its objectives and its constraints.

Only searches have objectives of their own and constraints; a planned study goes by the sweep's
objective.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from dirsweep.domain import Constraint, MetricColumn, Objective, Region
from dirsweep.run.results import StudyGoals


@dataclass(frozen=True)
class Aims:
    """What a study is after.

    Attributes:
        objective: by which points are chosen and sorted, on validation.
        objectives: all of them; more than one: the front is what the search found.
        bounds: its constraints.
    """

    objective: MetricColumn
    objectives: tuple[MetricColumn, ...]
    bounds: tuple[Constraint, ...] = ()

    @property
    def goals(self) -> StudyGoals:
        """The objectives and constraints that points are judged by."""
        objectives = [Objective(c.metric, cast(Region, c.region)) for c in self.objectives]
        return StudyGoals(tuple(objectives), self.bounds)


def aims_of(spec: Mapping[str, Any], study: str) -> Aims:
    """The study's objectives and constraints, else the sweep's; ``spec`` is the resolved sweep."""
    objective = _column(spec.get("objective")) or MetricColumn("val", "mae", "all")
    own = (spec.get("studies") or {}).get(study) or {}
    if "space" not in own:
        return Aims(objective, (objective,))
    listed = [_column(item) for item in own.get("objectives") or spec.get("objectives") or []]
    objectives = tuple(column for column in listed if column is not None) or (objective,)
    constraints = (
        own["constraints"] if own.get("constraints") is not None else spec.get("constraints")
    )
    read = (Constraint.from_dict(item) for item in constraints or [])
    bounds = tuple(constraint for constraint in read if constraint is not None)
    return Aims(objectives[0] if len(objectives) == 1 else objective, objectives, bounds)


def _column(value: Any) -> MetricColumn | None:
    objective = Objective.from_dict(value)
    return None if objective is None else objective.metric_column
