from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dirsweep.analysis import resampling
from dirsweep.analysis.differences import differences
from dirsweep.analysis.intervals import interval_of_mean, intervals
from dirsweep.analysis.measurements import Resampling, measure
from dirsweep.analysis.seed_null import seed_null
from dirsweep.domain import REGIONS, MetricColumn
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM, LDS, GAMMA = "regularizers.ranksim", "reweighting.name", "regularizers.ranksim.gamma"


def test_intervals_of_every_metric_and_region(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 30}, {"few": 2.0})]},
        num_samples=80,
    )
    run = open_run(tmp_path)
    table = {row["trial_id"]: row for row in run.trials().to_pylist()}
    predicted = run.predicted("test")
    for metric in resampling.METRICS:
        for region in REGIONS[:4]:
            found = intervals(
                run, "s", MetricColumn("test", metric, region), resampling=Resampling(100)
            )
            assert [item.point for item in found] == [0, 1]
            for item in found:
                assert (item.num_seeds, item.basis) == (3, "seeds and samples")
                assert item.low is not None
                assert item.high is not None
                assert item.low < item.mean < item.high
                assert item.num_samples == len(
                    predicted.labels
                    if region == "all"
                    else predicted.labels[predicted.inside(region)]
                )
                if not metric.startswith("macro"):
                    values = [table[trial][f"test_{metric}_{region}"] for trial in item.trial_ids]
                    assert item.mean == pytest.approx(np.mean(values))
                    assert item.deviation == pytest.approx(np.std(values, ddof=1))
                    assert list(item.by_seed.values()) == pytest.approx(values)
    val = intervals(run, "s", MetricColumn("val", "mae", "all"))[0]
    assert val.mean == pytest.approx(
        np.mean([table[trial]["val_mae_all"] for trial in val.trial_ids])
    )


def test_equal_seeds_give_equal_figures(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 30})]}, num_samples=60)
    first = intervals(open_run(tmp_path), "s", resampling=Resampling(200))
    assert first == intervals(open_run(tmp_path), "s", resampling=Resampling(200))
    assert first != intervals(open_run(tmp_path), "s", resampling=Resampling(200, seed=1))
    # what one point gets does not depend on which others get draws
    assert intervals(open_run(tmp_path), "s", points=[1], resampling=Resampling(200)) == first[1:]
    assert differences(open_run(tmp_path), "s", resampling=Resampling(200)) == differences(
        open_run(tmp_path), "s", resampling=Resampling(200)
    )


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {"s": [SimulatedPoint(seeds=(0,)), SimulatedPoint({"epochs": 30}, seeds=(0,))]},
        num_samples=60,
    )
    run = open_run(tmp_path)
    base, _ = intervals(run, "s")
    assert (base.basis, base.deviation, base.num_seeds) == ("samples", None, 1)
    assert base.low is not None
    found = differences(run, "s")
    assert all(item.p is None and item.p_corrected is None and not item.separable for item in found)
    assert all(item.basis == "samples" and item.low is not None for item in found)
    null = seed_null(run, "s")
    assert (null.differences, null.deviation, null.largest_by_chance, null.best_by_chance) == (
        (),
        None,
        None,
        None,
    )


def test_without_predictions_or_bins_the_seeds_are_left(tmp_path: Path) -> None:
    paths = simulate(
        tmp_path / "a", {"s": [SimulatedPoint(), SimulatedPoint(seeds=(0,))]}, predictions=False
    )
    several, one = intervals(open_run(paths.root), "s")
    assert (several.basis, several.num_samples) == ("seeds", 0)
    half = stats.t.ppf(0.975, 2) * (several.deviation or 0) / np.sqrt(3)
    assert several.high == pytest.approx(several.mean + half, rel=0.02)
    assert (one.basis, one.low, one.high) == ("none", None, None)
    assert intervals(open_run(paths.root), "s", MetricColumn("test", "macro_mae", "all")) == []

    paths = simulate(tmp_path / "b", {"s": [SimulatedPoint()]})
    paths.bins_table.delete()
    run = open_run(paths.root)
    assert intervals(run, "s")[0].basis == "seeds and samples"
    assert intervals(run, "s", MetricColumn("test", "mae", "few"))[0].basis == "seeds"
    assert intervals(run, "s", MetricColumn("test", "spearman", "few"))[0].basis == "seeds"
    assert intervals(run, "s", MetricColumn("test", "macro_mae", "all")) == []


def test_only_complete_trials_count(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                SimulatedPoint(statuses={1: "failed"}),
                SimulatedPoint(statuses={0: "pruned", 1: "pruned", 2: "pruned"}),
            ]
        },
    )
    found = intervals(open_run(tmp_path), "s")
    assert [item.point for item in found] == [0]
    assert sorted(found[0].by_seed) == [0, 2]
    assert found[0].trial_ids == ("s-0-0", "s-0-2")


def test_mean_of_points(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 30}, {"all": 1.0})]})
    measured = measure(open_run(tmp_path), "s", MetricColumn("test", "mae", "all"))
    found = interval_of_mean(measured, [0, 1])
    assert found is not None
    assert found.mean == pytest.approx(np.mean([list(measured.values[i].values()) for i in (0, 1)]))
    assert found.label == "mean of 2 points"
    assert len(found.trial_ids) == 6
