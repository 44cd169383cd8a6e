"""What a run has used and may still use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dirsweep.config.resources import BudgetSpec
from dirsweep.policy.trial_progress import Entry
from dirsweep.run.state import RunState

#: a trial that needs no more than this part of a limit beyond it is finished
GRACE = 0.1


@dataclass(frozen=True)
class Usage:
    """One limit of a budget.

    Attributes:
        name: as in the sweep file.
        used, limit: in hours, or in money.
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
        """Whether nothing is left."""
        return self.used >= self.limit

    def allows(self, seconds: Sequence[float]) -> bool:
        """Whether trials that still need so many seconds, all at once, end within the limit and its
        grace.
        """
        needed = max(seconds, default=0.0) if self.shared else sum(seconds)
        return self.used + needed * self.rate <= self.limit * (1 + GRACE)

    def __str__(self) -> str:
        return f"{self.used:.3g} of {self.limit:g} {self.name.replace('_', ' ')}"


class Budget:
    """Keeps account of a run.

    Args:
        spec: the limits.
        cpu: CPUs of a trial.
        state: of the run, before this session; earlier sessions count.
        clock: seconds, for tests.

    Attributes:
        gpu: a trial's share of a GPU; set by the runner, who knows.
    """

    def __init__(
        self,
        spec: BudgetSpec,
        *,
        cpu: float,
        state: RunState,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.cpu, self.gpu, self.clock = spec, cpu, 0.0, clock
        self.earlier_wall_s = state.wall_time_s
        self.started = set(state.begun)
        self.began = clock()

    def begin(self, entry: Entry) -> None:
        """A trial begins, or goes on."""
        entry.begun_at = self.clock()
        self.started.add(entry.trial.trial_id)

    def usages(self, entries: Iterable[Entry]) -> list[Usage]:
        """Every limit that counts in time."""
        seconds = sum(
            self._seconds(entry) for entry in entries if entry.trial.trial_id in self.started
        )
        wall_s = self.earlier_wall_s + self.clock() - self.began
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

    def _seconds(self, entry: Entry) -> float:
        if entry.outcome is not None:
            return entry.outcome.wall_time_s
        running_s = (
            self.clock() - entry.begun_at
            if entry.state == "running" and entry.begun_at is not None
            else 0.0
        )
        return entry.earlier_s + running_s

    def out_of_trials(self, entry: Entry) -> bool:
        """Whether ``entry`` would be one trial too many; one that was begun before is not."""
        limit = self.spec.trials
        return (
            limit is not None
            and entry.trial.trial_id not in self.started
            and len(self.started) >= limit
        )

    def refuses(self, entry: Entry, entries: Mapping[str, Entry]) -> str | None:
        """Why ``entry`` may not begin: nothing is left, or it would not be nearly done when nothing
        is left.
        """
        if self.out_of_trials(entry):
            return f"{len(self.started)} of {self.spec.trials} trials"
        needed = [
            self.remaining_s(other, entries) or 0.0
            for other in entries.values()
            if other.state == "running"
        ]
        expected = self.remaining_s(entry, entries)
        for usage in self.usages(entries.values()):
            if usage.reached or (expected is not None and not usage.allows([*needed, expected])):
                return str(usage)
        return None

    def remaining_s(self, entry: Entry, entries: Mapping[str, Entry]) -> float | None:
        """What a trial needs at its own pace, before its first epoch at the others'; None while
        neither is known.
        """
        pace = entry.seconds_per_epoch
        if pace is None:
            ended = [
                other.outcome
                for other in entries.values()
                if other.state == "complete" and other.outcome
            ]
            ended = [
                outcome
                for outcome in ended
                if outcome.num_epochs and outcome.trial_id in self.started
            ]
            if not ended:
                return None
            pace = sum(outcome.wall_time_s for outcome in ended) / sum(
                outcome.num_epochs for outcome in ended
            )
        return max(0, int(entry.trial.config["epochs"]) - entry.epochs_done) * pace

    def nearly_done(self, entries: Mapping[str, Entry]) -> list[Entry]:
        """The running trials that can be finished within the grace of every limit, the shortest
        first.
        """
        running = [
            entry
            for entry in entries.values()
            if entry.state == "running" and entry.seconds_per_epoch
        ]
        order = sorted(running, key=lambda entry: self.remaining_s(entry, entries) or 0.0)
        kept: list[Entry] = []
        seconds: list[float] = []
        usages = self.usages(entries.values())
        for entry in order:
            needed = self.remaining_s(entry, entries) or 0.0
            if all(usage.allows([*seconds, needed]) for usage in usages):
                kept.append(entry)
                seconds.append(needed)
        return kept
