"""Where a run stands, from its folder alone: no driver is asked, and Ray is not needed."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dirsweep.runners.control import require_run
from dirsweep.runners.locks import is_locked
from dirsweep.store.collect import label_of, merge_points, objective_of, read_spec
from dirsweep.store.ledger import Event, Proposed, read_events
from dirsweep.store.paths import RunPaths
from dirsweep.store.schema import HIGHER_IS_BETTER, Outcome
from dirsweep.store.writer import TrialFolder, read_json

#: how states are listed
ORDER = ("complete", "pruned", "stopped", "failed", "interrupted", "running", "unfinished", "waiting")


@dataclass(frozen=True)
class Seen:
    """A trial with the value it has reached.

    Attributes:
        name: study, point and seed.
        epochs: as many as it has trained by its last checkpoint.
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
class Snapshot:
    """A run at one moment.

    Attributes:
        counts: trials by state; ``waiting`` includes those not yet proposed.
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

    @property
    def total(self) -> int:
        """All trials, as far as that is known."""
        return sum(self.counts.values())

    @property
    def over(self) -> bool:
        """Every trial has ended."""
        return not any(self.counts.get(state) for state in ("running", "unfinished", "waiting", "interrupted"))


def snapshot(paths: RunPaths) -> Snapshot:
    """Read where the run stands. Raises: StoreError: not a run's folder, or damaged."""
    require_run(paths)
    spec, events, driver = read_spec(paths), read_events(paths.ledger), _driver(paths)
    points = merge_points(event for event in events if event["event"] == "proposed")
    metric, region = objective_of(spec)
    key = f"val_{metric}_{region}"
    names = _names(points)
    open_trials = _open_trials(events) if driver is not None else set()
    counts: Counter[str] = Counter()
    running, failures, found = [], [], []
    for trial_id, (name, config) in names.items():
        folder = TrialFolder(paths.trial(trial_id))
        outcome = folder.outcome()
        if outcome is not None:
            counts[outcome.status] += 1
            if outcome.status == "failed":
                failures.append((name, outcome.error or "no reason given"))
            found.append(_ended(trial_id, name, outcome, key, metric))
            continue
        # one that waits for its place is in the ledger, too, but no process holds it
        begun = trial_id in open_trials and is_locked(folder.paths.log)
        counts["running" if begun else "unfinished" if folder.paths.spec.exists() else "waiting"] += 1
        if begun:
            running.append(_running(trial_id, name, folder, config, key, metric))
    counts["waiting"] += _not_proposed(spec, points)
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    valued = [seen for seen in (*found, *running) if seen.value is not None and math.isfinite(seen.value)]
    return Snapshot(
        name=str(spec.get("name", paths.root.name)),
        synthetic=any(_is_synthetic(paths, trial_id) for trial_id in list(names)[:1]),
        objective=(metric, region),
        counts={state: counts[state] for state in ORDER if counts[state]},
        running=tuple(running),
        best=min(valued, key=lambda seen: sign * (seen.value or 0.0), default=None),
        driver=driver,
        failures=tuple(failures),
    )


def _driver(paths: RunPaths) -> str | None:
    if not is_locked(paths.lock):
        return None
    holder = read_json(paths.lock)
    if not isinstance(holder, dict):
        return "a driver"
    return f"pid {holder.get('pid')} on {holder.get('host')}, since {str(holder.get('since'))[:19]} UTC"


def _names(points: list[Proposed]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """trial -> (what it is in words, its configuration); a trial of several studies by the first."""
    names: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for point in points:
        for seed, trial_id in zip(point["seeds"], point["trial_ids"], strict=True):
            name = f"{point['study']}: {label_of(point['overrides'])}, seed {seed}"
            names.setdefault(trial_id, (name, point.get("config") or {}))
    return names


def _open_trials(events: list[Event]) -> set[str]:
    """Started and not ended, by the ledger."""
    found: set[str] = set()
    for event in events:
        if event["event"] == "started":
            found.add(event["trial_id"])
        elif event["event"] == "ended":
            found.discard(event["trial_id"])
    return found


def _not_proposed(spec: Mapping[str, Any], points: list[Proposed]) -> int:
    """How many trials the samplers have still to propose."""
    proposed = Counter(point["study"] for point in points)
    studies = spec.get("studies") or {}
    coming = 0
    for name, study in studies.items():
        seeds = study.get("seeds") or spec.get("seeds") or [0]
        coming += max(0, int(study.get("trials") or 0) - proposed[name]) * len(seeds)
    return coming


def _is_synthetic(paths: RunPaths, trial_id: str) -> bool:
    spec = read_json(paths.trial(trial_id).spec)
    return isinstance(spec, dict) and bool(spec.get("synthetic"))


def _regions(metric: str, found: Mapping[str, Any]) -> dict[str, float | None]:
    prefix = f"val_{metric}_"
    return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}


def _ended(trial_id: str, name: str, outcome: Outcome, key: str, metric: str) -> Seen:
    num = outcome.num_epochs
    return Seen(trial_id, name, num, num, outcome.metrics.get(key), _regions(metric, outcome.metrics))


def _running(trial_id: str, name: str, folder: TrialFolder, config: Mapping[str, Any], key: str, metric: str) -> Seen:
    rows = folder.read_epochs()
    valued = [row for row in rows if isinstance(row.get(key), int | float)]
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    best = min(valued, key=lambda row: sign * row[key], default={})
    return Seen(trial_id, name, len(rows), int(config.get("epochs", 0)), best.get(key), _regions(metric, best))


# ---- for people ------------------------------------------------------------------------------------------------------


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
            table.add_row(trial.trial_id, Text(trial.name), f"epoch {trial.epochs}/{trial.num_epochs}", value)
        parts.append(table)
    if seen.best is not None:
        regions = "  ".join(f"{name} {value:.4g}" for name, value in seen.best.regions.items() if value is not None)
        parts.append(Text(f"best so far{mark}: {seen.best.name} [{seen.best.trial_id}]\n  val {metric}: {regions}"))
    parts += [Text(f"failed: {name}: {reason}", style="red") for name, reason in seen.failures]
    return Group(*parts)


def as_json(seen: Snapshot) -> str:
    """The snapshot for programs."""
    return json.dumps({**asdict(seen), "total": seen.total, "over": seen.over}, indent=2)


def watch(paths: RunPaths, console: Console, every_s: float = 2.0) -> Snapshot:
    """Show where the run stands until it is over or nobody works on it any more; returns the last state."""
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
