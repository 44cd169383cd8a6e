"""Distribution of training labels over bins."""

import numpy as np
import pytest

from dirsweep.domain import LabelBins
from dirsweep.errors import SpecError
from dirsweep.methods.losses.label_distribution import CountSmoothing, label_distribution

LABELS = np.array([0.2, 0.4, 1.5, 3.0, 9.0])


def bins(labels: np.ndarray = LABELS) -> LabelBins:
    return LabelBins.from_labels(labels, low=0, high=4, width=1)


def test_centers_are_mean_labels_of_the_filled_bins() -> None:
    found = label_distribution(LABELS, bins())
    assert found.centers.tolist() == pytest.approx([0.3, 1.5, 6])  # 9 falls into the last bin
    assert found.shares.tolist() == pytest.approx([0.4, 0.2, 0.4])


def test_labels_above_label_high_are_left_out_and_bins_reach_it() -> None:
    found = label_distribution(LABELS, bins(), label_high=3.0)
    assert found.centers.tolist() == pytest.approx([0.3, 1.5])
    assert found.shares.tolist() == pytest.approx([2 / 3, 1 / 3])
    wider = label_distribution(LABELS, bins(), label_high=12.0)
    assert wider.centers.tolist() == pytest.approx([0.3, 1.5, 3, 9])
    with pytest.raises(SpecError, match=r"label_high must lie above a training label; got 0\.1"):
        label_distribution(LABELS, bins(), label_high=0.1)


def test_a_bin_that_smoothing_fills_is_centred_where_labels_lie_on_average() -> None:
    labels = np.array([0.25, 0.25, 3.25])
    smoothing = CountSmoothing(kernel="triang", kernel_size=3, sigma=1.0, truncate=False)
    found = label_distribution(labels, bins(labels), smoothing=smoothing)
    assert found.centers.tolist() == [0.25, 1.25, 2.25, 3.25]
    assert found.shares.tolist() == pytest.approx(np.array([2, 1, 0.5, 1]) / 4.5)
    cut = CountSmoothing(kernel="triang", kernel_size=3, sigma=1.0, truncate=True)
    found = label_distribution(labels, bins(labels), smoothing=cut)
    assert found.centers.tolist() == [0.25, 1.25, 3.25]
    assert found.shares.tolist() == [0.5, 0.25, 0.25]
