"""The points of a study as a table: for a console, Markdown and LaTeX, and in detail for a page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dirsweep.analysis.objectives import points_of
from dirsweep.analysis.region_sizes import few_samples, says_nothing
from dirsweep.analysis.summaries import PointSummary, different_points
from dirsweep.domain import REGIONS, MetricColumn, metric_columns, metric_of
from dirsweep.report.choice import EVERYTHING, Choice
from dirsweep.report.number_format import decimals, duration
from dirsweep.report.objective_columns import objective_columns, objective_notes
from dirsweep.report.region_notes import sample_notes
from dirsweep.report.study_notes import incomplete_trials, retry_note, study_notes
from dirsweep.report.study_rows import StudyRows, shown_points
from dirsweep.report.study_signs import several_seeds, study_signs
from dirsweep.report.table import (
    METRICS,
    ON_REQUEST,
    SECONDARY,
    Cell,
    Column,
    Mark,
    Row,
    Table,
    few_notes,
    metric_column,
    number_cell,
)
from dirsweep.run.reader import Run

if TYPE_CHECKING:
    from dirsweep.analysis.intervals import Interval  # imports SciPy

#: a search proposes many points: a console shows the best ones, files show all
MAX_ROWS = 24

#: the regions of the objective's metric on test are what the papers print; all, few and many are
#: hidden last where there is little space
_REGION_PRIORITY = {"all": 1, "few": 2, "zero": 2, "many": 3, "median": METRICS}
#: texts are hidden before results
_TEXT_PRIORITY = METRICS + 1


def study_tables(
    run: Run,
    studies: Sequence[str] | None = None,
    *,
    max_rows: int | None = None,
    choice: Choice = EVERYTHING,
) -> list[Table]:
    """Return one table per study.

    Args:
        run: an open run.
        studies: names of studies; None for those of the choice.
        max_rows: see ``study_table``.
        choice: studies, metrics, regions and names.

    Returns:
        The tables, in the order of the studies.

    Raises:
        StoreError: no trial of the run is complete.
    """
    run.require_finished()
    chosen = choice.studies_of(run) if studies is None else studies
    return [study_table(run, study, max_rows=max_rows, choice=choice) for study in chosen]


def study_table(
    run: Run, study: str, *, max_rows: int | None = None, choice: Choice = EVERYTHING
) -> Table:
    """Return the points of one study with their means over seeds.

    Of a search only the point chosen on validation, and the base, have test results. The best
    result of each column is marked, and results that a test separates from the baseline's.

    Args:
        run: an open run.
        study: its name.
        max_rows: keep only that many points, the best on validation; None keeps all. The points of
            a search are sorted by the objective, those of a planned study only if some are left
            out. One that a search proposed again is shown once.
        choice: metrics, regions and names.
    """
    points = shown_points(run, study)
    if run.manifest.study(study).searched:
        points = different_points(points)
    rows = StudyRows(run, study, points, choice=choice)
    if several_seeds(rows.points):
        metrics = choice.metrics or (rows.objective.metric,)
        rows = replace(rows, signs=study_signs(run, study, metrics))
    if not choice.validation:
        tested = [point for point in rows.points if _has_test(rows, point)]
        rows = replace(rows, points=tested, num_untested=len(rows.points) - len(tested))
    if rows.facts.searched or (max_rows is not None and len(rows.points) > max_rows):
        rows = replace(rows, points=rows.sorted()[:max_rows])
    return _table(rows)


def detailed_study_table(
    run: Run, study: str, *, intervals: Mapping[tuple[int, str], Interval], shown: Collection[int]
) -> Table:
    """Return the points of one study with every metric, for an HTML page.

    Args:
        run: an open run.
        study: its name.
        intervals: 95 % intervals by point and region, of the objective's metric on test.
        shown: indices of the points whose test results may be shown.
    """
    points = points_of(run, study)
    withheld = [p.index for p in points if p.index not in shown and not p.preliminary]
    rows = StudyRows(run, study, points, True, intervals, withheld)
    if rows.facts.searched:
        rows = replace(rows, points=rows.sorted())
    return _table(rows)


# ---- the table


def _table(rows: StudyRows) -> Table:
    columns = list(_columns(rows))
    best = rows.best
    shown = tuple(_row(point, columns, best) for point in rows.points)
    marks = {mark for row in shown for cell in row.cells for mark in cell.marks}
    return Table(
        title=f"{rows.name(rows.study)} · {rows.run.name}",
        columns=tuple(column for column, _ in columns),
        rows=shown,
        notes=(
            *study_notes(rows, marks),
            *objective_notes(rows.every, rows.facts),
            *few_notes(column for column, _ in columns),
            *sample_notes(rows.run),
        ),
        synthetic=rows.run.synthetic,
    )


def _has_test(rows: StudyRows, point: PointSummary) -> bool:
    return any(column.name in point.metrics for column in _tested(rows))


def _tested(rows: StudyRows) -> Iterator[MetricColumn]:
    """Yield the columns of test results that are of most interest: those of the choice."""
    for metric in rows.choice.metrics or (rows.objective.metric,):
        for region in REGIONS:
            if not rows.choice.regions or region in rows.choice.regions:
                yield MetricColumn("test", metric, region)


ColumnOfPoints = tuple[Column, Callable[[PointSummary], Cell]]


def _row(point: PointSummary, columns: Sequence[ColumnOfPoints], best: PointSummary | None) -> Row:
    marks = set()
    if best is not None and point.index == best.index:
        marks.add(Mark.CHOSEN)
    if point.preliminary:
        marks.add(Mark.PRELIMINARY)
    return Row(tuple(cell_of(point) for _, cell_of in columns), marks=frozenset(marks))


def _columns(rows: StudyRows) -> Iterator[ColumnOfPoints]:
    points = rows.points
    yield Column("point", "point", align="left"), lambda point: Cell(rows.name(point.label))
    if rows.detailed or len({point.num_seeds for point in points}) > 1:
        seeds = Column(
            "num_seeds", "seeds", priority=METRICS, hint="complete seeds behind the results"
        )
        yield seeds, lambda point: Cell(str(point.num_seeds), point.num_seeds)
    if rows.choice.validation:
        yield from _validation_columns(rows)
    yield from _test_columns(rows)
    if not rows.choice.narrowed:
        yield from _further_columns(rows)
        yield from _time_columns(points)
    if any(point.notes for point in points):
        column = Column("note", "note", align="left", priority=_TEXT_PRIORITY)
        yield column, lambda point: Cell(retry_note(point))
    if any(incomplete_trials(point) for point in points):
        column = Column(
            "incomplete_trials", "incomplete trials", align="left", priority=_TEXT_PRIORITY
        )
        yield column, lambda point: Cell(incomplete_trials(point))


def _time_columns(points: Sequence[PointSummary]) -> Iterator[ColumnOfPoints]:
    """Yield the training time, and beside it that of its forward passes where it was measured."""
    training = Column("training_time_s", "training\ntime", priority=SECONDARY)
    yield training, lambda point: Cell(duration(point.training_time_s), point.training_time_s)
    if any(point.forward_time_s is not None for point in points):
        forward = Column(
            "forward_time_s",
            "forward\npass",
            priority=SECONDARY,
            hint="part of the training time in forward passes",
        )
        yield forward, lambda point: Cell(duration(point.forward_time_s), point.forward_time_s)


def _validation_columns(rows: StudyRows) -> Iterator[ColumnOfPoints]:
    """Yield the objectives, the Pareto front and the constraints."""
    yield _metric(rows, rows.objective, 0)
    for objective in rows.facts.columns:
        if objective != rows.objective:
            yield _metric(rows, objective, 0)
    yield from objective_columns(rows.points, rows.facts)


def _test_columns(rows: StudyRows) -> Iterator[ColumnOfPoints]:
    """Yield the results on test, metric by metric and region by region."""
    for column in _tested(rows):
        if _is_shown(rows, column):
            yield _metric(rows, column, _REGION_PRIORITY[column.region])


def _is_shown(rows: StudyRows, column: MetricColumn) -> bool:
    if says_nothing(rows.run, column):
        return False
    if rows.detailed:
        return rows.has(column)
    # few benchmarks have a zero-shot region
    return column.region != "zero" or column.name in rows.metric_names


def _further_columns(rows: StudyRows) -> Iterator[ColumnOfPoints]:
    """Yield the other metrics: on test in the regions of most interest, in detail every one."""
    named = (rows.objective, *rows.facts.columns)
    others = [
        column
        for column in metric_columns(rows.metric_names)
        if rows.has(column)
        and not says_nothing(rows.run, column)
        and column not in named
        and (column.split, column.metric) != ("test", rows.objective.metric)
    ]
    if rows.detailed:
        for column in others:
            yield _metric(rows, column, ON_REQUEST)
        return
    tested = [column for column in others if column.split == "test"]
    metrics = list(dict.fromkeys(column.metric for column in tested))
    offsets = {"all": 0, "few": 20, "zero": 40}
    for region, offset in offsets.items():
        for column in tested:
            if column.region == region:
                priority = ON_REQUEST + offset + metrics.index(column.metric)
                yield _metric(rows, column, priority)


def _metric(rows: StudyRows, metric: MetricColumn, priority: int) -> ColumnOfPoints:
    """Return a column of means over seeds."""
    means = [point.mean(metric.name) for point in rows.points]
    places = decimals([mean for mean in means if mean is not None])
    tested = metric.split == "test"
    has_intervals = tested and metric.metric == rows.objective.metric
    best = _best(rows, metric, places)

    def cell(point: PointSummary) -> Cell:
        if tested and point.index in rows.withheld:
            return Cell(marks=frozenset({Mark.WITHHELD}))
        spread = point.metrics.get(metric.name)
        interval = rows.intervals.get((point.index, metric.region)) if has_intervals else None
        found = number_cell(
            None if spread is None else spread.mean,
            places,
            deviation=None if spread is None else spread.deviation,
            num_seeds=0 if spread is None else spread.num,
            interval=None if interval is None else (interval.low, interval.high),
        )
        marks = rows.signs.of(point.index, metric.name)
        if point.index in best:
            marks |= {Mark.BEST_OF_SECTION}
        return replace(found, marks=marks)

    column = metric_column(metric, priority=priority, num_samples=few_samples(rows.run, metric))
    return column, cell


def _best(rows: StudyRows, metric: MetricColumn, places: int) -> set[int]:
    """Return the points with the best number as printed; a number alone is not the best."""
    means = {
        point.index: round(mean, places)
        for point in rows.points
        if (mean := point.mean(metric.name)) is not None
        and not point.preliminary
        and not (metric.split == "test" and point.index in rows.withheld)
    }
    if len(means) < 2:
        return set()
    best = metric_of(metric.metric).best(means.values())
    return {index for index, mean in means.items() if mean == best}
