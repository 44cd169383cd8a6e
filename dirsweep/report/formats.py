"""One call per format: what `dirsweep report` prints or writes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dirsweep.report import latex, layouts, tables
from dirsweep.run.reader import Run
from dirsweep.run.storage import local_file

#: columns of a console report that goes into a file
FILE_WIDTH = 160


def report_text(
    run: Run,
    format_: str,
    *,
    names: Sequence[str] = (),
    beside: bool = False,
    extra: Sequence[Path] = (),
    figures: bool = True,
    width: int = FILE_WIDTH,
) -> str:
    """The report of a run as text.

    Args:
        format_: ``console``, ``md``, ``csv``, ``latex`` or ``html``.
        names: published tables whose layout is to be filled (``ranksim/2``); without any the run's
            studies are reported. An HTML page has both.
        beside: the published number beside the measured one; a CSV and an HTML page have it anyhow.
        extra: files with further published numbers.
        figures: with figures, HTML only.
        width: columns of the console.

    Raises: StoreError: no complete trial; no such published table.
    """
    filled = [layouts.fill(run, name, extra=extra) for name in names]
    if format_ == "html":
        from dirsweep.report.html import html

        return html(run, layouts=filled, figures=figures)
    if format_ == "md":
        return "\n".join(
            layouts.markdown(layout, beside=beside) for layout in filled
        ) or tables.markdown(run)
    if format_ == "csv":
        return layouts.comma_separated(filled) if filled else tables.comma_separated(run)
    if format_ == "latex":
        return "\n".join(
            latex.layout_table(layout, beside=beside) for layout in filled
        ) or latex.latex(run)
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_to(console, run, filled, beside=beside)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def print_to(
    console: Console, run: Run, filled: Sequence[layouts.Layout], *, beside: bool = False
) -> None:
    """The report on a console: filled layouts, or without any the run's studies."""
    for layout in filled:
        console.print(layouts.rendered(layout, console.width, beside=beside))
        console.print()
    if not filled:
        tables.print_report(run, console)


def write_text(file: Path, text: str) -> Path:
    """Write a report, UTF-8, replacing what was there. Raises: StoreError: the file cannot be
    written.
    """
    with local_file(file).writing(durable=False) as sink:
        sink.write(text.encode())
    return file
