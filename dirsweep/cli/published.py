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


Name = Annotated[
    str, typer.Argument(help="table as paper/number, e.g. ranksim/10", show_default=False)
]
OnBenchmark = Annotated[
    str | None, typer.Option("--benchmark", help="benchmark, where a table has several")
]


class ProtocolFlavour(StrEnum):
    """Flavours of a protocol."""

    printed = "printed"
    released = "released"


InFlavour = Annotated[
    ProtocolFlavour, typer.Option("--protocol", help="as the paper prints it, or as its code does")
]


class RowChoice(StrEnum):
    """Which rows of a published table a sweep trains."""

    all = "all"
    own = "own"
    quoted = "quoted"


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
    name: Name,
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


@app.command()
def protocol(
    name: Name,
    row: Annotated[
        str | None, typer.Option("--row", help="label of one row (default: all)")
    ] = None,
    benchmark: OnBenchmark = None,
    flavour: InFlavour = ProtocolFlavour.printed,
    json: Annotated[
        bool, typer.Option("--json", help="print JSON: field -> value, source")
    ] = False,
) -> None:
    """Show how the rows of a published table were trained, with the source of each field."""
    from dirsweep.report.console import print_tables
    from dirsweep.report.protocol_tables import chosen_rows, protocol_json, protocol_tables

    rows = chosen_rows(name, row, benchmark)
    if json:
        several = row is not None and len(rows) > 1
        typer.echo(protocol_json(rows[:1] if several else rows, flavour.value))
        if several:
            known = ", ".join(item.benchmark for item in rows)
            typer.echo(f"{name}, {row}: on {known}; choose with --benchmark", err=True)
        return
    print_tables(PlainConsole(), protocol_tables(name, rows, flavour.value))


@app.command()
def sweep(
    name: Name,
    flavour: InFlavour = ProtocolFlavour.printed,
    benchmark: OnBenchmark = None,
    rows: Annotated[
        RowChoice, typer.Option("--rows", help="all rows, the paper's own, or those it quotes")
    ] = RowChoice.all,
) -> None:
    """Write the sweep file of a published table, with the protocol of its rows."""
    from dirsweep.config.published_sweep import sweep_text, table_sweep

    typer.echo(sweep_text(table_sweep(name, flavour.value, benchmark, rows.value)), nl=False)
