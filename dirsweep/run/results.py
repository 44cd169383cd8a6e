"""What the points of a study came to: base point, means, feasibility, Pareto front.

Driver, ``status``, tables and exports all ask here, each with the data that it has: the driver and
``status`` with a ``RunState`` and outcomes, the analysis with rows of the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from dirsweep.config.overrides import MISSING, build_config, normalize_base, with_overrides
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import canonical_json
from dirsweep.domain import Constraint, Objective, is_undefined, mean_over_seeds, pareto_front
from dirsweep.errors import DirSweepError
from dirsweep.run.manifest import Manifest
from dirsweep.run.state import RunState


class HasMetrics(Protocol):
    """An outcome, as far as results go."""

    @property
    def status(self) -> str:
        """``complete``, ``failed`` ..."""

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Column -> value of the best epoch."""


@dataclass(frozen=True)
class StudyGoals:
    """What the points of a study are judged by, on the validation split.

    Attributes:
        objectives: at least one; with more than one the Pareto front is what the study found.
        constraints: limits that a feasible point satisfies.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    @property
    def needs_base(self) -> bool:
        """Whether a constraint is relative to the base's result."""
        return any(constraint.of_base for constraint in self.constraints)

    def violations(self, means: Mapping[str, float], base: Mapping[str, float]) -> dict[str, float]:
        """Measure by how much a point breaks each constraint.

        A constraint relative to the base is skipped while the base has no result: it has not
        ended, or it failed.

        Args:
            means: column -> mean of the point.
            base: column -> mean of the base point.

        Returns:
            Constraint -> violation, in the unit of its metric; <= 0 where it is satisfied,
            infinite where the point's metric is undefined.
        """
        found: dict[str, float] = {}
        for constraint in self.constraints:
            column = constraint.objective.column
            if constraint.of_base and column not in base:
                continue
            violation = constraint.violation(means.get(column), base.get(column))
            found[constraint.name] = violation
        return found


def goals_of(spec: SweepSpec, study: str) -> StudyGoals:
    """Return what a study's points are judged by."""
    return StudyGoals(spec.objectives_of(study), spec.constraints_of(study))


@dataclass(frozen=True)
class StudyBase:
    """The configuration that a study varies.

    Attributes:
        stated: nested, what the sweep file says, without defaults.
        resolved: with every default filled in (``TrialConfig.to_dict()``); None where it cannot be
            built, as for a technique that is not installed here.
    """

    stated: Mapping[str, Any]
    resolved: Mapping[str, Any] | None

    def index_among(self, points: Iterable[PointResult]) -> int | None:
        """Find the base among a study's points.

        It is the first point whose resolved configuration is the base's. Where no configuration
        decides it (an early build kept none, or had other defaults), it is the first point that
        changes nothing, or only to the values that the base states.

        Returns:
            The point's index; None without such a point.
        """
        points = list(points)
        if self.resolved is not None:
            wanted = canonical_json(self.resolved)
            for point in points:
                if point.config is not None and _as_json(point.config) == wanted:
                    return point.index
        stated = _flat(self.stated)
        for point in points:
            if all(stated.get(key, MISSING) == value for key, value in point.overrides.items()):
                return point.index
        return None


def base_of(spec: SweepSpec, study: str) -> StudyBase:
    """Return the base of a study of a loaded sweep."""
    return StudyBase(spec.base_of(study), spec.base_config_of(study).to_dict())


def base_from_manifest(manifest: Manifest, study: str) -> StudyBase:
    """Return the base of a study of a run, see ``base_of``.

    The run may be of another build, or of techniques that are not installed here.
    """
    facts = manifest.study(study)
    own = facts.base
    if facts.resolved_base is not None:
        return StudyBase({**manifest.base, **own}, facts.resolved_base)
    try:
        stated = with_overrides(normalize_base(manifest.base), own)
        return StudyBase(stated, build_config(stated).to_dict())
    except DirSweepError:
        return StudyBase({**manifest.base, **own}, None)


def _as_json(config: Mapping[str, Any] | str) -> str:
    return config if isinstance(config, str) else canonical_json(config)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat[f"{prefix}{key}"] = item
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{prefix}{key}.")
    return flat


def mean_metrics(outcomes: Sequence[HasMetrics | None]) -> dict[str, float]:
    """Average the trials of a point.

    Args:
        outcomes: one per trial; None for one that has not ended.

    Returns:
        Column -> mean, of the columns that are defined for every trial (see
        ``domain.mean_over_seeds``); nothing unless all of them are complete.
    """
    complete = [found for found in outcomes if found is not None and found.status == "complete"]
    if not complete or len(complete) < len(outcomes):
        return {}
    means: dict[str, float] = {}
    for column in complete[0].metrics:
        mean = mean_over_seeds(found.metrics.get(column) for found in complete)
        if not is_undefined(mean):
            means[column] = mean
    return means


@dataclass(frozen=True)
class PointResult:
    """A point of a study with its means.

    Attributes:
        index: of the point in its study.
        overrides: dotted key -> value, what it changes in the base.
        config: its resolved configuration, nested or as canonical JSON; None where unknown.
        means: column -> mean over its trials; empty while one has not ended, or where one was
            pruned, stopped or failed.
    """

    index: int
    overrides: Mapping[str, Any]
    config: Mapping[str, Any] | str | None
    means: Mapping[str, float]

    @property
    def complete(self) -> bool:
        """Whether all its trials are complete."""
        return bool(self.means)


class StudyResults:
    """The points of one study, judged by its goals.

    Args:
        points: in the order in which they were proposed.
        goals: objectives and constraints of the study.
        base: what the study varies, or a function that gives it: to resolve a base needs the
            registry, and with it torch.
    """

    def __init__(
        self,
        points: Iterable[PointResult],
        goals: StudyGoals,
        base: StudyBase | Callable[[], StudyBase],
    ) -> None:
        self.points = {point.index: point for point in points}
        self.goals = goals
        self._base = base

    @classmethod
    def of_state(
        cls,
        state: RunState,
        study: str,
        goals: StudyGoals,
        base: StudyBase | Callable[[], StudyBase],
        outcomes: Mapping[str, HasMetrics],
        *,
        seeds: Sequence[int] | None = None,
    ) -> StudyResults:
        """Judge a study from its log and its trials' outcomes.

        Args:
            state: of the run.
            study: its key in the sweep file.
            goals: of the study.
            base: of the study.
            outcomes: of the trials that have ended.
            seeds: look at the trials of these seeds only; None: at all.
        """
        points = []
        for point in state.points_of(study):
            trials = [
                trial_id
                for seed, trial_id in point.trials.items()
                if seeds is None or seed in seeds
            ]
            means = mean_metrics([outcomes.get(trial_id) for trial_id in trials])
            points.append(PointResult(point.index, point.overrides, point.config, means))
        return cls(points, goals, base)

    @cached_property
    def base(self) -> StudyBase:
        """What the study varies; found out on first use."""
        return self._base() if callable(self._base) else self._base

    @cached_property
    def base_index(self) -> int | None:
        """The base among the points, see ``StudyBase.index_among``."""
        return self.base.index_among(self.points.values())

    @property
    def base_means(self) -> Mapping[str, float]:
        """The base's means; empty while it has no result."""
        return {} if self.base_index is None else self.points[self.base_index].means

    @property
    def reference_means(self) -> Mapping[str, float]:
        """The base's means where a constraint is relative to them, else nothing."""
        return self.base_means if self.goals.needs_base else {}

    def violations(self, index: int) -> dict[str, float]:
        """Return by how much a point breaks each constraint, see ``StudyGoals.violations``."""
        return self.goals.violations(self.points[index].means, self.reference_means)

    def feasible(self, index: int) -> bool:
        """Return whether a point is complete and satisfies every constraint."""
        complete = self.points[index].complete
        return complete and all(value <= 0 for value in self.violations(index).values())

    @property
    def num_complete(self) -> int:
        """Number of points all of whose trials are complete."""
        return sum(point.complete for point in self.points.values())

    @cached_property
    def front(self) -> tuple[int, ...]:
        """The feasible points that no other feasible point dominates, in the order proposed."""
        indices = list(self.points)
        columns = [objective.column for objective in self.goals.objectives]
        values = [[self.points[index].means.get(column) for column in columns] for index in indices]
        directions = [objective.direction for objective in self.goals.objectives]
        feasible = [self.feasible(index) for index in indices]
        return tuple(indices[place] for place in pareto_front(values, directions, feasible))
