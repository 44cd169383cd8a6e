"""Metrics: direction, unit and title, and the columns of the tables."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dirsweep.domain.label_bins import REGIONS

Direction = Literal["minimize", "maximize"]
#: the splits that trials report, in the order of the tables
REPORTED_SPLITS = ("val", "test")
#: found in units of several parts, whose exponent would be read as that of the last part
_COMPOUND = re.compile(r"[/*·×^²³()\s-]")


def is_undefined(value: float | None) -> bool:
    """Return whether a metric has no value: None, NaN or infinite.

    A correlation has none where the predictions are constant. That is a result, and the worst one:
    see ``mean_over_seeds`` and ``Metric.cost``.
    """
    return value is None or not math.isfinite(value)


def mean_over_seeds(values: Iterable[float | None]) -> float:
    """Return the mean of a metric over the complete seeds of a point.

    Returns:
        The mean; NaN where it is undefined for a seed (which must not be left out, because the
        mean of the other seeds looks better than the point is), and without any seed.
    """
    found: list[float] = []
    for value in values:
        if value is None or is_undefined(value):
            return math.nan
        found.append(value)
    return sum(found) / len(found) if found else math.nan


@dataclass(frozen=True)
class Metric:
    """What a metric measures and which way is better.

    Attributes:
        name: as in sweep files and columns (``angular_error``).
        title: as tables and plots write it (``angular error``).
        direction: as Optuna calls it.
        unit_rule: its unit: that of the labels, its square, or none (correlations, shares).
    """

    name: str
    title: str
    direction: Direction = "minimize"
    unit_rule: Literal["label", "label_squared", "none"] = "label"

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return self.direction == "maximize"

    @property
    def cost_sign(self) -> float:
        """Factor that turns a value into a cost: 1 where less is better, else -1."""
        return -1.0 if self.higher_is_better else 1.0

    def cost(self, value: float | None) -> float:
        """Return a value as a cost: less is better, and an undefined value is the worst there is.

        Returns:
            The cost; infinity where the value is undefined.
        """
        return math.inf if value is None or is_undefined(value) else self.cost_sign * value

    def is_better(self, value: float | None, other: float | None) -> bool:
        """Return whether ``value`` beats ``other``; a tie and an undefined value do not."""
        return self.cost(value) < self.cost(other)

    def best(self, values: Iterable[float]) -> float:
        """Return the best of at least one value."""
        return max(values) if self.higher_is_better else min(values)

    def unit(self, label_unit: str) -> str:
        """Return the metric's unit for labels in ``label_unit``; empty where it has none.

        A unit of several parts is squared as a whole: ``(EUR/MWh)²``.
        """
        if self.unit_rule == "none" or not label_unit:
            return ""
        if self.unit_rule == "label":
            return label_unit
        return f"({label_unit})²" if _COMPOUND.search(label_unit) else f"{label_unit}²"


#: metrics by name, in the order in which the papers print them
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mae", "MAE"),
        Metric("mse", "MSE", unit_rule="label_squared"),
        Metric("rmse", "RMSE"),
        Metric("gm", "GM"),
        Metric("pearson", "pearson", "maximize", "none"),
        Metric("spearman", "spearman", "maximize", "none"),
        Metric("delta1", "delta1", "maximize", "none"),
        Metric("angular_error", "angular error"),
        Metric("collapse_penalty", "collapse penalty"),
    )
}
#: the metrics that the trainer computes for scalar labels, and the default of a benchmark
SCALAR_METRICS = ("mae", "mse", "rmse", "gm", "pearson", "spearman")


def metric_of(name: str) -> Metric:
    """Return the metric called ``name``; one that is not in ``METRICS`` counts as an error."""
    return METRICS.get(name) or Metric(name, name.replace("_", " "))


def metric_title(name: str, region: str = "all") -> str:
    """Return ``MAE``, and with a region other than ``all`` such as ``few-shot MAE``."""
    title = metric_of(name).title
    return title if region == "all" else f"{region}-shot {title}"


class MetricColumn(NamedTuple):
    """A column of the tables, ``test_mae_few``, in its three parts."""

    split: str
    metric: str
    region: str

    @property
    def name(self) -> str:
        """The column's name."""
        return f"{self.split}_{self.metric}_{self.region}"

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return metric_of(self.metric).higher_is_better

    @property
    def direction(self) -> Direction:
        """As Optuna calls it."""
        return metric_of(self.metric).direction

    @property
    def cost_sign(self) -> float:
        """Factor that turns a value into a cost: 1 where less is better, else -1."""
        return metric_of(self.metric).cost_sign

    def cost(self, value: float | None) -> float:
        """Return a value as a cost, see ``Metric.cost``."""
        return metric_of(self.metric).cost(value)

    @classmethod
    def parse(cls, name: str) -> MetricColumn | None:
        """Split a column's name; None when it names no metric.

        A metric may have underscores of its own (``val_angular_error_all``).
        """
        split, _, rest = name.partition("_")
        metric, _, region = rest.rpartition("_")
        if split not in REPORTED_SPLITS or region not in REGIONS or not metric:
            return None
        return cls(split, metric, region)

    def order(self) -> tuple[int, int, str, int]:
        """Return a sort key: split, then metrics as the papers print them, then regions."""
        rank = len(SCALAR_METRICS)
        if self.metric in SCALAR_METRICS:
            rank = SCALAR_METRICS.index(self.metric)
        regions: tuple[str, ...] = REGIONS
        return REPORTED_SPLITS.index(self.split), rank, self.metric, regions.index(self.region)


def metric_columns(names: Iterable[str]) -> list[MetricColumn]:
    """Return the metric columns among ``names``, each once, in the tables' order."""
    parsed = {column for name in names if (column := MetricColumn.parse(name)) is not None}
    return sorted(parsed, key=MetricColumn.order)
