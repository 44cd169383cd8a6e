"""Training loop: stages of epochs of steps.

The loop reads no file, writes none, and knows no technique by name. It advances a
``TrainingState`` by one epoch at a time; what happens between epochs is left to ``Hooks``. A state
that is handed back to ``fit`` continues where it was left, with the same numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from dirsweep.config.trial import OptimizerConfig
from dirsweep.domain import Objective, metric_of
from dirsweep.errors import TrialError
from dirsweep.methods.base import Smoothing, Stage, Step
from dirsweep.training.batches import Batch, TrainingData, prefetched
from dirsweep.training.evaluation import objective_value, predict, validation_metrics
from dirsweep.training.model import TrialModel, view_strengths
from dirsweep.training.optim import optimize, set_learning_rate, stage_optimizer
from dirsweep.training.seeding import Generators

#: one epoch's results: ``epoch``, ``stage``, ``lr``, ``train_loss``, ``loss_terms``,
#: ``epoch_time_s`` and, where the epoch was validated, ``val_<metric>_<region>``
Row = dict[str, Any]

#: parts of an epoch that are not training steps
Phase = Literal["smoothing_pass", "validation"]

#: a training loss above this ends the trial
DIVERGED_ABOVE = 1e6
#: steps between two checks for divergence (each waits for the device)
DIVERGENCE_CHECK_STEPS = 100


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of the loop.

    Attributes:
        stages: stretches of epochs, in order; their sample weights are on the training device.
        optimizer: optimiser, learning rate and milestones of every stage.
        batch_size: samples per step.
        validate_every: epochs between validations; a stage's last epoch is always validated.
        patience: validations without improvement after which a stage ends; None for no limit.
        grad_clip: largest gradient norm; None leaves gradients as they are.
        objective: chooses the best epoch on the validation split.
    """

    stages: tuple[Stage, ...]
    optimizer: OptimizerConfig
    batch_size: int
    validate_every: int = 1
    patience: int | None = None
    grad_clip: float | None = None
    objective: Objective = field(default_factory=Objective)


@dataclass
class Best:
    """The best epoch of the current stage, by the objective on validation.

    Attributes:
        value: of the objective.
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
        unimproved: validations since the stage's best epoch.
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
    best: Best | None = None
    rows: list[Row] = field(default_factory=list)
    at_epoch_end: bool = False


class Hooks:
    """Callbacks of ``fit``; by default they do nothing."""

    def step_ended(self, epoch: int, step: int, num_steps: int) -> None:
        """Handle the end of a training step (from 1) of an epoch (from 0)."""

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        """Handle the end of an epoch.

        An exception leaves ``fit`` with a resumable state: ``TrialPruned`` to end the trial, say.
        """

    def phase(self, phase: Phase) -> AbstractContextManager[object]:
        """Return a context manager to run a phase in, to time it for instance."""
        return nullcontext()


def start_state(model: TrialModel, plan: TrainingPlan, generators: Generators) -> TrainingState:
    """Prepare ``model`` for the first stage and return the state before the first epoch."""
    return TrainingState(
        optimizer=_prepare_model(model, plan, plan.stages[0], best=None),
        scaler=torch.amp.GradScaler(model.device.type, enabled=model.precision == "float16"),
        generators=generators,
    )


def begin_stage(model: TrialModel, plan: TrainingPlan, state: TrainingState, number: int) -> None:
    """Prepare model and state for stage ``number``.

    Each stage is selected by its own epochs, so the best epoch starts anew: the result of RRT is
    an epoch of its second stage.
    """
    state.at_epoch_end = False
    state.optimizer = _prepare_model(model, plan, plan.stages[number], state.best)
    state.stage, state.epoch_of_stage, state.unimproved, state.best = number, 0, 0, None


def _prepare_model(
    model: TrialModel, plan: TrainingPlan, stage: Stage, best: Best | None
) -> torch.optim.Optimizer:
    """Set the network up for a stage and build the stage's optimiser."""
    if stage.starts_from == "best" and best is not None:
        model.network.load_state_dict(best.model)
    if stage.reset_regressor:
        model.regressor.reset_parameters()
    for parameter in model.backbone.parameters():
        parameter.requires_grad_(stage.trains == "all")
    return stage_optimizer(model, stage, plan.optimizer)


def fit(
    model: TrialModel,
    data: TrainingData,
    plan: TrainingPlan,
    state: TrainingState,
    hooks: Hooks | None = None,
) -> TrainingState:
    """Train every remaining epoch of every stage.

    Args:
        model: updated in place; afterwards its network is that of the best epoch.
        data: training and validation samples.
        plan: settings of the loop.
        state: where to start; updated in place.
        hooks: callbacks; None for none.

    Returns:
        ``state``, at the end of the last stage.

    Raises:
        TrialError: the training diverged, or the objective is not defined.
    """
    hooks = hooks or Hooks()
    while True:
        while not _stage_ended(plan, state):
            row = _run_epoch(model, data, plan, state, hooks)
            hooks.epoch_ended(state, row)
        if state.stage + 1 == len(plan.stages):
            break
        begin_stage(model, plan, state, state.stage + 1)
    if state.best is None:
        raise TrialError("no epoch was validated")
    model.network.load_state_dict(state.best.model)
    return state


def _stage_ended(plan: TrainingPlan, state: TrainingState) -> bool:
    out_of_patience = plan.patience is not None and state.unimproved >= plan.patience
    return out_of_patience or state.epoch_of_stage >= plan.stages[state.stage].num_epochs


def _run_epoch(
    model: TrialModel, data: TrainingData, plan: TrainingPlan, state: TrainingState, hooks: Hooks
) -> Row:
    """Train and validate one epoch; append its row to the state and return it."""
    began, number = time.monotonic(), len(state.rows)
    state.at_epoch_end = False
    row = {"epoch": number, "stage": state.stage, **train_epoch(model, data, plan, state, hooks)}
    state.epoch_of_stage += 1
    is_last = state.epoch_of_stage == plan.stages[state.stage].num_epochs
    if is_last or state.epoch_of_stage % plan.validate_every == 0:
        with hooks.phase("validation"):
            row |= _validate(model, data, plan, state)
    row["epoch_time_s"] = time.monotonic() - began
    state.rows.append(row)
    state.at_epoch_end = True
    return row


def train_epoch(
    model: TrialModel, data: TrainingData, plan: TrainingPlan, state: TrainingState, hooks: Hooks
) -> Row:
    """Train one epoch of the current stage, without validation.

    Args:
        model: updated in place.
        data: training samples.
        plan: settings of the loop.
        state: says which epoch it is; its optimiser, scaler and generators advance.
        hooks: callbacks.

    Returns:
        ``lr``, ``train_loss`` and ``loss_terms`` of the epoch.

    Raises:
        TrialError: the loss became NaN or exceeded ``DIVERGED_ABOVE``.
    """
    stage, epoch = plan.stages[state.stage], state.epoch_of_stage
    lr = set_learning_rate(state.optimizer, plan.optimizer, epoch, stage.num_epochs)
    smoothing, regularizers = model.active(stage)
    model.train_mode(stage)
    sums = _LossSums(data.device, epoch)
    num_steps = data.num_steps(plan.batch_size)
    batches = data.train_batches(plan.batch_size, view_strengths(regularizers), state.generators)
    for step, batch in enumerate(prefetched(batches, data.device), start=1):
        terms = loss_terms(model, data, stage, batch, epoch, state.generators.techniques)
        optimize(terms["total"], state.optimizer, state.scaler, plan.grad_clip)
        for regularizer in regularizers.values():
            regularizer.after_step(model.backbone)
        sums.add(terms, len(batch.indices))
        if step % DIVERGENCE_CHECK_STEPS == 0:
            sums.refuse_divergence()
        hooks.step_ended(len(state.rows), step, num_steps)
    sums.refuse_divergence()
    if smoothing is not None:
        _end_smoothing_epoch(model, data, smoothing, epoch, hooks)
    means = sums.means()
    return {"lr": lr, "train_loss": means.pop("total"), "loss_terms": means}


def loss_terms(
    model: TrialModel,
    data: TrainingData,
    stage: Stage,
    batch: Batch,
    epoch: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Compute the training loss of one batch.

    One forward pass of all views serves the regression loss and the regularizers.

    Args:
        model: in training mode.
        data: labels and sample weights.
        stage: decides which techniques take part.
        batch: N samples in V views.
        epoch: of the stage, from 0.
        generator: random stream of the techniques, on the training device.

    Returns:
        Scalars with gradient: ``regression``, one term per regularizer by name, and ``total``.
    """
    smoothing, regularizers = model.active(stage)
    indices = batch.indices.to(data.device, non_blocking=True)
    views = torch.cat(batch.views) if len(batch.views) > 1 else batch.views[0]
    inputs = views.to(data.device, non_blocking=True)  # (V * N, ...)
    stage_weights = data.sample_weights if stage.sample_weights is None else stage.sample_weights
    labels, weights = data.train_labels[indices], stage_weights[indices]
    num = len(indices)

    with torch.no_grad() if stage.trains == "regressor" else nullcontext():
        features = model.features(inputs)  # (V * N, D)
    calibrated = _calibrate(smoothing, features, labels, epoch)
    preds = model.regress(calibrated)

    losses = model.loss(preds[:num], labels / model.target_scale)  # (N,)
    terms = {"regression": (losses * weights).mean()}
    factor = math.prod(part.regression_weight for part in regularizers.values())
    total = terms["regression"] if factor == 1.0 else factor * terms["regression"]
    if regularizers:
        num_views = len(batch.views)
        step = Step(
            features=features,
            preds=preds * model.target_scale,
            labels=labels.repeat((num_views,) + (1,) * (labels.ndim - 1)),
            weights=weights.repeat(num_views),
            indices=indices,
            inputs=inputs,
            num_views=num_views,
            epoch=epoch,
            generator=generator,
            backbone=model.backbone,
        )
        for name, regularizer in regularizers.items():
            terms[name] = regularizer(step)
            total = total + terms[name]
    return {**terms, "total": total}


def _calibrate(smoothing: Smoothing | None, features: Tensor, labels: Tensor, epoch: int) -> Tensor:
    """Apply feature smoothing to the first view of (V * N, D) features."""
    if smoothing is None:
        return features
    num = len(labels)
    first = features[:num]
    if not smoothing.needs_pass:
        smoothing.observe(first.detach(), labels)
    first = smoothing(first, labels, epoch)
    return first if len(features) == num else torch.cat([first, features[num:]])


def _end_smoothing_epoch(
    model: TrialModel, data: TrainingData, smoothing: Smoothing, epoch: int, hooks: Hooks
) -> None:
    """Complete the statistics of an epoch, with a second pass where they need one."""
    if smoothing.needs_pass:
        with hooks.phase("smoothing_pass"):
            observe_train_split(model, data, smoothing)
    smoothing.end_epoch(epoch)


@torch.no_grad()
def observe_train_split(model: TrialModel, data: TrainingData, smoothing: Smoothing) -> None:
    """Show ``smoothing`` the features of the training split, as the epoch left the backbone."""
    model.backbone.eval()
    for indices, inputs in prefetched(data.eval_batches("train"), data.device):
        features = model.features(inputs)
        smoothing.observe(features, data.train_labels[indices.to(data.device)])


def _validate(
    model: TrialModel, data: TrainingData, plan: TrainingPlan, state: TrainingState
) -> Mapping[str, float | int | None]:
    """Evaluate the validation split and update the stage's best epoch."""
    epoch = len(state.rows)
    preds = predict(model, data, "val")
    if not torch.isfinite(preds).all():
        raise TrialError(f"the validation predictions became NaN or infinite in epoch {epoch}")
    found = validation_metrics(data, preds)
    value = objective_value(found, plan.objective)
    metric = metric_of(plan.objective.metric)
    state.unimproved += 1
    if state.best is None or metric.is_better(value, state.best.value):
        network = {
            name: tensor.detach().clone() for name, tensor in model.network.state_dict().items()
        }
        state.best, state.unimproved = Best(value, epoch, network, preds), 0
    return {**found, "best_value": state.best.value, "best_epoch": state.best.epoch}


class _LossSums:
    """Sums of an epoch's loss terms, kept on the device so that no step waits for it."""

    def __init__(self, device: torch.device, epoch: int) -> None:
        self._epoch = epoch
        self._sums: dict[str, Tensor] = {}
        self._largest = torch.zeros((), device=device)
        self._num_samples = 0

    def add(self, terms: Mapping[str, Tensor], num_samples: int) -> None:
        """Add the mean terms of a batch of ``num_samples``."""
        for name, term in terms.items():
            before = self._sums.get(name, torch.zeros_like(term))
            self._sums[name] = before + term.detach() * num_samples
        # the maximum of anything and NaN is NaN
        self._largest = torch.maximum(self._largest, terms["total"].detach().abs())
        self._num_samples += num_samples

    def refuse_divergence(self) -> None:
        """Raise TrialError when a total was NaN or too large."""
        largest = float(self._largest)
        if math.isnan(largest):
            raise TrialError(f"the training loss became NaN in epoch {self._epoch}")
        if largest > DIVERGED_ABOVE:
            raise TrialError(
                f"the training loss reached {largest:.3g} in epoch {self._epoch}, "
                f"above {DIVERGED_ABOVE:.0e}"
            )

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the epoch's samples."""
        return {name: float(value) / self._num_samples for name, value in self._sums.items()}
