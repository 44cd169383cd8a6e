"""How parameters are updated, and how often a training is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from dirsweep.config.error_text import validate_model
from dirsweep.config.model import Config, as_tuple
from dirsweep.config.ranges import LogUniform


class OptimizerConfig(Config):
    """How parameters are updated (RankSim Appendix B, ConR Appendix A.4).

    With ``milestones_of: 90`` the milestones are epochs of a 90-epoch training and are scaled to
    this trial's number of epochs.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    """adam adds weight_decay to the gradient, adamw to the step; sgd uses momentum"""

    lr: Annotated[float, Field(gt=0), LogUniform(1e-5, 1e-2)] = 1e-3
    """learning rate before any milestone"""

    weight_decay: Annotated[float, Field(ge=0), LogUniform(1e-6, 1e-2)] = 0.0
    """L2 penalty"""

    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """momentum of sgd, beta1 of adam and adamw"""

    milestones: Annotated[tuple[int, ...], as_tuple] = ()
    """epochs (counted from 0) at which lr is multiplied by milestone_factor"""

    milestone_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """factor on lr at each milestone"""

    milestones_of: Annotated[int | None, Field(ge=1)] = None
    """number of epochs of the training that the milestones refer to; they are scaled to this
    trial's; null takes them as they are
    """


class StepInterval(Config):
    """A number of training steps between two validations, in the place of a number of epochs."""

    steps: Annotated[int, Field(ge=1)]
    """training steps between two validations, counted across the epochs of a stage (400 in the
    papers' release for STS-B-DIR)
    """


def read_interval(value: Any) -> Any:
    """Read ``{steps: N}``; other values stay as they are."""
    # of a union pydantic would report the errors of both alternatives
    return validate_model(StepInterval, value) if isinstance(value, Mapping) else value
