"""What a study is after, read from the sweep, and how its points stand to that: objectives, constraints, the front.

Only searches have objectives of their own and constraints; a planned study goes by the sweep's objective.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.report.frames import PointSummary, objective_column, study_summary
from dirsweep.store.reader import Run
from dirsweep.store.schema import MetricColumn


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
        """How far ``value`` is beyond the limit, in the metric's unit; <= 0 where it keeps to it."""
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


def aims_of(run: Run, study: str) -> Aims:
    """The study's objectives and constraints, else the sweep's."""
    objective = objective_column(run.objective)
    own = (run.spec.get("studies") or {}).get(study) or {}
    if "space" not in own:
        return Aims(objective, (objective,))
    listed = [_column(item) for item in own.get("objectives") or run.spec.get("objectives") or []]
    objectives = tuple(column for column in listed if column is not None) or (objective,)
    constraints = own["constraints"] if own.get("constraints") is not None else run.spec.get("constraints")
    bounds = tuple(bound for item in constraints or [] if (bound := _bound(item)) is not None)
    return Aims(objectives[0] if len(objectives) == 1 else objective, objectives, bounds)


def _column(value: Any) -> MetricColumn | None:
    if not isinstance(value, Mapping):
        return None
    return MetricColumn("val", str(value.get("metric", "mae")), str(value.get("region", "all")))


def _bound(value: Any) -> Bound | None:
    column = _column(value)
    key = next((key for key in ("at_most", "at_least") if isinstance(value, Mapping) and key in value), None)
    if column is None or key is None:
        return None
    of_base = isinstance(value[key], Mapping)
    limit = value[key].get("base_plus") if of_base else value[key]
    return Bound(column, key == "at_most", float(limit), of_base) if isinstance(limit, int | float) else None


def base_among(run: Run, study: str, points: Sequence[PointSummary]) -> PointSummary | None:
    """The complete point that is the base itself: it changes nothing, or only to the values that the base has."""
    own = (run.spec.get("studies") or {}).get(study) or {}
    base = {**_flat(run.spec.get("base") or {}), **_flat(own.get("base") or {})}
    complete = [point for point in points if not point.preliminary]
    unchanged = (p for p in complete if all(base.get(key, _ABSENT) == value for key, value in p.overrides.items()))
    return next((point for point in complete if not point.overrides), None) or next(unchanged, None)


_ABSENT = object()


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat[f"{prefix}{key}"] = item
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{prefix}{key}.")
    return flat


def judged(points: Sequence[PointSummary], aims: Aims, base: PointSummary | None) -> list[PointSummary]:
    """The points with ``violations`` and ``front`` filled in.

    Args:
        base: from which constraints may count; without it those are passed over, as the search does.
    """
    if len(aims.objectives) < 2 and not aims.bounds:
        return list(points)
    found = [point if point.preliminary else replace(point, violations=_violations(point, aims, base))
             for point in points]  # fmt: skip
    if len(aims.objectives) < 2:
        return found
    wanted = [column.name for column in aims.objectives]
    able = [place for place, point in enumerate(found)
            if not point.preliminary and point.feasible and all(name in point.metrics for name in wanted)]  # fmt: skip
    signs = np.array([-1.0 if column.higher_is_better else 1.0 for column in aims.objectives])
    costs = np.array([[found[place].metrics[name].mean for name in wanted] for place in able])
    costs = costs.reshape(len(able), len(wanted)) * signs
    front = {place for place, kept in zip(able, not_dominated(costs), strict=True) if kept}
    return [replace(point, front=place in front) for place, point in enumerate(found)]


def _violations(point: PointSummary, aims: Aims, base: PointSummary | None) -> dict[str, float]:
    found = {}
    for bound in aims.bounds:
        value, of_base = point.mean(bound.column.name), None if base is None else base.mean(bound.column.name)
        if value is not None and not (bound.of_base and of_base is None):
            found[bound.name] = bound.beyond(value, of_base)
    return found


def not_dominated(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(P, K) costs, less is better -> (P,) whether no other row is at most as large in all and smaller in one."""
    kept = np.ones(len(costs), dtype=np.bool_)
    for row, cost in enumerate(costs):  # a row at a time: P x P x K at once would be gigabytes for a long search
        kept[row] = not ((costs <= cost).all(axis=1) & (costs < cost).any(axis=1)).any()
    return kept


def points_of(run: Run, study: str) -> list[PointSummary]:
    """``frames.study_summary`` with each point's standing to the study's aims, made once per run."""
    known: list[PointSummary] | None = run.memo.get(("points", study))
    if known is None:
        points = study_summary(run.trials(), study)
        known = run.memo["points", study] = judged(points, aims_of(run, study), base_among(run, study, points))
    return known
