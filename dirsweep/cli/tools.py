"""Tools: keys of a sweep file, tables and exports of a run."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dirsweep.cli.options import REPORT_PANEL, TOOLS_PANEL, RunFolder
from dirsweep.terminal import PlainConsole

app = typer.Typer()


class TableFormat(StrEnum):
    """Formats of exported tables."""

    parquet = "parquet"
    csv = "csv"


@app.command(rich_help_panel=REPORT_PANEL)
def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option("--out", help="folder to write", show_default=False)],
    format_: Annotated[
        TableFormat, typer.Option("--format", help="output format")
    ] = TableFormat.parquet,
) -> None:
    """Export the tables of a run as Parquet or CSV."""
    from dirsweep.run.export import export_run
    from dirsweep.run.reader import open_run

    for file in export_run(open_run(run), out, format_.value):
        print(file)


@app.command("export-study", rich_help_panel=REPORT_PANEL)
def export_study(
    run: RunFolder,
    storage: Annotated[
        str, typer.Option(help="Optuna storage, e.g. sqlite:///studies.db", show_default=False)
    ],
) -> None:
    """Export searches to an Optuna storage (optuna-dashboard)."""
    from dirsweep.policy.study_export import export_studies

    for name in export_studies(run, storage):
        print(name)


@app.command(rich_help_panel=TOOLS_PANEL)
def schema(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD]...", help="only keys that contain these: conr, lr, sampler"),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="print a JSON Schema (draft 2020-12)")
    ] = False,
) -> None:
    """List the keys of a sweep file: type, default, meaning."""
    from dirsweep.registry import broken_files

    for broken in broken_files():
        print(f"dirsweep: {broken}; left out", file=sys.stderr)
    if json:
        from dirsweep.config.json_schema import schema_text

        print(schema_text(), end="")
        return
    from dirsweep.config.key_reference import print_keys

    print_keys(PlainConsole(), words or ())


@app.command(hidden=True)
def keys(words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...")] = None) -> None:
    """List the keys of a sweep file; the former name of `schema`."""
    schema(words)


@app.command(rich_help_panel=TOOLS_PANEL)
def collect(run: RunFolder) -> None:
    """Rebuild the tables of a run from its trials."""
    from dirsweep.monitor.control import require_run
    from dirsweep.run.collect import collect as build
    from dirsweep.run.folder import RunPaths

    paths = RunPaths(run)
    require_run(paths)
    build(paths)
