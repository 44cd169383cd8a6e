"""Metrics recomputed from predictions in one region."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.analysis.region_samples import RegionSamples
from dirsweep.run.predictions import Predicted

PREDICTED = Predicted(
    split="test",
    rows={"exact": 0, "off": 1},
    sample_ids=np.array(["a", "b", "c"], dtype=object),
    labels=np.array([1.0, 2.0, 3.0]),
    preds=np.array([[1.0, 2.5, 9.0], [1.5, 3.0, 9.0]]),
    bins=None,
    regions=None,
)


@pytest.mark.parametrize(("smallest", "expected"), [(0.0, 0.0), (1e-10, (1e-10 * 0.5) ** 0.5)])
def test_an_exact_prediction_is_the_benchmarks_smallest_error(
    smallest: float, expected: float
) -> None:
    samples = RegionSamples(PREDICTED, np.array([0, 1]), "gm", smallest)
    found = samples.observed(["exact", "off"])
    assert found["exact"] == pytest.approx(expected)
    assert found["off"] == pytest.approx(0.5**0.5)
    draws = samples.replicates(["exact"], np.array([[2.0, 0.0], [0.0, 2.0]]))
    assert draws[:, 0].tolist() == pytest.approx([smallest, 0.5])


def test_other_metrics_see_the_error_as_it_is() -> None:
    samples = RegionSamples(PREDICTED, np.array([0, 1]), "mae", 0.3)
    assert samples.observed(["exact"])["exact"] == 0.25
