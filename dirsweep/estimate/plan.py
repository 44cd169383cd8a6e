"""What a run would train and write, before anything is started."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from dirsweep.config.expand import make_point, plan_rows, planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.policy.samplers import sampler_arguments
from dirsweep.run.folder import RunPaths


def print_plan(spec: SweepSpec, root: Path, console: Console) -> None:
    """Show studies, trials, what one trial gets, and the files a run would write; starts
    nothing.
    """
    made_up = " [bold yellow]SYNTHETIC[/]" if type(spec.benchmark).synthetic else ""
    console.print(
        f"[bold]{spec.name}[/] on {type(spec.benchmark).registered_name}{made_up}", highlight=False
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, side in (
        ("study", "left"),
        ("design", "left"),
        ("points", "right"),
        ("seeds", "right"),
        ("trials", "right"),
        ("new", "right"),
        ("cpu", "right"),
        ("gpu", "right"),
    ):
        table.add_column(title, justify="right" if side == "right" else "left")
    rows = plan_rows(spec)
    for row in rows:
        table.add_row(
            row["study"],
            row["design"],
            *(f"{row[key]}" for key in ("points", "seeds", "trials")),
            f"{row['unique_trials']}",
            f"{row['cpu']:g}",
            str(row["gpu"]),
        )
    console.print(table)
    total, new = sum(row["trials"] for row in rows), sum(row["unique_trials"] for row in rows)
    saved = (
        f"; {total - new} of {total} equal another study's and are not trained again"
        if total > new
        else ""
    )
    console.print(
        f"{new} trial{'s' if new != 1 else ''} of {_epochs(spec)}{saved}", highlight=False
    )
    for name, study in spec.studies.items():
        if study.space is not None:
            arguments = ", ".join(
                f"{key}={value}" for key, value in sampler_arguments(study.sampler).items()
            )
            console.print(
                f"{name}: {study.sampler.name}, seed {study.sampler.seed}"
                + (f" ({arguments})" if arguments else ""),
                highlight=False,
            )
        if (scheduler := spec.scheduler_of(name)) is not None:
            used = ", ".join(
                f"{key}={value}" for key, value in scheduler.to_dict().items() if key != "name"
            )
            console.print(f"{name}: {scheduler.name} ends trials early ({used})", highlight=False)
    paths = RunPaths(root)
    state = " (there already: a run goes on with it)" if paths.ledger.exists() else ""
    console.print(f"would write {root}{state}", highlight=False, soft_wrap=True)
    for path in (
        paths.trials_table,
        paths.epochs_table,
        paths.predictions_table,
        paths.bins_table,
        paths.spec,
        paths.provenance,
        paths.ledger,
        paths.plots,
    ):
        console.print(f"  {path.key}", highlight=False)
    folder = paths.trial("<trial_id>")
    kept = (folder.predictions, folder.features) if spec.store.features else (folder.predictions,)
    files = (folder.outcome, folder.epochs, *kept, folder.log)
    console.print(
        f"  {folder.folder.key}/ {{{', '.join(file.name for file in files)}}}",
        highlight=False,
        soft_wrap=True,
    )


def _epochs(spec: SweepSpec) -> str:
    """``90 epochs each``, or ``30 to 90 epochs`` where points differ; a second stage's are not
    counted.
    """
    known = {point.config.epochs for name in spec.studies for point in planned_points(spec, name)}
    known |= {
        make_point(spec, name, 0, {}).config.epochs
        for name, study in spec.studies.items()
        if study.space
    }
    low, high = min(known), max(known)
    if low != high:
        return f"{low} to {high} epochs"
    return f"{low} epoch{'s' if low != 1 else ''} each"
