"""One call per format: what `dirsweep report` prints or writes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dirsweep.analysis.layout_rows import fill
from dirsweep.report.console import print_tables
from dirsweep.report.layout_tables import layout_records, layout_table
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import MAX_ROWS, study_tables
from dirsweep.report.table import Table
from dirsweep.run.reader import Run
from dirsweep.run.storage import local_file
from dirsweep.terminal import PlainConsole

#: columns of a console report that is written to a file
FILE_WIDTH = 160


def report_text(
    run: Run,
    format_: str,
    *,
    names: Sequence[str] = (),
    published: bool = False,
    extra: Sequence[Path] = (),
    figures: bool = True,
) -> str:
    """Return the report of a run as text.

    Args:
        run: an open run.
        format_: ``console``, ``md``, ``csv``, ``latex`` or ``html``.
        names: published tables to be filled (``ranksim/2``); without any the run's studies are
            reported. An HTML page has both.
        published: with the published number behind each result; CSV files and HTML pages have it
            always.
        extra: files with further published numbers.
        figures: with figures, HTML only.

    Raises:
        StoreError: no trial is complete; no such published table.
    """
    if format_ == "html":
        from dirsweep.report.html.page import report_page

        layouts = [layout_table(run, name, published=True, extra=extra) for name in names]
        return report_page(run, layouts=layouts, figures=figures)
    if format_ == "csv":
        return _records(run, names, extra).to_csv()
    if format_ == "console":
        console = PlainConsole(width=FILE_WIDTH, file=io.StringIO(), colours=False)
        with console.capture() as captured:
            print_report(console, run, names=names, published=published, extra=extra)
        return captured.get()
    tables = _tables(run, names, published, extra, None if format_ == "md" else MAX_ROWS)
    return "\n".join(
        table.to_markdown() if format_ == "md" else table.to_latex() for table in tables
    )


def print_report(
    console: Console,
    run: Run,
    *,
    names: Sequence[str] = (),
    published: bool = False,
    extra: Sequence[Path] = (),
) -> None:
    """Print the report: filled published tables, or without names the run's studies.

    Args:
        console: where to print.
        run: an open run.
        names: published tables to be filled.
        published: with the published number behind each result.
        extra: files with further published numbers.

    Raises:
        StoreError: no trial is complete; no such published table.
    """
    print_tables(console, _tables(run, names, published, extra, MAX_ROWS))


def _tables(
    run: Run, names: Sequence[str], published: bool, extra: Sequence[Path], max_rows: int | None
) -> list[Table]:
    if not names:
        return study_tables(run, max_rows=max_rows)
    return [layout_table(run, name, published=published, extra=extra) for name in names]


def _records(run: Run, names: Sequence[str], extra: Sequence[Path]) -> Table:
    """Return everything that is known, for CSV files."""
    if not names:
        return study_records(run)
    return layout_records([fill(run, name, extra=extra) for name in names])


def write_text(file: Path, text: str) -> Path:
    """Write a report, UTF-8, replacing the file if there is one.

    Raises:
        StoreError: the file cannot be written.
    """
    with local_file(file).writing(durable=False) as sink:
        sink.write(text.encode())
    return file
