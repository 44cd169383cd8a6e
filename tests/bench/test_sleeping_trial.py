"""The stand-in for a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.bench import sleeping_trial
from dirsweep.bench.sleeping_trial import SECONDS_VARIABLE, WORK, duration_of, sleep_and_report
from dirsweep.run.folder import RunPaths, TrialFolder
from tests.tiny import tiny_trial


def test_a_duration_depends_on_the_trial_alone() -> None:
    assert duration_of("a", "0.2") == 0.2
    assert duration_of("a", "1-3") == duration_of("a", "1-3") != duration_of("b", "1-3")
    assert 1 <= duration_of("a", "1-3") <= 3


def test_the_stand_in_writes_what_a_training_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECONDS_VARIABLE, "0")
    folder, rows = TrialFolder(RunPaths(tmp_path).trial("t0")), []
    outcome = sleep_and_report(tiny_trial(), rows.append, folder=folder, num_threads=1)
    assert folder.outcome() == outcome
    assert folder.read_epochs() == rows
    assert rows[0]["best_value"] == outcome.metrics["val_mae_all"]


def test_workers_find_it_by_its_path() -> None:
    module, _, name = WORK.partition(":")
    assert module == sleeping_trial.__name__
    assert getattr(sleeping_trial, name) is sleep_and_report
