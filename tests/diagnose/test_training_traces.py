"""Short trainings are repeatable, and differences between them are measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from dirsweep.diagnose.training_traces import ShortTrainer, Trace, loss_change, parameter_change
from dirsweep.training.preparation import prepare
from tests.diagnose.small_sweeps import sweep


def test_the_same_training_twice_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    spec = sweep(
        tmp_path,
        {"a": {"grid": {"optimizer.lr": [0.01, 0.1]}}},
        regularizers={"ranksim": {}, "conr": {}},
    )
    traces = []
    for _ in range(2):
        trainer = ShortTrainer(spec, prepare(spec), steps=8)
        torch.manual_seed(hash(trainer) % 1000)  # the state of the process must not matter
        traces.append(trainer.train({**spec.base_config.to_dict(), "epochs": 2}, 64))
    assert traces[0].losses == traces[1].losses
    assert len(traces[0].losses) == 2
    assert traces[0].parameters is not None
    assert traces[1].parameters is not None
    assert all(
        torch.equal(tensor, traces[1].parameters[name])
        for name, tensor in traces[0].parameters.items()
    )


def test_equal_trainings_are_run_once(tmp_path: Path) -> None:
    spec = sweep(tmp_path, {"a": {"grid": {"optimizer.lr": [0.01, 0.1]}}})
    trainer = ShortTrainer(spec, prepare(spec), steps=8)
    config = {**spec.base_config.to_dict(), "epochs": 1}
    assert trainer.train(config, 64) is trainer.train(dict(config), 64)
    assert trainer.train(config, 64) is not trainer.train(config, 32)


def test_a_failed_training_is_a_trace(tmp_path: Path) -> None:
    spec = sweep(tmp_path, {"a": {"grid": {"optimizer.lr": [0.01]}}}, loss="mse")
    trainer = ShortTrainer(spec, prepare(spec), steps=4)
    config = spec.base_config.to_dict()
    config["optimizer"] |= {"name": "sgd", "lr": 1e30}
    trace = trainer.train({**config, "epochs": 2}, 64)
    assert trace.error.startswith("the training loss")
    assert trace.parameters is None


def test_samples_fill_the_steps_of_the_smallest_batch(tmp_path: Path) -> None:
    spec = sweep(tmp_path, {"a": {"grid": {"batch_size": [16, 64]}}})
    trainer = ShortTrainer(spec, prepare(spec), steps=9)
    assert trainer.num_train([16, 32]) == 3 * 16
    assert trainer.num_train([16, 64]) == 64


def test_changes_by_hand() -> None:
    one = Trace((1.0, 2.0), {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[4.0]])})
    other = Trace((1.0, 2.5, 9.0), {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[9.0]])})
    assert loss_change(one, other) == pytest.approx(0.5 / 2.5)
    assert loss_change(one, one) == parameter_change(one, one) == 0.0
    assert parameter_change(one, other) == pytest.approx(5 / math.hypot(3, 9))
    wider = Trace((1.0,), {"a": torch.zeros(3), "b": torch.zeros(1, 1)})
    assert parameter_change(one, wider) == math.inf
