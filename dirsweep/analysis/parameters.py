"""The varied keys of a study as parameters of an Optuna study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

#: the value of a key in a point that does not have it
ABSENT: Any = object()
#: the kinds of a range of numbers in a sweep's ``space``
_NUMBER_RANGES = ("log_uniform", "uniform", "int", "log_int")
#: a planned number is on a logarithmic scale when its values span this factor or more
_LOG_FACTOR = 20


def measured_points(run: Run, study: str) -> list[PointSummary]:
    """Return the complete points that have a value of the study's objective."""
    column = objective_of(run, study).name
    complete = [point for point in points_of(run, study) if not point.preliminary]
    return [point for point in complete if column in point.metrics]


@dataclass(frozen=True)
class StudyParameters:
    """The keys that a study's points vary, as Optuna sees them.

    Attributes:
        points: the study's measured points.
        searched: whether a sampler proposed them.
        space: dotted key -> range as the sweep file writes it; empty for a planned study.
    """

    points: Sequence[PointSummary]
    searched: bool
    space: Mapping[str, Any]

    def value(self, point: PointSummary, key: str) -> Any:
        """Return the point's value in Optuna's terms; ABSENT where the point lacks the key."""
        if not self.searched:
            value = planned_value(point, key)
            return value if self._planned_numbers(key) is not None else _as_choice(value)
        if key not in point.changes:
            return ABSENT
        value = point.changes[key]
        return _as_choice(value) if self._number_range(key) is None else value

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return the distribution of every varied key, in order of appearance.

        Ranges are those of the sweep's ``space``; of a planned study they reach from the smallest
        to the largest value. Keys with a single value are left out.
        """
        keys = varied_keys(self.points)
        found = {key: self._distribution(key) for key in keys}
        return {key: distribution for key, distribution in found.items() if distribution}

    def _distribution(self, key: str) -> BaseDistribution | None:
        kind = self._number_range(key)
        if kind is not None:
            low, high = self.space[key][kind]
            if kind in ("int", "log_int"):
                step = self.space[key].get("step") or 1
                return IntDistribution(low, high, log=kind == "log_int", step=step)
            return FloatDistribution(low, high, log=kind == "log_uniform")
        numbers = None if self.searched else self._planned_numbers(key)
        if numbers is not None:
            low, high = min(numbers), max(numbers)
            return FloatDistribution(low, high, log=_use_log(numbers)) if high > low else None
        choices = {f"{type(value).__name__}{value}": value for value in self._choices(key)}
        return CategoricalDistribution(list(choices.values())) if len(choices) > 1 else None

    def _number_range(self, key: str) -> str | None:
        """The kind of a searched range of numbers; None for choices and planned keys."""
        entry = self.space.get(key)
        if not self.searched or not isinstance(entry, Mapping):
            return None
        return next((kind for kind in _NUMBER_RANGES if kind in entry), None)

    def _planned_numbers(self, key: str) -> list[float] | None:
        return numbers_of([planned_value(point, key) for point in self.points])

    def _choices(self, key: str) -> list[Any]:
        if not self.searched:
            return [_as_choice(planned_value(point, key)) for point in self.points]
        with_key = [point for point in self.points if key in point.changes]
        return [_as_choice(point.changes[key]) for point in with_key]


def parameters_of(run: Run, study: str) -> StudyParameters:
    """Return the parameters of a study's measured points."""
    space = run.manifest.study(study).space
    return StudyParameters(measured_points(run, study), searched(run, study), space)


def planned_value(point: PointSummary, key: str) -> Any:
    """Return the point's value; for a regularizer as a whole, whether it is on."""
    if key in point.changes:
        return point.changes[key]
    if not (key.startswith("regularizers.") and key.count(".") == 1):
        return value_of(point, key)
    return any(
        name.startswith(f"{key}.") and value is not None for name, value in point.config.items()
    )


def numbers_of(values: Sequence[Any]) -> list[float] | None:
    """Return the values as numbers; None unless all are finite numbers (booleans are not)."""
    if not values or not all(_is_number(value) for value in values):
        return None
    return [float(value) for value in values]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _as_choice(value: Any) -> bool | float | str:
    """A value that Optuna accepts as a choice."""
    if isinstance(value, bool | int | float | str):
        return value
    return json.dumps(value, sort_keys=True)


def _use_log(numbers: Sequence[float]) -> bool:
    return min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_FACTOR


def encoded(value: Any, distribution: BaseDistribution) -> float:
    """Return a value as a number: the place of a choice, the logarithm of a logarithmic one."""
    if isinstance(distribution, CategoricalDistribution):
        return float(distribution.to_internal_repr(value))
    return math.log(value) if getattr(distribution, "log", False) else float(value)


def encoded_range(distribution: BaseDistribution) -> tuple[float, float]:
    """Return the ends of the encoded values; a whole number or a choice is one unit wide."""
    if isinstance(distribution, CategoricalDistribution):
        return -0.5, len(distribution.choices) - 0.5
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = (float(distribution.low), float(distribution.high))
    if isinstance(distribution, IntDistribution):
        low, high = low - 0.5, high + 0.5
    return (math.log(low), math.log(high)) if distribution.log else (low, high)
