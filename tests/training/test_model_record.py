"""What a trial stores of its network at its end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep.config.trial import TrialSpec
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.training import trial as lifecycle
from dirsweep.training.assembly import build_training
from dirsweep.training.model_file import read_model
from dirsweep.training.model_record import too_large
from dirsweep.training.trial import train
from tests.tiny import tiny_trial


def folder_of(root: Path, trial: TrialSpec) -> TrialFolder:
    return TrialFolder(RunPaths(root).trial(trial.trial_id))


def test_the_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    trial = tiny_trial(optimizer={"lr": 0.2}, epochs=6)
    training = build_training(trial)
    training.fit()
    assert training.state.best is not None
    assert training.state.best.epoch < 5, "the last epoch is not the best"
    folder = folder_of(tmp_path, trial)
    train(trial, folder=folder, num_threads=1, model_limit_mib=10)
    stored = read_model(folder.paths.model)
    assert stored.facts.best_epoch == training.state.best.epoch
    for name, tensor in training.state.best.model.items():
        assert torch.equal(stored.weights[name], tensor), name


def test_it_changes_no_result_and_none_is_stored_unless_asked(tmp_path: Path) -> None:
    trial = tiny_trial()
    kept, without = folder_of(tmp_path / "a", trial), folder_of(tmp_path / "b", trial)
    one = train(trial, folder=kept, num_threads=1, model_limit_mib=10)
    other = train(trial, folder=without, num_threads=1)
    assert one.metrics == other.metrics
    assert kept.paths.model.exists()
    assert not without.paths.model.exists()


def test_it_is_there_before_the_end_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, seen = tiny_trial(), []
    folder = folder_of(tmp_path, trial)
    finish = TrialFolder.finish

    def look(self: TrialFolder, *arguments: Any) -> None:
        seen.append((self.paths.model.exists(), self.paths.outcome.exists()))
        finish(self, *arguments)

    monkeypatch.setattr(lifecycle.TrialFolder, "finish", look)
    train(trial, folder=folder, num_threads=1, model_limit_mib=10)
    assert seen == [(True, False)]


def test_a_trial_that_fails_leaves_none_of_an_earlier_attempt(tmp_path: Path) -> None:
    trial = tiny_trial(loss="mse", optimizer={"name": "sgd", "lr": 1e4}, epochs=3)
    folder = folder_of(tmp_path, trial)
    folder.paths.model.facts.write(b"{}")
    folder.paths.model.weights.write(b"killed after this was written")
    outcome = train(trial, folder=folder, num_threads=1, model_limit_mib=10)
    assert outcome.status == "failed"
    assert not folder.paths.model.exists()


def test_a_network_above_the_limit_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dirsweep")
    trial = tiny_trial()
    folder = folder_of(tmp_path, trial)
    assert train(trial, folder=folder, num_threads=1, model_limit_mib=1e-4).status == "complete"
    assert not folder.paths.model.exists()
    assert "network not stored: 0.000" in caplog.text
    assert too_large(94.2, 50) == "94.2 MiB exceeds store.model_limit (50 MiB)"
