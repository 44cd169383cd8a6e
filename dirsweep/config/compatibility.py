"""Whether a changed sweep extends an earlier one, so that both can share a run's folder."""

from __future__ import annotations

from typing import Any

from dirsweep.config.error_text import format_value
from dirsweep.config.expand import labels_of, planned_points
from dirsweep.config.labels import changes_of
from dirsweep.config.ranges import Choice
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, canonical_json


def refused_changes(old: SweepSpec, new: SweepSpec) -> list[str]:
    """List the changes after which results could not be compared with the earlier ones.

    Allowed are more studies, points, seeds and proposed points, wider numeric ranges, and anything
    about resources or what is stored.

    Args:
        old: the sweep of the run's folder.
        new: the sweep that would continue it.

    Returns:
        One text per change: ``base.epochs: 90 -> 30``.
    """
    refused = _differences(_identity(old), _identity(new))
    if new.reproducible and any(study.space is not None for study in old.studies.values()):
        refused += _differences(
            {"reproducible": old.reproducible, "window": old.window},
            {"reproducible": True, "window": new.window},
        )
    for name in old.studies:
        if name in new.studies:
            refused += _study_changes(old, new, name)
        else:
            refused.append(f"studies.{name}: removed")
    return refused


def _identity(spec: SweepSpec) -> dict[str, object]:
    return {
        "benchmark": spec.benchmark.identity(),
        "base": spec.base_config.to_dict(),
        "objective": spec.objective.to_dict(),
    }


def _differences(old: Any, new: Any, key: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted({*old, *new}):
            found += _differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        return found
    return [] if old == new else [f"{key}: {format_value(old)} -> {format_value(new)}"]


def _study_changes(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    key = f"studies.{name}"
    before, after = old.studies[name], new.studies[name]
    refused = []
    kept = {_written_alike(point) for point in planned_points(new, name)}
    points = planned_points(old, name)
    labels = zip(points, labels_of(old, name, points), strict=True)
    lost = [label for point, label in labels if _written_alike(point) not in kept]
    if lost:
        refused.append(f"{key}: the point '{lost[0]}' is removed")
    lost_seeds = set(old.seeds_of(name)) - set(new.seeds_of(name))
    if lost_seeds:
        refused.append(f"{key}: seed {min(lost_seeds)} is removed")
    if before.trials > after.trials:
        refused.append(f"{key}.trials: {before.trials} -> {after.trials}")
    if before.space is not None and old.objective == new.objective:
        names = [[item.name for item in spec.objectives_of(name)] for spec in (old, new)]
        if names[0] != names[1]:
            refused.append(f"{key}.objectives: {', '.join(names[0])} -> {', '.join(names[1])}")
    return refused + _space_changes(old, new, name)


def _written_alike(point: Point) -> str:
    """Return the same text for points that make the same changes, nested or dotted."""
    return canonical_json(changes_of(point.overrides))


def _space_changes(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    """List changed choices: a sampler cannot use earlier points that chose from other values."""
    before, after = old.studies[name].space, new.studies[name].space
    if before is None or after is None:
        return [] if before is after else [f"studies.{name}: another design"]
    ranges = {entry.key: entry.range for entry in after.entries}
    return [
        f"studies.{name}.space.{entry.key}: {format_value(list(entry.range.values))} changed"
        for entry in before.entries
        if isinstance(entry.range, Choice) and ranges.get(entry.key, entry.range) != entry.range
    ]
