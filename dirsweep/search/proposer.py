"""Who decides what is trained next, apart from who trains it.

Planned points come first, in the order of the sweep file, then what the samplers propose. Every decision is in the
ledger before a trial starts. Both runners ask the same object, so both train the same trials.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import optuna
from optuna.trial import TrialState

from dirsweep.search.optuna_parts import make_pruner
from dirsweep.search.sampled import SampledStudy
from dirsweep.spec.expand import make_point, make_trial, planned_points
from dirsweep.spec.schema import Point, TrialSpec, canonical_json
from dirsweep.spec.sweep import SweepSpec
from dirsweep.store import ledger as events
from dirsweep.store.ledger import Ledger, Proposed
from dirsweep.store.schema import Outcome
from dirsweep.store.writer import TrialFolder

State = Literal["waiting", "running", "complete", "pruned", "stopped", "failed", "interrupted"]
_ENDED = ("complete", "pruned", "stopped", "failed")


@dataclass
class Entry:
    """A trial and everything that waits for it."""

    trial: TrialSpec
    points: list[Point]
    state: State = "waiting"
    outcome: Outcome | None = None
    #: best objective so far by epoch
    by_epoch: dict[int, float] = field(default_factory=dict)

    @property
    def point(self) -> Point:
        """The point that asked for it first."""
        return self.points[0]


class Proposer:
    """The state of a sweep: what is planned, proposed, running, ended.

    Args:
        spec: the sweep.
        ledger: of this run; what it holds is taken up again.
        folder_of: a trial's folder, where its outcome lies.
        fingerprint: of the benchmark's content.
        cache: where benchmarks keep what they derive, None for the default.
        retry: statuses whose trials are trained again (``{"failed"}``).
    """

    def __init__(
        self,
        spec: SweepSpec,
        ledger: Ledger,
        folder_of: Callable[[str], TrialFolder],
        *,
        fingerprint: str,
        cache: str | None = None,
        retry: frozenset[str] = frozenset(),
    ) -> None:
        self.spec, self.ledger, self.folder_of = spec, ledger, folder_of
        self.fingerprint, self.cache, self.retry = fingerprint, cache, retry
        self.key = f"val_{spec.objective.metric}_{spec.objective.region}"
        self.sign = 1.0 if spec.objective.direction == "minimize" else -1.0
        self.entries: dict[str, Entry] = {}
        self.queue: deque[str] = deque()
        self.trials_of: dict[tuple[str, int], list[str]] = {}
        self.sampled: dict[str, SampledStudy] = {}
        self.next_index: dict[str, int] = {}
        self.num_points: dict[str, int] = dict.fromkeys(spec.studies, 0)
        self.pruning: dict[str, optuna.Study] = {}
        self.pruning_trials: dict[tuple[str, str], optuna.trial.Trial] = {}
        self.stopping = False
        self._plan()

    # ---------------------------------------------------------------- planning and taking up

    def _plan(self) -> None:
        proposed: dict[str, list[Proposed]] = {name: [] for name in self.spec.studies}
        for event in self.ledger.events():
            if event["event"] == "proposed" and event["study"] in proposed:
                proposed[event["study"]].append(event)
        for name, study in self.spec.studies.items():
            by_overrides = {canonical_json(event["overrides"]): event for event in proposed[name]}
            self.next_index[name] = 1 + max((event["index"] for event in proposed[name]), default=-1)
            if study.space is not None:
                self.sampled[name] = SampledStudy(f"{self.spec.name}/{name}", study, self.spec.objective.direction)
            scheduler = self.spec.scheduler_of(name)
            if scheduler is not None:
                pruner = make_pruner(scheduler, self.spec.base_config.epochs)
                self.pruning[name] = optuna.create_study(direction=self.spec.objective.direction, pruner=pruner)
            for planned in planned_points(self.spec, name):
                known = by_overrides.pop(canonical_json(planned.overrides), None)
                index = known["index"] if known is not None else self._new_index(name)
                self._propose(make_point(self.spec, name, index, planned.overrides), known)
            for event in by_overrides.values():  # in the order in which the sampler proposed them
                if event["sampler"] is not None:
                    self._propose(make_point(self.spec, name, event["index"], event["overrides"]), event)
        self._replay_in_pruners()

    def _replay_in_pruners(self) -> None:
        """Show the pruners what ended before, in the order in which it ended."""
        order = [event["trial_id"] for event in self.ledger.events() if event["event"] == "ended"]
        for trial_id in dict.fromkeys(order):
            entry = self.entries.get(trial_id)
            if entry is None or entry.outcome is None:
                continue
            for study in {point.study for point in entry.points} & set(self.pruning):
                for epoch, value in sorted(entry.by_epoch.items()):
                    self._wants_end(study, trial_id, epoch, value)
            self._end_in_pruner(entry)

    def _new_index(self, study: str) -> int:
        self.next_index[study] += 1
        return self.next_index[study] - 1

    def _propose(self, point: Point, known: Proposed | None = None) -> None:
        """Take ``point`` up: into the ledger unless it is there, its trials into the queue unless they ended."""
        seeds = self.spec.seeds_of(point.study)
        trials = [make_trial(self.spec, point, seed, self.fingerprint, self.cache) for seed in seeds]
        ids = [trial.trial_id for trial in trials]
        sampled = self.sampled.get(point.study)
        self.trials_of[point.study, point.index] = ids
        self.num_points[point.study] += 1
        if known is None:
            if sampled is not None and point.index not in sampled.open:
                sampled.ask_for(point.index, point.overrides)
            state = sampled.state_of(point.index) if sampled is not None and point.index in sampled.open else None
            self.ledger.append(
                events.proposed(
                    point.study,
                    point.index,
                    point.overrides,
                    seeds=list(seeds),
                    trial_ids=ids,
                    sampler=state,
                    config=point.config.to_dict(),
                )
            )
        elif set(ids) - set(known["trial_ids"]):  # the sweep was extended by seeds
            self.ledger.append({**known, "seeds": list(seeds), "trial_ids": ids, "config": point.config.to_dict()})
        for trial in trials:
            self._enter(trial, point)
        if known is not None and known["sampler"] is not None and sampled is not None:
            sampled.restore(point.index, known["sampler"], self._ended_as(point))
        self._tell_if_ended(point)

    def _enter(self, trial: TrialSpec, point: Point) -> None:
        if trial.trial_id in self.entries:
            self.entries[trial.trial_id].points.append(point)
            return
        entry = self.entries[trial.trial_id] = Entry(trial, [point])
        folder = self.folder_of(trial.trial_id)
        outcome = folder.outcome()
        if outcome is not None and outcome.status in _ENDED and outcome.status not in self.retry:
            entry.state, entry.outcome = outcome.status, outcome
            entry.by_epoch = self._values(folder.read_epochs())
        else:
            if outcome is not None:  # failed, and wanted again: from its start
                folder.paths.outcome.unlink(missing_ok=True)
                folder.paths.checkpoint.unlink(missing_ok=True)
            self.queue.append(trial.trial_id)

    def _values(self, rows: list[dict[str, Any]]) -> dict[int, float]:
        return {row["epoch"]: row["best_value"] for row in rows if row.get("best_value") is not None}

    # ---------------------------------------------------------------- what next

    def next_trial(self) -> TrialSpec | None:
        """The next trial, in the ledger as started; None when there is none (for now, or at all: see ``finished``)."""
        while not self.stopping:
            if self.queue:
                entry = self.entries[self.queue.popleft()]
                entry.state = "running"
                self.ledger.append(events.started(entry.trial.trial_id))
                return entry.trial
            name = next((name for name in self.sampled if self._open_points(name) > 0), None)
            if name is None:
                return None
            index = self._new_index(name)
            self._propose(make_point(self.spec, name, index, self.sampled[name].ask(index)))
        return None

    def _open_points(self, study: str) -> int:
        """How many points a searched study has still to propose."""
        return max(0, self.spec.studies[study].trials - self.num_points[study])

    @property
    def finished(self) -> bool:
        """Nothing runs, nothing waits, nothing will be proposed."""
        idle = all(entry.state not in ("waiting", "running") for entry in self.entries.values())
        return idle and not any(self._open_points(name) for name in self.sampled)

    @property
    def num_trials(self) -> int:
        """How many different trials the sweep has in all, as far as that is known now."""
        coming = sum(self._open_points(name) * len(self.spec.seeds_of(name)) for name in self.sampled)
        return len(self.entries) + coming

    # ---------------------------------------------------------------- what came of it

    def observe(self, trial_id: str, row: Mapping[str, Any]) -> bool:
        """Take an epoch's row; True when the scheduler wants the trial to end."""
        entry, value, epoch = self.entries[trial_id], row.get("best_value"), int(row["epoch"])
        if value is None or not math.isfinite(value) or epoch in entry.by_epoch:
            return False
        entry.by_epoch[epoch] = float(value)
        for point in entry.points:
            self._report(point, epoch)
        # a trial that a study without scheduler needs is never cut short
        studies = {point.study for point in entry.points}
        wishes = {study: self._wants_end(study, trial_id, epoch, value) for study in studies & set(self.pruning)}
        return len(wishes) == len(studies) and all(wishes.values())

    def _report(self, point: Point, epoch: int) -> None:
        """To the sampler: the mean over seeds, once every seed has reached the epoch."""
        sampled = self.sampled.get(point.study)
        values = [self.entries[i].by_epoch.get(epoch) for i in self.trials_of[point.study, point.index]]
        if sampled is not None and all(value is not None for value in values):
            sampled.report(point.index, epoch, sum(values) / len(values))  # type: ignore[arg-type]

    def _wants_end(self, study: str, trial_id: str, epoch: int, value: float) -> bool:
        trial = self.pruning_trials.get((study, trial_id))
        if trial is None:
            trial = self.pruning_trials[study, trial_id] = self.pruning[study].ask()
        trial.report(value, epoch + 1)
        return bool(trial.should_prune())

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """Take a trial's outcome (already on disk), into the ledger and to every study that waits for it."""
        entry = self.entries[trial_id]
        entry.state, entry.outcome = outcome.status, outcome
        self.ledger.append(events.ended(trial_id, outcome.status, outcome.error))
        self._end_in_pruner(entry)
        for point in entry.points:
            self._tell_if_ended(point)

    def _end_in_pruner(self, entry: Entry) -> None:
        for study in {point.study for point in entry.points} & set(self.pruning):
            trial = self.pruning_trials.pop((study, entry.trial.trial_id), None)
            if trial is None:
                continue
            if entry.state == "complete" and entry.by_epoch:
                self.pruning[study].tell(trial, entry.by_epoch[max(entry.by_epoch)])
            else:
                self.pruning[study].tell(trial, state=TrialState.PRUNED if entry.by_epoch else TrialState.FAIL)

    def _ended_as(self, point: Point) -> tuple[TrialState, float | None, dict[int, float]] | None:
        """A point as Optuna sees it, once all its trials have ended: PRUNED or FAIL as soon as one of them is."""
        entries = [self.entries[trial_id] for trial_id in self.trials_of[point.study, point.index]]
        if any(entry.state not in _ENDED for entry in entries):
            return None
        epochs = set.intersection(*(set(entry.by_epoch) for entry in entries)) if entries else set()
        by_epoch = {e: sum(entry.by_epoch[e] for entry in entries) / len(entries) for e in sorted(epochs)}
        states = {entry.state for entry in entries}
        if "failed" in states:
            return TrialState.FAIL, None, by_epoch
        if states & {"pruned", "stopped"}:
            return TrialState.PRUNED, None, by_epoch
        values = [entry.outcome.metrics.get(self.key) if entry.outcome else None for entry in entries]
        if any(value is None for value in values):
            return TrialState.FAIL, None, by_epoch
        return TrialState.COMPLETE, sum(values) / len(values), by_epoch  # type: ignore[arg-type]

    def _tell_if_ended(self, point: Point) -> None:
        sampled = self.sampled.get(point.study)
        ended = self._ended_as(point)
        if sampled is None or ended is None or point.index not in sampled.open:
            return
        state, value, by_epoch = ended
        for epoch, item in by_epoch.items():
            sampled.report(point.index, epoch, item)
        sampled.tell(point.index, state, value)

    def stop(self) -> None:
        """Propose nothing more."""
        self.stopping = True

    def counts(self) -> dict[str, int]:
        """Trials by state, ``waiting`` including those not yet proposed."""
        found: dict[str, int] = {}
        for entry in self.entries.values():
            found[entry.state] = found.get(entry.state, 0) + 1
        found["waiting"] = found.get("waiting", 0) + self.num_trials - len(self.entries)
        return found
