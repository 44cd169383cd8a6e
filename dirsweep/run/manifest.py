"""What a run was asked to do, as typed facts for its readers.

Read once from the resolved sweep (``spec.yaml``) and from what the driver recorded about the
benchmark (``provenance.json``). Nothing is built or validated, so a run of an earlier build, or
with techniques that are not installed here, is readable; neither torch nor the registry is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import yaml

from dirsweep.domain import Constraint, MetricColumn, Objective
from dirsweep.errors import StoreError
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths
from dirsweep.run.storage import local_file

if TYPE_CHECKING:
    from dirsweep.config.sweep import SweepSpec

#: the keys that say how a study lays out its points; a study has one of them
DESIGNS = ("grid", "one_at_a_time", "points", "space")


@dataclass(frozen=True)
class BenchmarkFacts:
    """The benchmark of a run.

    Attributes:
        name: as registered; empty where the sweep names none.
        settings: everything the sweep states about it, the name included.
        display_name: as tables write it; the name where the run's build did not record it.
        label_unit: ``years``; empty where not recorded.
        label_range: lowest and highest label, label unit; None where not recorded.
        metrics: names of its metrics; empty where not recorded.
        similar_within: labels at most so far apart are similar, label unit; None where unrecorded.
        region_rule: by what label bins have their shot regions, in words; empty where not recorded.
        variant: which of several splits in circulation it is; empty where there is only one.
        overlaps: what the test split has in common with training, in words; empty for nothing.
        smallest_error: smaller absolute errors count as this in the geometric mean, label unit.
    """

    name: str
    settings: Mapping[str, Any]
    display_name: str
    label_unit: str = ""
    label_range: tuple[float, float] | None = None
    metrics: tuple[str, ...] = ()
    similar_within: float | None = None
    region_rule: str = ""
    variant: str = ""
    overlaps: str = ""
    smallest_error: float = 0.0

    @property
    def zero_shot(self) -> bool:
        """Whether label ranges were taken out of training on purpose."""
        return bool(self.settings.get("zero_shot"))


@dataclass(frozen=True)
class StudyFacts:
    """One study of a run.

    Attributes:
        name: its key in the sweep file.
        design: ``grid``, ``one_at_a_time``, ``points`` or ``space``; empty where unknown.
        base: dotted key -> value, what the study changes in the sweep's base.
        factors: dotted key -> values, of a grid or of one key at a time.
        points: the overrides of each listed point.
        space: dotted key -> range as the sweep file writes it, of a search.
        num_points: how many points a search proposes; 0 for a planned study.
        seeds: of every point.
        objective: by which points are chosen and sorted.
        objectives: all of them; with several the Pareto front is what a search found.
        constraints: of a search.
        scheduler: name of the scheduler that prunes its trials, or None.
        resolved_base: the base with every default filled in, as the driver recorded it; None where
            it did not.
    """

    name: str
    design: str
    objective: Objective
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    base: Mapping[str, Any] = field(default_factory=dict)
    factors: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    points: tuple[Mapping[str, Any], ...] = ()
    space: Mapping[str, Any] = field(default_factory=dict)
    num_points: int = 0
    seeds: tuple[int, ...] = (0,)
    scheduler: str | None = None
    resolved_base: Mapping[str, Any] | None = None

    @property
    def searched(self) -> bool:
        """Whether a sampler proposes the points."""
        return self.design == "space"

    @property
    def columns(self) -> tuple[MetricColumn, ...]:
        """The objectives' columns."""
        return tuple(objective.metric_column for objective in self.objectives)

    @cached_property
    def varied_keys(self) -> tuple[str, ...]:
        """The dotted keys that the points set, in the sweep file's order."""
        listed = (key for point in self.points for key in point)
        return tuple(dict.fromkeys([*self.factors, *self.space, *listed]))


@dataclass(frozen=True)
class Manifest:
    """What a run was asked to do.

    Attributes:
        name: of the sweep.
        benchmark: its data.
        base: the configuration that every study varies, nested, as the sweep states it.
        seeds: of studies that have none of their own.
        objective: by which epochs and points are chosen.
        studies: by name, in the sweep file's order.
        preview: whether ``--preview`` thinned the sweep.
        store_features: whether trials keep their test features.
        display_names: registered name of a technique -> how papers write it, as recorded.
    """

    name: str
    benchmark: BenchmarkFacts
    base: Mapping[str, Any]
    seeds: tuple[int, ...]
    objective: Objective
    studies: Mapping[str, StudyFacts]
    preview: bool = False
    store_features: bool = False
    display_names: Mapping[str, str] = field(default_factory=dict)

    def study(self, name: str) -> StudyFacts:
        """Return a study's facts; one that the sweep no longer has is judged by its objective."""
        return self.studies.get(name) or StudyFacts(name, "", self.objective, (self.objective,))

    @classmethod
    def from_dict(
        cls, spec: Mapping[str, Any], *, run_name: str = "", recorded: Any = None
    ) -> Manifest:
        """Read the facts from plain data.

        Args:
            spec: the resolved sweep (``SweepSpec.to_dict()``), of whatever build.
            run_name: the name where the sweep has none.
            recorded: what the driver recorded about the sweep, see ``sweep_record``.
        """
        objective = Objective.from_dict(spec.get("objective")) or Objective()
        facts = _mapping(recorded)
        bases = _mapping(facts.get("bases"))
        studies = {
            str(name): replace(
                _study(str(name), _mapping(study), spec, objective),
                resolved_base=_mapping(bases.get(name)) or None,
            )
            for name, study in _mapping(spec.get("studies")).items()
        }
        return cls(
            name=str(spec.get("name", run_name)),
            benchmark=_benchmark(spec, _mapping(facts.get("benchmark"))),
            base=_mapping(spec.get("base")),
            seeds=_seeds(spec.get("seeds")) or (0,),
            objective=objective,
            studies=studies,
            preview=bool(spec.get("preview")),
            store_features=bool(_mapping(spec.get("store")).get("features")),
            display_names=_mapping(facts.get("display_names")),
        )


class StatesFacts(Protocol):
    """A benchmark's config class, as far as readers of a run are concerned."""

    display_name: ClassVar[str]
    label_unit: ClassVar[str]
    label_range: ClassVar[tuple[float, float]]
    metrics: ClassVar[tuple[str, ...]]
    smallest_error: ClassVar[float]
    bin_width: ClassVar[float]
    similar_within: ClassVar[float | None]


def sweep_record(spec: SweepSpec, data: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return what a driver records in ``provenance.json``, so that readers need no registry.

    Args:
        spec: the sweep.
        data: what only the benchmark's data tells, see ``data.facts``.
    """
    from dirsweep import registry

    names = {name for room in registry.TECHNIQUES for name in registry.names(room)}
    return {
        "benchmark": benchmark_record(spec.benchmark) | dict(data or {}),
        "bases": {study: spec.base_config_of(study).to_dict() for study in spec.studies},
        "display_names": {name: registry.display_name(name) for name in sorted(names)},
    }


def benchmark_record(config: StatesFacts) -> dict[str, object]:
    """Return what a driver records about its benchmark."""
    return {
        "display_name": config.display_name,
        "label_unit": config.label_unit,
        "label_range": list(config.label_range),
        "metrics": list(config.metrics),
        "smallest_error": config.smallest_error,
        "similar_within": config.similar_within or config.bin_width,
    }


def read_manifest(paths: RunPaths) -> Manifest:
    """Read what a run was asked to do.

    Args:
        paths: the run's files.

    Raises:
        StoreError: no such folder, not the folder of a run, or its sweep is damaged.
    """
    spec = read_spec(paths)
    recorded = recorded_facts(paths.provenance.read_json())
    return Manifest.from_dict(spec, run_name=paths.name, recorded=recorded)


def require_file(paths: RunPaths, file: StoredFile) -> None:
    """Check that a path that a user gave is the folder of a run.

    Args:
        paths: the path.
        file: what such a folder has.

    Raises:
        StoreError: no such folder, a file, or a folder without ``file``.
    """
    if file.exists():
        return
    if paths.exists():
        what = f"not the folder of a run: it has no {file.name}"
    else:
        what = "a file" if local_file(Path(paths.root)).exists() else "no such folder"
    raise StoreError(f"{paths.root}: {what}; give the folder of a run (default: runs/NAME)")


def read_spec(paths: RunPaths) -> dict[str, Any]:
    """Read the resolved sweep as plain data; ``read_manifest`` gives its facts.

    Raises:
        StoreError: no such folder, not the folder of a run, or its sweep is damaged.
    """
    require_file(paths, paths.spec)
    try:
        text = paths.spec.read() or b""
        spec = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        spec = None
    if not isinstance(spec, dict):
        raise StoreError(
            f"{paths.spec}: damaged; `dirsweep run SWEEP --out {paths.root}` writes it again"
        )
    return spec


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else []


def _seeds(value: Any) -> tuple[int, ...]:
    return tuple(_list(value))


def _benchmark(spec: Mapping[str, Any], recorded: Mapping[str, Any]) -> BenchmarkFacts:
    stated = spec.get("benchmark")
    settings = stated if isinstance(stated, Mapping) else {"name": stated}
    name = str(settings.get("name") or "")
    label_range = recorded.get("label_range")
    return BenchmarkFacts(
        name=name,
        settings=settings,
        display_name=str(recorded.get("display_name") or name),
        label_unit=str(recorded.get("label_unit") or ""),
        label_range=None if not label_range else (float(label_range[0]), float(label_range[1])),
        metrics=tuple(recorded.get("metrics") or ()),
        similar_within=float(recorded.get("similar_within") or 0) or None,
        region_rule=str(recorded.get("region_rule") or ""),
        variant=str(recorded.get("variant") or ""),
        overlaps=str(recorded.get("overlaps") or ""),
        smallest_error=float(recorded.get("smallest_error") or 0.0),
    )


def recorded_facts(provenance: Any) -> Mapping[str, Any]:
    """Return what the last session recorded about its sweep, see ``sweep_record``."""
    sessions = [_mapping(session) for session in _list(_mapping(provenance).get("sessions"))]
    return next((session for session in reversed(sessions) if session.get("benchmark")), {})


def _study(
    name: str, own: Mapping[str, Any], spec: Mapping[str, Any], objective: Objective
) -> StudyFacts:
    design = next((key for key in DESIGNS if key in own), "")
    objectives: tuple[Objective, ...] = (objective,)
    constraints: tuple[Constraint, ...] = ()
    if design == "space":  # only searches have objectives of their own and constraints
        listed = _objectives(own.get("objectives") or spec.get("objectives"))
        objectives = listed or objectives
        stated = own.get("constraints")
        constraints = _constraints(spec.get("constraints") if stated is None else stated)
    return StudyFacts(
        name=name,
        design=design,
        objective=objectives[0] if len(objectives) == 1 else objective,
        objectives=objectives,
        constraints=constraints,
        base=_mapping(own.get("base")),
        factors=_mapping(own.get(design)) if design in ("grid", "one_at_a_time") else {},
        points=tuple(_mapping(point) for point in _list(own.get("points"))),
        space=_mapping(own.get("space")),
        num_points=int(own.get("trials") or 0),
        seeds=_seeds(own.get("seeds")) or _seeds(spec.get("seeds")) or (0,),
        scheduler=_scheduler(own.get("scheduler") or spec.get("scheduler")),
    )


def _objectives(values: Iterable[Any] | None) -> tuple[Objective, ...]:
    read = (Objective.from_dict(value) for value in values or ())
    return tuple(objective for objective in read if objective is not None)


def _constraints(values: Iterable[Any] | None) -> tuple[Constraint, ...]:
    read = (Constraint.from_dict(value) for value in values or ())
    return tuple(constraint for constraint in read if constraint is not None)


def _scheduler(value: Any) -> str | None:
    name = value.get("name") if isinstance(value, Mapping) else value
    return None if name in (None, "none") else str(name)
