"""Optimisers, learning-rate milestones and the optimisation step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dirsweep.config.optimization import OptimizerConfig
from dirsweep.methods.base import Stage
from dirsweep.training.model import TrialModel

#: a PyTorch parameter group: parameters and their own settings
ParamGroup = dict[str, Any]


def make_optimizer(config: OptimizerConfig, groups: list[ParamGroup]) -> torch.optim.Optimizer:
    """Build the optimiser of ``config``.

    Args:
        config: name and settings of the optimiser.
        groups: parameter groups; each may set its own learning rate and weight decay.

    Returns:
        SGD, Adam or AdamW; the latter two fused on a CPU, where that is the fastest variant
        (a third of a small model's step).
    """
    if config.name == "sgd":
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    optimizer_class = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    on_cpu = all(param.device.type == "cpu" for group in groups for param in group["params"])
    return optimizer_class(
        groups,
        lr=config.lr,
        betas=(config.momentum, 0.999),
        weight_decay=config.weight_decay,
        fused=on_cpu or None,
    )


def stage_optimizer(
    model: TrialModel, stage: Stage, config: OptimizerConfig
) -> torch.optim.Optimizer:
    """Build the optimiser of everything that ``stage`` trains, techniques included."""
    trained = list(model.regressor.parameters())
    if stage.trains == "all":
        trained = [*model.backbone.parameters(), *trained]
    groups: list[ParamGroup] = [
        {"params": [param for param in trained if param.requires_grad], "lr": config.lr}
    ]
    techniques = model.technique_modules().values() if stage.regularize else [model.loss]
    for technique in techniques:
        groups += technique.param_groups(config.lr)
    for group in groups:
        group["initial_lr"] = group["lr"]
    return make_optimizer(config, groups)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, config: OptimizerConfig, epoch: int, num_epochs: int
) -> float:
    """Apply the milestones to every parameter group.

    Args:
        optimizer: its groups hold ``initial_lr``, their learning rate before any milestone.
        config: milestones and their factor.
        epoch: the coming epoch, from 0.
        num_epochs: epochs of the stage; milestones of another length are scaled to it.

    Returns:
        The learning rate of the first group.
    """
    stretch = 1.0 if config.milestones_of is None else num_epochs / config.milestones_of
    passed = sum(epoch >= round(milestone * stretch) for milestone in config.milestones)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * config.milestone_factor**passed
    return float(optimizer.param_groups[0]["lr"])


def optimize(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    grad_clip: float | None,
) -> None:
    """Take one optimisation step.

    Args:
        loss: scalar; its graph is freed.
        optimizer: updates its parameters in place.
        scaler: scales the loss for float16, and does nothing for other precisions.
        grad_clip: largest norm of all gradients together; None leaves them as they are.
    """
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    if grad_clip is not None:
        scaler.unscale_(optimizer)
        params = [param for group in optimizer.param_groups for param in group["params"]]
        nn.utils.clip_grad_norm_(params, grad_clip)
    scaler.step(optimizer)
    scaler.update()
