"""Lifecycle of a trial: exact resume, independence, selection on validation, outcomes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from dirsweep.config.trial import TrialSpec
from dirsweep.domain import LabelBins
from dirsweep.errors import TrialPruned
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.training import loop, metrics
from dirsweep.training import trial as trial_module
from dirsweep.training.assembly import Training
from dirsweep.training.batches import TrainingData
from dirsweep.training.inputs import open_inputs
from dirsweep.training.trial import train
from tests.tiny import SIZES, tiny_trial

TIMES = ("forward_time_s", "epoch_time_s")
EVERYTHING: dict[str, Any] = {
    "reweighting": "lds",
    "smoothing": {"name": "fds", "start_smooth": 1},
    "regularizers": {"ranksim": {"gamma": 0.1}, "conr": {"beta": 0.1, "omega": 1.0}},
    "optimizer": {"lr": 0.01, "milestones": [2], "weight_decay": 1e-4},
    "grad_clip": 5.0,
    "epochs": 5,
}

#: its pass over the training split draws views and moves batch statistics
RELEASED_FDS = {
    "name": "fds",
    "statistics": "pass",
    "formulation": "released",
    "end_bins": "released_age",
    "label_low": 1.0,
    "label_high": 7.0,
    "fill_empty": True,
}


def _folder(root: Path, trial: TrialSpec) -> TrialFolder:
    return TrialFolder(RunPaths(root).trial(trial.trial_id))


def _rows(folder: TrialFolder) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in TIMES} for row in folder.read_epochs()]


def _predictions(folder: TrialFolder) -> pa.Table:
    with pa.ipc.open_file(folder.paths.predictions) as file:
        return file.read_all()


class Killed(BaseException):
    """As a signal would be."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        {},
        EVERYTHING,
        {
            **EVERYTHING,
            "smoothing": {"name": "fds", "statistics": "online"},
            "loss": {"name": "balanced_mse"},
        },
        {**EVERYTHING, "smoothing": RELEASED_FDS},
        {
            "regularizers": {"ranksim": {"gamma": 1}},
            "schedule": {"name": "rrt", "epochs": 2},
            "epochs": 3,
        },
        {"optimizer": {"name": "sgd", "lr": 0.05}, "validate_every": 2, "patience": 3, "epochs": 8},
        {**EVERYTHING, "validate_every": {"steps": 3}},
        {
            "optimizer": {"lr": 0.05},
            "validate_every": {"steps": 10},
            "stopping": "released",
            "patience": 2,
            "epochs": 40,
        },
        {
            **EVERYTHING,
            "validate_every": {"steps": 4},
            "max_checks": 4,
            "schedule": {"name": "rrt", "epochs": 9, "reset_regressor": True},
            "epochs": 9,
        },
    ],
)
@pytest.mark.parametrize("kill_after", [0, 2, 3])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, config: dict[str, Any], kill_after: int
) -> None:
    trial = tiny_trial(**config)
    whole, cut = _folder(tmp_path / "whole", trial), _folder(tmp_path / "cut", trial)
    expected = train(trial, folder=whole, num_threads=1)
    assert expected.status == "complete", expected.error

    def kill(row: dict[str, Any]) -> None:
        if row["epoch"] == kill_after:
            raise Killed

    with pytest.raises(Killed):
        train(trial, kill, folder=cut, num_threads=1)
    assert cut.outcome() is None
    seen: list[int] = []
    resumed = train(trial, lambda row: seen.append(row["epoch"]), folder=cut, num_threads=1)
    assert resumed.status == "complete", resumed.error
    assert resumed.metrics == expected.metrics
    assert resumed.best_epoch == expected.best_epoch
    assert resumed.attempts == 2
    assert _rows(cut) == _rows(whole)
    assert _predictions(cut).equals(_predictions(whole))
    assert seen == list(range(expected.num_epochs)), "earlier epochs are shown again, none twice"


@pytest.mark.slow
@pytest.mark.parametrize("at", [(1, 4), (2, 7), (3, 1)])
def test_resumed_within_an_epoch_that_was_validated_before(
    tmp_path: Path, at: tuple[int, int]
) -> None:
    config = {**EVERYTHING, "validate_every": {"steps": 3}, "patience": 6}
    trial = tiny_trial(**config)
    whole, cut = _folder(tmp_path / "whole", trial), _folder(tmp_path / "cut", trial)
    expected = train(trial, folder=whole, num_threads=1)

    def kill(epoch: int, step: int, num_steps: int) -> None:
        if (epoch, step) == at:
            raise Killed

    with pytest.raises(Killed):
        train(trial, folder=cut, num_threads=1, progress=kill, checkpoint_every_s=0)
    resumed = train(trial, folder=cut, num_threads=1)
    assert (resumed.metrics, resumed.best_epoch) == (expected.metrics, expected.best_epoch)
    assert _rows(cut) == _rows(whole)
    assert _predictions(cut).equals(_predictions(whole))


def test_a_trial_is_the_same_first_and_after_another() -> None:
    first, other = (
        tiny_trial(**EVERYTHING),
        tiny_trial("other", seed=3, regularizers={"ranksim": {"gamma": 5}}),
    )
    alone = train(first, num_threads=1)
    torch.set_grad_enabled(False)  # what a careless trial may leave behind
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(99)
    try:
        train(other, num_threads=1)
        again = train(first, num_threads=1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert again.metrics == alone.metrics


def test_seeds_differ_and_seed_decides() -> None:
    a, b, c = (train(tiny_trial(seed=s), num_threads=1).metrics["test_mae_all"] for s in (0, 1, 0))
    assert a == c
    assert a != b


def test_best_epoch_is_chosen_on_validation_and_predictions_give_the_metrics(
    tmp_path: Path,
) -> None:
    trial = tiny_trial(epochs=6, optimizer={"lr": 0.03})
    folder, rows = _folder(tmp_path, trial), []
    outcome = train(trial, rows.append, folder=folder, num_threads=1)
    values = [row["val_mae_all"] for row in rows]
    assert outcome.best_epoch == int(np.argmin(values))
    assert outcome.metrics["val_mae_all"] == min(values)
    assert [row["best_value"] for row in rows] == list(np.minimum.accumulate(values))
    assert not any(key.startswith("test_") for row in rows for key in row), (
        "test is read once, at the end"
    )

    table = _predictions(folder).to_pandas()
    assert len(table) == SIZES["val"] + SIZES["test"]
    bins: LabelBins = open_inputs(trial.benchmark, trial.config["backbone"]).benchmark.bins
    for split in ("val", "test"):
        part = table[table["split"] == split]
        again = metrics.compute(part["label"].to_numpy(), part["prediction"].to_numpy(), bins)
        for name, value in again.items():
            assert outcome.metrics[f"{split}_{name}"] == pytest.approx(value, rel=1e-9, nan_ok=True)


def test_higher_is_better_for_correlations() -> None:
    rows: list[dict[str, Any]] = []
    outcome = train(
        tiny_trial(metric="pearson", epochs=5, optimizer={"lr": 0.01}), rows.append, num_threads=1
    )
    assert outcome.metrics["val_pearson_all"] == max(row["val_pearson_all"] for row in rows)


def test_vanilla_learns() -> None:
    outcome = train(tiny_trial(epochs=30, optimizer={"lr": 0.02}), num_threads=1)
    labels = (
        open_inputs(tiny_trial().benchmark, tiny_trial().config["backbone"]).labels["test"].numpy()
    )
    constant = float(np.abs(labels - np.median(labels)).mean())
    assert outcome.metrics["test_mae_all"] is not None
    assert outcome.metrics["test_mae_all"] < 0.5 * constant


def test_divergence_and_nan_fail_with_the_reason() -> None:
    wild = train(
        tiny_trial(loss="mse", optimizer={"name": "sgd", "lr": 1e4}, epochs=3), num_threads=1
    )
    assert wild.status == "failed"
    assert "training loss" in (wild.error or "")
    assert wild.metrics == {} or all(key.startswith("val_") for key in wild.metrics)


def test_an_exception_becomes_a_failed_outcome_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tiny import TinyBackbone

    def break_down(self: object, inputs: object) -> None:
        raise ValueError("cable pulled\nby the cat")

    monkeypatch.setattr(TinyBackbone, "forward", break_down)
    trial = tiny_trial()
    outcome = train(trial, folder=_folder(tmp_path, trial), num_threads=1)
    assert (outcome.status, outcome.error) == ("failed", "ValueError: cable pulled")
    assert _folder(tmp_path, trial).outcome() == outcome


def test_pruned_keeps_validation_only(tmp_path: Path) -> None:
    trial = tiny_trial()

    def prune(row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            raise TrialPruned

    outcome = train(trial, prune, folder=_folder(tmp_path, trial), num_threads=1)
    assert (outcome.status, outcome.num_epochs) == ("pruned", 2)
    assert outcome.metrics
    assert all(key.startswith("val_") for key in outcome.metrics)
    table = _predictions(_folder(tmp_path, trial)).to_pandas()
    assert list(table["split"].unique()) == ["val"]
    assert np.abs(table["prediction"] - table["label"]).mean() == pytest.approx(
        outcome.metrics["val_mae_all"]
    )


def test_a_trial_that_has_trained_every_epoch_is_not_pruned() -> None:
    def prune(row: dict[str, Any]) -> None:
        if row["epoch"] == 3:
            raise TrialPruned

    outcome = train(tiny_trial(epochs=4), prune, num_threads=1)
    assert (outcome.status, outcome.num_epochs) == ("complete", 4)


@pytest.mark.parametrize("undefined", [[0, 1], [2], [0, 1, 2, 3]])
def test_an_epoch_with_an_undefined_objective_is_best_only_where_all_are(
    monkeypatch: pytest.MonkeyPatch, undefined: list[int]
) -> None:
    """Constant predictions have no correlation; the other epochs get better and better."""
    rows: list[dict[str, Any]] = []

    def predict(model: object, data: TrainingData, split: Any) -> torch.Tensor:
        labels = torch.as_tensor(data.labels(split))
        if len(rows) in undefined:
            return torch.zeros_like(labels)
        return labels + (4 - len(rows)) * torch.linspace(0, 10, len(labels))

    monkeypatch.setattr(loop, "predict", predict)
    outcome = train(tiny_trial(epochs=4, metric="spearman"), rows.append, num_threads=1)
    defined = [epoch for epoch in range(4) if epoch not in undefined]
    assert (outcome.status, outcome.best_epoch) == ("complete", max(defined, default=0))
    assert (outcome.metrics["val_spearman_all"] is None) == (not defined)
    for row in rows:
        known = any(epoch <= row["epoch"] for epoch in defined)
        assert (row["best_value"] is not None) == known


def test_a_finished_trial_is_not_run_again(tmp_path: Path) -> None:
    trial = tiny_trial()
    first = train(trial, folder=_folder(tmp_path, trial), num_threads=1)
    rows: list[dict[str, Any]] = []
    assert train(trial, rows.append, folder=_folder(tmp_path, trial), num_threads=1) == first
    assert rows == []


def test_a_broken_checkpoint_means_a_fresh_start(tmp_path: Path) -> None:
    trial = tiny_trial()
    folder = _folder(tmp_path, trial)
    folder.paths.checkpoint.write(b"PK\x03\x04 torn")
    assert train(trial, folder=folder, num_threads=1).metrics == train(trial, num_threads=1).metrics


def test_training_time_leaves_out_start_up_and_testing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = trial_module.build_training

    def slow(trial: TrialSpec, **more: Any) -> Training:
        time.sleep(0.3)
        return build(trial, **more)

    monkeypatch.setattr(trial_module, "build_training", slow)
    folder = TrialFolder(RunPaths(tmp_path).trial("t0"))
    outcome = train(tiny_trial(epochs=2, schedule="rrt"), folder=folder)
    assert outcome.training_time_s == sum(row["epoch_time_s"] for row in folder.read_epochs())
    forward = [row["forward_time_s"] for row in folder.read_epochs()]
    assert outcome.forward_time_s == sum(forward)
    assert 0 < outcome.forward_time_s < outcome.training_time_s
    assert outcome.wall_time_s >= outcome.training_time_s + 0.3
    assert folder.paths.spec.read_json()["total_epochs"] == 4
