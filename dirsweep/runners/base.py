"""What every runner tells whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dirsweep.search.proposer import Proposer
from dirsweep.spec.schema import TrialSpec
from dirsweep.store.schema import Outcome


class Watcher(Protocol):
    """Shown what happens, in the driver's process. ``dirsweep.report.console`` has one for people."""

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        """A trial begins."""

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        """An epoch (from 0) ended."""

    def trial_ended(self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]) -> None:
        """A trial ended, and its outcome is on disk."""

    def message(self, text: str) -> None:
        """Something to be read."""

    def total(self, num_trials: int) -> None:
        """How many trials there are, as far as that is known now."""


def announce_start(watcher: Watcher, proposer: Proposer, trial: TrialSpec) -> None:
    """Tell ``watcher`` that ``trial`` begins, in the words of the study that asked for it."""
    point = proposer.entries[trial.trial_id].point
    watcher.total(proposer.num_trials)
    watcher.trial_started(trial.trial_id, point.study, point.label, trial.seed, point.config.epochs)


def announce_end(watcher: Watcher, proposer: Proposer, outcome: Outcome) -> None:
    """Take the outcome into the proposer's books, then tell ``watcher``."""
    proposer.ended(outcome.trial_id, outcome)
    watcher.total(proposer.num_trials)
    watcher.trial_ended(outcome.trial_id, outcome.status, outcome.error, outcome.metrics)
