"""The state of a sweep that policies decide on: the log, and the trials that the sweep asks for."""

from __future__ import annotations

from collections import deque
from functools import cached_property

from dirsweep.config.expand import make_trial
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialConfig, TrialSpec
from dirsweep.policy.tracked_trial import TrackedTrial
from dirsweep.policy.verdict import Judge, Verdict
from dirsweep.run.results import PointResult, base_of
from dirsweep.run.state import RunState, count_trials
from dirsweep.run.tables import Outcome


class SweepView:
    """A sweep while it runs.

    Args:
        spec: the sweep.
        state: what the run's log says; kept up to date by who writes the log.
        fingerprint: of the benchmark's content.
        cache: where benchmarks keep what they derive; None for the default.

    Attributes:
        points: study -> index -> point, those that the sweep asks for.
        trials: by id, in the order in which they were asked for.
        queue: trials that wait to be started, in order.
        running: trials that were started in this session and have not ended.
        raced: point -> the trials that a race added to it, in order.
        required_by: trial -> the trials that start from its weights.
        stopping: nothing more is to start, and what runs is to stop.
        exhausted: the budget is used up: nothing more starts.
        hashes: of files that configurations name, as this session first saw them, by path.
    """

    def __init__(
        self, spec: SweepSpec, state: RunState, *, fingerprint: str, cache: str | None = None
    ) -> None:
        self.spec, self.state = spec, state
        self.fingerprint, self.cache = fingerprint, cache
        self.points: dict[str, dict[int, Point]] = {name: {} for name in spec.studies}
        self.trials: dict[str, TrackedTrial] = {}
        self.queue: deque[str] = deque()
        self.running: dict[str, TrackedTrial] = {}
        self.raced: dict[tuple[str, int], list[str]] = {}
        self.required_by: dict[str, list[str]] = {}
        self.stopping = self.exhausted = False
        self.hashes: dict[str, str] = {}
        self.judges = {name: Judge(spec, name) for name in spec.studies}
        self._own_trials: dict[tuple[str, int], list[str]] = {}
        self._base_index: dict[str, int] = {}

    # ---- points and their trials

    def make_trial(self, point: Point, seed: int) -> TrialSpec:
        """Return the trial of a point with one seed."""
        return make_trial(self.spec, point, seed, self.fingerprint, self.cache, self.hashes)

    def add_point(self, point: Point) -> list[TrialSpec]:
        """Add a point of the sweep; return its trials with the study's own seeds."""
        trials = [self.make_trial(point, seed) for seed in self.spec.seeds_of(point.study)]
        self.points[point.study][point.index] = point
        self._own_trials[point.study, point.index] = [trial.trial_id for trial in trials]
        if point.study not in self._base_index and self._is_base(point):
            self._base_index[point.study] = point.index
        return trials

    def _is_base(self, point: Point) -> bool:
        """Return whether a point is its study's base; asked only where a constraint needs it."""
        if not self.judges[point.study].goals.needs_base:
            return False
        result = PointResult(point.index, point.overrides, point.config.to_dict(), {})
        return base_of(self.spec, point.study).index_among([result]) is not None

    def trials_of(self, study: str, index: int) -> list[TrackedTrial]:
        """Return a point's trials with the study's own seeds."""
        return [self.trials[trial_id] for trial_id in self._own_trials[study, index]]

    def racing_trials_of(self, study: str, index: int) -> list[TrackedTrial]:
        """Return a point's trials with the study's own seeds, then those that a race added."""
        added = self.raced.get((study, index), ())
        return [*self.trials_of(study, index), *(self.trials[trial_id] for trial_id in added)]

    def base_trials(self, study: str) -> list[TrackedTrial]:
        """Return the base's trials where a constraint is relative to them, else none."""
        base = self._base_index.get(study)
        return [] if base is None else self.trials_of(study, base)

    def verdict(self, study: str, index: int) -> Verdict | None:
        """Return the verdict on a point; None while it is open."""
        return self.judges[study].verdict(self.trials_of(study, index), self.base_trials(study))

    # ---- a trial's life

    def track(self, spec: TrialSpec, point: Point) -> tuple[TrackedTrial, bool]:
        """Note that a point needs a trial; return the trial and whether it is a new one."""
        known = self.trials.get(spec.trial_id)
        if known is not None:
            known.points.append(point)
            return known, False
        self.trials[spec.trial_id] = TrackedTrial(spec, [point])
        return self.trials[spec.trial_id], True

    def track_first(
        self, spec: TrialSpec, config: TrialConfig, *, by: str
    ) -> tuple[TrackedTrial, bool]:
        """Note that trial ``by`` starts from a trial; return that one and whether it is new."""
        waiting = self.required_by.setdefault(spec.trial_id, [])
        if by not in waiting:
            waiting.append(by)
        is_new = spec.trial_id not in self.trials
        if is_new:
            self.trials[spec.trial_id] = TrackedTrial(spec, first_config=config)
        return self.trials[spec.trial_id], is_new

    def forget(self, trial_id: str) -> None:
        """Forget a trial that no point needs, and that is not trained again."""
        del self.trials[trial_id]
        del self.required_by[trial_id]

    def is_required(self, trial_id: str) -> bool:
        """Return whether a trial that has not ended starts from this one."""
        return not all(self.trials[by].ended for by in self.required_by.get(trial_id, ()))

    @property
    def needed_models(self) -> set[str]:
        """The trials whose stored networks must stay: others still start from them, or may."""
        if self.num_unproposed:
            return set(self.required_by)
        return {trial_id for trial_id in self.required_by if self.is_required(trial_id)}

    def next_ready(self) -> str | None:
        """Return the first trial of the queue that waits for no other one."""
        return next((trial_id for trial_id in self.queue if self._is_ready(trial_id)), None)

    def _is_ready(self, trial_id: str) -> bool:
        first = self.trials[trial_id].spec.starts_from
        return first is None or self.trials[first].status == "complete"

    def end_is_logged(self, trial_id: str) -> bool:
        """Return whether the log knows that a trial has ended."""
        trial = self.state.trials.get(trial_id)
        return trial is not None and trial.status == "ended"

    def start(self, trial_id: str, now: float) -> None:
        """Note that a trial of the queue starts, at ``now`` by the budget's clock."""
        self.queue.remove(trial_id)
        self.running[trial_id] = self.trials[trial_id]
        self.trials[trial_id].start(now)

    def end(self, outcome: Outcome) -> TrackedTrial:
        """Note how a trial ended."""
        self.running.pop(outcome.trial_id, None)
        trial = self.trials[outcome.trial_id]
        trial.end(outcome)
        return trial

    def restart(self, trial_id: str) -> None:
        """Note that a running trial is to be trained again from its start, before all others."""
        del self.running[trial_id]
        self.trials[trial_id].restart()
        self.queue.appendleft(trial_id)

    # ---- where the sweep stands

    @cached_property
    def searches(self) -> list[str]:
        """The studies whose points a sampler proposes."""
        return [name for name, study in self.spec.studies.items() if study.space is not None]

    def num_open_points(self, study: str) -> int:
        """Return how many points a search has still to propose; 0 for a planned study."""
        return max(0, self.spec.studies[study].trials - len(self.points[study]))

    @property
    def finished(self) -> bool:
        """Whether nothing runs, nothing waits and nothing will be proposed."""
        return not self.running and not self.queue and not self.num_unproposed

    @property
    def num_unproposed(self) -> int:
        """Number of trials that samplers have still to propose, as far as that is known."""
        return sum(
            self.num_open_points(name) * len(self.spec.seeds_of(name)) for name in self.searches
        )

    @property
    def num_trials(self) -> int:
        """Number of different trials of the sweep in all, as far as that is known."""
        return len(self.trials) + self.num_unproposed

    def counts(self) -> dict[str, int]:
        """Return the number of trials by status, see ``run.state.count_trials``."""
        ended: dict[str, Outcome] = {}
        for trial_id, trial in self.trials.items():
            if trial.outcome is not None:
                ended[trial_id] = trial.outcome
        return count_trials(
            self.trials, ended, running=self.running, num_unproposed=self.num_unproposed
        )
