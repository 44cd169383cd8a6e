"""Objectives and constraints, on the validation split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from dirsweep.domain.label_bins import REGIONS, Region
from dirsweep.domain.metrics import Direction, MetricColumn, is_undefined, metric_of

Bound = Literal["at_most", "at_least"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)


@dataclass(frozen=True)
class Objective:
    """What points are compared by, on the validation split.

    Attributes:
        metric: one of the benchmark's metrics.
        region: all samples, or those of one shot region.
    """

    metric: str = "mae"
    region: Region = "all"

    @property
    def name(self) -> str:
        """``mae/few``."""
        return f"{self.metric}/{self.region}"

    @property
    def column(self) -> str:
        """Its column of the tables: ``val_mae_few``."""
        return self.metric_column.name

    @property
    def metric_column(self) -> MetricColumn:
        """Its column in parts."""
        return MetricColumn("val", self.metric, self.region)

    @property
    def direction(self) -> Direction:
        """As Optuna calls it."""
        return metric_of(self.metric).direction

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return metric_of(self.metric).higher_is_better

    @property
    def cost_sign(self) -> float:
        """Factor that turns a value into a cost: 1 where less is better, else -1."""
        return metric_of(self.metric).cost_sign

    def cost(self, value: float | None) -> float:
        """Return a value as a cost; infinity where it is undefined, see ``Metric.cost``."""
        return metric_of(self.metric).cost(value)

    def to_dict(self) -> dict[str, str]:
        """Return it as a sweep file writes it."""
        return {"metric": self.metric, "region": self.region}

    @classmethod
    def from_dict(cls, value: Any) -> Objective | None:
        """Read what ``to_dict`` gave; None when ``value`` is no objective."""
        if not isinstance(value, Mapping):
            return None
        region = value.get("region", "all")
        if region not in REGIONS:
            return None
        return cls(str(value.get("metric", "mae")), region)


@dataclass(frozen=True)
class Constraint:
    """A limit on a point's mean over its seeds, on the validation split.

    Attributes:
        objective: metric and region that are limited.
        bound: whether ``limit`` is the largest or the smallest value allowed.
        limit: in the unit of the metric; with ``of_base`` a difference from the base's mean.
        of_base: the limit is the base's own result plus ``limit``.
    """

    objective: Objective
    bound: Bound
    limit: float
    of_base: bool = False

    @property
    def name(self) -> str:
        """``mae/all at_most base +0.1``."""
        limit = f"base {self.limit:+g}" if self.of_base else f"{self.limit:g}"
        return f"{self.objective.name} {self.bound} {limit}"

    def violation(self, value: float | None, base: float | None) -> float:
        """Return how far ``value`` exceeds the limit.

        Args:
            value: a point's mean, in the metric's unit.
            base: the base's mean; used with ``of_base`` only, where None counts as 0.

        Returns:
            In the metric's unit; <= 0 where the constraint is satisfied, infinite where ``value``
            is undefined.
        """
        if value is None or is_undefined(value):
            return math.inf
        limit = self.limit + base if self.of_base and base is not None else self.limit
        return value - limit if self.bound == "at_most" else limit - value

    def to_dict(self) -> dict[str, Any]:
        """Return it as a sweep file writes it."""
        limit = {"base_plus": self.limit} if self.of_base else self.limit
        return {**self.objective.to_dict(), self.bound: limit}

    @classmethod
    def from_dict(cls, value: Any) -> Constraint | None:
        """Read what ``to_dict`` gave; None when ``value`` is no constraint."""
        objective = Objective.from_dict(value)
        if objective is None:
            return None
        for bound in BOUNDS:
            limit = value.get(bound)
            of_base = isinstance(limit, Mapping)
            if of_base:
                limit = limit.get("base_plus")
            if isinstance(limit, int | float):
                return cls(objective, bound, float(limit), of_base)
        return None
