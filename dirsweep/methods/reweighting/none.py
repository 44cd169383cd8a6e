"""No reweighting: every sample weighs 1."""

from __future__ import annotations

from typing import ClassVar

import torch

from dirsweep.methods.base import Reweighting, Setup, TechniqueConfig
from dirsweep.registry import register


@register("reweighting", "none")
class NoneConfig(TechniqueConfig):
    """No parameters."""

    display_name: ClassVar[str] = "none"

    def build(self, setup: Setup) -> Reweighting:
        """Make weights of 1."""
        return Reweighting(torch.ones(len(setup.train_labels), dtype=torch.float32))
