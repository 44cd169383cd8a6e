"""Bins, training counts, shot regions."""

from __future__ import annotations

import numpy as np

from dirsweep.data.histogram import LabelBins


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
    assert bins.region_of(np.array([0.0, 1.0, 2.0, 4.0])).tolist() == [
        "many",
        "median",
        "median",
        "few",
    ]


def test_an_empty_bin_is_few_shot_and_a_broken_width_reaches_beyond_the_range() -> None:
    bins = LabelBins.from_labels(
        np.array([0.0]), low=0.0, high=1.0, width=0.4, many_above=1, few_below=1
    )
    assert bins.num_bins == 3
    assert bins.region_of(np.array([0.0, 0.5, 1.0])).tolist() == ["median", "few", "few"]
