"""A study's points judged by its objectives and constraints, from the tables of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyarrow.compute as pc

from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.summaries import PointSummary, study_summary
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run
from dirsweep.run.results import PointResult, StudyGoals, StudyResults, base_from_manifest


def objective_of(run: Run, study: str) -> MetricColumn:
    """Return the column by which a study's points are chosen and sorted."""
    return run.manifest.study(study).objective.metric_column


def results_of(run: Run, study: str, points: Sequence[PointSummary]) -> StudyResults:
    """Judge a study's points by its goals, as the search and ``status`` do."""
    configs = _configs(run, study)
    found = [
        PointResult(
            point.index,
            point.overrides,
            configs.get(point.index),
            {name: spread.mean for name, spread in point.metrics.items()} if point.complete else {},
        )
        for point in points
    ]
    facts = run.manifest.study(study)
    goals = StudyGoals(facts.objectives, facts.constraints)
    return StudyResults(found, goals, partial(base_from_manifest, run.manifest, study))


def _configs(run: Run, study: str) -> dict[int, str]:
    """Point -> its resolved configuration as JSON, where the table has it."""
    table = run.trials().select(["study", "point", "config"])
    rows = table.filter(pc.equal(table["study"], study)).to_pylist()
    return {row["point"]: row["config"] for row in rows if row["config"] is not None}


def _judged(points: Sequence[PointSummary], results: StudyResults) -> list[PointSummary]:
    """Return the points with ``violations`` and ``front`` filled in."""
    with_front = len(results.goals.objectives) > 1
    front = set(results.front) if with_front else set()
    return [
        replace(
            point,
            violations=_violations(point, results),
            front=point.index in front if with_front else None,
        )
        for point in points
    ]


def _violations(point: PointSummary, results: StudyResults) -> dict[str, float]:
    """Measure the complete trials of a point, also where others of its trials are not complete."""
    if point.preliminary:
        return {}
    means = {name: spread.mean for name, spread in point.metrics.items()}
    return results.goals.violations(means, results.reference_means)


def points_of(run: Run, study: str) -> list[PointSummary]:
    """Return a study's points with ``violations`` and ``front``, computed once per run."""

    def make() -> list[PointSummary]:
        points = study_summary(
            run.trials(),
            study,
            hides=partial(says_nothing, run),
            searched=run.manifest.study(study).searched,
        )
        return _judged(points, results_of(run, study, points))

    return run.once(("points", study), make)


def default_point(run: Run, study: str) -> PointSummary | None:
    """Return the study's base point; None where it has none, or none of its trials is complete."""
    points = points_of(run, study)
    base = results_of(run, study, points).base_index
    found = next((point for point in points if point.index == base), None)
    return None if found is None or found.preliminary else found
