"""Text of ``dirsweep plan``: what a run would train and write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from dirsweep.config.expand import PlanRow, make_point, plan_rows, planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.domain import plural
from dirsweep.errors import DirSweepError
from dirsweep.estimate.remaining import Remaining, remaining
from dirsweep.methods.equal_settings import equal_settings
from dirsweep.methods.scale_warnings import scale_warnings
from dirsweep.policy.samplers import sampler_arguments
from dirsweep.report.console import rendered
from dirsweep.report.number_format import duration
from dirsweep.report.table import Cell, Column, Row, Table
from dirsweep.run.folder import RunPaths
from dirsweep.run.stored_sweep import require_extension
from dirsweep.training.preparation import changed_data

#: columns of the table of studies
COLUMNS = (
    Column("study", "study", align="left"),
    Column("design", "design", align="left", priority=2),
    Column("points", "points", priority=1),
    Column("seeds", "seeds", priority=1),
    Column("trials", "trials"),
    Column("new", "new"),
    Column("cpu", "cpu", priority=3),
    Column("gpu", "gpu", priority=3),
)


def print_plan(
    spec: SweepSpec,
    root: Path,
    console: Console,
    cache: str | None = None,
    *,
    data_changed: bool = False,
) -> None:
    """Print studies, trials, resources, and the files that a run would write; start nothing.

    Args:
        spec: the sweep.
        root: the run's folder.
        console: takes the text.
        cache: folder for what is derived from the data; None for the default.
        data_changed: go on although the data is not that of the run.

    Raises:
        DirSweepError: after the plan: why a run would refuse it, in the same words.
    """
    refusal, found, note = _survey(spec, root, cache, data_changed)
    rows = plan_rows(spec)
    table = _study_table(spec, rows, found)
    console.print(rendered(table, console.width, styles=console.color_system is not None))
    for line in (*_trials_lines(spec, rows, found), *_search_lines(spec)):
        console.print(line)
    for line in _file_lines(spec, root, resumable=refusal is None):
        console.print(line, soft_wrap=True)
    for warning in (*scale_warnings(spec), *equal_settings(spec)):
        console.print(warning, soft_wrap=True)
    if note is not None:
        console.print(note, soft_wrap=True)
    if refusal is not None:
        raise refusal


def _survey(
    spec: SweepSpec, root: Path, cache: str | None, data_changed: bool
) -> tuple[DirSweepError | None, Remaining | None, str | None]:
    """Return why a run would be refused, what it would find, and what it would say of its data."""
    try:
        found = remaining(spec, root, cache)
        cause = changed_data(spec, RunPaths(root), accept=data_changed, cache=cache)
        require_extension(spec, RunPaths(root))
    except DirSweepError as error:
        return error, None, None
    return None, found, None if cause is None else f"{cause}; would be trained again"


def sweep_heading(spec: SweepSpec) -> Text:
    """Return the name of the sweep and its benchmark."""
    text = Text.assemble((spec.name, "bold"), f" on {type(spec.benchmark).registered_name}")
    if type(spec.benchmark).synthetic:
        text.append(" SYNTHETIC", style="bold yellow")
    return text


def _study_table(spec: SweepSpec, rows: list[PlanRow], found: Remaining | None) -> Table:
    """Return the studies; a narrow terminal hides all but their trials."""
    benchmark = type(spec.benchmark)
    return Table(
        f"{spec.name} on {benchmark.registered_name}",
        COLUMNS,
        tuple(_study_row(row, found) for row in rows),
        synthetic=benchmark.synthetic,
    )


def _study_row(row: PlanRow, found: Remaining | None) -> Row:
    new = row["unique_trials"] if found is None else found.new[row["study"]]
    counts = (row["points"], row["seeds"], row["trials"], new)
    texts = (
        row["study"],
        row["design"],
        *map(str, counts),
        f"{row['cpu']:g}",
        str(row["gpu"]),
    )
    return Row(tuple(map(Cell, texts)))


def _trials_lines(spec: SweepSpec, rows: list[PlanRow], found: Remaining | None) -> Iterator[str]:
    """Yield the number of trials to train, how many need not be trained, and the time it takes."""
    total = sum(row["trials"] for row in rows)
    different = sum(row["unique_trials"] for row in rows)
    num_new = different if found is None else sum(found.new.values())
    parts = [f"{plural(num_new, 'trial')} of {_epochs_text(spec)}"]
    if found is not None and found.new_first:
        parts.append(f"{plural(found.new_first, 'further trial')} from whose weights they start")
    if found is not None and found.finished:
        parts.append(f"{found.finished} finished")
    if found is not None and found.reused:
        names = ", ".join(sorted(found.reused))
        parts.append(f"{sum(found.reused.values())} reused from other runs ({names})")
    if total > different:
        parts.append(f"{total - different} of {total} equal other trials and are trained only once")
    yield "; ".join(parts)
    if found is not None and found.trial_hours is not None and num_new:
        hours, parallel = found.wall_hours(spec)
        yield (
            f"about {duration(3600 * hours)} on this machine, {parallel} at a time "
            f"(from the {plural(found.timed, 'trial')} that ended)"
        )


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


def _file_lines(spec: SweepSpec, root: Path, *, resumable: bool) -> list[str]:
    """List the files of the run."""
    paths = RunPaths(root)
    state = ""
    if paths.ledger.exists():
        state = " (exists already" + (": a run would resume it)" if resumable else ")")
    if paths.lock.is_held():
        state += " (a driver is working on it: another would be refused)"
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
    lines = [
        f"would write {root}{state}",
        *(f"  {file.key}" for file in files),
        f"  {trial.folder.key}/ {{{names}}}",
    ]
    if spec.store.model != "none":
        network = f"{trial.model.facts.name}, {trial.model.weights.name}"
        lines.append(f"  {trial.folder.key}/ {{{network}}} (each study's best point)")
    return lines
