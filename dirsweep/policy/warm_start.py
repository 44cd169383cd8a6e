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
from dirsweep.run.events import KnownPoint, Warmed
from dirsweep.run.reader import open_run
from dirsweep.run.results import StudyGoals


def read_earlier(spec: SweepSpec, study: str, folder: str, fingerprint: str) -> Warmed:
    """The points of another run that ``study`` could have proposed itself, each with its means over
    seeds.

    Taken are points all of whose trials are complete and would be trials of this sweep, had it
        proposed them: the
    same benchmark and objective, no difference from the study's base but in the keys of its space,
    the same code. Equal points are taken once.

    Args:
        fingerprint: of the benchmark's content, here.
    Raises: StoreError: not the folder of a run, or its tables are damaged.
    """
    space = spec.studies[study].space
    assert space is not None
    run = open_run(Path(folder))
    columns = [name for name in run.trials().schema.names if name.startswith("val_")]
    names = [
        "trial_id",
        "study",
        "point",
        "seed",
        "status",
        "config",
        "benchmark_settings",
        *columns,
    ]
    by_point: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in run.trials().select(names).to_pylist():
        by_point.setdefault((row["study"], row["point"]), []).append(row)
    skipped: Counter[str] = Counter()
    found: dict[str, KnownPoint] = {}
    same_choice = run.objective == (spec.objective.metric, spec.objective.region)
    for rows in by_point.values():
        if any(row["status"] != "complete" or row["config"] is None for row in rows):
            skipped["not complete"] += 1
        elif not same_choice:
            skipped[f"best epochs chosen by {'/'.join(run.objective)}"] += 1
        elif not _same_benchmark(spec, rows[0]["benchmark_settings"]):
            skipped["on another benchmark"] += 1
        elif (overrides := space.locate(json.loads(rows[0]["config"]))) is None:
            skipped["outside the space, or trained otherwise than the base"] += 1
        elif not _same_trials(spec, study, overrides, rows, fingerprint):
            skipped["with other data or by other code"] += 1
        else:
            means = {
                c: sum(row[c] for row in rows) / len(rows)
                for c in columns
                if all(r[c] is not None for r in rows)
            }
            point = KnownPoint(overrides, means, tuple(row["seed"] for row in rows))
            found.setdefault(canonical_json(overrides), point)
    return Warmed(study, folder, tuple(found.values()), dict(skipped))


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
    """``search: 12 points of runs/first are known to its sampler (3 left out: on another
    benchmark)``.
    """
    left_out = ", ".join(f"{number} {why}" for why, number in sorted(warmed.skipped.items()))
    points = f"{len(warmed.points)} points of {warmed.run} are known to its sampler"
    return f"{warmed.study}: {points}" + (f" (left out: {left_out})" if left_out else "")
