"""One trial in this process with a progress bar: what one looks at before a thousand are
started.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dirsweep.config.expand import make_trial, planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import SpecError, did_you_mean
from dirsweep.execute.worker import run_trial
from dirsweep.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from dirsweep.run.folder import RunPaths
from dirsweep.training.preparation import prepare


def choose_trial(
    spec: SweepSpec, *, study: str | None, index: int, seed: int | None, cache: str | None
) -> TrialSpec:
    """The trial that study, point and seed name.

    Raises: SpecError: no such study or planned point. DataError.
    """
    name = study if study is not None else next(iter(spec.studies))
    if name not in spec.studies:
        raise SpecError(
            f"no study '{name}'; {did_you_mean(name, spec.studies)}",
            key="--study",
            source=spec.source,
        )
    points = planned_points(spec, name)
    if index >= len(points):
        raise SpecError(
            f"study '{name}' has {len(points)} planned points (0 to {len(points) - 1}), got {index}"
            if points
            else f"study '{name}' has no planned points: its sampler proposes them as the run goes",
            key="--point",
            source=spec.source,
        )
    benchmark = prepare(spec, cache)
    return make_trial(
        spec,
        points[index],
        spec.seeds_of(name)[0] if seed is None else seed,
        benchmark.fingerprint(),
        cache,
    )


def train_single(
    spec: SweepSpec,
    *,
    study: str | None,
    index: int,
    seed: int | None,
    out: Path | None,
    cache: str | None,
) -> int:
    """Train one trial, show its progress and its result; returns the exit code."""
    trial = choose_trial(spec, study=study, index=index, seed=seed, cache=cache)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = out or Path(scratch)
        try:
            return _train(trial, spec, root, console, keep=out is not None)
        except KeyboardInterrupt:
            hint = (
                f"; the same command goes on from {RunPaths(root).trial(trial.trial_id).folder}"
                if out
                else ""
            )
            console.print(f"interrupted{hint}", highlight=False)
            return EXIT_INTERRUPTED


def _train(trial: TrialSpec, spec: SweepSpec, root: Path, console: Console, *, keep: bool) -> int:
    key = f"val_{trial.metric}_{trial.region}"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    epochs = trial.config["epochs"]
    made_up = "SYNTHETIC " if trial.synthetic else ""
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{made_up}{trial.trial_id}", total=epochs, note="")

        def show(row: Mapping[str, Any]) -> None:
            note = (
                f"{key} {row[key]:.4g}"
                if row.get(key) is not None
                else f"loss {row['train_loss']:.4g}"
            )
            bar.update(task, completed=row["epoch"] + 1, note=note)
            if not console.is_terminal:
                console.print(
                    f"{made_up}epoch {row['epoch'] + 1}/{epochs}: {note}", highlight=False
                )

        def step(epoch: int, number: int, total: int) -> None:
            bar.update(task, completed=epoch + number / total)

        outcome = run_trial(
            trial,
            root,
            show,
            num_threads=max(1, int(spec.resources.cpu)),
            progress=step,
            store_features=spec.store.features,
        )
    if outcome.status != "complete":
        console.print(f"{outcome.status}: {outcome.error}", highlight=False)
        return EXIT_FAILED
    out = Console()
    out.print(
        f"{made_up}{trial.trial_id}: best epoch {outcome.best_epoch}, {outcome.wall_time_s:.1f} s",
        highlight=False,
    )
    for name, value in outcome.metrics.items():
        out.print(
            f"  {name} = {'none' if value is None else format(value, '.4f')}", highlight=False
        )
    if keep:
        out.print(
            f"kept in {RunPaths(root).trial(trial.trial_id).folder}",
            highlight=False,
            soft_wrap=True,
        )
    return EXIT_OK
