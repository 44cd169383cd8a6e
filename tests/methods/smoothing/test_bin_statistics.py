"""Statistics along label bins: the mirrored window, empty bins, labels outside all bins."""

import numpy as np
import pytest
import torch

from dirsweep.errors import SpecError
from dirsweep.methods.kernels import bin_index
from dirsweep.methods.smoothing.bin_statistics import (
    filled_from_neighbours,
    pooled_bins,
    pooled_sums,
    slot_thresholds,
    smoothing_matrix,
)


def test_smoothing_matrix_mirrors_without_repeating_the_edge() -> None:
    matrix = smoothing_matrix(np.array([0.25, 0.5, 0.25]), 3)
    assert matrix.tolist() == [[0.5, 0.5, 0], [0.25, 0.5, 0.25], [0, 0.5, 0.5]]
    assert smoothing_matrix(np.array([1.0]), 2).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(SpecError, match="kernel_size must be at most 3 for 2 bins; got 5"):
        smoothing_matrix(np.ones(5), 2)


def test_empty_bins_are_filled_in_ascending_order() -> None:
    statistics = torch.tensor([[9.0], [9.0], [4.0], [0.0], [9.0], [8.0], [9.0]])
    seen = torch.tensor([False, False, True, False, True, True, False])[:, None]
    filled = filled_from_neighbours(statistics, seen)
    # bin 0 takes bin 1 (still 9), bin 1 the mean of 9 and 4, bin 3 that of 4 and 9, bin 6 takes 8
    assert filled.flatten().tolist() == [9, 6.5, 4, 6.5, 9, 8, 8]
    assert statistics.flatten().tolist() == [9, 9, 4, 0, 9, 8, 9]
    alone = torch.tensor([[3.0]])
    assert torch.equal(filled_from_neighbours(alone, torch.tensor([[False]])), alone)


def test_slots_tell_labels_outside_from_those_in_the_end_bins() -> None:
    thresholds = slot_thresholds([3.0, 4.0, 5.0])
    ages = torch.tensor([0.0, 2.9, 3.0, 3.9, 4.0, 4.9, 5.0, 50.0])
    assert bin_index(ages, thresholds).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(SpecError, match="ascending"):
        slot_thresholds([1.0, 0.0])


def test_labels_outside_join_an_end_bin_that_has_one_of_its_own() -> None:
    for slots, bins, belongs in (
        ([0, 1, 2, 4], [0, 0, 1, 2], [True, True, True, False]),
        ([0, 2, 3, 4], [0, 1, 2, 2], [False, True, True, True]),
        ([0, 4], [0, 2], [False, False]),
    ):
        found = pooled_bins(torch.tensor(slots), 3)
        assert (found.bins.tolist(), found.belongs.tolist()) == (bins, belongs)


def test_sums_outside_join_an_end_bin_that_has_a_sample() -> None:
    count = torch.tensor([2.0, 1.0, 0.0, 5.0])
    sums = torch.tensor([[10.0], [1.0], [0.0], [7.0]])
    assert pooled_sums(sums, count).flatten().tolist() == [11, 0]
    assert pooled_sums(count[:, None], count).flatten().tolist() == [3, 0]
    assert sums.flatten().tolist() == [10, 1, 0, 7]
