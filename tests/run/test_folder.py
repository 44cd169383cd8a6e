from __future__ import annotations

import os
from pathlib import Path

import pytest

from dirsweep.run import storage as storage_module
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.tables import Outcome, predictions_table


def trial_folder(tmp_path: Path) -> TrialFolder:
    return TrialFolder(RunPaths(tmp_path).trial("ab12"))


def test_the_life_of_a_trial(tmp_path: Path) -> None:
    folder = trial_folder(tmp_path)
    assert folder.read_epochs() == []
    assert folder.outcome() is None
    folder.begin({"trial_id": "ab12", "seed": 3})
    rows = [
        {"epoch": 0, "train_loss": float("inf"), "loss_terms": {"loss": 1.0}},
        {"epoch": 1, "val_mae_all": 0.5},
    ]
    folder.write_epochs(rows)
    assert folder.read_epochs() == [
        {"epoch": 0, "train_loss": None, "loss_terms": {"loss": 1.0}},
        rows[1],
    ]
    outcome = Outcome(
        "ab12",
        "complete",
        metrics={"val_mae_all": 0.5, "val_mae_few": None},
        best_epoch=1,
        num_epochs=2,
    )
    folder.finish(outcome, predictions_table({"val": (["a"], [1.0], [2.0])}))
    assert folder.outcome() == outcome
    assert sorted(os.listdir(tmp_path / "trials" / "ab12")) == [
        "epochs.jsonl",
        "outcome.json",
        "predictions.arrow",
        "trial.json",
    ]
    folder.begin({"trial_id": "ab12", "seed": 3})
    assert folder.outcome() is None


def test_the_outcome_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trial_folder(tmp_path)
    folder.begin({})
    order: list[str] = []
    replace = os.replace
    monkeypatch.setattr(
        storage_module.os, "replace", lambda a, b: (order.append(Path(b).name), replace(a, b))
    )
    folder.finish(
        Outcome("ab12", "failed", error="x"), predictions_table({"val": (["a"], [1.0], [2.0])})
    )
    assert order == ["predictions.arrow", "outcome.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\0\0\0",
        b'{"trial_id": "a"}',
        b'{"trial_id": "a", "status": "great"}',
        b'{"trial_id": "a", "status": "complete", "num_epochs": "many"}',
        b'{"status": "complete"}',
    ],
)
def test_garbage_is_no_outcome(tmp_path: Path, content: bytes) -> None:
    folder = trial_folder(tmp_path)
    folder.begin({})
    folder.paths.outcome.write(content)
    assert folder.outcome() is None


def test_an_outcome_of_a_later_version(tmp_path: Path) -> None:
    folder = trial_folder(tmp_path)
    folder.paths.outcome.write_json(
        {"trial_id": "a", "status": "pruned", "colour": "red", "wall_time_s": 3}
    )
    assert folder.outcome() == Outcome("a", "pruned", wall_time_s=3.0)


def test_epochs_up_to_the_damage(tmp_path: Path) -> None:
    folder = trial_folder(tmp_path)
    folder.begin({})
    folder.paths.epochs.write(b'{"epoch":0}\n{"epoch":1}\n{"epo')
    assert folder.read_epochs() == [{"epoch": 0}, {"epoch": 1}]
    folder.paths.epochs.write(b'{"epoch":0}\n3\n{"epoch":1}\n')
    assert folder.read_epochs() == [{"epoch": 0}]


def test_file_names(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "r")
    trial = paths.trial("x")
    assert str(trial.checkpoint) == str(tmp_path / "r/trials/x/checkpoint.pt")
    assert (paths.name, paths.root) == ("r", str(tmp_path / "r"))
    keys = [
        file.key
        for file in (
            paths.spec,
            paths.provenance,
            paths.ledger,
            paths.lock,
            paths.stop,
            paths.trials_table,
            paths.epochs_table,
            paths.predictions_table,
            paths.bins_table,
            paths.confirm,
            paths.plots,
            paths.report,
            paths.ray,
            trial.spec,
            trial.epochs,
            trial.outcome,
            trial.predictions,
            trial.features,
            trial.checkpoint,
            trial.stop,
            trial.log,
        )
    ]
    assert keys == [
        "spec.yaml",
        "provenance.json",
        "ledger.jsonl",
        "driver.lock",
        "stop",
        "trials.arrow",
        "epochs.arrow",
        "predictions.arrow",
        "bins.arrow",
        "confirm.yaml",
        "plots",
        "report.html",
        "ray",
        "trials/x/trial.json",
        "trials/x/epochs.jsonl",
        "trials/x/outcome.json",
        "trials/x/predictions.arrow",
        "trials/x/features.arrow",
        "trials/x/checkpoint.pt",
        "trials/x/stop",
        "trials/x/log.txt",
    ]
