"""Settings and progress of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from dirsweep.config.optimization import OptimizerConfig, StepInterval
from dirsweep.domain import Objective
from dirsweep.methods.base import Stage
from dirsweep.training.seeding import Generators

#: one epoch's results: ``epoch``, ``stage``, ``lr``, ``train_loss``, ``loss_terms``,
#: ``forward_time_s``, ``epoch_time_s`` and, where it was validated, ``val_<metric>_<region>``
Row = dict[str, Any]


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of the loop.

    Attributes:
        stages: stretches of epochs, in order; their sample weights are on the training device.
        optimizer: optimiser, learning rate and milestones of every stage.
        batch_size: samples per step.
        validate_every: epochs or steps between validations; a stage that reaches its last epoch is
            validated at its end.
        patience: validations without improvement after which a stage ends; None for no limit.
        stopping: how patience ends a stage: ``released`` is ``stopping.is_worst_of_recent``.
        max_checks: validations after which a stage ends; None for no limit.
        grad_clip: largest gradient norm; None leaves gradients as they are.
        objective: chooses the best epoch on the validation split.
        num_shared: stages before the first of ``stages``, which another trial has trained.
    """

    stages: tuple[Stage, ...]
    optimizer: OptimizerConfig
    batch_size: int
    validate_every: int | StepInterval = 1
    patience: int | None = None
    stopping: Literal["patience", "released"] = "patience"
    max_checks: int | None = None
    grad_clip: float | None = None
    objective: Objective = field(default_factory=Objective)
    num_shared: int = 0


@dataclass
class Best:
    """The best epoch of the current stage, by the objective on validation.

    Attributes:
        value: of the objective; NaN where it is undefined in every epoch so far.
        epoch: from 0, over all stages.
        model: copy of the network's state.
        val_preds: (N_val,) or (N_val, K) on the CPU, label unit.
    """

    value: float
    epoch: int
    model: dict[str, Tensor]
    val_preds: Tensor


@dataclass
class TrainingState:
    """Progress of a training besides its parameters; ``fit`` advances it in place.

    Attributes:
        optimizer: of the current stage.
        scaler: of float16's gradients.
        generators: the trial's random streams.
        stage: current stage, from 0.
        epoch_of_stage: epochs of it that are done.
        unimproved: validations since the stage's best one.
        costs: the objective at each validation of the stage as a cost (less is better).
        best: the stage's best epoch; None before its first validation.
        rows: results of every epoch so far.
        at_epoch_end: whether state and model are those of a completed epoch, so that a checkpoint
            of both can be resumed with the same numbers.
    """

    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    generators: Generators
    stage: int = 0
    epoch_of_stage: int = 0
    unimproved: int = 0
    costs: list[float] = field(default_factory=list)
    best: Best | None = None
    rows: list[Row] = field(default_factory=list)
    at_epoch_end: bool = False
