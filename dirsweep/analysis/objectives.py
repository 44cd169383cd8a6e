"""How a study's points stand to what it is after: its objective, its constraints, the Pareto
front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dirsweep.analysis.summaries import PointSummary, study_summary
from dirsweep.domain import pareto_front
from dirsweep.run import objectives as store_aims
from dirsweep.run.objectives import Aims
from dirsweep.run.reader import Run


def aims_of(run: Run, study: str) -> Aims:
    """The study's objectives and constraints, else the sweep's."""
    return store_aims.aims_of(run.spec, study)


def base_among(run: Run, study: str, points: Sequence[PointSummary]) -> PointSummary | None:
    """The complete point that is the base itself: it changes nothing, or only to the values that
    the base has.
    """
    own = (run.spec.get("studies") or {}).get(study) or {}
    base = {**_flat(run.spec.get("base") or {}), **_flat(own.get("base") or {})}
    complete = [point for point in points if not point.preliminary]
    unchanged = (
        p
        for p in complete
        if all(base.get(key, _ABSENT) == value for key, value in p.overrides.items())
    )
    return next((point for point in complete if not point.overrides), None) or next(unchanged, None)


_ABSENT = object()


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat[f"{prefix}{key}"] = item
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{prefix}{key}.")
    return flat


def judged(
    points: Sequence[PointSummary], aims: Aims, base: PointSummary | None
) -> list[PointSummary]:
    """The points with ``violations`` and ``front`` filled in.

    Args:
        base: from which constraints may count; None where it is not known by its settings: then it
            is the first point, which the search puts there for that. Where that failed they are
            passed over, as the search does.
    """
    if len(aims.objectives) < 2 and not aims.bounds:
        return list(points)
    if base is None and any(bound.of_base for bound in aims.bounds):
        base = next((point for point in points if point.index == 0 and not point.preliminary), None)
    found = [
        point if point.preliminary else replace(point, violations=_violations(point, aims, base))
        for point in points
    ]
    if len(aims.objectives) < 2:
        return found
    wanted = [column.name for column in aims.objectives]
    able = [
        place
        for place, point in enumerate(found)
        if not point.preliminary
        and point.feasible
        and all(name in point.metrics for name in wanted)
    ]
    values = [[found[place].metrics[name].mean for name in wanted] for place in able]
    kept = pareto_front(values, [column.direction for column in aims.objectives])
    front = {able[place] for place in kept}
    return [replace(point, front=place in front) for place, point in enumerate(found)]


def _violations(point: PointSummary, aims: Aims, base: PointSummary | None) -> dict[str, float]:
    found = {}
    for bound in aims.bounds:
        value, of_base = (
            point.mean(bound.objective.column),
            None if base is None else base.mean(bound.objective.column),
        )
        if value is not None and not (bound.of_base and of_base is None):
            found[bound.name] = bound.violation(value, of_base)
    return found


def points_of(run: Run, study: str) -> list[PointSummary]:
    """``frames.study_summary`` with each point's standing to the study's aims, made once per
    run.
    """

    def make() -> list[PointSummary]:
        points = study_summary(run.trials(), study)
        return judged(points, aims_of(run, study), base_among(run, study, points))

    return run.once(("points", study), make)


def default_point(run: Run, study: str) -> PointSummary | None:
    """The point that is the base itself: it changes nothing, or only to the values that the base
    has.
    """
    return base_among(run, study, points_of(run, study))
