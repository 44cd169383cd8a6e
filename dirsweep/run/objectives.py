"""What a study is after, from the plain data of a sweep: its objectives and its constraints.

Only searches have objectives of their own and constraints; a planned study goes by the sweep's
objective.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dirsweep.run.tables import MetricColumn


@dataclass(frozen=True)
class Bound:
    """A constraint: what a point's mean over its seeds must keep to, on validation.

    Attributes:
        column: of what.
        at_most: whether ``limit`` is the largest value allowed, else the smallest.
        limit: in the metric's unit; counted from the base's mean with ``of_base``.
    """

    column: MetricColumn
    at_most: bool
    limit: float
    of_base: bool

    @property
    def name(self) -> str:
        """``mae/all at_most base +0.1``."""
        limit = f"base {self.limit:+g}" if self.of_base else f"{self.limit:g}"
        return f"{self.column.metric}/{self.column.region} {'at_most' if self.at_most else 'at_least'} {limit}"

    def beyond(self, value: float, base: float | None) -> float:
        """How far ``value`` is beyond the limit, in the metric's unit; <= 0 where it keeps to
        it.
        """
        limit = self.limit + base if self.of_base and base is not None else self.limit
        return value - limit if self.at_most else limit - value


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
    bounds: tuple[Bound, ...] = ()


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
    bounds = tuple(bound for item in constraints or [] if (bound := _bound(item)) is not None)
    return Aims(objectives[0] if len(objectives) == 1 else objective, objectives, bounds)


def _column(value: Any) -> MetricColumn | None:
    if not isinstance(value, Mapping):
        return None
    return MetricColumn("val", str(value.get("metric", "mae")), str(value.get("region", "all")))


def _bound(value: Any) -> Bound | None:
    column = _column(value)
    key = next(
        (key for key in ("at_most", "at_least") if isinstance(value, Mapping) and key in value),
        None,
    )
    if column is None or key is None:
        return None
    of_base = isinstance(value[key], Mapping)
    limit = value[key].get("base_plus") if of_base else value[key]
    return (
        Bound(column, key == "at_most", float(limit), of_base)
        if isinstance(limit, int | float)
        else None
    )
