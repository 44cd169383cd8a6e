"""One trial in this process, with a progress bar, for debugging."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from dirsweep.config.expand import make_trial, planned_points
from dirsweep.config.first_points import chain_of
from dirsweep.config.point_names import labels_of
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.domain import plural
from dirsweep.errors import SpecError, did_you_mean
from dirsweep.execute.base import WorkerSettings
from dirsweep.execute.worker import run_trial
from dirsweep.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from dirsweep.run.folder import RunPaths
from dirsweep.run.tables import Outcome
from dirsweep.terminal import PlainConsole, text_column
from dirsweep.training.preparation import prepare

_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class TrialChoice:
    """Which planned trial of a sweep is meant.

    Attributes:
        study: its key in the sweep file; None is the first.
        index: of the point among the study's planned points.
        seed: None is the study's first.
    """

    study: str | None = None
    index: int = 0
    seed: int | None = None


@dataclass(frozen=True)
class ChosenTrial:
    """A planned trial of a sweep.

    Attributes:
        spec: what it is.
        name: study, point and seed: ``gamma: ranksim.gamma=100, seed 0``.
        num_epochs: of all stages of its training.
        first: the trial from whose weights it starts; None for none.
    """

    spec: TrialSpec
    name: str
    num_epochs: int
    first: ChosenTrial | None = None

    def marked(self, text: str) -> str:
        """Return a text with a mark where the data is synthetic."""
        return f"SYNTHETIC {text}" if self.spec.synthetic else text


def choose_trial(spec: SweepSpec, choice: TrialChoice, cache: str | None) -> ChosenTrial:
    """Return the trial that is meant.

    Args:
        spec: the sweep.
        choice: study, point and seed.
        cache: where benchmarks keep what they derive; None for the default.

    Raises:
        SpecError: no such study or planned point.
        DataError: the sweep's data is absent or broken.
    """
    name = choice.study if choice.study is not None else next(iter(spec.studies))
    if name not in spec.studies:
        what = f"no study '{name}'; {did_you_mean(name, spec.studies)}"
        raise SpecError(what, key="--study", source=spec.source)
    points = planned_points(spec, name)
    if not points:
        what = f"study '{name}' has no planned points: its sampler proposes them during the run"
        raise SpecError(what, key="--point", source=spec.source)
    if choice.index >= len(points):
        what = f"study '{name}' has {plural(len(points), 'planned point')} (0 to {len(points) - 1})"
        raise SpecError(f"{what}, got {choice.index}", key="--point", source=spec.source)
    seed = spec.seeds_of(name)[0] if choice.seed is None else choice.seed
    fingerprint = prepare(spec, cache).fingerprint()
    point = points[choice.index]
    label = labels_of(spec, name, points)[choice.index]
    chosen: ChosenTrial | None = None
    chain = chain_of(spec, point)
    for number, one in enumerate(chain, start=1):
        trial = make_trial(spec, one, seed, fingerprint, cache)
        trial = replace(trial, keeps_model=number < len(chain))
        stages = "first stage of " * (len(chain) - number)
        title = f"{name}: {stages}{label}, seed {seed}"
        chosen = ChosenTrial(trial, title, one.config.total_epochs, chosen)
    assert chosen is not None
    return chosen


def train_single(
    spec: SweepSpec, choice: TrialChoice, *, out: Path | None, cache: str | None
) -> int:
    """Train one trial, and show its progress and its result.

    Args:
        spec: the sweep.
        choice: which trial.
        out: folder to keep it in; None keeps nothing.
        cache: see ``choose_trial``.

    Returns:
        The exit code.
    """
    trial = choose_trial(spec, choice, cache)
    trial_id = trial.spec.trial_id
    console = PlainConsole(stderr=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = out or Path(scratch)
        folder = RunPaths(root).trial(trial_id).folder
        try:
            outcome = _train_chain(trial, spec, root, console)
        except KeyboardInterrupt:
            hint = f"; the same command resumes from {folder}" if out else ""
            console.print(f"interrupted{hint}")
            return EXIT_INTERRUPTED
        found = _traceback_in(RunPaths(root).trial(trial_id).log.text() or "")
    if outcome.status != "complete":
        if found:
            console.print(found, soft_wrap=True)
        console.print(f"{outcome.status}: {outcome.error}")
        return EXIT_FAILED
    _show_result(trial, outcome)
    if out:
        PlainConsole().print(f"kept in {folder}", soft_wrap=True)
    return EXIT_OK


def _train_chain(trial: ChosenTrial, spec: SweepSpec, root: Path, console: Console) -> Outcome:
    """Train what a trial starts from, then the trial."""
    if trial.first is not None:
        outcome = _train_chain(trial.first, spec, root, console)
        if outcome.status != "complete":
            return outcome
    console.print(trial.marked(f"{trial.name}  [{trial.spec.trial_id}]"))
    return _train(trial, spec, root, console)


def _train(trial: ChosenTrial, spec: SweepSpec, root: Path, console: Console) -> Outcome:
    columns = (
        text_column("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        text_column("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(trial.marked(trial.name), total=trial.num_epochs, note="")

        def show(row: Mapping[str, Any]) -> None:
            note = _note(trial.spec, row)
            bar.update(task, completed=row["epoch"] + 1, note=note)
            if not console.is_terminal:
                console.print(trial.marked(f"epoch {row['epoch'] + 1}/{trial.num_epochs}: {note}"))

        def step(epoch: int, number: int, total: int) -> None:
            bar.update(task, completed=epoch + number / total)

        settings = WorkerSettings.of(spec.resources, spec.store)
        return run_trial(trial.spec, root, show, settings, progress=step)


def _note(trial: TrialSpec, row: Mapping[str, Any]) -> str:
    """Say what an epoch came to: the objective, where the epoch was validated, else the loss."""
    key = f"val_{trial.metric}_{trial.region}"
    if row.get(key) is None:
        return f"loss {row['train_loss']:.4g}"
    return f"{key} {row[key]:.4g}"


def _traceback_in(log: str) -> str:
    """Return the last traceback of a trial's log; empty without one."""
    _, start, rest = log.rpartition(_TRACEBACK)
    if not start:
        return ""
    lines = rest.splitlines()
    # it ends with the first line after its frames that is not indented: the error
    last = next((i for i, line in enumerate(lines[1:], 1) if line and line[0] != " "), len(lines))
    return "\n".join((start, *lines[1 : last + 1]))


def _show_result(trial: ChosenTrial, outcome: Outcome) -> None:
    console = PlainConsole()
    best = "none" if outcome.best_epoch is None else str(outcome.best_epoch + 1)
    seconds = f"{outcome.training_time_s or 0.0:.1f} s of training"
    text = f"{trial.name}: best epoch {best} of {outcome.num_epochs}, {seconds}"
    console.print(trial.marked(text))
    for name, value in outcome.metrics.items():
        shown = "none" if value is None else f"{value:.4f}"
        console.print(f"  {name} = {shown}")
