"""Commands for the numbers that the papers print."""

from __future__ import annotations

from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer

from dirsweep.cli.options import Extra
from dirsweep.cli.output import write_bytes
from dirsweep.terminal import PlainConsole

app = typer.Typer(no_args_is_help=True)


class PublishedFormat(StrEnum):
    """Formats of exported published numbers."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"


@app.command("list")
def list_(extra: Extra = None) -> None:
    """List the published tables."""
    from dirsweep.report.console import print_tables
    from dirsweep.report.published_tables import list_table

    print_tables(PlainConsole(), [list_table(extra or ())])


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="table as paper/number, e.g. ranksim/10", show_default=False)
    ],
    extra: Extra = None,
) -> None:
    """Show a published table as printed."""
    from dirsweep.report.console import print_tables
    from dirsweep.report.published_tables import show_tables

    print_tables(PlainConsole(), show_tables(name, extra or ()))


@app.command()
def export(
    name: Annotated[
        str | None, typer.Argument(help="paper, or paper/number (default: all)")
    ] = None,
    format_: Annotated[
        PublishedFormat, typer.Option("--format", help="output format")
    ] = PublishedFormat.csv,
    out: Annotated[
        Path | None, typer.Option("--out", help="file to write (default: standard output)")
    ] = None,
    extra: Extra = None,
) -> None:
    """Export published numbers, one line per cell."""
    from dirsweep.published import export as write
    from dirsweep.published import parse_name
    from dirsweep.run.output_file import output_file

    paper, table = parse_name(name) if name else (None, None)
    text = BytesIO()
    write(text, format=format_.value, paper=paper, table=table, extra=extra or ())
    if out is None:
        write_bytes(text.getvalue())
    else:
        output_file(out).write(text.getvalue(), durable=False)
