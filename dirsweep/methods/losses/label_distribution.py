"""Distribution of the training labels over bins, raw or smoothed as by LDS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dirsweep.domain import LabelBins
from dirsweep.errors import SpecError
from dirsweep.methods.reweighting.lds import smoothed


@dataclass(frozen=True)
class CountSmoothing:
    """How counts are smoothed over bins.

    Attributes:
        kernel: see ``kernels.window``.
        kernel_size: odd, >= 1, in bins.
        sigma: > 0, in bins.
        truncate: whether smoothed counts are cut to whole numbers.
    """

    kernel: str
    kernel_size: int
    sigma: float
    truncate: bool


class LabelDistribution(NamedTuple):
    """The bins that are not empty.

    Attributes:
        centers: (B,), label unit.
        shares: (B,) > 0, sum 1.
    """

    centers: NDArray[np.float64]
    shares: NDArray[np.float64]


def label_distribution(
    labels: NDArray[np.floating],
    bins: LabelBins,
    *,
    label_high: float | None = None,
    smoothing: CountSmoothing | None = None,
) -> LabelDistribution:
    """Count training labels in bins.

    A center is the mean label of its bin, which is exact where labels are whole numbers. A bin that
    only smoothing fills has its center where labels lie in their bins on average.

    Args:
        labels: (N,), label unit.
        bins: the benchmark's; labels outside fall into the first or last one.
        label_high: upper edge of the last bin instead of the benchmark's; labels at or above it are
            left out.
        smoothing: of the counts; None for none.

    Raises:
        SpecError: no label lies below ``label_high``, or a number of the smoothing is out of its
            range.
    """
    values = labels.astype(np.float64).reshape(-1)
    if label_high is not None:
        values = values[values < label_high]
        if len(values) == 0:
            raise SpecError(no_label_below(label_high))
        low = float(bins.edges[0])
        bins = LabelBins.from_labels(values, low=low, high=label_high, width=bins.width)
    positions, num_bins = bins.bin_of(values), bins.num_bins
    counts = np.bincount(positions, minlength=num_bins).astype(np.float64)
    sums = np.bincount(positions, weights=values, minlength=num_bins)
    offset = float((values - bins.edges[positions]).mean())
    centers = np.where(counts > 0, sums / np.maximum(counts, 1), bins.edges[:-1] + offset)
    density = counts if smoothing is None else _smoothed(counts, smoothing)
    kept = density > 0
    return LabelDistribution(centers[kept], density[kept] / density.sum())


def no_label_below(label_high: float) -> str:
    """Say that no label lies in bins up to ``label_high``."""
    return f"label_high must lie above a training label; got {label_high:g}"


def _smoothed(counts: NDArray[np.float64], how: CountSmoothing) -> NDArray[np.float64]:
    density = smoothed(counts, kernel=how.kernel, kernel_size=how.kernel_size, sigma=how.sigma)
    return np.trunc(density) if how.truncate else density
