"""Learning-rate milestones, parameter groups and gradient clipping."""

from __future__ import annotations

import pytest
import torch

from dirsweep.config.optimization import OptimizerConfig
from dirsweep.training.assembly import build_training
from dirsweep.training.optim import make_optimizer, optimize, set_learning_rate
from tests.tiny import tiny_trial


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)],
)
def test_optimizers_by_name(name: str, expected: type) -> None:
    config = OptimizerConfig.model_validate({"name": name, "lr": 0.1, "momentum": 0.5})
    optimizer = make_optimizer(config, [{"params": [torch.nn.Parameter(torch.zeros(1))]}])
    assert type(optimizer) is expected
    (group,) = optimizer.param_groups
    assert group["lr"] == 0.1
    assert group.get("momentum", group.get("betas", (None,))[0]) == 0.5


def test_a_clipped_step_has_the_largest_norm_by_hand() -> None:
    parameter = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    optimize((parameter**2).sum() / 2, optimizer, scaler, grad_clip=0.5)
    torch.testing.assert_close(parameter.detach(), torch.tensor([3.0 - 0.3, 4.0 - 0.4]))
    optimize((parameter**2).sum() / 2, optimizer, scaler, grad_clip=None)
    torch.testing.assert_close(parameter.detach(), torch.zeros(2))


def test_the_float16_scale_is_removed_before_clipping() -> None:
    parameter = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", enabled=True)
    optimize((parameter**2).sum() / 2, optimizer, scaler, grad_clip=0.5)
    torch.testing.assert_close(parameter.detach(), torch.tensor([2.7, 3.6]))


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


def test_a_stage_of_the_regressor_trains_its_parameters_and_the_losss() -> None:
    trial = tiny_trial(
        loss={"name": "balanced_mse", "variant": "bmc"},
        regularizers={"moco": {"queue_size": 64, "dim": 8}},
        schedule={"name": "rrt", "epochs": 1},
        epochs=1,
    )
    training = build_training(trial)
    model = training.model
    first = {id(p) for group in training.state.optimizer.param_groups for p in group["params"]}
    assert first > {id(p) for p in model.network.parameters()}, "and MoCo's head"
    training.fit()
    second = {id(p) for group in training.state.optimizer.param_groups for p in group["params"]}
    trained = [*model.regressor.parameters(), *model.loss.parameters()]
    assert second == {id(p) for p in trained}
