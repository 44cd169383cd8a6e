"""Trials from whose stored weights others start: what is trained before what, and who waits.

A trial starts from another one's weights where its schedule shares a first stage. The first trial
is the one that a point of its own would have, trained once; it need not be a point of the sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from dirsweep.config.first_points import first_point
from dirsweep.config.trial import Point, TrialSpec
from dirsweep.policy.sweep_view import SweepView
from dirsweep.policy.tracked_trial import TrackedTrial
from dirsweep.run.events import Event, Required, Retried
from dirsweep.run.tables import Fault, Outcome

#: note of a trial that is trained again
NO_WEIGHTS = "trained again: other trials start from its weights, which were not stored"


class ModelRecords(Protocol):
    """What these decisions need of a run's records, see ``sweep_policy.Records``."""

    def record(self, *events: Event, sync: bool = True) -> None:
        """Write events to the log and apply them to the view's state."""

    def discard(self, trial_id: str) -> None:
        """Delete outcome and checkpoint of a trial that is trained again."""

    def fetch_model(self, trial_id: str) -> bool:
        """Return whether a trial's network is stored, here or (and then copied) in another run."""

    def fail(self, trial: TrialSpec, reason: str, fault: Fault | None) -> Outcome:
        """Write that a trial cannot be trained."""


class FirstTrials:
    """Plans the trials from which others start.

    Args:
        view: the sweep.
        records: of the run.
        look_up: finds out whether a trial that is new has ended, and puts it into the queue if not.
    """

    def __init__(
        self,
        view: SweepView,
        records: ModelRecords,
        look_up: Callable[[TrackedTrial, Point], None],
    ) -> None:
        self.view, self.records, self._look_up = view, records, look_up

    def require(self, trial: TrackedTrial, point: Point) -> Outcome | None:
        """Plan what a trial starts from, before the trial.

        Args:
            trial: is to be trained.
            point: that needs it.

        Returns:
            None where the trial may wait for its turn; else how it has ended: it cannot start.
        """
        needed = first_point(self.view.spec, point)
        if needed is None:
            return None
        spec = self.view.make_trial(needed, trial.spec.seed)
        first, is_new = self.view.track_first(spec, needed.config, by=trial.trial_id)
        self._log(first, trial)
        if is_new:
            _keep_model(first)
            self._look_up(first, needed)
        elif first.ended and self.lacks_weights(first):
            self.train_again(first)
            self.view.queue.append(first.trial_id)
        elif first.status == "waiting":
            _keep_model(first)
        return self._failure(trial, first)

    def _log(self, first: TrackedTrial, trial: TrackedTrial) -> None:
        known = self.view.state.trials.get(first.trial_id)
        if known is None or trial.trial_id not in known.required_by:
            event = Required(
                first.trial_id, trial.trial_id, first.spec.seed, first.config.to_dict()
            )
            self.records.record(event, sync=False)  # synced with the start of the trial

    def lacks_weights(self, trial: TrackedTrial) -> bool:
        """Return whether others wait for weights that an ended trial has not stored but could.

        One that was asked to store them in this session could not.
        """
        if trial.asked_for_model or not self.view.is_required(trial.trial_id):
            return False
        if trial.status == "complete":
            return not self.records.fetch_model(trial.trial_id)
        return trial.status == "pruned"

    def train_again(self, trial: TrackedTrial) -> None:
        """Withdraw the end of a trial whose weights are needed and were not stored."""
        self.records.discard(trial.trial_id)
        self.records.record(Retried(trial.trial_id, NO_WEIGHTS))
        trial.restart()
        _keep_model(trial)

    def note_earlier(self, trial: TrackedTrial, point: Point) -> TrackedTrial | None:
        """Return the first trial of one that has ended, where the log has it as such."""
        known = self.view.state.trials.get(trial.trial_id)
        needed = first_point(self.view.spec, point)
        if needed is None or known is None or known.starts_from != trial.spec.starts_from:
            return None
        spec = self.view.make_trial(needed, trial.spec.seed)
        first, is_new = self.view.track_first(spec, needed.config, by=trial.trial_id)
        return first if is_new else None

    def failures(self, first: TrackedTrial) -> list[Outcome]:
        """Return how the trials have ended that wait for one that has ended without weights."""
        waiting = [
            self.view.trials[trial_id]
            for trial_id in self.view.required_by.get(first.trial_id, ())
            if trial_id in self.view.queue
        ]
        found = (self._failure(trial, first) for trial in waiting)
        return [outcome for outcome in found if outcome is not None]

    def _failure(self, trial: TrackedTrial, first: TrackedTrial) -> Outcome | None:
        """Write that a trial fails because its first one has; None where that one may end well."""
        if not first.ended or first.outcome is None or self._has_weights(first):
            return None
        name = f"the trial from whose weights it starts ({first.trial_id})"
        if first.status == "complete":
            reason = f"{name} has stored no weights"
        elif first.status == "failed":
            reason = f"{name} failed: {first.outcome.error}"
        else:
            reason = f"{name} was {first.status} before its end"
        fault = first.outcome.fault if first.status == "failed" else "machine"
        return self.records.fail(trial.spec, reason, fault)

    def _has_weights(self, first: TrackedTrial) -> bool:
        return first.status == "complete" and self.records.fetch_model(first.trial_id)


def _keep_model(trial: TrackedTrial) -> None:
    """Let a trial that has not begun in this session store its network."""
    trial.spec = replace(trial.spec, keeps_model=True)
