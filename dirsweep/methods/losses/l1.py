"""L1: the absolute error, the regression loss of AgeDB-DIR in both papers."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from dirsweep.methods.base import Loss, Setup, TechniqueConfig
from dirsweep.methods.losses.per_sample import per_sample, same_shape
from dirsweep.registry import register


def l1(preds: Tensor, labels: Tensor) -> Tensor:
    r"""Compute the absolute error.

    .. math:: \ell_i = |\hat{y}_i - y_i|

    Args:
        preds: (N,) or (N, K) float.
        labels: same shape and unit.

    Returns:
        (N,) float, >= 0; the mean over K where labels are (N, K).

    Raises:
        ShapeError: preds and labels differ in shape.
    """
    same_shape(preds, labels)
    return per_sample((preds - labels).abs())


class L1(Loss):
    """``l1`` as the trainer calls it."""

    def forward(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each sample, (N,) or (N, K) -> (N,)."""
        return l1(preds, targets)


@register("loss", "l1")
class L1Config(TechniqueConfig):
    """No parameters."""

    display_name: ClassVar[str] = "L1"

    def build(self, setup: Setup) -> L1:
        """Make the loss."""
        return L1()
