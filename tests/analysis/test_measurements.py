from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.measurements import Resampling, columns_of, measure
from dirsweep.analysis.region_samples import region_samples
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import Run, open_run
from tests.simulated_run import SimulatedPoint, simulate

COLUMN = MetricColumn("test", "mae", "all")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    points = [SimulatedPoint(), SimulatedPoint({"epochs": 3}, seeds=(0, 1))]
    simulate(tmp_path, {"s": points}, num_samples=40, names=["mae"])
    return open_run(tmp_path)


def test_columns_of_a_metric(run: Run) -> None:
    assert columns_of(run, regions=("all", "few")) == (COLUMN, COLUMN._replace(region="few"))
    assert columns_of(run, metric="mse", regions=("all",), split="val") == (
        MetricColumn("val", "mse", "all"),
    )


def test_a_measurement_is_kept(run: Run) -> None:
    first = measure(run, "s", COLUMN)
    assert measure(run, "s", COLUMN) is first
    assert measure(run, "s", COLUMN, points=[0, 1]) is first, "all points, whichever way requested"
    assert measure(run, "s", COLUMN, resampling=Resampling(seed=1)) is not first
    for region in ("many", "median", "few"):
        for split in ("test", "val"):
            measure(run, "s", MetricColumn(split, "mae", region))
    assert measure(run, "s", COLUMN) is not first, "of the older ones only the last few"


def test_only_requested_points_have_draws(run: Run) -> None:
    measured = measure(run, "s", COLUMN, points=[1], resampling=Resampling(50))
    draws = measured.of_point(1).draws
    assert draws is not None
    assert draws.shape == (50, 2)
    assert measured.of_point(0).draws is None
    assert measured.of_point(0).num == 3


def test_means_of_points_by_hand(run: Run) -> None:
    measured = measure(run, "s", COLUMN, resampling=Resampling(50))
    assert measured.common_seeds([0, 1]) == [0, 1]
    assert measured.common_seeds([]) == []
    values = np.array([[measured.values[point][seed] for seed in (0, 1)] for point in (0, 1)])
    both = measured.mean_of([0, 1], [0, 1])
    np.testing.assert_allclose(both.values, values.mean(axis=0))
    weighted = measured.weighted_mean_of({0: 3.0, 1: 1.0}, [0, 1])
    np.testing.assert_allclose(weighted.values, 0.75 * values[0] + 0.25 * values[1])
    assert weighted.draws is not None
    own = measured.of_point(0, [0, 1]).draws, measured.of_point(1).draws
    assert own[0] is not None
    assert own[1] is not None
    np.testing.assert_allclose(weighted.draws, 0.75 * own[0] + 0.25 * own[1])
    assert measured.trial_ids([1, 0], [0]) == ("s-1-0", "s-0-0")


def test_samples_of_a_region(run: Run) -> None:
    few = region_samples(run, COLUMN._replace(region="few"))
    assert few is not None
    frame = run.predictions().to_pandas()
    frame = frame[(frame.split == "test") & (frame.trial_id == "s-0-0")]
    inside = run.predicted("test").regions == "few"
    assert few.num == int(inside.sum())
    errors = (frame.prediction - frame.label).abs().to_numpy()[inside]
    assert few.observed(["s-0-0"])["s-0-0"] == pytest.approx(errors.mean())
    assert region_samples(run, MetricColumn("test", "no_such", "all")) is None
    assert region_samples(run, COLUMN._replace(region="zero")) is None
