"""What a place to run must do for the driver, as checks that take the name of a place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.trial import TrialSpec
from dirsweep.execute.base import (
    EpochEnded,
    Executor,
    Job,
    News,
    NoMore,
    StartTrial,
    TimePassed,
    TrialEnded,
)
from dirsweep.execute.registry import open_by_name
from dirsweep.exit_codes import EXIT_INTERRUPTED, EXIT_OK
from dirsweep.policy.sweep_policy import SweepPolicy
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.single_trial import TrialChoice, choose_trial
from tests.flow.driving import (
    Listener,
    check_finished,
    check_sound,
    loaded,
    run_here,
    statuses,
)

#: a place may look at its limits only every half second; workers wait while an epoch is handled
HANDLING_S = 0.7
#: more calls of ``listen`` than any place needs for one short trial
MAX_CALLS = 1000


class Stopper(Listener):
    """Asks the run to stop when the first epoch is reported."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        super().trial_epoch(trial_id, epoch, row)
        if len(self.epochs) == 1:
            RunPaths(self.root).stop.write(b"")
            time.sleep(HANDLING_S)


def check_stops_and_resumes(name: str, sweep: Path, root: Path, num_trials: int) -> None:
    """A stop file ends the run within a trial, which resumes from its checkpoint."""
    first = Stopper(root)
    code = run_here(sweep, root, first, executor=name, num_cpus=1)
    assert code == EXIT_INTERRUPTED, "the stop file must end the run: is TimePassed handed on?"
    begun = first.started[0]
    assert begun not in statuses(root), "stopped in the middle of its epochs"
    assert RunPaths(root).trial(begun).checkpoint.exists(), "an interruption writes a checkpoint"
    assert run_here(sweep, root, executor=name, num_cpus=1) == EXIT_OK
    check_finished(root, num_trials)
    outcome = TrialFolder(RunPaths(root).trial(begun)).outcome()
    assert outcome is not None
    assert outcome.attempts == 2, "the trial goes on where it was stopped"


def check_prunes(name: str, sweep: Path, root: Path) -> None:
    """A trial that the policy ends at its first epoch is ``pruned`` after that epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SweepPolicy, "observe", lambda policy, trial_id, row: True)
        assert run_here(sweep, root, executor=name, num_cpus=1) == EXIT_OK
    rows = check_sound(root).trials().to_pylist()
    ends = {(row["status"], row["num_epochs"]) for row in rows}
    assert ends == {("pruned", 1)}, "EndTrial must end a trial as pruned before it trains on"


def check_starts_an_ended_trial_again(name: str, sweep: Path, root: Path) -> None:
    """A handler that is told of an end may start the same trial at once."""
    outcomes: list[str] = []

    def handle(executor: Executor, trial: TrialSpec, news: News) -> None:
        if not isinstance(news, TrialEnded):
            return
        outcomes.append(news.outcome.status)
        if len(outcomes) == 1:
            assert executor.room() > 0, "an ended trial has left its place"
            RunPaths(root).trial(trial.trial_id).outcome.delete()
            executor.perform(StartTrial(trial, executor.gpu_share))
        else:
            executor.perform(NoMore())

    drive(name, sweep, root, handle)
    assert outcomes == ["complete", "complete"], "the trial that was started again must train"


def check_time_passes(name: str, sweep: Path, root: Path) -> None:
    """``TimePassed`` is handed on while a trial trains: stop files and budgets need it."""
    heard: list[News] = []

    def handle(executor: Executor, trial: TrialSpec, news: News) -> None:
        heard.append(news)
        if isinstance(news, EpochEnded):
            time.sleep(HANDLING_S)
        if isinstance(news, TrialEnded):
            executor.perform(NoMore())

    drive(name, sweep, root, handle)
    kinds = [type(news) for news in heard]
    assert TimePassed in kinds[: kinds.index(TrialEnded)], "no TimePassed while a trial trained"


def drive(
    name: str,
    sweep: Path,
    root: Path,
    answer: Callable[[Executor, TrialSpec, News], None],
) -> None:
    """Let a place train the first trial of a sweep, and answer what it says."""
    spec = loaded(sweep)
    trial = choose_trial(spec, TrialChoice(), None).spec
    job = Job(
        root=str(root),
        resources=spec.resources,
        store=spec.store,
        every_epoch=True,
        example=lambda: trial,
        say=print,
        num_cpus=1,
    )
    with open_by_name(name, job) as executor:

        def handle(news: News) -> None:
            answer(executor, trial, news)

        executor.perform(StartTrial(trial, executor.gpu_share))
        for _ in range(MAX_CALLS):
            if not executor.listen(handle):
                return
    raise AssertionError(f"{name}: listen never returned False")
