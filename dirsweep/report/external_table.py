"""Results that other code has computed, beside what validation chose in the run's studies."""

from __future__ import annotations

from collections.abc import Sequence

from dirsweep.analysis.objectives import objective_of, points_of
from dirsweep.analysis.region_sizes import says_nothing
from dirsweep.analysis.summaries import PointSummary, best_point, study_summary
from dirsweep.domain import MetricColumn, metric_columns
from dirsweep.report.choice import EVERYTHING, Choice
from dirsweep.report.number_format import decimals
from dirsweep.report.table import (
    METRICS,
    Cell,
    Column,
    Mark,
    Note,
    Row,
    Table,
    metric_column,
    number_cell,
)
from dirsweep.run.external import EXTERNAL
from dirsweep.run.reader import Run

#: of the objective's metric; other metrics are hidden before any of these
_PRIORITY = {"all": 1, "few": 2, "zero": 2, "many": 3, "median": METRICS}
_OTHERS = 10


def external_points(run: Run) -> list[PointSummary]:
    """Return the external results of a run, each as a point of one seed."""
    return study_summary(run.trials(), EXTERNAL)


def external_table(run: Run, choice: Choice = EVERYTHING) -> Table | None:
    """Return the external results of a run, and below them each study's chosen point.

    Args:
        run: an open run.
        choice: metrics, regions and names.

    Returns:
        None where the run has no external results.
    """
    external = external_points(run)
    if not external:
        return None
    chosen = [
        point
        for study in choice.studies_of(run)
        if (point := best_point(points_of(run, study), objective_of(run, study))) is not None
    ]
    metrics = _metrics(run, external, choice)
    columns = [
        Column("study", "study", align="left", blank_repeats=True),
        Column("point", "point", align="left"),
        *(_column(run, metric, number) for number, metric in enumerate(metrics)),
        Column("note", "note", align="left", priority=METRICS + 1),
    ]
    places = {
        metric: decimals([mean for p in (*external, *chosen) if (mean := p.mean(metric.name))])
        for metric in metrics
    }
    rows = [_row(point, metrics, places, choice) for point in external]
    rows += [_row(point, metrics, places, choice, chosen=True) for point in chosen]
    notes = [
        Note(
            "external: predictions of other code, scored by dirsweep score; no test compares them"
        ),
    ]
    if chosen:
        notes.append(Note("chosen by validation in its study", Mark.CHOSEN))
    return Table(
        f"External results · {run.name}",
        tuple(columns),
        tuple(rows),
        tuple(notes),
        synthetic=run.synthetic,
    )


def _metrics(run: Run, points: Sequence[PointSummary], choice: Choice) -> list[MetricColumn]:
    """Return the columns that some external result has, those of the objective's metric first."""
    names = {name for point in points for name in point.metrics}
    found = [
        column
        for column in metric_columns(names)
        if choice.shows(column.metric, column.region)
        and not says_nothing(run, column)
        and (choice.validation or column.split == "test")
    ]
    first = choice.metrics[0] if choice.metrics else run.objective[0]
    return sorted(found, key=lambda column: column.metric != first)


def _column(run: Run, metric: MetricColumn, number: int) -> Column:
    own = metric.metric == run.objective[0]
    return metric_column(metric, priority=_PRIORITY[metric.region] if own else _OTHERS + number)


def _row(
    point: PointSummary,
    metrics: Sequence[MetricColumn],
    places: dict[MetricColumn, int],
    choice: Choice,
    *,
    chosen: bool = False,
) -> Row:
    cells = [Cell(choice.names.of(point.study)), Cell(choice.names.of(point.label))]
    for metric in metrics:
        spread = point.metrics.get(metric.name)
        if spread is None:
            cells.append(number_cell(None, places[metric]))
            continue
        cells.append(
            number_cell(
                spread.mean,
                places[metric],
                deviation=spread.deviation,
                num_seeds=spread.num,
            )
        )
    cells.append(Cell("" if chosen else "; ".join(point.notes.values())))
    section = "chosen" if chosen else EXTERNAL
    return Row(tuple(cells), section, marks=frozenset({Mark.CHOSEN} if chosen else ()))
