"""Objectives and constraints as a sweep file writes them; their values belong to ``domain``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import ValidationError, WrapValidator, field_validator, model_validator

from dirsweep.config.error_text import errors_under, format_value
from dirsweep.config.field_types import list_like, no_duplicates
from dirsweep.config.model import Config, WrittenAs
from dirsweep.domain import COMMON_REGIONS, REGIONS, Bound, Constraint, Objective, Region
from dirsweep.errors import SpecError, close_name, did_you_mean

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig


class _MetricSpec(Config):
    metric: str = "mae"
    """one of the benchmark's metrics, on the validation split"""

    region: Region = "all"
    """all samples, or those of one shot region (by the training count of their label's bin); zero
    exists only with benchmark.zero_shot
    """

    @field_validator("region", mode="before")
    @classmethod
    def _check_region(cls, value: Any) -> Any:
        if not isinstance(value, str) or value in REGIONS:
            return value
        if close_name(value, REGIONS) == "zero":
            what = "did you mean 'zero'? (it exists only with benchmark.zero_shot)"
        else:
            what = did_you_mean(value, COMMON_REGIONS)
        raise SpecError(f"unknown region {format_value(value)}; {what}")


class ObjectiveSpec(_MetricSpec):
    """What trials and points are compared by: a metric over a region of the labels."""

    shorthand_key: ClassVar[str] = "metric"

    def to_domain(self) -> Objective:
        """Return the objective."""
        return Objective(self.metric, self.region)


class BasePlus(Config):
    """A limit relative to the result of the study's base."""

    base_plus: float
    """difference from the base's mean, in the metric's unit"""


def _read_limit(value: Any, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    except ValidationError:
        what = f"expected a number or {{base_plus: number}}, got {format_value(value)}"
        raise SpecError(what) from None


_Limit = Annotated[float | BasePlus | None, WrapValidator(_read_limit)]


class ConstraintSpec(_MetricSpec):
    """A limit that the points of a search must satisfy, in the mean over their seeds."""

    at_most: _Limit = None
    """largest allowed mean: a number, or {base_plus: difference} from the base's mean; the base is
    then the study's first point
    """

    at_least: _Limit = None
    """smallest allowed mean: a number, or {base_plus: difference} from the base's mean"""

    @model_validator(mode="before")
    @classmethod
    def _check_mapping(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return value
        example = "{metric: mae, region: all, at_most: 7.5}"
        raise SpecError(f"expected a mapping such as {example}, got {format_value(value)}")

    @model_validator(mode="after")
    def _check_one_bound(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            got = "none" if self.at_most is None else "both"
            raise SpecError(f"needs exactly one of at_most, at_least; got {got}")
        return self

    def to_domain(self) -> Constraint:
        """Return the constraint."""
        bound: Bound = "at_least" if self.at_most is None else "at_most"
        limit = getattr(self, bound)
        of_base = isinstance(limit, BasePlus)
        number = limit.base_plus if of_base else limit
        return Constraint(Objective(self.metric, self.region), bound, number, of_base)


ObjectiveField = Annotated[Objective, WrittenAs(ObjectiveSpec)]
ConstraintField = Annotated[Constraint, WrittenAs(ConstraintSpec)]
Objectives = Annotated[
    tuple[ObjectiveField, ...],
    list_like("{metric: mae, region: few}"),
    no_duplicates(lambda objective: f"objective {objective.name}"),
]
#: ``[]`` in a study: without the sweep's
Constraints = Annotated[
    tuple[ConstraintField, ...],
    list_like("{metric: mae, region: all, at_most: 7.5}", may_be_empty=True),
]


def check_objective(objective: Objective, benchmark: BenchmarkConfig) -> None:
    """Check that a benchmark reports an objective's metric over its region.

    Raises:
        SpecError: the metric or the region does not exist there.
    """
    config = type(benchmark)
    if objective.metric not in config.metrics:
        hint = did_you_mean(objective.metric, config.metrics)
        what = f"{config.registered_name} does not report '{objective.metric}'; {hint}"
        raise SpecError(what, key="metric")
    if objective.region == "zero" and not benchmark.may_lack_labels:
        known = ", ".join(COMMON_REGIONS)
        what = f"unknown region 'zero' without benchmark.zero_shot (known: {known})"
        raise SpecError(what, key="region")


def check_objectives(objectives: tuple[Objective, ...], benchmark: BenchmarkConfig) -> None:
    """Check a list of objectives, see ``check_objective``.

    Raises:
        SpecError: its key is relative to the list.
    """
    for index, objective in enumerate(objectives):
        with errors_under(str(index)):
            check_objective(objective, benchmark)
