"""Commands that report on a run: report, claims, compare."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dirsweep.cli.options import REPORT_PANEL, Anchors, AsText, Extra, Points, RunFolder, TextFormat
from dirsweep.terminal import PlainConsole

if TYPE_CHECKING:
    from dirsweep.report.formats import Report

app = typer.Typer()


class Format(StrEnum):
    """Formats of a report."""

    console = "console"
    md = "md"
    latex = "latex"
    csv = "csv"
    html = "html"


#: suffix of a report's file -> its format; a file with another one is plain text
_SUFFIXES = {
    ".md": Format.md,
    ".tex": Format.latex,
    ".csv": Format.csv,
    ".html": Format.html,
    ".htm": Format.html,
}


class SplitChoice(StrEnum):
    """Splits with metrics."""

    test = "test"
    val = "val"


@app.command(rich_help_panel=REPORT_PANEL)
def report(  # noqa: PLR0913 - one parameter per option
    run: RunFolder,
    given_format: Annotated[
        Format | None,
        typer.Option(
            "--format", help="output format (default: by the suffix of --out, or console)"
        ),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="fill the layout of a published table with the run's numbers, e.g. ranksim/2",
        ),
    ] = None,
    beside: Annotated[
        bool, typer.Option("--published", help="with --layout: show the published numbers too")
    ] = False,
    study: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="study; may be given several times")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="metrics to show, in this order, e.g. mse,pearson"),
    ] = None,
    regions: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="regions to show, e.g. all,few")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="display names (YAML), e.g. lds: LDS"),
    ] = None,
    validation: Annotated[
        bool | None,
        typer.Option(
            "--validation/--no-validation",
            help="show validation results (default: not in md and latex)",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="file to write (default: print; HTML: RUN/report.html); plots beside it"),
    ] = None,
    extra: Extra = None,
    plots: Annotated[bool, typer.Option(help="write the plots; HTML: include figures")] = True,
    points: Points = None,
    anchors: Anchors = None,
) -> None:
    """Report on a run: tables of its studies, and plots."""
    from dirsweep.analysis.compared_points import require_known_anchors, require_known_points
    from dirsweep.report.choice import choose
    from dirsweep.report.formats import Report, print_report, report_text, write_text
    from dirsweep.report.layout_tables import filled_layouts
    from dirsweep.report.markdown import encodable
    from dirsweep.run.reader import open_run

    format_ = given_format or _format_of(out)
    stored = open_run(run)
    layouts = filled_layouts(stored, layout or (), studies=study or (), extra=extra or ())
    if validation is None:
        validation = format_ not in (Format.md, Format.latex)
    choice = choose(
        stored,
        studies=study or (),
        metrics=metrics or (),
        regions=regions or (),
        validation=validation,
        names=names,
        layouts=layouts,
    )
    named = require_known_points(stored, choice.studies_of(stored), points or ())
    chosen = Report(
        stored,
        layouts,
        beside,
        choice,
        figures=plots,
        points=named,
        anchors=require_known_anchors(stored, anchors or ()),
    )
    if format_ is Format.html:
        out = out or Path(stored.paths.report)
    if format_ is Format.console and out is None:
        print_report(PlainConsole(), chosen)
    elif out is None:
        text = report_text(chosen, format_.value)
        print(encodable(text, sys.stdout.encoding) if format_ is Format.md else text, end="")
    else:
        _print_name("report", write_text(out, report_text(chosen, format_.value)))
    if plots and format_ is not Format.html and not layouts:
        _draw_plots(chosen, choice.studies_of(stored), out)


def _format_of(out: Path | None) -> Format:
    suffix = "" if out is None else out.suffix.lower()
    return _SUFFIXES.get(suffix, Format.console)


def _draw_plots(report: Report, studies: list[str], report_file: Path | None) -> None:
    """Draw the plots beside the report's file, or else in the run's folder."""
    from dirsweep.report.figure_notes import missing_features_note
    from dirsweep.report.plots import plots_folder, write_plots

    run = report.run
    beside = None if report_file is None else report_file.parent
    folder = plots_folder(run, beside)
    if beside is None and folder != Path(run.paths.plots):
        _print_name("plots", f"{run.paths.root} cannot be written to, so they go to {folder}")
    files = write_plots(run, folder, studies=studies, points=report.points, anchors=report.anchors)
    print_plot_names(files)
    if (missing := missing_features_note(run)) is not None:
        _print_name("feature plots", missing)


def print_plot_names(files: list[Path]) -> None:
    """Print the names of plot files to standard error."""
    for file in files:
        _print_name("plot", file)


def _print_name(what: str, name: object) -> None:
    PlainConsole(stderr=True).print(f"{what}: {name}", soft_wrap=True)


@app.command(rich_help_panel=REPORT_PANEL)
def claims(run: RunFolder, format_: AsText = TextFormat.console) -> None:
    """State what a run shows, in sentences with their evidence."""
    from dirsweep.report.claims import claims as find
    from dirsweep.report.claims import rendered
    from dirsweep.run.reader import open_run

    stored = open_run(run)
    print(rendered(find(stored), format_.value, title=stored.name))


@app.command(rich_help_panel=REPORT_PANEL)
def compare(
    run_a: Annotated[
        Path, typer.Argument(metavar="RUN_A", help="folder of a run", show_default=False)
    ],
    run_b: Annotated[
        Path, typer.Argument(metavar="RUN_B", help="folder of another run", show_default=False)
    ],
    split: Annotated[SplitChoice, typer.Option(help="split to compare")] = SplitChoice.test,
    format_: AsText = TextFormat.console,
) -> None:
    """Compare the points that two runs share, with intervals."""
    from dirsweep.analysis.comparison import compare as compare_runs
    from dirsweep.analysis.measurements import columns_of
    from dirsweep.report.comparison import as_json, comparison_table
    from dirsweep.report.console import print_tables
    from dirsweep.run.reader import open_run

    first, second = open_run(run_a), open_run(run_b)
    found = compare_runs(first, second, columns=columns_of(first, split=split.value))
    if format_ is TextFormat.json:
        print(as_json(found))
    elif format_ is TextFormat.md:
        print(comparison_table(found).to_markdown())
    else:
        print_tables(PlainConsole(), [comparison_table(found)])
