"""Base types of techniques; the trainer knows them and never names a technique.

A technique is a config class (defaults, range checks, search ranges) whose ``build(setup)`` returns
the room's type below. The formula itself is a pure function in the same file; state lives in an
``nn.Module``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from dirsweep.config.trial import NamedConfig, TrialConfig
from dirsweep.domain import LabelBins

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig


@dataclass(frozen=True)
class Setup:
    """What a technique may know when it is built.

    Attributes:
        train_labels: (N_train,) or (N_train, K) float32 on the CPU, in the label unit of the
            benchmark.
        bins: the benchmark's bins over the label range (scalar labels), with training counts.
        target_scale: labels are divided by it before they meet the loss (5 for STS-B-DIR, 1 for
            ages).
        feature_dim: D of the backbone's features.
        label_dim: 1 for scalar labels, else K.
        num_epochs: of this trial.
        batch_size: of this trial.
        seed: the trial's, for what a technique draws while it is built (a Gaussian mixture, say).
        kind: what the inputs are (``image``, ``text_pair``); a technique that needs augmentation
            looks here.
        reweighting: (N_train,) float32, the sample weights of the regression loss, mean 1; None or
            all 1 without any.
    """

    train_labels: Tensor
    bins: LabelBins
    target_scale: float
    feature_dim: int
    label_dim: int
    num_epochs: int
    batch_size: int
    seed: int
    kind: str = "image"
    reweighting: Tensor | None = None


@dataclass
class Step:
    """One training step as a regularizer sees it: V views of N samples, view by view.

    Rows [0, N) are the first view.

    Attributes:
        features: (V*N, D) of the backbone, before any feature smoothing; gradient flows. What
            compares samples of one view takes ``first_view``.
        preds: (V*N,) or (V*N, K) predictions in the label unit; gradient flows.
        labels: (V*N,) or (V*N, K) in the label unit, repeated per view.
        weights: (V*N,) the regression loss's sample weights, repeated per view.
        indices: (N,) int64, positions of the samples in the training split.
        inputs: (V*N, ...) what went into the backbone.
        num_views: V.
        epoch: counts from 0.
        generator: for every random draw; lives on the features' device.
        backbone: the module that made the features (MoCo follows it with its own).
        in_place: (N, D) features of the first view that were smoothed in place; None without such
            smoothing.
    """

    features: Tensor
    preds: Tensor
    labels: Tensor
    weights: Tensor
    indices: Tensor
    inputs: Any
    num_views: int
    epoch: int
    generator: torch.Generator
    backbone: nn.Module
    in_place: Tensor | None = None

    @property
    def num_samples(self) -> int:
        """N, the batch size."""
        return int(self.indices.shape[0])

    def first_view(self) -> tuple[Tensor, Tensor]:
        """Return features (N, D) and labels (N,) or (N, K) of the first view only.

        The features are smoothed where the smoothing works in place.
        """
        first = self.features[: self.num_samples] if self.in_place is None else self.in_place
        return first, self.labels[: self.num_samples]


class Technique(nn.Module):
    """Parent of losses, smoothings and regularizers; ``state_dict`` holds their whole state."""

    def param_groups(self, lr: float) -> list[dict[str, Any]]:
        """Return optimiser groups for learnt parameters (Balanced MSE's noise, a MoCo head).

        Args:
            lr: the trial's learning rate.

        Returns:
            One group without weight decay; none where nothing is learnt.
        """
        params = [p for p in self.parameters() if p.requires_grad]
        return [{"params": params, "lr": lr, "weight_decay": 0.0}] if params else []

    def attach(self, backbone: nn.Module) -> None:
        """Prepare for the backbone; called once, after it is on its device, before any step."""

    def after_step(self, backbone: nn.Module) -> None:
        """Update what follows the backbone; called after each optimiser step (MoCo)."""


class Loss(Technique):
    """Per-sample regression losses; the trainer applies the sample weights and the mean."""

    def forward(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each sample.

        Args:
            preds: (N,) or (N, K), in units of label / target_scale.
            targets: same shape, labels / target_scale.

        Returns:
            (N,).
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Reweighting:
    """Sample weights of the regression loss, fixed before training.

    Attributes:
        sample_weights: (N_train,) float32, mean 1.
    """

    sample_weights: Tensor


class Smoothing(Technique):
    """Calibrates features on their way to the regressor, in training only (FDS)."""

    #: True: the trainer runs the training split through the backbone again after each epoch,
    #: calling ``observe``.
    needs_pass: bool = False
    #: how that pass runs: ``evaluation`` takes the split as it is, with the backbone in evaluation
    #: mode; ``training`` repeats an epoch without its steps: shuffled, augmented, in training mode
    pass_mode: Literal["evaluation", "training"] = "evaluation"
    #: True: what it returns takes the place of the backbone's features. Its own statistics and
    #: regularizers of one view see smoothed features; further views are never smoothed.
    in_place: bool = False

    def forward(self, features: Tensor, labels: Tensor, epoch: int) -> Tensor:
        """Calibrate (N, D) features by (N,) labels in the label unit, (N, D)."""
        raise NotImplementedError

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """Gather statistics of a batch: detached (N, D) features and (N,) labels.

        The features are those before smoothing, or the smoothed ones where it is ``in_place``.
        """

    def end_epoch(self, epoch: int) -> None:
        """Turn what was gathered into the statistics of the next epoch."""


class Regularizer(Technique):
    """An extra term of the training loss."""

    #: how many augmented views of each sample one step needs (2 for ConR)
    num_views: int = 1
    #: how the views are made: the benchmark's own augmentation, or a stronger one (MoCo v2)
    views: Literal["standard", "strong"] = "standard"
    #: factor on the regression loss (ConR's alpha)
    regression_weight: float = 1.0

    def forward(self, step: Step) -> Tensor:
        """Compute the term, a scalar times its balancing weight (gamma, beta)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Stage:
    """Some epochs in a row. Vanilla training is one stage; RRT has two.

    Attributes:
        num_epochs: its length.
        trains: all parameters, or only the last layer (the backbone is frozen).
        regularize: whether regularizers and smoothing take part.
        sample_weights: (N_train,) weights that replace the reweighting's, or None to keep them.
        starts_from: the model as it is, or the best epoch (on validation) so far.
        reset_regressor: whether the last layer is initialised again.
        backbone_mode: of a frozen backbone: ``eval`` keeps its running statistics and switches
            dropout off; ``train`` normalises by the batch, and the running statistics move on.
    """

    num_epochs: int
    trains: Literal["all", "regressor"] = "all"
    regularize: bool = True
    sample_weights: Tensor | None = None
    starts_from: Literal["last", "best"] = "last"
    reset_regressor: bool = False
    backbone_mode: Literal["eval", "train"] = "eval"


@dataclass(frozen=True)
class Schedule:
    """The stages of a training, in order."""

    stages: tuple[Stage, ...]


class TechniqueConfig(NamedConfig):
    """Parent of every technique's config: frozen, rejects unknown keys, states its search ranges.

    A parameter worth searching carries its range beside it:
    ``gamma: Annotated[float, Field(ge=0), LogUniform(1, 3000)] = 100.0``.
    """

    @property
    def section_name(self) -> str:
        """How a warning names it: ``loss huber``, ``regularizers.conr``."""
        room, name = type(self).room, type(self).registered_name
        return f"regularizers.{name}" if room == "regularizers" else f"{room} {name}"

    @property
    def loss_power(self) -> int:
        """Of a loss: the power of the target unit in which it is measured, 2 where it squares."""
        return 1

    def follows_labels(self, name: str) -> bool:
        """Return whether a parameter marked ``LabelScaled`` is on the scale of the labels here."""
        return True

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name the simpler setting that trains the same, exactly or nearly; None where none does.

        Args:
            trial: the configuration that has this technique.
            benchmark: states the range of its labels.

        Returns:
            What follows "regularizers.ranksim: ".
        """
        return None

    @property
    def min_batch_size(self) -> int:
        """Smallest batch in which the technique can act; below, its loss or term is always 0."""
        return 1

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse batches in which the technique cannot act, see ``NamedConfig.conflict``."""
        return self.batch_conflict(trial.batch_size)

    def batch_conflict(self, batch_size: int) -> str | None:
        """Say why the technique cannot act in batches of a size; None where it can."""
        if batch_size >= self.min_batch_size:
            return None
        return (
            f"{self.registered_name} compares the samples of a batch: in batches of fewer than "
            f"{self.min_batch_size} its loss is always 0; got {batch_size}"
        )

    def label_conflict(self, labels: Tensor) -> str | None:
        """Say why the technique cannot act on these training labels; None where it can.

        Args:
            labels: (N_train,) or (N_train, K), label unit.
        """
        return None

    def build(self, setup: Setup) -> Any:
        """Make the room's base type.

        Raises:
            SpecError: it cannot work with this benchmark or batch size.
        """
        raise NotImplementedError
