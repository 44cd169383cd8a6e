"""What validation chose in each study, and which trials failed, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dirsweep.analysis.intervals import Interval, intervals
from dirsweep.analysis.measurements import columns_of, points_of
from dirsweep.analysis.region_sizes import few_samples, says_nothing
from dirsweep.analysis.summaries import PointSummary, best_point
from dirsweep.domain import REGIONS, MetricColumn
from dirsweep.report.number_format import decimals
from dirsweep.report.objective_columns import criterion
from dirsweep.report.region_notes import sample_notes
from dirsweep.report.table import (
    Cell,
    Column,
    Note,
    Row,
    Table,
    few_notes,
    metric_column,
    number_cell,
)
from dirsweep.run.reader import Run

#: a page shows longer tables on request
LONG = 16


def intervals_on_test(
    run: Run, study: str, metric: str, points: set[int]
) -> dict[tuple[int, str], Interval]:
    """Return the intervals of a metric on test, by point and region.

    Args:
        run: an open run.
        study: its name.
        metric: its name.
        points: indices of points.
    """
    if not points:
        return {}
    return {
        (item.point, column.region): item
        for column in columns_of(run, metric=metric)
        for item in intervals(run, study, column, points=points)
    }


def chosen_points_table(run: Run) -> Table | None:
    """Return the best point of each planned study with its test results; None for a single one."""
    objective = run.manifest.objective.metric_column
    best = {
        study: best_point(points_of(run, study), objective)
        for study in run.studies
        if not run.manifest.study(study).searched
    }
    chosen = {study: point for study, point in best.items() if point is not None}
    if len(chosen) < 2:
        return None
    measured = {name for point in chosen.values() for name in point.metrics}
    tested = [MetricColumn("test", objective.metric, region) for region in REGIONS]
    shown = [c for c in tested if c.name in measured and not says_nothing(run, c)]
    metrics = [objective, *shown]
    columns = (
        Column("study", "study", align="left"),
        Column("point", "point", align="left"),
        *(metric_column(metric, num_samples=few_samples(run, metric)) for metric in metrics),
    )
    note = Note(
        f"best point of each study: {criterion(objective)}; mean ± sample standard deviation over"
        " seeds; in square brackets: 95 % intervals"
    )
    return Table(
        "Best point of each study",
        columns,
        tuple(_chosen_rows(run, chosen, metrics)),
        (note, *few_notes(columns), *sample_notes(run)),
        synthetic=run.synthetic,
    )


def _chosen_rows(
    run: Run, chosen: Mapping[str, PointSummary], metrics: Sequence[MetricColumn]
) -> list[Row]:
    places = {
        metric: decimals(
            [mean for point in chosen.values() if (mean := point.mean(metric.name)) is not None]
        )
        for metric in metrics
    }
    rows = []
    for study, point in chosen.items():
        ends = intervals_on_test(run, study, metrics[0].metric, {point.index})
        cells = [_cell(point, metric, places[metric], ends) for metric in metrics]
        rows.append(Row((Cell(study), Cell(point.label), *cells)))
    return rows


def _cell(
    point: PointSummary,
    metric: MetricColumn,
    places: int,
    ends: Mapping[tuple[int, str], Interval],
) -> Cell:
    spread = point.metrics.get(metric.name)
    if spread is None:
        return number_cell(None, places)
    interval = ends.get((point.index, metric.region)) if metric.split == "test" else None
    return number_cell(
        spread.mean,
        places,
        deviation=spread.deviation,
        num_seeds=spread.num,
        interval=None if interval is None else (interval.low, interval.high),
    )


def failures_table(points: Sequence[PointSummary]) -> Table | None:
    """Return the failed trials with their reasons; None without any."""
    rows = [
        Row((Cell(point.label), Cell(str(seed), seed), Cell(reason), Cell(point.trial_ids[seed])))
        for point in points
        for seed, reason in point.errors.items()
    ]
    if not rows:
        return None
    columns = (
        Column("point", "point", align="left"),
        Column("seed", "seed"),
        Column("reason", "reason", align="left"),
        Column("trial_id", "trial", align="left"),
    )
    return Table(f"Failed trials ({len(rows)})", columns, tuple(rows), collapsed=len(rows) > LONG)
