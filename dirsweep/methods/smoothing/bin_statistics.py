"""Statistics along label bins: smoothing, bins without samples, labels outside all bins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dirsweep.domain import plural
from dirsweep.errors import SpecError
from dirsweep.methods.kernels import inner_edges


def wide_window(kernel_size: int, num_bins: int) -> str | None:
    """Say why a window reaches over more bins than there are; None where it does not."""
    if kernel_size // 2 < num_bins:
        return None
    return (
        f"kernel_size must be at most {2 * num_bins - 1} for {plural(num_bins, 'bin')}; "
        f"got {kernel_size}"
    )


def smoothing_matrix(values: NDArray[np.float64], num_bins: int) -> Tensor:
    """Make the matrix that convolves statistics along bins.

    Args:
        values: (2h + 1,) window.
        num_bins: B.

    Returns:
        (B, B) float64; bins are mirrored at both ends, the edge not repeated.

    Raises:
        SpecError: the window reaches over more bins than there are.
    """
    half = len(values) // 2
    problem = wide_window(len(values), num_bins)
    if problem:
        raise SpecError(problem)
    source = np.pad(np.arange(num_bins), half, mode="reflect") if half else np.arange(num_bins)
    matrix = np.zeros((num_bins, num_bins))
    for offset, value in enumerate(values):
        np.add.at(matrix, (np.arange(num_bins), source[offset : offset + num_bins]), value)
    return torch.from_numpy(matrix)


def filled_from_neighbours(statistics: Tensor, seen: Tensor) -> Tensor:
    """Fill bins without samples in ascending order.

    The first takes the second's value, the last that of the one before, others the mean of both
    neighbours as they are at that moment: the lower may be filled already, the upper is not yet.

    Args:
        statistics: (B, D).
        seen: (B, 1) bool, whether the bin has samples.

    Returns:
        (B, D); a single bin stays as it is.
    """
    filled = statistics.clone()
    last = len(filled) - 1
    for number in range(last + 1 if last else 0):
        lower = filled[number - 1 if number else 1]
        upper = filled[number + 1 if number < last else last - 1]
        filled[number] = torch.where(seen[number], filled[number], (lower + upper) / 2)
    return filled


class PooledBins(NamedTuple):
    """Bins of a batch; labels outside all bins join an end bin that has a label of its own.

    Attributes:
        bins: (N,) int64 in [0, B); the nearest end bin for labels outside.
        belongs: (N,) bool, whether the sample belongs to that bin.
    """

    bins: Tensor
    belongs: Tensor


def slot_thresholds(bin_edges: ArrayLike | Tensor) -> Tensor:
    """Return the lowest label of each slot but the first: below all bins, each bin, above all.

    Args:
        bin_edges: (B + 1,) ascending.

    Returns:
        (B + 1,) float64, for ``kernels.bin_index``; the highest edge lies above all bins.

    Raises:
        SpecError: edges that do not ascend.
    """
    source = bin_edges.detach().cpu().numpy() if isinstance(bin_edges, Tensor) else bin_edges
    edges: NDArray[np.float64] = np.asarray(source, dtype=np.float64)
    inner_edges(edges)  # refuses what does not ascend
    below, above = 2 * edges[0] - edges[1], 2 * edges[-1] - edges[-2]
    return inner_edges(np.concatenate([[below], edges, [above]]))


def pooled_bins(slots: Tensor, num_bins: int) -> PooledBins:
    """Assign a batch to bins.

    Args:
        slots: (N,) int64 in [0, B + 2), see ``slot_thresholds``.
        num_bins: B.
    """
    bins = (slots - 1).clamp(0, num_bins - 1)
    first, last = (slots == 1).any(), (slots == num_bins).any()
    outside_alone = ((slots == 0) & ~first) | ((slots == num_bins + 1) & ~last)
    return PooledBins(bins, ~outside_alone)


def pooled_sums(sums: Tensor, count: Tensor) -> Tensor:
    """Add what was summed outside all bins to the end bins that have a sample of their own.

    Args:
        sums: (B + 2, ...) by slot.
        count: (B + 2,) samples by slot.

    Returns:
        (B, ...) by bin.
    """
    pooled = sums[1:-1].clone()
    pooled[0] += torch.where(count[1] > 0, sums[0], 0.0)
    pooled[-1] += torch.where(count[-2] > 0, sums[-1], 0.0)
    return pooled
