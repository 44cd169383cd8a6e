"""A run's log and trials, as the policies write and look them up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dirsweep.config.trial import TrialSpec
from dirsweep.run.events import Ended, Event, utc_now
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger
from dirsweep.run.reuse import FinishedElsewhere
from dirsweep.run.tables import Fault, Outcome


@dataclass(frozen=True)
class FoundTrial:
    """What a trial's folder says when the sweep first asks for the trial.

    Attributes:
        outcome: how it ended; None where it has not, or is to be trained again.
        read_epochs: reads its epochs' rows.
        reused_from: finds the neighbouring run that trained it; None where no run has it.
        resumes: whether it continues from a checkpoint.
    """

    outcome: Outcome | None
    read_epochs: Callable[[], Sequence[Mapping[str, Any]]]
    reused_from: Callable[[], str | None] = lambda: None
    resumes: bool = False


class RunRecords:
    """The log and the trials of one run.

    Args:
        paths: of the run.
        ledger: open, for the one driver of the run.
        retry: statuses whose trials are trained again (``{"failed"}``).
        elsewhere: neighbouring runs whose complete trials are reused; None: none.
        reuse: whether trials are copied from there; without it they are only named as the source
            of trials that were copied earlier.
    """

    def __init__(
        self,
        paths: RunPaths,
        ledger: Ledger,
        *,
        retry: Collection[str] = (),
        elsewhere: FinishedElsewhere | None = None,
        reuse: bool = True,
    ) -> None:
        self.paths, self.ledger, self.retry = paths, ledger, retry
        self.elsewhere, self.reuse = elsewhere, reuse

    def record(self, *events: Event, sync: bool = True) -> None:
        """Write events to the log, see ``Ledger.append``."""
        self.ledger.append(*events, sync=sync)

    def folder(self, trial_id: str) -> TrialFolder:
        """Return a trial's folder."""
        return TrialFolder(self.paths.trial(trial_id))

    def find(self, trial_id: str) -> FoundTrial:
        """Look up a trial, here and in the neighbouring runs.

        Args:
            trial_id: which; one that is wanted again loses its outcome and its checkpoint.

        Raises:
            StoreError: the run's folder cannot be written to.
        """
        if self.elsewhere is not None and self.reuse:
            self.elsewhere.take(trial_id)
        folder = self.folder(trial_id)
        outcome = folder.outcome()
        if outcome is not None and outcome.status in ("interrupted", *self.retry):
            self.discard(trial_id)
            outcome = None
        resumes = outcome is None and folder.paths.checkpoint.exists()
        return FoundTrial(outcome, folder.read_epochs, lambda: self._source_of(trial_id), resumes)

    def _source_of(self, trial_id: str) -> str | None:
        return None if self.elsewhere is None else self.elsewhere.name_of(trial_id)

    def discard(self, trial_id: str) -> None:
        """Delete outcome and checkpoint of a trial that is trained again from its start.

        Raises:
            StoreError: they cannot be deleted.
        """
        self.paths.trial(trial_id).outcome.delete()
        self.paths.trial(trial_id).checkpoint.delete()

    def has_model(self, trial_id: str) -> bool:
        """Return whether a trial's network is stored."""
        return self.paths.trial(trial_id).model.exists()

    def delete_model(self, trial_id: str) -> None:
        """Delete a trial's stored network.

        Raises:
            StoreError: it cannot be deleted.
        """
        self.paths.trial(trial_id).model.delete()

    def fetch_model(self, trial_id: str) -> bool:
        """Return whether a trial's network is stored here, or could be copied from another run.

        Raises:
            StoreError: the run's folder cannot be written to.
        """
        if self.has_model(trial_id):
            return True
        if self.elsewhere is None or not self.reuse:
            return False
        return self.elsewhere.take_model(trial_id)

    def fail(self, trial: TrialSpec, reason: str, fault: Fault | None) -> Outcome:
        """Write that a trial cannot be trained.

        Args:
            trial: which; it was not trained.
            reason: one line.
            fault: whose fault it is.

        Raises:
            StoreError: the run's folder cannot be written to.
        """
        folder, now = self.folder(trial.trial_id), utc_now()
        outcome = Outcome(
            trial.trial_id,
            "failed",
            reason,
            started_at=now,
            ended_at=now,
            attempts=0,
            fault=fault,
        )
        folder.begin({**trial.to_dict(), "started_at": now, "attempt": 0})
        folder.finish(outcome)
        return outcome

    def settle(self) -> None:
        """Log what ended while no driver was there to log it, in the order in which it ended."""
        open_trials = self.ledger.state.open_trials
        found = [self.folder(trial_id).outcome() for trial_id in open_trials]
        ended = [outcome for outcome in found if outcome is not None]
        ended.sort(key=lambda outcome: outcome.ended_at or "")
        if ended:
            self.record(
                *(Ended(outcome.trial_id, outcome.status, outcome.error) for outcome in ended)
            )
