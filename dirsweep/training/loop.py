"""Training loop: stages of epochs of steps.

The loop reads no file, writes none, and knows no technique by name. It advances a
``TrainingState`` by one epoch at a time, which may be validated within or at its end; what happens
between epochs is left to ``Hooks``. A state that is handed back to ``fit`` continues where it was
left, with the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple

import torch

from dirsweep.config.optimization import StepInterval
from dirsweep.domain import is_undefined, metric_of
from dirsweep.errors import TrialError
from dirsweep.methods.base import Stage
from dirsweep.training.batches import TrainingData, prefetched
from dirsweep.training.evaluation import objective_value, predict, validation_metrics
from dirsweep.training.forward_time import ForwardTime
from dirsweep.training.hooks import Hooks
from dirsweep.training.losses import LossSums, loss_terms
from dirsweep.training.model import TrialModel, view_strengths
from dirsweep.training.optim import optimize, set_learning_rate, stage_optimizer
from dirsweep.training.seeding import Generators
from dirsweep.training.smoothing_pass import observe_train_split
from dirsweep.training.state import Best, Row, TrainingPlan, TrainingState
from dirsweep.training.stopping import is_worst_of_recent
from dirsweep.training.validation_times import is_due

#: steps between two checks for divergence (each waits for the device)
DIVERGENCE_CHECK_STEPS = 100


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
    state.costs = []


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
        TrialError: the training diverged.
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


def is_over(plan: TrainingPlan, state: TrainingState) -> bool:
    """Return whether no epoch is left to train."""
    return state.stage + 1 == len(plan.stages) and _stage_ended(plan, state)


def _stage_ended(plan: TrainingPlan, state: TrainingState) -> bool:
    if state.epoch_of_stage >= plan.stages[state.stage].num_epochs:
        return True
    if plan.max_checks is not None and len(state.costs) >= plan.max_checks:
        return True
    if plan.patience is None:
        return False
    if plan.stopping == "released":
        return is_worst_of_recent(state.costs, plan.patience)
    return state.unimproved >= plan.patience


class _Validation(NamedTuple):
    """One validation of an epoch.

    Attributes:
        step: of the stage, from 1.
        found: see ``_validate``.
    """

    step: int
    found: Mapping[str, float | int | None]


def _run_epoch(
    model: TrialModel, data: TrainingData, plan: TrainingPlan, state: TrainingState, hooks: Hooks
) -> Row:
    """Train and validate one epoch, or the part of it up to the validation that ends the stage.

    Returns:
        Its row, which is appended to the state.
    """
    began, number, stage = time.monotonic(), len(state.rows), plan.stages[state.stage]
    state.at_epoch_end = False
    num_steps = data.num_steps(plan.batch_size)
    earlier_steps = state.epoch_of_stage * num_steps
    validations: list[_Validation] = []

    def validate(step: int) -> None:
        with hooks.phase("validation"):
            validations.append(_Validation(step, _validate(model, data, plan, state)))

    def ends_at(step: int) -> bool:
        """Validate within the epoch where that is due, and return whether it ends the stage."""
        if step == num_steps or not is_due(plan.validate_every, earlier_steps + step, num_steps):
            return False
        validate(earlier_steps + step)
        model.train_mode(stage)
        return _stage_ended(plan, state)

    trained = train_epoch(model, data, plan, state, hooks, ends_at)
    row = {"epoch": number, "stage": plan.num_shared + state.stage, **trained}
    has_ended, last_step = _stage_ended(plan, state), earlier_steps + num_steps
    state.epoch_of_stage += 1
    is_last = state.epoch_of_stage == stage.num_epochs
    if not has_ended and (is_last or is_due(plan.validate_every, last_step, num_steps)):
        validate(last_step)
    if validations:
        row |= _validation_columns(validations, plan, state)
    row["epoch_time_s"] = time.monotonic() - began
    state.rows.append(row)
    state.at_epoch_end = True
    return row


def _validation_columns(
    validations: list[_Validation], plan: TrainingPlan, state: TrainingState
) -> Row:
    """Return an epoch's columns about validation: the metrics of its best one.

    Where validations are counted in steps, ``checks`` has all of them, and ``unimproved`` says how
    many there were since the stage's best.
    """
    values = [objective_value(found, plan.objective) for _, found in validations]
    costs = [plan.objective.cost(value) for value in values]
    best, last = validations[costs.index(min(costs))].found, validations[-1].found
    row: Row = {**best, "best_value": last["best_value"], "best_epoch": last["best_epoch"]}
    if isinstance(plan.validate_every, StepInterval):
        row["checks"] = [
            {"step": step, "value": None if is_undefined(value) else value}
            for (step, _), value in zip(validations, values, strict=True)
        ]
        row["unimproved"] = state.unimproved
    return row


def _never(step: int) -> bool:
    return False


def train_epoch(
    model: TrialModel,
    data: TrainingData,
    plan: TrainingPlan,
    state: TrainingState,
    hooks: Hooks,
    ends_at: Callable[[int], bool] = _never,
) -> Row:
    """Train one epoch of the current stage; what is validated within it is left to ``ends_at``.

    Args:
        model: updated in place.
        data: training samples.
        plan: settings of the loop.
        state: says which epoch it is; its optimiser, scaler and generators advance.
        hooks: callbacks.
        ends_at: called after each step (from 1); true ends the epoch there. The stage is then over,
            so feature smoothing does not complete the epoch's statistics.

    Returns:
        ``lr``, ``train_loss``, ``loss_terms`` and ``forward_time_s`` of the epoch.

    Raises:
        TrialError: the loss became NaN or exceeded ``losses.DIVERGED_ABOVE``.
    """
    stage, epoch = plan.stages[state.stage], state.epoch_of_stage
    lr = set_learning_rate(state.optimizer, plan.optimizer, epoch, stage.num_epochs)
    smoothing, regularizers = model.active(stage)
    model.train_mode(stage)
    sums, forward = LossSums(data.device, len(state.rows)), ForwardTime(data.device)
    num_steps = data.num_steps(plan.batch_size)
    batches = data.train_batches(plan.batch_size, view_strengths(regularizers), state.generators)
    is_cut = False
    with closing(prefetched(batches, data.device)) as prepared:
        for step, batch in enumerate(prepared, start=1):
            with forward.measured():
                terms = loss_terms(model, data, stage, batch, epoch, state.generators.techniques)
            optimize(terms["total"], state.optimizer, state.scaler, plan.grad_clip)
            for regularizer in regularizers.values():
                regularizer.after_step(model.backbone)
            sums.add(terms, len(batch.indices))
            if step % DIVERGENCE_CHECK_STEPS == 0:
                sums.refuse_divergence()
            hooks.step_ended(len(state.rows), step, num_steps)
            is_cut = ends_at(step)
            if is_cut:
                break
    sums.refuse_divergence()
    if smoothing is not None and not is_cut:
        if smoothing.needs_pass:
            with hooks.phase("smoothing_pass"), forward.measured():
                observe_train_split(model, data, smoothing, plan.batch_size, state)
        smoothing.end_epoch(epoch)
    means = sums.means()  # waits for the device
    return {
        "lr": lr,
        "train_loss": means.pop("total"),
        "loss_terms": means,
        "forward_time_s": forward.seconds(),
    }


def _validate(
    model: TrialModel, data: TrainingData, plan: TrainingPlan, state: TrainingState
) -> Mapping[str, float | int | None]:
    """Evaluate the validation split and update the stage's best epoch."""
    epoch = len(state.rows)
    preds = predict(model, data, "val")
    if not torch.isfinite(preds).all():
        raise TrialError(f"the validation predictions became NaN or infinite in epoch {epoch + 1}")
    found = validation_metrics(data, preds)
    value = objective_value(found, plan.objective)
    metric = metric_of(plan.objective.metric)
    state.costs.append(plan.objective.cost(value))
    state.unimproved += 1
    if state.best is None or metric.is_better(value, state.best.value):
        network = {
            name: tensor.detach().clone() for name, tensor in model.network.state_dict().items()
        }
        state.best, state.unimproved = Best(value, epoch, network, preds), 0
    best = None if is_undefined(state.best.value) else state.best.value
    return {**found, "best_value": best, "best_epoch": state.best.epoch}
