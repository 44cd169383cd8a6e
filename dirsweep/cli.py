"""The command line: one function per command, nothing but arguments and calls."""

from __future__ import annotations

import os
import shlex
import sys
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from dirsweep.errors import DirSweepError, StoreError

if TYPE_CHECKING:
    from dirsweep.execute.ray.cluster import Cluster

#: what typer raises for a wrong command line; newer versions bring a click of their own
UsageError: Any = typer.BadParameter.__bases__[0]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find out which method and which hyperparameters really help in deep imbalanced regression.",
)


class Format(StrEnum):
    """How a report is written."""

    console = "console"
    md = "md"
    latex = "latex"
    csv = "csv"
    html = "html"


class TextFormat(StrEnum):
    """How sentences and comparisons are written."""

    console = "console"
    md = "md"
    json = "json"


class SplitChoice(StrEnum):
    """Splits that have figures."""

    test = "test"
    val = "val"


class TableFormat(StrEnum):
    """How a run's tables are exported."""

    parquet = "parquet"
    csv = "csv"


class PublishedFormat(StrEnum):
    """How published numbers are exported."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"


class Retry(StrEnum):
    """Which ended trials can be trained again."""

    failed = "failed"
    stopped = "stopped"


class LongRunSampler(StrEnum):
    """Who proposes two thousand trivial trials."""

    tpe = "tpe"
    random = "random"


Sweep = Annotated[Path, typer.Argument(help="a sweep file (YAML)", show_default=False)]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="a run's folder", show_default=False)
]
Address = Annotated[
    str | None, typer.Option(help="of a running Ray cluster; without it Ray is started here")
]
Inline = Annotated[bool, typer.Option("--inline", help="in this process, without Ray")]
Cpus = Annotated[int | None, typer.Option(help="CPUs a Ray started here may use", min=1)]
Retries = Annotated[
    list[Retry] | None,
    typer.Option(help="train trials again that failed, or that were stopped one by one"),
]
Reuse = Annotated[
    bool,
    typer.Option("--reuse/--no-reuse", help="take over equal trials of the runs beside this one"),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="override a key of the sweep file"),
]
Synthetic = Annotated[
    bool,
    typer.Option(
        "--synthetic", help="swap the benchmark for drawn faces, the backbone for a small one"
    ),
]
AsText = Annotated[TextFormat, typer.Option("--format")]
Extra = Annotated[
    list[Path] | None, typer.Option("--extra", help="a CSV file with further published numbers")
]
Preview = Annotated[
    bool, typer.Option("--preview", help="a few points per study, one seed, few epochs")
]


def _load(path: Path, sets: list[str] | None, synthetic: bool, preview: bool) -> Any:
    from dirsweep.config.expand import validate
    from dirsweep.config.load import load_sweep

    spec = load_sweep(path, sets or (), synthetic=synthetic, preview=preview)
    validate(spec)
    return spec


def _folder_of(name: str, synthetic: bool, preview: bool) -> Path:
    return (
        Path("runs") / f"{name}{'-synthetic' if synthetic else ''}{'-preview' if preview else ''}"
    )


@app.command()
def run(
    sweep: Sweep,
    out: Annotated[
        Path | None, typer.Option("--out", help="the run's folder [default: runs/<name>]")
    ] = None,
    address: Address = None,
    inline: Inline = False,
    cpus: Cpus = None,
    retry: Retries = None,
    reuse: Reuse = True,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Train everything a sweep asks for; called again, go on where the run stands."""
    from dirsweep.config.yaml_text import name_of
    from dirsweep.execute.ray import cluster as ray_start

    name = name_of(sweep)
    root = _folder_of(name, synthetic, preview) if out is None and name is not None else out
    cluster = None if inline else ray_start.begin(sweep, root, address=address, num_cpus=cpus)
    spec = _load(sweep, sets, synthetic, preview)
    _train_all(
        spec, out or _folder_of(spec.name, synthetic, preview), inline, cluster, cpus, retry, reuse
    )


@app.command()
def resume(
    run: RunFolder,
    address: Address = None,
    inline: Inline = False,
    cpus: Cpus = None,
    retry: Retries = None,
    reuse: Reuse = True,
) -> None:
    """Go on with a run from its own copy of the sweep (RUN/spec.yaml)."""
    from dirsweep.execute.ray import cluster as ray_start
    from dirsweep.monitor.control import require_run
    from dirsweep.run.folder import RunPaths

    require_run(RunPaths(run))
    cluster = (
        None
        if inline
        else ray_start.begin(Path(RunPaths(run).spec), run, address=address, num_cpus=cpus)
    )
    _train_all(
        _load(Path(RunPaths(run).spec), None, False, False),
        run,
        inline,
        cluster,
        cpus,
        retry,
        reuse,
    )


def _train_all(
    spec: Any,
    root: Path,
    inline: bool,
    cluster: Cluster | None,
    cpus: int | None,
    retry: list[Retry] | None,
    reuse: bool,
) -> None:
    from dirsweep.driver import EXIT_FAILED, EXIT_INTERRUPTED, Options, prepare, run_sweep
    from dirsweep.monitor.console import SweepConsole

    prepare(spec, os.environ.get("DIRSWEEP_CACHE"))  # with progress bars of its own
    console = SweepConsole(objective=(spec.objective.metric, spec.objective.region))
    console.start(0, spec.name, synthetic=type(spec.benchmark).synthetic)
    options = Options(
        inline=inline,
        cluster=cluster,
        num_cpus=cpus,
        reuse=reuse,
        cache=os.environ.get("DIRSWEEP_CACHE"),
        retry=frozenset(status.value for status in retry or ()),
    )
    try:
        code = run_sweep(spec, root, console, options)
    finally:
        console.stop()
    if code == EXIT_INTERRUPTED:
        again = shlex.join(["dirsweep", *sys.argv[1:]])
        print(f"interrupted; what ended is kept. To go on: {again}", file=sys.stderr)
    else:
        try:
            _report_at_the_end(root)
        except (
            StoreError
        ) as error:  # nothing to report when every trial failed: that is what the code says
            if code != EXIT_FAILED:
                raise
            print(f"dirsweep: {error}", file=sys.stderr)
    if cluster is not None:
        cluster.stop()  # begun for nothing where nothing was left to train
    raise typer.Exit(code)


@app.command()
def status(
    run: RunFolder,
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show where a run stands, from any machine that sees its folder."""
    from dirsweep.monitor.status import as_json, as_text, snapshot
    from dirsweep.run.folder import RunPaths

    seen = snapshot(RunPaths(run))
    if json:
        print(as_json(seen))
    else:
        Console().print(as_text(seen), soft_wrap=True)


@app.command()
def watch(run: RunFolder) -> None:
    """Follow where a run stands until it is over: exit code 0 all ended well, 1 some failed, 130
    not at its end.
    """
    from dirsweep.driver import exit_code
    from dirsweep.monitor.status import as_text
    from dirsweep.monitor.status import watch as follow
    from dirsweep.run.folder import RunPaths

    seen = follow(RunPaths(run), Console(stderr=True))
    Console().print(as_text(seen), soft_wrap=True)
    raise typer.Exit(exit_code(seen.counts, interrupted=not seen.over))


@app.command()
def stop(
    run: RunFolder,
    trial: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRIAL]", help="a trial's id, or its first digits", show_default=False
        ),
    ] = None,
) -> None:
    """Stop a run as Ctrl-C does, or end one trial for good (it keeps what it has); from any
    machine.
    """
    from dirsweep.monitor.control import stop_run, stop_trial
    from dirsweep.run.folder import RunPaths

    if trial is None:
        stop_run(RunPaths(run))
        print(f"asked {run} to stop; `dirsweep resume {run}` goes on")
    else:
        trial_id = stop_trial(RunPaths(run), trial)
        print(
            f"asked {trial_id} to end after its epoch; `dirsweep run --retry stopped` takes it up again"
        )


@app.command()
def logs(
    run: RunFolder,
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL", help="a trial's id, or its first digits", show_default=False
        ),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="go on until the trial has ended")
    ] = False,
) -> None:
    """Print a trial's log."""
    from dirsweep.monitor.control import find_trial, log_lines
    from dirsweep.run.folder import RunPaths

    for text in log_lines(find_trial(RunPaths(run), trial), follow=follow):
        print(text, end="", flush=True)


def _report_at_the_end(root: Path) -> None:
    from dirsweep.report.formats import print_report
    from dirsweep.report.plots import plots_after_run, write_plots
    from dirsweep.run.reader import open_run

    stored = open_run(root)
    print_report(Console(), stored)
    _name_plots(write_plots(stored, names=plots_after_run()))


def _name_plots(files: list[Path]) -> None:
    for file in files:
        Console(stderr=True).print(f"plot: {file}", highlight=False, soft_wrap=True)


@app.command()
def report(
    run: RunFolder,
    format_: Annotated[Format, typer.Option("--format")] = Format.console,
    layout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="fill a published table's layout with the run's numbers, e.g. ranksim/2",
        ),
    ] = None,
    beside: Annotated[
        bool,
        typer.Option(
            "--published", help="in a layout, the published number beside each measured one"
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="write it here [default: print it; HTML goes to RUN/report.html]"),
    ] = None,
    extra: Extra = None,
    plots: Annotated[bool, typer.Option(help="write the plots, too; in HTML: with figures")] = True,
) -> None:
    """Report on a run: its studies, or published tables filled with its numbers; and its plots."""
    from dirsweep.report.figure_notes import missing_features_note
    from dirsweep.report.formats import print_report, report_text, write_text
    from dirsweep.report.plots import write_plots
    from dirsweep.run.reader import open_run

    stored, names = open_run(run), layout or []
    if format_ is Format.html:
        out = out or Path(stored.paths.report)
    if format_ is Format.console and out is None:
        print_report(Console(), stored, names=names, published=beside, extra=extra or ())
    else:
        text = report_text(
            stored, format_.value, names=names, published=beside, extra=extra or (), figures=plots
        )
        if out is None:
            print(text, end="")
        else:
            Console(stderr=True).print(
                f"report: {write_text(out, text)}", highlight=False, soft_wrap=True
            )
    if plots and format_ is not Format.html and not names:
        _name_plots(write_plots(stored))
        if (missing := missing_features_note(stored)) is not None:
            Console(stderr=True).print(f"feature plots: {missing}", highlight=False, soft_wrap=True)


@app.command()
def plan(
    sweep: Sweep,
    out: Annotated[
        Path | None, typer.Option("--out", help="the run's folder [default: runs/<name>]")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="train a few steps here and say what the run would take")
    ] = False,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Show studies, trials, resources, and what a run would write. Starts nothing; --probe trains a
    few steps.
    """
    from dirsweep.estimate.plan import print_plan

    spec = _load(sweep, sets, synthetic, preview)
    print_plan(spec, out or _folder_of(spec.name, synthetic, preview), Console())
    if probe:
        from dirsweep.estimate.forecast import print_forecast

        print_forecast(spec, Console(), os.environ.get("DIRSWEEP_CACHE"))


@app.command()
def check(
    sweep: Sweep,
    steps: Annotated[int, typer.Option(help="training steps of each comparison", min=1)] = 8,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Name every varied key that changes nothing in a few training steps (exit code 1 when there is
    one).
    """
    from dirsweep.diagnose.inert_key_report import print_check

    spec = _load(sweep, sets, synthetic, preview)
    raise typer.Exit(
        print_check(spec, steps=steps, cache=os.environ.get("DIRSWEEP_CACHE"), console=Console())
    )


@app.command()
def train(
    sweep: Sweep,
    point: Annotated[int, typer.Option(help="which of the study's points, from 0", min=0)] = 0,
    study: Annotated[str | None, typer.Option(help="which study [default: the first]")] = None,
    seed: Annotated[int | None, typer.Option(help="[default: the study's first]", min=0)] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="keep checkpoint and results here; going on from them"),
    ] = None,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Train one trial in this process, with a progress bar; for stepping through."""
    from dirsweep.execute.single import train_single

    spec = _load(sweep, sets, synthetic, preview)
    code = train_single(
        spec, study=study, index=point, seed=seed, out=out, cache=os.environ.get("DIRSWEEP_CACHE")
    )
    raise typer.Exit(code)


@app.command()
def collect(run: RunFolder) -> None:
    """Build a run's tables anew from its trials' folders."""
    from dirsweep.run.collect import collect as build
    from dirsweep.run.folder import RunPaths

    if not RunPaths(run).ledger.exists():
        raise StoreError(f"{run}: not a run's folder (no {RunPaths(run).ledger.name} in it)")
    build(RunPaths(run))


@app.command("export-study")
def export_study(
    run: RunFolder,
    storage: Annotated[
        str, typer.Option(help="where to: sqlite:///studies.db", show_default=False)
    ],
) -> None:
    """Write a run's studies into an Optuna storage, which optuna-dashboard opens."""
    from dirsweep.policy.study_export import export_studies

    for name in export_studies(run, storage):
        print(name)


@app.command()
def schema(
    json: Annotated[
        bool, typer.Option("--json", help="print a JSON Schema (draft 2020-12) instead")
    ] = False,
) -> None:
    """List every key of a sweep file with its type, default and meaning."""
    if json:
        from dirsweep.config.json_schema import schema_text

        print(schema_text(), end="")
        return
    from dirsweep.config.key_reference import print_keys

    print_keys(Console())


@app.command(hidden=True)
def keys() -> None:
    """Do the same as schema, under its former name."""
    schema()


@app.command()
def claims(run: RunFolder, format_: AsText = TextFormat.console) -> None:
    """What may be said about a run: sentences with their evidence and the trials behind them."""
    from dirsweep.report.claims import claims as find
    from dirsweep.report.claims import rendered
    from dirsweep.run.reader import open_run

    stored = open_run(run)
    print(rendered(find(stored), format_.value, title=stored.name))


@app.command()
def confirm(
    run: RunFolder,
    top: Annotated[
        int, typer.Option(help="so many points of each study, the best by validation", min=1)
    ] = 3,
    seeds: Annotated[int, typer.Option(help="how many fresh seeds", min=1)] = 5,
    study: Annotated[
        str | None, typer.Option(help="[default: every search, or every study where there is none]")
    ] = None,
    address: Address = None,
    inline: Inline = False,
    cpus: Cpus = None,
) -> None:
    """Train the best points again with seeds that had no part in choosing them, into
    RUN-confirm.
    """
    from dirsweep.analysis.comparison import compare as compare_runs
    from dirsweep.analysis.measurements import columns_of
    from dirsweep.analysis.selection import best_of_studies
    from dirsweep.config.expand import validate
    from dirsweep.execute.ray import cluster as ray_start
    from dirsweep.policy.confirmation import confirmation_folder, confirmation_sweep
    from dirsweep.report.comparison import comparison_table
    from dirsweep.report.console import print_tables
    from dirsweep.run.reader import open_run

    stored = open_run(run)
    chosen = best_of_studies(stored, top, study)
    overrides = {name: [point.overrides for point in points] for name, points in chosen.items()}
    spec = confirmation_sweep(stored, overrides, num_seeds=seeds)
    validate(spec)
    folder = confirmation_folder(stored)
    cluster = (
        None
        if inline
        else ray_start.begin(Path(stored.paths.spec), folder, address=address, num_cpus=cpus)
    )
    try:
        _train_all(spec, folder, inline, cluster, cpus, None, True)
    except typer.Exit as ended:
        if (
            ended.exit_code == 0
        ):  # how far the figure that was chosen by holds with seeds that it was not chosen by
            metric, region = stored.objective
            columns = columns_of(stored, metric=metric, regions=[region], split="val")
            beside = compare_runs(stored, open_run(folder), columns=columns)
            print_tables(Console(), [comparison_table(beside)])
        raise


@app.command()
def compare(
    run_a: Annotated[
        Path, typer.Argument(metavar="RUN_A", help="a run's folder", show_default=False)
    ],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="another's", show_default=False)],
    split: Annotated[SplitChoice, typer.Option(help="whose figures")] = SplitChoice.test,
    format_: AsText = TextFormat.console,
) -> None:
    """Put the points that two runs have in common side by side: differences with intervals."""
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
        print_tables(Console(), [comparison_table(found)])


@app.command()
def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option("--out", help="a folder", show_default=False)],
    format_: Annotated[TableFormat, typer.Option("--format")] = TableFormat.parquet,
) -> None:
    """Write a run's tables as Parquet or CSV."""
    from dirsweep.run.export import export_run
    from dirsweep.run.reader import open_run

    for file in export_run(open_run(run), out, format_.value):
        print(file)


published = typer.Typer(no_args_is_help=True, help="The numbers of the papers' tables.")
app.add_typer(published, name="published")


@published.command("list")
def published_list(extra: Extra = None) -> None:
    """Every published table."""
    from dirsweep.report.console import print_tables
    from dirsweep.report.published_tables import list_table

    print_tables(Console(), [list_table(extra or ())])


@published.command("show")
def published_show(
    name: Annotated[
        str, typer.Argument(help="paper/number, such as ranksim/10", show_default=False)
    ],
    extra: Extra = None,
) -> None:
    """One published table, as printed."""
    from dirsweep.report.console import print_tables
    from dirsweep.report.published_tables import show_tables

    print_tables(Console(), show_tables(name, extra or ()))


@published.command("export")
def published_export(
    name: Annotated[
        str | None, typer.Argument(help="a paper, or paper/number [default: all]")
    ] = None,
    format_: Annotated[PublishedFormat, typer.Option("--format")] = PublishedFormat.csv,
    out: Annotated[
        Path | None, typer.Option("--out", help="a file [default: standard output]")
    ] = None,
    extra: Extra = None,
) -> None:
    """Published numbers in long form, one line per cell."""
    from dirsweep.published import export as write
    from dirsweep.published import parse_name

    paper, table = parse_name(name) if name else (None, None)
    text = BytesIO()
    write(
        text if out is None else out,
        format=format_.value,
        paper=paper,
        table=table,
        extra=extra or (),
    )
    sys.stdout.buffer.write(text.getvalue())


bench = typer.Typer(
    no_args_is_help=True,
    help="Measure how fast dirsweep is, as ratios taken side by side in one run.",
)
app.add_typer(bench, name="bench")


@bench.command("methods")
def bench_methods(
    repeats: Annotated[int, typer.Option(help="how often each pair is timed", min=1)] = 9,
    steps: Annotated[
        bool, typer.Option(help="whole training steps of a ResNet-18, too (minutes)")
    ] = True,
    memory: Annotated[bool, typer.Option(help="peak memory of the steps, too")] = True,
) -> None:
    """Methods against plain loops, and against vanilla training."""
    from dirsweep.bench.methods import run_bench

    run_bench(repeats=repeats, steps=steps, memory=memory)


@bench.command("orchestration")
def bench_orchestration(
    trials: Annotated[
        int, typer.Option(help="how many; from 200 on trivial ones, by the thousand", min=4)
    ] = 40,
    seconds: Annotated[float, typer.Option(help="that a trial sleeps", min=0)] = 0.2,
    workers: Annotated[int, typer.Option(help="trials at a time", min=1)] = 2,
    plain: Annotated[
        bool, typer.Option(help="against the slowest of stock Ray's ways, too (minutes)")
    ] = True,
    sampler: Annotated[LongRunSampler, typer.Option(help="of a long run")] = (LongRunSampler.tpe),
) -> None:
    """What running trials costs beside training them, against stock Ray Tune with OptunaSearch."""
    from dirsweep.bench.orchestration import run_bench

    run_bench(
        num_trials=trials, seconds=seconds, workers=workers, plain=plain, sampler=sampler.value
    )


def _fail(error: DirSweepError) -> NoReturn:
    print(f"dirsweep: {error}", file=sys.stderr)
    raise SystemExit(error.exit_code)


def main() -> None:
    """Entry point: what a user can cause ends as one line and an exit code, never as a
    traceback.
    """
    try:
        code = app(standalone_mode=False)  # what typer.Exit says is returned
    except DirSweepError as error:
        _fail(error)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            print(f"dirsweep: {error.format_message()}", file=sys.stderr)
        raise SystemExit(2) from None
    except (KeyboardInterrupt, typer.Abort):
        print("dirsweep: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)
