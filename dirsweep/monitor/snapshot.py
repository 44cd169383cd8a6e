"""The state of a run at one moment, from its folder alone: no driver is asked, no Ray is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dirsweep.monitor.control import require_run
from dirsweep.monitor.standing import UNENDED, BestPoint, PointMeans
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.run.manifest import Manifest, StudyFacts, read_manifest
from dirsweep.run.results import StudyGoals, StudyResults, base_from_manifest
from dirsweep.run.state import RunState, count_trials
from dirsweep.run.synthetic_mark import is_synthetic
from dirsweep.run.tables import Outcome


@dataclass(frozen=True)
class TrialProgress:
    """A trial and the value it has reached.

    Attributes:
        trial_id: of the trial.
        name: study, point and seed.
        epochs: number trained, by the trial's folder: at most a second old where an epoch is
            shorter.
        num_epochs: number to train.
        value: best objective on validation so far, in the current stage.
        training_time_s: seconds in its epochs so far.
    """

    trial_id: str
    name: str
    epochs: int
    num_epochs: int
    value: float | None
    training_time_s: float = 0.0


@dataclass(frozen=True)
class BestByObjective:
    """The best point by one objective.

    Attributes:
        objective: ``mae/few``.
        best: None while no trial is complete.
    """

    objective: str
    best: BestPoint | None


@dataclass(frozen=True)
class FrontPoint:
    """A point that no other point dominates.

    Attributes:
        point: index of the point in its study.
        label: what it changes.
        values: one per objective, mean over its seeds, on validation.
    """

    point: int
    label: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Front:
    """The Pareto front of a search with several objectives.

    Attributes:
        study: name of the search.
        objectives: ``mae/many`` ...
        constraints: in words; points that break one are not on the front.
        num_complete: number of points all of whose trials are complete.
        points: the front, sorted by the first objective.
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
        name: of the run's folder.
        folder: the run's folder, as it was given.
        synthetic: whether its figures come from made-up data.
        objective: metric and region by which points are chosen.
        counts: number of trials by state; ``waiting`` includes those not yet proposed.
        running: trials that a worker trains now.
        best: the best point by the sweep's objective.
        driver: the process that drives the run; None when none is running.
        failures: name of each failed trial, and why it failed.
        goals: the best point by every other objective of a search.
        fronts: of the searches with several objectives.
    """

    name: str
    folder: str
    synthetic: bool
    objective: tuple[str, str]
    counts: Mapping[str, int]
    running: tuple[TrialProgress, ...]
    best: BestPoint | None
    driver: str | None
    failures: tuple[tuple[str, str], ...]
    goals: tuple[BestByObjective, ...] = ()
    fronts: tuple[Front, ...] = ()

    @property
    def total(self) -> int:
        """Number of trials known so far."""
        return sum(self.counts.values())

    @property
    def over(self) -> bool:
        """Whether every trial has ended."""
        return not any(self.counts.get(status) for status in UNENDED)


def read_snapshot(paths: RunPaths) -> Snapshot:
    """Read the state of a run.

    Args:
        paths: the run's files.

    Raises:
        StoreError: not the folder of a run, or damaged.
    """
    require_run(paths)
    manifest, state, driver = read_manifest(paths), read_state(paths.ledger), _driver(paths)
    trials = _Trials(paths, state, has_driver=driver is not None)
    num_unproposed = sum(
        state.num_unproposed(name, study.num_points) * len(study.seeds)
        for name, study in manifest.studies.items()
    )
    means = _means(manifest, state)
    means.add(trials.outcomes.values())
    counts = count_trials(
        trials.ids,
        trials.outcomes,
        running={progress.trial_id for progress in trials.running},
        begun=trials.begun,
        num_unproposed=num_unproposed,
    )
    return Snapshot(
        name=paths.name or manifest.name,
        folder=paths.root,
        synthetic=is_synthetic(paths, manifest.benchmark.name, trials.first_specs()),
        objective=(manifest.objective.metric, manifest.objective.region),
        counts={status: num for status, num in counts.items() if num},
        running=tuple(trials.running),
        best=means.best(manifest.objective),
        driver=driver,
        failures=tuple(trials.failures),
        goals=tuple(_goals(manifest, means)),
        fronts=tuple(
            _front(manifest, study, state, trials.outcomes)
            for study in manifest.studies.values()
            if len(study.objectives) > 1
        ),
    )


class _Trials:
    """The trials of a run, read from their folders.

    Args:
        paths: the run's files.
        state: of the run.
        has_driver: whether a driver is running; without one no trial is running.

    Attributes:
        ids: of all proposed trials, and of those from which they start.
        outcomes: of those that have ended.
        running: those that a worker trains.
        begun: those that have a folder but neither outcome nor worker.
        failures: name and reason of each failed trial.
    """

    def __init__(self, paths: RunPaths, state: RunState, *, has_driver: bool) -> None:
        self.ids = [*state.proposed_trials(), *state.required_trials()]
        self.outcomes: dict[str, Outcome] = {}
        self.running: list[TrialProgress] = []
        self.begun: set[str] = set()
        self.failures: list[tuple[str, str]] = []
        self._paths, self._state = paths, state
        open_trials = set(state.open_trials) if has_driver else set()
        for trial_id in self.ids:
            self._read(trial_id, is_open=trial_id in open_trials)

    def first_specs(self) -> list[Mapping[str, Any]]:
        """Return what the first trial recorded when it started, if it has."""
        specs = (self._paths.trial(trial_id).spec.read_json() for trial_id in self.ids[:1])
        return [spec for spec in specs if isinstance(spec, dict)]

    def _read(self, trial_id: str, *, is_open: bool) -> None:
        folder = TrialFolder(self._paths.trial(trial_id))
        outcome = folder.outcome()
        if outcome is not None:
            self._add_ended(outcome)
        # a trial that waits for a worker is open, too, but no process holds its log
        elif is_open and folder.paths.log.is_held():
            self._add_running(trial_id, folder)
        elif folder.paths.spec.exists():
            self.begun.add(trial_id)

    def _add_ended(self, outcome: Outcome) -> None:
        self.outcomes[outcome.trial_id] = outcome
        if outcome.status == "failed":
            name = self._state.name(outcome.trial_id)
            self.failures.append((name, outcome.error or "no reason recorded"))

    def _add_running(self, trial_id: str, folder: TrialFolder) -> None:
        rows = folder.read_epochs()
        validated = [row for row in rows if row.get("best_value") is not None]
        self.running.append(
            TrialProgress(
                trial_id,
                self._state.name(trial_id),
                len(rows),
                self._num_epochs(trial_id, folder),
                validated[-1]["best_value"] if validated else None,
                sum(row.get("epoch_time_s") or 0.0 for row in rows),
            )
        )

    def _num_epochs(self, trial_id: str, folder: TrialFolder) -> int:
        """Return the number of epochs to train; early builds recorded that of the first stage."""
        spec = folder.paths.spec.read_json() or {}
        trial = self._state.trials[trial_id]
        config = self._state.points[trial.points[0]].config if trial.points else trial.config
        return int(spec.get("total_epochs") or (config or {}).get("epochs", 0))


def _driver(paths: RunPaths) -> str | None:
    if not paths.lock.is_held():
        return None
    holder = paths.lock.read_json()
    if not isinstance(holder, dict):
        return "a driver"
    since = str(holder.get("since"))[:19]
    return f"pid {holder.get('pid')} on {holder.get('host')}, since {since} UTC"


def _means(manifest: Manifest, state: RunState) -> PointMeans:
    goals = {
        name: StudyGoals(study.objectives, study.constraints)
        for name, study in manifest.studies.items()
    }
    return PointMeans(state, goals, partial(base_from_manifest, manifest))


def _goals(manifest: Manifest, means: PointMeans) -> list[BestByObjective]:
    """Return the best point by every objective of a study other than the sweep's."""
    objectives = dict.fromkeys(
        objective for study in manifest.studies.values() for objective in study.objectives
    )
    return [
        BestByObjective(objective.name, means.best(objective))
        for objective in objectives
        if objective != manifest.objective
    ]


def _front(
    manifest: Manifest, study: StudyFacts, state: RunState, outcomes: Mapping[str, Outcome]
) -> Front:
    goals = StudyGoals(study.objectives, study.constraints)
    base = partial(base_from_manifest, manifest, study.name)
    results = StudyResults.of_state(state, study.name, goals, base, outcomes)
    points = [_front_point(results, state, study, index) for index in results.front]
    sign = study.objectives[0].cost_sign
    return Front(
        study.name,
        tuple(objective.name for objective in study.objectives),
        tuple(constraint.name for constraint in study.constraints),
        results.num_complete,
        tuple(sorted(points, key=lambda point: sign * point.values[0])),
    )


def _front_point(
    results: StudyResults, state: RunState, study: StudyFacts, index: int
) -> FrontPoint:
    means = results.points[index].means
    values = tuple(means[objective.column] for objective in study.objectives)
    return FrontPoint(index, state.label(study.name, index), values)
