"""The layout of a published table filled with a run's own results: rows, sections, columns.

A table of times takes the seconds of an epoch. The papers measured them on other devices, which
``FilledRow.differs`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from dirsweep.analysis.epoch_times import EPOCH_TIMES, epoch_seconds
from dirsweep.analysis.layout_matching import Match, RowKey, matches, rows_of
from dirsweep.analysis.measurements import complete_trials
from dirsweep.analysis.reproduction import STANDS_FOR
from dirsweep.analysis.summaries import PointSummary, Spread
from dirsweep.domain import REGIONS, MetricColumn, metric_of
from dirsweep.published import published, table_of
from dirsweep.published.cells import PublishedCell
from dirsweep.published.protocol import data_by_origin
from dirsweep.published.rows import row_of
from dirsweep.published.summaries import LabelledValues, SummaryRow, summarize, summary_rows
from dirsweep.run.reader import Run


class LayoutColumn(NamedTuple):
    """A column of a published table."""

    metric: str
    region: str
    unit: str

    @property
    def tested(self) -> MetricColumn:
        """The column of the run's results that belongs here."""
        return MetricColumn("test", self.metric, self.region)


@dataclass(frozen=True)
class FilledCell:
    """One number of the table.

    Attributes:
        value: mean over seeds, in the table's unit; None where nothing was run.
        deviation: sample standard deviation over seeds; None for one seed.
        num_seeds: number of seeds behind the value.
        places: decimals, as the paper prints the column.
        published: the paper's number as printed, without brackets; empty where it has none for this
            benchmark.
        best_in_section: whether no measured number of the section is better as printed.
        best_in_column: whether no measured number of the column is better as printed.
        signed: whether it is an improvement, written with its sign.
        percent: whether it is a relative one, in percent.
    """

    value: float | None
    deviation: float | None
    num_seeds: int
    places: int
    published: str
    best_in_section: bool = False
    best_in_column: bool = False
    signed: bool = False
    percent: bool = False

    @property
    def text(self) -> str:
        """The value with the paper's decimals; empty where nothing was run."""
        if self.value is None:
            return ""
        sign, unit = "+" if self.signed else "", "%" if self.percent else ""
        return f"{self.value:{sign}.{self.places}f}{unit}"


@dataclass(frozen=True)
class FilledRow:
    """One row of the table.

    Attributes:
        section: sub-table, empty when there is none.
        label: as printed.
        cells: one per column.
        match: the point in the row; None where nothing was run.
    """

    section: str
    label: str
    cells: tuple[FilledCell, ...]
    match: Match | None

    @property
    def filled(self) -> bool:
        """Whether the row has a number."""
        return any(cell.value is not None for cell in self.cells)

    @property
    def point(self) -> PointSummary | None:
        """The point in the row."""
        return None if self.match is None else self.match.point

    @property
    def differs(self) -> tuple[str, ...]:
        """Keys in which the point departs from the row's protocol."""
        return () if self.match is None else self.match.differs

    @property
    def trial_ids(self) -> tuple[str, ...]:
        """The trials behind the numbers."""
        return () if self.match is None else tuple(self.match.point.trial_ids.values())


@dataclass(frozen=True)
class FilledLayout:
    """A published table with a run's results.

    Attributes:
        paper: ``ranksim``.
        number: the table's number in the paper.
        run: the results are from it.
        benchmark: of the run's results.
        published_benchmark: of the paper's.
        columns: in the paper's order.
        rows: in the paper's order.
        summaries: rows that sum up the others, as the paper has them: OURS vs. VANILLA.
        origins: what the paper's rows say of their data where they disagree, see
            ``published.protocol.data_by_origin``.
    """

    paper: str
    number: int
    run: Run
    benchmark: str
    published_benchmark: str
    columns: tuple[LayoutColumn, ...]
    rows: tuple[FilledRow, ...]
    summaries: tuple[FilledRow, ...] = ()
    origins: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``ranksim/2``."""
        return f"{self.paper}/{self.number}"

    @property
    def num_filled(self) -> int:
        """Number of rows with at least one number."""
        return sum(row.filled for row in self.rows)

    @property
    def num_seeds(self) -> set[int]:
        """The numbers of seeds behind the results."""
        cells = (cell for row in self.rows for cell in row.cells)
        return {cell.num_seeds for cell in cells if cell.value is not None}

    @property
    def timed(self) -> bool:
        """Whether it is a table of times."""
        return any(column.metric in EPOCH_TIMES for column in self.columns)


def fill(
    run: Run, name: str, *, extra: Sequence[Path] = (), studies: Sequence[str] = ()
) -> FilledLayout:
    """Fill a published table's layout with the run's test results.

    Args:
        run: an open run.
        name: ``ranksim/2``, or of a table in ``extra``.
        extra: files with further published numbers.
        studies: from which results are taken; empty for all.

    Raises:
        StoreError: no trial is complete; no such paper or table.
    """
    run.require_finished()
    paper, number = table_of(name, extra)
    every: list[PublishedCell] = published(paper, number, extra).to_pylist()
    benchmark = run.manifest.benchmark.name
    ours = STANDS_FOR.get(benchmark, benchmark)
    there = [cell["benchmark"] for cell in every]
    theirs = ours if ours in there else there[0]
    cells = [cell for cell in every if cell["benchmark"] == theirs]
    columns = _columns(cells)
    taken = matches(run, cells, studies or run.studies)
    rows = [
        _row(run, key, group, columns, taken.get(key), same_benchmark=theirs == ours)
        for key, group in rows_of(cells).items()
    ]
    return FilledLayout(
        paper=paper,
        number=number,
        run=run,
        benchmark=benchmark,
        published_benchmark=theirs,
        columns=columns,
        rows=_with_best(rows, columns),
        summaries=tuple(
            _summary(row, rows, columns, same_benchmark=theirs == ours)
            for row in summary_rows(paper, number, theirs)
        ),
        origins=data_by_origin(dict.fromkeys(map(row_of, cells))),
    )


def _columns(cells: Sequence[PublishedCell]) -> tuple[LayoutColumn, ...]:
    """Return the columns: metrics in the paper's order, regions in ours."""
    metrics = list(dict.fromkeys(cell["metric"] for cell in cells))
    found = {LayoutColumn(cell["metric"], cell["region"], cell["unit"]) for cell in cells}
    order: dict[str, int] = {region: place for place, region in enumerate(REGIONS)}
    return tuple(
        sorted(found, key=lambda column: (metrics.index(column.metric), order[column.region]))
    )


# ---- numbers


def _row(
    run: Run,
    key: RowKey,
    group: Sequence[PublishedCell],
    columns: Sequence[LayoutColumn],
    match: Match | None,
    *,
    same_benchmark: bool,
) -> FilledRow:
    printed = {
        LayoutColumn(cell["metric"], cell["region"], cell["unit"]): cell["printed"].strip("()[] ")
        for cell in group
    }
    cells = []
    for column in columns:
        spread = None if match is None else _spread(run, match.point, column)
        places = _places(printed[column]) if column in printed else 2
        cell = _cell(spread, places, 100.0 if column.unit == "%" else 1.0)
        if same_benchmark:
            cell = replace(cell, published=printed.get(column, ""))
        cells.append(cell)
    section, label = key
    return FilledRow(section, label, tuple(cells), match)


def _summary(
    summary: SummaryRow,
    rows: Sequence[FilledRow],
    columns: Sequence[LayoutColumn],
    *,
    same_benchmark: bool,
) -> FilledRow:
    """Compute a row that sums up the rows that have results."""
    cells = []
    for place, column in enumerate(columns):
        found = {(row.section, row.label): row.cells[place].value for row in rows}
        values = {key: value for key, value in found.items() if value is not None}
        printed = summary.printed.get((column.metric, column.region), "")
        cells.append(
            FilledCell(
                value=summarize(summary, LabelledValues(values, column.metric)),
                deviation=None,
                num_seeds=0,
                places=_places(printed.rstrip("%")),
                published=printed if same_benchmark else "",
                signed=not summary.relative,
                percent=summary.relative,
            )
        )
    return FilledRow("", summary.label, tuple(cells), None)


def _cell(spread: Spread | None, places: int, scale: float) -> FilledCell:
    if spread is None:
        return FilledCell(None, None, 0, places, "")
    deviation = None if spread.deviation is None else spread.deviation * scale
    return FilledCell(spread.mean * scale, deviation, spread.num, places, "")


def _spread(run: Run, point: PointSummary, column: LayoutColumn) -> Spread | None:
    """Return a test metric, or the time of an epoch, over the point's seeds."""
    if column.metric not in EPOCH_TIMES:
        return point.metrics.get(column.tested.name)
    time_column, unit_s = EPOCH_TIMES[column.metric]
    seconds = epoch_seconds(run, time_column)
    trials = complete_trials(run, point.study).get(point.index, {})
    found = {seed: seconds[trial] / unit_s for seed, trial in trials.items() if trial in seconds}
    return Spread(found) if found else None


def _places(printed: str) -> int:
    digits = printed.partition(".")[2]
    return len(digits) if digits.isdigit() else 0


# ---- best of a section, best of a column


def _with_best(rows: Sequence[FilledRow], columns: Sequence[LayoutColumn]) -> tuple[FilledRow, ...]:
    """Mark the best number of each section and of each column; a number alone is not the best."""
    sections: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        sections.setdefault(row.section, []).append(number)
    marked = []
    for place, column in enumerate(columns):
        cells = [row.cells[place] for row in rows]
        of_column = _best(cells, range(len(rows)), column.metric)
        of_section = set()
        for members in sections.values():
            of_section |= _best(cells, members, column.metric)
        marked.append(
            [
                replace(cell, best_in_section=n in of_section, best_in_column=n in of_column)
                for n, cell in enumerate(cells)
            ]
        )
    return tuple(
        replace(row, cells=cells)
        for row, cells in zip(rows, zip(*marked, strict=True), strict=True)
    )


def _best(cells: Sequence[FilledCell], members: Iterable[int], metric: str) -> set[int]:
    """Return which of the members have the best number; equal texts are equally good."""
    shown = {n: float(cells[n].text) for n in members if cells[n].value is not None}
    if len(shown) < 2:
        return set()
    best = metric_of(metric).best(shown.values())
    return {number for number, value in shown.items() if value == best}
