"""Schedulers, which end trials early, and racing, which gives points more seeds."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from dirsweep.config.model import Config, PlainData
from dirsweep.errors import SpecError


class SchedulerSpec(Config):
    """Rule that ends trials early. A trial it ends is ``pruned``, which is no failure."""

    shorthand_key: ClassVar[str] = "name"

    name: Literal["none", "asha", "hyperband", "median", "patience"]
    """asha and hyperband compare trials at rungs, median compares with the median of the other
    trials, patience with the trial's own past; none ends no trial
    """

    grace_epochs: Annotated[int, Field(ge=1)] = 1
    """number of epochs that each trial may train before it can be ended"""

    reduction_factor: Annotated[int, Field(ge=2)] = 3
    """asha, hyperband: one of this many trials continues at each rung"""

    min_trials: Annotated[int, Field(ge=1)] = 5
    """median: number of complete trials with a validation in an epoch that are needed to judge
    another trial there
    """

    patience: Annotated[int, Field(ge=1)] = 10
    """patience: number of validations in a row without improvement of the objective that end the
    trial
    """

    #: the keys that have an effect, by name
    USES: ClassVar[dict[str, tuple[str, ...]]] = {
        "none": (),
        "asha": ("grace_epochs", "reduction_factor"),
        "hyperband": ("grace_epochs", "reduction_factor"),
        "median": ("grace_epochs", "min_trials"),
        "patience": ("grace_epochs", "patience"),
    }

    @model_validator(mode="after")
    def _check_used(self) -> Self:
        uses = self.USES[self.name]
        for key in sorted(self.model_fields_set - {"name", *uses}):
            listed = ", ".join(uses) or "no other key"
            raise SpecError(f"has no effect with {self.name} (it uses {listed})", key=key)
        return self

    def to_dict(self) -> PlainData:
        """Return the name and the keys it uses, as a sweep file writes them."""
        return {key: getattr(self, key) for key in ("name", *self.USES[self.name])}


class RacingSpec(Config):
    """More seeds for the points of a study that are not yet distinguishable from its best one."""

    max_seeds: Annotated[int, Field(ge=3)]
    """largest number of seeds of a point"""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """confidence of each paired comparison over the seeds; a point that is worse with this
    confidence gets no further seeds
    """
