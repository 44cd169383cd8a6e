"""Whether a changed sweep extends an earlier one, so that both can share a run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dirsweep.config.error_text import format_value
from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.labels import changes_of
from dirsweep.config.model import Overrides
from dirsweep.config.point_names import labels_of
from dirsweep.config.probes import probe_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, canonical_json
from dirsweep.errors import SpecError


def refused_changes(old: SweepSpec, new: SweepSpec) -> list[str]:
    """List the changes after which results could not be compared with the earlier ones.

    Allowed are more studies, points, seeds and proposed points, any other search space (its sampler
    knows the earlier points that lie in it), and anything about resources or what is stored.

    Args:
        old: the sweep of the run's folder.
        new: the sweep that would continue it.

    Returns:
        One text per change: ``base.epochs: 90 -> 30``.
    """
    refused = differences(_identity(old), _identity(new))
    if new.reproducible and any(study.space is not None for study in old.studies.values()):
        refused += differences(
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


def differences(old: Any, new: Any, key: str = "") -> list[str]:
    """List the keys of nested mappings whose values differ: ``optimizer.lr: 0.1 -> 0.2``."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted({*old, *new}):
            found += differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        return found
    return [] if old == new else [f"{key}: {format_value(old)} -> {format_value(new)}"]


def _study_changes(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    key = f"studies.{name}"
    before, after = old.studies[name], new.studies[name]
    refused = _lost_points(old, new, name)
    lost_seeds = set(old.seeds_of(name)) - set(new.seeds_of(name))
    if lost_seeds:
        refused.append(f"{key}: seed {min(lost_seeds)} is removed")
    if before.trials > after.trials:
        refused.append(f"{key}.trials: {before.trials} -> {after.trials}")
    if before.space is not None and old.objective == new.objective:
        names = [[item.name for item in spec.objectives_of(name)] for spec in (old, new)]
        if names[0] != names[1]:
            refused.append(f"{key}.objectives: {', '.join(names[0])} -> {', '.join(names[1])}")
    refused += _base_changes(old, new, name) + _design_changes(old, new, name)
    return refused or _changed_defaults(old, new, name)


def _lost_points(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    """Name the first planned point that the study no longer has."""
    kept = {text for point in planned_points(new, name) for text in _identities(point)}
    points = planned_points(old, name)
    labels = zip(points, labels_of(old, name, points), strict=True)
    lost = [label for point, label in labels if not kept & _identities(point)]
    return [f"studies.{name}: the point '{lost[0]}' is removed"] if lost else []


def _identities(point: Point) -> set[str]:
    """Return texts of which equal points share one: the changes (nested or dotted), the result."""
    config = point.config.to_dict()
    return {canonical_json(changes_of(point.overrides)), canonical_json({"config": config})}


def _design_changes(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    """Name a change between planned points and a search; any change of a space is possible."""
    before, after = old.studies[name].space, new.studies[name].space
    return [] if (before is None) == (after is None) else [f"studies.{name}: another design"]


def _base_changes(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    """List what a study changes otherwise in the sweep's base, where that is the same."""
    if old.base_config != new.base_config:
        return []
    before, after = (spec.base_config_of(name).to_dict() for spec in (old, new))
    return differences(before, after, f"studies.{name}.base")


def _changed_defaults(old: SweepSpec, new: SweepSpec, name: str) -> list[str]:
    """Name a setting that other defaults change in a point, where the bases are the same."""
    if old.defaults == new.defaults or old.base_config != new.base_config:
        return []
    for overrides in _example_points(old, name):
        try:
            before, after = (
                make_point(spec, name, 0, overrides).config.to_dict() for spec in (old, new)
            )
        except SpecError:
            continue  # of a search: values that are invalid together
        changed = differences(before, after)
        if changed:
            go_on = f"to continue the run, set 'defaults: {old.defaults}' in the sweep"
            return [f"studies.{name}: {changed[0]}; {go_on}"]
    return []


def _example_points(spec: SweepSpec, name: str) -> Iterator[Overrides]:
    yield from (point.overrides for point in planned_points(spec, name))
    space = spec.studies[name].space
    if space is not None:
        yield from probe_points(space)
