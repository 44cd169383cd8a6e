"""Text of ``dirsweep plan --probe``."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress
from rich.table import Table
from rich.text import Text

from dirsweep.config.sweep import SweepSpec
from dirsweep.domain import plural
from dirsweep.estimate.cost_model import CostModel
from dirsweep.estimate.probe import probe
from dirsweep.estimate.run_cost import RunCost, run_cost
from dirsweep.estimate.trial_kinds import PlannedTrial
from dirsweep.terminal import PlainConsole, text_column

#: changes of an epoch's duration below this share of the base's are not shown
MIN_SHOWN = 0.03


def print_forecast(spec: SweepSpec, console: Console, cache: str | None = None) -> RunCost:
    """Probe a sweep, and print what its run would cost and why.

    Args:
        spec: the sweep.
        console: takes the text.
        cache: folder for what is derived from the data; None for the default.

    Returns:
        The cost of the run on this machine.

    Raises:
        DirSweepError: the data is missing or broken, or the base cannot be trained.
    """
    model, plan = _probe_with_bar(spec, cache)
    num_cpus, num_gpus = os.cpu_count() or 1, torch.cuda.device_count()
    cost = run_cost(spec, plan, model, num_cpus=num_cpus, num_gpus=num_gpus)
    for line in (_base_line(spec, model), _cost_line(cost)):
        console.print(line, soft_wrap=True)
    for line in cost.over_budget(spec):
        console.print(Text.assemble(("over budget", "bold red"), f": {line}"), soft_wrap=True)
    if model.timed:
        _print_changes(model, console)
    for problem in _problem_lines(model):
        console.print(problem, soft_wrap=True)
    return cost


def _probe_with_bar(spec: SweepSpec, cache: str | None) -> tuple[CostModel, list[PlannedTrial]]:
    """Probe with a progress bar on standard error."""
    columns = (
        text_column("probing"),
        BarColumn(),
        MofNCompleteColumn(),
        text_column("{task.description}"),
    )
    stderr = PlainConsole(stderr=True)
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)

        def progress(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name, visible=total > 2)

        return probe(spec, cache, progress=progress)


def _base_line(spec: SweepSpec, model: CostModel) -> str:
    base, length = model.base, model.length
    interval = spec.base_config.validate_every
    if isinstance(interval, int):
        validations_per_epoch = 1 / interval
    else:
        validations_per_epoch = length.validations / length.all_epochs
    epoch_s = base.epoch_s + base.val_s * validations_per_epoch
    device = "GPU" if torch.cuda.is_available() else "CPU"
    return (
        f"base, measured on this machine's {device}: {1000 * base.step_s:.3g} ms per step, "
        f"{_duration(epoch_s)} per epoch, "
        f"{_duration(base.trial_s(length))} per trial of {plural(length.all_epochs, 'epoch')}"
    )


def _cost_line(cost: RunCost) -> str:
    gpu_hours = f", {cost.gpu_hours:.3g} GPU-hours" if cost.gpu_hours else ""
    money = "" if cost.money is None else f", {cost.money:.2f} money"
    return (
        f"forecast: {plural(cost.trials, 'trial')}, "
        f"{cost.cpu_hours:.3g} CPU-hours{gpu_hours}{money}, "
        f"{_duration(3600 * cost.wall_hours)} on this machine "
        f"({plural(cost.parallel_trials, 'trial')} in parallel; early stopping and racing not "
        "included)"
    )


@dataclass(frozen=True)
class _Change:
    """Effect of a difference on an epoch, as shares of the base's epoch with validation.

    Attributes:
        name: the difference, or several that only occur together.
        epoch: relative change of an epoch of the first stage.
        later: duration of an epoch of a later stage that the difference brings; 0 without one.
    """

    name: str
    epoch: float
    later: float


def _changes(model: CostModel) -> list[_Change]:
    """Return the effect of every difference, the largest first."""
    grouped = {name for group in model.inseparable for name in group}
    single = [(name,) for name in model.added if name not in grouped]
    base = model.base
    base_s = base.epoch_s + base.val_s
    changes = []
    for group in [*model.inseparable, *single]:
        durations = model.durations(frozenset(group))
        epoch = (durations.epoch_s + durations.val_s) / base_s - 1
        later_s = durations.later_s + base.val_s if durations.later_s > base.later_s else 0.0
        changes.append(_Change(" with ".join(group), epoch, later_s / base_s))
    return sorted(changes, key=lambda change: -change.epoch)


def _print_changes(model: CostModel, console: Console) -> None:
    """Print what each difference from the base adds to an epoch, and how sure that is."""
    assert model.noise is not None
    threshold = max(MIN_SHOWN, model.noise)
    changes = _changes(model)
    small = [change for change in changes if abs(change.epoch) < threshold and not change.later]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("difference from the base", overflow="fold")
    table.add_column("epoch duration", justify="right", no_wrap=True)
    for change in changes:
        if change not in small:
            table.add_row(change.name, _change_text(change, threshold))
    if table.row_count:
        console.print(table)
    line = (
        f"timed: the base and {plural(len(model.timed), 'kind')} of trials; other kinds are "
        f"combined from these; noise (range of the base's timings): {100 * model.noise:.1f} %"
    )
    if small:
        names = ", ".join(change.name for change in small)
        line += f"; changes below {100 * threshold:.0f} %: {names}"
    console.print(line, soft_wrap=True)


def _change_text(change: _Change, threshold: float) -> str:
    text = f"{100 * change.epoch:+.0f} %" if abs(change.epoch) >= threshold else "unchanged"
    if change.later:
        text += f", later stages {100 * change.later:.0f} % of the base's"
    return text


def _problem_lines(model: CostModel) -> list[Text]:
    """Return what cannot be trained, and what was not timed."""
    lines = [
        Text.assemble(("cannot be trained", "yellow"), f": {', '.join(sorted(kind))}: {error}")
        for kind, error in model.failed
    ]
    if model.untimed:
        limit = len(model.timed) + len(model.failed)
        lines.append(
            Text.assemble(
                ("not timed", "yellow"),
                f" (limit of {plural(limit, 'kind')}), assumed to cost nothing: "
                f"{', '.join(model.untimed)}",
            )
        )
    return lines


def _duration(seconds: float) -> str:
    """Format a duration: ``12 s``, ``2.25 min``, ``3.4 h``."""
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 2 * 3600 else f"{seconds / 3600:.3g} h"
