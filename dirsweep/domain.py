"""The field's terms, each stated once: metrics, regions, label bins, objectives, constraints.

Every room may import this file; it imports nothing of the package but its errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from dirsweep.errors import ShapeError

Direction = Literal["minimize", "maximize"]
Bound = Literal["at_most", "at_least"]
Region = Literal["all", "many", "median", "few", "zero"]

#: every region, in the order of the tables
REGIONS: tuple[Region, ...] = get_args(Region)
#: the regions of every benchmark; ``zero`` exists only with ``benchmark.zero_shot``
COMMON_REGIONS: tuple[Region, ...] = ("all", "many", "median", "few")
BOUNDS: tuple[Bound, ...] = get_args(Bound)
#: in the order of the tables
REPORTED_SPLITS = ("val", "test")


# ---- metrics


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

    def is_better(self, value: float, other: float) -> bool:
        """Return whether ``value`` beats ``other``; a tie does not."""
        return value > other if self.higher_is_better else value < other

    def best(self, values: Iterable[float]) -> float:
        """Return the best of at least one value."""
        return max(values) if self.higher_is_better else min(values)

    def unit(self, label_unit: str) -> str:
        """Return the metric's unit for labels in ``label_unit``; empty where it has none."""
        if self.unit_rule == "label":
            return label_unit
        return f"{label_unit}^2" if self.unit_rule == "label_squared" else ""


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


# ---- regions and label bins


@dataclass(frozen=True)
class ShotRule:
    """How many training labels make a bin many-, median- or few-shot.

    Attributes:
        many_above: a bin with more training labels than this is many-shot.
        few_below: a bin with fewer than this is few-shot, an empty one too; the rest is
            median-shot.
    """

    many_above: int = 100
    few_below: int = 20

    def regions_of(self, counts: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the region of each bin.

        Args:
            counts: (B,) training labels per bin.

        Returns:
            (B,) of ``many``, ``median``, ``few``.
        """
        few_or_median = np.where(counts < self.few_below, "few", "median")
        return np.where(counts > self.many_above, "many", few_or_median).astype(np.str_)


@dataclass(frozen=True)
class LabelBins:
    """Equal bins over the label range, with training counts and regions.

    Attributes:
        edges: (B + 1,) ascending, in the label unit. A label on an inner edge belongs to the bin
            above it; the highest edge belongs to the last bin. Labels outside fall into the first
            or last bin.
        counts: (B,) training labels per bin.
        regions: (B,) ``many``, ``median``, ``few``, or ``zero`` for a bin whose labels were taken
            out of training on purpose.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    regions: NDArray[np.str_]

    @classmethod
    def from_labels(
        cls,
        train_labels: NDArray[np.floating],
        *,
        low: float,
        high: float,
        width: float,
        shot_rule: ShotRule | None = None,
        zero_shot: Sequence[tuple[float, float]] = (),
    ) -> LabelBins:
        """Count training labels in bins of one width.

        Args:
            train_labels: (N,), label unit.
            low: where the first bin starts.
            high: what the last bin reaches at least.
            width: of a bin, > 0, label unit.
            shot_rule: how counts become regions; None: more than 100 is many, below 20 few.
            zero_shot: label ranges taken out of training on purpose: the bins that start within
                one are zero-shot, a region of its own. A bin that merely has no label is few-shot.

        Raises:
            ShapeError: the labels are not (N,).
        """
        num_bins = max(1, int(np.ceil(round((high - low) / width, 9))))
        edges = low + width * np.arange(num_bins + 1, dtype=np.float64)
        positions = bin_of(train_labels, edges)
        counts = np.bincount(positions, minlength=num_bins).astype(np.int64)
        shots = (shot_rule or ShotRule()).regions_of(counts)
        regions = np.where(_bins_within(zero_shot, edges), "zero", shots).astype(np.str_)
        return LabelBins(edges, counts, regions)

    @property
    def num_bins(self) -> int:
        """B."""
        return len(self.edges) - 1

    @property
    def width(self) -> float:
        """Width of one bin, label unit."""
        return float(self.edges[1] - self.edges[0])

    @property
    def reported_regions(self) -> tuple[Region, ...]:
        """The regions that metrics are computed over."""
        return (*COMMON_REGIONS, "zero") if (self.regions == "zero").any() else COMMON_REGIONS

    def bin_of(self, labels: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the bin of each label, see ``domain.bin_of``."""
        return bin_of(labels, self.edges)

    def region_of(self, labels: NDArray[np.floating]) -> NDArray[np.str_]:
        """Return the region of each label's bin, (N,) -> (N,)."""
        return self.regions[self.bin_of(labels)]


def bin_of(labels: NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the bin of each label; the first and last bin take what lies outside.

    Args:
        labels: (N,), label unit.
        edges: (B + 1,), ascending.

    Returns:
        (N,) bin numbers in [0, B).

    Raises:
        ShapeError: labels are not (N,).
    """
    if np.ndim(labels) != 1:
        raise ShapeError(f"bins are over scalar labels (N,), got {np.shape(labels)}")
    values = np.asarray(labels, dtype=np.float64)
    bins: NDArray[np.int64] = np.searchsorted(bin_thresholds(edges), values, side="right")
    return bins


def bin_thresholds(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lowest label of each bin but the first, (B + 1,) edges -> (B - 1,).

    An inner edge belongs to the bin above it. A label such as 4.2 in float32 must not fall below
    its edge, so each threshold lies below it by twice the rounding error of the largest label.
    """
    grace = 2 * float(np.finfo(np.float32).eps)
    thresholds: NDArray[np.float64] = edges[1:-1] - grace * np.abs(edges).max()
    return thresholds


def _bins_within(
    ranges: Sequence[tuple[float, float]], edges: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(B,) whether each bin starts inside one of the ranges [low, high)."""
    starts, nearly = edges[:-1], 1e-6 * (edges[1] - edges[0])
    within = np.zeros(len(starts), dtype=np.bool_)
    for low, high in ranges:
        within |= (starts > low - nearly) & (starts < high - nearly)
    return within


# ---- objectives, constraints, Pareto front


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

    def violation(self, value: float, base: float | None) -> float:
        """Return how far ``value`` exceeds the limit.

        Args:
            value: a point's mean, in the metric's unit.
            base: the base's mean; used with ``of_base`` only, where None counts as 0.

        Returns:
            In the metric's unit; <= 0 where the constraint is satisfied.
        """
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


def non_dominated(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the rows that no other row dominates.

    A row dominates another one when it is at least as good in every column and better in one.
    Equal rows do not dominate each other, so both are marked.

    Args:
        costs: (P, K), less is better, no NaN.

    Returns:
        (P,) bool.
    """
    kept = np.ones(len(costs), dtype=np.bool_)
    if costs.ndim == 2 and costs.shape[1] == 2:
        return _non_dominated_pairs(costs)
    # one row at a time: (P, P, K) at once would take gigabytes for a long search
    for row, cost in enumerate(costs):
        no_worse = (costs <= cost).all(axis=1)
        better = (costs < cost).any(axis=1)
        kept[row] = not (no_worse & better).any()
    return kept


def _non_dominated_pairs(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``non_dominated`` for (P, 2) by sorting, P log P instead of P^2."""
    order = np.lexsort((costs[:, 1], costs[:, 0]))
    first, second = costs[order, 0], costs[order, 1]
    # in the order of ascending first costs a row is dominated by a smaller or equal second cost
    # before it
    smallest_before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
    kept = second < smallest_before
    kept[:1] = True
    equal = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    for row in np.flatnonzero(equal) + 1:
        kept[row] = kept[row - 1]
    front = np.zeros(len(costs), dtype=np.bool_)
    front[order] = kept
    return front


def pareto_front(
    values: Sequence[Sequence[float | None]],
    directions: Sequence[Direction],
    feasible: Sequence[bool] | None = None,
) -> tuple[int, ...]:
    """Find the points that no other point dominates, see ``non_dominated``.

    Args:
        values: P points, each with one value per objective; a point with a missing value or NaN is
            never on the front.
        directions: one per objective.
        feasible: P flags, which points satisfy the constraints; the others neither stay nor
            dominate. None: all do.

    Returns:
        The positions of the points on the front, ascending.
    """
    if not len(values):
        return ()
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    rows = [[np.nan if value is None else value for value in point] for point in values]
    costs = np.array(rows, dtype=np.float64) * signs  # (P, K)
    allowed = ~np.isnan(costs).any(axis=1)
    if feasible is not None:
        allowed &= np.asarray(feasible, dtype=np.bool_)
    candidates = np.flatnonzero(allowed)
    return tuple(int(index) for index in candidates[non_dominated(costs[candidates])])
