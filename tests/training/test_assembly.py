"""Assembly: seeds, foreign data, restricted samples, the initial bias."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dirsweep.errors import DataError
from dirsweep.training.assembly import build_training
from tests.tiny import SIZES, tiny_trial


def weights(seed: int) -> torch.Tensor:
    return build_training(tiny_trial(seed=seed)).model.regressor.weight.detach()


def test_the_seed_decides_the_initial_weights() -> None:
    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_other_data_than_the_sweeps_is_refused() -> None:
    assert build_training(replace(tiny_trial(), fingerprint="tiny-0.1"))
    with pytest.raises(DataError, match=r"tiny: the data on .* differs from the sweep's"):
        build_training(replace(tiny_trial(), fingerprint="tiny-0.2"))


def test_fewer_samples_keep_the_statistics_of_all() -> None:
    training = build_training(tiny_trial(reweighting="lds", epochs=1))
    few = training.using({"train": torch.arange(40), "val": torch.tensor([7, 3])})
    assert few.data.num_steps(32) == 2
    assert few.data.sample_ids("val") == ["val-7", "val-3"]
    assert few.data.labels("val").tolist() == training.data.labels("val")[[7, 3]].tolist()
    assert len(few.data.sample_ids("test")) == SIZES["test"]
    assert few.data.sample_weights is training.data.sample_weights
    assert len(training.data.sample_ids("val")) == SIZES["val"], "the original is unchanged"
    assert len(few.fit().rows) == 1


def test_the_bias_starts_at_the_mean_label() -> None:
    training = build_training(tiny_trial(regressor_init="label_mean"))
    mean = training.data.labels("train").mean() / 10
    assert training.model.regressor.bias.item() == pytest.approx(mean, rel=1e-6)


def test_every_technique_is_on_the_training_device_and_in_the_checkpoint() -> None:
    regularizers = {"ranksim": {}, "moco": {"queue_size": 64, "dim": 8}}
    loss = {"name": "balanced_mse", "variant": "bmc"}
    trial = tiny_trial(regularizers=regularizers, smoothing="fds", loss=loss)
    model = build_training(trial).model
    assert list(model.technique_modules()) == ["loss", "reg_moco", "reg_ranksim", "smoothing"]
    assert {key.split(".")[0] for key in model.techniques.state_dict()} == {
        "loss",
        "reg_moco",
        "smoothing",
    }
