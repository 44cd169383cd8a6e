"""Commands that monitor and control a run: status, watch, logs, stop."""

from __future__ import annotations

from typing import Annotated

import typer

from dirsweep.cli.options import MONITOR_PANEL, RunFolder
from dirsweep.terminal import PlainConsole

app = typer.Typer()

Trial = typer.Argument(
    metavar="TRIAL", help="id of a trial, or its first digits", show_default=False
)


@app.command(rich_help_panel=MONITOR_PANEL)
def status(
    run: RunFolder,
    json: Annotated[bool, typer.Option("--json", help="print JSON for programs")] = False,
) -> None:
    """Show the state of a run."""
    from dirsweep.monitor.snapshot import read_snapshot
    from dirsweep.monitor.status import status_json, status_text
    from dirsweep.run.folder import RunPaths

    snapshot = read_snapshot(RunPaths(run))
    if json:
        print(status_json(snapshot))
    else:
        PlainConsole().print(status_text(snapshot), soft_wrap=True)


@app.command(rich_help_panel=MONITOR_PANEL)
def watch(run: RunFolder) -> None:
    """Monitor a run until it ends.

    Exit code: 0 all trials ended well, 1 some failed, 130 the run is not finished.
    """
    from dirsweep.exit_codes import exit_code
    from dirsweep.monitor.status import status_text
    from dirsweep.monitor.status import watch as follow
    from dirsweep.run.folder import RunPaths

    snapshot = follow(RunPaths(run), PlainConsole(stderr=True))
    PlainConsole().print(status_text(snapshot), soft_wrap=True)
    raise typer.Exit(exit_code(snapshot.counts, interrupted=not snapshot.over))


@app.command(rich_help_panel=MONITOR_PANEL)
def logs(
    run: RunFolder,
    trial: Annotated[str, Trial],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="print new lines until the trial ends")
    ] = False,
) -> None:
    """Print the log of a trial."""
    from dirsweep.monitor.control import find_trial, log_lines
    from dirsweep.run.folder import RunPaths

    for text in log_lines(find_trial(RunPaths(run), trial), follow=follow):
        print(text, end="", flush=True)


@app.command(rich_help_panel=MONITOR_PANEL)
def stop(
    run: RunFolder,
    trial: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRIAL]", help="id of a trial, or its first digits", show_default=False
        ),
    ] = None,
) -> None:
    """Stop a run, or end one of its trials for good.

    A stopped run keeps its finished trials and resumes the others from their checkpoints. A stopped
    trial keeps its results so far and is not trained again, except with --retry stopped.
    """
    from dirsweep.monitor.control import stop_run, stop_trial
    from dirsweep.run.folder import RunPaths

    if trial is None:
        stop_run(RunPaths(run))
        print(f"asked {run} to stop; resume it with `dirsweep resume {run}`")
        return
    trial_id = stop_trial(RunPaths(run), trial)
    again = f"`dirsweep resume {run} --retry stopped`"
    print(f"asked {trial_id} to end after its epoch; {again} trains it again")
