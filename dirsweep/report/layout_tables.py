"""Published tables filled with a run's own results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from string import ascii_lowercase

from dirsweep.analysis.epoch_times import (
    DEFINITION,
    FORWARD_DEFINITION,
    FORWARD_TIMES,
    MEASURED_ON,
    device_of,
)
from dirsweep.analysis.layout_rows import (
    FilledCell,
    FilledLayout,
    FilledRow,
    LayoutColumn,
    fill,
)
from dirsweep.analysis.region_sizes import few_samples, says_nothing
from dirsweep.analysis.reproduction import STANDS_FOR
from dirsweep.domain import metric_of, plural
from dirsweep.published.matching import with_left_out
from dirsweep.published.titles import title_of
from dirsweep.report.choice import EVERYTHING, Choice
from dirsweep.report.interval_notes import first_keys
from dirsweep.report.layout_evidence import LayoutEvidence, layout_evidence
from dirsweep.report.names import Names
from dirsweep.report.region_notes import sample_notes
from dirsweep.report.table import (
    Cell,
    CellValue,
    Column,
    Mark,
    Note,
    Row,
    Table,
    few_notes,
    region_title,
)
from dirsweep.run.reader import Run

#: the caution that every report of a run with --preview gives
PREVIEW = (
    "preview run: few points, one seed, few epochs; it checks that the sweep works "
    "and says nothing about the quality of a method"
)

#: letters of the notes by the keys in which a row differs from the paper
Footnotes = dict[tuple[str, ...], str]


def filled_layouts(
    run: Run, names: Sequence[str], *, studies: Sequence[str] = (), extra: Sequence[Path] = ()
) -> list[FilledLayout]:
    """Return published tables filled with a run's results.

    Args:
        run: an open run.
        names: ``ranksim/2``, or tables of ``extra``.
        studies: from which results are taken; empty for all.
        extra: files with further published numbers.

    Raises:
        StoreError: no trial is complete; no such paper or table.
    """
    return [fill(run, name, extra=extra, studies=studies) for name in names]


def layout_table(
    run: Run,
    name: str,
    *,
    published: bool = False,
    extra: Sequence[Path] = (),
    choice: Choice = EVERYTHING,
) -> Table:
    """Return a published table with the run's own results in it.

    Args:
        run: an open run.
        name: ``ranksim/2``, or a table of ``extra``.
        published: with the published number behind each result.
        extra: files with further published numbers.
        choice: studies, metrics, regions and names.

    Returns:
        The table: the best number of each section and of each column is marked, the points that
        validation chose, and numbers that a test separates from those of their study's baseline.

    Raises:
        StoreError: no trial is complete; no such paper or table.
    """
    filled = fill(run, name, extra=extra, studies=choice.studies)
    return table_of_layout(filled, published=published, choice=choice)


def table_of_layout(
    layout: FilledLayout, *, published: bool = False, choice: Choice = EVERYTHING
) -> Table:
    """Return a filled layout as a table.

    Args:
        layout: rows with their results.
        published: with the published number behind each result.
        choice: metrics, regions and names.
    """
    layout = _chosen_columns(layout, choice)
    footnotes = _footnotes(layout)
    evidence = layout_evidence(layout)
    notes = [
        *_notes(layout, footnotes, evidence, choice.names),
        *_origin_notes(layout),
        *_summary_notes(layout),
        *_time_notes(layout),
    ]
    if layout.run.manifest.preview:
        notes.insert(0, Note(PREVIEW))
    if not layout.timed:
        notes += sample_notes(layout.run)
    if published:
        notes.append(Note("in parentheses: published"))
    columns = [Column("row", "", align="left")]
    columns += [_column(layout.run, column) for column in layout.columns]
    notes += few_notes(columns)
    rendering = _Rendering(footnotes, evidence, choice.names, published)
    return Table(
        title=f"{title_of(layout.paper, layout.number)} · {layout.run.name}",
        columns=tuple(columns),
        rows=tuple(_row(layout, row, rendering) for row in _shown_rows(layout)),
        notes=tuple(notes),
        name=layout.name,
        synthetic=layout.run.synthetic,
        show_sections=True,
        split_by_group=True,
    )


def layout_records(layouts: Sequence[FilledLayout], choice: Choice = EVERYTHING) -> Table:
    """Return filled layouts in long form: one row per cell, with its evidence, for CSV files.

    Args:
        layouts: at least one.
        choice: metrics, regions and names.
    """
    chosen = [_chosen_columns(layout, choice) for layout in layouts]
    records = [
        record
        for layout in chosen
        for row in _shown_rows(layout)
        for record in _records(layout, row, choice.names)
    ]
    names = list(records[0])
    return Table(
        title="results in the layout of published tables",
        columns=tuple(Column(name, name) for name in names),
        rows=tuple(
            Row(tuple(Cell(value=value) for value in record.values())) for record in records
        ),
        synthetic=any(layout.run.synthetic for layout in layouts),
    )


def _chosen_columns(layout: FilledLayout, choice: Choice) -> FilledLayout:
    """Return the layout with the columns that were chosen."""
    kept = [
        place
        for place, column in enumerate(layout.columns)
        if choice.shows(column.metric, column.region)
        and not says_nothing(layout.run, column.tested)
    ]
    if choice.metrics:
        kept.sort(key=lambda place: choice.metrics.index(layout.columns[place].metric))
    return replace(
        layout,
        columns=tuple(layout.columns[place] for place in kept),
        rows=tuple(_with_cells(row, kept) for row in layout.rows),
        summaries=tuple(_with_cells(row, kept) for row in layout.summaries),
    )


def _with_cells(row: FilledRow, kept: Sequence[int]) -> FilledRow:
    return replace(row, cells=tuple(row.cells[place] for place in kept))


def _shown_rows(layout: FilledLayout) -> list[FilledRow]:
    """The rows; those that sum them up where there are results, or published numbers."""
    return [*layout.rows, *layout.summaries]


# ---- rows


@dataclass(frozen=True)
class _Rendering:
    """What the rows show besides their results.

    Attributes:
        footnotes: see ``_footnotes``.
        evidence: what validation chose, and what a test separates.
        names: display names of the rows.
        published: whether with the published numbers.
    """

    footnotes: Footnotes
    evidence: LayoutEvidence
    names: Names
    published: bool


def _column(run: Run, column: LayoutColumn) -> Column:
    metric, region, unit = column
    return Column(
        f"{metric}_{region}",
        region_title(region, few_samples(run, column.tested)),
        group=metric_of(metric).title,
        unit=unit,
        direction=metric_of(metric).direction,
        measured=True,
    )


def _row(layout: FilledLayout, row: FilledRow, rendering: _Rendering) -> Row:
    cells = (
        _cell(cell, rendering, rendering.evidence.marks(row, column))
        for cell, column in zip(row.cells, layout.columns, strict=True)
    )
    chosen = row.filled and rendering.evidence.is_chosen(row)
    return Row(
        (Cell(rendering.names.of(row.label)), *cells),
        section=rendering.names.of(row.section),
        footnote=rendering.footnotes.get(row.differs, ""),
        marks=frozenset({Mark.CHOSEN} if chosen else ()),
    )


def _cell(cell: FilledCell, rendering: _Rendering, signs: frozenset[Mark]) -> Cell:
    marks = set(signs)
    if cell.best_in_section:
        marks.add(Mark.BEST_OF_SECTION)
    if cell.best_in_column:
        marks.add(Mark.BEST_OF_COLUMN)
    return Cell(
        text=cell.text,
        value=cell.value,
        deviation=cell.deviation,
        num_seeds=cell.num_seeds,
        published=cell.published if rendering.published else "",
        places=cell.places,
        marks=frozenset(marks),
    )


def _records(layout: FilledLayout, row: FilledRow, names: Names) -> Iterator[dict[str, CellValue]]:
    point = row.point
    for (metric, region, unit), cell in zip(layout.columns, row.cells, strict=True):
        yield {
            "layout": layout.name,
            "section": names.of(row.section),
            "row": names.of(row.label),
            "benchmark": layout.benchmark,
            "metric": metric,
            "region": region,
            "unit": unit,
            "measured": cell.value,
            "sd": cell.deviation,
            "num_seeds": cell.num_seeds,
            "published": cell.published,
            "best_in_section": cell.best_in_section,
            "best_in_column": cell.best_in_column,
            "study": None if point is None else point.study,
            "point": None if point is None else point.index,
            "label": "" if point is None else names.of(point.label),
            "differs": " ".join(row.differs),
            "trial_ids": " ".join(row.trial_ids),
            "synthetic": layout.run.synthetic,
        }


# ---- notes


def _footnotes(layout: FilledLayout) -> Footnotes:
    """Return the letters a, b, c ...; none when all filled rows differ in the same keys."""
    found = dict.fromkeys(row.differs for row in layout.rows if row.filled)
    if len(found) < 2:
        return {}
    return dict(zip(filter(None, found), cycle(ascii_lowercase), strict=False))


def _notes(
    layout: FilledLayout, footnotes: Footnotes, evidence: LayoutEvidence, names: Names
) -> Iterator[Note]:
    yield from _result_notes(layout)
    if not layout.timed:
        yield from evidence.notes(layout, names)
    if layout.benchmark != layout.published_benchmark:
        yield _benchmark_note(layout)
    differing = {row.differs for row in layout.rows if row.filled and row.differs}
    for differs in footnotes or dict.fromkeys(differing):
        yield Note(
            f"not comparable: differs from the row's protocol in {first_keys(differs)}",
            footnote=footnotes.get(differs, ""),
        )


def _result_notes(layout: FilledLayout) -> Iterator[Note]:
    """Yield how many rows have results, of what, and what the marks mean."""
    if not layout.num_seeds:
        yield Note(_why_empty(layout))
        return
    seeds = _seeds(layout.num_seeds)
    have = "has" if layout.num_filled == 1 else "have"
    results = f"{layout.num_filled} of {plural(len(layout.rows), 'row')} {have} results"
    yield Note(f"{results}: {_quantity(layout)}, mean over {seeds}")
    cells = [cell for row in layout.rows for cell in row.cells]
    if not any(cell.best_in_section or cell.best_in_column for cell in cells):
        return
    yield Note("best of its section", mark=Mark.BEST_OF_SECTION)
    yield Note("best of its column", mark=Mark.BEST_OF_COLUMN)
    if not layout.timed:
        yield Note("best by the mean on the test split, as in the paper")


def _why_empty(layout: FilledLayout) -> str:
    if any(row.point is not None for row in layout.rows):
        return "no row has results: the run measured none of the table's metrics"
    return "no row has results: no point of the run has the configuration of a row"


def _quantity(layout: FilledLayout) -> str:
    if not layout.timed:
        return "test split"
    return f"time per epoch, validation included, {DEFINITION}"


def _benchmark_note(layout: FilledLayout) -> Note:
    ours, theirs = layout.benchmark, layout.published_benchmark
    if STANDS_FOR.get(ours) == theirs:
        return Note(f"the paper used {theirs}, this run {ours}, its synthetic replacement")
    return Note(f"the paper used {theirs}, this run {ours}: only the layout is the same")


def _origin_notes(layout: FilledLayout) -> Iterator[Note]:
    """Say which rows of the paper are from other data than its own ones."""
    facts = layout.run.manifest.benchmark
    stated = {f"benchmark.{key}": value for key, value in facts.settings.items()}
    settings = with_left_out({**stated, "benchmark.name": facts.name})
    for key, values in layout.origins.items():
        texts = [
            f"{f'those quoted from {whose}' if whose else 'its own'} have {key}: {value}"
            for whose, value in values.items()
        ]
        ours = settings.get(key, "none")
        yield Note(
            f"the paper's rows are not from one test set: {', '.join(texts)}; this run has {ours}"
        )


def _summary_notes(layout: FilledLayout) -> Iterator[Note]:
    """Say what the rows that sum up others compare."""
    if not any(row.filled for row in layout.summaries):
        return
    if any(cell.percent for row in layout.summaries for cell in row.cells):
        what = "mean relative improvement by ConR over the combinations with the technique"
    else:
        what = "the best row without RankSim (or VANILLA) against the best with it, by column"
    yield Note(f"last rows: {what}, as far as both have results; positive is better")


def _time_notes(layout: FilledLayout) -> Iterator[Note]:
    if not layout.timed:
        return
    if layout.paper in MEASURED_ON:
        yield Note(
            "the paper does not state per what; RankSim's authors print the same times for one"
            " epoch"
        )
    theirs = MEASURED_ON.get(layout.paper, "a device of its own")
    ours = device_of(layout.run) or "a device that was not recorded"
    yield Note(
        f"times on different devices are not comparable: the paper measured on {theirs},"
        f" this run one trial on {ours}"
    )
    places = [n for n, column in enumerate(layout.columns) if column.metric in FORWARD_TIMES]
    if any(row.cells[place].value is not None for row in layout.rows for place in places):
        yield Note(f"forward pass: {FORWARD_DEFINITION}")
    elif places:
        yield Note("the time of the forward pass was not measured: the run is of an earlier build")


def _seeds(num_seeds: set[int]) -> str:
    low, high = min(num_seeds), max(num_seeds)
    return plural(low, "seed") if low == high else f"{low} to {high} seeds"
