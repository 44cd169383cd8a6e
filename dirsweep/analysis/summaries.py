"""The points of a study, summarized over their seeds from the trials table."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dirsweep.config.labels import changes_of
from dirsweep.domain import MetricColumn, is_undefined, metric_columns


@dataclass(frozen=True)
class Spread:
    """One metric of one point over its seeds.

    Attributes:
        by_seed: seed -> value, finished seeds only.
    """

    by_seed: dict[int, float]

    @property
    def num(self) -> int:
        """Number of seeds."""
        return len(self.by_seed)

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.by_seed.values())

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation (n - 1); None for one seed, which says nothing about spread."""
        return statistics.stdev(self.by_seed.values()) if self.num > 1 else None


@dataclass(frozen=True)
class PointSummary:
    """One point of a study, its seeds together.

    Attributes:
        study: its key in the sweep file.
        index: its number in the study.
        label: how it differs from the base.
        overrides: key -> value as the sweep file writes them, dotted or nested.
        config: dotted key -> resolved value, as the tables have it.
        trial_ids: seed -> trial.
        statuses: status -> number of seeds.
        metrics: column -> spread over seeds; a column without any value is absent, and so is one
            that is undefined for some seeds.
        undefined: column -> seeds for which it is undefined, though other trials have a value: a
            correlation of constant predictions. It is the worst result there is.
        num_seeds: number of seeds behind the metrics.
        preliminary: whether no seed is complete; the metrics are then those of pruned or stopped
            ones, validation only.
        wall_time_s: mean per finished trial, seconds, start-up included; None when none has ended.
        errors: seed -> error, of failed trials.
        notes: seed -> why it was retried, of retried trials.
        started_from: seed -> trial or model from whose stored weights it started, if it did.
        violations: constraint -> by how much the point violates it, in its metric's unit; <= 0
            where it is satisfied.
        front: whether the point is feasible and no other feasible point is at least as good in
            every objective of the search and better in one; None for a single objective.
        training_time_s: mean per finished trial of the time in its epochs, seconds.
        forward_time_s: mean per finished trial of the part of it in forward passes, seconds; None
            where it was not measured.
        proposed: whether a sampler proposed the point, from the keys of a space.
    """

    study: str
    index: int
    label: str
    overrides: dict[str, Any]
    config: dict[str, Any]
    trial_ids: dict[int, str]
    statuses: dict[str, int]
    metrics: dict[str, Spread]
    num_seeds: int
    preliminary: bool
    wall_time_s: float | None
    errors: dict[int, str]
    notes: dict[int, str] = field(default_factory=dict)
    started_from: dict[int, str] = field(default_factory=dict)
    violations: dict[str, float] = field(default_factory=dict)
    front: bool | None = None
    training_time_s: float | None = None
    forward_time_s: float | None = None
    undefined: dict[str, tuple[int, ...]] = field(default_factory=dict)
    proposed: bool = False

    @cached_property
    def changes(self) -> Mapping[str, Any]:
        """The overrides with dotted keys, however the sweep file nests them.

        Those of a search have the keys of its space.
        """
        return self.overrides if self.proposed else changes_of(self.overrides)

    @property
    def identity(self) -> Hashable:
        """What points of a study with the same trials have in common."""
        return tuple(sorted(self.trial_ids.items())) or self.index

    @property
    def complete(self) -> bool:
        """Whether every trial is complete."""
        return set(self.statuses) == {"complete"}

    @property
    def feasible(self) -> bool:
        """Whether every constraint is satisfied."""
        return all(violation <= 0 for violation in self.violations.values())

    def mean(self, column: str) -> float | None:
        """Return the mean over seeds; None when there is no value."""
        spread = self.metrics.get(column)
        return None if spread is None else spread.mean


def study_summary(
    trials: pa.Table,
    study: str,
    *,
    hides: Callable[[MetricColumn], bool] | None = None,
    searched: bool = False,
) -> list[PointSummary]:
    """Summarize the points of one study, in the order in which they were proposed.

    Args:
        trials: the trials table.
        study: its key in the sweep file; an unknown one has no points.
        hides: whether a column says nothing; by default none does.
        searched: whether a sampler proposed the points.
    """
    rows = trials.filter(pc.equal(trials["study"], study)).to_pylist()
    columns = [
        column.name
        for column in metric_columns(trials.schema.names)
        if _is_measured(trials, column) and not (hides is not None and hides(column))
    ]
    by_point: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_point.setdefault(row["point"], []).append(row)
    found = [_summary(study, index, by_point[index], columns) for index in sorted(by_point)]
    return [replace(point, proposed=True) for point in found] if searched else found


def _is_measured(trials: pa.Table, column: MetricColumn) -> bool:
    """Whether some trial has a value, else the region is empty; that of all samples never is."""
    return column.region == "all" or trials[column.name].null_count < trials.num_rows


def _summary(
    study: str, index: int, rows: list[dict[str, Any]], columns: list[str]
) -> PointSummary:
    complete = [row for row in rows if row["status"] == "complete"]
    counted = complete or [row for row in rows if row["status"] in ("pruned", "stopped")]
    overrides = json.loads(rows[0]["overrides"])
    metrics, undefined = _metrics_of(complete, counted, columns)
    described = next((row for row in rows if row["config"] is not None), rows[0])
    return PointSummary(
        study=study,
        index=index,
        label=rows[0]["label"],
        overrides=overrides,
        config={
            key.removeprefix("config."): value
            for key, value in described.items()
            if key.startswith("config.")
        },
        trial_ids={row["seed"]: row["trial_id"] for row in rows},
        statuses=dict(Counter(row["status"] for row in rows)),
        metrics=metrics,
        num_seeds=len(counted),
        preliminary=not complete,
        wall_time_s=_mean_of(counted, "wall_time_s"),
        training_time_s=_mean_of(counted, "training_time_s"),
        forward_time_s=_mean_of(counted, "forward_time_s"),
        errors={
            row["seed"]: row["error"] or "no reason given"
            for row in rows
            if row["status"] == "failed"
        },
        notes={row["seed"]: row["note"] for row in rows if row.get("note")},
        started_from={row["seed"]: row["started_from"] for row in rows if row.get("started_from")},
        undefined=undefined,
    )


def _mean_of(rows: Iterable[Mapping[str, Any]], column: str) -> float | None:
    """Return the mean of a column's values; None without any, as in tables of early builds."""
    values = [row[column] for row in rows if row.get(column) is not None]
    return statistics.fmean(values) if values else None


def _metrics_of(
    complete: list[dict[str, Any]], counted: list[dict[str, Any]], columns: list[str]
) -> tuple[dict[str, Spread], dict[str, tuple[int, ...]]]:
    """Column -> its spread; column -> the complete seeds for which it is undefined."""
    metrics: dict[str, Spread] = {}
    undefined: dict[str, tuple[int, ...]] = {}
    for column in columns:
        values = {row["seed"]: row[column] for row in counted if not is_undefined(row[column])}
        if complete and len(values) < len(complete):
            undefined[column] = tuple(row["seed"] for row in complete if row["seed"] not in values)
        elif values:
            metrics[column] = Spread(values)
    return metrics, undefined


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def sorted_by_objective(
    points: Iterable[PointSummary], objective: MetricColumn
) -> list[PointSummary]:
    """Sort points by their mean over seeds, best first.

    Infeasible points come after feasible ones, then preliminary ones, then those without a value:
    a mean that is undefined for one seed is the worst there is.
    Equal means keep the order in which the points were proposed.

    Args:
        points: of one study.
        objective: a validation column; the test split plays no part in selection.
    """
    sign = -1.0 if objective.higher_is_better else 1.0

    def key(point: PointSummary) -> tuple[bool, bool, bool, float]:
        mean = point.mean(objective.name)
        return (
            mean is None,
            point.preliminary,
            not point.feasible,
            0.0 if mean is None else sign * mean,
        )

    return sorted(points, key=key)


def best_point(points: Iterable[PointSummary], objective: MetricColumn) -> PointSummary | None:
    """Return the best complete point, a feasible one if there is any; None without any."""
    complete = [
        point for point in points if not point.preliminary and objective.name in point.metrics
    ]
    return sorted_by_objective(complete, objective)[0] if complete else None


def varied_keys(points: Sequence[PointSummary]) -> list[str]:
    """Return the dotted keys that the points vary, in order of appearance."""
    return list(dict.fromkeys(key for point in points for key in point.changes))


def value_of(point: PointSummary, key: str) -> Any:
    """Return the point's value of a key: what it changes, else that of its configuration."""
    return point.changes.get(key, point.config.get(key))


def number_of(point: PointSummary, key: str) -> float | None:
    """Return the point's value of the key where it is a finite number."""
    value = value_of(point, key)
    if isinstance(value, bool) or not _is_number(value):
        return None
    return float(value)


def short_key(key: str) -> str:
    """Return ``ranksim.gamma`` for ``regularizers.ranksim.gamma``."""
    return ".".join(key.removesuffix(".name").split(".")[-2:])


def different_points(points: Sequence[PointSummary]) -> list[PointSummary]:
    """Leave out points that a search proposed again: they have the trials of an earlier one."""
    first: dict[Hashable, PointSummary] = {}
    for point in points:
        first.setdefault(point.identity, point)
    return list(first.values())


def num_different(points: Sequence[PointSummary]) -> int:
    """Count the points, without those that a search proposed again with the same trials."""
    return len(different_points(points))
