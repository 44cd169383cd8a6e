"""Study: one question, and how its points are laid out around the base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dirsweep.config.equal_values import refuse_equal_meanings
from dirsweep.config.error_text import (
    errors_under,
    format_value,
    refuse_unknown_keys,
    yaml_fields,
)
from dirsweep.config.field_types import (
    Factors,
    Point,
    Points,
    Seeds,
    list_like,
    no_duplicates,
)
from dirsweep.config.local_path import local_path
from dirsweep.config.model import Config, DefaultText, DescribedBy, FileForm, Overrides, PlainData
from dirsweep.config.objective import Constraints, Objectives, check_objectives
from dirsweep.config.overrides import with_overrides
from dirsweep.config.published_start import (
    PUBLISHED_SCHEMA,
    asks_for_published,
    published_points,
)
from dirsweep.config.replaced_values import write_out, write_out_value
from dirsweep.config.sampler import LEARNS_FROM_ANY, SamplerSpec
from dirsweep.config.scheduler import RacingSpec, SchedulerSpec
from dirsweep.config.space import SearchSpace
from dirsweep.config.space_file import EntrySpec, read_space
from dirsweep.domain import Constraint, Objective, plural
from dirsweep.errors import SpecError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

Design = Literal["grid", "one_at_a_time", "points", "space"]
DESIGNS: tuple[Design, ...] = ("grid", "one_at_a_time", "points", "space")
#: keys that only a search has
_SEARCH_KEYS = ("sampler", "trials", "start", "warm_start", "objectives", "constraints")


@dataclass(frozen=True)
class StudyContext:
    """What reading a study needs of the sweep.

    Attributes:
        base: the sweep's, normalized.
        benchmark: the sweep's.
        stored: see ``SweepContext``.
    """

    base: PlainData
    benchmark: BenchmarkConfig
    stored: bool = False


def _check_folder(value: Any) -> Any:
    if isinstance(value, str) and value:
        return str(local_path(value)) if "://" in value else value
    raise SpecError(f"expected the folder of a run, got {format_value(value)}")


_Folder = Annotated[str, BeforeValidator(_check_folder)]

_THE_SWEEPS = DefaultText("the sweep's")


class StudySpec(Config):
    """One question: how its points are laid out around the base.

    Exactly one of ``grid``, ``one_at_a_time``, ``points`` and ``space`` is given.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    base: Point = Field(default_factory=dict)
    """dotted key -> value: what this study changes in the base, for all its points"""

    grid: Factors | None = None
    """dotted key -> values; all combinations, the last key fastest"""

    one_at_a_time: Factors | None = None
    """dotted key -> values; the base once, then each key varied alone"""

    points: Points | None = None
    """list of mappings from dotted keys to values; {} is the base itself"""

    space: Annotated[SearchSpace | None, DescribedBy(EntrySpec, by_dotted_key=True)] = None
    """dotted key -> range, 'default' or 'optional'; a sampler proposes the points"""

    trials: Annotated[int, Field(ge=1), DefaultText("required with space")] = 0
    """with space: number of points that are proposed, those of start included"""

    sampler: SamplerSpec = SamplerSpec()
    """with space: what proposes the points"""

    start: Annotated[Points, FileForm("published", PUBLISHED_SCHEMA, also=True)] = ()
    """with space: points that are tried first, keys left out take the base's value; or published,
    or {published: ranksim/10}: the settings of the papers' tables that lie in the space
    """

    warm_start: Annotated[
        tuple[_Folder, ...],
        list_like("runs/first"),
        no_duplicates(lambda folder: f"run '{folder}'"),
    ] = ()
    """with space and tpe or gp: folders of earlier runs; the sampler learns from their points that
    lie in the space, which do not count among trials
    """

    seeds: Annotated[Seeds | None, _THE_SWEEPS] = None
    """instead of the sweep's"""

    scheduler: Annotated[SchedulerSpec | None, _THE_SWEEPS] = None
    """instead of the sweep's; none switches it off"""

    objectives: Annotated[Objectives | None, _THE_SWEEPS] = None
    """with space: instead of the sweep's"""

    constraints: Annotated[Constraints | None, _THE_SWEEPS] = None
    """with space: instead of the sweep's; [] for none"""

    racing: RacingSpec | None = None
    """more seeds for the points that are not yet distinguishable from the study's best"""

    @property
    def design(self) -> Design:
        """The design that is given."""
        return next(design for design in DESIGNS if getattr(self, design) is not None)

    # ---- reading

    @model_validator(mode="before")
    @classmethod
    def _check_design(cls, raw: Any) -> Any:
        listed = ", ".join(DESIGNS)
        if raw is None or raw == {}:
            raise SpecError(f"an empty study; give it one of {listed}")
        if not isinstance(raw, Mapping):
            raise SpecError(f"expected a mapping with one of {listed}, got {format_value(raw)}")
        refuse_unknown_keys(raw, yaml_fields(cls))
        given = [design for design in DESIGNS if design in raw]
        if len(given) != 1:
            got = f"'{given[0]}' and '{given[1]}' exclude each other" if given else "no design"
            raise SpecError(f"{got}; give it exactly one of {listed}")
        if given[0] != "space":
            for key in _SEARCH_KEYS:
                if key in raw:
                    what = f"only for 'space'; this study has '{given[0]}'"
                    raise SpecError(what, key=key)
        return _without_nulls(raw)

    @field_validator("base")
    @classmethod
    def _check_base(cls, own: Overrides, info: ValidationInfo) -> Overrides:
        if info.context is None:
            return own
        with_overrides(info.context.base, own)
        return write_out(info.context.base, own)

    @field_validator("grid", "one_at_a_time")
    @classmethod
    def _write_out_factors(
        cls, factors: dict[str, tuple[Any, ...]] | None, info: ValidationInfo
    ) -> dict[str, tuple[Any, ...]] | None:
        base = _base_of(info)
        if factors is None or base is None or info.context is None:
            return factors
        found = {}
        for key, values in factors.items():
            found[key] = tuple(write_out_value(base, key, value) for value in values)
            if not info.context.stored:
                refuse_equal_meanings(base, key, found[key])
        return found

    @field_validator("points", "start")
    @classmethod
    def _write_out_points(
        cls, points: tuple[Overrides, ...] | None, info: ValidationInfo
    ) -> tuple[Overrides, ...] | None:
        base = _base_of(info)
        if points is None or base is None:
            return points
        found = []
        for index, point in enumerate(points):
            with errors_under(str(index)):
                found.append(write_out(base, point))
        return tuple(found)

    @field_validator("space", mode="before")
    @classmethod
    def _read_space(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, SearchSpace | None) or "base" not in info.data:
            return value
        base = _base_of(info)
        assert base is not None, "a space is read relative to the sweep's base"
        stored = info.context is not None and info.context.stored
        return read_space(value, base, stored=stored)

    @field_validator("start", mode="before")
    @classmethod
    def _read_start(cls, value: Any, info: ValidationInfo) -> Any:
        if not asks_for_published(value):
            return value
        space = info.data.get("space")
        if space is None or info.context is None:
            return ({},)  # the error in the space is reported
        return published_points(value, space, info.context.benchmark)

    @field_validator("objectives")
    @classmethod
    def _check_objectives(
        cls, objectives: tuple[Objective, ...] | None, info: ValidationInfo
    ) -> tuple[Objective, ...] | None:
        if objectives is not None and info.context is not None:
            check_objectives(objectives, info.context.benchmark)
        return objectives

    @field_validator("constraints")
    @classmethod
    def _check_constraints(
        cls, constraints: tuple[Constraint, ...] | None, info: ValidationInfo
    ) -> tuple[Constraint, ...] | None:
        if constraints is not None and info.context is not None:
            limited = tuple(constraint.objective for constraint in constraints)
            check_objectives(limited, info.context.benchmark)
        return constraints

    @model_validator(mode="after")
    def _check_search(self) -> Self:
        if self.space is None:
            return self
        if self.trials == 0:
            raise SpecError("missing; give the number of points to propose", key="trials")
        if len(self.start) > self.trials:
            points, trials = plural(len(self.start), "point"), plural(self.trials, "trial")
            what = f"{points}, but the study has only {trials}"
            raise SpecError(what, key="start")
        if self.warm_start and self.sampler.name not in LEARNS_FROM_ANY:
            names = " or ".join(LEARNS_FROM_ANY)
            what = f"{self.sampler.name} learns only from points that it proposed; use {names}"
            raise SpecError(what, key="warm_start")
        return self

    # ---- writing

    def to_dict(self) -> PlainData:
        """Return the study as a sweep file writes it, ranges and conditions written out."""
        plain: PlainData = {"base": dict(self.base)} if self.base else {}
        plain |= self._design_to_dict()
        if self.seeds is not None:
            plain["seeds"] = list(self.seeds)
        if self.scheduler is not None:
            plain["scheduler"] = self.scheduler.to_dict()
        if self.objectives is not None:
            plain["objectives"] = [objective.to_dict() for objective in self.objectives]
        if self.constraints is not None:
            plain["constraints"] = [constraint.to_dict() for constraint in self.constraints]
        if self.racing is not None:
            plain["racing"] = self.racing.model_dump()
        return plain

    def _design_to_dict(self) -> PlainData:
        if self.points is not None:
            return {"points": [dict(point) for point in self.points]}
        if self.space is None:
            factors: Mapping[str, tuple[Any, ...]] = getattr(self, self.design)
            return {self.design: {key: list(values) for key, values in factors.items()}}
        plain: PlainData = {"sampler": self.sampler.to_dict(), "trials": self.trials}
        if self.start:
            plain["start"] = [dict(point) for point in self.start]
        if self.warm_start:
            plain["warm_start"] = list(self.warm_start)
        return {**plain, "space": self.space.to_dict()}


def _base_of(info: ValidationInfo) -> PlainData | None:
    """Return the normalized base of the study that is being read; None where it is not known."""
    if info.context is None or "base" not in info.data:
        return None
    return with_overrides(info.context.base, info.data["base"])


def _without_nulls(raw: Mapping[str, Any]) -> PlainData:
    """Drop keys set to null, which are as if absent; a scheduler of null is none."""
    found: PlainData = {}
    for key, value in raw.items():
        if value is not None or key in DESIGNS:
            found[key] = value
        elif key == "scheduler":
            found[key] = "none"
    return found
