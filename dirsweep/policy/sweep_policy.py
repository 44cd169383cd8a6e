"""The policies of a sweep together, without any I/O of their own.

Planned points come first, in the order of the sweep file, then what the samplers propose. Every
decision is in the log before a trial starts. What is decided depends on the log, the trials'
outcomes and their epochs alone, never on where trials run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dirsweep.config.expand import base_overrides, make_point
from dirsweep.config.trial import Point, TrialSpec
from dirsweep.domain import is_undefined, plural
from dirsweep.policy.budget import Budget
from dirsweep.policy.first_trials import FirstTrials, ModelRecords
from dirsweep.policy.model_keeping import ModelKeeping
from dirsweep.policy.planned import PlannedPoint, known_points
from dirsweep.policy.pruning import Pruning
from dirsweep.policy.racing import Standing, next_seed, standing_of
from dirsweep.policy.search import Search
from dirsweep.policy.sweep_view import SweepView
from dirsweep.policy.tracked_trial import TrackedTrial
from dirsweep.policy.warm_start import in_words, read_earlier, usable
from dirsweep.run.events import Ended, Proposed, Raced, Retried, SessionStarted, Started
from dirsweep.run.records import FoundTrial
from dirsweep.run.tables import Outcome

#: origin of a trial that neither this run nor a known other one has trained
ELSEWHERE = "outside this run"


class Records(ModelRecords, Protocol):
    """Where decisions are kept and outcomes are found; does the I/O for the policies."""

    def find(self, trial_id: str) -> FoundTrial:
        """Look up a trial that the sweep asks for."""

    def has_model(self, trial_id: str) -> bool:
        """Return whether a trial's network is stored."""

    def delete_model(self, trial_id: str) -> None:
        """Delete a trial's stored network."""


class SweepPolicy:
    """Decides which trials are trained, and informs samplers and schedulers.

    Args:
        view: the sweep, empty: the policy fills it.
        records: of the run.
        clock: seconds, for the budget.

    Attributes:
        notes: messages for people, in order; see ``take_notes``.

    Raises:
        SpecError: Optuna refuses the arguments of a sampler.
        StoreError: a run to start from is not there; the log cannot be written.
    """

    def __init__(
        self, view: SweepView, records: Records, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.view, self.records, self.clock = view, records, clock
        self.pruning = Pruning(view.spec)
        self.models = ModelKeeping(view)
        self.first_trials = FirstTrials(view, records, self._look_up)
        self.searches: dict[str, Search] = {}
        self.budget: Budget | None = None
        self.notes: list[str] = []
        #: while the sweep is planned: ends of trials that were trained elsewhere, for one write
        self._reused: list[Ended] | None = []
        if view.spec.budget is not None:
            self.budget = Budget(view.spec.budget, view, clock)
            records.record(SessionStarted())
        self._plan()

    def take_notes(self) -> list[str]:
        """Return the messages for people, each once."""
        notes, self.notes = self.notes, []
        return notes

    # ---- planning, and resuming what the log has

    def _plan(self) -> None:
        for study in self.view.spec.studies:
            self._plan_study(study)
            self._race(study)
        reused, self._reused = self._reused or [], None
        if reused:
            self.records.record(*reused)
        self._delete_models()
        if self.pruning:
            for trial in self.view.trials.values():
                self.pruning.replay(trial)

    def _plan_study(self, study: str) -> None:
        if self.view.spec.studies[study].space is not None:
            self.searches[study] = Search(self.view, study)
            for folder in self.view.spec.studies[study].warm_start:
                self._warm_start(study, folder)
        for planned in known_points(self.view.spec, study, self.view.state):
            self._propose(planned)
        if study in self.searches:
            self.searches[study].tell()
            self._note_unknown(study, self.searches[study].num_unknown)

    def _note_unknown(self, study: str, num_points: int) -> None:
        if num_points:
            self.notes.append(
                f"{study}: {plural(num_points, 'earlier point')} outside the changed space: kept "
                "in the tables, unknown to the sampler"
            )

    def _warm_start(self, study: str, folder: str) -> None:
        """Tell a sampler what another run knows, as the log has it from the first time on."""
        view = self.view
        space = view.spec.studies[study].space
        assert space is not None
        base = base_overrides(space)
        known = view.state.warm_starts.get((study, folder))
        found = known or read_earlier(view.spec, study, folder, view.fingerprint)
        found = usable(found, view.judges[study].goals, base)
        if known is None:
            self.records.record(found)
            self.notes.append(in_words(found))
        self.searches[study].warm_up(found, base)

    def _propose(self, planned: PlannedPoint) -> None:
        """Take a point: into the log unless it is there, its trials into the queue or as ended."""
        point, known = planned.point, planned.known
        search = self.searches.get(point.study)
        trials = self.view.add_point(point)
        if known is None:
            sampler = None if search is None else search.sampler_state(point)
            event = Proposed(
                point.study,
                point.index,
                point.overrides,
                tuple(trial.seed for trial in trials),
                tuple(trial.trial_id for trial in trials),
                sampler,
                point.config.to_dict(),
            )
            self.records.record(event, sync=False)  # synced with the start of its first trial
        else:
            self._extend(point, trials)
        for trial in trials:
            self._enter(trial, point)
        if known is not None and known.sampler is not None and search is not None:
            search.restore(point, known.sampler)

    def _extend(self, point: Point, trials: Sequence[TrialSpec]) -> None:
        """Log further seeds of a point that was proposed before."""
        known = self.view.state.points[point.study, point.index]
        new = [trial for trial in trials if trial.trial_id not in known.trial_ids]
        if not new:
            return
        # a seed with another trial: data or code changed, and no point may mix the two
        changed = any(trial.seed in known.trials for trial in new)
        own = {trial.seed: trial.trial_id for trial in trials}
        found = own if changed else {**known.trials, **own}
        event = Proposed(
            point.study,
            point.index,
            known.overrides,
            tuple(found),
            tuple(found.values()),
            known.sampler,
            point.config.to_dict(),
        )
        self.records.record(event)

    def _enter(self, spec: TrialSpec, point: Point) -> None:
        """Take a trial that a point needs; equal trials are one."""
        trial, is_new = self.view.track(spec, point)
        if is_new:
            self._look_up(trial, point)

    def _look_up(self, trial: TrackedTrial, point: Point) -> None:
        """Find out whether a new trial has ended; put it into the queue if not."""
        found = self.records.find(trial.trial_id)
        if found.outcome is not None and self._take_end(trial, point, found, found.outcome):
            return
        if found.outcome is None and self.budget is not None:
            trial.note_earlier(found.read_epochs())
        if self.pruning and found.resumes:
            # the schedulers let it continue after all of these; later peers do not change that
            for row in found.read_epochs()[:-1]:
                trial.note_objective(row)
        failure = self.first_trials.require(trial, point)
        if failure is None:
            self.view.queue.append(trial.trial_id)
        else:
            self._end(failure)

    def _take_end(
        self, trial: TrackedTrial, point: Point, found: FoundTrial, outcome: Outcome
    ) -> bool:
        """Take the end of a trial of another session or run; False where it is trained again."""
        trial.end_earlier(outcome, found.read_epochs())
        if self.first_trials.lacks_weights(trial):
            self.first_trials.train_again(trial)
            return False
        self._note_model(trial)
        if not self.view.end_is_logged(trial.trial_id):
            self._log_reused(outcome, found.reused_from() or ELSEWHERE)
        first = self.first_trials.note_earlier(trial, point)
        if first is not None:
            earlier = self.records.find(first.trial_id)
            if earlier.outcome is None:
                self.view.forget(first.trial_id)
            else:
                first.end_earlier(earlier.outcome, earlier.read_epochs())
                self._note_model(first)
        return True

    def _log_reused(self, outcome: Outcome, source: str) -> None:
        """Log an end that no session of this run has seen, and show it to the schedulers."""
        event = Ended(outcome.trial_id, outcome.status, outcome.error, reused_from=source)
        if self._reused is not None:
            self._reused.append(event)
            return
        self.records.record(event)
        if self.pruning:
            self.pruning.replay(self.view.trials[outcome.trial_id])

    # ---- what next

    def next_trial(self) -> TrialSpec | None:
        """Return the next trial, logged as started.

        Returns:
            None when there is none for now, or none at all (``SweepView.finished``).
        """
        while not self.view.stopping and not self.view.exhausted:
            ready = self.view.next_ready()
            if ready is not None:
                return self._start(ready)
            study = next((name for name in self.searches if self.searches[name].may_ask()), None)
            if study is None:
                return None
            self._propose(PlannedPoint(self.searches[study].ask()))
            # the point may equal an earlier one, and then no end of a trial follows
            self.searches[study].tell()
            self._race(study)
        return None

    def _start(self, trial_id: str) -> TrialSpec | None:
        trial = self.view.trials[trial_id]
        refusal = None if self.budget is None else self.budget.refusal(trial)
        if refusal is not None:
            if refusal.final:
                self._exhaust(refusal.reason)
            return None
        self.view.start(trial_id, self.clock())
        self.records.record(Started(trial_id))
        return trial.spec

    def example(self) -> TrialSpec:
        """Return one trial of the sweep: the first known, else the base of the first study."""
        if self.view.trials:
            return next(iter(self.view.trials.values())).spec
        spec = self.view.spec
        study = next(iter(spec.studies))
        return self.view.make_trial(make_point(spec, study, 0, {}), spec.seeds_of(study)[0])

    # ---- what happened

    def observe(self, trial_id: str, row: Mapping[str, Any]) -> bool:
        """Take an epoch's row; return whether the schedulers want the trial to end."""
        trial = self.view.trials[trial_id]
        trial.note_epoch(row)
        if not trial.note_objective(row):
            return False
        wants_end = self.pruning.wants_end(trial)
        # one from which others start is trained to its end
        return wants_end and bool(trial.points) and not self.view.is_required(trial_id)

    def ended(self, outcome: Outcome) -> None:
        """Take an outcome, which is on storage: into the log, and to all that waits for it."""
        trial = self._end(outcome)
        for study in trial.studies:
            if study in self.searches:
                self.searches[study].tell()
            self._race(study)
        self._note_model(trial, is_new=True)
        if self.first_trials.lacks_weights(trial):
            self.first_trials.train_again(trial)
            self.pruning.restart(trial)
            self.view.queue.appendleft(trial.trial_id)
        else:
            for failure in self.first_trials.failures(trial):
                self.view.queue.remove(failure.trial_id)
                self.ended(failure)
        self._delete_models()

    def _end(self, outcome: Outcome) -> TrackedTrial:
        """Take an outcome into the log, and to the schedulers."""
        trial = self.view.end(outcome)
        self.records.record(Ended(outcome.trial_id, outcome.status, outcome.error))
        self._say_undefined(trial)
        self.pruning.end(trial)
        return trial

    def _note_model(self, trial: TrackedTrial, *, is_new: bool = False) -> None:
        """Note whether a trial has stored its network, and say so if that is too large."""
        if trial.status != "complete" or not self.models.concerns(trial.trial_id):
            return
        assert trial.outcome is not None
        if self.records.has_model(trial.trial_id):
            self.models.stored_by(trial.trial_id)
        elif is_new:
            note = self.models.too_large(trial.outcome)
            self.notes += [] if note is None else [note]

    def _delete_models(self) -> None:
        """Delete the stored networks that nothing needs any more."""
        for trial_id in self.models.take_superfluous():
            self.records.delete_model(trial_id)

    def _say_undefined(self, trial: TrackedTrial) -> None:
        """Say which objectives of a complete trial have no value."""
        if trial.status != "complete":
            return
        undefined = {
            objective.name
            for study in trial.studies
            for objective in self.view.judges[study].goals.objectives
            if is_undefined(trial.value(objective.column))
        }
        if undefined:
            names = ", ".join(sorted(undefined))
            self.notes.append(
                f"{self.view.state.name(trial.trial_id)}: {names} is undefined in every epoch "
                "(constant predictions, for example); it counts as the worst result"
            )

    def retry(self, event: Retried) -> None:
        """Train a running trial again from its start, before all others."""
        trial = self.view.trials[event.trial_id]
        # deleted first: killed in between, the trial is one that was started and has not ended
        self.records.discard(event.trial_id)
        self.records.record(event)
        self.pruning.restart(trial)
        self.view.restart(event.trial_id)
        self.notes.append(f"{self.view.state.name(event.trial_id)}: {event.note}")

    def stop(self) -> None:
        """Start nothing more, and stop what runs."""
        self.view.stopping = True

    # ---- racing

    def _race(self, study: str) -> None:
        """Add a seed to every point that its race asks for, once all its trials have ended."""
        while (standing := standing_of(self.view, study)) is not None:
            self._log_standing(study, standing)
            if not standing.wanted:
                return
            for index in standing.wanted:
                point = self.view.points[study][index]
                trial = self.view.make_trial(point, next_seed(self.view, study, index))
                self._extend(point, [trial])
                self.view.raced.setdefault((study, index), []).append(trial.trial_id)
                self._enter(trial, point)

    def _log_standing(self, study: str, standing: Standing) -> None:
        rounds = self.view.state.races.get(study, ())
        logged = {(known.num_seeds, known.best, known.open) for known in rounds}
        if (standing.num_seeds, standing.best, standing.open) not in logged:
            self.records.record(Raced(study, standing.num_seeds, standing.best, standing.open))

    # ---- budget

    def check_budget(self) -> None:
        """Stop the run when a limit is reached, after the trials that are nearly done."""
        if self.budget is None or self.view.stopping:
            return
        reason = self.budget.reached()
        if reason is None:
            return
        if not self.view.exhausted:
            self._exhaust(reason)
        if not self.budget.nearly_done():
            self.stop()

    def _exhaust(self, reason: str) -> None:
        assert self.budget is not None
        self.view.exhausted = True
        self.notes.append(self.budget.in_words(reason))
