"""Trials that a place to run holds, common to most executors."""

from __future__ import annotations

from typing import Literal

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import TrialPruned
from dirsweep.execute.base import (
    Action,
    EndTrial,
    EpochEnded,
    Handler,
    Job,
    NoMore,
    StartTrial,
    StopAll,
    TimePassed,
    TrialEnded,
)
from dirsweep.run.tables import Outcome
from dirsweep.training.state import Row

Answer = Literal["continue", "prune", "stop"]


class HeldTrials:
    """An executor without ``listen``, which a place of its own adds.

    Args:
        job: what all trials have in common.
        num_places: number of trials that can run at a time.
    """

    gpu_share, num_waiting = 0.0, 0

    def __init__(self, job: Job, num_places: int = 1) -> None:
        self.job, self.num_places = job, num_places
        #: trials that were started and have not ended, by id, oldest first
        self.trials: dict[str, TrialSpec] = {}
        self.stopping = False
        self._to_end: set[str] = set()

    def room(self) -> int:
        """See ``Executor.room``."""
        return self.num_places - len(self.trials)

    def perform(self, action: Action) -> None:
        """See ``Executor.perform``."""
        match action:
            case StartTrial(trial=trial):
                self.trials[trial.trial_id] = trial
            case EndTrial(trial_id=trial_id):
                self._to_end.add(trial_id)
            case StopAll():
                self.stopping = True
            case NoMore():
                pass  # ``listen`` ends when no trial is left

    def answer(self, handle: Handler, trial_id: str, row: Row) -> Answer:
        """Hand an epoch to the driver, let it check its limits, and return what its worker does.

        Args:
            handle: the driver's handler.
            trial_id: the trial whose worker waits.
            row: of the epoch.
        """
        handle(EpochEnded(trial_id, row))
        if trial_id in self._to_end:
            return "prune"
        handle(TimePassed())
        return "stop" if self.stopping else "continue"

    def report(self, handle: Handler, trial_id: str, row: Row) -> None:
        """Do the same for a trial that is trained in this process.

        Raises:
            TrialPruned: the driver ends the trial.
            KeyboardInterrupt: the driver stops all trials; the trial keeps its checkpoint.
        """
        answer = self.answer(handle, trial_id, row)
        if answer == "prune":
            raise TrialPruned
        if answer == "stop":
            raise KeyboardInterrupt

    def end(self, handle: Handler, outcome: Outcome) -> None:
        """Let go of a trial, then tell the driver how it ended: it may start it again at once."""
        del self.trials[outcome.trial_id]
        self._to_end.discard(outcome.trial_id)
        handle(TrialEnded(outcome))
        handle(TimePassed())
