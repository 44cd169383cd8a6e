"""One call per format: what `dirsweep report` prints or writes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dirsweep.analysis.layout_rows import FilledLayout
from dirsweep.errors import SpecError
from dirsweep.report.choice import EVERYTHING, Choice
from dirsweep.report.console import print_tables
from dirsweep.report.external_table import external_table
from dirsweep.report.layout_tables import layout_records, table_of_layout
from dirsweep.report.region_notes import with_data_notes
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import MAX_ROWS, study_tables
from dirsweep.report.table import Table
from dirsweep.run.output_file import output_file
from dirsweep.run.reader import Run
from dirsweep.terminal import PlainConsole

#: columns of a console report that is written to a file
FILE_WIDTH = 160


@dataclass(frozen=True)
class Report:
    """What a report is about.

    Attributes:
        run: an open run.
        layouts: published tables filled with its results; without any the run's studies are
            reported. An HTML page has both.
        published: with the published number behind each result; CSV files and HTML pages have it
            always.
        choice: studies, metrics, regions and names.
        figures: with figures, HTML only.
        points: names of the points that figures compare; by default the baseline and the best.
        anchors: labels with which the feature similarity compares others; by default it chooses.
    """

    run: Run
    layouts: Sequence[FilledLayout] = ()
    published: bool = False
    choice: Choice = EVERYTHING
    figures: bool = True
    points: tuple[str, ...] = ()
    anchors: tuple[float, ...] = ()


def report_text(report: Report, format_: str) -> str:
    """Return a report as text.

    Args:
        report: what it is about.
        format_: ``console``, ``md``, ``csv``, ``latex`` or ``html``.

    Raises:
        StoreError: no trial is complete.
        SpecError: a choice that the format cannot make.
    """
    if format_ == "html":
        return _page(report)
    if format_ == "csv":
        return _records(report).to_csv()
    if format_ == "console":
        console = PlainConsole(width=FILE_WIDTH, file=io.StringIO(), colours=False)
        with console.capture() as captured:
            print_report(console, report)
        return captured.get()
    tables = _tables(report, None if format_ == "md" else MAX_ROWS)
    return "\n".join(
        table.to_markdown() if format_ == "md" else table.to_latex() for table in tables
    )


def print_report(console: Console, report: Report) -> None:
    """Print a report: filled published tables, or without any the run's studies.

    Args:
        console: where to print.
        report: what it is about.

    Raises:
        StoreError: no trial is complete.
    """
    print_tables(console, _tables(report, MAX_ROWS))


def _tables(report: Report, max_rows: int | None) -> list[Table]:
    if not report.layouts:
        tables = study_tables(report.run, max_rows=max_rows, choice=report.choice)
        external = external_table(report.run, report.choice)
        tables += [] if external is None else [external]
    else:
        tables = [
            table_of_layout(layout, published=report.published, choice=report.choice)
            for layout in report.layouts
        ]
    return with_data_notes(tables, report.run)


def _records(report: Report) -> Table:
    """Return everything that is known, for CSV files."""
    if not report.layouts:
        return study_records(report.run, choice=report.choice)
    return layout_records(report.layouts, report.choice)


def _page(report: Report) -> str:
    from dirsweep.report.html.page import report_page

    choice = report.choice
    if choice.narrowed:
        option = "--metrics" if choice.metrics else "--regions"
        raise SpecError("an HTML page shows all metrics and regions; leave it out", key=option)
    if choice.names.shown:
        raise SpecError("an HTML page shows the run's own names; leave it out", key="--names")
    if not choice.validation:
        raise SpecError("an HTML page shows it; leave it out", key="--no-validation")
    layouts = [table_of_layout(layout, published=True) for layout in report.layouts]
    studies = choice.studies or None
    return report_page(
        report.run,
        studies=studies,
        layouts=layouts,
        figures=report.figures,
        points=report.points,
        anchors=report.anchors,
    )


def write_text(file: Path, text: str) -> Path:
    """Write a report, UTF-8, replacing the file if there is one.

    Raises:
        StoreError: the file cannot be written.
    """
    with output_file(file).writing(durable=False) as sink:
        sink.write(text.encode(errors="replace"))  # a file name may be no text
    return file
