"""What a point has for each key that its study moves, in words that Optuna and tables can use."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.objectives import objective_of
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import PointSummary, value_of, varied_keys
from dirsweep.run.reader import Run

#: what a key is in a point that does not have it
ABSENT: Any = object()


def _space(run: Run, study: str) -> Mapping[str, Any]:
    return ((run.spec.get("studies") or {}).get(study) or {}).get("space") or {}


def parameter_of(run: Run, study: str, point: PointSummary, key: str) -> Any:
    """The key's value in Optuna's terms; ABSENT where it does not exist in the point."""
    if searched(run, study):
        if key not in point.overrides:
            return ABSENT
        value = point.overrides[key]
        if not is_choice(_space(run, study).get(key)):
            return value
    else:
        value = planned_value(run, study, point, key)
        if (
            numbers_of([planned_value(run, study, p, key) for p in measured_points(run, study)])
            is not None
        ):
            return value
    return (
        value if isinstance(value, bool | int | float | str) else json.dumps(value, sort_keys=True)
    )


def planned_value(run: Run, study: str, point: PointSummary, key: str) -> Any:
    """What the point has; for a regularizer as a whole whether it is on, where the point says
    nothing.
    """
    if key in point.overrides:
        return point.overrides[key]
    if key.startswith("regularizers.") and key.count(".") == 1:
        return any(
            name.startswith(f"{key}.") and value is not None for name, value in point.config.items()
        )
    return value_of(point, key)


def is_choice(entry: Any) -> bool:
    return not (
        isinstance(entry, Mapping)
        and any(kind in entry for kind in ("log_uniform", "uniform", "int", "log_int"))
    )


def distributions_of(
    run: Run, study: str, points: Sequence[PointSummary]
) -> dict[str, BaseDistribution]:
    """Every key that the points move, in order of appearance; of a search, as the sweep says."""
    found: dict[str, BaseDistribution] = {}
    space = _space(run, study)
    for key in varied_keys(points):
        entry = space.get(key) if searched(run, study) else None
        if isinstance(entry, Mapping) and not is_choice(entry):
            kind = next(
                kind for kind in ("log_uniform", "uniform", "int", "log_int") if kind in entry
            )
            low, high = entry[kind]
            whole = kind in ("int", "log_int")
            found[key] = (IntDistribution if whole else FloatDistribution)(
                low, high, log=kind.startswith("log")
            )
            continue
        if searched(run, study):
            values = [point.overrides[key] for point in points if key in point.overrides]
        else:
            values = [planned_value(run, study, point, key) for point in points]
        numbers = None if searched(run, study) else numbers_of(values)
        if numbers is not None and max(numbers) > min(numbers):
            found[key] = FloatDistribution(min(numbers), max(numbers), log=_use_log(numbers))
        elif numbers is None:
            keyed = [
                v if isinstance(v, bool | int | float | str) else json.dumps(v, sort_keys=True)
                for v in values
            ]
            choices = list({f"{type(value).__name__}{value}": value for value in keyed}.values())
            if len(choices) > 1:
                found[key] = CategoricalDistribution(choices)
    return found


def numbers_of(values: Sequence[Any]) -> list[float] | None:
    """The values as numbers; None unless all of them are (true and false are names)."""
    if not values or any(
        isinstance(v, bool) or not isinstance(v, int | float) or not math.isfinite(v)
        for v in values
    ):
        return None
    return [float(value) for value in values]


def _use_log(numbers: Sequence[float]) -> bool:
    return min(numbers) > 0 and max(numbers) / min(numbers) >= 20


def measured_points(run: Run, study: str) -> list[PointSummary]:
    objective = objective_of(run, study).name
    return [
        point
        for point in points_of(run, study)
        if not point.preliminary and objective in point.metrics
    ]
