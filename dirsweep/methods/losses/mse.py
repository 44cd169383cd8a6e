"""MSE: the squared error, the regression loss of STS-B-DIR."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from dirsweep.methods.base import Loss, Setup, TechniqueConfig
from dirsweep.methods.losses.per_sample import per_sample, same_shape
from dirsweep.registry import register


def mse(preds: Tensor, labels: Tensor) -> Tensor:
    r"""Compute the squared error.

    .. math:: \ell_i = (\hat{y}_i - y_i)^2

    Args:
        preds: (N,) or (N, K) float.
        labels: same shape and unit.

    Returns:
        (N,) float, >= 0, in the unit squared; the mean over K where labels are (N, K).

    Raises:
        ShapeError: preds and labels differ in shape.
    """
    same_shape(preds, labels)
    return per_sample((preds - labels).square())


class MSE(Loss):
    """``mse`` as the trainer calls it."""

    def forward(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each sample, (N,) or (N, K) -> (N,)."""
        return mse(preds, targets)


@register("loss", "mse")
class MSEConfig(TechniqueConfig):
    """No parameters."""

    display_name: ClassVar[str] = "MSE"

    @property
    def loss_power(self) -> int:
        """It squares errors."""
        return 2

    def build(self, setup: Setup) -> MSE:
        """Make the loss."""
        return MSE()
