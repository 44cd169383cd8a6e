"""What a trial gets of a machine, what it stores, and what a run may use in all."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from dirsweep.config.model import AddedLater, Config, PlainData, without_added
from dirsweep.errors import SpecError

#: Ray counts resources in steps of this size
MIN_SHARE = 0.0001


def _check_share(value: float) -> float:
    """Refuse a share so small that Ray counts it as none."""
    if 0 < value < MIN_SHARE:
        raise SpecError(f"must be at least {MIN_SHARE:g}, the smallest share, got {value:g}")
    return value


def _check_gpus(value: float) -> float:
    """Refuse a number of GPUs that no worker can have."""
    if value > 1 and not float(value).is_integer():
        raise SpecError(f"expected a share up to 1, or a whole number, got {value:g}")
    return _check_share(value)


class ResourcesSpec(Config):
    """What one trial gets of a machine."""

    model_config = ConfigDict(validate_default=True)  # 1 and 1.0 are written alike

    cpu: Annotated[float, Field(gt=0), AfterValidator(_check_share)] = 1
    """CPUs of a trial, and the threads it computes with; below 1 several trials share a CPU"""

    gpu: Annotated[float, Field(ge=0), AfterValidator(_check_gpus)] | Literal["auto"] = "auto"
    """GPUs of a trial, a share of one or a whole number; 0.5 lets two trials share one; auto
    measures a trial's memory once and lets as many share a GPU as fit; a trial that runs out of a
    shared GPU's memory is tried again with twice the share
    """

    epoch_limit_s: Annotated[float | None, Field(gt=0)] = None
    """seconds that an epoch and its validation may take before the trial counts as hanging; null:
    no limit
    """

    checkpoint_every_s: Annotated[float, Field(ge=0)] = 10
    """seconds between two checkpoints of a trial, each after a whole epoch"""


class StoreSpec(Config):
    """What a trial stores besides its predictions; no part of a trial's identity."""

    features: bool = False
    """the backbone's features of the test samples at the best epoch, in trials/<id>/features.arrow:
    4 bytes for each number of each sample; the report draws ranking matrices, feature similarities
    and t-SNE from them
    """

    model: Annotated[Literal["best", "none"], AddedLater()] = "best"
    """networks that the run keeps, for dirsweep predict: best keeps those of each study's best
    point (by validation; of the front where there are several objectives), and those of trials
    from which others start, in trials/<id>/model.safetensors and model.json
    """

    model_limit: Annotated[float, Field(gt=0), AddedLater()] = 1024.0
    """largest size of a network that is stored, MiB of weights (4 bytes for each parameter)"""

    def to_dict(self) -> PlainData:
        """Return plain data, without keys that earlier builds lacked at their defaults."""
        return without_added(self, self.model_dump())


class MoneySpec(Config):
    """Limit on what a run costs, in the currency of the prices."""

    limit: Annotated[float, Field(gt=0)]
    """largest cost, in the currency of the prices"""

    cpu_hour: Annotated[float, Field(ge=0)] = 0.0
    """price of one CPU for an hour"""

    gpu_hour: Annotated[float, Field(ge=0)] = 0.0
    """price of one GPU for an hour"""

    @model_validator(mode="after")
    def _check_price(self) -> Self:
        if self.cpu_hour == 0 and self.gpu_hour == 0:
            raise SpecError("needs a price: cpu_hour, gpu_hour, or both")
        return self


class BudgetSpec(Config):
    """Limits on what a run may use, over all its sessions; trials that are nearly done finish."""

    trials: Annotated[int | None, Field(ge=1)] = None
    """number of different trials that are started"""

    wall_hours: Annotated[float | None, Field(gt=0)] = None
    """hours in which a driver works on the run"""

    cpu_hours: Annotated[float | None, Field(gt=0)] = None
    """hours of all trials times their resources.cpu"""

    gpu_hours: Annotated[float | None, Field(gt=0)] = None
    """hours of all trials times their share of a GPU"""

    money: MoneySpec | None = None
    """limit on the cost, and the prices per hour"""

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if not self.to_dict():
            listed = ", ".join(type(self).model_fields)
            raise SpecError(f"empty; give it at least one of {listed}")
        return self

    def to_dict(self) -> PlainData:
        """Return the limits that are set, as a sweep file writes them."""
        return self.model_dump(exclude_none=True)
