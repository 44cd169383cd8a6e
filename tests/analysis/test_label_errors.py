from __future__ import annotations

import numpy as np
import pytest

from dirsweep.analysis.label_errors import (
    binned,
    deviation_over_seeds,
    gain_of,
    mean_over_seeds,
    nice_edges,
)


def test_gain_over_common_seeds_by_hand() -> None:
    without, with_ = np.array([[3.0, np.nan], [5.0, 6.0]]), np.array([[1.0, 2.0], [9.0, 9.0]])
    gain = gain_of(without, with_, ((0, 1), (1, 2)))
    np.testing.assert_array_equal(gain.values, [4.0, 4.0])
    assert (gain.num_common, gain.all_seeds) == (1, False)
    gain = gain_of(without, with_, ((0, 1), (2, 3)))
    np.testing.assert_array_equal(gain.values, [-1.0, 0.5])
    assert (gain.num_common, gain.all_seeds) == (0, False)
    gain = gain_of(without, without - 1, ((0, 1), (0, 1)))
    np.testing.assert_array_equal(gain.values, [1.0, 1.0])
    assert (gain.num_common, gain.all_seeds) == (2, True)


def test_means_by_bin_leave_out_what_is_not_there() -> None:
    values = np.array([[1.0, 3.0, np.nan, 8.0], [2.0, np.nan, 4.0, 9.0]])
    places = np.array([0.1, 0.9, 1.5, 7.0])
    means = binned(values, places, np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(means, [[2.0, np.nan, 8.0], [2.0, 4.0, 9.0]])
    np.testing.assert_array_equal(mean_over_seeds(means), [2.0, 4.0, 8.5])
    np.testing.assert_allclose(deviation_over_seeds(means), [0.0, 0.0, np.sqrt(0.5)])


@pytest.mark.parametrize(
    ("low", "high", "width", "num"),
    [(0.0, 101.0, 5.0, 21), (0.0, 5.0, 0.2, 25), (3.0, 3.0, 1.0, 1), (-1, 1, 0.1, 20)],
)
def test_bins_have_round_widths(low: float, high: float, width: float, num: int) -> None:
    edges = nice_edges(low, high)
    assert len(edges) == num + 1
    np.testing.assert_allclose(np.diff(edges), width)
    assert edges[0] <= low
    assert edges[-1] >= high
