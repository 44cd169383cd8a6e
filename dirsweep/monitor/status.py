"""The state of a run as text, as JSON, and as a view that updates itself."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dirsweep.domain import metric_title, plural
from dirsweep.monitor.snapshot import Front, Snapshot, TrialProgress, read_snapshot
from dirsweep.monitor.standing import BestPoint
from dirsweep.report.number_format import figure
from dirsweep.run.folder import RunPaths

#: points of a front that the text lists; JSON has all
MAX_FRONT = 8


def status_text(snapshot: Snapshot) -> RenderableType:
    """Return the state of a run for a console."""
    mark = " (synthetic)" if snapshot.synthetic else ""
    parts: list[RenderableType] = [_headline(snapshot), Text(_counts(snapshot))]
    parts += _driver_lines(snapshot)
    if snapshot.running:
        parts += _running_lines(snapshot.running, metric_title(*snapshot.objective))
    if snapshot.best is not None:
        parts.append(_best_text(snapshot.best, snapshot.objective, mark))
    for goal in snapshot.goals:
        if goal.best is not None:
            parts.append(_goal_text(goal.objective, goal.best, mark))
    parts += [_front_text(front, mark) for front in snapshot.fronts if front.points]
    parts += _infeasible_lines(snapshot.fronts)
    parts += [Text(f"failed: {name}: {reason}", style="red") for name, reason in snapshot.failures]
    return Group(*parts)


def status_json(snapshot: Snapshot) -> str:
    """Return the state of a run for programs."""
    content = {**asdict(snapshot), "total": snapshot.total, "over": snapshot.over}
    return json.dumps(content, indent=2)


def watch(paths: RunPaths, console: Console, every_s: float = 2.0) -> Snapshot:
    """Show the state of a run until no driver is running.

    Args:
        paths: the run's files.
        console: where to show it; without a terminal, one line per change.
        every_s: seconds between two looks.

    Returns:
        The last state.

    Raises:
        StoreError: not the folder of a run, or damaged.
    """
    if not console.is_terminal:
        return _watch_lines(paths, console, every_s)
    snapshot = read_snapshot(paths)
    # the command prints the last state
    view = Live(status_text(snapshot), console=console, refresh_per_second=2, transient=True)
    with view as live:
        while snapshot.driver is not None:
            time.sleep(every_s)
            snapshot = read_snapshot(paths)
            live.update(status_text(snapshot))
    return snapshot


def _watch_lines(paths: RunPaths, console: Console, every_s: float) -> Snapshot:
    printed = ""
    while True:
        snapshot = read_snapshot(paths)
        line = _states(snapshot)
        if snapshot.driver is None:
            return snapshot
        if line != printed:
            console.print(line, soft_wrap=True)
            printed = line
        time.sleep(every_s)


def _headline(snapshot: Snapshot) -> Text:
    text = Text(snapshot.name, style="bold")
    if snapshot.synthetic:
        text.append("  ").append(" SYNTHETIC DATA ", style="bold black on yellow")
    return text


def _states(snapshot: Snapshot) -> str:
    return ", ".join(f"{num} {state}" for state, num in snapshot.counts.items())


def _counts(snapshot: Snapshot) -> str:
    return f"{plural(snapshot.total, 'trial')}: {_states(snapshot)}"


def _driver_lines(snapshot: Snapshot) -> Iterator[Text]:
    if snapshot.driver is not None:
        yield Text(f"driver: {snapshot.driver}")
    elif not snapshot.over:
        command = shlex.join(["dirsweep", "resume", snapshot.folder])
        yield Text(f"no driver is running; `{command}` continues the run", style="yellow")


def _running_lines(running: Sequence[TrialProgress], objective: str) -> list[Text]:
    rows = []
    for trial in running:
        value = "" if trial.value is None else f"val {objective} {figure(trial.value)}"
        epochs = f"epoch {trial.epochs}/{trial.num_epochs}"
        rows.append((trial.trial_id, trial.name, epochs, value))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[Text]:
    """Return lines with their parts below each other; a narrow terminal wraps and cuts nothing."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        Text(
            "  ".join(
                part + " " * (width - cell_len(part))
                for part, width in zip(row, widths, strict=True)
            ).rstrip()
        )
        for row in rows
    ]


def _best_text(best: BestPoint, objective: tuple[str, str], mark: str) -> Text:
    metric, objective_region = objective
    regions = "  ".join(
        f"{region} {figure(value)}" + " (objective)" * (region == objective_region)
        for region, value in best.regions.items()
        if value is not None
    )
    return Text(f"best so far{mark}: {_named(best)}\n  val {metric_title(metric)}: {regions}")


def _goal_text(objective: str, best: BestPoint, mark: str) -> Text:
    return Text(f"best{mark} by {objective}: {_named(best)}: val {figure(best.value)}")


def _named(best: BestPoint) -> str:
    return f"{best.name} [{' '.join(best.trials.values())}]"


def _front_text(front: Front, mark: str) -> RenderableType:
    title = f"{front.study}: Pareto front{mark} of {plural(front.num_complete, 'complete point')}"
    title += f", val {' against '.join(front.objectives)}"
    if front.constraints:
        title += f", subject to {'; '.join(front.constraints)}"
    rows = [
        ("", *(figure(value) for value in point.values), point.label)
        for point in front.points[:MAX_FRONT]
    ]
    num_more = len(front.points) - MAX_FRONT
    more = [Text(f"  and {num_more} more")] if num_more > 0 else []
    return Group(Text(title), *_aligned(rows), *more)


def _infeasible_lines(fronts: Sequence[Front]) -> Iterator[Text]:
    for front in fronts:
        if front.num_complete and front.constraints and not front.points:
            constraints = "; ".join(front.constraints)
            yield Text(
                f"{front.study}: none of {plural(front.num_complete, 'complete point')} satisfies "
                f"{constraints}"
            )
