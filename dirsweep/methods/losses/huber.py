"""Huber: squared near zero, absolute beyond beta."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.ranges import LogUniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from dirsweep.methods.base import Loss, Setup, TechniqueConfig
from dirsweep.methods.losses.per_sample import per_sample, same_shape
from dirsweep.registry import register


def huber(preds: Tensor, labels: Tensor, *, beta: float = 1.0) -> Tensor:
    r"""Compute Huber's loss divided by beta (smooth L1), as the released code of both papers does.

    .. math::
        \ell_i = \begin{cases} e_i^2 / (2 \beta) & |e_i| < \beta \\ |e_i| - \beta / 2 & \text{else}
        \end{cases}, \quad e_i = \hat{y}_i - y_i

    Source: Huber, Ann. Math. Statist. 35, 1964; the division by beta keeps the slope 1 beyond beta.

    Args:
        preds: (N,) or (N, K) float.
        labels: same shape and unit.
        beta: > 0, in that unit.

    Returns:
        (N,) float, >= 0, in the unit; the mean over K where labels are (N, K).

    Raises:
        ShapeError: preds and labels differ in shape.
    """
    same_shape(preds, labels)
    error = (preds - labels).abs()
    return per_sample(torch.where(error < beta, 0.5 * error.square() / beta, error - 0.5 * beta))


class Huber(Loss):
    """``huber`` as the trainer calls it."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each sample, (N,) or (N, K) -> (N,)."""
        return huber(preds, targets, beta=self.beta)


@register("loss", "huber")
class HuberConfig(TechniqueConfig):
    """Parameters of ``huber``."""

    display_name: ClassVar[str] = "Huber"

    beta: Annotated[float, Field(gt=0), LogUniform(0.1, 10.0), LabelScaled("target")] = 1.0
    """where squared turns into absolute, in units of label / target_scale (years for ages)"""

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name the squared error where beta exceeds every error between labels."""
        low, high = benchmark.label_range
        if self.beta < (high - low) / benchmark.target_scale:
            return None
        return (
            f"beta {self.beta:g} equals loss mse times {1 / (2 * self.beta):.3g}: no error within "
            "the label range exceeds beta"
        )

    def build(self, setup: Setup) -> Huber:
        """Make the loss."""
        return Huber(self.beta)
