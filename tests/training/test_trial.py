"""The trainer: exact resume, no memory between trials, selection on validation, and how trials
end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from dirsweep.config.trial import OptimizerConfig, TrialSpec
from dirsweep.domain import LabelBins
from dirsweep.errors import TrialPruned
from dirsweep.run.folder import RunPaths
from dirsweep.run.storage import TrialFolder
from dirsweep.training import metrics
from dirsweep.training.assembly import build_training
from dirsweep.training.inputs import open_inputs
from dirsweep.training.optim import make_optimizer, set_learning_rate
from dirsweep.training.trial import train
from tests.tiny import SIZES, tiny_trial

TIMES = ("epoch_time_s",)
EVERYTHING: dict[str, Any] = {
    "reweighting": "lds",
    "smoothing": {"name": "fds", "start_smooth": 1},
    "regularizers": {"ranksim": {"gamma": 0.1}, "conr": {"beta": 0.1, "omega": 1.0}},
    "optimizer": {"lr": 0.01, "milestones": [2], "weight_decay": 1e-4},
    "grad_clip": 5.0,
    "epochs": 5,
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
        {
            "regularizers": {"ranksim": {"gamma": 1}},
            "schedule": {"name": "rrt", "epochs": 2},
            "epochs": 3,
        },
        {"optimizer": {"name": "sgd", "lr": 0.05}, "validate_every": 2, "patience": 3, "epochs": 8},
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


def test_a_finished_trial_is_not_run_again(tmp_path: Path) -> None:
    trial = tiny_trial()
    first = train(trial, folder=_folder(tmp_path, trial), num_threads=1)
    rows: list[dict[str, Any]] = []
    assert train(trial, rows.append, folder=_folder(tmp_path, trial), num_threads=1) == first
    assert rows == []


def test_a_broken_checkpoint_means_a_fresh_start(tmp_path: Path) -> None:
    trial = tiny_trial()
    folder = _folder(tmp_path, trial)
    folder.paths.folder.mkdir(parents=True)
    folder.paths.checkpoint.write_bytes(b"PK\x03\x04 torn")
    assert train(trial, folder=folder, num_threads=1).metrics == train(trial, num_threads=1).metrics


def test_patience_ends_training_early() -> None:
    outcome = train(tiny_trial(epochs=50, patience=2, optimizer={"lr": 1e-12}), num_threads=1)
    assert outcome.num_epochs < 50


def test_alpha_scales_the_regression_term_only() -> None:
    rows: list[dict[str, Any]] = []
    train(
        tiny_trial(regularizers={"conr": {"alpha": 0.5, "beta": 2.0}}, epochs=1),
        rows.append,
        num_threads=1,
    )
    terms = rows[0]["loss_terms"]
    assert rows[0]["train_loss"] == pytest.approx(
        0.5 * terms["regression"] + terms["conr"], rel=1e-5
    )


def test_a_last_batch_of_one_sample_is_left_out() -> None:
    outcome = train(tiny_trial(batch_size=SIZES["train"] - 1, epochs=1), num_threads=1)
    assert outcome.status == "complete", "batch statistics of one sample do not exist"


def test_the_gradient_is_clipped() -> None:
    training = build_training(
        tiny_trial(optimizer={"name": "sgd", "lr": 1.0, "momentum": 0.0}, grad_clip=1e-3, epochs=1)
    )
    parameters = list(training.model.network.parameters())
    before = [parameter.detach().clone() for parameter in parameters]
    training.fit()
    moved = torch.cat([(a - b).flatten() for a, b in zip(parameters, before, strict=True)]).norm()
    num_steps = training.data.num_steps(32)
    assert 0.5e-3 < moved.item() <= 1.001e-3 * num_steps, (
        "each step is 1e-3 long: lr 1 times the largest norm"
    )


def test_bfloat16_rounds_the_forward_pass_only() -> None:
    exact, rounded = (
        train(tiny_trial(precision=kind), num_threads=1) for kind in ("float32", "bfloat16")
    )
    assert rounded.status == "complete", rounded.error
    assert rounded.metrics["test_mae_all"] != exact.metrics["test_mae_all"]
    assert rounded.metrics["test_mae_all"] == pytest.approx(exact.metrics["test_mae_all"], rel=0.05)
    network = build_training(tiny_trial(precision="bfloat16")).model.network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("milestones_of", "num_epochs", "epoch", "expected"),
    [
        (None, 90, 59, 1e-3),
        (None, 90, 60, 1e-4),
        (None, 90, 80, 1e-5),
        (90, 9, 5, 1e-3),
        (90, 9, 6, 1e-4),
        (90, 9, 8, 1e-5),
        (None, 9, 8, 1e-3),
    ],
)
def test_milestones(
    milestones_of: int | None, num_epochs: int, epoch: int, expected: float
) -> None:
    config = OptimizerConfig(lr=1e-3, milestones=(60, 80), milestones_of=milestones_of)
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1e-3, "initial_lr": 1e-3}]
    assert set_learning_rate(
        make_optimizer(config, groups), config, epoch, num_epochs
    ) == pytest.approx(expected)
