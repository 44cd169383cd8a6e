"""No smoothing: features reach the regressor as they are."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from dirsweep.methods.base import Setup, Smoothing, TechniqueConfig
from dirsweep.registry import register


class NoSmoothing(Smoothing):
    """The identity."""

    def forward(self, features: Tensor, labels: Tensor, epoch: int) -> Tensor:
        """Return the features themselves, (N, D)."""
        return features


@register("smoothing", "none")
class NoneConfig(TechniqueConfig):
    """No parameters."""

    display_name: ClassVar[str] = "none"

    def build(self, setup: Setup) -> NoSmoothing:
        """Make the identity."""
        return NoSmoothing()
