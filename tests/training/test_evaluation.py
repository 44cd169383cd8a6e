"""Predictions, their metrics, and the value of the objective."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dirsweep.domain import Objective
from dirsweep.training.assembly import build_training
from dirsweep.training.batches import EVAL_BATCH_SIZE
from dirsweep.training.evaluation import (
    objective_value,
    predict,
    predict_with_features,
    split_metrics,
    validation_metrics,
)
from tests.tiny import SIZES, tiny_trial


def test_predictions_are_those_of_the_network_in_label_units() -> None:
    training = build_training(tiny_trial())
    model, data = training.model, training.data
    model.network.train()
    found = predict(model, data, "val")
    assert not found.requires_grad
    assert not model.network.training, "dropout and batch statistics are off"
    inputs = torch.as_tensor(data.benchmark.split("val").inputs)
    expected = model.regressor(model.backbone(inputs)).squeeze(1) * 10
    torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-5)


def test_features_come_with_the_same_predictions() -> None:
    training = build_training(tiny_trial())
    preds, features = predict_with_features(training.model, training.data, "test")
    assert torch.equal(preds, predict(training.model, training.data, "test"))
    assert features.shape == (SIZES["test"], 16)
    assert features.dtype == torch.float32


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    training = build_training(tiny_trial())
    whole = predict(training.model, training.data, "train")
    assert SIZES["train"] < EVAL_BATCH_SIZE
    monkeypatch.setattr("dirsweep.training.batches.EVAL_BATCH_SIZE", 64)
    torch.testing.assert_close(predict(training.model, training.data, "train"), whole)


def test_metrics_are_named_by_split_and_use_the_samples_chosen() -> None:
    data = build_training(tiny_trial()).using({"val": torch.tensor([4, 9])}).data
    preds = torch.tensor([1.0, 2.0])
    found = split_metrics(data, "val", preds)
    errors = np.abs(data.labels("val") - preds.numpy())
    assert found["val_mae_all"] == pytest.approx(errors.mean(), rel=1e-6)
    assert all(name.startswith("val_") for name in found)
    assert set(validation_metrics(data, preds)) - set(found) == {"val_collapse_penalty_all"}


def test_the_objective_is_looked_up() -> None:
    found = {"val_mae_few": 3.5, "val_mae_many": None, "val_pearson_all": None}
    assert objective_value(found, Objective("mae", "few")) == 3.5
    for undefined in (Objective("pearson", "all"), Objective("mae", "many")):
        assert math.isnan(objective_value(found, undefined)), "constant predictions, empty region"
