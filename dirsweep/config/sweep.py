"""Sweep: everything that a sweep file says, checked and frozen.

```yaml
name: agedb-sensitivity
benchmark: {name: agedb-dir, root: "${DIRSWEEP_DATA:-data}/agedb-dir"}
base: {backbone: {name: resnet50}, reweighting: sqinv, regularizers: {ranksim: {gamma: 100}},
    epochs: 90}
seeds: [0, 1, 2]
studies:
  gamma: {grid: {regularizers.ranksim.gamma: [1, 10, 100]}}
  search: {trials: 60, sampler: {name: tpe, seed: 0}, space: {regularizers.ranksim: default}}
objective: {metric: mae, region: all}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dirsweep.config.benchmark_choice import check_available, read_benchmark
from dirsweep.config.benchmark_defaults import with_mark, without_mark
from dirsweep.config.error_text import (
    errors_under,
    format_value,
    refuse_unknown_keys,
    validate_model,
    yaml_fields,
)
from dirsweep.config.field_types import MAX_SEED, Seeds, check_study_name, check_sweep_name
from dirsweep.config.model import Config, DefaultText, DescribedBy, FromRegistry, PlainData
from dirsweep.config.objective import (
    Constraints,
    ObjectiveField,
    Objectives,
    check_objective,
    check_objectives,
)
from dirsweep.config.overrides import build_config, normalize_base, with_overrides
from dirsweep.config.resources import BudgetSpec, ResourcesSpec, StoreSpec
from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.config.study import StudyContext, StudySpec
from dirsweep.config.trial import NamedConfig, TrialConfig
from dirsweep.config.yaml_text import dump_yaml
from dirsweep.domain import Constraint, Objective, plural
from dirsweep.errors import SpecError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig
else:
    BenchmarkConfig = NamedConfig  # the room of data needs this one

#: twice the trials that run at once on a small machine, so that hardly a worker waits for the
#: slowest
DEFAULT_WINDOW = 4


@dataclass(frozen=True)
class SweepContext:
    """What reading a sweep needs besides its data.

    Attributes:
        source: the file, for messages.
        stored: whether a run keeps it: an earlier build may have accepted values that mean the
            same.
    """

    source: str = ""
    stored: bool = False


class SweepSpec(Config):
    """A sweep as data: loaded, checked, frozen; ``load.load_sweep`` makes one."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Annotated[str, BeforeValidator(check_sweep_name), DefaultText("the file's name")] = (
        "sweep"
    )
    """names the run's folder: letters, digits, '.', '_', '-'"""

    benchmark: Annotated[
        SerializeAsAny[BenchmarkConfig],
        BeforeValidator(read_benchmark),
        FromRegistry("benchmark"),
    ]
    """the data and its protocol: a name, or {name: ..., its settings}"""

    defaults: Literal["benchmark", "general"] = "benchmark"
    """benchmark: what the section of a technique leaves out is as the benchmark's papers have it
    (RankSim's gamma is 3e-4 on STS-B-DIR); general: the technique's own defaults, which suit ages
    """

    base: Annotated[PlainData, DescribedBy(TrialConfig)]
    """the configuration that every study varies; its keys are those of a trial"""

    seeds: Seeds = (0,)
    """each point is trained once with each"""

    studies: dict[str, StudySpec]
    """name -> study; a study has exactly one of grid, one_at_a_time, points, space"""

    objective: ObjectiveField = Objective()
    """what chooses each trial's best epoch, and what schedulers and searches compare by; a bare
    name is the metric
    """

    objectives: Objectives = ()
    """what searches optimize, by default objective; with several, the Pareto front"""

    constraints: Constraints = ()
    """what the points of searches must satisfy: {metric, region, at_most: 7.5}"""

    scheduler: SchedulerSpec | None = None
    """what ends trials early; a bare name is the scheduler's"""

    resources: ResourcesSpec = ResourcesSpec()
    """what one trial gets of a machine"""

    store: StoreSpec = StoreSpec()
    """what a trial stores besides its predictions"""

    budget: BudgetSpec | None = None
    """what the run may use in all; once it is used up, trials that are nearly done finish"""

    reproducible: bool = False
    """searches propose the same points in the same order whatever the timing: point k once points
    0 to k - window have ended, from their results alone
    """

    window: Annotated[int, Field(ge=1)] = DEFAULT_WINDOW
    """with reproducible: number of points of a search that may be open at once; at least as many
    as run at a time
    """

    preview: bool = False
    """mark that --preview has thinned the sweep; it thins nothing by itself"""

    _source: str = PrivateAttr("")

    def model_post_init(self, context: Any) -> None:
        """Keep the file's name for messages."""
        if isinstance(context, SweepContext):
            self._source = context.source

    @property
    def source(self) -> str:
        """The file, for messages; not compared."""
        return self._source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SweepSpec) and self.to_dict() == other.to_dict()

    # ---- reading

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, raw: Any, info: ValidationInfo) -> Any:
        known = yaml_fields(cls)
        if raw is None:
            raise SpecError("the file is empty")
        if not isinstance(raw, Mapping):
            listed = ", ".join(known)
            raise SpecError(f"expected a mapping with the keys {listed}, got {format_value(raw)}")
        refuse_unknown_keys(raw, known, _suggest_base)
        given = {key: value for key, value in raw.items() if value is not None}
        for key in ("benchmark", "base", "studies"):
            if key not in given:
                raise SpecError("missing", key=key)
        check_available(given["benchmark"])
        if isinstance(info.context, SweepContext) and info.context.stored:
            # builds that did not write the key knew general defaults only
            given.setdefault("defaults", "general")
        return given

    @field_validator("base", mode="before")
    @classmethod
    def _read_base(cls, value: Any, info: ValidationInfo) -> Any:
        base = normalize_base(value)
        if info.data.get("defaults") == "benchmark" and "benchmark" in info.data:
            base = with_mark(base, type(info.data["benchmark"]))
        try:
            build_config(base)
        except SpecError as error:
            section = error.key.removesuffix(".name")
            # {loss: hubr} has no key 'loss.name' to point at
            key = section if isinstance(value.get(section), str) else error.key
            raise SpecError(error.what, key=key) from None
        return base

    @field_validator("studies", mode="before")
    @classmethod
    def _read_studies(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, Mapping):
            what = f"expected a mapping from names to studies, got {format_value(value)}"
            raise SpecError(what)
        if not value:
            raise SpecError("empty; give at least one study")
        if "base" not in info.data or "benchmark" not in info.data:
            return {}  # their errors are reported
        stored = isinstance(info.context, SweepContext) and info.context.stored
        context = StudyContext(info.data["base"], info.data["benchmark"], stored)
        studies = {}
        for name, study in value.items():
            with errors_under(name):
                studies[check_study_name(name)] = validate_model(StudySpec, study, context)
        return studies

    @field_validator("objective")
    @classmethod
    def _check_objective(cls, objective: Objective, info: ValidationInfo) -> Objective:
        if "benchmark" in info.data:
            check_objective(objective, info.data["benchmark"])
        return objective

    @field_validator("objectives")
    @classmethod
    def _check_objectives(
        cls, objectives: tuple[Objective, ...], info: ValidationInfo
    ) -> tuple[Objective, ...]:
        if "benchmark" in info.data:
            check_objectives(objectives, info.data["benchmark"])
        return objectives

    @field_validator("constraints")
    @classmethod
    def _check_constraints(
        cls, constraints: tuple[Constraint, ...], info: ValidationInfo
    ) -> tuple[Constraint, ...]:
        if "benchmark" in info.data:
            limited = tuple(constraint.objective for constraint in constraints)
            check_objectives(limited, info.data["benchmark"])
        return constraints

    @field_validator("scheduler")
    @classmethod
    def _drop_none(cls, scheduler: SchedulerSpec | None) -> SchedulerSpec | None:
        """Read none as absent: only a study has one to switch off."""
        return None if scheduler is None or scheduler.name == "none" else scheduler

    @model_validator(mode="after")
    def _check_studies(self) -> Self:
        if "window" in self.model_fields_set and not self.reproducible:
            raise SpecError("has no effect without 'reproducible: true'", key="window")
        for name in self.studies:
            self._check_scheduler(name)
            self._check_sampler(name)
            self._check_racing(name)
        return self

    def _check_scheduler(self, name: str) -> None:
        scheduler, objectives = self.scheduler_of(name), self.objectives_of(name)
        if scheduler is None:
            return
        inherited = self.studies[name].scheduler is None
        key = "scheduler" if inherited else f"studies.{name}.scheduler"
        if objectives != (self.objective,):
            why = "it compares by the sweep's objective"
            if len(objectives) > 1:
                why = "Optuna prunes by one objective only"
            names = ", ".join(objective.name for objective in objectives)
            raise SpecError(
                f"'{scheduler.name}' cannot end trials early while the study optimizes {names}: "
                f"{why}; set studies.{name}.scheduler: none",
                key=key,
            )
        is_search = self.studies[name].space is not None
        if self.reproducible and is_search and scheduler.name != "patience":
            raise SpecError(
                f"'{scheduler.name}' compares a trial with others that happen to be as far, so "
                "the search would depend on timing; use patience or none, or leave out "
                "'reproducible: true'",
                key=key,
            )

    def _check_sampler(self, name: str) -> None:
        study = self.studies[name]
        if study.space is None or study.sampler.name != "cmaes":
            return
        unsupported = "several objectives" if len(self.objectives_of(name)) > 1 else ""
        if not unsupported and self.constraints_of(name):
            unsupported = "constraints"
        if unsupported:
            what = f"cmaes does not support {unsupported}; use tpe, gp, nsga2 or nsga3"
            raise SpecError(what, key=f"studies.{name}.sampler.name")

    def _check_racing(self, name: str) -> None:
        racing, seeds = self.studies[name].racing, self.seeds_of(name)
        if racing is None:
            return
        with errors_under(f"studies.{name}.racing"):
            if len(self.objectives_of(name)) > 1:
                raise SpecError("compares points by one objective, and the study has several")
            if len(seeds) < 2:
                what = "needs a study with at least 2 seeds: comparisons use their spread"
                raise SpecError(what)
            if racing.max_seeds <= len(seeds):
                what = (
                    f"must exceed the study's {plural(len(seeds), 'seed')}, got {racing.max_seeds}"
                )
                raise SpecError(what, key="max_seeds")
            if max(seeds) + racing.max_seeds >= MAX_SEED:
                raise SpecError(f"no further seeds are left after {max(seeds)}")

    # ---- what holds for a study

    @cached_property
    def base_config(self) -> TrialConfig:
        """The base, validated and with every default filled in."""
        return build_config(self.base)

    def base_of(self, study: str) -> PlainData:
        """Return the base with the study's own changes; not to be written to."""
        return self._bases[study]

    def base_config_of(self, study: str) -> TrialConfig:
        """Return the study's base, validated and with every default filled in."""
        return build_config(self.base_of(study))

    @cached_property
    def _bases(self) -> dict[str, PlainData]:
        return {name: with_overrides(self.base, study.base) for name, study in self.studies.items()}

    def seeds_of(self, study: str) -> tuple[int, ...]:
        """Return the study's seeds: its own, or the sweep's."""
        own = self.studies[study].seeds
        return self.seeds if own is None else own

    def scheduler_of(self, study: str) -> SchedulerSpec | None:
        """Return the study's scheduler: its own, or the sweep's; None where no trial is ended."""
        scheduler = self.studies[study].scheduler or self.scheduler
        return None if scheduler is None or scheduler.name == "none" else scheduler

    def objectives_of(self, study: str) -> tuple[Objective, ...]:
        """Return what the study optimizes: its own objectives, the sweep's, or ``objective``."""
        return self.studies[study].objectives or self.objectives or (self.objective,)

    def constraints_of(self, study: str) -> tuple[Constraint, ...]:
        """Return the study's constraints: its own, or the sweep's; only searches have any."""
        if self.studies[study].space is None:
            return ()
        own = self.studies[study].constraints
        return self.constraints if own is None else own

    # ---- writing

    def to_dict(self) -> PlainData:
        """Return the sweep as plain data: variables expanded, ranges written out."""
        plain: PlainData = {
            "name": self.name,
            "benchmark": self.benchmark.to_dict(),
            "base": normalize_base(without_mark(self.base)),
            "seeds": list(self.seeds),
            "studies": {name: study.to_dict() for name, study in self.studies.items()},
            "objective": self.objective.to_dict(),
            "resources": self.resources.model_dump(),
            "store": self.store.to_dict(),
        }
        if type(self.benchmark).technique_defaults:
            plain["defaults"] = self.defaults
        if self.scheduler is not None:
            plain["scheduler"] = self.scheduler.to_dict()
        if self.objectives:
            plain["objectives"] = [objective.to_dict() for objective in self.objectives]
        if self.constraints:
            plain["constraints"] = [constraint.to_dict() for constraint in self.constraints]
        if self.budget is not None:
            plain["budget"] = self.budget.to_dict()
        if self.reproducible:
            plain |= {"reproducible": True, "window": self.window}
        if self.preview:
            plain["preview"] = True
        return plain

    def to_yaml(self) -> str:
        """Return ``to_dict`` as YAML that loads again to an equal sweep."""
        return dump_yaml(self.to_dict())


def _suggest_base(key: str) -> str:
    """Return a hint for a key of a trial that was written at the file's root."""
    if key not in TrialConfig.model_fields:
        return ""
    return f"did you mean 'base.{key}'? (known: {', '.join(sorted(SweepSpec.model_fields))})"
