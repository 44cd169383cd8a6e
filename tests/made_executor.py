"""A place to run that trains nothing: trials end in any order, and the driver can be killed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from dirsweep.config.trial import TrialSpec
from dirsweep.execute.base import (
    Action,
    EndTrial,
    EpochEnded,
    Handler,
    StartTrial,
    StopAll,
    TimePassed,
    TrialBegan,
    TrialEnded,
)
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.tables import Outcome


class Killed(BaseException):
    """The driver's process is gone."""


class MadeExecutor:
    """Trains ``num_places`` trials at a time: an epoch of any of them with each ``listen``.

    Args:
        paths: of the run.
        curve: a trial and an epoch -> its objective.
        num_epochs: of every trial.
        num_places: trials at a time.
        random: chooses which trial trains on.
        lives: number of news items handled before the driver is killed; None: never.
    """

    gpu_share, num_waiting = 0.0, 0

    def __init__(
        self,
        paths: RunPaths,
        curve: Callable[[TrialSpec, int], float],
        *,
        num_epochs: int = 2,
        num_places: int = 1,
        random: random.Random,
        lives: int | None = None,
    ) -> None:
        self.paths, self.curve, self.num_epochs = paths, curve, num_epochs
        self.num_places, self.random, self.lives = num_places, random, lives
        self.running: dict[str, TrialSpec] = {}
        self.to_end: set[str] = set()
        self.stopping = False
        self.started: list[str] = []

    def room(self) -> int:
        return self.num_places - len(self.running)

    def perform(self, action: Action) -> None:
        match action:
            case StartTrial(trial=trial):
                assert trial.trial_id not in self.running
                assert self.room() > 0
                self.running[trial.trial_id] = trial
                self.started.append(trial.trial_id)
            case EndTrial(trial_id=trial_id):
                self.to_end.add(trial_id)
            case StopAll():
                self.stopping = True

    def listen(self, handle: Handler) -> bool:
        if not self.running or self.stopping:
            return False
        trial = self.running[self.random.choice(sorted(self.running))]
        folder = TrialFolder(self.paths.trial(trial.trial_id))
        rows = folder.read_epochs()
        if not rows:
            folder.begin(trial.to_dict())
            self._tell(handle, TrialBegan(trial.trial_id))
        if len(rows) < self.num_epochs:
            rows.append(self._row(trial, len(rows)))
            folder.write_epochs(rows)
            self._tell(handle, EpochEnded(trial.trial_id, rows[-1]))
        pruned = trial.trial_id in self.to_end
        if pruned or len(rows) == self.num_epochs:
            self._end(trial, folder, rows, "pruned" if pruned else "complete", handle)
        self._tell(handle, TimePassed())
        return True

    def _end(
        self, trial: TrialSpec, folder: TrialFolder, rows: list[Any], status: Any, handle: Handler
    ) -> None:
        metrics = {"val_mae_all": rows[-1]["best_value"]}
        outcome = Outcome(trial.trial_id, status, metrics=metrics, num_epochs=len(rows))
        folder.finish(outcome)
        del self.running[trial.trial_id]
        self._tell(handle, TrialEnded(outcome))

    def _row(self, trial: TrialSpec, epoch: int) -> dict[str, Any]:
        values = [self.curve(trial, number) for number in range(epoch + 1)]
        return {"epoch": epoch, "best_value": min(values), "epoch_time_s": 1.0}

    def _tell(self, handle: Handler, news: Any) -> None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise Killed
        handle(news)
