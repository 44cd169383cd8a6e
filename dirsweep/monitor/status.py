"""Where a run stands, from its folder alone: no driver is asked, and Ray is not needed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dirsweep.domain import MetricColumn, metric_of
from dirsweep.monitor.control import require_run
from dirsweep.run.collect import objective_of
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.run.manifest import read_spec
from dirsweep.run.objectives import Aims, aims_of
from dirsweep.run.results import StudyBase, StudyResults, base_from_yaml
from dirsweep.run.state import RunState, count_trials
from dirsweep.run.synthetic_mark import is_synthetic
from dirsweep.run.tables import Outcome


@dataclass(frozen=True)
class Seen:
    """A trial with the value it has reached.

    Attributes:
        name: study, point and seed.
        epochs: as many as it has trained, by what its folder says: at most a second old where an
            epoch is shorter.
        num_epochs: as many as it is to train.
        value: best objective on validation so far.
        regions: the objective's metric by region, where known.
    """

    trial_id: str
    name: str
    epochs: int
    num_epochs: int
    value: float | None
    regions: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """The best trial by one objective.

    Attributes:
        objective: ``mae/few``.
        best: None while no trial has a value.
    """

    objective: str
    best: Seen | None


@dataclass(frozen=True)
class FrontPoint:
    """A point that no other one beats in all objectives of its search.

    Attributes:
        values: per objective, mean over its seeds, on validation.
    """

    point: int
    label: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Front:
    """What a search with several objectives has come to.

    Attributes:
        objectives: ``mae/many`` ...
        constraints: in words; those that break one are not on the front.
        num_complete: points all of whose trials are complete.
        points: the front, by the first objective.
    """

    study: str
    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    num_complete: int
    points: tuple[FrontPoint, ...]


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        counts: trials by state; ``waiting`` includes those not yet proposed.
        best: by the sweep's objective.
        goals: the best by every other objective that a search has.
        fronts: of the searches with several objectives.
        driver: who works on the run, None when nobody does.
        failures: trial and reason.
    """

    name: str
    synthetic: bool
    objective: tuple[str, str]
    counts: Mapping[str, int]
    running: tuple[Seen, ...]
    best: Seen | None
    driver: str | None
    failures: tuple[tuple[str, str], ...]
    goals: tuple[Goal, ...] = ()
    fronts: tuple[Front, ...] = ()

    @property
    def total(self) -> int:
        """All trials, as far as that is known."""
        return sum(self.counts.values())

    @property
    def over(self) -> bool:
        """Every trial has ended."""
        return not any(
            self.counts.get(state) for state in ("running", "unfinished", "waiting", "interrupted")
        )


def snapshot(paths: RunPaths) -> Snapshot:
    """Read where the run stands. Raises: StoreError: not a run's folder, or damaged."""
    require_run(paths)
    spec, state, driver = read_spec(paths), read_state(paths.ledger), _driver(paths)
    metric, region = objective_of(spec)
    key = f"val_{metric}_{region}"
    trial_ids = list(state.proposed_trials())
    started = set(state.open_trials) if driver is not None else set()
    outcomes: dict[str, Outcome] = {}
    running, failures, found, begun = [], [], [], set()
    measured: dict[str, Mapping[str, Any]] = {}
    for trial_id in trial_ids:
        folder, name = TrialFolder(paths.trial(trial_id)), state.name(trial_id)
        outcome = folder.outcome()
        if outcome is not None:
            outcomes[trial_id] = outcome
            if outcome.status == "failed":
                failures.append((name, outcome.error or "no reason given"))
            found.append(_ended(trial_id, name, outcome, key, metric))
            measured[trial_id] = outcome.metrics
            continue
        # one that waits for its place is in the ledger, too, but no process holds it
        if trial_id in started and folder.paths.log.is_held():
            config = state.points[state.trials[trial_id].points[0]].config or {}
            seen, measured[trial_id] = _running(trial_id, name, folder, config, key, metric)
            running.append(seen)
        elif folder.paths.spec.exists():
            begun.add(trial_id)
    counts = count_trials(
        trial_ids,
        outcomes,
        running={seen.trial_id for seen in running},
        begun=begun,
        num_unproposed=_num_unproposed(spec, state),
    )
    aims = {study: aims_of(spec, study) for study in spec.get("studies") or {}}
    others = dict.fromkeys(
        column for of in aims.values() for column in of.objectives if column.name != key
    )
    return Snapshot(
        name=str(spec.get("name", paths.name)),
        synthetic=is_synthetic(paths, spec, _first_spec(paths, trial_ids)),
        objective=(metric, region),
        counts={status: num for status, num in counts.items() if num},
        running=tuple(running),
        best=_best([*found, *running], metric),
        driver=driver,
        failures=tuple(failures),
        goals=tuple(
            Goal(
                f"{column.metric}/{column.region}",
                _best(
                    [_by(column, seen, measured[seen.trial_id]) for seen in (*found, *running)],
                    column.metric,
                ),
            )
            for column in others
        ),
        fronts=tuple(
            _front(study, of, base_from_yaml(spec, study), state, outcomes)
            for study, of in aims.items()
            if len(of.objectives) > 1
        ),
    )


def _best(trials: Sequence[Seen], metric: str) -> Seen | None:
    sign = metric_of(metric).cost_sign
    valued = [seen for seen in trials if seen.value is not None and math.isfinite(seen.value)]
    return min(valued, key=lambda seen: sign * (seen.value or 0.0), default=None)


def _by(column: MetricColumn, seen: Seen, metrics: Mapping[str, Any]) -> Seen:
    """The trial with the value of another objective, at the epoch that the sweep's objective
    chooses.
    """
    value = metrics.get(column.name)
    value = value if isinstance(value, int | float) else None
    return replace(seen, value=value, regions=_regions(column.metric, metrics))


def _front(
    study: str,
    aims: Aims,
    base: StudyBase,
    state: RunState,
    outcomes: Mapping[str, Outcome],
) -> Front:
    results = StudyResults.of_state(state, study, aims.goals, base, outcomes)
    columns = [objective.column for objective in results.goals.objectives]
    found = [
        FrontPoint(
            index,
            state.label(study, index),
            tuple(results.points[index].means[column] for column in columns),
        )
        for index in results.front
    ]
    first = results.goals.objectives[0]
    return Front(
        study,
        tuple(objective.name for objective in results.goals.objectives),
        tuple(constraint.name for constraint in results.goals.constraints),
        results.num_complete,
        tuple(sorted(found, key=lambda point: first.cost_sign * point.values[0])),
    )


def _driver(paths: RunPaths) -> str | None:
    if not paths.lock.is_held():
        return None
    holder = paths.lock.read_json()
    if not isinstance(holder, dict):
        return "a driver"
    return f"pid {holder.get('pid')} on {holder.get('host')}, since {str(holder.get('since'))[:19]} UTC"


def _num_unproposed(spec: Mapping[str, Any], state: RunState) -> int:
    """Count the trials that samplers have still to propose."""
    coming = 0
    for name, study in (spec.get("studies") or {}).items():
        seeds = study.get("seeds") or spec.get("seeds") or [0]
        coming += state.num_unproposed(name, int(study.get("trials") or 0)) * len(seeds)
    return coming


def _first_spec(paths: RunPaths, trial_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the first of the trials recorded when it started, if it has."""
    specs = (paths.trial(trial_id).spec.read_json() for trial_id in trial_ids[:1])
    return [spec for spec in specs if isinstance(spec, dict)]


def _regions(metric: str, found: Mapping[str, Any]) -> dict[str, float | None]:
    prefix = f"val_{metric}_"
    return {
        key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)
    }


def _ended(trial_id: str, name: str, outcome: Outcome, key: str, metric: str) -> Seen:
    num = outcome.num_epochs
    return Seen(
        trial_id, name, num, num, outcome.metrics.get(key), _regions(metric, outcome.metrics)
    )


def _running(
    trial_id: str, name: str, folder: TrialFolder, config: Mapping[str, Any], key: str, metric: str
) -> tuple[Seen, Mapping[str, Any]]:
    rows = folder.read_epochs()
    valued = [row for row in rows if isinstance(row.get(key), int | float)]
    sign = metric_of(metric).cost_sign
    best = min(valued, key=lambda row: sign * row[key], default={})
    seen = Seen(
        trial_id,
        name,
        len(rows),
        int(config.get("epochs", 0)),
        best.get(key),
        _regions(metric, best),
    )
    return seen, best


# ---- for people


def as_text(seen: Snapshot) -> RenderableType:
    """The snapshot for a console."""
    metric = " ".join(seen.objective)
    mark = " (synthetic)" if seen.synthetic else ""
    head = Text(seen.name, style="bold")
    if seen.synthetic:
        head.append("  ").append(" SYNTHETIC DATA ", style="bold black on yellow")
    states = ", ".join(f"{num} {state}" for state, num in seen.counts.items())
    parts: list[RenderableType] = [head, Text(f"{seen.total} trials: {states}")]
    if seen.driver is not None:
        parts.append(Text(f"driver: {seen.driver}"))
    elif not seen.over:
        parts.append(Text("no driver works on it; `dirsweep resume` goes on", style="yellow"))
    if seen.running:
        table = Table.grid(padding=(0, 2))
        for trial in seen.running:
            value = "" if trial.value is None else f"val {metric} {trial.value:.4g}"
            table.add_row(
                trial.trial_id, Text(trial.name), f"epoch {trial.epochs}/{trial.num_epochs}", value
            )
        parts.append(table)
    if seen.best is not None:
        regions = "  ".join(
            f"{name} {value:.4g}" for name, value in seen.best.regions.items() if value is not None
        )
        parts.append(
            Text(
                f"best so far{mark}: {seen.best.name} [{seen.best.trial_id}]\n  val {metric}: {regions}"
            )
        )
    parts += [
        Text(
            f"best{mark} by {goal.objective}: {goal.best.name} [{goal.best.trial_id}]: val {goal.best.value:.4g}"
        )
        for goal in seen.goals
        if goal.best is not None
    ]
    parts += [_front_text(front, mark) for front in seen.fronts if front.points]
    parts += [
        Text(
            f"{front.study}: none of {front.num_complete} complete points keeps to {'; '.join(front.constraints)}"
        )
        for front in seen.fronts
        if front.num_complete and front.constraints and not front.points
    ]
    parts += [Text(f"failed: {name}: {reason}", style="red") for name, reason in seen.failures]
    return Group(*parts)


#: of a front, in the text; --json has all
MAX_FRONT = 8


def _front_text(front: Front, mark: str) -> RenderableType:
    kept = f", keeping to {'; '.join(front.constraints)}" if front.constraints else ""
    title = f"{front.study}: front{mark} of {front.num_complete} complete points, val {' against '.join(front.objectives)}"
    table = Table.grid(padding=(0, 2))
    for point in front.points[:MAX_FRONT]:
        table.add_row("", *(f"{value:.4g}" for value in point.values), Text(point.label))
    more = len(front.points) - MAX_FRONT
    return Group(Text(title + kept), table, *([Text(f"  and {more} more")] if more > 0 else []))


def as_json(seen: Snapshot) -> str:
    """The snapshot for programs."""
    return json.dumps({**asdict(seen), "total": seen.total, "over": seen.over}, indent=2)


def watch(paths: RunPaths, console: Console, every_s: float = 2.0) -> Snapshot:
    """Show where the run stands until it is over or nobody works on it any more; returns the last
    state.
    """
    seen = snapshot(paths)
    if not console.is_terminal:
        shown = ""
        while True:
            line = ", ".join(f"{num} {state}" for state, num in seen.counts.items())
            if line != shown:
                console.print(line, highlight=False, soft_wrap=True)
                shown = line
            if seen.driver is None:
                return seen
            time.sleep(every_s)
            seen = snapshot(paths)
    with Live(as_text(seen), console=console, refresh_per_second=2) as live:
        while seen.driver is not None:
            time.sleep(every_s)
            seen = snapshot(paths)
            live.update(as_text(seen))
    return seen
