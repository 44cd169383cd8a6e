"""The training of one trial, start to end. No Ray, no technique's name: techniques come as the
types of ``methods.base`` and state what they need (views, label statistics, epoch hooks,
stages).
"""

from __future__ import annotations

import logging
import math
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.trial import OptimizerConfig, TrialConfig, TrialSpec
from dirsweep.data.base import SplitName
from dirsweep.domain import metric_of
from dirsweep.errors import (
    DataError,
    DirSweepError,
    StoreError,
    TrialError,
    TrialPruned,
    TrialStopped,
)
from dirsweep.methods.base import (
    Loss,
    Regularizer,
    Reweighting,
    Schedule,
    Setup,
    Smoothing,
    Stage,
    Step,
)
from dirsweep.run.storage import TrialFolder, read_json
from dirsweep.run.tables import Outcome, Status, features_table, predictions_table
from dirsweep.training import metrics
from dirsweep.training.checkpoint import load_checkpoint, save_checkpoint
from dirsweep.training.inputs import open_inputs, prefetched
from dirsweep.training.memory import out_of_memory, peak_mib
from dirsweep.training.seeding import reset_process, seed_everything

log = logging.getLogger(__name__)

Row = dict[str, Any]
#: takes one epoch's row; may raise TrialPruned to end the trial
Emit = Callable[[Row], None]
#: epoch, step, steps in the epoch
Progress = Callable[[int, int, int], None]

DIVERGED_ABOVE = 1e6
EVAL_BATCH = 256
#: epochs are written so often for who watches, ahead of the checkpoint from which a trial goes on
SHOW_EVERY_S = 1.0


@dataclass
class Best:
    """The best epoch so far, by the objective on validation."""

    value: float
    epoch: int
    model: dict[str, Any]
    val_preds: Tensor


class Training:
    """The state of one trial's training. ``run`` carries it from where it stands to the end.

    Args:
        trial: what to train.
        folder: where checkpoint and epochs go; None keeps everything in memory.
        device: None takes the first GPU if there is one, else the CPU.
        checkpoint_every_s: seconds between checkpoints (one is also written when the trial is
            interrupted); a resumed trial redoes the epochs since the last, with the same numbers.
        samples: positions of the samples to use, by split; None, or a split left out, takes all.
            Label statistics (weights, bins) are of all samples whatever is used.
    """

    def __init__(
        self,
        trial: TrialSpec,
        *,
        folder: TrialFolder | None = None,
        device: torch.device | None = None,
        progress: Progress | None = None,
        checkpoint_every_s: float = 10.0,
        samples: Mapping[SplitName, Tensor] | None = None,
    ) -> None:
        self.trial, self.folder, self.progress = trial, folder, progress
        self.checkpoint_every_s = checkpoint_every_s
        self.saved_at = self.shown_at = time.monotonic()
        self.config = TrialConfig.model_validate(trial.config)
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generators = seed_everything(trial.seed, self.device)
        self.inputs = open_inputs(trial.benchmark, self.config.backbone.to_dict(), trial.cache)
        self.benchmark = self.inputs.benchmark
        self.samples = {
            name: torch.arange(len(ids)) for name, ids in self.inputs.ids.items()
        } | dict(samples or {})
        if trial.fingerprint and trial.fingerprint != self.benchmark.fingerprint():
            raise DataError(
                f"{self.benchmark.name}: the data on {socket.gethostname()} differs from the sweep's"
            )
        self._build()

        self.rows: list[Row] = []
        self.best: Best | None = None
        self.stage = self.epoch_of_stage = self.unimproved = 0
        self.between_epochs = False
        self.elapsed_s, self.started = 0.0, time.monotonic()
        self.optimizer = self._begin_stage(self.stages[0])
        if folder is not None:
            self._resume(load_checkpoint(folder.paths.checkpoint, trial.trial_id))

    # building

    def _build(self) -> None:
        config, benchmark = self.config, self.benchmark
        labels = self.inputs.labels["train"]
        self.backbone: Backbone = cast(BackboneConfig, config.backbone).build(
            benchmark, self.inputs.cache
        )
        self.regressor = nn.Linear(self.backbone.feature_dim, benchmark.label_dim)
        if config.regressor_init == "label_mean":
            with torch.no_grad():
                self.regressor.bias.copy_(labels.float().mean(dim=0) / benchmark.target_scale)
        setup = Setup(
            train_labels=labels,
            bins=benchmark.bins,
            target_scale=benchmark.target_scale,
            feature_dim=self.backbone.feature_dim,
            label_dim=benchmark.label_dim,
            num_epochs=config.epochs,
            batch_size=config.batch_size,
            seed=self.trial.seed,
            kind=benchmark.kind,
        )
        reweighting: Reweighting = config.reweighting.build(setup)  # type: ignore[attr-defined]
        setup = Setup(**{**setup.__dict__, "reweighting": reweighting.sample_weights})
        self.sample_weights = reweighting.sample_weights
        self.loss: Loss = config.loss.build(setup)  # type: ignore[attr-defined]
        self.smoothing: Smoothing | None = config.smoothing.build(setup)  # type: ignore[attr-defined]
        self.regularizers: dict[str, Regularizer] = {
            name: part.build(setup)  # type: ignore[attr-defined]
            for name, part in config.regularizers.items()
        }
        schedule: Schedule = config.schedule.build(setup)  # type: ignore[attr-defined]
        self.stages = schedule.stages
        self.model = nn.ModuleDict({"backbone": self.backbone, "regressor": self.regressor}).to(
            self.device
        )
        self.techniques = nn.ModuleDict(
            {"loss": self.loss, **{f"reg_{n}": r for n, r in self.regularizers.items()}}
        )
        if self.smoothing is not None:
            self.techniques["smoothing"] = self.smoothing
        self.techniques.to(self.device)
        for technique in self.techniques.values():
            technique.attach(self.backbone)  # type: ignore[operator]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "float16")

    def _begin_stage(self, stage: Stage) -> torch.optim.Optimizer:
        """Set the model up for ``stage`` and make its optimiser."""
        if stage.starts_from == "best" and self.best is not None:
            self.model.load_state_dict(self.best.model)
        if stage.reset_regressor:
            self.regressor.reset_parameters()
        for parameter in self.backbone.parameters():
            parameter.requires_grad_(stage.trains == "all")
        # each stage is selected by its own epochs: RRT's result is a second-stage epoch
        self.best, self.unimproved, self.epoch_of_stage = None, 0, 0
        weights = self.sample_weights if stage.sample_weights is None else stage.sample_weights
        self.stage_weights = weights.to(self.device)
        trained = list(self.regressor.parameters())
        if stage.trains == "all":
            trained = [*self.backbone.parameters(), *trained]
        optimizer = self.config.optimizer
        groups: list[dict[str, Any]] = [
            {"params": [p for p in trained if p.requires_grad], "lr": optimizer.lr}
        ]
        parts = self.techniques.values() if stage.regularize else [self.loss]
        groups += [group for part in parts for group in part.param_groups(optimizer.lr)]  # type: ignore[operator]
        for group in groups:
            group["initial_lr"] = group["lr"]
        return make_optimizer(optimizer, groups)

    # checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "trial_id": self.trial.trial_id,
            "stage": self.stage,
            "epoch_of_stage": self.epoch_of_stage,
            "unimproved": self.unimproved,
            "model": self.model.state_dict(),
            "techniques": self.techniques.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generators": self.generators.state(),
            "best": None if self.best is None else dict(self.best.__dict__),
            "rows": self.rows,
            "elapsed_s": self.seconds(),
        }

    def save(self, *, force: bool = False) -> None:
        """Write checkpoint and epochs, unless that was done a moment ago; the epochs alone more
        often, for who watches.

        Within an epoch nothing is written: a half-trained epoch could not be repeated with the same
            numbers.
        """
        if self.folder is None or not self.between_epochs:
            return
        now = time.monotonic()
        if force or now - self.saved_at >= self.checkpoint_every_s:
            save_checkpoint(self.folder.paths.checkpoint, self._state())
            self.saved_at = time.monotonic()
        elif now - self.shown_at < SHOW_EVERY_S:
            return
        self.folder.write_epochs(self.rows)
        self.shown_at = time.monotonic()

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.stage = state["stage"]
        self.optimizer = self._begin_stage(self.stages[self.stage])
        self.epoch_of_stage, self.unimproved = state["epoch_of_stage"], state["unimproved"]
        self.model.load_state_dict(state["model"])
        self.techniques.load_state_dict(state["techniques"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.best = None if state["best"] is None else Best(**state["best"])
        self.rows, self.elapsed_s = list(state["rows"]), state["elapsed_s"]
        self.between_epochs = True
        self.generators.restore(state["generators"])
        log.info("resumed after epoch %d", len(self.rows))

    def seconds(self) -> float:
        """Training time so far, earlier attempts included."""
        return self.elapsed_s + time.monotonic() - self.started

    # the loop

    def run(self, emit: Emit) -> None:
        """Train every remaining epoch of every stage; afterwards the model is the best epoch's."""
        while True:
            stage = self.stages[self.stage]
            while self.epoch_of_stage < stage.num_epochs and not self._out_of_patience():
                began, self.between_epochs = time.monotonic(), False
                row = {"epoch": len(self.rows), "stage": self.stage, **self._train_epoch(stage)}
                self.epoch_of_stage += 1
                last = self.epoch_of_stage == stage.num_epochs
                if last or self.epoch_of_stage % self.config.validate_every == 0:
                    row |= self._validate(epoch=len(self.rows))
                row["epoch_time_s"] = time.monotonic() - began
                self.rows.append(row)
                self.between_epochs = True
                self.save()
                emit(row)
            if self.stage + 1 == len(self.stages):
                break
            following, self.between_epochs = self.stages[self.stage + 1], False
            self.stage += 1
            self.optimizer = self._begin_stage(following)
        if self.best is None:
            raise TrialError("no epoch was validated")
        self.model.load_state_dict(self.best.model)

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self.unimproved >= self.config.patience

    def _train_epoch(self, stage: Stage) -> Row:
        lr = set_learning_rate(
            self.optimizer, self.config.optimizer, self.epoch_of_stage, stage.num_epochs
        )
        epoch, smoothing = self.epoch_of_stage, self.smoothing if stage.regularize else None
        regularizers = self.regularizers if stage.regularize else {}
        self.model.train()
        self.techniques.train()
        self.backbone.train(
            stage.trains == "all"
        )  # a frozen backbone keeps its running statistics, too
        sums: dict[str, Tensor] = {}
        worst = torch.zeros((), device=self.device)
        batches = self._train_batches(regularizers)
        num_steps, num_seen = self._num_steps(), 0
        for number, (indices, views) in enumerate(prefetched(batches, self.device)):
            terms, total = self._losses(indices, views, stage, smoothing, regularizers, epoch)
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(total).backward()
            if self.config.grad_clip is not None:
                self.scaler.unscale_(self.optimizer)
                nn.utils.clip_grad_norm_(
                    [p for g in self.optimizer.param_groups for p in g["params"]],
                    self.config.grad_clip,
                )
            self.scaler.step(self.optimizer)
            self.scaler.update()
            for regularizer in regularizers.values():
                regularizer.after_step(self.backbone)
            num_seen += len(indices)
            for name, term in {**terms, "total": total}.items():
                sums[name] = sums.get(name, torch.zeros_like(term)) + term.detach() * len(indices)
            worst = torch.maximum(worst, total.detach().abs())  # NaN stays NaN
            if number % 100 == 99:
                self._refuse_divergence(worst, epoch)
            if self.progress is not None:
                self.progress(len(self.rows), number + 1, num_steps)
        self._refuse_divergence(worst, epoch)
        if smoothing is not None:
            if smoothing.needs_pass:
                self._observe_train_split(smoothing)
            smoothing.end_epoch(epoch)
        means = {name: float(value) / num_seen for name, value in sums.items()}
        return {"lr": lr, "train_loss": means.pop("total"), "loss_terms": means}

    def _num_steps(self) -> int:
        num_train, size = len(self.samples["train"]), self.config.batch_size
        # a last batch of one sample has no batch statistics and no pairs: leave it out this epoch
        return max(1, num_train // size + (num_train % size > 1))

    def _train_batches(
        self, regularizers: dict[str, Regularizer]
    ) -> Iterator[tuple[Tensor, list[Tensor]]]:
        """(N,) sample indices and V views of each batch; the first view is the benchmark's own."""
        num_views = max((r.num_views for r in regularizers.values()), default=1)
        further = (
            "strong" if any(r.views == "strong" for r in regularizers.values()) else "standard"
        )
        samples = self.samples["train"]
        order = samples[torch.randperm(len(samples), generator=self.generators.order)]
        for indices in order.split(self.config.batch_size)[: self._num_steps()]:
            raw = self.inputs.gather("train", indices)
            yield (
                indices,
                [
                    self.inputs.views.train(
                        raw, self.generators.views, "standard" if view == 0 else further
                    )
                    for view in range(num_views)
                ],
            )

    def _losses(
        self,
        indices: Tensor,
        views: list[Tensor],
        stage: Stage,
        smoothing: Smoothing | None,
        regularizers: dict[str, Regularizer],
        epoch: int,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Every term of one step's loss and their sum. One forward of all views serves regression
        and regularizers.
        """
        num, scale = len(indices), self.benchmark.target_scale
        inputs = torch.cat(views) if len(views) > 1 else views[0]
        inputs = inputs.to(self.device, non_blocking=True)
        indices = indices.to(self.device, non_blocking=True)
        labels = self.train_labels[indices]
        weights = self.stage_weights[indices]
        with self._autocast(), torch.no_grad() if stage.trains == "regressor" else nullcontext():
            features = self.backbone(inputs)
        features = features.float()
        first = features[:num]
        if smoothing is not None:
            if not smoothing.needs_pass:
                smoothing.observe(first.detach(), labels)
            first = smoothing(first, labels, epoch)
        calibrated = first if len(views) == 1 else torch.cat([first, features[num:]])
        preds = self._regress(calibrated)
        regression = (self.loss(preds[:num], labels / scale) * weights).mean()
        terms = {"regression": regression}
        factor = math.prod(r.regression_weight for r in regularizers.values())
        total = regression if factor == 1.0 else factor * regression
        if regularizers:
            step = Step(
                features=features,
                preds=preds * scale,
                labels=labels.repeat((len(views),) + (1,) * (labels.ndim - 1)),
                weights=weights.repeat(len(views)),
                indices=indices,
                inputs=inputs,
                num_views=len(views),
                epoch=epoch,
                generator=self.generators.techniques,
                backbone=self.backbone,
            )
            for name, regularizer in regularizers.items():
                terms[name] = regularizer(step)
                total = total + terms[name]
        return terms, total

    @property
    def train_labels(self) -> Tensor:
        """(N_train,) labels on the training device."""
        if not hasattr(self, "_train_labels"):
            self._train_labels = self.inputs.labels["train"].to(self.device)
        return self._train_labels

    def _autocast(self) -> Any:
        if self.config.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.config.precision))

    def _regress(self, features: Tensor) -> Tensor:
        """(N, D) -> (N,), or (N, K) for K-dimensional labels, in target scale."""
        preds: Tensor = self.regressor(features)
        return preds.squeeze(-1) if self.benchmark.label_dim == 1 else preds

    def _refuse_divergence(self, worst: Tensor, epoch: int) -> None:
        value = float(worst)
        if math.isnan(value):
            raise TrialError(f"the training loss became NaN in epoch {epoch}")
        if value > DIVERGED_ABOVE:
            raise TrialError(
                f"the training loss reached {value:.3g} in epoch {epoch}, above {DIVERGED_ABOVE:.0e}"
            )

    # evaluation

    def _eval_batches(self, split: SplitName) -> Iterator[tuple[Tensor, Tensor]]:
        for indices in self.samples[split].split(EVAL_BATCH):
            yield indices, self.inputs.views.evaluate(self.inputs.gather(split, indices))

    @torch.no_grad()
    def _observe_train_split(self, smoothing: Smoothing) -> None:
        """Show ``smoothing`` the training split once more, as the epoch left the backbone."""
        self.backbone.eval()
        for indices, inputs in prefetched(self._eval_batches("train"), self.device):
            with self._autocast():
                features = self.backbone(inputs.to(self.device, non_blocking=True))
            smoothing.observe(features.float(), self.train_labels[indices.to(self.device)])

    @torch.no_grad()
    def predict(self, split: SplitName, *, keep: list[Tensor] | None = None) -> Tensor:
        """(N,) predictions in the label unit, on the CPU, without augmentation or smoothing;
        ``keep`` gets the features behind them, (N, D) float32, batch by batch.
        """
        self.model.eval()
        preds = []
        for _, inputs in prefetched(self._eval_batches(split), self.device):
            with self._autocast():
                features = self.backbone(inputs.to(self.device, non_blocking=True))
            preds.append(self._regress(features.float()) * self.benchmark.target_scale)
            if keep is not None:
                keep.append(features.float().cpu())
        return torch.cat(preds).cpu()

    def evaluate(self, split: SplitName, preds: Tensor) -> dict[str, float | None]:
        """``<split>_<metric>_<region>`` of (N,) predictions."""
        labels = self.inputs.labels[split][self.samples[split]].numpy()
        bins, counted = self.benchmark.bins, self.benchmark.counted(labels)
        found = metrics.compute(
            labels, preds.numpy(), bins, self.benchmark.metrics, counted=counted
        )
        return {f"{split}_{name}": value for name, value in found.items()}

    def _validate(self, epoch: int) -> Row:
        preds = self.predict("val")
        if not torch.isfinite(preds).all():
            raise TrialError(f"the validation predictions became NaN or infinite in epoch {epoch}")
        found = self.evaluate("val", preds)
        if self.benchmark.label_dim == 1:
            labels = self.inputs.labels["val"][self.samples["val"]].numpy()
            found["val_collapse_penalty_all"] = metrics.collapse_penalty(
                labels, preds.numpy(), self.benchmark.bins
            )
        key = f"val_{self.trial.metric}_{self.trial.region}"
        value = found.get(key)
        if value is None:
            if not metric_of(self.trial.metric).higher_is_better:
                raise TrialError(
                    f"the objective {key} is not defined: no validation sample in region {self.trial.region}"
                )
            value = -math.inf  # constant predictions have no correlation: the worst there is
        sign = metric_of(self.trial.metric).cost_sign
        self.unimproved += 1
        if self.best is None or sign * value < sign * self.best.value:
            model = {
                name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()
            }
            self.best, self.unimproved = Best(value, epoch, model, preds), 0
        return {**found, "best_value": self.best.value, "best_epoch": self.best.epoch}

    # results

    def test(
        self, *, store_features: bool
    ) -> tuple[dict[str, float | None], pa.Table, pa.Table | None]:
        """Metrics of the best epoch on validation and, read here for the first and only time, test;
        predictions; test features if wanted.
        """
        assert self.best is not None
        kept: list[Tensor] | None = [] if store_features else None
        results = self._results(
            {"val": self.best.val_preds, "test": self.predict("test", keep=kept)}
        )
        return *results, features_table(
            "test", *self._identified("test", torch.cat(kept))
        ) if kept else None

    def validation(self) -> tuple[dict[str, float | None], pa.Table | None]:
        """Metrics and predictions of the best epoch so far on validation, for a trial that ended
        early.
        """
        return ({}, None) if self.best is None else self._results({"val": self.best.val_preds})

    def _results(
        self, preds: Mapping[SplitName, Tensor]
    ) -> tuple[dict[str, float | None], pa.Table]:
        found = {
            name: value
            for split, guessed in preds.items()
            for name, value in self.evaluate(split, guessed).items()
        }
        return found, predictions_table(
            {split: self._identified(split, guessed) for split, guessed in preds.items()}
        )

    def _identified(
        self, split: SplitName, found: Tensor
    ) -> tuple[Sequence[str], NDArray[Any], NDArray[Any]]:
        """Ids and labels of a split's samples, and what was ``found`` for each."""
        used, ids = self.samples[split], self.inputs.ids[split]
        return (
            [ids[i] for i in used.tolist()],
            self.inputs.labels[split][used].numpy(),
            found.numpy(),
        )


def make_optimizer(config: OptimizerConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser of ``config`` over parameter groups (each may set its own lr and weight
    decay).
    """
    if config.name == "sgd":
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    # of the ways to one result this one is the fastest on a CPU: a third of a small model's step
    fused = all(param.device.type == "cpu" for group in groups for param in group["params"]) or None
    return kind(
        groups,
        lr=config.lr,
        betas=(config.momentum, 0.999),
        weight_decay=config.weight_decay,
        fused=fused,
    )


def set_learning_rate(
    optimizer: torch.optim.Optimizer, config: OptimizerConfig, epoch: int, num_epochs: int
) -> float:
    """Apply the milestones to every group for ``epoch`` (from 0) of ``num_epochs``; returns the
    main learning rate.
    """
    stretch = 1.0 if config.milestones_of is None else num_epochs / config.milestones_of
    passed = sum(epoch >= round(milestone * stretch) for milestone in config.milestones)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * config.milestone_factor**passed
    return float(optimizer.param_groups[0]["lr"])


def _first_line(problem: Exception) -> str:
    return next(iter(str(problem).splitlines()), "no message")


def train(
    trial: TrialSpec,
    emit: Emit = lambda row: None,
    *,
    folder: TrialFolder | None = None,
    device: torch.device | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
    checkpoint_every_s: float = 10.0,
    store_features: bool = False,
) -> Outcome:
    """Train ``trial`` and write what it came to into ``folder``. A trial that is finished there is
    not run again.

    Args:
        emit: takes each epoch's row; may raise TrialPruned or TrialStopped.
        num_threads: for torch's operators on the CPU.
        store_features: keep what the backbone gives for the test samples, without calibration by
            FDS and the like.
    Returns: the outcome: ``complete``, ``pruned``, ``stopped``, or ``failed`` with the reason.
        Interruptions (KeyboardInterrupt, SystemExit) between two epochs write a checkpoint and pass
        on.
    Raises: StoreError: the folder cannot be written to; the trial stays unfinished.
    """
    if folder is not None and (finished := folder.outcome()) is not None:
        return finished
    reset_process(num_threads)
    began, started_at, attempt = time.monotonic(), datetime.now(UTC).isoformat(), 1
    if folder is not None:
        earlier = read_json(folder.paths.spec) or {}
        started_at, attempt = earlier.get("started_at", started_at), earlier.get("attempt", 0) + 1
        folder.begin({**trial.to_dict(), "started_at": started_at, "attempt": attempt})
    training: Training | None = None
    status: Status = "complete"
    error: str | None = None
    found: dict[str, float | None] = {}
    predictions: pa.Table | None = None
    features: pa.Table | None = None
    try:
        training = Training(
            trial,
            folder=folder,
            device=device,
            progress=progress,
            checkpoint_every_s=checkpoint_every_s,
        )
        for row in training.rows:  # what an earlier attempt did counts for progress and pruning
            emit(row)
        training.run(emit)
        found, predictions, features = training.test(store_features=store_features)
    except TrialPruned as signal:
        status = "stopped" if isinstance(signal, TrialStopped) else "pruned"
    except StoreError:
        raise  # no fault of the trial: it goes on once there is room again
    except DirSweepError as problem:
        status, error = "failed", str(problem)
    except Exception as problem:
        status, error = (
            "failed",
            out_of_memory(problem) or f"{type(problem).__name__}: {_first_line(problem)}",
        )
        log.error("trial %s failed\n%s", trial.trial_id, traceback.format_exc())
    except BaseException:
        if training is not None:
            training.save(force=True)
        raise
    best = training.best if training is not None else None
    if training is not None and not found:
        found, predictions = training.validation()
    outcome = Outcome(
        trial_id=trial.trial_id,
        status=status,
        error=error,
        metrics=found,
        best_epoch=best.epoch if best is not None else None,
        num_epochs=len(training.rows) if training is not None else 0,
        wall_time_s=training.seconds() if training is not None else time.monotonic() - began,
        started_at=started_at,
        ended_at=datetime.now(UTC).isoformat(),
        peak_memory_mib=peak_mib(training.device) if training is not None else None,
        host=socket.gethostname(),
        attempts=attempt,
        num_parameters=sum(p.numel() for p in training.model.parameters())
        if training is not None
        else None,
    )
    if folder is not None:
        folder.write_epochs(training.rows if training is not None else [])
        folder.finish(outcome, predictions, features)
    return outcome
