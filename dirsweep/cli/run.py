"""Commands that train: run, resume, plan, check, train, confirm."""

from __future__ import annotations

import shlex
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dirsweep.cli.options import (
    RUN_PANEL,
    Address,
    Cpus,
    DataChanged,
    Inline,
    Out,
    Place,
    Preview,
    Retries,
    Retry,
    Reuse,
    RunFolder,
    Sets,
    Sweep,
    Synthetic,
    default_folder,
    executor_of,
    load,
)
from dirsweep.cli.output import keep_exit_code
from dirsweep.errors import NoResultError, SpecError, StoreError
from dirsweep.terminal import PlainConsole

if TYPE_CHECKING:
    from dirsweep.config.sweep import SweepSpec
    from dirsweep.execute.ray.cluster import Cluster

app = typer.Typer()


@app.command(rich_help_panel=RUN_PANEL)
def run(  # noqa: PLR0913 - one parameter per option
    sweep: Sweep,
    out: Out = None,
    address: Address = None,
    inline: Inline = False,
    executor: Place = None,
    cpus: Cpus = None,
    retry: Retries = None,
    reuse: Reuse = True,
    data_changed: DataChanged = False,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Train a sweep; called again, resume it."""
    from dirsweep.config.yaml_text import name_of

    name = name_of(sweep)
    root = default_folder(name, synthetic, preview) if out is None and name is not None else out
    _require_free(root)
    with _starting(sweep):
        place = executor_of(inline, executor)
        cluster = _start_ray(place, sweep, root, address, cpus)
        spec = load(sweep, sets, synthetic, preview)
    folder = out or default_folder(spec.name, synthetic, preview)
    _train_all(spec, folder, place, cluster, cpus, retry, reuse, data_changed)


@app.command(rich_help_panel=RUN_PANEL)
def resume(  # noqa: PLR0913 - one parameter per option
    run: RunFolder,
    address: Address = None,
    inline: Inline = False,
    executor: Place = None,
    cpus: Cpus = None,
    retry: Retries = None,
    reuse: Reuse = True,
    data_changed: DataChanged = False,
) -> None:
    """Resume a run from its own copy of the sweep (RUN/spec.yaml)."""
    from dirsweep.config.expand import validate
    from dirsweep.monitor.control import require_run
    from dirsweep.run.folder import RunPaths
    from dirsweep.run.stored_sweep import load_stored_sweep

    paths = RunPaths(run)
    require_run(paths)
    _require_free(run)
    with _starting(run):
        place = executor_of(inline, executor)
        cluster = _start_ray(place, Path(paths.spec), run, address, cpus)
        spec = load_stored_sweep(paths.spec)
        validate(spec)
    _train_all(spec, run, place, cluster, cpus, retry, reuse, data_changed)


@app.command(rich_help_panel=RUN_PANEL)
def plan(
    sweeps: Annotated[
        list[Path],
        typer.Argument(metavar="SWEEP...", help="sweep files (YAML)", show_default=False),
    ],
    out: Out = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="train a few steps and estimate the run's cost")
    ] = False,
    data_changed: DataChanged = False,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Show what one sweep or several would train; start nothing."""
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.estimate.plan import print_plan

    if len(sweeps) > 1:
        if out or probe or data_changed or sets or synthetic or preview:
            raise SpecError("options work with one sweep; several are only counted together")
        from dirsweep.estimate.several_plans import print_plans

        print_plans(sweeps, PlainConsole())
        return
    spec = load(sweeps[0], sets, synthetic, preview)
    folder = out or default_folder(spec.name, synthetic, preview)
    print_plan(spec, folder, PlainConsole(), named_cache(), data_changed=data_changed)
    if probe:
        from dirsweep.estimate.forecast import print_forecast

        print_forecast(spec, PlainConsole(), named_cache())


@app.command(rich_help_panel=RUN_PANEL)
def check(
    sweep: Sweep,
    steps: Annotated[int, typer.Option(help="training steps per comparison", min=1)] = 8,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Find varied keys that change nothing (exit code 1: some)."""
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.diagnose.inert_key_report import print_check

    spec = load(sweep, sets, synthetic, preview)
    code = print_check(spec, steps=steps, cache=named_cache(), console=PlainConsole())
    raise typer.Exit(code)


@app.command(rich_help_panel=RUN_PANEL)
def train(  # noqa: PLR0913 - one parameter per option
    sweep: Sweep,
    point: Annotated[int, typer.Option(help="number of the study's point, from 0", min=0)] = 0,
    study: Annotated[str | None, typer.Option(help="study (default: the first)")] = None,
    seed: Annotated[
        int | None, typer.Option(help="seed (default: the study's first)", min=0)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="keep checkpoint and results here, and resume")
    ] = None,
    sets: Sets = None,
    synthetic: Synthetic = False,
    preview: Preview = False,
) -> None:
    """Train one trial in this process, for debugging."""
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.single_trial import TrialChoice, train_single

    spec = load(sweep, sets, synthetic, preview)
    choice = TrialChoice(study, point, seed)
    code = train_single(spec, choice, out=out, cache=named_cache())
    raise typer.Exit(code)


@app.command(rich_help_panel=RUN_PANEL)
def confirm(  # noqa: PLR0913 - one parameter per option
    run: RunFolder,
    top: Annotated[
        int, typer.Option(help="number of best points per study (by validation)", min=1)
    ] = 3,
    seeds: Annotated[int, typer.Option(help="number of fresh seeds", min=1)] = 5,
    study: Annotated[
        str | None, typer.Option(help="study (default: all searches; without any, all studies)")
    ] = None,
    address: Address = None,
    inline: Inline = False,
    executor: Place = None,
    cpus: Cpus = None,
) -> None:
    """Train the best points again with fresh seeds (RUN-confirm)."""
    from dirsweep.analysis.selection import best_of_studies
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.config.expand import validate
    from dirsweep.policy.confirmation import confirmation_folder, confirmation_sweep
    from dirsweep.run.reader import open_run
    from dirsweep.training.preparation import changed_data

    stored = open_run(run)
    _require_free(Path(str(confirmation_folder(stored))))
    chosen = best_of_studies(stored, top, study)
    overrides = {name: [point.overrides for point in points] for name, points in chosen.items()}
    spec = confirmation_sweep(stored, overrides, num_seeds=seeds)
    validate(spec)
    hint = "the chosen points could not be compared; restore the data, or run the sweep again"
    changed_data(spec, stored.paths, accept=False, hint=hint, cache=named_cache())
    folder = confirmation_folder(stored)
    place = executor_of(inline, executor)
    cluster = _start_ray(place, Path(stored.paths.spec), folder, address, cpus)
    try:
        _train_all(spec, folder, place, cluster, cpus)
    except typer.Exit as ended:
        if ended.exit_code == 0:
            _compare_by_objective(run, folder)
        raise


def _compare_by_objective(run: Path, confirmation: Path) -> None:
    """Print how far the validation figures hold with seeds that had no part in the selection."""
    from dirsweep.analysis.comparison import compare
    from dirsweep.analysis.measurements import columns_of
    from dirsweep.report.comparison import comparison_table
    from dirsweep.report.console import print_tables
    from dirsweep.run.reader import open_run

    first = open_run(run)
    metric, region = first.objective
    columns = columns_of(first, metric=metric, regions=[region], split="val")
    comparison = compare(first, open_run(confirmation), columns=columns)
    print_tables(PlainConsole(), [comparison_table(comparison)])


def _require_free(root: Path | None) -> None:
    """Refuse a run that another driver holds, before torch and Ray are loaded."""
    if root is not None:
        from dirsweep.run.folder import RunPaths
        from dirsweep.run.locks import require_free

        require_free(RunPaths(root))


def _starting(what: Path) -> AbstractContextManager[None]:
    """Show that a run is starting while torch and Ray are loaded."""
    from dirsweep.monitor.startup import starting

    return starting(f"{what}: starting")


def _start_ray(
    executor: str, sweep: Path, root: Path | None, address: str | None, cpus: int | None
) -> Cluster | None:
    """Start Ray, or connect to it, while the sweep is still being read; None for other places."""
    if executor != "ray":
        if address is not None:
            what = f"--address is that of a Ray cluster, and trials run in '{executor}'"
            raise SpecError(what, key="--address")
        return None
    from dirsweep.execute.ray.cluster import begin

    return begin(sweep, root, address=address, num_cpus=cpus)


def _train_all(  # noqa: PLR0913 - one parameter per option
    spec: SweepSpec,
    root: Path,
    executor: str,
    cluster: Cluster | None,
    num_cpus: int | None,
    retry: list[Retry] | None = None,
    reuse: bool = True,
    data_changed: bool = False,
) -> None:
    """Train every trial of a sweep, print the report, and exit."""
    keep_exit_code()
    with _starting(root):
        from dirsweep.config.cache_folder import named_cache
        from dirsweep.exit_codes import EXIT_INTERRUPTED
        from dirsweep.session import Options, run_on_console

    options = Options(
        executor=executor,
        cluster=cluster,
        num_cpus=num_cpus,
        retry=frozenset(status.value for status in retry or ()),
        reuse=reuse,
        data_changed=data_changed,
        cache=named_cache(),
    )
    code = run_on_console(spec, root, options)
    if code == EXIT_INTERRUPTED:
        again = shlex.join(["dirsweep", *sys.argv[1:]])
        print(f"interrupted; finished trials are kept. Resume: {again}", file=sys.stderr)
    else:
        _report_at_the_end(root, code)
    if cluster is not None:
        cluster.stop()  # nothing was left to train
    raise typer.Exit(code)


def _report_at_the_end(root: Path, code: int) -> None:
    from dirsweep.cli.report import print_plot_names
    from dirsweep.exit_codes import EXIT_FAILED
    from dirsweep.report.formats import Report, print_report
    from dirsweep.report.plots import plots_after_run, write_plots
    from dirsweep.run.reader import open_run

    try:
        stored = open_run(root)
        print_report(PlainConsole(), Report(stored))
        print_plot_names(write_plots(stored, names=plots_after_run()))
    except StoreError as error:
        # the exit code is that of the trials, also where all of them were pruned or failed
        if code != EXIT_FAILED and not isinstance(error, NoResultError):
            raise
        print(f"dirsweep: {error}", file=sys.stderr)
