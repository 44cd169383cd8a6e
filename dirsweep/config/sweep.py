"""What a sweep is. Every key of a sweep file stands here or in ``schema.py``, with a comment that
``describe`` prints.

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
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from dirsweep.config.overrides import build_config, normalize_base, with_overrides
from dirsweep.config.space import SearchSpace
from dirsweep.config.trial import Config, TrialConfig
from dirsweep.config.yaml_text import dump_yaml
from dirsweep.domain import Constraint, Direction, Objective, Region

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

Design = Literal["grid", "one_at_a_time", "points", "space"]
DESIGNS: tuple[Design, ...] = ("grid", "one_at_a_time", "points", "space")

#: sampler names of a sweep file -> classes of ``optuna.samplers``
SAMPLERS = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "qmc": "QMCSampler",
    "nsga2": "NSGAIISampler",
    "nsga3": "NSGAIIISampler",
}


#: samplers that learn from points which they did not propose
LEARNS_FROM_ANY = ("tpe", "gp")
#: of so many ended trials TPE learns where the sweep file says nothing
DEFAULT_HISTORY = 500
LEAST_HISTORY = 50
#: twice the trials that run at once on a small machine, so that hardly a worker waits for the
#: slowest
DEFAULT_WINDOW = 4


class ObjectiveSpec(Config):
    """What is looked at on the validation split: it chooses each trial's best epoch and guides
    search and scheduler.
    """

    metric: str = "mae"
    """one of the benchmark's metrics"""

    region: Region = "all"
    """all samples, or those of one shot region (by the training count of their label's bin); zero:
    with zero_shot only
    """

    @property
    def value(self) -> Objective:
        """The objective itself, which knows its direction and its column."""
        return Objective(self.metric, self.region)

    @property
    def direction(self) -> Direction:
        """As Optuna calls it."""
        return self.value.direction

    @property
    def name(self) -> str:
        """``mae/few``."""
        return self.value.name

    @property
    def column(self) -> str:
        """Its column of the tables: ``val_mae_few``."""
        return self.value.column


class SchedulerSpec(Config):
    """What ends trials early. A trial it ends is ``pruned``, which is no failure."""

    name: Literal["none", "asha", "hyperband", "median", "patience"]
    """asha and hyperband compare at rungs, median with the median of the others, patience with the
    trial's own past
    """

    grace_epochs: Annotated[int, Field(ge=1)] = 1
    """no trial ends before so many epochs"""

    reduction_factor: Annotated[int, Field(ge=2)] = 3
    """asha, hyperband: one in so many goes on at each rung"""

    min_trials: Annotated[int, Field(ge=1)] = 5
    """median: so many trials must have come as far before one is judged"""

    patience: Annotated[int, Field(ge=1)] = 10
    """patience: so many validations without improvement end the trial"""

    #: the keys that do something, by name
    USES: ClassVar[dict[str, tuple[str, ...]]] = {
        "none": (),
        "asha": ("grace_epochs", "reduction_factor"),
        "hyperband": ("grace_epochs", "reduction_factor"),
        "median": ("grace_epochs", "min_trials"),
        "patience": ("grace_epochs", "patience"),
    }

    def to_dict(self) -> dict[str, Any]:
        """The name and the keys it uses."""
        return {key: getattr(self, key) for key in ("name", *self.USES[self.name])}


class ResourcesSpec(Config):
    """What one trial gets of a machine."""

    model_config = ConfigDict(validate_default=True)  # 1 and 1.0 are written alike

    cpu: Annotated[float, Field(gt=0)] = 1
    """CPUs, also the threads a trial computes with; below 1 several trials share one"""

    gpu: Annotated[float, Field(ge=0)] | Literal["auto"] = "auto"
    """GPUs; 0.5 lets two trials share one; auto measures a trial's memory once and lets as many
    share one as fit; what runs out of a shared GPU's memory is tried again with twice the room
    """

    epoch_limit_s: Annotated[float | None, Field(gt=0)] = None
    """seconds an epoch may take, validation included, before the trial counts as hanging; null: any
    time
    """

    checkpoint_every_s: Annotated[float, Field(ge=0)] = 10
    """seconds between two checkpoints of a trial, each after a whole epoch"""


class StoreSpec(Config):
    """What a trial keeps besides its predictions. It changes no result, so it is no part of what a
    trial is.
    """

    features: bool = False
    """the backbone's features of the test samples at the best epoch, in trials/<id>/features.arrow:
    4 bytes for each number of each sample; the report's ranking matrices, feature similarities
    and t-SNE are drawn from them
    """


class MoneySpec(Config):
    """What a run may cost, in whatever currency the prices are."""

    limit: Annotated[float, Field(gt=0)]
    """in the currency of the prices"""

    cpu_hour: Annotated[float, Field(ge=0)] = 0.0
    """price of one CPU for an hour"""

    gpu_hour: Annotated[float, Field(ge=0)] = 0.0
    """price of one GPU for an hour"""

    @model_validator(mode="after")
    def _has_a_price(self) -> MoneySpec:
        if self.cpu_hour == 0 and self.gpu_hour == 0:
            raise ValueError("needs a price: cpu_hour, gpu_hour, or both")
        return self


class BudgetSpec(Config):
    """What a run may use in all, every session counted. Reached, trials that are nearly done are
    finished.
    """

    trials: Annotated[int | None, Field(ge=1)] = None
    """different trials begun"""

    wall_hours: Annotated[float | None, Field(gt=0)] = None
    """hours in which a driver worked on the run"""

    cpu_hours: Annotated[float | None, Field(gt=0)] = None
    """hours of trials times their resources.cpu"""

    gpu_hours: Annotated[float | None, Field(gt=0)] = None
    """hours of trials times their share of a GPU"""

    money: MoneySpec | None = None
    """limit and prices per hour"""

    def to_dict(self) -> dict[str, Any]:
        """The limits there are."""
        return self.model_dump(exclude_none=True)


class RacingSpec(Config):
    """More seeds for those points of a study only that are not yet told from its best one."""

    max_seeds: Annotated[int, Field(ge=3)]
    """no point gets more seeds than this"""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """of each paired comparison over the seeds; a point that is worse with this confidence gets no
    more of them
    """


@dataclass(frozen=True)
class SamplerSpec:
    """Who proposes the points of a ``space``: an Optuna sampler.

    Attributes:
        name: one of ``SAMPLERS``.
        seed: >= 0.
        args: any further argument of that sampler, as Optuna names it (``n_startup_trials: 5,
            multivariate: true``).
        history: for ``tpe``: of so many ended trials it learns, see ``policy.bounded_tpe``; None:
            of all.
    """

    name: str = "tpe"
    seed: int = 0
    args: dict[str, Any] = field(default_factory=dict)
    history: int | None = DEFAULT_HISTORY

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a sweep file."""
        history = {} if self.history == DEFAULT_HISTORY else {"history": self.history}
        return {"name": self.name, "seed": self.seed, **history, **self.args}


@dataclass(frozen=True)
class StudySpec:
    """One question: how its points are laid out around the base. Exactly one design key is present.

    Attributes:
        base: dotted keys this study changes in the sweep's base, for all its points.
        grid: dotted key -> values; all combinations, the last key fastest.
        one_at_a_time: dotted key -> values; the base first, then each key varied alone.
        points: mappings from dotted keys to values; ``{}`` is the base itself.
        space: dotted key -> range; a sampler proposes the points.
        trials: space only: how many points are proposed, those of ``start`` included.
        sampler: space only.
        start: space only: points tried first; keys left out take the base's value.
        seeds: instead of the sweep's.
        scheduler: instead of the sweep's; its name is ``none`` where it is switched off.
        objectives, constraints: space only: instead of the sweep's.
        racing: which points get more seeds than the study's; None: none.
        warm_start: space only: folders of earlier runs whose points the sampler is told of.
    """

    base: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, tuple[Any, ...]] | None = None
    one_at_a_time: dict[str, tuple[Any, ...]] | None = None
    points: tuple[dict[str, Any], ...] | None = None
    space: SearchSpace | None = None
    trials: int = 0
    sampler: SamplerSpec = field(default_factory=SamplerSpec)
    start: tuple[dict[str, Any], ...] = ()
    seeds: tuple[int, ...] | None = None
    scheduler: SchedulerSpec | None = None
    objectives: tuple[ObjectiveSpec, ...] | None = None
    constraints: tuple[Constraint, ...] | None = None
    racing: RacingSpec | None = None
    warm_start: tuple[str, ...] = ()

    @property
    def design(self) -> Design:
        """Which of the design keys is present."""
        return next(design for design in DESIGNS if getattr(self, design) is not None)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a sweep file, ranges and conditions written out."""
        plain: dict[str, Any] = {"base": dict(self.base)} if self.base else {}
        if self.space is not None:
            plain |= {"sampler": self.sampler.to_dict(), "trials": self.trials}
            if self.start:
                plain["start"] = [dict(point) for point in self.start]
            if self.warm_start:
                plain["warm_start"] = list(self.warm_start)
            plain["space"] = self.space.to_dict()
        elif self.points is not None:
            plain["points"] = [dict(point) for point in self.points]
        else:
            factors: Mapping[str, tuple[Any, ...]] = getattr(self, self.design)
            plain[self.design] = {key: list(values) for key, values in factors.items()}
        if self.seeds is not None:
            plain["seeds"] = list(self.seeds)
        if self.scheduler is not None:
            plain["scheduler"] = self.scheduler.to_dict()
        if self.objectives is not None:
            plain["objectives"] = [objective.model_dump() for objective in self.objectives]
        if self.constraints is not None:
            plain["constraints"] = [constraint.to_dict() for constraint in self.constraints]
        if self.racing is not None:
            plain["racing"] = self.racing.model_dump()
        return plain


@dataclass(frozen=True)
class SweepSpec:
    """A sweep as data: loaded, checked, frozen. ``dirsweep.config.load.load_sweep`` makes one.

    Attributes:
        name: letters, digits, ``.``, ``_``, ``-``; names the run's folder.
        benchmark: the data and its protocol.
        base: the configuration that every study varies, nested, as ``TrialConfig`` takes it.
        seeds: each point is trained once with each.
        studies: by name, in the file's order.
        objective, scheduler, resources, store: see their classes; scheduler None lets every trial
            run to its end.
        objectives: what searches are after, by Pareto's order where there are several; empty:
            ``objective``.
        constraints: what the points of searches must keep to.
        reproducible: searches propose the same points whatever the timing: point k once points 0 to
            k - ``window`` have ended, knowing just those.
        window: with ``reproducible``: how many points of a search may be open at once.
        budget: what the run may use; None: whatever it takes.
        source: the file, for messages.
        preview: True when ``--preview`` has thinned it. A mark for tables and plots; in a file it
            thins nothing.
    """

    name: str
    benchmark: BenchmarkConfig
    base: dict[str, Any]
    studies: dict[str, StudySpec]
    seeds: tuple[int, ...] = (0,)
    objective: ObjectiveSpec = field(default_factory=ObjectiveSpec)
    scheduler: SchedulerSpec | None = None
    resources: ResourcesSpec = field(default_factory=ResourcesSpec)
    store: StoreSpec = field(default_factory=StoreSpec)
    source: str = field(default="", compare=False)
    preview: bool = False
    objectives: tuple[ObjectiveSpec, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    reproducible: bool = False
    window: int = DEFAULT_WINDOW
    budget: BudgetSpec | None = None

    @cached_property
    def base_config(self) -> TrialConfig:
        """The base, validated and with every default filled in."""
        return build_config(self.base)

    def base_of(self, study: str) -> dict[str, Any]:
        """The base with the study's own changes; not to be written to."""
        return self._bases[study]

    def base_config_of(self, study: str) -> TrialConfig:
        """The study's base, validated and with every default filled in."""
        return build_config(self.base_of(study))

    @cached_property
    def _bases(self) -> dict[str, dict[str, Any]]:
        return {name: with_overrides(self.base, study.base) for name, study in self.studies.items()}

    def seeds_of(self, study: str) -> tuple[int, ...]:
        """The study's seeds, the sweep's where it has none of its own."""
        own = self.studies[study].seeds
        return self.seeds if own is None else own

    def scheduler_of(self, study: str) -> SchedulerSpec | None:
        """The study's scheduler, the sweep's where it has none of its own; None when trials run to
        their end.
        """
        scheduler = self.studies[study].scheduler or self.scheduler
        return None if scheduler is None or scheduler.name == "none" else scheduler

    def objectives_of(self, study: str) -> tuple[ObjectiveSpec, ...]:
        """What the study is after: its own objectives, the sweep's, or the one that chooses the
        best epoch.
        """
        return self.studies[study].objectives or self.objectives or (self.objective,)

    def constraints_of(self, study: str) -> tuple[Constraint, ...]:
        """The study's constraints, the sweep's where it has none of its own; only searches have
        any.
        """
        if self.studies[study].space is None:
            return ()
        own = self.studies[study].constraints
        return self.constraints if own is None else own

    def to_dict(self) -> dict[str, Any]:
        """The resolved spec as plain data: variables expanded, overrides applied, ranges written
        out.
        """
        plain: dict[str, Any] = {
            "name": self.name,
            "benchmark": self.benchmark.to_dict(),
            "base": normalize_base(self.base),
            "seeds": list(self.seeds),
            "studies": {name: study.to_dict() for name, study in self.studies.items()},
            "objective": self.objective.model_dump(),
            "resources": self.resources.model_dump(),
            "store": self.store.model_dump(),
        }
        if self.scheduler is not None:
            plain["scheduler"] = self.scheduler.to_dict()
        if self.objectives:
            plain["objectives"] = [objective.model_dump() for objective in self.objectives]
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
        """``to_dict`` as YAML that loads again to an equal spec."""
        return dump_yaml(self.to_dict())


def describe() -> list[tuple[str, str, str, str]]:
    """(key, type, default, description) of every key of a sweep file, those of every technique
    included.
    """
    from dirsweep.config.reference import rows  # it imports this module

    return rows()
