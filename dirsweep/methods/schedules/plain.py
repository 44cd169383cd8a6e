"""One stage: all parameters, all epochs."""

from __future__ import annotations

from typing import ClassVar

from dirsweep.methods.base import Schedule, Setup, Stage, TechniqueConfig
from dirsweep.registry import register


@register("schedule", "plain")
class PlainConfig(TechniqueConfig):
    """No parameters."""

    display_name: ClassVar[str] = "plain"

    def build(self, setup: Setup) -> Schedule:
        """Make the one stage."""
        return Schedule((Stage(num_epochs=setup.num_epochs),))
