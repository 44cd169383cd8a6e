"""Training loss of a batch and its sums over an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor

from dirsweep.errors import TrialError
from dirsweep.methods.base import Smoothing, Stage, Step
from dirsweep.training.batches import Batch, TrainingData
from dirsweep.training.model import TrialModel

#: a training loss above this ends the trial
DIVERGED_ABOVE = 1e6


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
        in_place = smoothing is not None and smoothing.in_place
        if in_place and num_views > 1:  # views that are compared with each other stay unsmoothed
            preds = model.regress(features)
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
            in_place=calibrated[:num] if in_place else None,
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
    calibrated = smoothing(first, labels, epoch)
    if not smoothing.needs_pass:
        observed = calibrated if smoothing.in_place else first
        smoothing.observe(observed.detach(), labels)
    return calibrated if len(features) == num else torch.cat([calibrated, features[num:]])


class LossSums:
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
            raise TrialError(f"the training loss became NaN in epoch {self._epoch + 1}")
        if largest > DIVERGED_ABOVE:
            raise TrialError(
                f"the training loss reached {largest:.3g} in epoch {self._epoch + 1}, "
                f"above {DIVERGED_ABOVE:.0e}"
            )

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the epoch's samples."""
        return {name: float(value) / self._num_samples for name, value in self._sums.items()}
