"""What every runner tells whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dirsweep.config.trial import TrialSpec
from dirsweep.domain import MetricColumn
from dirsweep.run.events import utc_now
from dirsweep.run.folder import TrialFolder
from dirsweep.run.tables import Outcome

if TYPE_CHECKING:  # workers import this file and need neither Optuna nor what comes with it
    from dirsweep.policy.proposer import Proposer

#: what a trial may take in addition before its first epoch ends: imports, data, frozen features
STARTUP_S = 120.0


def hanging(limit_s: float) -> str:
    """Why a trial was ended that showed no progress."""
    return f"an epoch took longer than resources.epoch_limit_s, {limit_s:g} s"


class Watcher(Protocol):
    """Shown what happens, in the driver's process. ``dirsweep.monitor.console`` has one for
    people.
    """

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        """A trial begins."""

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        """An epoch (from 0) ended."""

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        """A trial ended, and its outcome is on disk."""

    def message(self, text: str) -> None:
        """Something to be read."""

    def total(self, num_trials: int) -> None:
        """How many trials there are, as far as that is known now."""

    def earlier(self, statuses: Mapping[str, int]) -> None:
        """Trials by state as they were before this session."""


def announce_start(watcher: Watcher, proposer: Proposer, trial: TrialSpec) -> None:
    """Tell ``watcher`` that ``trial`` begins, in the words of the study that asked for it."""
    point = proposer.entries[trial.trial_id].point
    watcher.total(proposer.num_trials)
    watcher.trial_started(
        trial.trial_id, point.study, proposer.label_of(point), trial.seed, point.config.epochs
    )


def announce_end(watcher: Watcher, proposer: Proposer, outcome: Outcome) -> None:
    """Take the outcome into the proposer's books, then tell ``watcher``."""
    proposer.ended(outcome.trial_id, outcome)
    watcher.total(proposer.num_trials)
    watcher.trial_ended(outcome.trial_id, outcome.status, outcome.error, outcome.metrics)
    for note in proposer.take_notes():
        watcher.message(note)


def fail(trial: TrialSpec, folder: TrialFolder, reason: str) -> Outcome:
    """The trial's outcome; where its worker could not write one, ``failed`` is written for it.

    Raises: StoreError: the folder cannot be written to.
    """
    outcome = folder.outcome()
    if outcome is not None:
        return outcome
    begun = folder.paths.spec.read_json() or trial.to_dict()
    rows, now = folder.read_epochs(), utc_now()
    best = rows[-1].get("best_epoch") if rows else None
    chosen: dict[str, Any] = next((row for row in rows if row["epoch"] == best), {})
    outcome = Outcome(
        trial.trial_id,
        "failed",
        reason,
        metrics={
            key: value for key, value in chosen.items() if MetricColumn.parse(key) is not None
        },
        best_epoch=best,
        num_epochs=len(rows),
        wall_time_s=sum(row.get("epoch_time_s") or 0.0 for row in rows),
        started_at=begun.get("started_at", now),
        ended_at=now,
        attempts=begun.get("attempt", 0),
    )
    folder.begin(begun)
    folder.finish(outcome)
    return outcome
