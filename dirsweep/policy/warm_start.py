"""What earlier runs say about the points of a space."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dirsweep.config.expand import make_point, make_trial
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import canonical_json
from dirsweep.domain import is_or_are, plural
from dirsweep.run.events import KnownPoint, Warmed
from dirsweep.run.reader import open_run
from dirsweep.run.results import StudyGoals


def read_earlier(spec: SweepSpec, study: str, folder: str, fingerprint: str) -> Warmed:
    """Read the points of another run that a study could have proposed itself.

    Taken are points all of whose trials are complete and would be trials of this sweep, had it
    proposed them: the same benchmark and objective, no difference from the study's base but in the
    keys of its space, the same code. Equal points are taken once.

    Args:
        spec: this sweep.
        study: the searched study.
        folder: of the other run.
        fingerprint: of the benchmark's content, here.

    Returns:
        The points, each with its means over seeds, and how many were left out for which reason.

    Raises:
        StoreError: not the folder of a run, or its tables are damaged.
    """
    run = open_run(Path(folder))
    columns = [name for name in run.trials().schema.names if name.startswith("val_")]
    names = ("trial_id", "study", "point", "seed", "status", "config", "benchmark_settings")
    by_point: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in run.own_trials().select([*names, *columns]).to_pylist():
        by_point.setdefault((row["study"], row["point"]), []).append(row)
    skipped: Counter[str] = Counter()
    found: dict[str, KnownPoint] = {}
    for rows in by_point.values():
        located = _located(spec, study, rows, run.objective, fingerprint)
        if isinstance(located, str):
            skipped[located] += 1
            continue
        seeds = tuple(row["seed"] for row in rows)
        point = KnownPoint(located, _means(rows, columns), seeds)
        found.setdefault(canonical_json(located), point)
    return Warmed(study, folder, tuple(found.values()), dict(skipped))


def _located(
    spec: SweepSpec,
    study: str,
    rows: list[dict[str, Any]],
    objective: tuple[str, str],
    fingerprint: str,
) -> dict[str, Any] | str:
    """Return a point's overrides in the study's space, or the reason why it is left out."""
    space = spec.studies[study].space
    assert space is not None
    if any(row["status"] != "complete" or row["config"] is None for row in rows):
        return "not complete"
    if objective != (spec.objective.metric, spec.objective.region):
        return f"best epochs chosen by {'/'.join(objective)}"
    if not _same_benchmark(spec, rows[0]["benchmark_settings"]):
        return "on another benchmark"
    overrides = space.locate(json.loads(rows[0]["config"]))
    if overrides is None:
        return "outside the space, or trained otherwise than the base"
    if not _same_trials(spec, study, overrides, rows, fingerprint):
        return "with other data or by other code"
    return dict(overrides)


def _means(rows: list[dict[str, Any]], columns: list[str]) -> dict[str, float]:
    """Average the columns for which every trial has a value."""
    return {
        column: sum(row[column] for row in rows) / len(rows)
        for column in columns
        if all(row[column] is not None for row in rows)
    }


def usable(found: Warmed, goals: StudyGoals, base: Mapping[str, Any]) -> Warmed:
    """Leave out all points where a constraint is relative to a base that is not among them.

    Args:
        found: what another run knows.
        goals: of the study.
        base: the overrides of the study's base in its space.
    """
    has_base = any(point.overrides == base and point.metrics for point in found.points)
    if has_base or not goals.needs_base or not found.points:
        return found
    reason = "without the base, from which a constraint counts"
    skipped = {**found.skipped, reason: len(found.points)}
    return replace(found, points=(), skipped=skipped)


def _same_benchmark(spec: SweepSpec, settings: str | None) -> bool:
    plain: Mapping[str, Any] = json.loads(settings or "{}")
    here = {key: value for key, value in plain.items() if key not in type(spec.benchmark).locations}
    return canonical_json(here) == canonical_json(spec.benchmark.identity())


def _same_trials(
    spec: SweepSpec,
    study: str,
    overrides: Mapping[str, Any],
    rows: list[dict[str, Any]],
    fingerprint: str,
) -> bool:
    point = make_point(spec, study, 0, overrides)
    return all(
        make_trial(spec, point, row["seed"], fingerprint).trial_id == row["trial_id"]
        for row in rows
    )


def in_words(warmed: Warmed) -> str:
    """Say what a sampler was told, and what was left out."""
    left_out = ", ".join(f"{number} {why}" for why, number in sorted(warmed.skipped.items()))
    num = len(warmed.points)
    points = f"{plural(num, 'point')} of {warmed.run} {is_or_are(num)} known to its sampler"
    return f"{warmed.study}: {points}" + (f" (left out: {left_out})" if left_out else "")
