"""Bins over the label range, training counts, and the shot regions that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dirsweep.errors import ShapeError

Region = Literal["all", "many", "median", "few", "zero"]
REGIONS: tuple[Region, ...] = ("all", "many", "median", "few")


@dataclass(frozen=True)
class LabelBins:
    """Equal bins over [low, high] with the number of training labels in each.

    Attributes:
        edges: (B + 1,) ascending, in the label unit. A label on an inner edge belongs to the bin
            above it; the highest edge belongs to the last bin. Labels outside fall into the first
            or last bin.
        counts: (B,) training labels per bin.
        many_above: a bin with more training labels than this is many-shot (100).
        few_below: a bin with fewer than this is few-shot (20); the rest is median-shot. An empty
            bin is few-shot.
        zero_shot: label ranges taken out of training on purpose (``data.zero_shot``): the bins that
            start within one are zero-shot, a region of its own. A bin that merely has no label is
            not.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    many_above: int = 100
    few_below: int = 20
    zero_shot: tuple[tuple[float, float], ...] = ()

    @classmethod
    def from_labels(
        cls,
        train_labels: NDArray[np.floating],
        *,
        low: float,
        high: float,
        width: float,
        many_above: int = 100,
        few_below: int = 20,
        zero_shot: tuple[tuple[float, float], ...] = (),
    ) -> LabelBins:
        """Count (N,) training labels in bins of ``width`` that start at ``low`` and reach at least
        ``high``.
        """
        num_bins = max(1, int(np.ceil(round((high - low) / width, 9))))
        edges = low + width * np.arange(num_bins + 1, dtype=np.float64)
        empty = cls(edges, np.zeros(num_bins, dtype=np.int64), many_above, few_below, zero_shot)
        counts = np.bincount(empty.bin_of(train_labels), minlength=num_bins).astype(np.int64)
        return cls(edges, counts, many_above, few_below, zero_shot)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions there are."""
        return (*REGIONS, "zero") if self.zero_shot else REGIONS

    @property
    def num_bins(self) -> int:
        """B."""
        return len(self.edges) - 1

    def bin_of(self, labels: NDArray[np.floating]) -> NDArray[np.int64]:
        """(N,) labels -> (N,) bin numbers in [0, B).

        Raises: ShapeError: labels are not (N,).
        """
        if np.ndim(labels) != 1:
            raise ShapeError(f"bins are over scalar labels (N,), got {np.shape(labels)}")
        width = self.edges[1] - self.edges[0]
        # a label such as 4.2 in float32 must not fall below its edge: rounding at the range's
        # largest label, twice
        grace = 2 * float(np.finfo(np.float32).eps) * float(np.abs(self.edges).max()) / width
        position = np.floor((np.asarray(labels, dtype=np.float64) - self.edges[0]) / width + grace)
        bins: NDArray[np.int64] = np.clip(position, 0, self.num_bins - 1).astype(np.int64)
        return bins

    def region_of(self, labels: NDArray[np.floating]) -> NDArray[np.str_]:
        """(N,) labels -> (N,) of 'many', 'median', 'few' (and 'zero'), by the training counts of
        each label's bin.
        """
        bins = self.bin_of(labels)
        counts = self.counts[bins]
        shots = np.where(
            counts > self.many_above, "many", np.where(counts < self.few_below, "few", "median")
        )
        starts, nearly = self.edges[:-1], 1e-6 * (self.edges[1] - self.edges[0])
        zero = np.zeros(self.num_bins, dtype=np.bool_)
        for low, high in self.zero_shot:
            zero |= (starts > low - nearly) & (starts < high - nearly)
        return np.where(zero[bins], "zero", shots).astype(np.str_)
