"""Trials that a run would still train, and how long that takes by those that have ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.expand import make_point, make_trial
from dirsweep.config.first_points import first_point
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, canonical_json
from dirsweep.data.goal_regions import check_goals
from dirsweep.estimate.run_cost import parallel_trials
from dirsweep.policy.planned import known_points
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state
from dirsweep.run.reuse import FinishedElsewhere
from dirsweep.run.state import RunState
from dirsweep.run.tables import Outcome

#: ends that are final: a run does not train such a trial again
_FINAL = ("complete", "pruned", "stopped", "failed")
#: of these the duration says how long a whole trial takes
_TIMED = ("complete", "pruned")


@dataclass
class _Pace:
    """Durations of ended trials, to predict others."""

    seconds: float = 0.0
    epochs: float = 0.0
    count: int = 0

    def note(self, outcome: Outcome) -> None:
        self.seconds += outcome.wall_time_s
        self.epochs += max(1, outcome.num_epochs)
        self.count += 1


@dataclass
class Remaining:
    """What a run would find and what it would train.

    Attributes:
        new: study -> trials that it still has to train, those that a sampler has still to propose
            included; a trial of two studies counts for the first.
        new_first: number of trials that it has to train because others start from them, and that
            no planned point needs.
        finished: number of different trials that have ended in this run.
        reused: name of a neighbouring run -> number of trials that are copied from there.
        trial_hours: of all new trials together; None where no trial has ended.
        timed: number of ended trials that the hours follow from.
    """

    new: dict[str, int] = field(default_factory=dict)
    new_first: int = 0
    finished: int = 0
    reused: dict[str, int] = field(default_factory=dict)
    trial_hours: float | None = None
    timed: int = 0

    @property
    def num_new(self) -> int:
        """Number of trials that a run would train."""
        return sum(self.new.values()) + self.new_first

    def wall_hours(self, spec: SweepSpec) -> tuple[float, int]:
        """Return hours on this machine, and the number of trials that run at a time."""
        import torch  # a second: only where there is something to say

        num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        fitting = parallel_trials(spec, os.cpu_count() or 1, num_gpus)
        parallel = max(1, min(fitting, self.num_new))
        return (self.trial_hours or 0.0) / parallel, parallel


def remaining(spec: SweepSpec, root: Path, cache: str | None = None) -> Remaining:
    """Look up which trials of a sweep a run in a folder would train.

    Args:
        spec: the sweep.
        root: the run's folder, there or not; it is not written to.
        cache: folder for what is derived from the data; None for the default.

    Raises:
        DataError: the sweep's data, or a file that its configuration names, is absent or broken.
        StoreError: the log cannot be read.
    """
    return _Survey(spec, root, cache).result()


class _Survey:
    def __init__(self, spec: SweepSpec, root: Path, cache: str | None) -> None:
        self.spec, self.cache = spec, cache
        self.paths = RunPaths(root)
        benchmark = spec.benchmark.open(cache_folder(cache))
        self.fingerprint = benchmark.fingerprint()
        check_goals(spec, benchmark)
        self.elsewhere = FinishedElsewhere(root, with_features=spec.store.features)
        self.state = read_state(self.paths.ledger) if self.paths.ledger.exists() else RunState()
        self.hashes: dict[str, str] = {}
        self.found = Remaining()
        self.seen: set[str] = set()
        self.paces: dict[str, _Pace] = {}
        #: trials of points that are left, by id, and those from which they start
        self.required: dict[str, tuple[Point, int]] = {}
        #: per trial that is left: its configuration's key, its study and its epochs in all stages
        self.left: list[tuple[str, str, int]] = []

    def result(self) -> Remaining:
        """Look at every study."""
        for study in self.spec.studies:
            self._look_at(study)
        self._look_at_first_trials()
        self._predict()
        return self.found

    def _look_at(self, study: str) -> None:
        seeds, left = self.spec.seeds_of(study), 0
        points = list(self._points(study))
        for point in points:
            left += sum(self._is_left(point, seed) for seed in seeds)
        if self.spec.studies[study].space is not None:
            unproposed = max(0, self.spec.studies[study].trials - len(points)) * len(seeds)
            base = make_point(self.spec, study, 0, {})
            self.left += [("", study, base.config.total_epochs)] * unproposed
            for seed in seeds if unproposed else ():
                self._require(base, seed)
            left += unproposed
        self.found.new[study] = left

    def _require(self, point: Point, seed: int) -> None:
        """Note what a trial starts from."""
        first = first_point(self.spec, point)
        if first is not None:
            trial = make_trial(self.spec, first, seed, self.fingerprint, self.cache, self.hashes)
            self.required[trial.trial_id] = first, seed

    def _look_at_first_trials(self) -> None:
        """Look at what trials that are left start from, unless it is a point of the sweep."""
        while self.required:
            _, (point, seed) = self.required.popitem()
            self.found.new_first += self._is_left(point, seed)

    def _points(self, study: str) -> Iterator[Point]:
        for planned in known_points(self.spec, study, self.state):
            yield planned.point

    def _is_left(self, point: Point, seed: int) -> bool:
        trial = make_trial(self.spec, point, seed, self.fingerprint, self.cache, self.hashes)
        if trial.trial_id in self.seen:
            return False
        self.seen.add(trial.trial_id)
        key = canonical_json(trial.config)
        outcome = TrialFolder(self.paths.trial(trial.trial_id)).outcome()
        if outcome is not None and outcome.status in _FINAL:
            self.found.finished += 1
        else:
            source = self.elsewhere.source(trial.trial_id)
            if source is None:
                self.left.append((key, point.study, point.config.total_epochs))
                self._require(point, seed)
                return True
            self.found.reused[source.name] = self.found.reused.get(source.name, 0) + 1
            outcome = TrialFolder(source.trial(trial.trial_id)).outcome()
        if outcome is not None and outcome.status in _TIMED:
            for name in (key, f"study {point.study}", ""):
                self.paces.setdefault(name, _Pace()).note(outcome)
        return False

    def _predict(self) -> None:
        """Give each trial that is left the pace of its configuration, its study, or of all."""
        if "" not in self.paces:
            return
        seconds = 0.0
        for key, study, epochs in self.left:
            names = [key] if key else []
            pace = next(
                self.paces[name] for name in (*names, f"study {study}", "") if name in self.paces
            )
            known = key in self.paces and key != ""
            seconds += pace.seconds / (pace.count if known else pace.epochs / epochs)
        self.found.trial_hours = seconds / 3600
        self.found.timed = self.paces[""].count
