"""Text of ``dirsweep plan``: what a run would train and write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dirsweep.config.expand import PlanRow, make_point, plan_rows, planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.policy.samplers import sampler_arguments
from dirsweep.report.number_format import plural
from dirsweep.run.folder import RunPaths

#: columns of the table of studies; all but the first two hold numbers
COLUMNS = ("study", "design", "points", "seeds", "trials", "new", "cpu", "gpu")


def print_plan(spec: SweepSpec, root: Path, console: Console) -> None:
    """Print studies, trials, resources, and the files that a run would write; start nothing.

    Args:
        spec: the sweep.
        root: the run's folder.
        console: takes the text.
    """
    console.print(sweep_heading(spec))
    rows = plan_rows(spec)
    console.print(_study_table(rows))
    console.print(_trials_line(spec, rows))
    for line in _search_lines(spec):
        console.print(line)
    for line in _file_lines(spec, root):
        console.print(line, soft_wrap=True)


def sweep_heading(spec: SweepSpec) -> Text:
    """Return the name of the sweep and its benchmark."""
    text = Text.assemble((spec.name, "bold"), f" on {type(spec.benchmark).registered_name}")
    if type(spec.benchmark).synthetic:
        text.append(" SYNTHETIC", style="bold yellow")
    return text


def _study_table(rows: list[PlanRow]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in COLUMNS:
        table.add_column(title, justify="left" if title in ("study", "design") else "right")
    for row in rows:
        counts = (row["points"], row["seeds"], row["trials"], row["unique_trials"])
        table.add_row(
            row["study"], row["design"], *map(str, counts), f"{row['cpu']:g}", str(row["gpu"])
        )
    return table


def _trials_line(spec: SweepSpec, rows: list[PlanRow]) -> str:
    """Return the number of trials, and how many need not be trained."""
    total = sum(row["trials"] for row in rows)
    num_new = sum(row["unique_trials"] for row in rows)
    line = f"{plural(num_new, 'trial')} of {_epochs_text(spec)}"
    if total > num_new:
        line += f"; {total - num_new} of {total} equal other trials and are trained only once"
    return line


def _epochs_text(spec: SweepSpec) -> str:
    """Return ``90 epochs each``, or ``30 to 90 epochs`` where points differ.

    Epochs of a second stage are not counted.
    """
    epochs: set[int] = set()
    for name, study in spec.studies.items():
        epochs |= {point.config.epochs for point in planned_points(spec, name)}
        if study.space is not None:
            epochs.add(make_point(spec, name, 0, {}).config.epochs)
    low, high = min(epochs), max(epochs)
    if low != high:
        return f"{low} to {high} epochs"
    return f"{plural(low, 'epoch')} each"


def _search_lines(spec: SweepSpec) -> list[str]:
    """Describe each study's sampler and scheduler."""
    lines = []
    for name, study in spec.studies.items():
        if study.space is not None:
            sampler, arguments = study.sampler, _settings_text(sampler_arguments(study.sampler))
            line = f"{name}: {sampler.name}, seed {sampler.seed}"
            lines.append(f"{line} ({arguments})" if arguments else line)
        scheduler = spec.scheduler_of(name)
        if scheduler is not None:
            settings = {key: value for key, value in scheduler.to_dict().items() if key != "name"}
            text = _settings_text(settings)
            lines.append(f"{name}: {scheduler.name} stops trials early ({text})")
    return lines


def _settings_text(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def _file_lines(spec: SweepSpec, root: Path) -> list[str]:
    """List the files of the run."""
    paths = RunPaths(root)
    state = " (exists already: a run would resume it)" if paths.ledger.exists() else ""
    files = (
        paths.trials_table,
        paths.epochs_table,
        paths.predictions_table,
        paths.bins_table,
        paths.spec,
        paths.provenance,
        paths.ledger,
        paths.plots,
    )
    trial = paths.trial("<trial_id>")
    kept = (trial.predictions, trial.features) if spec.store.features else (trial.predictions,)
    names = ", ".join(file.name for file in (trial.outcome, trial.epochs, *kept, trial.log))
    return [
        f"would write {root}{state}",
        *(f"  {file.key}" for file in files),
        f"  {trial.folder.key}/ {{{names}}}",
    ]
