"""Whether a changed sweep extends an earlier one, so that both can share a run's folder."""

from __future__ import annotations

from typing import Any

from dirsweep.config.error_text import format_value
from dirsweep.config.expand import planned_points
from dirsweep.config.ranges import Choice
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import canonical_json


def refused_changes(old: SweepSpec, new: SweepSpec) -> list[str]:
    """What ``new`` changes that would make the run's results differ in kind: ``base.epochs: 90 ->
    30``, one text each.

    Allowed are more studies, points, seeds and proposed points, wider numeric ranges, and anything
    about resources or what is stored.
    """
    refused = _differences(
        {"benchmark": _content(old), "base": old.base_config.to_dict()},
        {"benchmark": _content(new), "base": new.base_config.to_dict()},
    )
    refused += _differences(
        {"objective": old.objective.model_dump()}, {"objective": new.objective.model_dump()}
    )
    if new.reproducible and any(study.space is not None for study in old.studies.values()):
        refused += _differences(
            {"reproducible": old.reproducible, "window": old.window},
            {"reproducible": True, "window": new.window},
        )
    for name, study in old.studies.items():
        if name not in new.studies:
            refused.append(f"studies.{name}: gone")
            continue
        there = {canonical_json(point.overrides) for point in planned_points(new, name)}
        gone = [p for p in planned_points(old, name) if canonical_json(p.overrides) not in there]
        if gone:
            refused.append(f"studies.{name}: the point '{gone[0].label}' is gone")
        missing = set(old.seeds_of(name)) - set(new.seeds_of(name))
        if missing:
            refused.append(f"studies.{name}: seed {min(missing)} is gone")
        if study.trials > new.studies[name].trials:
            refused.append(f"studies.{name}.trials: {study.trials} -> {new.studies[name].trials}")
        before, after = ([o.name for o in spec.objectives_of(name)] for spec in (old, new))
        if study.space is not None and before != after and old.objective == new.objective:
            refused.append(f"studies.{name}.objectives: {', '.join(before)} -> {', '.join(after)}")
        refused += _space_changes(old, new, name)
    return refused


def _content(spec: SweepSpec) -> dict[str, Any]:
    return spec.benchmark.identity()


def _differences(old: Any, new: Any, key: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted({*old, *new}):
            found += _differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        return found
    return [] if old == new else [f"{key}: {format_value(old)} -> {format_value(new)}"]


def _space_changes(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    """A sampler cannot use earlier points whose choices were others."""
    before, after = old.studies[name].space, new.studies[name].space
    if before is None or after is None:
        return [] if before is after else [f"studies.{name}: another design"]
    ranges = {entry.key: entry.range for entry in after.entries}
    return [
        f"studies.{name}.space.{entry.key}: {format_value(list(entry.range.values))} changed"
        for entry in before.entries
        if isinstance(entry.range, Choice)
        and entry.key in ranges
        and ranges[entry.key] != entry.range
    ]
