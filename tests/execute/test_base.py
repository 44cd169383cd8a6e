"""Outcomes written for workers that could not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.execute.base import WorkerSettings, hanging, outcome_or_failure
from dirsweep.execute.worker import run_trial
from dirsweep.run.folder import RunPaths, TrialFolder
from tests.tiny import tiny_trial


def test_what_a_lost_worker_had_reached_is_kept(tmp_path: Path) -> None:
    trial = tiny_trial(epochs=5)
    folder = TrialFolder(RunPaths(tmp_path).trial(trial.trial_id))
    values: dict[int, float] = {}

    def emit(row: dict[str, float]) -> None:
        values[int(row["epoch"])] = row["val_mae_all"]
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(trial, tmp_path, emit, WorkerSettings())
    outcome = outcome_or_failure(trial, folder, hanging(5))
    assert folder.outcome() == outcome
    assert (outcome.status, outcome.num_epochs, outcome.attempts) == ("failed", 3, 1)
    assert outcome.error == "an epoch took longer than resources.epoch_limit_s, 5 s"
    assert outcome.best_epoch == min(values, key=values.__getitem__)
    assert outcome.metrics["val_mae_all"] == min(values.values())
    assert outcome_or_failure(trial, folder, "something else") == outcome, "the first word stands"


def test_a_worker_lost_before_it_began(tmp_path: Path) -> None:
    trial = tiny_trial()
    outcome = outcome_or_failure(
        trial, TrialFolder(RunPaths(tmp_path).trial(trial.trial_id)), "lost"
    )
    assert (outcome.status, outcome.error, outcome.num_epochs, outcome.attempts) == (
        "failed",
        "lost",
        0,
        0,
    )
