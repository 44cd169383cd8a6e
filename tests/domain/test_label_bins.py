"""Label bins and shot regions, numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.domain import LabelBins, ShotRule, bin_of
from dirsweep.errors import ShapeError


def test_labels_on_an_edge_belong_to_the_bin_above_in_single_precision_too() -> None:
    bins = LabelBins.from_labels(np.zeros(1, np.float32), low=0.0, high=5.0, width=0.1)
    tenths = np.arange(51)
    for dtype in (np.float32, np.float64):
        labels = (tenths / 10).astype(dtype)
        assert bins.bin_of(labels).tolist() == [*range(50), 49]
        assert bins.bin_of(labels + dtype(0.05)).tolist() == [*range(50), 49]
    assert bins.bin_of(np.array([4.1999, 4.1, -1.0, 9.0])).tolist() == [41, 41, 0, 49]


def test_counts_and_regions_by_hand() -> None:
    labels = np.repeat([0.5, 1.0, 2.2, 3.0], [101, 100, 20, 19]).astype(np.float32)
    bins = LabelBins.from_labels(labels, low=0.0, high=4.0, width=1.0)
    assert bins.edges.tolist() == [0, 1, 2, 3, 4]
    assert bins.counts.tolist() == [101, 100, 20, 19]
    assert bins.regions.tolist() == ["many", "median", "median", "few"]
    assert bins.region_of(np.array([0.0, 1.0, 2.0, 4.0])).tolist() == bins.regions.tolist()
    assert (bins.num_bins, bins.width) == (4, 1.0)
    assert bins.reported_regions == ("all", "many", "median", "few")


def test_an_empty_bin_is_few_shot_and_a_broken_width_reaches_beyond_the_range() -> None:
    bins = LabelBins.from_labels(
        np.array([0.0]), low=0.0, high=1.0, width=0.4, shot_rule=ShotRule(1, 1)
    )
    assert bins.num_bins == 3
    assert bins.region_of(np.array([0.0, 0.5, 1.0])).tolist() == ["median", "few", "few"]


def test_labels_taken_out_of_training_are_a_region_of_their_own() -> None:
    labels = np.repeat([1.5, 2.5], [101, 5])
    bins = LabelBins.from_labels(labels, low=0, high=4, width=1, zero_shot=[(0.0, 1.0), (3.0, 4.0)])
    assert bins.regions.tolist() == ["zero", "many", "few", "zero"]
    assert bins.reported_regions == ("all", "many", "median", "few", "zero")


def test_bins_take_scalar_labels_only() -> None:
    with pytest.raises(ShapeError, match=r"bins are over scalar labels \(N,\), got \(2, 2\)"):
        bin_of(np.zeros((2, 2)), np.arange(3.0))
