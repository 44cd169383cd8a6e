"""Shot regions, and label bins over which training labels are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dirsweep.errors import ShapeError

Region = Literal["all", "many", "median", "few", "zero"]

#: every region, in the order of the tables
REGIONS: tuple[Region, ...] = get_args(Region)
#: the regions of every benchmark; ``zero`` exists only with ``benchmark.zero_shot``
COMMON_REGIONS: tuple[Region, ...] = ("all", "many", "median", "few")


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

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"by training labels per bin: more than {self.many_above} many-shot, fewer than "
            f"{self.few_below} few-shot"
        )


@dataclass(frozen=True)
class ListedShots(ShotRule):
    """The region of every bin as a list states it, whatever the training labels are.

    Attributes:
        many: numbers of the many-shot bins, from 0.
        median: of the median-shot bins; all others are few-shot.
        source: who states the list.
    """

    many: frozenset[int] = frozenset()
    median: frozenset[int] = frozenset()
    source: str = ""

    def regions_of(self, counts: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the region of each bin; only the length of ``counts`` (B,) matters."""
        bins = np.arange(len(counts))
        few_or_median = np.where(np.isin(bins, list(self.median)), "median", "few")
        return np.where(np.isin(bins, list(self.many)), "many", few_or_median).astype(np.str_)

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"by the list of bins of {self.source}, not by counting"


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
