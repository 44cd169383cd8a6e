"""Network and techniques of one training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone
from dirsweep.methods.base import Loss, Regularizer, Smoothing, Stage, Technique
from dirsweep.training.batches import ViewStrength

Precision = Literal["float32", "bfloat16", "float16"]


class ActiveTechniques(NamedTuple):
    """Techniques that act on features in one stage."""

    smoothing: Smoothing | None
    regularizers: dict[str, Regularizer]


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictor:
    """Backbone and last layer on one device: all that a prediction needs.

    Attributes:
        backbone: inputs -> (N, D) features.
        regressor: (N, D) features -> (N, label_dim) predictions in target scale.
        label_dim: 1 for scalar labels, else K.
        target_scale: labels are divided by it before they meet the loss.
        precision: of the backbone's forward pass; parameters stay float32.
        device: where the training runs.
        network: backbone and regressor, for checkpoints.
    """

    backbone: Backbone
    regressor: nn.Linear
    label_dim: int
    target_scale: float
    precision: Precision
    device: torch.device
    network: nn.ModuleDict = field(init=False)

    def __post_init__(self) -> None:
        network = nn.ModuleDict({"backbone": self.backbone, "regressor": self.regressor})
        object.__setattr__(self, "network", network.to(self.device))

    def features(self, inputs: Tensor) -> Tensor:
        """Run the backbone on (N, ...) inputs and return (N, D) float32 features."""
        with self._autocast():
            features: Tensor = self.backbone(inputs.to(self.device, non_blocking=True))
        return features.float()

    def regress(self, features: Tensor) -> Tensor:
        """Map (N, D) features to (N,) or (N, K) predictions in target scale."""
        preds: Tensor = self.regressor(features)
        return preds.squeeze(-1) if self.label_dim == 1 else preds

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.precision))


@dataclass(frozen=True, eq=False, kw_only=True)
class TrialModel(Predictor):
    """Network and techniques of a training, all on one device.

    Attributes:
        loss: per-sample regression loss.
        smoothing: calibrates features during training; None for no calibration.
        regularizers: extra terms of the training loss, by name.
        techniques: loss, regularizers and smoothing, for checkpoints.
    """

    loss: Loss
    smoothing: Smoothing | None
    regularizers: dict[str, Regularizer]
    techniques: nn.ModuleDict = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        techniques = nn.ModuleDict(self.technique_modules())
        object.__setattr__(self, "techniques", techniques.to(self.device))
        for technique in self.technique_modules().values():
            technique.attach(self.backbone)

    def technique_modules(self) -> dict[str, Technique]:
        """Return loss, regularizers and smoothing by their keys in checkpoints."""
        modules: dict[str, Technique] = {"loss": self.loss}
        modules |= {f"reg_{name}": part for name, part in self.regularizers.items()}
        if self.smoothing is not None:
            modules["smoothing"] = self.smoothing
        return modules

    def active(self, stage: Stage) -> ActiveTechniques:
        """Return the smoothing and the regularizers that take part in ``stage``."""
        if not stage.regularize:
            return ActiveTechniques(None, {})
        return ActiveTechniques(self.smoothing, self.regularizers)

    def train_mode(self, stage: Stage) -> None:
        """Set every module up for training in ``stage``.

        A frozen backbone is in the mode that the stage says.
        """
        self.network.train()
        self.techniques.train()
        self.backbone.train(stage.trains == "all" or stage.backbone_mode == "train")


def view_strengths(regularizers: dict[str, Regularizer]) -> list[ViewStrength]:
    """Return the augmentation of each view that the regularizers need.

    The first view is always the benchmark's own; further views are strong as soon as one
    regularizer asks for that.
    """
    num_views = max((part.num_views for part in regularizers.values()), default=1)
    needs_strong = any(part.views == "strong" for part in regularizers.values())
    further: ViewStrength = "strong" if needs_strong else "standard"
    return ["standard", *[further] * (num_views - 1)]
