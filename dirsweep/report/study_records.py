"""The points of a run with everything that is known of them: what CSV files contain."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.summaries import PointSummary, best_point, num_different
from dirsweep.domain import MetricColumn, metric_columns
from dirsweep.report.choice import EVERYTHING, Choice
from dirsweep.report.external_table import external_points
from dirsweep.report.study_notes import retry_note
from dirsweep.report.study_rows import shown_points
from dirsweep.report.table import Cell, CellValue, Column, Row, Table
from dirsweep.run.external import EXTERNAL
from dirsweep.run.reader import Run
from dirsweep.run.tables import STATUSES, UNFINISHED


def study_records(
    run: Run, studies: Sequence[str] | None = None, *, choice: Choice = EVERYTHING
) -> Table:
    """Return every point of the studies with every metric in full precision.

    Test results are missing where a search did not choose the point; ``num_looked_at`` says of how
    many different configurations it chose.

    Args:
        run: an open run.
        studies: names of studies; None for those of the choice.
        choice: studies, metrics, regions and names.

    Raises:
        StoreError: no trial of the run is complete.
    """
    run.require_finished()
    metrics = [
        column
        for column in metric_columns(run.trials().schema.names)
        if choice.shows(column.metric, column.region)
        and not says_nothing(run, column)
        and (choice.validation or column.split == "test")
    ]
    rows: list[Row] = []
    names: list[str] = []
    chosen = choice.studies_of(run) if studies is None else studies
    every = [(study, shown_points(run, study)) for study in chosen]
    for study, points in (*every, (EXTERNAL, external_points(run))):
        best = best_point(points, run.manifest.study(study).objective.metric_column)
        for point in points:
            record = {
                "study": choice.names.of(study),
                "point": point.index,
                "label": choice.names.of(point.label),
                "synthetic": run.synthetic,
                "best_by_validation": point is best,
                "num_looked_at": num_different(points),
                **_state(point),
            }
            names = list(record)
            values = [Cell(value=value) for value in record.values()]
            rows.append(Row((*values, *(_measurement(point, metric) for metric in metrics))))
    columns = [
        *(Column(name, name) for name in names),
        *(Column(metric.name, metric.name, measured=True) for metric in metrics),
    ]
    return Table(run.name, tuple(columns), tuple(rows), synthetic=run.synthetic)


def _state(point: PointSummary) -> dict[str, CellValue]:
    """Return the columns on trials, constraints and the front."""
    constrained = bool(point.violations)
    return {
        "num_seeds": point.num_seeds,
        **{status: point.statuses.get(status, 0) for status in (*STATUSES, UNFINISHED)},
        "wall_time_s": point.wall_time_s,
        "training_time_s": point.training_time_s,
        "forward_time_s": point.forward_time_s,
        "on_front": point.front,
        "feasible": point.feasible if constrained else None,
        "violations": json.dumps(point.violations) if constrained else None,
        "note": retry_note(point) or None,
    }


def _measurement(point: PointSummary, metric: MetricColumn) -> Cell:
    spread = point.metrics.get(metric.name)
    if spread is None:
        return Cell()
    return Cell(value=spread.mean, deviation=spread.deviation, num_seeds=spread.num)
