"""Limits of a run, and how much of them is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dirsweep.config.resources import BudgetSpec
from dirsweep.domain import is_or_are, plural
from dirsweep.policy.sweep_view import SweepView
from dirsweep.policy.tracked_trial import TrackedTrial

#: a trial that needs no more than this part of a limit beyond it is finished
GRACE = 0.1


@dataclass(frozen=True)
class Usage:
    """One limit of a budget.

    Attributes:
        name: as in the sweep file.
        used: hours, or money.
        limit: in the same unit.
        rate: what one running trial adds to ``used`` in a second.
        shared: whether all running trials together add no more than one (wall time).
    """

    name: str
    used: float
    limit: float
    rate: float
    shared: bool = False

    @property
    def reached(self) -> bool:
        """Whether the limit is reached."""
        return self.used >= self.limit

    def allows(self, seconds: Sequence[float]) -> bool:
        """Return whether trials end within the limit and its grace.

        Args:
            seconds: what each of them still needs; they run at the same time.
        """
        needed = max(seconds, default=0.0) if self.shared else sum(seconds)
        return self.used + needed * self.rate <= self.limit * (1 + GRACE)

    def __str__(self) -> str:
        return f"{self.used:.3g} of {self.limit:g} {self.name.replace('_', ' ')}"


@dataclass(frozen=True)
class Refusal:
    """Why a trial may not start.

    Attributes:
        reason: the limit.
        final: whether it will never be able to start, whatever the running trials do.
    """

    reason: str
    final: bool


class Budget:
    """The limits of a run.

    Args:
        spec: the limits.
        view: the sweep; its earlier sessions count.
        clock: seconds, for tests.

    Attributes:
        gpu: a trial's share of a GPU; the executor knows it.
    """

    def __init__(
        self, spec: BudgetSpec, view: SweepView, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.spec, self.view, self.clock = spec, view, clock
        self.cpu, self.gpu = view.spec.resources.cpu, 0.0
        self.earlier_wall_s = view.state.wall_time_s
        self.session_start = clock()

    # ---- what is used

    def usages(self) -> list[Usage]:
        """Return every limit that counts in time."""
        begun = self.view.state.begun
        seconds = sum(
            self._seconds(trial) for trial in self.view.trials.values() if trial.trial_id in begun
        )
        wall_s = self.earlier_wall_s + self.clock() - self.session_start
        spec, found = self.spec, []
        if spec.wall_hours is not None:
            found.append(Usage("wall_hours", wall_s / 3600, spec.wall_hours, 1 / 3600, shared=True))
        for name, limit, amount in (
            ("cpu_hours", spec.cpu_hours, self.cpu),
            ("gpu_hours", spec.gpu_hours, self.gpu),
        ):
            if limit is not None:
                found.append(Usage(name, seconds * amount / 3600, limit, amount / 3600))
        if spec.money is not None:
            price = self.cpu * spec.money.cpu_hour + self.gpu * spec.money.gpu_hour
            found.append(Usage("money", seconds * price / 3600, spec.money.limit, price / 3600))
        return found

    def _seconds(self, trial: TrackedTrial) -> float:
        if trial.outcome is not None:
            return trial.outcome.wall_time_s
        if not trial.running or trial.started_at is None:
            return trial.earlier_s
        return trial.earlier_s + self.clock() - trial.started_at

    def reached(self) -> str | None:
        """Describe the first limit that is reached; None where none is."""
        return next((str(usage) for usage in self.usages() if usage.reached), None)

    # ---- what may start

    def refusal(self, trial: TrackedTrial) -> Refusal | None:
        """Return why a trial may not start, or None.

        It may not once a limit is reached, or if it would not nearly be done when one is.
        """
        begun, limit = self.view.state.begun, self.spec.trials
        if limit is not None and trial.trial_id not in begun and len(begun) >= limit:
            return Refusal(f"{len(begun)} of {plural(limit, 'trial')}", final=True)
        needed = [self.remaining_s(other) or 0.0 for other in self.view.running.values()]
        expected = self.remaining_s(trial)
        for usage in self.usages():
            allowed = expected is None or usage.allows([*needed, expected])
            if usage.reached or not allowed:
                return Refusal(str(usage), final=not self.view.running)
        return None

    def remaining_s(self, trial: TrackedTrial) -> float | None:
        """Return the seconds that a trial still needs.

        They follow from its own last epoch; before its first one, from the complete trials.

        Returns:
            None while neither is known.
        """
        seconds_per_epoch = trial.seconds_per_epoch or self._mean_seconds_per_epoch()
        if seconds_per_epoch is None:
            return None
        num_left = trial.config.total_epochs - trial.num_epochs
        return max(0, num_left) * seconds_per_epoch

    def _mean_seconds_per_epoch(self) -> float | None:
        seconds, num_epochs = 0.0, 0
        for trial in self.view.trials.values():
            if trial.status != "complete" or trial.outcome is None:
                continue
            if trial.outcome.num_epochs and trial.trial_id in self.view.state.begun:
                seconds += trial.outcome.wall_time_s
                num_epochs += trial.outcome.num_epochs
        return seconds / num_epochs if num_epochs else None

    def nearly_done(self) -> list[TrackedTrial]:
        """Return the running trials that end within the grace of every limit, shortest first."""
        running = [trial for trial in self.view.running.values() if trial.seconds_per_epoch]
        kept: list[TrackedTrial] = []
        seconds: list[float] = []
        usages = self.usages()
        for trial in sorted(running, key=lambda trial: self.remaining_s(trial) or 0.0):
            needed = self.remaining_s(trial) or 0.0
            if all(usage.allows([*seconds, needed]) for usage in usages):
                kept.append(trial)
                seconds.append(needed)
        return kept

    def in_words(self, reason: str) -> str:
        """Describe a budget that is used up, and the trials that are left."""
        num_running = len(self.view.running)
        num_ended = sum(trial.ended for trial in self.view.trials.values())
        num_left = self.view.num_trials - num_ended - num_running
        text = f"budget used up: {reason}; {plural(num_left, 'trial')} {is_or_are(num_left)} left"
        if not num_running:
            return text
        running = f"{num_running} {is_or_are(num_running)} running"
        return f"{text}, {running}, {len(self.nearly_done())} of them nearly done"
