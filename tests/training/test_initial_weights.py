"""Trainings that start from stored weights: of another trial, or of a model that a user names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dirsweep.config.trial import TrialSpec
from dirsweep.errors import DataError, StoreError, TrialPruned
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.storage import StoredFile
from dirsweep.training.assembly import build_training
from dirsweep.training.initial_weights import (
    set_weights,
    weights_of_first_trial,
    weights_of_model,
)
from dirsweep.training.model_file import network_weights
from dirsweep.training.trial import train
from tests.tiny import tiny_trial

SHARED = {"name": "rrt", "first_stage": "shared", "epochs": 3}


def in_run(root: Path, trial: TrialSpec) -> TrialFolder:
    return TrialFolder(RunPaths(root).trial(trial.trial_id))


def trained_first(root: Path, **config: Any) -> TrialSpec:
    """A plain trial whose network is stored in a run."""
    trial = replace(tiny_trial("first", **config), keeps_model=True)
    assert train(trial, folder=in_run(root, trial), num_threads=1).status == "complete"
    return trial


def stored(root: Path) -> dict[str, torch.Tensor]:
    return weights_of_model(str(root / "trials" / "first"))


def network(feature_dim: int = 3, outputs: int = 1) -> nn.ModuleDict:
    backbone = nn.Sequential(nn.Linear(2, feature_dim), nn.BatchNorm1d(feature_dim))
    return nn.ModuleDict({"backbone": backbone, "regressor": nn.Linear(feature_dim, outputs)})


def test_backbone_and_last_layer_are_set_where_sizes_agree() -> None:
    one, other = network(), network()
    set_weights(other, network_weights(one), "MODEL")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))

    wide = network(outputs=2)
    last = wide["regressor"].weight.clone()
    set_weights(wide, network_weights(one), "MODEL")
    assert torch.equal(wide["regressor"].weight, last)
    assert torch.equal(wide["backbone"][0].weight, one["backbone"][0].weight)


def test_weights_of_another_backbone_are_refused() -> None:
    own, weights = network(), network_weights(network(feature_dim=4))
    before = network_weights(own)
    message = (
        r"MODEL: weights of another backbone: 6 entries do not fit \('backbone.0.bias' is 4, "
        r"here 3\); choose the backbone"
    )
    with pytest.raises(DataError, match=message):
        set_weights(own, weights, "MODEL")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network_weights(own).items())
    few = {name: tensor for name, tensor in before.items() if "running" not in name}
    with pytest.raises(DataError, match=r"2 entries do not fit \('backbone.1.running_mean' is not"):
        set_weights(own, few, "MODEL")
    with pytest.raises(DataError, match=r"\('extra' is not in this one\)"):
        set_weights(own, {**before, "extra": torch.ones(2)}, "MODEL")


def test_absent_and_damaged_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.safetensors: no such file"):
        weights_of_model(str(tmp_path / "x.safetensors"))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    for path in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(DataError, match=r"model\.safetensors: damaged, or not a safetensors"):
            weights_of_model(str(path))


def test_a_training_starts_from_a_stored_model(tmp_path: Path) -> None:
    trained_first(tmp_path, epochs=8, optimizer={"lr": 0.03})
    path = tmp_path / "trials" / "first"
    for start_from in (path, path / "model.safetensors"):
        training = build_training(tiny_trial(start_from=str(start_from)))
        network = network_weights(training.model.network)
        assert all(torch.equal(network[name], tensor) for name, tensor in stored(tmp_path).items())
    tuned = train(tiny_trial(start_from=str(path), epochs=1), num_threads=1)
    anew = train(tiny_trial(epochs=1), num_threads=1)
    assert tuned.metrics["val_mae_all"] < anew.metrics["val_mae_all"]


def test_a_model_of_another_backbone_fails_the_trial_in_one_line(tmp_path: Path) -> None:
    save_file({"backbone.x": torch.ones(1)}, tmp_path / "model.safetensors")
    outcome = train(tiny_trial(start_from=str(tmp_path)), num_threads=1)
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error.startswith(f"{tmp_path}: weights of another backbone: 8 entries do not")


def test_a_shared_first_stage_is_continued_from_its_best_epoch(tmp_path: Path) -> None:
    first = trained_first(tmp_path, epochs=5, optimizer={"lr": 0.05})
    trial = replace(tiny_trial("second", schedule=SHARED, epochs=5), starts_from=first.trial_id)
    folder = in_run(tmp_path, trial)
    outcome = train(trial, folder=folder, num_threads=1)
    assert (outcome.status, outcome.num_epochs) == ("complete", 3)
    assert [row["stage"] for row in folder.read_epochs()] == [1, 1, 1]

    training = build_training(trial, weights=stored(tmp_path))
    training.fit()
    network = network_weights(training.model.network)
    kept = [name for name in network if name.startswith("backbone")]
    assert all(torch.equal(network[name], stored(tmp_path)[name]) for name in kept)
    assert not torch.equal(network["regressor.weight"], stored(tmp_path)["regressor.weight"])
    assert training.state.rows[0]["val_mae_all"] == folder.read_epochs()[0]["val_mae_all"]


def test_a_fresh_last_layer_does_not_start_from_the_stored_one(tmp_path: Path) -> None:
    trained_first(tmp_path)
    schedule = {**SHARED, "reset_regressor": True}
    training = build_training(tiny_trial(schedule=schedule), weights=stored(tmp_path))
    network = network_weights(training.model.network)
    assert not torch.equal(network["regressor.weight"], stored(tmp_path)["regressor.weight"])
    assert torch.equal(
        network["backbone.layers.0.weight"], stored(tmp_path)["backbone.layers.0.weight"]
    )


def test_an_interrupted_second_stage_resumes_with_the_same_numbers(tmp_path: Path) -> None:
    first = trained_first(tmp_path)
    trials = [
        replace(tiny_trial(name, schedule=SHARED), starts_from=first.trial_id)
        for name in ("whole", "cut")
    ]
    whole, cut = (in_run(tmp_path, trial) for trial in trials)
    train(trials[0], folder=whole, num_threads=1)

    def interrupt(row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(trials[1], interrupt, folder=cut, num_threads=1)
    assert train(trials[1], folder=cut, num_threads=1).attempts == 2

    def numbers(folder: TrialFolder) -> list[dict[str, Any]]:
        return [{k: v for k, v in r.items() if "time" not in k} for r in folder.read_epochs()]

    assert numbers(cut) == numbers(whole)


def test_a_trial_that_cannot_find_its_first_one_fails_in_one_line(tmp_path: Path) -> None:
    trial = replace(tiny_trial("second", schedule=SHARED), starts_from="gone")
    outcome = train(trial, folder=in_run(tmp_path, trial), num_threads=1)
    weights = tmp_path / "trials" / "gone" / "model.safetensors"
    assert outcome.error == (
        f"starts from the weights of trial gone: {weights}: no such file; a stored model has its "
        "weights there"
    )
    alone = train(trial, num_threads=1)
    assert alone.status == "failed"
    assert "trained without a folder" in str(alone.error)


def test_only_a_whole_trial_stores_its_network(tmp_path: Path) -> None:
    trial = replace(tiny_trial("first"), keeps_model=True)

    def prune(row: dict[str, Any]) -> None:
        raise TrialPruned

    assert train(trial, prune, folder=in_run(tmp_path, trial), num_threads=1).status == "pruned"
    assert not in_run(tmp_path, trial).paths.model.exists()


def test_a_storage_that_does_not_answer_is_no_fault_of_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained_first(tmp_path)
    trial = replace(tiny_trial("second", schedule=SHARED), starts_from=first.trial_id)

    def fail(self: object) -> bytes:
        raise StoreError("the storage does not answer")

    monkeypatch.setattr(StoredFile, "read", fail)
    with pytest.raises(StoreError, match="does not answer"):
        weights_of_first_trial(trial, in_run(tmp_path, trial))
