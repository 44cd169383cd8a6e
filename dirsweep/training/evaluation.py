"""Predictions on the validation and test splits, and their metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.data.base import Benchmark, SplitName
from dirsweep.domain import Objective, is_undefined
from dirsweep.training import metrics
from dirsweep.training.batches import TrainingData, prefetched
from dirsweep.training.model import Predictor


@torch.no_grad()
def predict(model: Predictor, data: TrainingData, split: SplitName) -> Tensor:
    """Predict a split without augmentation and without feature smoothing.

    Args:
        model: set to evaluation mode.
        data: gives the samples.
        split: which of its splits.

    Returns:
        (N,) or (N, K) predictions on the CPU, label unit.
    """
    return torch.cat([preds for _, preds in _predicted_batches(model, data, split)]).cpu()


@torch.no_grad()
def predict_with_features(
    model: Predictor, data: TrainingData, split: SplitName
) -> tuple[Tensor, Tensor]:
    """Predict as ``predict`` does, and keep the features behind the predictions.

    Args:
        model: set to evaluation mode.
        data: gives the samples.
        split: which of its splits.

    Returns:
        Predictions, and (N, D) float32 features, both on the CPU.
    """
    kept_preds, kept_features = [], []
    for features, preds in _predicted_batches(model, data, split):
        kept_preds.append(preds)
        kept_features.append(features.cpu())
    return torch.cat(kept_preds).cpu(), torch.cat(kept_features)


def _predicted_batches(
    model: Predictor, data: TrainingData, split: SplitName
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield features and predictions (label unit) of each batch, on the training device."""
    model.network.eval()
    for _, inputs in prefetched(data.eval_batches(split), data.device):
        features = model.features(inputs)
        yield features, model.regress(features) * model.target_scale


def split_metrics(data: TrainingData, split: SplitName, preds: Tensor) -> dict[str, float | None]:
    """Compute the benchmark's metrics over its regions, see ``benchmark_metrics``.

    Args:
        data: gives labels and bins.
        split: the split that was predicted.
        preds: (N,) or (N, K) on the CPU, label unit.
    """
    return benchmark_metrics(data.benchmark, split, data.labels(split), preds.numpy())


def benchmark_metrics(
    benchmark: Benchmark, split: SplitName, labels: NDArray[Any], preds: NDArray[Any]
) -> dict[str, float | None]:
    """Compute a benchmark's metrics over its regions.

    Args:
        benchmark: gives metrics and bins.
        split: of the samples.
        labels: (N,) or (N, K), label unit.
        preds: of the same samples.

    Returns:
        ``<split>_<metric>_<region>`` -> value, None where it is not defined.
    """
    found = metrics.compute(
        labels,
        preds,
        benchmark.bins,
        benchmark.metrics,
        bin_labels=benchmark.bin_labels(labels),
        smallest_error=benchmark.config.smallest_error,
    )
    return {f"{split}_{name}": value for name, value in found.items()}


def validation_metrics(data: TrainingData, preds: Tensor) -> dict[str, float | None]:
    """Compute what an epoch's row reports about the validation split.

    Args:
        data: gives labels and bins.
        preds: (N,) or (N, K) on the CPU, label unit.

    Returns:
        The metrics of ``split_metrics`` and, for scalar labels, ``val_collapse_penalty_all``.
    """
    found = split_metrics(data, "val", preds)
    if data.benchmark.label_dim == 1:
        found["val_collapse_penalty_all"] = metrics.collapse_penalty(
            data.labels("val"),
            preds.numpy(),
            data.benchmark.bins,
            data.benchmark.similar_within,
        )
    return found


def objective_value(found: Mapping[str, float | None], objective: Objective) -> float:
    """Return the value by which the best epoch is chosen.

    Args:
        found: of ``validation_metrics``.
        objective: metric and region.

    Returns:
        The value; NaN where it is undefined, which is the worst there is.
    """
    value = found.get(objective.column)
    return math.nan if value is None or is_undefined(value) else value
