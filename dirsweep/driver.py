"""The loop of a run: listen -> record events -> decide -> perform.

The executor says what happens, the policy decides what follows, the log is written before anything
is done or shown because of it. How a run is set up around the loop: ``dirsweep.session``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dirsweep.execute.base import (
    EndTrial,
    EpochEnded,
    Executor,
    News,
    NoMore,
    StartTrial,
    StopAll,
    StopRequested,
    TimePassed,
    TrialBegan,
    TrialEnded,
)
from dirsweep.monitor.standing import Scoreboard, Standing
from dirsweep.policy.retries import retry_of, share_of
from dirsweep.policy.sweep_policy import SweepPolicy
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.tables import Outcome


class Watcher(Protocol):
    """Is shown what happens; ``dirsweep.monitor.console`` has one for people."""

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        """A trial has started."""

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        """An epoch (from 0) has ended."""

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        """A trial has ended, and its outcome is on storage."""

    def message(self, text: str) -> None:
        """Something to be read."""

    def trial_reused(
        self, trial_id: str, name: str, source: str, metrics: Mapping[str, float | None]
    ) -> None:
        """A trial that was asked for has ended already: in the run ``source``."""

    def standing(self, standing: Standing) -> None:
        """How the run stands: first before anything is trained, then after every change."""


class Driver:
    """Connects a policy with the place where its trials run.

    Args:
        policy: decides.
        executor: trains.
        watcher: is shown what happens.
        paths: of the run.
    """

    def __init__(
        self, policy: SweepPolicy, executor: Executor, watcher: Watcher, paths: RunPaths
    ) -> None:
        self.policy, self.view = policy, policy.view
        self.executor, self.watcher, self.paths = executor, watcher, paths
        self._scoreboard = Scoreboard(policy.view)
        self._stop_sent = False
        if policy.budget is not None:
            policy.budget.gpu = executor.gpu_share

    def run(self) -> None:
        """Train until nothing is left, the budget is used up, or the run is to stop.

        Raises:
            KeyboardInterrupt: interrupted; everything that has ended is kept.
            StoreError: the run's folder cannot be written to.
            RunInterruptedError: the place where trials run is gone.
        """
        self._start_trials()
        while self.executor.listen(self._handle):
            self._start_trials()

    def settle(self) -> None:
        """Take the outcomes of trials that ended when nobody listened any more."""
        for trial_id in list(self.view.running):
            outcome = TrialFolder(self.paths.trial(trial_id)).outcome()
            if outcome is not None:
                self._end_trial(outcome)

    # ---- deciding

    def _start_trials(self) -> None:
        """Start trials while there is room and the policy has some."""
        while not self._over:
            if not self._has_room():
                return
            trial = self.policy.next_trial()
            self._show_untrained()
            if trial is None:
                break
            share = share_of(self.view.state, trial.trial_id, self.executor.gpu_share)
            self.executor.perform(StartTrial(trial, share))
        if self._over:
            self.executor.perform(NoMore())

    def _has_room(self) -> bool:
        """Return whether a trial may start.

        One that is certain may wait for its place. A sampler is not asked early: what it proposes
        could not learn from the trials that run.
        """
        room, is_certain = self.executor.room(), self.view.next_ready() is not None
        return room > 0 or (is_certain and room + self.executor.num_waiting > 0)

    @property
    def _over(self) -> bool:
        return self.view.finished or self.view.stopping or self.view.exhausted

    # ---- listening

    def _handle(self, news: News) -> None:
        match news:
            case TrialBegan(trial_id=trial_id):
                self._announce_start(trial_id)
            case EpochEnded(trial_id=trial_id, row=row):
                self.watcher.trial_epoch(trial_id, row["epoch"], row)
                if self.policy.observe(trial_id, row):
                    self.executor.perform(EndTrial(trial_id))
            case TrialEnded(outcome=outcome):
                self._take_outcome(outcome)
            case TimePassed():
                self._check_requests()
            case StopRequested(answer=answer):
                self.watcher.message(answer)
                self.policy.stop()
        if self.view.stopping and not self._stop_sent:
            self._stop_sent = True
            self.executor.perform(StopAll())

    def _take_outcome(self, outcome: Outcome) -> None:
        retry = retry_of(self.view.state, outcome, self.executor.gpu_share)
        if retry is None or self.view.stopping:
            self._end_trial(outcome)
        else:
            self.policy.retry(retry)

    def _end_trial(self, outcome: Outcome) -> None:
        self.policy.ended(outcome)
        self._scoreboard.ended(outcome)
        self.watcher.standing(self._scoreboard.standing())
        self.watcher.trial_ended(outcome.trial_id, outcome.status, outcome.error, outcome.metrics)
        self._show_untrained()
        self._show_notes()

    def _check_requests(self) -> None:
        """Check whether somebody has asked the run to stop, or a limit of the budget is reached."""
        if self.view.finished:
            return
        if not self.view.stopping and self.paths.stop.exists():
            self.watcher.message("stopping, as asked: running trials keep their checkpoints")
            self.policy.stop()
        self.policy.check_budget()
        self._show_notes()

    # ---- showing

    def _announce_start(self, trial_id: str) -> None:
        trial = self.view.trials[trial_id]
        study, label = self.view.state.place(trial_id)
        self.watcher.standing(self._scoreboard.standing())
        self.watcher.trial_started(
            trial_id, study, label, trial.spec.seed, trial.config.total_epochs
        )

    def _show_untrained(self) -> None:
        """Show the trials that had ended already, and those that cannot start."""
        state = self.view.state
        untrained = [
            state.trials[trial_id]
            for trial_id in self._scoreboard.new_ends()
            if trial_id not in state.begun
        ]
        if untrained:
            self.watcher.standing(self._scoreboard.standing())
        for trial in untrained:
            name, outcome = state.name(trial.trial_id), self.view.trials[trial.trial_id].outcome
            metrics = {} if outcome is None else outcome.metrics
            if trial.reused_from is None:
                self.watcher.message(f"failed    {name}: {trial.error}")
            else:
                self.watcher.trial_reused(trial.trial_id, name, trial.reused_from, metrics)

    def _show_notes(self) -> None:
        for note in self.policy.take_notes():
            self.watcher.message(note)
