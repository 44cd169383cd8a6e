"""Pareto front and constraints of a search, as columns and notes of a study's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dirsweep.analysis.summaries import PointSummary, num_different
from dirsweep.domain import MetricColumn, metric_of, plural
from dirsweep.report.number_format import MISSING, decimals
from dirsweep.report.table import METRICS, Cell, Column, Note
from dirsweep.run.manifest import StudyFacts


def criterion(objective: MetricColumn) -> str:
    """Return ``lowest val MAE (few)``: by what validation chooses a point."""
    direction = "highest" if objective.higher_is_better else "lowest"
    return f"{direction} val {metric_of(objective.metric).title} ({objective.region})"


def objective_columns(
    points: Sequence[PointSummary], study: StudyFacts
) -> Iterator[tuple[Column, Callable[[PointSummary], Cell]]]:
    """Yield the columns that the search has: with several objectives, with constraints."""
    if len(study.objectives) > 1:
        column = Column("on_front", "front", align="left", priority=METRICS + 1)
        yield column, lambda point: Cell("front" if point.front else "", point.front)
    if study.constraints:
        column = Column("constraints", "constraints", align="left", priority=METRICS + 1)
        yield column, lambda point: Cell(_constraints(point))


def objective_notes(points: Sequence[PointSummary], study: StudyFacts) -> Iterator[Note]:
    """Yield the notes on the front and on the constraints."""
    if len(study.objectives) > 1:
        yield from _front_notes(points, study)
    if study.constraints:
        yield from _constraint_notes(points, study)


def _constraints(point: PointSummary) -> str:
    """Return ``feasible``, or which constraints are violated and by how much."""
    violated = [
        f"{name}: violated by {excess:.{decimals([excess])}f}"
        for name, excess in point.violations.items()
        if excess > 0
    ]
    if violated:
        return ", ".join(violated)
    return "feasible" if point.violations else MISSING


def _front_notes(points: Sequence[PointSummary], study: StudyFacts) -> Iterator[Note]:
    num = num_different([point for point in points if point.front])
    if num:
        goals = " and ".join(f"val {goal.metric}/{goal.region}" for goal in study.objectives)
        among = " among the feasible points" if study.constraints else ""
        yield Note(f"Pareto front: {plural(num, 'point')} not dominated in {goals}{among}")


def _constraint_notes(points: Sequence[PointSummary], study: StudyFacts) -> Iterator[Note]:
    complete = [point for point in points if point.violations]
    num = sum(point.feasible for point in complete)
    names = "; ".join(constraint.name for constraint in study.constraints)
    yield Note(
        f"constraints on validation: {names}; feasible: {num} of "
        f"{plural(len(complete), 'complete point')}"
    )
    if complete and not num:
        yield Note("no point is feasible: the best point is chosen among all points")
