"""Shape rules of every loss: no broadcasting, and a mean over K for labels of K dimensions."""

from __future__ import annotations

from torch import Tensor

from dirsweep.errors import ShapeError


def same_shape(preds: Tensor, labels: Tensor) -> None:
    """Check that predictions and labels have one shape; (N, 1) and (N,) would broadcast to (N, N).

    Raises:
        ShapeError: the shapes differ.
    """
    if preds.shape != labels.shape or preds.ndim == 0:
        raise ShapeError(
            f"preds {tuple(preds.shape)} and labels {tuple(labels.shape)} must both be (N,), "
            "or both (N, K)"
        )


def per_sample(losses: Tensor) -> Tensor:
    """Return (N,) losses as they are, and the mean over K of (N, K) ones."""
    return losses if losses.ndim == 1 else losses.flatten(1).mean(1)
