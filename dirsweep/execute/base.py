"""What every place to run trials offers the driver: ``listen``, ``perform``, ``room``.

A place is a module of this package with a function ``open_executor(job)``, a context manager that
yields an ``Executor``; ``execute.registry`` finds it by its file name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dirsweep.config.trial import TrialSpec
from dirsweep.domain import MetricColumn
from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.tables import Outcome, forward_time

if TYPE_CHECKING:  # workers import this file and need no more of a sweep than their trial
    from dirsweep.config.resources import ResourcesSpec, StoreSpec

#: seconds that a trial may take in addition before its first epoch ends: imports, data, frozen
#: features
STARTUP_S = 120.0


# ---- what an executor tells the driver


@dataclass(frozen=True)
class TrialBegan:
    """A worker has taken a trial."""

    trial_id: str


@dataclass(frozen=True)
class EpochEnded:
    """A trial has trained an epoch; its worker waits until this is handled.

    Attributes:
        trial_id: which.
        row: see ``TrialFolder.write_epochs``; ``epoch`` counts from 0.
    """

    trial_id: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class TrialEnded:
    """A trial has ended, and its outcome is on storage."""

    outcome: Outcome


@dataclass(frozen=True)
class TimePassed:
    """Time to check for requests and limits."""


@dataclass(frozen=True)
class StopRequested:
    """A person asks the run to stop.

    Attributes:
        answer: what to say to that person.
    """

    answer: str


News = TrialBegan | EpochEnded | TrialEnded | TimePassed | StopRequested
Handler = Callable[[News], None]


# ---- what the driver tells an executor


@dataclass(frozen=True)
class StartTrial:
    """Train a trial; one that has been begun resumes from its checkpoint.

    Attributes:
        trial: what it is.
        gpu_share: part of a GPU that it gets; 0 without one.
    """

    trial: TrialSpec
    gpu_share: float = 0.0


@dataclass(frozen=True)
class EndTrial:
    """End a trial before it trains on; it ends as ``pruned``."""

    trial_id: str


@dataclass(frozen=True)
class StopAll:
    """Stop every trial; those that have not ended keep their checkpoints."""


@dataclass(frozen=True)
class NoMore:
    """No further trial will be started."""


Action = StartTrial | EndTrial | StopAll | NoMore


class Executor(Protocol):
    """A place where trials run.

    All methods are called from the driver's thread. Within ``listen`` the driver's handler may
    call ``perform`` and ``room``.
    """

    @property
    def gpu_share(self) -> float:
        """The part of a GPU that a trial usually gets; 0 without one."""

    @property
    def num_waiting(self) -> int:
        """How many trials beyond its room it takes, so that a free worker need not wait."""

    def room(self) -> int:
        """Return how many more trials can run now; negative while more are taken than fit."""

    def perform(self, action: Action) -> None:
        """Do what the driver has decided; returns at once."""

    def listen(self, handle: Handler) -> bool:
        """Wait for what happens next, and hand it to the driver's handler.

        A worker that reports waits until the driver listens again, so whatever is performed
        meanwhile takes effect before it trains on.

        Returns:
            Whether there is more to come: False once no trial runs after ``StopAll`` or ``NoMore``.

        Raises:
            StoreError: a worker cannot write to the run's folder.
            KeyboardInterrupt: interrupted; everything that has ended is kept.
            RunInterruptedError: the place is gone.
        """


@dataclass(frozen=True)
class WorkerSettings:
    """How a trial is trained, apart from what it is.

    Attributes:
        num_threads: for torch's operators on the CPU.
        checkpoint_every_s: seconds between two checkpoints, each after a whole epoch.
        store_features: keep the test features of the best epoch.
        model_limit_mib: largest network that is stored, MiB of weights; None stores none.
    """

    num_threads: int = 1
    checkpoint_every_s: float = 10.0
    store_features: bool = False
    model_limit_mib: float | None = None

    @classmethod
    def of(cls, resources: ResourcesSpec, store: StoreSpec) -> WorkerSettings:
        """Return the settings that a sweep asks for."""
        return cls(
            num_threads=max(1, int(resources.cpu)),
            checkpoint_every_s=resources.checkpoint_every_s,
            store_features=store.features,
            model_limit_mib=None if store.model == "none" else store.model_limit,
        )


@dataclass(frozen=True)
class Job:
    """What all trials of a run have in common.

    Attributes:
        root: the run's folder.
        resources: of each trial.
        store: what trials store besides their predictions.
        every_epoch: whether every epoch must be reported, since decisions depend on it.
        example: makes one trial of the sweep, to measure what a trial takes.
        say: shows a line to people.
        cluster: a Ray that was started beforehand; None starts one here.
        num_cpus: CPU cores that a place on this machine may use; None is all.
        work: ``module:function`` that takes the trainer's place; None is the trainer.
    """

    root: str
    resources: ResourcesSpec
    store: StoreSpec
    every_epoch: bool
    example: Callable[[], TrialSpec]
    say: Callable[[str], None]
    cluster: Any = None
    num_cpus: int | None = None
    work: str | None = None

    @property
    def worker_settings(self) -> WorkerSettings:
        """How workers train."""
        return WorkerSettings.of(self.resources, self.store)

    def folder(self, trial_id: str) -> TrialFolder:
        """Return a trial's folder."""
        return TrialFolder(RunPaths(self.root).trial(trial_id))


# ---- trials whose workers could not say how they ended


def hanging(limit_s: float) -> str:
    """Return why a trial was ended that showed no progress."""
    return f"an epoch took longer than resources.epoch_limit_s, {limit_s:g} s"


def outcome_or_failure(trial: TrialSpec, folder: TrialFolder, reason: str) -> Outcome:
    """Return a trial's outcome; where its worker could not write one, write ``failed`` for it.

    Args:
        trial: which.
        folder: its folder.
        reason: why it failed, if it did.

    Raises:
        StoreError: the folder cannot be written to.
    """
    outcome = folder.outcome()
    if outcome is not None:
        return outcome
    begun = folder.paths.spec.read_json() or trial.to_dict()
    rows, now = folder.read_epochs(), utc_now()
    best = rows[-1].get("best_epoch") if rows else None
    chosen: Mapping[str, Any] = next((row for row in rows if row["epoch"] == best), {})
    training_time_s = sum(row.get("epoch_time_s") or 0.0 for row in rows)
    outcome = Outcome(
        trial.trial_id,
        "failed",
        reason,
        metrics={key: value for key, value in chosen.items() if MetricColumn.parse(key)},
        best_epoch=best,
        num_epochs=len(rows),
        wall_time_s=training_time_s,  # its start-up is not known
        training_time_s=training_time_s,
        forward_time_s=forward_time(rows),
        started_at=begun.get("started_at", now),
        ended_at=now,
        attempts=begun.get("attempt", 0),
        fault="machine",
    )
    folder.begin(begun)
    folder.finish(outcome)
    return outcome
