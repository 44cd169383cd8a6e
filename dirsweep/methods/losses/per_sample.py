"""What every loss does with shapes: none of them may broadcast, and K-dimensional labels are
averaged over K.
"""

from __future__ import annotations

from torch import Tensor

from dirsweep.errors import ShapeError


def same_shape(preds: Tensor, labels: Tensor) -> None:
    """Raises: ShapeError: the shapes differ (an (N, 1) against an (N,) would broadcast to (N,
    N)).
    """
    if preds.shape != labels.shape or preds.ndim == 0:
        raise ShapeError(
            f"preds {tuple(preds.shape)} and labels {tuple(labels.shape)} must both be (N,), or both (N, K)"
        )


def per_sample(losses: Tensor) -> Tensor:
    """(N,) stays; (N, K) -> (N,), the mean over K."""
    return losses if losses.ndim == 1 else losses.flatten(1).mean(1)
