"""The points that the table of a study shows, and what may be shown of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dirsweep.analysis.objectives import points_of
from dirsweep.analysis.summaries import PointSummary, best_point, sorted_by_objective
from dirsweep.domain import MetricColumn, metric_columns
from dirsweep.report.choice import EVERYTHING, Choice
from dirsweep.report.study_signs import NO_SIGNS, Signs
from dirsweep.run.manifest import StudyFacts
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from dirsweep.analysis.intervals import Interval  # imports SciPy


@dataclass(frozen=True)
class StudyRows:
    """What the table of a study is built from.

    Attributes:
        run: an open run.
        study: its name.
        points: the rows.
        detailed: with every metric.
        intervals: 95 % intervals by point and region, of the objective's metric on test.
        withheld: indices of points whose test results are not shown.
        choice: metrics, regions and names.
        signs: results that differ from the baseline's.
        num_untested: number of points left out because they have no test results.
    """

    run: Run
    study: str
    points: list[PointSummary]
    detailed: bool = False
    intervals: Mapping[tuple[int, str], Interval] = field(default_factory=dict)
    withheld: Collection[int] = ()
    choice: Choice = EVERYTHING
    signs: Signs = NO_SIGNS
    num_untested: int = 0

    def name(self, label: str) -> str:
        """Return the display name of a point's label, or of a study."""
        return self.choice.names.of(label)

    @property
    def facts(self) -> StudyFacts:
        """The study's objectives and constraints, and whether it is a search."""
        return self.run.manifest.study(self.study)

    @property
    def objective(self) -> MetricColumn:
        """The column by which points are chosen."""
        return self.facts.objective.metric_column

    @property
    def metric_names(self) -> list[str]:
        """Columns of metrics of the trials table."""
        return list(self.run.trials().schema.names)

    @property
    def every(self) -> list[PointSummary]:
        """All points of the study, also those that are not shown."""
        return points_of(self.run, self.study)

    @property
    def best(self) -> PointSummary | None:
        """The point chosen on validation."""
        return best_point(self.every, self.objective)

    @property
    def interval_bases(self) -> list[str]:
        """What the intervals take into account: ``samples``, ``seeds``."""
        found = {item.basis for item in self.intervals.values() if item.low is not None}
        return sorted(found)

    def sorted(self) -> list[PointSummary]:
        """Return the points, the best on validation first."""
        return sorted_by_objective(self.points, self.objective)

    def has(self, column: MetricColumn) -> bool:
        """Return whether some point has a value of the metric."""
        return any(column.name in point.metrics for point in self.points)


def shown_points(run: Run, study: str) -> list[PointSummary]:
    """Return the study's points with the results that may be shown.

    See ``selection.points_with_test_figures``.
    """
    points = points_of(run, study)
    if not run.manifest.study(study).searched:
        return points
    # imports SciPy, which the start of a run does not need
    from dirsweep.analysis.selection import points_with_test_figures

    chosen = set(points_with_test_figures(run, study))
    # a point proposed twice has one result
    shown = {point.identity for point in points if point.index in chosen}
    return [point if point.identity in shown else _validation_only(point) for point in points]


def _validation_only(point: PointSummary) -> PointSummary:
    columns = [column for column in metric_columns(point.metrics) if column.split == "val"]
    return replace(point, metrics={column.name: point.metrics[column.name] for column in columns})
