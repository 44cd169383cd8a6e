"""A trial of the sweep as the policies see it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dirsweep.config.trial import Point, TrialConfig, TrialSpec
from dirsweep.domain import is_undefined
from dirsweep.run.results import mean_metrics
from dirsweep.run.tables import Outcome

#: statuses after which a trial is not trained any further
FINAL_STATUSES = ("complete", "pruned", "stopped", "failed")


@dataclass
class TrackedTrial:
    """A trial of the sweep, with its progress in this session.

    Attributes:
        spec: what it is.
        points: those that need it, the first that asked for it first.
        outcome: how it ended; None while it has not.
        running: whether it was started in this session and has not ended.
        best_by_epoch: validated epoch (from 0) -> best objective so far, NaN where it is undefined.
        unimproved_by_epoch: likewise -> validations since the best, where a row says it: an epoch
            may have several.
        num_epochs: epochs trained.
        seconds_per_epoch: of the last epoch seen.
        earlier_s: seconds of work in earlier sessions, while it has not ended.
        started_at: by the budget's clock.
        first_config: resolved configuration of one that no point needs, but from which others
            start.
        asked_for_model: whether it was started in this session with the demand to store its
            network.
    """

    spec: TrialSpec
    points: list[Point] = field(default_factory=list)
    outcome: Outcome | None = None
    running: bool = False
    best_by_epoch: dict[int, float] = field(default_factory=dict)
    unimproved_by_epoch: dict[int, int] = field(default_factory=dict)
    num_epochs: int = 0
    seconds_per_epoch: float | None = None
    earlier_s: float = 0.0
    started_at: float | None = None
    first_config: TrialConfig | None = None
    asked_for_model: bool = False

    @property
    def config(self) -> TrialConfig:
        """Its resolved configuration."""
        if self.points:
            return self.points[0].config
        assert self.first_config is not None
        return self.first_config

    @property
    def trial_id(self) -> str:
        """Which trial it is."""
        return self.spec.trial_id

    @property
    def status(self) -> str:
        """``waiting``, ``running``, or that of its outcome."""
        if self.running:
            return "running"
        return "waiting" if self.outcome is None else self.outcome.status

    @property
    def ended(self) -> bool:
        """Whether it will not be trained any further."""
        return self.status in FINAL_STATUSES

    @property
    def own_fault(self) -> bool:
        """Whether it failed because of its configuration, not because of the machine."""
        return self.outcome is not None and self.outcome.fault == "point"

    @property
    def never_trained(self) -> bool:
        """Whether a person stopped it before it began."""
        return self.status == "stopped" and self.outcome is not None and not self.outcome.attempts

    @property
    def studies(self) -> list[str]:
        """The studies that need it, each once."""
        return list(dict.fromkeys(point.study for point in self.points))

    def note_epoch(self, row: Mapping[str, Any]) -> None:
        """Note from an epoch's row how far and how fast it trains."""
        self.num_epochs = max(self.num_epochs, int(row["epoch"]) + 1)
        self.seconds_per_epoch = row.get("epoch_time_s") or self.seconds_per_epoch

    def note_objective(self, row: Mapping[str, Any]) -> bool:
        """Note the best objective so far from an epoch's row.

        Returns:
            Whether it was not known: the epoch was validated, and no earlier report of it counts.
        """
        epoch = int(row["epoch"])
        if epoch in self.best_by_epoch or not _is_validated(row):
            return False
        self._note_validation(row)
        return True

    def _note_validation(self, row: Mapping[str, Any]) -> None:
        self.best_by_epoch[row["epoch"]] = _best_value(row)
        unimproved = row.get("unimproved")
        if isinstance(unimproved, int):
            self.unimproved_by_epoch[row["epoch"]] = unimproved

    @property
    def unimproved(self) -> int | None:
        """Validations since the best as of the last validated epoch; None where no row says it."""
        return self.unimproved_by_epoch.get(max(self.best_by_epoch, default=-1))

    def start(self, now: float) -> None:
        """Note that it starts, at ``now`` by the budget's clock."""
        self.running, self.started_at = True, now
        self.asked_for_model = self.spec.keeps_model

    def end(self, outcome: Outcome) -> None:
        """Note how it ended."""
        self.running, self.outcome = False, outcome

    def end_earlier(self, outcome: Outcome, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note how it ended in an earlier session, or in another run."""
        self.end(outcome)
        for row in rows:
            if _is_validated(row):
                self._note_validation(row)

    def note_earlier(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note the epochs that it trained in earlier sessions."""
        for row in rows:
            self.note_epoch(row)
            self.earlier_s += row.get("epoch_time_s") or 0.0

    def restart(self) -> None:
        """Forget its progress: it is trained again from its start."""
        self.running, self.outcome, self.num_epochs = False, None, 0
        self.best_by_epoch.clear()
        self.unimproved_by_epoch.clear()

    def value(self, column: str) -> float | None:
        """Return what it counts for in a comparison.

        Returns:
            Its value; NaN when it came to nothing, None while it has not ended.
        """
        if not self.ended:
            return None
        value = None
        if self.status == "complete" and self.outcome is not None:
            value = self.outcome.metrics.get(column)
        return math.nan if value is None else value


def _is_validated(row: Mapping[str, Any]) -> bool:
    """Return whether an epoch has been validated, be its objective defined or not."""
    return row.get("best_value") is not None or row.get("best_epoch") is not None


def _best_value(row: Mapping[str, Any]) -> float:
    value = row.get("best_value")
    return math.nan if value is None or is_undefined(value) else float(value)


def mean_of(trials: Sequence[TrackedTrial]) -> dict[str, float]:
    """Average the trials of a point, see ``run.results.mean_metrics``."""
    return mean_metrics([trial.outcome for trial in trials])
