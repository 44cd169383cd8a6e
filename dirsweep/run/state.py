"""What a run's log says: one state, changed by ``RunState.apply`` alone.

The driver, ``status``, the tables and the exports ask the same state. What a trial came to lies in
the trial's own folder; ``run.results`` joins the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from dirsweep.config.labels import StudyLabels
from dirsweep.run.events import (
    Ended,
    Event,
    Proposed,
    Raced,
    Required,
    Retried,
    SamplerState,
    SessionStarted,
    Started,
    Warmed,
)

#: a trial as the log knows it: proposed or to be retried, started, ended
TrialStatus = Literal["waiting", "running", "ended"]
#: how counts are listed; the first four are final
STATUS_ORDER = (
    "complete",
    "pruned",
    "stopped",
    "failed",
    "interrupted",
    "running",
    "unfinished",
    "waiting",
)


class HasStatus(Protocol):
    """An outcome, as far as counting goes."""

    @property
    def status(self) -> str:
        """``complete``, ``failed`` ..."""


@dataclass(frozen=True)
class StudyPoint:
    """A point of a study.

    Attributes:
        study: its key in the sweep file.
        index: counts the study's points from 0, in the order in which they were proposed.
        overrides: dotted key -> value, what the point changes in the base.
        trials: seed -> trial, all seeds ever proposed for these overrides.
        sampler: what Optuna must know of it; None for a planned point that no sampler knows.
        config: the resolved configuration; None in ledgers of early builds.
    """

    study: str
    index: int
    overrides: Mapping[str, Any]
    trials: Mapping[int, str]
    sampler: SamplerState | None = None
    config: Mapping[str, Any] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """(study, index)."""
        return self.study, self.index

    @property
    def trial_ids(self) -> tuple[str, ...]:
        """Its trials, in the order of the seeds."""
        return tuple(self.trials.values())


@dataclass(frozen=True)
class TrialRecord:
    """A trial as the log knows it.

    Attributes:
        trial_id: which.
        seed: None for a trial that was never proposed.
        points: (study, index) of the points that need it, the first proposed first.
        status: ``ended`` once its end is in the log, until it is started again.
        end_status: how it ended last, as in ``Outcome``; None before.
        error: why it failed.
        reused_from: the neighbouring run that trained it, where its files were copied.
        notes: why it was retried.
        num_retries: how often it was given a larger part of a GPU since its last end.
        share: the part of a GPU it was given last; None: that of every trial.
        starts_from: the trial from whose weights it starts; None: none.
        required_by: the trials that start from its weights, the first that needed it first.
        config: resolved configuration of a trial that others start from; None for others.
    """

    trial_id: str
    seed: int | None = None
    points: tuple[tuple[str, int], ...] = ()
    status: TrialStatus = "waiting"
    end_status: str | None = None
    error: str | None = None
    reused_from: str | None = None
    notes: tuple[str, ...] = ()
    num_retries: int = 0
    share: float | None = None
    starts_from: str | None = None
    required_by: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None


@dataclass
class _WallTime:
    """Time in which drivers worked: from each session's start to its last event.

    Attributes:
        earlier_s: of the sessions before the last one, seconds.
        first, last: start and latest event of the last one.
    """

    earlier_s: float = 0.0
    first: datetime | None = None
    last: datetime | None = None

    @property
    def seconds(self) -> float:
        """All sessions together."""
        if self.first is None or self.last is None:
            return self.earlier_s
        return self.earlier_s + (self.last - self.first).total_seconds()

    def note(self, time: str, *, starts_session: bool) -> None:
        """Take an event's time."""
        now = datetime.fromisoformat(time)
        if starts_session:
            self.earlier_s, self.first = self.seconds, now
        self.last = now


@dataclass
class RunState:
    """What is known of a run from its log.

    Attributes:
        points: (study, index) -> point, in the order in which they were proposed first.
        trials: by id, in the order in which they were named first.
        ends: trials that have ended, in the order of their first end.
        begun: trials that were started here; those whose files came from another run are not.
        races: study -> rounds of its race, in order.
        warm_starts: (study, folder) -> points of that run given to the sampler.
    """

    points: dict[tuple[str, int], StudyPoint] = field(default_factory=dict)
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    ends: dict[str, None] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    races: dict[str, list[Raced]] = field(default_factory=dict)
    warm_starts: dict[tuple[str, str], Warmed] = field(default_factory=dict)
    _indices: dict[str, dict[int, None]] = field(default_factory=dict, repr=False)
    _open: dict[str, None] = field(default_factory=dict, repr=False)
    _wall: _WallTime = field(default_factory=_WallTime, repr=False)
    _labels: dict[str, StudyLabels] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, events: Iterable[Event]) -> RunState:
        """Fold a log from its start."""
        state = cls()
        for event in events:
            state.apply(event)
        return state

    # ---- the fold

    def apply(self, event: Event) -> None:
        """Take one event; nothing else changes the state."""
        match event:
            case Proposed():
                self._propose(event)
            case Required():
                self._require(event)
            case Started(trial_id=trial_id):
                self._update(trial_id, status="running")
                self._open[trial_id] = None
                self.begun.add(trial_id)
            case Ended():
                self._end(event)
            case Retried():
                self._retry(event)
            case Raced(study=study):
                self.races.setdefault(study, []).append(event)
            case Warmed(study=study, run=run):
                self.warm_starts.setdefault((study, run), event)
            case SessionStarted():
                pass
        if not isinstance(event, Proposed):
            self._wall.note(event.time, starts_session=isinstance(event, SessionStarted))

    def _propose(self, event: Proposed) -> None:
        key = event.study, event.index
        earlier, trials = self.points.get(key), dict(zip(event.seeds, event.trial_ids, strict=True))
        if earlier is not None and earlier.overrides == event.overrides:
            if _agree(earlier.trials, trials):
                trials = {**earlier.trials, **trials}
            else:  # of other data or other code: a point does not mix them
                self._leave(earlier)
        elif earlier is not None:
            self._forget(earlier)
        if earlier is not None and (earlier.sampler, earlier.config) != (
            event.sampler,
            event.config,
        ):
            self._labels.pop(event.study, None)
        self.points[key] = StudyPoint(
            event.study, event.index, event.overrides, trials, event.sampler, event.config
        )
        self._indices.setdefault(event.study, {})[event.index] = None
        for seed, trial_id in trials.items():
            known = self.trials.get(trial_id) or TrialRecord(trial_id)
            if key not in known.points:
                known = replace(known, seed=seed, points=(*known.points, key))
            self.trials[trial_id] = known

    def _forget(self, point: StudyPoint) -> None:
        """Another point takes the place of ``point``."""
        self._labels.pop(point.study, None)
        self._leave(point)

    def _leave(self, point: StudyPoint) -> None:
        """The trials of ``point`` are no longer its own."""
        for trial_id in point.trial_ids:
            known = self.trials[trial_id]
            others = tuple(key for key in known.points if key != point.key)
            self.trials[trial_id] = replace(known, points=others)

    def _require(self, event: Required) -> None:
        known = self.trials.get(event.trial_id) or TrialRecord(event.trial_id)
        required_by = tuple(dict.fromkeys((*known.required_by, event.by)))
        self.trials[event.trial_id] = replace(
            known, seed=event.seed, required_by=required_by, config=event.config
        )
        self._update(event.by, starts_from=event.trial_id)

    def _end(self, event: Ended) -> None:
        self._update(
            event.trial_id,
            status="ended",
            end_status=event.status,
            error=event.error,
            reused_from=event.reused_from,
            num_retries=0,
        )
        self.ends.setdefault(event.trial_id)
        self._open.pop(event.trial_id, None)
        if event.reused_from is not None:
            self.begun.discard(event.trial_id)

    def _retry(self, event: Retried) -> None:
        known = self.trials.get(event.trial_id) or TrialRecord(event.trial_id)
        known = replace(known, status="waiting", notes=(*known.notes, event.note))
        if event.share is not None:
            known = replace(known, share=event.share, num_retries=known.num_retries + 1)
        self.trials[event.trial_id] = known

    def _update(self, trial_id: str, **changes: Any) -> None:
        known = self.trials.get(trial_id) or TrialRecord(trial_id)
        self.trials[trial_id] = replace(known, **changes)

    # ---- points

    def points_of(self, study: str) -> list[StudyPoint]:
        """Return a study's points in the order in which they were proposed first."""
        return [self.points[study, index] for index in self._indices.get(study, ())]

    def num_points(self, study: str) -> int:
        """Return the number of a study's points."""
        return len(self._indices.get(study, ()))

    def next_index(self, study: str) -> int:
        """Return the index of the next point to be proposed."""
        return 1 + max(self._indices.get(study, ()), default=-1)

    def num_unproposed(self, study: str, num_points: int) -> int:
        """Return how many of the ``num_points`` points of a search are still to be proposed."""
        return max(0, num_points - self.num_points(study))

    def label(self, study: str, index: int) -> str:
        """Return a point's name: what distinguishes it from the other points of its study.

        Raises:
            KeyError: no such point.
        """
        labels = self._labels.setdefault(study, StudyLabels())
        if len(labels) < self.num_points(study):
            for new in list(self._indices[study])[len(labels) :]:
                point = self.points[study, new]
                searched = point.sampler is not None
                labels.add(new, point.overrides, point.config, searched=searched)
        return labels.label(index)

    # ---- trials

    @property
    def open_trials(self) -> list[str]:
        """Trials that were started and have not ended since, in the order of their first start."""
        return list(self._open)

    @property
    def nothing_open(self) -> bool:
        """Whether trials have ended and none is open."""
        return bool(self.ends) and not self._open

    def name(self, trial_id: str) -> str:
        """Return a trial's name, ``gamma: gamma=100, seed 0``; of several points the first.

        One that is no point has that of a trial that starts from it: ``methods: first stage ...``.
        """
        study, label = self.place(trial_id)
        return f"{study}: {label}, seed {self.trials[trial_id].seed}" if study else trial_id

    def place(self, trial_id: str) -> tuple[str, str]:
        """Return study and label of a trial; empty where the log does not say them."""
        trial = self.trials[trial_id]
        if trial.points:
            study, index = trial.points[0]
            return study, self.label(study, index)
        if not trial.required_by:
            return "", ""
        study, label = self.place(trial.required_by[0])
        return study, f"first stage of {label}"

    def proposed_trials(self) -> Iterator[str]:
        """Iterate over the trials of all points, each once, in the order of the points."""
        seen: set[str] = set()
        for point in self.points.values():
            for trial_id in point.trial_ids:
                if trial_id not in seen:
                    seen.add(trial_id)
                    yield trial_id

    def required_trials(self) -> Iterator[str]:
        """Iterate over the trials that are no points, and from which trials of points start."""
        asked = list(self.proposed_trials())
        seen = set(asked)
        for trial_id in asked:  # grows while it is read
            first = self.trials[trial_id].starts_from
            if first is not None and first not in seen:
                seen.add(first)
                asked.append(first)
                yield first

    # ---- usage

    @property
    def wall_time_s(self) -> float:
        """Seconds in which drivers worked on the run; counted only where it has a budget."""
        return self._wall.seconds


def _agree(some: Mapping[int, str], others: Mapping[int, str]) -> bool:
    """Return whether no seed has two different trials."""
    return all(some[seed] == others[seed] for seed in some.keys() & others.keys())


def count_trials(
    trial_ids: Iterable[str],
    outcomes: Mapping[str, HasStatus],
    *,
    running: Collection[str] = (),
    begun: Collection[str] = (),
    num_unproposed: int = 0,
) -> dict[str, int]:
    """Count trials by status.

    Args:
        trial_ids: the trials that are known.
        outcomes: of those that have ended.
        running: trials that a worker trains now.
        begun: trials that a worker has begun and that have no outcome; those that do not run are
            ``unfinished``.
        num_unproposed: trials that samplers have still to propose; they are ``waiting``.

    Returns:
        Status -> number, in the order of ``STATUS_ORDER``; ``waiting`` is always there.
    """
    counts = dict.fromkeys(STATUS_ORDER, 0)
    counts["waiting"] = num_unproposed
    for trial_id in trial_ids:
        outcome = outcomes.get(trial_id)
        if outcome is not None:
            counts[outcome.status] += 1
        elif trial_id in running:
            counts["running"] += 1
        else:
            counts["unfinished" if trial_id in begun else "waiting"] += 1
    return {status: num for status, num in counts.items() if num or status == "waiting"}
